package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

// world is everything outside the process under test: the vendors, their mail, the disk, the users, and the record of
// what happened.
type world struct {
	*chances
	trace     *trace
	path      string
	systems   [2]*providertest.System
	quiet     atomic.Bool        // no more trouble
	skew      [2]time.Duration   // of the vendors' clocks
	late      sync.WaitGroup     // writes that vendors still work on
	refused   map[string]refusal // by place
	more      bool               // the second contract is in force
	operators int                // processes that applied a contract
	underway  map[string]*load   // loads, by their key
	witness   *ledger.Ledger     // the ledger as oracles see it: no process of it dies

	mu           sync.Mutex
	history      []change
	taken        [2]int         // how much of each System's log of writes is in the history
	shown        map[string]int // by place: how much of the history the engine was shown of a record, and has stored
	mail         [2]*mailbox
	made         map[string]time.Time // when records were made through the port, by place
	rows         [2]map[int]error     // what the next write's rows are answered with
	serial       int
	calls        map[string]int
	transactions atomic.Int64
	step         int // of the users
	crashes      map[string]int
	converged    int               // calls that the quiet took
	partner      map[string]string // of clients: item to account, as the ledger says, for those that carry no keys
	complaint    []Violation
	ends         map[string]int // what became of the changes that users made
}

// change is one thing that happened to a record at a vendor.
type change struct {
	at      time.Time
	side    record.Side
	table   string
	id      string
	user    bool // by a user; else through the port
	op      record.Op
	state   record.State // of a user's change
	fields  record.Fields
	before  record.Fields // of a write through the port
	key     string
	version record.Version
	// shown is, of a write through the port, how much of the history the engine knew of the record when it was sent.
	shown     int
	batch     string // the ledger's id of the batch
	confirmed bool   // the engine got the answer
	late      bool   // it was carried out when its caller had given up
}

func place(side record.Side, table, id string) string { return side.String() + "/" + table + "/" + id }

var connections = [2]string{"salesforce.crm", "monday.work"}

func newWorld(seed uint64, without []Kind, dir string) *world {
	w := &world{
		chances: newChances(seed, without), trace: newTrace(), path: filepath.Join(dir, fmt.Sprintf("ledger-%d.db", seed)),
		shown: map[string]int{}, made: map[string]time.Time{}, calls: map[string]int{}, crashes: map[string]int{}, partner: map[string]string{}, underway: map[string]*load{}, refused: map[string]refusal{},
	}
	if w.met(Skew) {
		w.skew[w.stream("skew").IntN(2)] = w.between("skew", -40*time.Second, 40*time.Second)
		w.strike(Skew)
	}
	for _, side := range record.Sides {
		w.systems[side] = providertest.NewSystem([2]string{"sf", "md"}[side], func() time.Time { return time.Now().Add(w.skew[side]) })
		w.mail[side] = &mailbox{wake: make(chan struct{}, 1)}
		w.systems[side].Subscribe(func(table, id string) { w.post(side, table, id) })
		w.systems[side].Break(func(c providertest.Call) providertest.Fault {
			if c.Operation != "write" {
				return providertest.Fault{}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			return providertest.Fault{Rows: w.rows[side]}
		})
	}
	if w.met(Coarse) {
		w.systems[w.stream("coarse").IntN(2)].Coarse()
		w.strike(Coarse)
	}
	if w.met(Normalise) {
		w.systems[w.stream("normalise").IntN(2)].Normalise(normal, w.stream("normalise").IntN(2) == 0)
		w.strike(Normalise)
	}
	w.define()
	w.automate()
	return w
}

func (w *world) fake(side record.Side) *providertest.Fake {
	return &providertest.Fake{
		System: w.systems[side], Connection: connections[side], Table: [2]string{"sobject", "board"}[side], Types: types, Silent: true, Batch: 6,
	}
}

// define makes the fields that must exist before a contract is applied.
func (w *world) define() {
	text := record.Shape{Type: "string", Kind: record.Text, Required: true}
	sf, md := w.systems[record.Left], w.systems[record.Right]
	sf.Define("Account", "Name", text)
	sf.Define("Opportunity", "Name", text)
	sf.Define("Opportunity", "AccountId", record.Shape{Type: "reference", Kind: record.Reference})
	sf.Define("Opportunity", "StageName", record.Shape{Type: "picklist", Kind: record.Choice, Open: true})
	sf.Define("Opportunity", "Amount", record.Shape{Type: "currency", Kind: record.Decimal, Scale: -1})
	sf.Define("Opportunity", "OwnerId", record.Shape{Type: "reference", Kind: record.Personal})
	sf.Define("Case", "Subject", text)
	for _, o := range objects {
		md.Define(o.table[record.Right], "name", text)
	}
	for i, name := range []string{"ann", "bob"} {
		sf.AddPerson(record.Person{ID: "005" + string(rune('A'+i)), Email: name + "@example.com", Active: true})
		md.AddPerson(record.Person{ID: fmt.Sprint(901 + i), Email: name + "@example.com", Active: true})
	}
	sf.AddPerson(record.Person{ID: "005C", Email: "cid@example.com", Active: true}) // has no account on the other side
}

// types are the field types of both vendors.
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

// open opens the ledger for one process.
func (w *world) open(ctx context.Context, who string, clock func() time.Time, gate func(ledger.Step) error) (*ledger.Ledger, error) {
	return ledger.Open(ctx, ledger.Config{
		URL: "sqlite:" + w.path, Clock: clock, Logger: hclog.NewNullLogger(), Random: random{w.stream("id/" + who)}, Gate: gate,
	})
}

func (w *world) config(l *ledger.Ledger, p *process, providers binding.Providers) pipeline.Config {
	return pipeline.Config{
		Ledger: l, Clock: p.clock, Logger: hclog.NewNullLogger(), Worker: p.worker, Sweep: time.Minute, Audited: p.auditor.Flush,
		Connect: func(context.Context, *contract.Contract) (binding.Providers, error) { return providers, nil },
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

// find is one record as it stands at its vendor.
func (w *world) find(side record.Side, table, id string) (record.Record, bool) {
	for _, r := range w.systems[side].Records(table) {
		if r.ID == id {
			return r, true
		}
	}
	return record.Record{}, false
}

// absorb brings what was written through the port into the history.
func (w *world) absorb(side record.Side, batch string, shown func(table, id string) int) []int {
	log := w.systems[side].Writes()
	w.mu.Lock()
	defer w.mu.Unlock()
	var fresh []int
	for _, e := range log[w.taken[side]:] {
		if e.Patch.Op == record.Create {
			w.made[place(side, e.Table, e.ID)] = time.Now()
		}
		fresh = append(fresh, len(w.history))
		w.history = append(w.history, change{
			at: time.Now(), side: side, table: e.Table, id: e.ID, op: e.Patch.Op, fields: e.Patch.Fields, before: e.Before,
			key: e.Patch.Key, version: e.Version, shown: shown(e.Table, e.ID), batch: batch,
		})
	}
	w.taken[side] = len(log)
	return fresh
}
