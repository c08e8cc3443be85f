package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Firing is one trigger's action that is to happen once for one occurrence.
type Firing struct {
	Trigger    string
	PairID     string
	Object     string
	Occurrence string          // what makes it happen once: the same occurrence is recorded once
	Payload    json.RawMessage // what the action needs, opaque to the ledger
	// Waits, of a new one, says that it can't happen before its pair has both records.
	Waits     bool
	State     string // waiting | ready | done | failed
	Attempts  int    // how often it was put off
	Error     string
	CreatedAt time.Time
	// Sent is when it was first tried, Tried the last time, before it was taken up now; both are zero while it surely was
	// not carried out. An action with one of them may have been, and is looked up before it is repeated.
	Sent, Tried time.Time
	Began       time.Time // Sent, or when it was taken up now: stays the same for as long as it may have been carried out
	Result      string    // the vendor's id of what was made, of one that is done
}

// FiringOutcome is how a firing ended. Exactly one of Done, Retry and Dead is set.
type FiringOutcome struct {
	Done   bool
	Result string // the vendor's id of what was made, for people
	// Retry puts it off until At.
	Retry *Retry
	// Dead: it failed for good. Object, PairID, Trigger and Occurrence are filled in.
	Dead *DeadLetter
	// Unknown, with Retry and Dead, says that it may have been carried out all the same.
	Unknown bool
	// Looked, with Unknown, says that only an earlier try may have carried it out: Tried stays what it was before.
	Looked bool
}

const firingColumns = `trigger_name, pair_id, occurrence, object, payload, state, attempts, error, created_at, sent_at, tried_at, result`

func (t *tx) addFirings(list []Firing) error {
	rows := make([][]any, 0, len(list))
	known := map[[3]string]bool{}
	for _, f := range list {
		if k := [3]string{f.Trigger, f.PairID, f.Occurrence}; known[k] {
			continue
		} else {
			known[k] = true
		}
		payload, state := string(f.Payload), "ready"
		if !json.Valid(f.Payload) {
			payload = "null"
		}
		if f.Waits {
			state = "waiting"
		}
		rows = append(rows, []any{clean(f.Trigger), f.PairID, clean(f.Occurrence), clean(f.Object), clean(payload), state, 0, t.now, "", 0, "", t.now, "", 0, 0})
	}
	return t.insert("trigger_firing", "trigger_name, pair_id, occurrence, object, payload, state, attempts, not_before, lease_by, lease_until, error, created_at, result, sent_at, tried_at",
		"ON CONFLICT (trigger_name, pair_id, occurrence) DO NOTHING", rows)
}

