package simulation

import (
	"slices"

	"accord/engine/ledger"
	"accord/engine/record"
)

// What becomes of a change that a user made, as anybody can see it from outside. Each has one of these ends.
const (
	Carried   = "carried"    // the other side shows it
	Edited    = "edited"     // somebody edited the same field again, here
	Contested = "contested"  // the other side's edit won, or both are held; who looks is told
	Blind     = "overtaken"  // the other side's edit was on its way before anybody could know of this one
	Told      = "told"       // a conflict or a dead letter says why not
	NotOurs   = "not ours"   // the contract has this side's edits of it reverted, reported or ignored, or does not carry it
	NoPartner = "no partner" // the contract has no record for it on the other side
	Gone      = "gone"       // the record or its partner is removed, hidden or out of scope
	Lost      = "LOST"       // none of all that
)

// Ends lists all ends of changes, in the order in which they are shown.
var Ends = []string{Carried, Edited, Contested, Blind, Told, NotOurs, NoPartner, Gone, Lost}

// changes: every change that a user made to a field of a record is accounted for.
func (w *world) changes(c *court) {
	w.ends = map[string]int{}
	partners := w.partners(c)
	total := 0
	for n, h := range w.history {
		if !h.user || h.op == record.Delete {
			continue
		}
		for _, name := range keys(h.fields) {
			total++
			end := w.end(c, partners, n, name)
			w.ends[end]++
			if end == Lost {
				w.complain("conservation", "%q, which a user gave to %s of %s at %d, is nowhere to be found, and nobody is told", h.fields[name], name, h.id, n)
			}
		}
	}
	sum := 0
	for _, n := range w.ends {
		sum += n
	}
	if sum != total {
		w.complain("conservation", "of %d changes, %d are accounted for", total, sum)
	}
}

// partners are couples by the place of either record.
func (w *world) partners(c *court) map[string]couple {
	partners := map[string]couple{}
	for i := range objects {
		o := &objects[i]
		for _, x := range c.couples[o.name] {
			if _, twice := partners[place(record.Left, o.table[record.Left], x.left.ID)]; twice && x.left.Key != x.right.ID {
				continue // the one that it names itself goes first
			}
			partners[place(record.Left, o.table[record.Left], x.left.ID)] = x
			partners[place(record.Right, o.table[record.Right], x.right.ID)] = x
		}
	}
	return partners
}

// end says what became of one change of one field.
func (w *world) end(c *court, partners map[string]couple, n int, name string) string {
	h := w.history[n]
	o, f := objectOf(h.side, h.table), ruleOf(h.side, h.table, name)
	if f == nil || f.more && !w.more || f.owner == ownerLeft && h.side == record.Right || f.owner == ownerRight && h.side == record.Left {
		return NotOurs
	}
	again := func(e change) bool {
		_, same := e.fields[name]
		return e.user && e.side == h.side && e.id == h.id && same
	}
	if slices.ContainsFunc(w.history[n+1:], again) {
		return Edited
	}
	here, _ := w.find(h.side, h.table, h.id)
	if here.State != record.Live {
		return Gone
	}
	at := place(h.side, h.table, h.id)
	x, paired := partners[at]
	switch {
	case !paired && w.wants(o, h.side, here):
		if w.partnerGone(c, o, h.side, c.pairs[at]) {
			return Gone
		}
		if pair := c.pairs[at]; pair != "" && c.excused(o.name, pair, "") {
			return Told
		}
		return Lost
	case !paired:
		return NoPartner
	}
	if pair := c.pairs[at]; pair != "" && pair != x.pair && c.excused(o.name, pair, "") {
		return Told // it is a copy of the record that has the partner
	}
	there := [2]record.Record{x.left, x.right}[h.side.Other()]
	if there.State != record.Live {
		return Gone
	}
	values := [2]record.Value{x.left.Fields[f.native[record.Left]], x.right.Fields[f.native[record.Right]]}
	if !w.alike(values[h.side], h.fields[name]) { // it no longer stands where it was written
		return w.overruled(c, o, f, x, n, values)
	}
	if same, ok := f.tells(w, values[record.Left], values[record.Right]); same && ok {
		return Carried
	}
	if c.excused(o.name, x.pair, f.name) {
		return Told
	}
	return Lost
}

// overruled says what became of an edit of a field of both sides that its own record shows no more.
func (w *world) overruled(c *court, o *objectRule, f *fieldRule, x couple, n int, values [2]record.Value) string {
	h := w.history[n]
	if f.owner != ownerEither {
		return Lost // only its owner may change it
	}
	told := func(k ledger.Conflict) bool {
		return k.PairID == x.pair && k.Field == f.name && w.alike([2]record.Value{k.Left, k.Right}[h.side], h.fields[f.native[h.side]])
	}
	if slices.ContainsFunc(c.all, told) {
		return Contested
	}
	for m, e := range w.history[n+1:] {
		if v, wrote := e.fields[f.native[h.side]]; wrote && !e.user && e.side == h.side && e.id == h.id && e.table == h.table {
			if e.shown <= n {
				return Blind
			}
			// It was carried, and the other side's users edited what they were shown.
			other := h.side.Other()
			for _, g := range w.history[n : n+1+m] {
				if g.side == other && !g.user && w.alike(g.fields[f.native[other]], h.fields[f.native[h.side]]) {
					return Edited
				}
			}
			_ = v
			return Lost
		}
	}
	return Lost
}

// wants says whether the contract wants a partner for a record.
func (w *world) wants(o *objectRule, side record.Side, r record.Record) bool {
	return o.creates[side.Other()] && r.Key == "" && (o.name != "deal" || r.Fields["StageName"].Part(0) == "Closed Won")
}

// partnerGone says whether a record's partner is removed or hidden, by the ledger's word for which one that is.
func (w *world) partnerGone(c *court, o *objectRule, side record.Side, pair string) bool {
	other := side.Other()
	return pair != "" && slices.ContainsFunc(w.systems[other].Records(o.table[other]), func(r record.Record) bool {
		return r.State != record.Live && c.pairs[place(other, o.table[other], r.ID)] == pair
	})
}

func objectOf(side record.Side, table string) *objectRule {
	for i := range objects {
		if objects[i].table[side] == table {
			return &objects[i]
		}
	}
	return nil
}
