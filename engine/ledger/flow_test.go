package ledger_test

import (
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// A change, from the vendor's event to the confirmed write and the link back.
func TestCreateFlow(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		cursor := &ledger.Cursor{Connection: "crm", Name: "Opportunity", Position: "7"}
		done := must(f.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{read(record.Left, "L1", "", 10, "Name", "Acme")}, Cursor: cursor}))(t)
		same(t, "captured", done, ledger.Captured{Created: 1})
		same(t, "cursor", must(f.Cursor(t.Context(), "crm", "Opportunity"))(t), "7")

		w := f.claimOne()
		same(t, "ids", w.Pair.IDs, [2]string{"L1", ""})
		same(t, "seen", w.Seen[record.Left].Fields, fields("Name", "Acme"))
		if w.Seen[record.Right] != nil || w.Pair.Base[0] != nil {
			t.Fatalf("a new record has another side or a base: %+v", w)
		}
		f.claimNone()

		r := decided(w)
		create := ledger.Intent{Side: record.Right, Op: record.Create, Key: "L1", Fields: fields("title", "Acme"), Cause: "ann"}
		create.Agreed = [2]record.Fields{fields("Name", "Acme"), fields("title", "Acme")}
		r.Intents = []ledger.Intent{create}
		f.resolve(r)
		f.claimNone()

		if b := f.dispatch(record.Left); b != nil {
			t.Fatalf("dispatched to the wrong side: %+v", b)
		}
		b := f.dispatch(record.Right)
		if len(b.Intents) != 1 || b.Key == "" || b.Sent != f.clock.Now() {
			t.Fatalf("batch: %+v", b)
		}
		if f.dispatch(record.Right) != nil {
			t.Fatal("the same write was dispatched twice")
		}
		if f.quiet() {
			t.Fatal("quiet with a write under way")
		}
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, BatchID: b.ID, Done: true, RecordID: "R1", Version: 20, Stored: fields("title", "Acme ")})

		w = f.claimOne()
		same(t, "ids", w.Pair.IDs, [2]string{"L1", "R1"})
		same(t, "base", w.Pair.Base, [2]record.Fields{fields("Name", "Acme"), fields("title", "Acme ")})
		same(t, "seen", w.Seen[record.Right].Fields, fields("title", "Acme "))
		same(t, "key", w.Seen[record.Right].Key, "L1")
		f.resolve(decided(w))
		if !f.quiet() {
			t.Fatal("not quiet when all is done")
		}
		e := f.explain("R1")
		if len(e.Writes) != 1 || e.Writes[0].Cause != "ann" || e.Writes[0].RecordID != "R1" {
			t.Fatalf("writes: %+v", e.Writes)
		}
		// The echo of our own write changes nothing.
		same(t, "echo", f.capture(event(record.Right, "R1", 20, "title", "Acme ")), ledger.Captured{Unchanged: 1})
		f.claimNone()
	})
}

func TestChangeWhileWorked(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		w := f.claimOne()
		f.capture(event(record.Left, "L1", 3, "a", "3")) // arrives while somebody decides on "2"
		r := decided(w)
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Update, RecordID: "R1", Fields: fields("a", "2")}}
		same(t, "stale", must(f.Resolve(t.Context(), []ledger.Resolution{r}))(t), []string{w.Pair.ID})
		if f.dispatch(record.Right) != nil {
			t.Fatal("a decision on what is no longer so was carried out")
		}
		w = f.claimOne() // at once: the lease was given back
		same(t, "seen", w.Seen[record.Left].Fields, fields("a", "3"))

		// After the decision, before it is sent: withdrawn.
		r = decided(w)
		r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Update, RecordID: "R1", Fields: fields("a", "3")}}
		f.resolve(r)
		f.capture(event(record.Left, "L1", 4, "a", "4"))
		if f.dispatch(record.Right) != nil {
			t.Fatal("a write was sent that was decided on what is no longer so")
		}
		f.write(record.Right, "a", "4")

		// After it was sent: decided anew once it is settled.
		b := f.dispatch(record.Right)
		f.capture(event(record.Left, "L1", 5, "a", "5"))
		f.claimNone()
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, Version: 6})
		w = f.claimOne()
		same(t, "seen", w.Seen[record.Left].Fields, fields("a", "5"))
		same(t, "base", w.Pair.Base[0], fields("a", "4"))
	})
}

