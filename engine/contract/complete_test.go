package contract

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/record"
)

func complete(t *testing.T) Source {
	t.Helper()
	paths, err := filepath.Glob("testdata/complete/*.accord.hcl")
	if err != nil || len(paths) != 3 {
		t.Fatalf("the complete example is not there: %v %v", paths, err)
	}
	return source(t, paths...)
}

func TestCompleteExample(t *testing.T) {
	c := parse(t, complete(t))

	if got := []string{c.Objects[0].Name, c.Objects[1].Name}; !cmp.Equal(got, []string{"account", "project"}) {
		t.Errorf("objects are not in the order of their references: %v", got)
	}
	if diff := cmp.Diff(Secret{"env", "ACCORD_LEDGER_URL"}, *c.Ledger.URL.Secret); diff != "" || c.Ledger.Engine != "postgres" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	sales := c.Connection("salesforce.sales")
	if got := sales.OAuth.Settings["client_secret"].Secret.Name; got != "/run/secrets/emea-salesforce" {
		t.Errorf("client_secret is found in %q", got)
	}
	if sales.Budget.DailyCalls != 20000 || c.Connection("monday.work").Budget.DailyPercent != 12.5 {
		t.Errorf("budgets: %+v %+v", sales.Budget, c.Connection("monday.work").Budget)
	}
	if got := c.Connection("monday.work").Settings["api_version"].Text; got != "2026-10" {
		t.Errorf("default api_version of monday = %q", got)
	}

	p := c.Object("project")
	want := map[string]string{"sobject": "Project__c", "record_type": "Delivery", "where": "Region__c = 'EMEA' AND Amount__c >= 1000"}
	if diff := cmp.Diff(want, p.Ends[record.Left].Settings); diff != "" {
		t.Errorf("salesforce end (-want +got):\n%s", diff)
	}
	if got := c.Object("account").Ends[record.Right].Settings["board"]; got != "4242" {
		t.Errorf("board = %q", got)
	}
	if k := p.Ends[record.Left].Key; k.Type != "text" || k.Name != "Monday_Item_Id__c" {
		t.Errorf("the key of the salesforce end is %s", k)
	}
	if k := c.Object("account").Ends[record.Right].Key; k.Type != "" || k.Name != "salesforce_id" {
		t.Errorf("the key of the monday end is %s", k)
	}
	if diff := cmp.Diff([2]DeleteAction{DeleteArchive, DeleteDelete}, p.Deletes); diff != "" {
		t.Errorf("deletes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([2]DeleteAction{DeleteArchive, DeleteKeep}, p.Leaves); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	if p.Guard.MaxDeletes != -1 || p.Guard.MaxChanges != 500 || p.Guard.MaxChangePercent != 0 || !p.Protect {
		t.Errorf("guard %+v, protect %v", p.Guard, p.Protect)
	}
	if want := []string{"0065g00000AbCdEAAV", "1234567890"}; !slices.Equal(p.Guard.Canary, want) {
		t.Errorf("canaries %v, want %v", p.Guard.Canary, want)
	}
	if g := c.Object("account").Guard; g.MaxDeletes != 20 || g.MaxChangePercent != 30 || g.MaxChanges != 0 {
		t.Errorf("default guard %+v", g)
	}
	if p.Creates[record.Left] == nil || p.Creates[record.Right] == nil || c.Object("account").Creates[record.Right] != nil {
		t.Errorf("creates: %v %v", p.Creates, c.Object("account").Creates)
	}

	name := p.Field("name")
	if name.Owner != OwnerEither || name.Conflict != ConflictLeft || name.Settle != 90*time.Second || !cmp.Equal(name.Lossy, []string{"truncate"}) {
		t.Errorf("field name: %+v", name)
	}
	if f := p.Field("tags"); f.Owner != OwnerRight || f.OnDrift != DriftReport || f.Picklist != c.Picklists[1] {
		t.Errorf("field tags: %+v", f)
	}
	if f := p.Field("delivery"); len(f.Ends[record.Left]) != 2 || !f.IsInterval() || p.Field("closes").IsInterval() {
		t.Errorf("field delivery: %+v", f)
	}
	if f := p.Field("owner").People; f.Unmatched != "fallback" || f.Fallback != "ops@example.com" {
		t.Errorf("people of field owner: %+v", f)
	}
	if z := p.Field("kickoff").Timezone; z == nil || z.String() != "Europe/Berlin" {
		t.Errorf("time zone of field kickoff: %v", z)
	}
	if f := p.Field("account").Reference; f != c.Object("account") {
		t.Errorf("field account refers to %v", f)
	}

	stage := c.Picklists[0]
	inverse := map[string]string{"Open": "Offered", "Running": "Signed", "Done": "Done", "Stopped früh 🛑": "Cancelled"}
	if diff := cmp.Diff(inverse, stage.Inverse); diff != "" || !stage.Keep {
		t.Errorf("inverse (-want +got), keep %v:\n%s", stage.Keep, diff)
	}
	if stage.Values[0] != (PicklistEntry{"Draft", "Open"}) || stage.Values[3] != (PicklistEntry{"Done", "Done"}) {
		t.Errorf("the table is not in the order written: %v", stage.Values)
	}

	trigger := c.Triggers[0]
	if got := trigger.When.Natives(record.Left); !cmp.Equal(got, []string{"RecordTypeId"}) {
		t.Errorf("native fields of the trigger's condition: %v", got)
	}
	var types []string
	for _, a := range trigger.Actions {
		types = append(types, a.Type)
	}
	if got := strings.Join(types, " "); got != "salesforce_create salesforce_publish monday_create monday_update monday_move" {
		t.Errorf("actions: %s", got)
	}
	if got := len(c.Policies[0].Fields); got != 3 {
		t.Errorf("the policy guards %d fields", got)
	}
	if len(c.Moved) != 2 || len(c.Removed) != 2 || len(c.Allows) != 1 || !c.Removed[0].Destroy || c.Removed[1].Destroy {
		t.Errorf("changes: %+v %+v %+v", c.Moved, c.Removed, c.Allows)
	}
}

func TestVariablesAreTakenFromOutside(t *testing.T) {
	src := complete(t)
	src.Variables = map[string]string{"region": "apac", "floor": "2500.5", "regions": `["a", "b"]`}
	c := parse(t, src)
	if got := c.Object("project").Ends[record.Left].Settings["where"]; got != "Region__c = 'APAC' AND Amount__c >= 2500.5" {
		t.Errorf("where = %q", got)
	}
	if got := c.Object("project").Creates[record.Right].When.Canonical(); !strings.Contains(got, "after.amount >= 2500.5") {
		t.Errorf("the condition keeps the variable: %s", got)
	}
}
