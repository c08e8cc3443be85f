package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/org"
)

// officialSchema is monday's published schema, kept beside the repository.
var officialSchema = filepath.Join("..", "..", "..", "shared", "reference", "monday-schema.graphql")

// document is one GraphQL request as it was sent.
type document struct {
	Query     string
	Variables map[string]any
}

// recorder stands between accord and monday, and keeps what it sees pass.
type recorder struct {
	next http.Handler
	mu   sync.Mutex
	seen []document
	bad  []error
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPost && req.URL.Path == "/v2" {
		body, err := io.ReadAll(req.Body)
		var d document
		if err == nil {
			err = json.Unmarshal(body, &d)
		}
		r.mu.Lock()
		r.seen = append(r.seen, d)
		if err != nil {
			r.bad = append(r.bad, err)
		}
		r.mu.Unlock()
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	r.next.ServeHTTP(w, req)
}

func (r *recorder) documents() ([]document, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen), errors.Join(r.bad...)
}

// smallOrg makes an org up that a test can sync in seconds.
func smallOrg(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := org.Write(dir, org.Options{Seed: 5, Users: 8, Accounts: 15, Contacts: 5, Opportunities: 80, Today: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func small(t *testing.T, least bool) *stand {
	t.Helper()
	return standWith(t, emulation.Options{DataDir: smallOrg(t), Seed: 1, Plan: "enterprise", Logger: hclog.NewNullLogger(), LeastPrivileged: least})
}

// running starts a sync, and returns what stops it.
func (s *stand) running() (stop func()) {
	s.t.Helper()
	cmd := s.command("sync", "--sweep", "2s")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.waitForSync()
	s.t.Cleanup(func() {
		if s.t.Failed() {
			_ = cmd.Process.Kill() // where the test ended early; fails when it has ended
			s.t.Logf("the sync said:\n%s", log.String())
		}
	})
	return func() {
		s.t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("the sync did not stop cleanly: %v\n%s", err, log.String())
		}
	}
}

// shows waits until a cell or field has come to show a text.
func (s *stand) shows(what, want string, look func(context.Context) (string, error)) {
	s.t.Helper()
	last := ""
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%s: shows %q, want %q", what, last, want)
		}
	}()
	s.eventually(what, func(ctx context.Context) bool {
		got, err := look(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		last = got
		return got == want
	})
}

// editBothWays does what people do on both sides, and waits for each of it to cross.
func (s *stand) editBothWays() {
	t, ctx := s.t, s.t.Context()
	deals, err := s.demo.pairs(ctx, "Opportunity", 4)
	if err != nil {
		t.Fatal(err)
	}
	admin, ok := s.e.Salesforce.FindUser("Avery Admin")
	if !ok {
		t.Fatal("the org has no administrator")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.e.Salesforce.Update(admin.ID, "Opportunity", deals[0].record, map[string]any{"Amount": json.Number("4711.25"), "NextStep": "call «Łódź»"}))
	must(s.demo.change(ctx, deals[1].item, map[string]any{"progress": "42.5", "kickoff": map[string]any{"date": "2027-03-28", "time": "09:30:00"}}))
	must(s.demo.change(ctx, deals[2].item, map[string]any{"stage": map[string]any{"label": "Lost"}}))
	must(s.e.Salesforce.Delete(admin.ID, "Opportunity", deals[3].record))
	account, err := s.e.Salesforce.Insert(admin.ID, "Account", map[string]any{"Name": "Made while it ran", "Industry": "Energy"})
	must(err)

	cell := func(id, column string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return s.demo.cell(ctx, id, column) }
	}
	row := func(object, id, field string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			r, _ := s.e.Salesforce.Record(object, id)
			return text(r[field]), nil
		}
	}
	s.shows("an amount crosses", "4711.25", cell(deals[0].item, "amount"))
	s.shows("a next step crosses", "call «Łódź»", cell(deals[0].item, "next_step"))
	s.shows("progress crosses", "42.5", row("Opportunity", deals[1].record, "Delivery_Progress__c"))
	s.shows("a stage is put back", "Won", cell(deals[2].item, "stage"))
	s.shows("an item is archived", "archived", func(ctx context.Context) (string, error) {
		var answer struct{ Items []struct{ State string } }
		err := s.demo.graphql(ctx, `query ($id: [ID!]) { items(ids: $id) { state } }`, map[string]any{"id": []string{deals[3].item}}, &answer)
		if err != nil || len(answer.Items) == 0 {
			return "", err
		}
		return answer.Items[0].State, nil
	})
	s.eventually("an account becomes an item", func(context.Context) bool {
		r, _ := s.e.Salesforce.Record("Account", account)
		return text(r["Monday_Item_Id__c"]) != ""
	})
	// A sync that is stopped in the middle of a write leaves its outcome open, and the next one waits until it can tell.
	last, rest := written{}, 0
	s.eventually("both sides are quiet", func(context.Context) bool {
		w := s.writes()
		if fmt.Sprint(w.rows) != fmt.Sprint(last.rows) {
			last, rest = w, 0
		}
		rest++
		return rest > 20
	})
}

