package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/apply"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/plan"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

const handoff = `
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
picklist "stage" {
  values = {
    "Prospecting"   = "Open"
    "Qualification" = "Open"
    "Closed Won"    = "Won"
  }
  inverse = { "Open" = "Prospecting" }
}
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
  match = [name]
  create "monday" {}
  delete {
    salesforce = archive
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
}
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
  create "monday" {
    when = after.stage == "Closed Won"
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
  field "client" {
    salesforce = AccountId
    monday     = board_relation.client
    owner      = salesforce
    reference  = object.client
  }
  field "stage" {
    salesforce = StageName
    monday     = status.stage
    owner      = salesforce
    picklist   = picklist.stage
  }
  field "amount" {
    salesforce = Amount
    monday     = numbers.amount
    owner      = salesforce
  }
  field "manager" {
    salesforce = OwnerId
    monday     = people.manager
    owner      = salesforce
    people {
      match     = email
      unmatched = report
    }
  }
  field "progress" {
    salesforce = number.Progress__c
    monday     = numbers.progress
    owner      = monday
  }
  field "next_step" {
    salesforce = text.Next_Step__c
    monday     = text.next_step
    owner      = either
    conflict   = newest
  }
}
`

// types are the field types of both fakes.
func types(name string) (record.Shape, bool) {
	shape, ok := map[string]record.Shape{
		"text":           {Type: "text", Kind: record.Text},
		"status":         {Type: "status", Kind: record.Choice},
		"numbers":        {Type: "numbers", Kind: record.Decimal, Scale: -1},
		"number":         {Type: "number", Kind: record.Decimal, Scale: -1},
		"people":         {Type: "people", Kind: record.Personal, Many: true},
		"board_relation": {Type: "board_relation", Kind: record.Reference, Many: true},
	}[name]
	return shape, ok
}

// world is two vendors in memory, a ledger, and a contract in force.
type world struct {
	t         *testing.T
	sf, md    *providertest.System
	providers binding.Providers
	ledger    *ledger.Ledger
	contract  *contract.Contract
	now       func() time.Time
	config    pipeline.Config
	path      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now, path: filepath.Join(t.TempDir(), "ledger.db")}
	w.sf, w.md = providertest.NewSystem("sf", w.now), providertest.NewSystem("md", w.now)
	for _, table := range []string{"Account", "Opportunity"} {
		w.sf.Define(table, "Name", record.Shape{Type: "string", Kind: record.Text, Required: true})
	}
	w.sf.Define("Opportunity", "AccountId", record.Shape{Type: "reference", Kind: record.Reference})
	w.sf.Define("Opportunity", "StageName", record.Shape{Type: "picklist", Kind: record.Choice, Open: true})
	w.sf.Define("Opportunity", "Amount", record.Shape{Type: "currency", Kind: record.Decimal, Scale: -1})
	w.sf.Define("Opportunity", "OwnerId", record.Shape{Type: "reference", Kind: record.Personal})
	for _, table := range []string{"Clients", "Deals"} {
		w.md.Define(table, "name", record.Shape{Type: "name", Kind: record.Text, Required: true})
	}
	w.sf.AddPerson(record.Person{ID: "005A", Email: "Ann@Example.com", Active: true})
	w.md.AddPerson(record.Person{ID: "901", Email: "ann@example.com", Active: true})
	w.providers = binding.Providers{
		"salesforce.crm": &providertest.Fake{System: w.sf, Connection: "salesforce.crm", Table: "sobject", Types: types},
		"monday.work":    &providertest.Fake{System: w.md, Connection: "monday.work", Table: "board", Types: types},
	}
	w.open()
	w.apply(handoff)
	return w
}

