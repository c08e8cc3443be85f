package ratelimit

import "time"

// Usage is the state of one budget.
type Usage struct {
	Name      string
	Window    time.Duration
	Limit     int64     // 0 = not known
	Remaining int64     // what the vendor has left, for everybody; 0 with Limit 0 = not known
	Ours      int64     // used by ourselves in this window
	Allowance int64     // the most that we may use ourselves in a window; 0 = no bound known
	Reset     time.Time // when the window ends; zero = none has begun
	// RunsOut is when the budget will be used up if all goes on as in this window so far; zero when it lasts until Reset.
	RunsOut time.Time
}

// Usage lists all budgets in the order of the configuration.
func (g *Governor) Usage() []Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	list := make([]Usage, 0, len(g.budgets))
	for _, b := range g.budgets {
		list = append(list, b.usage(now))
	}
	return list
}

func (b *budget) usage(now time.Time) Usage {
	u := Usage{Name: b.Name, Window: b.Window, Limit: b.Limit, Ours: b.ours}
	if a := b.allowance(); a < 1<<62 {
		u.Allowance = a
	}
	if b.bucket != nil {
		if b.Limit > 0 && !now.Before(b.blocked) {
			u.Remaining = int64(max(b.bucket.TokensAt(now), 0))
		}
		if now.Before(b.blocked) {
			u.Reset = b.blocked
		}
		return u
	}
	b.roll(now)
	u.Ours, u.Reset = b.ours, b.reset
	if b.Limit > 0 {
		u.Remaining = b.remaining
		u.RunsOut = b.runsOut(now)
	}
	return u
}

// runsOut draws a straight line through the window so far, for the vendor's whole limit and for our share of it.
func (b *budget) runsOut(now time.Time) time.Time {
	elapsed := now.Sub(b.reset.Add(-b.Window))
	if b.reset.IsZero() || elapsed <= 0 {
		return time.Time{}
	}
	soonest := b.reset
	for _, l := range [][2]int64{{b.Limit - b.remaining, b.remaining}, {b.ours, b.allowance() - b.ours}} {
		used, left := l[0], l[1]
		if used <= 0 {
			continue
		}
		if at := now.Add(time.Duration(float64(elapsed) / float64(used) * float64(max(left, 0)))); at.Before(soonest) {
			soonest = at
		}
	}
	if soonest.Before(b.reset) {
		return soonest
	}
	return time.Time{}
}

// Restore takes over what was used by ourselves before a restart, if the window it was used in still runs.
func (g *Governor) Restore(name string, ours int64, reset time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	for _, b := range g.budgets {
		if b.Name != name || b.bucket != nil || ours <= 0 || !reset.After(now) {
			continue
		}
		b.roll(now)
		b.reset = reset
		b.ours += ours
		if b.Limit > 0 {
			b.remaining = max(b.remaining-ours, 0)
		}
	}
}
