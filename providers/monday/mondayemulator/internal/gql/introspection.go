package gql

import (
	"sort"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// introspection resolves __schema and __type from the parsed schema. Lists are in name order so
// that two runs answer alike.
func introspection[H any](doc *ast.Schema) map[string]map[string]Field[H] {
	type F = Field[H]
	prop := func(f func(obj any, args Args) any) F {
		return func(_ H, obj any, args Args) (any, error) { return f(obj, args), nil }
	}
	typ := func(f func(d *ast.Definition, args Args) any) F {
		return prop(func(obj any, args Args) any {
			if d, ok := obj.(*ast.Definition); ok {
				return f(d, args)
			}
			return nil
		})
	}
	byName := func(name string) any {
		if d := doc.Types[name]; d != nil {
			return d
		}
		return nil
	}
	wrap := func(t *ast.Type) any {
		if t == nil {
			return nil
		}
		if !t.NonNull && t.Elem == nil {
			return byName(t.NamedType)
		}
		return t
	}
	deprecated := func(ds ast.DirectiveList) bool { return ds.ForName("deprecated") != nil }
	reason := func(ds ast.DirectiveList) any {
		d := ds.ForName("deprecated")
		if d == nil {
			return nil
		}
		if a := d.Arguments.ForName("reason"); a != nil {
			return a.Value.Raw
		}
		return "No longer supported"
	}
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	defs := func(list []*ast.Definition) any {
		out := append([]*ast.Definition{}, list...)
		sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
		return out
	}
	return map[string]map[string]F{
		"__Schema": {
			"description": prop(func(any, Args) any { return text(doc.Description) }),
			"types": prop(func(any, Args) any {
				var all []*ast.Definition
				for _, d := range doc.Types {
					all = append(all, d)
				}
				return defs(all)
			}),
			"queryType":        prop(func(any, Args) any { return doc.Query }),
			"mutationType":     prop(func(any, Args) any { return doc.Mutation }),
			"subscriptionType": prop(func(any, Args) any { return doc.Subscription }),
			"directives": prop(func(any, Args) any {
				var all []*ast.DirectiveDefinition
				for _, d := range doc.Directives {
					all = append(all, d)
				}
				sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
				return all
			}),
		},
		"__Type": {
			"kind": prop(func(obj any, _ Args) any {
				if t, ok := obj.(*ast.Type); ok {
					if t.NonNull {
						return "NON_NULL"
					}
					return "LIST"
				}
				return string(obj.(*ast.Definition).Kind)
			}),
			"name":        typ(func(d *ast.Definition, _ Args) any { return d.Name }),
			"description": typ(func(d *ast.Definition, _ Args) any { return text(d.Description) }),
			"fields": typ(func(d *ast.Definition, a Args) any {
				if d.Kind != ast.Object && d.Kind != ast.Interface {
					return nil
				}
				out := ast.FieldList{}
				for _, f := range d.Fields {
					if strings.HasPrefix(f.Name, "__") || deprecated(f.Directives) && !a.Bool("includeDeprecated") {
						continue
					}
					out = append(out, f)
				}
				return out
			}),
			"interfaces": typ(func(d *ast.Definition, _ Args) any {
				if d.Kind != ast.Object && d.Kind != ast.Interface {
					return nil
				}
				out := []*ast.Definition{}
				for _, n := range d.Interfaces {
					if t := doc.Types[n]; t != nil {
						out = append(out, t)
					}
				}
				return out
			}),
			"possibleTypes": typ(func(d *ast.Definition, _ Args) any {
				if d.Kind != ast.Interface && d.Kind != ast.Union {
					return nil
				}
				return defs(doc.PossibleTypes[d.Name])
			}),
			"enumValues": typ(func(d *ast.Definition, a Args) any {
				if d.Kind != ast.Enum {
					return nil
				}
				out := ast.EnumValueList{}
				for _, v := range d.EnumValues {
					if !deprecated(v.Directives) || a.Bool("includeDeprecated") {
						out = append(out, v)
					}
				}
				return out
			}),
			"inputFields": typ(func(d *ast.Definition, _ Args) any {
				if d.Kind != ast.InputObject {
					return nil
				}
				return d.Fields
			}),
			"ofType": prop(func(obj any, _ Args) any {
				t, ok := obj.(*ast.Type)
				switch {
				case !ok:
					return nil
				case t.NonNull:
					inner := *t
					inner.NonNull = false
					return wrap(&inner)
				default:
					return wrap(t.Elem)
				}
			}),
			"specifiedByURL": typ(func(*ast.Definition, Args) any { return nil }),
			"isOneOf": typ(func(d *ast.Definition, _ Args) any {
				if d.Kind != ast.InputObject {
					return nil
				}
				return d.Directives.ForName("oneOf") != nil
			}),
		},
		"__Field": {
			"name":        prop(func(o any, _ Args) any { return o.(*ast.FieldDefinition).Name }),
			"description": prop(func(o any, _ Args) any { return text(o.(*ast.FieldDefinition).Description) }),
			"args": prop(func(o any, _ Args) any {
				return append(ast.ArgumentDefinitionList{}, o.(*ast.FieldDefinition).Arguments...)
			}),
			"type":              prop(func(o any, _ Args) any { return wrap(o.(*ast.FieldDefinition).Type) }),
			"isDeprecated":      prop(func(o any, _ Args) any { return deprecated(o.(*ast.FieldDefinition).Directives) }),
			"deprecationReason": prop(func(o any, _ Args) any { return reason(o.(*ast.FieldDefinition).Directives) }),
		},
		"__InputValue": inputValue[H](wrap, text, deprecated, reason),
		"__EnumValue": {
			"name":              prop(func(o any, _ Args) any { return o.(*ast.EnumValueDefinition).Name }),
			"description":       prop(func(o any, _ Args) any { return text(o.(*ast.EnumValueDefinition).Description) }),
			"isDeprecated":      prop(func(o any, _ Args) any { return deprecated(o.(*ast.EnumValueDefinition).Directives) }),
			"deprecationReason": prop(func(o any, _ Args) any { return reason(o.(*ast.EnumValueDefinition).Directives) }),
		},
		"__Directive": {
			"name":        prop(func(o any, _ Args) any { return o.(*ast.DirectiveDefinition).Name }),
			"description": prop(func(o any, _ Args) any { return text(o.(*ast.DirectiveDefinition).Description) }),
			"locations":   prop(func(o any, _ Args) any { return o.(*ast.DirectiveDefinition).Locations }),
			"args": prop(func(o any, _ Args) any {
				return append(ast.ArgumentDefinitionList{}, o.(*ast.DirectiveDefinition).Arguments...)
			}),
			"isRepeatable": prop(func(o any, _ Args) any { return o.(*ast.DirectiveDefinition).IsRepeatable }),
		},
	}
}

// inputValue resolves an argument of a field or a field of an input object: one type in
// introspection, two in the parsed schema.
func inputValue[H any](wrap func(*ast.Type) any, text func(string) any, deprecated func(ast.DirectiveList) bool, reason func(ast.DirectiveList) any) map[string]Field[H] {
	type parts struct {
		name, description string
		typ               *ast.Type
		value             *ast.Value
		directives        ast.DirectiveList
	}
	of := func(f func(p parts) any) Field[H] {
		return func(_ H, obj any, _ Args) (any, error) {
			switch d := obj.(type) {
			case *ast.ArgumentDefinition:
				return f(parts{d.Name, d.Description, d.Type, d.DefaultValue, d.Directives}), nil
			case *ast.FieldDefinition:
				return f(parts{d.Name, d.Description, d.Type, d.DefaultValue, d.Directives}), nil
			}
			return nil, nil
		}
	}
	return map[string]Field[H]{
		"name":        of(func(p parts) any { return p.name }),
		"description": of(func(p parts) any { return text(p.description) }),
		"type":        of(func(p parts) any { return wrap(p.typ) }),
		"defaultValue": of(func(p parts) any {
			if p.value == nil {
				return nil
			}
			return p.value.String()
		}),
		"isDeprecated":      of(func(p parts) any { return deprecated(p.directives) }),
		"deprecationReason": of(func(p parts) any { return reason(p.directives) }),
	}
}
