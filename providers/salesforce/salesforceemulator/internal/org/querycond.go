package org

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

func normalID(s string) string {
	if id, ok := sfid.Normalize(s); ok {
		return id
	}
	return s
}

// cond compiles a condition to a test of rows.
func (c *compiled) cond(w soql.Cond) (func(*row) bool, *Error) {
	switch w := w.(type) {
	case soql.And:
		tests, err := c.conds(w)
		return func(r *row) bool {
			for _, t := range tests {
				if !t(r) {
					return false
				}
			}
			return true
		}, err
	case soql.Or:
		tests, err := c.conds(w)
		return func(r *row) bool {
			for _, t := range tests {
				if t(r) {
					return true
				}
			}
			return false
		}, err
	case soql.Not:
		t, err := c.cond(w.Cond)
		return func(r *row) bool { return !t(r) }, err
	case *soql.Compare:
		get, f, err := c.getter(w.Left)
		if err != nil {
			return nil, err
		}
		if w.Sub != nil {
			return c.semiJoin(get, w)
		}
		test, err := c.valueTest(f, w)
		if err != nil {
			return nil, err
		}
		if w.Left.Func == "" && len(w.Values) > 0 && w.Values[0].Kind == soql.Currency { // USD5000: amounts are compared in that currency
			get = c.converted(f, c.path(w.Left.Path), get, strings.ToUpper(w.Values[0].Text[:3]))
		}
		return func(r *row) bool { return test(get(r)) }, nil
	}
	return nil, Errorf("MALFORMED_QUERY", "the condition is not understood")
}

func (c *compiled) conds(parts []soql.Cond) ([]func(*row) bool, *Error) {
	var out []func(*row) bool
	for _, p := range parts {
		t, err := c.cond(p)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// semiJoin runs the inner query once and keeps its ids.
func (c *compiled) semiJoin(get func(*row) any, w *soql.Compare) (func(*row) bool, *Error) {
	inner, err := c.tx.compile(w.Sub, c.opts, nil)
	if err != nil {
		return nil, err
	}
	if len(w.Sub.Select) != 1 || w.Sub.Select[0].Expr.Func != "" || w.Sub.Select[0].Sub != nil || w.Sub.Select[0].Fields != "" {
		return nil, at(c.q, "MALFORMED_QUERY", w.Left.Pos, "semi join sub-selects can only query a single id field")
	}
	value, f, err := inner.getter(w.Sub.Select[0].Expr)
	if err != nil {
		return nil, err
	}
	if f.Type != "id" && f.Type != "reference" {
		return nil, at(c.q, "MALFORMED_QUERY", w.Left.Pos, "The inner select field '%s' must be an ID or reference field", w.Sub.Select[0].Expr.Text)
	}
	set := map[any]bool{}
	for _, r := range inner.fetch() {
		if v := value(r); v != nil {
			set[v] = true
		}
	}
	not := w.Op == "NOT IN"
	return func(r *row) bool { return set[get(r)] != not }, nil
}

// valueTest compiles a comparison of a field of known type with literals.
func (c *compiled) valueTest(f *metadata.Field, w *soql.Compare) (func(any) bool, *Error) {
	if f.IsLongText() || f.IsCompound() {
		return nil, at(c.q, "INVALID_FIELD", w.Left.Pos, "field '%s' can not be filtered in a query call", w.Left.Text)
	}
	switch w.Op {
	case "IN", "NOT IN":
		return c.inTest(f, w)
	case "INCLUDES", "EXCLUDES":
		return c.includesTest(f, w)
	case "LIKE":
		l := w.Values[0]
		if !f.IsText() && f.Type != "id" && f.Type != "reference" || l.Kind != soql.String && l.Kind != soql.Null {
			return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "invalid operator on %s field", f.Type)
		}
		if f.Type == "id" || f.Type == "reference" {
			return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "invalid operator on id field")
		}
		m := likeMatcher(l.Like)
		return func(v any) bool { s, ok := v.(string); return ok && m(s) }, nil
	}
	l := w.Values[0]
	if l.Kind == soql.Null {
		switch w.Op {
		case "=":
			return func(v any) bool { return v == nil }, nil
		case "!=":
			return func(v any) bool { return v != nil }, nil
		}
		return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "null can only be compared with = and !=")
	}
	if l.Kind == soql.DateLiteral {
		return c.rangeTest(f, w)
	}
	want, err := c.literal(f, w, l)
	if err != nil {
		return nil, err
	}
	if f.Type == "boolean" && w.Op != "=" && w.Op != "!=" || (f.Type == "multipicklist") && w.Op != "=" && w.Op != "!=" {
		return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "invalid operator on %s field", f.Type)
	}
	if want == "" { // an empty text is null
		return func(v any) bool { return (v == nil) == (w.Op == "=") }, nil
	}
	cmp := comparer(f)
	if s, ok := want.(string); ok && f.IsText() && (w.Op == "=" || w.Op == "!=") && !(f.Unique && f.CaseSensitive) {
		return func(v any) bool { x, _ := v.(string); return strings.EqualFold(x, s) == (w.Op == "=") }, nil
	}
	return ordered(w.Op, func(v any) int { return cmp(v, want) }), nil
}

