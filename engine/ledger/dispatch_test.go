package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// intend captures n records of the left side and decides, for each, on what write makes of its work.
func intend(f *fixture, from, n int, priority int, write func(ledger.Work) ledger.Intent) {
	f.Helper()
	c := ledger.Capture{Priority: priority}
	for i := range n {
		c.Observations = append(c.Observations, read(record.Left, fmt.Sprintf("L%06d", from+i), "", 1, "a", "1"))
	}
	must(f.Capture(f.Context(), c))(f)
	for {
		work := must(f.Claim(f.Context(), "deal", 2000, "test", time.Minute))(f)
		if len(work) == 0 {
			return
		}
		list := make([]ledger.Resolution, len(work))
		for i, w := range work {
			list[i] = decided(w)
			list[i].Intents = []ledger.Intent{write(w)}
		}
		f.resolve(list...)
	}
}

func creation(priority int) func(ledger.Work) ledger.Intent {
	return func(w ledger.Work) ledger.Intent {
		agreed := [2]record.Fields{fields("a", "1"), fields("a", "1")}
		return ledger.Intent{Side: record.Right, Op: record.Create, Key: w.Pair.IDs[record.Left], Fields: fields("a", "1"), Agreed: agreed, Priority: priority}
	}
}

func TestDispatchSome(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		intend(f, 0, 30, ledger.PriorityBackfill, creation(ledger.PriorityBackfill))
		intend(f, 100, 4, ledger.PriorityLive, creation(ledger.PriorityLive))
		intend(f, 200, 6, ledger.PriorityBackfill, func(w ledger.Work) ledger.Intent {
			return ledger.Intent{Side: record.Left, Op: record.Update, RecordID: w.Pair.IDs[record.Left], Fields: fields("a", "2"), Priority: ledger.PriorityBackfill}
		})
		take := func(side record.Side, s ledger.Selection) *ledger.Batch {
			t.Helper()
			return must(f.DispatchSome(t.Context(), "deal", side, s))(t)
		}
		load := ledger.Selection{Limit: 20, From: 31, Backfill: true, Ops: []record.Op{record.Create}}
		if b := take(record.Right, load); b != nil {
			t.Fatalf("%d taken, though too few are ready", len(b.Intents))
		}
		if b := take(record.Left, ledger.Selection{From: 2, Backfill: true, Ops: []record.Op{record.Create}}); b != nil {
			t.Fatalf("%d of another operation taken", len(b.Intents))
		}
		load.From = 30
		b := take(record.Right, load)
		if b == nil || len(b.Intents) != 20 || !b.Whole || b.Key == "" {
			t.Fatalf("load: %+v", b)
		}
		for _, in := range b.Intents {
			if in.Priority != ledger.PriorityBackfill || in.State != ledger.IntentSent {
				t.Fatalf("in a load: %+v", in)
			}
		}
		if b := take(record.Right, ledger.Selection{Limit: 100, Live: true}); b == nil || len(b.Intents) != 4 || b.Intents[0].Priority != ledger.PriorityLive {
			t.Fatalf("live: %+v", b)
		}
		if b := take(record.Left, ledger.Selection{Limit: 100, From: 6, Backfill: true, Ops: []record.Op{record.Create, record.Update}}); b == nil || len(b.Intents) != 6 {
			t.Fatalf("updates: %+v", b)
		}
		if b := take(record.Right, ledger.Selection{Limit: 100}); b == nil || len(b.Intents) != 10 {
			t.Fatalf("the rest: %+v", b)
		}
	})
}

// TestLoadOfThousands is about shape, not speed: what a load's size is squared would take minutes here.
func TestLoadOfThousands(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		n := 10_000
		if !strings.HasPrefix(f.url, "sqlite") {
			n = 3000
		}
		intend(f, 0, n, ledger.PriorityBackfill, creation(ledger.PriorityBackfill))
		began := time.Now()
		b := must(f.DispatchSome(t.Context(), "deal", record.Right, ledger.Selection{Limit: n, From: n, Backfill: true}))(t)
		t.Logf("dispatched after %s", time.Since(began).Round(time.Millisecond))
		open := must(f.Unsettled(t.Context(), "deal", record.Right))(t)
		if len(open) != 1 || len(open[0].Intents) != n || !open[0].Whole || open[0].Key != b.Key {
			t.Fatalf("%d batches are unsettled", len(open))
		}
		outcomes := make([]ledger.Outcome, n)
		for i, in := range b.Intents {
			outcomes[i] = ledger.Outcome{IntentID: in.ID, BatchID: b.ID, Done: true, RecordID: fmt.Sprint("R", i)}
		}
		began = time.Now()
		f.settle(outcomes[:1000]...)
		t.Logf("a thousand settled after %s", time.Since(began).Round(time.Millisecond))
		open = must(f.Unsettled(t.Context(), "deal", record.Right))(t)
		if len(open) != 1 || len(open[0].Intents) != n-1000 || open[0].Whole {
			t.Fatalf("after a part was settled: %d batches", len(open))
		}
	})
}
