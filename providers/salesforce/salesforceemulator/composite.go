package salesforceemulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// composite serves /composite and what is below it.
func (r *request) composite() response {
	if len(r.path) > 1 && r.path[1] == "sobjects" {
		return r.collections()
	}
	if r.method != http.MethodPost {
		if len(r.path) == 1 && r.method == http.MethodGet {
			out := metadata.Ordered{}
			for _, name := range []string{"batch", "graph", "sobjects", "tree"} {
				out.Set(name, r.base()+"/composite/"+name)
			}
			return ok(out)
		}
		return methodNotAllowed(r.method, "POST")
	}
	switch {
	case r.part:
		return refuse(http.StatusBadRequest, "INVALID_INPUT", "composite requests cannot be nested")
	case len(r.path) == 1:
		return r.compositeRequest()
	case r.path[1] == "batch":
		return r.batch()
	case r.path[1] == "graph":
		return r.graph()
	case r.path[1] == "tree" && len(r.path) == 3:
		return r.tree(r.path[2])
	}
	return failed(org.NotFound())
}

// subrequest is one part of a composite call.
type subrequest struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	ReferenceID string            `json:"referenceId"`
	Body        json.RawMessage   `json:"body"`
	Headers     map[string]string `json:"httpHeaders"`
}

type compositeBody struct {
	AllOrNone bool         `json:"allOrNone"`
	Requests  []subrequest `json:"compositeRequest"`
}

func subAnswer(resp response, reference string) metadata.Ordered {
	headers := metadata.Ordered{}
	if l := resp.header["Location"]; l != "" {
		headers.Set("Location", l)
	}
	return metadata.Ordered{{Key: "body", Value: resp.body}, {Key: "httpHeaders", Value: headers}, {Key: "httpStatusCode", Value: resp.status}, {Key: "referenceId", Value: reference}}
}

var referenceID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (r *request) compositeRequest() response {
	var body compositeBody
	if err := r.decode(&body); err != nil {
		return failed(err)
	}
	if err := checkComposite(body.Requests, 25); err != nil {
		return failed(err)
	}
	queries := 0
	for _, s := range body.Requests {
		if strings.Contains(s.URL, "/query") || strings.Contains(s.URL, "/composite/sobjects") {
			queries++
		}
	}
	if queries > 5 {
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "The composite request can't have more than 5 query and sObject collection subrequests")
	}
	answers, _ := r.runComposite(body)
	return ok(metadata.Ordered{{Key: "compositeResponse", Value: answers}})
}

func checkComposite(list []subrequest, limit int) *org.Error {
	if len(list) == 0 {
		return org.Errorf("INVALID_INPUT", "compositeRequest: at least one subrequest is required")
	}
	if len(list) > limit {
		return org.Errorf("LIMIT_EXCEEDED", "Limit exceeded: %d subrequests, of at most %d", len(list), limit)
	}
	seen := map[string]bool{}
	for _, s := range list {
		if !referenceID.MatchString(s.ReferenceID) {
			return org.Errorf("INVALID_INPUT", "Provided reference ID '%s' must start with a letter and contain only letters, digits and underscores.", s.ReferenceID)
		}
		if seen[s.ReferenceID] {
			return org.Errorf("INVALID_INPUT", "Duplicate ReferenceId provided: %s", s.ReferenceID)
		}
		seen[s.ReferenceID] = true
	}
	return nil
}

// runComposite runs the parts in order. With allOrNone they are one transaction, taken back when one fails.
func (r *request) runComposite(body compositeBody) ([]metadata.Ordered, bool) {
	var tx *org.Tx
	if body.AllOrNone {
		tx = r.org.Begin(r.caller)
		defer tx.Rollback()
	}
	results := map[string]any{}
	answers := make([]metadata.Ordered, len(body.Requests))
	failedAt := -1
	gone := r.e.expirePart(r)
	for i, s := range body.Requests {
		resp := expired()
		if !gone(i) {
			resp = r.part1(s, results, tx)
		}
		if resp.status >= 400 && body.AllOrNone {
			failedAt = i
			answers[i] = subAnswer(resp, s.ReferenceID)
			break
		}
		if resp.status < 300 {
			results[s.ReferenceID] = generic(resp.body)
		}
		answers[i] = subAnswer(resp, s.ReferenceID)
		if body.AllOrNone && itemFailed(resp.body) { // a collection inside that lost records takes all back too
			failedAt = i
			break
		}
	}
	if failedAt >= 0 {
		halted := refuse(http.StatusBadRequest, "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.")
		for i := range answers {
			if i != failedAt {
				answers[i] = subAnswer(halted, body.Requests[i].ReferenceID)
			}
		}
		return answers, false
	}
	if tx != nil {
		written, read := tx.Written, tx.Read
		r.commit(tx)
		r.e.counts.add(func(c *Counters) { c.RowsWritten += written; c.RowsRead += read })
	}
	return answers, true
}

