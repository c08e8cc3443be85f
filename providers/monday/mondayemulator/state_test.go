package mondayemulator

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestARestartForgetsNothing takes everything up in the middle: a page walk, a used-up budget, an answer that a key
// brings back, a finished bulk job, a webhook request that was refused so far.
func TestARestartForgetsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	f := func() *client {
		return start(t, Options{StateFile: file, Seed: 7})
	}
	c, r := f(), receive(t)
	b := c.board("B")
	c.hook(b, "create_item", r.url, "")
	r.answer(500)
	c.ok(`mutation($b:ID!){a:create_item(board_id:$b,item_name:"a"){id} b:create_item(board_id:$b,item_name:"b"){id} c:create_item(board_id:$b,item_name:"c"){id}}`, map[string]any{"b": b})
	var first map[string]any
	for range 3 {
		first, _ = r.next()
	}
	page := c.ok(`query($b:ID!){boards(ids:[$b]){items_page(limit:2){cursor items{name}}}}`, map[string]any{"b": b})
	kept := c.do(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"once"){id}}`, b), nil, "Idempotency-Key", "k")
	d := c.ok(`mutation($b:ID!){ingest_items(board_id:$b,group_id:"topics"){job_id upload_url}}`, map[string]any{"b": b})
	c.put(text(t, d, "ingest_items.upload_url"), "name\nloaded\n")
	status := `query($j:ID!){fetch_job_status(job_id:$j){...on ItemsJobStatus{status counts{created}}}}`
	job := map[string]any{"j": text(t, d, "ingest_items.job_id")}
	before := fmt.Sprint(c.ok(status, job))
	if err := c.e.Close(); err != nil {
		t.Fatal(err)
	}
	calls := c.e.Counters().DailyCalls

	c = f()
	if got := c.e.Counters().DailyCalls; got != calls || got == 0 {
		t.Errorf("%v calls of the day, want %v", got, calls)
	}
	rest := c.ok(`query($c:String!){next_items_page(limit:2,cursor:$c){cursor items{name}}}`, map[string]any{"c": text(t, page, "boards.#0.items_page.cursor")})
	if got := text(t, rest, "next_items_page.items.#0.name"); got != "c" {
		t.Errorf("the walk goes on with %v", rest)
	}
	again := c.do(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"once"){id}}`, b), nil, "Idempotency-Key", "k")
	if again.raw != kept.raw || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the key brings back\n%s, not\n%s", again.raw, kept.raw)
	}
	if got := fmt.Sprint(c.ok(status, job)); got != before {
		t.Errorf("the job reads %s, and read %s", got, before)
	}
	r.answer(200)
	c.advance(time.Minute)
	names := map[any]bool{}
	for range 5 {
		e, _ := r.next()
		names[e["pulseName"]] = true
		if e["pulseName"] == first["pulseName"] && e["isRetry"] != true {
			t.Errorf("after the restart %v came as new", e)
		}
	}
	if !names["a"] || !names["b"] || !names["c"] {
		t.Errorf("after the restart these came: %v", names)
	}
}
