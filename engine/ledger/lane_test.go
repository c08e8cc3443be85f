package ledger_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

func (f *fixture) lanes(worker string, names ...string) []ledger.Lane {
	f.Helper()
	return must(f.TakeLanes(f.Context(), names, worker, time.Minute))(f)
}

func TestLanesAreHeldByOne(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		a := f.lanes("a", "board/1", "sobject/1")
		if len(a) != 2 || a[0].Broken {
			t.Fatalf("free lanes were taken as %+v", a)
		}
		if b := f.lanes("b", "sobject/1", "sobject/2"); b != nil {
			t.Fatalf("two hold one lane: %+v", b)
		}
		// Who could not have all has none.
		other := f.lanes("c", "sobject/2")
		if len(other) != 1 {
			t.Fatal("a lane that nobody holds can't be taken")
		}
		f.clock.advance(50 * time.Second)
		renewed := must(f.RenewLanes(t.Context(), a, time.Minute))(t)
		same(t, "renewed", len(renewed), 2)
		f.clock.advance(50 * time.Second)
		if b := f.lanes("b", "board/1"); b != nil {
			t.Fatal("a renewed lane was taken")
		}
		b := f.lanes("b", "sobject/2")
		if len(b) != 1 || !b[0].Broken || b[0].Token <= other[0].Token {
			t.Fatalf("a lane whose lease ran out was taken as %+v after %+v", b, other)
		}
		same(t, "renewed after it was lost", len(must(f.RenewLanes(t.Context(), other, time.Minute))(t)), 0)
		ok(t, f.ReleaseLanes(t.Context(), other)) // says nothing about b's lease
		if c := f.lanes("c", "sobject/2"); c != nil {
			t.Fatal("a former holder gave away what is another's")
		}

		held := must(f.Lanes(t.Context()))(t)
		var names []string
		for _, l := range held {
			names = append(names, l.Worker+" "+l.Name)
		}
		same(t, "held", names, []string{"a board/1", "a sobject/1", "b sobject/2"})

		ok(t, f.ReleaseLanes(t.Context(), a))
		b = f.lanes("b", "board/1")
		if len(b) != 1 || b[0].Broken || b[0].Token <= a[0].Token {
			t.Fatalf("a lane that was given back was taken as %+v", b)
		}
	})
}

func TestAWorkerTakesOverFromItsEarlierLife(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		before := f.lanes("a", "board/1")
		after := f.lanes("a", "board/1")
		if len(after) != 1 || !after[0].Broken || after[0].Token <= before[0].Token {
			t.Fatalf("taken over as %+v after %+v", after, before)
		}
		if err := f.Under(before).SetCursor(t.Context(), ledger.Cursor{Connection: "x", Name: "y"}); !errors.Is(err, ledger.ErrLaneLost) {
			t.Errorf("the earlier life goes on writing: %v", err)
		}
		ok(t, f.Under(after).SetCursor(t.Context(), ledger.Cursor{Connection: "x", Name: "y"}))
	})
}

