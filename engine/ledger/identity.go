package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/record"
)

// identify finds the pair of a record that is new, or that carries another key than before: the pair that names it, or,
// by the keys that records carry, the pair of the other side's record when that still lacks this side. A record is never
// put in a place that another one has: then both wait for a person.
func (w *workspace) identify(s *seenRow) *pairRow {
	own := w.ends[s.seenKey]
	if own != nil && own.Paired() {
		s.pairID, s.changed = own.ID, true
		return own
	}
	candidates := w.candidates(s, own)
	if len(candidates) == 1 && (candidates[0].IDs[s.side] == "" || s.state == record.Live && w.vacant(candidates[0], s.side)) {
		w.clearFor(candidates[0], s.side)
		return w.join(own, candidates[0], s)
	}
	if own == nil {
		own = w.newPair(s)
	}
	s.pairID, s.changed = own.ID, true
	if len(candidates) > 0 {
		w.ambiguous(own, s, candidates)
	} else if own.State == PairHeld {
		w.calm(own)
	}
	return own
}

// candidates are the pairs that a record may belong to by its own key and by the keys of the other side's records, in the
// order of their ids.
func (w *workspace) candidates(s *seenRow, own *pairRow) []*pairRow {
	found := map[string]*pairRow{}
	other := s.side.Other()
	if s.link != "" {
		if p := w.ends[seenKey{s.object, other, s.link}]; p != nil {
			found[p.ID] = p
		}
	}
	for id := range w.links[seenKey{s.object, other, s.id}] {
		if p := w.ends[seenKey{s.object, other, id}]; p != nil && !p.Paired() {
			found[p.ID] = p
		}
	}
	if own != nil {
		delete(found, own.ID)
	}
	list := make([]*pairRow, 0, len(found))
	for _, id := range sorted(found) {
		list = append(list, found[id])
	}
	return list
}

// join puts a record into a pair that lacks its side. A half pair that the record had of its own becomes part of it.
func (w *workspace) join(own, into *pairRow, s *seenRow) *pairRow {
	if own != nil {
		if own.ID < into.ID { // the older one stays
			own, into = into, own
		}
		w.absorb(into, own)
		return into
	}
	into.IDs[s.side] = s.id
	into.changed = true
	w.ends[s.seenKey] = into
	w.news[s.seenKey] = true
	s.pairID, s.changed = into.ID, true
	w.completed(into)
	return into
}

// absorb makes one pair of two halves. Everything that refers to the second one refers to the first from now on.
func (w *workspace) absorb(p, gone *pairRow) {
	for _, side := range record.Sides {
		if gone.IDs[side] == "" {
			continue
		}
		k := seenKey{gone.Object, side, gone.IDs[side]}
		p.IDs[side] = gone.IDs[side]
		w.ends[k] = p
		if s := w.seen[k]; s != nil {
			s.pairID, s.changed = p.ID, true
		}
	}
	for _, side := range record.Sides {
		if p.Base[side] == nil {
			p.Base[side] = gone.Base[side]
		}
	}
	p.changed = true
	w.absorbed[gone.ID] = p.ID
	delete(w.pairs, gone.ID)
	if e := w.pending[gone.ID]; e != nil {
		w.enqueue(p, e.priority, e.notBefore, e.reason)
	}
	w.woken[gone.ID] = true
	w.calmed[gone.ID] = true
	w.completed(p)
}

// completed is called when a pair has got its second side: what was decided about the half is void.
func (w *workspace) completed(p *pairRow) {
	w.woken[p.ID] = true
	w.calmed[p.ID] = true
	if p.State != PairLive || p.Lone != LoneNew {
		p.State, p.Lone, p.changed = PairLive, LoneNew, true
	}
	w.enqueue(p, PriorityBackfill, w.now, "paired").interrupt = true
}

// ambiguous stops a record that may belong to pairs whose place is taken, or to several; and of the others, those that
// would otherwise get a new record made for them.
func (w *workspace) ambiguous(own *pairRow, s *seenRow, candidates []*pairRow) {
	hold := append(slices.Clone(candidates), own)
	for _, p := range hold {
		if p.Paired() {
			continue
		}
		p.State, p.changed = PairHeld, true
		delete(w.calmed, p.ID)
		w.trouble = append(w.trouble, double(p, hold))
	}
}

