package ledger_test

import (
	"slices"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// pairs lists the record ids of all pairs that can be found by the given records, with the state of each.
func (f *fixture) pairs(ids ...string) []string {
	f.Helper()
	var list []string
	for _, id := range ids {
		p := f.explain(id).Pair
		list = append(list, p.IDs[0]+"-"+p.IDs[1]+" "+string(p.State))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (f *fixture) open() []string {
	f.Helper()
	var reasons []string
	for _, c := range must(f.Conflicts(f.Context(), ledger.Filter{}))(f) {
		reasons = append(reasons, f.explain(c.PairID).Pair.IDs[0]+f.explain(c.PairID).Pair.IDs[1]+" "+c.Reason)
	}
	slices.Sort(reasons)
	return reasons
}

// Which pair a record belongs to, by the keys that records carry.
func TestIdentity(t *testing.T) {
	left := func(id, key string, v record.Version) ledger.Observation { return read(record.Left, id, key, v) }
	right := func(id, key string, v record.Version) ledger.Observation { return read(record.Right, id, key, v) }
	double := " " + ledger.ReasonDuplicate
	for _, row := range []struct {
		name      string
		batches   [][]ledger.Observation
		ids       []string
		want      []string
		conflicts []string
	}{
		{"strangers", [][]ledger.Observation{{left("L1", "", 1)}, {right("R1", "", 1)}}, []string{"L1", "R1"}, []string{"-R1 live", "L1- live"}, nil},
		{"by its own key", [][]ledger.Observation{{left("L1", "", 1)}, {right("R1", "L1", 1)}}, []string{"L1", "R1"}, []string{"L1-R1 live"}, nil},
		{"by the key that names it", [][]ledger.Observation{{right("R1", "L1", 1)}, {left("L1", "", 1)}}, []string{"L1", "R1"}, []string{"L1-R1 live"}, nil},
		{"both name each other, in one batch", [][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1)}}, []string{"L1", "R1"}, []string{"L1-R1 live"}, nil},
		{"two halves become one when the key is seen", [][]ledger.Observation{{left("L1", "", 1), right("R1", "", 1)}, {right("R1", "L1", 2)}}, []string{"L1", "R1"}, []string{"L1-R1 live"}, nil},
		{"two halves, one batch", [][]ledger.Observation{{left("L1", "", 1), right("R1", "", 1), right("R1", "L1", 2)}}, []string{"L1", "R1"}, []string{"L1-R1 live"}, nil},
		{"a key that nobody has", [][]ledger.Observation{{left("L1", "R9", 1)}}, []string{"L1"}, []string{"L1- live"}, nil},
		{
			"a copy of a paired record, key and all",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1)}, {right("R2", "L1", 2)}},
			[]string{"L1", "R1", "R2"},
			[]string{"-R2 held", "L1-R1 live"},
			[]string{"R2" + double},
		},
		{
			"the copy's key is cleared",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1)}, {right("R2", "L1", 2)}, {right("R2", "", 3)}},
			[]string{"L1", "R1", "R2"},
			[]string{"-R2 live", "L1-R1 live"},
			nil,
		},
		{
			"the copy is deleted",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1)}, {right("R2", "L1", 2)}, {func() ledger.Observation {
				o := event(record.Right, "R2", 3)
				o.Record.State = record.Deleted
				return o
			}()}},
			[]string{"L1", "R1", "R2"},
			[]string{"-R2 live", "L1-R1 live"},
			nil,
		},
		{
			"two records name one that comes later",
			[][]ledger.Observation{{right("R1", "L1", 1), right("R2", "L1", 1)}, {left("L1", "", 1)}},
			[]string{"L1", "R1", "R2"},
			[]string{"-R1 held", "-R2 held", "L1- held"},
			[]string{"L1" + double, "R1" + double, "R2" + double},
		},
		{
			"a paired record's key is overwritten",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1), left("L2", "", 1)}, {right("R1", "L2", 2)}},
			[]string{"L1", "L2"},
			[]string{"L1- live", "L2-R1 live"},
			[]string{"L1 let_go"},
		},
		{
			"a paired record's key is overwritten with that of a paired record",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1), left("L2", "R2", 1), right("R2", "L2", 1)}, {right("R1", "L2", 2)}},
			[]string{"L1", "L2"},
			[]string{"L1-R1 live", "L2-R2 live"},
			nil,
		},
		{
			"two paired records name the same stranger",
			[][]ledger.Observation{
				{left("L1", "R1", 1), right("R1", "L1", 1), left("L2", "R2", 1), right("R2", "L2", 1), left("L3", "", 1)}, {right("R1", "L3", 2), right("R2", "L3", 2)},
			},
			[]string{"L1", "L2", "L3"},
			[]string{"L1-R1 live", "L2-R2 live", "L3- live"},
			nil,
		},
		{
			"a key is cleared, or names nobody",
			[][]ledger.Observation{{left("L1", "R1", 1), right("R1", "L1", 1), left("L2", "R2", 1), right("R2", "L2", 1)}, {right("R1", "", 2), right("R2", "L9", 2)}},
			[]string{"L1", "L2"},
			[]string{"L1-R1 live", "L2-R2 live"},
			nil,
		},
		{
			"the same record in another object",
			[][]ledger.Observation{{left("L1", "", 1)}, {func() ledger.Observation {
				o := right("R1", "L1", 1)
				o.Object = "client"
				return o
			}()}},
			[]string{"L1"},
			[]string{"L1- live"},
			nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			engines(t, func(t *testing.T, f *fixture) {
				for _, b := range row.batches {
					f.capture(b...)
				}
				same(t, "pairs", f.pairs(row.ids...), row.want)
				same(t, "conflicts", f.open(), row.conflicts)
				for _, w := range f.claim() {
					if w.Pair.State != ledger.PairLive {
						t.Fatalf("claimed a pair that is held: %+v", w.Pair)
					}
					for _, side := range record.Sides {
						if (w.Seen[side] != nil) != (w.Pair.IDs[side] != "") {
							t.Fatalf("pair %v claimed with seen %v", w.Pair.IDs, w.Seen)
						}
					}
				}
			})
		})
	}
}