func (w *world) open() {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), ledger.Config{URL: "sqlite:" + w.path, Clock: w.now, Logger: hclog.NewNullLogger()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger = l
	w.t.Cleanup(func() { _ = l.Close() })
	w.config = pipeline.Config{
		Ledger: l, Clock: w.now, Logger: hclog.NewNullLogger(), Worker: "test",
		Connect: func(context.Context, *contract.Contract) (binding.Providers, error) { return w.providers, nil },
		Decode:  decode,
	}
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

func (w *world) plan(text string) *plan.Plan {
	w.t.Helper()
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "test.accord.hcl", Content: []byte(text)}}})
	if diags.HasErrors() {
		w.t.Fatal(diags)
	}
	before := w.contract
	w.contract = c
	p, err := plan.Build(w.t.Context(), plan.Config{
		Contract: c, InForce: before, Ledger: w.ledger, Providers: w.providers, Data: plan.DataFull, Clock: w.now, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) apply(text string) {
	w.t.Helper()
	p := w.plan(text)
	if len(p.Blocked) > 0 {
		w.t.Fatalf("blocked: %+v", p.Blocked)
	}
	r, err := apply.Run(w.t.Context(), apply.Config{Plan: p, Contract: w.contract, Ledger: w.ledger, Providers: w.providers, Logger: hclog.NewNullLogger()})
	if err != nil || !r.Activated {
		w.t.Fatalf("apply: %+v, %v", r, err)
	}
}

// sync settles everything.
func (w *world) sync() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	if err := pipeline.New(w.config).Once(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.conserved()
}

// conserved checks that every change is accounted for, and that none is left open by accident.
func (w *world) conserved() {
	w.t.Helper()
	tallies, err := w.ledger.Tallies(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	stats, err := w.ledger.Stats(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for i, tally := range tallies {
		if !tally.Balanced() || tally.Open > 0 && stats[i].Pending == 0 && stats[i].Held == 0 {
			w.t.Errorf("changes are not accounted for: %+v, %+v", tally, stats[i])
		}
	}
}

func (w *world) deal(name, account, stage, amount string) string {
	w.t.Helper()
	money, err := record.OfDecimal(amount)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sf.Add("Opportunity", record.Fields{
		"Name": record.OfText(name), "AccountId": record.OfReference(account), "StageName": record.OfChoice(stage),
		"Amount": money, "OwnerId": record.OfPerson("005A"),
	})
}

// find is the live record of a table that carries a key.
func find(s *providertest.System, table, key string) *record.Record {
	for _, r := range s.Records(table) {
		if r.Key == key && r.State == record.Live {
			return &r
		}
	}
	return nil
}

func (w *world) seed(clients, deals int) {
	w.t.Helper()
	var accounts []string
	for i := range clients {
		accounts = append(accounts, w.sf.Add("Account", record.Fields{"Name": record.OfText(fmt.Sprint("client ", i))}))
	}
	for i := range deals {
		stage := "Closed Won"
		if i%3 == 0 {
			stage = "Prospecting"
		}
		w.deal(fmt.Sprint("deal ", i), accounts[i%clients], stage, fmt.Sprint(i, ".50"))
	}
}

func TestFirstSyncMakesOneRecordForEachInScope(t *testing.T) {
	w := newWorld(t)
	w.seed(7, 130)
	w.sync()
	if got := len(w.md.Records("Clients")); got != 7 {
		t.Errorf("%d clients, want 7", got)
	}
	won := 0
	for _, r := range w.sf.Records("Opportunity") {
		item := find(w.md, "Deals", r.ID)
		if r.Fields["StageName"].Part(0) != "Closed Won" {
			if item != nil {
				t.Errorf("%s is not won, and has an item", r.ID)
			}
			continue
		}
		won++
		if item == nil {
			t.Errorf("%s has no item", r.ID)
			continue
		}
		if r.Key != item.ID {
			t.Errorf("%s names item %q, and its item is %s", r.ID, r.Key, item.ID)
		}
		client := find(w.md, "Clients", r.Fields["AccountId"].Part(0))
		want := record.Fields{
			"name": r.Fields["Name"], "stage": record.OfChoice("Won"), "amount": r.Fields["Amount"],
			"client": record.OfReference(client.ID), "manager": record.OfPerson("901"),
		}
		for name, v := range want {
			if !item.Fields[name].Equal(v) {
				t.Errorf("%s: %s is %v, want %v", item.ID, name, item.Fields[name], v)
			}
		}
	}
	if got := len(w.md.Records("Deals")); got != won {
		t.Errorf("%d deals, want %d", got, won)
	}
}

func TestASecondSyncAndPlanFindNothing(t *testing.T) {
	w := newWorld(t)
	w.seed(3, 60)
	w.sync()
	w.sf.ForgetWrites()
	w.md.ForgetWrites()
	w.sync()
	if n := len(w.sf.Writes()) + len(w.md.Writes()); n != 0 {
		t.Errorf("the second sync wrote %d records: %+v %+v", n, w.sf.Writes(), w.md.Writes())
	}
	if p := w.plan(handoff); !p.Empty() {
		t.Errorf("the second plan is not empty: %+v", p)
	}
}

func TestEditsCrossOnceAndOnlyOnce(t *testing.T) {
	w := newWorld(t)
	w.seed(2, 30)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	item := find(w.md, "Deals", opp.ID)
	w.sf.ForgetWrites()
	w.md.ForgetWrites()

	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Amount": mustDecimal(t, "99")})
	w.md.Edit("Deals", item.ID, record.Fields{"progress": mustDecimal(t, "40"), "next_step": record.OfText("call")})
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["amount"]; !got.Equal(mustDecimal(t, "99")) {
		t.Errorf("amount is %v", got)
	}
	now := find(w.sf, "Opportunity", item.ID)
	if got := now.Fields["Progress__c"]; !got.Equal(mustDecimal(t, "40")) {
		t.Errorf("progress is %v", got)
	}
	if got := now.Fields["Next_Step__c"]; !got.Equal(record.OfText("call")) {
		t.Errorf("next step is %v", got)
	}
	w.sync()
	if a, b := w.sf.Writes(), w.md.Writes(); len(a) != 1 || len(b) != 1 {
		t.Errorf("%d and %d writes, want one each: %+v %+v", len(a), len(b), a, b)
	}
}

func TestAnEditOnTheDerivedSideIsPutBack(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 3)
	w.sync()
	opp := w.sf.Records("Opportunity")[1]
	item := find(w.md, "Deals", opp.ID)
	w.md.Edit("Deals", item.ID, record.Fields{"amount": mustDecimal(t, "1")})
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["amount"]; !got.Equal(opp.Fields["Amount"]) {
		t.Errorf("amount is %v, want %v", got, opp.Fields["Amount"])
	}
	if got := w.sf.Records("Opportunity")[1].Fields["Amount"]; !got.Equal(opp.Fields["Amount"]) {
		t.Errorf("Salesforce's amount became %v", got)
	}
}

func TestAQualifyingEditCreatesAnItem(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 1) // deal 0 is open
	w.sync()
	if n := len(w.md.Records("Deals")); n != 0 {
		t.Fatalf("%d deals before", n)
	}
	opp := w.sf.Records("Opportunity")[0]
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"StageName": record.OfChoice("Closed Won")})
	w.sync()
	if n := len(w.md.Records("Deals")); n != 1 {
		t.Errorf("%d deals after", n)
	}
}

