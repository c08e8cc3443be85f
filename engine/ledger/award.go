package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"accord/engine/record"
)

// Award is an operator's decision about one field of one pair: which side's value is to count. It holds for the two values
// that he saw; once either side shows another one, there is something new to decide.
type Award struct {
	PairID    string
	Field     string // contract field
	Side      record.Side
	Left      record.Value // as the conflict showed them
	Right     record.Value
	Actor     string
	AwardedAt time.Time
}

// ErrNotContested says that a conflict is not about two values of one field, so that no side can be given it.
var ErrNotContested = errors.New("it is not about two values of one field, nor about an edit and a deletion")

// AwardConflict closes a conflict by giving its field to a side, and has its pair decided anew. ErrNotFound when there is
// no such conflict; ErrClosed when it is closed; ErrNotContested when no side can be chosen.
func (l *Ledger) AwardConflict(ctx context.Context, id int64, side record.Side, actor string) error {
	return l.write(ctx, fmt.Sprintf("give conflict %d to the %s side", id, side), nil, func(t *tx) error {
		list, err := t.conflicts(`id = $1 AND $2 = '' AND $3 = ''`, []any{id, "", "", 1})
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return ErrNotFound
		case list[0].State == StateOpen && (list[0].Field == "" && list[0].Reason != ReasonEditedGone || list[0].PairID == ""):
			return ErrNotContested
		}
		c := list[0]
		if err := t.closeConflict(id); err != nil {
			return err
		}
		var texts [2]string
		for i, v := range [2]record.Value{c.Left, c.Right} {
			if texts[i], err = encode(v); err != nil {
				return err
			}
		}
		return t.insert("award", "pair_id, field, side, left_value, right_value, actor, awarded_at",
			`ON CONFLICT (pair_id, field) DO UPDATE SET side = excluded.side, left_value = excluded.left_value,
				right_value = excluded.right_value, actor = excluded.actor, awarded_at = excluded.awarded_at`,
			[][]any{{c.PairID, c.Field, side.String(), texts[0], texts[1], actor, t.now}})
	})
}

// Awards reads what operators decided about pairs, by pair and contract field.
func (l *Ledger) Awards(ctx context.Context, pairIDs []string) (map[string]map[string]Award, error) {
	awards := map[string]map[string]Award{}
	err := l.read(ctx, "read what operators decided", func(t *tx) error {
		return t.among(`SELECT pair_id, field, side, left_value, right_value, actor, awarded_at FROM award WHERE pair_id IN (%s)`, nil, pairIDs, func(r row) error {
			var a Award
			var side string
			var texts [2]string
			var at int64
			err := r.Scan(&a.PairID, &a.Field, &side, &texts[0], &texts[1], &a.Actor, &at)
			if err != nil {
				return err
			}
			a.AwardedAt = moment(at)
			if a.Side, err = sideOf(side); err != nil {
				return err
			}
			for i, into := range []*record.Value{&a.Left, &a.Right} {
				if err := decode("award of pair "+a.PairID, texts[i], into); err != nil {
					return err
				}
			}
			if awards[a.PairID] == nil {
				awards[a.PairID] = map[string]Award{}
			}
			awards[a.PairID][a.Field] = a
			return nil
		})
	})
	return awards, err
}

// DropAwards forgets awards that no longer hold. One that was given anew since is kept.
func (l *Ledger) DropAwards(ctx context.Context, list []Award) error {
	return l.write(ctx, fmt.Sprintf("forget %d awards", len(list)), nil, func(t *tx) error {
		for _, a := range list {
			if _, err := t.exec(`DELETE FROM award WHERE pair_id = $1 AND field = $2 AND awarded_at = $3`, a.PairID, a.Field, millis(a.AwardedAt)); err != nil {
				return err
			}
		}
		return nil
	})
}