// double tells of a record that is held because others want, or have, its place.
func double(p *pairRow, all []*pairRow) Conflict {
	id := p.IDs[0] + p.IDs[1]
	var pairs, rivals []string
	for _, q := range all {
		switch {
		case q.ID == p.ID:
		case q.Paired():
			pairs = append(pairs, fmt.Sprintf("%s and %s, which are a pair and go on as such", q.IDs[record.Left], q.IDs[record.Right]))
		default:
			rivals = append(rivals, q.IDs[0]+q.IDs[1])
		}
	}
	c := Conflict{Object: p.Object, PairID: p.ID, Reason: ReasonDuplicate,
		Detail: fmt.Sprintf("record %s (%s) names, or is named by, ", id, sideName(p)),
		Remedy: "clear or correct the key of the record that is a copy, or delete it: that resolves this conflict",
	}
	if len(pairs) > 0 {
		c.Detail += "records of other pairs: " + strings.Join(pairs, "; ")
		c.Remedy += fmt.Sprintf("; or resolve it with --keep ID, the id of the one to keep (%s, or the one that is paired now)", id)
	} else {
		c.Detail += "more than one record without a partner: " + strings.Join(rivals, ", ")
	}
	c.Detail += fmt.Sprintf("; nothing is written to %s, and nothing is created for it", id)
	return c
}

func sideName(p *pairRow) string {
	if p.IDs[record.Left] != "" {
		return record.Left.String()
	}
	return record.Right.String()
}

// calm lets go of a pair that was held because its match was ambiguous, and no longer is. A pair that somebody held for
// another reason stays held.
func (w *workspace) calm(p *pairRow) {
	w.calmed[p.ID] = true
}

// storeAbsorbed re-points everything that refers to pairs that are no more.
func (w *workspace) storeAbsorbed() error {
	if err := w.storeCalmed(); err != nil {
		return err
	}
	if err := w.withdrawHalves(); err != nil {
		return err
	}
	gone := sorted(w.absorbed)
	if len(gone) == 0 {
		return nil
	}
	for _, statement := range []string{
		`DELETE FROM pair WHERE id IN (%s)`,
		`DELETE FROM expected WHERE pair_id IN (%s)`, // the pair that they are part of is decided anew
		`DELETE FROM pending WHERE pair_id IN (%s)`,
		`UPDATE conflict SET state = 'resolved' WHERE state = 'open' AND pair_id IN (%s)`,
		`UPDATE deadletter SET state = 'retried' WHERE state = 'open' AND trigger_name = '' AND pair_id IN (%s)`,
	} {
		if _, err := w.execAmong(statement, nil, gone); err != nil {
			return err
		}
	}
	for _, table := range []string{"conflict", "deadletter", "written", "trigger_firing", "trigger_saw", "intent"} {
		if err := w.repoint(table, gone); err != nil {
			return err
		}
	}
	return nil
}

