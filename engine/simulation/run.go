package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"accord/engine/ledger"
	"accord/engine/pipeline"
)

// Options say which run.
type Options struct {
	Seed    uint64
	Steps   int    // what users do, in all; 0 = as the seed says
	Skip    []int  // of these steps, numbered from 0, to leave out
	Without []Kind // kinds of trouble to leave out
	Dir     string // for the ledger's file
}

// Violation is one thing that must never be, and was.
type Violation struct {
	Oracle string
	Detail string
}

// Report says how a run went.
type Report struct {
	Options
	Mix        string // the kinds of trouble that it met, with their rates
	Hash       string // of everything that happened
	Trace      []string
	Violations []Violation
	Ends       map[string]int // what became of the changes that users made
	Faults     map[Kind]int   // how often each kind of trouble struck
	Crashes    map[string]int // of processes, by the kind of place: "ledger step", "vendor call"
	Calls      int            // of vendors, in the storm
	Settling   int            // of vendors, until both sides agreed in the quiet
	Edits      int            // by users
	Writes     int            // through the port
	Took       time.Duration  // of virtual time
}

// Run runs a simulation. It must be called within a bubble of testing/synctest. The error is of the simulation itself.
func Run(ctx context.Context, o Options) (*Report, error) {
	w := newWorld(o.Seed, o.Without, o.Dir)
	all := 25 + w.stream("steps").IntN(50)
	if o.Steps == 0 {
		o.Steps = all
	}
	defer w.late.Wait()
	w.found()
	if err := w.apply(ctx, false); err != nil {
		return nil, err
	}
	done, err := w.testify(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := w.storm(ctx, o, int(w.stream("replace").Float64()*float64(all))); err != nil {
		return nil, err
	}
	calls := w.total()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	r := &Report{
		Options: o, Mix: w.mix(), Hash: w.trace.hash(), Trace: w.trace.lines, Violations: w.complaint, Faults: w.struck, Ends: w.ends,
		Calls: calls, Settling: w.converged, Crashes: w.crashes, Took: time.Since(w.trace.start),
	}
	for _, c := range w.history {
		if c.user {
			r.Edits++
		} else {
			r.Writes++
		}
	}
	return r, nil
}

// storm is users at work, with all the trouble that the run meets.
func (w *world) storm(ctx context.Context, o Options, replace int) error {
	one := w.start(ctx, "one", 0)
	two := func() {}
	if w.met(Workers) {
		w.strike(Workers)
		two = w.start(ctx, "two", w.between("second worker", time.Millisecond, 30*time.Second))
	}
	var err error
	for w.step = range o.Steps {
		if w.met(Replace) && w.step == replace {
			w.strike(Replace)
			if err = w.apply(ctx, true); err != nil {
				break
			}
		}
		if slices.Contains(o.Skip, w.step) {
			continue
		}
		time.Sleep(w.between(w.who(), 50*time.Millisecond, 8*time.Second))
		if w.user().IntN(15) == 0 {
			time.Sleep(w.between(w.who(), 10*time.Second, 90*time.Second))
		}
		w.act()
	}
	time.Sleep(w.between("end", time.Millisecond, 20*time.Second))
	one() // and then the other: two that end at one moment would do so in no order
	two()
	w.quiet.Store(true)
	w.trace.add("the storm is over")
	w.late.Wait()
	return err
}

// start has a worker live, again and again, from a while on until it is stopped.
func (w *world) start(ctx context.Context, worker string, after time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		pause(ctx, after)
		w.keepAlive(ctx, worker)
	})
	return func() {
		cancel()
		ended.Wait()
	}
}

// settle is the quiet after the storm: no trouble, nothing that tells of changes, and nobody edits. What both sides
// show is swept up, and then they must agree.
func (w *world) settle(ctx context.Context) (err error) {
	w.show()
	time.Sleep(2 * time.Minute)
	p := w.process("quiet", "one")
	l, err := w.open(ctx, p.name, p.clock, p.gate)
	if err != nil {
		return err
	}
	p.audit(l)
	defer func() { err = errors.Join(err, p.auditor.Close(), l.Close()) }()
	before := w.total()
	if !w.once(ctx, p, l) {
		return nil
	}
	w.converged = w.total() - before
	w.bounded("converging", w.converged, w.allowance())
	if err := w.judge(ctx, l, false); err != nil {
		return err
	}
	before, written := w.total(), w.length()
	if !w.once(ctx, p, l) {
		return nil
	}
	w.bounded("a sweep at rest", w.total()-before, 2*len(objects)+4) // people are looked up anew
	w.still("a second sweep", written)
	return w.revive(ctx, p, l)
}

// revive retries what failed for good. Nothing fails any more, so all of it must come right, and once is enough.
func (w *world) revive(ctx context.Context, p *process, l *ledger.Ledger) error {
	letters, err := l.DeadLetters(ctx, ledger.Filter{})
	if err != nil {
		return err
	}
	for _, d := range letters {
		if err := l.RetryDeadLetter(ctx, d.ID); err != nil {
			return err
		}
	}
	w.trace.add("%d dead letters are retried", len(letters))
	if !w.once(ctx, p, l) {
		return nil
	}
	if err := w.judge(ctx, l, true); err != nil {
		return err
	}
	written := w.length()
	for _, d := range letters {
		if err := l.RetryDeadLetter(ctx, d.ID); !errors.Is(err, ledger.ErrClosed) {
			w.complain("replay", "dead letter %d can be retried twice: %v", d.ID, err)
		}
	}
	if !w.once(ctx, p, l) {
		return nil
	}
	w.still("retrying dead letters again", written)
	if err := w.winOnce(ctx, p, l); err != nil {
		return err
	}
	return w.drill(ctx, p, l)
}

// once has a process settle everything, and says whether it came to an end.
func (w *world) once(ctx context.Context, p *process, l *ledger.Ledger) bool {
	ctx, cancel := context.WithTimeout(ctx, 12*time.Hour)
	defer cancel()
	p.cancel = cancel
	time.Sleep(w.between("quiet", time.Second, 2*time.Second))
	w.trace.add("settling")
	if err := pipeline.New(w.connected(p, l)).Once(ctx); err != nil {
		w.complain("converges", "settling in the quiet: %v", err)
		return false
	}
	return true
}

func (w *world) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		n += c
	}
	return n
}

func (w *world) complain(oracle, format string, args ...any) {
	v := Violation{oracle, fmt.Sprintf(format, args...)}
	w.trace.add("VIOLATION %s: %s", v.Oracle, v.Detail)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.complaint) < 30 {
		w.complaint = append(w.complaint, v)
	}
}
