package salesforce

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/providers/salesforce/internal/eventbus"
)

// subscriber follows one topic of the Pub/Sub API, whatever its events are.
type subscriber struct {
	topic  string
	events *events
	bus    eventbus.PubSubClient
	log    hclog.Logger
	// lost is called when the server does not know any more where we were: the next stream can't begin there.
	lost func()
	// substitute tells for a while what changed where the events can't be had; nil where nothing else can.
	substitute func(ctx context.Context, reason *provider.Error, wait time.Duration) error

	alive   bool      // the last stream brought something
	refused time.Time // since when the topic is refused; zero = it is not
	renewed bool      // a token was renewed since a stream last brought something
	broken  time.Time // since when no stream brought anything; zero = one does
}

// persist opens streams one after the other, until ctx ends or nothing but help from outside can go on.
func (w *subscriber) persist(ctx context.Context, follow func(context.Context) error) error {
	for failures := 0; ; failures++ {
		w.alive = false
		err := follow(ctx)
		if w.alive {
			failures = 0
		}
		if w.alive || w.broken.IsZero() {
			w.broken = w.events.config.Clock()
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
		if w.unavailable(e) {
			wait := min(max(pause, w.events.again/10), w.events.again)
			if err := w.substitute(ctx, e, wait); err != nil {
				var emitted *emitError
				if errors.As(err, &emitted) {
					err = emitted.err
				}
				return w.ended(ctx, err) // neither way tells what changed
			}
			continue
		}
		w.log.Debug("subscribe again", "after", pause, "error", err)
		if sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// goOn says whether another stream is worth opening after an error; if not, the error is what Watch returns.
func (w *subscriber) goOn(ctx context.Context, err *error) bool {
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
		w.lost()
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
			return w.substitute != nil
		}
		w.log.Warn("the topic is refused; what was just selected or granted takes some minutes", "code", e.Code, "message", e.Message)
		e.RetryAfter = max(e.RetryAfter, 15*time.Second)
		return true
	default:
		return e.Kind.Retriable() || e.Kind == provider.Unknown
	}
}

func (w *subscriber) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type received struct {
	response *eventbus.FetchResponse
	err      error
}

// stream opens one stream at a place, calls opened, and then take for each answer, until it breaks or one of the two
// fails. From names the place alone.
func (w *subscriber) stream(ctx context.Context, from *eventbus.FetchRequest, opened func(context.Context) error,
	take func(context.Context, *eventbus.FetchResponse) error,
) (err error) {
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
	from.TopicName, from.NumRequested = w.topic, credits
	if err := stream.Send(from); err != nil {
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
	if err := opened(ctx); err != nil {
		return err
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
			w.events.client.limits.count(len(in.response.GetEvents()))
			if err := take(ctx, in.response); err != nil {
				return err
			}
			if missing := credits - in.response.GetPendingNumRequested(); missing > credits/2 {
				// A broken stream is reported by the next receive, with its reason.
				_ = stream.Send(&eventbus.FetchRequest{TopicName: w.topic, NumRequested: missing})
			}
		}
	}
}
