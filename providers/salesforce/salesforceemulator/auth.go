package salesforceemulator

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// authServer is the OAuth side of the org: apps, sessions, codes and refresh tokens.
type authServer struct {
	e   *Emulator
	org *org.Org

	mu       sync.Mutex
	source   *rand.PCG
	rng      *rand.Rand
	keys     map[string]*rsa.PublicKey
	sessions map[string]*session
	refresh  map[string]grant
	codes    map[string]grant
	// Rotate makes refresh tokens good for one use.
	rotate bool
}

type session struct {
	user, client string
	issued, used time.Time
	forever      bool
}

// grant is what a refresh token or an authorization code stands for.
type grant struct {
	user, client, redirect, challenge string
	expires                           time.Time
}

func newAuthServer(e *Emulator, o *org.Org) *authServer {
	source := rand.NewPCG(uint64(e.opts.Seed), 0x0a07)
	a := &authServer{e: e, org: o, source: source, rng: rand.New(source), keys: maps.Clone(e.opts.JWTKeys),
		sessions: map[string]*session{}, refresh: map[string]grant{}, codes: map[string]grant{}, rotate: true}
	if a.keys == nil {
		a.keys = map[string]*rsa.PublicKey{}
	}
	a.welcome(o)
	return a
}

// welcome gives the options' token its session.
func (a *authServer) welcome(o *org.Org) {
	if t := a.e.opts.AccessToken; t != "" {
		a.sessions[t] = &session{user: o.IntegrationUser(), client: a.e.opts.ClientID, issued: a.e.clock.Now(), forever: true}
	}
}

func (a *authServer) random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.rng.UintN(256))
	}
	return hex.EncodeToString(b)
}

// mint makes a session. The caller holds mu.
func (a *authServer) mint(user, client string) string {
	now := a.e.clock.Now()
	for token, s := range a.sessions { // sessions nobody uses are not kept for ever
		if !a.alive(s, now) {
			delete(a.sessions, token)
		}
	}
	token := a.org.OrgID()[:15] + "!AQEA" + a.random(40)
	a.sessions[token] = &session{user: user, client: client, issued: now, used: now}
	return token
}

func (a *authServer) alive(s *session, now time.Time) bool {
	return s.forever || now.Sub(s.used) < a.e.opts.SessionLifetime
}

// check finds the session of a token and keeps it alive.
func (a *authServer) check(token string) (session, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[token]
	now := a.e.clock.Now()
	if token == "" || s == nil || !a.alive(s, now) || !a.org.Active(s.user) {
		return session{}, false
	}
	s.used = now
	return *s, true
}

// eventToken checks the token of an event subscriber.
func (a *authServer) eventToken(token, _ string) (string, bool) {
	s, ok := a.check(token)
	return s.user, ok
}

// expire ends a session, or all of them, even those that never end by themselves; the options' token comes back with renew.
func (a *authServer) expire(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, s := range a.sessions {
		if token == "" && !s.forever || t == token {
			delete(a.sessions, t)
		}
	}
}

// expireForNow ends a session. The token of the options, which nothing could renew, only fails this once.
func (a *authServer) expireForNow(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[token]; s != nil && !s.forever {
		delete(a.sessions, token)
	}
}

func (a *authServer) userByName(username string) (string, bool) {
	for _, u := range a.e.Users() {
		if strings.EqualFold(u.Username, username) && u.Active {
			return u.ID, true
		}
	}
	return "", false
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// serve answers /services/oauth2/... and /id/....
func (a *authServer) serve(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	switch strings.TrimPrefix(r.URL.Path, "/services/oauth2/") {
	case "token":
		a.token(w, r)
	case "authorize":
		a.authorize(w, r)
	case "revoke":
		a.revoke(w, r)
	case "introspect":
		a.introspect(w, r)
	case "userinfo":
		a.userinfo(w, r)
	default:
		http.NotFound(w, r)
	}
}

func instanceURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func loginHost(host string) bool {
	return strings.HasPrefix(host, "login.") || strings.HasPrefix(host, "test.")
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (a *authServer) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		oauthError(w, http.StatusMethodNotAllowed, "invalid_request", "must use HTTP POST")
		return
	}
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the body is not a form")
		return
	}
	a.e.counts.add(func(c *Counters) { c.Tokens++ })
	if f, ok := a.e.faults.Take(func(f *Fault) bool { return f.Kind == FaultOAuth }); ok {
		oauthError(w, http.StatusBadRequest, f.Code, f.Message)
		return
	}
	client, secret, basic := r.BasicAuth()
	if !basic {
		client, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		a.clientCredentials(w, r, client, secret)
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		a.jwtBearer(w, r)
	case "refresh_token":
		a.refreshToken(w, r, client, secret)
	case "authorization_code":
		a.authorizationCode(w, r, client, secret)
	case "":
		oauthError(w, http.StatusBadRequest, "invalid_request", "missing required parameter: grant_type")
	case "password":
		oauthError(w, http.StatusBadRequest, "invalid_grant", "authentication failure")
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "grant type not supported")
	}
}