// ordered turns a three-way comparison into a test. A null differs from every value and is neither below nor above one.
func ordered(op string, cmp func(any) int) func(any) bool {
	switch op {
	case "=":
		return func(v any) bool { return v != nil && cmp(v) == 0 }
	case "!=":
		return func(v any) bool { return v == nil || cmp(v) != 0 }
	case "<":
		return func(v any) bool { return v != nil && cmp(v) < 0 }
	case "<=":
		return func(v any) bool { return v != nil && cmp(v) <= 0 }
	case ">":
		return func(v any) bool { return v != nil && cmp(v) > 0 }
	}
	return func(v any) bool { return v != nil && cmp(v) >= 0 }
}

func (c *compiled) inTest(f *metadata.Field, w *soql.Compare) (func(any) bool, *Error) {
	set := map[string]bool{}
	null := false
	for _, l := range w.Values {
		if l.Kind == soql.Null {
			null = true
			continue
		}
		v, err := c.literal(f, w, l)
		if err != nil {
			return nil, err
		}
		if v == "" {
			null = true
		}
		set[foldKey(f, v)] = true
	}
	not := w.Op == "NOT IN"
	return func(v any) bool {
		if v == nil {
			return null != not
		}
		return set[foldKey(f, v)] != not
	}, nil
}

