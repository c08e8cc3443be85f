package salesforce

import (
	"context"
	"sync"

	"accord/engine/provider"
	"accord/engine/record"
)

// inflight keeps two collections calls that would lock the same record from being on their way at once: a save locks
// the record and those that it hangs on, and the org makes the second wait for ten seconds and then refuses it ("Best
// Practices for Deployments with Large Data Volumes", "Lookup skew"). Loads by file are not among them: they take
// minutes, and what a person does must not wait for one.
type inflight struct {
	mu      sync.Mutex
	busy    map[string]bool // by the part of the id that heeds case
	changed chan struct{}   // closed when something is free again
}

// hold waits until no other call is about any of the rows' records or parents. Release must be called.
func (f *inflight) hold(ctx context.Context, rows []write, doing string) (release func(), err error) {
	ids := map[string]bool{}
	for _, w := range rows {
		for _, id := range append([]string{w.patch.ID}, w.parents...) {
			if id != "" {
				ids[shortID(id)] = true
			}
		}
	}
	for {
		f.mu.Lock()
		taken := false
		for id := range ids {
			taken = taken || f.busy[id]
		}
		if !taken {
			if f.busy == nil {
				f.busy = map[string]bool{}
			}
			for id := range ids {
				f.busy[id] = true
			}
			f.mu.Unlock()
			return sync.OnceFunc(func() { f.free(ids) }), nil
		}
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &provider.Error{Kind: provider.Transient, Op: doing, Message: "another call is about the same records", Err: ctx.Err()}
		}
	}
}

func (f *inflight) free(ids map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range ids {
		delete(f.busy, id)
	}
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// hangsOn are the records that a new value of a reference makes a save lock.
func (c column) hangsOn(v record.Value) []string {
	if c.shape.Kind != record.Reference {
		return nil
	}
	return v.Parts()
}
