package ratelimit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config of a Governor.
type Config struct {
	// Clock tells the time; nil = time.Now.
	Clock   func() time.Time
	Budgets []Budget
	// Concurrency is how many calls may be in flight; 0 = no limit.
	Concurrency int
	// MaxWait is how long Acquire waits for one limit before it refuses; 0 = two minutes.
	MaxWait time.Duration
}

// Cost is what a call is about to take.
type Cost struct {
	Operation string // whose learned price counts for priced budgets
	Rows      int    // records asked for or written
	Class     string // which budgets with a class it draws on, besides those without
}

// ExhaustedError says that a call was not made, because a limit leaves no room for it in time.
type ExhaustedError struct {
	Budget string    // "" for a pause that the vendor asked for
	Until  time.Time // when there is room again
	Wait   time.Duration
}

// Error names the limit and the time of its reset.
func (e *ExhaustedError) Error() string {
	if e.Budget == "" {
		return fmt.Sprintf("the vendor asked for a pause until %s", e.Until.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s used up until %s", e.Budget, e.Until.UTC().Format(time.RFC3339))
}

// Governor keeps the calls of one connection within its vendor's limits. It is safe for use by several goroutines.
type Governor struct {
	clock       func() time.Time
	maxWait     time.Duration
	mu          sync.Mutex
	budgets     []*budget
	prices      prices
	concurrency int
	inFlight    int
	paused      time.Time
	queue       []*waiter // by priority, then by arrival; only the first may go
	arrivals    uint64
}

type waiter struct {
	priority Priority
	arrival  uint64
	wake     chan struct{}
}

// New makes a governor. Budgets keep their order in Usage.
func New(c Config) *Governor {
	g := &Governor{clock: c.Clock, maxWait: c.MaxWait, prices: prices{}, concurrency: c.Concurrency}
	if g.clock == nil {
		g.clock = time.Now
	}
	if g.maxWait <= 0 {
		g.maxWait = 2 * time.Minute
	}
	for _, b := range c.Budgets {
		g.budgets = append(g.budgets, newBudget(b))
	}
	return g
}

// Acquire waits until the call fits every limit, and charges it. Release must be called once the answer is in; calling
// it again does nothing. A wait longer than MaxWait or than the context allows is refused at once with an
// *ExhaustedError; other errors are the context's.
func (g *Governor) Acquire(ctx context.Context, cost Cost) (release func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrivals++
	w := &waiter{PriorityOf(ctx), g.arrivals, make(chan struct{}, 1)}
	at, _ := slices.BinarySearchFunc(g.queue, w, compareWaiters)
	g.queue = slices.Insert(g.queue, at, w)
	defer g.leave(w)
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for room within the vendor's limits: %w", err)
		}
		var wait time.Duration
		if g.queue[0] == w {
			now := g.clock()
			ready, exhausted := g.fits(now, cost, w.priority)
			if ready {
				return g.take(now, cost), nil
			}
			if exhausted != nil {
				if deadline, ok := ctx.Deadline(); exhausted.Wait > g.maxWait || ok && deadline.Before(exhausted.Until) {
					return nil, exhausted
				}
				wait = exhausted.Wait
			}
		}
		g.mu.Unlock()
		sleep(ctx, w.wake, wait)
		g.mu.Lock()
	}
}

func compareWaiters(a, b *waiter) int {
	if a.priority != b.priority {
		return int(a.priority) - int(b.priority)
	}
	if a.arrival < b.arrival {
		return -1
	}
	return 1
}

// sleep waits for a sign, for the context, or for a time if one is given.
func sleep(ctx context.Context, wake <-chan struct{}, wait time.Duration) {
	var over <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-over:
	}
}

// fits says whether the call can go now; if not, and the time is known, until when it must wait.
func (g *Governor) fits(now time.Time, cost Cost, p Priority) (ready bool, e *ExhaustedError) {
	latest := ExhaustedError{Until: now}
	if g.paused.After(now) {
		latest.Until = g.paused
	}
	for _, b := range g.budgets {
		if at := b.at(now, g.units(b, cost), p); at.After(latest.Until) {
			latest = ExhaustedError{Budget: b.Name, Until: at}
		}
	}
	if latest.Until.After(now) {
		latest.Wait = latest.Until.Sub(now)
		return false, &latest
	}
	return g.concurrency <= 0 || g.inFlight < g.concurrency, nil
}

func (g *Governor) units(b *budget, c Cost) int64 {
	switch {
	case b.Class != "" && b.Class != c.Class:
		return 0
	case b.Priced:
		return g.prices.of(c.Operation, c.Rows)
	default:
		return 1
	}
}

func (g *Governor) take(now time.Time, cost Cost) (release func()) {
	g.inFlight++
	taken := make([]int64, len(g.budgets))
	for i, b := range g.budgets {
		if taken[i] = g.units(b, cost); taken[i] > 0 {
			b.take(now, taken[i])
		}
	}
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inFlight--
		for i, b := range g.budgets {
			b.inFlight -= taken[i]
		}
		g.poke()
	})
}

func (g *Governor) leave(w *waiter) {
	if i := slices.Index(g.queue, w); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	g.poke()
}

// poke lets the first in the queue look again.
func (g *Governor) poke() {
	if len(g.queue) == 0 {
		return
	}
	select {
	case g.queue[0].wake <- struct{}{}:
	default:
	}
}

// Observe takes over what an answer showed of a budget. Remaining -1, limit 0 and the zero reset mean "not told". Call
// it after release, so that the answered call is not charged twice. A name that no budget has is ignored.
func (g *Governor) Observe(name string, remaining, limit int64, reset time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.budgets {
		if b.Name == name {
			b.observe(g.clock(), remaining, limit, reset)
		}
	}
	g.poke()
}

// Learn takes over what a call of an operation cost in the vendor's points.
func (g *Governor) Learn(operation string, rows int, cost int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.prices.learn(operation, rows, cost)
}

// Price is what a call of the operation is expected to cost; 0 when none was ever seen.
func (g *Governor) Price(operation string, rows int) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.prices.of(operation, rows)
}

// Pause holds all calls until a time, where the vendor asked for it. It never shortens a pause.
func (g *Governor) Pause(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.paused) {
		g.paused = until
	}
	g.poke()
}

// SetConcurrency changes how many calls may be in flight; 0 = no limit.
func (g *Governor) SetConcurrency(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.concurrency = n
	g.poke()
}
