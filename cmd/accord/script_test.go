package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rogpeppe/go-internal/testscript"

	"accord/cmd/accord/internal/emulation"
	"accord/providers/monday/mondayemulator"
	"accord/providers/salesforce/salesforceemulator"
)

// The words that scripts have beside those of testscript. Each script has vendors of its own.
//
//	emulate DIR                              serve both vendors, with the org in DIR
//	salesforce set SOBJECT NAME FIELD=VALUE  edit a record as a person would; its name finds it
//	salesforce id VARIABLE SOBJECT NAME      put its id into a variable
//	[!] salesforce shows SOBJECT NAME FIELD VALUE
//	salesforce edit SOBJECT NAME FIELD=VALUE the same as another user than accord's: Avery Admin
//	salesforce forbid SOBJECT [FORMULA TEXT] refuse records for which the formula is true, with that text; none without
//	monday set|id|shows                      the same for a board, an item and its columns
//	fault salesforce|monday JSON             script what the vendor does wrong; "none" ends it
//	tamper SQL                               change the ledger behind accord's back
var scriptWords = map[string]func(*testscript.TestScript, bool, []string){
	"emulate": (*scriptStand)(nil).emulate,
	"salesforce": func(ts *testscript.TestScript, neg bool, args []string) {
		standOf(ts).vendor(ts, neg, "salesforce", args)
	},
	"fault":  func(ts *testscript.TestScript, neg bool, args []string) { standOf(ts).fault(ts, neg, args) },
	"tamper": tamper,
	"monday": func(ts *testscript.TestScript, neg bool, args []string) { standOf(ts).vendor(ts, neg, "monday", args) },
}

// scriptStand is what a script has served.
type scriptStand struct{ demo *demo }

type standKey struct{}

func standOf(ts *testscript.TestScript) *scriptStand {
	s, _ := ts.Value(standKey{}).(*scriptStand)
	if s == nil || s.demo == nil {
		ts.Fatalf("nothing is served: begin with emulate DIR")
	}
	return s
}

func setUpScript(e *testscript.Env) error {
	e.Values[standKey{}] = &scriptStand{}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	e.Setenv("ORG", filepath.Join(root, "testdata", "org"))
	e.Setenv("HANDOFF", filepath.Join(root, "examples", "handoff"))
	e.Setenv("NO_COLOR", "1")
	return nil
}

func (*scriptStand) emulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: emulate DIR")
	}
	e, err := emulation.Start(emulation.Options{DataDir: ts.MkAbs(args[0]), Seed: 1, Plan: "enterprise", Logger: hclog.NewNullLogger()})
	ts.Check(err)
	ts.Defer(func() { _ = e.Close() }) // the script's outcome does not depend on it
	hook, err := freeAddress()
	ts.Check(err)
	ts.Setenv("ACCORD_VAR_webhook_url", "http://"+hook+"/hooks/monday")
	for _, v := range e.Env() {
		ts.Setenv(v.Name, v.Value)
	}
	ts.Value(standKey{}).(*scriptStand).demo = &demo{emulated: e}
}

func (s *scriptStand) fault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fault salesforce|monday JSON")
	}
	e := s.demo.emulated
	switch {
	case args[1] == "none":
		e.Monday.ClearFaults()
		e.Salesforce.ClearFaults()
	case args[0] == "monday":
		var f mondayemulator.Fault
		ts.Check(json.Unmarshal([]byte(args[1]), &f))
		_, err := e.Monday.AddFault(f)
		ts.Check(err)
	default:
		var f salesforceemulator.Fault
		ts.Check(json.Unmarshal([]byte(args[1]), &f))
		ts.Check(e.Salesforce.Inject(f))
	}
}

func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tamper SQL")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(".accord", "ledger.db")))
	ts.Check(err)
	_, err = db.Exec(args[0])
	ts.Check(err)
	ts.Check(db.Close())
}

func (s *scriptStand) vendor(ts *testscript.TestScript, neg bool, system string, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	switch {
	case system == "salesforce" && len(args) > 1 && args[0] == "forbid" && !neg:
		var rules []salesforceemulator.ValidationRule
		if len(args) == 4 {
			rules = append(rules, salesforceemulator.ValidationRule{Name: "Forbidden", Condition: args[2], Message: args[3], Active: true})
		}
		ts.Check(s.demo.emulated.Salesforce.SetValidationRules(args[1], rules...))
	case system == "salesforce" && args[0] == "edit" && len(args) == 4 && !neg:
		admin, ok := s.demo.emulated.Salesforce.FindUser("Avery Admin")
		if !ok {
			ts.Fatalf("the org has no administrator")
		}
		field, value, _ := strings.Cut(args[3], "=")
		ts.Check(s.demo.emulated.Salesforce.Update(admin.ID, args[1], s.id(ctx, ts, system, args[1], args[2]), map[string]any{field: value}))
	case args[0] == "set" && len(args) > 3 && !neg:
		s.set(ctx, ts, system, args[1], args[2], args[3:])
	case args[0] == "id" && len(args) == 4 && !neg:
		ts.Setenv(args[1], s.id(ctx, ts, system, args[2], args[3]))
	case args[0] == "shows" && len(args) == 5:
		id := s.id(ctx, ts, system, args[1], args[2])
		var got string
		var err error
		if system == "monday" {
			got, err = s.demo.cell(ctx, id, args[3])
		} else {
			got, err = s.demo.field(ctx, args[1], id, args[3])
		}
		ts.Check(err)
		if (got == args[4]) == neg {
			ts.Fatalf("%s of %s in %s is %q", args[3], args[2], system, got)
		}
	default:
		ts.Fatalf("usage: %s set|id|shows ...", system)
	}
}

func (s *scriptStand) set(ctx context.Context, ts *testscript.TestScript, system, table, name string, pairs []string) {
	values := map[string]any{}
	for _, kv := range pairs {
		k, v, _ := strings.Cut(kv, "=")
		var number json.Number
		if system == "salesforce" && json.Unmarshal([]byte(v), &number) == nil {
			values[k] = number
		} else {
			values[k] = v
		}
	}
	id := s.id(ctx, ts, system, table, name)
	if system == "monday" {
		ts.Check(s.demo.change(ctx, id, values))
	} else {
		ts.Check(s.demo.patch(ctx, table, id, values))
	}
}

// id finds a record by its name; it must be the only one.
func (s *scriptStand) id(ctx context.Context, ts *testscript.TestScript, system, table, name string) string {
	var ids []string
	if system == "salesforce" {
		rows, err := s.demo.soql(ctx, fmt.Sprintf("SELECT Id FROM %s WHERE Name = '%s'", table, name))
		ts.Check(err)
		for _, r := range rows {
			ids = append(ids, fmt.Sprint(r["Id"]))
		}
	} else {
		var boards struct {
			Boards []struct {
				Name string
				Page struct{ Items []struct{ ID, Name string } } `json:"items_page"`
			}
		}
		ts.Check(s.demo.graphql(ctx, `{ boards(limit: 100) { name items_page(limit: 500) { items { id name } } } }`, nil, &boards))
		for _, b := range boards.Boards {
			for _, i := range b.Page.Items {
				if b.Name == table && i.Name == name {
					ids = append(ids, i.ID)
				}
			}
		}
	}
	if len(ids) != 1 {
		ts.Fatalf("%d records of %s %s are called %q", len(ids), system, table, name)
	}
	return ids[0]
}
