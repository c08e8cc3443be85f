package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/policy"
	"accord/engine/record"
)

// guard stops an object before it carries out a disaster. Creations, the first meeting of two records, and what a creation
// had to leave out for the time being are not counted: they run over nothing. It says whether the claims were given back.
func (p *Pipeline) guard(ctx context.Context, o *object, work []ledger.Work, resolutions []ledger.Resolution) (bool, error) {
	round := o.round
	for i, r := range resolutions {
		for _, in := range r.Intents {
			switch {
			case in.Op == record.Archive || in.Op == record.Delete:
				round.Deletes++
			case in.Op == record.Update && overwrites(o, work[i], in):
				round.Changes++
			}
		}
	}
	lost := o.vanished.note(work)
	if !lost && round.Deletes == o.round.Deletes && round.Changes == o.round.Changes {
		return false, nil
	}
	h, err := p.judge(ctx, o, round, lost)
	if err != nil {
		return false, err
	}
	if h == nil && round.Mass() && (round.Deletes != o.round.Deletes || !o.round.Mass()) {
		h, err = p.canary(ctx, o, canaryAge)
		switch {
		case ofVendor(ctx, err) != nil:
			if e := p.giveBack(ctx, o, work, resolutions, 0); e != nil {
				return true, e
			}
			return true, err
		case err != nil:
			return false, err
		}
	}
	if h == nil {
		o.round = round
		return false, p.saveBurst(ctx, o)
	}
	o.halted = true
	if err := p.giveBack(ctx, o, work, resolutions, 0); err != nil {
		return true, err
	}
	return true, p.halt(ctx, o, *h)
}

// overwrites says whether an update touches any field on which both sides have agreed before. A reference that gets its
// record at last was agreed to be empty only because that record was not there yet.
func overwrites(o *object, w ledger.Work, in ledger.Intent) bool {
	if w.Pair.Base[in.Side.Other()] == nil {
		return false
	}
	for name := range in.Fields {
		before, agreed := w.Pair.Base[in.Side][name]
		late := before.IsEmpty() && slices.ContainsFunc(o.Fields, func(f *contract.Field) bool {
			return f.Reference != nil && slices.ContainsFunc(f.Ends[in.Side], func(n contract.NativeField) bool { return n.Name == name })
		})
		if agreed && !late {
			return true
		}
	}
	return false
}

// judge compares a round with the object's guard. Lost says that a side shows fewer records than before.
func (p *Pipeline) judge(ctx context.Context, o *object, round policy.Round, lost bool) (*Halt, error) {
	stats, err := p.cfg.Ledger.Stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the figures of %s: %w", o.Name, err)
	}
	round.Object, round.Seen = o.Name, policy.NotListed
	for _, s := range stats {
		if s.Object == o.Name {
			round.Paired = min(s.Pairs, s.Pairs-s.Gone+o.vanished.all())
		}
	}
	if lost {
		live, err := p.cfg.Ledger.Shown(ctx, o.Name)
		if err != nil {
			return nil, err
		}
		for _, side := range record.Sides {
			gone, hidden := o.vanished.counts(side)
			if gone > 0 {
				round.Known[side], round.Seen[side], round.Hidden[side] = live[side]+gone, live[side], hidden
			}
		}
	}
	checked := round
	checked.Deletes -= o.allowed.Deletes
	checked.Changes -= o.allowed.Changes
	return p.check(ctx, o, checked, round)
}

// check is policy's verdict on a round, but for empty sides that somebody has looked at. Whole is the round with what
// was allowed before.
func (p *Pipeline) check(ctx context.Context, o *object, round, whole policy.Round) (*Halt, error) {
	for {
		h := policy.Check(o.Guard, round)
		if h == nil {
			return nil, nil
		}
		halt := haltOf(h, whole)
		if halt.Mark == "" {
			return &halt, nil
		}
		text, err := p.excused(ctx, o, halt.Mark)
		if err != nil || text == "" {
			return &halt, err
		}
		round.Seen[h.Side] = policy.NotListed[h.Side]
	}
}

// giveBack undoes claims: nothing was decided.
func (p *Pipeline) giveBack(ctx context.Context, o *object, work []ledger.Work, resolutions []ledger.Resolution, wait time.Duration) error {
	for i := range resolutions {
		resolutions[i] = ledger.Resolution{PairID: work[i].Pair.ID, Gen: work[i].Gen, Lease: work[i].Lease, RetryAt: p.cfg.Clock().Add(wait), Reason: "given back"}
	}
	if _, err := o.ledger.Resolve(ctx, resolutions); err != nil {
		return fmt.Errorf("give back claims of %s: %w", o.Name, err)
	}
	return nil
}

// vanished are the pairs whose record on a side stopped being live since the object was last quiet, and whether somebody
// said that it was deleted.
type vanished [2]map[string]bool

// note takes up what was claimed. It says whether any of it is news.
func (v *vanished) note(work []ledger.Work) bool {
	news := false
	for _, w := range work {
		for _, side := range record.Sides {
			seen, known := w.Seen[side], v[side]
			hidden, before := known[w.Pair.ID]
			switch {
			case seen == nil || w.Pair.Base[side] == nil || seen.State == record.Live:
				delete(known, w.Pair.ID)
			case before && hidden == (seen.State == record.Missing):
			default:
				if known == nil {
					known = map[string]bool{}
					v[side] = known
				}
				known[w.Pair.ID], news = seen.State == record.Missing, true
			}
		}
	}
	return news
}

// all counts the pairs of which a record of either side is live no more.
func (v *vanished) all() int {
	n := len(v[record.Left])
	for pair := range v[record.Right] {
		if _, both := v[record.Left][pair]; !both {
			n++
		}
	}
	return n
}

// counts are the records of a side that are live no more, and those among them of which nobody said why.
func (v *vanished) counts(side record.Side) (gone, hidden int) {
	for _, missing := range v[side] {
		if missing {
			hidden++
		}
	}
	return len(v[side]), hidden
}

// emptied halts an object of which a full listing showed hardly anything any more, and says so. Known is how many records
// the side showed before.
func (p *Pipeline) emptied(ctx context.Context, o *object, side record.Side, known, listed int) (bool, error) {
	round := policy.Round{Object: o.Name, Seen: policy.NotListed}
	round.Known[side], round.Seen[side], round.Hidden[side] = known, listed, max(0, known-listed)
	h, err := p.check(ctx, o, round, round)
	switch {
	case err != nil:
		return false, err
	case h != nil:
		return true, p.halt(ctx, o, *h)
	case listed > 0 && listed*2 >= known:
		return false, p.unexcuse(ctx, o, haltOf(&policy.Halt{Reason: policy.SideEmpty, Side: side}, round).Mark)
	default:
		return false, nil
	}
}
