package account

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Label is one label of a status or dropdown column.
type Label struct {
	ID          int    `json:"id"` // what cells hold; never changes
	Text        string `json:"text"`
	Color       Color  `json:"color"`
	Index       int    `json:"index"` // where it is shown
	Description string `json:"description,omitempty"`
	Done        bool   `json:"done,omitempty"`
	Off         bool   `json:"off,omitempty"` // deactivated
}

// Limits of developer.monday.com, "Status".
const (
	maxLabels    = 40
	maxLabelText = 30
	blankStatus  = 5 // the id a cleared status cell keeps
)

func defaultLabels(kind string) []*Label {
	if kind != "status" {
		return nil
	}
	return []*Label{
		{ID: 0, Text: "Working on it", Color: colors[0], Index: 0},
		{ID: 1, Text: "Done", Color: colors[1], Index: 1, Done: true},
		{ID: 2, Text: "Stuck", Color: colors[2], Index: 2},
	}
}

// givenLabel is a label as a caller wrote it; ID -1 asks for a new one.
type givenLabel struct {
	Label
	named bool // a colour was given
}

func readLabels(v any) ([]givenLabel, error) {
	var out []givenLabel
	list, ok := v.([]any)
	if !ok {
		return nil, InvalidArgument("settings.labels must be a list")
	}
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, InvalidArgument("settings.labels[%d] must be an object", i)
		}
		args := gql.Args(m)
		g := givenLabel{Label: Label{ID: -1, Text: args.String("label"), Index: i, Description: args.String("description"), Done: args.Bool("is_done"), Off: args.Bool("is_deactivated")}}
		if args.Given("id") {
			g.ID = args.Int("id")
		}
		if args.Given("index") {
			g.Index = args.Int("index")
		}
		if args.Given("color") {
			c, ok := colorByName(args.String("color"))
			if !ok {
				return nil, InvalidArgument("settings.labels[%d].color %q is not a status color", i, args.String("color"))
			}
			g.Color, g.named = c, true
		}
		out = append(out, g)
	}
	return out, nil
}

