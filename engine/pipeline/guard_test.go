package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"accord/engine/pipeline"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

// halted is why an object is halted; it fails the test unless that is for the given reason.
func (w *world) halted(object, reason string) pipeline.Halt {
	w.t.Helper()
	all, err := pipeline.Halts(w.t.Context(), w.ledger)
	if err != nil {
		w.t.Fatal(err)
	}
	h, is := all[object]
	switch {
	case reason == "" && len(all) > 0:
		w.t.Fatalf("halted: %+v", all)
	case reason != "" && (!is || h.Reason != reason || h.Detail == "" || h.Remedy == ""):
		w.t.Fatalf("%s should be halted for %s: %+v", object, reason, all)
	}
	return h
}

func (w *world) resume(object string) {
	w.t.Helper()
	if err := pipeline.Resume(w.t.Context(), w.ledger, object); err != nil {
		w.t.Fatal(err)
	}
}

// state puts all records of a table into a state.
func (w *world) state(s *providertest.System, table string, state record.State, but int) {
	for i, r := range s.Records(table) {
		if i >= but {
			s.Remove(table, r.ID, state)
		}
	}
}

func live(s *providertest.System, table string) int {
	n := 0
	for _, r := range s.Records(table) {
		if r.State == record.Live {
			n++
		}
	}
	return n
}

// changed is the contract with something else in it, so that everything is listed again.
func changedContract(n int) string {
	return strings.Replace(handoff, `board      = "Clients"`, fmt.Sprintf("board = \"Clients\"\n    group = \"%d\"", n), 1)
}

func TestASideThatIsSuddenlyEmptyHaltsBeforeAnythingFollows(t *testing.T) {
	w := newWorld(t)
	w.seed(8, 0)
	w.sync()
	w.md.ForgetWrites()
	// A token of another user: the board is there, and shows nothing. No event tells of it.
	w.fakes("monday.work").Silent = true
	hidden := true
	w.md.Hide(func(table string) bool { return hidden && table == "Clients" })
	w.apply(changedContract(1))
	w.sync()
	h := w.halted("client", "side_empty")
	if !strings.Contains(h.Detail, "monday showed 8 records before and shows none now") {
		t.Errorf("detail: %s", h.Detail)
	}
	// A restart changes nothing, and what is new in Salesforce waits.
	w.sf.Add("Account", record.Fields{"Name": record.OfText("new")})
	w.sync()
	w.halted("client", "side_empty")
	if n := len(w.md.Writes()); n != 0 {
		t.Errorf("%d writes while halted: %+v", n, w.md.Writes())
	}
	// Mended and resumed, it goes on where it was.
	hidden = false
	w.resume("client")
	w.sync()
	w.halted("client", "")
	if n := live(w.md, "Clients"); n != 9 {
		t.Errorf("%d clients, want 9", n)
	}
	// And it halts again the next time.
	hidden = true
	w.apply(changedContract(2))
	w.sync()
	w.halted("client", "side_empty")
}

func TestAnEmptySideThatIsMeantStaysResumed(t *testing.T) {
	w := newWorld(t)
	w.seed(8, 0)
	w.sync()
	w.md.Hide(func(table string) bool { return table == "Clients" })
	w.apply(changedContract(1))
	w.sync()
	w.halted("client", "side_empty")
	w.resume("client")
	w.sync()
	w.halted("client", "")
	w.apply(changedContract(2))
	w.sync()
	w.halted("client", "")
}

func TestManyRecordsThatVanishByEventsHaltTheObject(t *testing.T) {
	for _, c := range []struct {
		name         string
		state        record.State
		records, but int
		reason       string
	}{
		{"all are hidden", record.Missing, 8, 0, "side_empty"},
		{"most are hidden", record.Missing, 60, 10, "side_empty"},
		{"some are hidden", record.Missing, 60, 45, ""},
		{"all are deleted, which are fewer than the guard allows", record.Deleted, 8, 0, "side_empty"},
		{"most are deleted, as many as the guard allows", record.Deleted, 25, 5, ""},
		{"many are deleted", record.Deleted, 60, 10, "mass_delete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.seed(c.records, 0)
			w.sync()
			w.md.ForgetWrites()
			w.state(w.sf, "Account", c.state, c.but)
			w.sync()
			w.halted("client", c.reason)
			if c.reason == "" {
				return
			}
			if n := len(w.md.Writes()); n != 0 {
				t.Errorf("%d writes before it was halted", n)
			}
			w.resume("client")
			w.sync()
			w.halted("client", "")
			want := c.records
			if c.state == record.Deleted {
				want = c.but // the contract archives the items of deleted accounts
			}
			if n := live(w.md, "Clients"); n != want {
				t.Errorf("%d live items after resuming, want %d", n, want)
			}
		})
	}
}

// watched is the contract with a canary for clients.
func watched(ids ...string) string {
	return strings.Replace(handoff, "  delete {\n    salesforce = archive\n  }",
		"  delete {\n    salesforce = archive\n  }\n  guard {\n    canary = [\""+strings.Join(ids, `", "`)+"\"]\n  }", 1)
}

