package monday

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

// DefaultURL and DefaultVersion are used where Config leaves them out.
const (
	DefaultURL     = "https://api.monday.com/v2"
	DefaultVersion = "2026-10"
)

// Secret gives the current value of a secret. It is asked each time, so that a rotated one is taken up.
type Secret func(ctx context.Context) (string, error)

// Config of a connection. Only Connection and Token are needed.
type Config struct {
	Connection string // address in the contract: "monday.work"
	URL        string // of the API, with its path
	APIVersion string // sent with every call, and compared with the one that answers
	Token      Secret
	// SigningSecret verifies webhooks. Without it unsigned ones are taken, and WebhookURL must be hard to guess.
	SigningSecret Secret
	WebhookURL    string // where the vendor calls us; "" = no webhooks are made, and none are received

	// DailyCalls or DailyShare (0 to 1) bound what we take of the account's calls a day; both 0 = all.
	DailyCalls int64
	DailyShare float64

	HTTPClient *http.Client
	Logger     hclog.Logger
	Clock      func() time.Time
	Observe    func(provider.Call)
}

// Provider is one connection to one monday.com account.
type Provider struct {
	connection string
	client     *client
	batch      *ratelimit.Size
	pages      *ratelimit.Size
	webhookURL *url.URL // nil = no webhooks
	secret     Secret
	log        hclog.Logger
	clock      func() time.Time
	poll       time.Duration // before an import's state is asked for; it doubles

	boards  boardCache
	mu      sync.Mutex
	watcher *watcher
	closed  bool
}

var (
	_ provider.Provider = (*Provider)(nil)
	_ provider.Receiver = (*Provider)(nil)
)

// New makes a provider. It does no I/O.
func New(c Config) (*Provider, error) {
	if c.Connection == "" || c.Token == nil {
		return nil, errors.New("make a monday provider: a connection name and a token are needed")
	}
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.APIVersion == "" {
		c.APIVersion = DefaultVersion
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("make a monday provider: url is not an http address")
	}
	p := &Provider{connection: c.Connection, secret: c.SigningSecret, log: c.Logger, clock: c.Clock, batch: newBatchSize(), pages: newPageSize(), poll: firstPoll}
	if c.WebhookURL != "" {
		u, err := url.Parse(c.WebhookURL)
		if err != nil || u.Host == "" {
			// The text of the error would show the address, which may be the only secret there is.
			return nil, errors.New("make a monday provider: webhook_url is not an http address")
		}
		if len(c.WebhookURL) > maxWebhookURL {
			return nil, fmt.Errorf("make a monday provider: webhook_url is longer than the vendor's %d characters", maxWebhookURL)
		}
		p.webhookURL = u
	}
	p.client = newClient(c)
	return p, nil
}

// Close refuses webhooks from now on. Calls in flight go on until their contexts end.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.watcher = true, nil
	return nil
}

// Usage is what the answers have told of the limits so far.
func (p *Provider) Usage() []provider.Usage { return p.client.usage() }

// Restore takes over what Usage told of the daily calls before a restart, so that a bound on them holds across it.
func (p *Provider) Restore(usage []provider.Usage) {
	for _, u := range usage {
		if u.Name == dailyCalls {
			p.client.governor.Restore(u.Name, u.Used, u.Reset)
		}
	}
}

// People looks users up by id and e-mail address, 200 of each in one call. Ids of what is no
// person ("team:5") are left out.
func (p *Provider) People(ctx context.Context, ids, emails []string) ([]record.Person, error) {
	ids = slices.DeleteFunc(unique(ids), func(id string) bool { return !isID(id) })
	emails = unique(emails)
	var people []record.Person
	seen := map[string]bool{}
	for len(ids)+len(emails) > 0 {
		var i, e []string
		i, ids = cut(ids, maxUsers)
		e, emails = cut(emails, maxUsers)
		answer, err := p.client.call(ctx, peopleRequest(i, e))
		if err != nil {
			return nil, err
		}
		for _, alias := range []string{"byId", "byEmail"} {
			var users []userRow
			if err := answer.decode(alias, &users); err != nil {
				return nil, err
			}
			for _, u := range users {
				if !seen[string(u.ID)] {
					seen[string(u.ID)] = true
					people = append(people, record.Person{ID: string(u.ID), Email: u.Email, Name: u.Name, Active: u.Status == "ACTIVE"})
				}
			}
		}
	}
	return people, nil
}

type userRow struct {
	ID     id     `json:"id"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

func peopleRequest(ids, emails []string) request {
	d := newDocument("query", "people")
	const fields = "{id email name status}"
	// Only what is asked for by name is answered when inactive ones are asked for too.
	const rest = ",status:[ACTIVE,INACTIVE,PENDING],limit:200)"
	if len(ids) > 0 {
		d.add("byId:users(ids:"+d.variable("ids", "[ID!]", ids)+rest, fields)
	}
	if len(emails) > 0 {
		d.add("byEmail:users(emails:"+d.variable("emails", "[String!]", emails)+rest, fields)
	}
	return d.request("look up people", "users", len(ids)+len(emails))
}

func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

func cut[T any](list []T, n int) (head, tail []T) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

// isID says whether the text can be an id of the vendor: a positive whole number.
func isID(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}
