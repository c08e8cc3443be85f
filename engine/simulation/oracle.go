package simulation

import (
	"context"
	"slices"

	"accord/engine/ledger"
	"accord/engine/record"
)

// judge is every oracle that looks at where a run has come to rest. Strict is after dead letters were retried: then none
// may be left to excuse anything.
func (w *world) judge(ctx context.Context, l *ledger.Ledger, strict bool) error {
	c, err := w.look(ctx, l)
	if err != nil {
		return err
	}
	if strict && len(c.dead) > 0 {
		w.complain("conservation", "%d dead letters are left after nothing fails any more", len(c.dead))
	}
	w.ended(ctx, l)
	for i := range objects {
		o := &objects[i]
		w.agreement(c, o)
		w.duplicates(o)
		w.existence(c, o)
		w.removals(c, o)
	}
	w.ownership()
	w.economy()
	w.edits(c)
	w.rested()
	w.fights(c)
	w.triggers(ctx, c, l)
	w.changes(c)
	w.audited(ctx, l)
	return nil
}

// court is what the oracles look at, beside the vendors and the history.
type court struct {
	pairs     map[string]string // by place of the left record: pair id
	conflicts []ledger.Conflict // open
	all       []ledger.Conflict
	dead      []ledger.DeadLetter
	couples   map[string][]couple // by object
}

// couple is two records that name each other.
type couple struct {
	pair        string
	left, right record.Record
}

func (w *world) look(ctx context.Context, l *ledger.Ledger) (*court, error) {
	c := &court{pairs: map[string]string{}, couples: map[string][]couple{}}
	var err error
	if c.conflicts, err = l.Conflicts(ctx, ledger.Filter{}); err != nil {
		return nil, err
	}
	if c.all, err = l.Conflicts(ctx, ledger.Filter{State: "all"}); err != nil {
		return nil, err
	}
	if c.dead, err = l.DeadLetters(ctx, ledger.Filter{}); err != nil {
		return nil, err
	}
	account := map[string]string{}
	for _, o := range objects {
		for _, side := range record.Sides {
			var ids []string
			for _, r := range w.systems[side].Records(o.table[side]) {
				ids = append(ids, r.ID)
			}
			pairs, err := l.PairByRecord(ctx, o.name, side, ids)
			if err != nil {
				return nil, err
			}
			for id, pair := range pairs {
				c.pairs[place(side, o.table[side], id)] = pair
				if o.name == "client" && side == record.Left {
					account[pair] = id
				} else if o.name == "client" {
					w.partner[id] = account[pair]
				}
			}
		}
		for _, left := range w.systems[record.Left].Records(o.table[record.Left]) {
			for _, right := range w.systems[record.Right].Records(o.table[record.Right]) {
				if left.Key == right.ID || right.Key == left.ID {
					c.couples[o.name] = append(c.couples[o.name], couple{c.pairs[place(record.Left, o.table[record.Left], left.ID)], left, right})
				}
			}
		}
	}
	return c, nil
}

// excused says whether something that a person is told of explains why a field does not agree.
func (c *court) excused(object, pair, field string) bool {
	return slices.ContainsFunc(c.conflicts, func(x ledger.Conflict) bool {
		return x.Object == object && x.PairID == pair && (x.Field == field || x.Field == "") && x.Reason != "overridden"
	}) || c.buried(object, pair)
}

// waits says whether a field is said to wait for the partner of the record that it refers to.
func (c *court) waits(pair, field string) bool {
	return slices.ContainsFunc(c.conflicts, func(x ledger.Conflict) bool {
		return x.PairID == pair && x.Field == field && x.Reason == "missing_parent"
	})
}

// coupled says whether an account and its item are there and name each other.
func (w *world) coupled(account record.Value) bool {
	a, _ := w.find(record.Left, "Account", account.Part(0))
	item, _ := w.find(record.Right, "Clients", a.Key)
	return a.State == record.Live && item.State == record.Live && a.Key != "" && item.Key == a.ID
}

func (c *court) buried(object, pair string) bool {
	return slices.ContainsFunc(c.dead, func(d ledger.DeadLetter) bool { return d.Object == object && d.PairID == pair })
}

// agreement: records that belong together say the same of every field, and each names the other.
func (w *world) agreement(c *court, o *objectRule) {
	for _, x := range c.couples[o.name] {
		if x.left.State != record.Live || x.right.State != record.Live {
			continue
		}
		if x.left.Key != x.right.ID || x.right.Key != x.left.ID {
			if !c.excused(o.name, x.pair, "") && !c.excused(o.name, c.pairs[place(record.Right, o.table[record.Right], x.right.ID)], "") {
				w.complain("agreement", "%s names %q and %s names %q", x.left.ID, x.left.Key, x.right.ID, x.right.Key)
			}
			continue
		}
		for i := range o.fields {
			f := &o.fields[i]
			if f.more && !w.more {
				continue
			}
			left, right := x.left.Fields[f.native[record.Left]], x.right.Fields[f.native[record.Right]]
			same, ok := f.tells(w, left, right)
			if same && ok {
				continue
			}
			switch {
			case !c.excused(o.name, x.pair, f.name):
				w.complain("agreement", "%s of %s and %s: %q and %q, and nobody is told", f.name, x.left.ID, x.right.ID, left, right)
			case ok && c.waits(x.pair, f.name) && w.coupled(left):
				w.complain("agreement", "%s of %s waits for %q to get a partner, which it has", f.name, x.left.ID, left)
			}
		}
	}
}

