package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Firing is one trigger's action that is to happen once for one occurrence.
type Firing struct {
	Trigger    string
	PairID     string
	Occurrence string          // what makes it happen once: the same occurrence is recorded once
	Payload    json.RawMessage // what the action needs, opaque to the ledger
	State      string          // ready | done | failed
	Attempts   int
	Error      string
	CreatedAt  time.Time
}

func (t *tx) addFirings(list []Firing) error {
	rows := make([][]any, 0, len(list))
	known := map[[3]string]bool{}
	for _, f := range list {
		if k := [3]string{f.Trigger, f.PairID, f.Occurrence}; known[k] {
			continue
		} else {
			known[k] = true
		}
		payload := string(f.Payload)
		if !json.Valid(f.Payload) {
			payload = "null"
		}
		rows = append(rows, []any{f.Trigger, f.PairID, f.Occurrence, payload, "ready", 0, t.now, "", 0, "", t.now})
	}
	return t.insert("trigger_firing", "trigger_name, pair_id, occurrence, payload, state, attempts, not_before, lease_by, lease_until, error, created_at",
		"ON CONFLICT (trigger_name, pair_id, occurrence) DO NOTHING", rows)
}

// DueFirings takes firings that are due, oldest first, and leases them: for that long nobody else gets them.
func (l *Ledger) DueFirings(ctx context.Context, limit int, worker string, lease time.Duration) ([]Firing, error) {
	var list []Firing
	err := l.write(ctx, "take trigger firings", []string{"firings"}, func(t *tx) error {
		list = nil
		err := t.query(`SELECT trigger_name, pair_id, occurrence, payload, state, attempts, error, created_at FROM trigger_firing
			WHERE state = 'ready' AND not_before <= $1 AND lease_until <= $1 ORDER BY created_at, trigger_name, pair_id, occurrence LIMIT $2`,
			[]any{t.now, orAll(limit)}, func(r row) error {
				var f Firing
				var payload string
				var created int64
				err := r.Scan(&f.Trigger, &f.PairID, &f.Occurrence, &payload, &f.State, &f.Attempts, &f.Error, &created)
				f.Payload, f.CreatedAt = json.RawMessage(payload), moment(created)
				list = append(list, f)
				return err
			})
		if err != nil {
			return err
		}
		for _, f := range list {
			if _, err := t.exec(`UPDATE trigger_firing SET lease_by = $1, lease_until = $2 WHERE trigger_name = $3 AND pair_id = $4 AND occurrence = $5`,
				worker, t.now+lease.Milliseconds(), f.Trigger, f.PairID, f.Occurrence); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// SettleFiring records how a firing ended: done without a failure, tried again at retryAt, or failed for good when that is
// the zero time.
func (l *Ledger) SettleFiring(ctx context.Context, f Firing, failure error, retryAt time.Time) error {
	return l.write(ctx, fmt.Sprintf("settle trigger %s of pair %s", f.Trigger, f.PairID), nil, func(t *tx) error {
		state, text := "done", ""
		if failure != nil {
			state, text = "failed", failure.Error()
			if !retryAt.IsZero() {
				state = "ready"
			}
		}
		n, err := t.exec(`UPDATE trigger_firing SET state = $1, error = $2, not_before = $3, attempts = attempts + 1, lease_by = '', lease_until = 0
			WHERE trigger_name = $4 AND pair_id = $5 AND occurrence = $6`, state, text, millis(retryAt), f.Trigger, f.PairID, f.Occurrence)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}
