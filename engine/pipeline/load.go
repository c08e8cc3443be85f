package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/plan"
	"accord/engine/provider"
	"accord/engine/record"
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
	if err := p.retryAtOnce(ctx, c); err != nil {
		return err
	}
	s, err := p.structure(ctx)
	if err != nil {
		return err
	}
	p.objects = p.objects[:0]
	var stalled []*object
	for _, o := range c.Objects {
		bound := &object{ledger: p.cfg.Ledger, progress: Progress{Object: o.Name}}
		var err error
		if bound.Object, err = p.bind(o, s.have); s.refused[o.Name] != nil {
			err = s.refused[o.Name]
		}
		if err != nil {
			if !p.waitsFor(ctx, err) {
				return err
			}
			s.refused[o.Name], bound.unbound = err, true
			stalled = append(stalled, bound)
			// As it was when the contract was applied: that tells its lanes, and where its events come from.
			if bound.Object, err = p.bindAnyway(o, s.known()); err != nil {
				return err
			}
		}
		bound.watch(c)
		p.objects = append(p.objects, bound)
	}
	p.bindings = s.bindings(c)
	p.groups = groups(p.objects)
	p.directory = binding.NewDirectory(providers, p.cfg.Clock)
	for _, o := range stalled {
		if err := p.stall(ctx, o, s.refused[o.Name]); err != nil {
			return err
		}
	}
	p.started = true
	p.cfg.Listen(providers)
	return nil
}

// waitsFor says whether an object may stall for an error that keeps its structure from being had. Credentials that were
// never good are somebody's who is there to see it.
func (p *Pipeline) waitsFor(ctx context.Context, err error) bool {
	return p.patient && ofVendor(ctx, err) != nil && (p.started || provider.KindOf(err) != provider.Unauthorized)
}

// structure is what is there of what a contract needs.
type structure struct {
	have       []resource.Resource
	remembered map[string]resource.Resource
	refused    map[string]error // by object: why its structure could not be had
}

// structure describes the structure anew: labels and picklist values move under a running sync, and a value is written
// by what its vendor calls it now. What a vendor refuses to describe keeps nothing else from being described.
func (p *Pipeline) structure(ctx context.Context) (*structure, error) {
	known, err := p.cfg.Ledger.Resources(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the structure that apply recorded: %w", err)
	}
	s := &structure{remembered: map[string]resource.Resource{}, refused: map[string]error{}}
	for _, r := range known {
		s.remembered[r.Address] = r
	}
	if _, s.have, err = plan.Describe(ctx, p.contract, p.providers, s.remembered); err == nil || !p.waitsFor(ctx, err) {
		return s, err
	}
	unauthorized := map[string]error{} // by connection: it need not be asked for every object
	for _, o := range p.contract.Objects {
		have, err := p.describe(ctx, o, s.remembered, unauthorized)
		if err != nil {
			if !p.waitsFor(ctx, err) {
				return nil, err
			}
			s.refused[o.Name] = err
			continue
		}
		s.have = append(s.have, have...)
	}
	return s, nil
}

// describe describes what one object needs.
func (p *Pipeline) describe(ctx context.Context, o *contract.Object, remembered map[string]resource.Resource, unauthorized map[string]error) ([]resource.Resource, error) {
	var all []resource.Resource
	for _, side := range record.Sides {
		at := o.Ends[side].Connection.Address()
		if err := unauthorized[at]; err != nil {
			return nil, err
		}
		have, err := plan.DescribeEnd(ctx, p.contract, o, side, p.providers, remembered)
		if err != nil {
			err = &refusal{at, err}
			if provider.KindOf(err) == provider.Unauthorized {
				unauthorized[at] = err
			}
			return nil, err
		}
		all = append(all, have...)
	}
	return all, nil
}

// known is the structure with what apply recorded where nothing newer is known.
func (s *structure) known() []resource.Resource {
	all := slices.Clone(s.have)
	have := map[string]bool{}
	for _, r := range s.have {
		have[r.Address] = true
	}
	for _, address := range slices.Sorted(maps.Keys(s.remembered)) {
		if !have[address] {
			all = append(all, s.remembered[address])
		}
	}
	return all
}

// bindings are what is watched, by connection.
func (s *structure) bindings(c *contract.Contract) map[string][]provider.Binding {
	specs := binding.Specs(c, nil)
	fresh, known := binding.Bindings(specs, s.have), binding.Bindings(specs, s.known())
	for address, list := range fresh {
		for i, b := range list {
			if s.refused[b.Spec.Object] != nil {
				list[i] = known[address][i]
			}
		}
	}
	return fresh
}

// bind opens one object, and insists that all of it is there: a field that is not shown would look like one that nobody
// has changed, and a key that is not shown like records that belong to nobody.
func (p *Pipeline) bind(o *contract.Object, resources []resource.Resource) (*binding.Object, error) {
	bound, problems, err := p.open(o, resources)
	if err != nil {
		return nil, &provider.Error{Kind: provider.Invalid, Op: "join both ends of " + o.Name, Err: err}
	}
	if len(problems) > 0 {
		return nil, &provider.Error{Kind: provider.Invalid, Op: "join both ends of " + o.Name,
			Message: fmt.Sprintf("the structure no longer fits the contract in force: %v (run `accord plan`)", problems[0])}
	}
	for _, side := range record.Sides {
		at, shapes := o.Ends[side].Connection.Address(), bound.Records[side].Shapes()
		names := []string{o.Ends[side].Key.Name}
		for _, f := range o.Fields {
			for _, n := range f.Ends[side] {
				names = append(names, n.Name)
			}
		}
		for _, name := range names {
			if _, shown := shapes[name]; !shown && name != "" {
				return nil, &refusal{at, &provider.Error{Kind: provider.Hidden, Op: "describe what " + o.Name + " needs of " + at, Fields: []string{name},
					Message: name + " is not shown to our user: it was deleted or renamed, or access to it was taken away"}}
			}
		}
	}
	return bound, nil
}

// bindAnyway opens one object with whatever is known of it.
func (p *Pipeline) bindAnyway(o *contract.Object, resources []resource.Resource) (*binding.Object, error) {
	bound, _, err := p.open(o, resources)
	return bound, err
}

func (p *Pipeline) open(o *contract.Object, resources []resource.Resource) (*binding.Object, []binding.Problem, error) {
	one := *p.contract
	one.Objects = []*contract.Object{o}
	objects, problems, err := binding.Open(&one, p.providers, resources)
	if err != nil {
		return nil, nil, err
	}
	return objects[0], problems, nil
}

// rebind looks for the structure of an object that stalled for want of it. Once it is there, all of it is taken up anew.
func (p *Pipeline) rebind(ctx context.Context, o *object) error {
	known, err := p.cfg.Ledger.Resources(ctx)
	if err != nil {
		return fmt.Errorf("read the structure that apply recorded: %w", err)
	}
	remembered := map[string]resource.Resource{}
	for _, r := range known {
		remembered[r.Address] = r
	}
	have, err := p.describe(ctx, o.Object.Object, remembered, map[string]error{})
	if err != nil {
		return err
	}
	if _, err := p.bind(o.Object.Object, have); err != nil {
		return err
	}
	return errRebound
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
