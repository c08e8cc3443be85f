package account

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// Item is one row of a board.
type Item struct {
	ID        int64
	Name      string
	State     string
	Created   time.Time
	Updated   time.Time
	CreatorID int64
	UpdaterID int64
	Parent    *Item
	Subitems  []*Item
	Updates   []*Update
	board     *Board
	group     *Group
	cells     []*Cell // by column slot
	newer     *Item   // neighbours in the board's order of last update
	older     *Item
}

// Board is the board the item is on.
func (it *Item) Board() *Board { return it.board }

// Group is the group the item is in, or was when it left.
func (it *Item) Group() *Group { return it.group }

// Ref is the item's cell in a column.
func (it *Item) Ref(c *Column) Ref { return Ref{Item: it, Column: c, Cell: it.cell(c)} }

func (it *Item) cell(c *Column) *Cell {
	if c.slot < 0 || c.slot >= len(it.cells) {
		return nil
	}
	return it.cells[c.slot]
}

func (it *Item) setCell(c *Column, cell *Cell) {
	for len(it.cells) <= c.slot {
		it.cells = append(it.cells, nil)
	}
	it.cells[c.slot] = cell
}

const maxName = 255

func checkName(name string) error {
	if strings.TrimSpace(name) == "" {
		return InvalidArgument("Item name can't be blank")
	}
	if n := len([]rune(name)); n > maxName {
		e := fail("ItemNameTooLongException", "Item name exceeds the maximum length of %d characters", maxName)
		e.Data = map[string]any{"item_name_length": n}
		return e
	}
	return nil
}

// Item finds an item whatever its state; nil when there is none.
func (a *Account) Item(id int64) *Item { return a.items[id] }

// ActiveItem finds an item that the user may change.
func (a *Account) ActiveItem(by, id int64) (*Item, error) {
	it := a.items[id]
	if it == nil || it.State == Deleted || !a.Sees(by, it.board) || it.board.State == Deleted {
		return nil, noItem(id)
	}
	if it.State == Archived {
		return nil, InvalidArgument("The item is archived")
	}
	return it, nil
}

// DecodeValues reads column_values: a JSON text of an object, or the object itself.
func DecodeValues(v any) (map[string]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, nil
		}
		out, err := decodeJSON(v)
		if err != nil {
			return nil, fail("JsonParseException", "We weren't able to parse the values you provided. Please check that the JSON is correct")
		}
		if m, ok := out.(map[string]any); ok || out == nil {
			return m, nil
		}
	}
	return nil, fail("JsonParseException", "column_values must be a JSON object keyed by column id")
}

// DecodeValue reads the value of change_column_value: JSON of one cell.
func DecodeValue(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return v, nil
	}
	out, err := decodeJSON(s)
	if err != nil {
		return nil, fail("JsonParseException", "We weren't able to parse the value you provided. Please check that the JSON is correct")
	}
	return out, nil
}

// decodeJSON reads one JSON value; numbers keep their spelling where it matters.
func decodeJSON(s string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return spelled(out), nil
}

// spelled turns numbers into int64, or the text they were written as.
func spelled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = spelled(e)
		}
	case []any:
		for i, e := range v {
			v[i] = spelled(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		return v.String()
	}
	return v
}

// change is one cell about to be set.
type change struct {
	col   *Column
	value any
}

// read checks all values before anything is set, in the order of the board's columns.
func (a *Account) read(b *Board, values map[string]any, labels bool) (changes []change, name string, err error) {
	if labels { // those made on the way to a refusal go again
		was := map[*Column]Column{}
		for _, c := range b.Columns {
			was[c] = Column{Labels: slices.Clone(c.Labels), Revision: c.Revision}
		}
		defer func() {
			if err != nil {
				for c, w := range was {
					c.Labels, c.Revision = w.Labels, w.Revision
				}
			}
		}()
	}
	ids := slices.Sorted(maps.Keys(values))
	for _, id := range ids {
		c := b.Column(id)
		if c == nil || c.Hidden {
			return nil, "", noColumn(id)
		}
		if c.Type == "name" {
			name, _ = values[id].(string)
			if err := checkName(name); err != nil {
				return nil, "", err
			}
			continue
		}
		if c.Restricted {
			return nil, "", restricted(c)
		}
		w := &write{a: a, board: b, col: c, labels: labels}
		v, err := w.parse(values[id])
		if err != nil {
			return nil, "", err
		}
		changes = append(changes, change{c, v})
	}
	sort.SliceStable(changes, func(i, j int) bool {
		return slices.Index(b.Columns, changes[i].col) < slices.Index(b.Columns, changes[j].col)
	})
	return changes, name, nil
}

