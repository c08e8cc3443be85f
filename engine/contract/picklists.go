package contract

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Limits of a status column (API reference, Status).
const (
	maxLabels      = 40
	maxLabelLength = 30 // characters
)

// labelColors are the colours a label can have (API reference, StatusColumnColors).
var labelColors = []string{
	"working_orange", "done_green", "stuck_red", "dark_blue", "purple", "explosive", "grass_green", "bright_blue", "saladish",
	"egg_yolk", "blackish", "dark_red", "sofia_pink", "lipstick", "dark_purple", "bright_green", "chili_blue", "american_gray",
	"brown", "dark_orange", "sunset", "bubble", "peach", "berry", "winter", "river", "navy", "aquamarine", "indigo", "dark_indigo",
	"pecan", "lavender", "royal", "steel", "orchid", "lilac", "tan", "sky", "coffee", "teal",
}

var picklistShape = shape{attrs: []string{"!values", "inverse", "unlisted", "colors", "shared"}}

// row is one entry of a table of texts, with its place.
type row struct {
	key, value     string
	at, keyAt, vAt hcl.Range
}

func (d *decoder) decodePicklists() {
	for _, b := range d.blocks["picklist"] {
		name := b.Labels[0]
		if !d.name(b, 0) {
			continue
		}
		if before := d.picklists[name]; before != nil {
			d.once(b, say("picklist %q", name), before.Range)
			continue
		}
		p := &Picklist{Name: name, Inverse: map[string]string{}, Colors: map[string]string{}, Range: b.DefRange()}
		d.picklists[name] = p
		d.decodePicklist(p, d.check(b.Body, b.DefRange(), say("in picklist %q", name), picklistShape))
	}
	for _, name := range keys(d.picklists) {
		d.contract.Picklists = append(d.contract.Picklists, d.picklists[name])
	}
}

func (d *decoder) decodePicklist(p *Picklist, c content) {
	rows, sound := d.table(c.attrs["values"])
	for _, r := range rows {
		p.Values = append(p.Values, PicklistEntry{Left: r.key, Right: r.value})
		if strings.TrimSpace(r.value) == "" || strings.TrimSpace(r.key) == "" {
			d.fail(codePicklistValues, r.at, "an empty value or label", "Name both; a record without a choice needs no row.")
			sound = false
		}
	}
	if a := c.attrs["unlisted"]; a != nil {
		d.decodeUnlisted(p, a)
	}
	if a := c.attrs["shared"]; a != nil {
		d.decodeShared(p, a)
	}
	inverse, inverseSound := d.table(c.attrs["inverse"])
	colors, _ := d.table(c.attrs["colors"])
	if !sound {
		p.Values = nil // half a table would make its users look wrong too
		return
	}
	lefts := map[string][]string{} // by label
	var labels []string
	for _, v := range p.Values {
		if lefts[v.Right] == nil {
			labels = append(labels, v.Right)
		}
		lefts[v.Right] = append(lefts[v.Right], v.Left)
	}
	if len(labels) == 0 {
		d.fail(codePicklistValues, c.attrs["values"].Expr.Range(), say("picklist %q is empty", p.Name), `Add rows: "Closed Won" = "Won"`)
		return
	}
	d.checkInverse(p, c, inverse, inverseSound, lefts, labels)
	d.checkColors(p, colors, lefts, labels)
}

func (d *decoder) decodeShared(p *Picklist, a *hclsyntax.Attribute) {
	word, ok := literal(a.Expr)
	if !ok {
		word, ok = d.keyword(a, "extend")
	}
	switch {
	case !ok:
	case word != "extend":
		d.fail(codeKeyword, a.Expr.Range(), say("%q is no word for shared", clip(word)),
			`Write shared = "extend" to let apply add values to a value set that other fields use too; leave it out to have such a plan refused.`)
	default:
		p.Extend = true
	}
}

func (d *decoder) decodeUnlisted(p *Picklist, a *hclsyntax.Attribute) {
	word, ok := literal(a.Expr)
	if !ok {
		word, ok = d.keyword(a, "reject", "keep")
		if !ok {
			return
		}
	}
	switch word {
	case "keep":
		p.Keep = true
	case "reject":
	default:
		d.fail(codeKeyword, a.Expr.Range(), say("%q is no word for unlisted", clip(word)),
			didYouMean(word, []string{"reject", "keep"})+`Write "reject" or "keep".`)
	}
}

func (d *decoder) checkInverse(p *Picklist, c content, inverse []row, sound bool, lefts map[string][]string, labels []string) {
	for _, r := range inverse {
		switch {
		case lefts[r.key] == nil:
			d.fail(codeInverseLabel, r.keyAt, say("no value of picklist %q maps to the label %q", p.Name, clip(r.key)),
				didYouMean(r.key, labels)+say("The labels are %s.", list(few(quoted(labels)), "and")))
		case !slices.Contains(lefts[r.key], r.value):
			d.fail(codeInverseValue, r.vAt, say("%q does not map to %q", clip(r.value), clip(r.key)),
				didYouMean(r.value, lefts[r.key])+say("Name one of %s, which do.", list(few(quoted(lefts[r.key])), "or")))
			p.Inverse[r.key] = lefts[r.key][0] // one mistake, one diagnostic
		default:
			p.Inverse[r.key] = r.value
		}
	}
	var ambiguous []string
	for _, l := range labels {
		switch {
		case len(lefts[l]) == 1:
			p.Inverse[l] = lefts[l][0]
		case p.Inverse[l] == "" && sound:
			ambiguous = append(ambiguous, l)
		}
	}
	if len(ambiguous) == 0 {
		return
	}
	var rows []string
	for _, l := range few(ambiguous) {
		if lefts[l] != nil {
			rows = append(rows, say("%q = %q", l, lefts[l][0]))
		}
	}
	d.fail(codePicklistInverse, c.attrs["values"].NameRange,
		say("picklist %q maps several values to %s", p.Name, list(few(quoted(ambiguous)), "and to")),
		say("Say which one each label comes home as: inverse = { %s }", strings.Join(rows, ", ")))
}

