package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/record"
)

// Observation is what one vendor showed of one record. Fields that it does not name were not shown: what is known of
// them stays.
type Observation struct {
	Object string
	Side   record.Side
	Record record.Record
	// Full says that the record was read as a whole, not told by an event.
	Full bool
	// DirtyGen is the generation that DirtyRecords gave before the record was read; 0 for any other observation.
	DirtyGen int64
	// Partial says that the vendor told less than what changed: the record must be read before it is trusted.
	Partial bool
	// Ours says that the vendor attributes the change to our own client. It is a hint: a value that differs from what
	// we wrote, in the first answer to our own write, is taken as the vendor's spelling of it.
	Ours bool
	// Event names what told of it, for people; "" where nothing but a look at the record did.
	Event string
}

// Capture is one batch of observations with the cursor that stands behind them.
type Capture struct {
	Observations []Observation
	Cursor       *Cursor // nil leaves cursors alone
	// Listed says that these are of a listing after an earlier one of all the same records: what was not seen so far is new.
	Listed   bool
	Priority int // of the pairs that changed, lower first: PriorityLive, PriorityBackfill
	// Untold is for observations of a listing: of changes that were made between the two moments, an event should have told
	// before. Those that are news are counted as lost events.
	Untold    [2]time.Time
	NotBefore time.Time // when changed pairs become due; zero = at once. An earlier time that a pair has already stays.
}

// Priorities of pending work.
const (
	PriorityLive     = 0
	PriorityBackfill = 10
)

// Captured counts what a capture did, by observation.
type Captured struct{ Created, Updated, Unchanged int }

// Dirty is a record that must be read before it is trusted.
type Dirty struct {
	ID  string
	Gen int64 // goes into Observation.DirtyGen of the read
}

// Capture brings what was observed into the ledger, with the cursor, in one transaction: once it returns nil, the events
// may be acknowledged.
//
// Of each field the strictly newer version wins, whatever the order of arrival. Where versions can't tell (equal, or none),
// where the vendor told only part, and where a record is seen for the first time by an event, the record becomes dirty:
// it shows in DirtyRecords, and its pair is not claimed until a full read with the same DirtyGen came in. A record never
// seen before gets a pair by its key or by the keys that name it; an unknown record that is gone already is ignored.
// Only what really changes something marks the pair pending, and withdraws writes to the pair that were not sent yet:
// they were decided on what is no longer so.
func (l *Ledger) Capture(ctx context.Context, c Capture) (Captured, error) {
	var done Captured
	observations, locks := tidy(c.Observations)
	err := l.write(ctx, fmt.Sprintf("capture %d observations", len(observations)), locks, func(t *tx) error {
		done = Captured{}
		w := t.workspace()
		w.fresh = c.Priority == PriorityLive || c.Listed
		w.untold = [2]int64{millis(c.Untold[0]), millis(c.Untold[1])}
		if err := w.loadObserved(observations); err != nil {
			return err
		}
		notBefore := t.now
		if !c.NotBefore.IsZero() {
			notBefore = max(notBefore, millis(c.NotBefore))
		}
		changed := map[string]bool{}
		for i := range observations {
			p := w.capture(&observations[i], &done)
			if p == nil {
				continue
			}
			w.enqueue(p, c.Priority, notBefore, "changed")
			if p.stored {
				changed[p.ID] = true
			}
		}
		if _, err := w.execAmong(`DELETE FROM intent WHERE state = 'ready' AND pair_id IN (%s)`, nil, sorted(changed)); err != nil {
			return err
		}
		if err := w.store(); err != nil {
			return err
		}
		if c.Cursor != nil {
			return t.setCursor(*c.Cursor)
		}
		return nil
	})
	return done, err
}

// tidy copies observations with texts that can be stored, and names the locks they need. Observations without a record
// id say nothing.
func tidy(list []Observation) (clear []Observation, locks []string) {
	clear = make([]Observation, 0, len(list))
	objects := map[string]bool{}
	for _, o := range list {
		o.Object = clean(o.Object)
		o.Record.ID, o.Record.Key, o.Record.Actor = clean(o.Record.ID), clean(o.Record.Key), clean(o.Record.Actor)
		o.Record.MergedInto, o.Event = clean(o.Record.MergedInto), shortened(clean(o.Event))
		if o.Record.ID == "" || o.Side > record.Right || o.Record.State > record.Outside {
			continue
		}
		clear = append(clear, o)
		objects["object/"+o.Object] = true
	}
	return clear, sorted(objects)
}

// loadObserved loads everything that the observations may touch.
func (w *workspace) loadObserved(observations []Observation) error {
	type group struct {
		object string
		side   record.Side
	}
	ids := map[group][]string{}
	for _, o := range observations {
		g := group{o.Object, o.Side}
		ids[g] = append(ids[g], o.Record.ID)
	}
	for g, list := range ids {
		slices.Sort(list)
		ids[g] = slices.Compact(list)
		if err := w.loadSeen(g.object, g.side, ids[g]); err != nil {
			return err
		}
	}
	// The other side of new records, and of those with another key.
	keys := map[group][]string{}
	for _, o := range observations {
		have := w.seen[seenKey{o.Object, o.Side, o.Record.ID}]
		g := group{o.Object, o.Side.Other()}
		if o.Record.Key != "" && (have == nil || have.link != o.Record.Key) {
			keys[g] = append(keys[g], o.Record.Key)
		}
		if have != nil && have.link != "" && have.state != record.Live && o.Record.State == record.Live {
			keys[g] = append(keys[g], have.link) // it is there again, and wants its place back
		}
	}
	for g, list := range ids {
		unseen := slices.DeleteFunc(slices.Clone(list), func(id string) bool { return w.seen[seenKey{g.object, g.side, id}] != nil })
		if err := w.loadPairsOf(g.object, g.side, unseen); err != nil {
			return err
		}
		if err := w.loadLinked(g.object, g.side.Other(), unseen); err != nil {
			return err
		}
	}
	for g, list := range keys {
		slices.Sort(list)
		if err := w.loadSeen(g.object, g.side, slices.Compact(list)); err != nil {
			return err
		}
	}
	pairs := make([]string, 0, len(w.seen))
	for _, s := range w.seen {
		pairs = append(pairs, s.pairID)
	}
	if err := w.loadPairs(pairs); err != nil {
		return err
	}
	return w.loadMoved(observations)
}

