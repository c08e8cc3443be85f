package org

import (
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

var aggregates = map[string]bool{"COUNT": true, "COUNT_DISTINCT": true, "SUM": true, "AVG": true, "MIN": true, "MAX": true}

func (c *compiled) aggregated() bool {
	if len(c.q.GroupBy) > 0 {
		return true
	}
	for _, it := range c.q.Select {
		if aggregates[it.Expr.Func] {
			return true
		}
	}
	return false
}

// function compiles the functions of a row: dates taken apart, toLabel, convertCurrency, FORMAT.
func (c *compiled) function(e soql.Expr) (func(*row) any, *metadata.Field, *Error) {
	if len(e.Args) != 1 {
		return nil, nil, at(c.q, "MALFORMED_QUERY", e.Pos, "unexpected token: '%s'", e.Func)
	}
	if aggregates[e.Func] {
		return nil, nil, at(c.q, "MALFORMED_QUERY", e.Pos, "aggregate functions are not allowed here: %s", e.Text)
	}
	get, f, err := c.getter(e.Args[0])
	if err != nil {
		return nil, nil, err
	}
	switch e.Func {
	case "TOLABEL":
		return func(r *row) any { return label(f, get(r)) }, &metadata.Field{Name: f.Name, Type: "string"}, nil
	case "CONVERTCURRENCY":
		return c.converted(f, c.path(e.Args[0].Path), get, c.tx.currencyOfUserOrNil()), f, nil
	case "CONVERTTIMEZONE":
		return get, f, nil
	case "FORMAT":
		return func(r *row) any {
			if v := get(r); v != nil {
				return fmt.Sprint(v)
			}
			return nil
		}, &metadata.Field{Name: f.Name, Type: "string"}, nil
	case "DAY_ONLY":
		return func(r *row) any { return c.datePart(f, get(r), e.Func) }, &metadata.Field{Name: f.Name, Type: "date"}, nil
	case "CALENDAR_YEAR", "CALENDAR_MONTH", "CALENDAR_QUARTER", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR", "HOUR_IN_DAY", "WEEK_IN_YEAR",
		"FISCAL_YEAR", "FISCAL_QUARTER", "FISCAL_MONTH":
		return func(r *row) any { return c.datePart(f, get(r), e.Func) }, &metadata.Field{Name: f.Name, Type: "int"}, nil
	}
	return nil, nil, at(c.q, "MALFORMED_QUERY", e.Pos, "unexpected token: '%s'", e.Func)
}

func label(f *metadata.Field, v any) any {
	for _, p := range f.Picklist {
		if p.Value == v {
			return p.Label
		}
	}
	return v
}

func (c *compiled) datePart(f *metadata.Field, v any, fn string) any {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	t, ok := parseDay(s)
	if !ok {
		return nil
	}
	n := 0
	switch strings.Replace(fn, "FISCAL", "CALENDAR", 1) { // the fiscal year starts in January
	case "CALENDAR_YEAR":
		n = t.Year()
	case "CALENDAR_MONTH":
		n = int(t.Month())
	case "CALENDAR_QUARTER":
		n = (int(t.Month()) + 2) / 3
	case "DAY_IN_MONTH":
		n = t.Day()
	case "DAY_IN_WEEK":
		n = int(t.Weekday()) + 1
	case "DAY_IN_YEAR":
		n = t.YearDay()
	case "HOUR_IN_DAY":
		n = t.Hour()
	case "WEEK_IN_YEAR":
		n = (t.YearDay()-1)/7 + 1
	case "DAY_ONLY":
		return t.Format(time.DateOnly)
	}
	return json.Number(strconv.Itoa(n))
}

// column is one output column of an aggregate query.
type column struct {
	name  string
	expr  string // lower-case text, to find it again from HAVING and ORDER BY
	field *metadata.Field
	fn    string // empty for grouped values
	get   func(*row) any
}

func (c *compiled) aggregate() (*Result, *Error) {
	if len(c.q.Select) == 1 && c.q.Select[0].Expr.Func == "COUNT" && len(c.q.Select[0].Expr.Args) == 0 && len(c.q.GroupBy) == 0 {
		scan, _ := c.plan()
		n := 0
		scan(func(r *row) bool {
			if c.keep(r) {
				n++
			}
			return c.q.Limit < 0 || n < c.q.Limit
		})
		return &Result{Size: n, Count: true, groups: []metadata.Ordered{}, Entity: c.t.def.Name}, nil
	}
	if c.opts.Bulk {
		return nil, Errorf("INVALIDBATCH", "aggregate queries are not supported in Bulk API queries")
	}
	keys, err := c.groupKeys()
	if err != nil {
		return nil, err
	}
	cols, err := c.columns(keys)
	if err != nil {
		return nil, err
	}
	groups := c.group(keys)
	having, err := c.having()
	if err != nil {
		return nil, err
	}
	var orders []aggSorter
	for _, o := range c.q.OrderBy {
		col, err := c.column(o.Expr, "", keys)
		if err != nil {
			return nil, err
		}
		orders = append(orders, aggSorter{col, sorter{cmp: comparer(col.field), desc: o.Desc, nullsLast: o.NullsGiven && o.NullsLast}})
	}
	kept := groups[:0]
	for _, g := range groups {
		if having == nil || having(g) {
			kept = append(kept, g)
		}
	}
	sort.SliceStable(kept, func(i, j int) bool {
		for _, o := range orders {
			if x := o.sorter.compare(o.col.value(kept[i]), o.col.value(kept[j])); x != 0 {
				return x < 0
			}
		}
		return false
	})
	if c.q.Offset > 0 {
		kept = kept[min(c.q.Offset, len(kept)):]
	}
	if c.q.Limit >= 0 && len(kept) > c.q.Limit {
		kept = kept[:c.q.Limit]
	}
	out := make([]metadata.Ordered, 0, len(kept))
	for _, g := range kept {
		rec := metadata.Ordered{{Key: "attributes", Value: metadata.Ordered{{Key: "type", Value: "AggregateResult"}}}}
		for _, col := range cols {
			rec.Set(col.name, renderValue(col.field, col.value(g)))
		}
		out = append(out, rec)
	}
	if len(out) > 2000 {
		return nil, Errorf("EXCEEDED_ID_LIMIT", "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch")
	}
	c.tx.Read += len(out)
	return &Result{Size: len(out), groups: out, Entity: c.t.def.Name}, nil
}

type aggSorter struct {
	col    *column
	sorter sorter
}

func (c *compiled) groupKeys() ([]*column, *Error) {
	var keys []*column
	for _, e := range c.q.GroupBy {
		get, f, err := c.getter(e)
		if err != nil {
			return nil, err
		}
		if f.IsLongText() || f.IsCompound() || f.Type == "multipicklist" || f.Type == "datetime" {
			return nil, at(c.q, "MALFORMED_QUERY", e.Pos, "field '%s' can not be grouped in a query call", e.Text)
		}
		keys = append(keys, &column{expr: strings.ToLower(e.Text), field: f, get: get})
	}
	return keys, nil
}

func (c *compiled) columns(keys []*column) ([]*column, *Error) {
	var cols []*column
	anonymous := 0
	for _, it := range c.q.Select {
		if it.Sub != nil || it.Fields != "" || it.TypeOf != nil {
			return nil, at(c.q, "MALFORMED_QUERY", it.Expr.Pos, "Grouped queries select only fields, functions and aggregates")
		}
		name := it.Alias
		if name == "" {
			if it.Expr.Func != "" {
				name = "expr" + strconv.Itoa(anonymous)
				anonymous++
			} else {
				name = it.Expr.Path[len(it.Expr.Path)-1]
			}
		}
		col, err := c.column(it.Expr, name, keys)
		if err != nil {
			return nil, err
		}
		if it.Expr.Func == "" && it.Alias == "" {
			col.name = col.field.Name
		}
		cols = append(cols, col)
	}
	return cols, nil
}

// column compiles one expression of an aggregate query: an aggregate, or something that is grouped by.
func (c *compiled) column(e soql.Expr, name string, keys []*column) (*column, *Error) {
	if !aggregates[e.Func] {
		for _, k := range keys {
			if k.expr == strings.ToLower(e.Text) || e.Func == "" && strings.EqualFold(strings.Join(c.path(e.Path), "."), k.expr) {
				return &column{name: name, expr: k.expr, field: k.field, get: k.get}, nil
			}
		}
		if e.Func == "" && len(e.Path) == 1 { // the alias of a column
			for _, it := range c.q.Select {
				if it.Alias != "" && strings.EqualFold(it.Alias, e.Path[0]) {
					return c.column(it.Expr, name, keys)
				}
			}
		}
		if _, _, err := c.getter(e); err != nil {
			return nil, err
		}
		return nil, at(c.q, "MALFORMED_QUERY", e.Pos, "Field must be grouped or aggregated: %s", e.Text)
	}
	col := &column{name: name, expr: strings.ToLower(e.Text), fn: e.Func, field: &metadata.Field{Type: "int"}}
	if len(e.Args) == 0 {
		if e.Func != "COUNT" {
			return nil, at(c.q, "MALFORMED_QUERY", e.Pos, "unexpected token: ')'")
		}
		return col, nil
	}
	get, f, err := c.getter(e.Args[0])
	if err != nil {
		return nil, err
	}
	if (e.Func == "SUM" || e.Func == "AVG") && !f.IsNumber() || f.IsLongText() || f.IsCompound() || f.Type == "boolean" {
		return nil, at(c.q, "MALFORMED_QUERY", e.Pos, "field %s does not support aggregate operator %s", e.Args[0].Text, e.Func)
	}
	col.get = get
	if e.Func != "COUNT" && e.Func != "COUNT_DISTINCT" { // amounts of several currencies are summed up in the corporate one
		col.get = c.converted(f, c.path(e.Args[0].Path), get, c.tx.corporateOrNil())
	}
	switch e.Func {
	case "SUM", "MIN", "MAX":
		col.field = f
	case "AVG":
		col.field = &metadata.Field{Type: "double"}
	}
	return col, nil
}

type group struct{ rows []*row }

// group gathers the rows by their keys, in the order of the keys.
func (c *compiled) group(keys []*column) []*group {
	scan, _ := c.plan()
	if len(keys) == 0 {
		g := &group{}
		scan(func(r *row) bool {
			if c.keep(r) {
				g.rows = append(g.rows, r)
			}
			return true
		})
		return []*group{g}
	}
	byKey := map[string]*group{}
	var list []*group
	scan(func(r *row) bool {
		if !c.keep(r) {
			return true
		}
		var b strings.Builder
		for _, k := range keys {
			v := k.get(r)
			fmt.Fprintf(&b, "%t\x00%s\x00", v == nil, foldKey(k.field, v))
		}
		g := byKey[b.String()]
		if g == nil {
			g = &group{}
			byKey[b.String()] = g
			list = append(list, g)
		}
		g.rows = append(g.rows, r)
		return true
	})
	sort.SliceStable(list, func(i, j int) bool {
		for _, k := range keys {
			s := sorter{cmp: comparer(k.field)}
			if x := s.compare(k.get(list[i].rows[0]), k.get(list[j].rows[0])); x != 0 {
				return x < 0
			}
		}
		return false
	})
	return list
}

// value computes the column for a group.
func (col *column) value(g *group) any {
	switch col.fn {
	case "":
		if len(g.rows) == 0 {
			return nil
		}
		return col.get(g.rows[0])
	case "COUNT":
		n := 0
		for _, r := range g.rows {
			if col.get == nil || col.get(r) != nil {
				n++
			}
		}
		return json.Number(strconv.Itoa(n))
	case "COUNT_DISTINCT":
		seen := map[any]bool{}
		for _, r := range g.rows {
			if v := col.get(r); v != nil {
				seen[v] = true
			}
		}
		return json.Number(strconv.Itoa(len(seen)))
	case "MIN", "MAX":
		var best any
		cmp := comparer(col.field)
		for _, r := range g.rows {
			if v := col.get(r); v != nil && (best == nil || (cmp(v, best) > 0) == (col.fn == "MAX")) {
				best = v
			}
		}
		return best
	}
	return col.sum(g)
}

func (col *column) sum(g *group) any {
	total, n := new(big.Rat), int64(0)
	for _, r := range g.rows {
		if v, ok := col.get(r).(json.Number); ok {
			if x, ok := new(big.Rat).SetString(v.String()); ok {
				total.Add(total, x)
				n++
			}
		}
	}
	if n == 0 {
		return nil
	}
	if col.fn == "AVG" {
		total.Quo(total, big.NewRat(n, 1))
	}
	return json.Number(trimNumber(total.FloatString(12)))
}

// having compiles HAVING to a test of groups.
func (c *compiled) having() (func(*group) bool, *Error) {
	if c.q.Having == nil {
		return nil, nil
	}
	keys, err := c.groupKeys()
	if err != nil {
		return nil, err
	}
	var compile func(w soql.Cond) (func(*group) bool, *Error)
	compile = func(w soql.Cond) (func(*group) bool, *Error) {
		switch w := w.(type) {
		case soql.Not:
			t, err := compile(w.Cond)
			return func(g *group) bool { return !t(g) }, err
		case soql.And:
			return joinGroups(w, compile, true)
		case soql.Or:
			return joinGroups(w, compile, false)
		case *soql.Compare:
			if w.Sub != nil {
				return nil, at(c.q, "MALFORMED_QUERY", w.Left.Pos, "semi joins are not allowed in HAVING")
			}
			col, err := c.column(w.Left, "", keys)
			if err != nil {
				return nil, err
			}
			test, err := c.valueTest(col.field, w)
			return func(g *group) bool { return test(col.value(g)) }, err
		}
		return nil, Errorf("MALFORMED_QUERY", "the condition is not understood")
	}
	return compile(c.q.Having)
}

func joinGroups(parts []soql.Cond, compile func(soql.Cond) (func(*group) bool, *Error), and bool) (func(*group) bool, *Error) {
	var tests []func(*group) bool
	for _, p := range parts {
		t, err := compile(p)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return func(g *group) bool {
		for _, t := range tests {
			if t(g) != and {
				return !and
			}
		}
		return and
	}, nil
}
