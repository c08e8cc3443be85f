package providertest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"accord/engine/provider"
	"accord/engine/record"
)

func (h Harness) leave(t *testing.T) {
	t.Run("reading asks nobody", h.readingAsks)
	t.Run("every request that writes asks, and stays where it is when told to", h.writingAsks)
	t.Run("so does every request of a load", h.loadingAsks)
	t.Run("so does an action", h.actingAsks)
}

var errNoLeave = errors.New("the lease has run out")

// allowance lets so many requests go.
type allowance struct {
	left  atomic.Int64
	asked atomic.Int64
}

func allow(n int) *allowance {
	a := &allowance{}
	a.left.Store(int64(n))
	return a
}

func (a *allowance) ask() error {
	a.asked.Add(1)
	if a.left.Add(-1) < 0 {
		return errNoLeave
	}
	return nil
}

func (h Harness) readingAsks(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	a := allow(0)
	ctx := provider.WithLeave(t.Context(), a.ask)
	_, read := r.Read(ctx, []string{id})
	_, find := r.Find(ctx, []string{key("1")})
	_, list := r.List(ctx, 0, func([]record.Record) error { return nil })
	_, count := r.Count(ctx)
	if err := errors.Join(read, find, list, count); err != nil || a.asked.Load() > 0 {
		t.Errorf("asked %d times: %v", a.asked.Load(), err)
	}
}

// writingAsks sends a batch of all operations that takes several requests, and allows none of them, one, two: what is
// confirmed is there, nothing else is, and what was kept back says so.
func (h Harness) writingAsks(t *testing.T) {
	for n := 0; ; n++ {
		b, r := h.ready(t)
		gone, kept := b.create(r, key("gone"), nil), b.create(r, key("kept"), nil)
		before := b.Count(t)
		patches := []record.Patch{
			{Op: record.Update, ID: kept, Fields: record.Fields{b.Text: record.OfText("written")}},
		}
		for _, op := range []record.Op{record.Archive, record.Delete} {
			if _, can := b.Removals[op]; can {
				patches = append(patches, record.Patch{Op: op, ID: gone})
				break
			}
		}
		for i := range max(r.Limits().BatchSize, 1) + 1 {
			patches = append(patches, record.Patch{Op: record.Create, Key: key(fmt.Sprint("new ", i)), Fields: b.with(nil)})
		}
		if limits := r.Limits(); limits.BulkFrom > 0 && len(patches) >= limits.BulkFrom {
			t.Fatalf("%d patches are a load", len(patches))
		}
		a := allow(n)
		results, err := r.Write(provider.WithLeave(t.Context(), a.ask), provider.Batch{Key: "asking", Patches: patches})
		if err != nil {
			b.withheld(err)
			results = slices.Repeat([]record.Result{{Err: err}}, len(patches))
		}
		want, held := before, 0
		for i, res := range results {
			switch {
			case res.Err != nil:
				b.withheld(res.Err)
				held++
			case patches[i].Op == record.Create:
				want++
			case patches[i].Op != record.Update:
				want--
			}
		}
		if got := b.Count(t); got != want {
			t.Errorf("%d requests allowed: %d records, %d by what was confirmed", n, got, want)
		}
		written := b.read(r, kept)[0].Fields[b.Text].Part(0) == "written"
		if confirmed := results[0].Err == nil; written != confirmed {
			t.Errorf("%d requests allowed: the update was confirmed: %v, and carried out: %v", n, confirmed, written)
		}
		if held == 0 && int(a.asked.Load()) > n || held > 0 && int(a.asked.Load()) <= n {
			t.Errorf("%d requests allowed: asked %d times, %d rows held back", n, a.asked.Load(), held)
		}
		if held == 0 && a.asked.Load() == 0 {
			t.Error("nobody was asked")
		}
		if held == 0 || t.Failed() {
			return
		}
	}
}

// withheld insists that what was kept back is told as such, or as not sent because of that.
func (b *bench) withheld(err error) {
	b.t.Helper()
	if e := b.typed(err); !errors.Is(err, errNoLeave) || e.Kind != provider.Withheld && !e.Kind.Retriable() {
		b.t.Errorf("a request that was kept back gives %v (%v)", err, e.Kind)
	}
}

// loadingAsks does so with a batch that goes as a file.
func (h Harness) loadingAsks(t *testing.T) {
	for n := 0; ; n++ {
		b, r := h.ready(t)
		limits := r.Limits()
		if limits.BulkFrom <= 0 {
			t.Skip("there are no loads")
		}
		patches := make([]record.Patch, limits.BulkFrom)
		for i := range patches {
			patches[i] = record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(nil)}
		}
		a := allow(n)
		results, err := r.Write(provider.WithLeave(t.Context(), a.ask), provider.Batch{Key: "asking", Patches: patches})
		if err != nil {
			b.withheld(err)
			results = slices.Repeat([]record.Result{{Err: err}}, len(patches))
		}
		want := 0
		for _, res := range results {
			if res.Err == nil {
				want++
			} else {
				b.withheld(res.Err)
			}
		}
		if got := b.Count(t); got != want {
			t.Errorf("%d requests allowed: %d records, %d by what was confirmed", n, got, want)
		}
		if want == len(patches) {
			if n < 2 || int(a.asked.Load()) > n {
				t.Errorf("all was loaded with %d requests allowed, and %d asked for", n, a.asked.Load())
			}
			return
		}
		if t.Failed() {
			return
		}
	}
}

func (h Harness) actingAsks(t *testing.T) {
	b, r := h.ready(t)
	actor, can := b.Provider.(provider.Actor)
	if !can || b.Action == nil {
		t.Skip("it carries out no actions")
	}
	id := b.create(r, key("1"), nil)
	action := b.Action(t, id)
	done := b.Acted(t)
	if _, err := actor.Act(provider.WithLeave(t.Context(), allow(0).ask), action); err == nil || provider.KindOf(err) != provider.Withheld {
		t.Errorf("an action that was kept back gives %v", err)
	}
	if got := b.Acted(t); got != done {
		t.Errorf("%d actions were carried out", got-done)
	}
	a := allow(1)
	if _, err := actor.Act(provider.WithLeave(t.Context(), a.ask), action); err != nil || a.asked.Load() != 1 || b.Acted(t) != done+1 {
		t.Errorf("with leave it was asked for %d times and carried out %d times: %v", a.asked.Load(), b.Acted(t)-done, err)
	}
}
