package pipeline_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

// endings are how the changes of deals have ended so far.
func (w *world) endings() map[ledger.Ending]int64 {
	w.t.Helper()
	all, err := w.ledger.Tallies(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, tally := range all {
		if tally.Object == "deal" {
			return tally.Ended
		}
	}
	return nil
}

func TestEachChangeHasItsEnding(t *testing.T) {
	type ends = map[ledger.Ending]int64
	for _, c := range []struct {
		name string
		do   func(w *world, opp, item string)
		want ends
	}{
		{"the owner's edit", func(w *world, opp, _ string) {
			w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(w.t, "5")})
		}, ends{ledger.EndSynced: 1}},
		{"two fields", func(w *world, opp, item string) {
			w.sf.Edit("Opportunity", opp, record.Fields{"Name": record.OfText("x")})
			w.md.Edit("Deals", item, record.Fields{"progress": mustDecimal(w.t, "5")})
		}, ends{ledger.EndSynced: 2}},
		{"an edit that is put back", func(w *world, _, item string) {
			w.md.Edit("Deals", item, record.Fields{"amount": mustDecimal(w.t, "5")})
		}, ends{ledger.EndOverruled: 1}},
		{"two edits of one field", func(w *world, opp, item string) {
			w.sf.Edit("Opportunity", opp, record.Fields{"Next_Step__c": record.OfText("l")})
			w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText("r")})
		}, ends{ledger.EndSynced: 1, ledger.EndOverruled: 1}},
		{"the same edit on both sides", func(w *world, opp, item string) {
			w.sf.Edit("Opportunity", opp, record.Fields{"Next_Step__c": record.OfText("x")})
			w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText("x")})
		}, ends{ledger.EndAgreed: 2}},
		{"a value outside the table", func(w *world, opp, _ string) {
			w.sf.Edit("Opportunity", opp, record.Fields{"StageName": record.OfChoice("Perception Analysis")})
		}, ends{ledger.EndRejected: 1}},
		{"a write that is refused", func(w *world, opp, _ string) {
			w.md.Break(func(c providertest.Call) providertest.Fault {
				if c.Operation != "write" {
					return providertest.Fault{}
				}
				return providertest.Fault{Rows: map[int]error{0: &provider.Error{Kind: provider.Invalid, Op: "update", Code: "BAD", Message: "no"}}}
			})
			w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(w.t, "5")})
		}, ends{ledger.EndDead: 1}},
		{"a record out of the contract's reach", func(w *world, _, _ string) {
			w.deal("open", w.sf.Records("Account")[0].ID, "Prospecting", "1")
		}, ends{ledger.EndIgnored: 1}},
		{"a new record", func(w *world, _, _ string) {
			w.deal("won", w.sf.Records("Account")[0].ID, "Closed Won", "1")
		}, ends{ledger.EndSynced: 1}},
		{"a deletion that stays on its side", func(w *world, _, item string) {
			w.md.Remove("Deals", item, record.Deleted)
		}, ends{ledger.EndIgnored: 1}},
		{"a lost answer", func(w *world, opp, _ string) {
			w.md.Break(func(c providertest.Call) providertest.Fault {
				if c.Operation == "write" && c.Sequence%2 == 0 {
					return providertest.Fault{After: &provider.Error{Kind: provider.Unknown, Op: "write", Message: "the connection broke"}}
				}
				return providertest.Fault{}
			})
			for range 2 {
				w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(w.t, "5")})
				w.sync()
				w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(w.t, "6")})
				w.sync()
			}
		}, ends{ledger.EndSynced: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.seed(1, 3)
			w.sync()
			w.sync() // and listed what it made
			opp := w.sf.Records("Opportunity")[1].ID
			item := find(w.md, "Deals", opp).ID
			before := w.endings()
			c.do(w, opp, item)
			w.sync()
			got := w.endings()
			for how, n := range before {
				got[how] -= n
			}
			maps.DeleteFunc(got, func(_ ledger.Ending, n int64) bool { return n == 0 })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("endings (-want +got):\n%s", diff)
			}
		})
	}
}
