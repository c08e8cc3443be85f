package binding

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"accord/engine/contract"
	"accord/engine/provider"
	"accord/engine/record"
)

// Choices gives the options that a field's other end offers, in its vendor's order; nil when they are not known.
type Choices func(object, field string, side record.Side) []string

// Specs is what the contract says of each connection's end of each object, by connection address, objects in the
// contract's order. Choices (nil before anything is described) lets a column made by apply offer what the other end's
// picklist offers, where the contract has no table for the field.
func Specs(c *contract.Contract, choices Choices) map[string][]provider.ObjectSpec {
	specs := map[string][]provider.ObjectSpec{}
	for _, o := range c.Objects {
		for _, side := range record.Sides {
			s := spec(o, side, choices)
			s.Fields = append(s.Fields, lookedAt(c, o, side, s)...)
			s.Actions = actions(c, o, side)
			s.Events = eventsOf(c, o, side)
			specs[s.Connection] = append(specs[s.Connection], s)
		}
	}
	return specs
}

func spec(o *contract.Object, side record.Side, choices Choices) provider.ObjectSpec {
	end := o.Ends[side]
	s := provider.ObjectSpec{
		Object:     o.Name,
		Connection: end.Connection.Address(),
		Settings:   end.Settings,
		Key:        provider.FieldSpec{Type: end.Key.Type, Name: end.Key.Name, Title: title(end.Key.Name), Writes: true, Scale: -1},
		Creates:    o.Creates[side] != nil,
		Deletes:    removes(o.Deletes[side.Other()]) || removes(o.Leaves[side.Other()]),
		Watched:    true,
	}
	if s.Creates {
		s.Owner = o.Creates[side].Owner
	}
	for _, f := range o.Fields {
		for _, n := range f.Ends[side] {
			s.Fields = append(s.Fields, fieldSpec(o, f, n, side, s.Creates, choices))
		}
	}
	return s
}

// removes says whether an action takes a record away.
func removes(a contract.DeleteAction) bool { return a != contract.DeleteKeep && a != "" }

// lookedAt is the native fields that only triggers look at: they are read, and never written.
func lookedAt(c *contract.Contract, o *contract.Object, side record.Side, s provider.ObjectSpec) []provider.FieldSpec {
	known := []string{"Id", s.Key.Name}
	for _, f := range s.Fields {
		known = append(known, f.Name)
	}
	var more []provider.FieldSpec
	for _, t := range c.Triggers {
		if t.Object != o {
			continue
		}
		for _, name := range t.Natives(side) {
			if !slices.Contains(known, name) {
				known = append(known, name)
				more = append(more, provider.FieldSpec{Name: name, Title: title(name), Scale: -1})
			}
		}
	}
	return more
}

// actions is what the triggers of an object do on a side.
func actions(c *contract.Contract, o *contract.Object, side record.Side) []provider.ActionSpec {
	var list []provider.ActionSpec
	for _, t := range c.Triggers {
		for i := range t.Actions {
			a := &t.Actions[i]
			if a.Side() != side || at(c, t, a.Connection, side) != o {
				continue
			}
			s := provider.ActionSpec{Type: a.Type, Settings: map[string]string{}, Fields: slices.Sorted(maps.Keys(a.Fields))}
			for name, x := range a.Settings {
				if text, ok := x.Constant(); ok {
					s.Settings[name] = text
				}
			}
			list = append(list, s)
		}
	}
	return list
}

// at is the object with which the needs of a trigger at a connection stand: its own, or the first there.
func at(c *contract.Contract, t *contract.Trigger, n *contract.Connection, side record.Side) *contract.Object {
	if t.Object != nil {
		return t.Object
	}
	for _, o := range c.Objects {
		if o.Ends[side].Connection == n {
			return o
		}
	}
	return nil
}

// eventsOf is what stands with one end of an object of what triggers listen to.
func eventsOf(c *contract.Contract, o *contract.Object, side record.Side) []provider.EventSpec {
	if side != record.Left {
		return nil // it is the side whose vendor publishes events
	}
	return events(c, func(t *contract.Trigger) bool { return at(c, t, t.Connection, side) == o })
}

// Events is what triggers listen to at a connection, each event once, by name.
func Events(c *contract.Contract, connection string) []provider.EventSpec {
	return events(c, func(t *contract.Trigger) bool { return t.Connection.Address() == connection })
}

func events(c *contract.Contract, wanted func(*contract.Trigger) bool) []provider.EventSpec {
	fields := map[string][]string{}
	for _, t := range c.Triggers {
		if t.Event != "" && wanted(t) {
			fields[t.Event] = append(fields[t.Event], t.EventFields()...)
		}
	}
	var list []provider.EventSpec
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		slices.Sort(fields[name])
		list = append(list, provider.EventSpec{Name: name, Fields: slices.Compact(fields[name])})
	}
	return list
}

func fieldSpec(o *contract.Object, f *contract.Field, n contract.NativeField, side record.Side, creates bool, choices Choices) provider.FieldSpec {
	s := provider.FieldSpec{
		Field: f.Name,
		Type:  n.Type,
		Name:  n.Name,
		Title: title(f.Name),
		// The side that does not own a field is written; so is the owner's where a record of ours begins there.
		Writes: f.Owner == contract.OwnerEither || !f.Owner.Owns(side) || creates,
		Scale:  -1,
	}
	if f.Reference != nil {
		s.Refers = f.Reference.Name
	}
	switch {
	case f.Picklist != nil:
		s.Options, s.Colors = picklistOptions(f.Picklist, side)
		s.Extends = f.Picklist.Extend
	case choices != nil:
		s.Options = transformed(f, side, choices(o.Name, f.Name, side.Other()))
	}
	return s
}

// transformed is what a side must offer so that the other's choices can cross.
func transformed(f *contract.Field, side record.Side, options []string) []string {
	if f.Transform == nil {
		return options
	}
	var there []string
	if f.Transform.To[side] == nil {
		return there // nothing is written there
	}
	for _, o := range options {
		v, err := f.Transform.To[side].Eval(record.OfText(o), record.Choice)
		if err != nil {
			continue // such a value is rejected when it comes
		}
		for _, name := range v.Parts() {
			if !slices.Contains(there, name) {
				there = append(there, name)
			}
		}
	}
	return there
}

// picklistOptions lists what a side must offer for the whole table to cross, once each, in the order written.
func picklistOptions(p *contract.Picklist, side record.Side) ([]string, map[string]string) {
	var options []string
	for _, e := range p.Values {
		v := e.Left
		if side == record.Right {
			v = e.Right
		}
		if !slices.Contains(options, v) {
			options = append(options, v)
		}
	}
	if side == record.Right {
		return options, p.Colors
	}
	return options, nil
}

// title makes "account_manager" and "Delivery_Health__c" readable: "Account manager", "Delivery Health".
func title(name string) string {
	t := strings.TrimSuffix(name, "__c")
	t = strings.TrimSpace(strings.ReplaceAll(t, "_", " "))
	if t == "" {
		return name
	}
	first, size := utf8.DecodeRuneInString(t)
	return string(unicode.ToUpper(first)) + t[size:]
}
