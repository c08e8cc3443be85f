package account

import (
	"fmt"
	"strconv"
)

// Color is a label colour: the number the API keeps, the name its inputs use, what it looks like.
type Color struct {
	ID   int
	Name string
	Hex  string
}

// colors are the forty of StatusColumnColors, in the order of their numbers.
var colors = []Color{
	{0, "working_orange", "#fdab3d"},
	{1, "done_green", "#00c875"},
	{2, "stuck_red", "#df2f4a"},
	{3, "dark_blue", "#007eb5"},
	{4, "purple", "#9d50dd"},
	{5, "explosive", "#c4c4c4"},
	{6, "grass_green", "#037f4c"},
	{7, "bright_blue", "#579bfc"},
	{8, "saladish", "#cab641"},
	{9, "egg_yolk", "#ffcb00"},
	{10, "blackish", "#333333"},
	{11, "dark_red", "#bb3354"},
	{12, "sofia_pink", "#ff007f"},
	{13, "lipstick", "#ff5ac4"},
	{14, "dark_purple", "#784bd1"},
	{15, "bright_green", "#9cd326"},
	{16, "chili_blue", "#66ccff"},
	{17, "american_gray", "#757575"},
	{18, "brown", "#7f5347"},
	{19, "dark_orange", "#ff6d3b"},
	{101, "sunset", "#ff7575"},
	{102, "bubble", "#faa1f1"},
	{103, "peach", "#ffadad"},
	{104, "berry", "#7e3b8a"},
	{105, "winter", "#9aadbd"},
	{106, "river", "#74afcc"},
	{107, "navy", "#225091"},
	{108, "aquamarine", "#4eccc6"},
	{109, "indigo", "#5559df"},
	{110, "dark_indigo", "#401694"},
	{151, "pecan", "#563e3e"},
	{152, "lavender", "#bda8f9"},
	{153, "royal", "#216edf"},
	{154, "steel", "#a9bee8"},
	{155, "orchid", "#e484bd"},
	{156, "lilac", "#9d99b9"},
	{157, "tan", "#bca58a"},
	{158, "sky", "#a1e3f6"},
	{159, "coffee", "#cd9282"},
	{160, "teal", "#175a63"},
}

func colorByName(name string) (Color, bool) {
	for _, c := range colors {
		if c.Name == name {
			return c, true
		}
	}
	return Color{}, false
}

func colorByID(id int) (Color, bool) {
	for _, c := range colors {
		if c.ID == id {
			return c, true
		}
	}
	return Color{}, false
}

// Border is the darker shade drawn around a label. The vendor publishes a few; the others are
// reckoned.
func (c Color) Border() string {
	switch c.ID {
	case 0:
		return "#e99729"
	case 1:
		return "#00b461"
	case 2:
		return "#ce3048"
	}
	n, err := strconv.ParseUint(c.Hex[1:], 16, 32)
	if err != nil {
		return c.Hex
	}
	return fmt.Sprintf("#%02x%02x%02x", (n>>16&255)*9/10, (n>>8&255)*9/10, (n&255)*9/10)
}

// VarName is the name of the colour in payloads of events.
func (c Color) VarName() string {
	switch c.ID {
	case 0:
		return "orange"
	case 1:
		return "green-shadow"
	case 2:
		return "red-shadow"
	}
	return c.Name
}
