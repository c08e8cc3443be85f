package salesforceemulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// versions are the API versions served, oldest first. One number grows by 1.0 with each of the three yearly releases.
var versions = func() []struct{ label, number string } {
	var out []struct{ label, number string }
	seasons := []string{"Spring", "Summer", "Winter"}
	for n := 31; n <= 68; n++ {
		k := n - 30 // 30.0 is Spring '14
		season, year := seasons[k%3], 14+k/3
		if season == "Winter" {
			year++
		}
		out = append(out, struct{ label, number string }{fmt.Sprintf("%s '%02d", season, year), fmt.Sprintf("%d.0", n)})
	}
	return out
}()

func base(version string) string { return "/services/data/v" + version }

// request is one call of the data API: an HTTP request, or a part of a composite one.
type request struct {
	e       *Emulator
	org     *org.Org
	method  string
	path    []string // below the version, unescaped
	query   url.Values
	body    []byte
	header  http.Header
	version string
	session session
	caller  org.Caller
	// tx is set inside a composite transaction.
	tx *org.Tx
	// part is true for parts of a composite, batch or graph call.
	part bool
	// http is the outermost request.
	http *http.Request
}

func (r *request) base() string { return base(r.version) }

// response is an answer. A nil body is an empty one; raw goes out as it is.
type response struct {
	status int
	body   any
	raw    []byte
	ctype  string
	header map[string]string
	// abort breaks the connection instead of answering; truncate does in the middle of the body.
	abort, truncate bool
}

func ok(body any) response { return response{status: http.StatusOK, body: body} }

// apiError is one entry of the error array every failed call answers.
type apiError struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields,omitempty"`
}

func failed(err *org.Error) response {
	if err.Duplicates != nil {
		return response{status: err.HTTPStatus(), body: []metadata.Ordered{{{Key: "duplicateResult", Value: duplicateResult(err)}, {Key: "errorCode", Value: err.Code}, {Key: "message", Value: err.Message}}}}
	}
	return response{status: err.HTTPStatus(), body: []apiError{{err.Message, err.Code, err.Fields}}}
}

// duplicateResult is what a save refused by a duplicate rule says (REST API guide, "Duplicate Rule Header").
func duplicateResult(err *org.Error) metadata.Ordered {
	d := err.Duplicates
	records := []any{}
	for _, id := range d.Matches {
		records = append(records, metadata.Ordered{{Key: "additionalInformation", Value: []any{}}, {Key: "fieldDiffs", Value: []any{}}, {Key: "matchConfidence", Value: 100.0},
			{Key: "record", Value: metadata.Ordered{{Key: "attributes", Value: metadata.Ordered{{Key: "type", Value: d.Rule.Object}}}, {Key: "Id", Value: id}}}})
	}
	return metadata.Ordered{{Key: "allowSave", Value: d.Rule.AllowSave}, {Key: "duplicateRule", Value: d.Rule.Name}, {Key: "duplicateRuleEntityType", Value: d.Rule.Object}, {Key: "errorMessage", Value: err.Message},
		{Key: "matchResults", Value: []any{metadata.Ordered{{Key: "entityType", Value: d.Rule.Object}, {Key: "errors", Value: []any{}}, {Key: "matchEngine", Value: "ExactMatchEngine"},
			{Key: "matchRecords", Value: records}, {Key: "rule", Value: d.Rule.Name}, {Key: "size", Value: len(records)}, {Key: "success", Value: true}}}}}
}

func refuse(status int, code, format string, args ...any) response {
	return response{status: status, body: []apiError{{Message: fmt.Sprintf(format, args...), ErrorCode: code}}}
}

func methodNotAllowed(method, allowed string) response {
	return refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are %s", method, allowed)
}

// view runs f in a reading transaction, or the one the request is part of.
func (r *request) view(f func(tx *org.Tx) response) response {
	if r.tx != nil {
		return f(r.tx)
	}
	tx := r.org.View(r.caller)
	defer tx.Commit()
	defer func() { r.e.counts.add(func(c *Counters) { c.RowsRead += tx.Read }) }()
	return f(tx)
}

// write runs f in a writing transaction; it is committed if f says so.
func (r *request) write(f func(tx *org.Tx) (response, bool)) response {
	if r.tx != nil {
		mark := r.tx.Savepoint()
		resp, keep := f(r.tx)
		if !keep {
			r.tx.RollbackTo(mark)
		}
		return resp
	}
	tx := r.org.Begin(r.caller)
	defer tx.Rollback()
	resp, keep := f(tx)
	if keep {
		written := tx.Written
		r.commit(tx)
		r.e.counts.add(func(c *Counters) { c.RowsWritten += written })
	}
	return resp
}

// commit commits; with a write latency the rows stay locked while the save is pretended to go on.
func (r *request) commit(tx *org.Tx) {
	latency := r.e.opts.WriteLatency
	if latency <= 0 || tx.Written == 0 {
		tx.Commit()
		return
	}
	over, stop := r.e.clock.Timer(latency) // before anybody can see what is written
	defer stop()
	release := tx.CommitHolding()
	defer release()
	select {
	case <-over:
	case <-r.http.Context().Done():
	}
}

