package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those of HCL's standard set that are pure and can't produce more than they are given by orders of
// magnitude. They are the same in every expression; now() is added where it is allowed.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc, "chunklist": stdlib.ChunklistFunc,
		"coalesce": stdlib.CoalesceFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": containsFunc(),
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "floor": stdlib.FloorFunc,
		"format": limited(stdlib.FormatFunc, formatted), "formatdate": dated(stdlib.FormatDateFunc, 1), "formatlist": limited(stdlib.FormatListFunc, formatted),
		"join": limited(stdlib.JoinFunc, joined), "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": limited(stdlib.JSONEncodeFunc, encoded), "keys": stdlib.KeysFunc,
		"length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc,
		"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": limited(stdlib.ReplaceFunc, replaced), "regexreplace": limited(stdlib.RegexReplaceFunc, replaced), "reverse": stdlib.ReverseListFunc, "signum": stdlib.SignumFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "timeadd": dated(stdlib.TimeAddFunc, 0), "title": stdlib.TitleFunc, "tobool": converter(cty.Bool),
		"tonumber": converter(cty.Number), "tostring": converter(cty.String), "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc,
		"zipmap": stdlib.ZipmapFunc,
	}
}

func converter(to cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{nullable("v", cty.DynamicPseudoType)},
		Type:   function.StaticReturnType(to),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].IsNull() {
				return cty.NullVal(to), nil
			}
			return convert.Convert(args[0], to)
		},
	})
}

// containsFunc says whether a list holds a value. A single value counts as a list of one, and nothing as an empty one:
// a field with several choices shows one choice as text.
func containsFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{nullable("list", cty.DynamicPseudoType), nullable("value", cty.DynamicPseudoType)},
		Type:   function.StaticReturnType(cty.Bool),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return holds(args[0], args[1]) },
	})
}

func holds(in, v cty.Value) (cty.Value, error) {
	switch {
	case in.IsNull():
		return cty.False, nil
	case !in.CanIterateElements():
		return equal(in, v)
	}
	for _, e := range in.AsValueSlice() {
		same, err := equal(e, v)
		if err != nil || !same.IsKnown() || same.True() {
			return same, err
		}
	}
	return cty.False, nil
}

func equal(a, b cty.Value) (cty.Value, error) {
	if a.IsNull() || b.IsNull() {
		return cty.BoolVal(a.IsNull() && b.IsNull()), nil
	}
	if a.Type() == cty.Number && b.Type() == cty.Number && a.IsKnown() && b.IsKnown() {
		return cty.BoolVal(compareNumbers(a.AsBigFloat(), b.AsBigFloat()) == 0), nil
	}
	return stdlib.Equal(a, b)
}

// maxResult is the most bytes that a function may give: calls within calls could otherwise multiply without end.
const maxResult = 1 << 20

var wideVerb = regexp.MustCompile(`%[^a-zA-Z%]*(\d{4,}|\*)`)

// limited refuses a call whose result could be longer than maxResult, by an upper bound of its length.
func limited(f function.Function, bound func([]cty.Value) int) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type:     func(args []cty.Value) (cty.Type, error) { return returnType(f, args, bound) },
		Impl:     func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// returnType asks the bound first, where it can be known: some functions do their work to find their type.
func returnType(f function.Function, args []cty.Value, bound func([]cty.Value) int) (cty.Type, error) {
	for _, a := range args {
		if !a.IsWhollyKnown() {
			return f.ReturnTypeForValues(args)
		}
	}
	if bound(args) > maxResult {
		return cty.NilType, fmt.Errorf("the result could be longer than %d bytes", maxResult)
	}
	return f.ReturnTypeForValues(args)
}

func formatted(args []cty.Value) int {
	if len(args) == 0 || args[0].IsNull() || args[0].Type() != cty.String {
		return 0
	}
	pattern := args[0].AsString()
	if wideVerb.MatchString(pattern) {
		return maxResult + 1 // a width of its own
	}
	return len(pattern) + product(strings.Count(pattern, "%"), 999+sizes(args[1:]))
}

func joined(args []cty.Value) int {
	if len(args) == 0 {
		return 0
	}
	count := 0
	for _, a := range args[1:] {
		if !a.IsNull() && a.CanIterateElements() {
			count += a.LengthInt()
		}
	}
	return product(size(args[0]), count) + sizes(args[1:])
}

func encoded(args []cty.Value) int { return product(6, sizes(args)) } // "\u003c" for one character

func replaced(args []cty.Value) int {
	return product(size(args[0])+1, size(args[len(args)-1])+1)
}

// product is a times b, or more than maxResult where either is.
func product(a, b int) int {
	switch {
	case a == 0 || b == 0:
		return 0
	case a > maxResult || b > maxResult:
		return maxResult + 1
	default:
		return a * b
	}
}

func sizes(values []cty.Value) int {
	n := 0
	for _, v := range values {
		n += size(v)
	}
	return n
}

// size is the length of all texts in a value, and a little for everything else.
func size(v cty.Value) int {
	switch {
	case v.IsNull() || !v.IsKnown():
		return 4
	case v.Type() == cty.String:
		return len(v.AsString())
	case v.Type() == cty.Number:
		exponent := v.AsBigFloat().MantExp(nil)
		return max(exponent, -exponent)/3 + 160 // 512 bits have some 155 digits
	case v.CanIterateElements():
		n := 2
		for i := v.ElementIterator(); i.Next(); {
			k, e := i.Element()
			n += size(k) + size(e) + 4
		}
		return n
	default:
		return 8
	}
}

// dated lets a date function take a bare date, which is midnight UTC, and answer nothing with nothing.
func dated(f function.Function, at int) function.Function {
	params := slices.Clone(f.Params())
	params[at].AllowNull, params[at].AllowDynamicType = true, true
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[at].IsNull() {
				return cty.NullVal(cty.String), nil
			}
			s := args[at].AsString()
			if _, err := time.Parse(time.DateOnly, s); err == nil {
				s += "T00:00:00Z"
			}
			if t, err := time.Parse(time.RFC3339Nano, s); err != nil {
				return cty.NilVal, function.NewArgErrorf(at, "%q is neither a date nor an RFC 3339 time", clip(s))
			} else if strings.Contains(s, ".") {
				s = t.Format(time.RFC3339) // the library takes whole seconds
			}
			call := slices.Clone(args)
			call[at] = cty.StringVal(s)
			v, err := f.Call(call)
			if err != nil {
				return cty.NilVal, fmt.Errorf("with %q: %w", clip(s), err)
			}
			return v, nil
		},
	})
}
