package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/resource"
)

func line(r resource.Resource) string {
	managed := "must exist"
	if r.Managed {
		managed = "managed"
	}
	names := make([]string, 0, len(r.Attributes))
	for n, v := range r.Attributes {
		names = append(names, fmt.Sprintf("%s=%v", n, v))
	}
	slices.Sort(names)
	return strings.TrimSpace(strings.TrimPrefix(r.Address, conn+"/") + ": " + managed + " " + strings.Join(names, " "))
}

func expand(t *testing.T, specs ...provider.ObjectSpec) []resource.Resource {
	t.Helper()
	list, err := (&Provider{}).Expand(specs)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func clientSpec() provider.ObjectSpec {
	return provider.ObjectSpec{
		Object: "client", Connection: conn, Settings: map[string]string{"sobject": "Account"},
		Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Title: "Monday Item Id", Writes: true, Scale: -1},
		Fields: []provider.FieldSpec{
			{Field: "name", Name: "Name", Scale: -1},
			{Field: "industry", Name: "Industry", Writes: true, Options: []string{"Apparel", "Banking"}, Scale: -1},
			{Field: "health", Type: "picklist", Name: "Delivery_Health__c", Title: "Health", Writes: true, Options: []string{"Good", "Bad"}, Scale: -1},
			{Field: "parent", Type: "lookup", Name: "Deal__c", Title: "Deal", Writes: true, Refers: "deal", Scale: -1},
			{Field: "cost", Type: "number", Name: "Cost__c", Title: "Cost", Writes: true, Scale: 4},
		},
	}
}