func (d *decoder) checkColors(p *Picklist, colors []row, lefts map[string][]string, labels []string) {
	for _, r := range colors {
		switch {
		case lefts[r.key] == nil:
			d.fail(codeColorLabel, r.keyAt, say("no value of picklist %q maps to the label %q", p.Name, clip(r.key)),
				didYouMean(r.key, labels)+say("The labels are %s.", list(few(quoted(labels)), "and")))
		case !slices.Contains(labelColors, r.value):
			d.fail(codeColorName, r.vAt, say("there is no colour %q", clip(r.value)),
				didYouMean(r.value, labelColors)+say("Some of the forty: %s.", strings.Join(labelColors[:8], ", ")))
		default:
			p.Colors[r.key] = r.value
		}
	}
}

// checkPicklists checks what depends on where a table is used: limits of status columns, and use as such.
func (d *decoder) checkPicklists() {
	for _, p := range d.contract.Picklists {
		uses := d.used[p]
		if len(uses) == 0 {
			d.warn(codePicklistUnused, p.Range, say("no field uses picklist %q", p.Name),
				say("Refer to it (picklist = picklist.%s), or take it away.", p.Name))
		}
		status := len(uses) == 0
		for _, f := range uses {
			for _, n := range f.Ends[1] {
				status = status || n.Type != "dropdown"
			}
		}
		if status {
			d.checkLabels(p)
		}
	}
}

func (d *decoder) checkLabels(p *Picklist) {
	var labels []string
	for _, v := range p.Values {
		if slices.Contains(labels, v.Right) {
			continue
		}
		labels = append(labels, v.Right)
		if n := utf8.RuneCountInString(v.Right); n > maxLabelLength {
			d.fail(codeLabelLength, d.rowOf(p, v.Left), say("the label %q has %d characters", clip(v.Right), n),
				say("A status label may have %d.", maxLabelLength))
		}
	}
	if len(labels) > maxLabels {
		d.fail(codeTooManyLabels, p.Range, say("picklist %q has %d labels", p.Name, len(labels)),
			say("A status column holds %d. Map several values to one label, or use a dropdown column.", maxLabels))
	}
}

// rowOf is where a row of the table stands.
func (d *decoder) rowOf(p *Picklist, left string) hcl.Range {
	for _, b := range d.blocks["picklist"] {
		if b.DefRange() != p.Range || b.Body.Attributes["values"] == nil {
			continue
		}
		if o, ok := b.Body.Attributes["values"].Expr.(*hclsyntax.ObjectConsExpr); ok {
			for _, i := range o.Items {
				if k, ok := keyOf(i.KeyExpr); ok && k == left {
					return i.ValueExpr.Range()
				}
			}
		}
	}
	return p.Range
}

// table reads an object of texts in the order written, and reports keys given twice, which HCL itself lets pass.
func (d *decoder) table(a *hclsyntax.Attribute) ([]row, bool) {
	if a == nil {
		return nil, true
	}
	o, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return d.computedTable(a)
	}
	var rows []row
	seen := map[string]hcl.Range{}
	sound := true
	for _, i := range o.Items {
		key, known := keyOf(i.KeyExpr)
		if !known {
			key, known = d.textOf(i.KeyExpr, "the key")
		}
		value, ok := d.textOf(i.ValueExpr, say("the value of %q", clip(key)))
		if !known || !ok {
			sound = false
			continue
		}
		r := row{key: key, value: value, at: hcl.RangeBetween(i.KeyExpr.Range(), i.ValueExpr.Range()), keyAt: i.KeyExpr.Range(), vAt: i.ValueExpr.Range()}
		if before, twice := seen[key]; twice {
			d.fail(codeDuplicate, r.keyAt, say("%q stands twice in %s", clip(key), a.Name), say("Keep one; the first is at %s.", position(before)))
			continue
		}
		seen[key] = r.keyAt
		rows = append(rows, r)
	}
	return rows, sound
}

// computedTable is a table that is no literal: a variable, say. Its rows have no order of their own.
func (d *decoder) computedTable(a *hclsyntax.Attribute) ([]row, bool) {
	v, ok := d.value(a.Expr)
	if !ok {
		return nil, false
	}
	m, err := convert.Convert(v, cty.Map(cty.String))
	if err != nil || m.IsNull() || !m.IsWhollyKnown() {
		d.fail(codePicklistValues, a.Expr.Range(), say("%s is no table of texts", a.Name), say(`Write %s = { "..." = "..." }`, a.Name))
		return nil, false
	}
	var rows []row
	values := m.AsValueMap()
	for _, k := range keys(values) {
		if values[k].IsNull() {
			d.fail(codePicklistValues, a.Expr.Range(), say("%s has no value for %q", a.Name, clip(k)), "Give every key a text.")
			return nil, false
		}
		rows = append(rows, row{k, values[k].AsString(), a.Expr.Range(), a.Expr.Range(), a.Expr.Range()})
	}
	return rows, true
}

// keyOf is a table's key when it is a bare word or a text without templates.
func keyOf(expr hclsyntax.Expression) (string, bool) {
	if k, ok := expr.(*hclsyntax.ObjectConsKeyExpr); ok {
		if word := hcl.ExprAsKeyword(k); word != "" && !k.ForceNonLiteral {
			return word, true
		}
		return literal(k.Wrapped)
	}
	return literal(expr)
}
