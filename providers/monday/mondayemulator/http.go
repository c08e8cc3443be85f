package mondayemulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

const maxBody = 16 << 20

// request is one GraphQL request as the resolvers see it.
type request struct {
	e       *Emulator
	ctx     context.Context
	user    *account.User
	app     bool // made with the app's token
	version string
	spend   spend
	base    string // where upload addresses point
	place   *time.Location
	stop    int     // runs so many top-level fields and breaks off; 0 runs all (a fault)
	blind   bool    // sees no board (a fault)
	result  *answer // of a run that was carried out, whatever the client gets to see
}

// zone is where the user's dates are shown. It is looked up once: a page asks for every cell.
func (r *request) zone() *time.Location {
	if r.place == nil {
		r.place = r.user.Location()
	}
	return r.place
}

func (r *request) by() int64              { return r.user.ID }
func (r *request) acct() *account.Account { return r.e.acct }

// respond writes a JSON answer with the headers every answer has.
func (e *Emulator) respond(w http.ResponseWriter, a *answer) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil {
		e.log.Debug("answer was not taken", "error", err)
	}
}

// build makes the body of an answer: data (left out when nil), errors, extensions.
func build(status int, data []byte, errs []gql.ResponseError, requestID string) *answer {
	var b []byte
	b = append(b, '{')
	if data != nil {
		b = append(b, `"data":`...)
		b = append(b, data...)
		b = append(b, ',')
	}
	if len(errs) > 0 {
		list, err := json.Marshal(errs)
		if err != nil {
			list = []byte(`[{"message":"Internal server error"}]`)
		}
		b = append(b, `"errors":`...)
		b = append(b, list...)
		b = append(b, ',')
	}
	id, _ := json.Marshal(requestID)
	b = append(b, `"extensions":{"request_id":`...)
	b = append(b, id...)
	b = append(b, `}}`...)
	return &answer{status: status, header: http.Header{}, body: b}
}

// refusal is the answer to a request that was not carried out.
func refusal(err *gql.Error, requestID string) *answer {
	status := err.HTTP
	if status == 0 {
		status = http.StatusOK
	}
	a := build(status, nil, []gql.ResponseError{gql.Response(err, nil, nil)}, requestID)
	for k, v := range err.Header {
		a.header.Set(k, v)
	}
	return a
}

func (e *Emulator) requestID() string {
	var b [16]byte
	e.mu.Lock()
	for i := range b {
		b[i] = byte(e.rng.UintN(256))
	}
	e.mu.Unlock()
	const hex = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, hex[c>>4], hex[c&15])
	}
	return string(out)
}

func (e *Emulator) serveAPI(w http.ResponseWriter, r *http.Request) {
	id := e.requestID()
	w.Header().Set("x-request-id", id)
	w.Header().Set("API-Version", Version)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		e.respond(w, refusal(&gql.Error{Message: "Only POST is supported", Code: "BAD_REQUEST", HTTP: http.StatusMethodNotAllowed}, id))
		return
	}
	e.count(func(c *Counters) { c.Calls++ })
	a := e.answer(w, r, id)
	if a == nil { // a fault left the client without an answer
		panic(http.ErrAbortHandler)
	}
	e.tally(a)
	e.respond(w, a)
}

func (e *Emulator) tally(a *answer) {
	e.count(func(c *Counters) {
		switch a.status {
		case http.StatusTooManyRequests:
			c.RateLimited++
		case http.StatusLocked:
			c.Locked++
		}
	})
}

