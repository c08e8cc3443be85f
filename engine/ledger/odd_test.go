package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/engine/audit"
	"accord/engine/ledger"
	"accord/engine/record"
	"accord/engine/resource"
)

var odd = []string{
	"", "\x00", "a\x00b", "\xff\xfe", "مرحبا \u202e abc", "👩‍👩‍👧‍👦", "'; DROP TABLE pair; --", "%s $1 ?1", "\u2028", strings.Repeat("x", 70000), "\r\n\t", `{"k":"text"}`,
}

// Any text may come from a vendor or a person. It is stored, or made storable, and comes back the same on both engines.
func TestOddTexts(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		for n, s := range odd {
			id := fmt.Sprintf("L%d%s", n, clipped(s))
			o := ledger.Observation{Object: "deal", Side: record.Left, Full: true, Record: record.Record{
				ID: id, Key: s, Actor: s, Version: 1, Fields: record.Fields{"a": text(s), s: record.OfLink(s, s), "l": record.OfChoice(s, "b")},
			}}
			f.capture(o)
			w := f.claimOne()
			got := w.Seen[record.Left]
			if clean := strings.ToValidUTF8(s, "\ufffd"); !got.Fields["a"].Equal(text(clean)) && !got.Fields["a"].Equal(text(s)) && clean == s {
				t.Fatalf("%q came back as %q", s, got.Fields["a"])
			}
			r := decided(w)
			r.Base = [2]record.Fields{got.Fields, {}}
			r.Conflicts = []ledger.Conflict{{Field: s, Reason: s, Left: text(s), Detail: s, Remedy: s}}
			r.ClearConflicts = []string{s, ":" + s}
			r.Firings = []ledger.Firing{{Trigger: s, Occurrence: s, Payload: []byte(s)}}
			r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Create, Key: s, Cause: s, Fields: record.Fields{s: text(s)}, Agreed: [2]record.Fields{nil, {s: text(s)}}}}
			r.Reason = s
			f.resolve(r)
			b := f.dispatch(record.Right)
			f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Unknown: true, Error: s})
			f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Dead: &ledger.DeadLetter{
				Kind: s, Code: s, Message: s, RequestID: s, Remedy: s, Fields: []string{s}, Payload: []byte(s), RecordID: s,
			}})
			ok(t, f.Audit(t.Context(), audit.Entry{Connection: s, Operation: s, Initiator: s, Request: s, RequestID: s, Error: s}))
			ok(t, f.SetCursor(t.Context(), ledger.Cursor{Connection: s, Name: s, Position: s}))
			ok(t, f.SaveResource(t.Context(), resource.Resource{Address: id, Name: s, Attributes: map[string]any{"a": s}, DependsOn: []string{s}}))
			for _, call := range []func() error{
				func() error { _, err := f.Claim(t.Context(), s, 1, s, time.Second); return err },
				func() error { _, err := f.DirtyRecords(t.Context(), s, record.Right, 1); return err },
				func() error {
					_, err := f.PairByRecord(t.Context(), s, record.Left, []string{s, s})
					return err
				},
				func() error { _, err := f.RecordByPair(t.Context(), record.Left, []string{"\ufffd", s}); return err },
				func() error { _, err := f.DeadLetters(t.Context(), ledger.Filter{Object: s, PairID: s}); return err },
				func() error { _, err := f.TakeLanes(t.Context(), []string{s}, s, time.Second); return err },
				func() error {
					_, err := f.Activate(t.Context(), ledger.AppliedContract{Digest: s, Actor: s})
					return err
				},
				func() error { _, err := f.EnqueueObject(t.Context(), s, 0, s); return err },
				func() error { _, err := f.JoinPairs(t.Context(), s, [][2]string{{s, s}}); return err },
				func() error {
					_, _, err := f.Spend(t.Context(), ledger.Budget{Connection: s, Name: s, Window: s}, 1)
					return err
				},
			} {
				ok(t, call())
			}
			if _, err := f.Explain(t.Context(), s, s); err != nil && !errors.Is(err, ledger.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if report := must(f.VerifyAudit(t.Context()))(t); !report.OK() {
			t.Fatalf("audit: %+v", report)
		}
		must(f.Stats(t.Context()))(t)
	})
}

