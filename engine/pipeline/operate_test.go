package pipeline_test

import (
	"strings"
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

var held = strings.Replace(handoff, "conflict   = newest", "conflict   = hold", 1)

// contest lets both sides edit the field that either may edit, and returns both records' ids.
func (w *world) contest(left, right string) (opp, item string) {
	w.t.Helper()
	opp = w.sf.Records("Opportunity")[1].ID
	item = find(w.md, "Deals", opp).ID
	w.sf.Edit("Opportunity", opp, record.Fields{"Next_Step__c": record.OfText(left)})
	w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText(right)})
	w.sync()
	return opp, item
}

func (w *world) conflicts(state string) []ledger.Conflict {
	w.t.Helper()
	list, err := w.ledger.Conflicts(w.t.Context(), ledger.Filter{State: state})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) nextSteps(opp, item string) [2]string {
	return [2]string{
		find(w.sf, "Opportunity", item).Fields["Next_Step__c"].Part(0),
		find(w.md, "Deals", opp).Fields["next_step"].Part(0),
	}
}

func TestAnOperatorGivesAHeldFieldToASide(t *testing.T) {
	for side, want := range map[record.Side]string{record.Left: "from the left", record.Right: "from the right"} {
		t.Run(side.String(), func(t *testing.T) {
			w := newWorld(t)
			w.apply(held)
			w.seed(1, 3)
			w.sync()
			opp, item := w.contest("from the left", "from the right")
			open := w.conflicts("")
			if len(open) != 1 || open[0].Field != "next_step" {
				t.Fatalf("open conflicts: %+v", open)
			}
			if err := w.ledger.AwardConflict(t.Context(), open[0].ID, side, "ann"); err != nil {
				t.Fatal(err)
			}
			w.sync()
			if got := w.nextSteps(opp, item); got != [2]string{want, want} {
				t.Errorf("both sides should hold %q: %q", want, got)
			}
			if open := w.conflicts(""); len(open) != 0 {
				t.Errorf("still open: %+v", open)
			}
			// What was decided is decided once: the next contest is a new one.
			w.contest("new left", "new right")
			if open := w.conflicts(""); len(open) != 1 {
				t.Errorf("the second contest was decided by the first one's award: %+v, %q", open, w.nextSteps(opp, item))
			}
		})
	}
}

func TestAnAwardIsVoidOnceAValueMoved(t *testing.T) {
	w := newWorld(t)
	w.apply(held)
	w.seed(1, 3)
	w.sync()
	opp, item := w.contest("left", "right")
	if err := w.ledger.AwardConflict(t.Context(), w.conflicts("")[0].ID, record.Left, "ann"); err != nil {
		t.Fatal(err)
	}
	w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText("newer than what ann saw")})
	w.sync()
	if got := w.nextSteps(opp, item); got != [2]string{"left", "newer than what ann saw"} {
		t.Errorf("an edit that nobody looked at was overwritten: %q", got)
	}
	if open := w.conflicts(""); len(open) != 1 {
		t.Errorf("open conflicts: %+v", open)
	}
	pairs, err := w.ledger.PairByRecord(t.Context(), "deal", record.Left, []string{opp})
	if err != nil {
		t.Fatal(err)
	}
	if awards, err := w.ledger.Awards(t.Context(), []string{pairs[opp]}); err != nil || len(awards) != 0 {
		t.Errorf("the award is still there: %+v, %v", awards, err)
	}
}

func TestAValueThatLostIsKeptForInformationOnly(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp, item := w.contest("first", "second")
	won := w.nextSteps(opp, item)
	if won[0] != won[1] {
		t.Errorf("one of the edits should have won: %q", won)
	}
	if open := w.conflicts(""); len(open) != 0 {
		t.Errorf("nobody needs to look at this: %+v", open)
	}
	all := w.conflicts("all")
	if len(all) != 1 || all[0].State != ledger.StateInfo || all[0].Left.Part(0) != "first" || all[0].Right.Part(0) != "second" {
		t.Errorf("the value that lost is not kept: %+v", all)
	}
}

// quarrel changes a field back every time that accord has set it, and returns how many rounds it took until accord gave in.
func (w *world) quarrel(table, id, field string, value record.Value, most int) int {
	w.t.Helper()
	for n := range most {
		w.md.Edit(table, id, record.Fields{field: value})
		w.sync()
		for _, r := range w.md.Records(table) {
			if r.ID == id && r.Fields[field].Equal(value) {
				return n
			}
		}
	}
	return most
}

func TestAFightIsStoppedAndShown(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	item := find(w.md, "Deals", opp.ID).ID
	if n := w.quarrel("Deals", item, "amount", mustDecimal(t, "1"), 10); n != 4 {
		t.Fatalf("accord wrote the amount %d times, want 4", n)
	}
	open := w.conflicts("")
	if len(open) != 1 || open[0].Reason != ledger.ReasonFight || open[0].Field != "amount" || !strings.Contains(open[0].Detail, "a user") {
		t.Fatalf("open conflicts: %+v", open)
	}
	w.md.ForgetWrites()
	// Other fields of the record go on, and the fight stays stopped.
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Name": record.OfText("renamed")})
	w.sync()
	if got := w.md.Writes(); len(got) != 1 || len(got[0].Patch.Fields) != 1 {
		t.Errorf("writes: %+v", got)
	}
	// The owner says something else: that is news, and is carried across.
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Amount": mustDecimal(t, "77")})
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["amount"]; !got.Equal(mustDecimal(t, "77")) {
		t.Errorf("amount is %v", got)
	}
	if open := w.conflicts(""); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
}

func TestAFightGoesOnWhenAnOperatorSaysSo(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	item := find(w.md, "Deals", opp.ID).ID
	w.quarrel("Deals", item, "amount", mustDecimal(t, "1"), 10)
	if err := w.ledger.ResolveConflict(t.Context(), w.conflicts("")[0].ID); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["amount"]; !got.Equal(opp.Fields["Amount"]) {
		t.Errorf("amount is %v after the automation was stopped", got)
	}
	if n := w.quarrel("Deals", item, "amount", mustDecimal(t, "1"), 10); n < 3 || n > 4 {
		t.Errorf("the second fight took %d rounds", n)
	}
}

func TestTwoAutomationsThatFightAreStopped(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	item := find(w.md, "Deals", opp.ID).ID
	// One automation wants "left" in Salesforce, the other "right" in monday: the contract lets both.
	for range 20 {
		if find(w.sf, "Opportunity", item).Fields["Next_Step__c"].Part(0) != "left" {
			w.sf.Edit("Opportunity", opp.ID, record.Fields{"Next_Step__c": record.OfText("left")})
		}
		w.sync()
		if find(w.md, "Deals", opp.ID).Fields["next_step"].Part(0) != "right" {
			w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText("right")})
		}
		w.sync()
	}
	if n := len(w.sf.Writes()) + len(w.md.Writes()); n > 20 {
		t.Errorf("%d writes: the two were not stopped", n)
	}
	if open := w.conflicts(""); len(open) != 1 || open[0].Reason != ledger.ReasonFight {
		t.Errorf("open conflicts: %+v", open)
	}
}
