package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/policy"
	"accord/engine/provider"
	"accord/engine/record"
)

// Config is what a pipeline works with.
type Config struct {
	Ledger *ledger.Ledger
	// Connect opens the providers of a contract. It is called again when another contract comes into force.
	Connect func(ctx context.Context, c *contract.Contract) (binding.Providers, error)
	// Decode turns the source of the contract in force into the contract.
	Decode func(source []byte) (*contract.Contract, error)
	// Listen is told of the providers whenever they change, so that vendors' calls reach them; nil when nobody calls.
	Listen func(binding.Providers)
	Clock  func() time.Time
	Logger hclog.Logger
	// Worker names this process in leases. Any number of pipelines share a ledger, in one process or in several, each with a
	// name, a *ledger.Ledger and providers of its own: start each with New and Run, and they share the work by lanes
	// (lanes.go). Who comes under a name takes over at once what an earlier life under it held and shuts that out, so
	// that two that live at the same time must not share one.
	Worker string
	Run    string // id of the run that is noted with every write, so that it can be put back; "" = none
	// Audited brings every call that was made so far into the audit log. It is asked before the outcome of a write counts,
	// so that there is none without its entry; nil where nobody keeps that log.
	Audited  func(context.Context) error
	Progress func(Progress) // told after every round that did something; nil is fine
	Quiet    time.Duration  // without an event for so long, Once takes all events for read; 0 = 2 seconds
	Sweep    time.Duration  // how often both sides are asked what changed, however quiet the events; 0 = 5 minutes
	// VerifyEvery is how often Run compares both sides whole; 0 = daily, negative = never. Verify has Once do so.
	VerifyEvery time.Duration
	Verify      bool
}

// Progress is where a run stands with one object.
type Progress struct {
	Object    string
	Phase     string // "list", "match", "resolve", "deliver"
	Captured  int    // records seen, in this run
	Resolved  int
	Delivered int
	Pending   int // still to do
	Held      int
	Dead      int
}

// Pipeline runs the contract in force.
type Pipeline struct {
	cfg       Config
	serial    int64
	contract  *contract.Contract
	providers binding.Providers
	bindings  map[string][]provider.Binding // by connection
	objects   []*object
	groups    []*group
	lanes     *holder
	known     []ledger.Lane // that somebody held when this round began
	toFire    []string      // objects of which triggers' actions were due then
	left      bool          // the last round left to other workers something that is to be done
	directory *binding.Directory
	wake      chan struct{}
	progress  sync.Mutex // guards what objects report: a sweep runs beside the loop
	looking   sync.Mutex // guards look
	look      time.Time  // when unanswered writes are worth looking at again; zero = now
	loads     loads
	opened    atomic.Int64 // when vendors' streams were asked for, in milliseconds; 0 = nobody listens
	stalled   standstill
	patient   bool // refusals of vendors are waited out: objects stall, and nothing ends
	started   bool // a contract was taken up before, so that the credentials were good once
}

// object is one object at work.
type object struct {
	*binding.Object
	group    *group
	ledger   *ledger.Ledger // as it is open to whoever holds the object's lanes
	progress Progress
	listed   bool         // as a whole, since the last sweep
	halted   bool         // by its guard, until somebody resumes it
	unlisted bool         // it was halted, or stalled, before all of it was listed under this contract
	unbound  bool         // its structure could not be had when the contract was taken up
	round    policy.Round // what was done since the object was last quiet
	vanished vanished     // since then, too
	allowed  Halt         // what somebody approved after a halt
	sung     atomic.Int64 // when its canaries were last seen to be well, in milliseconds
	noted    burst        // of round and allowed, what other workers would go on with
	// gathering says that more of a backfill is about to be resolved: a load waits for it.
	gathering bool
	triggers  []*contract.Trigger
	watched   []string  // contract fields that they look at
	since     time.Time // when everything was listed for the first time under this scope; zero = not yet
}

// ErrNoContract says that nothing was applied yet.
var ErrNoContract = errors.New("no contract is in force: run `accord apply` first")

const (
	idlePoll     = 2 * time.Second        // how long an idle loop sleeps at most: others may write to the ledger too
	gather       = 150 * time.Millisecond // events are let gather this long, so that a burst costs few calls
	defaultSweep = 5 * time.Minute
	streamOpen   = 10 * time.Second // by when every vendor's stream of changes is surely open
)

// New makes a pipeline; it does nothing until Once or Run.
func New(cfg Config) *Pipeline {
	if cfg.Sweep == 0 {
		cfg.Sweep = defaultSweep
	}
	if cfg.VerifyEvery == 0 {
		cfg.VerifyEvery = defaultVerify
	}
	if cfg.Quiet == 0 {
		cfg.Quiet = eventQuiet
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Progress) {}
	}
	if cfg.Audited == nil {
		cfg.Audited = func(context.Context) error { return nil }
	}
	if cfg.Listen == nil {
		cfg.Listen = func(binding.Providers) {}
	}
	return &Pipeline{
		cfg: cfg, wake: make(chan struct{}, 1),
		lanes: &holder{ledger: cfg.Ledger, worker: cfg.Worker, clock: cfg.Clock, logger: cfg.Logger},
	}
}

