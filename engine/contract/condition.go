package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"accord/engine/record"
)

// Scope is what a condition or a template may look at: canonical values by field name. A nil Before is a record that
// did not exist.
type Scope struct {
	Before, After map[string]record.Value
	// Records are the native values of each side's record, and its id as "Id", for `record.salesforce.OwnerId`.
	Records [2]map[string]record.Value
	IDs     [2]string               // for `record.salesforce_id`, `record.monday_id`
	Event   map[string]record.Value // what a platform event holds, by API name, for `event.Reason__c`
	Now     string                  // RFC 3339, for now()
}

// Condition is a checked boolean expression over a Scope.
//
// A value that is empty is null. A null equals only null; in every other comparison it makes the result false, as it
// does in && and ||; its negation is true. Texts, dates and times are compared in their own order, numbers as numbers.
// A field that holds several choices or people is a list when it holds several, and a text when it holds one; contains()
// takes either. Conditions and templates may be evaluated by several goroutines at once.
type Condition struct {
	Text  string // as written, for messages
	expr  hcl.Expression
	Range hcl.Range
	scoped
}

// Template is a checked expression over a Scope that yields text. A null becomes the empty text, a list its members
// joined by commas.
type Template struct {
	Text  string
	expr  hcl.Expression
	Range hcl.Range
	scoped
}

// scoped is what both know of the scope they need.
type scoped struct {
	before, after []string // contract fields
	event         []string // fields of a platform event
	natives       [2][]string
	ids           [2]bool  // record.salesforce_id, record.monday_id
	intervals     []string // those of the fields that hold an interval
	canonical     string   // the text without comments and chance spacing, variables replaced by their values
	words         bool     // created(), changed(...) and the like
	ctx           *hcl.EvalContext
}

// Fields is the contract fields that the condition looks at, before or after, in order, each once.
func (c *Condition) Fields() []string {
	if c == nil {
		return nil
	}
	return c.scoped.names()
}

// Natives is the native fields that the condition looks at on one side (`record.salesforce.OwnerId`), beside those that
// contract fields use: whoever evaluates it reads them from the vendor.
func (c *Condition) Natives(side record.Side) []string {
	if c == nil {
		return nil
	}
	return slices.Clone(c.natives[side&1])
}

// OfEventAlone says that the condition looks at an event and nothing else. None at all looks at nothing.
func (c *Condition) OfEventAlone() bool {
	return c == nil || len(c.before)+len(c.after)+len(c.natives[0])+len(c.natives[1]) == 0 && !c.ids[0] && !c.ids[1]
}

// Fields is the contract fields that the template looks at, before or after, in order, each once.
func (t *Template) Fields() []string {
	if t == nil {
		return nil
	}
	return t.scoped.names()
}

// Natives is the native fields that the template looks at on one side, as Condition.Natives.
func (t *Template) Natives(side record.Side) []string {
	if t == nil {
		return nil
	}
	return slices.Clone(t.natives[side&1])
}

// Constant is the template's text where it is the same every time.
func (t *Template) Constant() (text string, ok bool) {
	if t == nil || len(t.before)+len(t.after)+len(t.event)+len(t.natives[0])+len(t.natives[1]) > 0 || t.ids[0] || t.ids[1] || t.words {
		return "", false
	}
	text, err := t.Eval(Scope{}) // without a clock, so that now() fails
	return text, err == nil
}

// NeedsID says whether the template looks at the id of one side's record (`record.monday_id`).
func (t *Template) NeedsID(side record.Side) bool { return t != nil && t.ids[side&1] }