// foldKey is a text under which equal values of a field are equal.
func foldKey(f *metadata.Field, v any) string {
	switch v := v.(type) {
	case string:
		if f.IsText() && !(f.Unique && f.CaseSensitive) {
			return strings.ToLower(v)
		}
		return v
	case json.Number:
		return trimNumber(v.String())
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (c *compiled) includesTest(f *metadata.Field, w *soql.Compare) (func(any) bool, *Error) {
	if f.Type != "multipicklist" {
		return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "includes and excludes can only be used with multi-select picklists")
	}
	var sets [][]string
	for _, l := range w.Values {
		if l.Kind != soql.String {
			return nil, at(c.q, "INVALID_FIELD", l.Pos, "value of filter criterion for field '%s' must be of type string and should be enclosed in quotes", f.Name)
		}
		sets = append(sets, strings.Split(l.Text, ";"))
	}
	includes := w.Op == "INCLUDES"
	return func(v any) bool {
		s, _ := v.(string)
		have := strings.Split(strings.ToLower(s), ";")
		for _, set := range sets {
			all := true
			for _, want := range set {
				found := false
				for _, h := range have {
					found = found || h == strings.ToLower(strings.TrimSpace(want))
				}
				all = all && found
			}
			if all {
				return includes
			}
		}
		return !includes
	}, nil
}

// literal checks that a literal fits the field's type and gives it in the form values are stored.
func (c *compiled) literal(f *metadata.Field, w *soql.Compare, l soql.Literal) (any, *Error) {
	want := f.Type
	if f.IsText() {
		want = "string"
	}
	mismatch := func() *Error {
		quotes := "and should not be enclosed in quotes"
		if want == "string" || want == "id" || want == "reference" {
			quotes = "and should be enclosed in quotes"
			want = strings.Replace(want, "reference", "id", 1)
		}
		return at(c.q, "INVALID_FIELD", w.Left.Pos, "value of filter criterion for field '%s' must be of type %s %s", f.Name, want, quotes)
	}
	switch {
	case f.IsText() || f.Type == "time":
		if l.Kind == soql.String {
			return l.Text, nil
		}
	case f.Type == "id" || f.Type == "reference":
		if l.Kind != soql.String {
			break
		}
		if c.t.def.Tooling || l.Text == "" {
			return l.Text, nil
		}
		id, ok := sfid.Normalize(l.Text)
		if !ok && (w.Op == "=" || w.Op == "!=" || w.Op == "IN" || w.Op == "NOT IN") {
			return nil, at(c.q, "INVALID_QUERY_FILTER_OPERATOR", w.Left.Pos, "invalid ID field: %s", clip(l.Text, 60))
		}
		if !ok {
			return l.Text, nil
		}
		return id, nil
	case f.IsNumber():
		if l.Kind == soql.Number {
			return json.Number(l.Text), nil
		}
		if l.Kind == soql.Currency {
			return json.Number(l.Text[3:]), nil
		}
	case f.Type == "boolean":
		if l.Kind == soql.Bool {
			return l.Text == "true", nil
		}
	case f.Type == "date":
		if l.Kind == soql.Date {
			return l.Text, nil
		}
	case f.Type == "datetime":
		if l.Kind == soql.DateTime {
			return l.Text, nil
		}
	}
	return nil, mismatch()
}

// comparer orders two values of a field that are not null.
func comparer(f *metadata.Field) func(a, b any) int {
	if f.IsNumber() {
		return compareNumbers
	}
	return func(a, b any) int {
		switch x := a.(type) {
		case string:
			y, _ := b.(string)
			if f.IsText() {
				return strings.Compare(strings.ToLower(x), strings.ToLower(y))
			}
			if f.Type == "id" || f.Type == "reference" {
				x, y = clip(x, 15), clip(y, 15)
			}
			return strings.Compare(x, y)
		case bool:
			y, _ := b.(bool)
			switch {
			case x == y:
				return 0
			case x:
				return 1
			}
			return -1
		case json.Number:
			return compareNumbers(a, b)
		}
		return 0
	}
}

func compareNumbers(a, b any) int {
	x, _ := a.(json.Number)
	y, _ := b.(json.Number)
	if x == y {
		return 0
	}
	fx, _ := strconv.ParseFloat(string(x), 64)
	fy, _ := strconv.ParseFloat(string(y), 64)
	switch {
	case fx < fy:
		return -1
	case fx > fy:
		return 1
	case len(x) > 15 && len(y) > 15 && trimNumber(string(x)) != trimNumber(string(y)):
		return strings.Compare(string(x), string(y))
	}
	return 0
}

// likeMatcher matches % and _ without regard to case; a backslash makes the next character plain. It runs in
// time proportional to pattern times text.
func likeMatcher(pattern string) func(string) bool {
	type piece struct {
		r   rune
		any byte // '%' or '_'
	}
	var ps []piece
	esc := false
	for _, r := range strings.ToLower(pattern) {
		switch {
		case esc:
			ps, esc = append(ps, piece{r: r}), false
		case r == '\\':
			esc = true
		case r == '%' || r == '_':
			ps = append(ps, piece{any: byte(r)})
		default:
			ps = append(ps, piece{r: r})
		}
	}
	return func(s string) bool {
		text := []rune(strings.ToLower(s))
		i, j, star, mark := 0, 0, -1, 0
		for i < len(text) {
			switch {
			case j < len(ps) && (ps[j].any == '_' || ps[j].any == 0 && ps[j].r == text[i]):
				i, j = i+1, j+1
			case j < len(ps) && ps[j].any == '%':
				star, mark = j, i
				j++
			case star >= 0:
				mark++
				i, j = mark, star+1
			default:
				return false
			}
		}
		for j < len(ps) && ps[j].any == '%' {
			j++
		}
		return j == len(ps)
	}
}

// rangeTest compares with a date literal, which stands for all of its period in the running user's time zone.
func (c *compiled) rangeTest(f *metadata.Field, w *soql.Compare) (func(any) bool, *Error) {
	if f.Type != "date" && f.Type != "datetime" {
		return nil, at(c.q, "INVALID_FIELD", w.Left.Pos, "value of filter criterion for field '%s' must be of type %s", f.Name, f.Type)
	}
	from, to := dateLiteral(w.Values[0], c.tx.time.In(c.tx.location()))
	var lo, hi string
	if f.Type == "date" {
		lo, hi = from.Format(time.DateOnly), to.Format(time.DateOnly)
	} else {
		lo, hi = stamp(from), stamp(to)
	}
	return func(v any) bool {
		s, ok := v.(string)
		if !ok {
			return w.Op == "!="
		}
		switch w.Op {
		case "=":
			return s >= lo && s < hi
		case "!=":
			return s < lo || s >= hi
		case "<":
			return s < lo
		case "<=":
			return s < hi
		case ">":
			return s >= hi
		}
		return s >= lo
	}, nil
}

// location is the running user's time zone.
func (tx *Tx) location() *time.Location {
	t := tx.o.table("User")
	if r := t.rows[tx.caller.UserID]; r != nil {
		if name, ok := r.get(t.def.Field("TimeZoneSidKey").Slot).(string); ok {
			if loc, err := time.LoadLocation(name); err == nil {
				return loc
			}
		}
	}
	return time.UTC
}

func (tx *Tx) today() string { return tx.time.In(tx.location()).Format(time.DateOnly) }

// dateLiteral gives the period [from, to) a literal stands for (SOQL reference, "Date Formats and Date Literals"). Weeks
// start on Sunday.
func dateLiteral(l soql.Literal, now time.Time) (from, to time.Time) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, now.Location()) }
	y, m, d := now.Date()
	today := day(y, m, d)
	n := l.N
	unit, shift, span := "", 0, 1
	switch l.Text {
	case "YESTERDAY":
		return today.AddDate(0, 0, -1), today
	case "TODAY":
		return today, today.AddDate(0, 0, 1)
	case "TOMORROW":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 2)
	case "LAST_90_DAYS":
		return today.AddDate(0, 0, -90), today.AddDate(0, 0, 1)
	case "NEXT_90_DAYS":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 91)
	case "LAST_N_DAYS":
		return today.AddDate(0, 0, -n), today.AddDate(0, 0, 1)
	case "NEXT_N_DAYS":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, n+1)
	case "N_DAYS_AGO":
		return today.AddDate(0, 0, -n), today.AddDate(0, 0, -n+1)
	}
	for _, u := range []string{"WEEK", "MONTH", "QUARTER", "YEAR"} {
		if strings.Contains(l.Text, u) {
			unit = u
		}
	}
	switch {
	case strings.HasPrefix(l.Text, "LAST_N_"):
		shift, span = -n, n
	case strings.HasPrefix(l.Text, "NEXT_N_"):
		shift, span = 1, n
	case strings.HasSuffix(l.Text, "_AGO"):
		shift = -n
	case strings.HasPrefix(l.Text, "LAST_"):
		shift = -1
	case strings.HasPrefix(l.Text, "NEXT_"):
		shift = 1
	}
	switch unit {
	case "WEEK":
		start := today.AddDate(0, 0, -int(today.Weekday()))
		return start.AddDate(0, 0, 7*shift), start.AddDate(0, 0, 7*(shift+span))
	case "MONTH":
		return day(y, m+time.Month(shift), 1), day(y, m+time.Month(shift+span), 1)
	case "QUARTER":
		q := (m-1)/3*3 + 1
		return day(y, q+time.Month(3*shift), 1), day(y, q+time.Month(3*(shift+span)), 1)
	}
	return day(y+shift, 1, 1), day(y+shift+span, 1, 1)
}
