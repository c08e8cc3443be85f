package mondayemulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// client talks to an emulator over HTTP.
type client struct {
	t   testing.TB
	e   *Emulator
	url string
	now time.Time
}

// start serves an emulator with a clock that stands still until it is moved.
func start(t testing.TB, opts Options) *client {
	t.Helper()
	c := &client{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	if opts.Clock == nil {
		opts.Clock = func() time.Time { return c.now }
	}
	if opts.Token == "" {
		opts.Token = "token"
	}
	if opts.Users == nil {
		opts.Users = []User{
			{Name: "Ada Lovelace", Email: "ada@acme.example", Active: true, Admin: true},
			{Name: "Grace Hopper", Email: "grace@acme.example", Active: true, TimeZone: "Europe/Berlin"},
			{Name: "Gone Girl", Email: "gone@acme.example"},
		}
	}
	if opts.Workspaces == nil {
		opts.Workspaces = []string{"Sales"}
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
	c.e, c.url = e, srv.URL
	return c
}

// reply is an answer as a client sees it.
type reply struct {
	status int
	header http.Header
	raw    string
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Locations  []map[string]int
		Extensions map[string]any
	}
	Extensions map[string]any
}

func (c *client) do(query string, vars map[string]any, header ...string) *reply {
	c.t.Helper()
	r, err := c.try(query, vars, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *client) try(query string, vars map[string]any, header ...string) (*reply, error) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, c.url+"/v2", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r := &reply{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if err := json.Unmarshal(raw, r); err != nil {
		return r, err
	}
	return r, nil
}

// ok runs a document that must not fail and gives its data.
func (c *client) ok(query string, vars map[string]any) map[string]any {
	c.t.Helper()
	r := c.do(query, vars)
	if r.status != 200 || len(r.Errors) > 0 {
		c.t.Fatalf("%s\nstatus %d: %s", query, r.status, r.raw)
	}
	return r.Data
}

// code is the extensions.code of the only error.
func (r *reply) code(t testing.TB) string {
	t.Helper()
	if len(r.Errors) != 1 {
		t.Fatalf("want one error: %s", r.raw)
	}
	s, _ := r.Errors[0].Extensions["code"].(string)
	return s
}

// at walks down a decoded answer: names, and "#n" for entry n of a list.
func at(t testing.TB, v any, path string) any {
	t.Helper()
	for _, p := range strings.Split(path, ".") {
		if strings.HasPrefix(p, "#") {
			list, ok := v.([]any)
			n := int(p[1] - '0')
			if !ok || n >= len(list) {
				t.Fatalf("no entry %s of %s in %v", p, path, v)
			}
			v = list[n]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %s of %s in %v", p, path, v)
		}
		v = m[p]
	}
	return v
}

func text(t testing.TB, v any, path string) string {
	t.Helper()
	s, _ := at(t, v, path).(string)
	return s
}

// board makes an empty board and gives its id.
func (c *client) board(name string) string {
	c.t.Helper()
	return text(c.t, c.ok(`mutation($n:String!){create_board(board_name:$n,board_kind:public,empty:true){id}}`, map[string]any{"n": name}), "create_board.id")
}

// column adds a column with a caller's id.
func (c *client) column(board, id, typ string, defaults map[string]any) {
	c.t.Helper()
	vars := map[string]any{"b": board, "i": id, "t": typ}
	if defaults != nil {
		vars["d"] = defaults
	}
	c.ok(`mutation($b:ID!,$i:String,$t:ColumnType!,$d:JSON){create_column(board_id:$b,id:$i,title:"Column",column_type:$t,defaults:$d){id}}`, vars)
}

// item adds an item; values is the JSON text of column_values.
func (c *client) item(board, name, values string) string {
	c.t.Helper()
	return text(c.t, c.ok(`mutation($b:ID!,$n:String!,$v:JSON){create_item(board_id:$b,item_name:$n,column_values:$v){id}}`,
		map[string]any{"b": board, "n": name, "v": values}), "create_item.id")
}
