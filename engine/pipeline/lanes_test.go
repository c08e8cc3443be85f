package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

var errKilled = errors.New("killed")

// worker is one process of several on a world's ledger.
type worker struct {
	w    *world
	name string
	stop context.CancelFunc
	end  chan error

	mu     sync.Mutex
	gate   func(ledger.Step) error // asked at every step of the ledger; nil lets all pass
	frozen chan struct{}           // closed when it thaws; nil while it runs
	killed bool
	steps  []string
	writes int // calls that reached a vendor
	decks  []string
}

// start runs a worker until it is stopped, killed, or the test ends.
func (w *world) start(name string, gate func(ledger.Step) error) *worker {
	w.t.Helper()
	k := &worker{w: w, name: name, gate: gate, end: make(chan error, 1)}
	l, err := ledger.Open(w.t.Context(), ledger.Config{URL: "sqlite:" + w.path, Clock: w.now, Logger: hclog.NewNullLogger(), Gate: k.step})
	if err != nil {
		w.t.Fatal(err)
	}
	var ctx context.Context
	ctx, k.stop = context.WithCancel(w.t.Context())
	providers := binding.Providers{}
	for address, p := range w.providers {
		fake := p.(*providertest.Fake)
		providers[address] = &remote{worker: k, Fake: &providertest.Fake{
			System: fake.System, Connection: fake.Connection, Table: fake.Table, Types: fake.Types,
		}}
	}
	go func() {
		err := pipeline.New(pipeline.Config{
			Ledger: l, Clock: w.now, Logger: hclog.NewNullLogger(), Worker: name, Sweep: time.Hour, Decode: decode,
			Connect: func(_ context.Context, c *contract.Contract) (binding.Providers, error) {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.decks = append(k.decks, c.Digest())
				return providers, nil
			},
		}).Run(ctx)
		k.end <- errors.Join(err, l.Close())
	}()
	w.t.Cleanup(func() { k.finish() })
	return k
}

// finish ends a worker as a signal does.
func (k *worker) finish() {
	k.stop()
	select {
	case err := <-k.end:
		if err != nil && !k.dead() {
			k.w.t.Errorf("worker %s: %v", k.name, err)
		}
		k.end <- nil
	case <-time.After(time.Hour):
		k.w.t.Errorf("worker %s does not end", k.name)
	}
}

// kill ends a worker as kill -9 does: nothing of it reaches the ledger or a vendor any more.
func (k *worker) kill() {
	k.mu.Lock()
	k.killed = true
	k.mu.Unlock()
	k.finish()
}

func (k *worker) dead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.killed
}

// freeze stops a worker wherever it is; thaw lets it go on.
func (k *worker) freeze() (thaw func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen = make(chan struct{})
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.frozen != nil {
			close(k.frozen)
			k.frozen = nil
		}
	}
}

// alive waits while a worker is frozen.
func (k *worker) alive() error {
	for {
		k.mu.Lock()
		frozen, killed := k.frozen, k.killed
		k.mu.Unlock()
		switch {
		case killed:
			return errKilled
		case frozen == nil:
			return nil
		}
		select {
		case <-frozen:
		case <-k.w.t.Context().Done(): // the test has failed already
			return errKilled
		}
	}
}

func (k *worker) step(s ledger.Step) error {
	if err := k.alive(); err != nil {
		return err
	}
	k.mu.Lock()
	gate := k.gate
	if !s.Read {
		k.steps = append(k.steps, s.What)
	}
	k.mu.Unlock()
	if gate != nil {
		if err := gate(s); err != nil {
			return err
		}
	}
	return k.alive()
}

// remote is a vendor as one worker reaches it.
type remote struct {
	*providertest.Fake
	worker *worker
}

func (r *remote) Records(b provider.Binding) (provider.Records, error) {
	inner, err := r.Fake.Records(b)
	return &remoteRecords{Records: inner, of: r}, err
}

type remoteRecords struct {
	provider.Records
	of *remote
}

func (r *remoteRecords) Read(ctx context.Context, ids []string) ([]record.Record, error) {
	if err := r.of.worker.alive(); err != nil {
		return nil, err
	}
	return r.Records.Read(ctx, ids)
}

// busy are the boards that are being written to, of all workers.
var busy sync.Map

func (r *remoteRecords) Write(ctx context.Context, b provider.Batch) ([]record.Result, error) {
	k := r.of.worker
	if k.dead() {
		return nil, errKilled
	}
	at := fmt.Sprintf("%p %s", r.of.System, r.Lane())
	if other, taken := busy.LoadOrStore(at, k.name); taken {
		k.w.t.Errorf("%s and %s write to %s at once", other, k.name, r.Lane())
	}
	time.Sleep(700 * time.Millisecond)
	results, err := r.Records.Write(ctx, b)
	busy.Delete(at)
	k.mu.Lock()
	k.writes++
	k.mu.Unlock()
	return results, errors.Join(err, k.alive())
}

