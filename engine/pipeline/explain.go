package pipeline

import (
	"context"
	"fmt"

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
	// People are the names of those who changed the records, by side and id.
	People [2]map[string]string
	Awards map[string]ledger.Award
}

// Explain tells everything about a record, given by the id of either side, of its pair, or by its key; object "" looks in
// all objects. It changes nothing, and asks the vendors only for their structure and for the names of people. Where they
// can't be asked, it tells what the ledger knows.
func Explain(ctx context.Context, cfg Config, object, id string) (*Explanation, error) {
	known, err := cfg.Ledger.Explain(ctx, object, id)
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
		e.People[side] = map[string]string{}
		if r := e.Seen[side]; r != nil && r.Actor != "" {
			e.People[side][r.Actor] = p.personName(ctx, o, side, r.Actor)
		}
	}
	return nil
}
