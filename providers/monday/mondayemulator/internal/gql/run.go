package gql

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// node is one field to answer: selections that share a response key are merged into it.
type node struct {
	key      string
	field    *ast.Field
	args     Args
	sets     []ast.SelectionSet
	children map[string][]*node // by object type, filled as types turn up
}

// plan merges what the selection sets ask of an object of type def, in document order.
func plan(schema *ast.Schema, def *ast.Definition, sets []ast.SelectionSet, vars map[string]any) ([]*node, error) {
	var out []*node
	byKey := map[string]*node{}
	var collect func(set ast.SelectionSet) error
	collect = func(set ast.SelectionSet) error {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				if skipped(sel.Directives, vars) {
					continue
				}
				if n := byKey[sel.Alias]; n != nil {
					n.sets = append(n.sets, sel.SelectionSet)
					continue
				}
				args, err := arguments(sel.Definition, sel.Arguments, vars)
				if err != nil {
					return err
				}
				n := &node{key: sel.Alias, field: sel, args: args, sets: []ast.SelectionSet{sel.SelectionSet}, children: map[string][]*node{}}
				byKey[sel.Alias] = n
				out = append(out, n)
			case *ast.InlineFragment:
				if skipped(sel.Directives, vars) || !applies(schema, sel.TypeCondition, def) {
					continue
				}
				if err := collect(sel.SelectionSet); err != nil {
					return err
				}
			case *ast.FragmentSpread:
				if skipped(sel.Directives, vars) || sel.Definition == nil || !applies(schema, sel.Definition.TypeCondition, def) {
					continue
				}
				if err := collect(sel.Definition.SelectionSet); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, set := range sets {
		if err := collect(set); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func applies(schema *ast.Schema, condition string, def *ast.Definition) bool {
	if condition == "" || condition == def.Name {
		return true
	}
	for _, t := range schema.PossibleTypes[condition] {
		if t.Name == def.Name {
			return true
		}
	}
	return false
}

func skipped(ds ast.DirectiveList, vars map[string]any) bool {
	for _, d := range ds {
		arg := d.Arguments.ForName("if")
		if arg == nil {
			continue
		}
		v, err := arg.Value.Value(vars)
		on, _ := v.(bool)
		if err == nil && (d.Name == "skip" && on || d.Name == "include" && !on) {
			return true
		}
	}
	return false
}

// Result is what a run answers.
type Result struct {
	Data   []byte // the JSON of data: an object, or null when a non-null root failed
	Errors []ResponseError
	Fatal  *Error // the request as a whole is refused: Data is not to be sent
}

// Run answers a prepared document. around wraps each root field in turn (locks, counters): it must
// call run once, and may give an error instead, which then stands at that field. Roots run one
// after the other, in document order.
func (s *Schema[H]) Run(h H, p *Prepared, around func(root Root, run func() error) error) Result {
	x := &exec[H]{schema: s, host: h, vars: p.vars}
	def := s.ast.Query
	if p.Mutation {
		def = s.ast.Mutation
	}
	x.buf = append(x.buf, '{')
	null := false
	for i, n := range p.nodes {
		if i > 0 {
			x.buf = append(x.buf, ',')
		}
		ok := true
		called := false
		err := around(p.Roots[i], func() error {
			called = true
			ok = x.field(def, nil, n)
			return nil
		})
		if err != nil && !called {
			x.buf = appendString(x.buf, n.key)
			x.buf = append(x.buf, ':')
			x.path = append(x.path, n.key)
			ok = x.failed(n, len(x.buf), err)
			x.path = x.path[:len(x.path)-1]
		}
		if x.fatal != nil {
			return Result{Errors: x.errs, Fatal: x.fatal}
		}
		if !ok {
			null = true
			break
		}
	}
	if null {
		return Result{Data: []byte("null"), Errors: x.errs}
	}
	return Result{Data: append(x.buf, '}'), Errors: x.errs}
}

type exec[H any] struct {
	schema *Schema[H]
	host   H
	vars   map[string]any
	buf    []byte
	path   []any
	errs   []ResponseError
	fatal  *Error
}

// field writes `"key":value`; false when a null may not stand there and the parent must be null.
func (x *exec[H]) field(def *ast.Definition, obj any, n *node) bool {
	x.buf = appendString(x.buf, n.key)
	x.buf = append(x.buf, ':')
	if n.field.Name == "__typename" {
		x.buf = appendString(x.buf, def.Name)
		return true
	}
	x.path = append(x.path, n.key)
	defer func() { x.path = x.path[:len(x.path)-1] }()
	start := len(x.buf)
	v, err := x.resolve(def, obj, n)
	if err != nil {
		return x.failed(n, start, err)
	}
	return x.value(n.field.Definition.Type, n, v)
}

func (x *exec[H]) resolve(def *ast.Definition, obj any, n *node) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("resolve %s.%s: %v", def.Name, n.field.Name, r)
		}
	}()
	f := x.schema.fields[def.Name][n.field.Name]
	if f == nil {
		return nil, fmt.Errorf("resolve %s.%s: no resolver", def.Name, n.field.Name)
	}
	return f(x.host, obj, n.args)
}

