package pipeline_test

import (
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

func (w *world) reverter() *pipeline.Reverter {
	w.t.Helper()
	r, err := pipeline.NewReverter(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(r.Close)
	return r
}

func TestARunIsPutBackWhereNobodyHasEditedSince(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 6)
	w.sync()
	var opps [4]string
	var before [4]record.Value
	for i, r := range w.sf.Records("Opportunity")[1:3] {
		opps[i], before[i] = r.ID, r.Fields["Amount"]
	}
	for i, r := range w.sf.Records("Opportunity")[4:6] {
		opps[2+i], before[2+i] = r.ID, r.Fields["Amount"]
	}
	w.config.Run = "bad-run"
	for _, id := range opps {
		w.sf.Edit("Opportunity", id, record.Fields{"Amount": mustDecimal(t, "1000000")})
	}
	w.sync()
	w.config.Run = "later-run"
	// One is corrected in Salesforce: the later run wrote another value.
	w.sf.Edit("Opportunity", opps[1], record.Fields{"Amount": mustDecimal(t, "5")})
	w.sync()
	// Another is gone, and a third is edited while no sync looks.
	w.md.Remove("Deals", find(w.md, "Deals", opps[2]).ID, record.Deleted)
	w.md.Edit("Deals", find(w.md, "Deals", opps[3]).ID, record.Fields{"amount": mustDecimal(t, "3")})

	r := w.reverter()
	w.md.ForgetWrites()
	plan, err := r.Plan(t.Context(), "bad-run", pipeline.Part{})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 4 || plan.Writes() != 1 || len(w.md.Writes()) != 0 {
		t.Fatalf("%d of %d changes would be put back, want 1 of 4; %d were written already: %+v", plan.Writes(), len(plan.Changes), len(w.md.Writes()), plan.Changes)
	}
	if moved, err := r.Apply(t.Context(), plan); err != nil || moved != 0 {
		t.Fatalf("%d moved, %v", moved, err)
	}
	for range 2 {
		if got := find(w.md, "Deals", opps[0]).Fields["amount"]; !got.Equal(before[0]) {
			t.Errorf("amount is %v, want %v as before the run", got, before[0])
		}
		w.sync() // which leaves it alone
	}
	if got := find(w.md, "Deals", opps[1]).Fields["amount"]; !got.Equal(mustDecimal(t, "5")) {
		t.Errorf("the corrected amount became %v", got)
	}
	// The owner's next edit is carried across as ever.
	w.sf.Edit("Opportunity", opps[0], record.Fields{"Amount": mustDecimal(t, "12")})
	w.sync()
	if got := find(w.md, "Deals", opps[0]).Fields["amount"]; !got.Equal(mustDecimal(t, "12")) {
		t.Errorf("amount is %v after the owner's edit", got)
	}
	// What was put back is not put back again. The edit in monday was, by the sync: so the run's value stands there again.
	again, err := r.Plan(t.Context(), "bad-run", pipeline.Part{})
	if err != nil || again.Writes() != 1 {
		t.Errorf("a second time would write %d records, %v", again.Writes(), err)
	}
}

func TestARevertLeavesWhatMovedAfterThePlan(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1].ID
	w.config.Run = "bad-run"
	w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(t, "1000000")})
	w.sync()
	r := w.reverter()
	plan, err := r.Plan(t.Context(), "bad-run", pipeline.Part{})
	if err != nil || plan.Writes() != 1 {
		t.Fatalf("%+v, %v", plan, err)
	}
	w.sf.Edit("Opportunity", opp, record.Fields{"Amount": mustDecimal(t, "7")})
	w.sync()
	moved, err := r.Apply(t.Context(), plan)
	if err != nil || moved != 1 {
		t.Errorf("%d moved, %v; want 1", moved, err)
	}
	if got := find(w.md, "Deals", opp).Fields["amount"]; !got.Equal(mustDecimal(t, "7")) {
		t.Errorf("amount is %v", got)
	}
}

func TestExplainTellsTheRuleAndWhatHappensNext(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.config.Run = "run1"
	w.sync()
	opp := w.sf.Records("Opportunity")[1].ID
	item := find(w.md, "Deals", opp).ID
	w.md.Edit("Deals", item, record.Fields{"amount": mustDecimal(t, "1")})
	c := ledger.Capture{Observations: []ledger.Observation{{Object: "deal", Side: record.Right, Record: *find(w.md, "Deals", opp), Full: true}}}
	if _, err := w.ledger.Capture(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{opp, item} {
		e, err := pipeline.Explain(t.Context(), w.config, "", id)
		if err != nil || e.Problem != nil {
			t.Fatal(err, e.Problem)
		}
		rules := map[string]string{}
		for _, s := range e.Decision.Explain {
			rules[s.Field] = s.Rule
		}
		if rules["amount"] != merge.RuleRevert || rules["stage"] != merge.RuleUnchanged {
			t.Errorf("rules: %v", rules)
		}
		if p := e.Decision.Patches[record.Right]; p == nil || len(p.Fields) != 1 {
			t.Errorf("next: %+v", p)
		}
		if !e.Now[record.Right]["amount"].Equal(mustDecimal(t, "1")) || e.Agreed[record.Right]["amount"].Equal(mustDecimal(t, "1")) {
			t.Errorf("now %v, agreed %v", e.Now[record.Right]["amount"], e.Agreed[record.Right]["amount"])
		}
		if e.People[record.Right]["a user"] == "" || len(e.Writes) == 0 || e.Writes[0].Run != "run1" {
			t.Errorf("people %v, writes %+v", e.People, e.Writes)
		}
	}
	if _, err := pipeline.Explain(t.Context(), w.config, "deal", "nothing"); err == nil {
		t.Error("an unknown record was explained")
	}
}

func TestARevertThatIsPutOffIsCarriedOutByTheSync(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	w.config.Run = "bad-run"
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Amount": mustDecimal(t, "1000000")})
	w.sync()
	r := w.reverter()
	plan, err := r.Plan(t.Context(), "bad-run", pipeline.Part{})
	if err != nil {
		t.Fatal(err)
	}
	w.md.Break(func(c providertest.Call) providertest.Fault {
		if c.Operation == "write" {
			return providertest.Fault{Before: &provider.Error{Kind: provider.Throttled, Op: "write", RetryAfter: 10 * time.Millisecond}}
		}
		return providertest.Fault{}
	})
	if moved, err := r.Apply(t.Context(), plan); err != nil || moved != 0 {
		t.Fatalf("%d moved, %v", moved, err)
	}
	w.md.Break(nil)
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["amount"]; !got.Equal(opp.Fields["Amount"]) {
		t.Errorf("amount is %v, want %v", got, opp.Fields["Amount"])
	}
}
