package account

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// importable are the types that a bulk import takes
// (developer.monday.com, "Importing items in bulk").
var importable = map[string]bool{
	"board_relation": true, "checkbox": true, "date": true, "dropdown": true, "email": true, "link": true, "location": true,
	"long_text": true, "numbers": true, "people": true, "phone": true, "status": true, "text": true, "timeline": true,
}

// Importable says whether a bulk import takes the column.
func Importable(c *Column) bool { return importable[c.Type] }

// CheckName says what is wrong with an item's name, nil when nothing is.
func CheckName(name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("name is invalid: %w", err)
	}
	return nil
}

var (
	markdownLink = regexp.MustCompile(`^\[(.*)\]\((\S+)\)$`)
	namedEmail   = regexp.MustCompile(`^(.*\S)\s*<([^<>\s]+)>$`)
)

const maxLinks = 50

// ImportCell turns a cell of an import file into what column_values takes. problem says what is
// wrong with it. "<NULL>" clears.
func (a *Account) ImportCell(c *Column, s string) (value any, problem string) {
	if s == "<NULL>" {
		return nil, ""
	}
	value, problem = a.importForm(c, s)
	if problem != "" {
		return nil, problem
	}
	w := &write{a: a, board: c.board, col: c}
	if _, err := w.parse(value); err != nil {
		return nil, fmt.Sprintf("Value %q is invalid for column %q", s, c.ID)
	}
	return value, ""
}

func (a *Account) importForm(c *Column, s string) (any, string) {
	bad := fmt.Sprintf("Value %q is invalid for column %q", s, c.ID)
	switch c.Type {
	case "status":
		l := exactLabel(c, s)
		if l == nil {
			return nil, fmt.Sprintf("Label %q is invalid for column %q", s, c.ID)
		}
		return map[string]any{"index": int64(l.ID)}, ""
	case "dropdown":
		var ids []any
		for _, p := range splitList(s) {
			l := exactLabel(c, p)
			if l == nil {
				return nil, fmt.Sprintf("Label %q is invalid for column %q", p, c.ID)
			}
			ids = append(ids, int64(l.ID))
		}
		return map[string]any{"ids": ids}, ""
	case "date":
		if !validDay(s) {
			return nil, bad
		}
		return map[string]any{"date": s}, ""
	case "timeline":
		from, to, ok := strings.Cut(s, "/")
		if !ok {
			return nil, bad
		}
		return map[string]any{"from": strings.TrimSpace(from), "to": strings.TrimSpace(to)}, ""
	case "link":
		if m := markdownLink.FindStringSubmatch(s); m != nil {
			return map[string]any{"url": m[2], "text": m[1]}, ""
		}
		return map[string]any{"url": s, "text": s}, ""
	case "email":
		if m := namedEmail.FindStringSubmatch(s); m != nil {
			return map[string]any{"email": m[2], "text": m[1]}, ""
		}
		return map[string]any{"email": s, "text": s}, ""
	case "checkbox":
		switch strings.ToLower(s) {
		case "true", "yes", "1", "v", "checked":
			return map[string]any{"checked": "true"}, ""
		case "false", "no", "0", "unchecked":
			return nil, ""
		}
		return nil, bad
	case "people":
		return a.importPeople(s, bad)
	case "board_relation":
		return a.importLinks(c, s, bad)
	}
	return s, ""
}

func exactLabel(c *Column, s string) *Label {
	for _, l := range c.Labels {
		if l.Text == s && !l.Off {
			return l
		}
	}
	return nil
}

// importPeople reads a list of addresses, user:<id>, team:<id> or names.
func (a *Account) importPeople(s, bad string) (any, string) {
	list := []any{}
	for _, p := range splitList(s) {
		kind, rest, ok := strings.Cut(p, ":")
		if n, err := strconv.ParseInt(rest, 10, 64); ok && err == nil && (kind == "user" || kind == "team") {
			if kind == "user" {
				kind = "person"
			}
			list = append(list, map[string]any{"id": n, "kind": kind})
			continue
		}
		i := slices.IndexFunc(a.Users, func(u *User) bool { return strings.EqualFold(u.Email, p) || u.Name == p })
		if i < 0 {
			return nil, bad
		}
		list = append(list, map[string]any{"id": a.Users[i].ID, "kind": "person"})
	}
	return map[string]any{"personsAndTeams": list}, ""
}

// importLinks reads a list of item ids or names, with board: before them where the column is
// connected to several boards.
func (a *Account) importLinks(c *Column, s, bad string) (any, string) {
	boards, _ := idList(c.Extra["boardIds"])
	list := []any{}
	for _, p := range splitList(s) {
		in := boards
		if name, rest, ok := strings.Cut(p, ":"); ok {
			in = nil
			for _, id := range boards {
				if b := a.boards[id]; b != nil && (b.Name == name || idText(id) == name) {
					in = append(in, id)
				}
			}
			p = strings.TrimSpace(rest)
		}
		id, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			if id = a.itemNamed(in, p); id == 0 {
				return nil, bad
			}
		}
		list = append(list, id)
	}
	if len(list) > maxLinks {
		return nil, fmt.Sprintf("At most %d items can be linked in column %q", maxLinks, c.ID)
	}
	return map[string]any{"item_ids": list}, ""
}

func (a *Account) itemNamed(boards []int64, name string) int64 {
	for _, id := range boards {
		b := a.boards[id]
		if b == nil {
			continue
		}
		found, err := a.ItemsByValues(b, []Match{{Column: "name", Values: []string{name}}})
		if err == nil && len(found) > 0 {
			return found[0].ID
		}
	}
	return 0
}

// MatchRow finds the item an imported row belongs to: the oldest whose text in the match column is
// that of the row's value. nil where there is none, or the row has no value to match by.
func (a *Account) MatchRow(b *Board, column, name string, values map[string]any) (*Item, error) {
	c := b.Column(column)
	if c == nil {
		return nil, noColumn(column)
	}
	text := name
	if c.Type != "name" {
		if values[column] == nil {
			return nil, nil
		}
		w := &write{a: a, board: b, col: c}
		v, err := w.parse(values[column])
		if err != nil {
			return nil, err
		}
		text = gql.Text(a.Text(Ref{Column: c, Cell: &Cell{V: v}}, time.UTC))
	}
	if text == "" {
		return nil, nil
	}
	found, err := a.ItemsByValues(b, []Match{{Column: column, Values: []string{text}}})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
