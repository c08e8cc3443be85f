package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

// arrange arranges a fault of the event side, given as JSON.
func arrange[F any](t *testing.T, inject func(F) error, text string) {
	t.Helper()
	var f F
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	if err := inject(f); err != nil {
		t.Fatal(err)
	}
}

// memory keeps what a watch tells, as a ledger would: whole records of what was only pointed at are read.
type memory struct {
	mu      sync.Mutex
	cursors map[string]string
	seen    map[string]map[string]record.Record // by object and id
	dirty   map[string]map[string]bool
	told    int
}

func (m *memory) take(_ context.Context, changes []record.Change, cursor provider.Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told += len(changes)
	for _, c := range changes {
		have, known := m.seen[c.Object][c.Record.ID]
		if !known || c.Partial || have.State != record.Live {
			m.dirty[c.Object][c.Record.ID] = true
		}
		if c.Record.State == record.Live {
			fields := have.Fields.Clone()
			if fields == nil {
				fields = record.Fields{}
			}
			maps.Copy(fields, c.Record.Fields)
			c.Record.Fields = fields
		}
		m.seen[c.Object][c.Record.ID] = c.Record
	}
	if cursor.Name != "" {
		m.cursors[cursor.Name] = cursor.Position
	}
	return nil
}

func (m *memory) copyCursors() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.cursors)
}

// Whatever breaks, and whoever is watching when, in the end everything that changed was told of.
func TestNothingIsLost(t *testing.T) {
	o := newOrg(t)
	o.p.events.pause = 10 * time.Millisecond
	spec := dealSpec()
	resources, _ := o.apply(t, spec)
	scoped := dealSpec()
	scoped.Object, scoped.Settings["where"] = "large", "Amount >= 500"
	bound := []provider.Binding{{Spec: spec, Resources: resources}, {Spec: scoped, Resources: resources}}
	m := &memory{cursors: map[string]string{dealTopic: position{mark: 1}.String()},
		seen:  map[string]map[string]record.Record{"deal": {}, "large": {}},
		dirty: map[string]map[string]bool{"deal": {}, "large": {}}}
	var watching sync.WaitGroup
	defer watching.Wait()
	start := func() context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		watching.Go(func() {
			if err := o.p.Watch(ctx, bound, m.copyCursors(), m.take); err != nil {
				t.Errorf("Watch = %v", err)
			}
		})
		return cancel
	}
	random := rand.New(rand.NewPCG(1, 2))
	var ids []string
	gone := map[string]bool{}
	cancel := start()
	for n := range 200 {
		time.Sleep(5 * time.Millisecond) // so that streams see some of it happen
		switch op := random.IntN(12); {
		case op < 3 || len(ids) == 0:
			ids = append(ids, o.deal(t, fmt.Sprintf("Deal %d", n), random.IntN(1000)))
		case op < 9:
			if id := ids[random.IntN(len(ids))]; !gone[id] {
				if err := o.Update("", "Opportunity", id, map[string]any{"Amount": random.IntN(1000), "Name": fmt.Sprintf("Deal %d", n)}); err != nil {
					t.Fatal(err)
				}
			}
		case op < 10:
			if id := ids[random.IntN(len(ids))]; gone[id] {
				if err := o.Undelete("", id); err != nil {
					t.Fatal(err)
				}
				gone[id] = false
			} else if err := o.Delete("", "Opportunity", id); err != nil {
				t.Fatal(err)
			} else {
				gone[id] = true
			}
		default:
			kinds := []string{"drop", "stale_replay", "gap", "overflow", "duplicate"}
			arrange(t, o.Inject, fmt.Sprintf(`{"kind":%q}`, kinds[random.IntN(len(kinds))]))
		}
		if n%40 == 39 {
			cancel()
			watching.Wait()
			cancel = start()
		}
	}
	o.ClearFaults()
	for i, b := range bound {
		r, err := o.p.Records(b)
		if err != nil {
			t.Fatal(err)
		}
		want, err := r.Read(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		var diff string
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
			if diff = m.compare(t, r, bound[i].Spec.Object, want); diff == "" {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if diff != "" {
			t.Errorf("%s (-is +told):\n%s", b.Spec.Object, diff)
		}
	}
	cancel()
	watching.Wait()
	t.Logf("%d records, %d events and lists told", len(ids), m.told)
}

// compare reads what must be read, and says how what was told differs from what is.
func (m *memory) compare(t *testing.T, r provider.Records, object string, want []record.Record) string {
	m.mu.Lock()
	dirty := slices.Sorted(maps.Keys(m.dirty[object]))
	m.dirty[object] = map[string]bool{}
	m.mu.Unlock()
	fresh, err := r.Read(t.Context(), dirty)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, rec := range fresh {
		m.seen[object][rec.ID] = rec
	}
	is, told := map[string]string{}, map[string]string{}
	show := func(rec record.Record) string {
		if rec.State != record.Live {
			return rec.State.String()
		}
		return rec.Fields["Name"].String() + " " + rec.Fields["Amount"].String()
	}
	for _, rec := range want {
		is[rec.ID], told[rec.ID] = show(rec), show(m.seen[object][rec.ID])
	}
	return cmp.Diff(is, told)
}
