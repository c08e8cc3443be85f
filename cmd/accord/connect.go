package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
	"accord/engine/secret"
	"accord/providers/monday"
	"accord/providers/salesforce"
)

// connector opens the providers of a contract. Secrets are resolved here, when they are needed, and nowhere else.
type connector struct {
	logger  hclog.Logger
	observe func(provider.Call) // told of every call to a vendor; nil is fine
	spent   *spending           // told of every provider; nil is fine
}

// open connects to everything that the contract names.
func (k connector) open(ctx context.Context, c *contract.Contract) (binding.Providers, error) {
	providers := binding.Providers{}
	for _, conn := range c.Connections {
		var p provider.Provider
		var err error
		if conn.System == "monday" {
			p, err = k.monday(ctx, conn)
		} else {
			p, err = k.salesforce(ctx, conn)
		}
		if err != nil {
			closeAll(providers)
			return nil, fmt.Errorf("connect %s: %w", conn.Address(), err)
		}
		providers[conn.Address()] = p
	}
	if k.spent != nil {
		if err := k.spent.take(ctx, providers); err != nil {
			closeAll(providers)
			return nil, fmt.Errorf("take up what was spent of the vendors' allowances: %w", err)
		}
	}
	return providers, nil
}

func closeAll(providers binding.Providers) {
	for _, p := range providers {
		_ = p.Close() // nothing is in flight: a failed close has nothing to lose
	}
}

func (k connector) monday(ctx context.Context, conn *contract.Connection) (provider.Provider, error) {
	s := settings{ctx: ctx, of: conn.Settings}
	cfg := monday.Config{
		Connection: conn.Address(),
		URL:        s.text("url"),
		APIVersion: s.text("api_version"),
		Token:      secretFunc(conn.Settings["token"]),
		WebhookURL: s.text("webhook_url"),
		Logger:     k.logger.Named(conn.Address()),
		DailyCalls: int64(conn.Budget.DailyCalls),
		DailyShare: conn.Budget.DailyPercent / 100,
		Observe:    k.observe,
		Clock:      time.Now,
	}
	if conn.Settings["signing_secret"].IsSet() {
		cfg.SigningSecret = secretFunc(conn.Settings["signing_secret"])
	}
	if s.err != nil {
		return nil, s.err
	}
	if err := contract.CheckSettings("monday", s.resolved); err != nil {
		return nil, err
	}
	return monday.New(cfg)
}

func (k connector) salesforce(ctx context.Context, conn *contract.Connection) (provider.Provider, error) {
	s := settings{ctx: ctx, of: conn.Settings}
	cfg := salesforce.Config{
		Connection:     conn.Address(),
		URL:            s.text("url"),
		APIVersion:     s.text("api_version"),
		PubSubEndpoint: s.text("pubsub_endpoint"),
		PubSubInsecure: s.truth("pubsub_insecure"),
		ClientName:     "accord",
		Channel:        s.text("channel"),
		DailyCalls:     int64(conn.Budget.DailyCalls),
		DailyPercent:   conn.Budget.DailyPercent,
		Logger:         k.logger.Named(conn.Address()),
		Observe:        k.observe,
		Clock:          time.Now,
	}
	if conn.OAuth == nil {
		return nil, fmt.Errorf("the connection has no oauth block: say how it gets its tokens")
	}
	o := settings{ctx: ctx, of: conn.OAuth.Settings}
	cfg.Flow, cfg.ClientID, cfg.Username, cfg.Audience = conn.OAuth.Flow, o.text("client_id"), o.text("username"), o.text("audience")
	for name, into := range map[string]*salesforce.Secret{
		"client_secret": &cfg.ClientSecret, "private_key": &cfg.PrivateKey, "refresh_token": &cfg.RefreshToken,
	} {
		if conn.OAuth.Settings[name].IsSet() {
			*into = secretFunc(conn.OAuth.Settings[name])
		}
	}
	cfg.SaveRefreshToken = saveToken(conn.OAuth.Settings["refresh_token"])
	if s.err != nil {
		return nil, s.err
	}
	if o.err != nil {
		return nil, o.err
	}
	if err := contract.CheckSettings("salesforce", s.resolved); err != nil {
		return nil, err
	}
	return salesforce.New(cfg)
}

// settings reads a block's attributes as text, resolving references; the first failure is kept.
type settings struct {
	ctx context.Context
	of  map[string]contract.Setting
	err error
	// resolved is what was read so far: an address behind a secret reference is only now there to be checked.
	resolved map[string]string
}

func (s *settings) text(name string) string {
	set, ok := s.of[name]
	if !ok || s.err != nil {
		return ""
	}
	value, err := secret.ResolveSetting(s.ctx, set)
	if err != nil {
		s.err = fmt.Errorf("%s: %w", name, err)
	}
	if s.resolved == nil {
		s.resolved = map[string]string{}
	}
	s.resolved[name] = value
	return value
}

func (s *settings) truth(name string) bool {
	text := s.text(name)
	if text == "" || s.err != nil {
		return false
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		s.err = fmt.Errorf("%s: %q is neither true nor false", name, text)
	}
	return b
}

// secretFunc reads a secret anew whenever it is needed, so that a rotated one is taken up without a restart.
func secretFunc(s contract.Setting) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return secret.ResolveSetting(ctx, s) }
}

// saveToken keeps a rotated refresh token where the contract says that it is found: only a file can be written back.
func saveToken(s contract.Setting) func(context.Context, string) error {
	return func(_ context.Context, token string) error {
		if s.Secret == nil || s.Secret.Scheme != "file" {
			return fmt.Errorf("the refresh token was rotated, and the new one can't be kept: give it as secret::file(...) so that the new one can be written there")
		}
		fresh := s.Secret.Name + ".new"
		if err := writeSynced(fresh, token+"\n"); err != nil {
			return fmt.Errorf("keep the rotated refresh token: %w", err)
		}
		if err := os.Rename(fresh, s.Secret.Name); err != nil {
			return fmt.Errorf("keep the rotated refresh token: %w", err)
		}
		return nil
	}
}

// writeSynced writes a file that is on the disk when it returns: the token before it is dead already.
func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