func (a *authServer) clientCredentials(w http.ResponseWriter, r *http.Request, client, secret string) {
	switch {
	case loginHost(r.Host):
		oauthError(w, http.StatusBadRequest, "invalid_grant", "request not supported on this domain")
	case a.e.opts.ClientID == "" || client != a.e.opts.ClientID:
		oauthError(w, http.StatusBadRequest, "invalid_client_id", "client identifier invalid")
	case !same(secret, a.e.opts.ClientSecret):
		oauthError(w, http.StatusBadRequest, "invalid_client", "invalid client credentials")
	default:
		a.answer(w, r, a.org.IntegrationUser(), client, "", true)
	}
}

// jwtBearer checks an assertion: RS256 by a registered key, a known audience, an expiry that lies ahead, however far.
func (a *authServer) jwtBearer(w http.ResponseWriter, r *http.Request) {
	bad := func(description string) { oauthError(w, http.StatusBadRequest, "invalid_grant", description) }
	if r.PostForm.Get("scope") != "" {
		oauthError(w, http.StatusBadRequest, "invalid_request", "scope parameter not supported")
		return
	}
	parts := strings.Split(r.PostForm.Get("assertion"), ".")
	if len(parts) != 3 {
		bad("invalid assertion")
		return
	}
	var head struct{ Alg string }
	var claims struct {
		Iss, Sub string
		Aud      any
		Exp      json.Number
	}
	if !decodeSegment(parts[0], &head) || !decodeSegment(parts[1], &claims) || head.Alg != "RS256" {
		bad("invalid assertion")
		return
	}
	a.mu.Lock()
	key := a.keys[claims.Iss]
	a.mu.Unlock()
	if key == nil {
		oauthError(w, http.StatusBadRequest, "invalid_client_id", "client identifier invalid")
		return
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		bad("invalid assertion")
		return
	}
	exp, err := strconv.ParseFloat(claims.Exp.String(), 64)
	if err != nil || exp < float64(a.e.clock.Now().Unix()) {
		bad("expired assertion: token validity expired")
		return
	}
	if !a.audience(claims.Aud, r) {
		bad("audience is invalid")
		return
	}
	user, ok := a.userByName(claims.Sub)
	if !ok {
		bad("user hasn't approved this consumer")
		return
	}
	a.answer(w, r, user, claims.Iss, "", true)
}

func (a *authServer) audience(aud any, r *http.Request) bool {
	list, ok := aud.([]any)
	if !ok {
		list = []any{aud}
	}
	for _, v := range list {
		s, _ := v.(string)
		s = strings.TrimSuffix(s, "/")
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			continue
		}
		if u.Host == r.Host || s == "https://login.salesforce.com" || s == "https://test.salesforce.com" {
			return true
		}
	}
	return false
}

func decodeSegment(s string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}

// authorize approves at once, as the integration user or the one login_hint names, and redirects with a code.
func (a *authServer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || redirect.Scheme == "" || q.Get("client_id") == "" || q.Get("client_id") != a.e.opts.ClientID {
		oauthError(w, http.StatusBadRequest, "invalid_client_id", "client identifier invalid")
		return
	}
	back := redirect.Query()
	back.Set("state", q.Get("state"))
	switch {
	case q.Get("response_type") != "code":
		back.Set("error", "unsupported_response_type")
		back.Set("error_description", "response type not supported")
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		back.Set("error", "invalid_request")
		back.Set("error_description", "missing required code challenge")
	default:
		user := a.org.IntegrationUser()
		if hint := q.Get("login_hint"); hint != "" {
			if id, ok := a.userByName(hint); ok {
				user = id
			}
		}
		a.mu.Lock()
		code := "aPrx" + a.random(20)
		a.codes[code] = grant{user: user, client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), expires: a.e.clock.Now().Add(15 * time.Minute)}
		a.mu.Unlock()
		back.Set("code", code)
	}
	redirect.RawQuery = back.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

