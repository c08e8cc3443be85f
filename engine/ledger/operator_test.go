package ledger_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"accord/engine/audit"
	"accord/engine/ledger"
	"accord/engine/record"
	"accord/engine/resource"
)

func TestContracts(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		if c := must(f.InForce(t.Context()))(t); c != nil {
			t.Fatalf("in force: %+v", c)
		}
		for i, digest := range []string{"d1", "d2"} {
			same(t, "serial", must(f.Activate(t.Context(), ledger.AppliedContract{Digest: digest, Source: []byte("source\x00" + digest), Actor: "ann"}))(t), int64(i+1))
		}
		same(t, "in force", must(f.again().InForce(t.Context()))(t),
			&ledger.AppliedContract{Serial: 2, Digest: "d2", Source: []byte("source\x00d2"), Actor: "ann", AppliedAt: f.clock.Now()})
		same(t, "all", len(must(f.Contracts(t.Context(), 0))(t)), 2)
	})
}

func TestStructure(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		board := resource.Resource{
			Address: "monday.work/board/Deals", Connection: "monday.work", Kind: "board", Name: "Deals", ID: "1", Managed: true, Object: "deal",
			Attributes: map[string]any{"labels": []any{"a", "b"}, "n": 1.5}, DependsOn: []string{"monday.work/workspace/Sales"},
		}
		run := must(f.StartRun(t.Context(), "apply"))(t)
		change := resource.Change{Action: resource.Create, Want: board}
		first := must(f.JournalStart(t.Context(), run.ID, change))(t)
		second := must(f.JournalStart(t.Context(), run.ID, resource.Change{Action: resource.Create, Want: resource.Resource{Address: "b"}}))(t)
		same(t, "numbers", []int64{first, second}, []int64{1, 2})
		ok(t, f.JournalDone(t.Context(), run.ID, first, &board, nil))

		// Killed here: another process finds what was under way, and what was done.
		g := f.again()
		same(t, "resources", must(g.Resources(t.Context()))(t), []resource.Resource{board})
		unfinished := must(g.UnfinishedJournal(t.Context()))(t)
		if len(unfinished) != 1 || unfinished[0].Address != "b" || unfinished[0].State != "started" || unfinished[0].Change.Action != resource.Create {
			t.Fatalf("unfinished: %+v", unfinished)
		}
		ok(t, g.JournalDone(t.Context(), run.ID, second, nil, errors.New("no \x00 such board")))
		ok(t, g.FinishRun(t.Context(), run.ID, map[string]int{"created": 1}))
		same(t, "unfinished", len(must(g.UnfinishedJournal(t.Context()))(t)), 0)
		journal := must(g.Journal(t.Context(), run.ID))(t)
		same(t, "journal", journal[0].Change, change)
		same(t, "states", journal[0].State+journal[1].State, "donefailed")
		runs := must(g.Runs(t.Context(), 10))(t)
		same(t, "summary", string(runs[0].Summary), `{"created":1}`)

		board.Name = "Deals 2"
		ok(t, g.SaveResource(t.Context(), board))
		same(t, "renamed", must(g.Resources(t.Context()))(t)[0].Name, "Deals 2")
		third := must(g.JournalStart(t.Context(), run.ID, resource.Change{Action: resource.Forget, Want: board}))(t)
		ok(t, g.JournalDone(t.Context(), run.ID, third, nil, nil))
		same(t, "forgotten", len(must(g.Resources(t.Context()))(t)), 0)

		ok(t, f.Protect(t.Context(), "object.deal", true))
		ok(t, f.Protect(t.Context(), "object.deal", true))
		ok(t, f.Protect(t.Context(), "object.client", true))
		ok(t, f.Protect(t.Context(), "object.client", false))
		same(t, "protected", must(f.Protected(t.Context()))(t), []string{"object.deal"})
	})
}

func TestLease(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "L1", "", 1, "a", "1"))
		first := f.claimOne()
		f.claimNone()
		due, _, err := f.NextDue(t.Context())
		ok(t, err)
		same(t, "next due", due, f.clock.Now().Add(time.Minute))
		f.clock.advance(time.Minute)
		second := f.claimOne()
		// The first worker wakes up: its decision counts no more, and it can't give away the second one's lease.
		same(t, "stale", must(f.Resolve(t.Context(), []ledger.Resolution{decided(first)}))(t), []string{first.Pair.ID})
		f.claimNone()
		f.resolve(decided(second))
		f.claimNone()
		forged := decided(second)
		same(t, "stale", must(f.Resolve(t.Context(), []ledger.Resolution{forged}))(t), []string{first.Pair.ID})
	})
}