func TestResolveAmbiguous(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(read(record.Right, "R2", "L1", 2))
		f.claimNone()
		if !f.quiet() {
			t.Fatal("a held pair keeps the sync busy")
		}
		c := must(f.Conflicts(t.Context(), ledger.Filter{Object: "deal"}))(t)[0]
		ok(t, f.ResolveConflict(t.Context(), c.ID))
		same(t, "claimed", f.claimOne().Pair.IDs, [2]string{"", "R2"})
		if err := f.ResolveConflict(t.Context(), c.ID); err == nil {
			t.Fatal("resolved twice")
		}
	})
}

// A record is created by us, and its event arrives, without its key, before the vendor's answer.
func TestEventBeforeAnswer(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "L1", "", 1, "a", "1"))
		w := f.claimOne()
		r := decided(w)
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Create, Key: "L1", Fields: fields("a", "1")}}
		f.resolve(r)
		b := f.dispatch(record.Right)
		f.capture(event(record.Right, "R1", 5))
		same(t, "pairs", f.pairs("L1", "R1"), []string{"-R1 live", "L1- live"})
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, RecordID: "R1", Version: 5})
		same(t, "pairs", f.pairs("L1", "R1"), []string{"L1-R1 live"})
		same(t, "pair", f.explain("R1").Pair.ID, w.Pair.ID)
		same(t, "seen", f.explain("R1").Seen[1].Fields, fields("a", "1"))
	})
}

// What was decided about a half is void when the half turns out to be half of a pair.
func TestJoinVoidsDecisions(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		create := func(w ledger.Work) ledger.Resolution {
			r := decided(w)
			r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Create, Key: w.Pair.IDs[0], Fields: fields("a", "1")}}
			return r
		}
		f.capture(read(record.Left, "L1", "", 1), read(record.Left, "L2", "", 1))
		work := f.claim()
		f.resolve(create(work[0]))                   // ready, not sent
		f.capture(read(record.Right, "R1", "L1", 1)) // its other side exists
		f.capture(read(record.Right, "R2", "", 1))   // so does the other's
		joins := [][2]string{{f.explain("L2").Pair.ID, f.explain("R2").Pair.ID}, {"no such pair", f.explain("R2").Pair.ID}}
		same(t, "joined", must(f.JoinPairs(t.Context(), "deal", joins))(t), 1)
		same(t, "joined again", must(f.JoinPairs(t.Context(), "deal", joins))(t), 0)
		same(t, "stale", must(f.Resolve(t.Context(), []ledger.Resolution{create(work[1])}))(t), []string{work[1].Pair.ID})
		if b := f.dispatch(record.Right); b != nil {
			t.Fatalf("a second record is created: %+v", b)
		}
		same(t, "pairs", f.pairs("L1", "L2", "R1", "R2"), []string{"L1-R1 live", "L2-R2 live"})
		same(t, "due", len(f.claim()), 2)
	})
}

