package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/ledger"
	"accord/engine/ratelimit"
)

const (
	spendingPause = 10 * time.Second   // how often what was spent is written down: as much may be forgotten by a crash
	spendingLast  = 10 * time.Second   // for writing it down at the end
	spendingShort = time.Hour          // shorter windows are over before a restart is
	spendingKept  = 7 * 24 * time.Hour // for who asks later what was spent
)

// spending keeps in the ledger what is spent of the vendors' daily allowances, so that a restart does not forget it, and
// processes that share a ledger share their allowance. Only governors know what a call costs; it writes down how far
// they moved.
type spending struct {
	ledger *ledger.Ledger
	logger hclog.Logger
	clock  func() time.Time

	mu   sync.Mutex
	of   map[string]*spender // by connection
	stop chan struct{}
	done chan struct{}
}

// spender is one connection's governor, with what the ledger and it have told each other, by budget.
type spender struct {
	governor *ratelimit.Governor
	told     map[string]told
}

// told is how much of a window's use the ledger and the governor agree about, whoever's it was.
type told struct {
	reset time.Time
	used  int64
}

// governed is a provider that keeps to limits.
type governed interface{ Governor() *ratelimit.Governor }

// startSpending makes one; it must be closed.
func startSpending(l *ledger.Ledger, logger hclog.Logger, clock func() time.Time) *spending {
	s := &spending{ledger: l, logger: logger, clock: clock, of: map[string]*spender{}, stop: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *spending) run() {
	defer close(s.done)
	ticker := time.NewTicker(spendingPause)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		if err := s.save(context.Background()); err != nil {
			s.logger.Warn("note what was spent: will try again", "error", err)
		}
	}
}

// close writes down what is left.
func (s *spending) close() error {
	close(s.stop)
	<-s.done
	ctx, cancel := context.WithTimeout(context.Background(), spendingLast)
	defer cancel()
	return s.save(ctx)
}

// take tells the governors of freshly opened providers what was spent before, and minds them from now on.
func (s *spending) take(ctx context.Context, providers binding.Providers) error {
	if err := s.save(ctx); err != nil { // of the providers that these replace
		return err
	}
	s.mu.Lock()
	s.of = map[string]*spender{}
	for address, p := range providers {
		if g, ok := p.(governed); ok {
			s.of[address] = &spender{g.Governor(), map[string]told{}}
		}
	}
	s.mu.Unlock()
	if err := s.ledger.ForgetBudgets(ctx, windowName(s.clock().Add(-spendingKept))); err != nil {
		return fmt.Errorf("forget old budgets: %w", err)
	}
	return s.save(ctx)
}

// save carries what was spent into the ledger, and what others spent out of it.
func (s *spending) save(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for address, c := range s.of {
		if err := s.exchange(ctx, address, c); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *spending) exchange(ctx context.Context, address string, c *spender) error {
	for _, u := range c.governor.Usage() {
		last := c.told[u.Name]
		if u.Window < spendingShort {
			continue
		}
		if !u.Reset.Equal(last.reset) {
			last = told{reset: u.Reset} // another window began
		}
		if fresh := u.Ours - last.used; fresh > 0 {
			_, _, err := s.ledger.Spend(ctx, ledger.Budget{Connection: address, Name: u.Name, Window: windowName(u.Reset)}, fresh)
			if err != nil {
				return err
			}
			last.used = u.Ours
		}
		c.told[u.Name] = last
	}
	budgets, err := s.ledger.Budgets(ctx, address)
	if err != nil {
		return err
	}
	running := map[string]told{}
	for _, b := range budgets {
		if reset, err := time.Parse(time.RFC3339, b.Window); err == nil && reset.After(s.clock()) {
			sum := running[b.Name]
			sum.used += b.Used
			if reset.After(sum.reset) {
				sum.reset = reset
			}
			running[b.Name] = sum
		}
	}
	for name, sum := range running {
		last := c.told[name]
		if sum.used <= last.used {
			continue
		}
		if last.reset.IsZero() {
			last.reset = sum.reset
		}
		c.governor.Restore(name, sum.used-last.used, last.reset)
		c.told[name] = told{last.reset, sum.used}
	}
	return nil
}

// windowName names a window by its end: names sort as the windows end.
func windowName(reset time.Time) string {
	return reset.UTC().Truncate(time.Second).Format(time.RFC3339)
}
