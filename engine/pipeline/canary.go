package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/engine/contract"
	"accord/engine/policy"
	"accord/engine/record"
)

const (
	canaryAge = 10 * time.Minute // how long a look at the canaries is good for, for a round of deletes or mass changes
)

// canary looks at the records that must always be there: live on both sides, paired with each other, readable. It costs a
// call of each side, and none when the last look was less than age ago. The halt is nil when all is well, or as somebody has
// looked at it and wants it. The error is of a side that could not be asked, or of the ledger.
func (p *Pipeline) canary(ctx context.Context, o *object, age time.Duration) (*Halt, error) {
	now := p.cfg.Clock().UnixMilli()
	if len(o.Guard.Canary) == 0 || now-o.sung.Load() < age.Milliseconds() {
		return nil, nil
	}
	var amiss []string
	for _, id := range o.Guard.Canary {
		ids, err := p.pairOf(ctx, o, id)
		if err != nil {
			return nil, err
		}
		if ids[0] == "" && ids[1] == "" {
			amiss = append(amiss, fmt.Sprintf("canary %s is in neither side's listing", id))
			continue
		}
		what, err := p.sing(ctx, o, ids)
		if err != nil {
			return nil, err
		}
		if what != "" && !slices.Contains(amiss, what) {
			amiss = append(amiss, what)
		}
	}
	mark := string(policy.Canary)
	if len(amiss) == 0 {
		o.sung.Store(now)
		return nil, p.unexcuse(ctx, o, mark)
	}
	detail := strings.Join(amiss, "; ")
	excused, err := p.excused(ctx, o, mark)
	if err != nil {
		return nil, err
	}
	if excused == detail {
		o.sung.Store(now)
		return nil, nil
	}
	return &Halt{
		Reason: mark, Detail: detail, Mark: mark,
		Remedy: "find out what became of it, and whether other records went the same way; bring it back, or name another canary in the contract",
	}, nil
}

// pairOf is the pair of a record that may be of either side; both ids are "" when it is not known.
func (p *Pipeline) pairOf(ctx context.Context, o *object, id string) (ids [2]string, err error) {
	for _, side := range record.Sides {
		pairs, err := p.cfg.Ledger.PairByRecord(ctx, o.Name, side, []string{id})
		if err != nil {
			return ids, err
		}
		if pairs[id] == "" {
			continue
		}
		both, err := p.cfg.Ledger.Pairs(ctx, []string{pairs[id]})
		if err != nil {
			return ids, err
		}
		return both[pairs[id]].IDs, nil
	}
	return ids, nil
}

// sing reads both records of a canary's pair, and says what is amiss with them; "" = nothing.
func (p *Pipeline) sing(ctx context.Context, o *object, ids [2]string) (amiss string, err error) {
	for _, side := range record.Sides {
		system, id := contract.Systems[side], ids[side]
		if id == "" {
			return fmt.Sprintf("canary %s has no %s record", ids[side.Other()], system), nil
		}
		records, err := o.Records[side].Read(ctx, []string{id})
		if err != nil {
			return "", o.refusal(side, "look at canary "+id+" of", err)
		}
		if len(records) != 1 {
			return fmt.Sprintf("canary %s was asked for at %s, and %d records came", id, system, len(records)), nil
		}
		r := &records[0]
		switch {
		case r.State == record.Missing:
			return fmt.Sprintf("canary %s is not shown at %s: deleted for good, or hidden from our user", id, system), nil
		case r.State != record.Live:
			return fmt.Sprintf("canary %s is %s at %s", id, r.State, system), nil
		case r.Key == "" && o.Ends[side].Key.Name != "":
			return fmt.Sprintf("canary %s no longer names its partner at %s: %s is empty, or hidden from our user", id, system, o.Ends[side].Key.Name), nil
		case r.Key != ids[side.Other()] && o.Ends[side].Key.Name != "":
			return fmt.Sprintf("canary %s names %s as its partner at %s, and it was %s", id, r.Key, system, ids[side.Other()]), nil
		}
		if name := blank(o, side, r); name != "" {
			return fmt.Sprintf("canary %s shows an empty %s at %s: emptied, or hidden from our user", id, name, system), nil
		}
	}
	return "", nil
}

// blank names a native field by which records are matched and that is empty; "" = none.
func blank(o *object, side record.Side, r *record.Record) string {
	for _, name := range o.Match {
		for _, n := range o.Field(name).Ends[side] {
			if r.Fields[n.Name].IsEmpty() {
				return n.Name
			}
		}
	}
	return ""
}
