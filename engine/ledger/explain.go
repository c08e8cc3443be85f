package ledger

import (
	"context"
	"fmt"
	"time"

	"accord/engine/record"
)

// Write is one confirmed write, kept for explain and revert.
type Write struct {
	ID       string // sorts by age
	At       time.Time
	Object   string
	PairID   string
	Side     record.Side
	Op       record.Op
	RecordID string
	Before   record.Fields // what was seen of the written fields before
	After    record.Fields // what was written, as stored
	Cause    string
	BatchID  string
	Run      string // the run that made it; "" when none was recorded
}

const writtenColumns = `id, at, object, pair_id, side, op, record_id, before_fields, after_fields, cause, batch_id, run`

// Writes lists confirmed writes of an object ("" = all) since a moment, oldest first.
func (l *Ledger) Writes(ctx context.Context, object string, since time.Time, limit int) (list []Write, err error) {
	err = l.read(ctx, "list confirmed writes", func(t *tx) error {
		list, err = t.writes(`($1 = '' OR object = $1) AND at >= $2 ORDER BY id LIMIT $3`, []any{object, millis(since), orAll(limit)})
		return err
	})
	return list, err
}

func (t *tx) writes(where string, args []any) ([]Write, error) {
	var list []Write
	err := t.query(`SELECT `+writtenColumns+` FROM written WHERE `+where, args, func(r row) error {
		var w Write
		var side, op, before, after string
		var at int64
		err := r.Scan(&w.ID, &at, &w.Object, &w.PairID, &side, &op, &w.RecordID, &before, &after, &w.Cause, &w.BatchID, &w.Run)
		if err != nil {
			return err
		}
		w.At = moment(at)
		if w.Side, err = sideOf(side); err != nil {
			return err
		}
		if w.Op, err = opOf(op); err != nil {
			return err
		}
		if err := decode("write "+w.ID, before, &w.Before); err != nil {
			return err
		}
		if err := decode("write "+w.ID, after, &w.After); err != nil {
			return err
		}
		list = append(list, w)
		return nil
	})
	return list, err
}

// Explanation is everything the ledger knows of one record.
type Explanation struct {
	Pair        Pair
	Seen        [2]*record.Record
	Removed     [2]bool      // our own write archived or deleted it
	SeenAt      [2]time.Time // when it was last observed, or written
	Dirty       [2]bool
	Pending     *PendingInfo // nil when nothing is to be decided
	Intents     []Intent
	DeadLetters []DeadLetter // of any state, newest first
	Conflicts   []Conflict   // of any state, newest first
	Writes      []Write      // confirmed ones, newest first, at most 100
	Firings     []Firing     // what triggers did about it, newest first, at most 100
	Occasions   []Occasion   // events about it that wait or failed
}

// PendingInfo says why and since when a pair is pending.
type PendingInfo struct {
	Reason     string
	Since      time.Time
	NotBefore  time.Time // far in the future while it only waits for another pair
	Attempts   int
	Priority   int
	LeaseUntil time.Time // of whoever works on it
	WaitsFor   string    // pair id
}

// Explain tells everything that is known of a record, given by the id of either side, of its pair, or by the key that it
// carries. Object "" looks in all objects. ErrNotFound when it is unknown.
func (l *Ledger) Explain(ctx context.Context, object, id string) (*Explanation, error) {
	var e *Explanation
	err := l.read(ctx, "explain record "+id, func(t *tx) error {
		e = &Explanation{}
		found := false
		for _, where := range [...]string{
			`(left_id = $2 OR right_id = $2 OR id = $2)`,
			`id IN (SELECT pair_id FROM seen WHERE link = $2 AND link <> '')`,
		} {
			err := t.query(`SELECT `+pairColumns+` FROM pair WHERE ($1 = '' OR object = $1) AND `+where+` ORDER BY id DESC`, []any{object, id}, func(r row) error {
				p, err := scanPair(r)
				if err == nil {
					e.Pair, found = p.Pair, true
				}
				return err
			})
			if err != nil {
				return err
			}
			if found {
				return t.explain(e)
			}
		}
		return ErrNotFound
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (t *tx) explain(e *Explanation) error {
	id := e.Pair.ID
	err := t.query(`SELECT `+seenColumns+` FROM seen WHERE pair_id = $1`, []any{id}, func(r row) error {
		s, err := scanSeen(r)
		if err == nil {
			e.Seen[s.side], e.SeenAt[s.side], e.Dirty[s.side], e.Removed[s.side] = s.record(), moment(s.seenAt), s.dirty, s.removed
		}
		return err
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT reason, since, not_before, attempts, priority, lease_until, waits_for FROM pending WHERE pair_id = $1`, []any{id}, func(r row) error {
		p := &PendingInfo{}
		var since, notBefore, until int64
		err := r.Scan(&p.Reason, &since, &notBefore, &p.Attempts, &p.Priority, &until, &p.WaitsFor)
		p.Since, p.NotBefore = moment(since), moment(notBefore)
		if until > t.now {
			p.LeaseUntil = moment(until)
		}
		e.Pending = p
		return err
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT `+intentColumns+` FROM intent WHERE pair_id = $1 ORDER BY side`, []any{id}, func(r row) error {
		i, err := scanIntent(r)
		if err == nil {
			e.Intents = append(e.Intents, i.Intent)
		}
		return err
	})
	if err != nil {
		return err
	}
	where, args := Filter{PairID: id, State: "all"}.where()
	if e.DeadLetters, err = t.deadLetters(where, args); err != nil {
		return err
	}
	if e.Conflicts, err = t.conflicts(where, args); err != nil {
		return err
	}
	if e.Writes, err = t.writes(`pair_id = $1 ORDER BY id DESC LIMIT 100`, []any{id}); err != nil {
		return fmt.Errorf("list its writes: %w", err)
	}
	if e.Firings, err = t.firings(`pair_id = $1 ORDER BY created_at DESC, trigger_name, occurrence LIMIT 100`, []any{id}); err != nil {
		return fmt.Errorf("list what triggers did about it: %w", err)
	}
	if e.Occasions, err = t.occasions(`state IN ('waiting', 'failed') AND object = $1 AND (left_id <> '' AND left_id = $2 OR right_id <> '' AND right_id = $3)
		ORDER BY created_at DESC, event_id, trigger_name`, []any{e.Pair.Object, e.Pair.IDs[record.Left], e.Pair.IDs[record.Right]}); err != nil {
		return fmt.Errorf("list the events about it: %w", err)
	}
	return nil
}
