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
		"format": boundedFormat(stdlib.FormatFunc), "formatdate": dated(stdlib.FormatDateFunc, 1), "formatlist": boundedFormat(stdlib.FormatListFunc),
		"join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc,
		"length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc,
		"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": stdlib.ReplaceFunc, "regexreplace": stdlib.RegexReplaceFunc, "reverse": stdlib.ReverseListFunc, "signum": stdlib.SignumFunc,
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
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			in, v := args[0], args[1]
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
		},
	})
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

var wideVerb = regexp.MustCompile(`%[^a-zA-Z%]*(\d{4,}|\*)`)

// boundedFormat refuses widths that would fill the memory with spaces.
func boundedFormat(f function.Function) function.Function {
	params := f.Params()
	return function.New(&function.Spec{
		Params:   params,
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if v := args[0]; v.IsKnown() && !v.IsNull() && v.Type() == cty.String && wideVerb.MatchString(v.AsString()) {
				return cty.NilType, function.NewArgErrorf(0, "widths above 999 are not allowed")
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
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
