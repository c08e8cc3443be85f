package mondayemulator

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// names runs items_page with query_params given as GraphQL and lists the items' names.
func (c *client) names(board, params string) []string {
	c.t.Helper()
	d := c.ok(fmt.Sprintf(`{boards(ids:[%s]){items_page(limit:100,query_params:%s){items{name}}}}`, board, params), nil)
	out := []string{}
	for _, it := range at(c.t, d, "boards.#0.items_page.items").([]any) {
		out = append(out, text(c.t, it, "name"))
	}
	return out
}

func TestRules(t *testing.T) {
	f := everyColumn(t)
	b := f.board
	rows := []struct{ name, values string }{
		{"alpha one", `{"c_text":"Red","c_numbers":"1","c_status":{"index":1},"c_date":{"date":"2026-11-20"},"c_checkbox":{"checked":"true"}}`},
		{"beta two", `{"c_text":"red wine","c_numbers":"2.5","c_status":{"index":2},"c_date":{"date":"2026-11-23"},"c_dropdown":{"ids":[1]}}`},
		{"gamma three", fmt.Sprintf(`{"c_numbers":"10","c_date":{"date":"2026-12-24"},"c_people":{"personsAndTeams":[{"id":%d,"kind":"person"}]},"c_board_relation":{"item_ids":[%s]}}`, f.ada, f.linked)},
	}
	ids := map[string]string{}
	for _, r := range rows {
		ids[r.name] = f.item(b, r.name, r.values)
		f.now = f.now.Add(24 * time.Hour)
	}
	f.now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	rule := func(col, op, value string) string {
		return fmt.Sprintf(`{rules:[{column_id:"%s",operator:%s,compare_value:%s}]}`, col, op, value)
	}
	for _, x := range []struct{ params, want string }{
		{rule("c_text", "any_of", `["Red"]`), "alpha one"},
		{rule("c_text", "not_any_of", `["Red"]`), "beta two,gamma three"},
		{rule("c_text", "is_empty", `[]`), "gamma three"},
		{rule("c_text", "is_not_empty", `[]`), "alpha one,beta two"},
		{rule("c_text", "contains_text", `"RED"`), "alpha one,beta two"},
		{rule("c_text", "not_contains_text", `"wine"`), "alpha one,gamma three"},
		{rule("c_text", "starts_with", `"red w"`), "beta two"},
		{rule("name", "contains_terms", `"two beta"`), "beta two"},
		{rule("c_numbers", "greater_than", `[1]`), "beta two,gamma three"},
		{rule("c_numbers", "greater_than_or_equals", `"2.5"`), "beta two,gamma three"},
		{rule("c_numbers", "lower_than", `10`), "alpha one,beta two"},
		{rule("c_numbers", "any_of", `["10.0"]`), "gamma three"},
		{rule("c_status", "any_of", `[1]`), "alpha one"},
		{rule("c_status", "any_of", `["Done"]`), ""}, // a text matches nothing
		{rule("c_status", "any_of", `[5]`), "gamma three"},
		{rule("c_dropdown", "any_of", `[1]`), "beta two"},
		{rule("c_date", "any_of", `["EXACT","2026-11-23"]`), "beta two"},
		{rule("c_date", "any_of", `["TODAY"]`), "beta two"},
		{rule("c_date", "between", `["2026-11-20","2026-11-30"]`), "alpha one,beta two"},
		{rule("c_date", "greater_than", `["EXACT","2026-11-23"]`), "gamma three"},
		{rule("c_date", "within_the_last", `[5]`), "alpha one,beta two"},
		{rule("c_checkbox", "is_not_empty", `[]`), "alpha one"},
		{rule("c_people", "any_of", fmt.Sprintf(`["person-%d"]`, f.ada)), "gamma three"},
		{rule("c_people", "any_of", `["assigned_to_me"]`), "gamma three"},
		{rule("c_people", "any_of", `["person-0"]`), "alpha one,beta two"},
		{rule("c_board_relation", "any_of", `[`+f.linked+`]`), "gamma three"},
		{rule("c_board_relation", "any_of", `["`+f.linked+`"]`), ""}, // a text matches nothing
		{rule("__last_updated__", "any_of", `["TODAY"]`), "alpha one"},
		{rule("__creation_log__", "greater_than", `["2026-11-23"]`), "beta two,gamma three"},
		{rule("group", "any_of", `["topics"]`), "alpha one,beta two,gamma three"},
		{fmt.Sprintf(`{ids:[%s]}`, ids["beta two"]), "beta two"},
		{`{operator:or,rules:[{column_id:"c_text",compare_value:["Red"]},{column_id:"c_numbers",compare_value:[10]}]}`, "alpha one,gamma three"},
		{`{rules:[{column_id:"c_numbers",operator:greater_than,compare_value:[1]}],groups:[{operator:or,rules:[{column_id:"c_text",compare_value:["red wine"]},{column_id:"c_text",compare_value:["Red"]}]}]}`, "beta two"},
		{`{order_by:[{column_id:"c_numbers",direction:desc}]}`, "gamma three,beta two,alpha one"},
		{`{order_by:[{column_id:"c_text"}]}`, "alpha one,beta two,gamma three"},
		{`{order_by:[{column_id:"__creation_log__",direction:desc}]}`, "gamma three,beta two,alpha one"},
	} {
		if d := cmp.Diff(x.want, strings.Join(f.names(b, x.params), ",")); d != "" {
			t.Errorf("%s: %s", x.params, d)
		}
	}
	for _, p := range []string{
		rule("c_text", "ends_with", `"x"`), rule("c_mirror", "any_of", `["x"]`), rule("c_date", "any_of", `["someday"]`),
		rule("__last_updated__", "is_empty", `[]`), rule("c_numbers", "greater_than", `["x"]`), rule("c_people", "greater_than", `[1]`),
	} {
		if r := f.do(fmt.Sprintf(`{boards(ids:[%s]){items_page(query_params:%s){items{name}}}}`, b, p), nil); r.code(t) != "InvalidArgumentException" {
			t.Errorf("%s: %s", p, r.raw)
		}
	}
}

