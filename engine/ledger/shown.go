package ledger

import (
	"context"

	"accord/engine/record"
)

// Shown counts the records of an object that its vendors are known to show, by side.
func (l *Ledger) Shown(ctx context.Context, object string) (live [2]int, err error) {
	object = clean(object)
	err = l.read(ctx, "count the records of "+object+" that are shown", func(t *tx) error {
		for _, side := range record.Sides {
			// Both counts are answered by an index: a row holds all that a record shows.
			var all, gone int
			if _, err := t.one(`SELECT COUNT(*) FROM seen WHERE object = $1 AND side = $2`, []any{object, side.String()}, &all); err != nil {
				return err
			}
			if _, err := t.one(`SELECT COUNT(*) FROM seen WHERE object = $1 AND side = $2 AND state <> 'live'`, []any{object, side.String()}, &gone); err != nil {
				return err
			}
			live[side] = all - gone
		}
		return nil
	})
	return live, err
}