func (a *authServer) authorizationCode(w http.ResponseWriter, r *http.Request, client, secret string) {
	code := r.PostForm.Get("code")
	a.mu.Lock()
	g, ok := a.codes[code]
	delete(a.codes, code)
	a.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case !ok || a.e.clock.Now().After(g.expires):
		oauthError(w, http.StatusBadRequest, "invalid_grant", "expired authorization code")
	case client != g.client:
		oauthError(w, http.StatusBadRequest, "invalid_client_id", "client identifier invalid")
	case secret != "" && !same(secret, a.e.opts.ClientSecret):
		oauthError(w, http.StatusBadRequest, "invalid_client", "invalid client credentials")
	case r.PostForm.Get("redirect_uri") != g.redirect:
		oauthError(w, http.StatusBadRequest, "redirect_uri_mismatch", "redirect_uri must match configuration")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge:
		oauthError(w, http.StatusBadRequest, "invalid_grant", "invalid code verifier")
	default:
		a.answer(w, r, g.user, client, a.newRefresh(g.user, client), false)
	}
}

func (a *authServer) newRefresh(user, client string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	token := "5Aep861" + a.random(30)
	a.refresh[token] = grant{user: user, client: client}
	return token
}

// refreshToken renews a session. The refresh token is good for one use: the answer carries the next one.
func (a *authServer) refreshToken(w http.ResponseWriter, r *http.Request, client, secret string) {
	token := r.PostForm.Get("refresh_token")
	a.mu.Lock()
	g, ok := a.refresh[token]
	if ok && client == g.client && (secret == "" || same(secret, a.e.opts.ClientSecret)) && a.rotate {
		delete(a.refresh, token)
	}
	a.mu.Unlock()
	switch {
	case !ok:
		oauthError(w, http.StatusBadRequest, "invalid_grant", "expired access/refresh token")
	case client != g.client:
		oauthError(w, http.StatusBadRequest, "invalid_client_id", "client identifier invalid")
	case secret != "" && !same(secret, a.e.opts.ClientSecret):
		oauthError(w, http.StatusBadRequest, "invalid_client", "invalid client credentials")
	case a.rotate:
		a.answer(w, r, g.user, g.client, a.newRefresh(g.user, g.client), false)
	default:
		a.answer(w, r, g.user, g.client, "", false)
	}
}

// answer writes a token response. Machine flows carry no refresh token, no expiry and no signature.
func (a *authServer) answer(w http.ResponseWriter, r *http.Request, user, client, refresh string, machine bool) {
	if !a.org.Active(user) {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "inactive user")
		return
	}
	a.mu.Lock()
	token := a.mint(user, client)
	a.mu.Unlock()
	inst := instanceURL(r)
	id := inst + "/id/" + a.org.OrgID() + "/" + user
	out := map[string]string{"access_token": token, "instance_url": inst, "id": id, "token_type": "Bearer", "scope": "api web", "api_instance_url": inst}
	if !machine {
		issued := strconv.FormatInt(a.e.clock.Now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(a.e.opts.ClientSecret))
		mac.Write([]byte(id + issued))
		out["issued_at"], out["signature"], out["scope"] = issued, base64.StdEncoding.EncodeToString(mac.Sum(nil)), "api refresh_token"
	}
	if refresh != "" {
		out["refresh_token"] = refresh
	}
	writeJSON(w, http.StatusOK, out)
}

