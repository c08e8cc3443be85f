package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"accord/engine/record"
)

// Outcome is how one intent ended. Exactly one of Done, Retry, Dead, Reread and Unknown is set.
type Outcome struct {
	IntentID string
	BatchID  string // when set, the outcome of another batch than the intent is in now is ignored, unless Done
	Run      string // the run that wrote it, for revert
	// Done: the vendor confirmed the write.
	Done     bool
	RecordID string         // vendor's id; of a create, the new one
	Stored   record.Fields  // what is stored now, where the vendor's answer shows it
	Version  record.Version // of the record after the write; 0 = not told
	// Found, with Done: nobody confirmed the write, but looking it up showed that it had been carried out. What else
	// happened since is not known, so the record is read; Stored holds what the look-up showed of the written fields.
	Found bool
	// Carried, with Found: the native fields, by side, that count as carried out; none on either side = all. About the rest
	// the pair is decided anew.
	Carried [2][]string
	// Retry: it was surely not carried out, and may be later.
	Retry *Retry
	// Dead: it failed for good. Object, PairID, Side, Op, RecordID and Payload are filled in.
	Dead *DeadLetter
	// Reread: what is there is not what we thought. Both records are read again and the pair is decided anew.
	Reread bool
	// Unknown: it may have been carried out. The intent stays in its batch.
	Unknown bool
	Error   string // for Unknown: what was said
}

// Retry puts an intent off.
type Retry struct {
	At    time.Time
	Error string
}

// Whole says that an outcome is that of all that its intent was to do.
func (o *Outcome) Whole() bool { return len(o.Carried[0])+len(o.Carried[1]) == 0 }

func (o *Outcome) check() error {
	n := number(o.Done) + number(o.Retry != nil) + number(o.Dead != nil) + number(o.Reread) + number(o.Unknown)
	if n != 1 {
		return fmt.Errorf("intent %s has %d outcomes instead of one", o.IntentID, n)
	}
	return nil
}

// Settle records how intents ended, all in one transaction. An intent that is settled already is passed over, so that an
// outcome may be told twice.
//
// Done moves the base by what was agreed, with the values of the written side as the vendor stores them; a create gives
// the pair its second side, wakes what waited for it and leaves the pair pending, so that the link is written back. The
// other outcomes leave the base alone.
func (l *Ledger) Settle(ctx context.Context, outcomes []Outcome) error {
	ids := make([]string, len(outcomes))
	var wrong error
	for i := range outcomes {
		ids[i] = outcomes[i].IntentID
		wrong = errors.Join(wrong, outcomes[i].check())
	}
	what := fmt.Sprintf("settle %d writes", len(ids))
	if wrong != nil {
		return fmt.Errorf("%s: %w", what, wrong)
	}
	return l.write(ctx, what, nil, func(t *tx) error {
		if err := t.lockObjects(`SELECT DISTINCT object FROM intent WHERE id IN (%s)`, ids); err != nil {
			return err
		}
		s := &settling{workspace: t.workspace(), intents: map[string]*intentRow{}, healthy: map[end]record.Fields{}}
		if err := s.load(ids, outcomes); err != nil {
			return err
		}
		for i := range outcomes {
			if err := s.settle(&outcomes[i]); err != nil {
				return err
			}
		}
		return s.finish()
	})
}

// settling is a batch of outcomes on its way into the ledger.
type settling struct {
	*workspace
	intents map[string]*intentRow
	over    []string // intents that are no more
	written [][]any
	healthy map[end]record.Fields // what was written to ends: what failed there before is history
	dead    []DeadLetter
}

func (s *settling) load(ids []string, outcomes []Outcome) error {
	err := s.among(`SELECT `+intentColumns+` FROM intent WHERE id IN (%s)`, nil, ids, func(r row) error {
		i, err := scanIntent(r)
		if err == nil {
			s.intents[i.ID] = i
		}
		return err
	})
	if err != nil {
		return err
	}
	var pairs []string
	type group struct {
		object string
		side   record.Side
	}
	created := map[group][]string{}
	for _, o := range outcomes {
		if i := s.intents[o.IntentID]; i != nil {
			pairs = append(pairs, i.PairID)
			if o.Done && i.Op == record.Create && o.RecordID != "" {
				g := group{i.Object, i.Side}
				created[g] = append(created[g], clean(o.RecordID))
			}
		}
	}
	if err := s.loadPairs(pairs); err != nil {
		return err
	}
	if err := s.loadSeenOf(pairs); err != nil {
		return err
	}
	if err := s.loadStrays(); err != nil {
		return err
	}
	// A created record may have been seen before its vendor's answer came in: then it has a half pair of its own.
	for g, list := range created {
		if err := s.loadSeen(g.object, g.side, list); err != nil {
			return err
		}
		if err := s.loadPairsOf(g.object, g.side, list); err != nil {
			return err
		}
	}
	return nil
}

