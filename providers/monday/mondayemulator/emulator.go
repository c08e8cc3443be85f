package mondayemulator

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/delivery"
	"accord/providers/monday/mondayemulator/internal/gql"
)

//go:embed schema.graphql
var schemaSDL string

// LimitMode says what becomes of the vendor's limits.
type LimitMode int

const (
	// LimitsOff counts everything and refuses nothing. The budgets it tells of are a thousand times
	// the plan's, so that no client waits for what would not be refused.
	LimitsOff LimitMode = iota
	// LimitsPublished refuses what the plan's published limits refuse.
	LimitsPublished
	// LimitsScaled multiplies the published limits by Options.LimitScale.
	LimitsScaled
)

// User is a person of the emulated account.
type User struct {
	ID       int64 // 0 is given one
	Name     string
	Email    string
	TimeZone string // IANA name; "" is UTC
	Active   bool
	Admin    bool
}

// Options say what is emulated. The zero value is a small account with one user and no limits.
type Options struct {
	Clock         func() time.Time // nil is time.Now
	Pace          float64          // time goes so many times as fast as Clock, from the start; 0 is as fast
	Seed          int64            // ids and everything random come from it
	Token         string           // the API token; it is an app's, so its webhooks are signed. "" is "emulator-token"
	PersonalToken bool             // Token is a person's: webhooks unsigned, one complexity budget for reads and writes
	TokenUser     string           // address of the user Token acts as; "" is the first user
	SigningSecret string           // signs webhook requests; "" leaves them unsigned
	AccountName   string
	Plan          string // free, standard, pro, enterprise; "" is enterprise
	Limits        LimitMode
	LimitScale    float64 // for LimitsScaled
	ItemsLimit    int     // items a board holds; 0 is 100,000
	Latency       time.Duration
	ColorNames    bool // label colours read as names (documentation) instead of numbers (live API)
	Users         []User
	Workspaces    []string
	Logger        hclog.Logger
	StateFile     string        // kept across restarts: read by New, written by Save and Close
	BulkDelay     time.Duration // how long a bulk job stays PROCESSING
	PublicURL     string        // where upload and report addresses point; "" takes the request's host
	HTTPClient    *http.Client
}

// Emulator is one emulated account. It is safe for concurrent use and must be closed.
type Emulator struct {
	opts   Options
	log    hclog.Logger
	acct   *account.Account
	schema *gql.Schema[*request]
	sender *delivery.Sender
	meter  *meter
	faults *faults
	keys   *replays
	jobs   *jobs

	mu       sync.Mutex // guards what follows
	skew     time.Duration
	tokens   map[string]int64
	counters Counters
	rng      *rand.Rand
	closed   bool
}

