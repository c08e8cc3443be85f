package contract

import (
	"slices"
	"strings"

	"accord/engine/record"
)

// sameContainer says whether two objects' ends of a side are the same board, or the same sObject. A board whose workspace
// only one of them names may be the same one.
func sameContainer(a, b *Object, side record.Side) bool {
	x, y := a.Ends[side], b.Ends[side]
	if x.Connection == nil || x.Connection != y.Connection {
		return false
	}
	if side == record.Left {
		return strings.EqualFold(x.Settings["sobject"], y.Settings["sobject"])
	}
	s, t := x.Settings["workspace"], y.Settings["workspace"]
	return x.Settings["board"] == y.Settings["board"] && (s == t || s == "" || t == "")
}

// apart says whether it is proved that no record is in the scope of two objects on one sObject: they take records of
// different types, or their where clauses ask for different values of one field. That field must be one that the contract
// never writes: else a record could go from one to the other by its own rules. Items know no such scope.
func (d *decoder) apart(a, b *Object) bool {
	if !sameContainer(a, b, record.Left) {
		return false
	}
	x, y := a.Ends[record.Left].Settings, b.Ends[record.Left].Settings
	if s, t := x["record_type"], y["record_type"]; s != "" && t != "" && !strings.EqualFold(s, t) && !d.writesField(a, "RecordTypeId") {
		return true
	}
	other := demands(y["where"])
	for field, values := range demands(x["where"]) {
		if wanted, ok := other[field]; ok && !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(wanted, v) }) && !d.writesField(a, field) {
			return true
		}
	}
	return false
}

// writesField says whether any rule of the contract writes a field of the sObject that an object is bound to.
func (d *decoder) writesField(of *Object, name string) bool {
	for _, o := range d.contract.Objects {
		if !sameContainer(o, of, record.Left) {
			continue
		}
		for _, f := range o.Fields {
			if f.written(record.Left) && slices.ContainsFunc(f.Ends[record.Left], func(n NativeField) bool { return strings.EqualFold(n.Name, name) }) {
				return true
			}
		}
	}
	return false
}

// written says whether sync writes the field on a side.
func (f *Field) written(side record.Side) bool {
	return (f.Owner == OwnerEither || f.Owner != OwnedBy(side)) && (f.Transform == nil || f.Transform.To[side] != nil)
}

// demands are the values of which a where clause asks a field to have one: field = 'x' and field IN ('x', 'y'), joined by
// AND. Everything else in it, and all of a clause that has OR or NOT beside them, proves nothing. Field names, and values
// as SOQL compares them, are in lower case.
func demands(where string) map[string][]string {
	found := map[string][]string{}
	terms, ok := conjuncts(where)
	if !ok {
		return nil
	}
	for _, t := range terms {
		var list []string
		switch {
		case len(t) == 3 && t[1] == "=":
			list = t[2:]
		case len(t) > 4 && t[1] == "in" && t[2] == "(" && t[len(t)-1] == ")":
			for i, v := range t[3 : len(t)-1] {
				if i%2 == 0 {
					list = append(list, v)
				} else if v != "," {
					list = nil
					break
				}
			}
		}
		literal := func(v string) bool { return v == "true" || v == "false" || strings.HasPrefix(v, "'") }
		if len(list) == 0 || strings.ContainsAny(t[0], ".'(") || slices.ContainsFunc(list, func(v string) bool { return !literal(v) }) {
			continue
		}
		if _, twice := found[t[0]]; !twice {
			found[t[0]] = list
		}
	}
	return found
}

