package salesforce

import (
	"context"
	"errors"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// How often records are polled for while their events can't be had. Polls may take a share of the API calls that are
// left, so that one who polls does not use up what writing needs.
const (
	pollFastest = 30 * time.Second
	pollUsually = time.Minute // while what is left is not known
	pollSlowest = 15 * time.Minute
	pollShare   = 0.1

	streamDown  = 2 * time.Minute // a stream that can't be opened for so long is polled for
	streamAgain = 5 * time.Minute // until a stream that was refused is tried again: trying is no API call
)

// unavailable says whether an error means that the events of a topic can't be had for a while, so that something else
// must tell what changed: the allowance of deliveries is used up, the topic stays refused, or the service is down.
func (w *subscriber) unavailable(e *provider.Error) bool {
	if e == nil || w.substitute == nil {
		return false
	}
	now := w.events.config.Clock()
	switch e.Kind {
	case provider.Exhausted:
		return true
	case provider.NotFound, provider.Denied:
		return !w.refused.IsZero() && now.Sub(w.refused) >= w.events.patience
	default:
		return !w.broken.IsZero() && now.Sub(w.broken) >= w.events.down
	}
}

// poll lists what changed, again and again, for a while, in place of the stream. The cursor moves along by time alone:
// the stream then begins anew, with what happens from then on, and what changed before is listed once more.
func (w *watcher) poll(ctx context.Context, reason *provider.Error, wait time.Duration) error {
	limits := w.events.client.limits
	if !w.polling {
		w.polling = true
		limits.setPolling(w.topic, true)
		w.log.Warn("records are polled for, because their events can't be had", "code", reason.Code, "message", reason.Message,
			"every", w.pollEvery().String())
	}
	clock := w.events.config.Clock
	for end := clock().Add(wait); ; {
		due := w.swept.Add(w.pollEvery())
		if w.swept.IsZero() {
			due = clock()
		}
		if now := clock(); due.After(end) {
			return sleep(ctx, end.Sub(now))
		} else if err := sleep(ctx, due.Sub(now)); err != nil {
			return err
		}
		mark, err := w.sweep(ctx, w.at.mark)
		var emitted *emitError
		if errors.As(err, &emitted) {
			return err
		}
		if e := asErrorOrNil(err); e != nil {
			// Neither way tells what changed. Other topics go on, and whoever lists the records meets the same refusal.
			w.log.Warn("a poll failed", "error", err)
			w.swept = clock().Add(min(e.RetryAfter, pollSlowest))
			continue
		}
		w.at = position{mark: mark}
		if err := w.hand(ctx, nil, w.cursor()); err != nil {
			return err
		}
	}
}

// streaming notes that the stream brings events again.
func (w *watcher) streaming() {
	if w.polling {
		w.polling = false
		w.events.client.limits.setPolling(w.topic, false)
		w.log.Info("events come again, and polling ends")
	}
}

// pollEvery is the time between two polls that what is left of the day's API calls allows.
func (w *watcher) pollEvery() time.Duration {
	if w.events.pollEvery > 0 {
		return w.events.pollEvery
	}
	left, over, known := w.events.client.limits.callsLeft()
	switch {
	case !known:
		return pollUsually
	case left <= 0:
		return pollSlowest
	}
	every := time.Duration(float64(over) * float64(w.pollCalls) / (float64(left) * pollShare))
	return min(max(every, pollFastest), pollSlowest)
}

// pollCalls is what one poll of some objects' records costs: an object with a scope is asked for twice.
func pollCalls(list []*records) int {
	n := 0
	for _, r := range list {
		n++
		if r.scope != "" {
			n++
		}
	}
	return n
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scarce is the error of a stream that we do not open, or end, although the org would still deliver: what is left of
// the day's deliveries is for the org's other subscribers.
func (w *watcher) scarce(ctx context.Context) error {
	limits := w.events.client.limits
	if !limits.scarce() {
		return nil
	}
	w.events.client.askDeliveries(ctx)
	if !limits.scarce() {
		return nil
	}
	return &provider.Error{Kind: provider.Exhausted, Op: "follow " + w.topic, Code: "deliveries.scarce",
		Message: "the org's event deliveries of the day are nearly used up", RetryAfter: w.events.again}
}

// setPolling notes whether a topic is polled for.
func (l *limits) setPolling(topic string, polling bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if polling {
		l.polling[topic] = true
	} else {
		delete(l.polling, topic)
	}
}

// scarce says whether less than a hundredth of the day's deliveries is left; it does so until a twentieth is.
func (l *limits) scarce() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.allowed <= 0 {
		return false
	}
	left := l.remaining - l.delivered
	if l.low {
		l.low = left <= l.allowed/20
	} else {
		l.low = left <= l.allowed/100
	}
	return l.low
}

// callsLeft is how many API calls we may still make, and for how long that must do. Known is false before an answer told.
func (l *limits) callsLeft() (left int64, over time.Duration, known bool) {
	for _, u := range l.governor.Usage() {
		if u.Name != dailyCalls || u.Limit <= 0 {
			continue
		}
		left = u.Remaining
		if u.Allowance > 0 {
			left = min(left, u.Allowance-u.Ours)
		}
		return left, max(u.Reset.Sub(l.clock()), time.Hour), true
	}
	return 0, 0, false
}

// sweepFrom is where a sweep begins: stamps are given before their transactions commit.
func sweepFrom(since record.Version) record.Version {
	return max(since-record.Version(overlap.Milliseconds()), 0)
}
