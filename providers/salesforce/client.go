package salesforce

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
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
)

// client makes HTTP calls to one org: authorised, governed, observed, and repeated where that is surely harmless.
type client struct {
	config   Config
	http     *http.Client
	sessions *sessions
	limits   *limits
	log      hclog.Logger
	pause    time.Duration // before the first repetition; it doubles
	skew     atomic.Int64  // the org's clock minus ours, in milliseconds, as its last answer showed
	answered atomic.Bool
}

// request is one call below /services/data/vNN.0.
type request struct {
	op     string // for audit: "PATCH composite/sobjects"
	doing  string // for errors: "update Opportunity records"
	method string
	path   string // "/query", or a whole path from "/services/" on
	query  url.Values
	body   any
	file   []byte // CSV, in place of a body
	csv    bool   // the answer is CSV
	write  bool   // may change something: repeated only when the org surely did nothing
	rows   int
}

const (
	maxAttempts = 5
	maxBody     = 256 << 20
	firstPause  = 500 * time.Millisecond
	longPause   = 30 * time.Second
	fileTimes   = 5 // how much longer than other calls the upload of a file may take
)

func newClient(c Config) *client {
	h := &http.Client{}
	if c.HTTPClient != nil {
		*h = *c.HTTPClient
	}
	if h.Transport == nil {
		h.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: longRequests, IdleConnTimeout: 90 * time.Second}
	}
	// A redirect would take the token to another host; an org that moved says so in its token's instance URL.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{config: c, http: h, sessions: &sessions{config: c, http: h}, limits: newLimits(c), log: c.Logger, pause: firstPause}
}

// do makes the call and decodes its answer into the value that into points to, unless that is nil; a *[]byte gets it as
// it came. Errors are *provider.Error. Numbers decoded into any are json.Number, so that decimals stay exact.
func (c *client) do(ctx context.Context, r request, into any) error {
	for attempt := 1; ; attempt++ {
		e := c.attempt(ctx, r, into)
		if e == nil {
			return nil
		}
		if attempt == maxAttempts || !repeatable(e, r.write) {
			return e
		}
		pause := time.Duration(rand.Int64N(int64(min(c.pause<<attempt, longPause))))
		if e.RetryAfter > 0 {
			pause = e.RetryAfter
		}
		if pause > longPause {
			return e // longer than a call should block its caller: who asked decides
		}
		c.log.Debug("repeat call", "operation", r.op, "attempt", attempt, "after", pause, "kind", e.Kind.String(), "code", e.Code)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return e
		}
	}
}

// repeatable says whether the client itself repeats. Locks are left to who cut the batch, exhausted quotas to who waits.
func repeatable(e *provider.Error, write bool) bool {
	if errors.Is(e, context.Canceled) || errors.Is(e, context.DeadlineExceeded) && write {
		return false
	}
	return e.Kind == provider.Transient || e.Kind == provider.Throttled
}

// attempt makes the call once, and a second time with a new session if the org refused the first one's token: a call
// refused for its token was not carried out, so that this holds for writes too.
func (c *client) attempt(ctx context.Context, r request, into any) *provider.Error {
	s, err := c.sessions.get(ctx)
	if err != nil {
		return asError(err, r.doing)
	}
	e := c.send(ctx, s, r, into)
	if e == nil || e.Kind != provider.Unauthorized || !renewable(e) {
		return e
	}
	if s, err = c.sessions.renew(ctx, s); err != nil {
		return asError(err, r.doing)
	}
	return c.send(ctx, s, r, into)
}

// renewable says whether another token would help. Two refusals are about the app, and would come for every token.
func renewable(e *provider.Error) bool {
	return statusOf(e) == http.StatusUnauthorized &&
		!strings.Contains(e.Message, "not valid for use with the REST API") &&
		!strings.Contains(e.Message, "is not attached to Agent")
}

func asError(err error, doing string) *provider.Error {
	var e *provider.Error
	if errors.As(err, &e) {
		return e
	}
	return &provider.Error{Kind: provider.Internal, Op: doing, Err: err}
}

