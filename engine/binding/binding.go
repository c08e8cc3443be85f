package binding

import (
	"fmt"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// Object is one object of a contract, bound at both ends.
type Object struct {
	*contract.Object
	Records [2]provider.Records
	Lenses  map[string]*lens.Lens // by field
}

// Problem is a field whose two ends can't be joined as the contract says.
type Problem struct {
	Object *contract.Object
	lens.Problem
}

// Providers holds an open provider for each connection, by address.
type Providers map[string]provider.Provider

// Open binds every object of a contract. Resources are those of all connections, as described. A field that apply has
// yet to make has the lens that it will have; one that must exist and does not has none; one that can't be joined is a
// Problem.
func Open(c *contract.Contract, providers Providers, resources []resource.Resource) ([]*Object, []Problem, error) {
	bindings := Bindings(Specs(c, nil), resources)
	var objects []*Object
	var problems []Problem
	for _, o := range c.Objects {
		b := &Object{Object: o, Lenses: map[string]*lens.Lens{}}
		for _, side := range record.Sides {
			records, err := open(providers, bindings, o, side)
			if err != nil {
				return nil, nil, err
			}
			b.Records[side] = records
		}
		problems = append(problems, b.openLenses(providers)...)
		objects = append(objects, b)
	}
	return objects, problems, nil
}

func open(providers Providers, bindings map[string][]provider.Binding, o *contract.Object, side record.Side) (provider.Records, error) {
	address := o.Ends[side].Connection.Address()
	p, ok := providers[address]
	if !ok {
		return nil, fmt.Errorf("open object %q: no provider for connection %s", o.Name, address)
	}
	for _, b := range bindings[address] {
		if b.Spec.Object == o.Name {
			r, err := p.Records(b)
			if err != nil {
				return nil, fmt.Errorf("open object %q at %s: %w", o.Name, address, err)
			}
			return r, nil
		}
	}
	return nil, fmt.Errorf("open object %q: connection %s has no end for it", o.Name, address)
}

func (b *Object) openLenses(providers Providers) []Problem {
	shapes := [2]map[string]record.Shape{b.Records[0].Shapes(), b.Records[1].Shapes()}
	var problems []Problem
fields:
	for _, f := range b.Fields {
		var ends [2][]record.Shape
		for _, side := range record.Sides {
			for _, n := range f.Ends[side] {
				shape, ok := shapes[side][n.Name]
				if !ok && n.Type != "" { // not there yet: apply makes it
					shape, ok = providers[b.Ends[side].Connection.Address()].FieldShape(n.Type)
				}
				if !ok {
					continue fields
				}
				ends[side] = append(ends[side], shape)
			}
		}
		l, found := lens.New(f, ends)
		for _, p := range found {
			problems = append(problems, Problem{b.Object, p})
		}
		if len(found) == 0 {
			b.Lenses[f.Name] = l
		}
	}
	return problems
}

// Bindings joins each spec with its connection's resources, by connection address.
func Bindings(specs map[string][]provider.ObjectSpec, resources []resource.Resource) map[string][]provider.Binding {
	byConnection := map[string][]resource.Resource{}
	for _, r := range resources {
		byConnection[r.Connection] = append(byConnection[r.Connection], r)
	}
	bindings := map[string][]provider.Binding{}
	for address, list := range specs {
		for _, s := range list {
			bindings[address] = append(bindings[address], provider.Binding{Spec: s, Resources: byConnection[address]})
		}
	}
	return bindings
}

// OptionsOf reads choices from the described shapes of objects that are bound already.
func OptionsOf(objects []*Object) Choices {
	return func(object, field string, side record.Side) []string {
		for _, o := range objects {
			if o.Name != object {
				continue
			}
			f := o.Field(field)
			if f == nil || len(f.Ends[side]) != 1 {
				return nil
			}
			shape := o.Records[side].Shapes()[f.Ends[side][0].Name]
			if shape.Kind == record.Choice {
				return shape.Options
			}
		}
		return nil
	}
}