// NewItem is what CreateItem needs to know.
type NewItem struct {
	Name       string
	GroupID    string
	Values     map[string]any
	Labels     bool   // make missing labels
	Method     string // before_at, after_at
	RelativeTo int64
	Quiet      bool // no activity row and no events (backfill_items)
}

// CreateItem adds an item with its values in one step.
func (a *Account) CreateItem(by int64, b *Board, n NewItem) (*Item, error) {
	if b.Type == "sub_items_board" {
		return nil, InvalidArgument("Items cannot be created on a subitems board. Use create_subitem")
	}
	g := b.TopGroup()
	if n.GroupID != "" {
		g = b.Group(n.GroupID)
	}
	if g == nil {
		return nil, noGroup(n.GroupID)
	}
	it, err := a.addItem(by, b, g, n)
	if err != nil {
		return nil, err
	}
	if err := a.place(it, n); err != nil {
		return nil, err
	}
	if !n.Quiet {
		a.created(by, it)
	}
	return it, nil
}

func (a *Account) addItem(by int64, b *Board, g *Group, n NewItem) (*Item, error) {
	if err := checkName(n.Name); err != nil {
		return nil, err
	}
	if b.Count >= a.ItemsLimit {
		e := fail("ItemsLimitationException", "Board items limit of %d has been reached", a.ItemsLimit)
		e.Data = map[string]any{"board_id": b.ID, "limit": a.ItemsLimit}
		return nil, e
	}
	if n.RelativeTo != 0 {
		if other := a.items[n.RelativeTo]; other == nil || other.board != b || other.State != Active {
			return nil, noItem(n.RelativeTo)
		}
	}
	changes, name, err := a.read(b, n.Values, n.Labels)
	if err != nil {
		return nil, err
	}
	if name != "" {
		n.Name = name
	}
	if err := required(&Item{board: b}, changes); err != nil {
		return nil, err
	}
	now := a.Now()
	it := &Item{ID: a.newID("item"), Name: n.Name, State: Active, Created: now, Updated: now, CreatorID: by, UpdaterID: by, board: b, group: g}
	it.cells = make([]*Cell, 0, b.slots)
	a.items[it.ID] = it
	a.Written++
	a.enter(it)
	for _, ch := range changes {
		if ch.value != nil {
			a.put(it, ch.col, &Cell{V: ch.value, At: now})
		}
	}
	a.indexName(it, "")
	return it, nil
}

// place puts a new item where it was asked to stand: at the bottom of its group, unless a method
// says otherwise (developer.monday.com, "Items").
func (a *Account) place(it *Item, n NewItem) error {
	g := it.group
	at := len(g.items)
	switch {
	case n.RelativeTo != 0:
		other := a.items[n.RelativeTo]
		g = other.group
		it.group = g
		at = slices.Index(g.items, other)
		if n.Method == "after_at" {
			at++
		}
	case n.Method == "after_at":
		at = 0
	}
	g.items = slices.Insert(g.items, at, it)
	return nil
}

// enter counts an item in on its board; leave takes it out.
func (a *Account) enter(it *Item) {
	it.board.Count++
	it.board.recent.front(it)
}

func (a *Account) leave(it *Item) {
	it.board.Count--
	it.board.recent.remove(it)
	if i := slices.Index(it.group.items, it); i >= 0 {
		it.group.items = slices.Delete(it.group.items, i, i+1)
	}
}

// touch marks a change of the item.
func (a *Account) touch(by int64, it *Item) {
	it.Updated, it.UpdaterID = a.Now(), by
	if it.State == Active {
		it.board.recent.remove(it)
		it.board.recent.front(it)
	}
}

// put sets a cell and keeps the text index in step.
func (a *Account) put(it *Item, c *Column, cell *Cell) {
	idx := it.board.text[c.ID]
	if idx == nil {
		it.setCell(c, cell)
		return
	}
	old := a.indexText(it, c)
	it.setCell(c, cell)
	idx.queue(it, old, a.indexText(it, c), a.Now().Add(a.SearchLag))
}