// decode reads a JSON body, keeping numbers as they are written.
func (r *request) decode(into any) *org.Error {
	if !utf8.Valid(r.body) {
		return &org.Error{Code: "JSON_PARSER_ERROR", Message: "Invalid UTF-8 in the body"}
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return &org.Error{Code: "JSON_PARSER_ERROR", Message: parserMessage(err)}
	}
	if dec.More() {
		return &org.Error{Code: "JSON_PARSER_ERROR", Message: "Unexpected content after the JSON body"}
	}
	return nil
}

func parserMessage(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return "The HTTP entity body is required, but this request has no entity body."
	case errors.As(err, &syntax):
		return fmt.Sprintf("Unexpected character at [line:1, column:%d]: %s", syntax.Offset, syntax.Error())
	}
	return "Unexpected content in the JSON body: " + err.Error()
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`[{"message":"the answer cannot be written","errorCode":"UNKNOWN_EXCEPTION"}]`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the caller is gone
}

func marshal(body any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, fmt.Errorf("writing an answer as JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// maxBody is the largest body taken: a Bulk upload of 150 MB.
const maxBody = 150 << 20

// ServeHTTP serves the org: /services/oauth2/..., /id/... and /services/data/....
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, auth := e.core()
	path := r.URL.Path
	id := e.requestID()
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("X-Sfdc-Request-Id", id)
	switch {
	case strings.HasPrefix(path, "/services/oauth2/"):
		auth.serve(w, r)
	case strings.HasPrefix(path, "/id/"):
		auth.identity(w, r)
	case path == "/services/data" || path == "/services/data/":
		list := []metadata.Ordered{}
		for _, v := range versions {
			list = append(list, metadata.Ordered{{Key: "label", Value: v.label}, {Key: "url", Value: base(v.number)}, {Key: "version", Value: v.number}})
		}
		e.send(w, r, ok(list))
	case strings.HasPrefix(path, "/services/data/"):
		e.serveData(w, r)
	default:
		http.NotFound(w, r)
	}
}

// requestID is the id of a call, which the vendor's edge gives in two headers (as observed): 32 hexadecimal digits.
func (e *Emulator) requestID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%d", e.opts.Seed, e.requests.Add(1)))
	return hex.EncodeToString(sum[:16])
}

func (e *Emulator) send(w http.ResponseWriter, r *http.Request, resp response) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private")
	for k, v := range resp.header {
		h.Set(k, v)
	}
	raw := resp.raw
	if resp.body != nil {
		var err error
		if raw, err = marshal(resp.body); err != nil {
			resp.status, raw = http.StatusInternalServerError, []byte(`[{"message":"the answer cannot be written","errorCode":"UNKNOWN_EXCEPTION"}]`)
		}
		h.Set("Content-Type", "application/json;charset=UTF-8")
	} else if resp.ctype != "" {
		h.Set("Content-Type", resp.ctype)
	}
	if resp.status >= 400 {
		e.counts.failed(raw, resp.status)
	}
	if resp.truncate {
		h.Set("Content-Length", strconv.Itoa(max(len(raw), 2)))
		raw = raw[:len(raw)/2]
	}
	w.WriteHeader(resp.status)
	if r.Method != http.MethodHead && resp.status != http.StatusNoContent && resp.status != http.StatusNotModified {
		_, _ = w.Write(raw) // the caller is gone
	}
	if resp.truncate {
		_ = http.NewResponseController(w).Flush() // else nothing of it would arrive, and some clients would repeat a GET by themselves
		panic(http.ErrAbortHandler)               // the server's own way to break a connection off
	}
}

