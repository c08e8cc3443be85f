package ratelimit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func acquire(t *testing.T, g *Governor, ctx context.Context, c Cost) func() {
	t.Helper()
	release, err := g.Acquire(ctx, c)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return release
}

func TestSmoothBudgetSpreadsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Budgets: []Budget{{Name: "calls a minute", Limit: 60, Smooth: true}}})
		start := time.Now()
		for range 66 { // a burst of 6, then one a second
			acquire(t, g, t.Context(), Cost{})()
		}
		if took := time.Since(start).Round(time.Second); took != time.Minute {
			t.Errorf("66 calls at 60 a minute with a burst of 6 took %v, want 1m", took)
		}
	})
}

func TestObservedBlockEndsAtReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Budgets: []Budget{{Name: "calls", Smooth: true}, {Name: "points", Priced: true}}})
		start := time.Now()
		acquire(t, g, t.Context(), Cost{})()
		g.Observe("calls", 0, 5000, start.Add(38*time.Second))
		acquire(t, g, t.Context(), Cost{})()
		if d := time.Since(start); d != 38*time.Second {
			t.Errorf("went on after %v, want 38s", d)
		}
		g.Learn("read", 1, 100)
		g.Observe("points", 99, 1000, time.Now().Add(10*time.Second))
		acquire(t, g, t.Context(), Cost{Operation: "read", Rows: 1})()
		if d := time.Since(start); d != 48*time.Second {
			t.Errorf("went on after %v, want 48s", d)
		}
	})
}

func TestPricedCallsInFlightAreNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Budgets: []Budget{{Name: "points", Limit: 1000, Priced: true}}})
		g.Learn("write", 10, 4000)
		if p := g.Price("write", 1); p != 400 {
			t.Fatalf("Price = %d, want 400", p)
		}
		first := acquire(t, g, t.Context(), Cost{Operation: "write", Rows: 1})
		second := acquire(t, g, t.Context(), Cost{Operation: "write", Rows: 1})
		first()
		g.Observe("points", 600, 0, time.Time{}) // the vendor has not seen the second one yet
		if r := g.Usage()[0].Remaining; r != 200 {
			t.Errorf("remaining = %d, want 200", r)
		}
		second()
	})
}

func TestLongWaitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Budgets: []Budget{{Name: "daily calls", Limit: 10, Share: 0.2, Window: 24 * time.Hour, Align: true}}})
		for range 2 {
			acquire(t, g, t.Context(), Cost{})()
		}
		midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		_, err := g.Acquire(t.Context(), Cost{})
		var e *ExhaustedError
		if !errors.As(err, &e) || e.Budget != "daily calls" || !e.Until.Equal(midnight) {
			t.Fatalf("got %v, want daily calls exhausted until %v", err, midnight)
		}
		if u := g.Usage()[0]; u.Ours != 2 || u.Allowance != 2 || u.Remaining != 8 {
			t.Errorf("usage = %+v", u)
		}
		time.Sleep(time.Until(midnight))
		acquire(t, g, t.Context(), Cost{})()
	})
}

func TestLiveGoesBeforeBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Concurrency: 1})
		hold := acquire(t, g, t.Context(), Cost{})
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for _, p := range []Priority{Backfill, Backfill, Live, Live} {
			wg.Go(func() {
				release, err := g.Acquire(WithPriority(t.Context(), p), Cost{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, map[Priority]string{Live: "live", Backfill: "backfill"}[p])
				mu.Unlock()
				release()
			})
			synctest.Wait()
		}
		hold()
		wg.Wait()
		if want := []string{"live", "live", "backfill", "backfill"}; !slices.Equal(order, want) {
			t.Errorf("order = %v, want %v", order, want)
		}
	})
}

func TestBackfillLeavesRoomForLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{MaxWait: time.Second, Budgets: []Budget{{Name: "daily calls", Limit: 10, Window: 24 * time.Hour, KeepForLive: 0.3}}})
		back := WithPriority(t.Context(), Backfill)
		for range 7 {
			acquire(t, g, back, Cost{})()
		}
		if _, err := g.Acquire(back, Cost{}); err == nil {
			t.Error("backfill took what was kept for live edits")
		}
		for range 3 {
			acquire(t, g, t.Context(), Cost{})()
		}
		if _, err := g.Acquire(t.Context(), Cost{}); err == nil {
			t.Error("an eleventh call went through")
		}
	})
}

func TestPauseHoldsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		start := time.Now()
		g.Pause(start.Add(30 * time.Second))
		g.Pause(start.Add(10 * time.Second)) // never shortens
		acquire(t, g, t.Context(), Cost{})()
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("went on after %v, want 30s", d)
		}
		g.Pause(time.Now().Add(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var e *ExhaustedError
		if _, err := g.Acquire(ctx, Cost{}); !errors.As(err, &e) {
			t.Errorf("a wait past the deadline gave %v, want an *ExhaustedError", err)
		}
	})
}

func TestCancelledWaiterLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Concurrency: 1})
		hold := acquire(t, g, t.Context(), Cost{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := g.Acquire(ctx, Cost{}); done <- err }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		hold()
		hold() // once only
		acquire(t, g, t.Context(), Cost{})()
	})
}

func TestClassesAndOversizedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{MaxWait: time.Millisecond, Budgets: []Budget{{Name: "writes", Limit: 5, Class: "write", Priced: true}}})
		g.Learn("w", 1, 50)
		acquire(t, g, t.Context(), Cost{Operation: "w", Rows: 1, Class: "write"})() // dearer than the whole window
		acquire(t, g, t.Context(), Cost{Operation: "w", Rows: 1, Class: "read"})()
		if _, err := g.Acquire(t.Context(), Cost{Operation: "w", Rows: 1, Class: "write"}); err == nil {
			t.Error("a second oversized call went in the same window")
		}
	})
}

func TestForecastAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Budgets: []Budget{{Name: "daily calls", Limit: 100, Window: 24 * time.Hour, Align: true}}})
		midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		g.Restore("daily calls", 50, midnight)
		time.Sleep(6 * time.Hour)
		u := g.Usage()[0]
		if want := midnight.Add(-12 * time.Hour); u.Ours != 50 || !u.RunsOut.Equal(want) {
			t.Errorf("usage = %+v, want 50 used, running out at %v", u, want)
		}
	})
}

func TestSizeStaysWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.IntRange(-3, 20).Draw(t, "low")
		high := rapid.IntRange(-3, 200).Draw(t, "high")
		s := NewSize(rapid.IntRange(-5, 300).Draw(t, "start"), low, high)
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			before := s.Get()
			if rapid.Bool().Draw(t, "well") {
				s.Went(before)
				if s.Get() < before {
					t.Fatalf("shrank from %d to %d after a success", before, s.Get())
				}
			} else {
				s.TooLarge(before)
				if s.Get() > max(before/2, max(low, 1)) {
					t.Fatalf("%d became %d, want at most half", before, s.Get())
				}
			}
			if n := s.Get(); n < max(low, 1) || n > max(high, low, 1) {
				t.Fatalf("size %d outside [%d, %d]", n, low, high)
			}
		}
	})
}

// TestNeverOverBudget: a vendor that counts in windows which begin with the first call of each never has to refuse one
// whose price was learned, however many workers there are.
func TestNeverOverBudget(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.Int64Range(10, 100).Draw(rt, "limit")
		price := rapid.Int64Range(1, 10).Draw(rt, "price")
		concurrency := rapid.IntRange(1, 5).Draw(rt, "concurrency")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 40), 20, 20).Draw(rt, "seconds before a call")
		var worst int64
		synctest.Test(t, func(t *testing.T) { worst = worstWindow(t, limit, price, concurrency, pauses) })
		if worst > limit {
			rt.Fatalf("%d points of %d in one window", worst, limit)
		}
	})
}

// worstWindow is the most that three workers used in one window of the vendor.
func worstWindow(t *testing.T, limit, price int64, concurrency int, pauses []int) (worst int64) {
	g := New(Config{MaxWait: time.Hour, Concurrency: concurrency, Budgets: []Budget{{Name: "points", Limit: limit, Priced: true}}})
	g.Learn("op", 1, price)
	var mu sync.Mutex
	var window time.Time
	var used int64
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			for _, p := range pauses {
				time.Sleep(time.Duration(p*(worker+1)) * time.Second)
				release, err := g.Acquire(WithPriority(t.Context(), Priority(worker%2)), Cost{Operation: "op", Rows: 1})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if now := time.Now(); !now.Before(window) {
					window, used = now.Add(time.Minute), 0
				}
				used += price
				worst = max(worst, used)
				mu.Unlock()
				release()
			}
		})
	}
	wg.Wait()
	return worst
}
