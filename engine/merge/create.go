package merge

import (
	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// create decides about a live record whose other side never had one.
func (r *resolver) create(source record.Side) {
	target, seen := source.Other(), r.in.Seen[source]
	if r.alone(source) {
		return
	}
	rule := r.in.Object.Creates[target]
	if rule == nil {
		r.step("", RuleNoCreate, source, "the contract creates no records in "+contract.Systems[target])
		r.healAll()
		return
	}
	if seen.Key != "" && r.in.Lone != LoneRenewed {
		// It belongs to a record that is hidden or not read yet, or is a copy of one that has its partner: a new record
		// would be a double either way.
		r.conflict(Conflict{Reason: KeyTaken,
			Detail: "record " + seen.ID + " of " + contract.Systems[source] + " carries the id " + seen.Key + ", which is no partner of it",
			Remedy: "clear " + r.in.Object.Ends[source].Key.Name + " to have a record created for it in " + contract.Systems[target]})
		r.step("", RuleNoCreate, source, "it carries another record's id")
		return
	}
	qualified, err := r.qualifies(source, target, rule)
	if err != nil {
		r.step("", RuleNotQualified, source, "its condition can't be evaluated")
		r.conflict(Conflict{Reason: NoCondition, Detail: "the condition for creating it in " + contract.Systems[target] + ": " + err.Error(),
			Remedy: "correct `when` in the create block"})
		return
	}
	if !qualified {
		r.step("", RuleNotQualified, source, "")
		r.healAll()
		return
	}
	r.compose(source, target)
}

// qualifies evaluates the condition of a create block on what the source shows.
func (r *resolver) qualifies(source, target record.Side, rule *contract.Create) (bool, error) {
	if rule.When == nil {
		return true, nil
	}
	if r.in.Qualifies == nil {
		return false, nil
	}
	var before map[string]record.Value
	if r.in.Base[source] != nil {
		before = r.canonical(source, r.in.Base[source])
	}
	return r.in.Qualifies(target, before, r.canonical(source, r.in.Seen[source].Fields))
}

// canonical reads the contract fields of a record; those that can't be read are left out.
func (r *resolver) canonical(s record.Side, fields record.Fields) map[string]record.Value {
	return Canonical(r.in.Object, r.in.Lenses, r.in.Env, s, fields)
}

// Canonical reads the contract fields of one side's native values, for conditions and templates. Those that are not
// shown or can't be carried are left out.
func Canonical(o *contract.Object, lenses map[string]*lens.Lens, env lens.Env, s record.Side, fields record.Fields) map[string]record.Value {
	values := make(map[string]record.Value, len(o.Fields))
	for _, f := range o.Fields {
		l := lenses[f.Name]
		if l == nil {
			continue
		}
		native, ok := gather(fields, l.Natives(s))
		if !ok {
			continue
		}
		if v, err := l.Get(s, native, env); err == nil {
			values[f.Name] = v
		}
	}
	return values
}

// compose fills in the new record: all that the source may give. A field that is rejected is left out, and told; the
// record waits for it only if it can't exist without.
func (r *resolver) compose(source, target record.Side) {
	patch := &record.Patch{Op: record.Create, Key: r.in.Seen[source].ID, Fields: record.Fields{}}
	var done [2]record.Fields
	held := ""
	for _, f := range r.in.Object.Fields {
		l := r.in.Lenses[f.Name]
		if l == nil || !f.Owner.Owns(source) {
			continue
		}
		x := r.crossing(f, l)
		if !x.shown[source] {
			r.step(f.Name, RuleNotShown, source, contract.Systems[source]+" does not show the field")
			continue
		}
		want, err := r.given(x, source)
		if err != nil {
			r.rejected(x, err)
			if held == "" && l.IsRequired(target) {
				held = f.Name
			}
			// The new record is known to hold nothing there; the value is put once it can be.
			put(&done[target], x.names[target], make([]record.Value, len(x.names[target])))
			continue
		}
		for i, n := range x.names[target] {
			if !want[i].IsEmpty() {
				patch.Fields[n] = want[i]
			}
		}
		put(&done[source], x.names[source], x.seen[source])
		put(&done[target], x.names[target], want)
		r.step(f.Name, RuleCreate, source, "")
		r.heal(f.Name)
	}
	if held != "" {
		r.conflict(Conflict{Field: "", Reason: NotCreated,
			Detail: "it can't be created in " + contract.Systems[target] + " without field \"" + held + "\", which was rejected",
			Remedy: "settle that field's conflict: the record is created then"})
		r.step("", RuleRejected, source, "field \""+held+"\" can't be left out")
		return
	}
	r.d.Patches[target] = patch
	r.d.OnDone[target] = done
	r.step("", RuleCreate, source, "")
	r.heal("")
}

// given is what the source's value is on a record that does not exist yet.
func (r *resolver) given(x *crossing, source record.Side) ([]record.Value, error) {
	canonical, err := x.lens.Get(source, x.seen[source], x.env)
	if err != nil {
		return nil, err
	}
	return x.lens.Put(source.Other(), canonical, nil, x.env)
}