func (a *authServer) revoke(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the body is not a form")
		return
	}
	token := r.Form.Get("token")
	a.mu.Lock()
	_, isSession := a.sessions[token]
	_, isRefresh := a.refresh[token]
	delete(a.sessions, token)
	delete(a.refresh, token)
	a.mu.Unlock()
	if !isSession && !isRefresh {
		oauthError(w, http.StatusBadRequest, "unsupported_token_type", "this token type is not supported")
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (a *authServer) introspect(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the body is not a form")
		return
	}
	client, secret, basic := r.BasicAuth()
	if !basic {
		client, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if client == "" || client != a.e.opts.ClientID || !same(secret, a.e.opts.ClientSecret) {
		oauthError(w, http.StatusUnauthorized, "invalid_client", "invalid client credentials")
		return
	}
	a.mu.Lock()
	s := a.sessions[r.PostForm.Get("token")]
	live := s != nil && a.alive(s, a.e.clock.Now())
	var seen session
	if live {
		seen = *s
	}
	a.mu.Unlock()
	if !live {
		writeJSON(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	u, _ := a.user(seen.user)
	writeJSON(w, http.StatusOK, map[string]any{"active": true, "scope": "api web", "client_id": seen.client, "username": u.Username,
		"sub": instanceURL(r) + "/id/" + a.org.OrgID() + "/" + seen.user, "token_type": "access_token", "iat": seen.issued.Unix(), "nbf": seen.issued.Unix(),
		"exp": seen.used.Add(a.e.opts.SessionLifetime).Unix()})
}

func (a *authServer) user(id string) (User, bool) {
	for _, u := range a.e.Users() {
		if u.ID == id {
			return u, true
		}
	}
	return User{}, false
}

func bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "Bearer") || strings.EqualFold(kind, "OAuth") {
		return strings.TrimSpace(token)
	}
	return ""
}

func (a *authServer) userinfo(w http.ResponseWriter, r *http.Request) {
	s, ok := a.check(bearer(r))
	if !ok {
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
		return
	}
	u, _ := a.user(s.user)
	inst := instanceURL(r)
	writeJSON(w, http.StatusOK, map[string]any{"sub": inst + "/id/" + a.org.OrgID() + "/" + u.ID, "user_id": u.ID, "organization_id": a.org.OrgID(),
		"preferred_username": u.Username, "nickname": u.Username, "name": u.Name, "email": u.Email, "email_verified": true, "zoneinfo": u.TimeZone, "locale": "en_US",
		"language": "en_US", "active": u.Active, "user_type": "STANDARD", "utcOffset": utcOffset(u.TimeZone, a.e.clock.Now()), "urls": identityURLs(inst, a.org.OrgID(), u.ID), "updated_at": a.e.clock.Now().UTC().Format("2006-01-02T15:04:05Z")})
}

func utcOffset(zone string, now time.Time) int {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return 0
	}
	_, offset := now.In(loc).Zone()
	return offset * 1000
}

func identityURLs(inst, orgID, user string) map[string]string {
	data := inst + "/services/data/v{version}/"
	return map[string]string{"rest": data, "sobjects": data + "sobjects/", "search": data + "search/", "query": data + "query/", "recent": data + "recent/",
		"tooling_rest": data + "tooling/", "metadata": inst + "/services/Soap/m/{version}/" + orgID, "partner": inst + "/services/Soap/u/{version}/" + orgID,
		"enterprise": inst + "/services/Soap/c/{version}/" + orgID, "profile": inst + "/" + user, "custom_domain": inst}
}

// identity answers the id URL of a token response.
func (a *authServer) identity(w http.ResponseWriter, r *http.Request) {
	token := bearer(r)
	if token == "" {
		token = r.URL.Query().Get("oauth_token")
	}
	if _, ok := a.check(token); !ok {
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	u, ok := User{}, false
	if len(parts) == 3 && parts[1] == a.org.OrgID() {
		u, ok = a.user(parts[2])
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	inst := instanceURL(r)
	first, last, _ := strings.Cut(u.Name, " ")
	writeJSON(w, http.StatusOK, map[string]any{"id": inst + r.URL.Path, "asserted_user": true, "user_id": u.ID, "organization_id": a.org.OrgID(), "username": u.Username,
		"nick_name": u.Username, "display_name": u.Name, "email": u.Email, "email_verified": true, "first_name": first, "last_name": last, "timezone": u.TimeZone,
		"active": u.Active, "user_type": "STANDARD", "language": "en_US", "locale": "en_US", "utcOffset": utcOffset(u.TimeZone, a.e.clock.Now()),
		"last_modified_date": a.e.clock.Now().UTC().Format("2006-01-02T15:04:05Z"), "is_app_installed": true, "urls": identityURLs(inst, a.org.OrgID(), u.ID)})
}
