package gql

import (
	"encoding/json"
	"fmt"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// Field resolves one field: h is the request's host, obj the parent object (nil at the root).
// Objects, lists (any slice) and leaves are returned as Go values; nil is null.
type Field[H any] func(h H, obj any, args Args) (any, error)

// Schema is a parsed schema with its resolvers. It is immutable and safe for use by many requests.
type Schema[H any] struct {
	ast    *ast.Schema
	fields map[string]map[string]Field[H]
	typeOf func(obj any) string
}

// New parses sdl and binds the resolvers, keyed by type and field. typeOf names the object type of
// a value where the schema says interface or union. It is an error when a field of an object type
// has no resolver, or a resolver no field.
func New[H any](sdl string, fields map[string]map[string]Field[H], typeOf func(obj any) string) (*Schema[H], error) {
	doc, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: sdl})
	if err != nil {
		return nil, fmt.Errorf("load schema: %w", err)
	}
	s := &Schema[H]{ast: doc, typeOf: typeOf, fields: map[string]map[string]Field[H]{}}
	for name, fs := range fields {
		s.fields[name] = fs
	}
	for name, fs := range introspection[H](doc) {
		s.fields[name] = fs
	}
	query := map[string]Field[H]{
		"__schema": func(H, any, Args) (any, error) { return doc, nil },
		"__type": func(_ H, _ any, args Args) (any, error) {
			if d := doc.Types[args.String("name")]; d != nil {
				return d, nil
			}
			return nil, nil
		},
	}
	for name, f := range fields["Query"] {
		query[name] = f
	}
	s.fields["Query"] = query
	for name, def := range doc.Types {
		if def.Kind != ast.Object || def.BuiltIn {
			continue
		}
		for _, f := range def.Fields {
			if s.fields[name][f.Name] == nil && f.Name != "__schema" && f.Name != "__type" {
				return nil, fmt.Errorf("bind schema: %s.%s has no resolver", name, f.Name)
			}
		}
	}
	for name, fs := range fields {
		def := doc.Types[name]
		if def == nil {
			return nil, fmt.Errorf("bind schema: resolvers for %s, which the schema does not have", name)
		}
		for f := range fs {
			if def.Fields.ForName(f) == nil {
				return nil, fmt.Errorf("bind schema: resolver for %s.%s, which the schema does not have", name, f)
			}
		}
	}
	return s, nil
}

// AST is the parsed schema. It must not be changed.
func (s *Schema[H]) AST() *ast.Schema { return s.ast }

// Request is the body of a GraphQL request.
type Request struct {
	Query         string
	Variables     map[string]any
	OperationName string
}

// DecodeRequest reads the JSON body of a request. Variables may be an object or a string that
// holds one, as some clients send it.
func DecodeRequest(body []byte) (Request, error) {
	var in struct {
		Query         string          `json:"query"`
		Variables     json.RawMessage `json:"variables"`
		OperationName string          `json:"operationName"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Request{}, fmt.Errorf("read request body: %w", err)
	}
	req := Request{Query: in.Query, OperationName: in.OperationName}
	if len(in.Variables) == 0 || string(in.Variables) == "null" {
		return req, nil
	}
	raw := in.Variables
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return Request{}, fmt.Errorf("read variables: %w", err)
		}
		if text == "" {
			return req, nil
		}
		raw = json.RawMessage(text)
	}
	vars, err := decodeObject(raw)
	if err != nil {
		return Request{}, fmt.Errorf("read variables: %w", err)
	}
	req.Variables = vars
	return req, nil
}
