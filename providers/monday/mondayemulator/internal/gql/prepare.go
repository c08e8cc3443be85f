package gql

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// Prepared is a document that passed validation, with its variables in place.
type Prepared struct {
	Mutation bool
	Roots    []Root
	op       *ast.OperationDefinition
	vars     map[string]any
	nodes    []*node
}

// Root is one top-level field: an alias counts as one.
type Root struct {
	Key   string // the alias, or the field's name
	Name  string
	Args  Args
	Field *ast.Field
}

// Vars are the coerced variables of the document.
func (p *Prepared) Vars() map[string]any { return p.vars }

// Kinds of refusal before anything ran.
var (
	ErrParse    = errors.New("document does not parse")
	ErrValidate = errors.New("document does not fit the schema")
)

// Prepare parses and validates a request. On refusal the entries say why and err is ErrParse or
// ErrValidate.
func (s *Schema[H]) Prepare(req Request) (p *Prepared, out []ResponseError, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, ErrValidate
			out = []ResponseError{Response(&Error{Message: "Document cannot be validated", Code: "GRAPHQL_VALIDATION_FAILED"}, nil, nil)}
		}
	}()
	doc, perr := parser.ParseQueryWithTokenLimit(&ast.Source{Input: req.Query}, 200_000)
	if perr != nil {
		return nil, entries(nil, perr, "GRAPHQL_PARSE_FAILED"), ErrParse
	}
	if len(doc.Operations) == 0 {
		return nil, []ResponseError{Response(&Error{Message: "Document contains no operations", Code: "GRAPHQL_PARSE_FAILED"}, nil, nil)}, ErrParse
	}
	if list := validator.ValidateWithRules(s.ast, doc, nil); len(list) > 0 {
		var all []ResponseError
		for _, e := range list {
			all = append(all, entries(doc, e, "GRAPHQL_VALIDATION_FAILED")...)
		}
		return nil, all, ErrValidate
	}
	op := doc.Operations.ForName(req.OperationName)
	if op == nil || op.Operation == ast.Subscription {
		msg := "Must provide operation name if query contains multiple operations"
		if req.OperationName != "" {
			msg = fmt.Sprintf("Unknown operation named %q", req.OperationName)
		}
		return nil, []ResponseError{Response(&Error{Message: msg, Code: "GRAPHQL_VALIDATION_FAILED"}, nil, nil)}, ErrValidate
	}
	vars, verr := validator.VariableValues(s.ast, op, req.Variables)
	if verr != nil {
		return nil, entries(nil, verr, "BAD_USER_INPUT"), ErrValidate
	}
	p = &Prepared{Mutation: op.Operation == ast.Mutation, op: op, vars: vars}
	root := s.ast.Query
	if p.Mutation {
		root = s.ast.Mutation
	}
	nodes, aerr := plan(s.ast, root, []ast.SelectionSet{op.SelectionSet}, vars)
	if aerr != nil {
		return nil, []ResponseError{Response(&Error{Message: aerr.Error(), Code: "BAD_USER_INPUT"}, nil, nil)}, ErrValidate
	}
	p.nodes = nodes
	for _, n := range nodes {
		p.Roots = append(p.Roots, Root{Key: n.key, Name: n.field.Name, Args: n.args, Field: n.field})
	}
	return p, nil, nil
}

var unknownField = regexp.MustCompile(`^Cannot query field "([^"]*)" on type "([^"]*)"`)

// entries spells a parser's or validator's error. An unknown field has a form of its own
// (developer.monday.com, "Error handling": undefinedField).
func entries(doc *ast.QueryDocument, err error, code string) []ResponseError {
	var list gqlerror.List
	var one *gqlerror.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = gqlerror.List{one}
	default:
		return []ResponseError{Response(&Error{Message: err.Error(), Code: code}, nil, nil)}
	}
	var out []ResponseError
	for _, e := range list {
		r := ResponseError{Message: e.Message, Extensions: map[string]any{"code": code}}
		for _, l := range e.Locations {
			r.Locations = append(r.Locations, Location{Line: l.Line, Column: l.Column})
		}
		if m := unknownField.FindStringSubmatch(e.Message); m != nil {
			r.Message = fmt.Sprintf("Field '%s' doesn't exist on type '%s'", m[1], m[2])
			r.Extensions = map[string]any{"code": "undefinedField", "typeName": m[2], "fieldName": m[1]}
			if doc != nil && len(r.Locations) > 0 {
				r.Path = pathTo(doc, r.Locations[0])
			}
		}
		out = append(out, r)
	}
	return out
}

// pathTo finds the field at a location and names the way to it, the operation's kind first.
func pathTo(doc *ast.QueryDocument, at Location) []any {
	var found []any
	var walk func(set ast.SelectionSet, path []any)
	walk = func(set ast.SelectionSet, path []any) {
		for _, sel := range set {
			if found != nil {
				return
			}
			switch sel := sel.(type) {
			case *ast.Field:
				next := append(append([]any{}, path...), sel.Alias)
				if sel.Position != nil && sel.Position.Line == at.Line && sel.Position.Column == at.Column {
					found = next
					return
				}
				walk(sel.SelectionSet, next)
			case *ast.InlineFragment:
				walk(sel.SelectionSet, path)
			}
		}
	}
	for _, op := range doc.Operations {
		walk(op.SelectionSet, []any{string(op.Operation)})
	}
	for _, f := range doc.Fragments {
		walk(f.SelectionSet, []any{"fragment " + f.Name})
	}
	return found
}
