package contract

import (
	"slices"
	"strings"

	"accord/engine/record"
)

// checkObjects checks what only the whole of an object, or all objects together, can show.
func (d *decoder) checkObjects() {
	for _, name := range keys(d.objects) {
		o := d.objects[name]
		for _, f := range o.fields {
			d.checkInterval(f)
			d.checkLinks(f)
			d.checkTransform(f)
			d.checkAcross(f)
		}
		d.checkNatives(o)
		d.checkItemName(o)
	}
	d.orderObjects()
}

func (d *decoder) checkInterval(f *field) {
	if !f.ended[0] || !f.ended[1] || f.Currency != "" {
		return
	}
	for _, side := range record.Sides {
		here, there := f.Ends[side], f.Ends[side.Other()]
		switch {
		case side == record.Right && len(here) == 1 && here[0].Type == "timeline" && len(there) == 1:
			d.fail(codeInterval, there[0].Range, say("field %q: a timeline needs a start and an end", f.Name),
				say("Name two date fields: %s = [date.Start__c, CloseDate]", Systems[side.Other()]))
		case len(here) == 2 && len(there) == 1 && (side == record.Right || there[0].Type != "timeline" && there[0].Type != ""):
			d.fail(codeInterval, there[0].Range, say("field %q: two dates don't fit into one %s", f.Name, cmpOr(there[0].Type, "field")),
				"Map them to a timeline, or to two date columns in a list.")
		}
	}
	for _, side := range record.Sides {
		for _, n := range f.Ends[side] {
			if len(f.Ends[side]) == 2 && n.Type != "" && n.Type != "date" && n.Type != "datetime" {
				d.fail(codeInterval, n.Range, say("field %q: %s is a %s, no date", f.Name, n.Name, n.Type), "An interval is made of two dates.")
			}
		}
	}
}

// checkLinks checks that people, relations and choices come with what they need, and nothing else does.
func (d *decoder) checkLinks(f *field) {
	_, people := f.given["people"]
	_, reference := f.given["reference"]
	_, picklist := f.given["picklist"]
	if len(f.Ends[record.Right]) == 1 && f.ended[record.Right] {
		n := f.Ends[record.Right][0]
		typed := n.Type != "" || n.Name == "name"
		what := cmpOr(n.Type, "name")
		switch {
		case n.Type == "people" && !people:
			d.fail(codePeople, f.Range, say("field %q holds people, and does not say how they are matched", f.Name),
				"Add people { match = email }")
		case typed && n.Type != "people" && people:
			d.fail(codePeople, f.given["people"], say("field %q holds no people but a %s", f.Name, what), "Take the people block away.")
		}
		switch {
		case n.Type == "board_relation" && !reference:
			d.fail(codeReferenceNeeded, f.Range, say("field %q holds other records, and does not say of which object", f.Name),
				"Add reference = object.NAME")
		case typed && n.Type != "board_relation" && reference:
			d.fail(codeReferenceNeeded, f.given["reference"], say("field %q holds no other records but a %s", f.Name, what), "Take reference away.")
		}
	}
	if !picklist {
		return
	}
	for _, side := range record.Sides {
		for _, n := range f.Ends[side] {
			if n.Type != "" && !slices.Contains(choiceTypes[side], n.Type) || side == record.Right && n.Name == "name" && n.Type == "" {
				d.fail(codePicklistKind, f.given["picklist"], say("field %q has a picklist, and a %s holds no choices", f.Name, cmpOr(n.Type, "name")),
					"Take picklist away, or map a column that holds choices.")
				return
			}
		}
	}
}

// checkAcross finds relations to records that the vendor can't see from here.
func (d *decoder) checkAcross(f *field) {
	if f.Reference == nil {
		return
	}
	for side, system := range Systems {
		here, there := f.Object.Ends[side].Connection, f.Reference.Ends[side].Connection
		if here != nil && there != nil && here != there {
			d.fail(codeReferenceAcross, f.given["reference"],
				say("object %q is in connection.%s, object %q in connection.%s", f.Object.Name, here.Address(), f.Reference.Name, there.Address()),
				say("Give both %s ends the same connection, or take reference away and map the record's id as text.", system))
			return
		}
	}
}

