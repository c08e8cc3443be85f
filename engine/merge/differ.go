package merge

import (
	"accord/engine/contract"
	"accord/engine/record"
)

// Differing names the contract fields of which both sides show values that differ under the contract, whatever was agreed
// on them: it trusts no base. Fields that a side does not show, that can't be read or carried, that are not at rest, and
// whose drift the contract ignores, are not among them. Both records must be live.
func Differing(in Input) []string {
	r := &resolver{in: in, troubled: map[string]bool{}}
	var names []string
	for _, f := range in.Object.Fields {
		l := in.Lenses[f.Name]
		if l == nil || in.Unsettled[f.Name] {
			continue
		}
		x := r.crossing(f, l)
		if x.shown[record.Left] && x.shown[record.Right] && r.differs(x) {
			names = append(names, f.Name)
		}
	}
	return names
}

// differs says whether the two sides of a field do not mean the same.
func (r *resolver) differs(x *crossing) bool {
	left, err := x.lens.Get(record.Left, x.seen[record.Left], x.env)
	if err != nil {
		return false
	}
	right, err := x.lens.Get(record.Right, x.seen[record.Right], x.env)
	if err != nil || x.lens.Same(left, right) {
		return false
	}
	owner := record.Left // of a field that either may edit, too: carried across, its value would change something
	if x.field.Owner != contract.OwnerEither {
		owner = record.Side(x.field.Owner & 1)
	}
	value := [2]record.Value{left, right}[owner]
	want, err := x.lens.Put(owner.Other(), value, x.seen[owner.Other()], x.env)
	return err == nil && !equal(want, x.seen[owner.Other()]) && x.field.OnDrift != contract.DriftIgnore
}
