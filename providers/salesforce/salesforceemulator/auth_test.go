package salesforceemulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"
)

func (c *testClient) token(form url.Values) answer {
	c.t.Helper()
	saved := c.tok
	c.tok = ""
	defer func() { c.tok = saved }()
	return c.do("POST", "/services/oauth2/token", form)
}

func TestClientCredentials(t *testing.T) {
	c := serve(t)
	a := c.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}}).want(200, `"instance_url":"`+c.srv.URL+`"`)
	for _, absent := range []string{"refresh_token", "expires_in", "issued_at"} {
		if a.get(absent) != nil {
			t.Errorf("the answer has %s", absent)
		}
	}
	c.tok, _ = a.get("access_token").(string)
	c.do("GET", "/limits", nil).want(200)
	c.do("GET", "/services/oauth2/userinfo", nil).want(200, `"organization_id":"`+c.e.OrgID()+`"`, `"preferred_username":"integration@acme.example"`)
	id, _ := a.get("id").(string)
	c.do("GET", id[len(c.srv.URL):], nil).want(200, `"username":"integration@acme.example"`)

	c.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {"no"}}).want(400, "invalid_client")
	c.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"no"}}).want(400, "invalid_client_id")
	c.token(url.Values{"grant_type": {"magic"}}).want(400, "unsupported_grant_type")
}

func TestSessionLife(t *testing.T) {
	c := serve(t)
	a := c.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}})
	c.tok, _ = a.get("access_token").(string)
	for range 3 { // use keeps a session alive
		c.e.Advance(119 * time.Minute)
		c.do("GET", "/limits", nil).want(200)
	}
	c.e.Advance(2 * time.Hour)
	c.do("GET", "/limits", nil).want(401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`)
	c.tok = testToken
	c.do("GET", "/limits", nil).want(200)

	a = c.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}})
	c.tok, _ = a.get("access_token").(string)
	form := url.Values{"token": {c.tok}, "client_id": {testClientID}, "client_secret": {testSecret}}
	c.do("POST", "/services/oauth2/introspect", form).want(200, `"active":true`)
	c.do("POST", "/services/oauth2/revoke", form).want(200)
	c.do("POST", "/services/oauth2/introspect", form).want(200, `"active":false`)
	c.do("GET", "/limits", nil).want(401)
}

// assertion signs a JWT.
func assertion(t *testing.T, key *rsa.PrivateKey, claims obj) string {
	t.Helper()
	seg := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := seg(obj{"alg": "RS256"}) + "." + seg(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestJWTBearer(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, func(o *Options) { o.JWTKeys = map[string]*rsa.PublicKey{"app": &key.PublicKey} })
	good := obj{"iss": "app", "sub": "integration@acme.example", "aud": "https://login.salesforce.com", "exp": testStart.Add(3 * time.Minute).Unix()}
	with := func(k string, v any) obj {
		out := obj{}
		for name, val := range good {
			out[name] = val
		}
		out[k] = v
		return out
	}
	for _, tt := range []struct {
		name   string
		key    *rsa.PrivateKey
		claims obj
		status int
		want   string
	}{
		{"good", key, good, 200, "access_token"},
		{"our own host as audience", key, with("aud", c.srv.URL), 200, "access_token"},
		{"expiry in milliseconds, as one client sends it", key, with("exp", testStart.UnixMilli()), 200, "access_token"},
		{"wrong key", other, good, 400, "invalid assertion"},
		{"expired", key, with("exp", testStart.Add(-time.Minute).Unix()), 400, "expired"},
		{"audience", key, with("aud", "https://example.com"), 400, "audience is invalid"},
		{"user", key, with("sub", "nobody@acme.example"), 400, "user hasn't approved this consumer"},
		{"app", key, with("iss", "nope"), 400, "invalid_client_id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.token(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion(t, tt.key, tt.claims)}}).want(tt.status, tt.want)
		})
	}
}

func TestWebFlowAndRotation(t *testing.T) {
	c := serve(t)
	verifier := "a-verifier-that-is-long-enough-to-be-one-0123456789"
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {testClientID}, "redirect_uri": {"http://localhost:1717/cb"}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	code := func() string {
		a := c.do("GET", "/services/oauth2/authorize?"+q.Encode(), nil).want(http.StatusFound)
		u, err := url.Parse(a.header.Get("Location"))
		if err != nil || u.Query().Get("state") != "s" {
			t.Fatalf("redirected to %s: %v", a.header.Get("Location"), err)
		}
		return u.Query().Get("code")
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code()}, "client_id": {testClientID}, "redirect_uri": {"http://localhost:1717/cb"}, "code_verifier": {verifier}}
	a := c.token(form).want(200, "issued_at", "signature", "refresh_token")
	c.token(form).want(400, "expired authorization code") // a code is good for one use
	form.Set("code", code())
	form.Set("code_verifier", "wrong")
	c.token(form).want(400, "invalid code verifier")

	first, _ := a.get("refresh_token").(string)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}, "client_id": {testClientID}}
	b := c.token(refresh).want(200, "refresh_token")
	c.token(refresh).want(400, `"error_description":"expired access/refresh token"`)
	refresh.Set("refresh_token", b.get("refresh_token").(string))
	c.token(refresh).want(200)
}
