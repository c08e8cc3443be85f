package ratelimit

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Budget is one limit of a vendor.
type Budget struct {
	Name   string
	Limit  int64         // units in each Window; 0 = not known until an answer tells
	Window time.Duration // 0 = a minute
	Class  string        // only calls of this class draw on it; "" = all calls do
	Priced bool          // a call costs what was learned of its operation, in the vendor's points; else 1
	Smooth bool          // refills all the time (token bucket); else all at once when the window ends
	Align  bool          // windows begin at whole multiples of Window in UTC (a day at midnight), not with the first call
	// Share is the part of the limit that we may use ourselves, 0 to 1, the rest being for others who share it; 0 = all.
	Share float64
	// Ceiling is the most that we may use ourselves in a window, in units; 0 = no ceiling.
	Ceiling int64
	// KeepForLive is the part of the limit that backfill leaves alone, 0 to 1.
	KeepForLive float64
}

// budget is a Budget with what is left of it.
type budget struct {
	Budget
	bucket    *rate.Limiter // of a smooth budget
	blocked   time.Time     // of a smooth budget: the vendor said that nothing is left until then
	remaining int64         // of a windowed budget, as far as known
	reset     time.Time     // end of the window; zero = none has begun
	ours      int64         // used by ourselves in this window
	inFlight  int64         // charged to calls that have not been answered
}

func newBudget(b Budget) *budget {
	if b.Window <= 0 {
		b.Window = time.Minute
	}
	n := &budget{Budget: b, remaining: b.Limit}
	if b.Smooth {
		n.fill()
	}
	return n
}

// fill makes a full bucket for the limit. A tenth of the window may go in one burst: enough for a batch of webhooks,
// too little to starve what comes after it.
func (b *budget) fill() {
	if b.Limit <= 0 {
		b.bucket = rate.NewLimiter(rate.Inf, 1)
		return
	}
	b.bucket = rate.NewLimiter(rate.Limit(float64(b.Limit)/b.Window.Seconds()), int(max(b.Limit/10, 1)))
}

// roll begins a new window when the old one has ended.
func (b *budget) roll(now time.Time) {
	if !b.reset.IsZero() && now.Before(b.reset) {
		return
	}
	if !b.reset.IsZero() {
		b.remaining, b.ours = b.Limit, 0
		b.reset = time.Time{}
	}
	if b.Align {
		b.reset = now.Truncate(b.Window).Add(b.Window)
	}
}

// allowance is what a window gives us at most.
func (b *budget) allowance() int64 {
	a := int64(math.MaxInt64)
	if b.Limit > 0 {
		a = b.Limit
		if b.Share > 0 && b.Share < 1 {
			a = int64(float64(b.Limit) * b.Share)
		}
	}
	if b.Ceiling > 0 {
		a = min(a, b.Ceiling)
	}
	return a
}

// kept is what backfill leaves for live edits. It bounds our own allowance, not the vendor's whole limit alone: of a
// small share nothing would be left to keep.
func (b *budget) kept(p Priority) int64 {
	if p != Backfill || b.KeepForLive <= 0 || b.allowance() == math.MaxInt64 {
		return 0
	}
	return int64(float64(b.allowance()) * min(b.KeepForLive, 0.9))
}

// at is the moment at which n units can be had: now, or a later one.
func (b *budget) at(now time.Time, n int64, p Priority) time.Time {
	if n <= 0 {
		return now
	}
	if b.bucket != nil {
		return b.smoothAt(now, n)
	}
	b.roll(now)
	kept := b.kept(p)
	// A call dearer than a whole window goes when the window is full, or it would wait for ever.
	n = min(n, max(b.allowance()-kept, 1))
	free := b.allowance() - b.ours
	if b.Limit > 0 {
		free = min(free, b.remaining)
	}
	if n <= free-kept {
		return now
	}
	if b.reset.IsZero() {
		return now.Add(b.Window)
	}
	return b.reset
}

func (b *budget) smoothAt(now time.Time, n int64) time.Time {
	if now.Before(b.blocked) {
		return b.blocked
	}
	if b.Limit <= 0 {
		return now
	}
	n = min(n, int64(b.bucket.Burst()))
	missing := float64(n) - b.bucket.TokensAt(now)
	if missing <= 1e-9 {
		return now
	}
	return now.Add(time.Duration(missing/float64(b.bucket.Limit())*float64(time.Second)) + time.Microsecond)
}

// take charges n units to a call that is about to be made.
func (b *budget) take(now time.Time, n int64) {
	b.inFlight += n
	b.ours += n
	if b.bucket != nil {
		if b.Limit > 0 {
			b.bucket.AllowN(now, int(min(n, int64(b.bucket.Burst()))))
		}
		return
	}
	b.roll(now)
	if b.reset.IsZero() {
		b.reset = now.Add(b.Window)
	}
	if b.Limit > 0 {
		b.remaining = max(b.remaining-n, 0)
	}
}

// observe takes over what an answer showed.
func (b *budget) observe(now time.Time, remaining, limit int64, reset time.Time) {
	if limit > 0 && limit != b.Limit {
		if b.Limit > 0 && b.bucket == nil {
			b.remaining = max(b.remaining+limit-b.Limit, 0)
		} else {
			b.remaining = limit
		}
		b.Limit = limit
		if b.bucket != nil {
			b.fill()
		}
	}
	if b.bucket != nil {
		b.observeSmooth(now, remaining, reset)
		return
	}
	b.roll(now)
	if reset.After(now) {
		b.reset = reset
	}
	if remaining >= 0 {
		b.remaining = max(remaining-b.inFlight, 0)
		if b.reset.IsZero() {
			b.reset = now.Add(b.Window)
		}
	}
}

func (b *budget) observeSmooth(now time.Time, remaining int64, reset time.Time) {
	if remaining < 0 {
		return
	}
	if remaining == 0 && reset.After(now) {
		b.blocked = reset
		return
	}
	if surplus := b.bucket.TokensAt(now) - float64(remaining); surplus >= 1 {
		b.bucket.AllowN(now, int(surplus))
	}
}
