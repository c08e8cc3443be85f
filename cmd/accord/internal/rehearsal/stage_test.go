package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/storm"
	"accord/engine/apply"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/plan"
	"accord/engine/provider"
	"accord/providers/monday"
	"accord/providers/salesforce"
)

// hosts are where the emulators serve: monday, Salesforce, events, counters and faults. An address of numbers is not
// looked up before it is dialled.
var hosts = [4]string{"monday:80", "salesforce:80", "127.0.0.1:7443", "admin:80"}

const hookHost = "127.0.0.1:8787" // where accord answers monday

// bubble is the stage of one process in virtual time. A process of accord's is a pipeline of its own; it dies at a moment
// of the trouble's choosing: its ledger refuses, its connections break, and none of its goroutines does anything more.
type bubble struct {
	dir  string
	seed int64

	n     *network
	org   string
	e     *emulation.Emulation
	hook  http.Server
	calls atomic.Pointer[http.ServeMux] // who takes monday's calls now; nil: nobody

	mu     sync.Mutex
	lives  int
	sync   *life
	events hclog.Logger // told why processes end
}

var _ storm.Stage = (*bubble)(nil)

// life is one process of accord's.
type life struct {
	b      *bubble
	who    string
	ledger *ledger.Ledger
	cancel context.CancelFunc
	dead   atomic.Bool
	ended  chan struct{}
	err    error
}

var errDead = errors.New("the process is dead")

func (b *bubble) Open(_ context.Context, org string, ear *storm.Ear) error {
	b.org, b.n.ear = org, ear
	b.hook.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux := b.calls.Load()
		if mux == nil {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	})
	lis := b.n.listen(hookHost)
	go func() { _ = b.hook.Serve(lis) }() // ends with Close
	return b.serve()
}

func (b *bubble) serve() (err error) {
	b.e, err = emulation.Start(emulation.Options{
		DataDir: b.org, StateDir: b.dir, Seed: b.seed, Plan: "enterprise", Logger: hclog.NewNullLogger(),
		Listen:     func(i int) (net.Listener, error) { return b.n.listen(hosts[i]), nil },
		HTTPClient: b.n.client("vendor"),
	})
	return err
}

func (b *bubble) Vars() map[string]string {
	vars := map[string]string{}
	for _, v := range b.e.Env() {
		vars[v.Name] = v.Value
	}
	vars["MONDAY_URL"], vars["SF_URL"], vars["SF_PUBSUB"], vars["EMULATOR_ADMIN"] = "http://"+hosts[0]+"/v2", "http://"+hosts[1], hosts[2], "http://"+hosts[3]
	return vars
}

func (b *bubble) Client() *http.Client { return b.n.client("people") }

func (b *bubble) Hook() (url, listen string) {
	return "http://" + hookHost + "/hooks/monday", "127.0.0.1:1"
}

func (b *bubble) Freeze(context.Context) error { return b.e.Freeze() }

func (b *bubble) Revive(_ context.Context, pause time.Duration) error {
	b.n.cut(func(c *conn) bool { return c.name != hookHost })
	// What is saved once more is what was saved by the freeze.
	if err := b.e.Close(); err != nil {
		return err
	}
	time.Sleep(pause)
	return b.serve()
}

// begin opens the ledger for a process.
func (b *bubble) begin(ctx context.Context) (context.Context, *life, error) {
	b.mu.Lock()
	b.lives++
	l := &life{b: b, who: fmt.Sprintf("accord %d", b.lives), ended: make(chan struct{})}
	b.mu.Unlock()
	ctx, l.cancel = context.WithCancel(ctx)
	var err error
	l.ledger, err = ledger.Open(ctx, ledger.Config{
		URL: "sqlite:" + filepath.Join(b.dir, "ledger.db"), Clock: time.Now, Logger: hclog.NewNullLogger(),
		Gate: func(ledger.Step) error {
			if l.dead.Load() {
				return errDead
			}
			return nil
		},
	})
	return ctx, l, err
}

