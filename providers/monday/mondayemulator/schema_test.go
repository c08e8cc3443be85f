package mondayemulator

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

const official = "../../../../shared/reference/monday-schema.graphql"

// loadOfficial reads the vendor's schema. It declares again what every schema has built in, which a
// loader refuses: those definitions are left out.
func loadOfficial(t *testing.T) *ast.Schema {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(official))
	if err != nil {
		t.Skipf("the vendor's schema is not at hand: %v", err)
	}
	doc, err := parser.ParseSchema(&ast.Source{Name: "official", Input: string(raw)})
	if err != nil {
		t.Fatal(err)
	}
	builtin := []string{"Int", "ID", "String", "Boolean", "Float", "__Schema", "__Type", "__Field", "__InputValue", "__EnumValue", "__Directive", "__TypeKind", "__DirectiveLocation"}
	types := map[string]*ast.Definition{}
	for _, d := range doc.Definitions {
		if !slices.Contains(builtin, d.Name) {
			types[d.Name] = d
		}
	}
	return &ast.Schema{Types: types, Query: types["Query"], Mutation: types["Mutation"]}
}

// TestSchemaIsSubset proves that nothing is served that the vendor does not have, spelled otherwise.
func TestSchemaIsSubset(t *testing.T) {
	want := loadOfficial(t)
	got, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaSDL})
	if err != nil {
		t.Fatal(err)
	}
	types, fields, args, values := 0, 0, 0, 0
	for name, d := range got.Types {
		if d.BuiltIn || name[:1] == "_" {
			continue
		}
		o := want.Types[name]
		if o == nil || o.Kind != d.Kind {
			t.Errorf("%s is not a type of the vendor's schema", name)
			continue
		}
		types++
		for _, i := range d.Interfaces {
			if !slices.Contains(o.Interfaces, i) {
				t.Errorf("%s does not implement %s", name, i)
			}
		}
		for _, m := range d.Types {
			if !slices.Contains(o.Types, m) {
				t.Errorf("%s has no member %s", name, m)
			}
		}
		for _, v := range d.EnumValues {
			values++
			if o.EnumValues.ForName(v.Name) == nil {
				t.Errorf("%s has no value %s", name, v.Name)
			}
		}
		if d.Kind == ast.Enum && len(d.EnumValues) != len(o.EnumValues) {
			t.Errorf("%s has %d values, the vendor's %d", name, len(d.EnumValues), len(o.EnumValues))
		}
		for _, f := range d.Fields {
			if f.Name[:1] == "_" {
				continue
			}
			of := o.Fields.ForName(f.Name)
			if of == nil {
				t.Errorf("%s.%s is not in the vendor's schema", name, f.Name)
				continue
			}
			fields++
			if f.Type.String() != of.Type.String() || f.DefaultValue.String() != of.DefaultValue.String() {
				t.Errorf("%s.%s is %s, the vendor's %s", name, f.Name, f.Type, of.Type)
			}
			if len(f.Arguments) != len(of.Arguments) {
				t.Errorf("%s.%s has %d arguments, the vendor's %d", name, f.Name, len(f.Arguments), len(of.Arguments))
			}
			for _, a := range f.Arguments {
				args++
				oa := of.Arguments.ForName(a.Name)
				if oa == nil || a.Type.String() != oa.Type.String() || a.DefaultValue.String() != oa.DefaultValue.String() {
					t.Errorf("%s.%s(%s) differs from the vendor's", name, f.Name, a.Name)
				}
			}
		}
		if d.Kind == ast.InputObject && len(d.Fields) != len(o.Fields) {
			t.Errorf("input %s has %d fields, the vendor's %d", name, len(d.Fields), len(o.Fields))
		}
	}
	t.Logf("served: %d of %d types, %d fields, %d arguments, %d enum values; %d of %d queries, %d of %d mutations",
		types, len(want.Types), fields, args, values, len(got.Query.Fields), len(want.Query.Fields), len(got.Mutation.Fields), len(want.Mutation.Fields))
}