// setLabels replaces the whole set. On a column that exists, an omitted label is a deletion: at
// most one a call, and never together with an addition (developer.monday.com, "Dropdown").
func (a *Account) setLabels(c *Column, set []givenLabel, fresh bool) error {
	if err := checkLabels(c, set); err != nil {
		return err
	}
	added, kept := 0, map[int]bool{}
	for _, g := range set {
		switch {
		case g.ID < 0:
			added++
		case fresh:
			// ids are the server's to choose; one given at creation is not taken up
		case labelByID(c, g.ID) == nil:
			return InvalidArgument("Label id %d does not exist in column %s", g.ID, c.ID)
		case kept[g.ID]:
			return InvalidArgument("Label id %d is given twice", g.ID)
		default:
			kept[g.ID] = true
		}
	}
	if !fresh {
		gone := len(c.Labels) - len(kept)
		if gone > 1 {
			return InvalidArgument("Only one label can be deleted in a request")
		}
		if gone == 1 && added > 0 {
			return InvalidArgument("Labels cannot be added and deleted in the same request")
		}
	}
	out := []*Label{}
	used := map[int]bool{}
	for _, l := range c.Labels {
		used[l.ID] = true // the id of a deleted label is not given out again in the same call
	}
	for _, g := range set {
		l := g.Label
		if fresh || l.ID < 0 {
			l.ID = newLabelID(c.Type, l.Color, g.named, used)
			if k, ok := colorByID(l.ID); ok && !g.named {
				l.Color = k
			}
		} else if old := labelByID(c, l.ID); old != nil && !g.named {
			l.Color = old.Color
		}
		used[l.ID] = true
		out = append(out, &l)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	c.Labels = out
	return nil
}

func checkLabels(c *Column, set []givenLabel) error {
	if c.Type == "status" && len(set) > maxLabels {
		return InvalidArgument("A status column can have at most %d labels", maxLabels)
	}
	texts := map[string]bool{}
	indexes := map[int]bool{}
	for i, g := range set {
		if c.Type == "dropdown" && strings.TrimSpace(g.Text) == "" {
			return InvalidArgument("settings.labels[%d].label can't be blank", i)
		}
		if len([]rune(g.Text)) > maxLabelText && c.Type == "status" {
			return InvalidArgument("Label %q is longer than %d characters", g.Text, maxLabelText)
		}
		if texts[g.Text] {
			return InvalidArgument("Label %q is given twice", g.Text)
		}
		texts[g.Text] = true
		if c.Type != "status" {
			continue
		}
		if g.Index < 0 || g.Index >= maxLabels {
			return InvalidArgument("Label index %d must be between 0 and %d", g.Index, maxLabels-1)
		}
		if indexes[g.Index] {
			return InvalidArgument("Label index %d is given twice", g.Index)
		}
		indexes[g.Index] = true
	}
	return nil
}

// newLabelID follows what was recorded: a status label takes its colour's number where that is
// free; dropdown ids count from 1. The id of the blank status is for a blank label only.
func newLabelID(kind string, c Color, named bool, used map[int]bool) int {
	if kind == "dropdown" {
		id := 1
		for used[id] {
			id++
		}
		return id
	}
	if named && !used[c.ID] && c.ID != blankStatus {
		return c.ID
	}
	for _, k := range colors {
		if !used[k.ID] && k.ID != blankStatus {
			return k.ID
		}
	}
	return len(used) + 200
}

func labelByID(c *Column, id int) *Label {
	for _, l := range c.Labels {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// Label finds a label of the column by id; nil when there is none.
func (c *Column) Label(id int) *Label { return labelByID(c, id) }

func labelByText(c *Column, text string) *Label {
	for _, l := range c.Labels {
		if l.Text == text && !l.Off {
			return l
		}
	}
	for _, l := range c.Labels {
		if strings.EqualFold(l.Text, text) {
			return l
		}
	}
	return nil
}

// addLabel makes a label on the fly (create_labels_if_missing).
func (a *Account) addLabel(c *Column, text string) (*Label, error) {
	if c.Type == "status" && (len(c.Labels) >= maxLabels || len([]rune(text)) > maxLabelText) {
		return nil, badValue(c, text, "label cannot be created")
	}
	used, top := map[int]bool{}, -1
	for _, l := range c.Labels {
		used[l.ID] = true
		top = max(top, l.Index)
	}
	l := &Label{ID: newLabelID(c.Type, Color{}, false, used), Text: text, Index: top + 1}
	if k, ok := colorByID(l.ID); ok {
		l.Color = k
	} else {
		l.Color = a.color()
	}
	c.Labels = append(c.Labels, l)
	sort.Slice(c.Labels, func(i, j int) bool { return c.Labels[i].ID < c.Labels[j].ID })
	c.Revision = a.Hex("revision", 16)
	return l, nil
}

// DeactivateLabel switches a label off, as a user may in the board's own menus.
func (a *Account) DeactivateLabel(by int64, c *Column, id int) error {
	l := labelByID(c, id)
	if l == nil {
		return InvalidArgument("Label id %d does not exist in column %s", id, c.ID)
	}
	l.Off = true
	a.columnChanged(by, c.board, c, nil)
	return nil
}

func (a *Account) statusLabels(c *Column) []map[string]any {
	list := []map[string]any{}
	for _, l := range c.Labels {
		m := map[string]any{"id": l.ID, "label": l.Text, "index": l.Index, "is_done": l.Done, "is_deactivated": l.Off, "hex": l.Color.Hex}
		if a.NumericColors {
			m["color"] = l.Color.ID
		} else {
			m["color"] = l.Color.Name
		}
		if l.Description != "" {
			m["description"] = l.Description
		}
		list = append(list, m)
	}
	return list
}

func oldStatusSettings(c *Column) map[string]any {
	labels, positions, looks := map[string]any{}, map[string]any{}, map[string]any{}
	done, off := []int{}, []int{}
	for _, l := range c.Labels {
		k := strconv.Itoa(l.ID)
		labels[k] = l.Text
		positions[k] = l.Index
		looks[k] = map[string]any{"color": l.Color.Hex, "border": l.Color.Border(), "var_name": l.Color.VarName()}
		if l.Done {
			done = append(done, l.ID)
		}
		if l.Off {
			off = append(off, l.ID)
		}
	}
	out := map[string]any{"done_colors": done, "labels": labels, "labels_positions_v2": positions, "labels_colors": looks}
	if len(off) > 0 {
		out["deactivated_labels"] = off
	}
	return out
}

// labelOrder is where a label stands in the column, for sorting.
func labelOrder(c *Column, id int) int {
	i := slices.IndexFunc(c.Labels, func(l *Label) bool { return l.ID == id })
	if i < 0 {
		return -1
	}
	return c.Labels[i].Index
}