// A create that was sent, when its other side was there all along: both come to light.
func TestCreateTwice(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "L1", "", 1))
		r := decided(f.claimOne())
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Create, Key: "L1", Fields: fields("a", "1")}}
		f.resolve(r)
		b := f.dispatch(record.Right)
		f.capture(read(record.Right, "R1", "L1", 1))
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, RecordID: "R2"})
		same(t, "pairs", f.pairs("L1", "R1", "R2"), []string{"-R2 held", "L1-R1 live"})
		same(t, "conflicts", f.open(), []string{"R2 " + ledger.ReasonDuplicate})
	})
}

func TestHalfPairs(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L0", "R0", "a", "0")
		f.capture(read(record.Left, "L1", "", 1, "a", "1"), read(record.Left, "L2", "", 1, "a", "2"), read(record.Right, "R3", "", 1, "a", "3"))
		var got []string
		ok(t, f.HalfPairs(t.Context(), "deal", record.Left, func(h ledger.HalfPair) error {
			got = append(got, h.Record.ID+h.Record.Fields["a"].String())
			// The ledger can be written to meanwhile.
			return f.SetCursor(t.Context(), ledger.Cursor{Connection: "c", Name: h.PairID})
		}))
		slices.Sort(got)
		same(t, "left halves", got, []string{"L11", "L22"})

		byRecord := must(f.PairByRecord(t.Context(), "deal", record.Left, []string{"L0", "L1", "L9", "L1"}))(t)
		same(t, "pairs by record", len(byRecord), 2)
		byPair := must(f.RecordByPair(t.Context(), record.Right, []string{byRecord["L0"], byRecord["L1"]}))(t)
		same(t, "records by pair", byPair, map[string]string{byRecord["L0"]: "R0"})
	})
}

// A pair waits for another one to get its second side.
func TestWaiting(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "parent", "", 1), read(record.Left, "child", "", 1))
		parent, child := f.explain("parent").Pair.ID, f.explain("child").Pair.ID
		work := f.claim()
		if work[0].Pair.ID != parent {
			work[0], work[1] = work[1], work[0]
		}
		r := decided(work[1])
		r.WaitFor, r.Reason = []string{parent}, "waits for its client"
		f.resolve(decided(work[0]), r)
		f.claimNone()
		if !f.quiet() {
			t.Fatal("waiting keeps the sync busy")
		}
		if _, due, err := f.NextDue(t.Context()); err != nil || due {
			t.Fatalf("something is due: %v", err)
		}
		e := f.explain("child")
		same(t, "reason", e.Pending.Reason, "waits for its client")
		same(t, "waiting", f.stats().Waiting, 1)

		f.capture(read(record.Right, "R1", "parent", 1))
		var ids []string
		for _, w := range f.claim() {
			ids = append(ids, w.Pair.ID)
			if w.Pair.ID == child {
				r := decided(w)
				r.WaitFor = []string{parent} // has both sides by now
				f.resolve(r)
			}
		}
		slices.Sort(ids)
		want := []string{parent, child}
		slices.Sort(want)
		same(t, "woken", ids, want)
		same(t, "due at once", f.claimOne().Pair.ID, child)

		// With a time to try again at the latest.
		f.clock.advance(time.Hour)
		var w ledger.Work
		for _, w = range f.claim() {
			if w.Pair.ID == child {
				break
			}
		}
		f.capture(read(record.Left, "other", "", 1))
		r = decided(w)
		r.WaitFor, r.RetryAt = []string{f.explain("other").Pair.ID}, f.clock.Now().Add(time.Minute)
		f.resolve(r)
		f.clock.advance(time.Minute)
		same(t, "attempts", f.explain("child").Pending.Attempts, 3)
		if f.explain("child").Pending.NotBefore.After(f.clock.Now()) {
			t.Fatal("not due at its time")
		}
	})
}
