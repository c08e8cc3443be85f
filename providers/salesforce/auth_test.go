package salesforce

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"accord/engine/provider"
)

func expired(w http.ResponseWriter) {
	refuse(w, 401, "INVALID_SESSION_ID", "Session expired or invalid")
}

func TestRenewsOnceForOneRefusal(t *testing.T) {
	o := newFakeOrg(t, nil)
	o.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.Header.Get("Authorization") != "Bearer token-2" {
			expired(w)
			return
		}
		writeJSON(w, 200, map[string]any{})
	}
	p := o.provider(t)
	if err := get(t, p); err != nil {
		t.Fatal(err)
	}
	if err := get(t, p); err != nil {
		t.Fatal(err)
	}
	if o.tokens != 2 || len(o.seen()) != 3 {
		t.Errorf("%d tokens and %d calls, want 2 and 3", o.tokens, len(o.seen()))
	}
}

func TestNeverRenewsInALoop(t *testing.T) {
	o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) { expired(w) })
	e := asPort(t, get(t, o.provider(t)))
	if e.Kind != provider.Unauthorized || e.Code != "INVALID_SESSION_ID" {
		t.Errorf("error = %v of kind %v", e, e.Kind)
	}
	if o.tokens != 2 || len(o.seen()) != 2 {
		t.Errorf("%d tokens and %d calls, want 2 and 2", o.tokens, len(o.seen()))
	}
}

func TestRefusalOfTheAppIsNotRenewed(t *testing.T) {
	o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		refuse(w, 401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
	})
	if e := asPort(t, get(t, o.provider(t))); e.Kind != provider.Unauthorized || o.tokens != 1 {
		t.Errorf("error %v after %d tokens, want one", e, o.tokens)
	}
}