// die is what a kill does: from one moment on nothing more is written, sent or answered.
func (l *life) die() {
	l.dead.Store(true)
	l.b.n.kill(l.who)
	l.cancel()
	<-l.ended
}

// live runs something as a process.
func (l *life) live(do func() error) {
	l.err = do()
	l.cancel()
	l.err = errors.Join(l.err, l.ledger.Close())
	close(l.ended)
}

// within runs a command that is killed after so long.
func (b *bubble) within(ctx context.Context, patience time.Duration, do func(context.Context, *life) error) (int, error) {
	ctx, l, err := b.begin(ctx)
	if err != nil {
		return -1, err
	}
	go l.live(func() error { return do(ctx, l) })
	select {
	case <-l.ended:
		if l.err != nil {
			b.events.Info("a command failed", "error", l.err)
			return 1, nil
		}
		return 0, nil
	case <-time.After(patience):
		l.die()
		return -1, fmt.Errorf("it was not done within %s", patience)
	}
}

func (b *bubble) Apply(ctx context.Context, text string, patience time.Duration) (int, error) {
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "storm.accord.hcl", Content: []byte(text)}}, Variables: map[string]string{}})
	if diags.HasErrors() {
		return -1, diags
	}
	return b.within(ctx, patience, func(ctx context.Context, l *life) error {
		providers, err := l.connect(ctx, c)
		if err != nil {
			return err
		}
		defer closeAll(providers)
		if b.calls.Load() == nil { // else a sync answers monday's challenges
			b.listen(providers)
			defer b.listen(nil)
		}
		var before *contract.Contract
		if applied, err := l.ledger.InForce(ctx); err != nil {
			return err
		} else if applied != nil {
			if before, err = decode(applied.Source); err != nil {
				return err
			}
		}
		p, err := plan.Build(ctx, plan.Config{
			Contract: c, InForce: before, Ledger: l.ledger, Providers: providers, Data: plan.DataCounts, Clock: time.Now, Logger: hclog.NewNullLogger(),
		})
		if err != nil {
			return err
		}
		if p.Empty() && p.InForceDigest == p.ContractDigest {
			return nil
		}
		r, err := apply.Run(ctx, apply.Config{Plan: p, Contract: c, Ledger: l.ledger, Providers: providers, Actor: "rehearsal", Logger: hclog.NewNullLogger()})
		if err == nil && r.Incomplete() {
			err = fmt.Errorf("incomplete: %+v", r.Steps)
		}
		return err
	})
}

func decode(source []byte) (*contract.Contract, error) {
	var src contract.Source
	if err := json.Unmarshal(source, &src); err != nil {
		return nil, err
	}
	c, diags := contract.Parse(src)
	if diags.HasErrors() {
		return nil, diags
	}
	return c, nil
}

// connect opens the real providers, over the network in memory.
func (l *life) connect(context.Context, *contract.Contract) (binding.Providers, error) {
	b, vars := l.b, l.b.Vars()
	secret := func(name string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return vars[name], nil }
	}
	md, err := monday.New(monday.Config{
		Connection: "monday.work", URL: vars["MONDAY_URL"], Token: secret("MONDAY_TOKEN"), SigningSecret: secret("MONDAY_SIGNING_SECRET"),
		WebhookURL: "http://" + hookHost + "/hooks/monday", HTTPClient: b.n.client(l.who), Logger: hclog.NewNullLogger(), Clock: time.Now,
		Observe: func(provider.Call) {},
	})
	if err != nil {
		return nil, err
	}
	sf, err := salesforce.New(salesforce.Config{
		Connection: "salesforce.crm", URL: vars["SF_URL"], Flow: "client_credentials", ClientID: vars["SF_CLIENT_ID"], ClientSecret: secret("SF_CLIENT_SECRET"),
		ClientName: "accord", PubSubEndpoint: vars["SF_PUBSUB"], PubSubInsecure: true, HTTPClient: b.n.client(l.who), Logger: hclog.NewNullLogger(), Clock: time.Now,
		Observe:    func(provider.Call) {},
		DialPubSub: func(ctx context.Context, address string) (net.Conn, error) { return b.n.dial(ctx, l.who, address) },
	})
	if err != nil {
		return nil, errors.Join(err, md.Close())
	}
	return binding.Providers{"monday.work": md, "salesforce.crm": sf}, nil
}

