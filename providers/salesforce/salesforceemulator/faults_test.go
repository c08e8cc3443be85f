package salesforceemulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaults(t *testing.T) {
	c := serve(t)
	inject := func(f Fault) {
		t.Helper()
		if err := c.e.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	inject(Fault{Kind: FaultDropBefore, Operation: "POST sobjects"})
	if a := c.do("POST", "/sobjects/Account", obj{"Name": "x"}); a.status != 0 {
		t.Errorf("a dropped call answers %d", a.status)
	}
	c.query("SELECT COUNT() FROM Account").want(200, `"totalSize":0`)
	inject(Fault{Kind: FaultDropAfter, Operation: "POST sobjects"})
	if a := c.do("POST", "/sobjects/Account", obj{"Name": "x"}); a.status != 0 {
		t.Errorf("a dropped call answers %d", a.status)
	}
	c.query("SELECT COUNT() FROM Account").want(200, `"totalSize":1`)
	inject(Fault{Kind: FaultErrorAfter, Operation: "POST sobjects", Status: 503})
	c.do("POST", "/sobjects/Account", obj{"Name": "y"}).want(503, "SERVER_UNAVAILABLE")
	c.query("SELECT COUNT() FROM Account").want(200, `"totalSize":2`)
	inject(Fault{Kind: FaultError, Operation: "query", Status: 500, Skip: 1, Count: 2})
	for _, want := range []int{200, 500, 500, 200} {
		c.query("SELECT COUNT() FROM Account").want(want)
	}
	inject(Fault{Kind: FaultExpire, Operation: "limits"})
	c.do("GET", "/limits", nil).want(401, "INVALID_SESSION_ID")
	c.do("GET", "/limits", nil).want(200)
	inject(Fault{Kind: FaultItem, Items: []int{1}})
	a := c.do("POST", "/composite/sobjects", obj{"records": list{acc(obj{"Name": "a"}), acc(obj{"Name": "b"}), acc(obj{"Name": "c"})}}).want(200)
	if a.get(0, "success") != true || a.get(1, "errors", 0, "statusCode") != "UNABLE_TO_LOCK_ROW" || a.get(2, "success") != true {
		t.Errorf("answer %s", a.raw)
	}
	if err := c.e.Inject(Fault{Kind: "nope"}); err == nil {
		t.Error("an unknown fault is accepted")
	}
	if got := c.e.Counters(); got.Errors["SERVER_UNAVAILABLE"] != 1 || got.ItemErrors["UNABLE_TO_LOCK_ROW"] != 1 || got.Operations["POST sobjects"] != 3 {
		t.Errorf("counters %+v", got)
	}
}

func TestDailyLimit(t *testing.T) {
	c := serve(t, func(o *Options) { o.Limits = LimitsAt(1) })
	a := c.do("GET", "/limits", nil).want(200, `"DailyApiRequests":{"Max":115000,"Remaining":114999}`)
	if got := a.header.Get("Sforce-Limit-Info"); got != "api-usage=1/115000" {
		t.Errorf("Sforce-Limit-Info: %s", got)
	}
	c.e.UseCalls(115_000)
	c.do("GET", "/limits", nil).want(403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`)
	c.e.UseCalls(0)
	c.do("GET", "/limits", nil).want(200)

	off := serve(t)
	off.e.UseCalls(1 << 20)
	off.do("GET", "/limits", nil).want(200)
}

func TestDailyLimitRolls(t *testing.T) {
	c := serve(t, func(o *Options) { o.Limits = Limits{DailyCalls: 3, Enforce: true} })
	for range 3 {
		c.do("GET", "/limits", nil).want(200)
	}
	c.do("GET", "/limits", nil).want(403)
	c.e.Advance(25 * time.Hour)
	c.do("GET", "/limits", nil).want(200)
}

func TestAdmin(t *testing.T) {
	c := serve(t)
	admin := httptest.NewServer(c.e.Admin())
	defer admin.Close()
	post := func(path string, body any) (int, string) {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(admin.URL+path, "application/json", bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return resp.StatusCode, b.String()
	}
	status, body := post("/records", obj{"do": "insert", "object": "Account", "fields": obj{"Name": "by hand"}})
	if status != 200 || !strings.Contains(body, `"id":"001`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body = post("/query", obj{"soql": "SELECT Name FROM Account"}); status != 200 || !strings.Contains(body, "by hand") {
		t.Errorf("%d %s", status, body)
	}
	for path, in := range map[string]any{"/faults": obj{"kind": "delay", "delay": "1ms"}, "/clock": obj{"advance": "1h"}, "/limits": obj{"used": 5}, "/cdc": obj{"objects": list{"Account"}},
		"/validation-rules": obj{"object": "Account", "rules": list{}}, "/sessions/expire": nil, "/counters/reset": nil} {
		if status, body = post(path, in); status != http.StatusNoContent {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ = post("/records", obj{"do": "dance"}); status != 400 {
		t.Errorf("an unknown deed: %d", status)
	}
	if n := c.e.Counters().Calls; n != 0 {
		t.Errorf("admin calls count as %d API calls", n)
	}
	if status, _ = post("/reset", nil); status != http.StatusNoContent || c.e.Count("Account") != 0 {
		t.Errorf("after a reset there are %d accounts", c.e.Count("Account"))
	}
	c.do("GET", "/limits", nil).want(200)
}

func TestStateSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	keep := func(o *Options) { o.StateFile = file }
	c := serve(t, keep)
	withKey(t, c)
	id := c.do("POST", "/sobjects/Account", obj{"Name": "kept", "Key__c": "k", "AnnualRevenue": 12.5}).id()
	gone := c.do("POST", "/sobjects/Account", obj{"Name": "gone"}).id()
	c.do("DELETE", "/sobjects/Account/"+gone, nil).want(204)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	before := c.do("GET", "/sobjects/Account/"+id, nil).want(200).raw
	if err := c.e.Save(); err != nil {
		t.Fatal(err)
	}
	d := serve(t, keep)
	if diff := cmp.Diff(before, d.do("GET", "/sobjects/Account/"+id, nil).want(200).raw); diff != "" {
		t.Error(diff)
	}
	d.do("GET", "/sobjects/Account/"+gone, nil).want(404, "ENTITY_IS_DELETED")
	d.do("PATCH", "/sobjects/Account/Key__c/K", obj{"Name": "still"}).want(200, id)
	d.toolingQuery("SELECT SelectedEntity FROM PlatformEventChannelMember").want(200, "AccountChangeEvent")
	if next := d.do("POST", "/sobjects/Account", obj{"Name": "new"}).id(); next <= gone {
		t.Errorf("the new id %s is not after %s", next, gone)
	}
	if err := os.WriteFile(file, []byte("not a state"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{StateFile: file}); err == nil {
		t.Error("a broken state file is accepted")
	}
}
