package ledger_test

import (
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// Verdicts let go of what was held for want of them; what has changed since is left alone, and so is what is told twice.
func TestJudge(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		for _, id := range []string{"1", "2", "3", "4"} {
			f.capture(read(record.Left, "L"+id, "", 1, "a", "1"), read(record.Right, "R"+id, "", 1, "a", "1"))
		}
		pair := func(id string) string { return f.explain(id).Pair.ID }
		var held []ledger.Conflict
		for _, id := range []string{"L1", "R1", "L2", "R3"} {
			held = append(held, ledger.Conflict{Object: "deal", PairID: pair(id), Reason: ledger.ReasonAmbiguous})
		}
		ok(t, f.Hold(t.Context(), held))
		f.capture(gone(record.Left, "L4", 2, record.Deleted, ""))
		verdicts := []ledger.Review{
			{Verdict: ledger.VerdictPair, Pair: pair("L1"), With: pair("R1")},
			{Verdict: ledger.VerdictCreate, Pair: pair("L2")},
			{Verdict: ledger.VerdictIgnore, Pair: pair("R3")},
			{Verdict: ledger.VerdictIgnore, Pair: pair("L4")},                     // deleted meanwhile
			{Verdict: ledger.VerdictPair, Pair: pair("R2"), With: pair("L2")},     // the wrong way round
			{Verdict: ledger.VerdictPair, Pair: pair("L3"), With: "no such pair"}, // unknown
			{Verdict: ledger.Verdict("perhaps"), Pair: pair("L3")},                // no verdict
		}
		void := must(f.Judge(t.Context(), "deal", verdicts))(t)
		same(t, "left alone", void, verdicts[3:])
		same(t, "pairs", f.pairs("L1", "L2", "R3"), []string{"-R3 live", "L1-R1 live", "L2- live"})
		same(t, "conflicts", f.open(), []string(nil))
		same(t, "lone", []ledger.Lone{f.lone("L1"), f.lone("L2"), f.lone("R3")}, []ledger.Lone{ledger.LoneNew, ledger.LoneRenewed, ledger.LoneIgnored})
		same(t, "told twice", must(f.again().Judge(t.Context(), "deal", verdicts[:1]))(t), verdicts[:1])
		matched := 0
		ok(t, f.HalfPairs(t.Context(), "deal", record.Right, func(h ledger.HalfPair) error {
			matched++
			if h.Record.ID == "R3" {
				t.Error("an ignored record is matched")
			}
			return nil
		}))
		same(t, "to be matched", matched, 2)
	})
}