// Once takes up what changed on both sides since last time, settles everything pending, and returns. What a vendor refuses
// holds its object and no other; the error is a *StalledError then.
func (p *Pipeline) Once(ctx context.Context) error {
	p.patient = true
	for {
		if err := p.once(ctx); !errors.Is(err, errNewContract) {
			return err
		}
	}
}

func (p *Pipeline) once(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	defer p.close()
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		p.endLoads()
		p.lanes.close(ctx)
	}()
	p.lanes.life = ctx
	if _, err := p.lanes.take(ctx, presence+p.cfg.Worker); err != nil {
		return err
	}
	if err := p.backfill(ctx); err != nil {
		return err
	}
	if err := p.sweep(ctx); err != nil {
		return err
	}
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	if p.cfg.Verify {
		if err := p.verifyOnce(ctx); err != nil {
			return err
		}
		return p.held(ctx)
	}
	if err := p.settleAll(ctx); err != nil {
		return err
	}
	return p.held(ctx)
}

// settleAll works until nothing is left that is due now or later, but for what vendors refuse.
func (p *Pipeline) settleAll(ctx context.Context) error {
	for {
		worked, err := p.round(ctx)
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		loading := p.loads.of(nil) // asked first: what a load that ends just now leaves to do is due
		due, waiting, err := p.due(ctx)
		if err != nil {
			return err
		}
		if again, ok := p.patience(); ok && (!waiting || again.Before(due)) {
			due, waiting = again, true
		}
		wait := idlePoll // for a load that is under way
		if p.left {
			wait = leftPoll
		} else if waiting {
			wait = due.Sub(p.cfg.Clock())
		} else if !loading {
			return p.loads.failed()
		}
		if err := p.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Run carries changes until ctx ends, and then returns nil after what is in flight has settled. What a vendor refuses
// stalls an object, or all of a connection, and never ends it, but for credentials that are no good to begin with.
func (p *Pipeline) Run(ctx context.Context) error {
	p.patient = true
	for {
		if err := p.connect(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !p.waitsFor(ctx, err) {
				return err
			}
			p.cfg.Logger.Warn("will try again", "doing", "connect", "in", idlePoll.String(), "error", err)
			_ = p.sleep(ctx, idlePoll) // it ends with ctx, and the next try tells
			continue
		}
		err := p.runContract(ctx)
		if err != nil && ctx.Err() == nil && errors.Is(p.replaced(ctx), errNewContract) {
			// What failed may be what the contract before still asked for, and the new one has taken away.
			p.cfg.Logger.Info("stopped under a contract that is no longer in force", "reason", err)
			err = errNewContract
		}
		p.close()
		switch {
		case errors.Is(err, errRebound):
			p.cfg.Logger.Info("take up the structure anew", "because", err)
		case errors.Is(err, errNewContract):
			p.cfg.Logger.Info("another contract came into force", "after_serial", p.serial)
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// connect takes up the contract in force, or leaves nothing open.
func (p *Pipeline) connect(ctx context.Context) error {
	err := p.load(ctx)
	if err != nil {
		p.close()
	}
	return err
}

var (
	errNewContract = errors.New("another contract came into force")
	errRebound     = fmt.Errorf("structure that could not be had is back: %w", errNewContract)
)

// runContract runs one contract until another comes into force or ctx ends.
func (p *Pipeline) runContract(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	p.lanes.life = ctx
	ready := make(chan struct{})
	g.Go(func() error { return p.role(ctx, presence+p.cfg.Worker, p.present) })
	g.Go(func() error { return p.watch(ctx) })
	g.Go(func() error {
		if !p.listens() {
			return p.listen(ctx, p.cfg.Ledger, func() {}) // only notes that nobody does
		}
		return p.role(ctx, listener, func(ctx context.Context, l *ledger.Ledger) error { return p.listen(ctx, l, func() {}) })
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		}
		return p.role(ctx, sweeper, p.sweeps)
	})
	if p.cfg.VerifyEvery > 0 {
		g.Go(func() error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-ready:
			}
			return p.role(ctx, verifier, p.verifications)
		})
	}
	g.Go(func() error {
		if err := p.backfill(ctx); err != nil {
			return err
		}
		close(ready)
		return p.loop(ctx)
	})
	err := g.Wait()
	p.endLoads()
	p.lanes.close(ctx)
	return err
}

// The lanes of what one worker does for all. Under presence and its name, each worker shows that it lives.
const (
	sweeper  = "sweep"
	verifier = "verify"
	listener = "events"
	watching = "watch/"
	firings  = "firings"
	presence = "worker/"
)

// sweeps sweeps at once, for what happened while nobody watched, and then every now and then. What a person does
// meanwhile does not wait for it: it only captures.
func (p *Pipeline) sweeps(ctx context.Context, _ *ledger.Ledger) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	// The second comes soon: a vendor's stream that begins with what is new may have begun after the first.
	for next := min(streamOpen, p.cfg.Sweep); ; next = p.cfg.Sweep {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := p.sweep(ctx); err != nil {
			return err
		}
		timer.Reset(next)
	}
}

// loop is the life of a running sync: rounds for as long as there is work, sleep until something calls.
func (p *Pipeline) loop(ctx context.Context) error {
	for {
		worked, err := p.round(ctx)
		if err != nil {
			return err
		}
		if err := p.replaced(ctx); err != nil {
			return err
		}
		if worked {
			continue
		}
		wait := idlePoll
		if due, waiting, err := p.due(ctx); err != nil {
			return err
		} else if p.left {
			wait = leftPoll
		} else if waiting {
			wait = min(wait, due.Sub(p.cfg.Clock()))
		}
		if err := p.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// round does what is due, once, for every object that no other worker is at. It reports whether it found any work.
func (p *Pipeline) round(ctx context.Context) (bool, error) {
	worked := false
	p.lookNow()
	p.left = false
	if err := p.lookAround(ctx); err != nil {
		return false, err
	}
	for _, g := range p.groups {
		did, err := p.visit(ctx, g)
		if err != nil {
			return worked, err
		}
		worked = worked || did
	}
	for _, step := range []func(context.Context) (bool, error){p.attend, p.fireOthers} {
		did, err := step(ctx)
		if err != nil {
			return worked, err
		}
		worked = worked || did
	}
	return worked, ctx.Err()
}

// turn is the way of a change through one object: what was sent and never answered, then what events pointed at, then
// what is pending, then what is intended. Its lanes must be held. An object that a vendor refuses stalls, and has no turn
// until it is to be tried again.
func (p *Pipeline) turn(ctx context.Context, o *object) (bool, error) {
	if err := p.loads.failed(); err != nil {
		return false, err
	}
	if err := p.review(ctx, o); err != nil {
		return false, err
	}
	if p.waits(o) {
		return false, nil
	}
	if stop, err := p.try(ctx, o); stop || err != nil {
		return false, err
	}
	if o.unlisted && !o.halted {
		return true, p.backfillObject(ctx, o)
	}
	worked := false
	for _, step := range []func(context.Context, *object) (bool, error){p.recover, p.refresh, p.resolve, p.deliver} {
		did, err := step(ctx, o)
		if err != nil {
			return worked, p.stall(ctx, o, err)
		}
		worked = worked || did
	}
	if worked || p.loads.of(o) {
		return worked, nil
	}
	return false, p.goesOn(ctx, o)
}

// passing says whether an error of a vendor should pass by itself.
func passing(err error) bool {
	kind := provider.KindOf(err)
	return kind.Retriable() || kind == provider.Unknown
}

// sleep waits until d has passed, something was captured, or ctx ended. After a wake-up it lets events gather.
func (p *Pipeline) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 10*time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	case <-p.wake:
	}
	pause := time.NewTimer(gather)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}

// due is when there will be something to do if nothing arrives before; ok is false when there is nothing.
func (p *Pipeline) due(ctx context.Context) (at time.Time, ok bool, err error) {
	at, ok, err = p.cfg.Ledger.NextDue(ctx, p.waiting()...)
	if err != nil {
		return at, ok, fmt.Errorf("ask the ledger what is due: %w", err)
	}
	if ok && slices.ContainsFunc(p.objects, func(o *object) bool { return o.halted }) {
		if ok, err = p.unhaltedWork(ctx); err != nil {
			return at, ok, err
		}
	}
	if look := p.lookAt(); !look.IsZero() && (!ok || look.Before(at)) {
		return look, true, nil
	}
	return at, ok, nil
}

// unhaltedWork says whether objects that are not halted have anything left to do.
func (p *Pipeline) unhaltedWork(ctx context.Context) (bool, error) {
	stats, err := p.cfg.Ledger.Stats(ctx)
	if err != nil {
		return false, fmt.Errorf("read the ledger's figures: %w", err)
	}
	fired, err := p.cfg.Ledger.TriggerStats(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(fired, func(t ledger.TriggerStats) bool { return t.Ready > 0 }) {
		return true, nil // what has happened has its actions, halted or not
	}
	for _, s := range stats {
		if o := p.object(s.Object); o == nil || o.halted || p.waits(o) {
			continue
		}
		if s.Pending > s.Waiting || s.Intents[0]+s.Intents[1] > 0 || s.Dirty[0]+s.Dirty[1] > 0 {
			return true, nil
		}
	}
	return false, nil
}

// stir wakes the loop.
func (p *Pipeline) stir() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Pipeline) close() {
	p.cfg.Listen(nil)
	for address, pr := range p.providers {
		if err := pr.Close(); err != nil {
			p.cfg.Logger.Warn("close connection", "connection", address, "error", err)
		}
	}
	p.providers = nil
}

// report tells how far an object is.
func (p *Pipeline) report(o *object, phase string, count func(*Progress)) {
	p.progress.Lock()
	defer p.progress.Unlock()
	o.progress.Phase = phase
	count(&o.progress)
	p.cfg.Progress(o.progress)
}

// side names a side of an object for logs: "monday.work".
func (o *object) side(s record.Side) string { return o.Ends[s].Connection.Address() }
