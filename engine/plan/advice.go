package plan

import (
	"context"
	"fmt"
	"slices"

	"accord/engine/binding"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// prospect is what was played of one side of an object: its creates, by who they name.
type prospect [2]provider.Prospect

// add counts one new record.
func (p *prospect) add(side record.Side, patch *record.Patch) {
	at := &p[side]
	at.Creates++
	for native, v := range patch.Fields {
		if v.Kind() != record.Personal {
			continue
		}
		if at.People == nil {
			at.People = map[string]map[string]int{}
		}
		if at.People[native] == nil {
			at.People[native] = map[string]int{}
		}
		for _, id := range v.Parts() {
			at.People[native][id]++
		}
	}
}

// reckoned is what a prospect comes to where only some of the other side's records were looked at.
func (p *prospect) reckoned(side record.Side, f Forecast) provider.Prospect {
	read, total := f.Read[side.Other()], f.Total[side.Other()]
	scale := func(n int) int {
		if read <= 0 || total <= read {
			return n
		}
		return int(float64(n) * float64(total) / float64(read))
	}
	whole := provider.Prospect{Creates: scale(p[side].Creates), People: map[string]map[string]int{}}
	for native, people := range p[side].People {
		whole.People[native] = map[string]int{}
		for id, n := range people {
			whole.People[native][id] = scale(n)
		}
	}
	return whole
}

// advise asks the providers what the plan's writes would do to their systems as a whole.
func (p *Plan) advise(ctx context.Context, cfg Config, objects []*binding.Object, have []resource.Resource, prospects map[string]*prospect) error {
	bindings := binding.Bindings(binding.Specs(cfg.Contract, binding.OptionsOf(objects)), have)
	for _, f := range p.Data {
		o := cfg.Contract.Object(f.Object)
		for _, side := range record.Sides {
			address := o.Ends[side].Connection.Address()
			adviser, ok := cfg.Providers[address].(provider.Adviser)
			if !ok || prospects[f.Object] == nil {
				continue
			}
			for _, b := range bindings[address] {
				if b.Spec.Object != f.Object {
					continue
				}
				warnings, err := adviser.Advise(ctx, b, prospects[f.Object].reckoned(side, f))
				if err != nil {
					return fmt.Errorf("ask %s about the records of %s: %w", address, f.Object, err)
				}
				for _, w := range warnings {
					if !slices.Contains(p.Warnings, w) { // what concerns a connection is said once
						p.Warnings = append(p.Warnings, w)
					}
				}
			}
		}
	}
	return nil
}