func TestManyRefusalsOneRenewal(t *testing.T) {
	o := newFakeOrg(t, nil)
	const calls = 8
	var all sync.WaitGroup
	all.Add(calls)
	o.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			all.Done()
			all.Wait() // every call is refused for the same token
			expired(w)
			return
		}
		writeJSON(w, 200, map[string]any{})
	}
	p := o.provider(t)
	var wg sync.WaitGroup
	errs := make([]error, calls)
	for i := range calls {
		wg.Go(func() { errs[i] = get(t, p) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if o.tokens != 2 {
		t.Errorf("%d tokens were fetched, want 2", o.tokens)
	}
}

func TestJWTBearer(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	var claims map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/services/oauth2/token" {
			writeJSON(w, 200, map[string]any{})
			return
		}
		if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || r.FormValue("scope") != "" {
			t.Errorf("form = %v", r.Form)
		}
		parts := strings.Split(r.FormValue("assertion"), ".")
		signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			t.Error(err)
		}
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
		writeJSON(w, 200, map[string]any{"access_token": "t", "token_type": "Bearer"})
	}))
	defer server.Close()
	p, err := New(Config{URL: server.URL, Flow: FlowJWTBearer, ClientID: "consumer", Username: "user@acme.example",
		Audience: "https://login.salesforce.com", PrivateKey: func(context.Context) (string, error) { return string(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, p); err != nil {
		t.Fatal(err)
	}
	if claims["iss"] != "consumer" || claims["sub"] != "user@acme.example" || claims["aud"] != "https://login.salesforce.com" {
		t.Errorf("claims = %v", claims)
	}
	if exp, _ := claims["exp"].(float64); time.Until(time.Unix(int64(exp), 0)) > 4*time.Minute {
		t.Errorf("the assertion lives until %v", time.Unix(int64(exp), 0))
	}
}

func TestRotatedTokenIsKeptBeforeItIsUsed(t *testing.T) {
	var kept []string
	var used []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/services/oauth2/token" {
			if len(kept) != len(used) {
				t.Error("the session was used before its refresh token was kept")
			}
			expired(w)
			return
		}
		used = append(used, r.FormValue("refresh_token"))
		writeJSON(w, 200, map[string]any{"access_token": "a", "refresh_token": "r" + string(rune('0'+len(used)))})
	}))
	defer server.Close()
	p, err := New(Config{URL: server.URL, Flow: FlowRefreshToken, ClientID: "c",
		RefreshToken:     func(context.Context) (string, error) { return "r0", nil },
		SaveRefreshToken: func(_ context.Context, token string) error { kept = append(kept, token); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	_ = get(t, p) // refused, renewed, refused again
	if strings.Join(used, " ") != "r0 r1" || strings.Join(kept, " ") != "r1 r2" {
		t.Errorf("used %q and kept %q, want r0 r1 and r1 r2", used, kept)
	}
}

// A token that could not be kept is kept before anything else is done with it, even if the org rotates no further.
func TestRotatedTokenThatCouldNotBeKept(t *testing.T) {
	var used, kept []string
	full := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/services/oauth2/token" {
			writeJSON(w, 200, map[string]any{})
			return
		}
		used = append(used, r.FormValue("refresh_token"))
		writeJSON(w, 200, map[string]any{"access_token": "a", "refresh_token": "r1"})
	}))
	defer server.Close()
	p, err := New(Config{URL: server.URL, Flow: FlowRefreshToken, ClientID: "c",
		RefreshToken: func(context.Context) (string, error) { return "r0", nil },
		SaveRefreshToken: func(_ context.Context, token string) error {
			if full {
				return errors.New("the disk is full")
			}
			kept = append(kept, token)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := p.client.sessions.get(t.Context())
		if e := asPort(t, err); e.Kind != provider.Transient || !strings.Contains(err.Error(), "refresh token") {
			t.Errorf("error = %v of kind %v", err, e.Kind)
		}
	}
	full = false
	if err := get(t, p); err != nil {
		t.Fatal(err)
	}
	if strings.Join(used, " ") != "r0 r1" || strings.Join(kept, " ") != "r1" {
		t.Errorf("used %q and kept %q, want r0 r1 and r1", used, kept)
	}
}

// The audience of an assertion is the org itself where none is given: its My Domain is always right.
func TestAudienceOfAnAssertion(t *testing.T) {
	for given, want := range map[string]string{"": "https://acme.my.salesforce.com", "https://test.salesforce.com": "https://test.salesforce.com"} {
		p, err := New(Config{URL: "https://acme.my.salesforce.com/", Flow: FlowJWTBearer, ClientID: "c", Username: "u", Audience: given,
			PrivateKey: func(context.Context) (string, error) { return "", nil }})
		if err != nil || p.config.Audience != want {
			t.Errorf("audience %q becomes %q, %v; want %q", given, p.config.Audience, err, want)
		}
	}
}

func TestLoginErrors(t *testing.T) {
	tests := []struct {
		status int
		body   string
		kind   provider.Kind
		code   string
	}{
		{400, `{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}`, provider.Unauthorized, "invalid_grant"},
		{400, `{"error":"rate_limit_exceeded","error_description":"login rate exceeded"}`, provider.Throttled, "rate_limit_exceeded"},
		{401, `{"error":"invalid_client","error_description":"invalid client credentials"}`, provider.Unauthorized, "invalid_client"},
		{400, `{"error":"server_error","error_description":"try again"}`, provider.Transient, "server_error"},
		{503, `<html>down</html>`, provider.Transient, ""},
	}
	for _, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		}))
		s := &sessions{http: server.Client(), config: Config{URL: server.URL, Flow: FlowClientCredentials, ClientID: "c", Clock: time.Now,
			ClientSecret: func(context.Context) (string, error) { return "s3cret", nil }, Observe: func(provider.Call) {}}}
		_, err := s.get(t.Context())
		server.Close()
		e := asPort(t, err)
		if e.Kind != test.kind || e.Code != test.code || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%d %s: %v of kind %v", test.status, test.body, err, e.Kind)
		}
	}
}

func TestBadKeyIsNotQuoted(t *testing.T) {
	p, err := New(Config{URL: "https://acme.my.salesforce.com", Flow: FlowJWTBearer, ClientID: "c", Username: "u",
		PrivateKey: func(context.Context) (string, error) { return "very private", nil }})
	if err != nil {
		t.Fatal(err)
	}
	err = get(t, p)
	if e := asPort(t, err); e.Kind != provider.Unauthorized || strings.Contains(err.Error(), "very private") {
		t.Errorf("error = %v", err)
	}
}