func clipped(s string) string {
	if len(s) > 1000 {
		return s[:1000]
	}
	return s
}

// What is captured comes back: every kind of value, whatever it holds.
func TestValuesComeBack(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			s := rapid.String().Draw(t, "text")
			d, err := record.OfDecimal(fmt.Sprint(rapid.Float64Range(-1e15, 1e15).Draw(t, "decimal")))
			if err != nil {
				t.Fatal(err)
			}
			i, err := record.OfInterval("", "2026-01-31")
			if err != nil {
				t.Fatal(err)
			}
			all := record.Fields{
				"text": record.OfText(s), "decimal": d, "bool": record.OfBool(rapid.Bool().Draw(t, "bool")), "interval": i, "empty": {},
				"datetime": record.OfDateTime(time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "time"))), "choice": record.OfChoice(s, "x"),
				"person": record.OfPerson("p", s), "reference": record.OfReference(s), "link": record.OfLink("https://x.example/?q=<&>", s),
			}
			id := fmt.Sprint("L", n)
			f.capture(ledger.Observation{Object: "deal", Side: record.Left, Full: true, Record: record.Record{ID: id, Version: 1, Fields: all}})
			same(f.TB, "fields", f.explain(id).Seen[0].Fields, all)
		})
	})
}

// Many workers on one ledger: each pair is claimed by one, each write is sent once.
func TestManyWorkers(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		const records, workers = 120, 6
		var list []ledger.Observation
		for n := range records {
			list = append(list, read(record.Left, fmt.Sprint("L", n), "", 1, "a", "1"))
		}
		f.capture(list...)
		handles := []*fixture{f, f.again()} // two processes with three workers each
		var mu sync.Mutex
		claimed, sent := map[string]int{}, map[string]int{}
		var wait sync.WaitGroup
		for n := range workers {
			g := handles[n%2]
			wait.Go(func() {
				for {
					work, err := g.Claim(background, "deal", 7, fmt.Sprint("worker ", n), time.Minute)
					if err != nil {
						t.Error(err)
						return
					}
					var decisions []ledger.Resolution
					mu.Lock()
					for _, w := range work {
						claimed[w.Pair.ID]++
						r := decided(w)
						if !w.Pair.Paired() {
							r.Intents = []ledger.Intent{{Side: record.Right, Op: record.Create, Key: w.Pair.IDs[0], Fields: w.Seen[0].Fields}}
						}
						decisions = append(decisions, r)
					}
					mu.Unlock()
					if stale, err := g.Resolve(background, decisions); err != nil || len(stale) > 0 {
						t.Error(stale, err)
						return
					}
					b, err := g.Dispatch(background, "deal", record.Right, 5)
					if err != nil {
						t.Error(err)
						return
					}
					if b == nil && len(work) == 0 {
						return
					}
					var outcomes []ledger.Outcome
					if b != nil {
						mu.Lock()
						for _, i := range b.Intents {
							sent[i.Key]++
							outcomes = append(outcomes, ledger.Outcome{IntentID: i.ID, BatchID: b.ID, Done: true, RecordID: "R" + i.Key})
						}
						mu.Unlock()
					}
					if err := g.Settle(background, outcomes); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
		for id, n := range claimed {
			if n > 2 { // once to be created, once to link back
				t.Errorf("pair %s was claimed %d times", id, n)
			}
		}
		for key, n := range sent {
			if n != 1 {
				t.Errorf("%s was sent %d times", key, n)
			}
		}
		same(t, "sent", len(sent), records)
		for _, w := range f.claim() { // what was created after the last worker looked
			f.resolve(decided(w))
		}
		if !f.quiet() {
			t.Fatalf("not quiet: %+v", f.stats())
		}
	})
}
