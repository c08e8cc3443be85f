package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"accord/engine/record"
)

// Transform translates the values of a field by expressions, where no picklist table can list them.
type Transform struct {
	// To gives a side's value from the other's; nil where the contract names no way there, because nothing is written there.
	To       [2]*Formula
	Examples []Example // in the order written; there is always one
	Range    hcl.Range
}

// Example is what the author of a transform expects: a value on each side, as text. It is checked wherever the contract is.
type Example struct {
	Values [2]string
	Range  hcl.Range
}

// Of is the example's value at a side, read as a kind.
func (e Example) Of(side record.Side, kind record.Kind) (record.Value, error) {
	return valueOf(cty.StringVal(e.Values[side&1]), kind)
}

// Formula is a checked expression over one value, which it calls `value`. It may be evaluated by several goroutines at
// once.
type Formula struct {
	Text      string // as written, for messages
	Range     hcl.Range
	expr      hclsyntax.Expression
	ctx       *hcl.EvalContext
	canonical string
}

// Canonical is the expression without comments and chance spacing, its variables replaced by their values.
func (f *Formula) Canonical() string {
	if f == nil {
		return ""
	}
	return f.canonical
}

// Eval is what the formula makes of a value, as a value of a kind: text, decimal, bool, date, datetime, choice or link.
// Nothing and the empty text are the empty value. It fails where the expression has no value, or one of another kind, and
// on texts of more than a MiB.
func (f *Formula) Eval(v record.Value, kind record.Kind) (record.Value, error) {
	in := ctyOf(v, false)
	if size(in) > maxResult {
		return record.Value{}, fmt.Errorf("the value is longer than %d bytes", maxResult)
	}
	ctx := f.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"value": in}
	out, diags := safely(f.expr, ctx)
	if diags.HasErrors() {
		return record.Value{}, fmt.Errorf("%s has no value: %s", f.Text, lowerFirst(strings.TrimSuffix(cmpOr(diags[0].Detail, diags[0].Summary), ".")))
	}
	got, err := valueOf(out, kind)
	if err != nil {
		return record.Value{}, fmt.Errorf("%s gives %w", f.Text, err)
	}
	return got, nil
}

// significant is how many digits of a computed number count: more than any vendor keeps, fewer than cty computes with, so
// that 12.34 / 100 is 0.1234.
const significant = 60

// valueOf reads an expression's value as a kind.
func valueOf(v cty.Value, kind record.Kind) (record.Value, error) {
	if !v.IsWhollyKnown() {
		return record.Value{}, fmt.Errorf("what is not known")
	}
	if v.IsNull() {
		return record.Value{}, nil
	}
	if kind == record.Choice && (v.Type().IsTupleType() || v.Type().IsListType() || v.Type().IsSetType()) {
		var options []string
		for _, e := range v.AsValueSlice() {
			s, err := asText(e)
			if err != nil {
				return record.Value{}, err
			}
			options = append(options, s)
		}
		return record.OfChoice(options...), nil
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() {
		return record.Value{}, fmt.Errorf("%s, where %s is needed", v.Type().FriendlyName(), kind)
	}
	text := s.AsString()
	if v.Type() == cty.Number && kind == record.Decimal {
		text = v.AsBigFloat().Text('g', significant)
	}
	return read(text, kind)
}

// read reads a text as a kind; the empty text is the empty value.
func read(text string, kind record.Kind) (record.Value, error) {
	if text == "" {
		return record.Value{}, nil
	}
	switch kind {
	case record.Text:
		return record.OfText(text), nil
	case record.Choice:
		return record.OfChoice(text), nil
	case record.Link:
		return record.OfLink(strings.TrimSpace(text), ""), nil
	case record.Decimal:
		return record.OfDecimal(text)
	case record.Date:
		return record.OfDate(text)
	case record.DateTime:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return record.Value{}, fmt.Errorf("%q, which is no RFC 3339 time", clip(text))
		}
		return record.OfDateTime(t), nil
	case record.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return record.Value{}, fmt.Errorf("%q, which is neither true nor false", clip(text))
		}
		return record.OfBool(b), nil
	default:
		return record.Value{}, fmt.Errorf("a value that can't be %s", kind)
	}
}

// to is the attribute that gives a side's values.
func to(side record.Side) string { return "to_" + Systems[side&1] }

var transformShape = shape{attrs: []string{to(record.Left), to(record.Right), "!examples"}}

func (d *decoder) decodeTransform(f *field, b *hclsyntax.Block) {
	f.given["transform"] = b.DefRange()
	t := &Transform{Range: b.DefRange()}
	c := d.check(b.Body, b.DefRange(), say("in transform of field %q", f.Name), transformShape)
	whole := true
	for _, side := range record.Sides {
		if a := c.attrs[to(side)]; a != nil {
			t.To[side] = d.formula(a)
			whole = whole && t.To[side] != nil
			continue
		}
		if f.owned && f.Owner != OwnedBy(side) && b.Body.Attributes[to(side)] == nil {
			d.fail(codeTransform, t.Range, say("field %q is written in %s, and its transform does not say how", f.Name, Systems[side]),
				say("Add %s = EXPRESSION, which makes %s's value of %s's, called value.", to(side), Systems[side], Systems[side.Other()]))
			whole = false
		}
	}
	if a := c.attrs["examples"]; a != nil {
		d.decodeExamples(t, a)
	}
	f.Transform = t
	if whole {
		d.checkExamples(f, t)
	}
}

