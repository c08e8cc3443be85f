package ledger_test

import (
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// A pair that refers to a record which nobody knew is decided anew once the record is known, and by no other record.
func TestWhatWasReferredToBecomesKnown(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		client := func(id string) ledger.Observation {
			o := read(record.Left, id, "", 5, "Name", id)
			o.Object = "client"
			return o
		}
		f.capture(read(record.Left, "006A", "", 5, "Name", "deal"))
		w := f.claimOne()
		r := decided(w)
		r.Conflicts = []ledger.Conflict{{
			Object: "deal", PairID: w.Pair.ID, Field: "client", Reason: ledger.ReasonMissingParent, Left: record.OfReference("001A"),
		}}
		f.resolve(r)
		f.claimNone()
		f.capture(client("001B"))
		f.claimNone()
		f.capture(client("001A"))
		f.claimOne()
	})
}
