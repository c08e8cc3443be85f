package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/engine/resource"
)

// moody is a vendor that refuses what a test says.
type moody struct {
	*providertest.Fake
	describe func([]resource.Resource) error
	watch    func() error
	watched  atomic.Int32
}

func (m *moody) Describe(ctx context.Context, want []resource.Resource) ([]resource.Resource, error) {
	if m.describe != nil {
		if err := m.describe(want); err != nil {
			return nil, err
		}
	}
	return m.Fake.Describe(ctx, want)
}

func (m *moody) Watch(ctx context.Context, bound []provider.Binding, cursors map[string]string, emit provider.Emit) error {
	m.watched.Add(1)
	if m.watch != nil {
		if err := m.watch(); err != nil {
			return err
		}
	}
	return m.Fake.Watch(ctx, bound, cursors, emit)
}

// running has a sync run until the test ends, which it must outlive.
func (w *world) running() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("the sync ended: %v", err)
		}
	})
	time.Sleep(20 * time.Second) // it has taken everything up
}

func (w *world) stalled() map[string]pipeline.Stall {
	w.t.Helper()
	objects, _, err := pipeline.Stalls(w.t.Context(), w.ledger)
	if err != nil {
		w.t.Fatal(err)
	}
	return objects
}

func (w *world) deadLetters() []ledger.DeadLetter {
	w.t.Helper()
	list, err := w.ledger.DeadLetters(w.t.Context(), ledger.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) named(side *providertest.System, table, key, name string) bool {
	r := find(side, table, key)
	return r != nil && r.Fields["Name"].Equal(record.OfText(name)) || r != nil && r.Fields["name"].Equal(record.OfText(name))
}

// Whatever a vendor says to any call about one object, that object waits, the others go on, nothing is written off, and once
// the vendor comes round everything crosses.
func TestARefusedObjectWaitsAndOthersGoOn(t *testing.T) {
	for _, c := range []struct {
		operations string
		kind       provider.Kind
	}{
		{"list read find write", provider.Denied},
		{"list read find write", provider.Hidden},
		{"list read find write", provider.Transient},
		{"list read find write people", provider.Unauthorized},
		{"write", provider.Exhausted},
		{"write", provider.Unauthorized},
		{"read", provider.NotFound},
		{"read", provider.Internal},
		{"people", provider.Invalid},
	} {
		t.Run(c.operations+" "+c.kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refuse(t, c.operations, c.kind) })
		})
	}
}

func refuse(t *testing.T, operations string, kind provider.Kind) {
	w := newWorld(t)
	w.seed(3, 6)
	w.sync()
	w.config.Sweep = time.Minute
	w.running()
	w.md.Break(func(c providertest.Call) providertest.Fault {
		if !strings.Contains(operations, c.Operation) || c.Table != "Deals" && c.Operation != "people" && kind != provider.Unauthorized {
			return providertest.Fault{}
		}
		return providertest.Fault{Before: &provider.Error{Kind: kind, Op: c.Operation, Code: "NO", Message: "not now"}}
	})
	opp := w.sf.Records("Opportunity")[1].ID
	if operations == "people" {
		time.Sleep(15 * time.Minute) // who is known is forgotten
	}
	w.sf.Edit("Opportunity", opp, record.Fields{"Name": record.OfText("renamed")})
	if operations == "read" {
		w.md.Edit("Deals", find(w.md, "Deals", opp).ID, record.Fields{"progress": mustDecimal(t, "7")})
	}
	time.Sleep(3 * time.Minute)
	account := w.sf.Records("Account")[0].ID
	w.sf.Edit("Account", account, record.Fields{"Name": record.OfText("renamed")})
	time.Sleep(3 * time.Minute)
	stalls := w.stalled()
	s, ok := stalls["deal"]
	if !ok || s.Kind != kind.String() || s.Code != "NO" || s.Tries < 2 || !strings.Contains(s.Detail, "not now") || s.Remedy == "" || !s.Again.After(s.Since) {
		t.Fatalf("stalled: %+v", stalls)
	}
	if !strings.Contains(operations, "people") && s.Connection != "monday.work" {
		t.Errorf("stalled at %q", s.Connection)
	}
	if all := kind == provider.Unauthorized && operations != "people"; all != (stalls["client"].Detail != "") {
		t.Errorf("client is stalled: %+v", stalls["client"])
	} else if w.named(w.md, "Clients", account, "renamed") == all {
		t.Errorf("the client's edit crossed: %v", !all)
	}
	if w.named(w.md, "Deals", opp, "renamed") {
		t.Error("the deal's edit crossed")
	}
	w.md.Break(nil)
	time.Sleep(7 * time.Minute)
	if !w.named(w.md, "Deals", opp, "renamed") || !w.named(w.md, "Clients", account, "renamed") {
		t.Errorf("edits did not cross; stalled: %+v", w.stalled())
	}
	if operations == "read" && !find(w.sf, "Opportunity", find(w.md, "Deals", opp).ID).Fields["Progress__c"].Equal(mustDecimal(t, "7")) {
		t.Error("the edit of the item did not cross")
	}
	if left := w.stalled(); len(left) > 0 {
		t.Errorf("still stalled: %+v", left)
	}
	if dead := w.deadLetters(); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
	for _, e := range append(w.md.Writes(), w.sf.Writes()...) {
		if e.Patch.Op == record.Delete || e.Patch.Op == record.Archive {
			t.Errorf("removed: %+v", e)
		}
	}
	w.conserved()
}

