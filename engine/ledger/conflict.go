package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/record"
)

// Conflict is something that a person should look at. There is at most one open per pair, field and reason.
type Conflict struct {
	ID        int64
	Object    string
	PairID    string
	Field     string // contract field; "" when it is about the pair as a whole
	Reason    string // both_changed, drift, unlisted, ambiguous_match, missing_parent, fight, overridden ...
	Left      record.Value
	Right     record.Value
	Base      record.Value
	Detail    string
	Remedy    string
	CreatedAt time.Time
	UpdatedAt time.Time
	State     string // open | resolved | info; of a new one: "" = open, or info
}

// The states of conflicts and dead letters.
const (
	StateOpen      = "open"
	StateResolved  = "resolved"
	StateInfo      = "info" // a conflict that needs nobody: it only keeps a value that lost
	StateRetried   = "retried"
	StateDiscarded = "discarded"
)

// ReasonAmbiguous is the reason of a conflict about records of which more than one claims the same other side.
const ReasonAmbiguous = "ambiguous_match"

// Filter narrows a list. Empty parts match everything.
type Filter struct {
	Object string
	PairID string
	State  string // "" = open; "all" = whatever the state
	Limit  int    // 0 = all
}

func (f Filter) where() (text string, args []any) {
	text = `($1 = '' OR object = $1) AND ($2 = '' OR pair_id = $2) AND ($3 = 'all' OR state = $3)`
	state := f.State
	if state == "" {
		state = StateOpen
	}
	return text, []any{f.Object, f.PairID, state, orAll(f.Limit)}
}

const conflictColumns = `id, object, pair_id, field, reason, left_value, right_value, base_value, detail, remedy, created_at, updated_at, state`

// openConflicts opens conflicts, or brings those that are open already up to date.
func (t *tx) openConflicts(list []Conflict) error {
	type key struct{ pair, field, reason string }
	latest := map[key]int{}
	for i, c := range list {
		latest[key{c.PairID, clean(c.Field), clean(c.Reason)}] = i
	}
	keep := make([]int, 0, len(latest))
	for _, i := range latest {
		keep = append(keep, i)
	}
	slices.Sort(keep)
	if len(keep) == 0 {
		return nil
	}
	first, err := t.numbers("conflict", len(keep))
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(keep))
	for n, i := range keep {
		c := list[i]
		row := []any{first + int64(n), c.Object, c.PairID, c.Field, c.Reason}
		for _, v := range []record.Value{c.Left, c.Right, c.Base} {
			text, err := encode(v)
			if err != nil {
				return err
			}
			row = append(row, text)
		}
		state := StateOpen
		if c.State == StateInfo {
			state = StateInfo
		}
		rows = append(rows, append(row, c.Detail, c.Remedy, t.now, t.now, state))
	}
	return t.insert("conflict", conflictColumns, `ON CONFLICT (pair_id, field, reason) WHERE state = 'open' DO UPDATE SET
		left_value = excluded.left_value, right_value = excluded.right_value, base_value = excluded.base_value,
		detail = excluded.detail, remedy = excluded.remedy, updated_at = excluded.updated_at`, rows)
}

