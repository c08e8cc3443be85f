package ledger_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// account is a full read of a record of object "client".
func account(id, key string) ledger.Observation {
	o := read(record.Left, id, key, 5, "Name", id)
	o.Object = "client"
	return o
}

func expecting(w ledger.Work, ids ...string) ledger.Resolution {
	r := decided(w)
	for _, id := range ids {
		r.Expects = append(r.Expects, ledger.Expected{Object: "client", Side: record.Left, RecordID: id})
	}
	return r
}

// A pair that refers to a record which nobody knew is decided anew once the record is known, and by no other record.
func TestWhatWasReferredToBecomesKnown(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "006A", "", 5, "Name", "deal"))
		f.resolve(expecting(f.claimOne(), "001A", "001C", "001A"))
		f.claimNone()
		other := read(record.Right, "001A", "", 5, "Name", "of the other side")
		other.Object = "client"
		of := read(record.Left, "001A", "", 5, "Name", "of another object")
		of.Object = "region"
		f.capture(account("001B", ""), other, of)
		f.claimNone()
		f.capture(account("001A", ""))
		f.resolve(expecting(f.claimOne(), "001C"))
		f.capture(account("001A", ""))
		f.claimNone()
		f.capture(account("001C", ""))
		f.resolve(decided(f.claimOne()))
		f.capture(account("001D", ""))
		f.claimNone()
	})
}

// It also becomes known when it takes a place in a pair that is there.
func TestWhatWasReferredToJoinsItsPair(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		item := read(record.Right, "77", "001A", 5, "Name", "item")
		item.Object = "client"
		f.capture(item, read(record.Left, "006A", "", 5, "Name", "deal"))
		f.resolve(expecting(f.claimOne(), "001A"))
		f.claimNone()
		f.capture(account("001A", ""))
		f.claimOne()
	})
}

// What became known between a decision and its way into the ledger counts too; an id that no record can have never does.
func TestWhatWasReferredToIsKnownAlready(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.capture(read(record.Left, "006A", "", 5, "Name", "deal"))
		w := f.claimOne()
		f.capture(account("001A", ""))
		f.resolve(expecting(w, "001Z", "001A"))
		again := f.claimOne()
		f.resolve(expecting(again, "001A\x00", ""))
		f.claimNone()
	})
}

// Of a decision that expects a record and the capture of that record, whichever comes second finds the other, also when
// both are under way at once.
func TestNeitherDecisionNorCaptureMissesTheOther(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		another := f.again()
		for n := range 40 {
			deal, client := fmt.Sprintf("006-%d", n), fmt.Sprintf("001-%d", n)
			f.capture(read(record.Left, deal, "", 5, "Name", "deal"))
			r := expecting(f.claimOne(), client)
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := another.Capture(t.Context(), ledger.Capture{Observations: []ledger.Observation{account(client, "")}}); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				if stale, err := f.Resolve(t.Context(), []ledger.Resolution{r}); err != nil || len(stale) > 0 {
					t.Error(stale, err)
				}
			})
			both.Wait()
			if t.Failed() {
				return
			}
			f.resolve(decided(f.claimOne()))
		}
	})
}

// A pair that refers to a record is decided anew when that record gets another partner.
func TestWhatRefersToARecordWithAnotherPartner(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		child := func(id, parent string) {
			o := read(record.Left, id, "", 5, "Name", id)
			o.Record.Fields["Parent"] = record.OfReference(parent)
			f.capture(o)
		}
		child("C1", "L1")
		child("C2", "L10") // another one, whose id begins alike
		for _, w := range f.claim() {
			f.resolve(decided(w))
		}
		f.claimNone()
		f.capture(read(record.Right, "R2", "L1", 6, "a", "1"))
		for _, w := range f.claim() {
			f.resolve(decided(w))
		}
		ok(t, f.KeepRecord(t.Context(), f.conflict().ID, "R2"))
		var children []string
		for _, w := range f.claim() {
			if id := w.Pair.IDs[record.Left]; strings.HasPrefix(id, "C") {
				children = append(children, id)
			}
		}
		same(t, "decided anew", children, []string{"C1"})
	})
}
