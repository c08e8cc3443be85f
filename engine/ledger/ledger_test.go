package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"accord/engine/ledger"
	"accord/engine/ledger/ledgertest"
	"accord/engine/record"
)

// postgres is started by the first test that wants it.
var postgres ledgertest.Postgres

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given { // each check of the model is a hundred transactions on a real disk: thousands only when asked for
		if err := flag.Set("rapid.checks", "15"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	postgres.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// fixture is an open ledger with short words for what tests do.
type fixture struct {
	testing.TB
	*ledger.Ledger
	url   string
	clock *clock
}

func open(t testing.TB, url string, c *clock) *fixture {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{URL: url, Clock: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{t, l, url, c}
}

// again opens the same ledger once more, as another process would.
func (f *fixture) again() *fixture { return open(f.TB, f.url, f.clock) }

// engines runs a test on each engine.
func engines(t *testing.T, run func(t *testing.T, f *fixture)) {
	for _, e := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", sqliteURL},
		{"postgres", postgres.URL},
	} {
		t.Run(e.name, func(t *testing.T) {
			run(t, open(t, e.url(t), newClock()))
		})
	}
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "ledger.db") }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, got, want any, options ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, options...); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

func text(s string) record.Value { return record.OfText(s) }

// fields is fields("a", "1", "b", "2").
func fields(pairs ...string) record.Fields {
	f := record.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = text(pairs[i+1])
	}
	return f
}

// read is a full read of a record of object "deal".
func read(side record.Side, id, key string, version record.Version, pairs ...string) ledger.Observation {
	return ledger.Observation{Object: "deal", Side: side, Full: true, Record: record.Record{
		ID: id, Key: key, Version: version, Fields: fields(pairs...),
	}}
}

// event is what a vendor pushes about a record.
func event(side record.Side, id string, version record.Version, pairs ...string) ledger.Observation {
	o := read(side, id, "", version, pairs...)
	o.Full = false
	return o
}

func (f *fixture) capture(list ...ledger.Observation) ledger.Captured {
	f.Helper()
	return must(f.Capture(f.Context(), ledger.Capture{Observations: list}))(f)
}

func (f *fixture) claim() []ledger.Work {
	f.Helper()
	return must(f.Claim(f.Context(), "deal", 1000, "tester", time.Minute))(f)
}

// claimOne claims the only pair that is due.
func (f *fixture) claimOne() ledger.Work {
	f.Helper()
	list := f.claim()
	if len(list) != 1 {
		f.Fatalf("claimed %d pairs instead of one: %+v", len(list), list)
	}
	return list[0]
}

func (f *fixture) claimNone() {
	f.Helper()
	if list := f.claim(); len(list) != 0 {
		f.Fatalf("claimed %d pairs instead of none: %+v", len(list), list)
	}
}

// resolve records decisions that must not be stale.
func (f *fixture) resolve(list ...ledger.Resolution) {
	f.Helper()
	if stale := must(f.Resolve(f.Context(), list))(f); len(stale) > 0 {
		f.Fatalf("stale: %v", stale)
	}
}

// decided is a resolution of work.
func decided(w ledger.Work) ledger.Resolution {
	return ledger.Resolution{PairID: w.Pair.ID, Gen: w.Gen, Lease: w.Lease}
}

func (f *fixture) dispatch(side record.Side) *ledger.Batch {
	f.Helper()
	return must(f.Dispatch(f.Context(), "deal", side, 100))(f)
}

func (f *fixture) settle(list ...ledger.Outcome) {
	f.Helper()
	ok(f, f.Settle(f.Context(), list))
}

func (f *fixture) explain(id string) *ledger.Explanation {
	f.Helper()
	return must(f.Explain(f.Context(), "deal", id))(f)
}

func (f *fixture) dirty(side record.Side) []ledger.Dirty {
	f.Helper()
	return must(f.DirtyRecords(f.Context(), "deal", side, 100))(f)
}

func (f *fixture) quiet() bool {
	f.Helper()
	return must(f.Quiet(f.Context()))(f)
}

func (f *fixture) stats() ledger.ObjectStats {
	f.Helper()
	list := must(f.Stats(f.Context()))(f)
	if len(list) != 1 {
		f.Fatalf("stats of %d objects: %+v", len(list), list)
	}
	return list[0]
}

// pairUp makes a settled pair of two records with the same fields.
func (f *fixture) pairUp(left, right string, pairs ...string) ledger.Pair {
	f.Helper()
	f.capture(read(record.Left, left, right, 1, pairs...), read(record.Right, right, left, 1, pairs...))
	for _, w := range f.claim() {
		r := decided(w)
		if w.Pair.IDs[0] == left {
			r.Base = [2]record.Fields{fields(pairs...), fields(pairs...)}
		}
		f.resolve(r)
	}
	return f.explain(left).Pair
}

// write decides on an update of one side, and returns its work.
func (f *fixture) write(side record.Side, pairs ...string) ledger.Work {
	f.Helper()
	w := f.claimOne()
	r := decided(w)
	i := ledger.Intent{Side: side, Op: record.Update, RecordID: w.Pair.IDs[side], Fields: fields(pairs...), Cause: "ann"}
	i.Agreed = [2]record.Fields{fields(pairs...), fields(pairs...)}
	r.Intents = []ledger.Intent{i}
	f.resolve(r)
	return w
}

var background = context.Background()
