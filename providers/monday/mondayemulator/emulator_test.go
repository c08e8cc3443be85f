package mondayemulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true
	goleak.VerifyTestMain(m)
}

func TestBoardFromNothing(t *testing.T) {
	c := start(t, Options{})
	ws := text(t, c.ok(`{workspaces(limit:10){id name}}`, nil), "workspaces.#0.id")
	b := text(t, c.ok(`mutation($w:ID){create_board(board_name:"Deals",board_kind:public,workspace_id:$w,empty:true){id}}`, map[string]any{"w": ws}), "create_board.id")
	if len(b) != 10 {
		t.Errorf("board id %s has not 10 digits", b)
	}
	c.column(b, "salesforce_id", "text", nil)
	c.column(b, "amount", "numbers", nil)
	c.ok(`mutation($b:ID!,$d:CreateStatusColumnSettingsInput){create_status_column(board_id:$b,id:"stage",title:"Stage",defaults:$d){id}}`, map[string]any{
		"b": b, "d": map[string]any{"labels": []any{
			map[string]any{"label": "Open", "color": "working_orange", "index": 0},
			map[string]any{"label": "Won", "color": "done_green", "index": 1, "is_done": true},
		}},
	})
	it := c.item(b, "First", `{"salesforce_id":"006A","amount":"12.50","stage":{"label":"Won"}}`)
	got := c.ok(`query($b:ID!){boards(ids:[$b]){name items_count workspace{name} columns{id type} items_page(limit:5){cursor items{id name group{title}
		column_values{id text value ...on StatusValue{label index is_done} ...on NumbersValue{number}}}}}}`, map[string]any{"b": b})
	want := []any{
		map[string]any{"id": "salesforce_id", "text": "006A", "value": `"006A"`},
		map[string]any{"id": "amount", "text": "12.50", "value": `"12.50"`, "number": 12.5},
		map[string]any{"id": "stage", "text": "Won", "value": `{"changed_at":"2026-11-23T09:00:00.000Z","index":1,"post_id":null}`, "label": "Won", "index": 1.0, "is_done": true},
	}
	if d := cmp.Diff(want, at(t, got, "boards.#0.items_page.items.#0.column_values")); d != "" {
		t.Error(d)
	}
	if text(t, got, "boards.#0.items_page.items.#0.id") != it || at(t, got, "boards.#0.items_page.cursor") != nil {
		t.Errorf("unexpected page: %v", got)
	}
	found := c.ok(`query($b:ID!){items_page_by_column_values(board_id:$b,columns:[{column_id:"salesforce_id",column_values:["006A","nobody"]}]){items{id}}}`, map[string]any{"b": b})
	if text(t, found, "items_page_by_column_values.items.#0.id") != it {
		t.Errorf("lookup by key: %v", found)
	}
}

func TestAliasesFailAlone(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	r := c.do(fmt.Sprintf(`mutation{
		a:create_item(board_id:%[1]s,item_name:"one"){name}
		b:create_item(board_id:1,item_name:"two"){name}
		c:create_item(board_id:%[1]s,item_name:"three"){name}
	}`, b), nil)
	if r.status != 200 {
		t.Errorf("status %d", r.status)
	}
	want := map[string]any{"a": map[string]any{"name": "one"}, "b": nil, "c": map[string]any{"name": "three"}}
	if d := cmp.Diff(want, r.Data); d != "" {
		t.Error(d)
	}
	if r.code(t) != "InvalidBoardIdException" || r.Errors[0].Path[0] != "b" || r.Errors[0].Locations[0]["line"] != 3 {
		t.Errorf("error: %s", r.raw)
	}
	if r.Extensions["request_id"] != r.header.Get("x-request-id") || r.Extensions["request_id"] == "" {
		t.Errorf("request id: %s, header %q", r.raw, r.header.Get("x-request-id"))
	}
	if n := c.e.Counters().Operations["create_item"]; n != 3 {
		t.Errorf("counted %d create_item, want 3: every alias is one", n)
	}
	if i := strings.Index(r.raw, `"a":`); i < 0 || i > strings.Index(r.raw, `"b":`) {
		t.Errorf("aliases out of order: %s", r.raw)
	}
}

