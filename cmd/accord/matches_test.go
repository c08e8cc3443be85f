package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accord/cmd/accord/internal/sheet"
)

// clientsOnly is a contract with accounts and clients alone; scope goes into its Salesforce end, more into its object.
func (s *stand) clientsOnly(scope, more string) {
	s.t.Helper()
	text := `
object "client" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Account"
    external_id = "Monday_Item_Id__c"
` + scope + `
  }
  monday {
    connection = connection.monday.work
    workspace  = "Sales"
    board      = "Clients"
    key        = text.salesforce_id
  }
  match = [name]
` + more + `
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
  field "industry" {
    salesforce = Industry
    monday     = text.industry
    owner      = salesforce
  }
  field "health" {
    salesforce = text.Delivery_Health__c
    monday     = text.health
    owner      = monday
  }
  field "note" {
    salesforce = text.Note__c
    monday     = text.note
    owner      = either
    conflict   = newest
  }
}
`
	if err := os.WriteFile(filepath.Join(s.dir, "handoff.accord.hcl"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// hand makes an item by hand.
func (s *stand) hand(board, name string, values map[string]any) string {
	s.t.Helper()
	b, ok := s.e.Monday.Board(board)
	if !ok {
		s.t.Fatalf("no board %s", board)
	}
	id, err := s.e.Monday.CreateItem("", b.ID, "", name, values)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(id)
}

// TestAdoption joins a real CRM's accounts with a board that people have filled by hand: names that are the same, names that
// only look the same, names that several share, and clients that the CRM does not know.
func TestAdoption(t *testing.T) {
	s := newStand(t, mavenDir)
	s.clientsOnly("", `  create "monday" {}`)
	s.must("apply", "--auto-approve")
	accounts := s.records("SELECT Id, Name, Industry FROM Account ORDER BY Name")
	want := map[string]string{} // account to item
	var doubled, near []string
	for i, a := range accounts {
		id, name, values := text(a["Id"]), text(a["Name"]), map[string]any{"industry": text(a["Industry"])}
		switch {
		case i < 40:
			want[id] = s.hand("Clients", name, values)
		case i < 50: // somebody wrote it differently
			near = append(near, id)
			want[id] = s.hand("Clients", strings.ToUpper(name)+" (GmbH)", values)
		case i < 55: // two items of one name
			doubled = append(doubled, id)
			want[id] = s.hand("Clients", name, values)
			s.hand("Clients", name, map[string]any{"industry": "something else"})
		}
	}
	stranger := s.hand("Clients", "=HYPERLINK(\"http://evil.example\")", nil)

	file := filepath.Join(t.TempDir(), "review.csv")
	s.must("matches", "export", file)
	if out, code := s.accord("matches", "export", file); code != exitUsage {
		t.Errorf("a file with decisions was written over: %d\n%s", code, out)
	}
	if n := len(s.items("Clients")); n != 40+10+10+1 {
		t.Errorf("export changed the board: %d items", n)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, problems, err := sheet.Read(bytes.NewReader(raw))
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	if bytes.Contains(raw, []byte("\n=")) || bytes.Contains(raw, []byte(",=")) {
		t.Error("the file holds a formula")
	}

	// Syncing without an answer creates nothing for what is held.
	s.must("sync", "--once")
	for _, i := range s.items("Clients") {
		if key := i.Values["salesforce_id"]; key != "" && want[key] != "" && want[key] != i.ID {
			t.Errorf("a second item %s was made for account %s, which is in doubt", i.ID, key)
		}
	}
	for _, id := range append(near, doubled...) {
		if out := s.must("explain", id); !strings.Contains(out, "accord matches export") || !strings.Contains(out, "held") {
			t.Errorf("explain does not say why %s is held and what to do:\n%s", id, out)
		}
	}

	s.clientsOnly("", "  create \"monday\" {}\n  delete {\n    salesforce = archive\n  }\n") // a plan of no change forecasts nothing
	if out := s.must("plan"); !strings.Contains(out, "held until a person decides: 25 records") {
		t.Errorf("the plan does not count what is held:\n%s", out)
	}

	// A person fills it in, with mistakes first.
	decided := fill(rows, want, stranger)
	broken := append([]sheet.Row{}, decided...)
	broken = append(broken, sheet.Row{Object: "client", System: "salesforce", ID: "001000000000000AAA", Decision: "ignore"},
		sheet.Row{Object: "client", System: "salesforce", ID: text(accounts[0]["Id"]), OtherID: stranger, Decision: "pair"},
		sheet.Row{Object: "client", System: "salesforce", ID: near[0], Decision: "create"},
		sheet.Row{Object: "clint", System: "salesforce", ID: near[0], Decision: "create"},
		sheet.Row{Object: "client", System: "monday", ID: stranger, Decision: "create"},
		sheet.Row{Object: "client", System: "monday", ID: stranger, Decision: "yes"})
	bad := s.save(broken)
	out, code := s.accord("matches", "import", bad, "--auto-approve")
	first := len(decided) + 2
	for i, part := range []string{"is known", "paired with " + want[text(accounts[0]["Id"])], "decided about on line", `no object "clint"`, "creates no records", `"yes" is no decision`} {
		if mark := fmt.Sprintf("%s:%d: ", bad, first+i); !strings.Contains(out, mark) || !strings.Contains(out, part) {
			t.Errorf("mistake %d (%s) is not told of at %s", i, part, mark)
		}
	}
	if code != exitError || s.held() == 0 {
		t.Errorf("a file with mistakes ended with %d:\n%s", code, out)
	}

	good := s.save(decided)
	if out, code := s.accord("matches", "import", good); code != exitUsage || !strings.Contains(out, "15 to pair, 0 to create, ") {
		t.Errorf("without approval: %d\n%s", code, out)
	}
	s.must("matches", "import", good, "--auto-approve")
	if out := s.must("matches", "import", good, "--auto-approve"); !strings.Contains(out, "0 to pair, 0 to create") || !strings.Contains(out, "15 done before") {
		t.Errorf("given again:\n%s", out)
	}
	s.must("sync", "--once")
	for _, r := range s.records("SELECT Id, Name, Monday_Item_Id__c FROM Account") {
		id, item := text(r["Id"]), text(r["Monday_Item_Id__c"])
		if item == "" || want[id] != "" && want[id] != item {
			t.Errorf("account %s (%s) has item %q, want %q", id, r["Name"], item, want[id])
		}
	}
	if n := len(s.items("Clients")); n != len(accounts)+5+1 { // the five doubles and the stranger stay by themselves
		t.Errorf("%d items for %d accounts", n, len(accounts))
	}
	if s.held() != 0 {
		t.Errorf("%d records are still held", s.held())
	}
}

// fill does what a person does: the right pairs, and what is left over is left alone.
func fill(rows []sheet.Row, want map[string]string, stranger string) []sheet.Row {
	paired := map[string]bool{}
	for _, item := range want {
		paired[item] = true
	}
	var decided []sheet.Row
	for _, r := range rows {
		switch {
		case r.System == "salesforce" && r.OtherID != "" && want[r.ID] == r.OtherID:
			r.Decision = "Pair "
		case r.System == "monday" && !paired[r.ID] && r.ID != stranger:
			r.Decision = "ignore"
		}
		decided = append(decided, r)
	}
	return decided
}

// save writes rows as a file.
func (s *stand) save(rows []sheet.Row) string {
	s.t.Helper()
	var b bytes.Buffer
	if err := sheet.Write(&b, rows); err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "filled.csv")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// held counts open conflicts.
func (s *stand) held() int {
	s.t.Helper()
	return strings.Count(s.must("conflicts", "list"), "ambiguous_match")
}
