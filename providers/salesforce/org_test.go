package salesforce

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"accord/engine/provider"
)

// fakeOrg answers what a test tells it to, for what an emulator would not do: refuse, break off, answer nonsense.
type fakeOrg struct {
	*httptest.Server
	mu       sync.Mutex
	requests []recorded
	tokens   int
	answer   func(w http.ResponseWriter, r *http.Request, body string)
}

type recorded struct{ method, path, query, body, authorization string }

const (
	orgID  = "00D000000000001EAA"
	userID = "005000000000001AAA"
)

func newFakeOrg(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string)) *fakeOrg {
	o := &fakeOrg{answer: answer}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/services/oauth2/token" {
			o.mu.Lock()
			o.tokens++
			n := o.tokens
			o.mu.Unlock()
			writeJSON(w, http.StatusOK, map[string]any{
				"access_token": "token-" + string(rune('0'+n)), "instance_url": o.URL, "token_type": "Bearer",
				"id": o.URL + "/id/" + orgID + "/" + userID,
			})
			return
		}
		o.mu.Lock()
		o.requests = append(o.requests, recorded{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Get("Authorization")})
		o.mu.Unlock()
		o.answer(w, r, string(body))
	}))
	t.Cleanup(o.Close)
	return o
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Sforce-Limit-Info", "api-usage=4143/15000")
	w.WriteHeader(status)
	text, _ := json.Marshal(v)
	_, _ = w.Write(text)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, []map[string]any{{"errorCode": code, "message": message}})
}

func (o *fakeOrg) seen() []recorded {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]recorded(nil), o.requests...)
}

func (o *fakeOrg) provider(t *testing.T, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{
		Connection: "salesforce.crm", URL: o.URL, Flow: FlowClientCredentials, ClientID: "client",
		ClientSecret: func(context.Context) (string, error) { return "s3cret", nil }, Timeout: 5 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	p.client.pause = time.Millisecond
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func get(t *testing.T, p *Provider) error {
	t.Helper()
	return p.client.do(t.Context(), request{op: "test", doing: "test", method: http.MethodGet, path: "/limits"}, nil)
}

func asPort(t *testing.T, err error) *provider.Error {
	t.Helper()
	e := asErrorOrNil(err)
	if e == nil {
		t.Fatal("no error where one was due")
	}
	return e
}

func TestNewChecks(t *testing.T) {
	secret := func(context.Context) (string, error) { return "", nil }
	save := func(context.Context, string) error { return nil }
	tests := []struct {
		name string
		c    Config
		want string // part of the error; "" = none
	}{
		{"complete", Config{URL: "https://acme.my.salesforce.com/", Flow: FlowClientCredentials, ClientID: "c", ClientSecret: secret}, ""},
		{"no URL", Config{Flow: FlowClientCredentials, ClientID: "c", ClientSecret: secret}, "My Domain"},
		{"bad version", Config{URL: "https://a.example", APIVersion: "68", Flow: FlowClientCredentials, ClientID: "c", ClientSecret: secret}, "68.0"},
		{"no client", Config{URL: "https://a.example", Flow: FlowClientCredentials}, "client_id"},
		{"no key", Config{URL: "https://a.example", Flow: FlowJWTBearer, ClientID: "c"}, "private_key"},
		{"nowhere to keep a token", Config{URL: "https://a.example", Flow: FlowRefreshToken, ClientID: "c", RefreshToken: secret}, "keep"},
		{"refresh", Config{URL: "https://a.example", Flow: FlowRefreshToken, ClientID: "c", RefreshToken: secret, SaveRefreshToken: save}, ""},
		{"password", Config{URL: "https://a.example", Flow: "password", ClientID: "c"}, "unknown OAuth flow"},
		{"client name", Config{URL: "https://a.example", Flow: FlowClientCredentials, ClientID: "c", ClientSecret: secret, ClientName: "a,b"}, "client name"},
	}
	for _, test := range tests {
		_, err := New(test.c)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: New = %v, want %q", test.name, err, test.want)
		}
	}
}
