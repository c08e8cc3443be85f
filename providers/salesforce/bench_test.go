package salesforce

import (
	"fmt"
	"testing"

	"accord/engine/provider"
)

// BenchmarkCreate measures what first loads cost in API calls, by collections and by Bulk API 2.0.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		for _, way := range []struct {
			name string
			rows int // in one Write
		}{{"collections", rowsPerCollection}, {"file", bulkRows}} {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				var calls int
				for range b.N {
					b.StopTimer()
					o, r := loadable(b)
					rest := bulkCreates(n)
					for i := range rest {
						delete(rest[i].Fields, "NextStep")
					}
					before := o.Counters().Calls
					b.StartTimer()
					for len(rest) > 0 {
						size := min(way.rows, len(rest))
						results, err := r.Write(b.Context(), provider.Batch{Patches: rest[:size]})
						if err != nil {
							b.Fatal(err)
						}
						for _, res := range results {
							if res.Err != nil {
								b.Fatal(res.Err)
							}
						}
						rest = rest[size:]
					}
					b.StopTimer()
					if got := o.Count("Opportunity"); got != n {
						b.Fatalf("%d records, want %d", got, n)
					}
					calls += o.Counters().Calls - before
					b.StartTimer()
				}
				b.ReportMetric(float64(calls)/float64(b.N), "calls/op")
			})
		}
	}
}