func (s *scoped) names() []string {
	all := append(slices.Clone(s.before), s.after...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Eval says whether the condition holds. A nil condition always does.
func (c *Condition) Eval(scope Scope) (bool, error) {
	if c == nil {
		return true, nil
	}
	v, err := c.evaluate(c.expr, scope)
	if err != nil {
		return false, fmt.Errorf("evaluate the condition %s at %s: %w", c.Text, position(c.Range), err)
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || !b.IsKnown() {
		return false, fmt.Errorf("evaluate the condition %s at %s: the result is %s, neither true nor false", c.Text, position(c.Range), v.Type().FriendlyName())
	}
	return !b.IsNull() && b.True(), nil
}

// Eval is the template's text. A nil template is empty.
func (t *Template) Eval(scope Scope) (string, error) {
	if t == nil {
		return "", nil
	}
	v, err := t.evaluate(t.expr, scope)
	if err != nil {
		return "", fmt.Errorf("evaluate %s at %s: %w", t.Text, position(t.Range), err)
	}
	s, err := asText(v)
	if err != nil {
		return "", fmt.Errorf("evaluate %s at %s: %w", t.Text, position(t.Range), err)
	}
	return s, nil
}

func (s *scoped) evaluate(expr hcl.Expression, scope Scope) (cty.Value, error) {
	ctx := s.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{
		"before": s.fields(s.before, scope.Before),
		"after":  s.fields(s.after, scope.After),
		"record": s.record(scope),
		"event":  s.fields(s.event, scope.Event),
	}
	ctx.Functions = clockFunctions(scope.Now)
	if s.words {
		maps.Copy(ctx.Functions, wordFunctions(cty.BoolVal(scope.Before == nil)))
	}
	syntax, ok := expr.(hclsyntax.Expression)
	if !ok {
		return cty.NilVal, fmt.Errorf("it was never checked; use Parse")
	}
	v, diags := safely(syntax, ctx)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("%s: %s", lowerFirst(diags[0].Summary), diags[0].Detail)
	}
	return v, nil
}

// fields turns the fields that are looked at into cty values; what is absent is null.
func (s *scoped) fields(names []string, values map[string]record.Value) cty.Value {
	m := make(map[string]cty.Value, len(names))
	for _, n := range names {
		m[n] = ctyOf(values[n], slices.Contains(s.intervals, n))
	}
	return cty.ObjectVal(m)
}

func (s *scoped) record(scope Scope) cty.Value {
	m := map[string]cty.Value{}
	for side, system := range Systems {
		m[system+"_id"] = textOrNull(scope.IDs[side])
		native := map[string]cty.Value{}
		for _, n := range s.natives[side] {
			v := scope.Records[side][n]
			if n == "Id" && v.IsEmpty() {
				v = record.OfText(scope.IDs[side])
			}
			native[n] = ctyOf(v, v.Kind() == record.Interval)
		}
		m[system] = cty.ObjectVal(native)
	}
	return cty.ObjectVal(m)
}

func textOrNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

// ctyOf is a canonical value as conditions see it. An interval is an object of from and to, never null itself, so that
// asking for either never errs.
func ctyOf(v record.Value, interval bool) cty.Value {
	if interval || v.Kind() == record.Interval {
		return cty.ObjectVal(map[string]cty.Value{"from": textOrNull(v.Part(0)), "to": textOrNull(v.Part(1))})
	}
	switch v.Kind() {
	case record.Empty:
		return cty.NullVal(cty.DynamicPseudoType)
	case record.Decimal:
		n, err := cty.ParseNumberVal(v.Part(0))
		if err != nil {
			return cty.NullVal(cty.Number)
		}
		return n
	case record.Bool:
		return cty.BoolVal(v.Bool())
	case record.Choice, record.Personal, record.Reference:
		if v.Len() == 1 {
			return cty.StringVal(v.Part(0))
		}
		members := make([]cty.Value, v.Len())
		for i, p := range v.Parts() {
			members[i] = cty.StringVal(p)
		}
		return cty.TupleVal(members)
	case record.Text, record.Date, record.DateTime, record.Link, record.Interval:
		return cty.StringVal(v.Part(0))
	default:
		return cty.NullVal(cty.DynamicPseudoType)
	}
}

// asText is a value as a template shows it.
func asText(v cty.Value) (string, error) {
	switch {
	case v.IsNull():
		return "", nil
	case !v.IsKnown():
		return "", fmt.Errorf("the value is not known")
	case v.Type().IsTupleType() || v.Type().IsListType() || v.Type().IsSetType():
		var parts []string
		for _, e := range v.AsValueSlice() {
			s, err := asText(e)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ", "), nil
	default:
		s, err := convert.Convert(v, cty.String)
		if err != nil || s.IsNull() {
			return "", fmt.Errorf("%s is no text", v.Type().FriendlyName())
		}
		return s.AsString(), nil
	}
}

// Qualifies says whether a record that exists on the other side only is created on this one: before and after are its
// canonical values by field, before nil when it is new.
func (o *Object) Qualifies(side record.Side, before, after map[string]record.Value) (bool, error) {
	create := o.Creates[side]
	if create == nil || create.When == nil {
		return create != nil, nil
	}
	return create.When.Eval(Scope{Before: before, After: after})
}
