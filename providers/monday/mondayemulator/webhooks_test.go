package mondayemulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// receiver takes webhook requests.
type receiver struct {
	t      *testing.T
	url    string
	got    chan map[string]any
	tokens chan string
	mu     sync.Mutex
	status int
}

func receive(t *testing.T) *receiver {
	r := &receiver{t: t, got: make(chan map[string]any, 100), tokens: make(chan string, 100), status: 200}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		var in map[string]any
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		if _, ok := in["challenge"]; ok {
			if _, err := w.Write(body); err != nil {
				t.Error(err)
			}
			return
		}
		r.mu.Lock()
		status := r.status
		r.mu.Unlock()
		w.WriteHeader(status)
		event, _ := in["event"].(map[string]any)
		r.tokens <- req.Header.Get("Authorization")
		r.got <- event
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/hook?secret=1"
	return r
}

func (r *receiver) answer(status int) { r.mu.Lock(); r.status = status; r.mu.Unlock() }

// next waits for one event; the long time is only ever spent by a failing test.
func (r *receiver) next() (map[string]any, string) {
	r.t.Helper()
	select {
	case e := <-r.got:
		return e, <-r.tokens
	case <-time.After(20 * time.Second):
		r.t.Fatal("no webhook request came")
		return nil, ""
	}
}

func (c *client) hook(board, event, url, config string) string {
	c.t.Helper()
	vars := map[string]any{"b": board, "u": url, "e": event}
	if config != "" {
		vars["c"] = config
	}
	return text(c.t, c.ok(`mutation($b:ID!,$u:String!,$e:WebhookEventType!,$c:JSON){create_webhook(board_id:$b,url:$u,event:$e,config:$c){id board_id}}`, vars), "create_webhook.id")
}

