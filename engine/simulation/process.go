package simulation

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/auditor"
	"accord/engine/binding"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/record"
)

var (
	errDead    = &provider.Error{Kind: provider.Internal, Op: "call", Message: "the process is dead"}
	errCrashed = errors.New("the process is dead")
	errRunaway = errors.New("the process takes more steps than any run needs")
)

// The kinds of places where a process may die.
const (
	ledgerStep = "ledger step"
	vendorCall = "vendor call"
)

// maxSteps is far more than a run takes: a process that goes in circles ends there.
const maxSteps = 60_000

// process is one life of the process under test.
type process struct {
	w      *world
	name   string
	worker string // the same in every life
	ahead  time.Duration
	cancel context.CancelFunc

	mu      sync.Mutex
	dead    bool
	auditor *auditor.Auditor
	pending []showing
	frozen  time.Time // it stands still until then
}

// process begins a life.
func (w *world) process(name, worker string) *process {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/clock/%s", w.seed, name)
	return &process{w: w, name: name, worker: worker, ahead: time.Duration(h.Sum64() % uint64(time.Millisecond)), cancel: func() {}}
}

// showing is something that the engine was shown and has not stored yet.
type showing struct {
	place string
	upTo  int
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// between draws from a stream of this process alone: what its goroutines still draw at the moment of its death differs
// from run to run, and must not tell on the next one.
func (p *process) between(name string, from, to time.Duration) time.Duration {
	return p.w.between(p.name+"/"+name, from, to)
}

// moment is a short time that depends on what it is for and on the time of day alone: how often it was asked for before
// must not tell, as with what is asked once in every round of an idle loop.
func (p *process) moment(name string, most time.Duration) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%s/%d", p.w.seed, p.name, name, time.Now().UnixNano())
	return time.Microsecond + time.Duration(h.Sum64()%uint64(most))
}

// clock is the process's own: of all clocks of a run no two agree to the nanosecond, as no two ever do. What the ledger
// says is due at some millisecond wakes nobody's loop at the moment at which it wakes another's.
func (p *process) clock() time.Time { return time.Now().Add(p.ahead) }

// audit begins to write the log of calls, a moment after whatever else happens now.
func (p *process) audit(l *ledger.Ledger) {
	time.Sleep(p.between("audit", time.Microsecond, time.Millisecond))
	p.auditor = auditor.Start(l, hclog.NewNullLogger())
}

// observe tells the log of a call that writes.
func (p *process) observe(ctx context.Context, side record.Side, op string, rows int, begun time.Time, err error) {
	if p.isDead() {
		return
	}
	p.auditor.Observe(provider.Call{
		Connection: connections[side], Operation: op, Write: true, Rows: rows, Started: begun, Duration: time.Since(begun), Err: err,
		Cause: provider.CauseOf(ctx),
	})
}

// step is a moment at which the process may die.
func (p *process) step(place, what string, weight float64) error {
	if p.isDead() {
		return errDead // what its goroutines still ask for at the moment of its death must not tell on the next one
	}
	if place == vendorCall && !p.w.quiet.Load() && p.w.stream("hit/frozen/"+p.name).Float64() < p.w.rate[Frozen]*weight*0.1 {
		p.w.strike(Frozen)
		p.freeze()
	}
	p.thaw()
	if p.isDead() {
		return errDead
	}
	if !p.w.quiet.Load() && p.w.stream("hit/crash/"+p.name+"/"+what).Float64() < p.w.rate[Crash]*weight*0.08 {
		p.crash(place, what)
		return errDead
	}
	return nil
}

func (p *process) crash(place, at string) {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.w.trace.add("%s dies: %s", p.name, at)
	p.w.strike(Crash)
	p.w.mu.Lock()
	p.w.crashes[place]++
	p.w.mu.Unlock()
	p.cancel()
}

// freeze has the whole process stand still for a while.
func (p *process) freeze() {
	until := time.Now().Add(p.between("freeze", 20*time.Second, 200*time.Second))
	p.mu.Lock()
	p.frozen = until
	p.mu.Unlock()
	p.w.trace.add("%s stands still until %.6f", p.name, until.Sub(p.w.trace.start).Seconds())
}

// thaw waits until the process goes on. Its goroutines do so one after another.
func (p *process) thaw() {
	p.mu.Lock()
	until := p.frozen
	p.mu.Unlock()
	if left := time.Until(until); left > 0 {
		time.Sleep(left + p.between("thaw", time.Microsecond, time.Millisecond))
	}
}