// answer works a request from its headers to its body; nil means the connection is to be cut.
func (e *Emulator) answer(w http.ResponseWriter, r *http.Request, id string) *answer {
	user, app, authErr := e.authenticate(r)
	if authErr != nil {
		return e.refuse(authErr, id)
	}
	ver, verErr := chooseVersion(r.Header.Get("API-Version"))
	if verErr != nil {
		return e.refuse(verErr, id)
	}
	w.Header().Set("API-Version", ver)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return e.refuse(&gql.Error{Message: "Request body cannot be read", Code: "BAD_REQUEST", Status: 400, HTTP: http.StatusBadRequest}, id)
	}
	in, err := gql.DecodeRequest(body)
	if err != nil {
		return e.refuse(&gql.Error{Message: "Invalid JSON in request body", Code: "JsonParseException", Status: 400, HTTP: http.StatusBadRequest}, id)
	}
	prepared, errs, err := e.schema.Prepare(in)
	if err != nil {
		e.countErrors(errs)
		now := e.now()
		e.meter.wasted(now) // what fails counts all the same
		e.meter.headers(w.Header(), now, false, false)
		status := http.StatusOK
		if errors.Is(err, gql.ErrParse) {
			status = http.StatusBadRequest
		}
		return build(status, nil, errs, id)
	}
	req := &request{e: e, ctx: r.Context(), user: user, app: app, version: ver, base: e.baseURL(r)}
	key := r.Header.Get("Idempotency-Key")
	if key == "" || !prepared.Mutation {
		return e.admit(w, r, req, prepared, id)
	}
	key = strconv.FormatInt(user.ID, 10) + "/" + strconv.FormatBool(app) + "/" + key
	again, busy := e.keys.begin(key)
	switch {
	case busy:
		return e.refuse(&gql.Error{
			Message: "A request with this idempotency key is currently being processed", Code: "IDEMPOTENCY_CONFLICT",
			HTTP: http.StatusConflict, Header: map[string]string{"Retry-After": "1"},
		}, id)
	case again != nil:
		e.count(func(c *Counters) { c.Replayed++ })
		out := &answer{status: again.status, header: again.header.Clone(), body: again.body}
		out.header.Set("Idempotency-Replayed", "true")
		return out
	}
	// Kept is what was carried out, also where a fault hid it from the client.
	defer func() { e.keys.end(key, req.result) }()
	return e.admit(w, r, req, prepared, id)
}

func (e *Emulator) refuse(err *gql.Error, id string) *answer {
	e.count(func(c *Counters) { c.Errors[err.Code]++ })
	return refusal(err, id)
}

func (e *Emulator) countErrors(errs []gql.ResponseError) {
	e.count(func(c *Counters) {
		for _, x := range errs {
			code, _ := x.Extensions["code"].(string)
			c.Errors[code]++
		}
	})
}

// authenticate finds the user of a token (developer.monday.com, "Authentication"): the raw token,
// or with the word Bearer before it.
func (e *Emulator) authenticate(r *http.Request) (*account.User, bool, *gql.Error) {
	token := strings.TrimSpace(r.Header.Get("Authorization"))
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		token = strings.TrimSpace(token[7:])
	}
	e.mu.Lock()
	id, ok := e.tokens[token]
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return nil, false, &gql.Error{Message: "The emulator is closed", Code: "INTERNAL_SERVER_ERROR", HTTP: http.StatusServiceUnavailable}
	}
	if !ok || token == "" {
		return nil, false, &gql.Error{Message: "Not authenticated", Code: "NOT_AUTHENTICATED", HTTP: http.StatusUnauthorized}
	}
	e.acct.Lock()
	u := e.acct.User(id)
	active := u != nil && u.Active
	e.acct.Unlock()
	if !active {
		return nil, false, &gql.Error{Message: "User access denied", Code: "USER_ACCESS_DENIED", Status: 403, HTTP: http.StatusForbidden}
	}
	return u, token == e.opts.Token && !e.opts.PersonalToken, nil
}

