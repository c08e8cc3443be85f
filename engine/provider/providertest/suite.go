package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// Vendor is a provider in front of something that behaves as its vendor does, and what people do there by hand. Fields
// that are funcs may be nil where the vendor has no such thing; the cases that need it are then skipped.
type Vendor struct {
	Provider provider.Provider
	// Specs are the objects of the contract. The first is the one under test; its fields are of every kind that the
	// provider can hold. The others are what it refers to.
	Specs []provider.ObjectSpec
	// Least is what a create can't do without. Text and Other name two optional text fields of the object.
	Least       record.Fields
	Text, Other string
	Samples     []Sample
	Refused     []Refusal
	// Removals are the operations that a patch may remove a record with, and the state that it is then shown in.
	Removals map[record.Op]record.State
	Unknown  []string // ids that no record has, some of them malformed
	PageSize int      // records on the largest page of List
	People   []record.Person
	// Unfindable are the kinds of resource that can't be found by name, only by a remembered id.
	Unfindable []string
	Secrets    []string // what no error may show

	// By hand: add, change and remove a record of the object under test, and count its live ones.
	Add    func(t *testing.T, fields record.Fields) (id string)
	Edit   func(t *testing.T, id string, fields record.Fields)
	Remove func(t *testing.T, id string, state record.State)
	Count  func(t *testing.T) int
	Hand   []record.State // what Remove can do
	// Rename gives a resource another name by hand, and Vanish deletes one; both say whether the vendor lets people.
	Rename func(t *testing.T, r resource.Resource) bool
	Vanish func(t *testing.T, r resource.Resource) bool
	// Advance moves the vendor's clock, for what it repeats later.
	Advance func(d time.Duration)
	// Calls counts the calls that reached the vendor.
	Calls func() int
	// Ready is called once the structure is there; it may add samples that need it.
	Ready func(t *testing.T)
	// Break makes a fault happen from now on, so many times, Always for ever.
	Break func(t *testing.T, f VendorFault, times int)
	// Struck counts the faults that happened.
	Struck func() int
	// Told is all that the provider has logged and observed so far.
	Told func() string
	// RequestIDs says that the vendor names every request that it refuses.
	RequestIDs bool
	// Action is an action about a record, and Acted counts those that the vendor carried out; nil where there are none.
	Action func(t *testing.T, id string) provider.Action
	Acted  func(t *testing.T) int
	// Scope is how an object can be bound to some of the records only; nil where it can't.
	Scope *Scope
}

// Scope are settings that bind an object to some of the records, with fields that are in and fields that are not.
type Scope struct {
	Settings map[string]string
	In, Out  record.Fields
}

// Sample is a value that a field takes.
type Sample struct {
	Name  string
	Field string
	Value record.Value
	Want  record.Value // what is read back, where that is not Value itself
	Keeps bool         // it can't be cleared
}

// Refusal is a patch of an otherwise good record that the vendor or the provider refuses.
type Refusal struct {
	Name   string
	Fields record.Fields
	Kind   provider.Kind // 0 = invalid
}

// On says which calls a fault strikes.
type On string

// The calls that faults strike.
const (
	OnRead  On = "read"  // Read of a record
	OnList  On = "list"  // List of more than a page
	OnWrite On = "write" // Write that creates a record
	OnApply On = "apply" // Apply that creates the first missing field
	OnWatch On = "watch" // the next thing that the vendor reports
)

// Always has a fault strike every call.
const Always = -1

// VendorFault is something that goes wrong at the vendor.
type VendorFault struct {
	Name  string
	On    On
	Times int // 0 = once
	// Survived says that the provider gets through it by itself. Otherwise the error crosses the port with the kind,
	// the code (unless empty) and, if Hint, a RetryAfter.
	Survived bool
	Kind     provider.Kind
	Code     string
	Hint     bool
	Executed bool // the vendor carried the call out all the same
	Lost     bool // what happened is not reported, and must be listed
	// Patience is how long the caller waits; 0 = longer than any fault that is survived takes.
	Patience time.Duration
}

// Harness is what a provider is tested with.
type Harness struct {
	// Open makes a vendor that has nothing of the contract, and a provider for it; both end with the test.
	Open func(t *testing.T) *Vendor
	// Faults are provoked through Vendor.Break.
	Faults []VendorFault
}