func closeAll(providers binding.Providers) {
	for _, p := range providers {
		_ = p.Close() // nothing is in flight
	}
}

// listen has monday's calls reach providers; nil takes none.
func (b *bubble) listen(providers binding.Providers) {
	if providers == nil {
		b.calls.Store(nil)
		return
	}
	mux := http.NewServeMux()
	for _, p := range providers {
		if receiver, ok := p.(provider.Receiver); ok && receiver.Path() != "" {
			mux.Handle(receiver.Path(), receiver.Handler())
		}
	}
	b.calls.Store(mux)
}

func (l *life) config(sweep time.Duration) pipeline.Config {
	return pipeline.Config{
		Ledger: l.ledger, Connect: l.connect, Decode: decode, Clock: time.Now, Logger: hclog.NewNullLogger(), Worker: l.who, Sweep: sweep,
		Listen: func(p binding.Providers) {
			if !l.dead.Load() || p == nil {
				l.b.listen(p)
			}
		},
	}
}

func (b *bubble) Once(ctx context.Context, patience time.Duration) (int, error) {
	return b.within(ctx, patience, func(ctx context.Context, l *life) error { return pipeline.New(l.config(time.Minute)).Once(ctx) })
}

func (b *bubble) Contested(ctx context.Context) (contests []storm.Contest, err error) {
	_, err = b.within(ctx, time.Minute, func(ctx context.Context, l *life) error {
		list, err := l.ledger.Conflicts(ctx, ledger.Filter{})
		for _, c := range list {
			contests = append(contests, storm.Contest{ID: fmt.Sprint(c.ID), Object: c.Object, Reason: c.Reason, Detail: c.Detail, Remedy: c.Remedy})
		}
		return err
	})
	return contests, err
}

func (b *bubble) Decide(ctx context.Context, id, keep string) error {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return err
	}
	_, err = b.within(ctx, time.Minute, func(ctx context.Context, l *life) error {
		if keep != "" {
			return l.ledger.KeepRecord(ctx, number, keep)
		}
		return l.ledger.ResolveConflict(ctx, number)
	})
	return err
}

// Workers is one: the ledger is a file.
func (b *bubble) Workers() int { return 1 }

func (b *bubble) Start(int) error {
	ctx, l, err := b.begin(context.Background())
	if err != nil {
		return err
	}
	b.sync = l
	go l.live(func() error { return pipeline.New(l.config(10 * time.Second)).Run(ctx) })
	return nil
}

func (b *bubble) Kill(int) {
	if b.sync != nil {
		b.listen(nil)
		b.sync.die()
	}
}

func (b *bubble) Stop(_ int, patience time.Duration) error {
	b.sync.cancel()
	select {
	case <-b.sync.ended:
		return nil
	case <-time.After(patience):
		b.Kill(0)
		return fmt.Errorf("the sync did not stop within %s of being asked to", patience)
	}
}

func (b *bubble) Ended(int) (int, bool) {
	select {
	case <-b.sync.ended:
		b.events.Info("the sync ended", "error", b.sync.err)
		return 1, true
	default:
		return 0, false
	}
}

func (b *bubble) Cut(streamOnly bool) {
	b.n.cut(func(c *conn) bool { return c.who != "people" && (!streamOnly || c.name == hosts[2]) })
}

func (b *bubble) Close() error {
	b.Kill(0)
	err := b.hook.Close()
	if b.e != nil {
		err = errors.Join(err, b.e.Close())
	}
	b.n.cut(func(*conn) bool { return true })
	return err
}
