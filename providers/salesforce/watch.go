package salesforce

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/salesforce/internal/eventbus"
)

// The Pub/Sub API's numbers (Pub/Sub API guide, "Subscribe RPC Method").
const (
	credits     = 100 // events asked for at a time; the server keeps no more outstanding
	silence     = 5 * time.Minute
	maxEvents   = 128 << 20 // bytes in one answer: a hundred events of at most a megabyte
	parking     = 30 * time.Minute
	settling    = 10 * time.Minute // until a selection or a permission that was just given takes effect
	schemaLimit = 8 << 20
)

// Watch subscribes to the change events of every watched sObject, one stream for each, until ctx ends. It returns nil
// then, and an error when nothing but help from outside can go on.
func (p *Provider) Watch(ctx context.Context, bound []provider.Binding, cursors map[string]string, emit provider.Emit) error {
	byTopic := map[string]*watcher{}
	var topics []string
	var one sync.Mutex // batches are handed over one at a time
	now := p.refresh(ctx, bound)
	for _, b := range bound {
		if !b.Spec.Watched {
			continue
		}
		b.Resources = now(b.Resources)
		r, err := p.open(b)
		if err != nil {
			return err
		}
		topic := p.topicOf(r.object)
		if byTopic[topic] == nil {
			topics = append(topics, topic)
			byTopic[topic] = &watcher{subscriber: subscriber{topic: topic, events: p.events, log: p.log.With("topic", topic)}, enriched: p.channel() != "",
				hand: func(ctx context.Context, changes []record.Change, cursor provider.Cursor) error {
					one.Lock()
					defer one.Unlock()
					if err := emit(ctx, changes, cursor); err != nil {
						return &emitError{err}
					}
					return nil
				}}
			if at, ok := cursors[topic]; ok {
				byTopic[topic].at, byTopic[topic].known = parsePosition(at), true
			}
		}
		byTopic[topic].records = append(byTopic[topic].records, r)
	}
	if len(topics) == 0 {
		<-ctx.Done()
		return nil
	}
	conn, err := p.events.dial()
	if err != nil {
		return &provider.Error{Kind: provider.Invalid, Op: "open the Pub/Sub API at " + p.config.PubSubEndpoint, Err: err}
	}
	defer conn.Close()
	slices.Sort(topics)
	calls := 0
	for _, w := range byTopic {
		calls += pollCalls(w.records)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, topic := range topics {
		w := byTopic[topic]
		w.bus, w.pollCalls = eventbus.NewPubSubClient(conn), calls
		g.Go(func() error { return w.run(ctx) })
	}
	return g.Wait()
}

// refresh describes the bound sObjects anew, and returns what brings resources up to date: apply records a new field
// before it is granted, when it is still hidden, and such a field would never be seen in an event. What can't be
// described now is left as it was.
func (p *Provider) refresh(ctx context.Context, bound []provider.Binding) func([]resource.Resource) []resource.Resource {
	var want []resource.Resource
	asked, have := map[string]bool{}, map[string]resource.Resource{}
	for _, b := range bound {
		for _, r := range ofKinds(b.Resources, kindObject, kindField) {
			if b.Spec.Watched && !asked[r.Address] && placeOf(r.Address).first == b.Spec.Settings["sobject"] {
				asked[r.Address] = true
				want = append(want, r)
			}
		}
	}
	if err := p.describeObjects(ctx, want, have); err != nil {
		p.log.Warn("watch with what was described before", "error", err)
		have = nil
	}
	return func(resources []resource.Resource) []resource.Resource {
		list := slices.Clone(resources)
		for i, r := range list {
			if h, ok := have[r.Address]; ok {
				list[i] = h
			}
		}
		return list
	}
}

// emitError is an error of who receives the changes: it ends Watch, for nothing here can mend it.
type emitError struct{ err error }

func (e *emitError) Error() string { return "hand over changes: " + e.err.Error() }
func (e *emitError) Unwrap() error { return e.err }

// watcher follows the changes of one sObject, or of all of a channel.
type watcher struct {
	subscriber
	records  []*records // all objects bound to the topic's sObjects
	enriched bool       // events of several records come one for each, with one replay id
	last     []byte     // the replay id of the last event of an enriched channel: more of its parts may come
	hand     func(context.Context, []record.Change, provider.Cursor) error

	at    position
	known bool // at comes from a cursor, or from this run

	polling   bool      // in place of the stream
	pollCalls int       // that a poll of all topics costs
	swept     time.Time // when records were last listed
}

// run opens streams one after the other, each where the last ended.
func (w *watcher) run(ctx context.Context) error {
	w.lost, w.substitute = func() { w.at.replay = nil }, w.poll
	if !w.known {
		// From now on, and to be found again even if no event ever tells where now was.
		w.at, w.known = position{mark: record.VersionAt(w.events.config.Clock())}, true
		if err := w.hand(ctx, nil, w.cursor()); err != nil {
			return w.ended(ctx, err)
		}
		if err := w.follow(ctx, false); !w.goOn(ctx, &err) {
			return err
		}
	}
	return w.persist(ctx, func(ctx context.Context) error { return w.follow(ctx, len(w.at.replay) == 0) })
}

func (w *watcher) cursor() provider.Cursor {
	return provider.Cursor{Name: w.topic, Position: w.at.String()}
}

// follow opens one stream and works through what it brings, until it breaks. With catchUp the stream begins with what
// happens from now on, and what changed before is listed: once it is open, and again when its first answer proves that
// the server had taken it up, so that nothing falls between.
func (w *watcher) follow(ctx context.Context, catchUp bool) error {
	if err := w.scarce(ctx); err != nil {
		return err
	}
	w.last = nil
	from := &eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_LATEST}
	if len(w.at.replay) > 0 {
		from.ReplayPreset, from.ReplayId = eventbus.ReplayPreset_CUSTOM, w.at.replay
	}
	confirm := false
	return w.stream(ctx, from, func(ctx context.Context) (err error) {
		if !catchUp {
			return nil
		}
		if w.at.mark, err = w.sweep(ctx, w.at.mark); err != nil {
			return err
		}
		confirm = true
		return w.hand(ctx, nil, w.cursor())
	}, func(ctx context.Context, response *eventbus.FetchResponse) (err error) {
		if confirm {
			if w.at.mark, err = w.sweep(ctx, w.at.mark); err != nil {
				return err
			}
			confirm = false
		}
		w.streaming()
		if err := w.take(ctx, response); err != nil {
			return err
		}
		return w.scarce(ctx)
	})
}

