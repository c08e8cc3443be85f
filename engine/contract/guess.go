package contract

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"accord/engine/record"
)

// constants are the values of an action's fields that are the same every time and that compare as texts.
func constants(fields map[string]*Template) map[string]cty.Value {
	fixed := map[string]cty.Value{}
	for name, x := range fields {
		if text, ok := x.Constant(); ok {
			if v, ok := constant(text); ok {
				fixed[name] = v
			}
		}
	}
	return fixed
}

// constant is a text as a condition sees it; false where it may be seen as something else, or be left out.
func constant(text string) (cty.Value, bool) {
	if _, err := record.OfDecimal(strings.TrimSpace(text)); err == nil {
		return cty.NilVal, false
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "true", "false":
		return cty.NilVal, false
	}
	return cty.StringVal(text), true
}

// guess is what is known of a moment at which a trigger may fire. What is not in it may be anything.
type guess struct {
	created              bool // there is no before
	before, after, event map[string]cty.Value
}

// mayHold says whether a condition may hold, and with what. None always does.
func (g guess) mayHold(c *Condition) (why string, may bool) {
	if c == nil {
		return "it has no condition", true
	}
	fill := func(names []string, known map[string]cty.Value, none bool) cty.Value {
		m := map[string]cty.Value{}
		for _, n := range names {
			v, ok := known[n]
			interval := slices.Contains(c.intervals, n)
			switch {
			case ok:
			case none && interval:
				v = ctyOf(record.Value{}, true)
			case none:
				v = cty.NullVal(cty.DynamicPseudoType)
			case interval:
				v = cty.ObjectVal(map[string]cty.Value{"from": cty.UnknownVal(cty.String), "to": cty.UnknownVal(cty.String)})
			default:
				v = cty.DynamicVal
			}
			m[n] = v
		}
		return cty.ObjectVal(m)
	}
	ctx := c.unknown(c.ctx)
	ctx.Variables["before"] = fill(c.before, g.before, g.created)
	ctx.Variables["after"] = fill(c.after, g.after, false)
	ctx.Variables["event"] = fill(c.event, g.event, false)
	maps.Copy(ctx.Functions, wordFunctions(cty.BoolVal(g.created)))
	expr, checked := c.expr.(hclsyntax.Expression)
	if !checked {
		return "it was never checked", true
	}
	v, diags := safely(expr, ctx)
	if !diags.HasErrors() && v != cty.NilVal && v.IsKnown() && (v.IsNull() || v.Type() == cty.Bool && v.False()) {
		return "", false
	}
	return g.words(c), true
}

// words are the values with which a condition may hold.
func (g guess) words(c *Condition) string {
	var parts []string
	add := func(root string, names []string, known map[string]cty.Value) {
		for _, n := range names {
			if v, ok := known[n]; ok {
				parts = append(parts, say("%s.%s is %q", root, n, clip(v.AsString())))
			} else {
				parts = append(parts, say("%s.%s may be anything", root, n))
			}
		}
	}
	if g.created {
		parts = append(parts, "the record is new, so there is no before")
	} else {
		add("before", c.before, g.before)
	}
	add("after", c.after, g.after)
	add("event", c.event, g.event)
	if len(parts) > 4 {
		parts = append(parts[:4], "and so on")
	}
	if len(parts) == 0 {
		return "nothing makes its condition false"
	}
	return strings.Join(parts, ", ")
}
