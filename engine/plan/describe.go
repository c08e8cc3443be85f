package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// DescribeEnd returns what is there of all that one end of one object needs, and of nothing else: where a vendor refuses to
// describe everything, what it does not refuse can still be had, end by end.
func DescribeEnd(ctx context.Context, c *contract.Contract, o *contract.Object, side record.Side, providers binding.Providers, remembered map[string]resource.Resource) ([]resource.Resource, error) {
	address := o.Ends[side].Connection.Address()
	specs := binding.Specs(c, nil)[address]
	all, err := expand(map[string][]provider.ObjectSpec{address: specs}, providers, remembered)
	if err != nil {
		return nil, err
	}
	needed, err := needs(providers[address], specs, o.Name)
	if err != nil {
		return nil, err
	}
	have, err := providers[address].Describe(ctx, slices.DeleteFunc(all, func(r resource.Resource) bool { return !needed[r.Address] }))
	if err != nil {
		return nil, fmt.Errorf("describe what %s needs of %s: %w", o.Name, address, err)
	}
	return have, nil
}

// needs are the addresses of what one object's end needs. The other ends are there to be referred to, and bare: what they
// need by themselves is left out again, unless this one needs it too.
func needs(p provider.Provider, specs []provider.ObjectSpec, object string) (map[string]bool, error) {
	var with, without, alone []provider.ObjectSpec
	for _, s := range specs {
		bare := provider.ObjectSpec{Object: s.Object, Connection: s.Connection, Settings: s.Settings}
		if s.Object == object {
			with, alone = append(with, s), append(alone, bare)
			continue
		}
		with, without = append(with, bare), append(without, bare)
	}
	var sets [3]map[string]bool
	for i, list := range [3][]provider.ObjectSpec{with, without, alone} {
		resources, err := p.Expand(list)
		if err != nil {
			return nil, fmt.Errorf("expand object %q alone: %w", object, err)
		}
		sets[i] = map[string]bool{}
		for _, r := range resources {
			sets[i][r.Address] = true
		}
	}
	needed := sets[0]
	maps.DeleteFunc(needed, func(address string, _ bool) bool { return sets[1][address] && !sets[2][address] })
	return needed, nil
}
