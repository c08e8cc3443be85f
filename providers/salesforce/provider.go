package salesforce

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

// Defaults of a Config.
const (
	DefaultAPIVersion     = "68.0"
	DefaultPubSubEndpoint = "api.pubsub.salesforce.com:7443"
	DefaultClientName     = "accord"
)

// The OAuth flows that a Config may name. None of them needs a password.
const (
	FlowClientCredentials = "client_credentials"
	FlowJWTBearer         = "jwt_bearer"
	FlowRefreshToken      = "refresh_token"
)

// Secret gives a secret when it is needed, so that none is kept where it could be printed.
type Secret func(ctx context.Context) (string, error)

// Config says which org is meant and how to reach it.
type Config struct {
	Connection string // "salesforce.crm", for audit
	URL        string // the org's My Domain: "https://acme.my.salesforce.com"
	APIVersion string // "68.0"; DefaultAPIVersion when empty

	Flow         string // one of the Flow constants
	ClientID     string // the app's consumer key
	ClientSecret Secret // client_credentials; optional for refresh_token
	Username     string // jwt_bearer: the user to act as
	PrivateKey   Secret // jwt_bearer: RSA key in PEM
	Audience     string // jwt_bearer: the login host; URL when empty
	RefreshToken Secret // refresh_token
	// SaveRefreshToken keeps a rotated refresh token: the old one dies with the answer that carries the new one, so it
	// is called before the new session is used. Required for FlowRefreshToken.
	SaveRefreshToken func(ctx context.Context, token string) error

	// ClientName is sent as Sforce-Call-Options client=…; change events name it as where a change came from.
	ClientName     string
	PubSubEndpoint string // host:port; DefaultPubSubEndpoint when empty
	PubSubInsecure bool   // no TLS, for an emulator on this machine
	// Channel is a custom channel that change events are selected for and come through, with the key of each record;
	// "" = the org's default channel, and a topic for each sObject.
	Channel string

	DailyCalls   int64   // of the org's calls a day, how many may be used; 0 = by DailyPercent
	DailyPercent float64 // of the org's calls a day, how much may be used, 0 to 100; 0 = no limit of ours

	Timeout    time.Duration // of one HTTP call; two minutes when 0
	HTTPClient *http.Client  // optional
	// DialPubSub opens connections to PubSubEndpoint where they are not TCP; optional.
	DialPubSub func(ctx context.Context, address string) (net.Conn, error)
	Logger     hclog.Logger // optional
	Clock      func() time.Time
	Observe    func(provider.Call) // optional; called once for each call to the vendor
}

// Provider is one Salesforce org.
type Provider struct {
	config Config
	client *client
	events *events
	log    hclog.Logger
	poll   time.Duration // before a job's state is asked for; it doubles

	inflight inflight // what collections calls on their way are about

	mu     sync.Mutex
	sizes  map[string]*ratelimit.Size // of write batches, by sObject
	shapes map[string]actionShape     // what actions create, by name as the contract spells it
}

var _ provider.Provider = (*Provider)(nil)

var channelName = regexp.MustCompile(`^[A-Za-z](_?[A-Za-z0-9]){0,39}$`)

var apiVersion = regexp.MustCompile(`^[0-9]{2,3}\.0$`)

// New checks a config and makes a provider of it. It does no I/O: the first call fetches a token.
func New(c Config) (*Provider, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("open Salesforce connection %q: %w", c.Connection, err)
	}
	p := &Provider{config: c, log: c.Logger, poll: firstPoll, sizes: map[string]*ratelimit.Size{}, shapes: map[string]actionShape{}}
	p.client = newClient(c)
	p.events = newEvents(c, p.client)
	return p, nil
}

func (c *Config) complete() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not the URL of an org; give its My Domain, https://….my.salesforce.com", c.URL)
	}
	c.URL = u.Scheme + "://" + u.Host
	c.APIVersion = orElse(strings.TrimPrefix(c.APIVersion, "v"), DefaultAPIVersion)
	if !apiVersion.MatchString(c.APIVersion) {
		return fmt.Errorf("%q is not an API version; write it like %q", c.APIVersion, DefaultAPIVersion)
	}
	c.ClientName = orElse(c.ClientName, DefaultClientName)
	if strings.ContainsAny(c.ClientName, ",;= \r\n") {
		return fmt.Errorf("client name %q may not hold , ; = or white space", c.ClientName)
	}
	c.PubSubEndpoint = orElse(c.PubSubEndpoint, DefaultPubSubEndpoint)
	if c.Channel != "" && !channelName.MatchString(strings.TrimSuffix(c.Channel, customSuffix)) {
		return fmt.Errorf("%q is no name of a channel: letters, digits and single underscores, beginning with a letter", c.Channel)
	}
	c.Audience = orElse(c.Audience, c.URL)
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Observe == nil {
		c.Observe = func(provider.Call) {}
	}
	return c.completeFlow()
}

func (c *Config) completeFlow() error {
	if c.ClientID == "" {
		return fmt.Errorf("the OAuth block needs client_id, the consumer key of the org's app")
	}
	switch c.Flow {
	case FlowClientCredentials:
		if c.ClientSecret == nil {
			return fmt.Errorf("OAuth flow %s needs client_secret", c.Flow)
		}
	case FlowJWTBearer:
		if c.PrivateKey == nil || c.Username == "" {
			return fmt.Errorf("OAuth flow %s needs username and private_key", c.Flow)
		}
	case FlowRefreshToken:
		if c.RefreshToken == nil || c.SaveRefreshToken == nil {
			return fmt.Errorf("OAuth flow %s needs refresh_token, and a place to keep the next one when the org rotates it", c.Flow)
		}
	default:
		return fmt.Errorf("unknown OAuth flow %q; use %s, %s or %s", c.Flow, FlowJWTBearer, FlowClientCredentials, FlowRefreshToken)
	}
	return nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Usage is what the org's answers say of its daily calls and deliveries.
func (p *Provider) Usage() []provider.Usage { return p.client.limits.usage() }

// size is the batch size that has done well for an sObject, shared by all objects bound to it.
func (p *Provider) size(sobject string) *ratelimit.Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sizes[sobject]
	if s == nil {
		s = ratelimit.NewSize(rowsPerCollection, 10, rowsPerCollection)
		p.sizes[sobject] = s
	}
	return s
}

// Close closes idle connections. Watch ends with its context.
func (p *Provider) Close() error {
	p.client.http.CloseIdleConnections()
	return nil
}

// FieldShape is what a field that apply creates with the contract's word for its type holds.
func (p *Provider) FieldShape(typ string) (record.Shape, bool) {
	t, ok := fieldTypes[typ]
	return t.shape, ok
}
