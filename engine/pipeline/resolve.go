package pipeline

import (
	"context"
	"fmt"
	"time"

	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

const (
	resolveBatch = 500
	claimLease   = 2 * time.Minute
)

// resolve decides what pending pairs need, and records that as intents, in the transaction that takes the pairs off the
// pending table. It writes nothing to any vendor.
func (p *Pipeline) resolve(ctx context.Context, o *object) (bool, error) {
	if o.halted {
		return false, nil
	}
	o.gathering = false
	work, err := o.ledger.Claim(ctx, o.Name, resolveBatch, p.cfg.Worker, claimLease)
	if err != nil {
		return false, fmt.Errorf("claim pending pairs of %s: %w", o.Name, err)
	}
	if len(work) == 0 {
		return false, nil
	}
	defer p.unclaim(ctx, o)
	env, err := p.environment(ctx, o, known(work))
	if err != nil {
		if ofVendor(ctx, err) != nil {
			if e := p.giveBack(ctx, o, work, make([]ledger.Resolution, len(work)), 0); e != nil {
				return false, e
			}
		}
		return false, err
	}
	if env.awards, err = p.cfg.Ledger.Awards(ctx, pairsOf(work)); err != nil {
		return false, fmt.Errorf("read what operators decided about %s: %w", o.Name, err)
	}
	resolutions := make([]ledger.Resolution, len(work))
	for i, w := range work {
		resolutions[i] = p.decide(o, w, env)
	}
	if err := p.stopFights(ctx, o, work, resolutions, env); err != nil {
		return false, err
	}
	if halted, err := p.guard(ctx, o, work, resolutions); err != nil || halted {
		return false, err
	}
	for i, w := range work {
		resolutions[i].Refused = o.refused(w, resolutions[i].Conflicts)
	}
	lost, err := o.ledger.Resolve(ctx, resolutions)
	if err != nil {
		return false, fmt.Errorf("record what %d pairs of %s need: %w", len(work), o.Name, err)
	}
	if err := p.dropAwards(ctx, o, env); err != nil {
		return false, err
	}
	if len(lost) > 0 {
		p.cfg.Logger.Warn("claims ran out before they were decided", "object", o.Name, "pairs", len(lost))
	}
	p.report(o, "resolve", func(pr *Progress) { pr.Resolved += len(work) })
	o.gathering = len(work) == resolveBatch && work[len(work)-1].Priority >= ledger.PriorityBackfill
	return true, nil
}

// unclaim gives back what a sync that is stopped in the middle has in hand: it would wait for the claim to run out.
func (p *Pipeline) unclaim(ctx context.Context, o *object) {
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), laneEnd)
	defer cancel()
	if err := o.ledger.FreeClaims(ctx, []string{o.Name}); err != nil {
		p.cfg.Logger.Warn("what was in hand waits for its claim to run out", "object", o.Name, "error", err)
	}
}

// known lists every record that resolving may look at: what is seen now, and what was agreed.
func known(work []ledger.Work) [2][]*record.Record {
	var records [2][]*record.Record
	for _, w := range work {
		for _, side := range record.Sides {
			if w.Seen[side] != nil {
				records[side] = append(records[side], w.Seen[side])
			}
			if w.Pair.Base[side] != nil {
				records[side] = append(records[side], &record.Record{Fields: w.Pair.Base[side]})
			}
		}
	}
	return records
}

// decide merges one pair and says what the ledger must remember of it.
func (p *Pipeline) decide(o *object, w ledger.Work, env *environment) ledger.Resolution {
	in, rested := p.input(o, w, env)
	d := merge.Resolve(in)
	r := ledger.Resolution{
		PairID: w.Pair.ID, Gen: w.Gen, Lease: w.Lease, Base: d.Agreed, RetryAt: rested, WaitFor: d.Waits, ClearConflicts: d.Healed,
	}
	if d.State == merge.Closed {
		closed := ledger.PairClosed
		r.State = &closed
	}
	if r.State == nil {
		r.Expects = env.strangers(o, w)
	}
	for _, side := range record.Sides {
		if patch := d.Patches[side]; patch != nil {
			r.Intents = append(r.Intents, ledger.Intent{
				Side: side, Op: patch.Op, RecordID: patch.ID, Key: patch.Key, Unlink: patch.Unlink,
				Fields: patch.Fields, Agreed: d.OnDone[side], Priority: w.Priority, Cause: intentCause(o, w, env, &d, patch, side),
			})
		}
	}
	for _, c := range d.Conflicts {
		opened := ledger.Conflict{
			Object: o.Name, PairID: w.Pair.ID, Field: c.Field, Reason: c.Reason,
			Left: c.Left, Right: c.Right, Base: c.Base, Detail: c.Detail, Remedy: c.Remedy,
		}
		if c.Info {
			// It needs nobody, and whatever was to be looked at about the field before is over.
			opened.State = ledger.StateInfo
			r.ClearConflicts = append(r.ClearConflicts, c.Field)
		}
		r.Conflicts = append(r.Conflicts, opened)
	}
	p.watchTriggers(o, w, env, &d, &r)
	return r
}

// lones are the ledger's words for what becomes of a record without a partner, as merge has them.
var lones = map[ledger.Lone]merge.Lone{
	ledger.LoneNew: merge.LoneNew, ledger.LoneLetGo: merge.LoneLetGo, ledger.LoneDismissed: merge.LoneDismissed, ledger.LoneRenewed: merge.LoneRenewed,
	ledger.LoneIgnored: merge.LoneIgnored,
}

// input is all that deciding about a pair depends on, and when a value that has not come to rest is due.
func (p *Pipeline) input(o *object, w ledger.Work, env *environment) (in merge.Input, rested time.Time) {
	unsettled, rested := p.unsettled(o, w)
	return merge.Input{
		Object: o.Object.Object, Lenses: o.Lenses, Env: env,
		Base: w.Pair.Base, Seen: w.Seen, Unsettled: unsettled, Awards: awarded(o, w, env),
		Paired:    w.Pair.Paired(),
		Removed:   w.Removed,
		Lone:      lones[w.Pair.Lone],
		Qualifies: o.Object.Object.Qualifies,
	}, rested
}

// unsettled names the fields that somebody may still be typing: those with `settle` that changed on either side and have
// not rested long enough. It also returns when to look again.
func (p *Pipeline) unsettled(o *object, w ledger.Work) (fields map[string]bool, again time.Time) {
	now := p.cfg.Clock()
	for _, f := range o.Fields {
		if f.Settle == 0 {
			continue
		}
		for _, side := range record.Sides {
			r, base := w.Seen[side], w.Pair.Base[side]
			if r == nil || base == nil {
				continue
			}
			for _, n := range f.Ends[side] {
				// A vendor's clock may be ahead of ours: nobody waits longer than the settling time from now.
				due := r.ChangedAt(n.Name).Time().Add(f.Settle)
				if limit := now.Add(f.Settle); due.After(limit) {
					due = limit
				}
				if r.Fields[n.Name].Equal(base[n.Name]) || !now.Before(due) {
					continue
				}
				if fields == nil {
					fields = map[string]bool{}
				}
				fields[f.Name] = true
				if again.IsZero() || due.Before(again) {
					again = due
				}
			}
		}
	}
	return fields, again
}
