package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/apply"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/plan"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/engine/resource"
)

// apply puts a contract in force, as an operator does: from a process of its own, and again until it has come through.
func (w *world) apply(ctx context.Context, more bool) error {
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "simulation.accord.hcl", Content: []byte(contractText(more))}}})
	if diags.HasErrors() {
		return fmt.Errorf("read the contract: %w", diags)
	}
	for {
		w.operators++
		o := &operator{w: w, name: fmt.Sprint("operator", w.operators)}
		err := o.apply(ctx, c)
		switch {
		case err == nil:
			w.more = more
			w.trace.add("contract applied, more=%v", more)
			return nil
		case !o.dead && !o.refused:
			return err
		}
		w.trace.add("%s did not come through", o.name)
		time.Sleep(w.between("operator", time.Second, 10*time.Second))
	}
}

// operator is one process that applies a contract. It may die at every step, like any other.
type operator struct {
	w       *world
	name    string
	dead    bool
	refused bool // a vendor did not do what it was asked to
}

func (o *operator) hit(weight float64) bool { return o.w.operators < 8 && o.w.hit(ApplyCrash, weight) }

func (o *operator) gate(s ledger.Step) error {
	switch {
	case o.dead:
		return errCrashed
	case s.Read:
		return nil
	case o.hit(0.7):
		o.dead = true
		o.w.trace.add("%s dies at %q, committed=%v", o.name, s.What, s.Committed)
		return errCrashed
	default:
		return nil
	}
}

func (o *operator) apply(ctx context.Context, c *contract.Contract) (err error) {
	l, err := o.w.open(ctx, o.name, time.Now, o.gate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	providers := binding.Providers{}
	for _, side := range record.Sides {
		providers[connections[side]] = &builder{Fake: o.w.fake(side), o: o}
	}
	applied, err := l.InForce(ctx)
	if err != nil {
		return err
	}
	var inForce *contract.Contract
	if applied != nil {
		if inForce, err = decode(applied.Source); err != nil {
			return err
		}
	}
	p, err := plan.Build(ctx, plan.Config{
		Contract: c, InForce: inForce, Ledger: l, Providers: providers, Data: plan.DataNone, Clock: time.Now, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	r, err := apply.Run(ctx, apply.Config{Plan: p, Contract: c, Ledger: l, Providers: providers, Logger: hclog.NewNullLogger()})
	if err != nil || !r.Activated {
		return fmt.Errorf("apply: %+v, %w", r, err)
	}
	return nil
}

// builder is a vendor whose structure an operator changes.
type builder struct {
	*providertest.Fake
	o *operator
}

// Apply changes it; sometimes the answer is lost, or the process dies.
func (b *builder) Apply(ctx context.Context, c resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	if b.o.dead {
		return resource.Resource{}, errDead
	}
	before, after := b.o.hit(0.3), b.o.hit(0.3)
	lost := &provider.Error{Kind: provider.Unknown, Op: "make " + c.Want.Address, Message: "no answer"}
	if before {
		b.o.refused = true
		return resource.Resource{}, lost
	}
	made, err := b.Fake.Apply(ctx, c, resolved)
	if after && err == nil {
		b.o.dead = true
		b.o.w.trace.add("%s dies after it made %s", b.o.name, c.Want.Address)
		return resource.Resource{}, errDead
	}
	return made, err
}