// New makes an emulator. It starts nothing that outlives Close.
func New(opts Options) (*Emulator, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Pace < 0 {
		return nil, fmt.Errorf("start monday emulator: time can't go backwards: Pace %v", opts.Pace)
	}
	if base, began := opts.Clock, opts.Clock(); opts.Pace > 0 {
		opts.Clock = func() time.Time { return began.Add(time.Duration(float64(base().Sub(began)) * opts.Pace)) }
	}
	if opts.Token == "" {
		opts.Token = "emulator-token"
	}
	if opts.AccountName == "" {
		opts.AccountName = "Acme"
	}
	if opts.Plan == "" {
		opts.Plan = "enterprise"
	}
	if opts.ItemsLimit == 0 {
		opts.ItemsLimit = 100_000
	}
	if opts.Logger == nil {
		opts.Logger = hclog.NewNullLogger()
	}
	if len(opts.Users) == 0 {
		opts.Users = []User{{Name: "Emulator Admin", Email: "admin@acme.example", Active: true, Admin: true}}
	}
	plan, ok := plans[opts.Plan]
	if !ok {
		return nil, fmt.Errorf("start monday emulator: plan %q is unknown; use free, standard, pro or enterprise", opts.Plan)
	}
	if opts.Limits == LimitsScaled && opts.LimitScale <= 0 {
		return nil, fmt.Errorf("start monday emulator: scaled limits need a LimitScale above 0, not %v", opts.LimitScale)
	}
	e := &Emulator{
		opts: opts, log: opts.Logger, tokens: map[string]int64{}, counters: newCounters(),
		rng: rand.New(rand.NewPCG(uint64(opts.Seed), 0x6661756c7473)),
	}
	schema, err := gql.New(schemaSDL, resolvers(), typeOf)
	if err != nil {
		return nil, fmt.Errorf("start monday emulator: %w", err)
	}
	e.schema = schema
	e.meter = newMeter(plan, opts)
	e.faults = newFaults(e.random)
	e.keys = newReplays(e.now)
	e.jobs = newJobs()
	cfg := account.Config{Now: e.now, Seed: opts.Seed, Name: opts.AccountName, Tier: opts.Plan, ItemsLimit: opts.ItemsLimit, Workspaces: opts.Workspaces}
	for _, u := range opts.Users {
		cfg.Users = append(cfg.Users, account.User{ID: u.ID, Name: u.Name, Email: u.Email, TimeZone: u.TimeZone, Active: u.Active, Admin: u.Admin})
	}
	e.acct = account.New(cfg)
	waiting, err := e.load()
	if err != nil {
		return nil, err
	}
	e.acct.NumericColors = !opts.ColorNames
	owner := e.acct.Users[0]
	if opts.TokenUser != "" {
		if owner = e.acct.UserByEmail(opts.TokenUser); owner == nil {
			return nil, fmt.Errorf("start monday emulator: no user has the address %q; name one of Options.Users as TokenUser", opts.TokenUser)
		}
	}
	e.tokens[opts.Token] = owner.ID
	e.sender = delivery.New(delivery.Config{
		Now: e.now, Pace: opts.Pace, Secret: opts.SigningSecret, AccountID: e.acct.ID, Client: opts.HTTPClient,
		Log: opts.Logger.Named("webhooks"), Plan: e.planDelivery, Done: e.delivered,
	})
	e.acct.Deliver = func(h *account.Webhook, body map[string]any) {
		user, _ := body["userId"].(int64)
		e.sender.Send(delivery.Message{To: h.URL, Signed: h.Signed, UserID: user, Event: body})
	}
	if waiting != nil {
		if err := e.sender.Import(waiting); err != nil {
			e.sender.Close()
			return nil, fmt.Errorf("read monday emulator state %s: %w; delete the file to start afresh", opts.StateFile, err)
		}
	}
	return e, nil
}

// now is the emulated time: the clock, and what was added to it.
func (e *Emulator) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opts.Clock().Add(e.skew)
}

// Advance moves the emulated time on: cursors expire, budgets refill, retries fall due.
func (e *Emulator) Advance(d time.Duration) {
	e.mu.Lock()
	e.skew += d
	e.mu.Unlock()
	e.sender.Wake()
}

// random is a number in [0,1) from the seed.
func (e *Emulator) random() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rng.Float64()
}

// AddToken makes a further token that acts as a user. Webhooks made with it are unsigned.
func (e *Emulator) AddToken(token string, userID int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tokens[token] = userID
}

// AccountID is the account's id as it is in webhook tokens.
func (e *Emulator) AccountID() int64 { return e.acct.ID }

// Close stops webhook delivery, saves the state where a file was named, and returns. Requests that
// come later are refused.
func (e *Emulator) Close() error {
	e.mu.Lock()
	was := e.closed
	e.closed = true
	e.mu.Unlock()
	if was {
		return nil
	}
	e.sender.Close()
	return e.Save()
}

// ServeHTTP answers as api.monday.com: POST /v2, GET /v2/get_schema, and the addresses that bulk
// imports hand out.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v2" || r.URL.Path == "/v2/":
		e.serveAPI(w, r)
	case r.URL.Path == "/v2/get_schema" && r.Method == http.MethodGet:
		e.serveSchema(w, r)
	case len(r.URL.Path) > len(uploadPath) && r.URL.Path[:len(uploadPath)] == uploadPath:
		e.serveUpload(w, r)
	case len(r.URL.Path) > len(reportPath) && r.URL.Path[:len(reportPath)] == reportPath:
		e.serveReport(w, r)
	default:
		http.NotFound(w, r)
	}
}
