package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

// loader is a provider that takes large batches as files, and says what came.
type loader struct {
	provider.Provider
	limits provider.Limits
	// before is called ahead of a load; its error is the load's, which then is not carried out.
	before func(ctx context.Context, table string) error
	// after is called behind one; its error is what becomes of the answer.
	after func(table string) error

	mu    sync.Mutex
	loads map[string][]int // rows of each, by object
	small map[string]int   // other batches
	finds int
	keys  []string
}

type loaderRecords struct {
	provider.Records
	l      *loader
	object string
}

func (l *loader) Records(b provider.Binding) (provider.Records, error) {
	r, err := l.Provider.Records(b)
	return &loaderRecords{r, l, b.Spec.Object}, err
}

func (r *loaderRecords) Limits() provider.Limits {
	limits := r.l.limits
	own := r.Records.Limits()
	limits.BatchSize, limits.SearchLag, limits.Parallel = own.BatchSize, 0, own.Parallel
	return limits
}

func (r *loaderRecords) Find(ctx context.Context, keys []string) (map[string][]string, error) {
	r.l.mu.Lock()
	r.l.finds++
	r.l.mu.Unlock()
	return r.Records.Find(ctx, keys)
}

func (r *loaderRecords) Write(ctx context.Context, b provider.Batch) ([]record.Result, error) {
	l := r.l
	load := len(b.Patches) >= l.limits.BulkFrom
	l.mu.Lock()
	if load {
		l.loads[r.object] = append(l.loads[r.object], len(b.Patches))
		l.keys = append(l.keys, b.Key)
	} else {
		l.small[r.object]++
	}
	before, after := l.before, l.after
	l.mu.Unlock()
	if load && ratelimit.PriorityOf(ctx) != ratelimit.Backfill {
		return nil, errors.New("a load is not marked as a backfill")
	}
	if load && before != nil {
		if err := before(ctx, r.object); err != nil {
			return nil, err
		}
	}
	results, err := r.Records.Write(ctx, b)
	if load && after != nil {
		if err := after(r.object); err != nil {
			return nil, err
		}
	}
	return results, err
}

// loading is a world whose vendors take files: items from a hundred on, Salesforce records from two hundred on.
func loading(t *testing.T) (w *world, sf, md *loader) {
	t.Helper()
	w = newWorld(t)
	of := func(address string, limits provider.Limits) *loader {
		limits.BulkTime = time.Minute
		l := &loader{Provider: w.providers[address], limits: limits, loads: map[string][]int{}, small: map[string]int{}}
		w.providers[address] = l
		return l
	}
	sf = of("salesforce.crm", provider.Limits{BulkFrom: 200, BulkSize: 2000, BulkOps: []record.Op{record.Create, record.Update}})
	md = of("monday.work", provider.Limits{BulkFrom: 100, BulkSize: 2000, BulkOps: []record.Op{record.Create}, BulkResumes: true})
	return w, sf, md
}

// agreed checks that each record in scope has its one item, and both name each other.
func (w *world) agreed(want int) {
	w.t.Helper()
	items := map[string]string{}
	for _, r := range w.md.Records("Deals") {
		if items[r.Key] != "" {
			w.t.Errorf("record %s has two items: %s and %s", r.Key, items[r.Key], r.ID)
		}
		items[r.Key] = r.ID
	}
	for _, r := range w.sf.Records("Opportunity") {
		if r.Fields["StageName"].Part(0) == "Closed Won" && (items[r.ID] == "" || r.Key != items[r.ID]) {
			w.t.Errorf("record %s names item %q, and its item is %q", r.ID, r.Key, items[r.ID])
		}
	}
	if len(items) != want {
		w.t.Errorf("%d items, want %d", len(items), want)
	}
}

