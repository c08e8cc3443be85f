package salesforceemulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	testToken    = "00D!test"
	testClientID = "3MVG9test"
	testSecret   = "secret"
)

// testClient is a client of an emulator served over HTTP.
type testClient struct {
	t   *testing.T
	e   *Emulator
	srv *httptest.Server
	tok string
	hdr map[string]string
}

var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// serve starts an emulator on a clock that stands still until Advance moves it.
func serve(t *testing.T, change ...func(*Options)) *testClient {
	t.Helper()
	opts := Options{Clock: func() time.Time { return testStart }, Seed: 7, ClientID: testClientID, ClientSecret: testSecret, AccessToken: testToken}
	for _, f := range change {
		f(&opts)
	}
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(e)
	t.Cleanup(func() {
		srv.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &testClient{t: t, e: e, srv: srv, tok: testToken, hdr: map[string]string{}}
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
}

const v68 = "/services/data/v68.0"

// do sends a request; body may be nil, text (sent as it is) or anything JSON can write. Paths without /services are below v68.0.
func (c *testClient) do(method, path string, body any) answer {
	c.t.Helper()
	if !strings.HasPrefix(path, "/services") && !strings.HasPrefix(path, "/id/") {
		path = v68 + path
	}
	var rd io.Reader
	ctype := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		rd = strings.NewReader(b)
		if !strings.HasPrefix(b, "{") && !strings.HasPrefix(b, "[") {
			ctype = "text/csv"
		}
	case url.Values:
		rd, ctype = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		rd = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, c.srv.URL+path, rd)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", ctype)
	if c.tok != "" {
		req.Header.Set("Authorization", "Bearer "+c.tok)
	}
	for k, v := range c.hdr {
		req.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return answer{t: c.t, raw: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{t: c.t, raw: err.Error()}
	}
	return answer{c.t, resp.StatusCode, resp.Header, string(raw)}
}

// want fails the test unless the answer has the status and contains the texts.
func (a answer) want(status int, contains ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %.2000s", a.status, status, a.raw)
	}
	for _, s := range contains {
		if !strings.Contains(a.raw, s) {
			a.t.Fatalf("the answer lacks %s:\n%.3000s", s, a.raw)
		}
	}
	return a
}

// get decodes the answer and follows keys and indexes.
func (a answer) get(path ...any) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.raw), &v); err != nil {
		a.t.Fatalf("not JSON: %v: %.500s", err, a.raw)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func (a answer) id() string {
	a.t.Helper()
	id, _ := a.want(http.StatusCreated).get("id").(string)
	return id
}

func (c *testClient) query(soql string) answer {
	c.t.Helper()
	return c.do("GET", "/query?q="+url.QueryEscape(soql), nil)
}

type obj = map[string]any
type list = []any