// loadStrays loads the records of writes that their pairs have let go of since.
func (s *settling) loadStrays() error {
	var pairs []string
	for _, id := range sorted(s.intents) {
		i := s.intents[id]
		if p := s.pairs[i.PairID]; p == nil || i.RecordID == "" || p.IDs[i.Side] == i.RecordID {
			continue
		}
		if err := s.loadSeen(i.Object, i.Side, []string{i.RecordID}); err != nil {
			return err
		}
		if r := s.seen[seenKey{i.Object, i.Side, i.RecordID}]; r != nil {
			pairs = append(pairs, r.pairID)
		}
	}
	return s.loadPairs(pairs)
}

func (s *settling) settle(o *Outcome) error {
	i := s.intents[o.IntentID]
	if i == nil || o.BatchID != "" && o.BatchID != i.batch && !o.Done {
		return nil
	}
	switch {
	case o.Retry != nil:
		if overtaken, err := s.overtaken(i, millis(o.Retry.At)); overtaken || err != nil {
			return err
		}
		_, err := s.exec(`UPDATE intent SET state = 'ready', batch_id = '', idempotency_key = '', sent_at = 0, attempts = attempts + 1,
			not_before = $1, error = $2 WHERE id = $3`, millis(o.Retry.At), o.Retry.Error, i.ID)
		return err
	case o.Unknown:
		_, err := s.exec(`UPDATE intent SET state = 'unknown', error = $1 WHERE id = $2`, o.Error, i.ID)
		return err
	}
	s.over = append(s.over, i.ID)
	delete(s.intents, i.ID)
	p := s.pairs[i.PairID]
	if p == nil {
		p = s.pairs[s.absorbed[i.PairID]]
	}
	switch {
	case p == nil:
		return fmt.Errorf("intent %s is of pair %s, but there is no such pair", i.ID, i.PairID)
	case o.Dead != nil:
		died := s.ended(p, i, EndDead, EndDead, func(name string, now record.Value) bool { return now.Equal(i.before[name].Value) })
		return s.bury(i, *o.Dead, died)
	case o.Reread:
		for _, side := range record.Sides {
			if r := s.seen[seenKey{p.Object, side, p.IDs[side]}]; r != nil {
				r.doubt()
			}
		}
		s.enqueue(p, i.Priority, s.now, "read again")
		return nil
	default:
		return s.confirm(p, i, o)
	}
}

// overtaken drops a write that is to be tried again although its pair changed while it was under way: it was decided on
// what is no longer so. The pair is decided anew when the write would have been tried again.
func (s *settling) overtaken(i *intentRow, at int64) (bool, error) {
	n, err := s.exec(`DELETE FROM intent WHERE id = $1 AND EXISTS (SELECT 1 FROM pending p
		WHERE p.pair_id = intent.pair_id AND p.waits_for = '' AND p.not_before <= $2)`, i.ID, s.now)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = s.exec(`UPDATE pending SET not_before = $1 WHERE pair_id = $2 AND not_before < $1`, at, i.PairID)
	return true, err
}

func (s *settling) bury(i *intentRow, d DeadLetter, died changes) error {
	d.Object, d.PairID, d.Side, d.Op = i.Object, i.PairID, i.Side, i.Op
	if d.RecordID == "" {
		d.RecordID = i.RecordID
	}
	if len(d.Payload) == 0 {
		text, err := encode(deadWrite{i.Key, i.Fields, died})
		if err != nil {
			return err
		}
		d.Payload = []byte(text)
	}
	s.dead = append(s.dead, d)
	return nil
}

// confirm records a write that was carried out.
func (s *settling) confirm(p *pairRow, i *intentRow, o *Outcome) error {
	if !o.Whole() {
		i = i.only(o.Carried)
	}
	id := clean(o.RecordID)
	if i.Op == record.Create {
		if id == "" {
			return fmt.Errorf("%s was confirmed without the new record's id", i.label())
		}
		half := p
		if p = s.place(p, i, id); p == nil {
			s.ended(half, i, EndRejected, EndRejected, func(string, record.Value) bool { return true })
			return nil
		}
		s.enqueue(p, i.Priority, s.now, "created")
	} else if id = p.IDs[i.Side]; id != i.RecordID {
		return s.strayed(p, i, o)
	}
	after, stored := i.Fields.Clone(), s.stored(p, i, id, o)
	for name := range after {
		if v, shown := o.Stored[name]; shown {
			after[name] = v
		}
	}
	for _, side := range record.Sides {
		agreed := i.Agreed[side].Clone()
		if side == i.Side {
			for name := range agreed {
				// Only what was written: another field may show somebody's edit that is still to be carried across.
				if v, ours := i.Fields[name]; ours {
					if made, shown := stored[name]; shown {
						v = made
					}
					agreed[name] = v
				}
			}
		}
		if agreed != nil {
			p.Base[side] = merged(p.Base[side], agreed)
			p.changed = true
		}
	}
	s.saw(p, i, id, o, stored)
	s.ended(p, i, EndSynced, EndOverruled, func(name string, now record.Value) bool {
		made, shown := stored[name]
		return now.Equal(after[name]) || shown && now.Equal(made)
	})
	s.healthy[end{p.ID, i.Side}] = i.Fields
	return s.note(p, i, id, o.Run, after)
}

