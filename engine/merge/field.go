package merge

import (
	"slices"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// crossing is one field of one pair: what was agreed, and what is seen.
type crossing struct {
	field *contract.Field
	lens  *lens.Lens
	env   lens.Env
	names [2][]string
	seen  [2][]record.Value
	shown [2]bool // the vendor shows all native fields
	base  [2][]record.Value
	based [2]bool // all native fields were agreed once
	edits [2]record.Version
}

func (r *resolver) crossing(f *contract.Field, l *lens.Lens) *crossing {
	x := &crossing{field: f, lens: l, env: r.in.Env}
	for _, s := range record.Sides {
		x.names[s] = l.Natives(s)
		x.base[s], x.based[s] = gather(r.in.Base[s], x.names[s])
		if seen := r.in.Seen[s]; seen != nil {
			x.seen[s], x.shown[s] = gather(seen.Fields, x.names[s])
			for _, n := range x.names[s] {
				x.edits[s] = max(x.edits[s], seen.ChangedAt(n))
			}
		}
	}
	return x
}

// gather picks the values of some names; ok is false when one is absent.
func gather(fields record.Fields, names []string) ([]record.Value, bool) {
	vs := make([]record.Value, len(names))
	for i, n := range names {
		v, ok := fields[n]
		if !ok {
			return nil, false
		}
		vs[i] = v
	}
	return vs, true
}

// fresh says that the two sides never agreed on this field.
func (x *crossing) fresh() bool { return !x.based[0] || !x.based[1] }

// changed says that a side shows something else than was agreed. A field that is not shown is not known to have changed.
func (x *crossing) changed(s record.Side) bool {
	return x.shown[s] && x.based[s] && !equal(x.seen[s], x.base[s])
}

// previous is what a side holds, as far as is known; nil when nothing is.
func (x *crossing) previous(s record.Side) []record.Value {
	switch {
	case x.shown[s]:
		return x.seen[s]
	case x.based[s]:
		return x.base[s]
	default:
		return nil
	}
}

// owned decides a field that one side owns. What flows is the owner's value; an edit of the derived side is put back,
// told, or let be.
func (r *resolver) owned(x *crossing, owner record.Side) {
	name, derived := x.field.Name, owner.Other()
	if !x.shown[owner] {
		r.step(name, RuleNotShown, owner, contract.Systems[owner]+" owns the field and does not show it")
		return
	}
	edited := x.changed(derived)
	switch {
	case x.fresh():
		r.flow(x, owner, RuleFirst)
	case x.changed(owner):
		r.flow(x, owner, RuleOwner)
	case !edited && x.field.OnDrift != contract.DriftIgnore && r.moved(x, owner):
		r.flow(x, owner, RuleParent)
	case !edited:
		r.step(name, RuleUnchanged, owner, "")
		r.heal(name)
	case r.agrees(x, owner):
		// An edit that changes nothing of what the field means: another stage of the same label, white space.
		r.agree(x)
	case x.field.OnDrift == contract.DriftReport:
		r.step(name, RuleReport, derived, "")
		r.conflict(x.conflict(Drift, "was edited in "+contract.Systems[derived]+", and "+contract.Systems[owner]+" owns it",
			"take it over at "+contract.Systems[owner]+", or change it back; on_drift = revert does the latter by itself"))
	case x.field.OnDrift == contract.DriftIgnore:
		r.step(name, RuleIgnore, derived, "")
		r.agreeOn(x, derived)
		r.heal(name)
	default:
		r.flow(x, owner, RuleRevert)
	}
}

// either decides a field that both sides may edit.
func (r *resolver) either(x *crossing) {
	name := x.field.Name
	now := [2][]record.Value{x.previous(record.Left), x.previous(record.Right)}
	if now[0] == nil || now[1] == nil || !x.shown[0] && !x.shown[1] {
		// What was never seen is not overwritten.
		r.step(name, RuleNotShown, record.Left, "not both sides show the field")
		return
	}
	if l, err := x.lens.Get(record.Left, now[0], x.env); err == nil {
		if rt, err := x.lens.Get(record.Right, now[1], x.env); err == nil && x.lens.Same(l, rt) {
			r.agree(x)
			return
		}
	}
	left, right, rule := x.changed(record.Left), x.changed(record.Right), RuleOnlyEditor
	if x.fresh() {
		// Nothing is known of who wrote what: a side that holds nothing has nothing to lose.
		left, right, rule = !empty(now[0]), !empty(now[1]), RuleFirst
	}
	switch {
	case left && right:
		r.contest(x)
	case left && x.shown[record.Left]:
		r.flow(x, record.Left, rule)
	case right && x.shown[record.Right]:
		r.flow(x, record.Right, rule)
	case r.moved(x, record.Left) != r.moved(x, record.Right):
		from := record.Left
		if r.moved(x, record.Right) {
			from = record.Right
		}
		r.flow(x, from, RuleParent)
	default:
		r.step(name, RuleUnchanged, record.Left, "")
		r.heal(name)
	}
}

// contest decides a field that both sides changed, differently.
func (r *resolver) contest(x *crossing) {
	winner, rule := record.Left, RuleSide
	switch x.field.Conflict {
	case contract.ConflictHold:
		r.step(x.field.Name, RuleHold, record.Left, "")
		r.conflict(x.conflict(BothChanged, "was changed on both sides, and the contract holds such fields",
			"decide for one side, or make both sides agree"))
		return
	case contract.ConflictRight:
		winner = record.Right
	case contract.ConflictNewest:
		rule = RuleNewest
		// Equal and unknown times go to the left side, so that every run decides alike.
		if x.edits[record.Right] > x.edits[record.Left] && x.edits[record.Left] > 0 {
			winner = record.Right
		}
	case contract.ConflictLeft:
	}
	if !x.shown[winner] {
		r.step(x.field.Name, RuleNotShown, winner, contract.Systems[winner]+" would win and does not show the field")
		return
	}
	if !r.flow(x, winner, rule) {
		return
	}
	loser := winner.Other()
	c := x.conflict(Overridden, "was changed on both sides; the value of "+contract.Systems[winner]+" won over that of "+contract.Systems[loser], "")
	c.Info = true
	r.unheal(c.Field)
	r.conflict(c)
}

// award carries out an operator's decision.
func (r *resolver) award(x *crossing, winner record.Side) {
	switch {
	case !x.shown[winner]:
		r.step(x.field.Name, RuleNotShown, winner, contract.Systems[winner]+" was chosen and does not show the field")
	case x.field.Owner.Owns(winner):
		r.flow(x, winner, RuleAwarded)
	default:
		// The derived side's edit stays, and the owner keeps its own value: nothing is written against the contract.
		r.step(x.field.Name, RuleAwarded, winner, "the difference stays")
		r.agreeOn(x, record.Left)
		r.agreeOn(x, record.Right)
		r.heal(x.field.Name)
	}
}

// flow carries the value of one side to the other: a write, or an agreement where nothing needs writing. It says whether
// it writes.
func (r *resolver) flow(x *crossing, from record.Side, rule string) bool {
	to := from.Other()
	previous := x.previous(to)
	canonical, err := x.lens.Get(from, x.seen[from], x.env)
	if err != nil {
		r.rejected(x, err)
		return false
	}
	want, err := x.lens.Put(to, canonical, previous, x.env)
	if err != nil {
		r.rejected(x, err)
		return false
	}
	if previous == nil && empty(want) {
		r.step(x.field.Name, RuleNotShown, to, "nothing to write, and "+contract.Systems[to]+" does not show the field")
		return false
	}
	if previous != nil && equal(want, previous) {
		r.agree(x)
		return false
	}
	p := r.update(to)
	if p.Fields == nil {
		p.Fields = record.Fields{}
	}
	for i, n := range x.names[to] {
		if previous == nil || !want[i].Equal(previous[i]) {
			p.Fields[n] = want[i]
		}
	}
	put(&r.d.OnDone[to][from], x.names[from], x.seen[from])
	put(&r.d.OnDone[to][to], x.names[to], want)
	r.step(x.field.Name, rule, from, "")
	r.heal(x.field.Name)
	return true
}

// moved says whether a reference that nobody edited means another record on the other side than it did: what it refers to
// has another partner there.
func (r *resolver) moved(x *crossing, from record.Side) bool {
	to := from.Other()
	if x.field.Reference == nil || !x.shown[from] || !x.shown[to] || empty(x.seen[from]) {
		return false
	}
	canonical, err := x.lens.Get(from, x.seen[from], x.env)
	if err != nil {
		return false
	}
	want, err := x.lens.Put(to, canonical, x.seen[to], x.env)
	return err == nil && !equal(want, x.seen[to])
}

// agrees says whether the owner's value, put to the other side, would change nothing there.
func (r *resolver) agrees(x *crossing, owner record.Side) bool {
	canonical, err := x.lens.Get(owner, x.seen[owner], x.env)
	if err != nil {
		return false
	}
	previous := x.previous(owner.Other())
	want, err := x.lens.Put(owner.Other(), canonical, previous, x.env)
	return err == nil && equal(want, previous)
}

// agree makes what both sides show the base.
func (r *resolver) agree(x *crossing) {
	rule := RuleUnchanged
	for _, s := range record.Sides {
		if r.agreeOn(x, s) {
			rule = RuleAgreed
		}
	}
	r.step(x.field.Name, rule, record.Left, "")
	r.heal(x.field.Name)
}

// agreeOn makes what one side shows its base, and says whether that moved.
func (r *resolver) agreeOn(x *crossing, s record.Side) bool {
	if !x.shown[s] || x.based[s] && !x.changed(s) {
		return false
	}
	put(&r.d.Agreed[s], x.names[s], x.seen[s])
	return true
}

func (r *resolver) unheal(field string) {
	if i := slices.Index(r.d.Healed, field); i >= 0 {
		r.d.Healed = slices.Delete(r.d.Healed, i, i+1)
	}
}

// conflict shows a crossing to people.
func (x *crossing) conflict(reason, detail, remedy string) Conflict {
	c := Conflict{Field: x.field.Name, Reason: reason, Detail: detail, Remedy: remedy}
	c.Left = x.view(record.Left, x.seen[0], x.shown[0])
	c.Right = x.view(record.Right, x.seen[1], x.shown[1])
	for _, s := range record.Sides {
		if c.Base.IsEmpty() && x.field.Owner.Owns(s) {
			c.Base = x.view(s, x.base[s], x.based[s])
		}
	}
	return c
}

// view is the canonical value where there is one, else the native one.
func (x *crossing) view(s record.Side, native []record.Value, ok bool) record.Value {
	if !ok {
		return record.Value{}
	}
	if v, err := x.lens.Get(s, native, x.env); err == nil {
		return v
	}
	for _, v := range native {
		if !v.IsEmpty() {
			return v
		}
	}
	return record.Value{}
}

func put(fields *record.Fields, names []string, values []record.Value) {
	if *fields == nil {
		*fields = record.Fields{}
	}
	for i, n := range names {
		(*fields)[n] = values[i]
	}
}

func equal(a, b []record.Value) bool { return slices.EqualFunc(a, b, record.Value.Equal) }

func empty(vs []record.Value) bool {
	return !slices.ContainsFunc(vs, func(v record.Value) bool { return !v.IsEmpty() })
}
