package mondayemulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/providers/monday/mondayemulator/internal/gql"
)

func TestIdempotency(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	create := fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"once"){id}}`, b)
	first := c.do(create, nil, "Idempotency-Key", "k1")
	again := c.do(create, nil, "Idempotency-Key", "k1")
	if again.raw != first.raw || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("replay: %s then %s", first.raw, again.raw)
	}
	if other := c.do(create, nil, "Idempotency-Key", "k2"); other.raw == first.raw {
		t.Error("another key was replayed")
	}
	if n := c.e.Counters(); n.Operations["create_item"] != 2 || n.Replayed != 1 {
		t.Errorf("counters: %+v", n)
	}
	c.advance(30 * time.Minute)
	if late := c.do(create, nil, "Idempotency-Key", "k1"); late.header.Get("Idempotency-Replayed") != "" {
		t.Error("a key was kept for more than thirty minutes")
	}
	// queries are never replayed
	for range 2 {
		if r := c.do(`{me{id}}`, nil, "Idempotency-Key", "q"); r.header.Get("Idempotency-Replayed") != "" {
			t.Error("a query was replayed")
		}
	}
}

func TestIdempotencyConflict(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	if _, err := c.e.AddFault(Fault{Kind: Slow, DelayMS: 60_000}); err != nil {
		t.Fatal(err)
	}
	create := fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"once"){id}}`, b)
	_, busy := c.e.keys.begin(fmt.Sprintf("%d/true/k", c.e.acct.Users[0].ID))
	if busy != false {
		t.Fatal("the key is busy already")
	}
	r := c.do(create, nil, "Idempotency-Key", "k")
	if r.status != 409 || r.code(t) != "IDEMPOTENCY_CONFLICT" || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestExecuteThenTimeout(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	create := fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"once"){id}}`, b)
	for _, x := range []struct {
		kind    FaultKind
		written int
		status  int // 0: no answer at all
	}{
		{TimeoutBefore, 0, 0}, {TimeoutAfter, 1, 0}, {Error500Before, 0, 500}, {Error500After, 1, 500}, {Error502, 0, 502}, {Error503, 0, 503}, {Truncated, 1, 200},
	} {
		t.Run(string(x.kind), func(t *testing.T) {
			before := c.e.Boards()[0].Items
			if _, err := c.e.AddFault(Fault{Kind: x.kind, Operation: "create_item", DelayMS: 1}); err != nil {
				t.Fatal(err)
			}
			r, err := c.try(create, nil, "Idempotency-Key", string(x.kind))
			switch {
			case x.status == 0 && (err == nil || r != nil):
				t.Errorf("an answer came: %+v", r)
			case x.status == 500 && r.code(t) != "INTERNAL_SERVER_ERROR":
				t.Errorf("%s", r.raw)
			case x.status != 0 && r.status != x.status:
				t.Errorf("status %d: %s", r.status, r.raw)
			}
			var syntax *json.SyntaxError
			if x.kind == Truncated && !errors.As(err, &syntax) && err == nil {
				t.Error("the answer is whole")
			}
			if n := c.e.Boards()[0].Items - before; n != x.written {
				t.Errorf("%d items were written, want %d", n, x.written)
			}
			// The key leads to what was done, or lets it be done now: one item either way.
			r = c.do(create, nil, "Idempotency-Key", string(x.kind))
			if replayed := r.header.Get("Idempotency-Replayed") == "true"; replayed != (x.written == 1) || text(t, r.Data, "create_item.id") == "" {
				t.Errorf("again: %s", r.raw)
			}
			if n := c.e.Boards()[0].Items - before; n != 1 {
				t.Errorf("%d items after the second try", n)
			}
		})
	}
}

func TestRefusalFaults(t *testing.T) {
	c := start(t, Options{})
	for kind, want := range map[FaultKind]struct {
		status int
		code   string
	}{
		RateMinute: {429, "Rate Limit Exceeded"}, RateConcurrency: {429, "maxConcurrencyExceeded"}, RateComplexity: {429, "COMPLEXITY_BUDGET_EXHAUSTED"},
		RateIP: {429, "IP_RATE_LIMIT_EXCEEDED"}, RateDaily: {429, "DAILY_LIMIT_EXCEEDED"}, Locked: {423, "RESOURCE_LOCKED"}, Blocked: {200, "API_TEMPORARILY_BLOCKED"},
	} {
		if _, err := c.e.AddFault(Fault{Kind: kind, Skip: 1}); err != nil {
			t.Fatal(err)
		}
		c.ok(`{me{id}}`, nil) // skipped
		r := c.do(`{me{id}}`, nil)
		if r.status != want.status || r.code(t) != want.code || r.Data != nil {
			t.Errorf("%s: %d %s", kind, r.status, r.raw)
		}
		if want.status == 429 && (r.header.Get("Retry-After") == "" || r.Errors[0].Extensions["retry_in_seconds"] == nil) {
			t.Errorf("%s says not when to come again: %v %s", kind, r.header, r.raw)
		}
		c.ok(`{me{id}}`, nil)
		c.e.ClearFaults()
	}
	if _, err := c.e.AddFault(Fault{Kind: RateField}); err != nil {
		t.Fatal(err)
	}
	if r := c.do(`{me{id}}`, nil); r.status != 429 || !strings.Contains(r.raw, `"error_code":"FIELD_LIMIT_EXCEEDED"`) || !strings.Contains(r.raw, `"retry_in_seconds":15`) {
		t.Errorf("flat form: %s", r.raw)
	}
	if _, err := c.e.AddFault(Fault{Kind: "nonsense"}); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestLimits(t *testing.T) {
	t.Run("minute", func(t *testing.T) {
		c := start(t, Options{Plan: "standard", Limits: LimitsScaled, LimitScale: 0.01}) // 10 a minute, 10 a day
		for range 9 {
			c.ok(`{me{id}}`, nil)
			c.ok(`{complexity{query}}`, nil)
			c.advance(time.Minute)
		}
		// nine calls and nine tenths: a full call no longer fits into ten
		r := c.do(`{me{id}}`, nil)
		if r.status != 429 || r.code(t) != "DAILY_LIMIT_EXCEEDED" {
			t.Errorf("daily: %d %s", r.status, r.raw)
		}
		c.advance(24 * time.Hour)
		c.ok(`{me{id}}`, nil)
	})
	t.Run("calls a minute", func(t *testing.T) {
		c := start(t, Options{Plan: "enterprise", Limits: LimitsScaled, LimitScale: 0.001}) // 5 a minute, 25 a day
		for range 5 {
			c.ok(`{me{id}}`, nil)
			c.advance(3 * time.Second) // slow enough for the limit of the address
		}
		r := c.do(`{me{id}}`, nil)
		if r.status != 429 || r.code(t) != "Rate Limit Exceeded" || r.Errors[0].Message != "Minute limit rate exceeded" || !strings.Contains(r.header.Get("RateLimit"), `"minuteRate";r=0;t=45`) {
			t.Errorf("%d %s %s", r.status, r.header.Get("RateLimit"), r.raw)
		}
		c.advance(time.Minute)
		c.ok(`{me{id}}`, nil)
	})
	t.Run("complexity", func(t *testing.T) {
		c := start(t, Options{Limits: LimitsScaled, LimitScale: 0.05}) // 250,000 points
		b := c.board("B")                                              // 10,001
		create := fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"i"){id}}`, b)
		for range 7 { // 210,007
			c.ok(create, nil)
		}
		r := c.do(create, nil)
		x := r.Errors[0].Extensions
		if r.status != 429 || x["code"] != "COMPLEXITY_BUDGET_EXHAUSTED" || x["complexity"] != 30001.0 || x["complexity_budget_limit"] != 250000.0 || x["retry_in_seconds"] != 60.0 {
			t.Errorf("%d %s", r.status, r.raw)
		}
		c.ok(`{me{id}}`, nil) // an app's reads have a budget of their own
		c.advance(time.Minute)
		c.ok(create, nil)
	})
	t.Run("create_board", func(t *testing.T) {
		c := start(t, Options{Limits: LimitsScaled, LimitScale: 0.025}) // one a minute
		c.board("A")
		r := c.do(`mutation{create_board(board_name:"B",board_kind:public,empty:true){id}}`, nil)
		if r.status != 429 || r.code(t) != "FIELD_LIMIT_EXCEEDED" {
			t.Errorf("%d %s", r.status, r.raw)
		}
	})
	t.Run("board lock", func(t *testing.T) {
		c := start(t, Options{Limits: LimitsPublished})
		b, other := c.board("B"), c.board("C")
		unlock, ok := c.e.meter.lock([]int64{mustID(t, b)})
		if !ok {
			t.Fatal("the board is locked already")
		}
		r := c.do(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"i"){id}}`, b), nil)
		if r.status != 423 || r.Errors[0].Message != "Resource is currently locked, please try again later" {
			t.Errorf("%d %s", r.status, r.raw)
		}
		c.item(other, "i", "{}")
		unlock()
		c.item(b, "i", "{}")
	})
	t.Run("off", func(t *testing.T) {
		c := start(t, Options{Plan: "free"})
		for range 50 {
			c.ok(`mutation{create_board(board_name:"B",board_kind:public,empty:true){id}}`, nil)
		}
		if n := c.e.Counters(); n.RateLimited != 0 || n.ComplexitySpent < 500_000 {
			t.Errorf("%+v", n)
		}
	})
}

func (c *client) put(url, body string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/csv")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		c.t.Fatal(err)
	}
	return resp
}

const jobQuery = `query($j:ID!){fetch_job_status(job_id:$j){...on ItemsJobStatus{status counts{submitted invalid skipped created updated failed} progress_percentage failure_reason failure_message fully_imported report_created report_url}}}`

func TestIngest(t *testing.T) {
	c := start(t, Options{BulkDelay: 10 * time.Second})
	b := c.board("B")
	c.column(b, "key", "text", nil)
	c.column(b, "stage", "status", nil)
	c.column(b, "amount", "numbers", nil)
	c.column(b, "owner", "people", nil)
	c.item(b, "old", `{"key":"k1","amount":"1","stage":{"label":"Stuck"}}`)
	begin := func(match string) (id, url string) {
		d := c.ok(`mutation($b:ID!){ingest_items(board_id:$b,group_id:"topics"`+match+`){job_id upload_url}}`, map[string]any{"b": b})
		return text(t, d, "ingest_items.job_id"), text(t, d, "ingest_items.upload_url")
	}
	job := func(id string) map[string]any {
		m, _ := at(t, c.ok(jobQuery, map[string]any{"j": id}), "fetch_job_status").(map[string]any)
		return m
	}
	id, url := begin(`,on_match:{match_column_id:"key",behaviour:UPSERT}`)
	if s := job(id)["status"]; s != "UPLOAD_PENDING" {
		t.Errorf("status %v", s)
	}
	resp := c.put(url, "name,key,stage,amount,owner\nnew name,k1,Done,,ada@acme.example\nsecond,k2,Stuck,5,\nthird,k3,NotALabel,5,\nfourth,k4,,<NULL>,\n")
	if resp.StatusCode != 200 || resp.Header.Get("ETag") == "" {
		t.Errorf("upload: %d", resp.StatusCode)
	}
	if s := job(id)["status"]; s != "PROCESSING" {
		t.Errorf("status %v", s)
	}
	c.advance(10 * time.Second)
	got := job(id)
	report, _ := got["report_url"].(string)
	delete(got, "report_url")
	want := map[string]any{
		"status": "COMPLETED", "counts": map[string]any{"submitted": 4.0, "invalid": 1.0, "skipped": 0.0, "created": 2.0, "updated": 1.0, "failed": 0.0},
		"progress_percentage": 100.0, "failure_reason": nil, "failure_message": nil, "fully_imported": true, "report_created": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	items, err := c.e.Items(mustID(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 3 || items[0].Name != "new name" || items[0].Texts["amount"] != "1" || items[0].Texts["stage"] != "Done" || items[0].Texts["owner"] != "Ada Lovelace" {
		t.Errorf("%+v", items)
	}
	res, err := http.Get(report)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	wantReport := fmt.Sprintf("serialNo,status,itemId,error,key,stage,amount,owner\n1,success,%d,,,,,\n2,success,%d,,,,,\n"+
		`3,validation_error,,"[stage]: Label ""NotALabel"" is invalid for column ""stage""",,"Label ""NotALabel"" is invalid for column ""stage""",,`+"\n4,success,%d,,,,,\n", items[0].ID, items[1].ID, items[2].ID)
	if d := cmp.Diff(wantReport, string(raw)); d != "" {
		t.Error(d)
	}
	id, url = begin("")
	c.put(url, "title,key\nx,y\n")
	c.advance(10 * time.Second)
	if got := job(id); got["status"] != "FAILED" || got["failure_reason"] != "INVALID_UPLOAD" {
		t.Errorf("%v", got)
	}
	_, url = begin("")
	c.advance(10 * time.Minute)
	if resp := c.put(url, "name\nx\n"); resp.StatusCode != 403 {
		t.Errorf("an expired address took the file: %d", resp.StatusCode)
	}
}

func TestBulkBudgets(t *testing.T) {
	c := start(t, Options{Limits: LimitsScaled, LimitScale: 0.02}) // 2 jobs, 380 items an hour
	b := c.board("B")
	c.advance(time.Minute)
	begin := `mutation($b:ID!){ingest_items(board_id:$b,group_id:"topics"){job_id upload_url}}`
	d := c.ok(begin, map[string]any{"b": b})
	c.put(text(t, d, "ingest_items.upload_url"), "name\n"+strings.Repeat("x\n", 381))
	job := at(t, c.ok(jobQuery, map[string]any{"j": text(t, d, "ingest_items.job_id")}), "fetch_job_status").(map[string]any)
	if job["status"] != "REJECTED" || job["failure_reason"] != "ACCOUNT_CAPACITY_EXCEEDED" {
		t.Errorf("%v", job)
	}
	c.ok(begin, map[string]any{"b": b})
	r := c.do(begin, map[string]any{"b": b})
	if r.status != 429 || r.code(t) != "RATE_LIMIT_EXCEEDED" || r.Errors[0].Extensions["retryAfterMs"] == nil {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	f := func() *client { return start(t, Options{StateFile: file, Seed: 7}) }
	c := f()
	b := c.board("B")
	c.column(b, "note", "text", nil)
	c.column(b, "gone", "numbers", nil)
	c.column(b, "when", "date", nil)
	c.column(b, "stage", "status", nil)
	it := c.item(b, "kept", `{"note":"x","gone":"1","when":"2026-01-02 03:04:05","stage":"Done"}`)
	c.ok(fmt.Sprintf(`mutation{delete_column(board_id:%s,column_id:"gone"){id} create_update(item_id:%s,body:"<b>hi</b>"){id}}`, b, it), nil)
	c.ok(fmt.Sprintf(`mutation{create_subitem(parent_item_id:%s,item_name:"sub"){id}}`, it), nil)
	c.item(b, "newer", `{}`)
	if err := c.e.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := c.e.State()
	if err != nil {
		t.Fatal(err)
	}
	again := f()
	after, err := again.e.State()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(before), string(after)); d != "" {
		t.Errorf("the state changed on its way: %s", d)
	}
	q := fmt.Sprintf(`{boards(ids:[%s]){columns{id revision} activity_logs{event created_at} items_page(query_params:{order_by:[{column_id:"__last_updated__",direction:desc}]}){items{name updates{text_body} subitems{name parent_item{id}} column_values{id text value}}}}}`, b)
	if d := cmp.Diff(c.e.mustExecute(t, q), again.ok(q, nil)); d != "" {
		t.Error(d)
	}
	r := again.do(`mutation($b:ID!){create_column(board_id:$b,id:"gone",title:"T",column_type:text){id}}`, map[string]any{"b": b})
	if r.code(t) != "InvalidArgumentException" {
		t.Errorf("a reserved id was forgotten: %s", r.raw)
	}
}

func (e *Emulator) mustExecute(t *testing.T, q string) map[string]any {
	t.Helper()
	raw, err := e.Execute("", q, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameSeedSameAnswers(t *testing.T) {
	run := func() string {
		c := start(t, Options{Seed: 42})
		b := c.board("B")
		c.column(b, "", "text", nil)
		c.item(b, "one", "{}")
		raw, err := c.e.State()
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Error(d)
	}
}

func TestAdmin(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "note", "text", nil)
	it := c.item(b, "i", `{"note":"x"}`)
	h := http.Handler(c.e.Admin())
	call := func(method, path, body string) (int, string) {
		req, err := http.NewRequest(method, path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		w := &memory{header: http.Header{}}
		h.ServeHTTP(w, req)
		return w.status, w.body.String()
	}
	for _, x := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/counters", "", `"create_item":1`, 0},
		{"POST", "/counters/reset", "", `"calls":0`, 0},
		{"POST", "/faults", `{"kind":"locked"}`, `"kind":"locked"`, 0},
		{"POST", "/faults", `{"kind":"nonsense"}`, `unknown`, 400},
		{"POST", "/faults", `{"knd":"locked"}`, `unknown field`, 400},
		{"GET", "/faults", "", `"played":0`, 0},
		{"DELETE", "/faults", "", `[]`, 0},
		{"POST", "/clock", `{"advance":"1h"}`, `2026-11-23T10:00:00Z`, 0},
		{"POST", "/search-lag", `{"lag":"3s"}`, `3s`, 0},
		{"POST", "/hide-column", fmt.Sprintf(`{"board_id":%s,"column_id":"note","hidden":true}`, b), `note`, 0},
		{"POST", "/graphql", fmt.Sprintf(`{"user":"grace@acme.example","query":"mutation{change_simple_column_value(board_id:%s,item_id:%s,column_id:\"name\",value:\"by hand\"){name}}"}`, b, it), `by hand`, 0},
		{"POST", "/item-state", fmt.Sprintf(`{"item_id":%s,"state":"archived"}`, it), `archived`, 0},
		{"POST", "/graphql", fmt.Sprintf(`{"query":"{items(ids:[%s]){state}}"}`, it), `"archived"`, 0},
		{"POST", "/item-state", fmt.Sprintf(`{"item_id":%s,"state":"active"}`, it), `active`, 0},
		{"POST", "/item-state", fmt.Sprintf(`{"item_id":%s,"state":"burnt"}`, it), `none of`, 400},
		{"GET", "/state", "", `"by hand"`, 0},
		{"POST", "/expire-cursors", "", `true`, 0},
	} {
		status, body := call(x.method, x.path, x.body)
		if status != x.status || !strings.Contains(body, x.want) {
			t.Errorf("%s %s %s: %d %s", x.method, x.path, x.body, status, body)
		}
	}
	d := c.ok(fmt.Sprintf(`{items(ids:[%s]){name column_values{id}} boards(ids:[%s]){columns{id}}}`, it, b), nil)
	if len(at(t, d, "items.#0.column_values").([]any)) != 0 || len(at(t, d, "boards.#0.columns").([]any)) != 1 {
		t.Errorf("a hidden column shows: %v", d)
	}
}

type memory struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) Write(b []byte) (int, error) { return m.body.Write(b) }
func (m *memory) WriteHeader(s int)           { m.status = s }

func TestRestrictedAndRequiredColumns(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "locked", "text", nil)
	c.column(b, "needed", "text", nil)
	it := c.item(b, "i", `{"needed":"x"}`)
	if err := c.e.RestrictColumn(mustID(t, b), "locked", true); err != nil {
		t.Fatal(err)
	}
	if err := c.e.RequireColumn(mustID(t, b), "needed", true); err != nil {
		t.Fatal(err)
	}
	set := func(values string) *reply {
		return c.do(`mutation($b:ID!,$i:ID,$v:JSON!){change_multiple_column_values(board_id:$b,item_id:$i,column_values:$v){id}}`, map[string]any{"b": b, "i": it, "v": values})
	}
	if r := set(`{"locked":"x"}`); r.code(t) != "UserUnauthorizedException" || r.status != 200 || r.Errors[0].Extensions["status_code"] != 403.0 {
		t.Errorf("restricted: %s", r.raw)
	}
	r := set(`{"needed":null}`)
	want := []any{map[string]any{"itemId": it, "columnIds": []any{"needed"}, "message": "'Column' is required"}}
	if d := cmp.Diff(want, r.Errors[0].Extensions["error_data"]); r.code(t) != "DATA_VALIDATIONS_ERROR" || d != "" {
		t.Errorf("required: %s %s", r.raw, d)
	}
	if r := c.do(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"i"){id}}`, b), nil); r.code(t) != "DATA_VALIDATIONS_ERROR" {
		t.Errorf("created without: %s", r.raw)
	}
	if err := c.e.SetValues(Automation, mustID(t, it), map[string]any{"needed": "y"}); err != nil {
		t.Fatal(err)
	}
	if info, err := c.e.Item(mustID(t, it)); err != nil || info.By != -4 || info.Texts["needed"] != "y" {
		t.Errorf("%+v %v", info, err)
	}
}

