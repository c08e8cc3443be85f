package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/record"
)

// resting is the contract with a field that settles.
var resting = strings.Replace(handoff, "conflict   = newest", "conflict   = newest\n    settle     = \"1s\"", 1)

// What somebody is typing is not carried across before it has rested, whichever side it is typed on, and however often the
// sync is restarted meanwhile.
func TestAValueRestsBeforeItCrosses(t *testing.T) {
	for _, side := range record.Sides {
		t.Run(side.String(), func(t *testing.T) {
			w := newWorld(t)
			w.apply(resting)
			w.seed(1, 3)
			w.sync()
			w.sync()
			opp := w.sf.Records("Opportunity")[1].ID
			item := find(w.md, "Deals", opp).ID
			typed := func(text string) {
				if side == record.Left {
					w.sf.Edit("Opportunity", opp, record.Fields{"Next_Step__c": record.OfText(text)})
				} else {
					w.md.Edit("Deals", item, record.Fields{"next_step": record.OfText(text)})
				}
			}
			w.sf.ForgetWrites()
			w.md.ForgetWrites()
			for _, text := range []string{"c", "ca", "cal", "call"} {
				typed(text)
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // a sync that is stopped at once
				_ = pipeline.New(w.config).Once(ctx)                                  // it ends before the value has rested
				cancel()
			}
			w.sync()
			if got := w.nextSteps(opp, item); got != [2]string{"call", "call"} {
				t.Errorf("both sides should hold what was typed last: %q", got)
			}
			for _, write := range append(w.sf.Writes(), w.md.Writes()...) {
				for name, v := range write.Patch.Fields {
					if v.Part(0) != "call" {
						t.Errorf("half-typed %s was written: %v", name, v)
					}
				}
			}
		})
	}
}

// The other way round than in operate_test.go: the field is monday's, and somebody in Salesforce keeps changing it back.
func TestAFightOnTheLeftSideIsStoppedAndNamed(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	w.sync()
	opp := w.sf.Records("Opportunity")[1].ID
	item := find(w.md, "Deals", opp).ID
	w.md.Edit("Deals", item, record.Fields{"progress": mustDecimal(t, "40")})
	w.sync()
	rounds := 0
	for range 10 {
		w.sf.Edit("Opportunity", opp, record.Fields{"Progress__c": mustDecimal(t, "1")})
		w.sync() // each time another process
		if find(w.sf, "Opportunity", item).Fields["Progress__c"].Equal(mustDecimal(t, "1")) {
			break
		}
		rounds++
	}
	open := w.conflicts("")
	if rounds < 2 || rounds > 4 || len(open) != 1 || open[0].Reason != ledger.ReasonFight {
		t.Fatalf("%d rounds, open conflicts: %+v", rounds, open)
	}
	for _, name := range []string{"accord on one side", "at salesforce", "a user"} {
		if !strings.Contains(open[0].Detail, name) {
			t.Errorf("the fight does not name %q: %s", name, open[0].Detail)
		}
	}
}