func (e *Emulator) baseURL(r *http.Request) string {
	if e.opts.PublicURL != "" {
		return strings.TrimSuffix(e.opts.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// admit takes a request through the limits and the faults and runs it.
func (e *Emulator) admit(w http.ResponseWriter, r *http.Request, req *request, p *gql.Prepared, id string) *answer {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	c := call{now: e.now(), ip: host, mutation: p.Mutation, cost: cost(p), pure: true}
	for _, root := range p.Roots {
		c.fields = append(c.fields, root.Name)
		c.pure = c.pure && root.Name == "complexity"
	}
	fault := e.faults.take(c.fields, stageRequest)
	if fault != nil {
		req.blind = fault.Kind == EmptyBoards
		if fault.Kind == TimeoutMidway || fault.Kind == Error500Midway {
			if req.stop = fault.Aliases; req.stop == 0 {
				req.stop = (len(p.Roots) + 1) / 2
			}
		}
		e.count(func(c *Counters) { c.FaultsPlayed++ })
		if a, done := e.before(r.Context(), fault, id, w, c); done {
			return a
		}
	}
	s, refused := e.meter.enter(c)
	if refused != nil {
		e.meter.headers(w.Header(), c.now, c.mutation, true)
		return e.refuse(refused, id)
	}
	defer e.meter.leave()
	req.spend = s
	e.count(func(k *Counters) {
		k.ComplexitySpent += int64(c.cost)
		for _, f := range c.fields {
			k.Operations[f]++
		}
	})
	if p.Mutation {
		unlock, ok := e.meter.lock(e.boardsOf(p))
		if !ok {
			return e.refuse(locked(), id)
		}
		defer unlock()
	}
	e.pause(r.Context(), e.opts.Latency)
	a := e.run(req, p, id)
	e.meter.headers(w.Header(), c.now, c.mutation, false)
	if fault != nil {
		return e.after(r.Context(), fault, a, id)
	}
	return a
}

// locked is the answer while another request writes to the board.
func locked() *gql.Error {
	return &gql.Error{
		Message: "Resource is currently locked, please try again later", Code: "RESOURCE_LOCKED", Status: http.StatusLocked,
		HTTP: http.StatusLocked, Header: map[string]string{"Retry-After": "1"},
	}
}

// pause waits d, or until the client is gone.
func (e *Emulator) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// run executes a request that was let in.
func (e *Emulator) run(req *request, p *gql.Prepared, id string) *answer {
	done := 0
	res := e.schema.Run(req, p, func(_ gql.Root, run func() error) error {
		if req.stop > 0 && done == req.stop {
			return internalError()
		}
		done++
		e.acct.Lock()
		defer e.acct.Unlock()
		before := e.acct.Written
		err := run()
		if n := e.acct.Written - before; n > 0 {
			e.count(func(c *Counters) { c.ItemsWritten += n })
		}
		return err
	})
	e.countErrors(res.Errors)
	if res.Fatal != nil {
		return refusal(res.Fatal, id)
	}
	req.result = build(http.StatusOK, res.Data, res.Errors, id)
	return req.result
}

// boardsOf lists the boards a mutation names, by itself or through an item.
func (e *Emulator) boardsOf(p *gql.Prepared) []int64 {
	e.acct.Lock()
	defer e.acct.Unlock()
	seen := map[int64]bool{}
	var out []int64
	for _, r := range p.Roots {
		for _, arg := range []string{"board_id", "item_id", "parent_item_id"} {
			id, err := strconv.ParseInt(r.Args.String(arg), 10, 64)
			if err != nil {
				continue
			}
			if arg != "board_id" {
				it := e.acct.Item(id)
				if it == nil {
					continue
				}
				id = it.Board().ID
			}
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// serveSchema answers GET /v2/get_schema?format=sdl.
func (e *Emulator) serveSchema(w http.ResponseWriter, r *http.Request) {
	if f := r.URL.Query().Get("format"); f != "" && f != "sdl" {
		http.Error(w, "only format=sdl is served", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := io.WriteString(w, schemaSDL); err != nil {
		e.log.Debug("schema was not taken", "error", err)
	}
}
