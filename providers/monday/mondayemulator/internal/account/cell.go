package account

import (
	"encoding/json"
	"strings"
	"time"
)

// Cell is what an item holds in one column. V is nil where it was cleared.
type Cell struct {
	V  any
	At time.Time
}

// Ref is one cell as it is read: the item, the column, and what is stored, nil when never written.
type Ref struct {
	Item   *Item
	Column *Column
	Cell   *Cell
}

// Kind of what cells hold, by column type.
type (
	// Date is the value of a date column; Time is UTC, HH:MM:SS, or "".
	Date struct {
		Date string `json:"date"`
		Time string `json:"time,omitempty"`
		Icon string `json:"icon,omitempty"`
	}
	// Span is the value of a timeline or week column.
	Span struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	// Link is the value of a link column.
	Link struct {
		URL  string `json:"url"`
		Text string `json:"text"`
	}
	// Email is the value of an email column.
	Email struct {
		Email string `json:"email"`
		Text  string `json:"text"`
	}
	// Phone is the value of a phone column.
	Phone struct {
		Phone   string `json:"phone"`
		Country string `json:"countryShortName"`
	}
	// Country is the value of a country column.
	Country struct {
		Code string `json:"countryCode"`
		Name string `json:"countryName"`
	}
	// Person is an entry of a people column; Kind is person or team.
	Person struct {
		ID   int64  `json:"id"`
		Kind string `json:"kind"`
	}
	// Hour is the value of an hour column.
	Hour struct {
		Hour   int `json:"hour"`
		Minute int `json:"minute"`
	}
	// Location is the value of a location column.
	Location struct {
		Lat     float64 `json:"lat"`
		Lng     float64 `json:"lng"`
		Address string  `json:"address"`
	}
)

// write is one attempt to set a cell.
type write struct {
	a      *Account
	board  *Board
	col    *Column
	labels bool // missing labels are made
}

// kind is how a column type behaves.
type kind struct {
	legacy string // its name in events and error data
	class  string // its GraphQL type
	timed  bool   // the raw value carries changed_at
	parse  func(w *write, v any) (any, error)
	simple func(w *write, s string) (any, error)
	decode func(raw []byte) (any, error)
	text   func(a *Account, r Ref, zone *time.Location) any
	raw    func(a *Account, r Ref) any
	event  func(a *Account, c *Column, v any) any
}

// kind is how the column behaves; it was looked up when the column was made.
func (c *Column) kind() *kind { return c.k }

// prefix starts the ids the server makes for a type.
func (k *kind) prefix(typ string) string {
	switch typ {
	case "status":
		return "color"
	case "people":
		return "multiple_person"
	case "numbers":
		return "numeric"
	}
	return typ
}

// Class is the GraphQL type of a cell.
func (r Ref) Class() string { return r.Column.kind().class }

// Value is what is stored, nil when empty.
func (r Ref) Value() any {
	if r.Cell == nil {
		return nil
	}
	return r.Cell.V
}

// UpdatedAt is when the cell was set, nil when it never was.
func (r Ref) UpdatedAt() any {
	if r.Cell == nil {
		return nil
	}
	return Stamp(r.Cell.At)
}

// Text is the cell as people read it, in their zone; nil where the API gives null.
func (a *Account) Text(r Ref, zone *time.Location) any { return r.Column.kind().text(a, r, zone) }