func itemFailed(body any) bool {
	list, _ := body.([]metadata.Ordered)
	for _, it := range list {
		if it.Get("success") == false {
			return true
		}
	}
	return false
}

// generic turns an answer into plain JSON values, for references to look into.
func generic(body any) any {
	raw, err := marshal(body)
	if err != nil {
		return nil
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

var reference = regexp.MustCompile(`@\{([A-Za-z][A-Za-z0-9_]*)((?:\[\d+\]|\.[A-Za-z0-9_]+)*)\}`)

// resolve replaces @{ref.path} by what an earlier part answered. In a body the text is inside JSON strings.
func resolve(text string, results map[string]any, quote bool) (string, *org.Error) {
	var bad *org.Error
	out := reference.ReplaceAllStringFunc(text, func(m string) string {
		g := reference.FindStringSubmatch(m)
		v, found := results[g[1]]
		path := strings.ReplaceAll(strings.ReplaceAll(g[2], "[", "."), "]", "")
		for _, step := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' }) {
			switch x := v.(type) {
			case map[string]any:
				v, found = x[step]
				if !found { // id and Id are both understood
					for k, val := range x {
						if strings.EqualFold(k, step) {
							v, found = val, true
						}
					}
				}
			case []any:
				i, err := strconv.Atoi(step)
				if found = err == nil && i < len(x); found {
					v = x[i]
				}
			default:
				found = false
			}
		}
		if !found {
			bad = org.Errorf("PROCESSING_HALTED", "Invalid reference specified. No value for %s found in %s", strings.TrimSuffix(strings.TrimPrefix(m, "@{"), "}"), g[1])
			return ""
		}
		if !quote {
			return url.PathEscape(fmt.Sprint(v))
		}
		raw, err := json.Marshal(fmt.Sprint(v))
		if err != nil {
			return ""
		}
		return string(raw[1 : len(raw)-1])
	})
	return out, bad
}

// part1 runs one part of a composite call.
func (r *request) part1(s subrequest, results map[string]any, tx *org.Tx) response {
	target, err := resolve(s.URL, results, false)
	if err != nil {
		return failed(err)
	}
	body, err := resolve(string(s.Body), results, true)
	if err != nil {
		return failed(err)
	}
	rest, isData := strings.CutPrefix(target, "/services/data/")
	if !isData {
		return refuse(http.StatusBadRequest, "INVALID_INPUT", "The url must begin with /services/data/: %s", s.URL)
	}
	return r.sub(strings.ToUpper(s.Method), rest, []byte(body), s.Headers, tx)
}

// sub runs a call given by method and path below /services/data/.
func (r *request) sub(method, rest string, body []byte, headers map[string]string, tx *org.Tx) response {
	path, rawQuery, _ := strings.Cut(rest, "?")
	segs, good := segments(path)
	version, known := "", false
	if good && len(segs) > 1 {
		version, known = validVersion(segs[0])
	}
	q, qerr := url.ParseQuery(rawQuery)
	if !known || qerr != nil {
		return failed(org.NotFound())
	}
	if segs[1] == "jobs" {
		return refuse(http.StatusBadRequest, "INVALID_INPUT", "Bulk API calls cannot be part of a composite call")
	}
	h := http.Header{}
	for _, k := range []string{"Sforce-Query-Options", "Sforce-Call-Options"} {
		if v := r.header.Get(k); v != "" {
			h.Set(k, v)
		}
	}
	for k, v := range headers {
		h.Set(k, v)
	}
	p := &request{e: r.e, org: r.org, method: method, path: segs[1:], query: q, body: body, header: h, version: version, session: r.session, caller: r.caller, tx: tx, part: true, http: r.http}
	return r.e.route(p)
}

// batch runs independent calls; each is its own transaction.
func (r *request) batch() response {
	var body struct {
		Halt     bool `json:"haltOnError"`
		Requests []struct {
			Method string          `json:"method"`
			URL    string          `json:"url"`
			Input  json.RawMessage `json:"richInput"`
		} `json:"batchRequests"`
	}
	if err := r.decode(&body); err != nil {
		return failed(err)
	}
	if n := len(body.Requests); n == 0 || n > 25 {
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "A batch takes 1 to 25 requests; this one has %d", n)
	}
	results := []metadata.Ordered{}
	anyFailed := false
	gone := r.e.expirePart(r)
	for i, s := range body.Requests {
		resp := response{status: http.StatusPreconditionFailed, body: []apiError{{Message: "Batch processing halted per request option", ErrorCode: "BATCH_PROCESSING_HALTED"}}}
		switch {
		case gone(i):
			resp = expired()
		case !anyFailed || !body.Halt:
			resp = r.sub(strings.ToUpper(s.Method), strings.TrimPrefix(strings.TrimPrefix(s.URL, "/services/data"), "/"), s.Input, nil, nil)
		}
		anyFailed = anyFailed || resp.status >= 400
		results = append(results, metadata.Ordered{{Key: "statusCode", Value: resp.status}, {Key: "result", Value: resp.body}})
	}
	return ok(metadata.Ordered{{Key: "hasErrors", Value: anyFailed}, {Key: "results", Value: results}})
}