// checkNatives finds native fields that two fields would write. One that is only read may be used twice.
func (d *decoder) checkNatives(o *object) {
	type use struct {
		f      *field
		native NativeField
	}
	for _, side := range record.Sides {
		var uses []use
		for _, f := range o.fields {
			for _, n := range f.Ends[side] {
				if key := o.Ends[side].Key; key.Name != "" && sameNative(side, key, n) {
					d.fail(codeNativeTwice, n.Range, say("field %q uses %s, which holds the key of object %q", f.Name, n.Name, o.Name),
						"Map another field; accord writes the other record's id there.")
					continue
				}
				for _, u := range uses {
					if u.f == f || !sameNative(side, u.native, n) || !writes(u.f, side) && !writes(f, side) {
						continue
					}
					if f.Currency != "" && u.f.Currency == f.Currency && sameNative(side, n, f.Ends[side][len(f.Ends[side])-1]) {
						continue // it says the currency of both, and both say the same
					}
					d.fail(codeNativeTwice, n.Range, say("fields %q and %q both feed %s in %s", u.f.Name, f.Name, n.Name, Systems[side]),
						say("Map one of them elsewhere; the other is at %s.", position(u.native.Range)))
					break
				}
				uses = append(uses, use{f, n})
			}
		}
	}
}

// writes says whether sync writes a field on a side: an unknown owner may.
func writes(f *field, side record.Side) bool {
	return !f.owned || f.Owner == OwnerEither || f.Owner != OwnedBy(side)
}

// checkItemName sees to it that new items have a name.
func (d *decoder) checkItemName(o *object) {
	if o.Creates[record.Right] == nil {
		return
	}
	for _, f := range o.fields {
		if !f.ended[record.Right] {
			return // it may be the one that can't be read
		}
		if n := f.Ends[record.Right]; len(n) == 1 && n[0].Type == "" && n[0].Name == "name" {
			if f.owned && f.Owner == OwnerRight {
				d.fail(codeItemName, n[0].Range, say("items of object %q are created, and monday owns their name", o.Name),
					"Let salesforce or either own it: a new item takes its name from the record it is made for.")
			}
			return
		}
	}
	d.fail(codeItemName, o.Creates[record.Right].Range, say("object %q creates items, and no field is their name", o.Name),
		"Add a field with monday = name.")
}

// orderObjects puts referenced objects before those that refer to them, and reports circles.
func (d *decoder) orderObjects() {
	const (
		fresh = iota
		open
		done
	)
	state := map[*Object]int{}
	var ordered []*Object
	var path []*Field
	var visit func(*Object)
	visit = func(o *Object) {
		state[o] = open
		for _, f := range o.Fields {
			if f.Reference == nil || f.Reference == o {
				continue
			}
			path = append(path, f)
			switch state[f.Reference] {
			case fresh:
				visit(f.Reference)
			case open:
				d.cycle(path, f.Reference)
			}
			path = path[:len(path)-1]
		}
		state[o] = done
		ordered = append(ordered, o)
	}
	for _, o := range d.contract.Objects {
		if state[o] == fresh {
			visit(o)
		}
	}
	d.contract.Objects = ordered
}

// cycle reports the part of a path of references that comes back to an object.
func (d *decoder) cycle(path []*Field, to *Object) {
	from := slices.IndexFunc(path, func(f *Field) bool { return f.Object == to })
	var names []string
	for _, f := range path[from:] {
		names = append(names, say("%s (by its field %q)", f.Object.Name, f.Name))
	}
	names = append(names, to.Name)
	last := path[len(path)-1]
	at := last.Range
	for _, f := range d.objects[last.Object.Name].fields {
		if f.Field == last {
			at = f.given["reference"]
		}
	}
	d.fail(codeCycle, at, say("objects refer to each other in a circle: %s", strings.Join(names, " → ")),
		"Take one of the references out: a record must exist before others can refer to it.")
}
