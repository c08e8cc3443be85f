package pubsub

import (
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

const (
	// maxCredit is how many events may be outstanding on a stream; more are not granted ("Pub/Sub API Allocations").
	maxCredit = 100
	// maxAnswer bounds the payload of one answer, in bytes, well under the 4 MB gRPC clients accept by default.
	maxAnswer = 3 << 20
)

// Subscribe delivers the events of one topic for as long as the stream lives.
func (v *service) Subscribe(stream eventbus.PubSub_SubscribeServer) error {
	s := v.server
	r, err := s.begin(stream.Context(), "Subscribe")
	if err != nil {
		return err
	}
	if !s.openStream() {
		return r.fail(codeClientLimit)
	}
	defer s.closeStream()
	request, err := stream.Recv()
	if err != nil {
		return r.received(err)
	}
	sub, err := r.subscription(request)
	if err != nil {
		return err
	}
	sub.stream = stream
	s.enter(sub)
	defer s.leave(sub)
	// The headers tell a client that its subscription stands before the first event comes.
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return r.received(err)
	}
	go sub.receive()
	return sub.deliver()
}

// received ends a call whose peer ended it: normally, or by breaking off.
func (r *rpc) received(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err //nolint:wrapcheck // a gRPC status already
}

// subscription checks the first request of a stream, which fixes topic and starting point.
func (r *rpc) subscription(request *eventbus.FetchRequest) (*subscription, error) {
	s := r.server
	if request.GetTopicName() == "" {
		return nil, r.fail(codeTopicEmpty)
	}
	if request.GetNumRequested() <= 0 {
		return nil, r.fail(codeFetchCount)
	}
	t, err := r.topic(request.GetTopicName())
	if err != nil {
		return nil, err
	}
	if !s.canSubscribe(r.user, t) {
		return nil, r.fail(codeCannotSubscribe, t.name)
	}
	sub := &subscription{
		rpc: r, topic: t, log: s.logOf(t), filters: map[string]*Filter{}, poke: make(chan struct{}, 1),
		dropped: make(chan struct{}), credit: min(maxCredit, int(request.GetNumRequested())), since: s.clock(),
	}
	if err := sub.start(request); err != nil {
		return nil, err
	}
	return sub, nil
}

// start places the cursor.
func (sub *subscription) start(request *eventbus.FetchRequest) error {
	s, r := sub.rpc.server, sub.rpc
	preset := request.GetReplayPreset()
	if preset == eventbus.ReplayPreset_CUSTOM {
		if len(request.GetReplayId()) == 0 {
			return r.fail(codeReplayMissing)
		}
		if s.faults.TakeStream(fault.StaleReplay, sub.topic.name) {
			return r.fail(codeReplayCorrupted)
		}
	}
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.log.purge(now)
	switch preset {
	case eventbus.ReplayPreset_LATEST:
		sub.cursor, sub.scanned = sub.log.edge(now)
	case eventbus.ReplayPreset_EARLIEST:
		sub.cursor = sub.log.base
		sub.scanned = sub.log.counter
		if len(sub.log.entries) > 0 {
			sub.scanned = sub.log.entries[0].counter - 1
		}
	case eventbus.ReplayPreset_CUSTOM:
		counter, ok := counterOf(request.GetReplayId())
		if ok {
			sub.cursor, ok = sub.log.after(counter)
		}
		if !ok {
			return r.fail(codeReplayCorrupted)
		}
		sub.scanned = counter
	default:
		return r.fail(codeFetchInvalid)
	}
	sub.offered = sub.scanned
	return nil
}

