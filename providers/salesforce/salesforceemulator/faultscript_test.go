package salesforceemulator

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"accord/providers/salesforce/internal/eventbus"
)

// bus connects a Pub/Sub client to the emulator, over gRPC.
func (c *testClient) bus() (eventbus.PubSubClient, context.Context) {
	c.t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	c.e.RegisterPubSub(server)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bus", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close(); server.Stop(); <-served })
	return eventbus.NewPubSubClient(conn), metadata.AppendToOutgoingContext(c.t.Context(), "accesstoken", c.tok, "instanceurl", c.srv.URL, "tenantid", c.e.OrgID())
}

// script injects faults as the admin handler takes them.
func (c *testClient) script(text string) {
	c.t.Helper()
	if err := c.e.script(json.RawMessage(text)); err != nil {
		c.t.Fatal(err)
	}
}

// One script holds faults of calls over HTTP, of calls over gRPC, of the bus, and changes of the org; each strikes where it should.
func TestOneScriptForEverything(t *testing.T) {
	c := serve(t)
	withKey(t, c)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	id := c.do("POST", "/sobjects/Account", obj{"Name": "first", "Key__c": "1", "Industry": "Energy"}).id()
	bus, ctx := c.bus()
	c.script(`[
		{"kind":"truncate","operation":"query"},
		{"kind":"error","operation":"limits","status":502,"html":true},
		{"kind":"error_after","operation":"DELETE sobjects","status":500,"html":true},
		{"kind":"error","operation":"pubsub/GetTopic","code":"topic.api.unavailable"},
		{"kind":"drop_before","operation":"pubsub/GetTopic"},
		{"kind":"drop_after","operation":"pubsub/GetSchema"},
		{"kind":"gap","object":"Account"},
		{"kind":"lock","operation":"PATCH sobjects","record":"` + id + `","delay":"10s"},
		{"kind":"remove_value","operation":"PATCH sobjects","skip":2,"object":"Account","field":"Industry","value":"Banking"},
		{"kind":"remove_field","operation":"PATCH sobjects","skip":3,"object":"Account","field":"Key__c"}
	]`)
	if got := len(c.e.Faults()); got != 10 {
		t.Fatalf("%d faults are to come", got)
	}
	if a := c.query("SELECT Id FROM Account"); a.status != 0 || !strings.Contains(a.raw, "unexpected EOF") {
		t.Errorf("a truncated answer is %d %s", a.status, a.raw)
	}
	c.query("SELECT Id FROM Account").want(200)
	if a := c.do("GET", "/limits", nil).want(502, "<html>"); !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("the page is %s", a.header)
	}
	topic := &eventbus.TopicRequest{TopicName: "/data/AccountChangeEvent"}
	for _, want := range []codes.Code{codes.Unavailable, codes.Unavailable, codes.OK} {
		if _, err := bus.GetTopic(ctx, topic); status.Code(err) != want {
			t.Errorf("GetTopic: %v, want %v", err, want)
		}
	}
	info, err := bus.GetTopic(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bus.GetSchema(ctx, &eventbus.SchemaRequest{SchemaId: info.GetSchemaId()}); status.Code(err) != codes.Unavailable {
		t.Errorf("GetSchema: %v", err)
	}
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Name": "locked"}).want(500, "UNABLE_TO_LOCK_ROW")
	c.e.Advance(11 * time.Second)
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Industry": "Banking"}).want(204)
	if err := c.e.Update("", "Account", id, Fields{"Industry": "Energy"}); err != nil {
		t.Fatal(err)
	}
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Key__c": "2"}).want(204)
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Key__c": "3"}).want(400, "No such column 'Key__c'")
	c.query("SELECT Key__c FROM Account").want(400, "INVALID_FIELD")
	c.query("SELECT Id FROM FieldPermissions WHERE Field = 'Account.Key__c'").want(200, `"totalSize":0`)
	withKey(t, c)
	c.query("SELECT Key__c FROM Account").want(200, `"Key__c":null`) // a new field, without the values of the old one
	if strings.Contains(c.do("GET", "/sobjects/Account/describe", nil).want(200).raw, `"value":"Banking"`) {
		described := c.do("GET", "/ui-api/object-info/Account/picklist-values/012000000000000AAA/Industry", nil).want(200)
		if strings.Contains(described.raw, "Banking") {
			t.Error("a removed value is still offered")
		}
	}
	c.do("DELETE", "/sobjects/Account/"+id, nil).want(500, "<html>")
	c.do("DELETE", "/sobjects/Account/"+id, nil).want(404, "ENTITY_IS_DELETED")
	if left := c.e.Faults(); len(left) != 0 {
		t.Errorf("left over: %+v", left)
	}
}

