package contract

import (
	"fmt"
	"math/big"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// tolerate rewrites an expression so that nulls, which HCL's operators refuse, are ordinary: records have empty fields
// all the time. See Condition and Template for what they then mean.
func tolerate(expr hclsyntax.Expression) hclsyntax.Expression {
	var nodes []hclsyntax.Node // collected first: the walk must not meet what it has put in
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		nodes = append(nodes, n)
		return nil
	})
	for _, n := range nodes {
		switch e := n.(type) {
		case *hclsyntax.BinaryOpExpr:
			if op := tolerantOperation(e.Op); op != nil {
				e.Op = op
			}
		case *hclsyntax.UnaryOpExpr:
			if e.Op == hclsyntax.OpLogicalNot {
				e.Op = not()
			}
		case *hclsyntax.ConditionalExpr:
			e.Condition = decided{e.Condition}
		case *hclsyntax.TemplateExpr:
			for i, p := range e.Parts {
				if _, fixed := p.(*hclsyntax.LiteralValueExpr); !fixed {
					e.Parts[i] = shown{p}
				}
			}
		}
	}
	return expr
}

// shown is a part of a template: null is nothing, a list its members.
type shown struct{ hclsyntax.Expression }

// Value is the part as text.
func (s shown) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := s.Expression.Value(ctx)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return v, diags
	}
	text, err := asText(v)
	if err != nil {
		return cty.StringVal(""), append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid template value",
			Detail: say("A text can't hold this: %v.", err), Subject: s.Range().Ptr()})
	}
	return cty.StringVal(text), diags
}

// decided is a condition within an expression: null is false.
type decided struct{ hclsyntax.Expression }

// Value is the condition, never null.
func (c decided) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := c.Expression.Value(ctx)
	if v != cty.NilVal && v.IsNull() {
		return cty.False, diags
	}
	return v, diags
}

func tolerantOperation(op *hclsyntax.Operation) *hclsyntax.Operation {
	switch op {
	case hclsyntax.OpGreaterThan:
		return ordering(func(c int) bool { return c > 0 })
	case hclsyntax.OpGreaterThanOrEqual:
		return ordering(func(c int) bool { return c >= 0 })
	case hclsyntax.OpLessThan:
		return ordering(func(c int) bool { return c < 0 })
	case hclsyntax.OpLessThanOrEqual:
		return ordering(func(c int) bool { return c <= 0 })
	case hclsyntax.OpEqual:
		return &hclsyntax.Operation{Type: cty.Bool, Impl: binary(cty.DynamicPseudoType, equal)}
	case hclsyntax.OpNotEqual:
		return &hclsyntax.Operation{Type: cty.Bool, Impl: binary(cty.DynamicPseudoType, func(a, b cty.Value) (cty.Value, error) {
			same, err := equal(a, b)
			if err != nil || !same.IsKnown() {
				return same, err
			}
			return same.Not(), nil
		})}
	case hclsyntax.OpLogicalAnd:
		return logical(stdlib.AndFunc, cty.False)
	case hclsyntax.OpLogicalOr:
		return logical(stdlib.OrFunc, cty.True)
	case hclsyntax.OpAdd, hclsyntax.OpSubtract, hclsyntax.OpMultiply, hclsyntax.OpDivide, hclsyntax.OpModulo:
		impl := op.Impl
		return &hclsyntax.Operation{Type: cty.Number, Impl: function.New(&function.Spec{
			Params: []function.Parameter{nullable("a", cty.Number), nullable("b", cty.Number)},
			Type:   function.StaticReturnType(cty.Number),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if args[0].IsNull() || args[1].IsNull() {
					return cty.NullVal(cty.Number), nil
				}
				return impl.Call(args)
			},
		})}
	default:
		return nil
	}
}

// nullable is a parameter that takes null, also one of no type.
func nullable(name string, t cty.Type) function.Parameter {
	return function.Parameter{Name: name, Type: t, AllowNull: true, AllowDynamicType: true}
}