// formula checks an expression over a value.
func (d *decoder) formula(a *hclsyntax.Attribute) *Formula {
	ok := d.plain(a.Expr)
	if !d.variablesOf(a.Expr, "value") || !ok {
		return nil
	}
	ctx := d.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"value": cty.DynamicVal}
	if _, ok := d.evaluate(tolerate(a.Expr), ctx); !ok {
		return nil
	}
	return &Formula{Text: d.source(a.Expr), Range: a.Expr.Range(), expr: a.Expr, ctx: d.ctx, canonical: d.canonicalExpression(a.Expr)}
}

func (d *decoder) decodeExamples(t *Transform, a *hclsyntax.Attribute) {
	table, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok || len(table.Items) == 0 {
		d.fail(codeTransformExample, a.Expr.Range(), "a transform needs an example",
			say(`Write what becomes of one value at least: examples = { "%s value" = "%s value" }`, Systems[0], Systems[1]))
		return
	}
	for _, i := range table.Items {
		key, ok := keyOf(i.KeyExpr)
		if !ok {
			d.fail(codeTransformExample, i.KeyExpr.Range(), "this is no value", `Write it as text in quotes: "12.5" = "12 1/2"`)
			continue
		}
		if value, ok := d.textOf(i.ValueExpr, say("%q", clip(key))); ok {
			t.Examples = append(t.Examples, Example{[2]string{key, value}, hcl.RangeBetween(i.KeyExpr.Range(), i.ValueExpr.Range())})
		}
	}
}

// checkExamples checks each direction that is given against the examples. Of several left values that become one right
// value, one is the way home. What the fields hold is not known here: an example passes that comes true of its text read
// as text, as a number or as a truth value. The lens checks it again as what the fields do hold.
func (d *decoder) checkExamples(f *field, t *Transform) {
	for _, e := range t.Examples {
		for _, side := range record.Sides {
			want := []string{e.Values[side]}
			if side == record.Left {
				want = t.Homes(e.Values[record.Right])
			}
			if t.To[side] == nil {
				continue
			}
			if got, ok := t.To[side].comesTo(e.Values[side.Other()], want); !ok {
				d.fail(codeTransformExample, e.Range, say("field %q: the example does not come true", f.Name),
					say("%s makes %s of %q, and the example says %s. Correct the expression at %s, or the example.",
						to(side), got, clip(e.Values[side.Other()]), list(quoted(want), "or"), position(t.To[side].Range)))
			}
		}
	}
}

// Homes lists the left values that become a right value, by the examples.
func (t *Transform) Homes(right string) []string {
	var lefts []string
	for _, e := range t.Examples {
		if e.Values[record.Right] == right && !slices.Contains(lefts, e.Values[record.Left]) {
			lefts = append(lefts, e.Values[record.Left])
		}
	}
	return lefts
}

// comesTo says whether a formula makes one of the wanted texts of a text, under any reading of it; else what it makes.
func (f *Formula) comesTo(text string, want []string) (got string, ok bool) {
	got = "nothing"
	for _, kind := range []record.Kind{record.Text, record.Decimal, record.Bool} {
		v, err := read(text, kind)
		if err != nil {
			continue
		}
		out, err := f.Eval(v, record.Text)
		switch {
		case err != nil && kind == record.Text:
			got = say("no value (%s)", err)
		case err != nil:
		case slices.ContainsFunc(want, func(w string) bool { return sameText(out.Part(0), w) }):
			return out.Part(0), true
		case kind == record.Text:
			got = say("%q", clip(out.Part(0)))
		}
	}
	return got, false
}

// sameText compares numbers as numbers: "12.50" is 12.5.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	x, _, errX := big.ParseFloat(a, 10, 512, big.ToNearestEven)
	y, _, errY := big.ParseFloat(b, 10, 512, big.ToNearestEven)
	return errX == nil && errY == nil && x.Text('g', significant) == y.Text('g', significant)
}

// checkTransform finds fields that are translated twice, and those whose values are more than themselves.
func (d *decoder) checkTransform(f *field) {
	at, has := f.given["transform"]
	if !has {
		return
	}
	for _, other := range []string{"picklist", "reference", "people"} {
		if _, both := f.given[other]; both {
			d.fail(codeTransform, at, say("field %q has a transform, and %s as well", f.Name, other), "Keep one of them: each says how its values cross.")
			return
		}
	}
	if len(f.Ends[0])+len(f.Ends[1]) > 2 && f.ended[0] && f.ended[1] || f.IsInterval() {
		d.fail(codeTransform, at, say("field %q is more than one value, which a transform can't carry", f.Name), "Take the transform away, or map a single native field.")
	}
}
