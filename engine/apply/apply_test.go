package apply_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"accord/engine/apply"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/plan"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/engine/resource"
)

const connections = `
connection "salesforce" "crm" {
  url = "https://acme.my.salesforce.com"
  oauth "client_credentials" {
    client_id     = secret::env("ID")
    client_secret = secret::env("SECRET")
  }
}
connection "monday" "work" {
  token = secret::env("TOKEN")
}
`

const client = `
object "client" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Account"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Clients"
    key        = text.salesforce_id
  }
  field "name" {
    salesforce = Name
    monday     = text.title
    owner      = salesforce
  }
}
`

const deal = `
object "deal" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Opportunity"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Deals"
    key        = text.salesforce_id
  }
  field "name" {
    salesforce = Name
    monday     = text.title
    owner      = salesforce
  }
}
`

// What the contract with both objects makes, in order.
var all = []string{
	"monday.work/table/Clients", "monday.work/table/Clients/field/salesforce_id", "monday.work/table/Clients/field/title",
	"monday.work/table/Deals", "monday.work/table/Deals/field/salesforce_id", "monday.work/table/Deals/field/title",
	"salesforce.crm/table/Account/field/Monday_Item_Id__c", "salesforce.crm/table/Opportunity/field/Monday_Item_Id__c",
}

// shapes are the field types of both fakes.
func shapes(name string) (record.Shape, bool) {
	return record.Shape{Type: name, Kind: record.Text}, name == "text"
}

// vendor is a fake that notes the changes it is asked for, and can be made to refuse them.
type vendor struct {
	*providertest.Fake
	w *world
}

func (v *vendor) Apply(ctx context.Context, c resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	for _, d := range c.Want.DependsOn {
		if resolved[d].ID == "" {
			v.w.t.Errorf("%s is asked for, and %s has no id", c.Want.Address, d)
		}
	}
	v.w.asked = append(v.w.asked, c.Want.Address)
	if v.w.refuse != nil {
		if err := v.w.refuse(c.Want.Address); err != nil {
			return resource.Resource{}, err
		}
	}
	return v.Fake.Apply(ctx, c, resolved)
}

// world is two vendors in memory and a ledger.
type world struct {
	t         *testing.T
	sf, md    *providertest.System
	providers binding.Providers
	ledger    *ledger.Ledger
	asked     []string           // addresses of the changes the vendors were asked for
	refuse    func(string) error // by address; nil refuses nothing
	progress  []apply.Step
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, sf: providertest.NewSystem("sf", time.Now), md: providertest.NewSystem("md", time.Now)}
	for _, table := range []string{"Account", "Opportunity"} {
		w.sf.Define(table, "Name", record.Shape{Type: "string", Kind: record.Text, Required: true})
	}
	w.providers = binding.Providers{
		"salesforce.crm": &vendor{&providertest.Fake{System: w.sf, Connection: "salesforce.crm", Table: "sobject", Types: shapes}, w},
		"monday.work":    &vendor{&providertest.Fake{System: w.md, Connection: "monday.work", Table: "board", Types: shapes}, w},
	}
	l, err := ledger.Open(t.Context(), ledger.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "ledger.db"), Clock: time.Now, Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w.ledger = l
	return w
}

// config plans a contract against what is there now.
func (w *world) config(text string) apply.Config {
	w.t.Helper()
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "test.accord.hcl", Content: []byte(text)}}})
	if diags.HasErrors() {
		w.t.Fatal(diags)
	}
	p, err := plan.Build(w.t.Context(), plan.Config{
		Contract: c, Ledger: w.ledger, Providers: w.providers, Data: plan.DataNone, Clock: time.Now, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.asked, w.progress = nil, nil
	return apply.Config{
		Plan: p, Contract: c, Ledger: w.ledger, Providers: w.providers, Actor: "ann", Logger: hclog.NewNullLogger(),
		Progress: func(s apply.Step) { w.progress = append(w.progress, s) },
	}
}

// done applies a contract, which must come into force.
func (w *world) done(text string) apply.Report {
	w.t.Helper()
	r, err := apply.Run(w.t.Context(), w.config(text))
	if err != nil || r.Incomplete() {
		w.t.Fatalf("apply: %+v, %v", r, err)
	}
	return r
}

func (w *world) inForce() *ledger.AppliedContract {
	w.t.Helper()
	c, err := w.ledger.InForce(w.t.Context())
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		w.t.Fatal(err)
	}
	return c
}

