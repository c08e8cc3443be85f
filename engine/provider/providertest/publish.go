package providertest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

var _ provider.EventSource = (*Fake)(nil)

// published is an event with its place in the log of all of them.
type published struct {
	provider.Event
	at int
}

// Publish makes an event known, by hand: an id that was used before is the same event again.
func (s *System) Publish(name, id, actor string, fields record.Fields) {
	s.mu.Lock()
	s.publishedEver++
	s.published = append(s.published, published{provider.Event{Name: name, ID: id, At: s.clock(), Actor: actor, Fields: fields}, s.publishedEver})
	notify := slices.Clone(s.notify)
	s.mu.Unlock()
	for _, n := range notify {
		n.f("", "")
	}
}

// Published is the place of the last event of a name, as a cursor has it; "" when there is none.
func (s *System) Published(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.published) {
		if e.Name == name {
			return strconv.Itoa(e.at)
		}
	}
	return ""
}

// Unpublish forgets all events but the last few, as a vendor does after its days of retention, and gives what is kept
// places of its own: cursors from before are not known any more.
func (s *System) Unpublish(keep int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = slices.Clone(s.published[max(0, len(s.published)-keep):])
	s.publishedKept = s.publishedEver - len(s.published)
}

// Listen reports events in the order in which they were published.
func (f *Fake) Listen(ctx context.Context, events []provider.EventSpec, cursors map[string]string, emit provider.EmitEvents) error {
	news := make(chan struct{}, 1)
	unsubscribe := f.System.subscribe(func(string, string) {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	defer unsubscribe()
	s := f.System
	at := map[string]int{}
	for _, spec := range events {
		s.mu.Lock()
		n, kept, gap := s.publishedEver, s.publishedKept, time.Time{}
		s.mu.Unlock()
		if position, ok := cursors[spec.Name]; ok {
			var err error
			if n, err = strconv.Atoi(position); err != nil {
				return &provider.Error{Kind: provider.Invalid, Op: "listen to " + f.Connection, Message: "the cursor " + strconv.Quote(position) + " was not given by this vendor"}
			}
			if n < kept {
				n, gap = kept, s.clock().Add(-72*time.Hour)
			}
		}
		at[spec.Name] = n
		if err := emit(ctx, provider.EventBatch{Gap: gap, Cursor: provider.Cursor{Name: spec.Name, Position: strconv.Itoa(n)}}); err != nil {
			return err
		}
	}
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.published, func(e published) bool {
			n, asked := at[e.Name]
			return asked && e.at > n
		})
		var e published
		if i >= 0 {
			e = s.published[i]
		}
		s.mu.Unlock()
		if i < 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-news:
			}
			continue
		}
		at[e.Name] = e.at
		b := provider.EventBatch{Events: []provider.Event{e.Event}, Cursor: provider.Cursor{Name: e.Name, Position: strconv.Itoa(e.at)}}
		if err := emit(ctx, b); err != nil {
			return err
		}
	}
}

// RecordID takes an id in capitals for the same one.
func (f *Fake) RecordID(text string) string {
	f.System.mu.Lock()
	defer f.System.mu.Unlock()
	for _, t := range f.System.tables {
		for _, id := range t.order {
			if strings.EqualFold(id, text) {
				return id
			}
		}
	}
	return text
}