func TestExpand(t *testing.T) {
	var got []string
	for _, r := range expand(t, dealSpec(), clientSpec()) {
		got = append(got, line(r))
	}
	want := []string{
		"sobject/Opportunity: must exist",
		"sobject/Opportunity/field/Name: must exist",
		"sobject/Opportunity/field/AccountId: must exist",
		"sobject/Opportunity/field/Amount: must exist",
		"sobject/Opportunity/field/Delivery_Progress__c: managed type=percent",
		"sobject/Opportunity/field/Monday_Item_Id__c: managed external_id=true type=text unique=true",
		"sobject/Opportunity/record_owner/deal: must exist active=true matches=1 sobjects=[Opportunity]",
		"permission_set/Accord_crm: managed beyond_contract= name=Accord_crm",
		"permission_set/Accord_crm/assignment/integration_user: managed",
		"permission_set/Accord_crm/object_permission/Account: managed create=false delete=false edit=true read=true view_all=true",
		"permission_set/Accord_crm/object_permission/Opportunity: managed create=true delete=false edit=true read=true view_all=true",
		"permission_set/Accord_crm/field_permission/Opportunity.AccountId: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Opportunity.Amount: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Opportunity.Delivery_Progress__c: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Opportunity.Monday_Item_Id__c: managed edit=true read=true",
		"channel/ChangeEvents/channel_member/OpportunityChangeEvent: managed channel=ChangeEvents",
		"sobject/Account: must exist",
		"sobject/Account/field/Name: must exist",
		"sobject/Account/field/Industry: must exist options=[Apparel Banking]",
		"sobject/Account/field/Delivery_Health__c: managed options=[Good Bad] type=picklist",
		"sobject/Account/field/Deal__c: managed reference_to=[Opportunity] type=lookup",
		"sobject/Account/field/Cost__c: managed scale=4 type=number",
		"sobject/Account/field/Monday_Item_Id__c: managed external_id=true type=text unique=true",
		"permission_set/Accord_crm/field_permission/Account.Industry: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Account.Delivery_Health__c: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Account.Deal__c: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Account.Cost__c: managed edit=true read=true",
		"permission_set/Accord_crm/field_permission/Account.Monday_Item_Id__c: managed edit=true read=true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestExpandIsWhole(t *testing.T) {
	list := expand(t, dealSpec(), clientSpec())
	known := map[string]bool{}
	for _, r := range list {
		if known[r.Address] {
			t.Errorf("%s comes twice", r.Address)
		}
		known[r.Address] = true
	}
	for _, r := range list {
		for _, d := range r.DependsOn {
			if !known[d] {
				t.Errorf("%s depends on %s, which nobody lists", r.Address, d)
			}
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	with := func(f provider.FieldSpec) provider.ObjectSpec {
		s := dealSpec()
		s.Fields = append(slices.Clip(s.Fields), f)
		return s
	}
	bad := dealSpec()
	bad.Settings = map[string]string{"sobject": "Opportunity; DELETE"}
	tests := []struct {
		spec provider.ObjectSpec
		want string
	}{
		{bad, "API name of an sObject"},
		{with(provider.FieldSpec{Type: "rating", Name: "R__c"}), "no field type"},
		{with(provider.FieldSpec{Type: "text", Name: "Industry"}), "__c"},
		{with(provider.FieldSpec{Type: "lookup", Name: "L__c", Refers: "nobody"}), "reference"},
		{with(provider.FieldSpec{Name: "Account.Name"}), "API name of a field"},
	}
	for _, test := range tests {
		if _, err := (&Provider{}).Expand([]provider.ObjectSpec{test.spec}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Expand = %v, want %q", err, test.want)
		}
	}
}

func TestSetName(t *testing.T) {
	for connection, want := range map[string]string{
		"salesforce.crm": "Accord_crm", "salesforce.my-org__2_": "Accord_my_org_2", "crm": "Accord_crm",
	} {
		if got := setName(connection); got != want {
			t.Errorf("setName(%q) = %q, want %q", connection, got, want)
		}
	}
}

func TestPermissionField(t *testing.T) {
	for name, want := range map[string]string{
		"BillingStreet": "BillingAddress", "MailingStateCode": "MailingAddress", "City": "Address", "StageName": "StageName",
		"Capacity": "Capacity", "Home_City__c": "Home_City__c", "LeadSource": "LeadSource",
	} {
		if got := permissionField(name); got != want {
			t.Errorf("permissionField(%q) = %q, want %q", name, got, want)
		}
	}
	if !sameField("Opportunity.AccountId", "Opportunity.Account") || sameField("Opportunity.Amount", "Opportunity.Account") || sameField("A.Paid__c", "A.Pa__c") {
		t.Error("fields of permissions are not compared as the vendor names them")
	}
}

func TestEventEntity(t *testing.T) {
	for object, want := range map[string]string{
		"Account": "AccountChangeEvent", "Invoice__c": "Invoice__ChangeEvent", "ns__Invoice__c": "ns__Invoice__ChangeEvent",
	} {
		if got := eventEntity(object); got != want {
			t.Errorf("eventEntity(%q) = %q, want %q", object, got, want)
		}
	}
}

// What Describe says of a field is what Records reads back from it.
func TestAttributesKeepTheShape(t *testing.T) {
	for _, f := range []fieldDescribe{
		{Name: "A", Type: "string", Length: 80, Updateable: true},
		{Name: "B", Type: "currency", Precision: 18, Scale: 2, Nillable: true, Updateable: true},
		{Name: "C", Type: "int", Digits: 8, Nillable: true},
		{Name: "D", Type: "multipicklist", PicklistValues: []picklistValue{{true, "x"}, {false, "y"}, {true, "z"}}, RestrictedPicklist: true},
		{Name: "E", Type: "reference", ReferenceTo: []string{"Group", "User"}, Updateable: true},
		{Name: "F", Type: "boolean"},
	} {
		want, _ := shapeOf(f)
		got, ok := shapeOf(describeOf(fieldAttributes(f)))
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("shape of %s (-want +got):\n%s", f.Name, diff)
		}
	}
}

func TestOpenPicklistsTakeWhatIsWanted(t *testing.T) {
	f := fieldDescribe{Name: "Industry", Type: "picklist", PicklistValues: []picklistValue{{true, "Banking"}}}
	w := resource.Resource{Attributes: map[string]any{"options": []any{"Fintech"}}}
	if d := resource.Differ(w, found(w, "Account.Industry", accepting(w, f))); len(d) > 0 {
		t.Errorf("an open picklist differs: %v", d)
	}
	if shape, _ := shapeOf(describeOf(accepting(w, f))); !slices.Equal(shape.Options, []string{"Banking"}) || !shape.Open {
		t.Errorf("shape = %+v, want what the org lists", shape)
	}
	w.Managed = true
	if d := resource.Differ(w, found(w, "Account.Industry", accepting(w, f))); len(d) != 1 {
		t.Errorf("one that apply manages: %v", d)
	}
	w.Managed, f.RestrictedPicklist = false, true
	if d := resource.Differ(w, found(w, "Account.Industry", accepting(w, f))); len(d) != 1 {
		t.Errorf("a restricted one: %v", d)
	}
}

// Every word that FieldShape knows can be created, and is recognised when it is described.
func TestEveryTypeCanBeCreated(t *testing.T) {
	p := &Provider{}
	for word, ft := range fieldTypes {
		shape, ok := p.FieldShape(word)
		if !ok || shape.Type == "" {
			t.Errorf("FieldShape(%q) = %+v, %t", word, shape, ok)
		}
		length := shape.MaxLength
		if got := wordOf(fieldDescribe{Type: shape.Type, Length: length}); got != word {
			t.Errorf("a created %s is described as %s", word, got)
		}
		w := resource.Resource{Name: "X", Attributes: map[string]any{"type": word, "options": []any{"a"}, "reference_to": []any{"Account"}}}
		m, err := fieldMetadata(w, place{conn, "Account", "X__c"})
		if err != nil || m[0].value != ft.vendor {
			t.Errorf("metadata of %s = %v, %v", word, m, err)
		}
	}
	if _, ok := p.FieldShape("status"); ok {
		t.Error("FieldShape knows a type of another vendor")
	}
}

func TestWordOfDefinition(t *testing.T) {
	for text, want := range map[string]string{
		"Text(64) (External ID) (Unique Case Insensitive)": "text", "Long Text Area(32768)": "long_text", "Number(16, 2)": "number",
		"Currency(16, 2)": "currency", "Percent(16, 2)": "percent", "Checkbox": "checkbox", "Date": "date", "Date/Time": "datetime",
		"Email": "email", "Phone": "phone", "URL(255)": "url", "Picklist": "picklist", "Picklist (Multi-Select)": "multipicklist", "Lookup(Account)": "lookup",
	} {
		if got := wordOfDefinition(text); got != want {
			t.Errorf("wordOfDefinition(%q) = %q, want %q", text, got, want)
		}
	}
}