func TestSearchLag(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "key", "text", nil)
	find := func(key string) int {
		d := c.ok(`query($b:ID!,$k:[String]!){items_page_by_column_values(board_id:$b,columns:[{column_id:"key",column_values:$k}]){items{id}}}`, map[string]any{"b": b, "k": []any{key}})
		return len(at(t, d, "items_page_by_column_values.items").([]any))
	}
	it := c.item(b, "i", `{"key":"a"}`)
	if find("a") != 1 {
		t.Fatal("not found")
	}
	c.e.SetSearchLag(3 * time.Second)
	c.ok(fmt.Sprintf(`mutation{change_simple_column_value(board_id:%s,item_id:%s,column_id:"key",value:"b"){id}}`, b, it), nil)
	if find("a") != 1 || find("b") != 0 {
		t.Error("the search saw the change at once")
	}
	c.advance(3 * time.Second)
	if find("a") != 0 || find("b") != 1 {
		t.Error("the search never saw the change")
	}
	c.ok(fmt.Sprintf(`mutation{archive_item(item_id:%s){id}}`, it), nil)
	if find("b") != 0 {
		t.Error("an archived item was found")
	}
}

func TestActivityLog(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "stage", "status", nil)
	since := c.now
	c.now = c.now.Add(time.Minute + 123456700*time.Nanosecond)
	it := c.item(b, "i", "{}")
	c.ok(fmt.Sprintf(`mutation{change_simple_column_value(board_id:%s,item_id:%s,column_id:"stage",value:"Done"){id}}`, b, it), nil)
	c.ok(fmt.Sprintf(`mutation{archive_item(item_id:%s){id} delete_item(item_id:%s){id}}`, it, it), nil)
	d := c.ok(`query($b:ID!,$f:ISO8601DateTime){boards(ids:[$b]){activity_logs(from:$f,limit:100){event entity data user_id created_at account_id id}}}`,
		map[string]any{"b": b, "f": since.Add(time.Second).Format(time.RFC3339)})
	var events []string
	rows := at(t, d, "boards.#0.activity_logs").([]any)
	for _, r := range rows {
		events = append(events, text(t, r, "event"))
		if text(t, r, "created_at") != "17954244601234567" || text(t, r, "entity") != "pulse" {
			t.Errorf("%v: seventeen digits of 100 ns are expected", r)
		}
	}
	if d := cmp.Diff([]string{"delete_pulse", "archive_pulse", "update_column_value", "create_pulse"}, events); d != "" {
		t.Error(d)
	}
	var data map[string]any
	if err := json.Unmarshal([]byte(text(t, rows[2], "data")), &data); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for k := range data {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if d := cmp.Diff([]string{"board_id", "column_id", "column_title", "column_type", "group_color", "group_id", "group_name", "is_column_with_hide_permissions", "is_top_group", "previous_value", "pulse_id", "pulse_name", "value"}, keys); d != "" {
		t.Error(d)
	}
	if at(t, data, "value.label.text") != "Done" || data["column_type"] != "color" {
		t.Errorf("%v", data)
	}
	r := c.do(`query($b:ID!){boards(ids:[$b]){activity_logs(from:"2026-07-22T00:00:00"){id}}}`, map[string]any{"b": b})
	if r.code(t) != "BAD_USER_INPUT" {
		t.Errorf("a time without an offset: %s", r.raw)
	}
}

