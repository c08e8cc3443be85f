package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// kind is one kind of trouble.
type kind struct {
	name   string
	weight int
	strike func(*storm, context.Context, *rand.Rand) error
}

// kinds are all there are, in the order in which they are told.
var kinds = []kind{
	{"monday: no answer, nothing written", 3, fault("/monday/faults", map[string]any{"kind": "timeout_before", "delay_ms": 300, "operation": "change_multiple_column_values"})},
	{"monday: no answer, all written", 4, fault("/monday/faults", map[string]any{"kind": "timeout_after", "delay_ms": 300, "operation": "change_multiple_column_values"})},
	{"monday: no answer, half of it written", 4, fault("/monday/faults", map[string]any{"kind": "timeout_midway", "delay_ms": 200, "operation": "change_multiple_column_values"})},
	{"monday: a new item, and no answer", 3, fault("/monday/faults", map[string]any{"kind": "timeout_after", "delay_ms": 200, "operation": "create_item"})},
	{"monday: a comment, and no answer", 2, fault("/monday/faults", map[string]any{"kind": "timeout_after", "delay_ms": 200, "operation": "create_update"})},
	{"monday: internal error, nothing written", 2, fault("/monday/faults", map[string]any{"kind": "error_500_before"})},
	{"monday: internal error, all written", 2, fault("/monday/faults", map[string]any{"kind": "error_500_after"})},
	{"monday: bad gateway", 2, fault("/monday/faults", map[string]any{"kind": "error_502"})},
	{"monday: unavailable", 2, fault("/monday/faults", map[string]any{"kind": "error_503"})},
	{"monday: half an answer", 3, fault("/monday/faults", map[string]any{"kind": "truncated"})},
	{"monday: too many requests at once", 3, fault("/monday/faults", map[string]any{"kind": "rate_concurrency", "times": 3})},
	{"monday: complexity is used up", 2, fault("/monday/faults", map[string]any{
		"kind": "refused", "code": "COMPLEXITY_BUDGET_EXHAUSTED", "message": "Complexity budget exhausted", "http": 429, "status_code": 429, "retry_in_seconds": 1,
	})},
	{"monday: the board is locked", 3, fault("/monday/faults", map[string]any{"kind": "locked", "times": 2})},
	{"monday: page walks end", 1, fault("/monday/faults", map[string]any{"kind": "cursor_expired", "operation": "next_items_page"})},
	{"monday: the token sees no board", 1, fault("/monday/faults", map[string]any{"kind": "empty_boards", "operation": "boards"})},
	{"monday: search lags", 1, (*storm).lag},
	{"monday: webhooks are lost", 5, fault("/monday/faults", map[string]any{"kind": "webhook_lost", "times": 4})},
	{"monday: webhooks come twice", 3, fault("/monday/faults", map[string]any{"kind": "webhook_doubled", "times": 4})},
	{"monday: webhooks come late", 3, fault("/monday/faults", map[string]any{"kind": "webhook_late", "times": 3, "delay_ms": 2500})},
	{"monday: webhooks are reordered", 3, fault("/monday/faults", map[string]any{"kind": "webhook_reordered", "times": 3})},
	{"monday: a forged webhook", 1, fault("/monday/faults", map[string]any{"kind": "webhook_forged"})},

	{"Salesforce: no answer, nothing written", 3, fault("/salesforce/faults", map[string]any{"kind": "drop_before", "delay": "300ms", "operation": "PATCH composite/sobjects"})},
	{"Salesforce: no answer, all written", 5, fault("/salesforce/faults", map[string]any{"kind": "drop_after", "delay": "300ms", "operation": "PATCH composite/sobjects"})},
	{"Salesforce: a task, and no answer", 2, fault("/salesforce/faults", map[string]any{"kind": "drop_after", "delay": "200ms", "operation": "POST sobjects"})},
	{"Salesforce: unavailable", 3, fault("/salesforce/faults", map[string]any{"kind": "error", "status": 503})},
	{"Salesforce: unexpected error, all written", 3, fault("/salesforce/faults", map[string]any{"kind": "error_after", "status": 500, "operation": "PATCH composite/sobjects"})},
	{"Salesforce: rows are locked", 4, fault("/salesforce/faults", map[string]any{"kind": "item", "count": 3})},
	{"Salesforce: half an answer", 3, fault("/salesforce/faults", map[string]any{"kind": "truncate"})},
	{"Salesforce: the session ends", 3, fault("/salesforce/faults", map[string]any{"kind": "expire"})},
	{"Salesforce: all sessions end", 1, fault("/salesforce/sessions/expire", nil)},
	{"Salesforce: answers take long", 2, fault("/salesforce/faults", map[string]any{"kind": "delay", "delay": "1500ms", "count": 2})},
	{"Salesforce: no new session", 1, fault("/salesforce/faults", map[string]any{"kind": "oauth", "code": "server_error", "message": "try again"})},
	{"events: the stream is lost", 3, fault("/salesforce/faults", map[string]any{"kind": "drop"})},
	{"events: the replay id is stale", 2, (*storm).stale},
	{"events: the bus is down", 1, fault("/salesforce/faults", map[string]any{"kind": "error", "operation": "pubsub", "code": "service.unavailable"})},
	{"events: a gap", 3, fault("/salesforce/faults", map[string]any{"kind": "gap"})},
	{"events: an overflow", 2, fault("/salesforce/faults", map[string]any{"kind": "overflow"})},
	{"events: one comes twice", 2, fault("/salesforce/faults", map[string]any{"kind": "duplicate"})},
	{"events: one is lost", 3, fault("/salesforce/faults", map[string]any{"kind": "lose", "count": 2})},
	{"events: they come late", 2, fault("/salesforce/faults", map[string]any{"kind": "hold", "delay": "2500ms"})},

	{"all connections break", 4, (*storm).cut},
	{"kill accord", 5, (*storm).killAccord},
	{"stop accord", 2, (*storm).stopAccord},
	{"kill the vendors", 3, (*storm).killVendors},
	{"another contract", 2, (*storm).replace},
	{"a load and another contract while accord is down", 1, (*storm).absence},
}

