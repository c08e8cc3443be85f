package ledger

import (
	"context"
	"fmt"
	"time"

	"accord/engine/record"
)

// RunWrites calls yield for each confirmed write of one run, oldest first, until it returns an error, which is returned.
func (l *Ledger) RunWrites(ctx context.Context, run string, yield func(Write) error) error {
	const page = 2000
	after := ""
	for {
		var list []Write
		err := l.read(ctx, "list the writes of run "+run, func(t *tx) (err error) {
			list, err = t.writes(`run = $1 AND id > $2 ORDER BY id LIMIT $3`, []any{run, after, page})
			return err
		})
		if err != nil {
			return err
		}
		for _, w := range list {
			if err := yield(w); err != nil {
				return err
			}
			after = w.ID
		}
		if len(list) < page {
			return nil
		}
	}
}

// History is what was written to a pair lately, and which of its fields were stopped.
type History struct {
	Writes  []Write              // confirmed updates, oldest first
	Stopped map[string]Conflict  // by contract field: the open conflict with reason ReasonFight
	Ended   map[string]time.Time // by contract field: when the last such conflict was closed
}

// ReasonFight is the reason of a conflict about a field that accord and somebody's automation keep changing in turn.
const ReasonFight = "fight"

// Histories reads what was written to pairs since a moment, by pair. Pairs to which nothing happened are left out.
func (l *Ledger) Histories(ctx context.Context, pairIDs []string, since time.Time) (map[string]*History, error) {
	all := map[string]*History{}
	of := func(pair string) *History {
		if all[pair] == nil {
			all[pair] = &History{Stopped: map[string]Conflict{}, Ended: map[string]time.Time{}}
		}
		return all[pair]
	}
	err := l.read(ctx, "read what was written lately", func(t *tx) error {
		for _, pair := range pairIDs {
			writes, err := t.writes(`pair_id = $1 AND at >= $2 AND op = 'update' ORDER BY id`, []any{pair, millis(since)})
			if err != nil {
				return err
			}
			if len(writes) > 0 {
				of(pair).Writes = writes
			}
		}
		return t.among(`SELECT id, pair_id, field, state, updated_at, detail, left_value, right_value FROM conflict WHERE reason = 'fight' AND pair_id IN (%s)`, nil, pairIDs, func(r row) error {
			var c Conflict
			var updated int64
			var texts [2]string
			if err := r.Scan(&c.ID, &c.PairID, &c.Field, &c.State, &updated, &c.Detail, &texts[0], &texts[1]); err != nil {
				return err
			}
			for i, into := range []*record.Value{&c.Left, &c.Right} {
				if err := decode(fmt.Sprintf("conflict %d", c.ID), texts[i], into); err != nil {
					return err
				}
			}
			c.UpdatedAt = moment(updated)
			h := of(c.PairID)
			switch {
			case c.State == StateOpen:
				h.Stopped[c.Field] = c
			case c.UpdatedAt.After(h.Ended[c.Field]):
				h.Ended[c.Field] = c.UpdatedAt
			}
			return nil
		})
	})
	return all, err
}
