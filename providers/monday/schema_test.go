package monday

import (
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// officialSchema is the vendor's published schema, kept beside the repository.
const officialSchema = "../../../shared/reference/monday-schema.graphql"

// loadSchema reads the official schema once; nil where it is absent. The published text declares again what every
// GraphQL schema has built in, and that is dropped.
var loadSchema = sync.OnceValues(func() (*ast.Schema, error) {
	text, err := os.ReadFile(officialSchema)
	if err != nil {
		return nil, nil
	}
	prelude, err := parser.ParseSchema(validator.Prelude)
	if err != nil {
		return nil, err
	}
	doc, err := parser.ParseSchema(&ast.Source{Name: officialSchema, Input: string(text)})
	if err != nil {
		return nil, err
	}
	doc.Definitions = slices.DeleteFunc(doc.Definitions, func(d *ast.Definition) bool {
		return prelude.Definitions.ForName(d.Name) != nil
	})
	doc.Directives = slices.DeleteFunc(doc.Directives, func(d *ast.DirectiveDefinition) bool {
		return prelude.Directives.ForName(d.Name) != nil
	})
	prelude.Merge(doc)
	return validator.ValidateSchemaDocument(prelude)
})

// mustValidate checks a document and its variables against the official schema, where it is there.
func mustValidate(t testing.TB, document string, variables map[string]any) {
	t.Helper()
	schema, err := loadSchema()
	if err != nil {
		t.Fatalf("load the official schema: %v", err)
	}
	if schema == nil {
		return
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: document})
	if err != nil {
		t.Errorf("document does not parse: %v\n%s", err, document)
		return
	}
	if errs := validator.ValidateWithRules(schema, doc, rules.NewDefaultRules()); len(errs) > 0 {
		t.Errorf("document is not valid: %v\n%s", errs, document)
		return
	}
	plain := map[string]any{}
	b, err := json.Marshal(variables)
	if err == nil {
		err = json.Unmarshal(b, &plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := validator.VariableValues(schema, doc.Operations[0], plain); err != nil {
		t.Errorf("variables do not fit: %v\n%s\n%s", err, document, b)
	}
}
