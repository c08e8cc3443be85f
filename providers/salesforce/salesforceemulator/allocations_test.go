package salesforceemulator

import (
	"strings"
	"testing"
	"time"
)

// Each allocation is counted, shown by /limits, enforced where limits are, and free again when its span is over.
func TestAllocations(t *testing.T) {
	c := serve(t, func(o *Options) {
		o.Limits = Limits{Enforce: true, DailyCalls: 1000, DailyBatches: 2, DailyQueryJobs: 1, HourlyEvents: 2}
	})
	if err := c.e.DefineObject("Shipped__e", "Shipped", "Shipped"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.do("POST", "/sobjects/Shipped__e", obj{}).want(201)
	}
	c.do("POST", "/sobjects/Shipped__e", obj{}).want(400, "LIMIT_EXCEEDED")
	c.do("GET", "/limits", nil).want(200, `"HourlyPublishedPlatformEvents":{"Max":2,"Remaining":0}`)
	c.e.Advance(time.Hour)
	c.do("POST", "/sobjects/Shipped__e", obj{}).want(201)

	query := obj{"operation": "query", "query": "SELECT Id FROM Account"}
	c.do("POST", "/jobs/query", query).want(200)
	c.do("POST", "/jobs/query", query).want(400, "EXCEEDEDQUOTA")
	run := func(csv, want string) string {
		t.Helper()
		id := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
		c.do("PUT", "/jobs/ingest/"+id+"/batches", csv).want(201)
		c.do("PATCH", "/jobs/ingest/"+id, obj{"state": "UploadComplete"}).want(200)
		for range 2 {
			c.do("GET", "/jobs/ingest/"+id, nil).want(200)
		}
		c.do("GET", "/jobs/ingest/"+id, nil).want(200, `"state":"`+want+`"`)
		return id
	}
	run("Name\none\n", "JobComplete")
	c.do("GET", "/limits", nil).want(200, `"DailyBulkApiBatches":{"Max":2,"Remaining":1}`, `"DailyBulkV2QueryJobs":{"Max":1,"Remaining":0}`)
	long := run("Name\n"+strings.Repeat("x\n", 10_001), "Failed") // two batches
	c.do("GET", "/jobs/ingest/"+long, nil).want(200, `"errorMessage":"ExceededQuota`)
	if rest := c.do("GET", "/jobs/ingest/"+long+"/unprocessedrecords", nil).raw; strings.Count(rest, "\n") != 10_002 {
		t.Errorf("%d rows are unprocessed", strings.Count(rest, "\n")-1)
	}
	run("Name\ntwo\n", "JobComplete")
	c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(400, "EXCEEDEDQUOTA")
	c.e.Advance(24 * time.Hour)
	run("Name\nthree\n", "JobComplete")
	c.do("POST", "/jobs/query", query).want(200)
}

// A job that breaks in the middle keeps what it did and lists what it did not come to.
func TestBrokenJob(t *testing.T) {
	c := serve(t)
	c.script(`{"kind":"break_job","items":[2]}`)
	id := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
	c.do("PUT", "/jobs/ingest/"+id+"/batches", "Name\none\n\"\"\nthree\nfour\n").want(201)
	c.do("PATCH", "/jobs/ingest/"+id, obj{"state": "UploadComplete"}).want(200)
	for range 2 {
		c.do("GET", "/jobs/ingest/"+id, nil).want(200)
	}
	c.do("GET", "/jobs/ingest/"+id, nil).want(200, `"state":"Failed"`, `"numberRecordsProcessed":2,"numberRecordsFailed":1`, `"errorMessage":"InternalServerError`)
	for name, want := range map[string][]string{"successfulResults": {`"one"`}, "failedResults": {"REQUIRED_FIELD_MISSING"}, "unprocessedrecords": {`"three"`, `"four"`}} {
		a := c.do("GET", "/jobs/ingest/"+id+"/"+name, nil).want(200, want...)
		if got := strings.Count(a.raw, "\n"); got != len(want)+1 {
			t.Errorf("%s has %d lines: %s", name, got, a.raw)
		}
	}
}

func TestTooLongHeaders(t *testing.T) {
	c := serve(t)
	c.do("GET", "/query?q="+strings.Repeat("x", 16_400), nil).want(414, "URI_TOO_LONG")
	c.hdr["X-Long"] = strings.Repeat("x", 16_000)
	c.do("GET", "/query?q="+strings.Repeat("x", 400), nil).want(431)
}

func TestObjectInfo(t *testing.T) {
	c := serve(t)
	a := c.do("GET", "/ui-api/object-info/Contact", nil).want(200, `"apiName":"Contact"`, `"nameFields":["Name"]`, `"labelPlural":"Contacts"`)
	for name, want := range map[string]string{"AccountId": "Reference", "MailingAddress": "Address", "Email": "Email", "CreatedDate": "DateTime", "Description": "TextArea", "IsDeleted": "Boolean", "Id": "String"} {
		if got := a.get("fields", name, "dataType"); got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if a.get("fields", "AccountId", "referenceToInfos", 0, "apiName") != "Account" || a.get("fields", "LastName", "required") != true || a.get("fields", "Email", "required") != false {
		t.Errorf("fields: %v", a.get("fields", "AccountId"))
	}
	tag := a.get("eTag")
	if again := c.do("GET", "/ui-api/object-info/Contact", nil).get("eTag"); again != tag || tag == "" {
		t.Errorf("tags %v, %v", tag, again)
	}
	if err := c.e.DefineField("Contact", "Level__c", `{"type":"Text","label":"x","length":3}`, true); err != nil {
		t.Fatal(err)
	}
	if again := c.do("GET", "/ui-api/object-info/Contact", nil).get("eTag"); again == tag {
		t.Error("a new field leaves the tag as it was")
	}
}
