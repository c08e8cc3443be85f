package main

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/ratelimit"
)

// frugal is a provider of which nothing but its governor matters.
type frugal struct {
	provider.Provider
	governor *ratelimit.Governor
}

func (f frugal) Governor() *ratelimit.Governor { return f.governor }

// window is a connection with an allowance of ten calls a day.
func window(clock func() time.Time, aligned bool) frugal {
	return frugal{governor: ratelimit.New(ratelimit.Config{Clock: clock, MaxWait: time.Nanosecond, Budgets: []ratelimit.Budget{
		{Name: "calls a minute", Limit: 1000},
		{Name: "daily calls", Window: 24 * time.Hour, Ceiling: 10, Align: aligned},
	}})}
}

// spend makes calls until the allowance is used up, at most n, and says how many went.
func (f frugal) spend(t *testing.T, n int) int {
	t.Helper()
	for i := range n {
		release, err := f.governor.Acquire(t.Context(), ratelimit.Cost{})
		var exhausted *ratelimit.ExhaustedError
		if errors.As(err, &exhausted) {
			return i
		}
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	return n
}

// What was spent before a restart, or by another process, is not there to be spent again until the day is over.
func TestSpendingIsRemembered(t *testing.T) {
	for name, aligned := range map[string]bool{"windows that begin at midnight": true, "windows that begin with a call": false} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t)
			now := time.Date(2026, 11, 23, 9, 30, 0, 123, time.UTC)
			clock := func() time.Time { return now }
			open := func() (*spending, frugal) {
				s, f := startSpending(l, hclog.NewNullLogger(), clock), window(clock, aligned)
				if err := s.take(t.Context(), binding.Providers{"monday.work": f}); err != nil {
					t.Fatal(err)
				}
				return s, f
			}
			closed := func(s *spending) {
				t.Helper()
				if err := s.close(); err != nil {
					t.Fatal(err)
				}
			}
			first, a := open()
			if n := a.spend(t, 3); n != 3 {
				t.Fatalf("%d calls went of three", n)
			}
			closed(first)

			now = now.Add(time.Hour)
			second, b := open()
			if n := b.spend(t, 2); n != 2 {
				t.Fatalf("%d calls went of two", n)
			}
			third, c := open() // while the second still runs, and has noted nothing
			if n := c.spend(t, 1); n != 1 {
				t.Fatalf("%d calls went of one", n)
			}
			for range 2 { // each hears of the other
				for _, s := range []*spending{second, third} {
					if err := s.save(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, f := range []frugal{b, c} {
				if u := f.governor.Usage()[1]; u.Ours != 6 {
					t.Errorf("%d calls are known of, want the six that all of them made", u.Ours)
				}
			}
			if n := b.spend(t, 10); n != 4 {
				t.Errorf("%d calls went, want the four that were left", n)
			}
			closed(second)
			closed(third)

			now = now.Add(25 * time.Hour)
			fourth, d := open()
			if n := d.spend(t, 20); n != 10 {
				t.Errorf("%d calls went on the next day, want ten", n)
			}
			closed(fourth)
			if budgets, err := l.Budgets(t.Context(), "monday.work"); err != nil || len(budgets) == 0 {
				t.Errorf("budgets = %+v, %v", budgets, err)
			}
		})
	}
}

func openLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
