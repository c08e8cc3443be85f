package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

var quoting = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`, `"`, `\"`)

// quote makes a SOQL string literal.
func quote(s string) string { return "'" + quoting.Replace(s) + "'" }

// in makes "Field IN ('a','b')".
func in(field string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return field + " IN (" + strings.Join(quoted, ",") + ")"
}

// and joins conditions, each in brackets; empty ones are left out.
func and(conditions ...string) string {
	var parts []string
	for _, c := range conditions {
		if c != "" {
			parts = append(parts, "("+c+")")
		}
	}
	if len(parts) == 1 {
		return parts[0][1 : len(parts[0])-1]
	}
	return strings.Join(parts, " AND ")
}

// where begins a WHERE clause, or is nothing for no condition.
func where(condition string) string {
	if condition == "" {
		return ""
	}
	return " WHERE " + condition
}

func moment(v record.Version) string { return v.Time().Format("2006-01-02T15:04:05.000Z") }

// chunks cuts values so that each IN list of them fits one statement and one page of answers.
func chunks(values []string, each int) [][]string {
	var list [][]string
	for len(values) > 0 {
		n, size := 0, 0
		for n < len(values) && n < each && (n == 0 || size+2*len(values[n])+3 < maxSOQL-10_000) {
			size += 2*len(values[n]) + 3
			n++
		}
		list = append(list, values[:n])
		values = values[n:]
	}
	return list
}

// row is one record of an answer.
type row map[string]json.RawMessage

func (r row) text(field string) string {
	var s string
	_ = json.Unmarshal(r[field], &s) // null, absent and not a text are all ""
	return s
}

// number is a whole number; 0 for what is none.
func (r row) number(field string) int {
	var n int
	_ = json.Unmarshal(r[field], &n)
	return n
}

func (r row) truth(field string) bool { return string(r[field]) == "true" }

// stamp is a record's version. It is cut to the second, as the commit time of change events is: were one of the two finer,
// an event could look older than the state that it changed.
func (r row) stamp(field string) record.Version {
	t, err := parseDateTime(r.text(field))
	if err != nil {
		return 0
	}
	return record.VersionAt(t.Truncate(time.Second))
}

type answer struct {
	TotalSize int    `json:"totalSize"`
	Done      bool   `json:"done"`
	Next      string `json:"nextRecordsUrl"`
	Records   []row  `json:"records"`
}

// statement is a query to run.
type statement struct {
	soql    string
	doing   string
	deleted bool // include soft-deleted records (queryAll)
	tooling bool
}

// query runs a statement and hands over page after page.
func (c *client) query(ctx context.Context, s statement, page func([]row) error) error {
	a, err := c.first(ctx, s)
	for {
		if err != nil {
			return err
		}
		if err := page(a.Records); err != nil {
			return err
		}
		if a.Done || a.Next == "" {
			return nil
		}
		next := a.Next
		if !strings.HasPrefix(next, "/services/data/") {
			return &provider.Error{Kind: provider.Internal, Op: s.doing, Message: "the next page is not below /services/data/"}
		}
		a = answer{}
		err = c.do(ctx, request{op: "queryMore", doing: s.doing, method: http.MethodGet, path: next, rows: rowsPerPage}, &a)
	}
}

// all runs a statement to its end.
func (c *client) all(ctx context.Context, s statement) ([]row, error) {
	var list []row
	err := c.query(ctx, s, func(rows []row) error {
		list = append(list, rows...)
		return nil
	})
	return list, err
}

// first runs a statement for its first page. A statement too long for a URL travels inside a composite request, whose
// body has room for it; both are one call.
func (c *client) first(ctx context.Context, s statement) (answer, error) {
	var a answer
	path, op := "/query", "query"
	if s.deleted {
		path, op = "/queryAll", "queryAll"
	}
	if s.tooling {
		path, op = "/tooling"+path, "tooling "+op
	}
	q := url.Values{"q": {s.soql}}
	if len(q.Encode()) < maxURL {
		return a, c.do(ctx, request{op: op, doing: s.doing, method: http.MethodGet, path: path, query: q, rows: rowsPerPage}, &a)
	}
	type sub struct {
		Method      string `json:"method"`
		URL         string `json:"url"`
		ReferenceID string `json:"referenceId"`
	}
	body := map[string]any{"allOrNone": false, "compositeRequest": []sub{{http.MethodGet, c.whole(path) + "?" + q.Encode(), "query"}}}
	var composite struct {
		Response []struct {
			Body   json.RawMessage `json:"body"`
			Status int             `json:"httpStatusCode"`
		} `json:"compositeResponse"`
	}
	err := c.do(ctx, request{op: op, doing: s.doing, method: http.MethodPost, path: "/composite", body: body, rows: rowsPerPage}, &composite)
	if err != nil {
		return a, err
	}
	if len(composite.Response) != 1 {
		return a, &provider.Error{Kind: provider.Internal, Op: s.doing, Message: "a composite request of one query was not answered by one answer"}
	}
	if r := composite.Response[0]; r.Status != http.StatusOK {
		return a, fromVendor(s.doing, parseErrors(r.Body), r.Status, false, "")
	}
	if err := json.Unmarshal(composite.Response[0].Body, &a); err != nil {
		return a, &provider.Error{Kind: provider.Transient, Op: s.doing, Message: "the answer is not the JSON it should be", Err: err}
	}
	return a, nil
}

// parseDateTime reads a moment in the spellings that REST answers use: the zone with or without a colon, or Z.
func parseDateTime(s string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05.999Z0700", s)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, s)
	}
	return t, err
}