func TestRecordsThatExistOnBothSidesArePaired(t *testing.T) {
	w := newWorld(t)
	a := w.sf.Add("Account", record.Fields{"Name": record.OfText("Acme")})
	b := w.md.Add("Clients", record.Fields{"name": record.OfText("Acme")})
	twice := record.Fields{"name": record.OfText("Twin")}
	w.md.Add("Clients", twice)
	w.md.Add("Clients", twice)
	w.sf.Add("Account", record.Fields{"Name": record.OfText("Twin")})
	w.sync()
	if r := find(w.md, "Clients", a); r == nil || r.ID != b {
		t.Errorf("Acme was not paired with the item that was there")
	}
	if n := len(w.md.Records("Clients")); n != 3 {
		t.Errorf("%d clients, want the 3 that were there: an ambiguous match creates nothing", n)
	}
	conflicts, err := w.ledger.Conflicts(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(conflicts, func(c ledger.Conflict) bool { return c.Reason == ledger.ReasonAmbiguous }) {
		t.Errorf("no conflict tells of the ambiguous match: %+v", conflicts)
	}
}

func TestAWriteWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			w := newWorld(t)
			w.seed(2, 9)
			w.md.Break(func(c providertest.Call) providertest.Fault {
				lost := &provider.Error{Kind: provider.Unknown, Op: "write", Message: "the connection broke"}
				switch {
				case c.Operation != "write" || c.Sequence%2 == 0:
					return providertest.Fault{}
				case when == "before":
					return providertest.Fault{Before: lost}
				default:
					return providertest.Fault{After: lost}
				}
			})
			w.sync()
			seen := map[string]bool{}
			for _, r := range append(w.md.Records("Clients"), w.md.Records("Deals")...) {
				if seen[r.Key] {
					t.Errorf("%s has two items", r.Key)
				}
				seen[r.Key] = true
			}
			if len(seen) != 2+6 {
				t.Errorf("%d items, want 8", len(seen))
			}
		})
	}
}

