package salesforceemulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// ingest runs a whole job and gives its last state and its three result files.
func (c *testClient) ingest(job obj, csv string) (state, good, bad, rest string) {
	c.t.Helper()
	a := c.do("POST", "/jobs/ingest", job).want(200, `"state":"Open"`, `"apiVersion":68.0`, `"contentUrl":"services/data/v68.0/jobs/ingest/750`)
	id, _ := a.get("id").(string)
	path := "/jobs/ingest/" + id
	c.do("PUT", path+"/batches", csv).want(201)
	c.do("PUT", path+"/batches", csv).want(400, "CLIENTINPUTERROR")
	c.do("PATCH", path, obj{"state": "UploadComplete"}).want(200, `"state":"UploadComplete"`)
	c.do("GET", path+"/successfulResults", nil).want(400, "INVALIDJOBSTATE")
	var seen []string
	for range 3 {
		s, _ := c.do("GET", path, nil).want(200, `"jobType":"V2Ingest"`).get("state").(string)
		seen = append(seen, s)
	}
	if got := strings.Join(seen[:2], " "); got != "UploadComplete InProgress" {
		c.t.Errorf("states %v", seen)
	}
	for _, f := range []struct {
		name string
		into *string
	}{{"successfulResults", &good}, {"failedResults", &bad}, {"unprocessedrecords", &rest}} {
		*f.into = c.do("GET", path+"/"+f.name, nil).want(200).raw
	}
	c.do("GET", strings.Replace(v68, "68", "67", 1)+path+"/successfulResults", nil).want(http.StatusConflict)
	return seen[2], good, bad, rest
}

func TestBulkIngest(t *testing.T) {
	c := serve(t)
	withKey(t, c, "Opportunity")
	var b strings.Builder
	b.WriteString("Key__c,Name,AnnualRevenue\n")
	for i := range 450 {
		fmt.Fprintf(&b, "k%d,\"Acc, %d\",%d\n", i, i, i)
	}
	b.WriteString("kbad,,1\n")
	state, good, bad, rest := c.ingest(obj{"object": "Account", "operation": "upsert", "externalIdFieldName": "Key__c"}, b.String())
	if state != "JobComplete" || strings.Count(good, "\n") != 451 || !strings.HasPrefix(good, `"sf__Id","sf__Created","Key__c","Name","AnnualRevenue"`) {
		t.Errorf("%s, good %.300s", state, good)
	}
	if !strings.Contains(bad, `"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","kbad","","1"`) {
		t.Errorf("failed rows: %s", bad)
	}
	if rest != "\"Key__c\",\"Name\",\"AnnualRevenue\"\n" {
		t.Errorf("unprocessed: %s", rest)
	}
	c.query("SELECT COUNT() FROM Account").want(200, `"totalSize":450`)

	// an empty value is left alone, #N/A is null
	_, good, _, _ = c.ingest(obj{"object": "Account", "operation": "upsert", "externalIdFieldName": "Key__c", "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF"}, "Key__c;Name;AnnualRevenue\r\nk1;;#N/A\r\n")
	if !strings.Contains(good, `"false";"k1";"";"#N/A"`+"\r\n") {
		t.Errorf("good %q", good)
	}
	c.query("SELECT Name, AnnualRevenue FROM Account WHERE Key__c = 'K1'").want(200, `"Name":"Acc, 1","AnnualRevenue":null`)

	_, _, bad, _ = c.ingest(obj{"object": "Opportunity", "operation": "insert"}, "Name,StageName,CloseDate,Account.Key__c\nDeal,Prospecting,2026-12-31,k2\nLost,Prospecting,2026-12-31,zz\n")
	if !strings.Contains(bad, "Foreign key external ID: zz not found") {
		t.Errorf("failed rows: %s", bad)
	}
	c.query("SELECT Account.Name FROM Opportunity").want(200, `"Name":"Acc, 2"`)

	state, _, _, _ = c.ingest(obj{"object": "Account", "operation": "insert"}, "Name,Nope\nx,y\n")
	if state != "Failed" {
		t.Errorf("a job with an unknown column is %s", state)
	}
	c.do("GET", "/jobs/ingest", nil).want(200, `"state":"Failed"`)
}

func TestBulkJobRules(t *testing.T) {
	c := serve(t)
	c.do("POST", "/jobs/ingest", obj{"object": "Nope", "operation": "insert"}).want(400, "INVALIDJOB")
	c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "upsert"}).want(400, "INVALIDJOB")
	c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "hardDelete"}).want(400, "FEATURENOTENABLED")
	id, _ := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).get("id").(string)
	c.do("PATCH", "/jobs/ingest/"+id, obj{"state": "UploadComplete"}).want(400, "INVALIDJOBSTATE")
	c.do("DELETE", "/jobs/ingest/"+id, nil).want(400, "INVALIDJOBSTATE")
	c.do("PATCH", "/jobs/ingest/"+id, obj{"state": "Aborted"}).want(200, `"state":"Aborted"`)
	c.do("PATCH", "/jobs/ingest/"+id, obj{"state": "UploadComplete"}).want(400, "INVALIDJOBSTATE")
	c.do("DELETE", "/jobs/ingest/"+id, nil).want(204)
	c.do("GET", "/jobs/ingest/"+id, nil).want(404)
}

func TestBulkQuery(t *testing.T) {
	c := serve(t)
	for i := range 5 {
		if _, err := c.e.Insert("", "Account", Fields{"Name": fmt.Sprintf(`A "%d"`, i), "AnnualRevenue": float64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	id, _ := c.do("POST", "/jobs/query", obj{"operation": "query", "query": "SELECT Name, AnnualRevenue, CreatedDate, Owner.Name FROM Account ORDER BY Name"}).want(200, `"state":"UploadComplete"`).get("id").(string)
	for _, want := range []string{"UploadComplete", "InProgress", "JobComplete"} {
		c.do("GET", "/jobs/query/"+id, nil).want(200, `"state":"`+want+`"`)
	}
	a := c.do("GET", "/jobs/query/"+id+"/results?maxRecords=3", nil).want(200, `"Name","AnnualRevenue","CreatedDate","Owner.Name"`, `"A ""0""","0.0","2026-11-23T12:00:00.000Z","Avery Admin"`)
	loc := a.header.Get("Sforce-Locator")
	if loc == "null" || a.header.Get("Sforce-NumberOfRecords") != "3" {
		t.Errorf("locator %s, %s records", loc, a.header.Get("Sforce-NumberOfRecords"))
	}
	a = c.do("GET", "/jobs/query/"+id+"/results?locator="+loc, nil).want(200)
	if a.header.Get("Sforce-Locator") != "null" || strings.Count(a.raw, "\n") != 3 {
		t.Errorf("last page: %s", a.raw)
	}
	c.do("POST", "/jobs/query", obj{"operation": "query", "query": "SELECT COUNT(Id) FROM Account GROUP BY Name"}).want(400)
	c.do("POST", "/jobs/query", obj{"operation": "query", "query": "SELECT BillingAddress FROM Account"}).want(400)
}