func (w *workspace) repoint(table string, gone []string) error {
	var refer []string
	err := w.among(`SELECT DISTINCT pair_id FROM `+table+` WHERE pair_id IN (%s)`, nil, gone, func(r row) error {
		var id string
		err := r.Scan(&id)
		refer = append(refer, id)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(refer)
	for _, id := range slices.Compact(refer) {
		statement := `UPDATE ` + table + ` SET pair_id = $1 WHERE pair_id = $2`
		switch table {
		case "intent": // at most one for a side: the pair's own is nearer to the truth
			statement += ` AND NOT EXISTS (SELECT 1 FROM intent own WHERE own.pair_id = $1 AND own.side = intent.side)`
		case "trigger_saw": // one for a pair: what triggers saw of the pair that stays
			statement += ` AND NOT EXISTS (SELECT 1 FROM trigger_saw own WHERE own.pair_id = $1)`
		case "trigger_firing":
			statement += ` AND NOT EXISTS (SELECT 1 FROM trigger_firing own WHERE own.pair_id = $1
				AND own.trigger_name = trigger_firing.trigger_name AND own.occurrence = trigger_firing.occurrence)`
		}
		if _, err := w.exec(statement, w.absorbed[id], id); err != nil {
			return err
		}
		if _, err := w.exec(`DELETE FROM `+table+` WHERE pair_id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

// withdrawHalves drops writes that were decided for halves and not sent yet.
func (w *workspace) withdrawHalves() error {
	_, err := w.execAmong(`DELETE FROM intent WHERE state = 'ready' AND pair_id IN (%s)`, nil, sorted(w.woken))
	return err
}

func (w *workspace) storeCalmed() error {
	if _, err := w.closeConflicts(sorted(w.cleared), func(string, string, string) bool { return true }); err != nil {
		return err
	}
	released, err := w.closeConflicts(sorted(w.calmed), func(_, _, reason string) bool { return holding(reason) || reason == ReasonLetGo })
	if err != nil {
		return err
	}
	for _, id := range released {
		if p := w.pairs[id]; p != nil && p.State == PairHeld {
			p.State, p.changed = PairLive, true
		}
	}
	return nil
}

// storeWoken makes due what waited for pairs to get their second side.
func (w *workspace) storeWoken() error {
	if _, err := w.execAmong(`UPDATE trigger_firing SET state = 'ready', not_before = $1 WHERE state = 'waiting' AND pair_id IN (%s)`,
		[]any{w.now}, sorted(w.woken)); err != nil {
		return err
	}
	_, err := w.execAmong(`UPDATE pending SET waits_for = '', not_before = $1, gen = gen + 1, reason = 'was waiting'
		WHERE waits_for <> '' AND waits_for IN (%s)`, []any{w.now}, sorted(w.woken))
	return err
}

func (w *workspace) storeTrouble() error { return w.openConflicts(w.trouble) }

// HalfPairs calls yield for every live record of an object's side that has no other side yet and may get one by matching,
// in no promised order. An error of yield ends it.
func (l *Ledger) HalfPairs(ctx context.Context, object string, side record.Side, yield func(HalfPair) error) error {
	return l.halves(ctx, object, side, `p.state = 'live' AND p.lone = ''`, yield)
}

// Unpaired is HalfPairs with those that are held, and those of which somebody said what becomes of them.
func (l *Ledger) Unpaired(ctx context.Context, object string, side record.Side, yield func(HalfPair) error) error {
	return l.halves(ctx, object, side, `p.state IN ('live', 'held')`, yield)
}

func (l *Ledger) halves(ctx context.Context, object string, side record.Side, condition string, yield func(HalfPair) error) error {
	return l.read(ctx, fmt.Sprintf("list the records of %s without a partner", object), func(t *tx) error {
		empty := [2]string{"left_id", "right_id"}[side.Other()]
		return t.query(`SELECT `+prefixed("s", seenColumns)+`, p.state, p.lone FROM pair p JOIN seen s ON s.pair_id = p.id AND s.side = $2
			WHERE p.object = $1 AND p.`+empty+` IS NULL AND `+condition+` AND s.state = 'live'`,
			[]any{object, side.String()}, func(r row) error {
				h := HalfPair{}
				s, err := scanSeen(more{r, []any{&h.State, &h.Lone}})
				if err != nil {
					return err
				}
				h.PairID, h.Record = s.pairID, *s.record()
				return yield(h)
			})
	})
}

// more scans further columns after those that are asked for.
type more struct {
	row
	into []any
}

// Scan is a row's.
func (m more) Scan(into ...any) error { return m.row.Scan(append(into, m.into...)...) }

func prefixed(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// JoinPairs makes one pair of each left half and right half, given by pair ids, and returns how many it made. Those that
// are no halves any more are left as they are. The joined pairs are pending.
func (l *Ledger) JoinPairs(ctx context.Context, object string, joins [][2]string) (joined int, err error) {
	object = clean(object)
	err = l.write(ctx, "join pairs of "+object, []string{"object/" + object}, func(t *tx) error {
		joined = 0
		w := t.workspace()
		var ids []string
		for _, j := range joins {
			ids = append(ids, j[0], j[1])
		}
		if err := w.loadPairs(ids); err != nil {
			return err
		}
		if err := w.loadSeenOf(ids); err != nil {
			return err
		}
		for _, j := range joins {
			left, right := w.pairs[j[0]], w.pairs[j[1]]
			if left == nil || right == nil || left.Object != object || right.Object != object || left.ID == right.ID ||
				left.Paired() || right.Paired() || left.IDs[record.Left] == "" || right.IDs[record.Right] == "" {
				continue
			}
			if left.ID < right.ID {
				w.absorb(left, right)
			} else {
				w.absorb(right, left)
			}
			joined++
		}
		return w.store()
	})
	return joined, err
}