func TestClaimOrder(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		put := func(id string, priority int, notBefore time.Time) {
			_, err := f.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{read(record.Left, id, "", 1)}, Priority: priority, NotBefore: notBefore})
			ok(t, err)
			f.clock.advance(time.Second)
		}
		put("old backfill", ledger.PriorityBackfill, time.Time{})
		put("settling", ledger.PriorityLive, f.clock.Now().Add(time.Hour))
		put("live 1", ledger.PriorityLive, time.Time{})
		put("live 2", ledger.PriorityLive, time.Time{})
		put("new backfill", ledger.PriorityBackfill, time.Time{})
		var got []string
		for len(got) < 4 {
			for _, w := range must(f.Claim(t.Context(), "deal", 3, "w", time.Minute))(t) {
				got = append(got, w.Pair.IDs[0])
			}
		}
		same(t, "order", got, []string{"live 1", "live 2", "old backfill", "new backfill"})
		f.claimNone()
		f.clock.advance(time.Hour)
		same(t, "later", len(f.claim()), 5)
	})
}

func TestConflicts(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		conflict := func(field, reason, left string) ledger.Conflict {
			return ledger.Conflict{Field: field, Reason: reason, Left: text(left), Base: text("0"), Detail: "d"}
		}
		decide := func(r func(*ledger.Resolution)) {
			t.Helper()
			ok(t, f.Enqueue(t.Context(), []string{f.explain("L1").Pair.ID, "no such pair"}, 0, time.Time{}, "test"))
			x := decided(f.claimOne())
			r(&x)
			f.resolve(x)
		}
		open := func() []string {
			t.Helper()
			var list []string
			for _, c := range must(f.Ledger.Conflicts(t.Context(), ledger.Filter{Object: "deal"}))(t) {
				list = append(list, fmt.Sprintf("%s %s %s", c.Field, c.Reason, c.Left))
			}
			return list
		}
		decide(func(r *ledger.Resolution) {
			r.Conflicts = []ledger.Conflict{conflict("a", "drift", "1"), conflict("a", "unlisted", "1"), conflict("b", "drift", "1")}
		})
		decide(func(r *ledger.Resolution) { r.Conflicts = []ledger.Conflict{conflict("a", "drift", "2")} })
		same(t, "one per field and reason", open(), []string{"b drift 1", "a unlisted 1", "a drift 2"})
		decide(func(r *ledger.Resolution) {
			r.ClearConflicts = []string{"a", "b:unlisted"}
			r.Conflicts = []ledger.Conflict{conflict("a", "drift", "3")}
		})
		same(t, "cleared, but for what is stated again", open(), []string{"b drift 1", "a drift 3"})
		decide(func(r *ledger.Resolution) { r.ClearConflicts = []string{"a:drift", "b:drift"} })
		same(t, "cleared", len(open()), 0)
		same(t, "kept", len(must(f.Ledger.Conflicts(t.Context(), ledger.Filter{State: "all"}))(t)), 3)
		ok(t, f.Report(t.Context(), []ledger.Conflict{{Object: "deal", Reason: "halted", Detail: "too many deletions"}}))
		same(t, "reported", open(), []string{" halted "})
		if err := f.ResolveConflict(t.Context(), 99); !errors.Is(err, ledger.ErrNotFound) {
			t.Fatalf("resolve what is not there: %v", err)
		}
	})
}

