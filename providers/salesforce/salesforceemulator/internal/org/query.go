package org

import (
	"sort"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// QueryOptions say how a query runs.
type QueryOptions struct {
	// All includes deleted records (queryAll).
	All bool
	// Tooling reads the metadata catalogue as well as the org's objects.
	Tooling bool
	// Bulk refuses what Bulk API queries refuse.
	Bulk bool
}

// Result is the outcome of a query: records are made when they are fetched, from snapshots of their rows.
type Result struct {
	// Size is the number of records, or the count for COUNT().
	Size int
	// Count is true for COUNT(): there are no records.
	Count bool
	// Columns are the names of the select list, for CSV.
	Columns []string
	// Entity is the object queried.
	Entity string

	rows   []snapshot
	groups []metadata.Ordered
	sel    *selection
	base   string
}

type snapshot struct {
	r     *row
	cells []cell
}

// compiled is a query checked against the schema.
type compiled struct {
	tx    *Tx
	q     *soql.Query
	t     *table
	opts  QueryOptions
	perms *Permissions
	where func(*row) bool
	order []sorter
	sel   *selection
	// child marks a subquery: its rows come from the parent.
	child bool
}

type sorter struct {
	get       func(*row) any
	cmp       func(a, b any) int
	desc      bool
	nullsLast bool
	field     *metadata.Field
	direct    bool // a field of the queried object itself
}

// queryTable finds what a query may select from.
func (tx *Tx) queryTable(name string, opts QueryOptions) *table {
	if opts.Tooling {
		if t := tx.toolingTable(name); t != nil {
			return t
		}
	}
	return tx.o.table(name)
}

func toError(err error) *Error {
	switch e := err.(type) {
	case *Error:
		return e
	case *soql.Error:
		return &Error{Code: e.Code, Message: e.Message}
	}
	return &Error{Code: "UNKNOWN_EXCEPTION", Message: err.Error(), Status: 500}
}

// Query runs a SOQL query. base is the path up to the version, for the urls of records.
func (tx *Tx) Query(text, base string, opts QueryOptions) (*Result, *Error) {
	q, err := soql.Parse(text)
	if err != nil {
		return nil, toError(err)
	}
	c, cerr := tx.compile(q, opts, nil)
	if cerr != nil {
		return nil, cerr
	}
	return c.run(base)
}

func at(q *soql.Query, code string, pos int, format string, args ...any) *Error {
	e := soql.ErrorAt(code, q.Text, pos, format, args...)
	return &Error{Code: e.Code, Message: e.Message}
}

func (tx *Tx) compile(q *soql.Query, opts QueryOptions, parent *table) (*compiled, *Error) {
	c := &compiled{tx: tx, q: q, opts: opts, perms: tx.permissions()}
	if parent == nil {
		c.t = tx.queryTable(q.From, opts)
		if c.t == nil || c.t.def.Tooling && !opts.Tooling || !c.t.def.Queryable || !c.perms.Object(c.t.def).Read {
			return nil, at(q, "INVALID_TYPE", q.FromPos, "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", q.From)
		}
	} else {
		c.child = true
	}
	return c, c.prepare()
}

func (c *compiled) prepare() *Error {
	q := c.q
	if c.t == nil {
		return nil // children are bound by bindChild
	}
	if q.Offset > 2000 {
		return Errorf("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
	}
	if c.t.def.Tooling {
		if err := c.checkCatalogue(); err != nil {
			return err
		}
	}
	if q.Where != nil {
		w, err := c.cond(q.Where)
		if err != nil {
			return err
		}
		c.where = w
	}
	if c.aggregated() {
		return nil
	}
	for _, o := range q.OrderBy {
		s, err := c.sorter(o)
		if err != nil {
			return err
		}
		c.order = append(c.order, s)
	}
	sel, err := c.selection()
	c.sel = sel
	return err
}

func (c *compiled) sorter(o soql.Order) (sorter, *Error) {
	get, f, err := c.getter(o.Expr)
	if err != nil {
		return sorter{}, err
	}
	if f.IsLongText() || f.Type == "multipicklist" || f.IsCompound() {
		return sorter{}, at(c.q, "MALFORMED_QUERY", o.Expr.Pos, "field '%s' can not be sorted in a query call", o.Expr.Text)
	}
	return sorter{get: get, cmp: comparer(f), desc: o.Desc, nullsLast: o.NullsGiven && o.NullsLast, field: f, direct: len(c.path(o.Expr.Path)) == 1 && o.Expr.Func == ""}, nil
}

// path drops the object's name or alias from the front of a path.
func (c *compiled) path(p []string) []string {
	if len(p) > 1 && (strings.EqualFold(p[0], c.q.Alias) && c.q.Alias != "" || strings.EqualFold(p[0], c.t.def.Name) && c.t.def.Relation(p[0]) == nil) {
		return p[1:]
	}
	return p
}

func (c *compiled) noColumn(pos int, name, entity string) *Error {
	return at(c.q, "INVALID_FIELD", pos, "No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", name, entity)
}

// getter gives the value of a path or date function for a row, and the field whose type it has.
func (c *compiled) getter(e soql.Expr) (func(*row) any, *metadata.Field, *Error) {
	if e.Func != "" {
		return c.function(e)
	}
	return c.pathGetter(c.t, c.path(e.Path), e)
}

func (c *compiled) pathGetter(t *table, path []string, e soql.Expr) (func(*row) any, *metadata.Field, *Error) {
	if len(path) > 6 {
		return nil, nil, at(c.q, "MALFORMED_QUERY", e.Pos, "a relationship path may have at most five levels: %s", e.Text)
	}
	name := path[0]
	if len(path) == 1 {
		f := t.def.Field(name)
		if f == nil || f.Name == "" || !c.perms.Field(t.def, f).Read {
			return nil, nil, c.noColumn(e.Pos, name, t.def.Name)
		}
		if f.Calculated && f.Formula != "" || f.IsCompound() {
			return func(r *row) any { return c.tx.valueAt(t, r.cells, f.Slot, 0) }, f, nil
		}
		slot := f.Slot
		return func(r *row) any { return r.get(slot) }, f, nil
	}
	rel := t.def.Relation(name)
	if rel == nil || !c.perms.Field(t.def, rel).Read {
		return nil, nil, at(c.q, "INVALID_FIELD", e.Pos, "Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", name)
	}
	return c.parentGetter(rel, path[1:], e)
}

// parentGetter follows a reference. Polymorphic ones are compiled for every object they may point to.
func (c *compiled) parentGetter(rel *metadata.Field, rest []string, e soql.Expr) (func(*row) any, *metadata.Field, *Error) {
	type target struct {
		get func(*row) any
		t   *table
	}
	targets := map[string]target{}
	var field *metadata.Field
	var failure *Error
	for _, name := range rel.ReferenceTo {
		t := c.tx.queryTable(name, c.opts)
		if t == nil || !c.perms.Object(t.def).Read {
			continue
		}
		if len(rel.ReferenceTo) > 1 && len(rest) == 1 && strings.EqualFold(rest[0], "Type") {
			object := t.def.Name
			targets[t.def.KeyPrefix] = target{func(*row) any { return object }, t}
			field = &metadata.Field{Name: "Type", Type: "string", Length: 40}
			continue
		}
		get, f, err := c.pathGetter(t, rest, e)
		if err != nil {
			failure = err
			continue
		}
		if field == nil {
			field = f
		}
		targets[t.def.KeyPrefix] = target{get, t}
	}
	if field == nil {
		if failure == nil || len(rel.ReferenceTo) > 1 {
			failure = c.noColumn(e.Pos, rest[len(rest)-1], "Name")
		}
		return nil, nil, failure
	}
	slot := rel.Slot
	single := len(targets) == 1
	return func(r *row) any {
		id, _ := r.get(slot).(string)
		if id == "" {
			return nil
		}
		for prefix, tg := range targets {
			if !single && !strings.HasPrefix(id, prefix) {
				continue
			}
			if p := tg.t.rows[id]; p != nil {
				return tg.get(p)
			}
		}
		return nil
	}, field, nil
}

// run executes a compiled query that is not a child.
func (c *compiled) run(base string) (*Result, *Error) {
	if c.aggregated() {
		return c.aggregate()
	}
	rows := c.fetch()
	res := &Result{Size: len(rows), sel: c.sel, base: base, Columns: c.sel.columns(), Entity: c.t.def.Name}
	if c.opts.Tooling && len(rows) > 1 && c.sel.singleRow {
		return nil, Errorf("MALFORMED_QUERY", "When retrieving results with Metadata or FullName fields, the query qualificatier must return no more than one row to filter (for example, by Id = ..)")
	}
	res.rows = make([]snapshot, len(rows))
	for i, r := range rows {
		res.rows[i] = snapshot{r, r.cells}
	}
	c.tx.Read += len(rows)
	return res, nil
}

// fetch gives the rows in order, with offset and limit applied.
func (c *compiled) fetch() []*row {
	limit := c.q.Limit
	want := -1
	if limit >= 0 {
		want = limit + max(c.q.Offset, 0)
	}
	scan, sorted := c.plan()
	rows := c.collect(scan, sorted, want)
	if !sorted && len(c.order) > 0 {
		c.sort(rows, c.order)
	}
	if c.q.Offset > 0 {
		rows = rows[min(c.q.Offset, len(rows)):]
	}
	if limit >= 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	return rows
}

// keep tells whether a row is part of the answer.
func (c *compiled) keep(r *row) bool {
	return r.cells != nil && (c.opts.All || c.q.AllRows || !c.t.isDeleted(r.cells)) && (c.where == nil || c.where(r))
}

// collect takes rows off the scan until there are enough; scans that are not in the wanted order are taken whole.
func (c *compiled) collect(scan func(yield func(*row) bool), sorted bool, want int) []*row {
	var rows []*row
	enough := func() bool { return want >= 0 && len(rows) >= want && (sorted || len(c.order) == 0) }
	if want == 0 {
		return nil
	}
	if !sorted || len(c.order) < 2 {
		scan(func(r *row) bool {
			if c.keep(r) {
				rows = append(rows, r)
			}
			return !enough()
		})
		return rows
	}
	// The scan is ordered by the first key only: sort each run of equal keys by the rest.
	first, start := c.order[0], 0
	flush := func() { c.sort(rows[start:], c.order[1:]); start = len(rows) }
	scan(func(r *row) bool {
		if !c.keep(r) {
			return true
		}
		if len(rows) > start && first.get(rows[start]) != first.get(r) {
			flush()
			if enough() {
				return false
			}
		}
		rows = append(rows, r)
		return true
	})
	flush()
	return rows
}

func (c *compiled) sort(rows []*row, keys []sorter) {
	sort.SliceStable(rows, func(i, j int) bool {
		for _, k := range keys {
			if x := k.compare(k.get(rows[i]), k.get(rows[j])); x != 0 {
				return x < 0
			}
		}
		return false
	})
}

// compare puts nulls first unless asked otherwise, whatever the direction (SOQL reference, ORDER BY).
func (k sorter) compare(a, b any) int {
	if a == nil || b == nil {
		switch {
		case a == nil && b == nil:
			return 0
		case (a == nil) == k.nullsLast:
			return 1
		}
		return -1
	}
	x := k.cmp(a, b)
	if k.desc {
		return -x
	}
	return x
}

// plan picks where rows come from: an id, an index, the modification log or all rows; and tells whether they come in the
// order of the first sort key.
func (c *compiled) plan() (scan func(func(*row) bool), sorted bool) {
	t := c.t
	list := func(rows []*row) func(func(*row) bool) {
		return func(yield func(*row) bool) {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}
	}
	from := ""
	for _, cmp := range topLevel(c.q.Where) {
		path := c.path(cmp.Left.Path)
		if cmp.Left.Func != "" || len(path) != 1 || cmp.Sub != nil {
			continue
		}
		f := t.def.Field(path[0])
		if f == nil {
			continue
		}
		if rows, ok := c.byKey(f, cmp); ok {
			return list(rows), false
		}
		if f.Slot == t.stampSlot && (cmp.Op == ">" || cmp.Op == ">=" || cmp.Op == "=") && cmp.Values[0].Kind == soql.DateTime {
			from = max(from, cmp.Values[0].Text)
		}
	}
	byStamp := len(c.order) > 0 && c.order[0].direct && c.order[0].field.Slot == t.stampSlot && !c.order[0].desc
	if t.stampSlot >= 0 && !t.unsorted && (from != "" || byStamp) {
		return func(yield func(*row) bool) {
			for _, e := range t.modified(from) {
				if e.current() && !yield(e.row) {
					return
				}
			}
		}, byStamp
	}
	byID := len(c.order) > 0 && c.order[0].direct && c.order[0].field.Type == "id" && !c.order[0].desc
	rows := t.order
	if after := c.afterID(); after != "" {
		rows = rows[sort.Search(len(rows), func(i int) bool { return rows[i].id >= after }):]
	}
	return list(rows), byID
}

// afterID is the lower bound of a WHERE Id > '...'.
func (c *compiled) afterID() string {
	for _, cmp := range topLevel(c.q.Where) {
		if path := c.path(cmp.Left.Path); len(path) == 1 && strings.EqualFold(path[0], "Id") && (cmp.Op == ">" || cmp.Op == ">=") && cmp.Values[0].Kind == soql.String {
			return clip(cmp.Values[0].Text, 15)
		}
	}
	return ""
}

// topLevel lists the comparisons every row has to meet.
func topLevel(cond soql.Cond) []*soql.Compare {
	switch w := cond.(type) {
	case *soql.Compare:
		return []*soql.Compare{w}
	case soql.And:
		var out []*soql.Compare
		for _, part := range w {
			out = append(out, topLevel(part)...)
		}
		return out
	}
	return nil
}

// byKey finds rows through an index where a comparison allows it.
func (c *compiled) byKey(f *metadata.Field, cmp *soql.Compare) ([]*row, bool) {
	if cmp.Op != "=" && cmp.Op != "IN" || c.t.def.Tooling {
		return nil, false
	}
	isID := f.Type == "id" && f.Name == "Id"
	if !isID && (c.t.idx[f.Slot] == nil || c.opts.All || c.q.AllRows || f.IsNumber()) {
		return nil, false
	}
	seen := map[*row]bool{}
	var out []*row
	for _, v := range cmp.Values {
		if v.Kind != soql.String {
			return nil, false
		}
		var rows []*row
		if isID || f.Type == "reference" {
			id := normalID(v.Text)
			if isID {
				if r := c.t.rows[id]; r != nil {
					rows = []*row{r}
				}
			} else {
				rows = c.t.find(f, id)
			}
		} else {
			rows = c.t.find(f, v.Text)
		}
		for _, r := range rows {
			if !seen[r] {
				seen[r] = true
				out = append(out, r)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out, true
}
