package monday

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// nameColumn is the item's own name, which every board has and no resource stands for.
const nameColumn = "name"

// columnTypes are the types whose values cross, with what they hold (Column types reference). The rest of what the
// vendor has is refused by name.
var columnTypes = map[string]record.Shape{
	nameColumn:       {Kind: record.Text, MaxLength: maxName, Required: true},
	"text":           {Kind: record.Text},
	"long_text":      {Kind: record.Text, MaxLength: maxLongText},
	"email":          {Kind: record.Text, Form: record.EmailForm},
	"phone":          {Kind: record.Text, Form: record.PhoneForm},
	"country":        {Kind: record.Text, MaxLength: 2},
	"numbers":        {Kind: record.Decimal, Scale: -1},
	"rating":         {Kind: record.Decimal, Most: 5},
	"status":         {Kind: record.Choice},
	"dropdown":       {Kind: record.Choice, Many: true},
	"people":         {Kind: record.Personal, Many: true},
	"date":           {Kind: record.Date},
	"timeline":       {Kind: record.Interval},
	"link":           {Kind: record.Link, Form: record.AddressForm},
	"checkbox":       {Kind: record.Bool},
	"board_relation": {Kind: record.Reference},
	"tags":           {Kind: record.Choice, Many: true, Open: true, ReadOnly: true},
	"mirror":         {Kind: record.Text, ReadOnly: true},
	"item_id":        {Kind: record.Text, ReadOnly: true},
	"creation_log":   {Kind: record.DateTime, ReadOnly: true},
	"last_updated":   {Kind: record.DateTime, ReadOnly: true},
}

// creatable are the types that apply can make a column of.
var creatable = []string{
	"board_relation", "checkbox", "country", "date", "dropdown", "email", "link", "long_text", "numbers", "people",
	"phone", "rating", "status", "text", "timeline",
}

// FieldShape is what a column of a type holds once apply has made it. A date column holds days and moments alike, and
// is shown as days: what is read or written may be either.
func (p *Provider) FieldShape(typ string) (record.Shape, bool) {
	if !slices.Contains(creatable, typ) {
		return record.Shape{}, false
	}
	s := columnTypes[typ]
	s.Type = typ
	return s, true
}

// label is one choice of a status or dropdown column. What a value carries is the id, whatever the vendor calls it.
type label struct {
	ID          int64
	Text        string
	Color       string
	Index       int
	Description string
	Done        bool
	Off         bool // deactivated: it may still be read, and can't be chosen
}

// boundColumn is a mapped column that exists.
type boundColumn struct {
	field  string // native name, as the contract has it
	id     string // the vendor's
	typ    string
	shape  record.Shape
	labels []label
}

// bindColumn reads a described column resource.
func bindColumn(field string, r resource.Resource) (boundColumn, error) {
	typ, _ := r.Attributes["type"].(string)
	shape, ok := columnTypes[typ]
	if !ok {
		return boundColumn{}, &provider.Error{
			Kind: provider.Invalid, Op: "bind column " + field, Fields: []string{field},
			Message: fmt.Sprintf("values of a column of type %q can't be kept in agreement", typ),
		}
	}
	shape.Type = typ
	c := boundColumn{field: field, id: r.ID, typ: typ, labels: labelsFromAttribute(r.Attributes["choices"])}
	if single, ok := r.Attributes["multiple"].(bool); ok {
		shape.Many = single
	}
	if stars, ok := r.Attributes["limit"].(float64); ok {
		shape.Most = int(stars)
	}
	if typ == "status" || typ == "dropdown" {
		shape.Options = []string{}
		for _, l := range c.labels {
			if !l.Off && l.Text != "" {
				shape.Options = append(shape.Options, l.Text)
			}
		}
	}
	c.shape = shape
	return c, nil
}

// attributeOfLabels is the form in which labels are remembered: what JSON gives back is what was put in.
func attributeOfLabels(labels []label) []any {
	list := make([]any, 0, len(labels))
	for _, l := range labels {
		m := map[string]any{"id": float64(l.ID), "label": l.Text}
		if l.Color != "" {
			m["color"] = l.Color
		}
		if l.Off {
			m["off"] = true
		}
		list = append(list, m)
	}
	return list
}

func labelsFromAttribute(v any) []label {
	list, _ := v.([]any)
	var labels []label
	for _, item := range list {
		m, _ := item.(map[string]any)
		n, isNumber := m["id"].(float64)
		if !isNumber {
			continue
		}
		l := label{ID: int64(n)}
		l.Text, _ = m["label"].(string)
		l.Color, _ = m["color"].(string)
		l.Off, _ = m["off"].(bool)
		labels = append(labels, l)
	}
	return labels
}

// settings are what a column says of itself.
type settings struct {
	Labels []struct {
		ID          json.Number     `json:"id"`
		Label       string          `json:"label"`
		Name        string          `json:"name"` // of dropdown labels, in the older form
		Color       json.RawMessage `json:"color"`
		Index       *int            `json:"index"`
		Description string          `json:"description"`
		IsDone      bool            `json:"is_done"`
		Off         bool            `json:"is_deactivated"`
	} `json:"labels"`
	LimitSelect   bool            `json:"limit_select"`
	LabelLimit    json.RawMessage `json:"label_limit_count"`
	BoardIDs      []id            `json:"boardIds"`
	AllowMultiple *bool           `json:"allowMultipleItems"`
	MaxPeople     json.RawMessage `json:"max_people_allowed"` // a number as text; "0" = no limit
	Limit         json.RawMessage `json:"limit"`              // of a rating: how many stars
}

// labelsOf lists the labels in the order in which people see them.
func (s *settings) labelsOf() []label {
	labels := make([]label, 0, len(s.Labels))
	for i, w := range s.Labels {
		n, err := w.ID.Int64()
		if err != nil {
			continue
		}
		l := label{ID: n, Text: w.Label, Color: colorName(w.Color), Index: i, Description: w.Description, Done: w.IsDone, Off: w.Off}
		if l.Text == "" {
			l.Text = w.Name
		}
		if w.Index != nil {
			l.Index = *w.Index
		}
		labels = append(labels, l)
	}
	slices.SortStableFunc(labels, func(a, b label) int { return a.Index - b.Index })
	return labels
}

// many says whether cells hold several values; ok is false where the settings do not decide it.
func (s *settings) many(typ string) (many, ok bool) {
	switch typ {
	case "board_relation":
		return s.AllowMultiple == nil || *s.AllowMultiple, true
	case "dropdown":
		return !s.LimitSelect || !isOne(s.LabelLimit), true
	case "people":
		return !isOne(s.MaxPeople), true
	default:
		return false, false
	}
}

// stars is the most that a rating holds; ok is false where the settings do not say.
func (s *settings) stars() (float64, bool) {
	n, err := strconv.Atoi(strings.Trim(string(s.Limit), `"`))
	return float64(n), err == nil && n > 0
}

func isOne(raw json.RawMessage) bool { return strings.Trim(string(raw), `"`) == "1" }

// colorName reads a colour, which the vendor shows by name or by number.
func colorName(raw json.RawMessage) string {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		if n, err := strconv.Atoi(name); err == nil {
			return colorByNumber[n]
		}
		return name
	}
	var n int
	if json.Unmarshal(raw, &n) == nil {
		return colorByNumber[n]
	}
	return ""
}
