package salesforce

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"accord/engine/provider"
	"accord/providers/salesforce/internal/eventbus"
)

var _ provider.EventSource = (*Provider)(nil)

// retention is how long the org keeps platform events, and some (Platform Events Developer Guide, "Event Retention": 72
// hours). A time further back was not written by the org's clock.
const retention = 96 * time.Hour

// Listen subscribes to platform events, one stream for each, until ctx ends.
//
// Without a cursor a stream begins with what is published from then on. Before the first answer has told where that is,
// the time is kept instead: whoever goes on from it begins with the earliest event that the org still has, and passes over
// what was published before. A place that the org does not know any more is a gap: the stream begins with the earliest
// event, and whoever receives them drops what he has had.
func (p *Provider) Listen(ctx context.Context, specs []provider.EventSpec, cursors map[string]string, emit provider.EmitEvents) error {
	if len(specs) == 0 {
		<-ctx.Done()
		return nil
	}
	conn, err := p.events.dial()
	if err != nil {
		return &provider.Error{Kind: provider.Invalid, Op: "open the Pub/Sub API at " + p.config.PubSubEndpoint, Err: err}
	}
	defer conn.Close()
	var one sync.Mutex // batches are handed over one at a time
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range specs {
		topic := eventTopic(s.Name)
		l := &listener{
			subscriber: subscriber{topic: topic, events: p.events, bus: eventbus.NewPubSubClient(conn), log: p.log.With("topic", topic)},
			name:       s.Name,
			emit: func(ctx context.Context, b provider.EventBatch) error {
				one.Lock()
				defer one.Unlock()
				if err := emit(ctx, b); err != nil {
					return &emitError{err}
				}
				return nil
			},
		}
		if at, ok := cursors[s.Name]; ok {
			l.at = parseListening(at)
		}
		g.Go(func() error { return l.run(ctx) })
	}
	return g.Wait()
}

// RecordID is an id with its 18 characters.
func (p *Provider) RecordID(text string) string { return longID(strings.TrimSpace(text)) }

// eventTopic is where a platform event is delivered. Topic names heed case.
func eventTopic(name string) string { return "/event/" + name }

// listening is a place in a topic: the id of the last event that is safe, when listening began, and up to when nothing was
// missed.
type listening struct {
	replay     []byte
	from, last time.Time
}

// String is how the ledger keeps it: base64 of the replay id, "@", and both times in milliseconds.
func (l listening) String() string {
	return fmt.Sprintf("%s@%d@%d", base64.StdEncoding.EncodeToString(l.replay), l.from.UnixMilli(), l.last.UnixMilli())
}

// parseListening reads a kept place; the zero one where it can't be read.
func parseListening(s string) listening {
	parts := strings.Split(s, "@")
	if len(parts) != 3 {
		return listening{}
	}
	replay, err := base64.StdEncoding.DecodeString(parts[0])
	from, errFrom := strconv.ParseInt(parts[1], 10, 64)
	last, errLast := strconv.ParseInt(parts[2], 10, 64)
	if errors.Join(err, errFrom, errLast) != nil {
		return listening{}
	}
	return listening{replay, time.UnixMilli(from), time.UnixMilli(last)}
}

// listener follows one platform event.
type listener struct {
	subscriber
	name string
	emit provider.EmitEvents

	at  listening
	gap time.Time // since when events may be missing, until that is safe
}

func (l *listener) cursor() provider.Cursor {
	return provider.Cursor{Name: l.name, Position: l.at.String()}
}

// now is the org's time, as far as it is known: at most a second or so too early, for it tells whole seconds.
func (l *listener) now() time.Time {
	return l.events.config.Clock().Add(time.Duration(l.events.client.skew.Load()) * time.Millisecond)
}

func (l *listener) run(ctx context.Context) error {
	l.lost = func() {
		if len(l.at.replay) > 0 {
			l.gap, l.at.replay = l.at.last, nil
		}
	}
	if l.at.from.IsZero() {
		now := l.now()
		l.at = listening{from: now, last: now}
		if err := l.emit(ctx, provider.EventBatch{Cursor: l.cursor()}); !l.goOn(ctx, &err) {
			return err
		}
		if err := l.follow(ctx, &eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_LATEST}); !l.goOn(ctx, &err) {
			return err
		}
	}
	return l.persist(ctx, func(ctx context.Context) error {
		if len(l.at.replay) > 0 {
			return l.follow(ctx, &eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_CUSTOM, ReplayId: l.at.replay})
		}
		return l.follow(ctx, &eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_EARLIEST})
	})
}

// follow opens one stream and works through what it brings, until it breaks.
func (l *listener) follow(ctx context.Context, from *eventbus.FetchRequest) error {
	return l.stream(ctx, from, func(ctx context.Context) error {
		if l.gap.IsZero() {
			return nil
		}
		l.log.Error("events may be lost: the org keeps them for three days, and we were away for longer", "since", l.gap)
		if err := l.emit(ctx, provider.EventBatch{Gap: l.gap, Cursor: l.cursor()}); err != nil {
			return err
		}
		l.gap = time.Time{}
		return nil
	}, l.take)
}

// take hands over what one answer holds, with the place behind it.
func (l *listener) take(ctx context.Context, response *eventbus.FetchResponse) error {
	next := l.at
	var events []provider.Event
	for _, consumed := range response.GetEvents() {
		e, err := l.decode(ctx, consumed)
		if err != nil {
			return err
		}
		next.replay = consumed.GetReplayId()
		if !e.At.Before(l.at.from) || e.At.Before(l.at.from.Add(-retention)) {
			events = append(events, e)
		}
	}
	if len(response.GetEvents()) == 0 && len(response.GetLatestReplayId()) > 0 {
		next.replay = response.GetLatestReplayId()
	}
	next.last = l.now()
	if err := l.emit(ctx, provider.EventBatch{Events: events, Cursor: provider.Cursor{Name: l.name, Position: next.String()}}); err != nil {
		return err
	}
	l.at = next
	return nil
}

// decode reads an event with the schema that it names itself. One that can't be read is an event with a problem; an error
// is of what can't be had now.
func (l *listener) decode(ctx context.Context, consumed *eventbus.ConsumerEvent) (provider.Event, error) {
	s, err := l.events.published(ctx, l.bus, consumed.GetEvent().GetSchemaId())
	e := provider.Event{Name: l.name, ID: eventID(consumed), At: l.now()}
	if err == nil {
		if e, err = s.decode(l.name, consumed); err == nil {
			return e, nil
		}
		e.At = l.now()
	}
	var known *provider.Error
	if errors.As(err, &known) {
		return e, err
	}
	l.log.Error("an event can't be read", "event", e.ID, "error", err)
	e.Problem = err.Error()
	return e, nil
}