// loadMoved loads what records may take the place of, or leave theirs for, that were merged away or carry another key.
func (w *workspace) loadMoved(observations []Observation) error {
	var pairs []string
	for _, o := range observations {
		s := w.seen[seenKey{o.Object, o.Side, o.Record.ID}]
		if s == nil {
			continue
		}
		if into := o.Record.MergedInto; into != "" {
			if err := w.loadSeen(o.Object, o.Side, []string{into}); err != nil {
				return err
			}
			if err := w.loadPairsOf(o.Object, o.Side, []string{into}); err != nil {
				return err
			}
			pairs = append(pairs, s.pairID)
		}
		if key := o.Record.Key; key != "" && key != s.link {
			w.claim(seenKey{o.Object, o.Side, key}, o.Record.ID)
			if err := w.loadLinked(o.Object, o.Side, []string{key}); err != nil {
				return err
			}
			pairs = append(pairs, s.pairID)
		}
	}
	for _, o := range observations { // whoever is the partner, now, of what a record names, or became part of
		names := [...]seenKey{{o.Object, o.Side.Other(), o.Record.Key}, {o.Object, o.Side, o.Record.MergedInto}, {}}
		if s := w.seen[seenKey{o.Object, o.Side, o.Record.ID}]; s != nil && s.state != record.Live {
			names[2] = seenKey{o.Object, o.Side.Other(), s.link}
		}
		for _, k := range names {
			if p := w.ends[k]; k.id != "" && p != nil && p.Paired() && p.IDs[o.Side] != o.Record.ID {
				pairs = append(pairs, p.ID)
			}
		}
	}
	slices.Sort(pairs)
	return w.loadSeenOf(slices.Compact(pairs))
}

// capture brings one observation into the workspace, and returns its pair when there is something to decide anew.
func (w *workspace) capture(o *Observation, done *Captured) *pairRow {
	k := seenKey{o.Object, o.Side, o.Record.ID}
	s := w.seen[k]
	if s == nil {
		if o.Record.State != record.Live && w.ends[k] == nil {
			done.Unchanged++
			return nil // it came and went without us
		}
		s = &seenRow{seenKey: k}
		s.begin(o)
		w.addSeen(s)
		w.opened(s, []string{itself})
		w.late(o, []string{itself})
		done.Created++
		return w.identify(s)
	}
	before, link, doubted := s.state, s.link, s.dirty
	did := s.observe(o)
	w.opened(s, did.names)
	w.late(o, did.names)
	w.echoed(s, did.readBack)
	p := w.ends[k]
	if s.state == record.Live && s.removed {
		// Somebody restored it; or we are told late what it was before we removed it. What is read from now on tells.
		if doubted && !s.dirty {
			s.removed, s.changed = false, true
		} else if !s.dirty {
			s.doubt()
		}
	}
	if did.linked {
		w.unlink(s, link)
		w.link(s)
	}
	switch {
	case p == nil || (did.linked || before != record.Live && s.state == record.Live) && !p.Paired():
		p = w.identify(s)
	case did.linked:
		w.relink(p, s)
	}
	if into := o.Record.MergedInto; s.state == record.Deleted && into != "" && into != s.id && s.mergedInto != into {
		s.mergedInto, s.changed, did.changed = into, true, true
		w.mergedAway(p, s)
	}
	if s.state == record.Live && s.mergedInto != "" {
		s.mergedInto, s.changed = "", true
	}
	if did.readBack != nil {
		p.Base[o.Side] = merged(p.Base[o.Side], did.readBack)
		p.changed = true
	}
	if !did.changed {
		done.Unchanged++
		return nil
	}
	done.Updated++
	switch {
	case p.State == PairClosed && s.state == record.Live && before != record.Live:
		p.State, p.changed = PairLive, true
	case p.State == PairClosed:
		w.endAll(s, EndIgnored, func(string) bool { return true }) // nobody will decide about it
	case p.State == PairHeld && p.Paired() && gone(s.state) && s.mergedInto == "":
		w.calm(p) // the double of merged records is gone
	case p.State == PairHeld && !p.Paired() && (gone(s.state) || s.state == record.Outside):
		w.calm(p) // a copy that was deleted, or moved away, needs nobody's attention
	}
	return p
}

// DirtyRecords lists records that must be read before they are trusted, those that wait longest first.
func (l *Ledger) DirtyRecords(ctx context.Context, object string, side record.Side, limit int) ([]Dirty, error) {
	var list []Dirty
	err := l.read(ctx, "list the records of "+object+" that must be read", func(t *tx) error {
		return t.query(`SELECT record_id, dirty_gen FROM seen WHERE object = $1 AND side = $2 AND dirty = 1 ORDER BY seen_at, record_id LIMIT $3`,
			[]any{clean(object), side.String(), orAll(limit)}, func(r row) error {
				var d Dirty
				err := r.Scan(&d.ID, &d.Gen)
				list = append(list, d)
				return err
			})
	})
	return list, err
}
