package simulation

import (
	"context"
	"slices"
	"time"

	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

// vendor is one connection of one process to a vendor, with all that may go wrong on the way.
type vendor struct {
	*providertest.Fake
	p    *process
	side record.Side
}

var _ provider.Provider = (*vendor)(nil)

// Records opens a table.
func (v *vendor) Records(b provider.Binding) (provider.Records, error) {
	inner, err := v.Fake.Records(b)
	return &table{Records: inner, v: v, name: b.Spec.Settings[v.Table]}, err
}

// People looks users up.
func (v *vendor) People(ctx context.Context, ids, emails []string) ([]record.Person, error) {
	if err := v.begin(ctx, "people", ""); err != nil {
		return nil, err
	}
	people, err := v.Fake.People(ctx, ids, emails)
	return people, v.end(ctx, "people", err)
}

// begin is the way of a request that changes nothing to the vendor.
func (v *vendor) begin(ctx context.Context, op, table string) error {
	w := v.p.w
	w.count(op)
	// Several of a process's goroutines may begin at one moment. What one of them asks of a vendor comes a little later,
	// so that the order is the seed's.
	v.way(ctx, op+table, time.Microsecond, time.Millisecond)
	if err := v.p.step(vendorCall, "call "+op, 1); err != nil {
		return err
	}
	if !v.way(ctx, op+table, 5*time.Millisecond, 300*time.Millisecond) {
		return &provider.Error{Kind: provider.Unknown, Op: op, Err: ctx.Err()}
	}
	switch {
	case v.p.isDead():
		return errDead
	case w.quiet.Load():
	case w.hit(Throttle, 0.5):
		w.trace.add("%s %s %s throttled", v.side, op, table)
		return &provider.Error{Kind: provider.Throttled, Op: op, RetryAfter: w.between("throttle", time.Second, 20*time.Second)}
	case w.hit(Passing, 0.5):
		w.trace.add("%s %s %s fails", v.side, op, table)
		return &provider.Error{Kind: provider.Transient, Op: op, Message: "try again"}
	}
	return w.refuses(v.side, op, table)
}

// way is the time that something takes on its way, and says whether ctx is still alive. What is cut short together goes on
// one after another.
func (v *vendor) way(ctx context.Context, what string, from, to time.Duration) bool {
	whole := pause(ctx, v.p.between("way/"+v.side.String(), from, to))
	if !whole {
		time.Sleep(v.p.moment("cut short/"+v.side.String()+what, time.Millisecond))
	}
	return whole
}

// end is the way of an answer back.
func (v *vendor) end(ctx context.Context, op string, err error) error {
	if !v.way(ctx, op, 5*time.Millisecond, 200*time.Millisecond) && err == nil {
		err = &provider.Error{Kind: provider.Unknown, Op: "call", Err: ctx.Err()}
	}
	if v.p.isDead() {
		return errDead
	}
	return err
}

// table is one table of a vendor behind the port.
type table struct {
	provider.Records
	v    *vendor
	name string
}

// Limits take a moment, of another length for each side: what is asked next is asked at different times, and so in an
// order that the seed decides.
func (t *table) Limits() provider.Limits {
	time.Sleep(t.v.p.moment("limits/"+t.v.side.String()+t.name, 200*time.Microsecond))
	return t.loads(t.Records.Limits())
}

// List pages by seven.
func (t *table) List(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error) {
	w := t.v.p.w
	if err := t.v.begin(ctx, "list", t.name); err != nil {
		return 0, err
	}
	var all []record.Record
	shown := w.length()
	next, err := t.Records.List(ctx, since, func(list []record.Record) error {
		all = append(all, list...)
		return nil
	})
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(r record.Record) bool { return r.State == record.Missing })
	w.trace.add("%s list %s since %d: %d records", t.v.side, t.name, since, len(all))
	broken := !w.quiet.Load() && w.hit(BrokenList, 1)
	for i, chunk := range slices.Collect(slices.Chunk(all, 7)) {
		if i > 0 && broken {
			w.trace.add("%s list %s breaks", t.v.side, t.name)
			return 0, &provider.Error{Kind: provider.Transient, Op: "list", Message: "the connection broke"}
		}
		if err := t.v.end(ctx, "list"+t.name, nil); err != nil {
			return 0, err
		}
		t.v.p.showing(t.v.side, t.name, chunk, shown)
		if err := page(chunk); err != nil {
			return 0, err
		}
	}
	return next, t.v.end(ctx, "list"+t.name, nil)
}

// Read finds records by id.
func (t *table) Read(ctx context.Context, ids []string) ([]record.Record, error) {
	if err := t.v.begin(ctx, "read", t.name); err != nil {
		return nil, err
	}
	shown := t.v.p.w.length()
	records, err := t.Records.Read(ctx, ids)
	if err := t.v.end(ctx, "read"+t.name, err); err != nil {
		return nil, err
	}
	t.v.p.w.trace.add("%s read %s %v", t.v.side, t.name, ids)
	t.v.p.showing(t.v.side, t.name, records, shown)
	return records, nil
}

