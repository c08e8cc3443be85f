package contract

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"accord/engine/record"
)

// The words of a trigger for what became of a record. They say nothing that before and after can't say:
//
//	created()              the record was made while the sync knew all others: there is no before
//	updated()              it was there, and a field of the object changed
//	changed(stage, ...)    one of the fields is not what it was; of a record that was just made, each that holds anything
//	became(stage, "Won")   the field holds the value now, and did not before; one of several choices counts
const (
	wordCreated = "created"
	wordUpdated = "updated"
	wordChanged = "changed"
	wordBecame  = "became"
)

var words = []string{wordCreated, wordUpdated, wordChanged, wordBecame}

// wordCalls are the words in an expression.
func wordCalls(expr hclsyntax.Expression) []*hclsyntax.FunctionCallExpr {
	var calls []*hclsyntax.FunctionCallExpr
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, is := n.(*hclsyntax.FunctionCallExpr); is && slices.Contains(words, call.Name) {
			calls = append(calls, call)
		}
		return nil
	})
	return calls
}

// words turns the fields that words name into what they were and what they are, in pairs, so that all that looks at
// before and after sees them. It says false when one doesn't fit.
func (d *decoder) words(s *scoped, expr hclsyntax.Expression, o *object) bool {
	ok := true
	s.words = true
	for _, call := range wordCalls(expr) {
		ok = d.wordCall(call, o) && ok
	}
	return ok
}

func (d *decoder) wordCall(call *hclsyntax.FunctionCallExpr, o *object) bool {
	usage := map[string]string{
		wordCreated: "created()", wordUpdated: "updated()", wordChanged: say("changed(%s)", example(o)), wordBecame: say("became(%s, VALUE)", example(o)),
	}[call.Name]
	fields, rest := call.Args, []hclsyntax.Expression{}
	fits := false
	switch call.Name {
	case wordCreated, wordUpdated:
		fits = len(call.Args) == 0
	case wordChanged:
		fits = len(call.Args) > 0
	case wordBecame:
		if fits = len(call.Args) == 2; fits {
			fields, rest = call.Args[:1], call.Args[1:]
		}
	}
	if !fits || call.ExpandFinal {
		d.fail(codeWord, call.Range(), say("%s is not used like that", call.Name), say("Write %s.", usage))
		return false
	}
	var pairs []hclsyntax.Expression
	for _, x := range fields {
		name, ok := d.wordField(x, usage)
		if !ok {
			return false
		}
		pairs = append(pairs, fieldAt("before", name, x.Range()), fieldAt("after", name, x.Range()))
	}
	if call.Name == wordUpdated {
		for _, name := range o.fieldNames() {
			pairs = append(pairs, fieldAt("before", name, call.Range()), fieldAt("after", name, call.Range()))
		}
	}
	if call.Name == wordBecame && !d.wordValue(pairs[1], rest[0], o) {
		return false
	}
	call.Args = append(pairs, rest...)
	return true
}

// wordField is the field that an argument names: bare, or by mistake with what comes before it.
func (d *decoder) wordField(x hclsyntax.Expression, usage string) (string, bool) {
	t, diags := hcl.AbsTraversalForExpr(x)
	if !diags.HasErrors() && len(t) == 1 {
		return t.RootName(), true
	}
	name := "FIELD"
	if s, is := literal(x); is {
		name = s
	} else if !diags.HasErrors() && len(t) == 2 && (t.RootName() == "before" || t.RootName() == "after") {
		name = attrOf(t, 1)
	}
	d.fail(codeWord, x.Range(), "this is no field by its name", say("Write the name alone, without quotes: %s, as in %s.", cmpOr(clip(name), "FIELD"), usage))
	return "", false
}

