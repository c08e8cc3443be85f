package mondayemulator

import (
	"strconv"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

type field = gql.Field[*request]

// on makes a resolver for a field of objects that are held as T.
func on[T any](f func(r *request, obj T, a gql.Args) (any, error)) field {
	return func(r *request, obj any, a gql.Args) (any, error) {
		v, ok := obj.(T)
		if !ok {
			return nil, nil
		}
		return f(r, v, a)
	}
}

// of makes a resolver for a plain property of T.
func of[T any](f func(obj T) any) field {
	return func(_ *request, obj any, _ gql.Args) (any, error) {
		v, ok := obj.(T)
		if !ok {
			return nil, nil
		}
		return f(v), nil
	}
}

// root makes a resolver for a top-level field.
func root(f func(r *request, a gql.Args) (any, error)) field {
	return func(r *request, _ any, a gql.Args) (any, error) { return f(r, a) }
}

// fixed makes a resolver that always gives v.
func fixed(v any) field { return func(*request, any, gql.Args) (any, error) { return v, nil } }

func resolvers() map[string]map[string]field {
	all := map[string]map[string]field{}
	for _, part := range []map[string]map[string]field{
		peopleFields(), boardFields(), itemFields(), valueFields(), platformFields(), jobFields(), aggregateFields(),
	} {
		for name, fs := range part {
			all[name] = fs
		}
	}
	all["Query"] = queries()
	all["Mutation"] = mutations()
	return all
}

// typeOf names the type of a value of an interface or union.
func typeOf(obj any) string {
	switch v := obj.(type) {
	case account.Ref:
		return v.Class()
	case fileLink:
		return "FileLinkValue"
	case *account.Board:
		return "Board"
	case *account.Group:
		return "Group"
	case *job:
		return "ItemsJobStatus"
	case sum:
		return "AggregateBasicAggregationResult"
	case groupKey:
		return "AggregateGroupByResult"
	}
	return ""
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// optional is nil for an empty text.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// id reads an id argument; what is not a number is an id that nothing has.
func id(a gql.Args, name string) int64 {
	n, err := strconv.ParseInt(a.String(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// ids reads a list of ids.
func ids(a gql.Args, name string) []int64 {
	var out []int64
	for _, s := range a.Strings(name) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			n = -1
		}
		out = append(out, n)
	}
	return out
}

// set is ids as a set; nil when the argument is absent.
func set(a gql.Args, name string) map[int64]bool {
	if !a.Given(name) {
		return nil
	}
	out := map[int64]bool{}
	for _, n := range ids(a, name) {
		out[n] = true
	}
	return out
}

// page cuts one page out of a list, pages counted from 1.
func page[T any](list []T, a gql.Args, most int) ([]T, error) {
	limit, number := a.Int("limit"), a.Int("page")
	if limit <= 0 || number <= 0 {
		return nil, account.InvalidArgument("limit and page must be greater than 0")
	}
	if limit > most {
		return nil, account.InvalidArgument("limit must not be greater than %d", most)
	}
	if number > len(list)/limit+1 {
		return []T{}, nil
	}
	from := min((number-1)*limit, len(list))
	return append([]T{}, list[from:min(from+limit, len(list))]...), nil
}

// users looks users up by id, unknown ones left out.
func users(a *account.Account, ids []int64) []*account.User {
	out := []*account.User{}
	for _, id := range ids {
		if u := a.User(id); u != nil {
			out = append(out, u)
		}
	}
	return out
}

func teams(a *account.Account, ids []int64) []*account.Team {
	out := []*account.Team{}
	for _, id := range ids {
		if t := a.Team(id); t != nil {
			out = append(out, t)
		}
	}
	return out
}
