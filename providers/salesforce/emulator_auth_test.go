package salesforce

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"golang.org/x/oauth2"

	"accord/providers/salesforce/salesforceemulator"
)

func TestJWTBearerOfAnOrg(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := salesforceemulator.New(salesforceemulator.Options{Seed: 1, JWTKeys: map[string]*rsa.PublicKey{"consumer": &key.PublicKey}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	server := httptest.NewServer(e)
	defer server.Close()
	p, err := New(Config{URL: server.URL, Flow: FlowJWTBearer, ClientID: "consumer", Username: "integration@acme.example",
		PrivateKey: func(context.Context) (string, error) {
			return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	org, user, err := p.client.identity(t.Context())
	if err != nil || org != e.OrgID() || len(user) != 18 {
		t.Errorf("identity = %s, %s, %v; want org %s", org, user, err, e.OrgID())
	}
}

// firstToken gets a refresh token as a person's browser does, with PKCE.
func firstToken(t *testing.T, base string) string {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	redirect := "http://localhost/callback"
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.Get(base + "/services/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"client"}, "redirect_uri": {redirect},
		"scope": {"api refresh_token"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	at, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	response, err = c.PostForm(base+"/services/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")},
		"client_id": {"client"}, "client_secret": {"s3cret"}, "redirect_uri": {redirect}, "code_verifier": {verifier}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var token struct {
		Refresh string `json:"refresh_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&token); err != nil || token.Refresh == "" {
		t.Fatalf("no refresh token: %v, %s", err, response.Status)
	}
	c.CloseIdleConnections()
	return token.Refresh
}

func TestRefreshTokenOfAnOrg(t *testing.T) {
	o := newOrg(t)
	base := o.p.config.URL
	kept := firstToken(t, base)
	p, err := New(Config{URL: base, Flow: FlowRefreshToken, ClientID: "client",
		ClientSecret:     func(context.Context) (string, error) { return "s3cret", nil },
		RefreshToken:     func(context.Context) (string, error) { return kept, nil },
		SaveRefreshToken: func(_ context.Context, token string) error { kept = token; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 3 {
		if err := o.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultExpire}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.People(t.Context(), nil, []string{"nobody@acme.example"}); err != nil {
			t.Fatal(err)
		}
	}
}