func TestARefusedRowBecomesADeadLetterAndHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	w.seed(1, 12)
	w.md.Break(func(c providertest.Call) providertest.Fault {
		if c.Operation == "write" && c.Table == "Deals" && c.Sequence == 2 {
			return providertest.Fault{Rows: map[int]error{3: &provider.Error{Kind: provider.Invalid, Op: "create", Code: "BAD", Message: "no"}}}
		}
		return providertest.Fault{}
	})
	w.sync()
	if n := len(w.md.Records("Deals")); n != 7 {
		t.Errorf("%d deals, want 7 of 8", n)
	}
	letters, err := w.ledger.DeadLetters(t.Context(), ledger.Filter{})
	if err != nil || len(letters) != 1 {
		t.Fatalf("dead letters: %+v, %v", letters, err)
	}
	w.md.Break(nil)
	if err := w.ledger.RetryDeadLetter(t.Context(), letters[0].ID); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if n := len(w.md.Records("Deals")); n != 8 {
		t.Errorf("%d deals after the retry, want 8", n)
	}
}

func TestARunningSyncCarriesEditsAndStopsCleanly(t *testing.T) {
	w := newWorld(t)
	w.seed(2, 6)
	w.sync()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	opp := w.sf.Records("Opportunity")[1]
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Name": record.OfText("renamed")})
	deadline := time.Now().Add(20 * time.Second)
	for !find(w.md, "Deals", opp.ID).Fields["name"].Equal(record.OfText("renamed")) {
		if time.Now().After(deadline) {
			t.Fatal("the edit never arrived")
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A sync that is to run for long outlives a vendor that does not answer when it starts, and a call that only the contract
// before the one in force would make.
func TestARunningSyncOutlivesABadStartAndAnotherContract(t *testing.T) {
	w := newWorld(t)
	w.seed(2, 6)
	w.sync()
	var connects atomic.Int32
	connect := w.config.Connect
	w.config.Connect = func(ctx context.Context, c *contract.Contract) (binding.Providers, error) {
		if connects.Add(1) == 1 {
			return nil, &provider.Error{Kind: provider.Transient, Op: "connect", Message: "nobody is there yet"}
		}
		return connect(ctx, c)
	}
	w.config.Sweep = 50 * time.Millisecond
	w.sf.Break(func(c providertest.Call) providertest.Fault {
		if c.Operation != "list" || connects.Load() != 2 {
			return providertest.Fault{}
		}
		before, err := w.ledger.InForce(t.Context())
		if err == nil {
			_, err = w.ledger.Activate(t.Context(), ledger.AppliedContract{Digest: "another", Source: before.Source, Actor: "test"})
		}
		if err != nil {
			t.Error(err)
		}
		return providertest.Fault{Before: &provider.Error{Kind: provider.Invalid, Op: "list", Message: "there is no such field"}}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(w.config).Run(ctx) }()
	opp := w.sf.Records("Opportunity")[1]
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Name": record.OfText("renamed")})
	deadline := time.Now().Add(20 * time.Second)
	for !find(w.md, "Deals", opp.ID).Fields["name"].Equal(record.OfText("renamed")) {
		select {
		case err := <-ended:
			t.Fatalf("the sync ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the edit never arrived")
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAMassEditHaltsUntilResumed(t *testing.T) {
	w := newWorld(t)
	w.seed(4, 300)
	w.sync()
	for _, r := range w.sf.Records("Opportunity") {
		w.sf.Edit("Opportunity", r.ID, record.Fields{"Name": record.OfText("wiped")})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := pipeline.New(w.config).Once(ctx); err != nil {
		t.Fatal(err)
	}
	halted, err := pipeline.Halts(t.Context(), w.ledger)
	if err != nil || len(halted) != 1 {
		t.Fatalf("halted: %v, %v", halted, err)
	}
	wiped := func() int {
		n := 0
		for _, r := range w.md.Records("Deals") {
			if r.Fields["name"].Equal(record.OfText("wiped")) {
				n++
			}
		}
		return n
	}
	if n := wiped(); n != 0 {
		t.Errorf("%d deals were changed all the same", n)
	}
	if err := pipeline.Resume(t.Context(), w.ledger, "deal"); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if n := wiped(); n != 200 {
		t.Errorf("%d deals were changed after resuming, want 200", n)
	}
}

func mustDecimal(t *testing.T, s string) record.Value {
	t.Helper()
	v, err := record.OfDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
