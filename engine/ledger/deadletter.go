package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"accord/engine/record"
)

// DeadLetter is a write, or a decision, that failed for good. There is at most one open per pair and side: a newer
// failure takes the place of an older one.
type DeadLetter struct {
	ID         int64
	Object     string
	PairID     string
	Side       record.Side
	Op         record.Op
	RecordID   string
	Payload    json.RawMessage // what was to be written; filled in from the intent when empty
	Kind       string          // provider.Kind by name, or a rejection's reason
	Code       string
	Message    string
	RequestID  string
	Remedy     string
	Fields     []string // native fields at fault
	CreatedAt  time.Time
	State      string // open | retried | discarded
	ResolvedAt time.Time
	// Trigger and Occurrence are of a trigger's action; both are empty for a write or a decision.
	Trigger    string
	Occurrence string
}

const deadLetterColumns = `id, object, pair_id, side, op, record_id, payload, kind, code, message, request_id, remedy, fields, created_at, state, resolved_at, trigger_name, occurrence`

type end struct {
	pair string
	side record.Side
}

// deadWrite is the payload of a dead letter about a write.
type deadWrite struct {
	Key    string        `json:"key,omitempty"`
	Fields record.Fields `json:"fields"`
	Died   changes       `json:"changes,omitempty"` // that ended in it
}

// closedLetter is a dead letter that took its end.
type closedLetter struct {
	end
	id      int64
	object  string
	payload string
	died    changes
}

// carriedBy says whether a write that was confirmed since is all that the letter was to write.
func (d *closedLetter) carriedBy(written record.Fields) bool {
	var w deadWrite
	if json.Unmarshal([]byte(d.payload), &w) != nil || len(w.Fields) == 0 {
		return false
	}
	for name, v := range w.Fields {
		if now, ok := written[name]; !ok || !now.Equal(v) {
			return false
		}
	}
	return true
}

// diedIn reads which changes ended in a dead letter; none where it is about no write.
func diedIn(payload string) changes {
	var w deadWrite
	if json.Unmarshal([]byte(payload), &w) != nil {
		return nil
	}
	return w.Died
}

// inherit adds the changes that ended in an older letter about the same end to those of a payload.
func inherit(payload string, died changes) (string, error) {
	var w deadWrite
	if died.count() == 0 || json.Unmarshal([]byte(payload), &w) != nil {
		return payload, nil
	}
	if w.Died == nil {
		w.Died = changes{}
	}
	for side, names := range died {
		w.Died[side] = append(w.Died[side], names...) // one field may have died more than once
	}
	return encode(w)
}

// openDeadLetters stores dead letters instead of those that are open for the same pair and side.
func (t *tx) openDeadLetters(list []DeadLetter) error {
	if len(list) == 0 {
		return nil
	}
	ends := make([]end, 0, len(list))
	for _, d := range list {
		if d.Trigger == "" {
			ends = append(ends, end{d.PairID, d.Side})
		}
	}
	older, err := t.closeDeadLetters(ends)
	if err != nil {
		return err
	}
	first, err := t.numbers("deadletter", len(list))
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(list))
	for i, d := range list {
		fields, err := encode(d.Fields)
		if err != nil {
			return err
		}
		payload := string(d.Payload)
		if !json.Valid(d.Payload) {
			if payload, err = encode(payload); err != nil {
				return err
			}
		}
		for _, o := range older {
			if d.Trigger == "" && o.end == (end{d.PairID, d.Side}) {
				if payload, err = inherit(payload, o.died); err != nil {
					return err
				}
			}
		}
		rows = append(rows, []any{
			first + int64(i), d.Object, d.PairID, d.Side.String(), d.Op.String(), d.RecordID, payload, d.Kind, d.Code,
			d.Message, d.RequestID, d.Remedy, fields, t.now, StateOpen, 0,
			clean(d.Trigger), clean(d.Occurrence),
		})
	}
	return t.insert("deadletter", deadLetterColumns, "", rows)
}

