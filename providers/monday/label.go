package monday

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"accord/engine/provider"
)

// colors are the status colours by name (StatusColumnColors), in the order in which labels without one get theirs. The
// grey that stands for the empty status comes last.
var colors = []string{
	"working_orange", "done_green", "stuck_red", "dark_blue", "purple", "grass_green", "bright_blue", "saladish",
	"egg_yolk", "blackish", "dark_red", "sofia_pink", "lipstick", "dark_purple", "bright_green", "chili_blue",
	"american_gray", "brown", "dark_orange", "sunset", "bubble", "peach", "berry", "winter", "river", "navy",
	"aquamarine", "indigo", "dark_indigo", "pecan", "lavender", "royal", "steel", "orchid", "lilac", "tan", "sky",
	"coffee", "teal", "explosive",
}

// colorByNumber names the colours that reads show by number.
var colorByNumber = map[int]string{
	0: "working_orange", 1: "done_green", 2: "stuck_red", 3: "dark_blue", 4: "purple", 5: "explosive", 6: "grass_green",
	7: "bright_blue", 8: "saladish", 9: "egg_yolk", 10: "blackish", 11: "dark_red", 12: "sofia_pink", 13: "lipstick",
	14: "dark_purple", 15: "bright_green", 16: "chili_blue", 17: "american_gray", 18: "brown", 19: "dark_orange",
	101: "sunset", 102: "bubble", 103: "peach", 104: "berry", 105: "winter", 106: "river", 107: "navy", 108: "aquamarine",
	109: "indigo", 110: "dark_indigo", 151: "pecan", 152: "lavender", 153: "royal", 154: "steel", 155: "orchid",
	156: "lilac", 157: "tan", 158: "sky", 159: "coffee", 160: "teal",
}

// wantedLabels is what the contract asks of a column's choices.
type wantedLabels struct {
	texts  []string          // in order
	colors map[string]string // by text; a text without one takes what is free
}

// wanted reads what Expand put into a column's attributes.
func wanted(attributes map[string]any) wantedLabels {
	w := wantedLabels{colors: map[string]string{}}
	list, _ := attributes["labels"].([]any)
	for _, item := range list {
		if s, ok := item.(string); ok {
			w.texts = append(w.texts, s)
		}
	}
	byText, _ := attributes["colors"].(map[string]any)
	for text, c := range byText {
		if s, ok := c.(string); ok {
			w.colors[text] = s
		}
	}
	return w
}

// checkLabels refuses what the vendor would (Status: 40 labels of 30 characters, colours from a list).
func checkLabels(op string, typ string, texts []string, byText map[string]string) error {
	refuse := func(format string, a ...any) error {
		return &provider.Error{Kind: provider.Invalid, Op: op, Message: fmt.Sprintf(format, a...)}
	}
	if typ == "status" && len(texts) > maxLabels {
		return refuse("a status column holds %d labels, and the contract asks for %d", maxLabels, len(texts))
	}
	for _, t := range texts {
		switch {
		case t == "" || !utf8.ValidString(t):
			return refuse("a label can't be empty text")
		case typ == "status" && utf8.RuneCountInString(t) > maxLabelText:
			return refuse("the label %q is longer than a status label's %d characters", clip(t), maxLabelText)
		}
		if c, ok := byText[t]; ok && typ == "status" && !slices.Contains(colors, c) {
			return refuse("the label %q is to have the colour %q, which monday.com has not; it has, for example, %s", clip(t), clip(c), colors[0])
		}
	}
	return nil
}

// withWanted adds what is missing to the labels that a column has. It keeps every label that is there, with its id:
// an update replaces the whole set (Status), and leaving one out would remove it from every item. Changed is false
// when nothing is missing.
func withWanted(have []label, want wantedLabels) (labels []label, changed bool) {
	labels = slices.Clone(have)
	used := map[string]bool{}
	for _, l := range labels {
		used[l.Color] = true
	}
	for _, text := range want.texts {
		if c := want.colors[text]; c != "" && !slices.ContainsFunc(labels, func(l label) bool { return l.Text == text }) {
			used[c] = true // the contract's own colours are not given to others
		}
	}
	for _, text := range want.texts {
		i := slices.IndexFunc(labels, func(l label) bool { return l.Text == text && !l.Off })
		if i < 0 {
			i = slices.IndexFunc(labels, func(l label) bool { return l.Text == text })
		}
		c := want.colors[text]
		if i < 0 {
			if c == "" {
				c = freeColor(used)
			}
			used[c] = true
			labels = append(labels, label{ID: -1, Text: text, Color: c})
			changed = true
			continue
		}
		if labels[i].Off {
			labels[i].Off, changed = false, true
		}
		if c != "" && labels[i].Color != c {
			labels[i].Color, changed = c, true
		}
	}
	for i := range labels {
		labels[i].Index = i
	}
	return labels, changed
}

func freeColor(used map[string]bool) string {
	for _, c := range colors {
		if !used[c] {
			return c
		}
	}
	return colors[0] // there are as many colours as labels; two of one colour are better than none
}

// statusInput is the form of labels in create_status_column and update_status_column.
func statusInput(labels []label, update bool) map[string]any {
	list := make([]any, 0, len(labels))
	for _, l := range labels {
		color := l.Color
		if color == "" {
			color = "explosive"
		}
		m := map[string]any{"label": l.Text, "color": color, "index": l.Index}
		if l.Description != "" {
			m["description"] = l.Description
		}
		if l.Done {
			m["is_done"] = true
		}
		if update {
			m["is_deactivated"] = l.Off
			if l.ID >= 0 {
				m["id"] = l.ID
			}
		}
		list = append(list, m)
	}
	return map[string]any{"labels": list}
}

// dropdownInput is the form of labels in create_dropdown_column and update_dropdown_column.
func dropdownInput(labels []label, update bool) map[string]any {
	list := make([]any, 0, len(labels))
	for _, l := range labels {
		m := map[string]any{"label": l.Text}
		if update {
			m["is_deactivated"] = l.Off
			if l.ID >= 0 {
				m["id"] = l.ID
			}
		}
		list = append(list, m)
	}
	return map[string]any{"labels": list}
}
