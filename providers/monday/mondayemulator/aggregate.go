package mondayemulator

import (
	"slices"
	"strconv"
	"time"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

type (
	sum      struct{ value any } // a number or nil
	groupKey struct{ value any }
	entry    struct {
		alias string
		value any
	}
	resultSet  struct{ entries []entry }
	aggregated struct{ sets []resultSet }
)

// Grouping keys are the texts of the column, null where it is empty. The documentation does not
// show them for every type.
func aggregateFields() map[string]map[string]field {
	return map[string]map[string]field{
		"AggregateQueryResult": {"results": of(func(a aggregated) any { return a.sets })},
		"AggregateResultSet":   {"entries": of(func(s resultSet) any { return s.entries })},
		"AggregateResultEntry": {
			"alias": of(func(e entry) any { return e.alias }),
			"value": of(func(e entry) any { return e.value }),
		},
		"AggregateBasicAggregationResult": {"result": of(func(s sum) any { return s.value })},
		"AggregateGroupByResult":          {"value": of(func(g groupKey) any { return g.value })},
	}
}

func queryAggregate(r *request, a gql.Args) (any, error) {
	q := a.Map("query")
	from := q.Map("from")
	b := r.acct().Board(id(from, "id"))
	if b == nil || b.State != account.Active || !r.acct().Sees(r.by(), b) {
		_, err := r.acct().ActiveBoard(r.by(), -1)
		return nil, err
	}
	query, err := account.ReadQuery(q.Map("query"), r.by())
	if err != nil {
		return nil, err
	}
	items, err := r.acct().Select(b, query)
	if err != nil {
		return nil, err
	}
	var keys []*account.Column
	for _, g := range q.List("group_by") {
		m, _ := g.(map[string]any)
		c := b.Column(gql.Text(m["column_id"]))
		if c == nil || c.Hidden {
			return nil, account.NoColumn(gql.Text(m["column_id"]))
		}
		keys = append(keys, c)
	}
	type group struct {
		key   []any
		items []*account.Item
	}
	var order []string
	groups := map[string]*group{}
	for _, it := range items {
		name, key := "", []any{}
		for _, c := range keys {
			t := optional(gql.Text(r.acct().Text(it.Ref(c), time.UTC)))
			key = append(key, t)
			name += strconv.Quote(gql.Text(t)) + ","
		}
		g := groups[name]
		if g == nil {
			g = &group{key: key}
			groups[name] = g
			order = append(order, name)
		}
		g.items = append(g.items, it)
	}
	if len(keys) == 0 && len(order) == 0 {
		groups[""] = &group{}
		order = []string{""}
	}
	slices.Sort(order)
	if n := q.Int("limit"); q.Given("limit") && n >= 0 && n < len(order) {
		order = order[:n]
	}
	out := aggregated{sets: []resultSet{}}
	for _, name := range order {
		g := groups[name]
		var set resultSet
		for _, e := range q.List("select") {
			m, _ := e.(map[string]any)
			v, err := element(r, b, m, keys, g.key, g.items)
			if err != nil {
				return nil, err
			}
			set.entries = append(set.entries, entry{gql.Text(m["as"]), v})
		}
		out.sets = append(out.sets, set)
	}
	return out, nil
}

func element(r *request, b *account.Board, sel gql.Args, keys []*account.Column, key []any, items []*account.Item) (any, error) {
	if sel.String("type") == "COLUMN" {
		name := sel.Map("column").String("column_id")
		for i, c := range keys {
			if c.ID == name {
				return groupKey{key[i]}, nil
			}
		}
		return nil, account.InvalidArgument("Column %q is selected but not grouped by", name)
	}
	fn := sel.Map("function")
	name := fn.String("function")
	if name == "COUNT_ITEMS" {
		return sum{len(items)}, nil
	}
	var c *account.Column
	if params := fn.List("params"); len(params) == 1 {
		m, _ := params[0].(map[string]any)
		c = b.Column(gql.Args(m).Map("column").String("column_id"))
	}
	if c == nil || c.Hidden {
		return nil, account.InvalidArgument("Function %s needs one parameter: a column of the board", name)
	}
	switch name {
	case "COUNT", "COUNT_DISTINCT":
		seen, n := map[string]bool{}, 0
		for _, it := range items {
			if t := gql.Text(r.acct().Text(it.Ref(c), time.UTC)); t != "" {
				n++
				seen[t] = true
			}
		}
		if name == "COUNT_DISTINCT" {
			n = len(seen)
		}
		return sum{n}, nil
	case "SUM", "AVERAGE", "MEDIAN", "MIN", "MAX":
	default:
		return nil, account.InvalidArgument("Function %s is not served by this emulator", name)
	}
	if c.Type != "numbers" {
		return nil, account.InvalidArgument("Function %s needs a numbers column", name)
	}
	var list []float64
	for _, it := range items {
		if s, ok := it.Ref(c).Value().(string); ok {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				list = append(list, f)
			}
		}
	}
	return sum{reduce(name, list)}, nil
}

func reduce(name string, list []float64) any {
	total := 0.0
	for _, f := range list {
		total += f
	}
	if name == "SUM" {
		return total
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	switch name {
	case "AVERAGE":
		return total / float64(len(list))
	case "MEDIAN":
		n := len(list)
		return (list[(n-1)/2] + list[n/2]) / 2
	case "MIN":
		return list[0]
	}
	return list[len(list)-1]
}
