package salesforceemulator

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/providers/salesforce/internal/eventbus"
)

// The same calls under the same seed and clock give the same ids, stamps and bodies, byte for byte: within a process and, by the
// golden file, from one to the next. UPDATE_GOLDEN=1 writes the file anew.
func TestDeterminism(t *testing.T) {
	first := transcript(t, 7)
	if d := cmp.Diff(first, transcript(t, 7)); d != "" {
		t.Fatalf("two runs differ:\n%s", d)
	}
	if first == transcript(t, 8) {
		t.Error("another seed gives the same")
	}
	golden := filepath.Join("testdata", "determinism.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(first), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), first); d != "" {
		t.Errorf("(-%s +this run):\n%s", golden, d)
	}
}

func transcript(t *testing.T, seed int64) string {
	c := serve(t, func(o *Options) { o.Seed = seed })
	withKey(t, c)
	if err := c.e.DefineObject("Shipped__e", "Shipped", "Shipped"); err != nil {
		t.Fatal(err)
	}
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	do := func(method, path string, body any) answer {
		t.Helper()
		a := c.do(method, path, body)
		// Tokens of clients and addresses of servers are not the org's.
		fmt.Fprintf(&b, "%s %s\n%d %s\n%s\n\n", method, path, a.status, a.header.Get("X-Request-Id"), strings.ReplaceAll(a.raw, c.srv.URL, "URL"))
		c.e.Advance(time.Second)
		return a
	}
	do("POST", "/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}})
	do("POST", "/composite/sobjects", obj{"records": list{acc(obj{"Name": "one", "Key__c": "1"}), acc(obj{"Name": "two"}), acc(obj{}), acc(obj{"Name": "x", "Key__c": "1"})}})
	do("PATCH", "/sobjects/Account/Key__c/1", obj{"Industry": "Energy"})
	do("GET", "/query?q=SELECT+Id,Name,SystemModstamp,Owner.Username+FROM+Account+ORDER+BY+Name", nil)
	do("GET", "/query?q=SELECT+Industry,COUNT(Id)+FROM+Account+GROUP+BY+Industry", nil)
	job := do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "upsert", "externalIdFieldName": "Key__c"}).get("id").(string)
	do("PUT", "/jobs/ingest/"+job+"/batches", "Key__c,Name\n1,uno\n2,due\n3,\n4,quattro\n")
	do("PATCH", "/jobs/ingest/"+job, obj{"state": "UploadComplete"})
	for range 3 {
		do("GET", "/jobs/ingest/"+job, nil)
	}
	do("GET", "/jobs/ingest/"+job+"/successfulResults", nil)
	do("GET", "/jobs/ingest/"+job+"/failedResults", nil)
	do("POST", "/sobjects/Shipped__e", obj{})
	do("POST", "/tooling/sobjects/CustomField", field("Account.Level__c", `{"type":"Text","label":"Level","length":9}`))
	do("GET", "/limits", nil)

	bus, ctx := c.bus()
	stream, err := bus.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&eventbus.FetchRequest{TopicName: "/data/AccountChangeEvent", ReplayPreset: eventbus.ReplayPreset_EARLIEST, NumRequested: 5}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got.GetEvents() {
		fmt.Fprintf(&b, "event %x %s %s\n%x\n", e.GetReplayId(), e.GetEvent().GetId(), e.GetEvent().GetSchemaId(), e.GetEvent().GetPayload())
	}
	return b.String()
}