// DueFirings takes firings of an object that are due, oldest first, and leases them: for that long nobody else gets them.
// From then on they count as tried, so that a crash leaves a trace of what may have happened.
func (l *Ledger) DueFirings(ctx context.Context, object string, limit int, worker string, lease time.Duration) ([]Firing, error) {
	var list []Firing
	err := l.write(ctx, "take trigger firings of "+object, []string{"firings"}, func(t *tx) error {
		list = nil
		err := t.query(`SELECT `+firingColumns+` FROM trigger_firing WHERE object = $1 AND state = 'ready' AND not_before <= $2 AND lease_until <= $2
			ORDER BY created_at, trigger_name, pair_id, occurrence LIMIT $3`, []any{object, t.now, orAll(limit)}, func(r row) error {
			f, err := scanFiring(r)
			list = append(list, f)
			return err
		})
		if err != nil {
			return err
		}
		for i := range list {
			f := &list[i]
			if f.Began = f.Sent; f.Began.IsZero() {
				f.Began = moment(t.now)
			}
			if _, err := t.exec(`UPDATE trigger_firing SET lease_by = $1, lease_until = $2, sent_at = $3, tried_at = $4
				WHERE trigger_name = $5 AND pair_id = $6 AND occurrence = $7`,
				clean(worker), t.now+lease.Milliseconds(), millis(f.Began), t.now, f.Trigger, f.PairID, f.Occurrence); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func scanFiring(r row) (Firing, error) {
	var f Firing
	var payload string
	var created, sent, tried int64
	err := r.Scan(&f.Trigger, &f.PairID, &f.Occurrence, &f.Object, &payload, &f.State, &f.Attempts, &f.Error, &created, &sent, &tried, &f.Result)
	f.Payload, f.CreatedAt, f.Sent, f.Tried = json.RawMessage(payload), moment(created), moment(sent), moment(tried)
	return f, err
}

// Firings lists a pair's firings, oldest first, whatever became of them.
func (l *Ledger) Firings(ctx context.Context, pairID string) ([]Firing, error) {
	var list []Firing
	err := l.read(ctx, "list trigger firings of pair "+pairID, func(t *tx) (err error) {
		list, err = t.firings(`pair_id = $1 ORDER BY created_at, trigger_name, occurrence`, []any{clean(pairID)})
		return err
	})
	return list, err
}

// FiringsOf lists a trigger's firings, newest first, whatever became of them.
func (l *Ledger) FiringsOf(ctx context.Context, trigger string, limit int) ([]Firing, error) {
	var list []Firing
	err := l.read(ctx, "list the firings of trigger "+trigger, func(t *tx) (err error) {
		list, err = t.firings(`trigger_name = $1 ORDER BY created_at DESC, pair_id, occurrence LIMIT $2`, []any{clean(trigger), orAll(limit)})
		return err
	})
	return list, err
}

func (t *tx) firings(where string, args []any) ([]Firing, error) {
	var list []Firing
	err := t.query(`SELECT `+firingColumns+` FROM trigger_firing WHERE `+where, args, func(r row) error {
		f, err := scanFiring(r)
		list = append(list, f)
		return err
	})
	return list, err
}

// PrepareFiring stores what a firing is to do once that is known, before it is done: from then on it never changes.
func (l *Ledger) PrepareFiring(ctx context.Context, f Firing) error {
	if !json.Valid(f.Payload) {
		return fmt.Errorf("prepare trigger %s of pair %s: the payload is no JSON", f.Trigger, f.PairID)
	}
	return l.write(ctx, fmt.Sprintf("prepare trigger %s of pair %s", f.Trigger, f.PairID), nil, func(t *tx) error {
		n, err := t.exec(`UPDATE trigger_firing SET payload = $1 WHERE trigger_name = $2 AND pair_id = $3 AND occurrence = $4 AND state = 'ready'`,
			clean(string(f.Payload)), clean(f.Trigger), f.PairID, clean(f.Occurrence))
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}

// SettleFiring records how a firing ended. One that is settled already is passed over.
func (l *Ledger) SettleFiring(ctx context.Context, f Firing, o FiringOutcome) error {
	what := fmt.Sprintf("settle trigger %s of pair %s", f.Trigger, f.PairID)
	if number(o.Done)+number(o.Retry != nil)+number(o.Dead != nil) != 1 {
		return fmt.Errorf("%s: %w", what, errors.New("a firing has one outcome"))
	}
	return l.write(ctx, what, nil, func(t *tx) error {
		state, text, notBefore := "done", "", int64(0)
		switch {
		case o.Retry != nil:
			state, text, notBefore = "ready", o.Retry.Error, millis(o.Retry.At)
		case o.Dead != nil:
			state, text = "failed", o.Dead.Message
		}
		sure := number(!o.Unknown && !o.Done)
		n, err := t.exec(`UPDATE trigger_firing SET state = $1, error = $2, not_before = $3, attempts = attempts + 1, result = $4,
				lease_by = '', lease_until = 0,
				sent_at = CASE WHEN CAST($5 AS BIGINT) = 1 THEN 0 ELSE sent_at END, tried_at = CASE WHEN CAST($5 AS BIGINT) = 1 THEN 0 WHEN CAST($6 AS BIGINT) = 1 THEN CAST($7 AS BIGINT) ELSE tried_at END
			WHERE trigger_name = $8 AND pair_id = $9 AND occurrence = $10 AND state = 'ready'`,
			state, clean(text), notBefore, clean(o.Result), sure, number(o.Looked), millis(f.Tried), clean(f.Trigger), f.PairID, clean(f.Occurrence))
		if err != nil || n == 0 || o.Dead == nil {
			return err
		}
		d := *o.Dead
		d.Object, d.PairID, d.Trigger, d.Occurrence = f.Object, f.PairID, f.Trigger, f.Occurrence
		if len(d.Payload) == 0 {
			d.Payload = f.Payload
		}
		return t.openDeadLetters([]DeadLetter{d})
	})
}

// FiringRetried is the Error of a firing that failed, and that a person has carried out after all: what it is to do may be
// filled in anew then, unless it may have been carried out already.
const FiringRetried = "retried by a person"

// retryFiring has a failed action carried out after all.
func (t *tx) retryFiring(trigger, pair, occurrence string) error {
	_, err := t.exec(`UPDATE trigger_firing SET state = 'ready', attempts = 0, not_before = $1, error = $2
		WHERE trigger_name = $3 AND pair_id = $4 AND occurrence = $5 AND state = 'failed'`, t.now, FiringRetried, trigger, pair, occurrence)
	return err
}