func TestOutcomes(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		first := f.dispatch(record.Right)
		id := first.Intents[0].ID

		// Unknown: stays in its batch, and is found after a restart.
		f.settle(ledger.Outcome{IntentID: id, Unknown: true, Error: "time-out"})
		unsettled := must(f.again().Unsettled(t.Context(), "deal", record.Right))(t)
		if len(unsettled) != 1 || unsettled[0].ID != first.ID || unsettled[0].Key != first.Key || unsettled[0].Intents[0].Error != "time-out" {
			t.Fatalf("unsettled: %+v", unsettled)
		}
		same(t, "patch", unsettled[0].Patches(), []record.Patch{{Op: record.Update, ID: "R1", Fields: fields("a", "2")}})

		// Retry: due later, in a new batch with a new key.
		at := f.clock.Now().Add(time.Minute)
		f.settle(ledger.Outcome{IntentID: id, BatchID: first.ID, Retry: &ledger.Retry{At: at, Error: "locked"}})
		if f.dispatch(record.Right) != nil {
			t.Fatal("dispatched before its time")
		}
		due, _, err := f.NextDue(t.Context())
		ok(t, err)
		same(t, "next due", due, at)
		f.clock.advance(time.Minute)
		second := f.dispatch(record.Right)
		if second.Key == first.Key || second.ID == first.ID || second.Intents[0].Attempts != 1 {
			t.Fatalf("second try: %+v", second)
		}
		// What comes late about the first batch says nothing about the second.
		f.settle(ledger.Outcome{IntentID: id, BatchID: first.ID, Retry: &ledger.Retry{At: at}})
		if f.dispatch(record.Right) != nil {
			t.Fatal("a late outcome of an older batch freed the newer one")
		}

		// Dead: a dead letter, nothing pending, the base where it was.
		f.settle(ledger.Outcome{IntentID: id, BatchID: second.ID, Dead: &ledger.DeadLetter{Kind: "invalid", Code: "ColumnValueException", Message: "bad \x00 value", Fields: []string{"a"}}})
		f.settle(ledger.Outcome{IntentID: id, Done: true}) // told twice: passed over
		f.claimNone()
		if !f.quiet() {
			t.Fatal("not quiet after a dead letter")
		}
		dead := must(f.DeadLetters(t.Context(), ledger.Filter{Object: "deal"}))(t)
		if len(dead) != 1 || dead[0].RecordID != "R1" || dead[0].Side != record.Right || string(dead[0].Payload) == "" || dead[0].Fields[0] != "a" {
			t.Fatalf("dead letters: %+v", dead)
		}
		same(t, "base", f.explain("L1").Pair.Base[1], fields("a", "1"))

		// Retried by a person: decided anew. Reread: both records are read before that.
		ok(t, f.RetryDeadLetter(t.Context(), dead[0].ID))
		f.write(record.Right, "a", "2")
		f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Reread: true})
		f.claimNone()
		left, right := f.dirty(record.Left), f.dirty(record.Right)
		if len(left) != 1 || len(right) != 1 || f.quiet() {
			t.Fatalf("dirty: %v %v", left, right)
		}
		l, r := read(record.Left, "L1", "R1", 2, "a", "2"), read(record.Right, "R1", "L1", 9, "a", "9")
		l.DirtyGen, r.DirtyGen = left[0].Gen, right[0].Gen
		f.capture(l)
		f.claimNone()
		f.capture(r)
		same(t, "seen", f.claimOne().Seen[record.Right].Fields, fields("a", "9"))
	})
}

// A batch of whose call the log has nothing gets one entry, however often it is looked at; one that has an entry gets none.
func TestUnansweredBatchesAreAudited(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		b := f.dispatch(record.Right)
		for range 2 {
			if err := f.AuditUnanswered(t.Context(), "monday.work", *b); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := f.AuditOfBatch(t.Context(), b.ID, b.Sent)
		if err != nil || len(entries) != 1 || entries[0].Connection != "monday.work" || entries[0].Rows != 1 || entries[0].Error == "" {
			t.Errorf("%+v, %v", entries, err)
		}
		if r, err := f.VerifyAudit(t.Context()); err != nil || !r.OK() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