func TestScriptsAreRefusedWhole(t *testing.T) {
	c := serve(t)
	for _, bad := range []string{`{"kind":"nope"}`, `{"kind":"delay"}`, `{"kind":"delay","delay":"soon"}`, `{"kind":"drop","tpoic":"x"}`, `{"kind":5}`, `[`, `{"kind":"hold"}`,
		`{"kind":"error","operation":"pubsub/Subscribe","code":"no.such.code"}`, `{"kind":"remove_field","object":"Account"}`, `{"kind":"lock","record":"x"}`, `{"kind":"gap","skip":-1}`} {
		if err := c.e.script(json.RawMessage(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	want := []Fault{{Kind: FaultHold, Object: "Account", Delay: 20 * time.Second, Count: 1}, {Kind: FaultExpire, Operation: "POST composite", Items: []int{1}, Count: -1}}
	for _, f := range want {
		if err := c.e.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := json.Marshal(c.e.Faults())
	if err != nil {
		t.Fatal(err)
	}
	c.e.ClearFaults()
	c.script(string(raw))
	if d := cmp.Diff(want, c.e.Faults()); d != "" {
		t.Error(d)
	}
}

// A session that ends in the middle of a batch leaves its first parts done and refuses the rest.
func TestSessionEndsInMidBatch(t *testing.T) {
	c := serve(t)
	token, err := c.e.Token("Integration User")
	if err != nil {
		t.Fatal(err)
	}
	c.tok = token
	c.script(`[{"kind":"expire","operation":"POST composite/batch","items":[1]}]`)
	part := obj{"method": "POST", "url": "v68.0/sobjects/Account", "richInput": obj{"Name": "x"}}
	a := c.do("POST", "/composite/batch", obj{"batchRequests": list{part, part, part}}).want(200)
	if a.get("results", 0, "statusCode") != 201.0 || a.get("results", 1, "statusCode") != 401.0 || a.get("results", 2, "statusCode") != 401.0 || c.e.Count("Account") != 1 {
		t.Errorf("%d accounts, %s", c.e.Count("Account"), a.raw)
	}
	c.do("GET", "/limits", nil).want(401, "INVALID_SESSION_ID")

	if c.tok, err = c.e.Token("Integration User"); err != nil {
		t.Fatal(err)
	}
	c.script(`[{"kind":"expire","operation":"POST composite","items":[1]}]`)
	one := func(ref string) obj {
		return obj{"method": "POST", "url": v68 + "/sobjects/Account", "referenceId": ref, "body": obj{"Name": ref}}
	}
	a = c.do("POST", "/composite", obj{"compositeRequest": list{one("a"), one("b")}}).want(200)
	if a.get("compositeResponse", 0, "httpStatusCode") != 201.0 || a.get("compositeResponse", 1, "httpStatusCode") != 401.0 || c.e.Count("Account") != 2 {
		t.Errorf("%d accounts, %s", c.e.Count("Account"), a.raw)
	}
}

// Somebody is deactivated: their session and their logins are refused, over both protocols, and nothing may be given to them.
func TestDeactivatedUser(t *testing.T) {
	c := serve(t)
	person, err := c.e.AddUser("rep@acme.example", "Rae", "Rep", "", "")
	if err != nil {
		t.Fatal(err)
	}
	c.script(`{"kind":"deactivate_user","operation":"POST sobjects","user":"rep@acme.example"}`)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "OwnerId": person}).want(400, "INACTIVE_OWNER_OR_USER")

	c.script(`{"kind":"deactivate_user","operation":"pubsub/GetTopic","user":"Integration User"}`)
	bus, ctx := c.bus()
	if _, err := bus.GetTopic(ctx, &eventbus.TopicRequest{TopicName: "/data/ChangeEvents"}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a deactivated user may still ask: %v", err)
	}
	c.do("GET", "/limits", nil).want(401, "INVALID_SESSION_ID")
	c.tok = ""
	form := map[string][]string{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}}
	c.do("POST", "/services/oauth2/token", url.Values(form)).want(400, "inactive user")
}

func TestRequestIDs(t *testing.T) {
	ids := func() []string {
		c := serve(t)
		var out []string
		for range 3 {
			a := c.do("GET", "/limits", nil)
			if a.header.Get("X-Request-Id") != a.header.Get("X-Sfdc-Request-Id") || len(a.header.Get("X-Request-Id")) != 32 {
				t.Errorf("headers %v", a.header)
			}
			out = append(out, a.header.Get("X-Request-Id"))
		}
		return out
	}
	first := ids()
	if first[0] == first[1] || first[1] == first[2] {
		t.Errorf("ids repeat: %v", first)
	}
	if d := cmp.Diff(first, ids()); d != "" {
		t.Error(d)
	}
}
