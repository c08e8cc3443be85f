package providertest

import (
	"context"
	"slices"
	"strconv"

	"accord/engine/provider"
	"accord/engine/record"
)

// event is one entry of a System's stream of changes: something happened to a record, and no more than that.
type event struct{ table, id string }

// listener is told of events. It is a pointer, so that it can be found again.
type listener struct{ f func(table, id string) }

// subscribe has f called after every change of a record, until unsubscribe is.
func (s *System) subscribe(f func(table, id string)) (unsubscribe func()) {
	l := &listener{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = append(s.notify, l)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notify = slices.DeleteFunc(slices.Clone(s.notify), func(other *listener) bool { return other == l })
	}
}

// happened is the number of events so far.
func (s *System) happened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// event is the event at a place in the stream, if there is one yet.
func (s *System) event(at int) (event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at >= len(s.events) {
		return event{}, false
	}
	return s.events[at], true
}

// Undefine takes a field away by hand, as people can.
func (s *System) Undefine(name, field string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.table(name).shapes, field)
}

// feedCursor is the name of the one cursor that Watch gives: how many events were handed over since the beginning.
const feedCursor = "events"

// Watch reports that records changed, and nothing of how: an event at a time, each until emit has taken it.
func (f *Fake) Watch(ctx context.Context, bound []provider.Binding, cursors map[string]string, emit provider.Emit) error {
	news := make(chan struct{}, 1)
	unsubscribe := f.System.subscribe(func(string, string) {
		select {
		case news <- struct{}{}:
		default: // it is told already that there is something
		}
	})
	defer unsubscribe()
	at := f.System.happened()
	if position, ok := cursors[feedCursor]; ok {
		n, err := strconv.Atoi(position)
		if err != nil || n < 0 {
			return &provider.Error{Kind: provider.Invalid, Op: "watch " + f.Connection, Message: "the cursor " + strconv.Quote(position) + " was not given by this vendor"}
		}
		at = n
	}
	for {
		e, ok := f.System.event(at)
		if !ok {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-news:
			}
			continue
		}
		at++
		if f.Silent {
			continue
		}
		var changes []record.Change
		for _, b := range bound {
			if b.Spec.Watched && b.Spec.Settings[f.Table] == e.table {
				changes = append(changes, record.Change{Object: b.Spec.Object, Record: record.Record{ID: e.id}, Partial: true})
			}
		}
		if err := emit(ctx, changes, provider.Cursor{Name: feedCursor, Position: strconv.Itoa(at)}); err != nil {
			return err
		}
	}
}
