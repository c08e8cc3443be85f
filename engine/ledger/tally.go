package ledger

import (
	"context"
	"maps"
	"slices"

	"accord/engine/record"
)

// Ending is what became of a change. A change is one field of one record that shows something else than it was known to
// show, or the record itself: seen for the first time (then none of its fields is), deleted, back again. Our own mark on a
// record, its key, is none.
type Ending string

// The endings. A change has one, and no second: what a person decides of a conflict ended before. Only what had ended in a
// dead letter that is tried again has another: that of the try, or of what took its place.
const (
	EndSynced     Ending = "synced"     // the other side confirmed it
	EndAgreed     Ending = "agreed"     // the other side shows the same, or it is what was agreed: there was nothing to write
	EndSuperseded Ending = "superseded" // a newer change of the same took its place
	EndOverruled  Ending = "overruled"  // the value of the other side counts, and was written over it
	EndRejected   Ending = "rejected"   // a conflict says why it was not carried across
	EndDead       Ending = "dead"       // a dead letter says why
	EndIgnored    Ending = "ignored"    // the contract does not want it carried across
	EndEcho       Ending = "echo"       // the vendor's spelling of what we had written
)

// Endings lists them all.
var Endings = []Ending{EndSynced, EndAgreed, EndSuperseded, EndOverruled, EndRejected, EndDead, EndIgnored, EndEcho}

// captured counts the changes themselves, in the same table.
const captured = "captured"

// lost counts changes of which no event told, in the same table.
const lost = "lost_event"

// itself names the record itself among the fields that changed.
const itself = ""

// Tally is the account of an object's changes.
type Tally struct {
	Object   string
	Captured int64
	Ended    map[Ending]int64
	Open     int64 // of which nothing has become yet
	// Stranded counts those open ones that nothing will move: their pair is not pending, no write of it is under way, and no
	// read of the record is due. There are none.
	Stranded int64
	// Lost counts changes that a listing showed first although an event should have told of them long before. They are among
	// the captured ones: a lost event costs time, and no change.
	Lost int64
}

// Balanced says whether every change is accounted for.
func (t Tally) Balanced() bool {
	sum := t.Open
	for _, n := range t.Ended {
		sum += n
	}
	return sum == t.Captured && t.Stranded == 0
}

