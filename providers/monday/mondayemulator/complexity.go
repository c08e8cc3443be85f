package mondayemulator

import (
	"github.com/vektah/gqlparser/v2/ast"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Prices in complexity points. The vendor publishes no formula: these follow the samples in its
// documentation (create_item 30,001 with one field) and are an approximation. A client has to
// measure them, not know them.
var prices = map[string]int{
	"create_item": 30_000, "create_subitem": 30_000, "duplicate_item": 30_000,
	"change_multiple_column_values": 30_000, "change_column_value": 30_000, "change_simple_column_value": 30_000,
	"create_update": 20_000, "edit_update": 20_000,
	"duplicate_board": 100_000,
	"complexity":      0,
}

const (
	otherMutation = 10_000
	listBase      = 10
	unlimitedList = 10 // entries assumed of a list that has no limit
	maxCost       = 1 << 40
)

// cost estimates a request: a field is one point, a list ten and its entries times what each asks.
func cost(p *gql.Prepared) int {
	total := 0
	for _, r := range p.Roots {
		price, known := prices[r.Name]
		switch {
		case known:
		case p.Mutation:
			price = otherMutation
		}
		if r.Name == "complexity" {
			continue
		}
		n := size(r.Field, p.Vars(), 0)
		if p.Mutation { // the price stands for the field itself
			n--
		}
		total += price + n
	}
	return min(total, maxCost)
}

func size(f *ast.Field, vars map[string]any, depth int) int {
	if len(f.SelectionSet) == 0 || depth > 50 {
		return 1
	}
	inner := selection(f.SelectionSet, vars, depth)
	if f.Definition == nil {
		return min(1+inner, maxCost)
	}
	paged := f.Definition.Type.Elem != nil
	switch f.Name {
	case "items_page", "next_items_page", "items_page_by_column_values":
		paged = true
	case "items":
		if f.Definition.Type.NonNull { // the entries of a page: counted by the page
			paged = false
		}
	}
	if !paged {
		return min(1+inner, maxCost)
	}
	return min(listBase+entries(f, vars)*inner, maxCost)
}

// selection sums the fields of a set. Of fragments only the largest counts: an object has one type.
func selection(set ast.SelectionSet, vars map[string]any, depth int) int {
	if depth > 60 {
		return 1
	}
	fields, largest := 0, 0
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			fields += size(sel, vars, depth+1)
		case *ast.InlineFragment:
			largest = max(largest, selection(sel.SelectionSet, vars, depth+1))
		case *ast.FragmentSpread:
			if sel.Definition != nil {
				largest = max(largest, selection(sel.Definition.SelectionSet, vars, depth+1))
			}
		}
	}
	return min(fields+largest, maxCost)
}

// entries is how many a list may hold: its ids, its limit, or an assumption.
func entries(f *ast.Field, vars map[string]any) int {
	n := 0
	for _, name := range []string{"ids", "limit"} {
		arg := f.Arguments.ForName(name)
		var v any
		var err error
		if arg != nil {
			v, err = arg.Value.Value(vars)
		} else if d := f.Definition.Arguments.ForName(name); d != nil && d.DefaultValue != nil && n == 0 {
			v, err = d.DefaultValue.Value(nil)
		}
		if err != nil || v == nil {
			continue
		}
		a := gql.Args{"v": v}
		k := a.Int("v")
		if name == "ids" {
			k = len(a.List("v"))
		}
		if n == 0 || k < n {
			n = k
		}
	}
	if n <= 0 {
		return unlimitedList
	}
	return min(n, 10_000)
}
