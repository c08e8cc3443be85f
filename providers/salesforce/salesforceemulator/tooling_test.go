package salesforceemulator

import (
	"net/url"
	"strings"
	"testing"
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
	for _, tt := range []struct{ name, meta, want string }{
		{"Text", `{"type":"Text","label":"x","length":10}`, `"type":"string"`},
		{"Number", `{"type":"Number","label":"x","precision":10,"scale":2}`, `"type":"double"`},
		{"Checkbox", `{"type":"Checkbox","label":"x","defaultValue":true}`, `"type":"boolean"`},
		{"Date", `{"type":"Date","label":"x"}`, `"type":"date"`},
		{"DateTime", `{"type":"DateTime","label":"x"}`, `"type":"datetime"`},
		{"Currency", `{"type":"Currency","label":"x","precision":18,"scale":2}`, `"type":"currency"`},
		{"Percent", `{"type":"Percent","label":"x","precision":5,"scale":2}`, `"type":"percent"`},
		{"Email", `{"type":"Email","label":"x"}`, `"type":"email"`},
		{"Phone", `{"type":"Phone","label":"x"}`, `"type":"phone"`},
		{"Url", `{"type":"Url","label":"x"}`, `"type":"url"`},
		{"TextArea", `{"type":"TextArea","label":"x"}`, `"type":"textarea"`},
		{"LongTextArea", `{"type":"LongTextArea","label":"x","length":32768,"visibleLines":3}`, `"length":32768`},
		{"Picklist", `{"type":"Picklist","label":"x",` + values + `}`, `"restrictedPicklist":true`},
		{"Multi", `{"type":"MultiselectPicklist","label":"x","visibleLines":4,` + values + `}`, `"type":"multipicklist"`},
		{"Lookup", `{"type":"Lookup","label":"x","referenceTo":"Contact","relationshipName":"Accs"}`, `"referenceTo":["Contact"]`},
	} {
		c.do("POST", "/tooling/sobjects/CustomField", field("Account."+tt.name+"__c", tt.meta)).want(201)
	}
	if err := c.e.DefineField("Account", "Last__c", `{"type":"Date","label":"x"}`, true); err != nil { // makes all visible
		t.Fatal(err)
	}
	all := c.do("GET", "/sobjects/Account/describe", nil).want(200)
	for _, f := range all.get("fields").([]any) {
		name, _ := f.(map[string]any)["name"].(string)
		if name == "Picklist__c" && f.(map[string]any)["defaultedOnCreate"] != true {
			t.Errorf("a default value does not show: %v", f)
		}
	}
	all.want(200, `"restrictedPicklist":true`, `"type":"multipicklist"`, `"referenceTo":["Contact"]`, `"length":32768`)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Multi__c": "Old;New;old", "Number__c": 1.005, "Percent__c": 10}).want(201)
	c.query("SELECT Multi__c, Picklist__c, Checkbox__c, Number__c FROM Account").want(200, `"Multi__c":"New;Old"`, `"Picklist__c":"New"`, `"Checkbox__c":true`, `"Number__c":1.01`)
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
