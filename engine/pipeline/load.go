package pipeline

import (
	"context"
	"fmt"

	"accord/engine/binding"
	"accord/engine/plan"
	"accord/engine/resource"
)

// load takes up the contract in force: its providers, its structure as the vendors show it now, its objects.
func (p *Pipeline) load(ctx context.Context) error {
	applied, err := p.cfg.Ledger.InForce(ctx)
	if err != nil {
		return fmt.Errorf("read the contract in force: %w", err)
	}
	if applied == nil {
		return ErrNoContract
	}
	c, err := p.cfg.Decode(applied.Source)
	if err != nil {
		return fmt.Errorf("decode the contract in force (serial %d): %w", applied.Serial, err)
	}
	providers, err := p.cfg.Connect(ctx, c)
	if err != nil {
		return err
	}
	p.serial, p.contract, p.providers = applied.Serial, c, providers
	resources, err := p.resources(ctx)
	if err != nil {
		return err
	}
	p.bindings = binding.Bindings(binding.Specs(c, nil), resources)
	objects, problems, err := binding.Open(c, providers, resources)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("the structure no longer fits the contract in force: %w (run `accord plan`)", problems[0])
	}
	p.objects = p.objects[:0]
	for _, o := range objects {
		bound := &object{Object: o, ledger: p.cfg.Ledger, progress: Progress{Object: o.Name}}
		bound.watch(c)
		p.objects = append(p.objects, bound)
	}
	p.groups = groups(p.objects)
	p.directory = binding.NewDirectory(providers, p.cfg.Clock)
	p.cfg.Listen(providers)
	return nil
}

// resources describes the structure anew: labels and picklist values move under a running sync, and a value is written
// by what its vendor calls it now.
func (p *Pipeline) resources(ctx context.Context) ([]resource.Resource, error) {
	known, err := p.cfg.Ledger.Resources(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the structure that apply recorded: %w", err)
	}
	remembered := map[string]resource.Resource{}
	for _, r := range known {
		remembered[r.Address] = r
	}
	_, have, err := plan.Describe(ctx, p.contract, p.providers, remembered)
	return have, err
}

// replaced returns errNewContract once another contract is in force.
func (p *Pipeline) replaced(ctx context.Context) error {
	applied, err := p.cfg.Ledger.InForce(ctx)
	if err != nil {
		return fmt.Errorf("read the contract in force: %w", err)
	}
	if applied != nil && applied.Serial != p.serial {
		return errNewContract
	}
	return nil
}
