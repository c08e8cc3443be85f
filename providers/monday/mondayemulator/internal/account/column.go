package account

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Column is one column of a board.
type Column struct {
	ID          string
	Title       string
	Description string
	Type        string
	Width       int
	Revision    string
	Hidden      bool // a user hid it from the token: it vanishes from answers
	Restricted  bool // only its owners may write to it
	Required    bool // items may not be without a value
	Labels      []*Label
	Extra       map[string]any // every other setting
	slot        int            // where items keep their cell; -1 holds none
	board       *Board
	k           *kind
}

// Board is the board a column is on.
func (c *Column) Board() *Board { return c.board }

// NewColumn is what CreateColumn needs to know. Settings is the defaults argument as an object.
type NewColumn struct {
	ID, Title, Description, Type, After string
	Settings                            map[string]any
}

var columnID = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Column finds a column by id; nil when there is none.
func (b *Board) Column(id string) *Column {
	for _, c := range b.Columns {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// CreateColumn adds a column. A caller's id must be new to the board: that of a deleted column
// stays taken (developer.monday.com, "Columns").
func (a *Account) CreateColumn(by int64, b *Board, n NewColumn) (*Column, error) {
	c, err := a.addColumn(b, n)
	if err != nil {
		return nil, err
	}
	b.Updated = a.Now()
	a.logBoard(by, b, "create_column", map[string]any{
		"column_id": c.ID, "column_title": c.Title, "column_type": c.kind().legacy,
	})
	a.emit("create_column", b, nil, by, map[string]any{
		"type": "create_column", "accountId": a.ID, "entity": "board", "columnId": c.ID, "columnTitle": c.Title,
		"columnType": c.kind().legacy, "createdAt": seconds(b.Updated), "retryCount": 0,
	})
	return c, nil
}

func (a *Account) addColumn(b *Board, n NewColumn) (*Column, error) {
	k, ok := kinds[n.Type]
	if !ok || n.Type == "name" {
		return nil, InvalidArgument("column type %s cannot be created in this emulator", n.Type)
	}
	if strings.TrimSpace(n.Title) == "" || len([]rune(n.Title)) > 255 {
		return nil, InvalidArgument("Column title must have between 1 and 255 characters")
	}
	if n.ID != "" {
		if len(n.ID) > 24 || !columnID.MatchString(n.ID) {
			return nil, InvalidArgument("Column id %q is invalid: it must match ^[a-z_][a-z0-9_]*$ and have at most 24 characters", n.ID)
		}
		if b.reserved[n.ID] {
			return nil, InvalidArgument("Column id %q is already in use on this board or was used before. Column ids cannot be reused", n.ID)
		}
	} else {
		for n.ID == "" || b.reserved[n.ID] {
			n.ID = k.prefix(n.Type) + "_mm" + a.Random("column", 6)
		}
	}
	if n.Type == "dependency" && slices.ContainsFunc(b.Columns, func(c *Column) bool { return c.Type == "dependency" }) {
		return nil, InvalidArgument("Cannot add column")
	}
	c := &Column{ID: n.ID, Title: n.Title, Description: n.Description, Type: n.Type, Revision: a.Hex("revision", 16), board: b, slot: -1, k: k}
	if err := a.settle(c, n.Settings, true); err != nil {
		return nil, err
	}
	at := len(b.Columns)
	if n.After != "" {
		i := slices.IndexFunc(b.Columns, func(x *Column) bool { return x.ID == n.After })
		if i < 0 {
			return nil, noColumn(n.After)
		}
		at = i + 1
	}
	if k.parse != nil {
		c.slot = b.slots
		b.slots++
	}
	b.reserved[c.ID] = true
	b.Columns = slices.Insert(b.Columns, at, c)
	return c, nil
}

// settle applies settings: labels replace the set, everything else merges at the top level.
func (a *Account) settle(c *Column, s map[string]any, fresh bool) error {
	rest := maps.Clone(c.Extra)
	if rest == nil {
		rest = map[string]any{}
	}
	labels, hasLabels := s["labels"]
	for k, v := range s {
		if k != "labels" && k != "type" {
			rest[k] = v
		}
	}
	switch c.Type {
	case "status", "dropdown":
		if hasLabels {
			set, err := readLabels(labels)
			if err != nil {
				return err
			}
			if err := a.setLabels(c, set, fresh); err != nil {
				return err
			}
		} else if fresh {
			c.Labels = defaultLabels(c.Type)
		}
	case "board_relation", "dependency":
		ids, err := idList(rest["boardIds"])
		if err != nil {
			return InvalidArgument("settings.boardIds must be a list of board ids")
		}
		for _, id := range ids {
			if a.Board(id) == nil {
				return noBoard(id)
			}
		}
		if _, ok := rest["boardIds"]; ok {
			rest["boardIds"] = ids
		}
	case "formula":
		if text := formulaOf(rest); text != "" { // one that is still to be written shows nothing
			if err := checkFormula(text); err != nil {
				return err
			}
		}
	}
	c.Extra = rest
	return nil
}

// ColumnChange is what UpdateColumn sets; nil leaves as it is.
type ColumnChange struct {
	Type               string
	Title, Description *string
	Width              *int
	Settings           map[string]any
}

// UpdateColumn changes a column whose revision is still the one the caller read. The code of a
// stale revision is not in the vendor's documentation; the emulator answers REVISION_CONFLICT.
func (a *Account) UpdateColumn(by int64, b *Board, c *Column, revision string, n ColumnChange) error {
	if n.Type != "" && n.Type != c.Type {
		return InvalidArgument("Column %s is of type %s, not %s", c.ID, c.Type, n.Type)
	}
	if revision != c.Revision {
		e := fail("REVISION_CONFLICT", "The column was changed since revision %s was read. Read it again and retry", revision)
		e.Status = 409
		e.Data = map[string]any{"column_id": c.ID, "revision": revision}
		return e
	}
	if n.Title != nil {
		if strings.TrimSpace(*n.Title) == "" || len([]rune(*n.Title)) > 255 {
			return InvalidArgument("Column title must have between 1 and 255 characters")
		}
	}
	old, err := json.Marshal(a.Settings(c))
	if err != nil {
		return err
	}
	if n.Settings != nil {
		before := a.labelTexts(c)
		if err := a.settle(c, n.Settings, false); err != nil {
			return err
		}
		if !maps.Equal(before, a.labelTexts(c)) {
			delete(b.text, c.ID)
		}
	}
	if n.Title != nil {
		c.Title = *n.Title
	}
	if n.Description != nil {
		c.Description = *n.Description
	}
	if n.Width != nil {
		c.Width = *n.Width
	}
	a.columnChanged(by, b, c, map[string]any{"previous_settings": string(old)})
	return nil
}

func (a *Account) labelTexts(c *Column) map[int]string {
	out := map[int]string{}
	for _, l := range c.Labels {
		out[l.ID] = l.Text
	}
	return out
}

func (a *Account) columnChanged(by int64, b *Board, c *Column, data map[string]any) {
	c.Revision = a.Hex("revision", 16)
	b.Updated = a.Now()
	if data == nil {
		data = map[string]any{}
	}
	data["column_id"], data["column_title"], data["column_type"] = c.ID, c.Title, c.kind().legacy
	a.logBoard(by, b, "update_column", data)
}

// RenameColumn sets the title or description without a revision.
func (a *Account) RenameColumn(by int64, b *Board, c *Column, property, value string) error {
	if property == "description" {
		c.Description = value
	} else {
		if strings.TrimSpace(value) == "" || len([]rune(value)) > 255 {
			return InvalidArgument("Column title must have between 1 and 255 characters")
		}
		c.Title = value
	}
	a.columnChanged(by, b, c, nil)
	return nil
}

// DeleteColumn removes a column with what its cells hold. Its id stays reserved.
func (a *Account) DeleteColumn(by int64, b *Board, c *Column) error {
	if c.Type == "name" {
		return InvalidArgument("The name column cannot be deleted")
	}
	b.Columns = slices.DeleteFunc(b.Columns, func(x *Column) bool { return x == c })
	delete(b.text, c.ID)
	b.Updated = a.Now()
	a.logBoard(by, b, "delete_column", map[string]any{
		"column_id": c.ID, "column_title": c.Title, "column_type": c.kind().legacy,
	})
	return nil
}

// Settings are a column's settings as the settings field gives them.
func (a *Account) Settings(c *Column) map[string]any {
	out := maps.Clone(c.Extra)
	if out == nil {
		out = map[string]any{}
	}
	switch c.Type {
	case "status":
		out["type"] = "status"
		out["labels"] = a.statusLabels(c)
	case "dropdown":
		list := []map[string]any{}
		for _, l := range c.Labels {
			list = append(list, map[string]any{"id": l.ID, "label": l.Text, "is_deactivated": l.Off})
		}
		out["type"] = "dropdown"
		out["labels"] = list
	}
	return out
}

// SettingsText is settings_str: the older spelling, as a JSON string.
func (a *Account) SettingsText(c *Column) string {
	var v any = c.Extra
	switch c.Type {
	case "status":
		v = oldStatusSettings(c)
	case "dropdown":
		list := []map[string]any{}
		for _, l := range c.Labels {
			list = append(list, map[string]any{"id": l.ID, "name": l.Text})
		}
		old := maps.Clone(c.Extra)
		if old == nil {
			old = map[string]any{}
		}
		old["labels"] = list
		v = old
	}
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return "{}"
	}
	return string(b)
}
