package pubsub

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// BenchmarkDelivery measures distinct updates from their commit to the encoded event.
func BenchmarkDelivery(b *testing.B) {
	org := newTestOrg()
	s := New(Options{Schema: org})
	var changes []changefeed.Change
	for i := range 200 {
		changes = append(changes, update("Account", accountID(i), map[string]any{"Industry": "a", "Phone": "1"},
			map[string]any{"Industry": "b", "Phone": fmt.Sprint(i), "LastModifiedDate": restStamp}))
	}
	v := newView(s, testUser, topic{name: accountTest, object: "Account"}, map[string]*Filter{})
	b.ResetTimer()
	for b.Loop() {
		s.Commit(changes)
		for _, e := range s.changes.entries {
			if _, err := v.render(e.event, e.counter); err != nil || status.Code(err) != codes.OK {
				b.Fatal(err)
			}
		}
		s.Reset()
	}
	b.ReportMetric(float64(b.N*len(changes))/b.Elapsed().Seconds(), "events/s")
}
