package simulation

import (
	"context"
	"slices"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// A load is a large batch that a vendor took as a file. It goes on at the vendor when the process that sent it is dead,
// and sending it again under its key only takes it up again.
type load struct {
	done    chan struct{}
	results []record.Result
	err     error
	fresh   []int // in the history
	awaited int   // by how many calls
}

const loadFrom = 4 // rows

// loads says how a vendor that takes files takes them.
func (t *table) loads(l provider.Limits) provider.Limits {
	if !t.v.p.w.met(Bulk) {
		return l
	}
	l.BulkFrom, l.BulkSize, l.BulkCalls, l.BulkTime = loadFrom, 12, 3, 3*time.Minute
	l.BulkOps = []record.Op{record.Create}
	if t.v.side == record.Left {
		l.BulkOps = []record.Op{record.Create, record.Update}
	} else {
		l.BulkResumes = true
	}
	return l
}

func (t *table) isLoad(b provider.Batch) bool {
	return t.v.p.w.met(Bulk) && len(b.Patches) >= loadFrom && b.Key != ""
}

// load hands a batch over as a file, and waits for what comes of it.
func (t *table) load(ctx context.Context, b provider.Batch, known func(table, id string) int) ([]record.Result, error) {
	v, w := t.v, t.v.p.w
	lost := func(what string) error {
		w.trace.add("%s load %s %s", v.side, t.name, what)
		return &provider.Error{Kind: provider.Unknown, Op: "load", Message: what}
	}
	trouble := !w.quiet.Load()
	if trouble && w.hit(LostBefore, 0.7) {
		return nil, lost("lost before")
	}
	w.mu.Lock()
	l := w.underway[b.Key]
	begin := l == nil
	if begin {
		l = &load{done: make(chan struct{})}
		w.underway[b.Key] = l
	}
	l.awaited++
	w.mu.Unlock()
	if begin {
		w.strike(Bulk)
		batch := provider.CauseOf(ctx).Batch
		w.late.Go(func() { t.run(l, b, batch, known, trouble) })
	}
	select {
	case <-ctx.Done():
	case <-l.done:
	}
	time.Sleep(v.p.between("woken/"+v.side.String()+t.name, time.Microsecond, 200*time.Microsecond)) // others wake at the same moment
	w.mu.Lock()
	l.awaited--
	w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, lost("given up")
	}
	if err := v.p.step(vendorCall, "answer to load", 3); err != nil {
		return nil, err
	}
	if trouble && w.hit(LostAfter, 0.7) {
		return nil, lost("lost after")
	}
	v.way(ctx, "load"+t.name, 5*time.Millisecond, 500*time.Millisecond)
	if v.p.isDead() {
		return nil, errDead
	}
	w.confirm(l.fresh)
	w.trace.add("%s load %s done", v.side, t.name)
	return slices.Clone(l.results), l.err
}

// run is the vendor at work on a load: one half, and then the other.
func (t *table) run(l *load, b provider.Batch, batch string, known func(table, id string) int, trouble bool) {
	w := t.v.p.w
	defer close(l.done)
	half := len(b.Patches) / 2
	for i, patches := range [][]record.Patch{b.Patches[:half], b.Patches[half:]} {
		// Both together end before an unanswered write is given up.
		time.Sleep(w.between("load/"+t.v.side.String(), 2*time.Second, 25*time.Second))
		w.setRows(t.v.side, w.rowFaults(trouble && !w.quiet.Load(), len(patches)))
		results, err := t.upsert(provider.Batch{Key: b.Key + [2]string{"/1", "/2"}[i], Patches: patches})
		w.setRows(t.v.side, nil)
		fresh := w.absorb(t.v.side, batch, known)
		w.mu.Lock()
		abandoned := l.awaited == 0
		w.mu.Unlock()
		if abandoned {
			w.belated(fresh)
		}
		w.trace.add("%s load %s: %d rows, abandoned=%v", t.v.side, t.name, len(patches), abandoned)
		l.results, l.fresh = append(l.results, results...), append(l.fresh, fresh...)
		if err != nil {
			l.err = err
			return
		}
	}
}

func (w *world) setRows(side record.Side, rows map[int]error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows[side] = rows
}

// upsert writes; of a vendor that loads by a unique key, as the left one does, what is to be made and is there already is
// not made again.
func (t *table) upsert(b provider.Batch) ([]record.Result, error) {
	there := map[string]record.Record{}
	if t.v.side == record.Left {
		for _, r := range t.v.p.w.systems[record.Left].Records(t.name) {
			if r.State == record.Live && r.Key != "" {
				there[r.Key] = r
			}
		}
	}
	var rest provider.Batch
	results, at := make([]record.Result, len(b.Patches)), []int{}
	for i, p := range b.Patches {
		if r, ok := there[p.Key]; ok && p.Op == record.Create {
			results[i] = record.Result{ID: r.ID, Version: r.Version}
			continue
		}
		rest.Patches, at = append(rest.Patches, p), append(at, i)
	}
	if len(at) == 0 {
		return results, nil
	}
	rest.Key = b.Key
	made, err := t.Records.Write(context.Background(), rest)
	for i, n := range at {
		if i < len(made) {
			results[n] = made[i]
		}
	}
	return results, err
}
