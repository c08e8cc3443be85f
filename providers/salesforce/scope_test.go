package salesforce

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/resource"
	"accord/providers/salesforce/salesforceemulator"
)

func TestScopeFields(t *testing.T) {
	for condition, want := range map[string][]string{
		"":               nil,
		"Amount >= 1000": {"Amount"},
		"Amount>=1000 AND(StageName='Closed Won' OR NOT Type LIKE 'New%')":                   {"Amount", "StageName", "Type"},
		"Name = 'Amount = 5' AND Note__c != 'it\\'s Stage__c = 1'":                           {"Name", "Note__c"},
		"CloseDate = LAST_N_DAYS:30 AND CreatedDate > 2026-01-01T00:00:00Z":                  {"CloseDate", "CreatedDate"},
		"StageName IN ('a', 'b') AND Type NOT IN ('c') AND amount < 5 AND Amount > 1":        {"StageName", "Type", "amount"},
		"Tags__c INCLUDES ('a;b','c') AND Region__c = null":                                  {"Tags__c", "Region__c"},
		"CALENDAR_YEAR(CreatedDate) = 2026 AND HOUR_IN_DAY(convertTimezone(Kickoff__c)) > 8": {"CreatedDate", "Kickoff__c"},
		"Account.Type = 'Partner' AND Owner.IsActive = TRUE AND Parent__r.Deep__r.X__c > 1":  {"Account.Type", "Owner.IsActive", "Parent__r.Deep__r.X__c"},
		"AccountId IN (SELECT Id FROM Account WHERE Rating__c = 'Hot') AND Rank__c = 1":      {"AccountId", "Rank__c"},
		"'unclosed = 1 AND X__c = ": {"unclosed", "X__c"}, // the org refuses it; naming too much does no harm
	} {
		if diff := cmp.Diff(want, scopeFields(condition)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", condition, diff)
		}
	}
}

// What the scope's condition compares is granted, though nothing of it crosses, and a user who holds nothing else can
// evaluate it.
func TestScopeIsGranted(t *testing.T) {
	o := newOrg(t, func(o *salesforceemulator.Options) { o.LeastPrivileged = true })
	spec := dealSpec()
	spec.Settings["where"] = "Probability >= 0 AND LeadSource != 'Nowhere' AND Account.Industry != 'Banking'"
	resources, done := o.apply(t, spec)
	for _, want := range []string{"Opportunity.Probability", "Opportunity.LeadSource", "Account.Industry"} {
		i := slices.IndexFunc(resources, func(r resource.Resource) bool { return r.Kind == kindFieldPermission && r.Name == want })
		if i < 0 || !truthOf(resources[i].Attributes, "read") || truthOf(resources[i].Attributes, "edit") {
			t.Errorf("%s is not granted for reading alone; done: %q", want, done)
		}
	}
	deal := o.deal(t, "Somebody else's", 5)
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := collect(t, r, 0); len(all) != 1 || all[deal].ID == "" {
		t.Errorf("List = %v", all)
	}
	spec.Settings["where"] = "Nonesuch__c = 1"
	want := expand(t, spec)
	have := o.describe(t, want)
	if i := slices.IndexFunc(want, func(r resource.Resource) bool { return strings.HasSuffix(r.Address, "field/Nonesuch__c") }); i < 0 || want[i].Managed || have[want[i].Address].ID != "" {
		t.Error("a condition on a field that is not there does not show")
	}
}

// Every right beyond what the contract needs shows, of whatever sort, and is taken back by apply once it was approved.
func TestGrantsTooMany(t *testing.T) {
	o := newOrg(t)
	resources, _ := o.apply(t, dealSpec())
	set := resources[slices.IndexFunc(resources, func(r resource.Resource) bool { return r.Kind == kindPermissionSet })]
	change := func(object, where string, fields salesforceemulator.Fields) {
		t.Helper()
		rows, err := o.Query("SELECT Id FROM " + object + " WHERE " + where)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows of %s where %s: %v", len(rows), object, where, err)
		}
		id, _ := rows[0]["Id"].(string)
		if err := o.Update("", object, id, fields); err != nil {
			t.Fatal(err)
		}
	}
	change("PermissionSet", "Id = '"+set.ID+"'", salesforceemulator.Fields{"PermissionsViewAllData": true})
	change("ObjectPermissions", "ParentId = '"+set.ID+"' AND SobjectType = 'Opportunity'", salesforceemulator.Fields{"PermissionsViewAllFields": true})
	o.insert(t, "ObjectPermissions", salesforceemulator.Fields{"ParentId": set.ID, "SobjectType": "Contact", "PermissionsRead": true})
	o.insert(t, "FieldPermissions", salesforceemulator.Fields{"ParentId": set.ID, "SobjectType": "Opportunity", "Field": "Opportunity.NextStep", "PermissionsRead": true})
	want := expand(t, dealSpec())
	h := o.describe(t, want)[set.Address]
	if got, want := h.Attributes[excessGrants], "Contact, Opportunity view all fields, Opportunity.NextStep, system permission ViewAllData"; got != want {
		t.Errorf("too much: %q, want %q", got, want)
	}
	if _, done := o.apply(t, dealSpec()); !cmp.Equal(done, []string{"update permission_set/Accord_crm"}) {
		t.Errorf("done: %q", done)
	}
	if _, again := o.apply(t, dealSpec()); len(again) > 0 {
		t.Errorf("a second apply does %q", again)
	}
}
