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

// publishedCursor is the one stream in which all events come.
const publishedCursor = "published"

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

// Published is how many events were published.
func (s *System) Published() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publishedEver
}

// Unpublish forgets all events but the last few, as a vendor does after its days of retention, and gives what is kept
// places of its own: cursors from before are not known any more.
func (s *System) Unpublish(keep int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = slices.Clone(s.published[max(0, len(s.published)-keep):])
	s.publishedKept = s.publishedEver - len(s.published)
}

// Listen reports events in the order in which they were published. An event that is not asked for only moves the cursor.
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
	s.mu.Lock()
	at, kept, gap := s.publishedEver, s.publishedKept, time.Time{}
	s.mu.Unlock()
	if position, ok := cursors[publishedCursor]; ok {
		n, err := strconv.Atoi(position)
		if err != nil {
			return &provider.Error{Kind: provider.Invalid, Op: "listen to " + f.Connection, Message: "the cursor " + strconv.Quote(position) + " was not given by this vendor"}
		}
		if at = n; at < kept {
			at, gap = kept, s.clock().Add(-72*time.Hour)
		}
	}
	cursor := func() provider.Cursor {
		return provider.Cursor{Name: publishedCursor, Position: strconv.Itoa(at)}
	}
	if err := emit(ctx, provider.EventBatch{Gap: gap, Cursor: cursor()}); err != nil {
		return err
	}
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.published, func(e published) bool { return e.at > at })
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
		at = e.at
		b := provider.EventBatch{Cursor: cursor()}
		if slices.ContainsFunc(events, func(s provider.EventSpec) bool { return s.Name == e.Name }) {
			b.Events = []provider.Event{e.Event}
		}
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
