package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// missingLabel lists what there is, as the vendor's message does.
func missingLabel(c *Column, value any) error {
	e := badValue(c, value, "label does not exist in column")
	var have []string
	for _, l := range c.Labels {
		if !l.Off {
			have = append(have, strconv.Itoa(l.ID)+": "+l.Text)
		}
	}
	e.Data.(map[string]any)["possible_labels"] = "{" + strings.Join(have, ", ") + "}"
	return e
}

// pick finds the label a cell is set to. Whether a deactivated label may be written is not in the
// vendor's documentation; here it is refused.
func (w *write) pick(l *Label, value any) (*Label, error) {
	if l == nil {
		return nil, missingLabel(w.col, value)
	}
	if l.Off {
		return nil, badValue(w.col, value, "label is deactivated")
	}
	return l, nil
}

func (w *write) status(id int, value any) (any, error) {
	if id == blankStatus && labelByID(w.col, id) == nil {
		return nil, nil
	}
	l, err := w.pick(labelByID(w.col, id), value)
	if err != nil {
		return nil, err
	}
	return l.ID, nil
}

func (w *write) statusText(s string, value any) (any, error) {
	l := labelByText(w.col, s)
	if l == nil && w.labels && s != "" {
		made, err := w.a.addLabel(w.col, s)
		if err != nil {
			return nil, err
		}
		l = made
	}
	l, err := w.pick(l, value)
	if err != nil {
		return nil, err
	}
	return l.ID, nil
}

var statusKind = &kind{
	legacy: "color", class: "StatusValue", timed: true, decode: decodeAs[int],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with an index or a label is expected")
		}
		if i, ok := m["index"]; ok {
			if i == nil {
				return nil, nil
			}
			id, err := strconv.Atoi(gql.Text(i))
			if err != nil {
				return nil, badValue(w.col, v, "index must be a number")
			}
			return w.status(id, v)
		}
		if l, ok := m["label"]; ok {
			s, isText := l.(string)
			if l == nil || s == "" && isText {
				return nil, nil
			}
			if !isText {
				return nil, badValue(w.col, v, "label must be a text")
			}
			return w.statusText(s, v)
		}
		return nil, badValue(w.col, v, "an object with an index or a label is expected")
	},
	// A number is an index, even where a label reads like one (developer.monday.com, "Status").
	simple: func(w *write, s string) (any, error) {
		if id, err := strconv.Atoi(s); err == nil {
			return w.status(id, s)
		}
		return w.statusText(s, s)
	},
	text: func(_ *Account, r Ref, _ *time.Location) any {
		id, ok := r.Value().(int)
		if !ok {
			return nil
		}
		if l := labelByID(r.Column, id); l != nil {
			return l.Text
		}
		return nil
	},
	raw: func(_ *Account, r Ref) any {
		if r.Cell == nil {
			return nil
		}
		id, ok := r.Cell.V.(int)
		if !ok {
			id = blankStatus // a cell that was set before keeps the blank label
		}
		return map[string]any{"index": id, "post_id": nil}
	},
	event: func(_ *Account, c *Column, v any) any {
		id, _ := v.(int)
		l := labelByID(c, id)
		if l == nil {
			return map[string]any{"label": map[string]any{"index": id, "text": nil}, "post_id": nil}
		}
		return map[string]any{
			"label": map[string]any{
				"index": l.ID, "text": l.Text, "is_done": l.Done,
				"style": map[string]any{"color": l.Color.Hex, "border": l.Color.Border(), "var_name": l.Color.VarName()},
			},
			"post_id": nil,
		}
	},
}

