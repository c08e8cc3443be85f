package pipeline_test

import (
	"strings"
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// A deal is decided about in the moment in which the account that it refers to, which nobody knew, is captured: whichever of
// the two reaches the ledger first, the reference is written without anything else happening.
func TestAReferenceIsDecidedWhileItsRecordIsCaptured(t *testing.T) {
	for _, first := range []string{"capture", "decision"} {
		t.Run(first+" first", func(t *testing.T) {
			w := newWorld(t)
			w.seed(1, 1)
			opp := w.deal("deal", w.sf.Records("Account")[0].ID, "Closed Won", "1")
			w.sync()
			w.sync()
			w.sf.Hide(func(table string) bool { return table == "Account" })
			account := w.sf.Add("Account", record.Fields{"Name": record.OfText("Acme")})
			w.sf.Edit("Opportunity", opp, record.Fields{"AccountId": record.OfReference(account)})

			observer := w.ledger
			captured := false
			(&triggerWorld{w}).reopen(func(s ledger.Step) error {
				if captured || !strings.HasPrefix(s.What, "record what was decided") || s.Committed != (first == "decision") {
					return nil
				}
				captured = true
				w.sf.Hide(nil)
				_, err := observer.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{{
					Object: "client", Side: record.Left, Record: record.Record{ID: account, Version: 1},
				}}})
				return err
			})
			w.sync()
			if !captured {
				t.Fatal("nothing was decided")
			}
			item, client := find(w.md, "Deals", opp), find(w.md, "Clients", account)
			if client == nil || item == nil {
				t.Fatalf("client %v, item %v", client, item)
			}
			if got := item.Fields["client"]; !got.Equal(record.OfReference(client.ID)) {
				t.Errorf("the item refers to %v, want %s", got, client.ID)
			}
			if open := w.conflicts(""); len(open) != 0 {
				t.Errorf("open conflicts: %+v", open)
			}
		})
	}
}

// The condition of a create block may hang on a reference, which no conflict tells of.
func TestAConditionOnAReferenceIsAskedAgainOnceItIsKnown(t *testing.T) {
	w := newWorld(t)
	w.apply(strings.Replace(handoff, `when = after.stage == "Closed Won"`, `when = after.client != null`, 1))
	w.sf.Hide(func(table string) bool { return table == "Account" })
	account := w.sf.Add("Account", record.Fields{"Name": record.OfText("Acme")})
	opp := w.deal("deal", account, "Prospecting", "1")
	w.sync()
	if find(w.md, "Deals", opp) != nil {
		t.Fatal("the condition holds for a record whose client is not known")
	}
	w.sf.Hide(nil)
	w.sf.Edit("Account", account, record.Fields{"Name": record.OfText("Acme Ltd")})
	w.sync()
	if find(w.md, "Deals", opp) == nil {
		t.Error("the deal was not decided about again once its client was known")
	}
}
