package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// However many batches are written at once, no two calls on their way are about one record or one parent, and all of
// them arrive.
func TestNoTwoCallsLockTheSameRecord(t *testing.T) {
	var mu sync.Mutex
	busy, most, calls := map[string]int{}, 0, 0
	org := newFakeOrg(t, func(w http.ResponseWriter, r *http.Request, body string) {
		var request struct {
			Records []struct {
				ID      string `json:"id"`
				Account string `json:"AccountId"`
			}
		}
		if err := json.Unmarshal([]byte(body), &request); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		about := map[string]bool{}
		answers := []any{}
		for _, rec := range request.Records {
			about[rec.ID], about[rec.Account] = true, true
			answers = append(answers, map[string]any{"id": rec.ID, "success": true, "errors": []any{}})
		}
		delete(about, "")
		mu.Lock()
		calls++
		for id := range about {
			if busy[id]++; busy[id] > 1 {
				t.Errorf("two calls are about %s", id)
			}
		}
		most = max(most, len(busy))
		mu.Unlock()
		time.Sleep(2 * time.Millisecond) // the org at work
		mu.Lock()
		for id := range about {
			if busy[id]--; busy[id] == 0 {
				delete(busy, id)
			}
		}
		mu.Unlock()
		writeJSON(w, 200, answers)
	})
	p := org.provider(t)
	r, err := p.Records(dealBinding())
	if err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for n := range 12 {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		writing.Go(func() {
			var patches []record.Patch
			for range 3 {
				patches = append(patches, record.Patch{Op: record.Update, ID: dealID(random.IntN(8)), Fields: record.Fields{
					"AccountId": record.OfReference(fmt.Sprintf("001000000000%03dAAA", random.IntN(6)))}})
			}
			results, err := r.Write(t.Context(), provider.Batch{Patches: patches})
			if err != nil || slices.ContainsFunc(results, func(r record.Result) bool { return r.Err != nil }) {
				t.Errorf("Write = %+v, %v", results, err)
			}
		})
	}
	writing.Wait()
	if calls < 12 || len(p.inflight.busy) > 0 {
		t.Errorf("%d calls came, and %v are held still", calls, slices.Collect(maps.Keys(p.inflight.busy)))
	}
}

// One who waits for others gives up with his context, and what he waited for was never sent.
func TestWaitingForOthersEnds(t *testing.T) {
	var f inflight
	rows := []write{{patch: record.Patch{ID: "006000000000001AAA"}, parents: []string{"001000000000001AAA"}}}
	release, err := f.hold(t.Context(), rows, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.hold(ctx, []write{{parents: []string{"001000000000001"}}}, "test")
	if e := asPort(t, err); e.Kind != provider.Transient {
		t.Errorf("error = %v of kind %v", e, e.Kind)
	}
	if _, err := f.hold(t.Context(), []write{{patch: record.Patch{ID: "006000000000002AAA"}}, {}}, "test"); err != nil {
		t.Error(err)
	}
	release()
	release()
	if _, err := f.hold(t.Context(), rows, "test"); err != nil {
		t.Error(err)
	}
}
