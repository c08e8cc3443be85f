package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the emulated time. It is safe for concurrent use.
type Clock struct {
	base  func() time.Time
	pace  float64
	began time.Time

	mu     sync.Mutex
	offset time.Duration
	timers map[*timer]struct{}
}

// timer is one wait in progress.
type timer struct {
	at   time.Time
	ch   chan time.Time
	real *time.Timer
}

// New makes a clock that goes pace times as fast as base from now on: nil means time.Now, 0 as fast.
func New(base func() time.Time, pace float64) *Clock {
	if base == nil {
		base = time.Now
	}
	if pace <= 0 {
		pace = 1
	}
	return &Clock{base: base, pace: pace, began: base(), timers: map[*timer]struct{}{}}
}

// Now is the emulated time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	now := c.base()
	if c.pace != 1 {
		now = c.began.Add(time.Duration(float64(now.Sub(c.began)) * c.pace))
	}
	return now.Add(c.offset)
}

// Advance moves the clock by d, and fires the timers whose time has come with it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	c.fire()
}

// NotBefore moves the clock forward to t, where it is behind: an org that is started again does not get younger.
func (c *Clock) NotBefore(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if behind := t.Sub(c.now()); behind > 0 {
		c.offset += behind
		c.fire()
	}
}

// fire serves the timers that are due; mu is held.
func (c *Clock) fire() {
	now := c.now()
	for t := range c.timers {
		if !now.Before(t.at) {
			c.stop(t)
			t.ch <- now
		}
	}
}

func (c *Clock) stop(t *timer) {
	delete(c.timers, t)
	t.real.Stop()
}

// Timer gives a channel that receives once d has passed on this clock, and a func that ends the wait. Where base stands still,
// only Advance makes time pass.
func (c *Clock) Timer(d time.Duration) (fired <-chan time.Time, stop func()) {
	t := &timer{ch: make(chan time.Time, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.at = c.now().Add(d)
	if d <= 0 {
		t.ch <- t.at
		return t.ch, func() {}
	}
	c.timers[t] = struct{}{}
	t.real = time.AfterFunc(c.onTheWall(d), func() { c.look(t) })
	return t.ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stop(t)
	}
}

// onTheWall is how long d of emulated time takes, and never so little that a clock that stands still keeps a processor busy.
func (c *Clock) onTheWall(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)/c.pace), 10*time.Microsecond)
}

// look fires a timer whose wall time is over, or waits on where the emulated time has not come.
func (c *Clock) look(t *timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, waiting := c.timers[t]; !waiting {
		return
	}
	now := c.now()
	if left := t.at.Sub(now); left > 0 {
		t.real.Reset(max(c.onTheWall(left), time.Millisecond))
		return
	}
	c.stop(t)
	t.ch <- now
}

// Wait waits for d of emulated time, or until ctx ends, which is its error.
func (c *Clock) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	fired, stop := c.Timer(d)
	defer stop()
	select {
	case <-fired:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
