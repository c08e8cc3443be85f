package monday

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/engine/ratelimit"
)

const (
	maxBody     = 64 << 20
	callTimeout = 65 * time.Second // the vendor gives up after 60
	maxAttempts = 5
	// maxConflicts is how often a write is repeated under its key while the vendor still works on the first one.
	maxConflicts = 60
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 15 * time.Second
)

// request is one call.
type request struct {
	what      string // what is being done, for errors: "create items on board Deals"
	operation string // "create_item"
	document  string
	variables map[string]any
	write     bool
	rows      int
	key       string // idempotency key of a write; "" = none
}

// answer is what came back with a 200: data by alias, and errors that belong to parts of it.
type answer struct {
	request   request
	data      map[string]json.RawMessage
	errors    []wireError
	requestID string
	date      time.Time // on the vendor's clock; zero when it does not tell
}

// client sends documents, within the limits, and makes typed errors of everything that can go wrong.
type client struct {
	connection string
	url        string
	version    string
	token      Secret
	http       *http.Client
	log        hclog.Logger
	clock      func() time.Time
	observe    func(provider.Call)
	governor   *ratelimit.Governor

	mu     sync.Mutex
	warned time.Time                // end of the day for which the daily limit was warned of
	boards map[string]chan struct{} // one writer a board
}

func newClient(c Config) *client {
	h := http.Client{Transport: newTransport()}
	if c.HTTPClient != nil {
		h = *c.HTTPClient
	}
	// A redirect would carry the document elsewhere; the vendor documents none.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	observe := c.Observe
	if observe == nil {
		observe = func(provider.Call) {}
	}
	return &client{
		connection: c.Connection, url: c.URL, version: c.APIVersion, token: c.Token, http: &h,
		log: c.Logger, clock: c.Clock, observe: observe, governor: newGovernor(c),
		boards: map[string]chan struct{}{},
	}
}

// newTransport gives connections up before load balancers do: a write that meets a closed one leaves its outcome unknown.
func newTransport() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := base.Clone()
	t.IdleConnTimeout = 20 * time.Second
	return t
}

// lock waits until nobody else of this process writes to the board. Simultaneous mutations on a board collide.
func (c *client) lock(ctx context.Context, board string) (release func(), err error) {
	c.mu.Lock()
	turn, ok := c.boards[board]
	if !ok {
		turn = make(chan struct{}, 1)
		c.boards[board] = turn
	}
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the board's other writer: %w", ctx.Err())
	}
}

// call sends a request until it is answered. It repeats reads that went wrong on the way, and whatever the vendor
// surely did not carry out; a write that may have been is returned as of kind Unknown. An answer may hold errors of
// its parts: decode and part tell them.
func (c *client) call(ctx context.Context, r request) (*answer, error) {
	conflicts := 0
	var last *provider.Error
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(ctx, r)
		if err == nil {
			return a, nil
		}
		var e *provider.Error
		if !errors.As(err, &e) {
			return nil, err
		}
		if last != nil && last.Code == codeConflict && e.Kind == provider.Withheld {
			last.Kind = provider.Unknown // the first request under this key is still at work
			return nil, last
		}
		if last != nil && e.Kind != provider.Unknown && e.Kind != provider.Withheld && (ctx.Err() != nil || e.Code == "" && e.RetryAfter > 0) {
			// Time ran out while the call was to be made again: what the vendor said is what went wrong, not that.
			last.RetryAfter = max(last.RetryAfter, e.RetryAfter)
			return nil, last
		}
		last = e
		var wait time.Duration
		switch {
		case r.key != "" && e.Code == codeConflict:
			// The first request under this key is still at work. The same key gives its answer once it is done, and
			// until then nobody knows.
			if conflicts++; conflicts > maxConflicts {
				e.Kind = provider.Unknown
				return nil, e
			}
			attempt--
			wait = max(e.RetryAfter, firstBackoff)
		case e.Code == codeTooDear:
			return nil, e
		case !e.Kind.Retriable() || e.Kind == provider.Exhausted || attempt >= maxAttempts:
			return nil, e
		case e.RetryAfter > 0:
			wait = e.RetryAfter + jitter(firstBackoff)
		default:
			wait = jitter(min(firstBackoff<<attempt, maxBackoff))
		}
		if deadline, ok := ctx.Deadline(); wait > 2*time.Minute || ok && time.Until(deadline) < wait {
			if e.Code == codeConflict {
				e.Kind = provider.Unknown
			}
			return nil, e
		}
		c.log.Debug("call again", "operation", r.operation, "attempt", attempt, "after", wait, "kind", e.Kind.String(), "code", e.Code)
		if !sleep(ctx, wait) {
			if e.Code == codeConflict {
				e.Kind = provider.Unknown
			}
			return nil, e
		}
	}
}

