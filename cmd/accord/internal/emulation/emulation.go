package emulation

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/providers/monday/mondayemulator"
	"accord/providers/salesforce/salesforceemulator"
)

// Options say what is emulated.
type Options struct {
	DataDir  string // what the Salesforce org holds at the start; "" = nothing
	StateDir string // where both sides are kept across restarts; "" = nowhere
	Host     string // "127.0.0.1"
	Port     int    // the first of four in a row; 0 = any that are free
	Seed     int64
	Plan     string  // monday's: free, standard, pro, enterprise
	Pace     float64 // time goes so many times as fast as the wall clock's; 0 = as fast
	Limits   float64 // 0 = counted but not enforced, 1 = as published, 10 = ten times as much
	Logger   hclog.Logger
	// Listen makes the four listeners, numbered from 0: monday, Salesforce, events, counters and faults; nil is TCP on Host.
	// With it, HTTPClient makes monday's calls of webhooks.
	Listen     func(i int) (net.Listener, error)
	HTTPClient *http.Client
	// LeastPrivileged starts Salesforce's integration user with the right to set up, and no access to any record.
	LeastPrivileged bool
}

// Emulation is both emulators, serving.
type Emulation struct {
	Monday     *mondayemulator.Emulator
	Salesforce *salesforceemulator.Emulator

	env     []Variable
	servers []*http.Server
	gate    gate
	failed  chan error
}

// Variable is one environment variable that a client needs.
type Variable struct{ Name, Value string }

// integrationUser is whom both vendors take accord to be.
const integrationUser = "integration@accord.example"

// Start loads the data and begins to serve.
func Start(o Options) (*Emulation, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if ip := net.ParseIP(o.Host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("emulate on %s: the emulators serve loopback addresses only, for they trust whoever calls", o.Host)
	}
	e := &Emulation{failed: make(chan error, 4)}
	listeners, err := listen(o)
	if err != nil {
		return nil, err
	}
	keys := newKeys(o.Seed)
	if err := e.emulators(o, keys); err != nil {
		for _, l := range listeners {
			_ = l.Close() // nothing was accepted yet
		}
		return nil, err
	}
	e.serve(listeners)
	address := func(i int) string { return listeners[i].Addr().String() }
	e.env = []Variable{
		{"MONDAY_URL", "http://" + address(0) + "/v2"},
		{"MONDAY_TOKEN", keys.mondayToken},
		{"MONDAY_SIGNING_SECRET", keys.signingSecret},
		{"SF_URL", "http://" + address(1)},
		{"SF_CLIENT_ID", keys.clientID},
		{"SF_CLIENT_SECRET", keys.clientSecret},
		{"SF_ACCESS_TOKEN", keys.accessToken},
		{"SF_PUBSUB", address(2)},
		{"SF_PUBSUB_INSECURE", "1"},
		{"EMULATOR_ADMIN", "http://" + address(3)},
	}
	return e, nil
}

