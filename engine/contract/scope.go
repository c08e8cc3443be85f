package contract

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// place of an expression: what it may look at depends on when it is asked.
type exprPlace uint8

const (
	inCreate  exprPlace = iota // a record is about to be created
	inTrigger                  // a record has changed
	inAction                   // a trigger fires
)

// condition checks a boolean expression over the fields of an object; nil when there is something wrong with it.
func (d *decoder) condition(a *hclsyntax.Attribute, o *object, p exprPlace) *Condition {
	if a == nil || o == nil {
		return nil
	}
	s, v, ok := d.scope(a.Expr, o, p)
	if !ok {
		return nil
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() {
		d.fail(codeCondition, a.Expr.Range(), say("%s is %s, not true or false", a.Name, v.Type().FriendlyName()),
			`Compare something: after.stage == "Closed Won".`)
		return nil
	}
	return &Condition{Text: d.source(a.Expr), expr: a.Expr, Range: a.Expr.Range(), scoped: s}
}

// template checks an expression that yields text when a trigger fires.
func (d *decoder) template(expr hclsyntax.Expression, what string, o *object) *Template {
	if o == nil {
		return nil
	}
	s, v, ok := d.scope(expr, o, inAction)
	if !ok {
		return nil
	}
	if v.IsWhollyKnown() {
		if _, err := asText(v); err != nil {
			d.fail(codeWrongType, expr.Range(), say("%s is no text", what), say("Write %s = \"...\"", what))
			return nil
		}
	}
	return &Template{Text: d.source(expr), expr: expr, Range: expr.Range(), scoped: s}
}

// scope checks all that an expression refers to, and evaluates it once with every field unknown.
func (d *decoder) scope(expr hclsyntax.Expression, o *object, p exprPlace) (scoped, cty.Value, bool) {
	s := scoped{ctx: d.ctx}
	var extra []string
	if p == inAction {
		extra = append(extra, "now")
	}
	if p != inCreate {
		extra = append(extra, words...)
	}
	ok := d.plain(expr, extra...)
	if p != inCreate && !d.words(&s, expr, o) {
		return s, cty.NilVal, false
	}
	roots := "before after record"
	if p == inCreate {
		roots = "after"
	}
	for _, t := range expr.Variables() {
		switch t.RootName() {
		case "before", "after":
			ok = d.scopeField(&s, t, o, p) && ok
		case "record":
			ok = d.scopeRecord(&s, t, p) && ok
		case "var":
			ok = d.variable(t) && ok
		default:
			d.fail(codeConditionField, t.SourceRange(), say("%q refers to nothing", clip(t.RootName())),
				didYouMean(t.RootName(), strings.Fields(roots+" var"))+say("Here an expression may use %s; text goes in quotes.", list(append(strings.Fields(roots), "var.NAME"), "and")))
			ok = false
		}
	}
	if !ok || !d.checkChoices(expr, o) {
		return s, cty.NilVal, false
	}
	s.normalise()
	s.canonical = d.canonicalExpression(expr)
	for _, f := range o.Fields {
		if f.IsInterval() {
			s.intervals = append(s.intervals, f.Name)
		}
	}
	v, ok := d.evaluate(tolerate(expr), s.unknown(d.ctx))
	return s, v, ok
}

func (s *scoped) normalise() {
	for _, names := range []*[]string{&s.before, &s.after, &s.natives[0], &s.natives[1]} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
}

// unknown is a context in which every field has some value that nobody knows yet.
func (s *scoped) unknown(parent *hcl.EvalContext) *hcl.EvalContext {
	object := func(names []string) cty.Value {
		m := map[string]cty.Value{}
		for _, n := range names {
			m[n] = cty.DynamicVal
		}
		return cty.ObjectVal(m)
	}
	ctx := parent.NewChild()
	ctx.Variables = map[string]cty.Value{
		"before": object(s.before), "after": object(s.after),
		"record": cty.ObjectVal(map[string]cty.Value{
			Systems[0]: object(s.natives[0]), Systems[0] + "_id": cty.UnknownVal(cty.String),
			Systems[1]: object(s.natives[1]), Systems[1] + "_id": cty.UnknownVal(cty.String),
		}),
	}
	ctx.Functions = clockFunctions("2006-01-02T15:04:05Z")
	maps.Copy(ctx.Functions, wordFunctions(cty.UnknownVal(cty.Bool)))
	return ctx
}

func (d *decoder) scopeField(s *scoped, t hcl.Traversal, o *object, p exprPlace) bool {
	root, name := t.RootName(), attrOf(t, 1)
	if root == "before" && p == inCreate {
		d.fail(codeBeforeCreate, t.SourceRange(), "a record that is being created has no before", say("Write after.%s.", cmpOr(name, "FIELD")))
		return false
	}
	if name == "" {
		d.fail(codeConditionField, t.SourceRange(), say("%s alone is no value", root), say("Name a field: %s.%s", root, example(o)))
		return false
	}
	if f := o.Field(name); f == nil {
		d.fail(codeConditionField, t.SourceRange(), say("object %q has no field %q", o.Name, clip(name)),
			didYouMean(name, o.fieldNames())+say("Its fields are %s.", list(few(o.fieldNames()), "and")))
		return false
	}
	if root == "before" {
		s.before = append(s.before, name)
	} else {
		s.after = append(s.after, name)
	}
	return true
}

func (d *decoder) scopeRecord(s *scoped, t hcl.Traversal, p exprPlace) bool {
	part, name := attrOf(t, 1), attrOf(t, 2)
	side := slices.Index(Systems[:], part)
	switch {
	case p == inCreate:
		d.fail(codeConditionField, t.SourceRange(), "a create block can't look at native fields", "Map the field, and look at after.FIELD.")
	case part == Systems[0]+"_id" || part == Systems[1]+"_id":
		s.ids[slices.Index(Systems[:], strings.TrimSuffix(part, "_id"))] = true
		return true
	case side >= 0 && name != "":
		s.natives[side] = append(s.natives[side], name)
		return true
	default:
		d.fail(codeConditionField, t.SourceRange(), "record has no such part",
			"Write record.salesforce_id, record.monday_id, record.salesforce.FIELD or record.monday.FIELD.")
	}
	return false
}

func (o *object) fieldNames() []string {
	var names []string
	for _, f := range o.Fields {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

func example(o *object) string {
	if len(o.Fields) > 0 {
		return o.Fields[0].Name
	}
	return "FIELD"
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// source is an expression as written, on one line.
func (d *decoder) source(expr hclsyntax.Expression) string {
	r := expr.Range()
	return strings.Join(strings.Fields(string(r.SliceBytes(d.bytes[r.Filename]))), " ")
}

// canonicalExpression is an expression without comments and chance spacing, its variables replaced by their values:
// two that are spelled differently but say the same token by token are equal.
func (d *decoder) canonicalExpression(expr hclsyntax.Expression) string {
	r := expr.Range()
	tokens, _ := hclsyntax.LexExpression(r.SliceBytes(d.bytes[r.Filename]), r.Filename, start)
	var out bytes.Buffer
	inText := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenNewline, hclsyntax.TokenEOF:
			out.WriteByte(' ')
			continue
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			inText++
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			inText--
		case hclsyntax.TokenIdent:
			if string(t.Bytes) == "var" && i+2 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenDot {
				if v := d.variables[string(tokens[i+2].Bytes)]; v != nil && v.set && (i == 0 || tokens[i-1].Type != hclsyntax.TokenDot) {
					out.Write(hclwrite.TokensForValue(v.value).Bytes())
					i += 2
					continue
				}
			}
		}
		out.Write(t.Bytes)
		if inText == 0 && t.Type != hclsyntax.TokenCQuote && t.Type != hclsyntax.TokenCHeredoc {
			out.WriteByte(' ')
		}
	}
	return string(bytes.TrimSpace(hclwrite.Format(out.Bytes())))
}