// jitter is any time up to d, so that workers who failed together do not come back together.
func jitter(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// attempt sends the request once.
func (c *client) attempt(ctx context.Context, r request) (*answer, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, &provider.Error{Kind: provider.Unauthorized, Op: r.what, Message: "read the connection's token", Err: err}
	}
	body, err := json.Marshal(map[string]any{"query": r.document, "variables": r.variables})
	if err != nil {
		return nil, &provider.Error{Op: r.what, Err: fmt.Errorf("encode the request: %w", err)}
	}
	release, err := c.governor.Acquire(ctx, ratelimit.Cost{Operation: r.operation, Rows: r.rows})
	if err != nil {
		return nil, refused(r, err)
	}
	defer release()
	provider.CountCall(ctx)
	started := c.clock()
	call := provider.Call{Connection: c.connection, Operation: r.operation, Write: r.write, Rows: r.rows, Started: started, Cause: provider.CauseOf(ctx)}
	a, err := c.send(ctx, r, token, body, release, &call)
	call.Duration, call.Err = c.clock().Sub(started), provider.Bare(err)
	c.observe(call)
	return a, err
}

// refused is the error of a call that the governor did not let through: nothing was sent.
func refused(r request, err error) error {
	var full *ratelimit.ExhaustedError
	if !errors.As(err, &full) {
		return &provider.Error{Kind: provider.Transient, Op: r.what, Err: err}
	}
	kind := provider.Throttled
	if full.Budget == dailyCalls || full.Wait > time.Hour {
		kind = provider.Exhausted
	}
	return &provider.Error{Kind: kind, Op: r.what, Message: full.Error(), RetryAfter: full.Wait, Err: err}
}