// subscription is one open Subscribe stream. Its reader adds credit; its deliverer uses it up.
type subscription struct {
	rpc     *rpc
	stream  eventbus.PubSub_SubscribeServer
	topic   topic
	log     *eventLog
	filters map[string]*Filter
	// poke wakes the deliverer after credit or failed changed; dropped is closed to break the stream.
	poke    chan struct{}
	dropped chan struct{}
	once    sync.Once

	mu     sync.Mutex
	credit int
	// since is when the subscriber last got something, or began to wait.
	since    time.Time
	finished bool  // the client sends no more requests
	failed   error // why the stream ends

	// The rest belongs to the deliverer.
	cursor uint64
	// scanned is the newest replay counter looked at, offered the newest whose events have all been sent.
	scanned, offered uint64
	queue            []queued
}

// queued is an event that waits for credit; last marks the final one of its replay id.
type queued struct {
	event   *eventbus.ConsumerEvent
	counter uint64
	last    bool
}

// receive reads further requests until the client stops. It ends when the call does.
func (sub *subscription) receive() {
	for {
		request, err := sub.stream.Recv()
		if err == nil {
			err = sub.grant(request)
		}
		if err != nil {
			sub.mu.Lock()
			if errors.Is(err, io.EOF) {
				sub.finished = true
			} else {
				sub.failed = err
			}
			sub.mu.Unlock()
		}
		select {
		case sub.poke <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// grant adds the credit of a further request. Replay values are ignored after the first one.
func (sub *subscription) grant(request *eventbus.FetchRequest) error {
	if name := request.GetTopicName(); name != "" && name != sub.topic.name {
		return sub.rpc.fail(codeFetchTopicMismatch)
	}
	if request.GetNumRequested() <= 0 {
		return sub.rpc.fail(codeFetchCount)
	}
	now := sub.rpc.server.clock()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.credit == 0 {
		sub.since = now
	}
	// Compared before added: the sum of two int32 values may not overflow.
	sub.credit += min(maxCredit-sub.credit, int(request.GetNumRequested()))
	return nil
}

// deliver sends events, and keep-alives where there are none, until the stream ends.
func (sub *subscription) deliver() error {
	s := sub.rpc.server
	for {
		sub.mu.Lock()
		credit, since, finished, failed := sub.credit, sub.since, sub.finished, sub.failed
		sub.mu.Unlock()
		if failed != nil {
			return failed
		}
		if credit == 0 {
			if finished {
				return nil
			}
			if err := sub.wait(nil, -1); err != nil {
				return err
			}
			continue
		}
		changed, hold, err := sub.fill(credit)
		if err != nil {
			return err
		}
		if len(sub.queue) > 0 {
			if err := sub.send(credit); err != nil {
				return err
			}
			continue
		}
		silent := s.options.KeepAlive - s.clock().Sub(since)
		if silent <= 0 {
			if err := sub.keepAlive(); err != nil {
				return err
			}
			continue
		}
		if hold > 0 {
			silent = min(silent, hold)
		}
		if err := sub.wait(changed, silent); err != nil {
			return err
		}
	}
}

// fill looks for events until there is one for each credit or the stream of events ends. changed is closed when there is
// more; hold is how long until the next event, if it is held back.
func (sub *subscription) fill(credit int) (changed <-chan struct{}, hold time.Duration, err error) {
	s := sub.rpc.server
	v := newView(s, sub.rpc.user, sub.topic, sub.filters)
	for len(sub.queue) < credit {
		if err := sub.stream.Context().Err(); err != nil {
			return nil, 0, sub.ended()
		}
		now := s.clock()
		s.mu.Lock()
		changed = sub.log.changed
		e, next, wait := sub.log.at(sub.cursor, now)
		s.mu.Unlock()
		if e == nil || wait > 0 {
			sub.cursor = next
			return changed, wait, nil
		}
		events, err := v.render(e.event, e.counter)
		if err != nil {
			s.logger.Error("an event cannot be delivered", "topic", sub.topic.name, "error", err)
			return nil, 0, sub.rpc.fail(codeSubscriptionInternal)
		}
		for i, one := range events {
			sub.queue = append(sub.queue, queued{one, e.counter, i == len(events)-1})
		}
		sub.cursor, sub.scanned = next, e.counter
	}
	return changed, 0, nil
}

// send delivers what credit, the allocation and the size of an answer allow of the queue.
func (sub *subscription) send(credit int) error {
	s := sub.rpc.server
	if s.faults.TakeStream(fault.Drop, sub.topic.name) {
		return sub.rpc.broken()
	}
	if s.faults.TakeStream(fault.DeliveryLimit, sub.topic.name) {
		return sub.rpc.fail(codeDeliveryLimit)
	}
	n, size := 0, 0
	for n < min(len(sub.queue), credit) {
		size += proto.Size(sub.queue[n].event)
		if n > 0 && size > maxAnswer {
			break
		}
		n++
	}
	if n = s.allow(sub.topic.name, n); n == 0 {
		return sub.rpc.fail(codeDeliveryLimit)
	}
	answer := &eventbus.FetchResponse{RpcId: sub.rpc.id}
	for _, q := range sub.queue[:n] {
		answer.Events = append(answer.Events, q.event)
		if q.last {
			sub.offered = q.counter
		}
	}
	sub.queue = sub.queue[n:]
	if len(sub.queue) == 0 {
		sub.queue = nil
		sub.offered = sub.scanned
	}
	answer.LatestReplayId = replayID(sub.offered)
	now := s.clock()
	sub.mu.Lock()
	sub.credit -= n
	answer.PendingNumRequested = int32(sub.credit) //nolint:gosec // at most 100
	sub.since = now
	sub.mu.Unlock()
	if err := sub.stream.Send(answer); err != nil {
		return sub.rpc.received(err)
	}
	return nil
}

// keepAlive sends an empty answer with a replay id that can be resumed from.
func (sub *subscription) keepAlive() error {
	s := sub.rpc.server
	now := s.clock()
	s.mu.Lock()
	if sub.cursor == sub.log.end() {
		sub.log.mark(s.step(), now)
		sub.cursor, sub.scanned = sub.log.end(), sub.log.counter
		sub.offered = sub.scanned
	}
	s.mu.Unlock()
	sub.mu.Lock()
	sub.since = now
	pending := sub.credit
	sub.mu.Unlock()
	s.count(func(c *Counters) { c.KeepAlives++ })
	err := sub.stream.Send(&eventbus.FetchResponse{
		LatestReplayId: replayID(sub.offered), RpcId: sub.rpc.id, PendingNumRequested: int32(pending), //nolint:gosec // at most 100
	})
	if err != nil {
		return sub.rpc.received(err)
	}
	return nil
}

// wait blocks until there is something to look at; a negative duration sets no timer.
func (sub *subscription) wait(changed <-chan struct{}, d time.Duration) error {
	var fired <-chan time.Time
	if d >= 0 {
		var stop func()
		fired, stop = sub.rpc.server.options.Clock.Timer(d)
		defer stop()
	}
	select {
	case <-changed:
	case <-fired:
	case <-sub.poke:
	case <-sub.dropped:
		return sub.rpc.broken()
	case <-sub.rpc.server.closed:
		return sub.rpc.fail(codeServiceUnavailable)
	case <-sub.stream.Context().Done():
		return sub.ended()
	}
	return nil
}

// ended is the answer to a client that is gone.
func (sub *subscription) ended() error { return sub.stream.Context().Err() }

// enter and leave keep the list of open subscriptions.
func (s *Server) enter(sub *subscription) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	s.counts.Subscriptions++
	s.open[sub] = true
}

func (s *Server) leave(sub *subscription) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	delete(s.open, sub)
}

// DropStreams breaks all open subscriptions of a topic, or all where topic is empty, as a lost connection
// does. It tells how many there were.
func (s *Server) DropStreams(topic string) int {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	n := 0
	for sub := range s.open {
		if topic == "" || sub.topic.name == topic {
			sub.once.Do(func() { close(sub.dropped); n++ })
		}
	}
	return n
}