// closeConflicts resolves the open conflicts of pairs that choose picks, and returns the pairs that had one.
func (t *tx) closeConflicts(pairIDs []string, choose func(pairID, field, reason string) bool) ([]string, error) {
	var pairs []string
	var ids []int64
	err := t.among(`SELECT id, pair_id, field, reason FROM conflict WHERE state = 'open' AND pair_id IN (%s)`, nil, pairIDs, func(r row) error {
		var id int64
		var pair, field, reason string
		err := r.Scan(&id, &pair, &field, &reason)
		if err == nil && choose(pair, field, reason) {
			pairs, ids = append(pairs, pair), append(ids, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, err := t.exec(`UPDATE conflict SET state = 'resolved', updated_at = $1 WHERE id = $2`, t.now, id); err != nil {
			return nil, err
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs), nil
}

// Report opens conflicts outside a resolution: matches that are ambiguous, an object that was halted. Each names its
// object; a PairID "" is allowed for what concerns no pair.
func (l *Ledger) Report(ctx context.Context, conflicts []Conflict) error {
	return l.write(ctx, fmt.Sprintf("report %d conflicts", len(conflicts)), nil, func(t *tx) error { return t.openConflicts(conflicts) })
}

// Hold is Report for conflicts that stop their pairs: none of them is claimed until its conflict is resolved, or what
// made it doubtful is gone.
func (l *Ledger) Hold(ctx context.Context, conflicts []Conflict) error {
	pairs := make([]string, len(conflicts))
	for i, c := range conflicts {
		pairs[i] = c.PairID
	}
	return l.write(ctx, fmt.Sprintf("hold %d pairs", len(conflicts)), nil, func(t *tx) error {
		if err := t.openConflicts(conflicts); err != nil {
			return err
		}
		_, err := t.execAmong(`UPDATE pair SET state = 'held', updated_at = $1 WHERE state = 'live' AND id IN (%s)`, []any{t.now}, pairs)
		return err
	})
}

// Conflicts lists conflicts, newest first.
func (l *Ledger) Conflicts(ctx context.Context, f Filter) (list []Conflict, err error) {
	where, args := f.where()
	err = l.read(ctx, "list conflicts", func(t *tx) error {
		list, err = t.conflicts(where, args)
		return err
	})
	return list, err
}

func (t *tx) conflicts(where string, args []any) ([]Conflict, error) {
	var list []Conflict
	err := t.query(`SELECT `+conflictColumns+` FROM conflict WHERE `+where+` ORDER BY id DESC LIMIT $4`, args, func(r row) error {
		var c Conflict
		var values [3]string
		var created, updated int64
		err := r.Scan(&c.ID, &c.Object, &c.PairID, &c.Field, &c.Reason, &values[0], &values[1], &values[2], &c.Detail, &c.Remedy, &created, &updated, &c.State)
		if err != nil {
			return err
		}
		c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
		for i, into := range []*record.Value{&c.Left, &c.Right, &c.Base} {
			if err := decode(fmt.Sprintf("conflict %d", c.ID), values[i], into); err != nil {
				return err
			}
		}
		list = append(list, c)
		return nil
	})
	return list, err
}

// ResolveConflict closes a conflict and has its pair decided anew. A pair that was held by it is let go. ErrNotFound
// when there is no such conflict; ErrClosed when it is resolved.
func (l *Ledger) ResolveConflict(ctx context.Context, id int64) error {
	return l.write(ctx, fmt.Sprintf("resolve conflict %d", id), nil, func(t *tx) error { return t.closeConflict(id) })
}

func (t *tx) closeConflict(id int64) error {
	var object, pair, state, reason string
	found, err := t.one(`SELECT object, pair_id, state, reason FROM conflict WHERE id = $1`, []any{id}, &object, &pair, &state, &reason)
	switch {
	case err != nil:
		return err
	case !found:
		return ErrNotFound
	case state != StateOpen:
		return ErrClosed
	}
	if err := t.lock("object/" + object); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE conflict SET state = 'resolved', updated_at = $1 WHERE id = $2`, t.now, id); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE pair SET state = 'live', updated_at = $1 WHERE id = $2 AND state = 'held'`, t.now, pair); err != nil {
		return err
	}
	if reason == ReasonLetGo || reason == ReasonCameBack {
		w := t.workspace()
		if err := w.loadPairs([]string{pair}); err != nil {
			return err
		}
		if err := w.loadSeenOf([]string{pair}); err != nil {
			return err
		}
		if p := w.pairs[pair]; p != nil {
			w.renew(p)
			return w.store()
		}
	}
	return t.enqueuePairs([]string{pair}, PriorityLive, t.now, "conflict resolved")
}
