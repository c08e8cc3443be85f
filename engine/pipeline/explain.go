package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// Explanation is everything that is known of one record, and what deciding about it now would give.
type Explanation struct {
	*ledger.Explanation
	Object *contract.Object // nil when the contract in force has no such object
	// Decision is what merge makes of what is known now; nil when that can't be told, and Problem says why.
	Decision *merge.Decision
	Problem  error
	Halted   *Halt
	// Now and Agreed are canonical values by side and contract field; what can't be read is left out.
	Now, Agreed [2]map[string]record.Value
	// People are the names of those who changed the records, or led to what was written to them, by side and id.
	People [2]map[string]string
	Awards map[string]ledger.Award
}

// Explain tells everything about a record, given by the id of either side, of its pair, by its key, or by what people call
// it; object "" looks in all objects. It changes nothing, and asks the vendors only for their structure and for the names of people. Where they
// can't be asked, it tells what the ledger knows.
func Explain(ctx context.Context, cfg Config, object, id string) (*Explanation, error) {
	known, err := cfg.Ledger.Explain(ctx, object, id)
	if errors.Is(err, ledger.ErrNotFound) {
		var pair string
		if pair, err = find(ctx, cfg, object, id); err == nil {
			known, err = cfg.Ledger.Explain(ctx, object, pair)
		}
	}
	if err != nil {
		return nil, err
	}
	e := &Explanation{Explanation: known}
	halts, err := Halts(ctx, cfg.Ledger)
	if err != nil {
		return nil, err
	}
	if h, ok := halts[known.Pair.Object]; ok {
		e.Halted = &h
	}
	p := New(cfg)
	if e.Problem = p.load(ctx); e.Problem != nil {
		e.Object = objectInForce(ctx, cfg, known.Pair.Object)
		return e, nil
	}
	defer p.close()
	o := p.object(known.Pair.Object)
	if o == nil {
		e.Problem = fmt.Errorf("the contract in force has no object %q", known.Pair.Object)
		return e, nil
	}
	e.Object = o.Object.Object
	e.Problem = p.explain(ctx, o, e)
	return e, nil
}

func (p *Pipeline) explain(ctx context.Context, o *object, e *Explanation) error {
	w := ledger.Work{Pair: e.Pair, Seen: e.Seen, Removed: e.Removed}
	env, err := p.environment(ctx, o, known([]ledger.Work{w}))
	if err != nil {
		return err
	}
	if env.awards, err = p.cfg.Ledger.Awards(ctx, []string{e.Pair.ID}); err != nil {
		return err
	}
	e.Awards = env.awards[e.Pair.ID]
	in, _ := p.input(o, w, env)
	d := merge.Resolve(in)
	e.Decision = &d
	for _, side := range record.Sides {
		if e.Seen[side] != nil {
			e.Now[side] = merge.Canonical(o.Object.Object, o.Lenses, env, side, e.Seen[side].Fields)
		}
		e.Agreed[side] = merge.Canonical(o.Object.Object, o.Lenses, env, side, e.Pair.Base[side])
		e.People[side] = p.peopleNames(ctx, o, side, e.actors(side))
	}
	return nil
}

// objectInForce is an object of the contract in force, for when its vendors can't be asked; nil where there is none.
func objectInForce(ctx context.Context, cfg Config, name string) *contract.Object {
	applied, err := cfg.Ledger.InForce(ctx)
	if err != nil || applied == nil {
		return nil
	}
	c, err := cfg.Decode(applied.Source)
	if err != nil {
		return nil
	}
	return c.Object(name)
}

// actors are the people of one side whom an explanation may name.
func (e *Explanation) actors(side record.Side) []string {
	const writes = 20 // that anybody will look at
	var ids []string
	if r := e.Seen[side]; r != nil {
		ids = append(ids, r.Actor)
		for _, o := range r.Origins {
			ids = append(ids, o.Actor)
		}
	}
	for _, w := range e.Writes[:min(writes, len(e.Writes))] {
		for _, b := range CauseOf(w.Cause).Reasons {
			if b.Edited == side {
				ids = append(ids, b.Actor)
			}
		}
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}