func listen(o Options) ([]net.Listener, error) {
	var listeners []net.Listener
	for i := range 4 {
		port := 0
		if o.Port != 0 {
			port = o.Port + i
		}
		l, err := o.listener(i, port)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nothing was accepted yet
			}
			return nil, fmt.Errorf("emulate: %w", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func (o Options) listener(i, port int) (net.Listener, error) {
	if o.Listen != nil {
		return o.Listen(i)
	}
	return net.Listen("tcp", net.JoinHostPort(o.Host, fmt.Sprint(port)))
}

// keys are the credentials of the emulated accounts: made from the seed, so that a rehearsal can be repeated.
type keys struct{ mondayToken, signingSecret, clientID, clientSecret, accessToken string }

func newKeys(seed int64) keys {
	r := rand.New(rand.NewPCG(uint64(seed), 0x6b657973))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		return hex.EncodeToString(b)
	}
	return keys{text(24), text(16), "3MVG9" + text(20), text(24), "00D!" + text(32)}
}

func (e *Emulation) emulators(o Options, k keys) error {
	var err error
	e.Salesforce, err = salesforceemulator.New(salesforceemulator.Options{
		Pace: o.Pace, Seed: o.Seed, Logger: o.Logger.Named("salesforce"), DataDir: o.DataDir, StateFile: stateFile(o, "salesforce.json"),
		ClientID: k.clientID, ClientSecret: k.clientSecret, AccessToken: k.accessToken, Username: integrationUser,
		LeastPrivileged: o.LeastPrivileged, JobTime: jobTime(o.Pace),
		Limits: salesforceemulator.LimitsAt(o.Limits),
	})
	if err != nil {
		return fmt.Errorf("emulate Salesforce: %w", err)
	}
	users := []mondayemulator.User{{Name: "accord integration", Email: integrationUser, TimeZone: "UTC", Active: true, Admin: true}}
	for _, u := range e.Salesforce.Users() {
		if u.Email != "" && !strings.EqualFold(u.Email, integrationUser) {
			users = append(users, mondayemulator.User{Name: u.Name, Email: u.Email, TimeZone: u.TimeZone, Active: u.Active})
		}
	}
	limits, scale := mondayemulator.LimitsOff, 0.0
	if o.Limits > 0 {
		limits, scale = mondayemulator.LimitsScaled, o.Limits
	}
	e.Monday, err = mondayemulator.New(mondayemulator.Options{
		Pace: o.Pace, Seed: o.Seed, Logger: o.Logger.Named("monday"), Token: k.mondayToken, SigningSecret: k.signingSecret, TokenUser: integrationUser,
		Plan: o.Plan, Limits: limits, LimitScale: scale, Users: users, StateFile: stateFile(o, "monday.json"), HTTPClient: o.HTTPClient,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("emulate monday: %w", err), e.Salesforce.Close())
	}
	return nil
}

// jobTime is how long Bulk jobs take: where time goes faster it costs little to let them take some.
func jobTime(pace float64) time.Duration {
	if pace <= 1 {
		return 0
	}
	return 10 * time.Second
}

func stateFile(o Options, name string) string {
	if o.StateDir == "" {
		return ""
	}
	return filepath.Join(o.StateDir, name)
}

func (e *Emulation) serve(listeners []net.Listener) {
	for i, h := range map[int]http.Handler{0: e.gate.guard(e.Monday), 1: e.gate.guard(e.Salesforce), 3: e.admin()} {
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		e.servers = append(e.servers, s)
		go func() {
			if err := s.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				e.failed <- err
			}
		}()
	}
	go func() {
		if err := e.Salesforce.ServeGRPC(listeners[2]); err != nil {
			e.failed <- err
		}
	}()
}

// admin serves what no vendor has: counters of both, and each emulator's own controls below its name.
func (e *Emulation) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(map[string]any{"monday": e.Monday.Counters(), "salesforce": e.Salesforce.Counters()}) // the caller is gone
	})
	mux.HandleFunc("POST /counters/reset", func(w http.ResponseWriter, _ *http.Request) {
		e.Monday.ResetCounters()
		e.Salesforce.ResetCounters()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /freeze", func(w http.ResponseWriter, _ *http.Request) {
		if err := e.Freeze(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/monday/", http.StripPrefix("/monday", e.Monday.Admin()))
	mux.Handle("/salesforce/", http.StripPrefix("/salesforce", e.Salesforce.Admin()))
	return mux
}

// Env is what a client needs to find and enter both, in a fixed order.
func (e *Emulation) Env() []Variable { return e.env }

// Get is one variable by name.
func (e *Emulation) Get(name string) string {
	for _, v := range e.env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// WriteEnv writes the variables as a file that a shell can source. It names credentials: it is for its owner only.
func (e *Emulation) WriteEnv(path string) error {
	var b strings.Builder
	for _, v := range e.env {
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	// Written beside and renamed: whoever waits for the file finds all of it.
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the environment: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("write the environment: %w", err)
	}
	return nil
}

// Wait returns when ctx ends, or with the error that keeps one of them from serving.
func (e *Emulation) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-e.failed:
		return fmt.Errorf("emulate: %w", err)
	}
}

// Close stops both. Requests in flight get a moment to end.
func (e *Emulation) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var failures error
	for _, s := range e.servers {
		if err := s.Shutdown(ctx); err != nil {
			failures = errors.Join(failures, s.Close())
		}
	}
	return errors.Join(failures, e.Monday.Close(), e.Salesforce.Close())
}
