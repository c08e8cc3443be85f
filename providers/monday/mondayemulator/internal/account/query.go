package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Query selects and orders the items of a board (ItemsQuery of the schema).
type Query struct {
	Rules    []Rule
	Groups   []Query
	Or       bool
	IDs      map[int64]bool
	Order    []Order
	UserID   int64 // whose zone and whose "me"
	GroupID  string
	HasQuery bool
}

// Rule is one condition.
type Rule struct {
	Column, Operator, Attribute string
	Value                       any
}

// Order is one key to sort by.
type Order struct {
	Column string
	Desc   bool
}

const (
	byUpdate   = "__last_updated__"
	byCreation = "__creation_log__"
)

// ReadQuery turns query_params into a Query.
func ReadQuery(q gql.Args, user int64) (Query, error) {
	out, err := readGroup(q, user)
	if err != nil {
		return out, err
	}
	out.HasQuery = len(q) > 0
	if ids := q.List("ids"); ids != nil {
		if len(ids) > 100 {
			return out, InvalidArgument("query_params.ids takes at most 100 ids")
		}
		out.IDs = map[int64]bool{}
		for _, s := range q.Strings("ids") {
			id, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return out, InvalidArgument("query_params.ids must be ids")
			}
			out.IDs[id] = true
		}
	}
	for _, e := range q.List("order_by") {
		m, _ := e.(map[string]any)
		out.Order = append(out.Order, Order{Column: gql.Text(m["column_id"]), Desc: gql.Text(m["direction"]) == "desc"})
	}
	return out, nil
}

func readGroup(q gql.Args, user int64) (Query, error) {
	out := Query{Or: q.String("operator") == "or", UserID: user}
	for _, e := range q.List("rules") {
		m, _ := e.(map[string]any)
		r := Rule{Column: gql.Text(m["column_id"]), Operator: gql.Text(m["operator"]), Attribute: gql.Text(m["compare_attribute"]), Value: m["compare_value"]}
		if r.Operator == "" {
			r.Operator = "any_of"
		}
		out.Rules = append(out.Rules, r)
	}
	for _, e := range q.List("groups") {
		m, _ := e.(map[string]any)
		g, err := readGroup(m, user)
		if err != nil {
			return out, err
		}
		out.Groups = append(out.Groups, g)
	}
	return out, nil
}

// Select gives the active items of a board that fit, in the order asked for: group by group from
// the top where none is.
func (a *Account) Select(b *Board, q Query) ([]*Item, error) {
	fits, err := a.compile(b, q)
	if err != nil {
		return nil, err
	}
	out := make([]*Item, 0, b.Count)
	add := func(it *Item) {
		if (q.GroupID == "" || it.group.ID == q.GroupID) && (q.IDs == nil || q.IDs[it.ID]) && (fits == nil || fits(it)) {
			out = append(out, it)
		}
	}
	if len(q.Order) == 1 && q.Order[0].Column == byUpdate { // kept in this order already
		for it := b.recent.newest; it != nil; it = it.older {
			add(it)
		}
		if !q.Order[0].Desc {
			slices.Reverse(out)
		}
		return out, nil
	}
	for _, g := range b.Groups {
		if g.State == Active {
			for _, it := range g.items {
				add(it)
			}
		}
	}
	return out, a.sort(b, out, q.Order)
}

type test func(*Item) bool