func TestResolutionEffects(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		id := f.explain("L1").Pair.ID
		ok(t, f.Enqueue(t.Context(), []string{id}, 0, time.Time{}, "test"))
		r := decided(f.claimOne())
		r.Base = [2]record.Fields{nil, fields("b", "2")}
		r.DeadLetters = []ledger.DeadLetter{{Side: record.Right, Op: record.Create, Kind: "unlisted", Payload: []byte("not JSON")}}
		r.Firings = []ledger.Firing{{Trigger: "kickoff", Occurrence: "1", Payload: []byte(`{"x":1}`)}, {Trigger: "kickoff", Occurrence: "1"}}
		closed := ledger.PairClosed
		r.State = &closed
		f.resolve(r)
		e := f.explain("R1")
		same(t, "base", e.Pair.Base, [2]record.Fields{fields("a", "1"), fields("a", "1", "b", "2")})
		same(t, "state", e.Pair.State, ledger.PairClosed)
		same(t, "dead letter", string(e.DeadLetters[0].Payload), `"not JSON"`)

		// It comes to life again with its record.
		o := event(record.Left, "L1", 5)
		o.Record.State = record.Deleted
		f.capture(o)
		f.claimNone()
		f.capture(event(record.Left, "L1", 6))
		w := f.claimOne()
		r = decided(w)
		r.Firings = []ledger.Firing{{Trigger: "kickoff", Occurrence: "1"}, {Trigger: "kickoff", Occurrence: "2"}}
		f.resolve(r)

		if f.quiet() {
			t.Fatal("quiet with a trigger to fire")
		}
		due := must(f.DueFirings(t.Context(), "deal", 10, "w", time.Minute))(t)
		same(t, "firings", len(due), 2)
		same(t, "payload", string(due[0].Payload), `{"x":1}`)
		same(t, "leased", len(must(f.DueFirings(t.Context(), "deal", 10, "w2", time.Minute))(t)), 0)
		ok(t, f.SettleFiring(t.Context(), due[0], ledger.FiringOutcome{Done: true}))
		ok(t, f.SettleFiring(t.Context(), due[1], ledger.FiringOutcome{Retry: &ledger.Retry{At: f.clock.Now().Add(time.Hour), Error: "later"}}))
		f.clock.advance(time.Hour)
		due = must(f.DueFirings(t.Context(), "deal", 10, "w", time.Minute))(t)
		if len(due) != 1 || due[0].Attempts != 1 || due[0].Error != "later" {
			t.Fatalf("again: %+v", due)
		}
		ok(t, f.SettleFiring(t.Context(), due[0], ledger.FiringOutcome{Dead: &ledger.DeadLetter{Message: "never"}}))
		if !f.quiet() {
			t.Fatal("not quiet")
		}
		two := decided(w)
		two.Intents = []ledger.Intent{{Side: record.Left}, {Side: record.Left}}
		if _, err := f.Resolve(t.Context(), []ledger.Resolution{two}); err == nil {
			t.Fatal("two writes to one side were taken")
		}
		if err := f.Settle(t.Context(), []ledger.Outcome{{IntentID: "x", Done: true, Unknown: true}}); err == nil {
			t.Fatal("two outcomes of one write were taken")
		}
	})
}

// Whoever waits for the end of a try that was not answered, and looks now and then, must not wait for the end of each
// look: it would wait for ever.
func TestALookIsNoTry(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 20, "a", "2"))
		r := decided(f.claimOne())
		r.Firings = []ledger.Firing{{Trigger: "kickoff", Occurrence: "1"}}
		f.resolve(r)
		sent := f.clock.Now()
		due := must(f.DueFirings(t.Context(), "deal", 1, "w", time.Minute))(t)
		later := func() *ledger.Retry { return &ledger.Retry{At: f.clock.Now().Add(time.Minute)} }
		ok(t, f.SettleFiring(t.Context(), due[0], ledger.FiringOutcome{Retry: later(), Unknown: true}))
		for range 3 {
			f.clock.advance(time.Minute)
			due = must(f.DueFirings(t.Context(), "deal", 1, "w", time.Minute))(t)
			same(t, "sent and tried", []time.Time{due[0].Sent, due[0].Tried}, []time.Time{sent, sent})
			ok(t, f.SettleFiring(t.Context(), due[0], ledger.FiringOutcome{Retry: later(), Unknown: true, Looked: true}))
		}
		// One that really sends something counts.
		f.clock.advance(time.Minute)
		tried := f.clock.Now()
		due = must(f.DueFirings(t.Context(), "deal", 1, "w", time.Minute))(t)
		ok(t, f.SettleFiring(t.Context(), due[0], ledger.FiringOutcome{Retry: later(), Unknown: true}))
		f.clock.advance(time.Minute)
		due = must(f.DueFirings(t.Context(), "deal", 1, "w", time.Minute))(t)
		same(t, "tried again", []time.Time{due[0].Sent, due[0].Tried}, []time.Time{sent, tried})
	})
}