func TestWebhookBodies(t *testing.T) {
	raw, err := os.ReadFile(filepath.FromSlash("../../../../shared/reference/fixtures/monday/webhook-events-recorded-2025-02.json"))
	if err != nil {
		t.Skipf("the recorded events are not at hand: %v", err)
	}
	var recorded map[string]struct{ Event map[string]any }
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{SigningSecret: "s3cret"})
	b := c.board("B")
	c.column(b, "stage", "status", nil)
	c.column(b, "owner", "people", nil)
	g := text(t, c.ok(`mutation($b:ID!){create_group(board_id:$b,group_name:"Later"){id}}`, map[string]any{"b": b}), "create_group.id")
	r := receive(t)
	for _, e := range []string{"create_item", "change_column_value", "change_name", "item_archived", "item_deleted", "item_restored", "item_moved_to_any_group", "create_column", "create_update", "create_subitem", "change_subitem_name", "change_subitem_column_value", "subitem_archived", "subitem_deleted"} {
		c.hook(b, e, r.url, "")
	}
	ada := c.e.acct.Users[0].ID
	var it, sub string
	set := func(values string) func() {
		return func() {
			c.ok(`mutation($b:ID!,$i:ID,$v:JSON!){change_multiple_column_values(board_id:$b,item_id:$i,column_values:$v){id}}`, map[string]any{"b": b, "i": it, "v": values})
		}
	}
	for _, x := range []struct {
		fixture string
		do      func()
	}{
		{"create_item", func() {
			it = text(t, c.ok(`mutation($b:ID!){create_item(board_id:$b,item_name:"one",group_id:"topics"){id}}`, map[string]any{"b": b}), "create_item.id")
		}},
		{"change_column_value__status", set(`{"stage":{"index":0}}`)},
		{"change_column_value__people", set(fmt.Sprintf(`{"owner":{"personsAndTeams":[{"id":%d,"kind":"person"}]}}`, ada))},
		{"change_name", set(`{"name":"two"}`)},
		{"item_moved_to_any_group", func() { c.ok(fmt.Sprintf(`mutation{move_item_to_group(item_id:%s,group_id:"%s"){id}}`, it, g), nil) }},
		{"create_column", func() { c.column(b, "extra", "text", nil) }},
		{"create_update", func() { c.ok(fmt.Sprintf(`mutation{create_update(item_id:%s,body:"1st update"){id}}`, it), nil) }},
		{"item_archived", func() { c.ok(fmt.Sprintf(`mutation{archive_item(item_id:%s){id}}`, it), nil) }},
		{"item_restored", func() {
			if err := c.e.SetItemState("", mustID(t, it), "active"); err != nil {
				t.Fatal(err)
			}
		}},
		// making the first subitem adds the column of subitems, and says so
		{"create_subitem", func() {
			sub = text(t, c.ok(fmt.Sprintf(`mutation{create_subitem(parent_item_id:%s,item_name:"Test"){id}}`, it), nil), "create_subitem.id")
		}},
		{"change_subitem_name", func() {
			d := c.ok(fmt.Sprintf(`{items(ids:[%s]){board{id}}}`, sub), nil)
			c.ok(fmt.Sprintf(`mutation{change_simple_column_value(board_id:%s,item_id:%s,column_id:"name",value:"new"){id}}`, text(t, d, "items.#0.board.id"), sub), nil)
		}},
		{"change_subitem_column_value__date", func() {
			d := c.ok(fmt.Sprintf(`{items(ids:[%s]){board{id}}}`, sub), nil)
			c.ok(fmt.Sprintf(`mutation{change_simple_column_value(board_id:%s,item_id:%s,column_id:"date0",value:"2026-01-02"){id}}`, text(t, d, "items.#0.board.id"), sub), nil)
		}},
		{"subitem_archived", func() { c.ok(fmt.Sprintf(`mutation{archive_item(item_id:%s){id}}`, sub), nil) }},
		{"subitem_deleted", func() { c.ok(fmt.Sprintf(`mutation{delete_item(item_id:%s){id}}`, sub), nil) }},
		{"item_deleted", func() { c.ok(fmt.Sprintf(`mutation{delete_item(item_id:%s){id}}`, it), nil) }},
	} {
		t.Run(x.fixture, func(t *testing.T) {
			x.do()
			got, token := r.next()
			want := recorded[x.fixture].Event
			if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
				t.Errorf("fields: %s", d)
			}
			for k, v := range want {
				same := fmt.Sprintf("%T", v) == fmt.Sprintf("%T", got[k])
				if !same && k != "previousValue" { // null or {} where there was none
					t.Errorf("%s is %T, recorded %T", k, got[k], v)
				}
			}
			if got["type"] != want["type"] || got["columnType"] != want["columnType"] && x.fixture != "create_column" {
				t.Errorf("type %v, column type %v", got["type"], got["columnType"])
			}
			if want["columnType"] == "color" {
				if d := cmp.Diff(want["value"], got["value"]); d != "" {
					t.Errorf("value: %s", d)
				}
			}
			claims := verify(t, token, "s3cret")
			if claims["aud"] != r.url || claims["exp"].(float64)-claims["iat"].(float64) != 300 || claims["userId"] != got["userId"] || claims["accountId"] != float64(c.e.AccountID()) || claims["shortLivedToken"] == "" {
				t.Errorf("claims: %v", claims)
			}
		})
	}
}

// verify checks an HS256 token and gives its claims.
func verify(t *testing.T, token, secret string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a token", token)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != parts[2] {
		t.Error("the signature does not fit")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestWebhookHandshake(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	mute := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer mute.Close()
	for _, to := range []string{mute.URL, "http://127.0.0.1:1/nobody"} {
		r := c.do(`mutation($b:ID!,$u:String!){create_webhook(board_id:$b,url:$u,event:create_item){id}}`, map[string]any{"b": b, "u": to})
		if r.code(t) != "INTERNAL_SERVER_ERROR" || r.Errors[0].Message != "Internal Server Error" || r.status != 200 {
			t.Errorf("%s: %s", to, r.raw)
		}
	}
}

func TestWebhookConfig(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "stage", "status", nil)
	c.column(b, "note", "text", nil)
	rec := receive(t)
	r := c.do(`mutation($b:ID!,$u:String!){create_webhook(board_id:$b,url:$u,event:change_specific_column_value,config:"{\"columnId\":\"nope\"}"){id}}`, map[string]any{"b": b, "u": rec.url})
	if r.code(t) != "InvalidArgumentException" {
		t.Errorf("%s", r.raw)
	}
	hook := c.hook(b, "change_specific_column_value", rec.url, `{"columnId":"note"}`)
	c.hook(b, "change_status_column_value", rec.url, `{"columnId":"stage","columnValue":{"index":1}}`)
	it := c.item(b, "i", "{}")
	set := func(v string) {
		c.ok(`mutation($b:ID!,$i:ID,$v:JSON!){change_multiple_column_values(board_id:$b,item_id:$i,column_values:$v){id}}`, map[string]any{"b": b, "i": it, "v": v})
	}
	set(`{"stage":{"index":0}}`) // fits neither
	set(`{"note":"a"}`)
	set(`{"note":"a"}`) // no change, no event
	set(`{"stage":{"index":1}}`)
	first, token := rec.next()
	second, _ := rec.next()
	if first["columnId"] != "note" || second["columnId"] != "stage" || token != "" {
		t.Errorf("%v, %v, token %q: without a signing secret there is none", first, second, token)
	}
	d := c.ok(`query($b:ID!){webhooks(board_id:$b){id event board_id config}}`, map[string]any{"b": b})
	if text(t, d, "webhooks.#0.id") != hook || text(t, d, "webhooks.#0.config") != `{"columnId":"note"}` {
		t.Errorf("%v", d)
	}
	c.ok(`mutation($i:ID!){delete_webhook(id:$i){id}}`, map[string]any{"i": hook})
	if d := c.ok(`query($b:ID!){webhooks(board_id:$b){id}}`, map[string]any{"b": b}); len(at(t, d, "webhooks").([]any)) != 1 {
		t.Errorf("%v", d)
	}
}

