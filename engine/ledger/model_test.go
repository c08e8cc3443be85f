package ledger_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/engine/ledger"
	"accord/engine/record"
)

// The world of the model: two vendors who edit, tell late, twice, in part or never; workers who read, decide, send and
// settle, and are interrupted at any point. Left owns field a, right owns b, either may edit c.
type world struct {
	*rapid.T
	f      *fixture
	object string
	sides  [2]*vendor
	events []ledger.Observation // told, and not delivered yet
	reads  []ledger.Observation // under way
	work   []ledger.Work
	sent   []ledger.Batch
	answer map[string]ledger.Outcome // by intent: what the vendor said, on its way to us
	edited int
	lost   bool // an event
}

type vendor struct {
	side    record.Side
	clock   record.Version
	records map[string]*record.Record
	names   int
}

func (v *vendor) ids() []string {
	var list []string
	for id := range v.records {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

func (v *vendor) byKey(key string) *record.Record {
	for _, id := range v.ids() {
		if v.records[id].Key == key {
			return v.records[id]
		}
	}
	return nil
}

// touch moves a record's version. Now and then the clock is too coarse to tell two changes apart.
func (v *vendor) touch(r *record.Record, names []string, coarse bool) {
	if !coarse {
		v.clock += 1000
	}
	r.Version = v.clock
	for _, n := range names {
		r.Changed[n] = v.clock
	}
}

func copied(r *record.Record) record.Record {
	c := *r
	c.Fields = r.Fields.Clone()
	c.Changed = map[string]record.Version{}
	for n, v := range r.Changed {
		c.Changed[n] = v
	}
	return c
}

func newWorld(t *rapid.T, f *fixture, object string) *world {
	w := &world{T: t, f: f, object: object, answer: map[string]ledger.Outcome{}}
	for _, side := range record.Sides {
		w.sides[side] = &vendor{side: side, clock: 1000, records: map[string]*record.Record{}}
	}
	return w
}

func (w *world) observation(side record.Side, r record.Record, full bool) ledger.Observation {
	return ledger.Observation{Object: w.object, Side: side, Record: r, Full: full}
}

func (w *world) capture(o ledger.Observation) {
	if _, err := w.f.Capture(background, ledger.Capture{Observations: []ledger.Observation{o}}); err != nil {
		w.Fatal(err)
	}
}

// create is somebody making a record on the left, and the event of it.
func (w *world) create(t *rapid.T) {
	v := w.sides[record.Left]
	v.names++
	r := &record.Record{ID: fmt.Sprint("L", v.names), Fields: fields("a", w.value(), "b", "", "c", ""), Changed: map[string]record.Version{}}
	v.records[r.ID] = r
	v.touch(r, []string{"a", "b", "c"}, false)
	w.events = append(w.events, w.observation(record.Left, copied(r), false))
}

func (w *world) value() string {
	w.edited++
	return fmt.Sprint("v", w.edited)
}

// edit is somebody changing a field that is theirs to change.
func (w *world) edit(t *rapid.T) {
	side := rapid.SampledFrom(record.Sides[:]).Draw(t, "side")
	if len(w.sides[side].records) == 0 {
		side = record.Left
	}
	v := w.sides[side]
	ids := v.ids()
	r := v.records[rapid.SampledFrom(ids).Draw(t, "record")]
	name := rapid.SampledFrom([][]string{{"a", "c"}, {"b", "c"}}[side]).Draw(t, "field")
	r.Fields[name] = text(w.value())
	v.touch(r, []string{name}, rapid.IntRange(0, 3).Draw(t, "coarse") == 0)
	o := w.observation(side, record.Record{ID: r.ID, Version: r.Version, Fields: record.Fields{name: r.Fields[name]}}, false)
	if rapid.Bool().Draw(t, "partial") {
		o.Partial, o.Record.Fields = true, nil
	}
	w.events = append(w.events, o)
}

// deliver brings any event, perhaps not for the last time.
func (w *world) deliver(t *rapid.T) {
	n := rapid.IntRange(0, len(w.events)-1).Draw(t, "event")
	w.capture(w.events[n])
	if !rapid.Bool().Draw(t, "again") {
		w.events = slices.Delete(w.events, n, n+1)
	}
}

func (w *world) lose(t *rapid.T) {
	w.lost = true
	n := rapid.IntRange(0, len(w.events)-1).Draw(t, "event")
	w.events = slices.Delete(w.events, n, n+1)
}

// step is one of the things that can happen now.
func (w *world) step(t *rapid.T) {
	type action struct {
		name   string
		can    bool
		weight int
		do     func(*rapid.T)
	}
	var names []string
	do := map[string]func(*rapid.T){}
	for _, a := range []action{
		{"edit", true, 3, w.edit},
		{"create", w.sides[record.Left].names < 2, 1, w.create},
		{"deliver", len(w.events) > 0, 4, w.deliver},
		{"lose", len(w.events) > 0, 1, w.lose},
		{"start a read", true, 2, w.startRead},
		{"finish a read", len(w.reads) > 0, 3, w.finishRead},
		{"sweep", len(w.reads) == 0, 1, w.startSweep},
		{"claim", true, 3, w.claim},
		{"resolve", len(w.work) > 0, 5, w.resolve},
		{"dispatch", true, 3, w.dispatch},
		{"call", len(w.sent) > 0, 6, w.call},
		{"settle", len(w.answer) > 0, 6, w.settle},
		{"crash", len(w.work)+len(w.sent)+len(w.answer) > 0, 1, w.crash},
		{"wait", true, 1, w.wait},
	} {
		if a.can {
			do[a.name] = a.do
			for range a.weight {
				names = append(names, a.name)
			}
		}
	}
	do[rapid.SampledFrom(names).Draw(t, "step")](t)
}

// startRead asks the vendor for what is dirty; the answer comes later.
func (w *world) startRead(t *rapid.T) {
	for _, side := range record.Sides {
		dirty := must(w.f.DirtyRecords(background, w.object, side, 2))(w.f)
		for _, d := range dirty {
			o := w.observation(side, record.Record{ID: d.ID, State: record.Missing}, true)
			if r := w.sides[side].records[d.ID]; r != nil {
				o.Record = copied(r)
			}
			o.DirtyGen = d.Gen
			w.reads = append(w.reads, o)
		}
	}
}

func (w *world) finishRead(t *rapid.T) {
	n := rapid.IntRange(0, len(w.reads)-1).Draw(t, "read")
	w.capture(w.reads[n])
	w.reads = slices.Delete(w.reads, n, n+1)
}

// startSweep takes a page of everything, which arrives later as reads do.
func (w *world) startSweep(t *rapid.T) {
	for _, v := range w.sides {
		for _, id := range v.ids() {
			w.reads = append(w.reads, w.observation(v.side, copied(v.records[id]), true))
		}
	}
}

func (w *world) claim(t *rapid.T) {
	list := must(w.f.Claim(background, w.object, rapid.IntRange(1, 3).Draw(t, "limit"), "model", time.Minute))(w.f)
	w.work = append(w.work, list...)
}

func (w *world) resolve(t *rapid.T) {
	n := rapid.IntRange(0, len(w.work)-1).Draw(t, "work")
	one := w.work[n]
	w.work = slices.Delete(w.work, n, n+1)
	if _, err := w.f.Resolve(background, []ledger.Resolution{decide(one)}); err != nil {
		w.Fatal(err)
	}
}

// decide is the smallest merge that there is.
func decide(w ledger.Work) ledger.Resolution {
	r := decided(w)
	left, right := w.Seen[record.Left], w.Seen[record.Right]
	if left == nil {
		return r // a right half: it was made by us, and its left side will be known
	}
	if right == nil {
		i := ledger.Intent{Side: record.Right, Op: record.Create, Key: left.ID, Fields: left.Fields.Clone()}
		i.Agreed = [2]record.Fields{left.Fields, left.Fields}
		r.Intents = []ledger.Intent{i}
		return r
	}
	var patch, agreed [2]record.Fields
	var base record.Fields
	for _, name := range []string{"a", "b", "c"} {
		l, showsLeft := left.Fields[name]
		v, showsRight := right.Fields[name]
		changedLeft := !w.Pair.Base[record.Left][name].Equal(l)
		from := record.Left
		if name == "b" || name == "c" && !changedLeft {
			from = record.Right
		}
		to, value := from.Other(), [2]record.Value{l, v}[from]
		switch {
		case l.Equal(v):
			if base == nil {
				base = record.Fields{}
			}
			base[name] = l
		case from == record.Left && !showsLeft, from == record.Right && !showsRight:
		default:
			if patch[to] == nil {
				patch[to], agreed[to] = record.Fields{}, record.Fields{}
			}
			patch[to][name], agreed[to][name] = value, value
		}
	}
	r.Base = [2]record.Fields{base, base}
	for _, side := range record.Sides {
		key := ""
		if w.Seen[side].Key != w.Pair.IDs[side.Other()] {
			key = w.Pair.IDs[side.Other()]
		}
		if patch[side] != nil || key != "" {
			r.Intents = append(r.Intents, ledger.Intent{
				Side: side, Op: record.Update, RecordID: w.Pair.IDs[side], Key: key, Fields: patch[side], Agreed: [2]record.Fields{agreed[side], agreed[side]},
			})
		}
	}
	return r
}

func (w *world) dispatch(t *rapid.T) {
	for _, side := range record.Sides {
		batch := must(w.f.Dispatch(background, w.object, side, rapid.IntRange(1, 3).Draw(t, "limit")))(w.f)
		if batch != nil {
			w.sent = append(w.sent, *batch)
		}
	}
}

// call is the vendor carrying out what was sent; its answer comes later, or never.
func (w *world) call(t *rapid.T) {
	n := rapid.IntRange(0, len(w.sent)-1).Draw(t, "batch")
	b := w.sent[n]
	w.sent = slices.Delete(w.sent, n, n+1)
	for _, i := range b.Intents {
		o := ledger.Outcome{IntentID: i.ID, BatchID: b.ID}
		switch rapid.IntRange(0, 9).Draw(t, "outcome") {
		case 0:
			o.Retry = &ledger.Retry{At: w.f.clock.Now().Add(time.Second), Error: "locked"}
		case 1:
			o.Reread = true
		case 2:
			o.Unknown = true // carried out or not
			if rapid.Bool().Draw(t, "carried out") {
				w.carryOut(i, false)
			}
		default:
			done := w.carryOut(i, rapid.IntRange(0, 3).Draw(t, "coarse") == 0)
			o.Done, o.RecordID, o.Version = true, done.ID, done.Version
			if rapid.Bool().Draw(t, "shown") {
				o.Stored = done.Fields
			}
		}
		w.answer[i.ID] = o
	}
}

// carryOut is one write at the vendor, and the event of it. Creating is found again by its key.
func (w *world) carryOut(i ledger.Intent, coarse bool) record.Record {
	v := w.sides[i.Side]
	var r *record.Record
	if i.Op == record.Create {
		if r = v.byKey(i.Key); r == nil {
			v.names++
			r = &record.Record{ID: fmt.Sprint("R", v.names), Fields: record.Fields{}, Changed: map[string]record.Version{}}
			v.records[r.ID] = r
		}
	} else {
		r = v.records[i.RecordID]
	}
	var names []string
	for name, value := range i.Fields {
		r.Fields[name] = value
		names = append(names, name)
	}
	if i.Key != "" {
		r.Key = i.Key
	}
	v.touch(r, names, coarse)
	w.events = append(w.events, ledger.Observation{Object: w.object, Side: i.Side, Ours: true, Record: record.Record{
		ID: r.ID, Version: r.Version, Fields: i.Fields.Clone(),
	}})
	return copied(r)
}

func (w *world) settle(t *rapid.T) {
	ids := make([]string, 0, len(w.answer))
	for id := range w.answer {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "answer")
	o := w.answer[id]
	delete(w.answer, id)
	if err := w.f.Settle(background, []ledger.Outcome{o}); err != nil {
		w.Fatal(err)
	}
}

// crash is the end of our process: what it held in memory is gone, the ledger is not.
func (w *world) crash(t *rapid.T) {
	w.work, w.sent, w.reads = nil, nil, nil
	w.answer = map[string]ledger.Outcome{}
	w.f.clock.advance(2 * time.Minute)
}

func (w *world) wait(t *rapid.T) { w.f.clock.advance(time.Second) }

// finish lets everything that is under way come to its end, without further edits.
func (w *world) finish(t *rapid.T) {
	w.crash(t)
	for round := 0; ; round++ {
		if round == 200 {
			w.Fatalf("it never comes to rest: %+v", must(w.f.Stats(background))(w.f))
		}
		events := w.events
		w.events = nil
		for _, o := range events {
			w.capture(o)
		}
		if round < 2 && w.lost { // without a loss, nothing but the events and the reads they ask for is needed
			w.startSweep(t)
		}
		w.startRead(t)
		reads := w.reads
		w.reads = nil
		for _, o := range reads {
			w.capture(o)
		}
		w.f.clock.advance(time.Minute)
		var list []ledger.Resolution
		for _, one := range must(w.f.Claim(background, w.object, 10, "model", time.Minute))(w.f) {
			list = append(list, decide(one))
		}
		if _, err := w.f.Resolve(background, list); err != nil {
			w.Fatal(err)
		}
		worked := len(list) + len(reads) + len(events)
		for _, side := range record.Sides {
			batches := must(w.f.Unsettled(background, w.object, side))(w.f)
			if b := must(w.f.Dispatch(background, w.object, side, 10))(w.f); b != nil {
				batches = append(batches, *b)
			}
			for _, b := range batches {
				worked++
				for _, i := range b.Intents {
					o := ledger.Outcome{IntentID: i.ID, Done: true}
					if round < 3 && rapid.IntRange(0, 3).Draw(t, "outcome") == 0 { // not at once
						o = ledger.Outcome{IntentID: i.ID, Retry: &ledger.Retry{At: w.f.clock.Now(), Error: "locked"}}
					} else if r := w.sides[side].byKey(i.Key); i.Op == record.Create && r != nil {
						o.RecordID, o.Found = r.ID, true // looked up, not made twice
					} else {
						done := w.carryOut(i, false)
						o.RecordID, o.Version = done.ID, done.Version
					}
					if err := w.f.Settle(background, []ledger.Outcome{o}); err != nil {
						w.Fatal(err)
					}
				}
			}
		}
		w.conserved()
		if worked == 0 {
			return
		}
	}
}

// conserved checks that every change that was captured is accounted for.
func (w *world) conserved() ledger.Tally {
	for _, t := range must(w.f.Tallies(background))(w.f) {
		if t.Object == w.object {
			if !t.Balanced() {
				w.Fatalf("changes are not accounted for: %+v", t)
			}
			return t
		}
	}
	return ledger.Tally{}
}

// agree checks that both vendors hold the same, and that no edit of an owner was lost.
func (w *world) agree() {
	left, right := w.sides[record.Left], w.sides[record.Right]
	if len(left.records) != len(right.records) {
		w.Fatalf("%d records on the left, %d on the right", len(left.records), len(right.records))
	}
	for _, id := range left.ids() {
		e, err := w.f.Explain(background, w.object, id)
		if err != nil {
			w.Fatal(err)
		}
		l, r := left.records[id], right.records[e.Pair.IDs[record.Right]]
		if r == nil {
			w.Fatalf("%s has no other side: %+v", id, e.Pair)
		}
		if l.Key != r.ID || r.Key != l.ID {
			w.Fatalf("keys: %s names %q, %s names %q", l.ID, l.Key, r.ID, r.Key)
		}
		for _, name := range []string{"a", "b", "c"} {
			if !l.Fields[name].Equal(r.Fields[name]) {
				w.Fatalf("%s.%s: %q on the left, %q on the right\n%+v", id, name, l.Fields[name], r.Fields[name], e)
			}
		}
		for side, truth := range [2]*record.Record{l, r} {
			for name, v := range truth.Fields {
				if !e.Seen[side].Fields[name].Equal(v) {
					w.Fatalf("%s.%s is %q, and was seen as %q", truth.ID, name, v, e.Seen[side].Fields[name])
				}
			}
		}
		if e.Pending != nil || len(e.Intents) > 0 || e.Dirty != [2]bool{} {
			w.Fatalf("not settled: %+v", e)
		}
	}
}

// Whatever the vendors, the network and the machine do, both sides agree in the end.
func TestModel(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		var number atomic.Int64
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(t, f, fmt.Sprint("object ", number.Add(1)))
			w.create(t)
			w.finish(t)
			last := map[string]record.Value{} // the owners' last edits
			for range rapid.IntRange(5, 60).Draw(t, "steps") {
				w.step(t)
				w.conserved()
				for side, name := range [2]string{"a", "b"} {
					for id, r := range w.sides[side].records {
						last[id+name] = r.Fields[name]
					}
				}
			}
			w.finish(t)
			w.agree()
			if end := w.conserved(); end.Open > 0 || end.Captured == 0 {
				t.Fatalf("changes are still open when all is done: %+v", end)
			}
			for side, name := range [2]string{"a", "b"} {
				for id, r := range w.sides[side].records {
					if v, was := last[id+name]; was && !r.Fields[name].Equal(v) {
						t.Fatalf("%s.%s was edited to %q by its owner, and is %q", id, name, v, r.Fields[name])
					}
				}
			}
		})
	})
}
