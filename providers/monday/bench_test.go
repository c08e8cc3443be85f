package monday

import (
	"fmt"
	"testing"

	"accord/engine/provider"
	"accord/providers/monday/mondayemulator"
)

// BenchmarkCreate measures what first loads cost, by mutations and by file: calls and complexity points are what the
// vendor allows little of. Points are the emulator's, whose prices are an approximation.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		for _, way := range []struct {
			name string
			rows func(*records) int // in one Write
		}{
			{"mutations", func(r *records) int { return r.Limits().BatchSize }},
			{"file", func(r *records) int { return r.Limits().BulkSize }},
		} {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				var calls, points float64
				for range b.N {
					b.StopTimer()
					s, r := loadStage(b, mondayemulator.Options{})
					rest := small(n)
					b.StartTimer()
					for batch := 0; len(rest) > 0; batch++ {
						size := min(way.rows(r), len(rest))
						results, err := r.Write(b.Context(), provider.Batch{Key: fmt.Sprint("k", batch), Patches: rest[:size]})
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
					if got := s.items("Deals"); got != n {
						b.Fatalf("%d items, want %d", got, n)
					}
					c := s.emulator.Counters()
					calls += float64(c.Calls)
					points += float64(c.ComplexitySpent)
					b.StartTimer()
				}
				b.ReportMetric(calls/float64(b.N), "calls/op")
				b.ReportMetric(points/float64(b.N), "points/op")
			})
		}
	}
}
