package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// person checks that somebody may be assigned: known, active and, where the board is not public,
// on the board (developer.monday.com, "People").
func (w *write) person(id int64) (Person, error) {
	u := w.a.User(id)
	if u == nil || !u.Active || !w.a.Sees(id, w.board) {
		return Person{}, noUser(id)
	}
	return Person{ID: id, Kind: "person"}, nil
}

func (w *write) people(list []Person, value any) (any, error) {
	if n := (gql.Args(w.col.Extra)).Int("max_people_allowed"); n > 0 && len(list) > n {
		return nil, badValue(w.col, value, "more people than the column allows")
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, nil
}

var peopleKind = &kind{
	legacy: "multiple-person", class: "PeopleValue", timed: true, decode: decodeAs[[]Person],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		entries, isList := m["personsAndTeams"].([]any)
		if !ok || !isList && m["personsAndTeams"] != nil {
			return nil, badValue(w.col, v, "an object with personsAndTeams is expected")
		}
		var out []Person
		for _, e := range entries {
			em, ok := e.(map[string]any)
			id, err := strconv.ParseInt(gql.Text(em["id"]), 10, 64)
			if !ok || err != nil {
				return nil, badValue(w.col, v, "every entry of personsAndTeams needs an id")
			}
			p := Person{ID: id, Kind: gql.Text(em["kind"])}
			switch p.Kind {
			case "person":
				if p, err = w.person(id); err != nil {
					return nil, err
				}
			case "team":
				if w.a.Team(id) == nil {
					return nil, badValue(w.col, v, "team does not exist")
				}
			default:
				return nil, badValue(w.col, v, "kind must be person or team")
			}
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return w.people(out, v)
	},
	simple: func(w *write, s string) (any, error) {
		var out []Person
		for _, part := range splitList(s) {
			id, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				u := w.a.UserByEmail(part)
				if u == nil {
					return nil, noUser(part)
				}
				id = u.ID
			}
			p, err := w.person(id)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return w.people(out, s)
	},
	text: func(a *Account, r Ref, _ *time.Location) any {
		list, _ := r.Value().([]Person)
		var out []string
		for _, p := range list {
			if p.Kind == "team" {
				if t := a.Team(p.ID); t != nil {
					out = append(out, t.Name)
				}
			} else if u := a.User(p.ID); u != nil {
				out = append(out, u.Name)
			}
		}
		return strings.Join(out, ", ")
	},
	raw: rawOf(func(list []Person) any { return map[string]any{"personsAndTeams": list} }),
}

// relationKind is a column that holds items of other boards. Its text and value are always null
// (developer.monday.com, "Connect boards").
func relationKind(legacy, class string) *kind {
	return &kind{
		legacy: legacy, class: class, decode: decodeAs[[]int64],
		parse: func(w *write, v any) (any, error) {
			m, ok := v.(map[string]any)
			given, has := m["item_ids"]
			if !ok || !has {
				return nil, badValue(w.col, v, "an object with item_ids is expected")
			}
			ids, err := idList(given)
			if err != nil {
				return nil, badValue(w.col, v, "item_ids must be numbers")
			}
			return w.relation(ids, v)
		},
		text: func(*Account, Ref, *time.Location) any { return nil },
		event: func(_ *Account, _ *Column, v any) any {
			list := []map[string]any{}
			ids, _ := v.([]int64)
			for _, id := range ids {
				list = append(list, map[string]any{"linkedPulseId": id})
			}
			return map[string]any{"linkedPulseIds": list}
		},
	}
}

func (w *write) relation(ids []int64, value any) (any, error) {
	boards, _ := idList(w.col.Extra["boardIds"])
	if w.col.Type == "dependency" && len(boards) == 0 {
		boards = []int64{w.board.ID}
	}
	for _, id := range ids {
		it := w.a.items[id]
		if it == nil || it.State == Deleted {
			return nil, badValue(w.col, value, "item "+idText(id)+" does not exist")
		}
		if !slices.Contains(boards, it.board.ID) {
			return nil, badValue(w.col, value, "item "+idText(id)+" is on a board that is not connected to the column")
		}
	}
	if many, ok := w.col.Extra["allowMultipleItems"].(bool); ok && !many && len(ids) > 1 {
		return nil, badValue(w.col, value, "the column takes one item")
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return ids, nil
}
