package contract

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// value evaluates an ordinary expression: literals, variables and functions. It reports what is wrong and says false.
func (d *decoder) value(expr hclsyntax.Expression) (cty.Value, bool) {
	if !d.plain(expr) || !d.variablesOf(expr, "") {
		return cty.NilVal, false
	}
	return d.evaluate(expr, d.ctx)
}

// evaluate turns HCL's own diagnostics into ours.
func (d *decoder) evaluate(expr hclsyntax.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	v, diags := safely(expr, ctx)
	for _, x := range diags {
		at := expr.Range()
		if x.Subject != nil {
			at = *x.Subject
		}
		n := NewDiagnostic(codeExpression, at, lowerFirst(x.Summary), x.Detail)
		n.Expression, n.EvalContext = x.Expression, x.EvalContext
		d.diags = append(d.diags, n)
	}
	return v, !diags.HasErrors()
}

// safely evaluates an expression whose operands nobody has checked: the libraries below panic on some of them.
func safely(expr hclsyntax.Expression, ctx *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		if r := recover(); r != nil {
			v = cty.DynamicVal
			diags = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "The expression has no value",
				Detail: say("Check what it works on (%v).", r), Subject: expr.Range().Ptr()}}
		}
	}()
	v, diags = expr.Value(ctx)
	if v == cty.NilVal {
		v = cty.DynamicVal
	}
	return v, diags
}

// plain reports calls of functions that there are not, and secrets where none may be.
func (d *decoder) plain(expr hclsyntax.Expression, extra ...string) bool {
	ok := d.loops(expr)
	known := append(slices.Clone(d.callable), extra...)
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		call, is := n.(*hclsyntax.FunctionCallExpr)
		switch {
		case !is || slices.Contains(known, call.Name):
			return nil
		case strings.HasPrefix(call.Name, "secret::"):
			d.fail(codeSecretMisplaced, call.Range(), "a secret can't be used here",
				"A secret stands alone as an attribute of a connection, its oauth block or the ledger; it is never part of another value.")
		case call.Name == "now":
			d.fail(codeNow, call.Range(), "now() can't be used here", "The current time may be used in the values that a trigger's action writes.")
		case slices.Contains(words, call.Name):
			d.fail(codeWord, call.Range(), say("%s can't be used here", call.Name), "It asks what became of a record, which only a trigger on an object can ask.")
		default:
			remedy := didYouMean(call.Name, known)
			if remedy == "" {
				remedy = say("Known functions: %s.", list(known, "and"))
			}
			d.fail(codeUnknownFunction, call.NameRange, say("there is no function %q", clip(call.Name)), remedy)
		}
		ok = false
		return nil
	})
	return ok
}

// maxLoop is the most bytes of an expression with a for in it: what it goes over and what it makes multiply.
const maxLoop = 4 << 10

// loops reports a for within a for, and one that goes over more than fits into a few lines.
func (d *decoder) loops(expr hclsyntax.Expression) bool {
	var w loopWalker
	_ = hclsyntax.Walk(expr, &w)
	r := expr.Range()
	if w.deepest < 2 && (w.deepest == 0 || r.End.Byte-r.Start.Byte <= maxLoop) {
		return true
	}
	d.fail(codeTooDeep, r, "too much to go over with for", say("A for may not stand within another, and its expression may have %d bytes.", maxLoop))
	return false
}

// loopWalker finds how deep the fors of an expression stand inside each other.
type loopWalker struct{ depth, deepest int }

// Enter counts a for.
func (w *loopWalker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	if _, is := n.(*hclsyntax.ForExpr); is {
		w.depth++
		w.deepest = max(w.deepest, w.depth)
	}
	return nil
}

// Exit leaves it.
func (w *loopWalker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if _, is := n.(*hclsyntax.ForExpr); is {
		w.depth--
	}
	return nil
}

// variablesOf checks that an expression refers to nothing but variables that have a value, and to the given roots,
// which somebody else checks.
func (d *decoder) variablesOf(expr hclsyntax.Expression, roots string) bool {
	ok := true
	for _, t := range expr.Variables() {
		switch root := t.RootName(); {
		case root == "var":
			ok = d.variable(t) && ok
		case slices.Contains(strings.Fields(roots), root):
		default:
			remedy := say("Write %q if it is meant as text. ", clip(root))
			if roots != "" {
				remedy = didYouMean(root, append(strings.Fields(roots), "var"))
			}
			d.fail(codeReference, t.SourceRange(), say("%q refers to nothing", clip(root)),
				remedy+say("Here an expression may use %s.", list(append(strings.Fields(roots), "var.NAME"), "and")))
			ok = false
		}
	}
	return ok
}

