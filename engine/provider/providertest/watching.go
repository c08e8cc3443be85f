package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

func (h Harness) watch(t *testing.T) {
	t.Run("edits, additions and removals by people are seen", h.watchPeople)
	t.Run("what could not be taken in is told again", h.watchAgain)
	t.Run("going on from a cursor", h.watchResumes)
	t.Run("a cursor that nobody gave", h.watchBroken)
	t.Run("writes of ours hide nobody else's", h.watchOurs)
	t.Run("several objects", h.watchSeveral)
	t.Run("it ends with its context", h.watchEnds)
}

// observer is a running Watch, and what it has told.
type observer struct {
	b      *bench
	cancel context.CancelFunc
	ended  chan struct{}
	err    error

	mu      sync.Mutex
	changes []record.Change
	cursors map[string]string
	refuse  func(record.Change) bool // whether a change can't be taken in
	refused int
	news    chan struct{}
}

var errNotSafe = errors.New("it could not be stored")

// observe starts to watch from cursors, and waits until changes are seen.
func (b *bench) observe(cursors map[string]string, refuse func(record.Change) bool) *observer {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := &observer{b: b, cancel: cancel, ended: make(chan struct{}), cursors: map[string]string{}, refuse: refuse, news: make(chan struct{}, 1)}
	for name, at := range cursors {
		o.cursors[name] = at
	}
	bound := b.bound()
	go func() {
		defer close(o.ended)
		o.err = b.Provider.Watch(ctx, bound, cursors, o.emit)
	}()
	b.t.Cleanup(func() { o.stop() })
	return o
}

func (o *observer) emit(_ context.Context, changes []record.Change, cursor provider.Cursor) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() {
		select {
		case o.news <- struct{}{}:
		default:
		}
	}()
	if o.refuse != nil && slices.ContainsFunc(changes, o.refuse) {
		o.refused++
		return errNotSafe
	}
	o.changes = append(o.changes, changes...)
	if cursor.Name != "" {
		o.cursors[cursor.Name] = cursor.Position
	}
	return nil
}

// stop ends the watch, and gives the cursors that stand.
func (o *observer) stop() map[string]string {
	o.cancel()
	select {
	case <-o.ended:
	case <-time.After(patience):
		o.b.t.Error("watch does not end with its context")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursors
}

// until waits for something to be so.
func (o *observer) until(what string, so func() bool) {
	o.b.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		o.mu.Lock()
		ok := so()
		o.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-o.news:
		case <-again.C:
			if o.b.Advance != nil {
				o.b.Advance(2 * time.Minute) // what the vendor repeats, it repeats later
			}
		case <-deadline.C:
			o.b.t.Fatalf("%s: it did not come", what)
		}
	}
}

// saw says whether a record was reported, and asks for more where a predicate is given.
func (o *observer) saw(id string, is func(record.Change) bool) bool {
	return slices.ContainsFunc(o.changes, func(c record.Change) bool { return c.Record.ID == id && (is == nil || is(c)) })
}

// settled starts to watch, and waits until an edit of a probe is seen: from then on nothing may be lost.
func (b *bench) settled(r provider.Records, cursors map[string]string) *observer {
	b.t.Helper()
	probe := b.create(r, key("probe"), nil)
	o := b.observe(cursors, nil)
	n := 0
	o.until("the first change", func() bool {
		if o.saw(probe, nil) {
			return true
		}
		n++
		o.mu.Unlock()
		b.Edit(b.t, probe, record.Fields{b.Text: record.OfText(fmt.Sprint(n))})
		o.mu.Lock()
		return false
	})
	return o
}

func (h Harness) watchPeople(t *testing.T) {
	b, r := h.ready(t)
	edited, removed := b.create(r, key("edited"), nil), b.create(r, key("removed"), nil)
	o := b.settled(r, nil)
	b.Edit(t, edited, record.Fields{b.Text: record.OfText("by hand")})
	added := b.Add(t, b.with(nil))
	b.Remove(t, removed, record.Deleted)
	o.until("an edit", func() bool { return o.saw(edited, nil) })
	o.until("an addition", func() bool { return o.saw(added, nil) })
	o.until("a removal", func() bool {
		return o.saw(removed, func(c record.Change) bool { return c.Record.State != record.Live || c.Partial })
	})
	o.stop()
	for _, c := range o.changes {
		if c.Object != b.Specs[0].Object || c.Record.ID == "" {
			t.Errorf("reported %+v", c)
		}
		if c.Record.ID != edited || c.Partial || c.Record.State != record.Live {
			continue
		}
		// A change that shows the whole truth must tell it.
		if v, shown := c.Record.Fields[b.Text]; shown && v.Part(0) != "by hand" {
			t.Errorf("the edit is told as %s", text(v))
		}
	}
}

// watchAgain refuses the first report of an edit: it was not made safe, so that it has to come again.
func (h Harness) watchAgain(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	o := b.settled(r, nil)
	o.mu.Lock()
	o.refuse = func(c record.Change) bool { return c.Record.ID == id && o.refused == 0 }
	o.mu.Unlock()
	b.Edit(t, id, record.Fields{b.Text: record.OfText("must not be lost")})
	o.until("an edit", func() bool { return o.refused > 0 })
	select {
	case <-o.ended:
		if !errors.Is(o.err, errNotSafe) {
			t.Errorf("watch ended with %v, want the receiver's own error", o.err)
		}
	case <-time.After(50 * time.Millisecond):
	}
	// Whether it goes on by itself or is started again from the cursors that stand, the edit comes.
	next := o
	select {
	case <-o.ended:
		next = b.observe(o.stop(), nil)
	default:
	}
	next.until("the edit again", func() bool { return next.saw(id, nil) })
}

