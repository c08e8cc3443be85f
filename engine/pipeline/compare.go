package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// samples is how many of the fields that differ are named.
const samples = 20

// compare ends a comparison: of every pair at rest, both sides as they were listed are compared under the contract, field
// by field, whatever was agreed on them. Pairs with a field that differs are decided anew; how many there were is told.
func (p *Pipeline) compare(ctx context.Context, o *object, v *ledger.Verification) (divergent int, err error) {
	after := ""
	for {
		rested, err := p.cfg.Ledger.Rested(ctx, o.Name, after, resolveBatch)
		if err != nil {
			return 0, err
		}
		if len(rested) == 0 {
			break
		}
		after = rested[len(rested)-1].Pair.ID
		if err := p.comparePairs(ctx, o, rested, v); err != nil {
			return 0, err
		}
	}
	v.Finished = p.cfg.Clock()
	if err := p.cfg.Ledger.SaveVerification(ctx, *v); err != nil {
		return 0, err
	}
	level := p.cfg.Logger.Info
	if v.Divergent > 0 {
		level = p.cfg.Logger.Warn
	}
	level("compared both sides", "object", o.Name, "records", v.Records, "found", v.Found, "gone", v.Gone, "divergent_fields", v.Divergent, "calls", v.Calls)
	return v.Divergent, nil
}

func (p *Pipeline) comparePairs(ctx context.Context, o *object, rested []ledger.Rested, v *ledger.Verification) error {
	work := make([]ledger.Work, len(rested))
	for i, r := range rested {
		work[i] = r.Work
	}
	env, err := p.environment(ctx, o, known(work))
	if err != nil {
		return fmt.Errorf("look up what the records of %s refer to: %w", o.Name, err)
	}
	if env.awards, err = p.cfg.Ledger.Awards(ctx, pairsOf(work)); err != nil {
		return fmt.Errorf("read what operators decided about %s: %w", o.Name, err)
	}
	var again []string
	for i, r := range rested {
		left, right := r.Seen[record.Left], r.Seen[record.Right]
		if left == nil || right == nil || left.State != record.Live || right.State != record.Live {
			continue
		}
		v.Compared++
		if r.Dead || r.Explained[""] {
			continue
		}
		in, _ := p.input(o, work[i], env)
		differ := 0
		for _, name := range merge.Differing(in) {
			if _, given := in.Awards[name]; given || r.Explained[name] || meant(o.Field(name), r.Left) {
				continue
			}
			differ++
			if len(v.Samples) < samples {
				v.Samples = append(v.Samples, left.ID+": "+name)
			}
		}
		if differ > 0 {
			v.Divergent += differ
			again = append(again, r.Pair.ID)
		}
	}
	if err := p.cfg.Ledger.Enqueue(ctx, again, ledger.PriorityBackfill, time.Time{}, "differs"); err != nil {
		return fmt.Errorf("mark what differs of %s pending: %w", o.Name, err)
	}
	return nil
}

// meant says whether a person left a field's difference as it is, at either side.
func meant(f *contract.Field, alone [2]map[string]bool) bool {
	for _, side := range record.Sides {
		if f != nil && slices.ContainsFunc(f.Ends[side], func(n contract.NativeField) bool { return alone[side][n.Name] }) {
			return true
		}
	}
	return false
}