// together is a world with paired records at rest, in a bubble.
func together(t *testing.T, run func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.seed(1, 6)
		w.sync()
		w.sf.ForgetWrites()
		w.md.ForgetWrites()
		run(t, w)
	})
}

// won are the ids of the deals on both sides.
func (w *world) won() (list [][2]string) {
	for _, r := range w.sf.Records("Opportunity") {
		if item := find(w.md, "Deals", r.ID); item != nil {
			list = append(list, [2]string{r.ID, item.ID})
		}
	}
	return list
}

// written are the writes of both sides, as "system record field=value".
func (w *world) written() map[string]int {
	seen := map[string]int{}
	for _, s := range []*providertest.System{w.sf, w.md} {
		for _, x := range s.Writes() {
			for name, v := range x.Patch.Fields {
				seen[fmt.Sprint(x.ID, " ", name, "=", v)]++
			}
		}
	}
	return seen
}

// amount sets a deal's amount and waits until the other side shows it.
func (w *world) amount(deal [2]string, text string, patience time.Duration) (took time.Duration) {
	w.t.Helper()
	w.sf.Edit("Opportunity", deal[0], record.Fields{"Amount": mustDecimal(w.t, text)})
	return w.shows(deal, text, patience)
}

func (w *world) shows(deal [2]string, text string, patience time.Duration) (took time.Duration) {
	w.t.Helper()
	began := w.now()
	for w.now().Sub(began) <= patience {
		if find(w.md, "Deals", deal[0]).Fields["amount"].Equal(mustDecimal(w.t, text)) {
			return w.now().Sub(began)
		}
		time.Sleep(250 * time.Millisecond)
	}
	w.t.Fatalf("%s did not cross within %s", text, patience)
	return 0
}

func TestTwoWorkersShareALedger(t *testing.T) {
	together(t, func(t *testing.T, w *world) {
		a, b := w.start("a", nil), w.start("b", nil)
		random := rand.New(rand.NewPCG(1, 2))
		deals := w.won()
		edits := 0
		for n := range 60 {
			time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
			deal := deals[random.IntN(len(deals))]
			if edits++; random.IntN(2) == 0 {
				w.sf.Edit("Opportunity", deal[0], record.Fields{"Amount": mustDecimal(t, fmt.Sprint(1000+n))})
			} else {
				w.md.Edit("Deals", deal[1], record.Fields{"progress": mustDecimal(t, fmt.Sprint(1000+n))})
			}
			if n == 30 {
				a.kill()
				a = w.start("a again", nil)
			}
		}
		time.Sleep(3 * time.Minute)
		for _, deal := range deals {
			left, right := find(w.sf, "Opportunity", deal[1]), find(w.md, "Deals", deal[0])
			if !left.Fields["Amount"].Equal(right.Fields["amount"]) || !left.Fields["Progress__c"].Equal(right.Fields["progress"]) {
				t.Errorf("%v shows %v and %v", deal, left.Fields, right.Fields)
			}
		}
		total := 0
		for what, n := range w.written() {
			if total += n; n > 1 {
				t.Errorf("%s was written %d times", what, n)
			}
		}
		if total > edits {
			t.Errorf("%d fields were written for %d edits", total, edits)
		}
		if n := len(w.sf.Records("Opportunity")) + len(w.md.Records("Deals")); n != 6+len(deals) {
			t.Errorf("there are %d records", n)
		}
		if a.writes+b.writes == 0 {
			t.Error("nobody wrote anything")
		}
		t.Logf("%d edits, %d fields written; b made %d calls", edits, total, b.writes)
	})
}

