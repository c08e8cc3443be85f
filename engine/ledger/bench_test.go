package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

func benchEngines(b *testing.B, run func(b *testing.B, f *fixture)) {
	for _, e := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", postgres.URL}} {
		b.Run(e.name, func(b *testing.B) { run(b, open(b, e.url(b), newClock())) })
	}
}

// deal is a full read of a record with the fields of a usual contract.
func deal(side record.Side, n int, version record.Version, step string) ledger.Observation {
	id := fmt.Sprintf("%s-%09d", side, n)
	amount, _ := record.OfDecimal(fmt.Sprintf("%d.50", n))
	due, _ := record.OfDate("2026-12-24")
	return ledger.Observation{Object: "deal", Side: side, Full: true, Record: record.Record{
		ID: id, Version: version, Actor: "005000000000001AAA",
		Fields: record.Fields{
			"Name": text(fmt.Sprintf("Deal number %d", n)), "StageName": record.OfChoice("Negotiation/Review"), "Amount": amount,
			"OwnerId": record.OfPerson("005000000000002AAA"), "CloseDate": due, "AccountId": record.OfReference("001000000000003AAA"),
			"NextStep": text(step), "Delivery_Progress__c": record.OfBool(n%2 == 0),
		},
	}}
}

const benchBatch = 2000

// BenchmarkCapture reports nanoseconds per observation of records that are new, changed and as before.
func BenchmarkCapture(b *testing.B) {
	for _, kind := range []string{"new", "changed", "unchanged"} {
		b.Run(kind, func(b *testing.B) {
			benchEngines(b, func(b *testing.B, f *fixture) {
				batch := func(from int, version record.Version, step string) []ledger.Observation {
					list := make([]ledger.Observation, min(benchBatch, b.N-from))
					for i := range list {
						list[i] = deal(record.Left, from+i, version, step)
					}
					return list
				}
				if kind != "new" {
					for from := 0; from < b.N; from += benchBatch {
						f.capture(batch(from, 1, "call")...)
					}
				}
				version, step := record.Version(2), "write"
				if kind == "unchanged" {
					version, step = 1, "call"
				}
				b.ReportAllocs()
				b.ResetTimer()
				for from := 0; from < b.N; from += benchBatch {
					f.capture(batch(from, version, step)...)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		})
	}
}

// BenchmarkDeliver reports nanoseconds per pair of a claim with its resolution, and of a dispatch with its settlement.
func BenchmarkDeliver(b *testing.B) {
	const batch = 200
	b.Run("claim+resolve", func(b *testing.B) { benchEngines(b, func(b *testing.B, f *fixture) { deliver(b, f, batch, true) }) })
	b.Run("dispatch+settle", func(b *testing.B) { benchEngines(b, func(b *testing.B, f *fixture) { deliver(b, f, batch, false) }) })
}

func deliver(b *testing.B, f *fixture, batch int, resolving bool) {
	for from := 0; from < b.N; from += benchBatch {
		list := make([]ledger.Observation, min(benchBatch, b.N-from))
		for i := range list {
			list[i] = deal(record.Left, from+i, 1, "call")
		}
		f.capture(list...)
	}
	resolve := func() int {
		work := must(f.Claim(b.Context(), "deal", batch, "bench", time.Minute))(b)
		list := make([]ledger.Resolution, len(work))
		for i, w := range work {
			list[i] = decided(w)
			create := ledger.Intent{Side: record.Right, Op: record.Create, Key: w.Pair.IDs[0], Fields: w.Seen[0].Fields}
			create.Agreed = [2]record.Fields{w.Seen[0].Fields, w.Seen[0].Fields}
			list[i].Intents = []ledger.Intent{create}
		}
		f.resolve(list...)
		return len(work)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if !resolving {
		b.StopTimer()
		for resolve() > 0 {
		}
		b.StartTimer()
		for n := 0; ; {
			batch := must(f.Dispatch(b.Context(), "deal", record.Right, batch))(b)
			if batch == nil {
				break
			}
			list := make([]ledger.Outcome, len(batch.Intents))
			for i, intent := range batch.Intents {
				n++
				list[i] = ledger.Outcome{IntentID: intent.ID, BatchID: batch.ID, Done: true, RecordID: fmt.Sprint("R", n), Version: 2}
			}
			f.settle(list...)
		}
	} else {
		for resolve() > 0 {
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}