// SetValues changes cells of an item, and its name where the values hold one. All values are
// checked first: one bad value refuses the whole change. A value equal to the one there is no
// change: it leaves no row and no event.
func (a *Account) SetValues(by int64, it *Item, values map[string]any, labels bool) error {
	changes, name, err := a.read(it.board, values, labels)
	if err != nil {
		return err
	}
	if err := required(it, changes); err != nil {
		return err
	}
	a.apply(by, it, changes)
	if name != "" {
		return a.Rename(by, it, name)
	}
	return nil
}

// SetSimple changes one cell from a simple string; an empty one clears.
func (a *Account) SetSimple(by int64, it *Item, column, value string, labels bool) error {
	c := it.board.Column(column)
	if c == nil || c.Hidden {
		return noColumn(column)
	}
	if c.Type == "name" {
		return a.Rename(by, it, value)
	}
	if c.Restricted {
		return restricted(c)
	}
	w := &write{a: a, board: it.board, col: c, labels: labels}
	v, err := w.parseSimple(value)
	if err != nil {
		return err
	}
	if err := required(it, []change{{c, v}}); err != nil {
		return err
	}
	a.apply(by, it, []change{{c, v}})
	return nil
}

func (a *Account) apply(by int64, it *Item, changes []change) {
	now := a.Now()
	changed := false
	for _, ch := range changes {
		old := it.cell(ch.col)
		if equal(it.Ref(ch.col).Value(), ch.value) {
			continue
		}
		cell := &Cell{V: ch.value, At: now}
		a.put(it, ch.col, cell)
		if !changed {
			a.touch(by, it)
			changed = true
		}
		a.cellChanged(by, it, ch.col, old, cell)
	}
	if changed {
		a.Written++
	}
}

func equal(x, y any) bool {
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	a, err1 := json.Marshal(x)
	b, err2 := json.Marshal(y)
	return err1 == nil && err2 == nil && string(a) == string(b)
}

// Rename sets an item's name.
func (a *Account) Rename(by int64, it *Item, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if name == it.Name {
		return nil
	}
	old := it.Name
	it.Name = name
	a.indexName(it, old)
	a.touch(by, it)
	a.Written++
	a.renamed(by, it, old)
	return nil
}

// Move puts an item into another group of its board, at the bottom.
func (a *Account) Move(by int64, it *Item, group string) error {
	g := it.board.Group(group)
	if g == nil {
		return noGroup(group)
	}
	if g == it.group {
		return nil
	}
	from := it.group
	if i := slices.Index(from.items, it); i >= 0 {
		from.items = slices.Delete(from.items, i, i+1)
	}
	it.group = g
	g.items = append(g.items, it)
	a.touch(by, it)
	a.moved(by, it, from)
	return nil
}

// SetItemState archives or deletes an item with its subitems, or brings it back.
func (a *Account) SetItemState(by int64, it *Item, state string) {
	was := it.State
	if was == state {
		return
	}
	for _, s := range it.Subitems {
		if s.State == was {
			a.SetItemState(by, s, state)
		}
	}
	if was == Active {
		a.leave(it)
	}
	it.State = state
	it.Updated, it.UpdaterID = a.Now(), by
	if state == Active {
		if it.group.State != Active {
			it.group = it.board.TopGroup()
		}
		it.group.items = append(it.group.items, it)
		a.enter(it)
		a.reindex(it)
	}
	a.stateChanged(by, it, was)
}

// Values are an item's cells in the board's column order, hidden columns left out.
func (it *Item) Values() []Ref {
	out := make([]Ref, 0, len(it.board.Columns))
	for _, c := range it.board.Columns {
		if c.Type != "name" && !c.Hidden {
			out = append(out, it.Ref(c))
		}
	}
	return out
}

// required refuses a change that would leave a required column of the item empty
// (DATA_VALIDATIONS_ERROR, whose error_data is a list).
func required(it *Item, changes []change) error {
	var missing []map[string]any
	for _, c := range it.board.Columns {
		if !c.Required {
			continue
		}
		var v any
		if cell := it.cell(c); cell != nil {
			v = cell.V
		}
		touched := it.ID == 0
		for _, ch := range changes {
			if ch.col == c {
				v, touched = ch.value, true
			}
		}
		if touched && v == nil {
			var id any
			if it.ID != 0 {
				id = idText(it.ID)
			}
			missing = append(missing, map[string]any{"itemId": id, "columnIds": []string{c.ID}, "message": "'" + c.Title + "' is required"})
		}
	}
	if missing == nil {
		return nil
	}
	e := fail("DATA_VALIDATIONS_ERROR", "data_validation_error")
	e.Status, e.Data = 422, missing
	return e
}