// variable checks one reference to a variable.
func (d *decoder) variable(t hcl.Traversal) bool {
	name := attrOf(t, 1)
	if name == "" {
		d.fail(codeReference, t.SourceRange(), "var alone is no value", "Write var.NAME.")
		return false
	}
	v := d.variables[name]
	if v == nil {
		d.fail(codeReference, t.SourceRange(), say("there is no variable %q", clip(name)),
			didYouMean(name, keys(d.variables))+say("Declare it: variable %q { type = string }", clip(name)))
		return false
	}
	return v.set // a variable without a value was reported where it is declared
}

// attrOf is the name at one step of a traversal, "" when that step is something else.
func attrOf(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch s := t[i].(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString()
		}
	}
	return ""
}

// text is an attribute that holds text; numbers and truth values are taken as theirs.
func (d *decoder) text(a *hclsyntax.Attribute) (string, bool) {
	if a == nil {
		return "", false
	}
	return d.textOf(a.Expr, a.Name)
}

func (d *decoder) textOf(expr hclsyntax.Expression, what string) (string, bool) {
	v, ok := d.value(expr)
	if !ok {
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() || !s.IsKnown() {
		d.fail(codeWrongType, expr.Range(), say("%s is no text", what), say("Write %s = \"...\"", what))
		return "", false
	}
	return s.AsString(), true
}

// filled is a text that may not be empty.
func (d *decoder) filled(a *hclsyntax.Attribute) (string, bool) {
	s, ok := d.text(a)
	if ok && strings.TrimSpace(s) == "" {
		d.fail(codeMissing, a.Expr.Range(), say("%s is empty", a.Name), "Write what it should be, or take the attribute away.")
		return "", false
	}
	return s, ok
}

// truth is an attribute that holds true or false.
func (d *decoder) truth(a *hclsyntax.Attribute) (bool, bool) {
	v, ok := d.value(a.Expr)
	if !ok {
		return false, false
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() || !b.IsKnown() {
		d.fail(codeWrongType, a.Expr.Range(), say("%s is neither true nor false", a.Name), say("Write %s = true", a.Name))
		return false, false
	}
	return b.True(), true
}

// whole is a whole number of at least low.
func (d *decoder) whole(a *hclsyntax.Attribute, v cty.Value, low int) (int, bool) {
	n, err := convert.Convert(v, cty.Number)
	if err == nil && n.IsKnown() && !n.IsNull() {
		if i, accuracy := n.AsBigFloat().Int64(); accuracy == big.Exact && i >= int64(low) && i <= 1<<31-1 {
			return int(i), true
		}
		d.fail(codeNumberRange, a.Expr.Range(), say("%s is out of range", a.Name), say("Write a whole number of at least %d.", low))
		return 0, false
	}
	d.fail(codeWrongType, a.Expr.Range(), say("%s is no number", a.Name), say("Write %s = 20", a.Name))
	return 0, false
}

// count is either a whole number or a percentage in text: exactly one of the two results is not zero.
func (d *decoder) count(a *hclsyntax.Attribute, example string) (n int, percent float64, ok bool) {
	v, ok := d.value(a.Expr)
	if !ok {
		return 0, 0, false
	}
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && strings.Contains(v.AsString(), "%") {
		p, ok := parsePercent(v.AsString())
		if !ok {
			d.fail(codePercentage, a.Expr.Range(), say("%s is no percentage above 0 and up to 100", a.Name), say("Write %s = %s", a.Name, example))
		}
		return 0, p, ok
	}
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		if _, err := strconv.Atoi(v.AsString()); err != nil {
			d.fail(codePercentage, a.Expr.Range(), say("%s is neither a number nor a percentage", a.Name), say("Write %s = %s", a.Name, example))
			return 0, 0, false
		}
	}
	n, ok = d.whole(a, v, 1)
	return n, 0, ok
}

func parsePercent(s string) (float64, bool) {
	digits, found := strings.CutSuffix(strings.TrimSpace(s), "%")
	p, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	return p, found && err == nil && p > 0 && p <= 100
}

// duration is a stretch of time in Go's notation, from nothing to a day.
func (d *decoder) duration(a *hclsyntax.Attribute) (time.Duration, bool) {
	s, ok := d.text(a)
	if !ok {
		return 0, false
	}
	t, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.fail(codeDuration, a.Expr.Range(), say("%s = %q is no duration", a.Name, clip(s)), say("Write %s = \"20s\", \"5m\" or \"1h30m\".", a.Name))
	case t < 0 || t > 24*time.Hour:
		d.fail(codeDuration, a.Expr.Range(), say("%s is out of range", a.Name), "Write a duration from \"0s\" to \"24h\".")
	default:
		return t, true
	}
	return 0, false
}

