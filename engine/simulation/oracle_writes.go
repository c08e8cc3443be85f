package simulation

import (
	"maps"
	"slices"

	"accord/engine/record"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedPairs(a, b map[[2]string]int) [][2]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), func(x, y [2]string) int { return slices.Compare(x[:], y[:]) })
}

func ruleOf(side record.Side, table, native string) *fieldRule {
	for i := range objects {
		if objects[i].table[side] != table {
			continue
		}
		for j := range objects[i].fields {
			if f := &objects[i].fields[j]; f.native[side] == native {
				return f
			}
		}
	}
	return nil
}

// ownership: through the port, nothing is written that the written side owns, or that the contract does not name.
func (w *world) ownership() {
	for _, h := range w.history {
		if h.user {
			continue
		}
		for _, name := range keys(h.fields) {
			switch f := ruleOf(h.side, h.table, name); {
			case f == nil:
				w.complain("ownership", "%s of %s was written, and the contract does not name it", name, h.id)
			case f.more && !w.more:
				w.complain("ownership", "%s of %s was written before the contract names it", name, h.id)
			case f.owner == ownerLeft && h.side == record.Left, f.owner == ownerRight && h.side == record.Right:
				w.complain("ownership", "%s of %s was overwritten with %q, and that side owns it", name, h.id, h.fields[name])
			}
		}
	}
}

// economy: what a user wrote is carried to the other side once, and never back. A second time is only for what somebody
// over there overwrote since, or for what the vendor carried out when it had been given up.
func (w *world) economy() {
	type spot struct{ place, field, value string }
	origin, wrote := map[[2]string]string{}, map[spot]bool{} // what a user wrote last, by place and field; all of it, as it stands
	edited := map[[2]string]int{}                            // by place and field: when a user edited it last
	carried := map[spot]int{}                                // when
	surely := w.answered()
	for i, h := range w.history {
		at := place(h.side, h.table, h.id)
		for _, name := range keys(h.fields) {
			f := ruleOf(h.side, h.table, name)
			if f == nil || !f.unique {
				continue
			}
			s := spot{at, name, w.spelling(h.fields[name])}
			if h.user {
				origin[[2]string{at, name}], wrote[spot{at, name, h.fields[name].String()}] = s.value, true
				edited[[2]string{at, name}] = i
				continue
			}
			if h.late {
				edited[[2]string{at, name}] = i // it ran over what stood there, like an edit
			}
			if before, again := carried[s]; again && w.history[before].late {
				carried[s] = i
				continue // it was decided anew before the first one was there
			}
			if h.op == record.Create || h.late || h.fields[name].IsEmpty() {
				carried[s] = i
				continue
			}
			if origin[[2]string{at, name}] == s.value && (surely[s.value] || wrote[spot{at, name, h.fields[name].String()}]) {
				w.complain("economy", "%q came from %s of %s, and was written back there", s.value, name, h.id)
			}
			if before, again := carried[s]; again && edited[[2]string{at, name}] <= before && w.history[before].confirmed && surely[s.value] {
				w.complain("economy", "%q was written to %s of %s twice, and nobody had edited it in between", s.value, name, h.id)
			}
			if h.before[name].Equal(h.fields[name]) {
				w.complain("economy", "%q was written to %s of %s, which had it already", s.value, name, h.id)
			}
			carried[s] = i
		}
	}
}

// answered names the values of which accord surely knows what became of them wherever it wrote them. A vendor that makes
// something else of a value, and whose answer got lost, shows what somebody may as well have typed; so does one whose
// versions don't tell its own doing from an edit.
func (w *world) answered() map[string]bool {
	surely := map[string]bool{}
	interrupted := w.struck[Crash]+w.struck[Frozen] > 0 // before an answer was recorded, it may be
	for _, lost := range []bool{false, true} {
		for _, h := range w.history {
			for _, v := range h.fields {
				if unsure := w.met(Normalise) && !h.user && (!h.confirmed || w.met(Coarse) || interrupted); unsure == lost {
					surely[w.spelling(v)] = !lost
				}
			}
		}
	}
	return surely
}

// bounded: what was done took no more calls than it may.
func (w *world) bounded(what string, calls, allowed int) {
	w.trace.add("%s took %d calls of %d", what, calls, allowed)
	if calls > allowed {
		w.complain("bounded calls", "%s took %d calls, and %d must do", what, calls, allowed)
	}
}

// allowance is what converging may cost: a listing of everything, and some calls for each record that users ever touched.
func (w *world) allowance() int {
	records := 0
	for _, o := range objects {
		for _, side := range record.Sides {
			records += len(w.systems[side].Records(o.table[side]))
		}
	}
	return 30 + 2*records
}

// still: nothing was written.
func (w *world) still(what string, from int) {
	w.mu.Lock()
	extra := slices.Clone(w.history[from:])
	w.mu.Unlock()
	for _, h := range extra {
		w.complain("at rest", "%s wrote %s of %s: %v", what, h.op, h.id, shownFields(h.fields))
	}
}
