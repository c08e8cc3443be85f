package engine

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the whole architecture: package to the packages of this module that it may import. "own" stands for
// packages below it. A package without a row fails the test.
var mayImport = map[string][]string{
	"engine":                       {},
	"engine/record":                {},
	"engine/resource":              {},
	"engine/audit":                 {},
	"engine/ratelimit":             {},
	"engine/auditor":               {"engine/audit", "engine/ledger", "engine/provider"},
	"engine/contract":              {"engine/record"},
	"engine/secret":                {"engine/contract"},
	"engine/provider":              {"engine/record", "engine/resource"},
	"engine/lens":                  {"engine/contract", "engine/record"},
	"engine/merge":                 {"engine/contract", "engine/lens", "engine/record"},
	"engine/policy":                {"engine/contract", "engine/record"},
	"engine/ledger":                {"engine/audit", "engine/record", "engine/resource"},
	"engine/ledger/ledgertest":     {},
	"engine/binding":               {"engine/contract", "engine/lens", "engine/provider", "engine/record", "engine/resource"},
	"engine/plan":                  {"engine/binding", "engine/contract", "engine/ledger", "engine/lens", "engine/merge", "engine/provider", "engine/record", "engine/resource"},
	"engine/apply":                 {"engine/binding", "engine/contract", "engine/ledger", "engine/plan", "engine/resource"},
	"engine/pipeline":              {"engine/binding", "engine/contract", "engine/ledger", "engine/merge", "engine/plan", "engine/policy", "engine/provider", "engine/ratelimit", "engine/record", "engine/resource"},
	"engine/simulation":            {"engine/apply", "engine/audit", "engine/auditor", "engine/binding", "engine/contract", "engine/ledger", "engine/pipeline", "engine/plan", "engine/provider", "engine/provider/providertest", "engine/record", "engine/resource"},
	"engine/provider/providertest": {"engine/provider", "engine/record", "engine/resource"},

	"providers/monday":     {"engine/provider", "engine/ratelimit", "engine/record", "engine/resource", "own"},
	"providers/salesforce": {"engine/provider", "engine/ratelimit", "engine/record", "engine/resource", "providers/salesforce/internal/eventbus", "own"},

	// An emulator shares no code with its provider, nor with the engine: a misreading of the vendor's documentation
	// made twice would hide itself.
	"providers/monday/mondayemulator":         {"own"},
	"providers/salesforce/salesforceemulator": {"own", "providers/salesforce/internal/eventbus"},
	"providers/salesforce/internal/eventbus":  {"own"},

	"cmd/accord": {"engine/*", "providers/*", "examples", "own"},
	"examples":   {},
}

// pure packages decide, and touch nothing: no clock, no disk, no network, no log.
var pure = []string{"engine/record", "engine/resource", "engine/audit", "engine/contract", "engine/lens", "engine/merge", "engine/policy"}

var impure = []string{"os", "net", "net/http", "database/sql", "io/ioutil", "github.com/hashicorp/go-hclog", "google.golang.org/grpc"}

// onlyIn names the packages where a kind of knowledge ends.
var onlyIn = map[string][]string{
	"database/sql":                   {"engine/ledger"},
	"github.com/hashicorp/hcl/v2":    {"engine/contract", "engine/lens", "engine/plan", "cmd/accord"},
	"google.golang.org/grpc":         {"providers/salesforce", "cmd/accord"},
	"github.com/twmb/avro":           {"providers/salesforce"},
	"github.com/vektah/gqlparser/v2": {"providers/monday"},
}

func TestImportsPointTheRightWay(t *testing.T) {
	count := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		count++
		pkg := path.Dir(filepath.ToSlash(strings.TrimPrefix(file, ".."+string(filepath.Separator))))
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for _, complaint := range check(pkg, imported) {
				t.Errorf("%s: %s", file, complaint)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files", count)
	if count < 50 {
		t.Errorf("only %d files were found: is the test looking at the right tree?", count)
	}
}

func check(pkg, imported string) []string {
	var complaints []string
	row, allowed := rowOf(pkg)
	if row == "" {
		return []string{"package " + pkg + " has no row in the table of allowed imports"}
	}
	if own, ok := strings.CutPrefix(imported, "accord/"); ok {
		fits := func(a string) bool {
			prefix, wild := strings.CutSuffix(a, "/*")
			owner, _ := rowOf(own)
			return a == own || wild && strings.HasPrefix(own, prefix+"/") || a == "own" && owner == row
		}
		if own != row && !slices.ContainsFunc(allowed, fits) {
			complaints = append(complaints, pkg+" may not import "+own)
		}
	}
	if slices.Contains(pure, pkg) && slices.Contains(impure, imported) {
		complaints = append(complaints, pkg+" is pure and may not import "+imported)
	}
	for what, where := range onlyIn {
		below := func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") }
		if (imported == what || strings.HasPrefix(imported, what+"/")) && !slices.ContainsFunc(where, below) {
			complaints = append(complaints, what+" is not known to "+pkg)
		}
	}
	return complaints
}

// rowOf is the nearest row of a package: its own, or that of the package that it belongs to.
func rowOf(pkg string) (string, []string) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if allowed, ok := mayImport[p]; ok && (p == pkg || slices.Contains(allowed, "own")) {
			return p, allowed
		}
	}
	return "", nil
}

func TestAWrongImportIsFound(t *testing.T) {
	for _, c := range [][2]string{
		{"engine/merge", "accord/engine/ledger"},
		{"engine/merge", "os"},
		{"engine/pipeline", "database/sql"},
		{"providers/monday", "accord/providers/salesforce"},
		{"providers/monday", "accord/engine/contract"},
		{"providers/monday", "accord/providers/monday/mondayemulator"},
		{"providers/monday/mondayemulator", "accord/providers/monday"},
		{"providers/monday/mondayemulator", "accord/engine/record"},
		{"providers/salesforce/salesforceemulator/internal/soql", "accord/providers/salesforce"},
		{"engine/unknown", "fmt"},
	} {
		if len(check(c[0], c[1])) == 0 {
			t.Errorf("%s importing %s was not found", c[0], c[1])
		}
	}
}