func TestRefusedChangeMakesNoLabels(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "stage", "status", nil)
	c.column(b, "zz", "numbers", nil)
	q := fmt.Sprintf(`{boards(ids:[%s]){columns{settings revision}}}`, b)
	before := c.ok(q, nil)
	r := c.do(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"i",create_labels_if_missing:true,column_values:"{\"stage\":\"New\",\"zz\":\"no number\"}"){id}}`, b), nil)
	if r.code(t) != "ColumnValueException" {
		t.Fatal(r.raw)
	}
	if d := cmp.Diff(before, c.ok(q, nil)); d != "" {
		t.Error(d)
	}
}

func TestQuietFaults(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	for _, k := range []FaultKind{OtherVersion, EmptyBoards} {
		if _, err := c.e.AddFault(Fault{Kind: k}); err != nil {
			t.Fatal(err)
		}
	}
	q := fmt.Sprintf(`{boards(ids:[%s]){id}}`, b)
	if r := c.do(q, nil, "API-Version", Version); r.header.Get("API-Version") != "2026-07" {
		t.Errorf("version %s", r.header.Get("API-Version"))
	}
	if d := c.ok(q, nil); len(at(t, d, "boards").([]any)) != 0 {
		t.Errorf("%v", d)
	}
	if d := c.ok(q, nil); len(at(t, d, "boards").([]any)) != 1 {
		t.Errorf("%v", d)
	}
}

func TestBreaksOffMidway(t *testing.T) {
	for kind, status := range map[FaultKind]int{TimeoutMidway: 0, Error500Midway: 500} {
		c := start(t, Options{})
		b := c.board("B")
		if _, err := c.e.AddFault(Fault{Kind: kind, Aliases: 2, DelayMS: 1}); err != nil {
			t.Fatal(err)
		}
		var doc strings.Builder
		for _, n := range []string{"a", "b", "c", "d"} {
			fmt.Fprintf(&doc, `%s:create_item(board_id:%s,item_name:"%s"){id} `, n, b, n)
		}
		r, err := c.try("mutation{"+doc.String()+"}", nil, "Idempotency-Key", "k")
		if status == 0 && err == nil || status != 0 && (err != nil || r.status != status || r.Data != nil) {
			t.Errorf("%s: %+v %v", kind, r, err)
		}
		if d := cmp.Diff([]string{"a", "b"}, c.names(b, "{}")); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

func TestConcurrencyLimit(t *testing.T) {
	c := start(t, Options{Plan: "standard", Limits: LimitsScaled, LimitScale: 0.05}) // two at once
	enter := func() *gql.Error {
		_, err := c.e.meter.enter(call{now: c.now, fields: []string{"me"}})
		return err
	}
	for range 2 {
		if enter() != nil {
			t.Fatal("refused too early")
		}
	}
	r := c.do(`{me{id}}`, nil)
	if r.status != 429 || r.code(t) != "maxConcurrencyExceeded" || r.Errors[0].Message != "Concurrency limit exceeded" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	c.e.meter.leave()
	c.ok(`{me{id}}`, nil)
}

func TestPace(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e, err := New(Options{Clock: func() time.Time { return now }, Pace: 60})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	began := e.now()
	now = now.Add(2 * time.Second)
	if got := e.now().Sub(began); got != 2*time.Minute {
		t.Errorf("two seconds of the clock are %s, want two minutes", got)
	}
	if _, err := New(Options{Pace: -1}); err == nil {
		t.Error("time that goes backwards is accepted")
	}
}