var dropdownKind = &kind{
	legacy: "dropdown", class: "DropdownValue", timed: true, decode: decodeAs[[]int],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with ids or labels is expected")
		}
		ids, hasIDs := m["ids"]
		labels, hasLabels := m["labels"]
		if hasIDs == hasLabels {
			return nil, badValue(w.col, v, "either ids or labels are expected")
		}
		if hasIDs {
			return w.dropdownIDs(gql.Args{"v": ids}.Strings("v"), v)
		}
		return w.dropdownTexts(gql.Args{"v": labels}.Strings("v"), v)
	},
	simple: func(w *write, s string) (any, error) {
		parts := splitList(s)
		numbers := 0
		for _, p := range parts {
			if _, err := strconv.Atoi(p); err == nil {
				numbers++
			}
		}
		switch numbers {
		case len(parts):
			return w.dropdownIDs(parts, s)
		case 0:
			return w.dropdownTexts(parts, s)
		}
		return nil, badValue(w.col, s, "ids and labels cannot be mixed")
	},
	text: func(_ *Account, r Ref, _ *time.Location) any {
		ids, ok := r.Value().([]int)
		if !ok {
			return nil
		}
		var out []string
		for _, id := range ids {
			if l := labelByID(r.Column, id); l != nil {
				out = append(out, l.Text)
			}
		}
		return strings.Join(out, ", ")
	},
	raw: rawOf(func(ids []int) any { return map[string]any{"ids": ids} }),
	event: func(_ *Account, c *Column, v any) any {
		chosen := []map[string]any{}
		ids, _ := v.([]int)
		for _, id := range ids {
			if l := labelByID(c, id); l != nil {
				chosen = append(chosen, map[string]any{"id": l.ID, "name": l.Text})
			}
		}
		return map[string]any{"chosenValues": chosen}
	},
}

func splitList(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (w *write) dropdownIDs(ids []string, value any) (any, error) {
	var out []int
	for _, s := range ids {
		id, err := strconv.Atoi(s)
		if err != nil {
			return nil, badValue(w.col, value, "ids must be numbers")
		}
		l, err := w.pick(labelByID(w.col, id), value)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, l.ID) {
			out = append(out, l.ID)
		}
	}
	return w.dropdown(out, value)
}

func (w *write) dropdownTexts(texts []string, value any) (any, error) {
	var out []int
	for _, s := range texts {
		l := labelByText(w.col, s)
		if l == nil && w.labels && s != "" {
			made, err := w.a.addLabel(w.col, s)
			if err != nil {
				return nil, err
			}
			l = made
		}
		l, err := w.pick(l, value)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, l.ID) {
			out = append(out, l.ID)
		}
	}
	return w.dropdown(out, value)
}

func (w *write) dropdown(ids []int, value any) (any, error) {
	settings := gql.Args(w.col.Extra)
	if limit := settings.Int("label_limit_count"); settings.Bool("limit_select") && limit > 0 && len(ids) > limit {
		return nil, badValue(w.col, value, "more labels than the column allows")
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return ids, nil
}

var tagsKind = &kind{
	legacy: "tag", class: "TagsValue", decode: decodeAs[[]int64],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with tag_ids is expected")
		}
		ids, err := idList(m["tag_ids"])
		if err != nil {
			return nil, badValue(w.col, v, "tag_ids must be numbers")
		}
		for _, id := range ids {
			if w.a.TagByID(id) == nil {
				return nil, badValue(w.col, v, "tag does not exist")
			}
		}
		if len(ids) == 0 {
			return nil, nil
		}
		return ids, nil
	},
	text: func(a *Account, r Ref, _ *time.Location) any {
		ids, _ := r.Value().([]int64)
		var out []string
		for _, id := range ids {
			if t := a.TagByID(id); t != nil {
				out = append(out, t.Name)
			}
		}
		return strings.Join(out, ", ")
	},
	raw: rawOf(func(ids []int64) any { return map[string]any{"tag_ids": ids} }),
}

// idList reads a list of ids given as numbers or texts, dropping doubles.
func idList(v any) ([]int64, error) {
	out := []int64{}
	for _, s := range (gql.Args{"v": v}).Strings("v") {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}
