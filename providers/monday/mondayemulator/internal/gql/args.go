package gql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// Args are a field's arguments by name: absent and null differ (see Has).
type Args map[string]any

// Has reports whether the argument was given, be it null.
func (a Args) Has(name string) bool { _, ok := a[name]; return ok }

// Given reports whether the argument was given and is not null.
func (a Args) Given(name string) bool { return a[name] != nil }

// String is the argument as text; numbers (an ID may be one) are spelled out. Absent is "".
func (a Args) String(name string) string { return Text(a[name]) }

// Int is the argument as a whole number; absent or unreadable is 0.
func (a Args) Int(name string) int {
	n, err := strconv.ParseFloat(Text(a[name]), 64)
	if err != nil || math.Abs(n) > 1<<53 {
		return 0
	}
	return int(n)
}

// Bool is the argument as a truth value; absent is false.
func (a Args) Bool(name string) bool { b, _ := a[name].(bool); return b }

// Map is the argument as an input object; absent is nil.
func (a Args) Map(name string) Args { m, _ := a[name].(map[string]any); return m }

// List is the argument as a list; a single value is a list of one, absent is nil.
func (a Args) List(name string) []any { return list(a[name]) }

// Strings is List with every entry as text; null entries are "".
func (a Args) Strings(name string) []string {
	var out []string
	for _, v := range list(a[name]) {
		out = append(out, Text(v))
	}
	return out
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Slice {
		return []any{v}
	}
	out := make([]any, rv.Len())
	for i := range out {
		out[i] = rv.Index(i).Interface()
	}
	return out
}

// Text spells a scalar; nil is "".
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}

func arguments(def *ast.FieldDefinition, given ast.ArgumentList, vars map[string]any) (Args, error) {
	out := Args{}
	for _, d := range def.Arguments {
		arg := given.ForName(d.Name)
		if arg != nil && arg.Value.Kind == ast.Variable {
			if v, ok := vars[arg.Value.Raw]; ok {
				out[d.Name] = v
				continue
			}
			arg = nil
		}
		value := d.DefaultValue
		if arg != nil {
			value = arg.Value
		}
		if value == nil {
			continue
		}
		v, err := value.Value(vars)
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", d.Name, err)
		}
		out[d.Name] = v
	}
	return out, nil
}

// decodeObject reads a JSON object and keeps its numbers exact.
func decodeObject(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out map[string]any
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	return plain(out).(map[string]any), nil
}

// plain turns json.Number into int64 or float64, which is what the validator understands.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}
