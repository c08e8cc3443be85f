package providertest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// System is a vendor in memory: tables of records, people, and a log of what was written to it through the port. Its
// other methods are what its users do by hand. It is safe for use by several goroutines.
type System struct {
	mu     sync.Mutex
	clock  func() time.Time
	prefix string
	tables map[string]*table
	people []record.Person
	notify []*listener
	events []event // all that happened to records, oldest first
	// coarse has versions in whole seconds, several changes sharing one, as some vendors do.
	coarse bool
	writes []Write
	keys   map[string][]record.Result // answers by idempotency key
	acts   []provider.Action          // what was carried out for triggers, oldest first
	// published are the events that are kept, oldest first; publishedKept is the place before the first of them.
	published                    []published
	publishedEver, publishedKept int
	// normal is what the vendor makes of a value that it is given; nil = it keeps it as it is.
	normal func(field string, v record.Value) record.Value
	tacit  bool // answers to writes do not show what was stored
	// fault decides what happens to a call; nil = nothing does.
	fault func(Call) Fault
	// hidden says of which tables nothing is shown; nil = of none.
	hidden func(table string) bool
}

type table struct {
	shapes  map[string]record.Shape
	rows    map[string]*row
	order   []string
	lastTic record.Version
}

type row struct {
	fields  record.Fields
	key     string
	state   record.State
	version record.Version
	changed map[string]record.Version
	actor   string
}

// Write is one record written through the port.
type Write struct {
	Table   string
	ID      string
	Patch   record.Patch
	Before  record.Fields // what stood in the written fields; nil for a Create
	Version record.Version
}

// Call is one call through the port, for faults to choose from.
type Call struct {
	Operation string // "list", "read", "find", "write", "people", "act"
	Table     string
	Rows      int
	Sequence  int // of this operation on this system, from 1
}

// Fault is what goes wrong with a call.
type Fault struct {
	Before error // returned instead of doing anything
	After  error // returned after it was done
	Rows   map[int]error
}

// NewSystem makes an empty vendor whose ids begin with a prefix.
func NewSystem(prefix string, clock func() time.Time) *System {
	return &System{clock: clock, prefix: prefix, tables: map[string]*table{}, keys: map[string][]record.Result{}}
}

// Break sets what goes wrong from now on; nil = nothing.
func (s *System) Break(fault func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Coarse makes versions whole seconds from now on, so that several changes may share one.
func (s *System) Coarse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coarse = true
}

// Normalise has every value that is stored from now on be what f makes of it, whoever writes it. Tacit says that answers to
// writes do not show what became of a value.
func (s *System) Normalise(f func(field string, v record.Value) record.Value, tacit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.normal, s.tacit = f, tacit
}

// Subscribe has f called after every change of a record, whoever made it. F must not call the System's users' methods.
func (s *System) Subscribe(f func(table, id string)) {
	s.subscribe(f)
}

// AddPerson makes a user.
func (s *System) AddPerson(p record.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people = append(s.people, p)
}

// Define makes a table, or a field of one.
func (s *System) Define(name, field string, shape record.Shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table(name).shapes[field] = shape
}

func (s *System) table(name string) *table {
	t := s.tables[name]
	if t == nil {
		t = &table{shapes: map[string]record.Shape{}, rows: map[string]*row{}}
		s.tables[name] = t
	}
	return t
}

// Add makes a record by hand, and returns its id.
func (s *System) Add(name string, fields record.Fields) string {
	s.mu.Lock()
	id := s.create(name, fields, "", "a user")
	s.mu.Unlock()
	s.tell(name, id)
	return id
}

func (s *System) create(name string, fields record.Fields, key, actor string) string {
	t := s.table(name)
	id := fmt.Sprintf("%s%s%06d", s.prefix, name, len(t.order)+1)
	t.order = append(t.order, id)
	r := &row{fields: record.Fields{}, changed: map[string]record.Version{}, key: key}
	t.rows[id] = r
	s.touch(t, r, fields, actor)
	return id
}

// touch sets fields, with a version that is newer than all before on its table.
func (s *System) touch(t *table, r *row, fields record.Fields, actor string) {
	if s.coarse {
		t.lastTic = max(t.lastTic, record.VersionAt(s.clock().Truncate(time.Second)))
	} else {
		t.lastTic = max(t.lastTic+1, record.VersionAt(s.clock()))
	}
	r.version, r.actor = t.lastTic, actor
	for name, v := range fields {
		if s.normal != nil {
			v = s.normal(name, v)
		}
		r.fields[name] = v
		r.changed[name] = t.lastTic
	}
}

// Edit changes a record by hand.
func (s *System) Edit(name, id string, fields record.Fields) { s.EditAs("a user", name, id, fields) }

// EditAs changes a record as somebody else: an automation, say.
func (s *System) EditAs(actor, name, id string, fields record.Fields) {
	s.mu.Lock()
	if r := s.table(name).rows[id]; r != nil {
		s.touch(s.table(name), r, fields, actor)
	}
	s.mu.Unlock()
	s.tell(name, id)
}

// Remove puts a record into another state by hand: Deleted, Archived, Live again, or Missing (hidden from us), or Outside.
func (s *System) Remove(name, id string, state record.State) {
	s.mu.Lock()
	if r := s.table(name).rows[id]; r != nil {
		r.state = state
		s.touch(s.table(name), r, nil, "a user")
	}
	s.mu.Unlock()
	s.tell(name, id)
}

func (s *System) tell(name, id string) {
	s.mu.Lock()
	s.events = append(s.events, event{name, id})
	notify := slices.Clone(s.notify)
	s.mu.Unlock()
	for _, n := range notify {
		n.f(name, id)
	}
}

// Records is everything in a table, by id, removed ones included.
func (s *System) Records(name string) []record.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(name)
	var all []record.Record
	for _, id := range t.order {
		all = append(all, t.rows[id].record(id))
	}
	slices.SortFunc(all, func(a, b record.Record) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (r *row) record(id string) record.Record {
	out := record.Record{ID: id, Key: r.key, State: r.state, Version: r.version, Actor: r.actor, Ours: r.actor == "accord"}
	if r.state == record.Live {
		out.Fields = r.fields.Clone()
		out.Changed = map[string]record.Version{}
		for k, v := range r.changed {
			out.Changed[k] = v
		}
	}
	return out
}

// Writes is the log of what was written through the port, oldest first.
func (s *System) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// ForgetWrites empties the log.
func (s *System) ForgetWrites() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = nil
}
