package contract

import (
	"cmp"
	"slices"
	"strings"

	"accord/engine/record"
)

// checkLoops proves that nothing goes round for ever: no trigger sets off another that leads back to it, and no value
// comes back to where it came from by way of several objects. What can't be proved is refused, with the way round.
func (d *decoder) checkLoops() {
	if d.diags.HasErrors() {
		return // half a contract proves nothing
	}
	d.checkShared()
	d.checkMakers()
	d.checkFieldLoops()
}

// nativePlace is a native field of some connection's container, spelled so that the same one compares equal.
type nativePlace struct {
	side                 record.Side
	connection, at, name string
}

// carried is one direction of a field's rule.
type carried struct {
	from, to     nativePlace
	reads, fills string      // the same two as the contract spells them
	side         record.Side // that it is written to
	field        *Field
}

// spelled is a native field as messages call it.
func (o *Object) spelled(side record.Side, n NativeField) string {
	e := o.Ends[side]
	return cmp.Or(e.Settings["sobject"], e.Settings["board"]) + "." + n.Name + " in " + Systems[side]
}

// one is a record of an object's side as messages call it.
func (o *Object) one(side record.Side) string {
	if side == record.Left {
		return "a record of " + o.Ends[side].Settings["sobject"]
	}
	return say("an item on board %q", o.Ends[side].Settings["board"])
}

// placeOf is where one native field of an object's end is.
func (o *Object) placeOf(side record.Side, n NativeField) nativePlace {
	e := o.Ends[side]
	p := nativePlace{side: side, connection: e.Connection.Address(), at: e.Settings["sobject"], name: n.Name}
	if side == record.Left {
		p.at, p.name = strings.ToLower(p.at), strings.ToLower(p.name)
	} else {
		p.at = e.Settings["board"]
	}
	return p
}

// checkFieldLoops finds values that come back, by way of fields of several objects, to where they were read.
func (d *decoder) checkFieldLoops() {
	edges := map[nativePlace][]carried{}
	var all []carried
	for _, o := range d.contract.Objects {
		for _, f := range o.Fields {
			for _, side := range record.Sides { // written here, from the other side
				if f.Owner != OwnerEither && f.Owner == OwnedBy(side) || f.Transform != nil && f.Transform.To[side] == nil {
					continue // nothing is written here
				}
				for _, from := range f.Ends[side.Other()] {
					for _, to := range f.Ends[side] {
						c := carried{
							o.placeOf(side.Other(), from), o.placeOf(side, to), o.spelled(side.Other(), from), o.spelled(side, to), side, f,
						}
						edges[c.from] = append(edges[c.from], c)
						all = append(all, c)
					}
				}
			}
		}
	}
	told := map[*Field]bool{}
	rings := ringed(all)
	proved := map[[2]*Object]bool{}
	apart := func(a, b *Object, side record.Side) bool {
		is, known := proved[[2]*Object{a, b}]
		if !known {
			is = a != b && d.apart(a, b)
			proved[[2]*Object{a, b}] = is
		}
		return is && side == record.Left || !sameContainer(a, b, side)
	}
	for _, first := range all {
		if told[first.field] || !rings(first.from) {
			continue
		}
		if way := wayBack(first, edges, apart); way != nil {
			for _, c := range way {
				told[c.field] = true
			}
			d.fieldLoop(way)
		}
	}
}

// ringed tells of native fields whether rules join them, and others with them, in more than one way. Where they don't,
// nothing can come back, and most contracts are no more than many small trees.
func ringed(all []carried) func(nativePlace) bool {
	parent := map[nativePlace]nativePlace{}
	root := func(p nativePlace) nativePlace {
		for {
			up, ok := parent[p]
			if !ok {
				return p
			}
			if over, ok := parent[up]; ok {
				parent[p] = over
			}
			p = up
		}
	}
	type joint struct {
		field *Field
		a, b  nativePlace
	}
	seen, rings := map[joint]bool{}, map[nativePlace]bool{}
	for _, c := range all {
		j := joint{c.field, c.from, c.to}
		if c.side == record.Left {
			j.a, j.b = j.b, j.a
		}
		if seen[j] {
			continue // the other direction of the same rule
		}
		seen[j] = true
		a, b := root(j.a), root(j.b)
		if a == b {
			rings[a] = true
			continue
		}
		parent[a] = b
		rings[b] = rings[a] || rings[b]
	}
	return func(p nativePlace) bool { return rings[root(p)] }
}

// wayBack is the shortest way on from where one rule writes to where it reads, by rules other than it. A value goes on from
// one object to another only in a record that may be in both.
func wayBack(first carried, edges map[nativePlace][]carried, apart func(a, b *Object, side record.Side) bool) []carried {
	type stop struct {
		at nativePlace
		by *Object
	}
	begin := stop{first.to, first.field.Object}
	ways := map[stop][]carried{begin: {first}}
	queue := []stop{begin}
	for len(queue) > 0 {
		here := queue[0]
		queue = queue[1:]
		for _, c := range edges[here.at] {
			o := c.field.Object
			if apart(here.by, o, here.at.side) || slices.ContainsFunc(ways[here], func(used carried) bool { return used.field == c.field }) {
				continue
			}
			way := append(slices.Clone(ways[here]), c)
			if c.to == first.from && !apart(o, first.field.Object, c.to.side) {
				return way
			}
			next := stop{c.to, o}
			if _, known := ways[next]; !known {
				ways[next] = way
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func (d *decoder) fieldLoop(way []carried) {
	value, shown := "", ""
	for _, c := range way {
		if p := c.field.Picklist; p != nil && len(p.Values) > 0 && value == "" {
			if value = p.Values[0].Left; c.side == record.Left {
				value = p.Values[0].Right
			}
			shown = say(" With the value %q:", value)
		}
	}
	var steps, names []string
	for i, c := range way {
		names = append(names, c.field.Address())
		step := say("%d. %s carries %s to %s", i+1, c.field.Address(), c.reads, c.fills)
		if value != "" {
			value = c.field.across(c.side, value)
			step += say(", as %q", value)
		}
		steps = append(steps, step+".")
	}
	last := way[len(way)-1].field
	d.fail(codeLoop, last.Range, say("a value can go round for ever: %s", strings.Join(append(names, names[0]), " → ")),
		say("What somebody writes to %s comes back to it by way of several rules.%s\n", way[0].reads, shown)+strings.Join(steps, "\n")+
			"\nLet one system own the value in all of these fields, or map one of them to another native field.")
}

// across is a choice as a field's table carries it to a side; as it is where the table has it not.
func (f *Field) across(side record.Side, value string) string {
	if f.Picklist == nil {
		return value
	}
	if side == record.Left {
		if back, ok := f.Picklist.Inverse[value]; ok {
			return back
		}
	}
	for _, e := range f.Picklist.Values {
		from, to := e.Left, e.Right
		if side == record.Left {
			from, to = to, from
		}
		if from == value {
			return cmp.Or(to, value)
		}
	}
	return value
}