func (c *client) send(ctx context.Context, r request, token string, body []byte, release func(), call *provider.Call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, &provider.Error{Op: r.what, Err: errors.New("make the request: the connection's url is not usable")}
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("API-Version", c.version)
	req.Header.Set("User-Agent", "accord")
	if r.write && r.key != "" {
		// Not in canonical spelling, which would have net/http send the document again by itself when a connection
		// breaks. The vendor may have carried it out without room to remember the key (Idempotency).
		req.Header["idempotency-key"] = []string{r.key}
	}
	var connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	refused := func() error { return nil }
	if r.write {
		if refused, err = provider.LeaveHTTP(req, r.what); err != nil {
			return nil, err
		}
	}
	resp, err := c.http.Do(req)
	if no := refused(); err != nil && no != nil {
		return nil, no
	}
	if err != nil {
		return nil, broken(r, err, connected.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	call.Status, call.RequestID = resp.StatusCode, resp.Header.Get("x-request-id")
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	release()
	if err != nil {
		return nil, broken(r, err, true)
	}
	if len(text) > maxBody {
		return nil, tooBig(r)
	}
	return c.read(r, resp, text, call)
}

// broken is the error of a call without a whole answer. Without a connection nothing can have been carried out.
func broken(r request, err error, connected bool) error {
	kind := provider.Transient
	if r.write && connected {
		kind = provider.Unknown
	}
	return &provider.Error{Kind: kind, Op: r.what, Message: "no answer from monday.com", Err: err}
}

// tooBig is the error of an answer that was there, and was not read to its end. Of what was written nothing is known.
func tooBig(r request) error {
	kind := provider.Transient
	if r.write {
		kind = provider.Unknown
	}
	return &provider.Error{Kind: kind, Op: r.what, Message: fmt.Sprintf("monday.com answered with more than %d MB: shorten what items of this board hold in their text columns", maxBody>>20)}
}

type wireAnswer struct {
	Data       json.RawMessage `json:"data"`
	Errors     json.RawMessage `json:"errors"`
	Extensions wireExtensions  `json:"extensions"`

	// The format before 2024-10, which some paths still answer in.
	ErrorCode    string          `json:"error_code"`
	ErrorMessage string          `json:"error_message"`
	ErrorData    json.RawMessage `json:"error_data"`
	StatusCode   int             `json:"status_code"`
}

func (c *client) read(r request, resp *http.Response, text []byte, call *provider.Call) (*answer, error) {
	var w wireAnswer
	if err := json.Unmarshal(text, &w); err != nil {
		c.learn(r, resp.Header, nil)
		if resp.StatusCode == http.StatusOK {
			return nil, broken(r, fmt.Errorf("read the answer: %w", err), true)
		}
		return nil, c.failure(r, resp, []wireError{{Message: clip(string(text))}}, w)
	}
	if call.RequestID == "" {
		call.RequestID = w.Extensions.RequestID
	}
	data := map[string]json.RawMessage{}
	if err := loose(w.Data, &data); err != nil {
		data = map[string]json.RawMessage{} // some errors carry "data": []
	}
	var cost *complexityRow
	if raw, ok := data["complexity"]; ok {
		if json.Unmarshal(raw, &cost) == nil && cost != nil {
			call.Cost = cost.Query
		}
		delete(data, "complexity")
	}
	c.learn(r, resp.Header, cost)
	faults := w.faults()
	if resp.StatusCode != http.StatusOK || len(data) == 0 {
		if len(faults) == 0 && resp.StatusCode == http.StatusOK {
			return nil, broken(r, errors.New("the answer holds neither data nor errors"), true)
		}
		return nil, c.failure(r, resp, faults, w)
	}
	a := &answer{request: r, data: data, errors: faults, requestID: call.RequestID}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date
	}
	if v := resp.Header.Get("API-Version"); v != "" && v != c.version {
		c.log.Error("monday.com answers with another API version than asked for", "asked", c.version, "answered", v)
		if !r.write {
			return nil, &provider.Error{
				Kind: provider.Invalid, Op: r.what, Code: "api_version", RequestID: a.requestID,
				Message: fmt.Sprintf("monday.com answered with API version %s instead of %s, which it no longer serves: set api_version of the connection", v, c.version),
			}
		}
	}
	return a, nil
}

// decode reads the data under an alias. An error of that part, or of the whole, is returned instead.
func (a *answer) decode(alias string, v any) error {
	raw := a.data[alias]
	if len(raw) == 0 || string(raw) == "null" {
		if err := a.part(alias); err != nil {
			return err
		}
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		kind := provider.Internal
		if a.request.write {
			kind = provider.Unknown
		}
		return &provider.Error{Kind: kind, Op: a.request.what, RequestID: a.requestID, Err: fmt.Errorf("read %q of the answer: %w", alias, err)}
	}
	return nil
}

// part is the error that explains why there is nothing under an alias, or nil.
func (a *answer) part(alias string) error {
	var whole *wireError
	for i := range a.errors {
		e := &a.errors[i]
		switch {
		case len(e.Path) == 0:
			whole = e
		case e.Path[0] == alias:
			err := e.typed(a.request, a.requestID)
			if len(e.Path) > 1 && a.request.write {
				// It was carried out; only showing the outcome went wrong.
				err.Kind = provider.Unknown
			}
			return err
		}
	}
	if whole != nil {
		return whole.typed(a.request, a.requestID)
	}
	return nil
}
