package pubsub

import (
	"maps"
	"time"
)

// allocationWindow is the time over which delivered events are summed up: a rolling day.
const allocationWindow = 24 * time.Hour

// Counters is what happened since the start or the last ResetCounters.
type Counters struct {
	// Calls counts calls by method (GetTopic, GetSchema, Subscribe, Publish, PublishStream, ManagedSubscribe).
	Calls map[string]int `json:"calls"`
	// Errors counts failed calls by error code without the common prefix; "connection" counts broken connections.
	Errors map[string]int `json:"errors"`
	// Subscriptions counts subscriptions that were accepted, ActiveStreams those that are open now.
	Subscriptions int `json:"subscriptions"`
	ActiveStreams int `json:"active_streams"`
	// EventsPublished counts events put into the streams, EventsDelivered those sent to subscribers,
	// Delivered the same by topic.
	EventsPublished int            `json:"events_published"`
	EventsDelivered int            `json:"events_delivered"`
	Delivered       map[string]int `json:"delivered"`
	// KeepAlives counts empty answers.
	KeepAlives int `json:"keep_alives"`
	// DeliveredLastDay is what counts against the delivery allocation now; ResetCounters leaves it.
	DeliveredLastDay int `json:"delivered_last_day"`
}

func newCounters() Counters {
	return Counters{Calls: map[string]int{}, Errors: map[string]int{}, Delivered: map[string]int{}}
}

// Counters tells what happened so far.
func (s *Server) Counters() Counters {
	now := s.clock()
	s.countMu.Lock()
	defer s.countMu.Unlock()
	out := s.counts
	out.Calls, out.Errors, out.Delivered = maps.Clone(out.Calls), maps.Clone(out.Errors), maps.Clone(out.Delivered)
	out.DeliveredLastDay = s.quota.used(now)
	return out
}

// ResetCounters starts counting anew. Open streams stay counted, and so does the delivery allocation.
func (s *Server) ResetCounters() {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	active := s.counts.ActiveStreams
	s.counts = newCounters()
	s.counts.ActiveStreams = active
}

func (s *Server) count(change func(*Counters)) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	change(&s.counts)
}

func (s *Server) countCall(method string) { s.count(func(c *Counters) { c.Calls[method]++ }) }

func (s *Server) countError(code string) { s.count(func(c *Counters) { c.Errors[code]++ }) }

func (s *Server) countPublished(n int) { s.count(func(c *Counters) { c.EventsPublished += n }) }

// openStream counts a stream in, unless there are too many; closeStream counts it out.
func (s *Server) openStream() bool {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	if s.options.StreamLimit > 0 && s.counts.ActiveStreams >= s.options.StreamLimit {
		return false
	}
	s.counts.ActiveStreams++
	return true
}

func (s *Server) closeStream() { s.count(func(c *Counters) { c.ActiveStreams-- }) }

// allow takes up to n deliveries from the allocation and tells how many there were.
func (s *Server) allow(topic string, n int) int {
	now := s.clock()
	s.countMu.Lock()
	defer s.countMu.Unlock()
	if limit := s.options.DeliveryLimit; limit > 0 {
		n = min(n, max(0, limit-s.quota.used(now)))
	}
	if n > 0 {
		s.quota.add(now, n)
		s.counts.EventsDelivered += n
		s.counts.Delivered[topic] += n
	}
	return n
}

// quota sums up deliveries over a rolling day, minute by minute.
type quota struct {
	minutes []struct {
		at time.Time
		n  int
	}
	total int
}

func (q *quota) add(now time.Time, n int) {
	minute := now.Truncate(time.Minute)
	if last := len(q.minutes) - 1; last >= 0 && q.minutes[last].at.Equal(minute) {
		q.minutes[last].n += n
	} else {
		q.minutes = append(q.minutes, struct {
			at time.Time
			n  int
		}{minute, n})
	}
	q.total += n
}

func (q *quota) used(now time.Time) int {
	for len(q.minutes) > 0 && now.Sub(q.minutes[0].at) >= allocationWindow {
		q.total -= q.minutes[0].n
		q.minutes = q.minutes[1:]
	}
	return q.total
}