// wordValue holds a fixed value that a field may become against the type that the contract gives the field.
func (d *decoder) wordValue(field, value hclsyntax.Expression, o *object) bool {
	t, _ := hcl.AbsTraversalForExpr(field)
	f := o.Field(attrOf(t, 1))
	if f == nil {
		return true // reported elsewhere
	}
	if f.IsInterval() {
		d.fail(codeWord, field.Range(), say("field %q is a stretch of days, and becomes no single value", f.Name), say("Compare before.%s.from with after.%s.from, or .to.", f.Name, f.Name))
		return false
	}
	if len(value.Variables()) > 0 {
		return true // known later
	}
	if _, is := value.(*hclsyntax.FunctionCallExpr); is {
		return true
	}
	v, diags := safely(value, d.ctx)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() {
		return true
	}
	problem := ""
	switch kind := f.kindByType(); kind {
	case record.Decimal:
		if _, err := convert.Convert(v, cty.Number); err != nil {
			problem = "holds numbers"
		}
	case record.Bool:
		if _, err := convert.Convert(v, cty.Bool); err != nil {
			problem = "holds true or false"
		}
	case record.Date, record.DateTime:
		s, err := convert.Convert(v, cty.String)
		if err == nil {
			if _, err = time.Parse(time.DateOnly, s.AsString()); err != nil && kind == record.DateTime {
				_, err = time.Parse(time.RFC3339Nano, s.AsString())
			}
		}
		if err != nil {
			problem = "holds dates"
		}
	}
	if problem == "" {
		return true
	}
	d.fail(codeConditionValue, value.Range(), say("field %q %s, and never is this", f.Name, problem), "Write a value of that kind.")
	return false
}

// kindByType is what a field holds as far as the types that the contract gives its ends tell; Empty where they don't.
func (f *Field) kindByType() record.Kind {
	for _, ends := range f.Ends {
		for _, n := range ends {
			switch n.Type {
			case "numbers", "number", "currency", "percent", "double", "decimal", "int", "integer", "rating":
				return record.Decimal
			case "checkbox", "boolean":
				return record.Bool
			case "datetime":
				return record.DateTime
			case "date":
				if f.Timezone != nil {
					return record.DateTime
				}
				return record.Date
			}
		}
	}
	return record.Empty
}

// fieldAt is before.NAME or after.NAME, as if it stood at a place.
func fieldAt(root, name string, at hcl.Range) hclsyntax.Expression {
	return &hclsyntax.ScopeTraversalExpr{
		Traversal: hcl.Traversal{hcl.TraverseRoot{Name: root, SrcRange: at}, hcl.TraverseAttr{Name: name, SrcRange: at}},
		SrcRange:  at,
	}
}

// wordFunctions are the words with their arguments in pairs. Created says whether there was nothing before.
func wordFunctions(created cty.Value) map[string]function.Function {
	made := func([]cty.Value, cty.Type) (cty.Value, error) { return created, nil }
	values := &function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
	parts := &function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true, AllowUnknown: true}
	differ := function.New(&function.Spec{VarParam: parts, Type: function.StaticReturnType(cty.Bool), Impl: anyDiffers})
	return map[string]function.Function{
		wordCreated: function.New(&function.Spec{Type: function.StaticReturnType(cty.Bool), Impl: made}),
		wordChanged: differ,
		wordUpdated: function.New(&function.Spec{VarParam: parts, Type: function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
				if created.IsKnown() && created.True() {
					return cty.False, nil
				}
				some, err := anyDiffers(args, t)
				return created.Not().And(some), err
			}}),
		wordBecame: function.New(&function.Spec{VarParam: values, Type: function.StaticReturnType(cty.Bool), Impl: becomes}),
	}
}

// anyDiffers says whether one of several pairs is of two different values.
func anyDiffers(args []cty.Value, _ cty.Type) (cty.Value, error) {
	result := cty.False
	for i := 0; i+1 < len(args); i += 2 {
		if !args[i].IsWhollyKnown() || !args[i+1].IsWhollyKnown() {
			result = cty.UnknownVal(cty.Bool)
			continue
		}
		if same, err := equal(args[i], args[i+1]); err != nil || same.False() {
			return cty.True, nil // of values of different kinds one can't be the other
		}
	}
	return result, nil
}

func becomes(args []cty.Value, _ cty.Type) (cty.Value, error) {
	if len(args) != 3 {
		return cty.NilVal, fmt.Errorf("it takes a field and a value")
	}
	before, err := holdsValue(args[0], args[2])
	if err != nil {
		return cty.NilVal, err
	}
	after, err := holdsValue(args[1], args[2])
	if err != nil {
		return cty.NilVal, err
	}
	return after.And(before.Not()), nil
}

// holdsValue says whether a field is a value, or has it among several. Nothing is a value too: became(stage, null).
func holdsValue(field, v cty.Value) (cty.Value, error) {
	if field.IsNull() {
		return equal(field, v)
	}
	return holds(field, v)
}