func TestAggregate(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "stage", "status", nil)
	c.column(b, "amount", "numbers", nil)
	for i, s := range []string{"Done", "Done", "Stuck"} {
		c.item(b, "i", fmt.Sprintf(`{"stage":"%s","amount":"%d"}`, s, i+1))
	}
	d := c.ok(`query($b:ID!){aggregate(query:{from:{type:TABLE,id:$b},group_by:[{column_id:"stage"}],select:[
		{type:COLUMN,column:{column_id:"stage"},as:"stage"},{type:FUNCTION,function:{function:COUNT_ITEMS},as:"n"},
		{type:FUNCTION,function:{function:SUM,params:[{type:COLUMN,column:{column_id:"amount"},as:"a"}]},as:"sum"}]})
		{results{entries{alias value{...on AggregateBasicAggregationResult{result} ...on AggregateGroupByResult{value}}}}}}`, map[string]any{"b": b})
	raw, err := json.Marshal(at(t, d, "aggregate.results"))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"entries":[{"alias":"stage","value":{"value":"Done"}},{"alias":"n","value":{"result":2}},{"alias":"sum","value":{"result":3}}]},` +
		`{"entries":[{"alias":"stage","value":{"value":"Stuck"}},{"alias":"n","value":{"result":1}},{"alias":"sum","value":{"result":3}}]}]`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Error(diff)
	}
}

func TestMoveToBoard(t *testing.T) {
	c := start(t, Options{})
	from, to := c.board("A"), c.board("B")
	for _, b := range []string{from, to} {
		c.column(b, "note", "text", nil)
		c.column(b, "stage", "status", nil)
	}
	it := c.item(from, "i", `{"note":"x","stage":"Done"}`)
	move := `mutation($b:ID!,$i:ID!,$m:[ColumnMappingInput!]){move_item_to_board(board_id:$b,group_id:"topics",item_id:$i,columns_mapping:$m){id board{id} column_values(ids:["note","stage"]){text}}}`
	r := c.do(move, map[string]any{"b": to, "i": it, "m": []any{map[string]any{"source": "note", "target": "note"}}})
	if r.code(t) != "InvalidArgumentException" || r.Errors[0].Message != "Columns mapping is not in the expected format" {
		t.Errorf("a partial mapping: %s", r.raw)
	}
	d := c.ok(move, map[string]any{"b": to, "i": it, "m": []any{map[string]any{"source": "note"}, map[string]any{"source": "stage", "target": "stage"}}})
	if text(t, d, "move_item_to_board.id") != it || text(t, d, "move_item_to_board.board.id") != to || text(t, d, "move_item_to_board.column_values.#0.text") != "" || text(t, d, "move_item_to_board.column_values.#1.text") != "Done" {
		t.Errorf("%v", d)
	}
	if n := c.names(from, "{}"); len(n) != 0 {
		t.Errorf("still on the old board: %v", n)
	}
}

func TestPrivateBoardsVanish(t *testing.T) {
	c := start(t, Options{})
	c.e.AddToken("grace", c.e.acct.Users[1].ID)
	d := c.ok(`mutation{create_board(board_name:"Secret",board_kind:private,empty:true){id}}`, nil)
	b := text(t, d, "create_board.id")
	q := fmt.Sprintf(`{boards(ids:[%s]){id}}`, b)
	if r := c.do(q, nil, "Authorization", "grace"); len(r.Errors) > 0 || len(r.Data["boards"].([]any)) != 0 {
		t.Errorf("%s", r.raw)
	}
	c.ok(fmt.Sprintf(`mutation{add_users_to_board(board_id:%s,user_ids:[%d]){id}}`, b, c.e.acct.Users[1].ID), nil)
	if r := c.do(q, nil, "Authorization", "grace"); len(r.Data["boards"].([]any)) != 1 {
		t.Errorf("%s", r.raw)
	}
	c.ok(fmt.Sprintf(`mutation{archive_board(board_id:%s){id}}`, b), nil)
	if d := c.ok(q, nil); len(at(t, d, "boards").([]any)) != 0 {
		t.Errorf("an archived board shows: %v", d)
	}
	if d := c.ok(fmt.Sprintf(`{boards(ids:[%s],state:all){state}}`, b), nil); text(t, d, "boards.#0.state") != "archived" {
		t.Errorf("%v", d)
	}
}

// fill puts n items on a board without HTTP.
func fill(t testing.TB, c *client, board string, n int) {
	t.Helper()
	id := mustID(c.t, board)
	for i := range n {
		if _, err := c.e.CreateItem("", id, "", fmt.Sprint("item ", i), map[string]any{"key": fmt.Sprint("k", i), "amount": i}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkPageOf500(b *testing.B) {
	c := start(b, Options{})
	board := c.board("B")
	c.column(board, "key", "text", nil)
	c.column(board, "amount", "numbers", nil)
	for i := range 8 {
		c.column(board, fmt.Sprint("more_", i), "status", nil)
	}
	fill(b, c, board, 100_000)
	catchUp := fmt.Sprintf(`{boards(ids:[%s]){items_page(limit:500,query_params:{order_by:[{column_id:"__last_updated__",direction:desc}]}){cursor items{id name updated_at column_values{id text value}}}}}`, board)
	lookup := fmt.Sprintf(`{items_page_by_column_values(board_id:%s,columns:[{column_id:"key",column_values:["k77777"]}]){items{id}}}`, board)
	for name, q := range map[string]string{"page": catchUp, "lookup": lookup} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.e.Execute("", q, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestManyItems keeps a large board honest in what it answers; BenchmarkPageOf500 measures.
func TestManyItems(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "key", "text", nil)
	c.column(b, "amount", "numbers", nil)
	fill(t, c, b, 3000)
	seen := map[string]bool{}
	d := at(t, c.ok(fmt.Sprintf(`{boards(ids:[%s]){items_page(limit:500){cursor items{id}}}}`, b), nil), "boards.#0.items_page")
	for {
		for _, it := range at(t, d, "items").([]any) {
			seen[text(t, it, "id")] = true
		}
		cursor := text(t, d, "cursor")
		if cursor == "" {
			break
		}
		d = at(t, c.ok(`query($c:String!){next_items_page(cursor:$c,limit:500){cursor items{id}}}`, map[string]any{"c": cursor}), "next_items_page")
	}
	if len(seen) != 3000 {
		t.Errorf("%d items were walked", len(seen))
	}
}

func TestConcurrentUse(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "key", "text", nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				if r, err := c.try(fmt.Sprintf(`mutation{create_item(board_id:%s,item_name:"i",column_values:"{\"key\":\"%d-%d\"}"){id}}`, b, i, k), nil); err != nil || len(r.Errors) > 0 {
					t.Errorf("%v %+v", err, r)
				}
				if _, err := c.try(fmt.Sprintf(`{items_page_by_column_values(board_id:%s,columns:[{column_id:"key",column_values:["%d-%d"]}]){items{id}}}`, b, i, k), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := c.e.Boards()[0].Items; n != 160 {
		t.Errorf("%d items", n)
	}
}