// TestAFrozenWorkerIsReplaced stops a worker at each step of one edit's way, for six times its lease. The other takes over; the
// first wakes up, and nothing comes of what it was about to do.
func TestAFrozenWorkerIsReplaced(t *testing.T) {
	longest := time.Duration(0)
	for at, last := 0, false; !last; at++ {
		together(t, func(t *testing.T, w *world) {
			deal := w.won()[0]
			var a *worker
			var thaw func()
			armed, passed := false, 0
			defer func() {
				if t.Failed() {
					t.Logf("frozen at step %d; the last steps: %q", at, a.steps[max(0, len(a.steps)-40):])
				}
			}()
			a = w.start("a", func(s ledger.Step) error {
				if armed && !s.Read && thaw == nil {
					if passed++; passed > at {
						thaw = a.freeze()
						a.steps = append(a.steps, fmt.Sprintf("frozen, committed=%v", s.Committed))
					}
				}
				return nil
			})
			time.Sleep(20 * time.Second) // it has all the roles
			b := w.start("b", nil)
			time.Sleep(20 * time.Second)
			armed = true
			took := w.amount(deal, "77", 3*time.Minute)
			longest = max(longest, took)
			time.Sleep(4 * time.Second)
			if armed = false; thaw == nil {
				last = true // it had nothing left to do
			} else {
				time.Sleep(3*time.Minute - took)
				thaw()
			}
			time.Sleep(time.Minute)
			what := strings.Join(a.steps[max(0, len(a.steps)-6):], "; ")
			if n := w.written()[fmt.Sprint(deal[1], " amount=", mustDecimal(t, "77"))]; n != 1 {
				t.Errorf("frozen at step %d: written %d times (%s)", at, n, what)
			}
			w.amount(deal, "78", time.Minute)
			b.finish()
			w.amount(deal, "79", time.Minute) // the one that was frozen is as good as new
			if last {
				t.Logf("%d steps; the longest that an edit waited: %s", at, longest)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestAKilledWorkerIsReplacedSoon(t *testing.T) {
	together(t, func(t *testing.T, w *world) {
		deal := w.won()[0]
		// It dies as it has claimed the edit.
		a := w.start("a", nil)
		time.Sleep(20 * time.Second)
		w.start("b", nil)
		time.Sleep(20 * time.Second)
		a.mu.Lock()
		a.gate = func(s ledger.Step) error {
			if strings.HasPrefix(s.What, "record what was decided") {
				a.mu.Lock()
				a.killed = true
				a.mu.Unlock()
			}
			return nil
		}
		a.mu.Unlock()
		took := time.Duration(0)
		for n := 0; !a.dead() && n < 40; n++ { // whoever comes first takes an edit
			took = w.amount(deal, fmt.Sprint(70+n), 45*time.Second)
			time.Sleep(time.Duration(n) * 100 * time.Millisecond)
		}
		if took < 10*time.Second {
			t.Errorf("it was not in the way: %s", took)
		}
		t.Logf("killed: %s", took)
		a.kill()
	})
	together(t, func(t *testing.T, w *world) {
		deal := w.won()[0]
		a := w.start("a", nil)
		time.Sleep(20 * time.Second)
		w.start("b", nil)
		time.Sleep(20 * time.Second)
		a.finish()
		took := w.amount(deal, "77", 10*time.Second)
		t.Logf("stopped: %s", took)
	})
}

func TestAllWorkersTakeUpAContract(t *testing.T) {
	together(t, func(t *testing.T, w *world) {
		a, b := w.start("a", nil), w.start("b", nil)
		time.Sleep(20 * time.Second)
		w.apply(strings.Replace(handoff, `monday     = numbers.amount
    owner      = salesforce`, `monday     = numbers.amount
    owner      = monday`, 1))
		time.Sleep(20 * time.Second)
		for _, k := range []*worker{a, b} {
			if n := len(k.decks); n != 2 || k.decks[1] != w.contract.Digest() {
				t.Errorf("%s took up %v, and in force is %s", k.name, k.decks, w.contract.Digest())
			}
		}
		deal := w.won()[0]
		w.md.Edit("Deals", deal[1], record.Fields{"amount": mustDecimal(t, "5")})
		time.Sleep(20 * time.Second)
		if got := find(w.sf, "Opportunity", deal[1]).Fields["Amount"]; !got.Equal(mustDecimal(t, "5")) {
			t.Errorf("the amount is %v", got)
		}
	})
}

// TestABurstIsCountedOnByTheNext deletes a few records after the other, and each worker dies with what it has just
// decided: none of them sees more than three deletions.
func TestABurstIsCountedOnByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.seed(60, 1)
		w.sync()
		w.md.ForgetWrites()
		accounts := w.sf.Records("Account")
		for i := range 8 {
			for _, r := range accounts[i*3 : i*3+3] {
				w.sf.Remove("Account", r.ID, record.Deleted)
			}
			k := w.start(fmt.Sprint("worker ", i), func(s ledger.Step) error {
				if i < 7 && strings.HasPrefix(s.What, "record what was decided") && s.Committed {
					return errKilled
				}
				return nil
			})
			time.Sleep(time.Minute)
			k.kill()
			time.Sleep(time.Minute)
		}
		halted, err := pipeline.Halts(t.Context(), w.ledger)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(w.md.Writes()); len(halted) != 1 || n > 20 {
			t.Errorf("halted: %v, after %d were archived", halted, n)
		}
	})
}