// segments unescapes a path below the version, each segment by itself: an external id may hold an escaped slash.
func segments(escaped string) ([]string, bool) {
	var out []string
	for part := range strings.SplitSeq(strings.Trim(escaped, "/"), "/") {
		s, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func validVersion(v string) (string, bool) {
	n, ok := strings.CutPrefix(v, "v")
	if !ok {
		return "", false
	}
	for _, known := range versions {
		if known.number == n {
			return n, true
		}
	}
	return "", false
}

func retired(v string) bool {
	n, err := strconv.ParseFloat(strings.TrimPrefix(v, "v"), 64)
	return err == nil && n >= 20 && n <= 30
}

func (e *Emulator) serveData(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RequestURI()) > 16384 {
		e.send(w, r, refuse(http.StatusRequestURITooLong, "URI_TOO_LONG", "The URI is longer than 16,384 bytes"))
		return
	}
	if headerSize(r) > 16384 {
		e.send(w, r, refuse(http.StatusRequestHeaderFieldsTooLarge, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The URI and the headers are longer than 16,384 bytes"))
		return
	}
	segs, good := segments(strings.TrimPrefix(r.URL.EscapedPath(), "/services/data/"))
	if !good {
		e.send(w, r, failed(org.NotFound()))
		return
	}
	version, known := validVersion(segs[0])
	if !known {
		if retired(segs[0]) {
			e.send(w, r, refuse(http.StatusGone, "UNSUPPORTED_API_VERSION", "API version %s is retired", segs[0]))
			return
		}
		e.send(w, r, failed(org.NotFound()))
		return
	}
	o, auth := e.core()
	sess, live := auth.check(bearer(r))
	if !live {
		if h := r.Header.Get("Authorization"); h != "" && bearer(r) == "" {
			e.send(w, r, refuse(http.StatusUnauthorized, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"))
			return
		}
		e.send(w, r, refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid"))
		return
	}
	req := &request{e: e, org: o, method: r.Method, path: segs[1:], query: r.URL.Query(), header: r.Header, version: version, session: sess, http: r}
	req.caller = org.Caller{UserID: sess.user, Origin: origin("rest", version, r.Header), AllowDuplicates: allowDuplicates(r.Header)}
	e.serveAuthorized(w, r, req)
}

// headerSize is the size of URI and headers together, in bytes.
func headerSize(r *http.Request) int {
	n := len(r.URL.RequestURI())
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// allowDuplicates reads Sforce-Duplicate-Rule-Header: allowSave=true; ....
func allowDuplicates(h http.Header) bool {
	for part := range strings.FieldsFuncSeq(h.Get("Sforce-Duplicate-Rule-Header"), func(c rune) bool { return c == ';' || c == ',' }) {
		if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(k, "allowSave") && strings.EqualFold(v, "true") {
			return true
		}
	}
	return false
}

// origin is the changeOrigin text of a call: the API, its version and the client's name for itself.
func origin(api, version string, h http.Header) string {
	text := "com/salesforce/api/" + api + "/" + version
	for part := range strings.SplitSeq(h.Get("Sforce-Call-Options"), ",") {
		if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(k, "client") && v != "" {
			text += ";client=" + v
		}
	}
	return text
}

func (e *Emulator) serveAuthorized(w http.ResponseWriter, r *http.Request, req *request) {
	op := operation(req.method, req.path)
	e.counts.call(op)
	used, limit, over := e.limits.spend()
	w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", used, limit))
	if over {
		e.send(w, r, refuse(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
		return
	}
	leave, busy := e.limits.enter()
	defer leave()
	if busy {
		e.send(w, r, refuse(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."))
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		e.send(w, r, refuse(http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "The body is too large or broke off"))
		return
	}
	req.body = raw
	tx := req.org.View(req.caller)
	enabled := tx.Permissions().Has("PermissionsApiEnabled")
	tx.Commit()
	if !enabled {
		e.send(w, r, refuse(http.StatusForbidden, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"))
		return
	}
	resp, done := e.faultBefore(req, op)
	if !done {
		resp = e.route(req)
		resp = e.faultAfter(req, op, resp)
	}
	if resp.abort {
		hangUp(w)
		return
	}
	e.send(w, r, resp)
}

// hangUp closes the connection in the middle of the answer's first line, as a broken network does. (Were there nothing of an
// answer at all, some clients would repeat a GET by themselves and never see the fault.)
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusGatewayTimeout)
		return
	}
	_, _ = conn.Write([]byte("HTTP/1.1 ")) // the point is that it breaks
	_ = conn.Close()
}

// operation names a call for counters and faults: "query", "POST sobjects", "PATCH composite/sobjects".
func operation(method string, path []string) string {
	if len(path) == 0 {
		return method + " resources"
	}
	name := path[0]
	switch name {
	case "query", "queryAll", "limits":
		return name
	case "composite", "tooling", "jobs", "ui-api":
		if len(path) > 1 {
			name += "/" + path[1]
		}
		if path[0] == "tooling" && len(path) > 2 && path[1] == "sobjects" {
			name += "/" + path[2]
		}
	case "sobjects":
		if len(path) > 2 && (path[2] == "describe" || path[2] == "updated" || path[2] == "deleted") {
			return path[2]
		}
	}
	return method + " " + name
}

// route finds what answers a call.
func (e *Emulator) route(r *request) response {
	if len(r.path) == 0 || r.path[0] == "" {
		return r.resources()
	}
	switch r.path[0] {
	case "sobjects":
		return r.sobjects()
	case "query":
		return r.soql(false)
	case "queryAll":
		return r.soql(true)
	case "composite":
		return r.composite()
	case "limits":
		return r.limits()
	case "tooling":
		return r.tooling()
	case "jobs":
		return e.bulk.serve(r)
	case "ui-api":
		return r.uiAPI()
	case "search", "recent", "actions", "metadata":
		return refuse(http.StatusNotFound, "NOT_FOUND", "The resource %s is not emulated", r.path[0])
	}
	return failed(org.NotFound())
}

func (r *request) resources() response {
	out := metadata.Ordered{}
	for _, name := range []string{"composite", "jobs", "limits", "query", "queryAll", "sobjects", "tooling", "ui-api"} {
		out.Set(name, r.base()+"/"+name)
	}
	out.Set("identity", instanceURL(r.http)+"/id/"+r.org.OrgID()+"/"+r.session.user)
	return ok(out)
}