func TestAFirstSyncIsOneLoadForEachSide(t *testing.T) {
	w, sf, md := loading(t)
	w.seed(7, 1200)
	w.sync()
	w.agreed(800)
	if !slices.Equal(md.loads["deal"], []int{800}) || md.small["deal"] != 0 || !slices.Equal(sf.loads["deal"], []int{800}) || sf.small["deal"] != 0 {
		t.Errorf("deals: loads %v and %v, other batches %d and %d", md.loads, sf.loads, md.small["deal"], sf.small["deal"])
	}
	if len(md.loads["client"])+len(sf.loads["client"]) != 0 {
		t.Errorf("seven clients went by file: %v, %v", md.loads, sf.loads)
	}
	if p := w.plan(handoff); !p.Empty() {
		t.Errorf("the second plan is not empty: %+v", p)
	}
}

func TestLoadsAreCutToTheVendorsSize(t *testing.T) {
	w, _, md := loading(t)
	md.limits.BulkSize = 300
	w.seed(7, 1200)
	w.sync()
	w.agreed(800)
	if !slices.Equal(md.loads["deal"], []int{300, 300, 200}) {
		t.Errorf("loads: %v", md.loads)
	}
}

// TestAnUnansweredLoad: where the vendor takes up a load under its key nothing is looked up, else the records are.
func TestAnUnansweredLoad(t *testing.T) {
	for _, resumes := range []bool{true, false} {
		w, _, md := loading(t)
		md.limits.BulkResumes = resumes
		lost := 1
		md.after = func(string) error {
			if lost--; lost < 0 {
				return nil
			}
			return &provider.Error{Kind: provider.Unknown, Op: "load", Message: "no answer"}
		}
		w.seed(7, 300)
		w.sync()
		w.agreed(200)
		if resumes && (md.finds != 0 || len(md.keys) != 2 || md.keys[0] != md.keys[1]) {
			t.Errorf("looked up %d times, keys %v", md.finds, md.keys)
		}
		if !resumes && (md.finds == 0 || len(md.keys) != 1) {
			t.Errorf("looked up %d times, keys %v", md.finds, md.keys)
		}
	}
}

// run starts a sync that ends with the returned function, which waits for it.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.t.Error(err)
			}
		case <-time.After(20 * time.Second):
			w.t.Fatal("the sync does not end")
		}
	}
}

// until waits for something to hold.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(limit) {
			w.t.Fatalf("waited in vain for this: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestOthersGoOnDuringALoad: an edit of a client crosses while the deals are being loaded.
func TestOthersGoOnDuringALoad(t *testing.T) {
	w, _, md := loading(t)
	w.seed(3, 300)
	begun, release := make(chan struct{}), make(chan struct{})
	md.before = func(ctx context.Context, _ string) error {
		close(begun)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return &provider.Error{Kind: provider.Unknown, Op: "load", Err: ctx.Err()}
		}
	}
	stop := w.run()
	<-begun
	client := w.sf.Records("Account")[0]
	w.sf.Edit("Account", client.ID, record.Fields{"Name": record.OfText("renamed meanwhile")})
	w.until("the client's new name crosses", func() bool {
		item := find(w.md, "Clients", client.ID)
		return item != nil && item.Fields["name"].Part(0) == "renamed meanwhile"
	})
	if n := len(w.md.Records("Deals")); n != 0 {
		t.Errorf("%d deals are there before the load", n)
	}
	close(release)
	w.until("the deals name their items", func() bool {
		n := 0
		for _, r := range w.sf.Records("Opportunity") {
			if r.Key != "" {
				n++
			}
		}
		return n == 200
	})
	stop()
	w.agreed(200)
}

// TestAStopDoesNotWaitForALoad: what was under way is taken up by the next run, under its key.
func TestAStopDoesNotWaitForALoad(t *testing.T) {
	w, _, md := loading(t)
	w.seed(3, 300)
	begun := make(chan struct{})
	md.before = func(ctx context.Context, _ string) error {
		close(begun)
		<-ctx.Done()
		return &provider.Error{Kind: provider.Unknown, Op: "load", Err: ctx.Err()}
	}
	stop := w.run()
	<-begun
	stop()
	md.mu.Lock()
	md.before = nil
	md.mu.Unlock()
	w.sync()
	w.agreed(200)
	if len(md.keys) != 2 || md.keys[0] != md.keys[1] {
		t.Errorf("keys %v, want one that was used again", md.keys)
	}
}