// What a worker does that lost its lanes while it was frozen, at every place where it may wake up.
func TestNothingIsWrittenOnALostLane(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.pairUp("L2", "R2", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		f.capture(event(record.Left, "L2", 3, "a", "3"))
		held := f.lanes("a", "board/1", "sobject/1")
		a := f.Under(held)
		work := must(a.Claim(t.Context(), "deal", 10, "a", 2*time.Minute))(t)
		batch := must(a.Dispatch(t.Context(), "deal", record.Right, 10))(t)
		if len(work) != 1 || batch == nil {
			t.Fatalf("claimed %d, dispatched %+v", len(work), batch)
		}
		shown := func() []any { return []any{*f.explain("L1"), *f.explain("L2"), f.stats().Intents, f.stats().Pending} }
		before := shown()

		refused := func(what string) {
			t.Helper()
			for name, do := range map[string]func() error{
				"claim":    func() error { _, err := a.Claim(t.Context(), "deal", 10, "a", time.Minute); return err },
				"dispatch": func() error { _, err := a.Dispatch(t.Context(), "deal", record.Right, 10); return err },
				"resolve": func() error {
					_, err := a.Resolve(t.Context(), []ledger.Resolution{{PairID: work[0].Pair.ID, Gen: work[0].Gen, Lease: work[0].Lease}})
					return err
				},
				"settle": func() error {
					return a.Settle(t.Context(), []ledger.Outcome{{IntentID: batch.Intents[0].ID, BatchID: batch.ID, Done: true, RecordID: "R1"}})
				},
				"capture": func() error {
					_, err := a.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{event(record.Left, "L1", 9, "a", "9")}})
					return err
				},
				"fire": func() error { _, err := a.DueFirings(t.Context(), "deal", 1, "a", time.Minute); return err },
			} {
				if err := do(); !errors.Is(err, ledger.ErrLaneLost) {
					t.Errorf("%s, %s: %v", what, name, err)
				}
			}
			same(t, what, shown(), before)
		}
		f.clock.advance(time.Minute)
		refused("its lease has run out")
		b := f.lanes("b", "board/1", "sobject/1")
		if len(b) != 2 {
			t.Fatal("the lanes can't be taken over")
		}
		refused("another has its lanes")
		ok(t, f.ReleaseLanes(t.Context(), b))
		refused("its lanes are free again")

		b = f.lanes("b", "board/1", "sobject/1")
		g := f.Under(b)
		ok(t, g.FreeClaims(t.Context(), []string{"deal"}))
		if work := must(g.Claim(t.Context(), "deal", 10, "b", time.Minute))(t); len(work) != 1 {
			t.Errorf("the new holder gets %d of what the former one had claimed", len(work))
		}
		unsettled := must(g.Unsettled(t.Context(), "deal", record.Right))(t)
		if len(unsettled) != 1 || unsettled[0].Key != batch.Key {
			t.Errorf("the new holder finds %+v unanswered", unsettled)
		}
	})
}

// Many workers come for two lanes at once, in any order: no two have the same, and none waits for ever.
func TestLanesUnderContention(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		holders := map[string]string{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, worker := range []string{"a", "b", "c", "d"} {
			all.Go(func() {
				for range 15 {
					lanes, err := f.TakeLanes(t.Context(), []string{"y", "x"}, worker, time.Hour)
					if err != nil {
						t.Error(err)
						return
					}
					if lanes == nil {
						continue
					}
					mu.Lock()
					for _, l := range lanes {
						if other := holders[l.Name]; other != "" {
							t.Errorf("%s and %s hold %s", other, worker, l.Name)
						}
						holders[l.Name] = worker
					}
					mu.Unlock()
					if err := f.Under(lanes).SetCursor(t.Context(), ledger.Cursor{Connection: "c", Name: "n", Position: worker}); err != nil {
						t.Error(err)
					}
					mu.Lock()
					clear(holders)
					mu.Unlock()
					if err := f.ReleaseLanes(t.Context(), lanes); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestLanesAreForgotten(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.lanes("a", "worker/a", "board/1")
		f.clock.advance(2 * time.Minute)
		f.lanes("b", "worker/b")
		ok(t, f.ForgetLanes(t.Context(), "worker/", f.clock.Now()))
		var names []string
		for _, l := range must(f.Lanes(t.Context()))(t) {
			names = append(names, l.Name)
		}
		same(t, "lanes", names, []string{"board/1", "worker/b"})
	})
}

func TestReady(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		ready := func(want bool, when string) {
			t.Helper()
			same(t, when, must(f.Ready(t.Context(), []string{"client", "deal"}))(t), want)
		}
		ready(false, "empty")
		f.pairUp("L1", "R1", "a", "1")
		ready(false, "paired and settled")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		ready(true, "pending")
		same(t, "another object", must(f.Ready(t.Context(), []string{"client"}))(t), false)
		f.write(record.Right, "a", "2")
		ready(true, "a write to send")
		batch := must(f.Dispatch(t.Context(), "deal", record.Right, 10))(t)
		ready(true, "a write without an answer")
		ok(t, f.Settle(t.Context(), []ledger.Outcome{{IntentID: batch.Intents[0].ID, Retry: &ledger.Retry{At: f.clock.Now().Add(time.Minute)}}}))
		ready(false, "a write put off")
		f.clock.advance(time.Minute)
		ready(true, "its time has come")
	})
}
