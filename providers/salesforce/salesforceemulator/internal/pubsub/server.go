package pubsub

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/clock"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

// Options say what a Server is made of. Only Schema is required.
type Options struct {
	// Schema is the org.
	Schema changefeed.Schema
	// Clock is the emulated time, for timers too; nil is the wall's.
	Clock *clock.Clock
	// Faults is the script of what goes wrong; nil is one of its own, which stays empty.
	Faults *fault.Script
	// Calling, where it is not nil, is told of each call ("pubsub/Subscribe") before it is looked at.
	Calling func(operation string)
	// Expire, where it is not nil, ends the session of an access token.
	Expire func(token string)
	// Seed decides replay ids, their gaps, and all UUIDs.
	Seed int64
	// Logger is where oddities go; nil discards them.
	Logger hclog.Logger
	// KeepAlive is how long a subscription with credit may stay silent; 0 means 260 seconds, which is within the
	// 270 seconds the vendor promises.
	KeepAlive time.Duration
	// DeliveryLimit is how many events may be delivered in 24 hours to all subscribers together; 0 means no limit.
	// The vendor's allocations are 50,000 (Unlimited, Performance), 25,000 (Enterprise) and 10,000 (Developer).
	DeliveryLimit int
	// StreamLimit is how many streams may be open at once; 0 means no limit.
	StreamLimit int
	// OverflowAfter is how many changes of one transaction make events of their own; 0 means the vendor's 100,000.
	OverflowAfter int
}

// Server is the event side of the org. Its methods may be called from any goroutine.
type Server struct {
	options  Options
	schema   changefeed.Schema
	clock    func() time.Time
	logger   hclog.Logger
	failures map[string]failure
	schemas  *schemaRegistry

	closed    chan struct{}
	closeOnce sync.Once

	// mu guards the logs and the random source. It is never held while the org is asked anything: the store
	// calls Commit while it holds its own lock.
	mu      sync.Mutex
	source  *rand.PCG
	random  *rand.Rand
	changes *eventLog
	events  *eventLog

	faults *fault.Script

	countMu sync.Mutex
	counts  Counters
	quota   quota
	open    map[*subscription]bool
}

// defaultKeepAlive is a little less than the 270 seconds within which the vendor sends an empty answer.
const defaultKeepAlive = 260 * time.Second

// New makes a Server. It starts nothing: streams live on the goroutines gRPC gives them.
func New(options Options) *Server {
	if options.Clock == nil {
		options.Clock = clock.New(nil, 1)
	}
	if options.Faults == nil {
		options.Faults = new(fault.Script)
	}
	if options.Logger == nil {
		options.Logger = hclog.NewNullLogger()
	}
	if options.KeepAlive <= 0 {
		options.KeepAlive = defaultKeepAlive
	}
	s := &Server{
		options: options, schema: options.Schema, clock: options.Clock.Now, faults: options.Faults, logger: options.Logger, failures: failures(),
		closed: make(chan struct{}), source: rand.NewPCG(uint64(options.Seed), 0x9e3779b97f4a7c15), //nolint:gosec // a seed has no sign
		counts: newCounters(), open: map[*subscription]bool{},
	}
	s.random = rand.New(s.source) //nolint:gosec // reproducible, not secret
	s.schemas = newSchemaRegistry(func(object string, err error) {
		s.logger.Error("an object has no usable event schema", "object", object, "error", err)
	})
	now := s.clock()
	s.changes = newEventLog(1_000_000+s.random.Uint64N(1_000_000), now)
	s.events = newEventLog(1_000_000+s.random.Uint64N(1_000_000), now)
	return s
}

// maxRequest is the largest request the vendor takes, in bytes.
const maxRequest = 4 << 20

// Register adds the service to a gRPC server, which should have been made with ServerOptions.
func (s *Server) Register(server *grpc.Server) {
	eventbus.RegisterPubSubServer(server, &service{server: s})
}

// ServerOptions are what a gRPC server needs to behave as the vendor's does: messages up to 4 MB, and tolerance for clients that
// ping their connection every few seconds to keep it alive, which gRPC for Go would otherwise punish by closing it.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// SetLimits changes Options.DeliveryLimit and Options.StreamLimit from now on; 0 means no limit. What was delivered in the
// last 24 hours counts against the new limit.
func (s *Server) SetLimits(deliveries, streams int) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	s.options.DeliveryLimit, s.options.StreamLimit = deliveries, streams
}

// Close ends all streams; later calls answer that the service is unavailable. It never fails.
func (s *Server) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	return nil
}

// Reset resets both streams of events, as when an org moves to another instance: what was there cannot be
// replayed any more, and every replay id given out so far is unknown.
func (s *Server) Reset() {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range []*eventLog{s.changes, s.events} {
		l.reset(1_000_000+s.random.Uint64N(1_000_000), now)
	}
}

// append puts events into a log in order. Faults of single events apply here.
func (s *Server) append(l *eventLog, events []*event) {
	type addition struct {
		event *event
		delay time.Duration
	}
	var additions []addition
	for _, e := range events {
		if _, lost := s.faults.TakeEvent(fault.Lose, e.object); lost {
			continue
		}
		held, _ := s.faults.TakeEvent(fault.Hold, e.object)
		additions = append(additions, addition{e, held.Delay})
		if _, twice := s.faults.TakeEvent(fault.Duplicate, e.object); twice {
			additions = append(additions, addition{e, 0})
		}
	}
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	l.purge(now)
	for _, add := range additions {
		if add.event.id == "" {
			add.event.id = s.uuid()
		}
		l.append(add.event, s.step(), now, now.Add(add.delay))
	}
	s.countPublished(len(additions))
}

// step is how far the replay counter moves from one event to the next: mostly by one, but nobody may rely on it.
func (s *Server) step() uint64 {
	if s.random.IntN(4) == 0 {
		return 2 + s.random.Uint64N(5)
	}
	return 1
}

func (s *Server) newUUID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uuid()
}

// uuid makes a version 4 UUID from the seeded source; mu is held.
func (s *Server) uuid() string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(s.random.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	digits := hex.EncodeToString(b)
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// logOf is the stream a topic reads from.
func (s *Server) logOf(t topic) *eventLog {
	if t.events {
		return s.events
	}
	return s.changes
}

// carries tells whether an event belongs on a topic.
func (t topic) carries(e *event) bool {
	if t.object != "" {
		return e.object == t.object
	}
	return slices.Contains(e.channels, t.channel)
}
