package salesforceemulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const extField = `{"type":"Text","label":"Key","length":64,"externalId":true,"unique":true}`

// withKey adds a unique external id to Account.
func withKey(t *testing.T, c *testClient, objects ...string) {
	t.Helper()
	for _, o := range append(objects, "Account") {
		if err := c.e.DefineField(o, "Key__c", extField, true); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVersionsAndResources(t *testing.T) {
	c := serve(t)
	c.tok = ""
	c.do("GET", "/services/data", nil).want(200, `{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}`, `{"label":"Winter '27","url":"/services/data/v68.0","version":"68.0"}`)
	c.do("GET", "/sobjects", nil).want(401, "INVALID_SESSION_ID")
	c.tok = testToken
	c.do("GET", "", nil).want(200, `"sobjects":"/services/data/v68.0/sobjects"`)
	c.do("GET", "/services/data/v25.0/limits", nil).want(410, "UNSUPPORTED_API_VERSION")
	c.do("GET", "/services/data/v99.0/limits", nil).want(404)
	c.do("PUT", "/sobjects/Account", nil).want(405, "METHOD_NOT_ALLOWED")
	c.do("GET", "/sobjects", nil).want(200, `"maxBatchSize":200`, `"name":"Account"`)
	c.do("GET", "/sobjects/Nope/describe", nil).want(404, `[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]`)
}

func TestRowLife(t *testing.T) {
	c := serve(t)
	a := c.do("POST", "/sobjects/Account", obj{"Name": "  Acme ", "Website": "", "AnnualRevenue": 40000, "NumberOfEmployees": 7}).want(201, `"success":true,"errors":[]`)
	id := a.id()
	if got := a.header.Get("Location"); got != v68+"/sobjects/Account/"+id {
		t.Errorf("Location %s", got)
	}
	c.do("GET", "/sobjects/Account/"+id, nil).want(200, `"Name":"Acme"`, `"Website":null`, `"AnnualRevenue":40000.0`, `"NumberOfEmployees":7`,
		`"CreatedDate":"2026-11-23T12:00:00.000+0000"`, `"BillingAddress":null`)
	c.do("GET", "/sobjects/account/"+id[:15]+"?fields=Name,Id", nil).want(200, `"attributes":{"type":"Account","url":"`+v68+`/sobjects/Account/`+id+`"},"Name":"Acme"`)
	if a := c.do("PATCH", "/sobjects/Account/"+id, obj{"Name": "Acme 2"}).want(204); a.raw != "" {
		t.Errorf("204 with a body: %s", a.raw)
	}
	c.do("PATCH", "/sobjects/Account/"+id, `{"Name": "x"`).want(400, "JSON_PARSER_ERROR")
	c.do("PATCH", "/sobjects/Account/"+id, "{\"Name\": \"\xff\"}").want(400, "JSON_PARSER_ERROR")
	c.do("PATCH", "/sobjects/Account/001000000000001AAA", obj{"Name": "x"}).want(404, "NOT_FOUND")
	c.do("DELETE", "/sobjects/Account/"+id, nil).want(204)
	c.do("DELETE", "/sobjects/Account/"+id, nil).want(404, `[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED"}]`)
	c.do("GET", "/sobjects/Account/"+id, nil).want(404, "ENTITY_IS_DELETED")
	c.query("SELECT COUNT() FROM Account").want(200, `"totalSize":0,"done":true`)
	c.do("GET", "/queryAll?q="+url.QueryEscape("SELECT Id, IsDeleted FROM Account"), nil).want(200, `"IsDeleted":true`)
}

func TestUpsertByExternalID(t *testing.T) {
	c := serve(t)
	withKey(t, c, "Opportunity")
	path := "/sobjects/Account/Key__c/" + url.PathEscape("a/B 1")
	c.do("PATCH", path, obj{"Name": "One"}).want(201, `"created":true`)
	c.do("PATCH", strings.ToLower(path[:24])+path[24:], obj{"Name": "Two"}).want(200, `"created":false`) // names fold case
	c.do("PATCH", "/sobjects/Account/Key__c/A%2Fb%201", obj{"Name": "Three"}).want(200, `"created":false`)
	c.do("GET", path, nil).want(200, `"Name":"Three"`, `"Key__c":"a/B 1"`)
	c.do("PATCH", path, obj{"Name": "x", "Key__c": "y"}).want(400, "INVALID_FIELD")
	c.do("PATCH", "/sobjects/Account/Key__c/none?updateOnly=true", obj{"Name": "x"}).want(404)
	c.do("PATCH", "/sobjects/Account/Namez/x", obj{"Name": "x"}).want(404, `[{"message":"Provided external ID field does not exist or is not accessible: Namez","errorCode":"NOT_FOUND"}]`)
	c.do("PATCH", "/services/data/v45.0/sobjects/Account/Key__c/a%2FB%201", obj{"Name": "x"}).want(204)

	c.do("POST", "/sobjects/Account", obj{"Name": "dup", "Key__c": "A/B 1"}).want(400, "DUPLICATE_VALUE", "duplicate value found: Key__c duplicates value on record with id: 001")
	c.do("POST", "/sobjects/Opportunity", obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Account": obj{"Key__c": "a/b 1"}}).want(201)
	c.query("SELECT Account.Name FROM Opportunity").want(200, `"Account":{"attributes"`)
	c.do("POST", "/sobjects/Opportunity", obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Account": obj{"Key__c": "zz"}}).
		want(400, "Foreign key external ID: zz not found for field Key__c in entity Account")

	if err := c.e.DefineField("Account", "Loose__c", `{"type":"Text","label":"Loose","length":10,"externalId":true}`, true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.do("POST", "/sobjects/Account", obj{"Name": "l", "Loose__c": "1"}).id()
	}
	c.do("PATCH", "/sobjects/Account/Loose__c/1", obj{"Name": "x"}).want(300, `["/services/data/v68.0/sobjects/Account/001`)
	c.do("DELETE", path, nil).want(204)
	c.do("GET", path, nil).want(404)
	c.do("PATCH", path, obj{"Name": "again"}).want(201) // deleted records do not hold their external ids
}

func TestUpdatedAndDeleted(t *testing.T) {
	c := serve(t)
	id := c.do("POST", "/sobjects/Account", obj{"Name": "Acme"}).id()
	c.e.Advance(10 * time.Minute)
	gone := c.do("POST", "/sobjects/Account", obj{"Name": "Gone"}).id()
	c.do("DELETE", "/sobjects/Account/"+gone, nil).want(204)
	c.e.Advance(10 * time.Minute)
	window := "?start=" + url.QueryEscape("2026-11-23T12:00:00+00:00") + "&end=" + url.QueryEscape("2026-11-23T12:20:00+00:00")
	a := c.do("GET", "/sobjects/Account/updated"+window, nil).want(200, `"latestDateCovered":"2026-11-23T12:20:00.000+0000"`)
	if fmt.Sprint(a.get("ids")) != "["+id+"]" {
		t.Errorf("updated %v", a.get("ids"))
	}
	c.do("GET", "/sobjects/Account/deleted"+window, nil).want(200, `{"id":"`+gone+`","deletedDate":"2026-11-23T12:10:00.000+0000"}`)
	c.do("GET", "/sobjects/Account/deleted?start=2026-11-23T12:00:00Z&end=2026-11-23T12:00:30Z", nil).want(400, "INVALID_REPLICATION_DATE")
}

func TestQueryPages(t *testing.T) {
	c := serve(t)
	for b := range 11 {
		var records list
		for i := range 200 {
			records = append(records, obj{"attributes": obj{"type": "Account"}, "Name": fmt.Sprintf("A%04d", b*200+i)})
		}
		c.do("POST", "/composite/sobjects", obj{"records": records}).want(200)
	}
	a := c.query("SELECT Name FROM Account ORDER BY Name").want(200, `"totalSize":2200,"done":false`)
	next, _ := a.get("nextRecordsUrl").(string)
	if !strings.HasPrefix(next, v68+"/query/01g") || !strings.HasSuffix(next, "-2000") {
		t.Fatalf("nextRecordsUrl %s", next)
	}
	c.do("PATCH", "/sobjects/Account/"+c.query("SELECT Id FROM Account WHERE Name = 'A2100'").get("records", 0, "Id").(string), obj{"Name": "renamed"}).want(204)
	b := c.do("GET", next, nil).want(200, `"done":true`, `"Name":"A2100"`) // a result is a snapshot
	if n := len(b.get("records").([]any)); n != 200 {
		t.Errorf("%d records on the last page", n)
	}
	c.hdr["Sforce-Query-Options"] = "batchSize=500"
	if n := len(c.query("SELECT Name FROM Account").get("records").([]any)); n != 500 {
		t.Errorf("%d records with batchSize=500", n)
	}
	c.e.Advance(time.Hour)
	c.do("GET", next, nil).want(400, "INVALID_QUERY_LOCATOR")
	c.query("SELECT Id FROM Nope").want(400, `"errorCode":"INVALID_TYPE"`)
	c.query("SELECT Id, FROM Account").want(400, `"errorCode":"MALFORMED_QUERY"`)
	c.query("").want(400, "MALFORMED_QUERY")
}

func TestOrigin(t *testing.T) {
	c := serve(t)
	c.hdr["Sforce-Call-Options"] = "defaultNamespace=ns, client=accord/1.2"
	c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	h := http.Header{"Sforce-Call-Options": {"client=accord/1.2"}}
	if got := origin("rest", "68.0", h); got != "com/salesforce/api/rest/68.0;client=accord/1.2" {
		t.Errorf("origin %s", got)
	}
}
