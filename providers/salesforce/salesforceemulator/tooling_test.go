package salesforceemulator

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (c *testClient) toolingQuery(soql string) answer {
	c.t.Helper()
	return c.do("GET", "/tooling/query?q="+url.QueryEscape(soql), nil)
}

func field(name, meta string) string { return `{"FullName":"` + name + `","Metadata":` + meta + `}` }

// A field made by the Tooling API is there, and nobody sees it until field permissions say so.
func TestCustomFieldAndPermission(t *testing.T) {
	c := serve(t)
	id := c.do("POST", "/tooling/sobjects/CustomField", field("Account.Monday_Item_Id__c", `{"type":"Text","label":"monday item id","length":64,"externalId":true,"unique":true,"caseSensitive":true}`)).want(201, `"warnings":[]`).id()
	if !strings.HasPrefix(id, "00N") {
		t.Errorf("field id %s", id)
	}
	describe := func() string { return c.do("GET", "/sobjects/Account/describe", nil).want(200).raw }
	if strings.Contains(describe(), "Monday_Item_Id__c") {
		t.Error("describe shows a field nobody may read")
	}
	c.query("SELECT Monday_Item_Id__c FROM Account").want(400, "INVALID_FIELD", "No such column 'Monday_Item_Id__c' on entity 'Account'")
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Monday_Item_Id__c": "1"}).want(400, "INVALID_FIELD")
	c.toolingQuery("SELECT QualifiedApiName, DataType, IsIndexed FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName='Account' AND QualifiedApiName = 'Monday_Item_Id__c'").
		want(200, `"DataType":"Text(64) (External ID) (Unique Case Sensitive)"`, `"IsIndexed":true`, `"size":1`, `"entityTypeName":"FieldDefinition"`)
	c.toolingQuery("SELECT Id, DeveloperName, TableEnumOrId, FullName, Metadata FROM CustomField WHERE DeveloperName='Monday_Item_Id' AND TableEnumOrId='Account'").
		want(200, `"FullName":"Account.Monday_Item_Id__c"`, `"caseSensitive":true`, `"length":64`)
	c.do("GET", "/tooling/sobjects/CustomField/"+id, nil).want(200, `"externalId":true`)
	c.do("POST", "/tooling/sobjects/CustomField", field("Account.monday_item_id__c", `{"type":"Text","label":"x","length":6}`)).want(400, "DUPLICATE_DEVELOPER_NAME")

	set := c.do("POST", "/sobjects/PermissionSet", obj{"Name": "Accord", "Label": "Accord"}).id()
	c.do("POST", "/sobjects/FieldPermissions", obj{"ParentId": set, "SobjectType": "Account", "Field": "Account.Name", "PermissionsRead": true}).want(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
	fp := c.do("POST", "/sobjects/FieldPermissions", obj{"ParentId": set, "SobjectType": "Account", "Field": "Account.Monday_Item_Id__c", "PermissionsRead": true, "PermissionsEdit": false}).id()
	if strings.Contains(describe(), "Monday_Item_Id__c") {
		t.Error("an unassigned permission set takes effect")
	}
	c.do("POST", "/sobjects/PermissionSetAssignment", obj{"AssigneeId": c.userID(), "PermissionSetId": set}).id()
	if !strings.Contains(describe(), "Monday_Item_Id__c") {
		t.Error("describe hides a field that may be read")
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Monday_Item_Id__c": "1"}).want(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Monday_Item_Id__c")
	c.do("PATCH", "/sobjects/FieldPermissions/"+fp, obj{"PermissionsEdit": true}).want(204)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Monday_Item_Id__c": "1"}).want(201)
	c.query("SELECT Field, PermissionsEdit, Parent.Name, Parent.IsOwnedByProfile FROM FieldPermissions WHERE SobjectType='Account' AND Field = 'Account.Monday_Item_Id__c' AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId='"+c.userID()+"')").
		want(200, `"totalSize":1`, `"PermissionsEdit":true`)
	c.do("PATCH", "/sobjects/FieldPermissions/"+fp, obj{"PermissionsRead": false, "PermissionsEdit": false}).want(204)
	c.query("SELECT COUNT() FROM FieldPermissions WHERE Field = 'Account.Monday_Item_Id__c'").want(200, `"totalSize":0`) // a row that grants nothing is gone
	c.do("DELETE", "/tooling/sobjects/CustomField/"+id, nil).want(405)
}

func (c *testClient) userID() string {
	c.t.Helper()
	u, ok := c.e.FindUser("integration@acme.example")
	if !ok {
		c.t.Fatal("no integration user")
	}
	return u.ID
}

func TestFieldTypes(t *testing.T) {
	c := serve(t)
	values := `"valueSet":{"restricted":true,"valueSetDefinition":{"sorted":false,"value":[{"valueName":"New","default":true,"isActive":true,"label":"New"},{"valueName":"Old"}]}}`
	type described = map[string]any
	types := []struct {
		name, meta string
		want       described
	}{
		{"Text", `{"type":"Text","label":"x","length":10}`, described{"type": "string", "length": 10.0, "soapType": "xsd:string"}},
		{"Secret", `{"type":"EncryptedText","label":"x","length":20}`, described{"type": "encryptedstring", "encrypted": true}},
		{"Number", `{"type":"Number","label":"x","precision":10,"scale":2}`, described{"type": "double", "precision": 10.0, "scale": 2.0}},
		{"Checkbox", `{"type":"Checkbox","label":"x","defaultValue":true}`, described{"type": "boolean", "nillable": false, "defaultValue": true}},
		{"Date", `{"type":"Date","label":"x"}`, described{"type": "date", "soapType": "xsd:date"}},
		{"DateTime", `{"type":"DateTime","label":"x"}`, described{"type": "datetime", "soapType": "xsd:dateTime"}},
		{"Time", `{"type":"Time","label":"x"}`, described{"type": "time", "soapType": "xsd:time"}},
		{"Currency", `{"type":"Currency","label":"x","precision":18,"scale":2}`, described{"type": "currency", "scale": 2.0}},
		{"Percent", `{"type":"Percent","label":"x","precision":5,"scale":2}`, described{"type": "percent"}},
		{"Email", `{"type":"Email","label":"x","externalId":true,"unique":true}`, described{"type": "email", "length": 80.0, "externalId": true, "unique": true}},
		{"Phone", `{"type":"Phone","label":"x"}`, described{"type": "phone", "length": 40.0}},
		{"Url", `{"type":"Url","label":"x"}`, described{"type": "url", "length": 255.0}},
		{"TextArea", `{"type":"TextArea","label":"x"}`, described{"type": "textarea", "length": 255.0, "filterable": true}},
		{"LongTextArea", `{"type":"LongTextArea","label":"x","length":32768,"visibleLines":3}`, described{"type": "textarea", "length": 32768.0, "filterable": false, "sortable": false}},
		{"Html", `{"type":"Html","label":"x","length":32768,"visibleLines":10}`, described{"type": "textarea", "htmlFormatted": true, "extraTypeInfo": "richtextarea"}},
		{"Picklist", `{"type":"Picklist","label":"x",` + values + `}`, described{"type": "picklist", "restrictedPicklist": true, "defaultedOnCreate": true}},
		{"Multi", `{"type":"MultiselectPicklist","label":"x","visibleLines":4,` + values + `}`, described{"type": "multipicklist", "length": 4099.0, "sortable": false}},
		{"Lookup", `{"type":"Lookup","label":"x","referenceTo":"Contact","relationshipName":"Accs"}`, described{"type": "reference", "relationshipName": "Lookup__r", "referenceTo": list{"Contact"}}},
		{"Auto", `{"type":"AutoNumber","label":"x","displayFormat":"A-{0000}"}`, described{"type": "string", "autoNumber": true, "createable": false, "updateable": false}},
		{"Formula", `{"type":"Number","label":"x","precision":18,"scale":1,"formula":"Number__c * 2"}`, described{"type": "double", "calculated": true, "createable": false, "updateable": false}},
		{"Spelled", `{"type":"Text","label":"x","formula":"UPPER(Text__c) & \"!\""}`, described{"type": "string", "calculated": true, "length": 1300.0}},
		{"Place", `{"type":"Location","label":"x","scale":3}`, described{"type": "location", "queryByDistance": true}},
	}
	for _, tt := range types {
		c.do("POST", "/tooling/sobjects/CustomField", field("Account."+tt.name+"__c", tt.meta)).want(201)
	}
	if err := c.e.DefineField("Account", "Last__c", `{"type":"Date","label":"x"}`, true); err != nil { // makes all visible
		t.Fatal(err)
	}
	all := c.do("GET", "/sobjects/Account/describe", nil).want(200).get()
	for _, tt := range types {
		got := fieldOf(all, tt.name+"__c")
		for k, v := range tt.want {
			if d := cmp.Diff(v, got[k]); d != "" {
				t.Errorf("%s: %s (-want +described):\n%s", tt.name, k, d)
			}
		}
	}
	contact := c.do("POST", "/sobjects/Contact", obj{"LastName": "x"}).id()
	c.do("POST", "/sobjects/Account", obj{"Name": " x ", "Text__c": " tidy ", "Multi__c": "Old;New;old", "Number__c": 1.005, "Percent__c": 10, "Time__c": "13:05:00", "Date__c": "2026-02-28",
		"DateTime__c": "2026-02-28T10:00:00+01:00", "Html__c": "<b>x</b>", "Lookup__c": contact, "Place__Latitude__s": 52.5, "Place__Longitude__s": 13.4, "TextArea__c": ""}).want(201)
	c.query("SELECT Name, Text__c, Multi__c, Picklist__c, Checkbox__c, Number__c, Time__c, DateTime__c, Auto__c, Formula__c, Spelled__c, Lookup__r.LastName, TextArea__c FROM Account").
		want(200, `"Name":"x"`, `"Text__c":"tidy"`, `"Multi__c":"New;Old"`, `"Picklist__c":"New"`, `"Checkbox__c":true`, `"Number__c":1.01`, `"Time__c":"13:05:00.000Z"`,
			`"DateTime__c":"2026-02-28T09:00:00.000+0000"`, `"Auto__c":"A-0001"`, `"Formula__c":2.0`, `"Spelled__c":"TIDY!"`, `"LastName":"x"`, `"TextArea__c":null`)
	for name, value := range map[string]any{"Formula__c": 1, "Auto__c": "A-7"} {
		c.do("POST", "/sobjects/Account", obj{"Name": "x", name: value}).want(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Picklist__c": "Nope"}).want(400, "bad value for restricted picklist field: Nope", `"fields":["Picklist__c"]`)

	for _, tt := range []struct{ name, meta, want string }{
		{"Account.Bad Name__c", `{"type":"Text","label":"x","length":10}`, "FIELD_INTEGRITY_EXCEPTION"},
		{"Account.A__c", `{"type":"Text","label":"x","length":256}`, "between 1 and 255"},
		{"Account.A__c", `{"type":"Magic","label":"x"}`, "FieldType"},
		{"Account.A__c", `{"type":"Date","label":"x","externalId":true}`, "externalId"},
		{"Account.A__c", `{"type":"Lookup","label":"x","referenceTo":"Nope"}`, "does not resolve"},
		{"Nope.A__c", `{"type":"Date","label":"x"}`, "cannot be found"},
		{"Account.A__c", `{"type":"Picklist","label":"x"}`, "valueSet"},
		{"Account.A__c", `null`, "Metadata"},
	} {
		c.do("POST", "/tooling/sobjects/CustomField", field(tt.name, tt.meta)).want(400, tt.want)
	}
}

// Each record type offers its own values, in layouts as in the UI API; dependent values say what they depend on.
func TestLayoutsOfRecordTypes(t *testing.T) {
	c := serve(t)
	if err := c.e.DefineField("Account", "Tier__c", `{"type":"Picklist","label":"Tier","valueSet":{"restricted":true,"valueSetDefinition":{"value":[{"valueName":"Gold"},{"valueName":"Silver","default":true}]}}}`, true); err != nil {
		t.Fatal(err)
	}
	one := c.do("GET", "/sobjects/Account/describe/layouts", nil).want(200, `"recordTypeSelectorRequired":[false]`)
	if layouts, _ := one.get("layouts").([]any); len(layouts) != 1 {
		t.Errorf("%d layouts of an object without record types", len(layouts))
	}
	rt, err := c.e.AddRecordType("Account", "Partner", "Partner", map[string][]string{"Tier__c": {"Silver"}})
	if err != nil {
		t.Fatal(err)
	}
	a := c.do("GET", "/sobjects/Account/describe/layouts", nil).want(200)
	if a.get("layouts") != nil || a.get("recordTypeMappings", 0, "recordTypeId") != rt || a.get("recordTypeMappings", 1, "master") != true {
		t.Errorf("the answer for two record types: %.300s", a.raw)
	}
	offered := func(mapping int) string {
		for _, p := range a.get("recordTypeMappings", mapping, "picklistsForRecordType").([]any) {
			if list := p.(obj); list["picklistName"] == "Tier__c" {
				raw, err := json.Marshal(list["picklistValues"])
				if err != nil {
					t.Fatal(err)
				}
				return string(raw)
			}
		}
		return ""
	}
	const gold, silver = `{"active":true,"defaultValue":false,"label":"Gold","validFor":null,"value":"Gold"}`, `{"active":true,"defaultValue":true,"label":"Silver","validFor":null,"value":"Silver"}`
	if d := cmp.Diff([]string{"[" + silver + "]", "[" + gold + "," + silver + "]"}, []string{offered(0), offered(1)}); d != "" {
		t.Error(d)
	}
	c.do("GET", "/sobjects/Account/describe/layouts/"+rt, nil).want(200, `"detailLayoutSections":[{`, `"value":"Tier__c"`)
	c.do("GET", "/sobjects/Account/describe/layouts/012000000000009AAA", nil).want(404)
	c.do("GET", "/sobjects/Nope/describe/layouts", nil).want(404)
}

func TestFieldUpdate(t *testing.T) {
	c := serve(t)
	value := func(names ...string) string {
		var out []string
		for _, n := range names {
			out = append(out, `{"valueName":"`+n+`"}`)
		}
		return `{"type":"Picklist","label":"Health","valueSet":{"restricted":true,"valueSetDefinition":{"value":[` + strings.Join(out, ",") + `]}}}`
	}
	id := c.do("POST", "/tooling/sobjects/CustomField", field("Account.Health__c", value("Good", "Bad"))).id()
	c.do("PATCH", "/tooling/sobjects/CustomField/"+id, `{"Metadata":`+value("Good", "Worse")+`}`).want(204)
	c.do("GET", "/tooling/sobjects/CustomField/"+id, nil).want(200, `"isActive":false,"label":"Bad"`, `"valueName":"Worse"`)
	c.do("PATCH", "/tooling/sobjects/CustomField/"+id, `{"Metadata":{"type":"Text","label":"x","length":3}}`).want(400, "FIELD_INTEGRITY_EXCEPTION")
}

func TestChannels(t *testing.T) {
	c := serve(t)
	ch := c.do("POST", "/tooling/sobjects/PlatformEventChannel", `{"FullName":"Accord__chn","Metadata":{"channelType":"data","label":"accord"}}`).id()
	m := c.do("POST", "/tooling/sobjects/PlatformEventChannelMember", `{"FullName":"Accord_chn_AccountChangeEvent","Metadata":{"eventChannel":"Accord__chn","selectedEntity":"AccountChangeEvent","enrichedFields":[{"name":"Industry"}]}}`).id()
	if !strings.HasPrefix(ch, "0YL") || !strings.HasPrefix(m, "0v8") {
		t.Errorf("ids %s, %s", ch, m)
	}
	c.do("POST", "/tooling/sobjects/PlatformEventChannelMember", `{"FullName":"ChangeEvents_AccountChangeEvent","Metadata":{"eventChannel":"ChangeEvents","selectedEntity":"AccountChangeEvent"}}`).want(201)
	c.toolingQuery("SELECT Id, DeveloperName, EventChannel, SelectedEntity FROM PlatformEventChannelMember").want(200, `"EventChannel":"`+ch+`"`, `"EventChannel":"ChangeEvents"`, `"totalSize":2`)
	c.toolingQuery("SELECT Id, FullName FROM PlatformEventChannelMember").want(400, "must return no more than one row")
	c.toolingQuery("SELECT FullName, Metadata FROM PlatformEventChannelMember WHERE Id = '"+m+"'").want(200, `"enrichedFields":[{"name":"Industry"}]`)
	c.toolingQuery("SELECT ChannelMemberId, Field FROM EnrichedField").want(200, `"Field":"Industry"`)
	c.do("PATCH", "/tooling/sobjects/PlatformEventChannelMember/"+m, `{"Metadata":{"filterExpression":"Name != null"}}`).want(400, "REQUIRED_FIELD_MISSING")
	c.do("PATCH", "/tooling/sobjects/PlatformEventChannelMember/"+m, `{"Metadata":{"eventChannel":"Accord__chn","selectedEntity":"ContactChangeEvent"}}`).want(400, "cannot be changed")
	c.do("PATCH", "/tooling/sobjects/PlatformEventChannelMember/"+m, `{"Metadata":{"eventChannel":"Accord__chn","selectedEntity":"AccountChangeEvent"}}`).want(204)
	c.do("POST", "/tooling/sobjects/PlatformEventChannelMember", `{"FullName":"x","Metadata":{"eventChannel":"ChangeEvents","selectedEntity":"NopeChangeEvent"}}`).want(400)
	for i, e := range []string{"Contact", "Opportunity", "Lead", "Case", "Asset"} {
		a := c.do("POST", "/tooling/sobjects/PlatformEventChannelMember", `{"FullName":"ChangeEvents_`+e+`ChangeEvent","Metadata":{"eventChannel":"ChangeEvents","selectedEntity":"`+e+`ChangeEvent"}}`)
		if i < 4 {
			a.want(201)
		} else {
			a.want(400, "LIMIT_EXCEEDED") // five entities, however many channels
		}
	}
	c.do("DELETE", "/tooling/sobjects/PlatformEventChannel/"+ch, nil).want(400)
	c.do("DELETE", "/tooling/sobjects/PlatformEventChannelMember/"+m, nil).want(204)
	c.do("DELETE", "/tooling/sobjects/PlatformEventChannel/"+ch, nil).want(204)
	c.toolingQuery("SELECT COUNT() FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account'").want(400, "not yet supported")
	c.toolingQuery("SELECT DurableId FROM FieldDefinition").want(400, "reified column")
	c.toolingQuery("SELECT QualifiedApiName, KeyPrefix FROM EntityDefinition WHERE QualifiedApiName IN ('Account')").want(200, `"KeyPrefix":"001"`)
}

func TestGlobalValueSet(t *testing.T) {
	c := serve(t)
	id := c.do("POST", "/tooling/sobjects/GlobalValueSet", `{"FullName":"Colours","Metadata":{"masterLabel":"Colours","sorted":false,"customValue":[{"valueName":"Red","label":"Red"}]}}`).id()
	c.do("POST", "/tooling/sobjects/CustomField", field("Account.Colour__c", `{"type":"Picklist","label":"Colour","valueSet":{"valueSetName":"Colours"}}`)).want(201)
	c.do("PATCH", "/tooling/sobjects/GlobalValueSet/"+id, `{"Metadata":{"masterLabel":"Colours","customValue":[{"valueName":"Red"},{"valueName":"Blue"}]}}`).want(204)
	if err := c.e.direct("", grantAccount); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Colour__c": "blue"}).want(201)
	c.toolingQuery("SELECT FullName, Metadata FROM GlobalValueSet WHERE DeveloperName = 'Colours'").want(200, `"valueName":"Blue"`)
	c.do("GET", "/tooling/sobjects/GlobalValueSet/"+id, nil).want(200, `"customValue":[`)
	c.do("DELETE", "/tooling/sobjects/GlobalValueSet/"+id, nil).want(400, "DEPENDENCY_EXISTS", "Account.Colour__c")
	if err := c.e.RemoveField("Account", "Colour__c"); err != nil {
		t.Fatal(err)
	}
	c.do("DELETE", "/tooling/sobjects/GlobalValueSet/"+id, nil).want(204)
}

func TestLeastPrivileged(t *testing.T) {
	c := serve(t, func(o *Options) { o.LeastPrivileged = true })
	c.query("SELECT Id FROM Account").want(400, "INVALID_TYPE")
	c.do("POST", "/sobjects/Account", obj{"Name": "x"}).want(404)
	set := c.do("POST", "/sobjects/PermissionSet", obj{"Name": "Sync", "Label": "Sync"}).id()
	c.do("POST", "/sobjects/ObjectPermissions", obj{"ParentId": set, "SobjectType": "Account", "PermissionsCreate": true}).want(400, "depends on")
	c.do("POST", "/sobjects/ObjectPermissions", obj{"ParentId": set, "SobjectType": "Account", "PermissionsRead": true, "PermissionsCreate": true}).want(201)
	c.do("POST", "/sobjects/PermissionSetAssignment", obj{"AssigneeId": c.userID(), "PermissionSetId": set}).want(201)
	id := c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Industry": "Energy"}).want(400, "No such column 'Industry'")
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Name": "y"}).want(400, "INSUFFICIENT_ACCESS_OR_READONLY")
	d := c.do("GET", "/sobjects/Account/describe", nil).want(200, `"createable":true`, `"updateable":false`)
	if strings.Contains(d.raw, `"name":"Industry"`) || strings.Contains(d.raw, `"name":"BillingCity"`) || !strings.Contains(d.raw, `"name":"Name"`) {
		t.Error("describe is not filtered by field permissions")
	}
}

// Definitions made inside a transaction that fails are taken back with it.
func TestDefinitionsRollBack(t *testing.T) {
	c := serve(t)
	part := func(ref, path, body string) string {
		return `{"method":"POST","url":"` + v68 + path + `","referenceId":"` + ref + `","body":` + body + `}`
	}
	parts := []string{
		part("f", "/tooling/sobjects/CustomField", field("Account.Gone__c", `{"type":"Checkbox","label":"x"}`)),
		part("c", "/tooling/sobjects/PlatformEventChannel", `{"FullName":"Gone__chn","Metadata":{"channelType":"data","label":"x"}}`),
		part("bad", "/sobjects/Account", `{}`),
	}
	for range 2 {
		c.do("POST", "/composite", `{"allOrNone":true,"compositeRequest":[`+strings.Join(parts, ",")+`]}`).want(200, "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED")
	}
	c.toolingQuery("SELECT Id FROM CustomField").want(200, `"totalSize":0`)
	c.toolingQuery("SELECT Id FROM PlatformEventChannel").want(200, `"totalSize":0`)
	c.do("POST", "/composite", `{"allOrNone":true,"compositeRequest":[`+strings.Join(parts[:2], ",")+`]}`).want(200)
	c.toolingQuery("SELECT Id FROM PlatformEventChannel").want(200, `"totalSize":1`)
}
