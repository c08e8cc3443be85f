package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
	"golang.org/x/sync/singleflight"

	"accord/engine/provider"
)

// session is one access token with where and for whom it is good. It is never logged.
type session struct {
	token    string
	instance string // base URL of all calls, from the token's answer
	org      string // 18 characters, "" when the answer did not tell
	user     string
}

// sessions fetches tokens, and shares each among all calls until the org refuses it. The flows without a refresh token
// give no expiry either (reference: OAuth 2.0 JWT Bearer Flow, Client Credentials Flow): a 401 is all there is to go by.
type sessions struct {
	config Config
	http   *http.Client

	mu      sync.Mutex
	current *session
	refresh string // the newest refresh token, once one was rotated
	kept    string // the newest that SaveRefreshToken took
	fetches singleflight.Group
}

const loginTimeout = 30 * time.Second

// get is the current session, fetched first when there is none.
func (s *sessions) get(ctx context.Context) (*session, error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current != nil {
		return current, nil
	}
	return s.renew(ctx, nil)
}

// isUs says whether a user is the one that the session at hand is for; false as long as that is not known.
func (s *sessions) isUs(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil && s.current.user != "" && s.current.user == user
}

// renew replaces a session that the org refused. When another call has replaced it already, that one's is returned.
func (s *sessions) renew(ctx context.Context, refused *session) (*session, error) {
	wait := s.fetches.DoChan("session", func() (any, error) {
		s.mu.Lock()
		current := s.current
		s.mu.Unlock()
		if current != nil && current != refused {
			return current, nil
		}
		// Many calls wait for this one: it must not end because the first of them was given up.
		fetch, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginTimeout)
		defer cancel()
		fresh, err := s.fetch(fetch)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.current = fresh
		s.mu.Unlock()
		return fresh, nil
	})
	select {
	case r := <-wait:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*session), nil
	case <-ctx.Done():
		return nil, &provider.Error{Kind: provider.Transient, Op: "fetch an access token", Err: ctx.Err()}
	}
}

func (s *sessions) fetch(ctx context.Context) (*session, error) {
	started := s.config.Clock()
	token, err := s.exchange(context.WithValue(ctx, oauth2.HTTPClient, s.http))
	call := provider.Call{
		Connection: s.config.Connection, Operation: "POST oauth2/token",
		Started: started, Duration: s.config.Clock().Sub(started), Status: http.StatusOK,
	}
	if err != nil {
		err = loginError(err)
		call.Err, call.Status = provider.Bare(err), statusOf(err)
	}
	s.config.Observe(call)
	if err != nil {
		return nil, err
	}
	fresh := &session{token: token.AccessToken, instance: s.config.URL}
	if instance, ok := token.Extra("instance_url").(string); ok && instance != "" {
		u, err := url.Parse(instance)
		if err != nil || u.Host == "" || u.Scheme != "https" && !strings.HasPrefix(s.config.URL, "http://") {
			return nil, &provider.Error{Kind: provider.Unauthorized, Op: "fetch an access token",
				Message: "the answer names an instance URL that is not https; the token is not sent there"}
		}
		fresh.instance = u.Scheme + "://" + u.Host
	}
	if id, ok := token.Extra("id").(string); ok {
		parts := strings.Split(strings.TrimSuffix(id, "/"), "/")
		if n := len(parts); n >= 2 && validID(parts[n-1]) && validID(parts[n-2]) {
			fresh.org, fresh.user = parts[n-2], parts[n-1]
		}
	}
	return fresh, nil
}

