package pipeline_test

import (
	"strings"
	"testing"

	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// leaving is the contract with a rule for clients that go, and a field of theirs that monday owns.
func leaving(rule string) string {
	text := strings.Replace(handoff, "  delete {\n    salesforce = archive\n  }\n", rule+`
  field "health" {
    salesforce = text.Health__c
    monday     = text.health
    owner      = monday
  }
`, 1)
	return text
}

// client is an account with its item, in agreement.
func (w *world) client() (account, item string) {
	w.t.Helper()
	account = w.sf.Add("Account", record.Fields{"Name": record.OfText("Acme")})
	w.sync()
	if i := find(w.md, "Clients", account); i != nil {
		return account, i.ID
	}
	w.t.Fatal("no item was made")
	return "", ""
}

// one is the only open conflict, which has the given reason.
func (w *world) one(reason string) ledger.Conflict {
	w.t.Helper()
	list := w.conflicts("")
	if len(list) != 1 || list[0].Reason != reason {
		w.t.Fatalf("conflicts %+v, want one for %s", list, reason)
	}
	return list[0]
}

func (w *world) stateOf(item string) record.State {
	for _, r := range w.md.Records("Clients") {
		if r.ID == item {
			return r.State
		}
	}
	return record.Missing
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// The ledger acts on conflicts that merge opens: both must have the same words for them.
func TestReasonsAreTheSame(t *testing.T) {
	for here, there := range map[string]string{merge.CameBack: ledger.ReasonCameBack, merge.NotShown: ledger.ReasonNotShown, merge.EditedGone: ledger.ReasonEditedGone} {
		if here != there {
			t.Errorf("merge says %q, the ledger %q", here, there)
		}
	}
}

// A deletion that left no trace looks like a record that is hidden: nothing is concluded until a person says which it is.
func TestARecordThatIsNotShown(t *testing.T) {
	w := newWorld(t)
	account, item := w.client()
	w.sf.Remove("Account", account, record.Missing)
	w.sync()
	c := w.one(ledger.ReasonNotShown)
	if !strings.Contains(c.Detail, account) || !strings.Contains(c.Remedy, "--gone") || w.stateOf(item) != record.Live {
		t.Fatalf("conflict %+v, item %v", c, w.stateOf(item))
	}
	w.sf.Remove("Account", account, record.Live)
	w.sync()
	if n := len(w.conflicts("")); n != 0 {
		t.Errorf("shown again, and %d conflicts are open", n)
	}
	w.sf.Remove("Account", account, record.Missing)
	w.sync()
	w.ok(w.ledger.DeclareGone(t.Context(), w.one(ledger.ReasonNotShown).ID))
	w.sync()
	if w.stateOf(item) != record.Archived || len(w.conflicts("")) != 0 {
		t.Errorf("declared gone: item %v, conflicts %v", w.stateOf(item), w.conflicts(""))
	}
}

// An edit against a deletion is a person's to decide where the deletion would take the edit away.
func TestAnEditAgainstADeletion(t *testing.T) {
	for name, c := range map[string]struct {
		take record.Side
		want record.State
	}{
		"the deletion counts": {record.Left, record.Deleted},
		"the edit counts":     {record.Right, record.Live},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(leaving("  delete {\n    salesforce = delete\n  }\n"))
			account, item := w.client()
			w.sf.Remove("Account", account, record.Deleted)
			w.md.Edit("Clients", item, record.Fields{"health": record.OfText("red")})
			w.sync()
			conflict := w.one(ledger.ReasonEditedGone)
			if !strings.Contains(conflict.Detail, "health") || w.stateOf(item) != record.Live {
				t.Fatalf("conflict %+v, item %v", conflict, w.stateOf(item))
			}
			w.ok(w.ledger.AwardConflict(t.Context(), conflict.ID, c.take, "ann"))
			w.sync()
			if got := w.stateOf(item); got != c.want || len(w.conflicts("")) != 0 {
				t.Errorf("the item is %v, want %v; conflicts %v", got, c.want, w.conflicts(""))
			}
			w.md.ForgetWrites()
			w.sync()
			if n := len(w.md.Writes()); n != 0 {
				t.Errorf("%d more writes", n)
			}
		})
	}
}

// What leaves the scope is removed only where the contract says so, and what we removed is never a reason to remove more.
func TestLeavingTheScope(t *testing.T) {
	w := newWorld(t)
	w.apply(leaving("  delete {\n    monday = delete\n  }\n  leave {\n    salesforce = archive\n  }\n"))
	account, item := w.client()
	w.sf.Remove("Account", account, record.Outside)
	w.sync()
	if w.stateOf(item) != record.Archived {
		t.Fatalf("the item is %v", w.stateOf(item))
	}
	w.sf.Remove("Account", account, record.Live)
	w.sync()
	w.one(ledger.ReasonCameBack)
	if r := w.sf.Records("Account")[0]; r.State != record.Live {
		t.Fatalf("the account is %v because we archived its item", r.State)
	}
	w.md.Remove("Clients", item, record.Live)
	w.sync()
	if i := find(w.md, "Clients", account); len(w.conflicts("")) != 0 || i == nil || i.ID != item || len(w.md.Records("Clients")) != 1 {
		t.Errorf("restored: item %+v, conflicts %v", i, w.conflicts(""))
	}
}
