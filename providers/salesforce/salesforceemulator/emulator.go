package salesforceemulator

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"net"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"accord/providers/salesforce/salesforceemulator/internal/clock"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
	"accord/providers/salesforce/salesforceemulator/internal/load"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/pubsub"
)

// Options say what kind of org is emulated. The zero value is an empty org on the wall clock without limits.
type Options struct {
	// Clock is what the emulated time follows; nil means time.Now. Admin calls may move the emulated time forward.
	Clock func() time.Time
	// Pace is how many times as fast as Clock the emulated time goes; zero is as fast. It drives everything that ages or waits.
	Pace float64
	// Seed decides ids, tokens and everything else that is made up.
	Seed   int64
	Logger hclog.Logger
	// ClientID and ClientSecret are the app that may use the client credentials flow, and whose id the web flow takes.
	ClientID, ClientSecret string
	// AccessToken is a token that never expires.
	AccessToken string
	// JWTKeys are the certificates of apps for the JWT bearer flow, by consumer key.
	JWTKeys map[string]*rsa.PublicKey
	// Username of the integration user; empty is integration@acme.example.
	Username string
	// LeastPrivileged starts the integration user with no access to any record.
	LeastPrivileged bool
	// DataDir is what to load at the start; empty is nothing. See internal/load for what is understood.
	DataDir string
	// Mapping overrides how CSV files are recognised: the JSON of a mapping.json.
	Mapping []byte
	// Limits say what is enforced.
	Limits Limits
	// WriteLatency is how long a save takes, of emulated time, after it is committed: until then its answer waits and the rows it
	// wrote and their parents are locked, so that other saves that need them fail with UNABLE_TO_LOCK_ROW. (The vendor lets
	// them wait ten seconds first.) Zero is no time at all.
	WriteLatency time.Duration
	// JobTime is how long a Bulk job takes, of emulated time; with zero its states pass as they are asked for.
	JobTime time.Duration
	// SessionLifetime is how long a session lives after its last use; zero is two hours.
	SessionLifetime time.Duration
	// StateFile is where the org is kept across restarts; empty is nowhere.
	StateFile string
	// Name of the organization.
	Name string
}

// Loaded is what was loaded at the start.
type Loaded = load.Report

// User is a person of the org.
type User struct {
	ID, Username, Name, Email, TimeZone, Profile string
	Active                                       bool
}

// Emulator is one org. It is safe for concurrent use.
type Emulator struct {
	opts   Options
	log    hclog.Logger
	clock  *clock.Clock
	events *pubsub.Server
	loaded Loaded

	mu   sync.RWMutex // guards what follows; Reset replaces org and auth
	org  *org.Org
	auth *authServer
	// servers are what ServeGRPC serves.
	servers []*grpc.Server
	closed  bool

	counts   counters
	requests atomic.Uint64
	faults   fault.Script
	limits   limiter
	locators locatorStore
	bulk     bulkStore
}

// New makes an org, and loads DataDir or, where there is one, StateFile.
func New(opts Options) (*Emulator, error) {
	if opts.Logger == nil {
		opts.Logger = hclog.NewNullLogger()
	}
	if opts.Username == "" {
		opts.Username = "integration@acme.example"
	}
	if opts.SessionLifetime == 0 {
		opts.SessionLifetime = 2 * time.Hour
	}
	opts.JWTKeys = maps.Clone(opts.JWTKeys)
	e := &Emulator{opts: opts, log: opts.Logger, clock: clock.New(opts.Clock, opts.Pace)}
	e.locators.clock, e.bulk.e, e.limits.clock = e.clock.Now, e, e.clock.Now
	e.limits.set(opts.Limits)
	if err := e.start(); err != nil {
		return nil, err
	}
	return e, nil
}