func TestHTTPEdge(t *testing.T) {
	c := start(t, Options{})
	for name, x := range map[string]struct {
		query   string
		headers []string
		status  int
		code    string
		version string
	}{
		"no token":        {`{me{id}}`, []string{"Authorization", "wrong"}, 401, "NOT_AUTHENTICATED", Version},
		"malformed":       {`{me{id}}`, []string{"API-Version", "2023"}, 400, "InvalidVersionException", Version},
		"unknown field":   {`{me{shoe_size}}`, nil, 200, "undefinedField", Version},
		"does not parse":  {`{me{`, nil, 400, "GRAPHQL_PARSE_FAILED", Version},
		"empty":           {``, nil, 400, "GRAPHQL_PARSE_FAILED", Version},
		"bad variable":    {`query($i:Int!){users(limit:$i){id}}`, nil, 200, "BAD_USER_INPUT", Version},
		"huge number":     {`{boards(limit:99999999999999999999999){id}}`, nil, 200, "", Version},
		"unused variable": {`query($x:Int){me{id}}`, nil, 200, "GRAPHQL_VALIDATION_FAILED", Version},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.do(x.query, nil, x.headers...)
			if r.status != x.status || len(r.Errors) == 0 || x.code != "" && r.Errors[0].Extensions["code"] != x.code || r.header.Get("API-Version") != x.version {
				t.Errorf("status %d, version %s: %s", r.status, r.header.Get("API-Version"), r.raw)
			}
		})
	}
	for asked, got := range map[string]string{"": "2026-10", "2026-10": "2026-10", "2026-07": "2026-07", "2025-04": "2026-07", "2024-02": "2026-10", "2027-01": "2027-01"} {
		r := c.do(`{version{value kind}}`, nil, "API-Version", asked)
		if r.header.Get("API-Version") != got || text(t, r.Data, "version.value") != got {
			t.Errorf("version %q is served as %s: %s", asked, r.header.Get("API-Version"), r.raw)
		}
	}
	r := c.do(`{complexity{before query after reset_in_x_seconds} boards{id}}`, nil)
	before, query, after := at(t, r.Data, "complexity.before").(float64), at(t, r.Data, "complexity.query").(float64), at(t, r.Data, "complexity.after").(float64)
	if query <= 0 || before-query != after {
		t.Errorf("complexity: %s", r.raw)
	}
	for mode, want := range map[LimitMode]string{
		LimitsPublished: `"minuteRate";q=5000;w=60, "concurrency";q=250;qu="concurrent-requests", "complexityMinute";q=5000000;w=60;qu="content-bytes"`,
		LimitsOff:       `"minuteRate";q=5000000;w=60, "concurrency";q=250000;qu="concurrent-requests", "complexityMinute";q=2000000000;w=60;qu="content-bytes"`,
	} {
		c := start(t, Options{Limits: mode})
		if r := c.do(`{me{id}}`, nil); r.header.Get("RateLimit-Policy") != want {
			t.Errorf("policy: %s", r.header.Get("RateLimit-Policy"))
		}
	}
}

func TestIntrospection(t *testing.T) {
	c := start(t, Options{})
	d := c.ok(`{__schema{queryType{name} mutationType{name}} __type(name:"Board"){kind name fields{name args{name defaultValue type{kind name ofType{name}}} type{kind name ofType{kind name}}}}}`, nil)
	if text(t, d, "__schema.queryType.name") != "Query" || text(t, d, "__type.kind") != "OBJECT" {
		t.Errorf("%v", d)
	}
}

func TestPagesAndCursors(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	for i := range 7 {
		c.item(b, fmt.Sprint("item ", i), `{}`)
		c.now = c.now.Add(time.Second)
	}
	names := func(p any) (out []string) {
		list, _ := at(t, p, "items").([]any)
		for _, it := range list {
			out = append(out, text(t, it, "name"))
		}
		return out
	}
	first := at(t, c.ok(`query($b:ID!){boards(ids:[$b]){items_page(limit:3,query_params:{order_by:[{column_id:"__last_updated__",direction:desc}]}){cursor items{name}}}}`, map[string]any{"b": b}), "boards.#0.items_page")
	got := names(first)
	cursor := text(t, first, "cursor")
	kept := cursor
	for cursor != "" {
		p := at(t, c.ok(`query($c:String!){next_items_page(cursor:$c,limit:3){cursor items{name}}}`, map[string]any{"c": cursor}), "next_items_page")
		got = append(got, names(p)...)
		cursor = text(t, p, "cursor")
	}
	if d := cmp.Diff([]string{"item 6", "item 5", "item 4", "item 3", "item 2", "item 1", "item 0"}, got); d != "" {
		t.Error(d)
	}
	c.now = c.now.Add(time.Hour)
	r := c.do(`query($c:String!){next_items_page(cursor:$c){items{name}}}`, map[string]any{"c": kept})
	if r.code(t) != "CursorException" || !strings.HasPrefix(r.Errors[0].Message, "CursorExpiredError: The cursor provided for pagination has expired") {
		t.Errorf("%s", r.raw)
	}
}