// strayed notes a write to a record that its pair has let go of meanwhile: it is known to have been written, and what it
// shows is found out by reading it. Nothing was agreed.
func (s *settling) strayed(p *pairRow, i *intentRow, o *Outcome) error {
	if r := s.seen[seenKey{p.Object, i.Side, i.RecordID}]; r != nil {
		r.wrote(i.Intent, i.before, nil, o.Version)
		r.doubt()
		if q := s.pairs[r.pairID]; q != nil {
			s.enqueue(q, i.Priority, s.now, "read again")
		}
	}
	return s.note(p, i, i.RecordID, o.Run, i.Fields.Clone())
}

// stored is what the vendor made of the written values, where its answer shows that, or where it reported the very version
// that the answer names before the answer came. A version of whole seconds may be of several changes, and proves nothing.
func (s *settling) stored(p *pairRow, i *intentRow, id string, o *Outcome) record.Fields {
	r := s.seen[seenKey{p.Object, i.Side, id}]
	if r == nil || o.Version%1000 == 0 {
		return o.Stored
	}
	all := o.Stored.Clone()
	for name := range i.Fields {
		have, known := r.fields[name]
		if _, shown := o.Stored[name]; !shown && known && have.Version == o.Version {
			if all == nil {
				all = record.Fields{}
			}
			all[name] = have.Value
		}
	}
	return all
}

// place gives a pair the record that was created for it. Nil when the pair has another one already: then the new record
// stays by itself, and a person must say what it is.
func (s *settling) place(p *pairRow, i *intentRow, id string) *pairRow {
	k := seenKey{p.Object, i.Side, id}
	if p.IDs[i.Side] == id {
		return p
	}
	if s.seen[k] == nil {
		r := &seenRow{seenKey: k, fields: map[string]fieldSeen{}, changed: true}
		s.addSeen(r)
	}
	r, own := s.seen[k], s.ends[k]
	switch {
	case p.IDs[i.Side] != "" || own != nil && own.Paired():
		if own == nil {
			own = s.newPair(r)
			r.doubt()
		}
		s.ambiguous(own, r, []*pairRow{p})
		return nil
	case own == nil:
		return s.join(nil, p, r)
	default:
		s.absorb(p, own)
		return p
	}
}

// saw brings the write into what is seen of the written record.
func (s *settling) saw(p *pairRow, i *intentRow, id string, o *Outcome, stored record.Fields) {
	r := s.seen[seenKey{p.Object, i.Side, id}]
	if r == nil {
		return
	}
	if r.wrote(i.Intent, i.before, stored, o.Version) {
		s.enqueue(p, i.Priority, s.now, "changed")
	}
	if o.Found {
		r.doubt()
	}
	switch i.Op {
	case record.Archive:
		r.state, r.removed = record.Archived, true
	case record.Delete:
		r.state, r.removed = record.Deleted, true
	}
	// The answer also shows what we did not write: that is an observation like any other.
	rest := record.Fields{}
	for name, v := range o.Stored {
		if _, ours := i.Fields[name]; !ours {
			rest[name] = v
		}
	}
	var did observed
	for name, v := range rest {
		news := r.news(name, v, i.Key)
		changed, unsure := r.observeField(name, v, &Observation{Record: record.Record{Version: o.Version}}, &did)
		did.differs(name, news && changed)
		did.changed = did.changed || changed || unsure
		if unsure {
			r.doubt()
		}
	}
	s.opened(r, did.names)
	if did.changed {
		s.enqueue(p, i.Priority, s.now, "changed")
	} else if r.dirty {
		s.enqueue(p, i.Priority, s.now, "read again")
	}
}

func (s *settling) note(p *pairRow, i *intentRow, id, run string, after record.Fields) error {
	var texts [2]string
	for n, f := range [2]record.Fields{i.Before, after} {
		var err error
		if texts[n], err = encode(f); err != nil {
			return err
		}
	}
	s.written = append(s.written, []any{
		s.l.ids.next(s.now), s.now, p.Object, p.ID, i.Side.String(), i.Op.String(), id, texts[0], texts[1], i.Cause, i.batch, run,
	})
	return nil
}

func (s *settling) finish() error {
	if _, err := s.execAmong(`DELETE FROM intent WHERE id IN (%s)`, nil, s.over); err != nil {
		return err
	}
	if err := s.insert("written", writtenColumns, "", s.written); err != nil {
		return err
	}
	history, err := s.closeDeadLetters(slices.Collect(maps.Keys(s.healthy)))
	if err != nil {
		return err
	}
	for _, d := range history {
		how := EndSuperseded
		if d.carriedBy(s.healthy[d.end]) {
			how = EndSynced
		}
		s.endedBetter(d.object, how, d.died.count())
	}
	if err := s.openDeadLetters(s.dead); err != nil {
		return err
	}
	return s.store()
}