// exchange runs the configured flow once.
func (s *sessions) exchange(ctx context.Context) (*oauth2.Token, error) {
	endpoint := s.config.URL + "/services/oauth2/token"
	var secret string
	if s.config.ClientSecret != nil {
		var err error
		if secret, err = s.config.ClientSecret(ctx); err != nil {
			return nil, secretError("client_secret", err)
		}
	}
	switch s.config.Flow {
	case FlowClientCredentials:
		c := clientcredentials.Config{ClientID: s.config.ClientID, ClientSecret: secret, TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams}
		return c.Token(ctx)
	case FlowJWTBearer:
		key, err := s.config.PrivateKey(ctx)
		if err != nil {
			return nil, secretError("private_key", err)
		}
		c := jwt.Config{
			Email: s.config.ClientID, Subject: s.config.Username, Audience: s.config.Audience,
			TokenURL: endpoint, PrivateKey: []byte(key), Expires: 3 * time.Minute,
		}
		token, err := c.TokenSource(ctx).Token()
		var transport *url.Error
		var refused *oauth2.RetrieveError
		if err != nil && !errors.As(err, &transport) && !errors.As(err, &refused) {
			// What is left is the key itself; the text below may quote it, so it goes no further.
			return nil, &provider.Error{Kind: provider.Unauthorized, Op: "sign the JWT for an access token",
				Message: "private_key is not an unencrypted RSA key in PEM, or the answer was not a token"}
		}
		return token, err
	default:
		return s.exchangeRefresh(ctx, endpoint, secret)
	}
}

// exchangeRefresh uses the newest refresh token, and keeps a rotated one before the access token is used at all.
func (s *sessions) exchangeRefresh(ctx context.Context, endpoint, secret string) (*oauth2.Token, error) {
	s.mu.Lock()
	old, kept := s.refresh, s.kept
	s.mu.Unlock()
	if old != kept {
		// It could not be kept when it came. It is still good, and must not be lost with this process.
		if err := s.keep(ctx, old); err != nil {
			return nil, err
		}
	}
	if old == "" {
		var err error
		if old, err = s.config.RefreshToken(ctx); err != nil {
			return nil, secretError("refresh_token", err)
		}
	}
	c := oauth2.Config{ClientID: s.config.ClientID, ClientSecret: secret,
		Endpoint: oauth2.Endpoint{TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams}}
	token, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: old}).Token()
	if err != nil {
		return nil, err
	}
	if token.RefreshToken != "" && token.RefreshToken != old {
		s.mu.Lock()
		s.refresh = token.RefreshToken
		s.mu.Unlock()
		if err := s.keep(ctx, token.RefreshToken); err != nil {
			return nil, err
		}
	}
	return token, nil
}

func (s *sessions) keep(ctx context.Context, refresh string) error {
	if err := s.config.SaveRefreshToken(ctx, refresh); err != nil {
		return &provider.Error{Kind: provider.Transient, Op: "keep the rotated refresh token",
			Message: "the org has replaced it and the old one is dead", Err: err}
	}
	s.mu.Lock()
	s.kept = refresh
	s.mu.Unlock()
	return nil
}

func secretError(name string, err error) error {
	return &provider.Error{Kind: provider.Unauthorized, Op: "read " + name + " of the OAuth block", Err: err}
}

// loginError turns what x/oauth2 reports into the port's error, without the request it was about.
func loginError(err error) error {
	var known *provider.Error
	if errors.As(err, &known) {
		return err
	}
	e := &provider.Error{Kind: provider.Transient, Op: "fetch an access token"}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		e.Err = err
		return e
	}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(refused.Body, &body) // what is not JSON leaves both empty
	e.Code, e.Message = body.Error, body.Description
	status := 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
		e.RequestID = requestID(refused.Response.Header)
	}
	e.Err = httpStatus(status)
	switch {
	case e.Code == "rate_limit_exceeded" || status == http.StatusTooManyRequests:
		e.Kind, e.RetryAfter = provider.Throttled, time.Minute
	case e.Code == "server_error" || e.Code == "temporarily_unavailable": // whatever the status: the server's own trouble
	case e.Code != "":
		e.Kind = provider.Unauthorized
	case status >= 400 && status < 500:
		e.Kind = provider.Unauthorized
	}
	return e
}