// Raw is the cell's value field: a JSON text, nil where the API gives null.
func (a *Account) Raw(r Ref) any {
	k := r.Column.kind()
	if k.raw == nil {
		return nil
	}
	v := k.raw(a, r)
	if v == nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok && k.timed && r.Cell != nil {
		m["changed_at"] = changedAt(r.Cell.At)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return string(b)
}

// eventValue is the cell's value in events and in the activity log, nil when empty.
func (a *Account) eventValue(c *Column, cell *Cell) any {
	if cell == nil || cell.V == nil {
		return nil
	}
	k := c.kind()
	if k.event != nil {
		return k.event(a, c, cell.V)
	}
	if k.raw == nil {
		return nil
	}
	v := k.raw(a, Ref{Column: c, Cell: cell})
	if m, ok := v.(map[string]any); ok && k.timed {
		m["changed_at"] = changedAt(cell.At)
	}
	return v
}

// parse reads a value as change_multiple_column_values takes it: the JSON form or a simple string.
// nil means clear.
func (w *write) parse(v any) (any, error) {
	k := w.col.kind()
	if k.parse == nil {
		return nil, badValue(w.col, v, "this column type is read only")
	}
	switch t := v.(type) {
	case nil:
		return nil, nil
	case string:
		if t == "" {
			return nil, nil
		}
		if !textual(w.col.Type) {
			if k.simple == nil {
				return nil, badValue(w.col, v, "a simple value is not supported by this column")
			}
			return k.simple(w, t)
		}
	case map[string]any:
		if len(t) == 0 {
			return nil, nil
		}
		if all, ok := t["clear_all"].(bool); ok && all {
			return nil, nil
		}
	}
	return k.parse(w, v)
}

// parseSimple reads a value as change_simple_column_value takes it.
func (w *write) parseSimple(s string) (any, error) {
	k := w.col.kind()
	if s == "" && k.parse != nil {
		return nil, nil
	}
	if k.simple == nil {
		return nil, notSimple(w.col, s)
	}
	return k.simple(w, s)
}

func textual(typ string) bool { return typ == "text" || typ == "long_text" || typ == "numbers" }

// Class of a column type whose cells the emulator does not hold.
var unsupported = &kind{legacy: "unsupported", class: "UnsupportedValue", text: func(*Account, Ref, *time.Location) any { return nil }}

// kinds are the column types that can be made.
var kinds = map[string]*kind{
	"name":           {legacy: "name", class: "TextValue", text: func(_ *Account, r Ref, _ *time.Location) any { return r.Item.Name }},
	"unsupported":    unsupported,
	"text":           textKind,
	"long_text":      longTextKind,
	"numbers":        numbersKind,
	"status":         statusKind,
	"dropdown":       dropdownKind,
	"tags":           tagsKind,
	"people":         peopleKind,
	"board_relation": relationKind("board-relation", "BoardRelationValue"),
	"dependency":     relationKind("dependency", "DependencyValue"),
	"date":           dateKind,
	"timeline":       timelineKind,
	"week":           weekKind,
	"hour":           hourKind,
	"link":           linkKind,
	"email":          emailKind,
	"phone":          phoneKind,
	"country":        countryKind,
	"location":       locationKind,
	"checkbox":       checkboxKind,
	"rating":         ratingKind,
	"mirror":         {legacy: "lookup", class: "MirrorValue", text: func(*Account, Ref, *time.Location) any { return nil }},
	"file":           fileKind,
	"formula":        {legacy: "formula", class: "FormulaValue", text: nothingShown},
	"button":         {legacy: "button", class: "ButtonValue", text: nothingShown},
	"item_id": {legacy: "pulse-id", class: "ItemIdValue",
		text: func(_ *Account, r Ref, _ *time.Location) any { return idText(r.Item.ID) },
		raw:  func(_ *Account, r Ref) any { return map[string]any{"item_id": r.Item.ID} }},
	"creation_log": {legacy: "pulse-log", class: "CreationLogValue",
		text: func(_ *Account, r Ref, _ *time.Location) any { return logText(r.Item.Created) },
		raw: func(_ *Account, r Ref) any {
			return map[string]any{"created_at": Stamp(r.Item.Created), "creator_id": idText(r.Item.CreatorID)}
		}},
	"last_updated": {legacy: "pulse-updated", class: "LastUpdatedValue",
		text: func(_ *Account, r Ref, _ *time.Location) any { return logText(r.Item.Updated) },
		raw: func(_ *Account, r Ref) any {
			return map[string]any{"updated_at": Stamp(r.Item.Updated), "updater_id": idText(r.Item.UpdaterID)}
		}},
	"subtasks": {legacy: "subtasks", class: "SubtasksValue", text: func(a *Account, r Ref, _ *time.Location) any {
		var names []string
		for _, s := range r.Item.Subitems {
			if s.State == Active {
				names = append(names, s.Name)
			}
		}
		return strings.Join(names, ", ")
	}},
}

// logText spells a time as the log columns show it.
func logText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// decodeAs reads a stored value back into the type its column keeps.
func decodeAs[T any](raw []byte) (any, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}
