package org

import (
	"encoding/json"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// selection is the compiled select list of one object: fields, parents and children in the order they were named.
type selection struct {
	t      *table
	object string
	nodes  []*node
	// singleRow is set where FullName or Metadata is selected, which Tooling answers for one row only.
	singleRow bool
	tooling   bool
}

type node struct {
	name   string
	field  *metadata.Field
	get    func(*row) any
	rel    *metadata.Field
	parent map[string]*selection // by key prefix of the parent's object
	child  *compiled
	link   *metadata.Field // the child's reference to this object
	typeOf map[string]*selection
}

func (s *selection) columns() []string { return s.columnsFrom("") }

func (s *selection) columnsFrom(prefix string) []string {
	var out []string
	for _, n := range s.nodes {
		switch {
		case n.parent != nil:
			for _, name := range n.rel.ReferenceTo {
				if done := false; !done {
					for _, sub := range n.parent {
						if sub.object == name {
							out = append(out, sub.columnsFrom(prefix+n.name+".")...)
							done = true
						}
					}
					if done {
						break
					}
				}
			}
		case n.child == nil && n.typeOf == nil:
			out = append(out, prefix+n.name)
		}
	}
	return out
}

// selection compiles the select list.
func (c *compiled) selection() (*selection, *Error) {
	s := &selection{t: c.t, object: c.t.def.Name, tooling: c.opts.Tooling}
	for _, item := range c.q.Select {
		switch {
		case item.Sub != nil:
			n, err := c.bindChild(item.Sub)
			if err != nil {
				return nil, err
			}
			s.nodes = append(s.nodes, n)
		case item.Fields != "":
			if err := c.allFields(s, item); err != nil {
				return nil, err
			}
		case item.TypeOf != nil:
			n, err := c.bindTypeOf(item.TypeOf)
			if err != nil {
				return nil, err
			}
			s.nodes = append(s.nodes, n)
		case item.Expr.Func != "":
			get, f, err := c.function(item.Expr)
			if err != nil {
				return nil, err
			}
			name := item.Alias
			if name == "" {
				name = item.Expr.Args[0].Path[len(item.Expr.Args[0].Path)-1]
			}
			s.nodes = append(s.nodes, &node{name: name, field: f, get: get})
		default:
			if item.Alias != "" {
				return nil, at(c.q, "MALFORMED_QUERY", item.Expr.Pos, "only aggregate expressions use field aliasing")
			}
			if err := c.addPath(s, c.path(item.Expr.Path), item.Expr); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (c *compiled) allFields(s *selection, item soql.Item) *Error {
	if item.Fields != "STANDARD" && (c.q.Limit < 0 || c.q.Limit > 200) && !c.child {
		return at(c.q, "MALFORMED_QUERY", item.Expr.Pos, "The SOQL FIELDS function must have a LIMIT of at most 200")
	}
	if c.opts.Bulk && item.Fields != "STANDARD" {
		return at(c.q, "MALFORMED_QUERY", item.Expr.Pos, "The SOQL FIELDS function is not supported in Bulk API")
	}
	for _, f := range s.t.def.Fields {
		if f.Name == "" || f.Custom == (item.Fields == "STANDARD") && item.Fields != "ALL" || !c.perms.Field(s.t.def, f).Read {
			continue
		}
		if err := c.addPath(s, []string{f.Name}, item.Expr); err != nil {
			return err
		}
	}
	return nil
}

// addPath adds a field, or a parent's field below a node for the parent. The same field twice is one.
func (c *compiled) addPath(s *selection, path []string, e soql.Expr) *Error {
	if len(path) == 1 {
		get, f, err := c.pathGetter(s.t, path, e)
		if err != nil {
			return err
		}
		for _, n := range s.nodes {
			if n.field == f {
				return nil
			}
		}
		if s.tooling && (f.Name == "Metadata" || f.Name == "FullName") {
			s.singleRow = true
		}
		if c.opts.Bulk && f.IsCompound() {
			return Errorf("FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
		}
		s.nodes = append(s.nodes, &node{name: f.Name, field: f, get: get})
		return nil
	}
	if len(path) > 6 {
		return at(c.q, "MALFORMED_QUERY", e.Pos, "a relationship path may have at most five levels: %s", e.Text)
	}
	if _, _, err := c.pathGetter(s.t, path, e); err != nil {
		return err
	}
	rel := s.t.def.Relation(path[0])
	var n *node
	for _, have := range s.nodes {
		if have.rel == rel && have.parent != nil {
			n = have
		}
	}
	if n == nil {
		n = &node{name: rel.RelationshipName, rel: rel, parent: map[string]*selection{}}
		s.nodes = append(s.nodes, n)
	}
	for _, name := range rel.ReferenceTo {
		t := c.tx.queryTable(name, c.opts)
		if t == nil {
			continue
		}
		sub := n.parent[t.def.KeyPrefix]
		if sub == nil {
			sub = &selection{t: t, object: t.def.Name, tooling: s.tooling}
			n.parent[t.def.KeyPrefix] = sub
		}
		if len(rel.ReferenceTo) > 1 {
			if len(path) == 2 && strings.EqualFold(path[1], "Type") {
				object := t.def.Name
				sub.nodes = append(sub.nodes, &node{name: "Type", field: &metadata.Field{Name: "Type", Type: "string"}, get: func(*row) any { return object }})
				continue
			}
			if _, _, err := c.pathGetter(t, path[1:], e); err != nil {
				sub.nodes = append(sub.nodes, &node{name: path[1], field: &metadata.Field{Name: path[1], Type: "string"}, get: func(*row) any { return nil }})
				continue
			}
		}
		if err := c.addPath(sub, path[1:], e); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiled) bindTypeOf(to *soql.TypeOf) (*node, *Error) {
	rel := c.t.def.Relation(to.Relation)
	if rel == nil {
		return nil, at(c.q, "INVALID_FIELD", to.Pos, "Didn't understand relationship '%s' in field path.", to.Relation)
	}
	n := &node{name: rel.RelationshipName, rel: rel, typeOf: map[string]*selection{}}
	for _, name := range rel.ReferenceTo {
		t := c.tx.queryTable(name, c.opts)
		if t == nil {
			continue
		}
		fields := to.Else
		for _, w := range to.When {
			if strings.EqualFold(w.Object, t.def.Name) {
				fields = w.Fields
			}
		}
		sub := &selection{t: t, object: t.def.Name}
		for _, e := range fields {
			if err := c.addPath(sub, e.Path, e); err != nil {
				return nil, err
			}
		}
		n.typeOf[t.def.KeyPrefix] = sub
	}
	return n, nil
}

// bindChild compiles a child subquery: its FROM is the name of a child relationship.
func (c *compiled) bindChild(q *soql.Query) (*node, *Error) {
	if c.opts.Bulk {
		return nil, Errorf("INVALIDBATCH", "parent-to-child relationships are not supported in Bulk API queries")
	}
	for _, name := range c.tx.o.tableNames() {
		t := c.tx.o.table(name)
		for _, f := range t.def.Fields {
			if f.ChildRelationship == "" || !strings.EqualFold(f.ChildRelationship, q.From) || !refersTo(f.ReferenceTo, c.t.def.Name) {
				continue
			}
			if !c.perms.Object(t.def).Read {
				continue
			}
			child := &compiled{tx: c.tx, q: q, t: t, opts: c.opts, perms: c.perms, child: true}
			if err := child.prepare(); err != nil {
				return nil, err
			}
			if child.aggregated() {
				return nil, at(q, "MALFORMED_QUERY", q.FromPos, "aggregate queries are not allowed in subqueries")
			}
			return &node{name: f.ChildRelationship, child: child, link: f}, nil
		}
	}
	return nil, at(q, "INVALID_TYPE", q.FromPos, "Didn't understand relationship '%s' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", q.From)
}

// Page renders records from up to to, as ordered JSON objects.
func (r *Result) Page(tx *Tx, from, to int) []metadata.Ordered {
	if r.groups != nil {
		return r.groups[min(from, len(r.groups)):min(to, len(r.groups))]
	}
	out := make([]metadata.Ordered, 0, to-from)
	for i := from; i < min(to, len(r.rows)); i++ {
		s := r.rows[i]
		out = append(out, r.sel.render(tx, &row{id: s.r.id, cells: s.cells}, r.base))
	}
	return out
}

// SavedResult is a result as it is kept across restarts: with its records.
type SavedResult struct {
	Size    int                `json:"size"`
	Columns []string           `json:"columns"`
	Entity  string             `json:"entity"`
	Records []metadata.Ordered `json:"records"`
}

// Save makes all records of the result.
func (r *Result) Save(tx *Tx) SavedResult {
	return SavedResult{Size: r.Size, Columns: r.Columns, Entity: r.Entity, Records: r.Page(tx, 0, r.Len())}
}

// Result takes up what Save gave.
func (s SavedResult) Result() *Result {
	r := &Result{Size: s.Size, Columns: s.Columns, Entity: s.Entity, groups: s.Records}
	if r.groups == nil {
		r.groups = []metadata.Ordered{}
	}
	return r
}

// Len is the number of records that can be paged through.
func (r *Result) Len() int {
	if r.groups != nil {
		return len(r.groups)
	}
	return len(r.rows)
}

func (s *selection) render(tx *Tx, r *row, base string) metadata.Ordered {
	url := base + "/sobjects/" + s.object + "/" + r.id
	if s.t.def.Tooling {
		url = base + "/tooling/sobjects/" + s.object + "/" + r.id
	}
	rec := make(metadata.Ordered, 0, len(s.nodes)+1)
	rec.Set("attributes", metadata.Ordered{{Key: "type", Value: s.object}, {Key: "url", Value: url}})
	for _, n := range s.nodes {
		rec.Set(n.name, n.value(tx, r, base))
	}
	return rec
}

func (n *node) value(tx *Tx, r *row, base string) any {
	subs := n.parent
	switch {
	case n.child != nil:
		return n.children(tx, r, base)
	case n.typeOf != nil:
		subs = n.typeOf
	case n.parent == nil:
		return renderValue(n.field, n.get(r))
	}
	id, _ := r.get(n.rel.Slot).(string)
	for prefix, sub := range subs {
		if len(subs) > 1 && !strings.HasPrefix(id, prefix) {
			continue
		}
		if p := sub.t.rows[id]; p != nil {
			return sub.render(tx, p, base)
		}
	}
	return nil
}

func (n *node) children(tx *Tx, r *row, base string) any {
	c := n.child
	var rows []*row
	for _, k := range c.t.find(n.link, r.id) {
		if c.keep(k) {
			rows = append(rows, k)
		}
	}
	c.sort(rows, c.order)
	if c.q.Offset > 0 {
		rows = rows[min(c.q.Offset, len(rows)):]
	}
	if c.q.Limit >= 0 && len(rows) > c.q.Limit {
		rows = rows[:c.q.Limit]
	}
	if len(rows) == 0 {
		return nil
	}
	records := make([]metadata.Ordered, len(rows))
	for i, k := range rows {
		records[i] = c.sel.render(tx, k, base)
	}
	tx.Read += len(rows)
	return metadata.Ordered{{Key: "totalSize", Value: len(rows)}, {Key: "done", Value: true}, {Key: "records", Value: records}}
}

// renderValue turns a stored value into what JSON answers hold: numbers with decimals carry at least one.
func renderValue(f *metadata.Field, v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if f.Type == "int" || f.Type == "long" {
		return n
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		return json.RawMessage(n.String() + ".0")
	}
	return n
}

// valueAt gives a field's value, computing what is not stored: formulas, addresses and locations.
func (tx *Tx) valueAt(t *table, cells []cell, slot, depth int) any {
	f := t.def.Fields[slot]
	switch {
	case f.IsCompound():
		return compound(t, cells, f)
	case f.Calculated && f.Formula != "":
		if depth > 8 {
			return nil
		}
		parsed, err := parseFormula(f.Formula)
		if err != nil {
			return nil
		}
		return formulaResult(f, parsed.eval(&formulaEnv{tx: tx, d: &draft{t: t, cells: cells, before: cells}, depth: depth}))
	}
	return cellsGet(cells, slot)
}

func formulaResult(f *metadata.Field, v fval) any {
	switch {
	case v.v == nil:
		if f.Type == "boolean" {
			return false
		}
		return nil
	case f.Type == "boolean":
		return v.truth()
	case f.IsNumber():
		return json.Number(trimNumber(v.num().FloatString(f.Scale)))
	}
	if s := v.text(); s != "" {
		return s
	}
	return nil
}

// compound builds the nested form of an address or location; null where no part has a value.
func compound(t *table, cells []cell, f *metadata.Field) any {
	out := metadata.Ordered{}
	found := false
	names := map[string]any{}
	for _, p := range t.def.Parts(f.Name) {
		v := cellsGet(cells, p.Slot)
		found = found || v != nil
		key := strings.TrimPrefix(p.Name, strings.TrimSuffix(f.Name, "Address"))
		if f.Type == "location" {
			key = strings.TrimSuffix(p.Name[strings.LastIndex(strings.TrimSuffix(p.Name, "__s"), "__")+2:], "__s")
		}
		names[strings.ToLower(key[:1])+key[1:]] = renderValue(p, v)
	}
	if !found {
		return nil
	}
	for _, key := range []string{"city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street"} {
		if v, ok := names[key]; ok {
			out.Set(key, v)
		}
	}
	return out
}