func (a *Account) compile(b *Board, q Query) (test, error) {
	var tests []test
	for _, r := range q.Rules {
		t, err := a.rule(b, r, q.UserID)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	for _, g := range q.Groups {
		g.UserID = q.UserID
		t, err := a.compile(b, g)
		if err != nil {
			return nil, err
		}
		if t != nil {
			tests = append(tests, t)
		}
	}
	if len(tests) == 0 {
		return nil, nil
	}
	or := q.Or
	return func(it *Item) bool {
		for _, t := range tests {
			if t(it) == or {
				return or
			}
		}
		return !or
	}, nil
}

// rule makes the test of one rule. Which operator a type takes is in the vendor's page of that
// column type; others are refused.
func (a *Account) rule(b *Board, r Rule, user int64) (test, error) {
	if r.Column == "group" {
		want := (gql.Args{"v": r.Value}).Strings("v")
		switch r.Operator {
		case "any_of":
			return func(it *Item) bool { return slices.Contains(want, it.group.ID) }, nil
		case "not_any_of":
			return func(it *Item) bool { return !slices.Contains(want, it.group.ID) }, nil
		}
		return nil, badOperator(r)
	}
	if r.Column == byUpdate || r.Column == byCreation {
		return a.logRule(r, user, r.Column == byUpdate)
	}
	c := b.Column(r.Column)
	if c == nil || c.Hidden {
		return nil, noColumn(r.Column)
	}
	switch c.Type {
	case "last_updated", "creation_log":
		return a.logRule(r, user, c.Type == "last_updated")
	case "mirror", "item_id", "subtasks", "dependency":
		return nil, InvalidArgument("Column %s of type %s cannot be filtered", c.ID, c.Type)
	}
	switch r.Operator {
	case "is_empty":
		return func(it *Item) bool { return a.empty(it, c) }, nil
	case "is_not_empty":
		return func(it *Item) bool { return !a.empty(it, c) }, nil
	case "ends_with":
		return nil, badOperator(r)
	case "not_any_of":
		inner := r
		inner.Operator = "any_of"
		t, err := a.rule(b, inner, user)
		if err != nil {
			return nil, err
		}
		return func(it *Item) bool { return !t(it) }, nil
	}
	switch c.Type {
	case "date":
		return a.dateRule(r, c, user)
	case "numbers":
		if t, err := numberRule(r, c); t != nil || err != nil {
			return t, err
		}
	}
	if r.Operator == "any_of" {
		return a.anyOf(r, c, user), nil
	}
	return a.textRule(r, c, user)
}

func badOperator(r Rule) error {
	return InvalidArgument("Operator %s is not supported for column %s", r.Operator, r.Column)
}

func (a *Account) empty(it *Item, c *Column) bool {
	if c.Type == "name" {
		return it.Name == ""
	}
	return it.Ref(c).Value() == nil
}

// anyOf compares by what the type is matched by: label ids, people, linked items, else the text.
func (a *Account) anyOf(r Rule, c *Column, user int64) test {
	values := (gql.Args{"v": r.Value}).List("v")
	numbers, texts := map[int64]bool{}, map[string]bool{}
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			numbers[v] = true
			texts[gql.Text(v)] = true
		case float64:
			numbers[int64(v)] = true
			texts[gql.Text(v)] = true
		case string:
			if v == "assigned_to_me" {
				v = "person-" + idText(user)
			}
			texts[v] = true
		}
	}
	switch c.Type {
	case "status": // a text matches nothing
		return func(it *Item) bool {
			id, ok := it.Ref(c).Value().(int)
			if !ok {
				id = blankStatus
			}
			return numbers[int64(id)]
		}
	case "dropdown":
		return func(it *Item) bool {
			ids, _ := it.Ref(c).Value().([]int)
			for _, id := range ids {
				if l := labelByID(c, id); numbers[int64(id)] || l != nil && texts[l.Text] {
					return true
				}
			}
			return false
		}
	case "board_relation": // a text matches nothing
		return func(it *Item) bool {
			ids, _ := it.Ref(c).Value().([]int64)
			return slices.ContainsFunc(ids, func(id int64) bool { return numbers[id] })
		}
	case "people":
		return func(it *Item) bool {
			list, _ := it.Ref(c).Value().([]Person)
			if len(list) == 0 {
				return texts["person-0"]
			}
			return slices.ContainsFunc(list, func(p Person) bool { return texts[p.Kind+"-"+idText(p.ID)] })
		}
	case "tags":
		return func(it *Item) bool {
			ids, _ := it.Ref(c).Value().([]int64)
			return slices.ContainsFunc(ids, func(id int64) bool { return numbers[id] })
		}
	}
	return func(it *Item) bool { return texts[a.indexText(it, c)] }
}