// start makes a fresh org and what hangs on it.
func (e *Emulator) start() error {
	o, err := org.New(org.Options{Clock: e.clock.Now, Seed: e.opts.Seed, Username: e.opts.Username, LeastPrivileged: e.opts.LeastPrivileged, Name: e.opts.Name})
	if err != nil {
		return fmt.Errorf("starting the Salesforce emulator: %w", err)
	}
	saved, err := openState(e.opts.StateFile)
	if err != nil {
		return fmt.Errorf("starting the Salesforce emulator: %w", err)
	}
	if saved != nil {
		defer func() { _ = saved.file.Close() }() // it is only read
	}
	var report Loaded
	if saved == nil && e.opts.DataDir != "" {
		report, err = load.Dir(o, e.opts.DataDir, load.Options{Mapping: e.opts.Mapping})
		if err != nil {
			return fmt.Errorf("starting the Salesforce emulator: %w", err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events == nil {
		e.events = pubsub.New(pubsub.Options{Schema: &currentSchema{e: e}, Clock: e.clock, Seed: e.opts.Seed, Logger: e.log.Named("pubsub"), DeliveryLimit: e.limits.deliveries(),
			Faults: &e.faults, Calling: e.othersChange, Expire: func(token string) { _, a := e.core(); a.expireForNow(token) }})
	} else {
		e.events.Reset()
	}
	auth := newAuthServer(e, o)
	if saved != nil {
		if err := e.restore(saved, o, auth); err != nil {
			return fmt.Errorf("starting the Salesforce emulator: %w", err)
		}
		auth.welcome(o)
	}
	o.SetAuth(auth.eventToken)
	o.SetAdmission(func() bool { return e.limits.take(eventsSent, 1) })
	o.SetSink(e.events)
	e.org, e.auth, e.loaded = o, auth, report
	return nil
}

func (e *Emulator) core() (*org.Org, *authServer) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.org, e.auth
}

// Loaded is what was loaded at the start: records by object, and warnings.
func (e *Emulator) Loaded() Loaded {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.loaded
}

// RegisterPubSub adds the Pub/Sub API to a gRPC server.
func (e *Emulator) RegisterPubSub(s *grpc.Server) { e.events.Register(s) }

// ServeGRPC serves the Pub/Sub API, without TLS, until the listener is closed or Close is called.
func (e *Emulator) ServeGRPC(lis net.Listener) error {
	s := grpc.NewServer(pubsub.ServerOptions()...)
	e.events.Register(s)
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return lis.Close()
	}
	e.servers = append(e.servers, s)
	e.mu.Unlock()
	if err := s.Serve(lis); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving the Pub/Sub API: %w", err)
	}
	return nil
}

// Events is the event side: its streams and counters.
func (e *Emulator) Events() *pubsub.Server { return e.events }

// Close saves the state, where there is a state file, and ends event streams and what ServeGRPC serves.
func (e *Emulator) Close() error {
	err := errors.Join(e.Save(), e.events.Close())
	e.mu.Lock()
	servers := e.servers
	e.servers, e.closed = nil, true
	e.mu.Unlock()
	for _, s := range servers {
		s.Stop()
	}
	return err
}

// OrgID is the 18-character id of the org.
func (e *Emulator) OrgID() string {
	o, _ := e.core()
	return o.OrgID()
}

// Users lists the people of the org by username.
func (e *Emulator) Users() []User {
	o, _ := e.core()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	res, err := tx.Query("SELECT Id, Username, Name, Email, TimeZoneSidKey, Profile.Name, IsActive FROM User", "", org.QueryOptions{})
	if err != nil {
		return nil // the fields are built in
	}
	var out []User
	for _, r := range res.Page(tx, 0, res.Len()) {
		text := func(k string) string { s, _ := r.Get(k).(string); return s }
		out = append(out, User{ID: text("Id"), Username: text("Username"), Name: text("Name"), Email: text("Email"), TimeZone: text("TimeZoneSidKey"), Active: r.Get("IsActive") == true})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Username < out[j].Username })
	return out
}

// FindUser finds a user by username, e-mail or full name.
func (e *Emulator) FindUser(name string) (User, bool) {
	for _, u := range e.Users() {
		if strings.EqualFold(u.Username, name) || strings.EqualFold(u.Email, name) || strings.EqualFold(u.Name, name) {
			return u, true
		}
	}
	return User{}, false
}