// Find finds live records by key; for a moment it may not show what was just made.
func (t *table) Find(ctx context.Context, keys []string) (map[string][]string, error) {
	w := t.v.p.w
	if err := t.v.begin(ctx, "find", t.name); err != nil {
		return nil, err
	}
	found, err := t.Records.Find(ctx, keys)
	for _, key := range keys {
		ids := slices.DeleteFunc(found[key], func(id string) bool {
			return !w.quiet.Load() && w.met(LaggingFind) && time.Since(w.madeAt(t.v.side, t.name, id)) < t.Records.Limits().SearchLag && w.hit(LaggingFind, 4)
		})
		if delete(found, key); len(ids) > 0 {
			found[key] = ids
		}
	}
	w.trace.add("%s find %s %v: %v", t.v.side, t.name, keys, len(found))
	return found, t.v.end(ctx, "find"+t.name, err)
}

// Write carries out a batch, or does not, or does and says that it did not hear.
func (t *table) Write(ctx context.Context, b provider.Batch) (results []record.Result, err error) {
	v, w := t.v, t.v.p.w
	begun := time.Now()
	defer func() { v.p.observe(ctx, v.side, "write "+t.name, len(b.Patches), begun, err) }()
	w.count("write")
	time.Sleep(v.p.moment("door/write/"+v.side.String()+t.name, 200*time.Microsecond)) // a load is sent while the loop goes on
	if err := v.p.step(vendorCall, "call write", 3); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, &provider.Error{Kind: provider.Unknown, Op: "write", Err: ctx.Err()} // it stood still for too long to send anything
	}
	if err := provider.Leave(ctx, "write"); err != nil {
		w.trace.add("%s write %s kept back", v.side, t.name)
		return nil, err
	}
	ctx = provider.WithLeave(ctx, nil) // from here on it is on its way
	known := w.known(v.side, t.name, b.Patches)
	w.trace.add("%s write %s %s", v.side, t.name, describe(b))
	v.way(ctx, "write"+t.name, 5*time.Millisecond, 500*time.Millisecond)
	if v.p.isDead() && w.stream("in flight").IntN(2) == 0 {
		return nil, errDead // the request was still in our own machine
	}
	unknown := func(what string) error {
		w.trace.add("%s write %s %s", v.side, t.name, what)
		return &provider.Error{Kind: provider.Unknown, Op: "write", Message: what}
	}
	carry := func() ([]record.Result, []int, error) {
		results, err := t.Records.Write(context.WithoutCancel(ctx), b)
		return results, w.absorb(v.side, provider.CauseOf(ctx).Batch, known), err
	}
	if err := t.refuse(b); err != nil {
		return nil, err
	}
	if t.isLoad(b) {
		return t.load(ctx, b, known)
	}
	trouble := !w.quiet.Load()
	switch {
	case !trouble:
	case w.hit(LostBefore, 0.7):
		return nil, unknown("lost before")
	case w.hit(Stall, 0.25):
		if w.stream("stall").IntN(2) == 0 {
			if _, _, err := carry(); err != nil {
				return nil, err
			}
		}
		<-ctx.Done()
		return nil, unknown("stalled")
	case w.hit(Late, 0.7):
		after := w.between("late", time.Second, 55*time.Second)
		w.late.Go(func() {
			time.Sleep(after)
			w.trace.add("%s write %s comes late", v.side, t.name)
			_, fresh, _ := carry() // nobody listens any more
			w.belated(fresh)
		})
		return nil, unknown("late")
	}
	w.setRows(v.side, w.rowFaults(trouble, len(b.Patches)))
	var fresh []int
	results, fresh, err = carry()
	w.setRows(v.side, nil)
	if err != nil {
		return nil, err
	}
	if err := v.p.step(vendorCall, "answer to write", 3); err != nil {
		return nil, err
	}
	if trouble && w.hit(LostAfter, 0.7) {
		return nil, unknown("lost after")
	}
	v.way(ctx, "write"+t.name, 5*time.Millisecond, 500*time.Millisecond)
	if v.p.isDead() {
		return nil, errDead
	}
	w.confirm(fresh)
	w.trace.add("%s write %s done", v.side, t.name)
	return results, nil
}

// refuse is what a vendor says without having done anything.
func (t *table) refuse(provider.Batch) error {
	w := t.v.p.w
	switch {
	case w.quiet.Load():
		return nil
	case w.hit(Throttle, 0.7):
		w.trace.add("%s write %s throttled", t.v.side, t.name)
		return &provider.Error{Kind: provider.Throttled, Op: "write", RetryAfter: w.between("throttle", time.Second, 30*time.Second)}
	case w.hit(Passing, 0.7):
		w.trace.add("%s write %s fails", t.v.side, t.name)
		return &provider.Error{Kind: provider.Transient, Op: "write", Message: "try again"}
	}
	return w.refuses(t.v.side, "write", t.name)
}

// rowFaults are the rows of a write that fail by themselves.
func (w *world) rowFaults(trouble bool, n int) map[int]error {
	if !trouble {
		return nil
	}
	rows := map[int]error{}
	for i := range n {
		switch {
		case w.hit(LockedRows, 1):
			rows[i] = &provider.Error{Kind: provider.Locked, Op: "write", Code: "LOCKED"}
		case w.hit(RefusedRows, 0.5):
			rows[i] = &provider.Error{Kind: provider.Invalid, Op: "write", Code: "INVALID", Message: "the value is refused"}
		}
	}
	return rows
}