func (a *Account) textRule(r Rule, c *Column, user int64) (test, error) {
	want := strings.ToLower(strings.Join((gql.Args{"v": r.Value}).Strings("v"), " "))
	zone := a.User(user).Location()
	text := func(it *Item) string {
		s, _ := a.Text(it.Ref(c), zone).(string)
		return strings.ToLower(s)
	}
	switch r.Operator {
	case "contains_text":
		return func(it *Item) bool { return strings.Contains(text(it), want) }, nil
	case "not_contains_text":
		return func(it *Item) bool { return !strings.Contains(text(it), want) }, nil
	case "starts_with":
		return func(it *Item) bool { return strings.HasPrefix(text(it), want) }, nil
	case "contains_terms":
		terms := strings.Fields(want)
		return func(it *Item) bool {
			s := text(it)
			return !slices.ContainsFunc(terms, func(t string) bool { return !strings.Contains(s, t) })
		}, nil
	}
	return nil, badOperator(r)
}

// numberRule makes the tests of numbers; nil leaves the operator to the text rules.
func numberRule(r Rule, c *Column) (test, error) {
	var want []float64
	for _, s := range (gql.Args{"v": r.Value}).Strings("v") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			if r.Operator == "any_of" {
				continue
			}
			return nil, InvalidArgument("compare_value %q is not a number", s)
		}
		want = append(want, f)
	}
	value := func(it *Item) (float64, bool) {
		s, ok := it.Ref(c).Value().(string)
		f, err := strconv.ParseFloat(s, 64)
		return f, ok && err == nil
	}
	if r.Operator == "any_of" {
		return func(it *Item) bool {
			f, ok := value(it)
			return ok && slices.Contains(want, f)
		}, nil
	}
	cmp := comparison(r.Operator)
	if cmp == nil {
		return nil, nil
	}
	if len(want) != 1 {
		return nil, InvalidArgument("Operator %s takes one compare_value", r.Operator)
	}
	return func(it *Item) bool {
		f, ok := value(it)
		switch {
		case !ok:
			return false
		case f < want[0]:
			return cmp(-1)
		case f > want[0]:
			return cmp(1)
		}
		return cmp(0)
	}, nil
}

func comparison(operator string) func(int) bool {
	switch operator {
	case "greater_than":
		return func(n int) bool { return n > 0 }
	case "greater_than_or_equals":
		return func(n int) bool { return n >= 0 }
	case "lower_than":
		return func(n int) bool { return n < 0 }
	case "lower_than_or_equal":
		return func(n int) bool { return n <= 0 }
	}
	return nil
}

// logRule compares the time of creation or last update, by day in the user's zone, or the person.
func (a *Account) logRule(r Rule, user int64, update bool) (test, error) {
	zone := a.User(user).Location()
	at := func(it *Item) (string, bool) {
		t := it.Created
		if update {
			t = it.Updated
		}
		return t.In(zone).Format(day), true
	}
	var people []string
	for _, s := range (gql.Args{"v": r.Value}).Strings("v") {
		if s == "assigned_to_me" {
			s = "person-" + idText(user)
		}
		if strings.HasPrefix(s, "person-") {
			people = append(people, s)
		}
	}
	if len(people) > 0 {
		in := func(it *Item) bool {
			who := it.CreatorID
			if update {
				who = it.UpdaterID
			}
			return slices.Contains(people, "person-"+idText(who))
		}
		switch r.Operator {
		case "any_of":
			return in, nil
		case "not_any_of":
			return func(it *Item) bool { return !in(it) }, nil
		}
		return nil, badOperator(r)
	}
	if r.Operator == "is_empty" || r.Operator == "is_not_empty" {
		return nil, badOperator(r)
	}
	if r.Operator == "not_any_of" {
		r.Operator = "any_of"
		t, err := a.days(r, zone, at)
		if err != nil {
			return nil, err
		}
		return func(it *Item) bool { return !t(it) }, nil
	}
	return a.days(r, zone, at)
}

func (a *Account) dateRule(r Rule, c *Column, user int64) (test, error) {
	zone := a.User(user).Location()
	switch r.Operator {
	case "contains_text", "not_contains_text", "starts_with", "contains_terms":
		return a.textRule(r, c, user)
	}
	return a.days(r, zone, func(it *Item) (string, bool) {
		d, ok := it.Ref(c).Value().(Date)
		if at, timed := d.Moment(); ok && timed {
			return at.In(zone).Format(day), true
		}
		return d.Date, ok
	})
}