func TestStats(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(read(record.Left, "L2", "", 1), event(record.Right, "R3", 1), read(record.Right, "R4", "L1", 1))
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		want := ledger.ObjectStats{
			Object: "deal", Pairs: 1, Half: [2]int{1, 1}, Held: 1, Pending: 3, Due: 3, Dirty: [2]int{0, 1}, Conflicts: 1, OldestDue: f.clock.Now(),
		}
		same(t, "stats", f.stats(), want)
		ok(t, f.Ping(t.Context()))
		n := must(f.EnqueueObject(t.Context(), "deal", ledger.PriorityBackfill, "new contract"))(t)
		same(t, "all pairs", n, 4)
	})
}

func TestBudgets(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		b := ledger.Budget{Connection: "monday.work", Name: "daily calls", Window: "2026-11-23", Limit: 10}
		var wait sync.WaitGroup
		var mu sync.Mutex
		granted := 0
		for range 8 {
			wait.Go(func() {
				_, ok, err := f.Spend(background, b, 3)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					granted++
				}
			})
		}
		wait.Wait()
		same(t, "granted", granted, 3)
		b.Limit = 0
		used, granted1, err := f.Spend(t.Context(), b, 5)
		ok(t, err)
		same(t, "without a limit", fmt.Sprint(used, granted1), "14 true")
		b.Used = 14
		same(t, "budgets", must(f.Budgets(t.Context(), "monday.work"))(t), []ledger.Budget{b})
		ok(t, f.ForgetBudgets(t.Context(), "2026-11-23"))
		same(t, "budgets that are not old", len(must(f.Budgets(t.Context(), "monday.work"))(t)), 1)
		ok(t, f.ForgetBudgets(t.Context(), "2026-11-24"))
		same(t, "budgets that are", len(must(f.Budgets(t.Context(), "monday.work"))(t)), 0)
	})
}

func TestAuditLog(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		entry := func(n int) audit.Entry {
			return audit.Entry{At: f.clock.Now(), Connection: "monday.work", Operation: fmt.Sprint("create_item ", n), Status: 200, Rows: n, Duration: 1500 * time.Microsecond}
		}
		// Several processes append at once, and the chain holds.
		var wait sync.WaitGroup
		for range 4 {
			g := f.again()
			wait.Go(func() {
				for n := range 5 {
					if err := g.Audit(background, entry(n), entry(n+100)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		report := must(f.VerifyAudit(t.Context()))(t)
		if !report.OK() || report.Entries != 40 {
			t.Fatalf("report: %+v", report)
		}
		list := must(f.AuditEntries(t.Context(), 38, 10))(t)
		same(t, "page", []int64{list[0].Seq, list[1].Seq}, []int64{39, 40})
		same(t, "entry", list[0], audit.Entry{Connection: "monday.work", Status: 200}, cmpopts.IgnoreFields(audit.Entry{}, "Seq", "At", "Operation", "Rows", "PrevHash", "Hash", "Duration"))
	})
}

// Tampering with the file shows.
func TestAuditTampering(t *testing.T) {
	for _, row := range []struct{ statement, problem string }{
		{"UPDATE audit SET status = 500 WHERE seq = 3", "entry 3 was changed"},
		{"DELETE FROM audit WHERE seq = 2", "missing"},
		{"DELETE FROM audit WHERE seq = 1", "missing"},
		{"UPDATE audit SET hash = 'x', prev_hash = 'y' WHERE seq = 4", "names another entry"},
	} {
		t.Run(row.statement, func(t *testing.T) {
			f := open(t, sqliteURL(t), newClock())
			for range 5 {
				ok(t, f.Audit(t.Context(), audit.Entry{Operation: "x"}))
			}
			db, err := sql.Open("sqlite", strings.TrimPrefix(f.url, "sqlite:"))
			ok(t, err)
			defer db.Close()
			if _, err := db.Exec(row.statement); err != nil {
				t.Fatal(err)
			}
			report := must(f.VerifyAudit(t.Context()))(t)
			if report.OK() || !strings.Contains(report.Problem, row.problem) {
				t.Fatalf("report: %+v", report)
			}
		})
	}
}