// Tallies accounts for the changes of all objects, in the order of their names.
func (l *Ledger) Tallies(ctx context.Context) ([]Tally, error) {
	all := map[string]*Tally{}
	of := func(object string) *Tally {
		if all[object] == nil {
			all[object] = &Tally{Object: object, Ended: map[Ending]int64{}}
		}
		return all[object]
	}
	err := l.read(ctx, "account for what changed", func(t *tx) error {
		err := t.query(`SELECT object, outcome, changes FROM tally`, nil, func(r row) error {
			var object, outcome string
			var n int64
			err := r.Scan(&object, &outcome, &n)
			switch outcome {
			case captured:
				of(object).Captured = n
			case lost:
				of(object).Lost = n
			default:
				of(object).Ended[Ending(outcome)] = n
			}
			return err
		})
		if err != nil {
			return err
		}
		for text, into := range map[string]func(*Tally, int64){
			`SELECT object, SUM(open_changes) FROM seen WHERE open_changes > 0 GROUP BY object`: func(t *Tally, n int64) { t.Open = n },
			`SELECT object, SUM(open_changes) FROM seen WHERE open_changes > 0 AND dirty = 0
				AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.pair_id = seen.pair_id)
				AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.pair_id = seen.pair_id) GROUP BY object`: func(t *Tally, n int64) { t.Stranded = n },
		} {
			if err := t.query(text, nil, func(r row) error {
				var object string
				var n int64
				err := r.Scan(&object, &n)
				into(of(object), n)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	list := make([]Tally, 0, len(all))
	for _, object := range sorted(all) {
		list = append(list, *all[object])
	}
	return list, err
}

// count adds to what this transaction accounts for.
func (w *workspace) count(object, outcome string, n int64) {
	if w.tally[object] == nil {
		w.tally[object] = map[string]int64{}
	}
	w.tally[object][outcome] += n
}

// opened opens changes of a record. One that is open already is superseded.
func (w *workspace) opened(s *seenRow, names []string) {
	for _, name := range names {
		w.count(s.object, captured, 1)
		if s.open[name] {
			w.count(s.object, string(EndSuperseded), 1)
			continue
		}
		if s.open == nil {
			s.open = map[string]bool{}
		}
		s.open[name], s.changed = true, true
	}
	if gone(s.state) && len(names) > 0 {
		// What its fields were changed to before matters no more.
		w.endAll(s, EndSuperseded, func(name string) bool { return name != itself })
	}
}

// late counts changes that should have been told by an event within a window, and were not.
func (w *workspace) late(o *Observation, names []string) {
	for _, name := range names {
		version := o.Record.Version
		if name != itself {
			version = o.Record.ChangedAt(name)
		}
		if at := int64(version); at >= w.untold[0] && at < w.untold[1] {
			w.count(o.Object, lost, 1)
		}
	}
}

// echoed counts values that are our own, spelled by the vendor.
func (w *workspace) echoed(s *seenRow, readBack record.Fields) {
	n := int64(len(readBack))
	w.count(s.object, captured, n)
	w.count(s.object, string(EndEcho), n)
}

// endAll ends those open changes of a record that choose picks, and names them.
func (w *workspace) endAll(s *seenRow, how Ending, choose func(name string) bool) (names []string) {
	for name := range s.open {
		if choose(name) {
			w.end(s, name, how)
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// changes are changes of a pair's records, by side and name.
type changes map[string][]string

func (c changes) add(side record.Side, names []string) {
	if len(names) > 0 {
		c[side.String()] = names
	}
}

func (c changes) count() (n int64) {
	for _, names := range c {
		n += int64(len(names))
	}
	return n
}

// endedBetter ends otherwise what had ended in a dead letter.
func (w *workspace) endedBetter(object string, how Ending, n int64) {
	w.count(object, string(EndDead), -n)
	w.count(object, string(how), n)
}

// revive opens changes again that had ended in a dead letter: it is tried once more. One that is open already was changed
// again since, and superseded by that.
func (w *workspace) revive(p *pairRow, list changes) {
	for _, side := range record.Sides {
		s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
		if s == nil {
			continue
		}
		for _, name := range list[side.String()] {
			if s.open[name] {
				w.endedBetter(p.Object, EndSuperseded, 1)
				continue
			}
			w.count(p.Object, string(EndDead), -1)
			if s.open == nil {
				s.open = map[string]bool{}
			}
			s.open[name], s.changed = true, true
		}
	}
}

func (w *workspace) end(s *seenRow, name string, how Ending) {
	delete(s.open, name)
	s.ended = true
	w.count(s.object, string(how), 1)
}

// decided ends the changes of a pair of which nothing more will become: all but those that a write carries, or that the
// writes to come may carry.
func (w *workspace) decided(p *pairRow, r Resolution) {
	for _, side := range record.Sides {
		s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
		if s == nil {
			continue
		}
		for name := range s.open {
			if !carries(r.Intents, side, name) {
				w.end(s, name, r.ending(p, s, name))
			}
		}
	}
}

// carries says whether a change of a side is in one of the writes that were decided: carried to the other side, or written
// over by what counts instead.
func carries(intents []Intent, side record.Side, name string) bool {
	return slices.ContainsFunc(intents, func(i Intent) bool {
		_, across := i.Agreed[side][name]
		_, over := i.Fields[name]
		return name == itself && i.Side != side || name != itself && (i.Side != side && across || i.Side == side && over)
	})
}

// ending is what becomes of a change that no write carries.
func (r *Resolution) ending(p *pairRow, s *seenRow, name string) Ending {
	value, known := p.Base[s.side][name]
	switch {
	case slices.Contains(r.Refused[s.side], name):
		return EndRejected
	case name == itself && (p.State == PairClosed || p.Paired() && s.state == record.Live):
		return EndAgreed
	case name != itself && known && value.Equal(s.fields[name].Value):
		return EndAgreed
	default:
		return EndIgnored
	}
}

// ended ends the changes that a write carried, once it is known what became of it, and names them. Written over is what the
// written side shows of the write's fields; changes of it that came later stay open.
func (w *workspace) ended(p *pairRow, i *intentRow, across, over Ending, written func(name string, now record.Value) bool) changes {
	list := changes{}
	if s := w.seen[seenKey{p.Object, i.Side.Other(), p.IDs[i.Side.Other()]}]; s != nil {
		list.add(s.side, w.endAll(s, across, func(name string) bool {
			agreed, is := i.Agreed[s.side][name]
			return name == itself || is && s.fields[name].Value.Equal(agreed)
		}))
	}
	if s := w.seen[seenKey{p.Object, i.Side, p.IDs[i.Side]}]; s != nil {
		list.add(s.side, w.endAll(s, over, func(name string) bool {
			_, is := i.Fields[name]
			return is && name != itself && written(name, s.fields[name].Value)
		}))
	}
	return list
}

// storeTally stores what became of changes whose rows are stored for no other reason, and adds up the counts.
func (w *workspace) storeTally() error {
	type end struct {
		object string
		side   record.Side
	}
	none := map[end][]string{}
	for k, s := range w.seen {
		if s.ended && !s.changed {
			none[end{k.object, k.side}] = append(none[end{k.object, k.side}], k.id)
		}
	}
	for e, ids := range none {
		slices.Sort(ids)
		if _, err := w.execAmong(`UPDATE seen SET open_fields = '', open_changes = 0 WHERE object = $1 AND side = $2 AND record_id IN (%s)`,
			[]any{e.object, e.side.String()}, ids); err != nil {
			return err
		}
	}
	var rows [][]any
	for _, object := range sorted(w.tally) {
		for _, outcome := range slices.Sorted(maps.Keys(w.tally[object])) {
			if n := w.tally[object][outcome]; n != 0 {
				rows = append(rows, []any{object, outcome, n})
			}
		}
	}
	return w.insert("tally", "object, outcome, changes", `ON CONFLICT (object, outcome) DO UPDATE SET changes = tally.changes + excluded.changes`, rows)
}