// days makes a test on days: a range of days per value, compared by the operator.
func (a *Account) days(r Rule, zone *time.Location, at func(*Item) (string, bool)) (test, error) {
	values := (gql.Args{"v": r.Value}).Strings("v")
	today := a.Now().In(zone)
	if r.Operator == "within_the_next" || r.Operator == "within_the_last" {
		n, unit := 0, "DAYS"
		for _, v := range values {
			if k, err := strconv.Atoi(v); err == nil {
				n = k
			} else {
				unit = strings.ToUpper(v)
			}
		}
		var other time.Time
		sign := 1
		if r.Operator == "within_the_last" {
			sign = -1
		}
		switch unit {
		case "DAYS":
			other = today.AddDate(0, 0, sign*n)
		case "WEEKS":
			other = today.AddDate(0, 0, sign*7*n)
		case "MONTHS":
			other = today.AddDate(0, sign*n, 0)
		default:
			return nil, InvalidArgument("compare_value unit %q is not DAYS, WEEKS or MONTHS", unit)
		}
		from, to := today.Format(day), other.Format(day)
		if from > to {
			from, to = to, from
		}
		return func(it *Item) bool {
			d, ok := at(it)
			return ok && d >= from && d <= to
		}, nil
	}
	var spans []Span
	for _, v := range values {
		if v == "EXACT" {
			continue
		}
		s, ok := daySpan(v, today)
		if !ok {
			return nil, InvalidArgument("compare_value %q is neither a date nor a known period", v)
		}
		spans = append(spans, s)
	}
	if r.Operator == "between" {
		if len(spans) != 2 {
			return nil, InvalidArgument("Operator between takes two dates")
		}
		return func(it *Item) bool {
			d, ok := at(it)
			return ok && d >= spans[0].From && d <= spans[1].To
		}, nil
	}
	if r.Operator == "any_of" {
		return func(it *Item) bool {
			d, ok := at(it)
			return ok && slices.ContainsFunc(spans, func(s Span) bool { return d >= s.From && d <= s.To })
		}, nil
	}
	cmp := comparison(r.Operator)
	if cmp == nil || len(spans) != 1 {
		return nil, badOperator(r)
	}
	return func(it *Item) bool {
		d, ok := at(it)
		switch {
		case !ok:
			return false
		case d < spans[0].From:
			return cmp(-1)
		case d > spans[0].To:
			return cmp(1)
		}
		return cmp(0)
	}, nil
}

// daySpan reads a date or a named period; weeks start on Monday.
func daySpan(v string, today time.Time) (Span, bool) {
	if validDay(v) {
		return Span{v, v}, true
	}
	of := func(from, to time.Time) (Span, bool) { return Span{from.Format(day), to.Format(day)}, true }
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	first := today.AddDate(0, 0, 1-today.Day())
	switch v {
	case "TODAY":
		return of(today, today)
	case "YESTERDAY":
		return of(today.AddDate(0, 0, -1), today.AddDate(0, 0, -1))
	case "TOMORROW":
		return of(today.AddDate(0, 0, 1), today.AddDate(0, 0, 1))
	case "THIS_WEEK":
		return of(monday, monday.AddDate(0, 0, 6))
	case "LAST_WEEK":
		return of(monday.AddDate(0, 0, -7), monday.AddDate(0, 0, -1))
	case "NEXT_WEEK":
		return of(monday.AddDate(0, 0, 7), monday.AddDate(0, 0, 13))
	case "THIS_MONTH":
		return of(first, first.AddDate(0, 1, -1))
	case "LAST_MONTH":
		return of(first.AddDate(0, -1, 0), first.AddDate(0, 0, -1))
	case "NEXT_MONTH":
		return of(first.AddDate(0, 1, 0), first.AddDate(0, 2, -1))
	case "PAST_DATETIME":
		return Span{"0000-00-00", today.Format(day)}, true
	case "FUTURE_DATETIME":
		return Span{today.Format(day), "9999-99-99"}, true
	}
	return Span{}, false
}