func TestWebhookRetry(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	rec := receive(t)
	c.hook(b, "create_item", rec.url, "")
	rec.answer(500)
	c.item(b, "i", "{}")
	e, _ := rec.next()
	if e["isRetry"] != false {
		t.Errorf("first: %v", e)
	}
	for c.e.Counters().WebhooksFailed == 0 { // the sender has yet to take note
		time.Sleep(time.Millisecond)
	}
	rec.answer(200)
	c.advance(time.Minute)
	e, _ = rec.next()
	if e["isRetry"] != true {
		t.Errorf("second: %v", e)
	}
}

// advance moves the emulated time on.
func (c *client) advance(d time.Duration) { c.e.Advance(d) }

func TestWebhookFaults(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	rec := receive(t)
	c.hook(b, "create_item", rec.url, "")
	add := func(f Fault) {
		if _, err := c.e.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	name := func() any { e, _ := rec.next(); return e["pulseName"] }
	add(Fault{Kind: WebhookLost})
	c.item(b, "lost", "{}")
	add(Fault{Kind: WebhookDoubled})
	c.item(b, "twice", "{}")
	if x, y := name(), name(); x != "twice" || y != "twice" {
		t.Errorf("doubled: %v %v", x, y)
	}
	add(Fault{Kind: WebhookReordered})
	c.item(b, "first", "{}")
	c.item(b, "second", "{}")
	if x, y := name(), name(); x != "second" || y != "first" {
		t.Errorf("reordered: %v %v", x, y)
	}
	add(Fault{Kind: WebhookLate, DelayMS: 60_000})
	c.item(b, "late", "{}")
	c.item(b, "prompt", "{}")
	if x := name(); x != "prompt" {
		t.Errorf("late came as %v", x)
	}
	c.advance(time.Minute)
	if x := name(); x != "late" {
		t.Errorf("late: %v", x)
	}
	if k := c.e.Counters(); k.WebhooksLost != 1 || k.FaultsPlayed != 4 {
		t.Errorf("counters: %+v", k)
	}
}

func TestWebhookSignatureFaults(t *testing.T) {
	c := start(t, Options{SigningSecret: "s3cret"})
	b := c.board("B")
	rec := receive(t)
	c.hook(b, "create_item", rec.url, "")
	for _, k := range []FaultKind{WebhookUnsigned, WebhookForged, WebhookWrongAud} {
		if _, err := c.e.AddFault(Fault{Kind: k}); err != nil {
			t.Fatal(err)
		}
		c.item(b, "i", "{}")
		_, token := rec.next()
		switch k {
		case WebhookUnsigned:
			if token != "" {
				t.Error("signed all the same")
			}
		case WebhookForged:
			verify(t, token, "s3cret-forged")
		case WebhookWrongAud:
			if verify(t, token, "s3cret")["aud"] == rec.url {
				t.Error("the audience is right")
			}
		}
	}
}

// A receiver may call the API while it is being greeted.
func TestHandshakeLeavesTheAccountFree(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := c.try(`{me{id}}`, nil); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	c.hook(b, "create_item", srv.URL, "")
}