// remembered are the addresses that the ledger holds.
func (w *world) remembered() []string {
	w.t.Helper()
	list, err := w.ledger.Resources(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var addresses []string
	for _, r := range list {
		addresses = append(addresses, r.Address)
	}
	return addresses
}

// lastRun is the summary of the newest run, which must have ended, and its journal as "address state".
func (w *world) lastRun() (summary map[string]any, journal []string) {
	w.t.Helper()
	runs, err := w.ledger.Runs(w.t.Context(), 1)
	if err != nil || len(runs) != 1 {
		w.t.Fatalf("runs: %+v, %v", runs, err)
	}
	if runs[0].Kind != "apply" || runs[0].Finished.IsZero() {
		w.t.Fatalf("the run is %+v, want an apply that ended", runs[0])
	}
	if err := json.Unmarshal(runs[0].Summary, &summary); err != nil {
		w.t.Fatal(err)
	}
	entries, err := w.ledger.Journal(w.t.Context(), runs[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		journal = append(journal, e.Address+" "+e.State)
	}
	return summary, journal
}

// outcomes of steps, as "address outcome".
func outcomes(steps []apply.Step) []string {
	var list []string
	for _, s := range steps {
		list = append(list, s.Change.Want.Address+" "+string(s.Outcome))
	}
	return list
}

func each(addresses []string, outcome string) []string {
	var list []string
	for _, a := range addresses {
		list = append(list, a+" "+outcome)
	}
	return list
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestStepsAreDoneInTheOrderOfTheirDependencies(t *testing.T) {
	w := newWorld(t)
	r := w.done(connections + client + deal)
	same(t, "asked of the vendors", all, w.asked)
	reported := slices.DeleteFunc(outcomes(r.Steps), func(s string) bool { return !slices.Contains(each(all, "done"), s) })
	same(t, "reported", each(all, "done"), reported)
	same(t, "progress", outcomes(r.Steps), outcomes(w.progress))
	summary, journal := w.lastRun()
	same(t, "journal", each(all, "done"), journal)
	same(t, "summary", map[string]any{"steps": float64(len(r.Steps)), "failed": 0.0, "activated": true}, summary)
	for _, address := range all {
		if !slices.Contains(w.remembered(), address) {
			t.Errorf("%s is not remembered", address)
		}
	}
	if c := w.inForce(); c == nil || c.Serial != r.Serial || c.Actor != "ann" || r.Serial < 1 {
		t.Errorf("in force is %+v, and the report says number %d", c, r.Serial)
	}
}

// A sync that runs still works under the contract before, until the new one is in force: what it may need is taken away
// only then.
func TestWhatIsTakenAwayIsTakenAfterTheContractIsInForce(t *testing.T) {
	w := newWorld(t)
	first := w.done(connections + client)
	cfg := w.config(connections + client + deal)
	for i := range cfg.Plan.Structure {
		if c := &cfg.Plan.Structure[i]; c.Want.Address == "monday.work/table/Clients" {
			c.Action, c.Differences = resource.Update, []resource.Difference{{Path: "beyond", Before: "x", After: ""}}
			c.Want.Narrows = []string{"beyond"}
		}
	}
	at := map[string]int64{}
	refuse := &provider.Error{Kind: provider.Transient, Op: "take back", Message: "come back later"}
	w.refuse = func(address string) error {
		at[address] = w.inForce().Serial
		if address == "monday.work/table/Clients" {
			return refuse
		}
		return nil
	}
	r, err := apply.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if at["monday.work/table/Deals"] != first.Serial || at["monday.work/table/Clients"] != r.Serial || r.Serial == first.Serial {
		t.Errorf("the steps were done under the contracts %v, before it was %d and after it %d", at, first.Serial, r.Serial)
	}
	if !r.Activated || !r.Incomplete() {
		t.Errorf("what failed after the contract was in force: %+v", r)
	}
}

func TestTheContractInForceCanBeReadBack(t *testing.T) {
	w := newWorld(t)
	cfg := w.config(connections + client)
	if _, err := apply.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	var src contract.Source
	if err := json.Unmarshal(w.inForce().Source, &src); err != nil {
		t.Fatal(err)
	}
	c, diags := contract.Parse(src)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	same(t, "digest of what was stored", cfg.Contract.Digest(), c.Digest())
	same(t, "digest beside it", cfg.Contract.Digest(), w.inForce().Digest)
}

func TestApplyingTwiceDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.done(connections + client + deal)
	before := w.remembered()
	r := w.done(connections + client + deal)
	same(t, "asked of the vendors", []string(nil), w.asked)
	same(t, "reported", []string(nil), outcomes(r.Steps))
	same(t, "remembered", before, w.remembered())
}

func TestAFailedStepSkipsItsDependentsAndRunningAgainGoesOn(t *testing.T) {
	w := newWorld(t)
	refusal := &provider.Error{Kind: provider.Transient, Op: "make board", Message: "come back later"}
	w.refuse = func(address string) error {
		if address == "monday.work/table/Deals" {
			return refusal
		}
		return nil
	}
	r, err := apply.Run(t.Context(), w.config(connections+client+deal))
	if err != nil {
		t.Fatalf("what a vendor refuses belongs into the report, not %v", err)
	}
	if !r.Incomplete() || r.Serial != 0 || w.inForce() != nil {
		t.Errorf("the contract is in force: %+v", r)
	}
	var bad []string
	for _, s := range r.Steps {
		switch s.Outcome {
		case apply.Failed:
			if !errors.Is(s.Err, refusal) {
				t.Errorf("%s failed for %v", s.Change.Want.Address, s.Err)
			}
		case apply.Skipped:
			if s.Err == nil || !strings.Contains(s.Err.Error(), all[3]) {
				t.Errorf("%s was skipped for %v, want %s named", s.Change.Want.Address, s.Err, all[3])
			}
		default:
			continue
		}
		bad = append(bad, s.Change.Want.Address+" "+string(s.Outcome))
	}
	same(t, "not done", []string{all[3] + " failed", all[4] + " skipped", all[5] + " skipped"}, bad)
	same(t, "asked of the vendors", slices.Concat(all[:4], all[6:]), w.asked)
	summary, journal := w.lastRun()
	same(t, "journal", slices.Concat(each(all[:3], "done"), []string{all[3] + " failed"}, each(all[6:], "done")), journal)
	same(t, "failed, in the summary", any(3.0), summary["failed"])
	for _, address := range all[3:6] {
		if slices.Contains(w.remembered(), address) {
			t.Errorf("%s is remembered, and was not made", address)
		}
	}

	w.refuse = nil
	r = w.done(connections + client + deal)
	same(t, "asked of the vendors afterwards", all[3:6], w.asked)
	same(t, "reported afterwards", each(all[3:6], "done"), outcomes(r.Steps))
	if w.inForce() == nil {
		t.Error("no contract is in force")
	}
}

func TestAFailedChangeLeavesTheContractInForceAsItWas(t *testing.T) {
	w := newWorld(t)
	first := w.done(connections + client)
	w.refuse = func(string) error { return &provider.Error{Kind: provider.Invalid, Op: "make", Message: "no"} }
	r, err := apply.Run(t.Context(), w.config(connections+client+deal))
	if err != nil || r.Activated {
		t.Fatalf("%+v, %v", r, err)
	}
	if c := w.inForce(); c == nil || c.Serial != first.Serial {
		t.Errorf("in force is %+v, want number %d still", c, first.Serial)
	}
}

func TestAnInterruptedApplyKeepsWhatWasDoneAndGoesOn(t *testing.T) {
	for at := range all {
		t.Run(all[at], func(t *testing.T) {
			w := newWorld(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w.refuse = func(address string) error { // the call is answered, and the caller has given up meanwhile
				if address == all[at] {
					stop()
				}
				return nil
			}
			r, err := apply.Run(ctx, w.config(connections+client+deal))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v, want that it was interrupted", err)
			}
			if r.Activated || w.inForce() != nil {
				t.Errorf("the contract is in force: %+v", r)
			}
			same(t, "asked of the vendors", all[:at+1], w.asked)
			summary, journal := w.lastRun()
			same(t, "journal", each(all[:at+1], "done"), journal)
			same(t, "activated, in the summary", any(false), summary["activated"])
			if !slices.Contains(w.remembered(), all[at]) {
				t.Errorf("%s was made, and is not remembered", all[at])
			}

			w.refuse = nil
			w.done(connections + client + deal)
			same(t, "asked of the vendors afterwards", append([]string(nil), all[at+1:]...), w.asked)
		})
	}
}

func TestAnApplyThatIsCancelledBeforehandAsksNothing(t *testing.T) {
	w := newWorld(t)
	cfg := w.config(connections + client)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, err := apply.Run(ctx, cfg)
	if !errors.Is(err, context.Canceled) || r.Activated || len(w.asked) > 0 {
		t.Errorf("%+v, %v, asked %q", r, err, w.asked)
	}
}

func TestAPlanOfAnotherContractIsRefused(t *testing.T) {
	w := newWorld(t)
	cfg, other := w.config(connections+client), w.config(connections+deal)
	cfg.Contract = other.Contract
	if r, err := apply.Run(t.Context(), cfg); !errors.Is(err, apply.ErrOtherContract) || r.Activated || len(w.asked) > 0 {
		t.Errorf("report %+v, error %v, asked for %v", r, err, w.asked)
	}
	if c := w.inForce(); c != nil {
		t.Errorf("contract %s is in force", c.Digest)
	}
}

func TestBlockedWithoutAReasonSaysSo(t *testing.T) {
	if got := (apply.Blocked{}).Error(); got != "the plan is blocked" {
		t.Error(got)
	}
}

func TestABlockedPlanIsRefused(t *testing.T) {
	w := newWorld(t)
	w.sf.Undefine("Account", "Name")
	cfg := w.config(connections + client)
	if len(cfg.Plan.Blocked) == 0 {
		t.Fatal("the plan is not blocked")
	}
	r, err := apply.Run(t.Context(), cfg)
	var blocked apply.Blocked
	if !errors.As(err, &blocked) {
		t.Fatalf("the error is %v, want Blocked", err)
	}
	same(t, "reasons", cfg.Plan.Blocked, blocked.Blocks)
	if !strings.Contains(err.Error(), "salesforce.crm/table/Account/field/Name") {
		t.Errorf("the error does not say what is in the way: %v", err)
	}
	if r.Activated || len(r.Steps) > 0 || len(w.asked) > 0 || w.inForce() != nil || len(w.remembered()) > 0 {
		t.Errorf("it was applied: %+v, asked %q", r, w.asked)
	}
	if runs, err := w.ledger.Runs(t.Context(), 0); err != nil || len(runs) > 0 {
		t.Errorf("a run is on record: %+v, %v", runs, err)
	}
}

func TestWhatTheContractNoLongerAsksForIsForgottenAndStays(t *testing.T) {
	w := newWorld(t)
	w.done(connections + client + deal)
	r := w.done(connections + client)
	same(t, "asked of the vendors", []string(nil), w.asked)
	for _, address := range append(slices.Clone(all[3:6]), all[7]) {
		if !slices.Contains(outcomes(r.Steps), address+" done") {
			t.Errorf("the report does not say that %s is forgotten", address)
		}
		if slices.Contains(w.remembered(), address) {
			t.Errorf("%s is still remembered", address)
		}
	}
	for _, address := range append(slices.Clone(all[:3]), all[6]) {
		if !slices.Contains(w.remembered(), address) {
			t.Errorf("%s was forgotten, and the contract asks for it", address)
		}
	}
	// It is still there: asking for it again takes it over and makes nothing.
	r = w.done(connections + client + deal)
	same(t, "asked of the vendors", []string(nil), w.asked)
	for _, s := range r.Steps {
		if s.Change.Action != resource.Adopt {
			t.Errorf("%s is a %s, want that it is taken over", s.Change.Want.Address, s.Change.Action)
		}
	}
	if !slices.Contains(outcomes(r.Steps), all[3]+" done") {
		t.Errorf("%s was not taken over: %q", all[3], outcomes(r.Steps))
	}
}