// keyword is a bare word out of a few.
func (d *decoder) keyword(a *hclsyntax.Attribute, words ...string) (string, bool) {
	if a == nil {
		return "", false
	}
	return d.word(a.Expr, a.Name, words)
}

func (d *decoder) word(expr hclsyntax.Expression, what string, words []string) (string, bool) {
	w := hcl.ExprAsKeyword(expr)
	if slices.Contains(words, w) {
		return w, true
	}
	remedy := didYouMean(w, words) + say("Write one of %s.", list(words, "or"))
	if s, ok := literal(expr); ok {
		w = s
		if slices.Contains(words, s) {
			remedy = say("Write it without quotes: %s.", s)
		}
	}
	summary := say("%s is not one of its words", what)
	if w != "" {
		summary = say("%q is no word for %s", clip(w), what)
	}
	d.fail(codeKeyword, expr.Range(), summary, remedy)
	return "", false
}

// literal is the text of a quoted string without templates.
func literal(expr hclsyntax.Expression) (string, bool) {
	t, ok := expr.(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	v, diags := t.Value(nil)
	if diags.HasErrors() {
		return "", false
	}
	return v.AsString(), true
}

// setting is an attribute that may be a secret reference.
func (d *decoder) setting(a *hclsyntax.Attribute) (Setting, bool) {
	call, is := a.Expr.(*hclsyntax.FunctionCallExpr)
	if !is || !strings.HasPrefix(call.Name, "secret::") {
		s, ok := d.filled(a)
		return Setting{Text: s, Range: a.Expr.Range()}, ok
	}
	scheme := strings.TrimPrefix(call.Name, "secret::")
	if scheme != "env" && scheme != "file" {
		d.fail(codeSecretReference, call.NameRange, say("there is no way %q of finding a secret", clip(scheme)),
			didYouMean(scheme, []string{"env", "file"})+"Write secret::env(\"NAME\") or secret::file(\"/path\").")
		return Setting{}, false
	}
	if len(call.Args) != 1 || call.ExpandFinal {
		d.fail(codeSecretReference, call.Range(), say("%s takes one text", call.Name), say("Write %s(\"...\")", call.Name))
		return Setting{}, false
	}
	name, ok := d.textOf(call.Args[0], call.Name)
	if ok && (strings.TrimSpace(name) == "" || strings.ContainsAny(name, "\x00\n")) {
		d.fail(codeSecretReference, call.Args[0].Range(), "the secret has no name", say("Write %s(\"...\")", call.Name))
		return Setting{}, false
	}
	return Setting{Secret: &Secret{Scheme: scheme, Name: name}, Range: a.Expr.Range()}, ok
}

// elements is the expressions of a list literal, or of a single expression.
func elements(expr hclsyntax.Expression) []hclsyntax.Expression {
	if t, ok := expr.(*hclsyntax.TupleConsExpr); ok {
		return t.Exprs
	}
	return []hclsyntax.Expression{expr}
}

// traversal is a bare reference: a.b.c. It reports anything else.
func (d *decoder) traversal(expr hclsyntax.Expression, what, example string) (hcl.Traversal, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if !diags.HasErrors() {
		for i := range t {
			if attrOf(t, i) == "" {
				diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError})
				break
			}
		}
	}
	if diags.HasErrors() {
		remedy := say("Write %s, without quotes.", example)
		d.fail(codeReferenceKind, expr.Range(), say("%s is no reference", what), remedy)
		return nil, false
	}
	return t, true
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func keys[V any](m map[string]V) []string {
	k := make([]string, 0, len(m))
	for name := range m {
		k = append(k, name)
	}
	slices.Sort(k)
	return k
}