// Run puts a provider through the suite: what the port promises, whoever the vendor is.
func Run(t *testing.T, h Harness) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Run("structure", h.structure)
	t.Run("records", h.records)
	t.Run("writes", h.writes)
	t.Run("repetition", h.repetition)
	t.Run("leave", h.leave)
	t.Run("watch", h.watch)
	t.Run("people", h.people)
	t.Run("errors", h.faults)
	if err := goleak.Find(before); err != nil {
		t.Errorf("the provider leaves goroutines behind: %v", err)
	}
}

// bench is one vendor under test, with what a ledger would remember of it.
type bench struct {
	*Vendor
	t         *testing.T
	resources map[string]resource.Resource
}

func (h Harness) bench(t *testing.T) *bench {
	t.Helper()
	return &bench{Vendor: h.Open(t), t: t, resources: map[string]resource.Resource{}}
}

// ready is a bench whose structure is there, and the records of its object.
func (h Harness) ready(t *testing.T) (*bench, provider.Records) {
	t.Helper()
	b := h.bench(t)
	b.apply()
	if b.Ready != nil {
		b.Ready(t)
	}
	return b, b.records()
}

// want is what the specs need, with the ids that are remembered.
func (b *bench) want() []resource.Resource {
	b.t.Helper()
	want, err := b.Provider.Expand(b.Specs)
	if err != nil {
		b.t.Fatalf("expand: %v", err)
	}
	for i := range want {
		want[i].ID = b.resources[want[i].Address].ID
	}
	return want
}

// plan describes everything, and lists what differs from what is wanted.
func (b *bench) plan() []resource.Change {
	b.t.Helper()
	want := b.want()
	have, err := b.Provider.Describe(b.t.Context(), want)
	if err != nil {
		b.t.Fatalf("describe: %v", err)
	}
	there := map[string]resource.Resource{}
	for _, h := range have {
		if h.ID == "" {
			b.t.Errorf("%s is described without an id", h.Address)
		}
		there[h.Address], b.resources[h.Address] = h, h
	}
	var changes []resource.Change
	impossible := map[string]bool{} // what must exist and does not, and all that needs it
	for range want {
		for _, w := range want {
			_, ok := there[w.Address]
			impossible[w.Address] = !ok && (!w.Managed || slices.ContainsFunc(w.DependsOn, func(d string) bool { return impossible[d] }))
		}
	}
	for _, w := range want {
		h, ok := there[w.Address]
		d := resource.Differ(w, h)
		switch {
		case impossible[w.Address]:
		case !ok && w.Managed:
			changes = append(changes, resource.Change{Action: resource.Create, Want: w})
		case ok && len(d) > 0:
			changes = append(changes, resource.Change{Action: resource.Update, Want: w, Have: &h, Differences: d})
		}
	}
	return changes
}

// apply carries a plan out, each change after what it depends on.
func (b *bench) apply() []resource.Change {
	b.t.Helper()
	changes := b.plan()
	for _, c := range b.ordered(changes) {
		b.change(c)
	}
	b.plan() // what was granted last may show more of what was made first
	return changes
}

func (b *bench) change(c resource.Change) resource.Resource {
	b.t.Helper()
	done, err := b.Provider.Apply(b.t.Context(), c, b.resources)
	if err != nil {
		b.t.Fatalf("apply %s of %s: %v", c.Action, c.Want.Address, err)
	}
	if done.ID == "" || done.Address != c.Want.Address {
		b.t.Fatalf("apply %s of %s gave %+v", c.Action, c.Want.Address, done)
	}
	b.resources[done.Address] = done
	return done
}

// ordered puts changes behind those that they depend on.
func (b *bench) ordered(changes []resource.Change) []resource.Change {
	b.t.Helper()
	waiting := map[string]bool{}
	for _, c := range changes {
		waiting[c.Want.Address] = true
	}
	var list []resource.Change
	rest := slices.Clone(changes)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(c resource.Change) bool {
			return !slices.ContainsFunc(c.Want.DependsOn, func(d string) bool { return waiting[d] })
		})
		if i < 0 {
			b.t.Fatalf("%d changes wait for each other, %s among them", len(rest), rest[0].Want.Address)
		}
		list = append(list, rest[i])
		delete(waiting, rest[i].Want.Address)
		rest = slices.Delete(rest, i, i+1)
	}
	return list
}

func (b *bench) binding(s provider.ObjectSpec) provider.Binding {
	bound := provider.Binding{Spec: s}
	for _, w := range b.want() {
		if r, ok := b.resources[w.Address]; ok {
			bound.Resources = append(bound.Resources, r)
		}
	}
	return bound
}

