package salesforceemulator

import (
	"crypto/x509"
	"fmt"
	"maps"
	"time"
)

// authState is the OAuth side as it is kept across restarts.
type authState struct {
	Random   []byte                `json:"random"`
	Sessions map[string]savedLogin `json:"sessions"`
	Refresh  map[string]savedGrant `json:"refresh"`
	Codes    map[string]savedGrant `json:"codes,omitempty"`
	// Keys are the registered keys of the JWT bearer flow, in PKIX form.
	Keys map[string][]byte `json:"keys,omitempty"`
}

type savedLogin struct {
	User    string    `json:"user"`
	Client  string    `json:"client"`
	Issued  time.Time `json:"issued"`
	Used    time.Time `json:"used"`
	Forever bool      `json:"forever,omitempty"`
}

type savedGrant struct {
	User      string    `json:"user"`
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
}

// save copies sessions, refresh tokens, codes and keys.
func (a *authServer) save() (authState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	random, err := a.source.MarshalBinary()
	if err != nil {
		return authState{}, fmt.Errorf("saving the sessions: %w", err)
	}
	out := authState{Random: random, Sessions: map[string]savedLogin{}, Refresh: saveGrants(a.refresh), Codes: saveGrants(a.codes), Keys: map[string][]byte{}}
	for token, s := range a.sessions {
		out.Sessions[token] = savedLogin{s.user, s.client, s.issued, s.used, s.forever}
	}
	for app, key := range a.keys {
		if out.Keys[app], err = x509.MarshalPKIXPublicKey(key); err != nil {
			return authState{}, fmt.Errorf("saving the key of %s: %w", app, err)
		}
	}
	return out, nil
}

func saveGrants(grants map[string]grant) map[string]savedGrant {
	out := map[string]savedGrant{}
	for token, g := range grants {
		out[token] = savedGrant{g.user, g.client, g.redirect, g.challenge, g.expires}
	}
	return out
}

// load takes up what save gave. What the options name (the app's token, keys) is there besides.
func (a *authServer) load(s authState) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.source.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	for token, l := range s.Sessions {
		if !l.Forever || token == a.e.opts.AccessToken {
			a.sessions[token] = &session{user: l.User, client: l.Client, issued: l.Issued, used: l.Used, forever: l.Forever}
		}
	}
	maps.Copy(a.refresh, loadGrants(s.Refresh))
	maps.Copy(a.codes, loadGrants(s.Codes))
	for app, der := range s.Keys {
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return fmt.Errorf("reading the key of %s: %w", app, err)
		}
		if a.keys[app], err = rsaKey(parsed); err != nil {
			return fmt.Errorf("reading the key of %s: %w", app, err)
		}
	}
	return nil
}

func loadGrants(saved map[string]savedGrant) map[string]grant {
	out := map[string]grant{}
	for token, g := range saved {
		out[token] = grant{g.User, g.Client, g.Redirect, g.Challenge, g.Expires}
	}
	return out
}
