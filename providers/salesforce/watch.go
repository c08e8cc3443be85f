package salesforce

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
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
		topic := topicOf(r.object)
		if byTopic[topic] == nil {
			topics = append(topics, topic)
			byTopic[topic] = &watcher{topic: topic, events: p.events, log: p.log.With("topic", topic),
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
	g, ctx := errgroup.WithContext(ctx)
	for _, topic := range topics {
		w := byTopic[topic]
		w.bus = eventbus.NewPubSubClient(conn)
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

// watcher follows one topic.
type watcher struct {
	topic   string
	events  *events
	bus     eventbus.PubSubClient
	records []*records // all objects bound to the topic's sObject
	hand    func(context.Context, []record.Change, provider.Cursor) error
	log     hclog.Logger

	at      position
	known   bool      // at comes from a cursor, or from this run
	alive   bool      // the last stream brought something
	refused time.Time // since when the topic is refused; zero = it is not
	renewed bool      // a token was renewed since a stream last brought something
}

// run opens streams one after the other, each where the last ended.
func (w *watcher) run(ctx context.Context) error {
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
	for failures := 0; ; failures++ {
		w.alive = false
		err := w.follow(ctx, len(w.at.replay) == 0)
		if w.alive {
			failures = 0
		}
		if !w.goOn(ctx, &err) {
			return err
		}
		first := w.events.pause
		pause := time.Duration(rand.Int64N(int64(first<<min(failures, 6)))) + first/20
		var e *provider.Error
		if errors.As(err, &e) {
			if pause = max(pause, e.RetryAfter); e.Kind == provider.Stale && failures == 0 {
				pause = 0 // what is wrong is our position, not the server
			}
		}
		w.log.Debug("subscribe again", "after", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// goOn says whether another stream is worth opening after an error; if not, the error is what Watch returns.
func (w *watcher) goOn(ctx context.Context, err *error) bool {
	if ctx.Err() != nil {
		*err = w.ended(ctx, *err)
		return false
	}
	var emitted *emitError
	if errors.As(*err, &emitted) {
		*err = emitted.err
		return false
	}
	e := asErrorOrNil(*err)
	if e == nil {
		return true
	}
	switch e.Kind {
	case provider.Stale:
		w.log.Warn("the event stream does not reach back to where we were", "code", e.Code)
		w.at.replay = nil
		return true
	case provider.Unauthorized:
		if w.renewed {
			return false
		}
		w.renewed = true
		s, getErr := w.events.client.sessions.get(ctx)
		if getErr == nil {
			_, getErr = w.events.client.sessions.renew(ctx, s)
		}
		if getErr != nil && !provider.KindOf(getErr).Retriable() {
			*err = getErr
			return false
		}
		return true
	case provider.NotFound, provider.Denied:
		now := w.events.config.Clock()
		if w.refused.IsZero() {
			w.refused = now
		}
		if now.Sub(w.refused) >= w.events.patience {
			return false
		}
		w.log.Warn("the topic is refused; what was just selected or granted takes some minutes", "code", e.Code, "message", e.Message)
		e.RetryAfter = max(e.RetryAfter, 15*time.Second)
		return true
	default:
		return e.Kind.Retriable() || e.Kind == provider.Unknown
	}
}

func (w *watcher) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *watcher) cursor() provider.Cursor {
	return provider.Cursor{Name: w.topic, Position: w.at.String()}
}

type received struct {
	response *eventbus.FetchResponse
	err      error
}

// follow opens one stream and works through what it brings, until it breaks. With catchUp the stream begins with what
// happens from now on, and what changed before is listed: once it is open, and again when its first answer proves that
// the server had taken it up, so that nothing falls between.
func (w *watcher) follow(ctx context.Context, catchUp bool) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	started := w.events.config.Clock()
	defer func() {
		cancel()
		w.events.observe("Subscribe "+w.topic, started, err)
	}()
	w.events.client.askDeliveries(ctx)
	authorized, err := w.events.authorize(ctx)
	if err != nil {
		return err
	}
	stream, err := w.bus.Subscribe(authorized)
	if err != nil {
		return w.events.failure("subscribe to "+w.topic, err, nil)
	}
	request := &eventbus.FetchRequest{TopicName: w.topic, NumRequested: credits, ReplayPreset: eventbus.ReplayPreset_LATEST}
	if len(w.at.replay) > 0 {
		request.ReplayPreset, request.ReplayId = eventbus.ReplayPreset_CUSTOM, w.at.replay
	}
	if err := stream.Send(request); err != nil {
		_, err = stream.Recv() // the reason is there
		return w.events.failure("subscribe to "+w.topic, err, stream.Trailer())
	}
	incoming := make(chan received)
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			response, err := stream.Recv()
			select {
			case incoming <- received{response, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	confirm := false
	if catchUp {
		if w.at.mark, err = w.sweep(ctx, w.at.mark); err != nil {
			return err
		}
		if err := w.hand(ctx, nil, w.cursor()); err != nil {
			return err
		}
		confirm = true
	}
	watchdog := time.NewTimer(silence)
	defer watchdog.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-watchdog.C:
			return &provider.Error{Kind: provider.Transient, Op: "follow " + w.topic, Message: "not even a sign of life came for " + silence.String()}
		case in := <-incoming:
			if in.err != nil {
				return w.events.failure("follow "+w.topic, in.err, stream.Trailer())
			}
			watchdog.Reset(silence)
			w.alive, w.renewed, w.refused = true, false, time.Time{}
			if confirm {
				if w.at.mark, err = w.sweep(ctx, w.at.mark); err != nil {
					return err
				}
				confirm = false
			}
			if err := w.take(ctx, in.response); err != nil {
				return err
			}
			if missing := credits - in.response.GetPendingNumRequested(); missing > credits/2 {
				// A broken stream is reported by the next receive, with its reason.
				_ = stream.Send(&eventbus.FetchRequest{TopicName: w.topic, NumRequested: missing})
			}
		}
	}
}

// take hands over what one answer holds, and then moves the cursor behind it.
func (w *watcher) take(ctx context.Context, response *eventbus.FetchResponse) error {
	w.events.client.limits.count(len(response.GetEvents()))
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
				changes = append(changes, r.changes(e, w.events.config.ClientName)...)
			}
		}
		next.mark = max(next.mark, e.commit)
		next.replay = consumed.GetReplayId()
	}
	if len(response.GetEvents()) == 0 && len(response.GetLatestReplayId()) > 0 {
		next.replay = response.GetLatestReplayId()
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

// decode reads an event with the schema it names itself, never with the newest.
func (w *watcher) decode(ctx context.Context, e *eventbus.ProducerEvent) (changeEvent, error) {
	s, err := w.events.schema(ctx, w.bus, e.GetSchemaId())
	if err != nil {
		return changeEvent{}, err
	}
	return s.decode(e.GetPayload())
}