// TestEveryDocumentIsValid records a whole life: plan, apply, first sync, edits on both sides, a plan and a sync with
// nothing to do. Each GraphQL document that was sent, and its variables, must fit monday's own schema.
func TestEveryDocumentIsValid(t *testing.T) {
	if _, err := os.Stat(officialSchema); err != nil {
		t.Skip("skipped: monday's published schema is not here")
	}
	schema := loadOfficialSchema(t)
	s := small(t, false)
	rec := &recorder{next: s.e.Monday}
	front := httptest.NewServer(rec)
	defer front.Close()
	s.vars = append(s.vars, "MONDAY_URL="+front.URL+"/v2")

	s.must("plan")
	s.must("apply", "--auto-approve")
	s.must("sync", "--once")
	stop := s.running()
	s.editBothWays()
	stop()
	s.must("plan")
	s.must("sync", "--once")

	seen, err := rec.documents()
	if err != nil {
		t.Fatal(err)
	}
	distinct, operations := map[string]bool{}, map[string]int{}
	for _, d := range seen {
		if err := validate(schema, d); err != nil {
			t.Errorf("%v\n%s\n%v", err, d.Query, d.Variables)
		}
		distinct[d.Query] = true
		for _, name := range roots(d.Query) {
			operations[name]++
		}
	}
	for _, name := range []string{"create_workspace", "create_board", "create_column", "create_webhook", "create_item", "change_multiple_column_values",
		"archive_item", "boards", "items", "users", "webhooks"} {
		if operations[name] == 0 {
			t.Errorf("the recording has no %s: it is not the whole life that it should be", name)
		}
	}
	// A wrong field anywhere in the root, and anywhere below it, must be seen, or the check above says nothing.
	for query := range distinct {
		root := strings.Replace(query, "{", "{ shoe_size ", 1)
		if validate(schema, document{Query: root}) == nil {
			t.Errorf("a wrong root field is not noticed in\n%s", root)
		}
		if at := strings.LastIndex(query, "{"); at > strings.Index(query, "{") {
			below := query[:at+1] + " shoe_size " + query[at+1:]
			if validate(schema, document{Query: below}) == nil {
				t.Errorf("a wrong field is not noticed in\n%s", below)
			}
		}
	}
	t.Logf("%d documents were sent, %d of them distinct, all valid under the official schema", len(seen), len(distinct))
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		t.Logf("%6d  %s", operations[name], name)
	}
}

// loadOfficialSchema reads the published schema, which declares again what every GraphQL schema has built in.
func loadOfficialSchema(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile(officialSchema)
	if err != nil {
		t.Fatal(err)
	}
	prelude, err := parser.ParseSchema(validator.Prelude)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parser.ParseSchema(&ast.Source{Name: "official", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	doc.Definitions = slices.DeleteFunc(doc.Definitions, func(d *ast.Definition) bool { return prelude.Definitions.ForName(d.Name) != nil })
	doc.Directives = slices.DeleteFunc(doc.Directives, func(d *ast.DirectiveDefinition) bool { return prelude.Directives.ForName(d.Name) != nil })
	prelude.Merge(doc)
	schema, err := validator.ValidateSchemaDocument(prelude)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate checks a document and, where it has any, its variables.
func validate(schema *ast.Schema, d document) error {
	doc, err := parser.ParseQuery(&ast.Source{Input: d.Query})
	if err != nil {
		return fmt.Errorf("the document does not parse: %w", err)
	}
	if errs := validator.ValidateWithRules(schema, doc, rules.NewDefaultRules()); len(errs) > 0 {
		return fmt.Errorf("the document is not valid: %w", errs)
	}
	if _, err := validator.VariableValues(schema, doc.Operations[0], d.Variables); err != nil {
		return fmt.Errorf("the variables do not fit: %w", err)
	}
	return nil
}

// roots names the fields that a document asks of the root.
func roots(query string) []string {
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		return nil
	}
	var names []string
	for _, op := range doc.Operations {
		for _, sel := range op.SelectionSet {
			if f, ok := sel.(*ast.Field); ok {
				names = append(names, f.Name)
			}
		}
	}
	return names
}
