package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// gone is a read of a record that is not live.
func gone(side record.Side, id string, v record.Version, state record.State, into string) ledger.Observation {
	o := read(side, id, "", v)
	o.Record.State, o.Record.MergedInto = state, into
	return o
}

// conflict is the only open one.
func (f *fixture) conflict() ledger.Conflict {
	f.Helper()
	list := must(f.Conflicts(f.Context(), ledger.Filter{}))(f)
	if len(list) != 1 {
		f.Fatalf("%d open conflicts instead of one: %+v", len(list), list)
	}
	return list[0]
}

// lone is what becomes of a record's pair.
func (f *fixture) lone(id string) ledger.Lone { return f.explain(id).Pair.Lone }

// A record merged into one without a partner hands its partner over; what was agreed is void, and writes under way stray.
func TestMergedIntoOneWithoutAPartner(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		loser := f.pairUp("L1", "R1", "a", "1")
		f.capture(read(record.Left, "L2", "", 1, "a", "2"))
		for _, w := range f.claim() {
			f.resolve(decided(w))
		}
		f.capture(read(record.Left, "L1", "R1", 2, "a", "3"))
		f.write(record.Right, "a", "3")
		batch := f.dispatch(record.Right)
		f.capture(gone(record.Left, "L1", 3, record.Deleted, "L2"))
		same(t, "pairs", f.pairs("L1", "L2"), []string{"L1- closed", "L2-R1 live"})
		f.settle(ledger.Outcome{IntentID: batch.Intents[0].ID, BatchID: batch.ID, Done: true, Version: 4})
		p := f.explain("L2").Pair
		if p.Base[0] != nil || p.Base[1] != nil {
			t.Errorf("the new pair agrees on %v", p.Base)
		}
		if e := f.explain("R1"); !e.Dirty[record.Right] || e.Pair.ID == loser.ID {
			t.Errorf("the record that was written meanwhile is not read again: %+v", e)
		}
		same(t, "conflicts", f.open(), []string(nil))
	})
}

// A master that nobody has heard of is read before anything is decided.
func TestMergedIntoAStranger(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(gone(record.Left, "L1", 2, record.Deleted, "L9"))
		same(t, "pairs", f.pairs("L9"), []string{"L9-R1 live"})
		same(t, "to be read", f.dirty(record.Left)[0].ID, "L9")
		f.claimNone()
	})
}

func TestMergedAndBothHavePartners(t *testing.T) {
	setUp := func(t *testing.T, f *fixture) ledger.Conflict {
		f.pairUp("L1", "R1", "a", "1")
		f.pairUp("L2", "R2", "a", "2")
		f.capture(gone(record.Left, "L1", 3, record.Deleted, "L2"))
		same(t, "pairs", f.pairs("L1", "L2"), []string{"L1-R1 held", "L2-R2 live"})
		f.claimNone()
		f.capture(gone(record.Left, "L1", 3, record.Deleted, "L2")) // told twice
		c := f.conflict()
		for _, id := range []string{"L1", "L2", "R1", "R2"} {
			if !strings.Contains(c.Detail, id) {
				t.Errorf("%s is not named: %s", id, c.Detail)
			}
		}
		if err := f.KeepRecord(t.Context(), c.ID, "L2"); err == nil || !strings.Contains(err.Error(), "R1") {
			t.Errorf("kept a record of the wrong side: %v", err)
		}
		if err := f.DeclareGone(t.Context(), c.ID); !errors.Is(err, ledger.ErrNotMissing) {
			t.Errorf("declared gone: %v", err)
		}
		return c
	}
	for _, row := range []struct {
		name, keep string
		pairs      []string
		dismissed  string
	}{
		{"the master's", "R2", []string{"-R1 live", "L1- closed", "L2-R2 live"}, "R1"},
		{"the loser's", "R1", []string{"-R2 live", "L1- closed", "L2-R1 live"}, "R2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			engines(t, func(t *testing.T, f *fixture) {
				c := setUp(t, f)
				ok(t, f.KeepRecord(t.Context(), c.ID, row.keep))
				same(t, "pairs", f.pairs("L1", "L2", "R1", "R2"), row.pairs)
				same(t, "dismissed", f.lone(row.dismissed), ledger.LoneDismissed)
				same(t, "conflicts", f.open(), []string(nil))
				if err := f.KeepRecord(t.Context(), c.ID, row.keep); !errors.Is(err, ledger.ErrClosed) {
					t.Errorf("settled twice: %v", err)
				}
			})
		})
	}
	t.Run("the double is deleted", func(t *testing.T) {
		engines(t, func(t *testing.T, f *fixture) {
			setUp(t, f)
			f.capture(gone(record.Right, "R1", 4, record.Deleted, ""))
			same(t, "pairs", f.pairs("L1", "L2"), []string{"L1-R1 live", "L2-R2 live"})
			same(t, "conflicts", f.open(), []string(nil))
		})
	})
}