// conjuncts cuts a where clause at the ANDs that stand in no brackets, into tokens in lower case; texts begin with a quote.
// Ok is false where that does not tell what it asks for.
func conjuncts(where string) (terms [][]string, ok bool) {
	var term []string
	depth := 0
	for rest := strings.TrimSpace(where); rest != ""; rest = strings.TrimSpace(rest) {
		token := ""
		switch c := rest[0]; {
		case c == '\'':
			n := strings.IndexByte(rest[1:], '\'')
			if n < 0 || strings.Contains(rest[1:1+n], `\`) {
				return nil, false
			}
			token, rest = "'"+strings.TrimSpace(rest[1:1+n]), rest[n+2:]
		case strings.IndexByte("(),=<>!", c) >= 0:
			token, rest = rest[:1], rest[1:]
		default:
			n := strings.IndexAny(rest, " \t\r\n(),=<>!'")
			if n < 0 {
				n = len(rest)
			}
			token, rest = rest[:n], rest[n:]
		}
		token = strings.ToLower(token)
		switch token {
		case "(":
			depth++
		case ")":
			depth--
		}
		switch {
		case depth == 0 && (token == "or" || token == "not"):
			return nil, false
		case depth == 0 && token == "and":
			terms, term = append(terms, term), nil
		default:
			term = append(term, token)
		}
	}
	return append(terms, term), depth == 0
}

// meet says whether, as rules pair records, one of a side may be in both of two objects on its board or sObject: found there
// by both, or made for one and found by the other. Objects that neither match nor create take only what their key names.
func meet(a, b *Object, side record.Side) bool {
	finds := func(o *Object) bool { return len(o.Match) > 0 || o.Creates[side.Other()] != nil }
	return finds(a) && finds(b) || finds(a) && b.Creates[side] != nil || finds(b) && a.Creates[side] != nil
}

// checkShared checks what objects on one board, or one sObject, do to the records that are in both.
func (d *decoder) checkShared() {
	for i, a := range d.contract.Objects {
		for _, b := range d.contract.Objects[i+1:] {
			apart := d.apart(a, b)
			for _, side := range record.Sides {
				if !sameContainer(a, b, side) || apart && side == record.Left {
					continue
				}
				if meets := meet(a, b, side); meets || !apart { // an item of records apart is in both only if both find it
					d.checkSharedKeys(a, b, side)
					d.checkSharedFields(a, b, side, meets)
				}
			}
		}
	}
}

// remedyApart is how objects are kept apart.
func remedyApart(side record.Side) string {
	if side == record.Left {
		return "Or keep their records apart, by record_type, or by a field that where asks different values of."
	}
	return "Or give each a board of its own."
}

func (d *decoder) checkSharedKeys(a, b *Object, side record.Side) {
	key, other := b.Ends[side].Key, a.Ends[side].Key
	if key.Name == "" || !sameNative(side, key, other) {
		return
	}
	d.fail(codeSharedKey, key.Range, say("objects %q and %q keep their keys in one field, %s", a.Name, b.Name, b.spelled(side, key)),
		say("What is in both would need two keys in it: the id of %s, and that of %s. Name another field here; the other object is at %s. %s",
			a.one(side.Other()), b.one(side.Other()), position(other.Range), remedyApart(side)))
}

// checkSharedFields finds native fields that rules of two objects write: each would undo what the other wrote, for ever.
func (d *decoder) checkSharedFields(a, b *Object, side record.Side, meets bool) {
	for _, pair := range [2][2]*Object{{a, b}, {b, a}} {
		of, key := pair[0], pair[1].Ends[side].Key
		for _, f := range of.Fields {
			for _, n := range f.Ends[side] {
				if f.written(side) && key.Name != "" && sameNative(side, key, n) {
					d.fail(codeNativeTwice, n.Range, say("field %q uses %s, which holds the key of object %q", f.Name, n.Name, pair[1].Name),
						"Map another field; accord writes the other record's id there.")
				}
			}
		}
	}
	if !meets {
		return
	}
	for _, f := range b.Fields {
		for _, n := range f.Ends[side] {
			for _, g := range a.Fields {
				for _, m := range g.Ends[side] {
					if f.written(side) && g.written(side) && sameNative(side, n, m) {
						d.fail(codeNativeTwice, n.Range, say("%s and %s both write %s", g.Address(), f.Address(), b.spelled(side, n)),
							say("A record that is in both objects gets %s of its partner in the one, and %s of that in the other: each puts its own value back, for ever. Map one of them elsewhere; the other is at %s. %s",
								a.spelled(side.Other(), g.Ends[side.Other()][0]), b.spelled(side.Other(), f.Ends[side.Other()][0]), position(m.Range), remedyApart(side)))
					}
				}
			}
		}
	}
}
