package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/salesforce/salesforceemulator"
)

func partnerSpec(recordType string, tiers ...string) provider.ObjectSpec {
	s := provider.ObjectSpec{Object: "partner", Connection: conn, Settings: map[string]string{"sobject": "Account", "record_type": recordType},
		Creates: true, Owner: "integration@acme.example", Watched: true,
		Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Writes: true, Scale: -1},
		Fields: []provider.FieldSpec{{Field: "name", Name: "Name", Writes: true, Scale: -1},
			{Field: "tier", Name: "Tier__c", Writes: true, Options: tiers, Scale: -1},
			{Field: "industry", Name: "Industry", Writes: true, Options: []string{"Anything goes"}, Scale: -1}}}
	return s
}

func partnerOrg(t *testing.T) (o *org, id string) {
	t.Helper()
	o = newOrg(t)
	tiers := `{"type":"Picklist","label":"Tier","valueSet":{"restricted":true,"valueSetDefinition":{"sorted":false,"value":[` +
		`{"valueName":"Gold","default":false},{"valueName":"Silver","default":false},{"valueName":"Bronze","default":false}]}}}`
	if err := o.DefineField("Account", "Tier__c", tiers, true); err != nil {
		t.Fatal(err)
	}
	id, err := o.AddRecordType("Account", "Partner", "Partner", map[string][]string{"Tier__c": {"Silver", "Bronze"}})
	if err != nil {
		t.Fatal(err)
	}
	return o, id
}

// What a record type does not allow is no value that a plan lets through, although the field knows it.
func TestPicklistsOfARecordType(t *testing.T) {
	o, id := partnerOrg(t)
	differs := func(spec provider.ObjectSpec) (h resource.Resource, ok bool, paths []string) {
		t.Helper()
		want := expand(t, spec)
		i := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Kind == kindRecordType })
		h, ok = o.describe(t, want)[want[i].Address]
		for _, d := range resource.Differ(want[i], h) {
			paths = append(paths, d.Path)
		}
		return h, ok, paths
	}
	if h, ok, paths := differs(partnerSpec("Partner", "Silver", "Bronze")); !ok || h.ID != id || len(paths) > 0 {
		t.Errorf("described %+v, which differs in %q", h, paths)
	}
	if _, _, paths := differs(partnerSpec("Partner", "Silver", "Gold")); !cmp.Equal(paths, []string{"values of Tier__c"}) {
		t.Errorf("a value that the record type does not allow differs in %q", paths)
	}
	if _, ok, _ := differs(partnerSpec("Nonesuch")); ok {
		t.Error("a record type that is not there is described")
	}
	if _, err := o.p.Expand([]provider.ObjectSpec{partnerSpec("it's")}); err == nil {
		t.Error("a name that can be none is taken")
	}
}

// An end with a record type has its records alone, and gives it to new ones.
func TestRecordsOfARecordType(t *testing.T) {
	o, id := partnerOrg(t)
	other, err := o.AddRecordType("Account", "Customer", "Customer", map[string][]string{"Tier__c": {"Gold"}})
	if err != nil {
		t.Fatal(err)
	}
	ours := o.insert(t, "Account", salesforceemulator.Fields{"Name": "Ours", "RecordTypeId": id})
	theirs := o.insert(t, "Account", salesforceemulator.Fields{"Name": "Theirs", "RecordTypeId": other})
	spec := partnerSpec("Partner", "Silver")
	spec.Settings["where"] = "Name != 'Nobody' OR Name = 'x'"
	resources, _ := o.apply(t, spec)
	r, err := o.p.open(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Shapes()["Tier__c"].Options; !cmp.Equal(got, []string{"Silver", "Bronze"}) {
		t.Errorf("Tier__c offers %q", got)
	}
	all, version := collect(t, r, 0)
	if len(all) != 1 || all[ours].ID == "" {
		t.Errorf("List = %v", all)
	}
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Create, Key: "4711", Fields: record.Fields{"Name": record.OfText("New"), "Tier__c": record.OfChoice("Bronze")}},
		{Op: record.Create, Key: "4712", Fields: record.Fields{"Name": record.OfText("Too good"), "Tier__c": record.OfChoice("Gold")}},
	}})
	if err != nil || results[0].Err != nil || provider.KindOf(results[1].Err) != provider.Invalid {
		t.Fatalf("Write = %+v, %v", results, err)
	}
	if f, _ := o.Record("Account", results[0].ID); fmt.Sprint(f["RecordTypeId"]) != id {
		t.Errorf("the new record is of type %v", f["RecordTypeId"])
	}
	if err := o.Update("", "Account", ours, salesforceemulator.Fields{"RecordTypeId": other, "Tier__c": "Gold"}); err != nil {
		t.Fatal(err)
	}
	if err := o.Update("", "Account", theirs, salesforceemulator.Fields{"Name": "Still theirs"}); err != nil {
		t.Fatal(err)
	}
	changed, _ := collect(t, r, version)
	if changed[ours].State == record.Live || changed[results[0].ID].State != record.Live || changed[theirs].State == record.Live {
		t.Errorf("changed = %+v", changed)
	}
	if !r.scopeNames(changeEvent{changed: map[string]bool{"RecordTypeId": true}}) {
		t.Error("an event that changes the record type does not concern the scope")
	}
}

// Where the User Interface API does not know an sObject, its layouts tell.
func TestAllowedValuesOfLayouts(t *testing.T) {
	const id = "012000000000001AAA"
	o := newFakeOrg(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if strings.Contains(r.URL.Path, "/ui-api/") {
			refuse(w, 404, "NOT_FOUND", "not supported here")
			return
		}
		writeJSON(w, 200, map[string]any{"recordTypeMappings": []any{
			map[string]any{"recordTypeId": "012000000000002AAA", "picklistsForRecordType": []any{}},
			map[string]any{"recordTypeId": id, "picklistsForRecordType": []any{map[string]any{"picklistName": "Tier__c",
				"picklistValues": []any{map[string]any{"active": true, "value": "Silver"}, map[string]any{"active": false, "value": "Gold"}}}}},
		}})
	})
	got, err := o.provider(t).allowedValues(t.Context(), "Odd__c", id)
	if diff := cmp.Diff(map[string][]string{"Tier__c": {"Silver"}}, got); err != nil || diff != "" {
		t.Errorf("allowedValues: %v (-want +got):\n%s", err, diff)
	}
}