// idle are how transactions begin of which most find nothing to do.
var idle = []string{"claim", "dispatch", "take ", "renew ", "release "}

// gate makes every transaction of the ledger a place to die at.
func (p *process) gate(s ledger.Step) error {
	switch {
	case s.Committed:
		p.w.fenced(p, s)
	case !s.Read:
		time.Sleep(p.moment("queue/"+s.What, 200*time.Microsecond)) // who comes at one moment is not taken in any order
	}
	p.thaw()
	if p.isDead() {
		return errCrashed
	}
	if s.Read {
		return nil
	}
	if p.w.transactions.Add(1) > maxSteps {
		return errRunaway
	}
	weight := 1.0
	if slices.ContainsFunc(idle, func(prefix string) bool { return strings.HasPrefix(s.What, prefix) }) {
		weight = 0.05 // most find nothing
	} else {
		p.w.trace.add("%s %s committed=%v", p.name, s.What, s.Committed)
	}
	if s.Committed && strings.HasPrefix(s.What, "capture") {
		p.stored()
	}
	if p.step(ledgerStep, fmt.Sprintf("at %q, committed=%v", s.What, s.Committed), weight) != nil {
		return errCrashed
	}
	return nil
}

// showing notes that records are about to be captured.
func (p *process) showing(side record.Side, table string, records []record.Record, upTo int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		p.pending = append(p.pending, showing{place(side, table, r.ID), upTo})
	}
}

// stored notes that they were.
func (p *process) stored() {
	p.mu.Lock()
	pending := p.pending
	p.pending = nil
	p.mu.Unlock()
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	for _, s := range pending {
		p.w.shown[s.place] = max(p.w.shown[s.place], s.upTo)
	}
}

// live runs one life: until it dies, or ctx ends. The error is one that no death explains.
func (p *process) live(ctx context.Context) (err error) {
	ctx, p.cancel = context.WithCancel(ctx)
	defer p.cancel()
	l, err := p.w.open(context.WithoutCancel(ctx), p.name, p.clock, p.gate)
	if err != nil {
		return err
	}
	defer func() {
		if e := l.Close(); e != nil && err == nil {
			err = e
		}
	}()
	p.audit(l)
	defer func() {
		if e := p.auditor.Close(); e != nil && err == nil && !p.isDead() {
			err = e
		}
	}()
	providers := binding.Providers{}
	for _, side := range record.Sides {
		providers[connections[side]] = &vendor{Fake: p.w.fake(side), p: p, side: side}
	}
	err = pipeline.New(p.w.config(l, p, providers)).Run(ctx)
	if p.isDead() || ctx.Err() != nil && !errors.Is(err, errRunaway) {
		return nil
	}
	return err
}

// keepAlive starts the process again whenever it ends, until ctx does.
func (w *world) keepAlive(ctx context.Context, worker string) {
	for n := 1; ctx.Err() == nil; n++ {
		p := w.process(fmt.Sprint(worker, n), worker)
		w.trace.add("%s starts", p.name)
		if err := p.live(ctx); err != nil {
			w.trace.add("%s stops: %v", p.name, err)
			w.complain("stays up", "the process stopped: %v", err)
			if errors.Is(err, errRunaway) {
				return
			}
		}
		pause(ctx, w.between("restart/"+worker, 500*time.Millisecond, 20*time.Second))
	}
}

// The record of what happened, for vendors.

func (w *world) count(op string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[op]++
}

func (w *world) length() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.history)
}

func (w *world) madeAt(side record.Side, table, id string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[place(side, table, id)]
}

// known remembers what the engine knew of the records of a batch when it was sent.
func (w *world) known(side record.Side, table string, patches []record.Patch) func(table, id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]int{}
	for _, p := range patches {
		at := place(side, table, p.ID)
		known[at] = w.shown[at]
	}
	return func(table, id string) int { return known[place(side, table, id)] }
}

func (w *world) confirm(entries []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range entries {
		w.history[i].confirmed = true
	}
}

func (w *world) belated(entries []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range entries {
		w.history[i].late = true
	}
}

func describe(b provider.Batch) string {
	var parts []string
	for _, p := range b.Patches {
		text := p.Op.String() + " " + p.ID
		if p.Key != "" {
			text += " key=" + p.Key
		}
		var names []string
		for n := range p.Fields {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			text += " " + n + "=" + p.Fields[n].String()
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