func (h Harness) watchResumes(t *testing.T) {
	b, r := h.ready(t)
	id, removed := b.create(r, key("1"), nil), b.create(r, key("2"), nil)
	cursors := b.settled(r, nil).stop()
	b.Edit(t, id, record.Fields{b.Text: record.OfText("while nobody watched")})
	added := b.Add(t, b.with(nil))
	b.Remove(t, removed, record.Deleted)
	o := b.observe(cursors, nil)
	for what, id := range map[string]string{"an edit": id, "an addition": added, "a removal": removed} {
		o.until(what+" while nobody watched", func() bool { return o.saw(id, nil) })
	}
	if again := o.stop(); len(again) < len(cursors) {
		t.Errorf("the cursors were %v, and are now %v", cursors, again)
	}
}

// watchBroken begins with cursors that no longer mean anything: either they are refused, or nothing is lost for them.
func (h Harness) watchBroken(t *testing.T) {
	for _, position := range []string{"", "x", "\x00", "{}", "-1", "99999999999999999999"} {
		b, r := h.ready(t)
		cursors := b.settled(r, nil).stop()
		if len(cursors) == 0 {
			t.Skip("there are no cursors")
		}
		id := b.create(r, key("1"), nil)
		for name := range cursors {
			cursors[name] = position
		}
		o := b.observe(cursors, nil)
		n := 0
		o.until("an edit from cursor "+position, func() bool {
			select {
			case <-o.ended:
				b.typed(o.err)
				return true
			default:
			}
			if o.saw(id, nil) {
				return true
			}
			n++
			o.mu.Unlock()
			b.Edit(t, id, record.Fields{b.Text: record.OfText(fmt.Sprint(n))})
			o.mu.Lock()
			return false
		})
		o.stop()
	}
}

// watchOurs mixes our own writes, which may be reported or not, with those of people, which must be.
func (h Harness) watchOurs(t *testing.T) {
	b, r := h.ready(t)
	ours, theirs := b.create(r, key("1"), nil), b.create(r, key("2"), nil)
	o := b.settled(r, nil)
	for i := range 5 {
		b.done(r, fmt.Sprint("ours ", i), record.Patch{Op: record.Update, ID: ours, Fields: record.Fields{b.Text: record.OfText(fmt.Sprint("ours ", i))}})
	}
	b.Edit(t, theirs, record.Fields{b.Text: record.OfText("theirs")})
	b.Edit(t, ours, record.Fields{b.Other: record.OfText("theirs on ours")})
	o.until("an edit of another record", func() bool { return o.saw(theirs, func(c record.Change) bool { return !c.Ours }) })
	o.until("an edit of the record that we wrote", func() bool { return o.saw(ours, func(c record.Change) bool { return !c.Ours }) })
}

// watchSeveral binds two objects to the same place: both hear of it.
func (h Harness) watchSeveral(t *testing.T) {
	b := h.bench(t)
	twin := b.Specs[0]
	twin.Object += "_twin"
	b.Specs = append([]provider.ObjectSpec{b.Specs[0], twin}, b.Specs[1:]...)
	b.apply()
	r := b.records()
	o := b.settled(r, nil)
	id := b.Add(t, b.with(nil))
	for _, object := range []string{b.Specs[0].Object, twin.Object} {
		o.until("a report to "+object, func() bool { return o.saw(id, func(c record.Change) bool { return c.Object == object }) })
	}
}

func (h Harness) watchEnds(t *testing.T) {
	b, r := h.ready(t)
	o := b.settled(r, nil)
	o.stop()
	if o.err != nil && !errors.Is(o.err, context.Canceled) {
		t.Errorf("watch ended with %v", o.err)
	}
	// And it can begin again.
	id := b.create(r, key("1"), nil)
	again := b.observe(o.cursors, nil)
	again.until("a change after a second beginning", func() bool {
		if again.saw(id, nil) {
			return true
		}
		again.mu.Unlock()
		b.Edit(t, id, record.Fields{b.Text: record.OfText(time.Now().String())})
		again.mu.Lock()
		return false
	})
}

func (h Harness) people(t *testing.T) {
	t.Run("by id and by address", h.peopleBoth)
}

func (h Harness) peopleBoth(t *testing.T) {
	b := h.bench(t)
	ask := func(ids, emails []string) map[string]record.Person {
		t.Helper()
		list, err := b.Provider.People(t.Context(), ids, emails)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]record.Person{}
		for _, p := range list {
			if _, twice := found[p.ID]; twice {
				t.Errorf("%s is given twice", p.ID)
			}
			found[p.ID] = p
		}
		return found
	}
	want := map[string]record.Person{}
	var ids, emails []string
	for _, p := range b.People {
		want[p.ID] = p
		ids, emails = append(ids, p.ID), append(emails, p.Email)
	}
	if diff := cmp.Diff(want, ask(ids, nil)); diff != "" {
		t.Errorf("by id: %s", diff)
	}
	if diff := cmp.Diff(want, ask(nil, emails)); diff != "" {
		t.Errorf("by address: %s", diff)
	}
	strangers := []string{"nobody@nowhere.example", "", "it's@nowhere.example", "no address", `"x" y@z.example`}
	if diff := cmp.Diff(want, ask(append(slices.Clone(b.Unknown), ids...), append(strangers, emails...))); diff != "" {
		t.Errorf("both, with strangers: %s", diff)
	}
	if found := ask(b.Unknown, strangers); len(found) > 0 {
		t.Errorf("strangers are %v", found)
	}
}