// fault is a line of an emulator's fault script.
func fault(path string, body map[string]any) func(*storm, context.Context, *rand.Rand) error {
	return func(s *storm, ctx context.Context, _ *rand.Rand) error {
		return s.admin(ctx, "POST", path, body, nil)
	}
}

// trouble strikes until the time is over. What breaks is whole again before it returns, and accord runs.
func (s *storm) trouble(ctx context.Context) error {
	r := s.stream(2)
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for {
		select {
		case <-ctx.Done():
			return s.supervise()
		case <-time.After(time.Duration(max(1, s.cfg.Slower/4)*(50+r.IntN(700))) * time.Millisecond):
		}
		if err := s.supervise(); err != nil {
			return err
		}
		draw := r.IntN(total)
		for _, k := range kinds {
			if draw -= k.weight; draw >= 0 {
				continue
			}
			if s.without(k.name) {
				break
			}
			s.say("trouble: %s", k.name)
			s.report.Trouble[k.name]++
			if err := k.strike(s, context.WithoutCancel(ctx), r); err != nil {
				return fmt.Errorf("trouble: %s: %w", k.name, err)
			}
			break
		}
	}
}

func (s *storm) lag(ctx context.Context, r *rand.Rand) error {
	return s.admin(ctx, "POST", "/monday/search-lag", map[string]string{"lag": fmt.Sprint(time.Duration(r.IntN(3)) * time.Second)}, nil)
}

// stale has the vendor refuse the place that the stream stood at, the next time it is opened.
func (s *storm) stale(ctx context.Context, _ *rand.Rand) error {
	if err := s.admin(ctx, "POST", "/salesforce/faults", map[string]any{"kind": "stale_replay"}, nil); err != nil {
		return err
	}
	s.stage.Cut(true)
	return nil
}

func (s *storm) cut(context.Context, *rand.Rand) error {
	s.stage.Cut(false)
	return nil
}

func (s *storm) killAccord(_ context.Context, r *rand.Rand) error {
	n := r.IntN(s.stage.Workers())
	s.stage.Kill(n)
	s.died()
	time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
	return s.stage.Start(n)
}

func (s *storm) stopAccord(_ context.Context, r *rand.Rand) error {
	n := r.IntN(s.stage.Workers())
	if err := s.stage.Stop(n, 20*time.Second); err != nil {
		s.complain("%v", err)
	}
	s.died()
	time.Sleep(time.Duration(r.IntN(500)) * time.Millisecond)
	return s.stage.Start(n)
}

func (s *storm) killVendors(ctx context.Context, r *rand.Rand) error {
	s.frozen <- struct{}{}
	defer func() { <-s.frozen }()
	if err := s.stage.Freeze(ctx); err != nil {
		return err
	}
	var err error
	if s.rows, err = s.written(ctx); err != nil {
		return err
	}
	return s.stage.Revive(ctx, time.Duration(r.IntN(1500))*time.Millisecond)
}

// absence has accounts loaded and the contract replaced while accord is down: what it finds when it is there again is
// enough to go as a file.
func (s *storm) absence(ctx context.Context, r *rand.Rand) error {
	for n := range s.stage.Workers() {
		s.stage.Kill(n)
	}
	s.died()
	if _, err := s.loadAccounts(ctx, r.IntN); err != nil {
		return err
	}
	if err := s.replace(ctx, r); err != nil {
		return err
	}
	for n := range s.stage.Workers() {
		if err := s.stage.Start(n); err != nil {
			return err
		}
	}
	return nil
}

// replace brings the other contract into force while accord runs, from a process that may be killed at it.
func (s *storm) replace(ctx context.Context, r *rand.Rand) error {
	s.more = !s.more
	patience := 30 * time.Second
	if r.IntN(3) == 0 {
		patience = time.Duration(r.IntN(800)) * time.Millisecond
	}
	if err := s.apply(ctx, patience); err != nil {
		s.say("the contract is not applied: %v", err)
	}
	return nil
}
