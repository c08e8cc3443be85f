package providertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// Fake is a provider for a System.
type Fake struct {
	System     *System
	Connection string
	Table      string // the setting that names a table: "board", "sobject"
	Types      func(string) (record.Shape, bool)
	// Silent keeps events from being reported: only sweeps see what changed.
	Silent bool
	Batch  int // rows of one write; 0 = 50

	mu    sync.Mutex
	count map[string]int
}

var _ provider.Provider = (*Fake)(nil)

// FieldShape is what a type holds.
func (f *Fake) FieldShape(typ string) (record.Shape, bool) { return f.Types(typ) }

func (f *Fake) address(table, field string) string {
	a := f.Connection + "/table/" + table
	if field != "" {
		a += "/field/" + field
	}
	return a
}

// Expand asks for a table and its fields.
func (f *Fake) Expand(specs []provider.ObjectSpec) ([]resource.Resource, error) {
	var want []resource.Resource
	add := func(r resource.Resource) {
		if !slices.ContainsFunc(want, func(w resource.Resource) bool { return w.Address == r.Address }) {
			want = append(want, r)
		}
	}
	for _, s := range specs {
		table := s.Settings[f.Table]
		at := f.address(table, "")
		add(resource.Resource{Address: at, Connection: f.Connection, Kind: "table", Name: table, Managed: true, Object: s.Object})
		for _, spec := range append([]provider.FieldSpec{s.Key}, s.Fields...) {
			r := resource.Resource{
				Address: f.address(table, spec.Name), Connection: f.Connection, Kind: "field", Name: spec.Name,
				Managed: spec.Type != "", Object: s.Object, Field: spec.Field, DependsOn: []string{at},
				Attributes: map[string]any{},
			}
			if spec.Type != "" {
				r.Attributes["type"] = spec.Type
			}
			add(r)
		}
	}
	return want, nil
}

// Describe finds tables and fields by name. Names are ids here, so that what is remembered and gone was taken away.
func (f *Fake) Describe(ctx context.Context, want []resource.Resource) ([]resource.Resource, error) {
	if err := ended(ctx, "describe "+f.Connection); err != nil {
		return nil, err
	}
	f.System.mu.Lock()
	defer f.System.mu.Unlock()
	var have []resource.Resource
	for _, w := range want {
		table, field, ok := strings.Cut(strings.TrimPrefix(w.Address, f.Connection+"/table/"), "/field/")
		t := f.System.tables[table]
		exists := t != nil
		var shape record.Shape
		if exists && ok {
			shape, exists = t.shapes[field]
		}
		if !exists && w.ID != "" {
			return nil, &provider.Error{Kind: provider.Hidden, Op: "describe " + w.Address, Message: "it was there, and is not shown any more"}
		}
		if !exists {
			continue
		}
		got := w
		got.ID = w.Address
		if ok {
			got.Attributes = map[string]any{"type": shape.Type}
		}
		have = append(have, got)
	}
	return have, nil
}

// Apply makes or destroys a table or a field.
func (f *Fake) Apply(_ context.Context, c resource.Change, _ map[string]resource.Resource) (resource.Resource, error) {
	if c.Action != resource.Create && c.Action != resource.Update && c.Action != resource.Destroy {
		if c.Have != nil {
			return *c.Have, nil
		}
		return c.Want, nil
	}
	if !c.Want.Managed {
		return resource.Resource{}, &provider.Error{Kind: provider.Invalid, Op: "make " + c.Want.Address, Message: "it is not managed"}
	}
	f.System.mu.Lock()
	defer f.System.mu.Unlock()
	table, field, ok := strings.Cut(strings.TrimPrefix(c.Want.Address, f.Connection+"/table/"), "/field/")
	switch {
	case c.Action == resource.Destroy && !ok:
		delete(f.System.tables, table)
		return c.Want, nil
	case c.Action == resource.Destroy:
		delete(f.System.table(table).shapes, field)
		return c.Want, nil
	}
	t := f.System.table(table)
	if ok {
		typ, _ := c.Want.Attributes["type"].(string)
		shape, known := f.Types(typ)
		if !known {
			return resource.Resource{}, &provider.Error{Kind: provider.Invalid, Op: "make field " + field, Message: "no type " + typ}
		}
		shape.Type = typ
		t.shapes[field] = shape
	}
	made := c.Want
	made.ID = c.Want.Address
	return made, nil
}

