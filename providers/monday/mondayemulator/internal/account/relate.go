package account

import (
	"maps"
	"slices"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// BlankStatus is the label id of a status cell that was cleared.
const BlankStatus = blankStatus

// ItemID is an item's id where it stands for a link to the item.
type ItemID int64

// NoColumn says that a board has no such column.
func NoColumn(id string) *gql.Error { return noColumn(id) }

// Board is the board a group is on.
func (g *Group) Board() *Board { return g.board }

// Position is where the group stands, as a text that sorts.
func (g *Group) Position() string {
	i := slices.Index(g.board.Groups, g)
	return idText(int64(65536 * (i + 1)))
}

// Linked are the items a relation holds; deleted ones are no longer shown.
func (a *Account) Linked(r Ref) []*Item {
	var out []*Item
	ids, _ := r.Value().([]int64)
	for _, id := range ids {
		if it := a.items[id]; it != nil && it.State != Deleted {
			out = append(out, it)
		}
	}
	return out
}

// Mirrored are the cells a mirror column shows: those of the linked items, in the columns its
// settings name.
func (a *Account) Mirrored(r Ref) []Ref {
	relations, _ := r.Column.Extra["relation_column"].(map[string]any)
	var out []Ref
	for _, id := range slices.Sorted(maps.Keys(relations)) {
		c := r.Column.board.Column(id)
		if c == nil {
			continue
		}
		for _, it := range a.Linked(r.Item.Ref(c)) {
			for _, show := range displayed(r.Column.Extra["displayed_linked_columns"], it.board.ID) {
				if k := it.board.Column(show); k != nil {
					out = append(out, it.Ref(k))
				}
			}
		}
	}
	return out
}

// displayed reads which columns of a board a mirror shows: {"<board>":["col"]}, or a list of
// {board_id, column_ids}.
func displayed(v any, board int64) []string {
	switch v := v.(type) {
	case map[string]any:
		return gql.Args(v).Strings(idText(board))
	case []any:
		for _, e := range v {
			m, _ := e.(map[string]any)
			if gql.Text(m["board_id"]) == idText(board) {
				return gql.Args(m).Strings("column_ids")
			}
		}
	}
	return nil
}

// MirrorText is a mirror's display_value.
func (a *Account) MirrorText(r Ref, zone *time.Location) string {
	var out []string
	for _, m := range a.Mirrored(r) {
		if s, _ := a.Text(m, zone).(string); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// CreateSubitem adds a subitem; the board of subitems comes into being with the first one
// (developer.monday.com, "Subitems").
func (a *Account) CreateSubitem(by int64, parent *Item, n NewItem) (*Item, error) {
	if parent.Parent != nil {
		return nil, InvalidArgument("Subitems cannot have subitems on a classic board")
	}
	b := a.boards[parent.board.subitemBoard]
	if b == nil {
		b = a.addBoard(by, NewBoard{Name: "Subitems of " + parent.board.Name, Kind: parent.board.Kind, WorkspaceID: parent.board.WorkspaceID, Subscribers: parent.board.Subscribers})
		b.Type, b.parentBoard = "sub_items_board", parent.board.ID
		b.Groups = []*Group{{ID: "topics", Title: "Subitems", Color: colors[7], State: Active, board: b}}
		for _, c := range []NewColumn{{ID: "person", Title: "Owner", Type: "people"}, {ID: "status", Title: "Status", Type: "status"}, {ID: "date0", Title: "Date", Type: "date"}} {
			if _, err := a.addColumn(b, c); err != nil {
				return nil, err
			}
		}
		parent.board.subitemBoard = b.ID
		if _, err := a.addColumn(parent.board, NewColumn{Title: "Subitems", Type: "subtasks", Settings: map[string]any{"boardIds": []any{b.ID}}}); err != nil {
			return nil, err
		}
	}
	it, err := a.addItem(by, b, b.TopGroup(), n)
	if err != nil {
		return nil, err
	}
	it.Parent = parent
	parent.Subitems = append(parent.Subitems, it)
	if err := a.place(it, n); err != nil {
		return nil, err
	}
	a.touch(by, parent)
	a.created(by, it)
	return it, nil
}

// DuplicateItem copies an item with its cells to the bottom of its group.
func (a *Account) DuplicateItem(by int64, it *Item, updates bool) (*Item, error) {
	name := it.Name + " (copy)"
	if len([]rune(name)) > maxName {
		name = it.Name
	}
	return a.copyItem(by, it, it.board, it.group, name, updates, func(c *Column) *Column { return c })
}

func (a *Account) copyItem(by int64, it *Item, b *Board, g *Group, name string, updates bool, to func(*Column) *Column) (*Item, error) {
	out, err := a.addItem(by, b, g, NewItem{Name: name})
	if err != nil {
		return nil, err
	}
	for _, c := range it.board.Columns {
		if cell := it.cell(c); cell != nil && cell.V != nil {
			if t := to(c); t != nil && t.slot >= 0 {
				a.put(out, t, &Cell{V: cell.V, At: out.Created})
			}
		}
	}
	if err := a.place(out, NewItem{}); err != nil {
		return nil, err
	}
	if updates {
		for _, u := range slices.Backward(it.Updates) {
			c := *u
			c.ID, c.ItemID, c.Replies = a.newID("update"), out.ID, nil
			a.updates[c.ID] = &c
			out.Updates = append([]*Update{&c}, out.Updates...)
		}
	}
	a.created(by, out)
	return out, nil
}

// Duplication is what DuplicateBoard copies besides the structure.
type Duplication struct {
	Name                        string
	Items, Updates, Subscribers bool
	WorkspaceID                 int64
}

// DuplicateBoard copies a board's structure, and its items where asked. Webhooks are not copied.
func (a *Account) DuplicateBoard(by int64, b *Board, d Duplication) (*Board, error) {
	if d.Name == "" {
		d.Name = "Duplicate of " + b.Name
	}
	n := NewBoard{Name: d.Name, Kind: b.Kind, Description: b.Description, WorkspaceID: d.WorkspaceID, Nickname: b.Nickname}
	if d.Subscribers {
		n.Subscribers, n.Owners = b.Subscribers, b.Owners
	}
	if n.WorkspaceID != 0 && a.Workspace(n.WorkspaceID) == nil {
		return nil, NotFound("Workspace", idText(n.WorkspaceID))
	}
	out := a.addBoard(by, n)
	groups := map[*Group]*Group{}
	for _, g := range b.Groups {
		if g.State == Active {
			c := &Group{ID: g.ID, Title: g.Title, Color: g.Color, State: Active, board: out}
			groups[g] = c
			out.Groups = append(out.Groups, c)
		}
	}
	for _, c := range b.Columns {
		if c.Type == "name" || c.Type == "subtasks" {
			continue
		}
		k := &Column{ID: c.ID, Title: c.Title, Description: c.Description, Type: c.Type, Width: c.Width, Revision: a.Hex("revision", 16), Extra: maps.Clone(c.Extra), board: out, k: c.k, slot: -1}
		for _, l := range c.Labels {
			label := *l
			k.Labels = append(k.Labels, &label)
		}
		if c.slot >= 0 {
			k.slot = out.slots
			out.slots++
		}
		out.reserved[k.ID] = true
		out.Columns = append(out.Columns, k)
	}
	if !d.Items {
		return out, nil
	}
	for _, g := range b.Groups {
		for _, it := range g.items {
			if g.State != Active {
				continue
			}
			if _, err := a.copyItem(by, it, out, groups[g], it.Name, d.Updates, func(c *Column) *Column { return out.Column(c.ID) }); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// MoveToBoard moves an item, which keeps its id. Without a mapping, columns go together by title
// and type; a mapping must name every column of the source, with no target for those that are to be
// lost, and never name, subitems or formulas (developer.monday.com, "Move item to board").
func (a *Account) MoveToBoard(by int64, it *Item, b *Board, group string, mapping map[string]string) error {
	g := b.Group(group)
	if g == nil {
		return noGroup(group)
	}
	if b == it.board {
		return a.Move(by, it, group)
	}
	if b.Count >= a.ItemsLimit {
		return fail("ItemsLimitationException", "Board items limit of %d has been reached", a.ItemsLimit)
	}
	bad := InvalidArgument("Columns mapping is not in the expected format")
	pairs := map[*Column]*Column{}
	for _, c := range it.board.Columns {
		if c.Type == "name" || c.Type == "subtasks" {
			if _, given := mapping[c.ID]; given {
				return bad
			}
			continue
		}
		if mapping == nil {
			for _, t := range b.Columns {
				if t.Type == c.Type && t.Title == c.Title {
					pairs[c] = t
				}
			}
			continue
		}
		target, given := mapping[c.ID]
		if !given {
			return bad
		}
		if target == "" {
			continue
		}
		t := b.Column(target)
		if t == nil || t.Type != c.Type {
			return bad
		}
		pairs[c] = t
	}
	for source := range mapping {
		if it.board.Column(source) == nil {
			return bad
		}
	}
	from, values, oldGroup := it.board, map[*Column]*Cell{}, it.group
	for c, t := range pairs {
		if cell := it.cell(c); cell != nil && t.slot >= 0 {
			values[t] = translate(c, t, cell)
		}
	}
	a.leave(it)
	a.unindex(it)
	a.logItem(by, it, "move_pulse_from_board", "", map[string]any{"dest_board_id": b.ID})
	it.board, it.group, it.cells = b, g, nil
	g.items = append(g.items, it)
	a.enter(it)
	for _, t := range b.Columns {
		if cell := values[t]; cell != nil {
			a.put(it, t, cell)
		}
	}
	a.indexName(it, "")
	it.Updated, it.UpdaterID = a.Now(), by
	a.logItem(by, it, "move_pulse_into_board", "", map[string]any{"source_board_id": from.ID, "source_group_id": oldGroup.ID})
	return nil
}

// translate carries labels over by their text, since ids differ from board to board.
func translate(c, t *Column, cell *Cell) *Cell {
	text := func(id int) (int, bool) {
		l := labelByID(c, id)
		if l == nil {
			return 0, false
		}
		m := labelByText(t, l.Text)
		if m == nil {
			return 0, false
		}
		return m.ID, true
	}
	out := &Cell{V: cell.V, At: cell.At}
	switch v := cell.V.(type) {
	case int:
		if c.Type == "status" {
			id, ok := text(v)
			if !ok {
				return nil
			}
			out.V = id
		}
	case []int:
		var ids []int
		for _, id := range v {
			if n, ok := text(id); ok {
				ids = append(ids, n)
			}
		}
		if ids == nil {
			return nil
		}
		out.V = ids
	}
	return out
}
