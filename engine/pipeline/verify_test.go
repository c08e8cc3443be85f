package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

// verify syncs once with a full comparison, and returns what it found of deals.
func (w *world) verify() ledger.Verification {
	w.t.Helper()
	w.config.Verify = true
	w.sync()
	w.config.Verify = false
	return w.compared("deal")
}

// compared is the newest comparison of an object.
func (w *world) compared(object string) ledger.Verification {
	w.t.Helper()
	list, err := w.ledger.Verifications(w.t.Context(), object)
	if err != nil || len(list) == 0 {
		w.t.Fatalf("no comparison of %s: %v", object, err)
	}
	return list[0]
}

// settledDeals is a world with some deals, in which everything was listed and settled.
func settledDeals(t *testing.T) (w *world, opp, item string) {
	w = newWorld(t)
	w.seed(2, 30)
	w.sync()
	w.sync()
	opp = w.sf.Records("Opportunity")[1].ID
	return w, opp, find(w.md, "Deals", opp).ID
}

func TestAFullComparisonOfWhatAgreesFindsNothing(t *testing.T) {
	w, _, _ := settledDeals(t)
	w.sf.ForgetWrites()
	w.md.ForgetWrites()
	v := w.verify()
	if v.Finished.IsZero() || v.Records != [2]int{30, 20} || v.Compared != 20 || v.Found+v.Unlisted+v.Gone+v.Divergent != 0 || v.Calls != 2 {
		t.Errorf("comparison: %+v", v)
	}
	if n := len(w.sf.Writes()) + len(w.md.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestAFullComparisonFindsAndMendsWhatNothingTold(t *testing.T) {
	w, opp, item := settledDeals(t)
	truth := find(w.md, "Deals", opp).Fields["amount"]
	w.md.Slip("Deals", item, record.Fields{"amount": mustDecimal(t, "13"), "progress": mustDecimal(t, "70")}, record.Live)
	w.sync()
	if got := find(w.md, "Deals", opp).Fields["amount"]; got.Equal(truth) {
		t.Fatal("a sweep found it: nothing is left to prove")
	}
	v := w.verify()
	if v.Found != 1 || v.Divergent != 0 || v.Compared != 20 {
		t.Errorf("comparison: %+v", v)
	}
	if got := find(w.md, "Deals", opp).Fields["amount"]; !got.Equal(truth) {
		t.Errorf("the owner's amount was not put back: %v", got)
	}
	if got := find(w.sf, "Opportunity", item).Fields["Progress__c"]; !got.Equal(mustDecimal(t, "70")) {
		t.Errorf("the progress was not carried across: %v", got)
	}
	if v := w.verify(); v.Found != 0 {
		t.Errorf("the next comparison: %+v", v)
	}
}

func TestAFullComparisonReadsWhatIsNoLongerListed(t *testing.T) {
	for _, c := range []struct {
		state record.State
		items int
	}{{record.Deleted, 0}, {record.Missing, 1}} {
		t.Run(c.state.String(), func(t *testing.T) {
			w := newWorld(t)
			w.seed(4, 0)
			w.sync()
			w.sync()
			account := w.sf.Records("Account")[0].ID
			w.sf.Slip("Account", account, nil, c.state)
			w.config.Verify = true
			w.sync()
			if v := w.compared("client"); v.Unlisted != 1 || v.Gone != 1 || v.Found != 1 || v.Calls != 3 || v.Compared != 3 {
				t.Errorf("comparison: %+v", v)
			}
			// What is said to be deleted is archived by the contract; what is not shown is let be.
			items := 0
			if find(w.md, "Clients", account) != nil {
				items = 1
			}
			if items != c.items {
				t.Errorf("%d items, want %d", items, c.items)
			}
		})
	}
}

// An operator gave a field to the side that does not own it: the difference stays, and is what was decided, for as long as
// both sides show what the operator saw.
func TestADifferenceThatWasDecidedIsExplained(t *testing.T) {
	w, opp, item := settledDeals(t)
	reporting := strings.Replace(handoff, "monday     = numbers.amount\n    owner      = salesforce", "monday     = numbers.amount\n    owner      = salesforce\n    on_drift   = report", 1)
	w.apply(reporting)
	w.md.Edit("Deals", item, record.Fields{"amount": mustDecimal(t, "13")})
	if v := w.verify(); v.Divergent != 0 {
		t.Errorf("a conflict explains the difference: %+v", v)
	}
	if err := w.ledger.AwardConflict(t.Context(), w.conflicts("")[0].ID, record.Right, "ann"); err != nil {
		t.Fatal(err)
	}
	if v := w.verify(); v.Divergent != 0 {
		t.Errorf("the operator's decision explains the difference: %+v", v)
	}
	pairs, err := w.ledger.PairByRecord(t.Context(), "deal", record.Left, []string{opp})
	if err != nil {
		t.Fatal(err)
	}
	pair := pairs[opp]
	awards, err := w.ledger.Awards(t.Context(), []string{pair})
	if err != nil || len(awards[pair]) != 1 {
		t.Fatalf("awards: %+v, %v", awards, err)
	}
	if err := w.ledger.DropAwards(t.Context(), []ledger.Award{awards[pair]["amount"]}); err != nil {
		t.Fatal(err)
	}
	if v := w.verify(); v.Divergent != 1 || len(v.Samples) != 1 || v.Samples[0] != opp+": amount" {
		t.Errorf("nothing explains the difference any more: %+v", v)
	}
}

func TestAnInterruptedComparisonGoesOnWhereItWas(t *testing.T) {
	w, _, item := settledDeals(t)
	w.md.Slip("Deals", item, record.Fields{"amount": mustDecimal(t, "13")}, record.Live)
	w.md.Break(func(c providertest.Call) providertest.Fault {
		if c.Operation == "list" && c.Table == "Deals" && c.Sequence > 8 {
			return providertest.Fault{Before: &provider.Error{Kind: provider.Denied, Op: "list", Message: "no more"}}
		}
		return providertest.Fault{}
	})
	w.config.Verify = true
	var stalled *pipeline.StalledError
	if err := pipeline.New(w.config).Once(t.Context()); !errors.As(err, &stalled) {
		w.md.Break(func(c providertest.Call) providertest.Fault { t.Logf("%+v", c); return providertest.Fault{} })
		t.Fatalf("it was not interrupted: %v, %+v", err, w.compared("deal"))
	}
	before := w.compared("deal")
	if !before.Listed[record.Left] || before.Listed[record.Right] || !before.Finished.IsZero() {
		t.Fatalf("interrupted: %+v", before)
	}
	w.md.Break(nil)
	after := w.verify()
	if !after.Started.Equal(before.Started) || after.Finished.IsZero() || after.Found != 1 || after.Calls != 2 {
		t.Errorf("went on: %+v", after)
	}
}

func TestAComparisonThatFindsASideEmptyHalts(t *testing.T) {
	w := newWorld(t)
	w.seed(8, 0)
	w.sync()
	w.sync()
	w.md.Hide(func(table string) bool { return table == "Clients" })
	read := false
	w.md.Break(func(c providertest.Call) providertest.Fault {
		read = read || c.Operation == "read"
		return providertest.Fault{}
	})
	w.config.Verify = true
	w.sync()
	w.halted("client", "side_empty")
	if read {
		t.Error("what was not listed was read, although all of it was missing")
	}
	if v := w.compared("client"); !v.Finished.IsZero() {
		t.Errorf("the comparison ended all the same: %+v", v)
	}
}

func TestARunningSyncComparesByItself(t *testing.T) {
	w, opp, item := settledDeals(t)
	w.config.VerifyEvery = 30 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	w.until("a first comparison", func() bool {
		list, err := w.ledger.Verifications(t.Context(), "deal")
		return err == nil && len(list) > 0 && !list[0].Finished.IsZero()
	})
	truth := find(w.md, "Deals", opp).Fields["amount"]
	w.md.Slip("Deals", item, record.Fields{"amount": mustDecimal(t, "13")}, record.Live)
	w.until("the amount to be put back", func() bool { return find(w.md, "Deals", opp).Fields["amount"].Equal(truth) })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.conserved()
}