// closeDeadLetters takes open dead letters for retried: the same end of the same pair was written, or failed anew.
func (t *tx) closeDeadLetters(ends []end) (closed []closedLetter, err error) {
	var pairs []string
	wanted := map[end]bool{}
	for _, e := range ends {
		if e.pair != "" {
			pairs = append(pairs, e.pair)
			wanted[e] = true
		}
	}
	slices.Sort(pairs)
	err = t.among(`SELECT id, object, pair_id, side, payload FROM deadletter WHERE state = 'open' AND trigger_name = '' AND pair_id IN (%s)`, nil, slices.Compact(pairs), func(r row) error {
		var d closedLetter
		var side string
		err := r.Scan(&d.id, &d.object, &d.pair, &side, &d.payload)
		if err != nil {
			return err
		}
		if d.side, err = sideOf(side); err == nil && wanted[d.end] {
			d.died = diedIn(d.payload)
			closed = append(closed, d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(closed, func(a, b closedLetter) int { return cmp.Compare(a.id, b.id) })
	for _, d := range closed {
		if _, err := t.exec(`UPDATE deadletter SET state = 'retried', resolved_at = $1 WHERE id = $2`, t.now, d.id); err != nil {
			return nil, err
		}
	}
	return closed, nil
}

// DeadLetters lists dead letters, newest first.
func (l *Ledger) DeadLetters(ctx context.Context, f Filter) (list []DeadLetter, err error) {
	where, args := f.where()
	err = l.read(ctx, "list dead letters", func(t *tx) error {
		list, err = t.deadLetters(where, args)
		return err
	})
	return list, err
}

func (t *tx) deadLetters(where string, args []any) ([]DeadLetter, error) {
	var list []DeadLetter
	err := t.query(`SELECT `+deadLetterColumns+` FROM deadletter WHERE `+where+` ORDER BY id DESC LIMIT $4`, args, func(r row) error {
		var d DeadLetter
		var side, op, payload, fields string
		var created, resolved int64
		err := r.Scan(&d.ID, &d.Object, &d.PairID, &side, &op, &d.RecordID, &payload, &d.Kind, &d.Code, &d.Message, &d.RequestID, &d.Remedy,
			&fields, &created, &d.State, &resolved, &d.Trigger, &d.Occurrence)
		if err != nil {
			return err
		}
		if d.Side, err = sideOf(side); err != nil {
			return err
		}
		if d.Op, err = opOf(op); err != nil {
			return err
		}
		d.Payload, d.CreatedAt, d.ResolvedAt = json.RawMessage(payload), moment(created), moment(resolved)
		if err := decode(fmt.Sprintf("dead letter %d", d.ID), fields, &d.Fields); err != nil {
			return err
		}
		list = append(list, d)
		return nil
	})
	return list, err
}

// RetryDeadLetter closes a dead letter and has its pair decided anew: if the write is still wanted, it is tried again. A
// trigger's action is carried out after all.
// ErrNotFound when there is no such dead letter; ErrClosed when it is closed.
func (l *Ledger) RetryDeadLetter(ctx context.Context, id int64) error {
	return l.closeDeadLetter(ctx, id, StateRetried)
}

// DiscardDeadLetter closes a dead letter for good. The next change of its pair may lead to the same write again.
func (l *Ledger) DiscardDeadLetter(ctx context.Context, id int64) error {
	return l.closeDeadLetter(ctx, id, StateDiscarded)
}

func (l *Ledger) closeDeadLetter(ctx context.Context, id int64, to string) error {
	return l.write(ctx, fmt.Sprintf("close dead letter %d as %s", id, to), nil, func(t *tx) error {
		var object, pair, trigger, occurrence, payload string
		found, err := t.one(`SELECT object FROM deadletter WHERE id = $1`, []any{id}, &object)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNotFound
		}
		if err := t.lock("object/" + object); err != nil {
			return err
		}
		found, err = t.one(`UPDATE deadletter SET state = $1, resolved_at = $2 WHERE id = $3 AND state = 'open'
			RETURNING pair_id, trigger_name, occurrence, payload`, []any{to, t.now, id}, &pair, &trigger, &occurrence, &payload)
		switch {
		case err != nil:
			return err
		case !found:
			return ErrClosed
		case to != StateRetried:
			return nil
		case trigger != "":
			if err := t.retryFiring(trigger, pair, occurrence); err != nil {
				return err
			}
			return t.retryOccasion(trigger, occurrence)
		}
		if err := t.revive(pair, diedIn(payload)); err != nil {
			return err
		}
		return t.enqueuePairs([]string{pair}, PriorityLive, t.now, "dead letter retried")
	})
}

// revive opens the changes of a pair that ended in a dead letter, where there is anybody to decide about them again.
func (t *tx) revive(pair string, died changes) error {
	w := t.workspace()
	if err := w.loadPairs([]string{pair}); err != nil {
		return err
	}
	p := w.pairs[pair]
	if p == nil || p.State == PairClosed {
		return nil
	}
	if err := w.loadSeenOf([]string{pair}); err != nil {
		return err
	}
	w.revive(p, died)
	return w.store()
}
