package plan

import (
	"testing"

	"accord/engine/provider"
	"accord/engine/record"
)

func TestCallsThatWritesCost(t *testing.T) {
	batches := provider.Limits{BatchSize: 50}
	files := provider.Limits{BatchSize: 50, BulkFrom: 200, BulkSize: 1000, BulkCalls: 10, BulkOps: []record.Op{record.Create}}
	for _, test := range []struct {
		name                    string
		limits                  provider.Limits
		create, update, removal int
		want                    int
	}{
		{"nothing", files, 0, 0, 0, 0},
		{"batches alone", batches, 4238, 0, 0, 85},
		{"too few for a file", files, 199, 1, 0, 4},
		{"one file", files, 200, 0, 0, 10},
		{"files and batches", files, 1001, 51, 0, 20 + 2},
		{"updates gain nothing by a file", files, 0, 1000, 50, 21},
	} {
		got := calls(test.limits, map[record.Op]int{record.Create: test.create, record.Update: test.update, record.Delete: test.removal})
		if got != test.want {
			t.Errorf("%s: %d calls, want %d", test.name, got, test.want)
		}
	}
}
