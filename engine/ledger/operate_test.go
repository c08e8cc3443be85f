package ledger_test

import (
	"errors"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// paired is a pair of deal with both records seen, and nothing pending.
func (f *fixture) paired(t *testing.T) ledger.Pair {
	t.Helper()
	must(f.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{
		read(record.Left, "L1", "R1", 1, "Stage", "won"), read(record.Right, "R1", "L1", 1, "stage", "Won"),
	}}))(t)
	work := must(f.Claim(t.Context(), "deal", 10, "w", time.Minute))(t)
	same(t, "claimed", len(work), 1)
	must(f.Resolve(t.Context(), []ledger.Resolution{{PairID: work[0].Pair.ID, Gen: work[0].Gen, Lease: work[0].Lease}}))(t)
	return work[0].Pair
}

func TestAwards(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.paired(t)
		ok(t, f.Report(t.Context(), []ledger.Conflict{
			{Object: "deal", PairID: p.ID, Field: "stage", Reason: "both_changed", Left: text("a"), Right: text("b\x00")},
			{Object: "deal", PairID: p.ID, Reason: "key_taken"},
			{Object: "deal", PairID: p.ID, Field: "note", Reason: "overridden", State: ledger.StateInfo},
		}))
		open := must(f.Conflicts(t.Context(), ledger.Filter{}))(t)
		same(t, "open ones", len(open), 2)
		same(t, "for information", len(must(f.Conflicts(t.Context(), ledger.Filter{State: ledger.StateInfo}))(t)), 1)
		byReason := map[string]int64{}
		for _, c := range open {
			byReason[c.Reason] = c.ID
		}
		if err := f.AwardConflict(t.Context(), byReason["key_taken"], record.Left, "ann"); !errors.Is(err, ledger.ErrNotContested) {
			t.Fatalf("a conflict without a field: %v", err)
		}
		if err := f.AwardConflict(t.Context(), 999, record.Left, "ann"); !errors.Is(err, ledger.ErrNotFound) {
			t.Fatalf("an unknown conflict: %v", err)
		}
		ok(t, f.AwardConflict(t.Context(), byReason["both_changed"], record.Right, "ann"))
		if err := f.AwardConflict(t.Context(), byReason["both_changed"], record.Left, "ann"); !errors.Is(err, ledger.ErrClosed) {
			t.Fatalf("a closed conflict: %v", err)
		}
		awards := must(f.again().Awards(t.Context(), []string{p.ID, "none"}))(t)
		a := awards[p.ID]["stage"]
		same(t, "award", a, ledger.Award{PairID: p.ID, Field: "stage", Side: record.Right, Left: text("a"), Right: text("b\x00"), Actor: "ann", AwardedAt: f.clock.Now()})
		same(t, "decided anew", len(must(f.Claim(t.Context(), "deal", 10, "w", time.Minute))(t)), 1)

		stale := a
		stale.AwardedAt = a.AwardedAt.Add(-time.Second)
		ok(t, f.DropAwards(t.Context(), []ledger.Award{stale}))
		same(t, "kept, for it was given anew", len(must(f.Awards(t.Context(), []string{p.ID}))(t)), 1)
		ok(t, f.DropAwards(t.Context(), []ledger.Award{a}))
		same(t, "dropped", len(must(f.Awards(t.Context(), []string{p.ID}))(t)), 0)
	})
}

func TestIntendedWritesAndTheirHistory(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.paired(t)
		change := func(from, to string) ledger.Intent {
			return ledger.Intent{PairID: p.ID, Side: record.Right, Op: record.Update, RecordID: "R1", Before: fields("stage", from), Fields: fields("stage", to), Cause: "revert"}
		}
		same(t, "somebody edited it since", must(f.Intend(t.Context(), "deal", []ledger.Intent{change("Lost", "Open")}))(t), []string{p.ID})
		same(t, "stored", len(must(f.Intend(t.Context(), "deal", []ledger.Intent{change("Won", "Open")}))(t)), 0)
		same(t, "one is under way", must(f.Intend(t.Context(), "deal", []ledger.Intent{change("Won", "Open")}))(t), []string{p.ID})

		b := must(f.Dispatch(t.Context(), "deal", record.Right, 10))(t)
		ok(t, f.Settle(t.Context(), []ledger.Outcome{{IntentID: b.Intents[0].ID, Done: true, RecordID: "R1", Version: 2, Run: "run1"}}))
		var list []ledger.Write
		ok(t, f.RunWrites(t.Context(), "run1", func(w ledger.Write) error {
			list = append(list, w)
			return nil
		}))
		same(t, "of the run", len(list), 1)
		same(t, "before", list[0].Before, fields("stage", "Won"))
		same(t, "after", list[0].After, fields("stage", "Open"))
		ok(t, f.RunWrites(t.Context(), "run2", func(ledger.Write) error { return errors.New("of no such run") }))

		ok(t, f.Report(t.Context(), []ledger.Conflict{{Object: "deal", PairID: p.ID, Field: "stage", Reason: ledger.ReasonFight}}))
		h := must(f.Histories(t.Context(), []string{p.ID, "none"}, f.clock.Now().Add(-time.Hour)))(t)
		same(t, "pairs with a history", len(h), 1)
		same(t, "writes", len(h[p.ID].Writes), 1)
		same(t, "stopped", len(h[p.ID].Stopped), 1)
		ok(t, f.ResolveConflict(t.Context(), h[p.ID].Stopped["stage"].ID))
		h = must(f.Histories(t.Context(), []string{p.ID}, f.clock.Now().Add(time.Hour)))(t)
		same(t, "writes, later", len(h[p.ID].Writes), 0)
		same(t, "ended", h[p.ID].Ended["stage"], f.clock.Now())
	})
}

func TestAWriteInTheSecondOfTheEditThatItAnswers(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		p := f.paired(t)
		// Somebody edits the derived side; its vendor tells the field's version to the millisecond.
		must(f.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{read(record.Right, "R1", "L1", 5495, "stage", "Lost")}}))(t)
		work := must(f.Claim(t.Context(), "deal", 10, "w", time.Minute))(t)
		must(f.Resolve(t.Context(), []ledger.Resolution{{
			PairID: p.ID, Gen: work[0].Gen, Lease: work[0].Lease,
			Intents: []ledger.Intent{{Side: record.Right, Op: record.Update, RecordID: "R1", Fields: fields("stage", "Won")}},
		}}))(t)
		b := must(f.Dispatch(t.Context(), "deal", record.Right, 10))(t)
		// Our answer follows within that second, and tells its version in whole seconds.
		ok(t, f.Settle(t.Context(), []ledger.Outcome{{IntentID: b.Intents[0].ID, Done: true, RecordID: "R1", Version: 5000}}))
		e := must(f.Ledger.Explain(t.Context(), "deal", "R1"))(t)
		same(t, "what is seen", e.Seen[record.Right].Fields["stage"], text("Won"))
		// So the same edit again is an edit.
		must(f.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{read(record.Right, "R1", "L1", 6865, "stage", "Lost")}}))(t)
		same(t, "pending", len(must(f.Claim(t.Context(), "deal", 10, "w", time.Minute))(t)), 1)
	})
}