// failed records err at the current path and puts null where the type allows it.
func (x *exec[H]) failed(n *node, start int, err error) bool {
	var e *Error
	if errors.As(err, &e) && e.HTTP != 0 {
		x.fatal = e
	}
	var loc *Location
	if n.field.Position != nil {
		loc = &Location{Line: n.field.Position.Line, Column: n.field.Position.Column}
	}
	x.errs = append(x.errs, Response(err, append([]any{}, x.path...), loc))
	x.buf = x.buf[:start]
	if n.field.Definition.Type.NonNull {
		return false
	}
	x.buf = append(x.buf, "null"...)
	return true
}

func (x *exec[H]) value(t *ast.Type, n *node, v any) bool {
	start := len(x.buf)
	if isNil(v) {
		if t.NonNull {
			if t.Elem != nil { // an empty list is what a nil slice of a non-null list means
				x.buf = append(x.buf, "[]"...)
				return true
			}
			return x.failed(n, start, fmt.Errorf("null for %s", t.String()))
		}
		x.buf = append(x.buf, "null"...)
		return true
	}
	ok := x.present(t, n, v)
	if !ok && !t.NonNull && x.fatal == nil {
		x.buf = append(x.buf[:start], "null"...)
		return true
	}
	return ok
}

func (x *exec[H]) present(t *ast.Type, n *node, v any) bool {
	if t.Elem != nil {
		return x.list(t, n, v)
	}
	def := x.schema.ast.Types[t.NamedType]
	switch def.Kind {
	case ast.Scalar, ast.Enum:
		start := len(x.buf)
		out, err := appendLeaf(x.buf, t.NamedType, v)
		if err != nil {
			x.buf = x.buf[:start]
			return x.failed(n, start, err) && !t.NonNull
		}
		x.buf = out
		return true
	case ast.Interface, ast.Union:
		def = x.schema.ast.Types[x.schema.typeOf(v)]
		if def == nil {
			return x.failed(n, len(x.buf), fmt.Errorf("no type for a value of %s", t.NamedType))
		}
	}
	return x.object(def, n, v)
}

func (x *exec[H]) list(t *ast.Type, n *node, v any) bool {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Slice {
		return x.failed(n, len(x.buf), fmt.Errorf("%T is not a list", v))
	}
	x.buf = append(x.buf, '[')
	for i := range rv.Len() {
		if i > 0 {
			x.buf = append(x.buf, ',')
		}
		x.path = append(x.path, i)
		ok := x.value(t.Elem, n, rv.Index(i).Interface())
		x.path = x.path[:len(x.path)-1]
		if !ok {
			return false
		}
	}
	x.buf = append(x.buf, ']')
	return true
}

func (x *exec[H]) object(def *ast.Definition, n *node, obj any) bool {
	nodes, ok := n.children[def.Name]
	if !ok {
		var err error
		nodes, err = plan(x.schema.ast, def, n.sets, x.vars)
		if err != nil {
			return x.failed(n, len(x.buf), &Error{Message: err.Error(), Code: "BAD_USER_INPUT"})
		}
		n.children[def.Name] = nodes
	}
	x.buf = append(x.buf, '{')
	for i, c := range nodes {
		if i > 0 {
			x.buf = append(x.buf, ',')
		}
		if !x.field(def, obj, c) || x.fatal != nil {
			return false
		}
	}
	x.buf = append(x.buf, '}')
	return true
}

func isNil(v any) bool {
	switch v.(type) {
	case nil:
		return true
	case string, int, int64, bool, float64:
		return false
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func:
		return rv.IsNil()
	}
	return false
}

func appendLeaf(buf []byte, typ string, v any) ([]byte, error) {
	switch typ {
	case "String", "ID", "Date", "ISO8601DateTime":
		return appendString(buf, Text(v)), nil
	case "Int":
		switch n := v.(type) {
		case int:
			return strconv.AppendInt(buf, int64(n), 10), nil
		case int64:
			return strconv.AppendInt(buf, n, 10), nil
		}
		return nil, fmt.Errorf("%T is not an Int", v)
	case "Float":
		f, err := strconv.ParseFloat(Text(v), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, fmt.Errorf("%v is not a Float", v)
		}
		b, err := json.Marshal(f)
		return append(buf, b...), err
	case "Boolean":
		b, ok := v.(bool)
		if !ok {
			return nil, fmt.Errorf("%T is not a Boolean", v)
		}
		return strconv.AppendBool(buf, b), nil
	}
	switch v := v.(type) {
	case string:
		return appendString(buf, v), nil
	case json.RawMessage:
		return append(buf, v...), nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.String { // named string types of enums
		return appendString(buf, rv.String()), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", typ, err)
	}
	return append(buf, b...), nil
}

const hexDigits = "0123456789abcdef"

func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				buf = append(buf, "\ufffd"...)
			} else {
				buf = append(buf, s[i:i+n]...)
			}
			i += n
			continue
		case c == '"' || c == '\\':
			buf = append(buf, '\\', c)
		case c == '\n':
			buf = append(buf, '\\', 'n')
		case c == '\r':
			buf = append(buf, '\\', 'r')
		case c == '\t':
			buf = append(buf, '\\', 't')
		case c < 0x20:
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			buf = append(buf, c)
		}
		i++
	}
	return append(buf, '"')
}