func (c *client) send(ctx context.Context, s *session, r request, into any) *provider.Error {
	release, err := c.limits.acquire(ctx, r)
	if err != nil {
		return asError(err, r.doing)
	}
	limit := c.config.Timeout
	if r.file != nil {
		limit *= fileTimes
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	provider.CountCall(ctx)
	call := provider.Call{Connection: c.config.Connection, Operation: r.op, Write: r.write, Rows: r.rows, Started: c.config.Clock(), Cost: 1,
		Cause: provider.CauseOf(ctx)}
	response, body, e := c.exchange(ctx, s, r)
	release()
	call.Duration = c.config.Clock().Sub(call.Started)
	if response != nil {
		call.Status, call.RequestID = response.StatusCode, requestID(response.Header)
		c.limits.observe(response.Header)
		c.observeClock(response.Header, call.Started)
		if e == nil {
			e = c.judge(r, response, body, into)
		}
	}
	if e != nil {
		c.limits.refused(e)
		call.Err = provider.Bare(e)
	}
	c.config.Observe(call)
	return e
}

// exchange sends the request and reads the whole answer.
func (c *client) exchange(ctx context.Context, s *session, r request) (*http.Response, []byte, *provider.Error) {
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	request, e := c.build(httptrace.WithClientTrace(ctx, trace), s, r)
	if e != nil {
		return nil, nil, e
	}
	broken := func(err error) *provider.Error {
		kind := provider.Transient
		if r.write && sent.Load() {
			kind = provider.Unknown
		}
		return &provider.Error{Kind: kind, Op: r.doing, Message: "no whole answer came", Err: withoutURL(err)}
	}
	refused := func() error { return nil }
	if r.write {
		var err error
		if refused, err = provider.LeaveHTTP(request, r.doing); err != nil {
			return nil, nil, asError(err, r.doing)
		}
	}
	response, err := c.http.Do(request)
	if no := refused(); err != nil && no != nil {
		return nil, nil, asError(no, r.doing)
	}
	if err != nil {
		return nil, nil, broken(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return response, nil, broken(err)
	}
	if len(body) > maxBody {
		return response, nil, &provider.Error{Kind: kindOfStatus(http.StatusInternalServerError, r.write), Op: r.doing,
			Message: fmt.Sprintf("the answer is larger than %d MB", maxBody>>20)}
	}
	return response, body, nil
}

// withoutURL drops the address from a transport error: a query's text may hold values.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *client) build(ctx context.Context, s *session, r request) (*http.Request, *provider.Error) {
	address := s.instance + c.whole(r.path)
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.file != nil {
		body = bytes.NewReader(r.file)
	} else if r.body != nil {
		text, err := encodeJSON(r.body)
		if err != nil {
			return nil, &provider.Error{Kind: provider.Internal, Op: r.doing, Err: fmt.Errorf("encode the request: %w", err)}
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, &provider.Error{Kind: provider.Internal, Op: r.doing, Message: "the request can't be built"}
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Accept", "application/json")
	if r.csv {
		request.Header.Set("Accept", "text/csv")
	}
	request.Header.Set("Sforce-Call-Options", "client="+c.config.ClientName)
	switch {
	case r.file != nil:
		request.Header.Set("Content-Type", "text/csv; charset=UTF-8")
	case body != nil:
		request.Header.Set("Content-Type", "application/json; charset=UTF-8")
	}
	if r.write {
		// Rules that only warn a person let the record through; rules that block still do.
		request.Header.Set("Sforce-Duplicate-Rule-Header", "allowSave=true")
	}
	return request, nil
}

// whole makes a path from the host on of one below the API version.
func (c *client) whole(path string) string {
	if strings.HasPrefix(path, "/services/") {
		return path
	}
	return "/services/data/v" + c.config.APIVersion + path
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// judge turns an answer into an error, or decodes it.
func (c *client) judge(r request, response *http.Response, body []byte, into any) *provider.Error {
	status := response.StatusCode
	if status < 200 || status > 299 {
		e := fromVendor(r.doing, parseErrors(body), status, r.write, requestID(response.Header))
		if status >= 300 && status < 400 && e.Code == "" {
			e.Message = "the org answers with a redirect; give the connection its current My Domain URL"
		}
		if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && s > 0 {
			e.RetryAfter = time.Duration(s) * time.Second
		}
		return e
	}
	if into == nil || status == http.StatusNoContent {
		return nil
	}
	if text, ok := into.(*[]byte); ok {
		*text = body
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		kind := provider.Transient
		if r.write {
			kind = provider.Unknown // it said success, and then not what it did
		}
		return &provider.Error{Kind: kind, Op: r.doing, Message: "the answer is not the JSON it should be",
			RequestID: requestID(response.Header), Err: err}
	}
	return nil
}

// observeClock learns how far the org's clock is from ours.
func (c *client) observeClock(h http.Header, started time.Time) {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		c.skew.Store(t.Sub(started).Milliseconds())
		c.answered.Store(true)
	}
}

// now is the time at the org. Ok is false when its clock is too far from ours to be believed, or was never shown.
func (c *client) now() (t time.Time, ok bool) {
	skew := time.Duration(c.skew.Load()) * time.Millisecond
	return c.config.Clock().Add(skew), c.answered.Load() && skew.Abs() < 10*time.Minute
}