// Rows that are refused one by one because the whole table is not shown any more are no dead letters; those of a table that
// can be read are.
func TestRowsOfAHiddenTableAreNoDeadLetters(t *testing.T) {
	for _, listed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.seed(1, 6)
			w.sync()
			hidden := &provider.Error{Kind: provider.Hidden, Op: "write", Code: "NO", Message: "not shown"}
			w.md.Break(func(c providertest.Call) providertest.Fault {
				switch {
				case c.Table == "Deals" && c.Operation == "write":
					return providertest.Fault{Rows: map[int]error{0: hidden, 1: hidden, 2: hidden, 3: hidden, 4: hidden}}
				case c.Table == "Deals" && c.Operation == "list" && !listed:
					return providertest.Fault{Before: hidden}
				}
				return providertest.Fault{}
			})
			w.config.Sweep = time.Hour
			w.running()
			opp := w.sf.Records("Opportunity")[1].ID
			w.sf.Edit("Opportunity", opp, record.Fields{"Name": record.OfText("renamed")})
			time.Sleep(10 * time.Second)
			if n := len(w.deadLetters()); n != map[bool]int{false: 0, true: 1}[listed] {
				t.Errorf("%d dead letters", n)
			}
			if _, stalled := w.stalled()["deal"]; stalled == listed {
				t.Errorf("stalled: %v", w.stalled())
			}
			w.md.Break(nil)
			time.Sleep(6 * time.Minute)
			if crossed := w.named(w.md, "Deals", opp, "renamed"); crossed == listed {
				t.Errorf("crossed: %v", crossed)
			}
		})
	}
}

// An object whose structure can't be had when the sync starts waits for it; then all is taken up.
func TestAnObjectWaitsForItsStructure(t *testing.T) {
	for name, shown := range map[string]string{"a board": "/table/Deals", "a field": "/table/Deals/field/stage", "a key": "/table/Deals/field/salesforce_id"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.seed(2, 4)
				w.sync()
				var mended atomic.Bool
				m := &moody{Fake: w.fakes("monday.work")}
				m.describe = func(want []resource.Resource) error {
					for _, r := range want {
						if !mended.Load() && strings.HasSuffix(r.Address, shown) {
							return &provider.Error{Kind: provider.Hidden, Op: "describe", Message: "it is not shown any more"}
						}
					}
					return nil
				}
				w.providers["monday.work"] = m
				w.running()
				if s := w.stalled(); len(s) != 1 || s["deal"].Kind != "hidden" {
					t.Fatalf("stalled: %+v", s)
				}
				opp, account := w.sf.Records("Opportunity")[1].ID, w.sf.Records("Account")[0].ID
				w.sf.Edit("Opportunity", opp, record.Fields{"Name": record.OfText("renamed")})
				w.sf.Edit("Account", account, record.Fields{"Name": record.OfText("renamed")})
				time.Sleep(time.Minute)
				if !w.named(w.md, "Clients", account, "renamed") || w.named(w.md, "Deals", opp, "renamed") {
					t.Error("clients go on, and deals don't")
				}
				mended.Store(true)
				time.Sleep(6 * time.Minute)
				if left := w.stalled(); len(left) > 0 || !w.named(w.md, "Deals", opp, "renamed") {
					t.Errorf("the deal did not go on: %+v", left)
				}
			})
		})
	}
}

func TestBadCredentialsEndASyncOnlyAtItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.seed(2, 4)
		w.sync()
		refused := &provider.Error{Kind: provider.Unauthorized, Op: "describe", Message: "who are you"}
		bad := true
		m := &moody{Fake: w.fakes("monday.work"), describe: func([]resource.Resource) error {
			if bad {
				return refused
			}
			return nil
		}}
		connect := binding.Providers{"salesforce.crm": w.providers["salesforce.crm"], "monday.work": m}
		w.config.Connect = func(context.Context, *contract.Contract) (binding.Providers, error) { return connect, nil }
		for _, end := range []func(context.Context) error{pipeline.New(w.config).Run, pipeline.New(w.config).Once} {
			if err := end(t.Context()); !errors.Is(err, refused) {
				t.Errorf("it went on: %v", err)
			}
		}
		bad = false
		w.running()
		bad = true
		w.apply(strings.Replace(handoff, "conflict   = newest", "conflict   = hold", 1))
		time.Sleep(time.Minute)
		if s := w.stalled(); s["client"].Kind != "unauthorized" || s["deal"].Kind != "unauthorized" {
			t.Errorf("stalled: %+v", s)
		}
	})
}

func TestASingleSyncNamesWhatWasHeld(t *testing.T) {
	for _, said := range []*provider.Error{
		{Kind: provider.Denied, Message: "not for you"},
		{Kind: provider.Exhausted, Message: "not today", RetryAfter: 12 * time.Hour},
		{Kind: provider.Transient, Message: "not now"},
	} {
		for _, structure := range []bool{false, true} {
			t.Run(fmt.Sprint(said.Kind, structure), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { settleBut(t, said, structure) })
			})
		}
	}
}

// settleBut has a single sync meet a refusal of deals, of their records or already of their structure.
func settleBut(t *testing.T, said *provider.Error, structure bool) {
	w := newWorld(t)
	w.seed(2, 4)
	plain := w.providers["monday.work"]
	if structure {
		w.providers["monday.work"] = &moody{Fake: w.fakes("monday.work"), describe: func(want []resource.Resource) error {
			if slices.ContainsFunc(want, func(r resource.Resource) bool { return strings.HasSuffix(r.Address, "/Deals") }) {
				return said
			}
			return nil
		}}
	} else {
		w.md.Break(func(c providertest.Call) providertest.Fault {
			if c.Table != "Deals" {
				return providertest.Fault{}
			}
			return providertest.Fault{Before: said}
		})
	}
	begun := time.Now()
	err := pipeline.New(w.config).Once(t.Context())
	var stalled *pipeline.StalledError
	if !errors.As(err, &stalled) || !strings.Contains(err.Error(), "object deal was held") || !strings.Contains(err.Error(), said.Message) {
		t.Fatalf("settled: %v", err)
	}
	if took := time.Since(begun); took > 3*time.Minute {
		t.Errorf("it took %v", took)
	}
	if n := len(w.md.Records("Clients")); n != 2 {
		t.Errorf("%d clients", n)
	}
	w.md.Break(nil)
	w.providers["monday.work"] = plain
	w.sync()
	if n := len(w.md.Records("Deals")); n != 2 {
		t.Errorf("%d deals", n)
	}
}

// A stream that is refused is asked for again, and meanwhile sweeps find what changes.
func TestARefusedStreamIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.seed(2, 4)
		w.sync()
		var mended atomic.Bool
		m := &moody{Fake: w.fakes("salesforce.crm"), watch: func() error {
			if mended.Load() {
				return nil
			}
			return &provider.Error{Kind: provider.Denied, Op: "subscribe", Message: "no such topic for you"}
		}}
		w.providers["salesforce.crm"] = m
		w.config.Sweep = time.Minute
		w.running()
		opp := w.sf.Records("Opportunity")[1].ID
		w.sf.Edit("Opportunity", opp, record.Fields{"Name": record.OfText("swept")})
		time.Sleep(2 * time.Minute)
		if !w.named(w.md, "Deals", opp, "swept") {
			t.Error("no sweep found the edit")
		}
		_, streams, err := pipeline.Stalls(t.Context(), w.ledger)
		if err != nil || streams["salesforce.crm"].Tries != int(m.watched.Load()) || m.watched.Load() < 4 {
			t.Errorf("asked for %d times: %+v, %v", m.watched.Load(), streams, err)
		}
		mended.Store(true)
		time.Sleep(6 * time.Minute)
		if _, streams, err = pipeline.Stalls(t.Context(), w.ledger); err != nil || len(streams) > 0 {
			t.Errorf("it flows again: %+v, %v", streams, err)
		}
	})
}