func TestKeepACopy(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(read(record.Right, "R2", "L1", 2, "a", "1"))
		ok(t, f.KeepRecord(t.Context(), f.conflict().ID, "R2"))
		same(t, "pairs", f.pairs("L1", "R1"), []string{"-R1 live", "L1-R2 live"})
		same(t, "dismissed", f.lone("R1"), ledger.LoneDismissed)
		if b := f.explain("L1").Pair.Base; b[0] != nil || b[1] != nil {
			t.Errorf("the two agree on %v", b)
		}
	})
}

// One of two that name the same record without a partner is kept: the other is a double of it.
func TestKeepOneOfTwo(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Right, "R1", "L1", 1), read(record.Right, "R2", "L1", 1))
		f.capture(read(record.Left, "L1", "", 1))
		for _, c := range must(f.Conflicts(t.Context(), ledger.Filter{}))(t) {
			if f.explain(c.PairID).Pair.IDs[1] == "R1" {
				if err := f.KeepRecord(t.Context(), c.ID, "R2"); err == nil || !strings.Contains(err.Error(), "R1") {
					t.Errorf("kept another one: %v", err)
				}
				ok(t, f.KeepRecord(t.Context(), c.ID, "R1"))
			}
		}
		same(t, "pairs", f.pairs("L1", "R2"), []string{"-R2 held", "L1-R1 live"})
		same(t, "conflicts", f.open(), []string{"R2 duplicate_key"})
		ok(t, f.KeepRecord(t.Context(), f.conflict().ID, "R1"))
		same(t, "pairs", f.pairs("L1", "R2"), []string{"-R2 live", "L1-R1 live"})
	})
}

// A record whose partner was linked elsewhere waits for a person, who can have it treated as new.
func TestRelinked(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(read(record.Left, "L2", "", 1, "a", "2"), read(record.Right, "R1", "L2", 2, "a", "1"))
		same(t, "pairs", f.pairs("L1", "L2"), []string{"L1- live", "L2-R1 live"})
		same(t, "let go", f.lone("L1"), ledger.LoneLetGo)
		work := f.claim()
		same(t, "decided anew", len(work), 2)
		for _, w := range work {
			r := decided(w)
			if w.Pair.IDs[0] == "L1" {
				r.Intents = []ledger.Intent{{Side: record.Left, Op: record.Update, RecordID: "L1", Unlink: true}}
			}
			f.resolve(r)
		}
		b := f.again().dispatch(record.Left)
		if !b.Intents[0].Patch().Unlink {
			t.Errorf("the patch does not clear the key: %+v", b.Intents[0].Patch())
		}
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, Version: 3})
		same(t, "its key", f.explain("L1").Seen[0].Key, "")
		ok(t, f.ResolveConflict(t.Context(), f.conflict().ID))
		same(t, "to be created anew", f.lone("L1"), ledger.LoneRenewed)
		same(t, "conflicts", f.open(), []string(nil))
		// And back again, by hand.
		f.capture(read(record.Right, "R1", "L1", 5, "a", "1"))
		same(t, "pairs", f.pairs("L1", "L2"), []string{"L1-R1 live", "L2- live"})
		same(t, "the one that has it again", f.lone("L1"), ledger.LoneNew)
		same(t, "conflicts", f.open(), []string{"L2 let_go"})
		f.capture(gone(record.Left, "L2", 6, record.Deleted, ""))
		w := f.claim()
		closed := ledger.PairClosed
		for _, w := range w {
			r := decided(w)
			if w.Pair.IDs[0] == "L2" {
				r.State, r.ClearConflicts = &closed, []string{""}
			}
			f.resolve(r)
		}
		same(t, "conflicts", f.open(), []string(nil))
	})
}

// Our own removal is remembered until the record is there again, and its partner can be had anew.
func TestRemovedByUs(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.pairUp("L1", "R1", "a", "1")
		f.capture(gone(record.Left, "L1", 2, record.Deleted, ""))
		w := f.claimOne()
		r := decided(w)
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Archive, RecordID: "R1"}}
		f.resolve(r)
		b := f.dispatch(record.Right)
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, Version: 3})
		f.capture(read(record.Left, "L1", "R1", 4, "a", "1"))
		same(t, "removed by us", f.claimOne().Removed, [2]bool{false, true})
		ok(t, f.Report(t.Context(), []ledger.Conflict{{Object: "deal", PairID: p.ID, Reason: ledger.ReasonCameBack}}))
		ok(t, f.ResolveConflict(t.Context(), f.conflict().ID))
		same(t, "pairs", f.pairs("L1", "R1"), []string{"-R1 closed", "L1- live"})
		same(t, "to be created anew", f.lone("L1"), ledger.LoneRenewed)

		f.capture(read(record.Right, "R1", "L1", 9, "a", "1")) // restored after all, and L1 has no other yet
		f.capture(now(f, record.Right, read(record.Right, "R1", "L1", 9, "a", "1")))
		same(t, "removed by us", f.explain("R1").Removed[record.Right], false)
		same(t, "pairs", f.pairs("L1", "R1"), []string{"L1-R1 live"})
	})
}

