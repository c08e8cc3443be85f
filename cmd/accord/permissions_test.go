package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/resource"
	"accord/providers/salesforce"
)

// TestSyncUnderItsPermissionSetAlone runs the whole handoff as a user who may see and change no record but by the
// permission set that apply makes.
func TestSyncUnderItsPermissionSetAlone(t *testing.T) {
	s := small(t, true)
	admin, ok := s.e.Salesforce.FindUser("Avery Admin")
	if !ok {
		t.Fatal("the org has no administrator")
	}
	if rows, err := s.demo.soql(t.Context(), "SELECT Id FROM Account"); err == nil {
		t.Fatalf("before apply the user should not even know of accounts, and sees %d", len(rows))
	}
	// The first apply grants; what its fields hold shows only then, and the second adds the labels that follow from it.
	if out := s.must("apply", "--auto-approve"); !strings.Contains(out, "run `accord apply` once more") {
		t.Errorf("nobody is told that a second apply is needed:\n%s", out)
	}
	if out := s.must("apply", "--auto-approve"); strings.Contains(out, "once more") {
		t.Errorf("the second apply asks for a third:\n%s", out)
	}
	if out, code := s.accord("plan", "--detailed-exitcode", "--data", "none"); code != exitDone {
		t.Errorf("a plan after it ended with %d:\n%s", code, out)
	}
	s.must("sync", "--once")
	if clients, deals := s.check(); clients == 0 || deals == 0 {
		t.Fatalf("%d clients and %d deals were made", clients, deals)
	}
	stop := s.running()
	s.editBothWays()
	stop()
	if out, code := s.accord("plan", "--detailed-exitcode"); code != exitDone {
		t.Fatalf("a plan after it ended with %d:\n%s", code, out)
	}
	// What the contract does not ask for, the user still may not do.
	account, err := s.e.Salesforce.Insert(admin.ID, "Account", map[string]any{"Name": "Not ours to change"})
	if err != nil {
		t.Fatal(err)
	}
	for _, fields := range []map[string]any{{"Industry": "Energy"}, {"Phone": "1"}} {
		if s.demo.patch(t.Context(), "Account", account, fields) == nil {
			t.Errorf("the user could write %v", fields)
		}
	}
	for _, query := range []string{"SELECT Phone FROM Account", "SELECT Id FROM Lead"} {
		if rows, err := s.demo.soql(t.Context(), query); err == nil {
			t.Errorf("%s: the user could read %d rows", query, len(rows))
		}
	}

	// One grant too many is drift; apply takes it back, and only it.
	sets, err := s.e.Salesforce.Query("SELECT Id FROM PermissionSet WHERE Name = 'Accord_crm'")
	if err != nil || len(sets) != 1 {
		t.Fatalf("%v %v", sets, err)
	}
	before := s.grants(t)
	set := text(sets[0]["Id"])
	for _, grant := range []struct {
		object string
		fields map[string]any
	}{
		{"FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Account", "Field": "Account.Phone", "PermissionsRead": true, "PermissionsEdit": true}},
		{"ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "Lead", "PermissionsRead": true}},
	} {
		if _, err := s.e.Salesforce.Insert(admin.ID, grant.object, grant.fields); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := s.e.Salesforce.Query("SELECT Id FROM ObjectPermissions WHERE Parent.Name = 'Accord_crm' AND SobjectType = 'Account'")
	if err != nil || len(objects) != 1 {
		t.Fatalf("%v %v", objects, err)
	}
	if err := s.e.Salesforce.Update(admin.ID, "ObjectPermissions", text(objects[0]["Id"]), map[string]any{"PermissionsDelete": true, "PermissionsModifyAllRecords": true}); err != nil {
		t.Fatal(err)
	}
	out, code := s.accord("plan", "--detailed-exitcode")
	if code != exitChanges || !strings.Contains(out, "Account modify all, Account.Phone, Lead") || !strings.Contains(out, "delete: true -> false") {
		t.Errorf("a plan over grants that are too many ended with %d:\n%s", code, out)
	}
	s.must("apply", "--auto-approve")
	if out, code := s.accord("plan", "--detailed-exitcode"); code != exitDone {
		t.Errorf("after apply a plan ended with %d:\n%s", code, out)
	}
	if diff := cmp.Diff(before, s.grants(t)); diff != "" {
		t.Errorf("the permission set is not as it was:\n%s", diff)
	}
}

// grants lists all rows of accord's permission set.
func (s *stand) grants(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, q := range []string{
		"SELECT SobjectType, PermissionsRead, PermissionsCreate, PermissionsEdit, PermissionsDelete, PermissionsViewAllRecords, PermissionsModifyAllRecords FROM ObjectPermissions WHERE Parent.Name = 'Accord_crm'",
		"SELECT Field, PermissionsRead, PermissionsEdit FROM FieldPermissions WHERE Parent.Name = 'Accord_crm'",
	} {
		rows, err := s.e.Salesforce.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			delete(r, "attributes")
			list = append(list, fmt.Sprint(r))
		}
	}
	slices.Sort(list)
	return list
}

// TestPermissionSetOfTheDesignContract prints what the permission set of the whole example contract grants. The golden
// file is the list that an administrator would review.
func TestPermissionSetOfTheDesignContract(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "design", "deals.accord.hcl")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skip("skipped: the example contract of the design is not here")
	}
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "deals.accord.hcl", Content: content}}, Variables: map[string]string{}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	specs := binding.Specs(c, nil)
	p, err := salesforce.New(salesforce.Config{Connection: "salesforce.crm", URL: "https://acme.my.salesforce.com",
		Flow: "client_credentials", ClientID: "none", ClientSecret: func(context.Context) (string, error) { return "none", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	resources, err := p.Expand(specs["salesforce.crm"])
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, kind := range []string{"permission_set", "assignment", "object_permission", "field_permission"} {
		var lines []string
		for _, r := range resources {
			if r.Kind == kind {
				lines = append(lines, fmt.Sprintf("%-18s %-42s %s", kind, r.Name, rightsOf(r)))
			}
		}
		slices.Sort(lines)
		for _, l := range lines {
			fmt.Fprintln(&b, strings.TrimRight(l, " "))
		}
	}
	golden := filepath.Join("testdata", "deals-permission-set.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func rightsOf(r resource.Resource) string {
	var names []string
	for _, right := range []string{"read", "create", "edit", "delete", "view_all"} {
		if r.Attributes[right] == true {
			names = append(names, right)
		}
	}
	return strings.Join(names, " ")
}