func TestACanary(t *testing.T) {
	for _, c := range []struct {
		name   string
		harm   func(w *world, account, item string)
		mend   func(w *world, account, item string)
		detail string
	}{
		{"is deleted", func(w *world, a, _ string) { w.sf.Remove("Account", a, record.Deleted) },
			func(w *world, a, _ string) { w.sf.Remove("Account", a, record.Live) }, "deleted at salesforce"},
		{"is hidden", func(w *world, _, i string) { w.md.Remove("Clients", i, record.Missing) },
			func(w *world, _, i string) { w.md.Remove("Clients", i, record.Live) }, "not shown at monday"},
		{"has no name", func(w *world, a, _ string) { w.sf.Edit("Account", a, record.Fields{"Name": {}}) },
			func(w *world, a, _ string) { w.sf.Edit("Account", a, record.Fields{"Name": record.OfText("client 0")}) }, "empty Name"},
		{"names another record", func(w *world, _, i string) { w.md.Rekey("Clients", i, "somebody else") },
			func(w *world, a, i string) { w.md.Rekey("Clients", i, a) }, "names somebody else"},
		{"names none", func(w *world, _, i string) { w.md.Rekey("Clients", i, "") },
			func(w *world, a, i string) { w.md.Rekey("Clients", i, a) }, "no longer names its partner"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.seed(12, 0)
			w.sync()
			account := w.sf.Records("Account")[0].ID
			item := find(w.md, "Clients", account).ID
			w.apply(watched(account))
			w.sync()
			w.halted("client", "")
			w.md.ForgetWrites()
			c.harm(w, account, item)
			w.state(w.sf, "Account", record.Deleted, 10)
			w.sync()
			if h := w.halted("client", "canary"); !strings.Contains(h.Detail, c.detail) {
				t.Errorf("detail: %s", h.Detail)
			}
			if n := len(w.md.Writes()); n != 0 {
				t.Errorf("%d writes in spite of it: %+v", n, w.md.Writes())
			}
			w.sync() // a restart does not forget
			w.halted("client", "canary")
			c.mend(w, account, item)
			w.resume("client")
			w.sync()
			w.halted("client", "")
			if n := live(w.md, "Clients"); n != 10 {
				t.Errorf("%d live items, want 10", n)
			}
			c.harm(w, account, item)
			w.sync()
			w.halted("client", "canary")
		})
	}
}

func TestAResumedCanaryIsLetBeUntilItIsWell(t *testing.T) {
	w := newWorld(t)
	w.seed(12, 0)
	w.sync()
	account := w.sf.Records("Account")[0].ID
	item := find(w.md, "Clients", account).ID
	w.apply(watched(item)) // by either side's id
	w.sync()
	w.md.Remove("Clients", item, record.Missing)
	w.sync()
	w.halted("client", "canary")
	w.resume("client")
	for range 2 {
		w.sync()
		w.halted("client", "")
	}
}

func TestACanaryThatNobodyKnowsHalts(t *testing.T) {
	w := newWorld(t)
	w.seed(3, 0)
	w.apply(watched("nobody"))
	w.sync()
	if h := w.halted("client", "canary"); !strings.Contains(h.Detail, "nobody") {
		t.Errorf("detail: %s", h.Detail)
	}
}

// A running sync looks at the canary before it deletes, once for several deletions.
func TestARunningSyncAsksTheCanaryBeforeItDeletes(t *testing.T) {
	w := newWorld(t)
	w.seed(12, 0)
	w.sync()
	account := w.sf.Records("Account")[0].ID
	item := find(w.md, "Clients", account).ID
	w.apply(watched(account))
	w.sync()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	gone := func(id string) func() bool {
		return func() bool { return find(w.md, "Clients", id) == nil }
	}
	others := w.sf.Records("Account")[8:]
	w.sf.Remove("Account", others[0].ID, record.Deleted)
	w.until("the first deletion", gone(others[0].ID))
	w.md.Slip("Clients", item, nil, record.Missing)      // who looked again would halt
	w.sf.Remove("Account", others[1].ID, record.Deleted) // within the time that one look is good for
	w.until("the second deletion", gone(others[1].ID))
	w.md.Slip("Clients", item, nil, record.Live)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if find(w.md, "Clients", account).ID != item {
		t.Error("the canary itself was touched")
	}
}

func (w *world) fakes(connection string) *providertest.Fake {
	return w.providers[connection].(*providertest.Fake)
}

// Records that went long ago are none of those of which too many may not change.
func TestAMassEditIsJudgedByTheRecordsThatAreLeft(t *testing.T) {
	w := newWorld(t)
	w.seed(90, 0)
	w.sync()
	accounts := w.sf.Records("Account")
	for _, a := range accounts[:60] {
		w.sf.Remove("Account", a.ID, record.Deleted)
	}
	w.sync()
	h := w.halted("client", "mass_delete")
	if !strings.Contains(h.Detail, "60 of 90 records") || !strings.Contains(h.Remedy, "resuming allows these") {
		t.Errorf("the halt is told as %+v", h)
	}
	w.resume("client")
	w.sync()
	w.halted("client", "")
	stats, err := w.ledger.Stats(t.Context())
	if err != nil || len(stats) == 0 || stats[0].Pairs != 90 || stats[0].Gone != 60 {
		t.Errorf("the ledger counts %+v, %v", stats, err)
	}
	for _, a := range accounts[60:85] { // 25 of 30, and of 90 no third
		w.sf.Edit("Account", a.ID, record.Fields{"Name": record.OfText("mass " + a.ID)})
	}
	w.sync()
	if h := w.halted("client", "mass_change"); !strings.Contains(h.Detail, "25 of 30 records") {
		t.Errorf("the halt is told as %+v", h)
	}
}