// now is what a read shows that was begun when the record was known to be in doubt.
func now(f *fixture, side record.Side, o ledger.Observation) ledger.Observation {
	f.Helper()
	o.DirtyGen = f.dirty(side)[0].Gen
	return o
}

// What is told late of a record, of a moment before we removed it, does not count as its being put back.
func TestRemovedByUsAndToldLate(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(gone(record.Left, "L1", 2, record.Deleted, ""))
		w := f.claimOne()
		r := decided(w)
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Delete, RecordID: "R1"}}
		f.resolve(r)
		f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true}) // the vendor tells no version
		for _, late := range []ledger.Observation{event(record.Right, "R1", 7, "a", "2"), read(record.Right, "R1", "L1", 9, "a", "2")} {
			f.capture(late)
			f.capture(now(f, record.Right, gone(record.Right, "R1", 8, record.Deleted, "")))
			same(t, "removed by us", f.explain("R1").Removed[record.Right], true)
		}
	})
}

// What is not shown is gone only on an operator's word.
func TestDeclareGone(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.pairUp("L1", "R1", "a", "1")
		f.capture(gone(record.Left, "L1", 0, record.Missing, ""))
		o := gone(record.Left, "L1", 0, record.Missing, "")
		o.DirtyGen = f.dirty(record.Left)[0].Gen
		f.capture(o)
		f.resolve(decided(f.claimOne()))
		ok(t, f.Report(t.Context(), []ledger.Conflict{{Object: "deal", PairID: p.ID, Reason: ledger.ReasonNotShown}}))
		if err := f.KeepRecord(t.Context(), f.conflict().ID, "L1"); !errors.Is(err, ledger.ErrNotDoubles) {
			t.Errorf("kept: %v", err)
		}
		ok(t, f.DeclareGone(t.Context(), f.conflict().ID))
		same(t, "state", f.claimOne().Seen[record.Left].State, record.Deleted)
		same(t, "conflicts", f.open(), []string(nil))
	})
}

// A record outside the scope keeps its fields and its key as they were, and is the same one when it comes back.
func TestOutside(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.pairUp("L1", "R1", "a", "1")
		f.capture(gone(record.Left, "L1", 2, record.Outside, ""))
		w := f.claimOne()
		same(t, "state", w.Seen[record.Left].State, record.Outside)
		same(t, "key", w.Seen[record.Left].Key, "R1")
		same(t, "fields", w.Seen[record.Left].Fields, fields("a", "1"))
		f.resolve(decided(w))
		f.capture(read(record.Left, "L1", "R1", 3, "a", "2"))
		w = f.claimOne()
		same(t, "pair", w.Pair.ID, p.ID)
		same(t, "fields", w.Seen[record.Left].Fields, fields("a", "2"))
	})
}

// A record that is gone gives up its place: to one that somebody made in its stead, to one that is linked by hand, and to the
// partner of one that was merged into its own.
func TestAGoneRecordGivesUpItsPlace(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.pairUp("L2", "R2", "a", "2")
		f.pairUp("L3", "R3", "a", "3")
		f.capture(gone(record.Right, "R1", 2, record.Deleted, ""))
		f.capture(read(record.Right, "R9", "L1", 3, "a", "1"))
		same(t, "made anew", f.pairs("L1", "R1"), []string{"-R1 closed", "L1-R9 live"})

		restored := event(record.Right, "R1", 4) // after all, and told by an event that shows no key
		restored.Partial = true
		f.capture(gone(record.Right, "R1", 3, record.Archived, ""), restored)
		if d := f.dirty(record.Right); len(d) > 0 {
			o := read(record.Right, "R1", "L1", 4, "a", "1")
			o.DirtyGen = d[0].Gen
			f.capture(o)
		}
		same(t, "restored", f.pairs("L1", "R1"), []string{"-R1 held", "L1-R9 live"})
		f.capture(gone(record.Right, "R1", 5, record.Deleted, ""))

		f.capture(gone(record.Right, "R9", 6, record.Archived, ""))
		f.capture(read(record.Right, "R2", "L1", 6, "a", "2"))
		same(t, "linked by hand", f.pairs("L1", "L2"), []string{"L1-R2 live", "L2- live"})

		f.capture(gone(record.Left, "L3", 7, record.Deleted, "L2"))
		same(t, "merged", f.pairs("L2", "L3"), []string{"L2-R3 live", "L3- closed"})
		f.capture(gone(record.Right, "R2", 7, record.Deleted, ""))
		f.capture(gone(record.Left, "L2", 8, record.Deleted, "L1"))
		same(t, "merged into one whose partner is gone", f.pairs("L1", "L2"), []string{"L1-R3 live", "L2- closed"})
		same(t, "conflicts", f.open(), []string(nil))
	})
}