// take hands over what one answer holds, and then moves the cursor behind it.
func (w *watcher) take(ctx context.Context, response *eventbus.FetchResponse) error {
	next := w.at
	var changes []record.Change
	for _, consumed := range response.GetEvents() {
		e, err := w.decode(ctx, consumed.GetEvent())
		var known *provider.Error
		if errors.As(err, &known) {
			return err // the schema can't be had now
		}
		if err != nil || wholeEntity(e) {
			if err != nil {
				w.log.Error("an event can't be read; the records that changed are listed instead", "error", err)
			} else {
				w.log.Warn("an event tells of more changes than it shows", "type", e.typ)
			}
			if err := w.hand(ctx, changes, provider.Cursor{}); err != nil {
				return err
			}
			changes = nil
			since := next.mark
			if err == nil && e.typ != "GAP_OVERFLOW" {
				since = 0 // a field's type changed: records did without being stamped
			}
			if _, err := w.sweep(ctx, since); err != nil {
				return err
			}
		} else {
			for _, r := range w.records {
				if r.concerns(e) {
					changes = append(changes, r.changes(e, w.events.config.ClientName)...)
				}
			}
		}
		next.mark = max(next.mark, e.commit)
		w.passed(&next, consumed.GetReplayId())
	}
	if len(response.GetEvents()) == 0 && len(response.GetLatestReplayId()) > 0 {
		next.replay, w.last = response.GetLatestReplayId(), nil
	}
	if len(changes) == 0 && next.String() == w.at.String() {
		return nil
	}
	cursor := provider.Cursor{Name: w.topic, Position: next.String()}
	if err := w.hand(ctx, changes, cursor); err != nil {
		return err
	}
	w.at = next
	return nil
}

// passed moves a position behind an event. On an enriched channel an event of several records comes in parts that share
// one replay id: one is behind us only when another id follows (Change Data Capture Developer Guide, "Enrich Change
// Events with Extra Fields").
func (w *watcher) passed(next *position, replay []byte) {
	switch {
	case !w.enriched:
		next.replay = replay
	case w.last != nil && !bytes.Equal(w.last, replay):
		next.replay = w.last
	}
	w.last = replay
}

// decode reads an event with the schema it names itself, never with the newest.
func (w *watcher) decode(ctx context.Context, e *eventbus.ProducerEvent) (changeEvent, error) {
	s, err := w.events.schema(ctx, w.bus, e.GetSchemaId())
	if err != nil {
		return changeEvent{}, err
	}
	event, err := s.decode(e.GetPayload())
	event.id = e.GetId()
	return event, err
}