// duplicates: of one record, no two are made.
func (w *world) duplicates(o *objectRule) {
	for _, side := range record.Sides {
		made := map[string][]string{}
		for i, h := range w.history {
			if !h.user && h.op == record.Create && h.side == side && h.table == o.table[side] {
				if n := len(made[h.key]); n > 0 && w.wasRemoved(made[h.key][n-1], i) {
					made[h.key] = nil // a user removed it, or hid it: nobody could find it any more
				}
				made[h.key] = append(made[h.key], h.id)
			}
		}
		for _, key := range keys(made) {
			if ids := made[key]; len(ids) > 1 || key == "" {
				w.complain("no duplicates", "%d records were made for %q: %v", len(ids), key, ids)
			}
		}
		if !o.creates[side] && len(made) > 0 {
			w.complain("no duplicates", "records of %s were made, and none may be", o.table[side])
		}
	}
}

// wasRemoved says whether a user took a record from sight before a moment of the history.
func (w *world) wasRemoved(id string, before int) bool {
	return slices.ContainsFunc(w.history[:before], func(h change) bool { return h.user && h.id == id && h.op == record.Delete })
}

// existence: what the contract wants on the other side is there.
func (w *world) existence(c *court, o *objectRule) {
	for _, target := range record.Sides {
		if !o.creates[target] {
			continue
		}
		source := target.Other()
		partner := map[string]bool{}
		for _, x := range c.couples[o.name] {
			partner[[2]record.Record{x.left, x.right}[source].ID] = true
		}
		// A partner that was removed before the records got each other's ids.
		for _, r := range w.systems[target].Records(o.table[target]) {
			if pair := c.pairs[place(target, o.table[target], r.ID)]; pair != "" && r.State != record.Live {
				partner[pair] = true
			}
		}
		for _, r := range w.systems[source].Records(o.table[source]) {
			if r.State != record.Live || partner[r.ID] || r.Key != "" ||
				partner[c.pairs[place(source, o.table[source], r.ID)]] {
				continue
			}
			if o.name == "deal" && r.Fields["StageName"].Part(0) != "Closed Won" {
				continue
			}
			if pair := c.pairs[place(source, o.table[source], r.ID)]; pair == "" || !c.excused(o.name, pair, "") {
				w.complain("existence", "%s should be in %s too, and is not", r.ID, o.table[target])
			}
		}
		if o.name != "deal" {
			continue
		}
		for _, x := range c.couples[o.name] {
			if !w.everWon(x.left.ID) {
				w.complain("existence", "%s was never won, and has item %s", x.left.ID, x.right.ID)
			}
		}
	}
}

func (w *world) everWon(id string) bool {
	return slices.ContainsFunc(w.history, func(h change) bool {
		return h.id == id && h.fields["StageName"].Part(0) == "Closed Won"
	})
}

// removals: a removed record takes its partner with it where the contract says so, and nowhere else.
func (w *world) removals(c *court, o *objectRule) {
	gone := func(r record.Record) bool { return r.State == record.Deleted || r.State == record.Archived }
	for _, x := range c.couples[o.name] {
		both := [2]record.Record{x.left, x.right}
		if c.pairs[place(record.Right, o.table[record.Right], x.right.ID)] != x.pair {
			continue // a copy of the partner, which is held
		}
		for _, s := range record.Sides {
			if o.archive[s] && gone(both[s]) && both[s.Other()].State == record.Live && both[s.Other()].Key == both[s].ID && !c.excused(o.name, x.pair, "") {
				w.complain("removals", "%s is %s, and %s is still there", both[s].ID, both[s].State, both[s.Other()].ID)
			}
		}
	}
	for i, h := range w.history {
		if h.user || h.op != record.Archive && h.op != record.Delete || h.table != o.table[h.side] {
			continue
		}
		pair, other := c.pairs[place(h.side, h.table, h.id)], h.side.Other()
		cause := slices.ContainsFunc(w.history[:i], func(e change) bool { // of a partner that it was never linked to
			return e.user && e.side == other && e.table == o.table[other] && (e.state == record.Deleted || e.state == record.Archived) &&
				pair != "" && c.pairs[place(e.side, e.table, e.id)] == pair
		}) || slices.ContainsFunc(c.couples[o.name], func(x couple) bool {
			both := [2]record.Record{x.left, x.right}
			return both[h.side].ID == h.id && slices.ContainsFunc(w.history[:i], func(e change) bool {
				return e.user && e.id == both[h.side.Other()].ID && (e.state == record.Deleted || e.state == record.Archived)
			})
		})
		if !o.archive[h.side.Other()] || h.op != [2]record.Op{record.Delete, record.Archive}[h.side] || !cause {
			w.complain("removals", "%s was removed, and no removal of its partner is the cause", h.id)
		}
	}
}

// ended: nothing is left to do.
func (w *world) ended(ctx context.Context, l *ledger.Ledger) {
	quiet, err := l.Quiet(ctx)
	if err != nil || !quiet {
		w.complain("conservation", "something is left to do in the ledger: %v", err)
	}
	tallies, err := l.Tallies(ctx)
	if err != nil {
		w.complain("conservation", "the ledger can't be read: %v", err)
	}
	for _, t := range tallies {
		if !t.Balanced() {
			w.complain("conservation", "the ledger's own account of %s does not add up: %+v", t.Object, t)
		}
	}
	stats, err := l.Stats(ctx)
	if err != nil {
		w.complain("conservation", "the ledger can't be read: %v", err)
	}
	for _, s := range stats {
		if n := s.Intents[0] + s.Intents[1] + s.Dirty[0] + s.Dirty[1]; n > 0 || s.Pending > s.Waiting {
			w.complain("conservation", "of %s, something is left to do: %+v", s.Object, s)
		}
	}
}