// bound is the binding of every object.
func (b *bench) bound() []provider.Binding {
	b.t.Helper()
	var list []provider.Binding
	for _, s := range b.Specs {
		list = append(list, b.binding(s))
	}
	return list
}

func (b *bench) records() provider.Records {
	b.t.Helper()
	r, err := b.Provider.Records(b.binding(b.Specs[0]))
	if err != nil {
		b.t.Fatalf("open the records: %v", err)
	}
	return r
}

// with is the least of a record, and more.
func (b *bench) with(more record.Fields) record.Fields {
	f := b.Least.Clone()
	for name, v := range more {
		f[name] = v
	}
	return f
}

// write sends patches as one batch, and insists that it is answered.
func (b *bench) write(r provider.Records, key string, patches ...record.Patch) []record.Result {
	b.t.Helper()
	results, err := r.Write(b.t.Context(), provider.Batch{Key: key, Patches: patches})
	if err != nil {
		b.t.Fatalf("write: %v", err)
	}
	if len(results) != len(patches) {
		b.t.Fatalf("%d results for %d patches", len(results), len(patches))
	}
	return results
}

// done is write where nothing may fail.
func (b *bench) done(r provider.Records, key string, patches ...record.Patch) []record.Result {
	b.t.Helper()
	results := b.write(r, key, patches...)
	for i, res := range results {
		if res.Err != nil {
			b.t.Fatalf("patch %d: %v", i, res.Err)
		}
		if res.ID == "" {
			b.t.Fatalf("patch %d was confirmed without an id", i)
		}
	}
	return results
}

// create makes one record with a key, and gives its id.
func (b *bench) create(r provider.Records, key string, fields record.Fields) string {
	b.t.Helper()
	return b.done(r, "create "+key, record.Patch{Op: record.Create, Key: key, Fields: b.with(fields)})[0].ID
}

func (b *bench) read(r provider.Records, ids ...string) []record.Record {
	b.t.Helper()
	list, err := r.Read(b.t.Context(), ids)
	if err != nil {
		b.t.Fatalf("read: %v", err)
	}
	if len(list) != len(ids) {
		b.t.Fatalf("%d records for %d ids", len(list), len(ids))
	}
	for i, rec := range list {
		if rec.ID != ids[i] {
			b.t.Fatalf("record %d is %q, want %q", i, rec.ID, ids[i])
		}
	}
	return list
}

func (b *bench) find(r provider.Records, keys ...string) map[string][]string {
	b.t.Helper()
	found, err := r.Find(b.t.Context(), keys)
	if err != nil {
		b.t.Fatalf("find: %v", err)
	}
	return found
}

// list collects a List, the last showing of each record counting.
func (b *bench) list(r provider.Records, since record.Version) (map[string]record.Record, record.Version) {
	b.t.Helper()
	all := map[string]record.Record{}
	next, err := r.List(b.t.Context(), since, func(page []record.Record) error {
		for _, rec := range page {
			all[rec.ID] = rec
		}
		return nil
	})
	if err != nil {
		b.t.Fatalf("list: %v", err)
	}
	if next < since {
		b.t.Errorf("the next list would begin at %d, before this one at %d", next, since)
	}
	return all, next
}

// typed insists on an error as the port promises it, that shows no secret.
func (b *bench) typed(err error) *provider.Error {
	b.t.Helper()
	var e *provider.Error
	if err == nil {
		b.t.Fatal("no error where one was due")
	}
	if !errors.As(err, &e) {
		b.t.Fatalf("%T is no error of the port: %v", err, err)
	}
	if e.Op == "" {
		b.t.Errorf("the error does not say what was being done: %v", err)
	}
	b.quiet(err)
	return e
}

// quiet insists that an error and all below it show no secret.
func (b *bench) quiet(err error) {
	b.t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, s := range b.Secrets {
			if strings.Contains(err.Error(), s) {
				b.t.Error("an error shows a secret")
			}
		}
	}
}

// wait is how long the caller of a faulty call waits.
func (f VendorFault) wait() time.Duration {
	if f.Patience > 0 {
		return f.Patience
	}
	return patience
}

// times is how often it happens.
func (f VendorFault) times() int {
	if f.Times == 0 {
		return 1
	}
	return f.Times
}

// key is one other-side id that nothing else uses.
func key(name string) string { return "accord-" + name }

// patience is how long a case waits for what the vendor sends by itself.
const patience = 10 * time.Second

// within is a context for one thing that must happen soon.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
