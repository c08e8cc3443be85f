package contract

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is one declared variable.
type variable struct {
	typ   cty.Type
	value cty.Value
	set   bool // it has a value
	at    hcl.Range
}

var variableShape = shape{
	attrs:  []string{"type", "default", "description"},
	blocks: []blockKind{{name: "validation"}},
}

var validationShape = shape{attrs: []string{"!condition", "!error_message"}}

// decodeVariables reads the declarations and their values, and builds the context of ordinary expressions.
func (d *decoder) decodeVariables() {
	d.ctx = &hcl.EvalContext{Functions: functions()}
	d.callable = keys(d.ctx.Functions)
	validations := map[string][]*hclsyntax.Block{}
	for _, b := range d.blocks["variable"] {
		name := b.Labels[0]
		if !d.name(b, 0) {
			continue
		}
		if before, twice := d.variables[name]; twice {
			d.once(b, say("variable %q", name), before.at)
			continue
		}
		v := &variable{typ: cty.DynamicPseudoType, at: b.DefRange()}
		d.variables[name] = v
		c := d.check(b.Body, b.DefRange(), say("in variable %q", name), variableShape)
		validations[name] = c.blocks["validation"]
		if a := c.attrs["description"]; a != nil {
			d.text(a)
		}
		sound := true
		if a := c.attrs["type"]; a != nil {
			t, diags := typeexpr.TypeConstraint(a.Expr)
			if diags.HasErrors() {
				d.fail(codeWrongType, a.Expr.Range(), "this is no type", "Write string, number, bool, list(string), map(number) or object({ ... }).")
				sound = false
			} else {
				v.typ = t
			}
		}
		if sound {
			d.setVariable(name, v, c.attrs["default"])
		}
	}
	for _, name := range keys(d.contract.Source.Variables) {
		if d.variables[name] == nil {
			at := hcl.Range{Filename: "variables", Start: start, End: start}
			d.fail(codeVariableUnknown, at, say("a value was given for the variable %q, which the contract does not declare", clip(name)),
				didYouMean(name, keys(d.variables))+say("Take the value away, or declare it: variable %q { type = string }", clip(name)))
		}
	}
	values := map[string]cty.Value{}
	for name, v := range d.variables {
		values[name] = cty.DynamicVal
		if v.set {
			values[name] = v.value
		}
	}
	d.ctx.Variables = map[string]cty.Value{"var": cty.ObjectVal(values)}
	for _, name := range keys(validations) {
		for _, b := range validations[name] {
			d.validateVariable(name, b)
		}
	}
}

// setVariable finds the value: what was given, else the default.
func (d *decoder) setVariable(name string, v *variable, def *hclsyntax.Attribute) {
	if def != nil {
		if !d.plain(def.Expr) || !d.constant(def.Expr) {
			return
		}
		value, ok := d.evaluate(def.Expr, d.ctx)
		if !ok {
			return
		}
		if v.value, ok = d.convertVariable(name, value, v.typ, def.Expr.Range(), "the default"); !ok {
			return
		}
		v.set = true
	}
	given, is := d.contract.Source.Variables[name]
	if !is {
		if def == nil {
			d.fail(codeVariableValue, v.at, say("the variable %q has no value", name),
				say("Give one (--var %s=...), or write a default.", name))
		}
		return
	}
	v.set = false
	value, ok := givenValue(given, v.typ)
	if !ok {
		d.fail(codeVariableType, v.at, say("the value given for %q is no HCL", name),
			say("Give a literal of type %s.", typeexpr.TypeString(v.typ)))
		return
	}
	if v.value, ok = d.convertVariable(name, value, v.typ, v.at, "the value given"); ok {
		v.set = true
	}
}

// constant reports references in a default, which may have none.
func (d *decoder) constant(expr hclsyntax.Expression) bool {
	for _, t := range expr.Variables() {
		d.fail(codeReference, t.SourceRange(), "a default can't refer to anything", "Write a literal; text goes in quotes.")
		return false
	}
	return true
}

func (d *decoder) convertVariable(name string, v cty.Value, to cty.Type, at hcl.Range, what string) (cty.Value, bool) {
	c, err := convert.Convert(v, to)
	if err != nil || !c.IsWhollyKnown() {
		d.fail(codeVariableType, at, say("%s of variable %q is not of type %s", what, name, typeexpr.TypeString(to)),
			say("Give a value of that type (%v), or change the type.", err))
		return cty.NilVal, false
	}
	if c.IsNull() {
		d.fail(codeVariableValue, at, say("%s of variable %q is null", what, name), "Give a value; nothing reads null as one.")
		return cty.NilVal, false
	}
	return c, true
}

// givenValue reads a value from outside: plain text for texts, unless it is a quoted literal; HCL for all others.
func givenValue(given string, t cty.Type) (cty.Value, bool) {
	if len(given) > maxFileSize {
		return cty.NilVal, false
	}
	plain := cty.StringVal(given)
	if t == cty.String && !strings.HasPrefix(strings.TrimSpace(given), `"`) {
		return plain, true
	}
	if bounded(File{Name: "variable", Content: []byte(given)}) != nil {
		return plain, t == cty.String
	}
	expr, diags := parseExpression(given)
	if diags.HasErrors() || len(expr.Variables()) > 0 {
		return plain, t == cty.String || t == cty.DynamicPseudoType
	}
	v, diags := safely(expr, nil)
	if diags.HasErrors() {
		return plain, t == cty.String || t == cty.DynamicPseudoType
	}
	return v, true
}

// parseExpression is HCL's, without its panics.
func parseExpression(text string) (expr hclsyntax.Expression, diags hcl.Diagnostics) {
	defer func() {
		if recover() != nil {
			diags = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "not an expression"}}
		}
	}()
	return hclsyntax.ParseExpression([]byte(text), "variable", start)
}

// validateVariable holds a value against the variable's own rule.
func (d *decoder) validateVariable(name string, b *hclsyntax.Block) {
	c := d.check(b.Body, b.DefRange(), say("in the validation of variable %q", name), validationShape)
	condition, message := c.attrs["condition"], c.attrs["error_message"]
	if condition == nil || message == nil || !d.variables[name].set {
		return
	}
	holds, ok := d.truth(condition)
	text, sound := d.text(message)
	if ok && sound && !holds {
		d.fail(codeVariableInvalid, d.variables[name].at, say("the value of variable %q is refused", name), text)
	}
}
