package simulation

import (
	"accord/engine/record"
)

// edits: of a field that both sides may edit, the edit that stands is one that the contract's rule lets stand. Every
// value is unique, so that it tells which edit it is.
func (w *world) edits(c *court) {
	for i := range objects {
		o := &objects[i]
		for _, x := range c.couples[o.name] {
			if x.left.State != record.Live || x.right.State != record.Live || x.left.Key != x.right.ID || x.right.Key != x.left.ID || c.buried(o.name, x.pair) {
				continue
			}
			for j := range o.fields {
				if f := &o.fields[j]; f.owner == ownerEither {
					w.stands(c, o, f, x)
				}
			}
		}
	}
}

// entry is one edit of one field of one couple.
type entry struct {
	n    int // in the history
	side record.Side
	change
	value record.Value
}

func (w *world) stands(c *court, o *objectRule, f *fieldRule, x couple) {
	var users, ports []entry
	ids := [2]string{x.left.ID, x.right.ID}
	for n, h := range w.history {
		v, ok := h.fields[f.native[h.side]]
		if !ok || h.id != ids[h.side] || h.table != o.table[h.side] {
			continue
		}
		e := entry{n, h.side, h, v}
		if h.user {
			users = append(users, e)
		} else {
			ports = append(ports, e)
		}
	}
	left, right := x.left.Fields[f.native[record.Left]], x.right.Fields[f.native[record.Right]]
	if len(users) == 0 {
		if !left.IsEmpty() || !right.IsEmpty() {
			w.complain("no lost edit", "%s of %s came from nobody: %q and %q", f.name, x.left.ID, left, right)
		}
		return
	}
	t := trial{w, f, users, ports}
	if !w.alike(left, right) {
		// A held conflict: each side must show its own last edit, or what it had before there was one.
		for side, v := range [2]record.Value{left, right} {
			if last := t.last(record.Side(side)); last >= 0 && !w.alike(t.users[last].value, v) && !t.follows(last, v) {
				w.complain("no lost edit", "%s of %s is held, and the last edit of the %s side, %q, became %q", f.name, x.left.ID, record.Side(side), t.users[last].value, v)
			}
		}
		return
	}
	final := -1
	for i, e := range users {
		if w.alike(e.value, left) {
			final = i
		}
	}
	if final < 0 {
		w.complain("no lost edit", "%s of %s and %s is %q on both sides, and no user wrote that", f.name, x.left.ID, x.right.ID, left)
		return
	}
	for i, e := range users {
		if i != final && !t.yields(i, final) && !t.blind(i) {
			w.complain("no lost edit", "%s of %s and %s: %q, edited at %d on the %s side, was lost to %q", f.name, x.left.ID, x.right.ID, e.value, e.n, e.side, left)
		}
	}
}

// trial is the history of one field.
type trial struct {
	w     *world
	f     *fieldRule
	users []entry
	ports []entry
}

func (t *trial) last(side record.Side) int {
	last := -1
	for i, e := range t.users {
		if e.side == side {
			last = i
		}
	}
	return last
}

// follows says whether a value is of an edit that the given one may yield to.
func (t *trial) follows(edit int, v record.Value) bool {
	for i, e := range t.users {
		if t.w.alike(e.value, v) && (t.yields(edit, i) || t.blind(edit)) {
			return true
		}
	}
	return false
}

// yields says whether one edit may have given way to another, directly or through others.
func (t *trial) yields(from, to int) bool {
	reached := make([]bool, len(t.users))
	reached[from] = true
	for again := true; again; {
		again = false
		for i := range t.users {
			for j := range t.users {
				if reached[i] && !reached[j] && t.directly(i, j) {
					reached[j], again = true, true
				}
			}
		}
	}
	return reached[to]
}

// directly says whether edit a may give way to edit b by the contract.
func (t *trial) directly(a, b int) bool {
	x, y := t.users[a], t.users[b]
	if x.side == y.side {
		return y.n > x.n
	}
	xThere, xSure := t.arrived(x, y.n) // on y's side before y was written
	yThere, ySure := t.arrived(y, x.n)
	if y.n > x.n && xThere {
		return true // on top of it
	}
	if x.n > y.n && yThere && ySure {
		return false
	}
	if xThere && xSure {
		return y.n > x.n
	}
	switch t.f.rule {
	case newest:
		return y.version > x.version || y.version == x.version && y.side == record.Left
	case leftWins:
		return y.side == record.Left
	case rightWins:
		return y.side == record.Right
	default:
		return false
	}
}

// arrived says whether an edit stood on the other side before a moment of the history, and whether the engine surely
// knew that it did.
func (t *trial) arrived(e entry, before int) (there, sure bool) {
	for _, p := range t.ports {
		if p.side == e.side.Other() && p.n > e.n && p.n < before && t.w.alike(p.value, e.value) {
			there, sure = true, p.confirmed
		}
	}
	return there, sure
}

// blind says whether an edit was overwritten by a write that was sent before the engine could know of it: vendors offer
// no way to write only where nothing changed.
func (t *trial) blind(edit int) bool {
	e := t.users[edit]
	for _, p := range t.ports {
		if p.side == e.side && p.n > e.n {
			return p.shown <= e.n
		}
	}
	return false
}
