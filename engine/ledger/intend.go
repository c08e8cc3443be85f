package ledger

import (
	"context"
	"fmt"

	"accord/engine/record"
)

// Intend stores writes that an operator decided, to be delivered like any other. Each intent names its pair, side, record,
// fields and, in Before, what is there now. One whose record shows anything else by now, is not to be trusted, or has another
// write under way, is left out; the ids of those pairs are returned.
func (l *Ledger) Intend(ctx context.Context, object string, intents []Intent) (refused []string, err error) {
	err = l.write(ctx, fmt.Sprintf("store %d writes of %s", len(intents), object), []string{"object/" + object}, func(t *tx) error {
		refused = nil
		ids := make([]string, len(intents))
		for n, i := range intents {
			ids[n] = i.PairID
		}
		w := t.workspace()
		if err := w.loadPairs(ids); err != nil {
			return err
		}
		if err := w.loadSeenOf(ids); err != nil {
			return err
		}
		busy := map[string]bool{}
		err := t.among(`SELECT pair_id FROM intent WHERE pair_id IN (%s)`, nil, ids, func(r row) error {
			var id string
			err := r.Scan(&id)
			busy[id] = true
			return err
		})
		if err != nil {
			return err
		}
		var rows [][]any
		for _, i := range intents {
			p := w.pairs[i.PairID]
			if p == nil || p.Object != object || p.State != PairLive || busy[i.PairID] || !w.shows(p, i) {
				refused = append(refused, i.PairID)
				continue
			}
			before := map[string]fieldSeen{}
			for name := range i.Fields {
				before[name] = w.seen[seenKey{object, i.Side, i.RecordID}].fields[name]
			}
			i.ID, i.Object = l.ids.next(t.now), object
			row, err := i.values(before, t.now)
			if err != nil {
				return fmt.Errorf("%s: %w", i.label(), err)
			}
			rows = append(rows, row)
		}
		return t.insert("intent", intentColumns, "", rows)
	})
	return refused, err
}

// shows says whether an intent's record surely shows what the intent takes it to show.
func (w *workspace) shows(p *pairRow, i Intent) bool {
	s := w.seen[seenKey{p.Object, i.Side, i.RecordID}]
	if s == nil || s.dirty || s.state != record.Live || p.IDs[i.Side] != i.RecordID {
		return false
	}
	for name, v := range i.Before {
		if have, shown := s.fields[name]; !shown || !have.Value.Equal(v) {
			return false
		}
	}
	return true
}
