package salesforceemulator

import (
	"compress/gzip"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/providers/salesforce/internal/eventbus"
)

// What the org has promised before a restart, it keeps after it: sessions, refresh tokens, jobs, open pages, events, the day's
// calls, and the faults still to come.
func TestPromisesSurviveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	keep := func(o *Options) {
		o.StateFile, o.Limits = file, Limits{Enforce: true, DailyCalls: 100, DailyDeliveries: 3}
	}
	c := serve(t, keep)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	c.e.Advance(48 * time.Hour)
	token, err := c.e.Token("Integration User")
	if err != nil {
		t.Fatal(err)
	}
	_, auth := c.e.core()
	refresh := auth.newRefresh(c.e.Users()[0].ID, testClientID)

	job := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
	c.do("PUT", "/jobs/ingest/"+job+"/batches", "Name,Industry\none,Energy\ntwo,\n,Energy\n").want(201)
	c.do("PATCH", "/jobs/ingest/"+job, obj{"state": "UploadComplete"}).want(200)
	open := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
	c.do("PUT", "/jobs/ingest/"+open+"/batches", "Name\nthree\n").want(201)
	query := c.do("POST", "/jobs/query", obj{"operation": "query", "query": "SELECT Name, Industry FROM Account ORDER BY Name"}).want(200).get("id").(string)
	for range 3 {
		c.do("GET", "/jobs/query/"+query, nil).want(200)
		c.do("GET", "/jobs/ingest/"+job, nil).want(200)
	}
	results := c.do("GET", "/jobs/query/"+query+"/results", nil).want(200)
	failures := c.do("GET", "/jobs/ingest/"+job+"/failedResults", nil).want(200)
	c.script(`[{"kind":"error","operation":"limits","skip":2,"status":503}]`)
	c.do("GET", "/limits", nil).want(200)
	used := c.do("GET", "/limits", nil).want(200).get("DailyApiRequests", "Remaining").(float64)
	bus, ctx := c.bus()
	stream, err := bus.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	request := &eventbus.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 1, ReplayPreset: eventbus.ReplayPreset_EARLIEST}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	before, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	now := c.e.clock.Now()
	if err := c.e.Save(); err != nil {
		t.Fatal(err)
	}

	d := serve(t, keep, func(o *Options) { o.Seed = 8 })
	if d.e.clock.Now().Before(now) {
		t.Errorf("time went back from %v to %v", now, d.e.clock.Now())
	}
	d.do("GET", "/limits", nil).want(503) // the third call of the script
	if got := d.do("GET", "/limits", nil).want(200).get("DailyApiRequests", "Remaining").(float64); got != used-2 {
		t.Errorf("%v calls remain, want %v", got, used-2)
	}
	if diff := cmp.Diff(results.raw, d.do("GET", "/jobs/query/"+query+"/results", nil).want(200).raw); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(failures.raw, d.do("GET", "/jobs/ingest/"+job+"/failedResults", nil).want(200).raw); diff != "" {
		t.Error(diff)
	}
	d.do("PATCH", "/jobs/ingest/"+open, obj{"state": "UploadComplete"}).want(200)
	d.query("SELECT COUNT() FROM Account").want(200, `"totalSize":3`)
	d.tok = token
	d.do("GET", "/limits", nil).want(200)
	d.tok = ""
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {testClientID}, "client_secret": {testSecret}}
	d.do("POST", "/services/oauth2/token", form).want(200, "refresh_token")
	d.do("POST", "/services/oauth2/token", form).want(400, "invalid_grant") // rotated
	d.tok = testToken
	bus, ctx = d.bus()
	if stream, err = bus.Subscribe(ctx); err != nil {
		t.Fatal(err)
	}
	request = &eventbus.FetchRequest{TopicName: request.TopicName, NumRequested: 9, ReplayPreset: eventbus.ReplayPreset_CUSTOM, ReplayId: before.GetEvents()[0].GetReplayId()}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	after, err := stream.Recv()
	if err != nil || len(after.GetEvents()) != 2 {
		t.Fatalf("%d events after the restart: %v", len(after.GetEvents()), err)
	}
	if n := d.e.Counters().Events.DeliveredLastDay; n != 3 {
		t.Errorf("%d deliveries count against the day", n)
	}
}

// An open page of a query is there after a restart, as it was when the query ran.
func TestOpenPagesSurviveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	keep := func(o *Options) { o.StateFile = file }
	c := serve(t, keep)
	for range 3 {
		var records list
		for range 200 {
			records = append(records, acc(obj{"Name": "page", "NumberOfEmployees": 7}))
		}
		c.do("POST", "/composite/sobjects", obj{"records": records}).want(200)
	}
	c.hdr["Sforce-Query-Options"] = "batchSize=200"
	next := c.query("SELECT Id, Name, NumberOfEmployees, Owner.Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Id").want(200).get("nextRecordsUrl").(string)
	want := c.do("GET", next, nil).want(200).raw
	if err := c.e.Save(); err != nil {
		t.Fatal(err)
	}
	d := serve(t, keep)
	d.hdr["Sforce-Query-Options"] = "batchSize=200"
	if diff := cmp.Diff(want, d.do("GET", next, nil).want(200).raw); diff != "" {
		t.Error(diff)
	}
}

func TestStatesOfOtherProgramsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	for _, content := range []any{obj{"format": 1}, obj{}, obj{"format": 2}, obj{"format": stateFormat}, obj{"format": stateFormat, "org": obj{"version": 1}}, "text"} {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		if err := json.NewEncoder(z).Encode(content); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{StateFile: file}); err == nil {
			t.Errorf("%v was taken up", content)
		}
	}
}

// What was removed stays removed, and what was defined after it keeps its values.
func TestRemovedFieldsSurviveRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	keep := func(o *Options) { o.StateFile = file }
	c := serve(t, keep)
	withKey(t, c)
	if err := c.e.DefineField("Account", "Later__c", `{"type":"Text","label":"Later","length":9}`, true); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Key__c": "gone", "Later__c": "kept"}).want(201)
	if err := c.e.RemoveField("Account", "Key__c"); err != nil {
		t.Fatal(err)
	}
	if err := c.e.Save(); err != nil {
		t.Fatal(err)
	}
	d := serve(t, keep)
	d.query("SELECT Later__c FROM Account").want(200, `"Later__c":"kept"`)
	d.query("SELECT Key__c FROM Account").want(400, "INVALID_FIELD")
	withKey(t, d)
	d.query("SELECT Key__c FROM Account").want(200, `"Key__c":null`)
	d.do("PATCH", "/sobjects/Account/Key__c/new", obj{"Name": "y"}).want(201)
}