// Records opens a table.
func (f *Fake) Records(b provider.Binding) (provider.Records, error) {
	return &records{fake: f, spec: b.Spec, table: b.Spec.Settings[f.Table]}, nil
}

// People looks users up.
func (f *Fake) People(ctx context.Context, ids, emails []string) ([]record.Person, error) {
	if fault := f.fault(ctx, Call{Operation: "people", Rows: len(ids) + len(emails)}); fault.Before != nil {
		return nil, fault.Before
	}
	f.System.mu.Lock()
	defer f.System.mu.Unlock()
	var found []record.Person
	for _, p := range f.System.people {
		if slices.Contains(ids, p.ID) || slices.Contains(emails, record.CanonicalEmail(p.Email)) {
			found = append(found, p)
		}
	}
	return found, nil
}

// Usage knows nothing.
func (f *Fake) Usage() []provider.Usage { return nil }

// Close does nothing.
func (f *Fake) Close() error { return nil }

// fault counts a call and asks what goes wrong with it.
func (f *Fake) fault(ctx context.Context, c Call) Fault {
	provider.CountCall(ctx)
	if err := ended(ctx, c.Operation+" "+c.Table); err != nil {
		return Fault{Before: err}
	}
	f.mu.Lock()
	if f.count == nil {
		f.count = map[string]int{}
	}
	f.count[c.Operation]++
	c.Sequence = f.count[c.Operation]
	f.mu.Unlock()
	f.System.mu.Lock()
	decide := f.System.fault
	f.System.mu.Unlock()
	if decide == nil {
		return Fault{}
	}
	return decide(c)
}

// records is one table behind the port.
type records struct {
	fake  *Fake
	spec  provider.ObjectSpec
	table string
}

// Shapes are those the table was defined with.
func (r *records) Shapes() map[string]record.Shape {
	s := r.fake.System
	s.mu.Lock()
	defer s.mu.Unlock()
	shapes := r.shapes()
	if t := s.tables[r.table]; t != nil {
		if key, ok := t.shapes[r.spec.Key.Name]; ok {
			shapes[r.spec.Key.Name] = key
		}
	}
	return shapes
}

// shapes is Shapes where the System is locked.
func (r *records) shapes() map[string]record.Shape {
	s := r.fake.System
	shapes := map[string]record.Shape{}
	if t := s.tables[r.table]; t != nil {
		for _, f := range r.spec.Fields {
			if shape, ok := t.shapes[f.Name]; ok {
				shapes[f.Name] = shape
			}
		}
	}
	return shapes
}

// Count counts live records.
func (r *records) Count(ctx context.Context) (int, error) {
	if err := ended(ctx, "count "+r.table); err != nil {
		return 0, err
	}
	n := 0
	for _, rec := range r.shown() {
		if rec.State == record.Live {
			n++
		}
	}
	return n, nil
}

// List pages by a hundred.
func (r *records) List(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error) {
	if fault := r.fake.fault(ctx, Call{Operation: "list", Table: r.table}); fault.Before != nil {
		return 0, fault.Before
	}
	next := since
	var list []record.Record
	for _, rec := range r.shown() {
		next = max(next, rec.Version)
		if rec.State == record.Live && rec.Version >= since || since > 0 && rec.Version >= since {
			list = append(list, rec)
		}
	}
	r.fake.System.mu.Lock()
	for i := range list {
		list[i] = r.bound(list[i])
	}
	r.fake.System.mu.Unlock()
	for chunk := range slices.Chunk(list, 100) {
		if err := page(chunk); err != nil {
			return since, err
		}
	}
	return next, nil
}

// bound keeps the fields that the object has and the table as well. The System must be locked.
func (r *records) bound(rec record.Record) record.Record {
	if rec.State != record.Live {
		return rec
	}
	fields := record.Fields{}
	for name := range r.shapes() {
		fields[name] = rec.Fields[name]
	}
	rec.Fields = fields
	return rec
}

