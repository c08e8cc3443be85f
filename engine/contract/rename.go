package contract

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"accord/engine/record"
)

// ProbableRenames compares the contract in force with a new one, and reports blocks that went while another of the
// same type came: for a field, the same type of column, or the same native field, on the same object; for an object,
// the same board or Salesforce object. What moved or removed speaks of is not reported. Each message holds both blocks,
// ready to paste.
func ProbableRenames(inForce, proposed *Contract) hcl.Diagnostics {
	if inForce == nil || proposed == nil {
		return nil
	}
	r := renames{moved: map[string]string{}, spoken: map[string]bool{}, target: map[string]bool{}}
	for _, m := range proposed.Moved {
		r.moved[m.From] = m.To
		r.spoken[m.From], r.target[m.To] = true, true
	}
	for _, x := range proposed.Removed {
		r.spoken[x.From] = true
	}
	held := map[string]*Object{} // objects in force, under their new names
	for _, o := range inForce.Objects {
		address := "object." + o.Name
		if to, ok := r.moved[address]; ok {
			address = to
		}
		held[address] = o
	}
	r.objects(inForce, proposed, held)
	for _, o := range proposed.Objects {
		if before := held["object."+o.Name]; before != nil {
			r.fields(before, o)
		}
	}
	return sortDiagnostics(r.diags)
}

type renames struct {
	moved          map[string]string
	spoken, target map[string]bool // addresses that moved or removed explain: gone ones, new ones
	diags          hcl.Diagnostics
}

func (r *renames) objects(inForce, proposed *Contract, held map[string]*Object) {
	var added []*Object
	for _, o := range proposed.Objects {
		if held["object."+o.Name] == nil && !r.target["object."+o.Name] {
			added = append(added, o)
		}
	}
	for _, gone := range inForce.Objects {
		if proposed.Object(gone.Name) != nil || r.spoken["object."+gone.Name] {
			continue
		}
		i := slices.IndexFunc(added, func(o *Object) bool { return samePlace(gone, o) })
		if i >= 0 {
			r.report("object."+gone.Name, "object."+added[i].Name, added[i].Range)
			added = slices.Delete(added, i, i+1)
		}
	}
}

// samePlace says whether two objects live in the same place at either vendor.
func samePlace(a, b *Object) bool {
	for _, side := range record.Sides {
		x, y := maps.Clone(a.Ends[side].Settings), maps.Clone(b.Ends[side].Settings)
		for _, scope := range []string{"where", "group", "record_type"} { // what is looked at there, not where it is
			delete(x, scope)
			delete(y, scope)
		}
		if len(x) > 0 && maps.Equal(x, y) {
			return true
		}
	}
	return false
}

func (r *renames) fields(before, now *Object) {
	name := func(f *Field, o *Object) string { return "object." + o.Name + ".field." + f.Name }
	var gone, added []*Field
	for _, f := range before.Fields {
		if now.Field(f.Name) == nil && !r.spoken[f.Address()] && !r.spoken[name(f, now)] {
			gone = append(gone, f)
		}
	}
	for _, f := range now.Fields {
		if before.Field(f.Name) == nil && !r.target[f.Address()] {
			added = append(added, f)
		}
	}
	// The same native field is a surer sign than the same type, so it is looked for first.
	for _, alike := range []func(a, b *Field) bool{sharesNative, sharesType} {
		gone = slices.DeleteFunc(gone, func(f *Field) bool {
			i := slices.IndexFunc(added, func(n *Field) bool { return alike(f, n) })
			if i < 0 {
				return false
			}
			r.report(name(f, now), added[i].Address(), added[i].Range)
			added = slices.Delete(added, i, i+1)
			return true
		})
	}
}

func sharesNative(a, b *Field) bool {
	for _, side := range record.Sides {
		for _, x := range a.Ends[side] {
			if slices.ContainsFunc(b.Ends[side], func(y NativeField) bool { return sameNative(side, x, y) }) {
				return true
			}
		}
	}
	return false
}

// sharesType says whether two fields have columns of one type that apply creates.
func sharesType(a, b *Field) bool {
	x, y := a.Ends[record.Right], b.Ends[record.Right]
	return len(x) == len(y) && len(x) > 0 && x[0].Type != "" && x[0].Type == y[0].Type
}

func (r *renames) report(from, to string, at hcl.Range) {
	r.diags = append(r.diags, NewDiagnostic(codeProbableRename, at, say("%s went and %s came: this looks like a rename", from, to),
		say("If it is the same under a new name, its values stay:\n\nmoved {\n  from = %s\n  to   = %s\n}\n\nIf it is not, say what becomes of the old one:\n\nremoved {\n  from   = %s\n  action = forget\n}", from, to, from)))
}