func binary(t cty.Type, impl func(a, b cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{nullable("a", t), nullable("b", t)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return impl(args[0], args[1]) },
	})
}

// logical is && or || with null as false, and with HCL's way of deciding by one side what the other can't change:
// `before.x != null && length(before.x) > 1` must not fail on its right.
func logical(impl function.Function, decides cty.Value) *hclsyntax.Operation {
	definite := func(v cty.Value) cty.Value {
		if v.IsNull() {
			return cty.False
		}
		return v
	}
	return &hclsyntax.Operation{
		Type: cty.Bool,
		Impl: binary(cty.Bool, func(a, b cty.Value) (cty.Value, error) { return impl.Call([]cty.Value{definite(a), definite(b)}) }),
		ShortCircuit: func(a, b cty.Value, aDiags, bDiags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
			a, b = definite(a), definite(b)
			switch {
			case a.IsKnown() && a.RawEquals(decides):
				return decides, aDiags
			case b.IsKnown() && b.RawEquals(decides) && !aDiags.HasErrors():
				return decides, bDiags
			default:
				return cty.NilVal, nil
			}
		},
	}
}

func not() *hclsyntax.Operation {
	return &hclsyntax.Operation{Type: cty.Bool, Impl: function.New(&function.Spec{
		Params: []function.Parameter{nullable("v", cty.Bool)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(args[0].IsNull() || args[0].False()), nil
		},
	})}
}

func ordering(holds func(int) bool) *hclsyntax.Operation {
	return &hclsyntax.Operation{Type: cty.Bool, Impl: binary(cty.DynamicPseudoType, func(a, b cty.Value) (cty.Value, error) {
		if a.IsNull() || b.IsNull() {
			return cty.False, nil
		}
		c, err := compare(a, b)
		return cty.BoolVal(err == nil && holds(c)), err
	})}
}

// compare orders two numbers, two moments or two texts.
func compare(a, b cty.Value) (int, error) {
	x, errX := convert.Convert(a, cty.Number)
	y, errY := convert.Convert(b, cty.Number)
	if errX == nil && errY == nil && !x.IsNull() && !y.IsNull() {
		return compareNumbers(x.AsBigFloat(), y.AsBigFloat()), nil
	}
	if a.Type() != cty.String || b.Type() != cty.String {
		return 0, fmt.Errorf("%s and %s have no order", a.Type().FriendlyName(), b.Type().FriendlyName())
	}
	s, t := a.AsString(), b.AsString()
	if p, err := time.Parse(time.RFC3339Nano, s); err == nil {
		if q, err := time.Parse(time.RFC3339Nano, t); err == nil {
			return p.Compare(q), nil
		}
	}
	switch {
	case s < t:
		return -1, nil
	case s > t:
		return 1, nil
	default:
		return 0, nil
	}
}

// compareNumbers orders numbers. Both are binary fractions of 512 bits that stand for decimal ones: what differs by the
// last bits only is what calculation left over, 12.50 - 9.99 against 2.51.
func compareNumbers(x, y *big.Float) int {
	if x.IsInf() || y.IsInf() {
		return x.Cmp(y)
	}
	difference := new(big.Float).Sub(x, y)
	size := new(big.Float).Abs(x)
	if other := new(big.Float).Abs(y); other.Cmp(size) > 0 {
		size = other
	}
	if difference.Sign() == 0 || size.MantExp(nil)-difference.MantExp(nil) > 400 {
		return 0
	}
	return difference.Sign()
}

// clockFunctions is now(), with the time of the evaluation; none without one.
func clockFunctions(now string) map[string]function.Function {
	return map[string]function.Function{"now": function.New(&function.Spec{
		Type: func([]cty.Value) (cty.Type, error) { return cty.String, nil },
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			if now == "" {
				return cty.NilVal, fmt.Errorf("there is no clock")
			}
			return cty.StringVal(now), nil
		},
	})}
}