// Read finds records by id.
func (r *records) Read(ctx context.Context, ids []string) ([]record.Record, error) {
	if fault := r.fake.fault(ctx, Call{Operation: "read", Table: r.table, Rows: len(ids)}); fault.Before != nil {
		return nil, fault.Before
	}
	s := r.fake.System
	hidden := s.hides(r.table)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]record.Record, len(ids))
	for i, id := range ids {
		out[i] = record.Record{ID: id, State: record.Missing}
		if row := s.table(r.table).rows[id]; row != nil && row.state != record.Missing && !hidden {
			out[i] = r.bound(row.record(id))
		}
	}
	return out, nil
}

// Find finds live records by key.
func (r *records) Find(ctx context.Context, keys []string) (map[string][]string, error) {
	if fault := r.fake.fault(ctx, Call{Operation: "find", Table: r.table, Rows: len(keys)}); fault.Before != nil {
		return nil, fault.Before
	}
	found := map[string][]string{}
	for _, rec := range r.shown() {
		if rec.State == record.Live && rec.Key != "" && slices.Contains(keys, rec.Key) {
			found[rec.Key] = append(found[rec.Key], rec.ID)
		}
	}
	return found, nil
}

// Write carries out a batch, once for each idempotency key.
func (r *records) Write(ctx context.Context, b provider.Batch) ([]record.Result, error) {
	fault := r.fake.fault(ctx, Call{Operation: "write", Table: r.table, Rows: len(b.Patches)})
	if fault.Before != nil {
		return nil, fault.Before
	}
	if err := provider.Leave(ctx, "write "+r.table); err != nil {
		return nil, err
	}
	s := r.fake.System
	s.mu.Lock()
	results, known := s.keys[b.Key]
	var touched []string
	if !known || b.Key == "" {
		results = nil
		for i, p := range b.Patches {
			if err := fault.Rows[i]; err != nil {
				results = append(results, record.Result{Err: err})
				continue
			}
			result := r.write(p)
			if result.Err == nil {
				touched = append(touched, result.ID)
			}
			results = append(results, result)
		}
		s.keys[b.Key] = results
	}
	s.mu.Unlock()
	for _, id := range touched {
		s.tell(r.table, id)
	}
	if fault.After != nil {
		return nil, fault.After
	}
	return results, nil
}

func (r *records) write(p record.Patch) record.Result {
	s := r.fake.System
	t := s.table(r.table)
	if err := r.check(p); err != nil {
		return record.Result{ID: p.ID, Err: err}
	}
	if p.Op == record.Create {
		id := s.create(r.table, p.Fields, p.Key, "accord")
		s.writes = append(s.writes, Write{Table: r.table, ID: id, Patch: p, Version: t.rows[id].version})
		return record.Result{ID: id, Version: t.rows[id].version}
	}
	row := t.rows[p.ID]
	if row == nil || row.state != record.Live {
		return record.Result{ID: p.ID, Err: &provider.Error{Kind: provider.NotFound, Op: "write " + p.ID, Code: "GONE", Message: "there is no such record"}}
	}
	switch p.Op {
	case record.Archive:
		row.state = record.Archived
	case record.Delete:
		row.state = record.Deleted
	}
	if p.Key != "" || p.Unlink {
		row.key = p.Key
	}
	before := record.Fields{}
	for name := range p.Fields {
		before[name] = row.fields[name]
	}
	s.touch(t, row, p.Fields, "accord")
	s.writes = append(s.writes, Write{Table: r.table, ID: p.ID, Patch: p, Before: before, Version: row.version})
	result := record.Result{ID: p.ID, Version: row.version}
	if !s.tacit {
		result.Fields = record.Fields{}
		for name := range p.Fields {
			result.Fields[name] = row.fields[name]
		}
	}
	return result
}

// Lane is the table.
func (r *records) Lane() string { return r.table }

// Limits are small, so that tests see several batches.
func (r *records) Limits() provider.Limits {
	size := r.fake.Batch
	if size == 0 {
		size = 50
	}
	return provider.Limits{BatchSize: size, SearchLag: time.Second, Parallel: 1}
}