// graph runs graphs, each of which is one transaction.
func (r *request) graph() response {
	var body struct {
		Graphs []struct {
			ID       string       `json:"graphId"`
			Requests []subrequest `json:"compositeRequest"`
		} `json:"graphs"`
	}
	if err := r.decode(&body); err != nil {
		return failed(err)
	}
	nodes := 0
	for _, g := range body.Graphs {
		nodes += len(g.Requests)
	}
	switch {
	case len(body.Graphs) == 0:
		return refuse(http.StatusBadRequest, "INVALID_INPUT", "graphs: at least one graph is required")
	case nodes > 500:
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "Limit of 500 nodes exceeded: %d", nodes)
	case len(body.Graphs) > 75:
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "Limit of 75 graphs exceeded: %d", len(body.Graphs))
	}
	out := []metadata.Ordered{}
	failures := 0
	for _, g := range body.Graphs {
		var answers []metadata.Ordered
		good := false
		if err := checkComposite(g.Requests, 500); err != nil {
			answers = []metadata.Ordered{subAnswer(failed(err), "")}
		} else if failures >= 14 {
			for _, s := range g.Requests {
				answers = append(answers, subAnswer(refuse(http.StatusBadRequest, "PROCESSING_HALTED", "Too many graphs failed"), s.ReferenceID))
			}
		} else {
			answers, good = r.runComposite(compositeBody{AllOrNone: true, Requests: g.Requests})
		}
		if !good {
			failures++
		}
		out = append(out, metadata.Ordered{{Key: "graphId", Value: g.ID}, {Key: "graphResponse", Value: metadata.Ordered{{Key: "compositeResponse", Value: answers}}}, {Key: "isSuccessful", Value: good}})
	}
	return ok(metadata.Ordered{{Key: "graphs", Value: out}})
}

// tree inserts records with their children, all or none (REST API guide, "sObject Tree").
func (r *request) tree(object string) response {
	var body struct {
		Records []org.Fields `json:"records"`
	}
	if err := r.decode(&body); err != nil {
		return failed(err)
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		t := &treeInsert{tx: tx}
		for _, rec := range body.Records {
			t.insert(object, rec, nil, 1)
		}
		if t.count == 0 || t.count > 200 {
			return refuse(http.StatusBadRequest, "INVALID_INPUT", "A tree takes 1 to 200 records; this one has %d", t.count), false
		}
		if len(t.errors) > 0 {
			return response{status: http.StatusBadRequest, body: metadata.Ordered{{Key: "hasErrors", Value: true}, {Key: "results", Value: t.errors}}}, false
		}
		return response{status: http.StatusCreated, body: metadata.Ordered{{Key: "hasErrors", Value: false}, {Key: "results", Value: t.done}}}, true
	})
}

type treeInsert struct {
	tx           *org.Tx
	count        int
	done, errors []metadata.Ordered
}

func (t *treeInsert) insert(object string, rec org.Fields, parent map[string]string, depth int) {
	attrs, _ := rec["attributes"].(map[string]any)
	ref, _ := attrs["referenceId"].(string)
	if s, _ := attrs["type"].(string); s != "" {
		object = s
	}
	if t.count++; t.count > 200 || depth > 5 {
		return
	}
	children := map[string][]any{}
	in := org.Fields{}
	for k, v := range rec {
		if m, isMap := v.(map[string]any); isMap && k != "attributes" {
			if list, isList := m["records"].([]any); isList {
				children[k] = list
				continue
			}
		}
		in[k] = v
	}
	for k, v := range parent {
		in[k] = v
	}
	id, err := t.tx.Insert(object, in)
	if err != nil {
		fields := err.Fields
		if fields == nil {
			fields = []string{}
		}
		t.errors = append(t.errors, metadata.Ordered{{Key: "referenceId", Value: ref}, {Key: "errors", Value: []any{metadata.Ordered{{Key: "statusCode", Value: err.Code}, {Key: "message", Value: err.Message}, {Key: "fields", Value: fields}}}}})
		return
	}
	t.done = append(t.done, metadata.Ordered{{Key: "referenceId", Value: ref}, {Key: "id", Value: id}})
	for _, rel := range sortedKeys(children) {
		child, link := t.tx.ChildRelation(object, rel)
		for _, c := range children[rel] {
			if m, isMap := c.(map[string]any); isMap {
				t.insert(child, m, map[string]string{link: id}, depth+1)
			}
		}
	}
}
