package mondayemulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const everyValue = `...on StatusValue{index label is_done label_style{color border} updated_at}
	...on DropdownValue{values{id label}} ...on PeopleValue{persons_and_teams{id kind} updated_at} ...on DateValue{date time icon updated_at}
	...on TimelineValue{from to} ...on LinkValue{url url_text} ...on EmailValue{email label} ...on PhoneValue{phone country_short_name}
	...on CheckboxValue{checked} ...on CountryValue{country{code name}} ...on RatingValue{rating} ...on NumbersValue{number}
	...on HourValue{hour minute} ...on WeekValue{start_date end_date} ...on LocationValue{lat lng address} ...on TagsValue{tag_ids tags{name}}
	...on LongTextValue{updated_at} ...on BoardRelationValue{linked_item_ids display_value linked_items{name}}
	...on MirrorValue{display_value} ...on ItemIdValue{item_id} ...on CreationLogValue{created_at creator_id} ...on LastUpdatedValue{updated_at updater_id}`

// fixture is a board with a column of every type, and a second board to link to.
type fixture struct {
	*client
	board, other, linked string
	ada, grace, team     int64
	tag                  string
}

func everyColumn(t *testing.T) *fixture {
	c := start(t, Options{})
	f := &fixture{client: c, board: c.board("B"), other: c.board("Clients")}
	f.linked = c.item(f.other, "Acme", "{}")
	f.tag = text(t, c.ok(`mutation{create_or_get_tag(tag_name:"hot"){id}}`, nil), "create_or_get_tag.id")
	f.ada, f.grace = c.e.acct.Users[0].ID, c.e.acct.Users[1].ID
	f.team = c.e.AddTeam("Sales", f.ada)
	for _, typ := range []string{"text", "long_text", "numbers", "status", "people", "date", "timeline", "link", "email", "phone", "checkbox", "country", "rating", "hour", "week", "location", "tags", "item_id", "creation_log", "last_updated"} {
		c.column(f.board, "c_"+typ, typ, nil)
	}
	c.column(f.board, "c_dropdown", "dropdown", map[string]any{"labels": []any{map[string]any{"label": "A"}, map[string]any{"label": "B"}}})
	c.column(f.board, "c_board_relation", "board_relation", map[string]any{"boardIds": []any{f.other}, "allowMultipleItems": true})
	c.column(f.board, "c_mirror", "mirror", map[string]any{"relation_column": map[string]any{"c_board_relation": true}, "displayed_linked_columns": map[string]any{f.other: []any{"name"}}})
	return f
}

// cell reads one cell; fields that are not the type's own are left out by the server.
func (f *fixture) cell(item, column string) map[string]any {
	f.t.Helper()
	d := f.ok(fmt.Sprintf(`{items(ids:[%s]){column_values(ids:["%s"]){text value %s}}}`, item, column, everyValue), nil)
	m, _ := at(f.t, d, "items.#0.column_values.#0").(map[string]any)
	return m
}

func TestColumnValues(t *testing.T) {
	f := everyColumn(t)
	now := `"changed_at":"2026-11-23T09:00:00.000Z"`
	for _, x := range []struct {
		typ, json, simple string
		want              map[string]any
	}{
		{"text", `"Hello"`, "Hello", map[string]any{"text": "Hello", "value": `"Hello"`}},
		{"long_text", `{"text":"two\nlines"}`, "two\nlines", map[string]any{"text": "two\nlines", "value": `{` + now + `,"text":"two\nlines"}`, "updated_at": "2026-11-23T09:00:00+00:00"}},
		{"numbers", `"42.50"`, "42.50", map[string]any{"text": "42.50", "value": `"42.50"`, "number": 42.5}},
		{"status", `{"index":1}`, "1", map[string]any{"text": "Done", "value": `{` + now + `,"index":1,"post_id":null}`, "index": 1.0, "label": "Done", "is_done": true, "label_style": map[string]any{"color": "#00c875", "border": "#00b461"}, "updated_at": "2026-11-23T09:00:00Z"}},
		{"status", `{"label":"Stuck"}`, "Stuck", map[string]any{"text": "Stuck", "value": `{` + now + `,"index":2,"post_id":null}`, "index": 2.0, "label": "Stuck", "is_done": false, "label_style": map[string]any{"color": "#df2f4a", "border": "#ce3048"}, "updated_at": "2026-11-23T09:00:00Z"}},
		{"dropdown", `{"ids":[1,2]}`, "1,2", map[string]any{"text": "A, B", "value": `{` + now + `,"ids":[1,2]}`, "values": []any{map[string]any{"id": "1", "label": "A"}, map[string]any{"id": "2", "label": "B"}}}},
		{"dropdown", `{"labels":["B"]}`, "B", map[string]any{"text": "B", "value": `{` + now + `,"ids":[2]}`, "values": []any{map[string]any{"id": "2", "label": "B"}}}},
		{"people", fmt.Sprintf(`{"personsAndTeams":[{"id":%d,"kind":"person"}]}`, f.grace), fmt.Sprint(f.grace), map[string]any{"text": "Grace Hopper", "value": fmt.Sprintf(`{%s,"personsAndTeams":[{"id":%d,"kind":"person"}]}`, now, f.grace), "persons_and_teams": []any{map[string]any{"id": fmt.Sprint(f.grace), "kind": "person"}}, "updated_at": "2026-11-23T09:00:00+00:00"}},
		{"people", fmt.Sprintf(`{"personsAndTeams":[{"id":%d,"kind":"team"}]}`, f.team), "", map[string]any{"text": "Sales", "value": fmt.Sprintf(`{%s,"personsAndTeams":[{"id":%d,"kind":"team"}]}`, now, f.team), "persons_and_teams": []any{map[string]any{"id": fmt.Sprint(f.team), "kind": "team"}}, "updated_at": "2026-11-23T09:00:00+00:00"}},
		{"date", `{"date":"2026-06-15","time":"09:00:00"}`, "2026-06-15 09:00:00", map[string]any{"text": "2026-06-15 09:00", "value": `{` + now + `,"date":"2026-06-15","icon":null,"time":"09:00:00"}`, "date": "2026-06-15", "time": "09:00:00", "icon": nil, "updated_at": "2026-11-23T09:00:00+00:00"}},
		{"date", `{"date":"2026-06-15"}`, "2026-06-15", map[string]any{"text": "2026-06-15", "value": `{` + now + `,"date":"2026-06-15","icon":null,"time":null}`, "date": "2026-06-15", "time": "", "icon": nil, "updated_at": "2026-11-23T09:00:00+00:00"}},
		{"timeline", `{"from":"2026-06-01","to":"2026-06-05"}`, "", map[string]any{"text": "2026-06-01 - 2026-06-05", "value": `{` + now + `,"from":"2026-06-01","to":"2026-06-05"}`, "from": "2026-06-01T00:00:00+00:00", "to": "2026-06-05T00:00:00+00:00"}},
		{"link", `{"url":"https://x.example/a?b=c","text":"Home page"}`, "https://x.example/a?b=c Home page", map[string]any{"text": "Home page - https://x.example/a?b=c", "value": `{` + now + `,"text":"Home page","url":"https://x.example/a?b=c"}`, "url": "https://x.example/a?b=c", "url_text": "Home page"}},
		{"email", `{"email":"a@b.example","text":"A"}`, "a@b.example A", map[string]any{"text": "a@b.example", "value": `{` + now + `,"email":"a@b.example","text":"A"}`, "email": "a@b.example", "label": "A"}},
		{"phone", `{"phone":"+15551234567","countryShortName":"US"}`, "+15551234567 US", map[string]any{"text": "+15551234567", "value": `{` + now + `,"countryShortName":"US","phone":"+15551234567"}`, "phone": "+15551234567", "country_short_name": "US"}},
		{"checkbox", `{"checked":"true"}`, "", map[string]any{"text": "v", "value": `{` + now + `,"checked":true}`, "checked": true}},
		{"country", `{"countryCode":"DE","countryName":"Germany"}`, "", map[string]any{"text": "Germany", "value": `{` + now + `,"countryCode":"DE","countryName":"Germany"}`, "country": map[string]any{"code": "DE", "name": "Germany"}}},
		{"rating", `{"rating":3}`, "3", map[string]any{"text": "3", "value": `{` + now + `,"rating":3}`, "rating": 3.0}},
		{"hour", `{"hour":9,"minute":30}`, "", map[string]any{"text": "09:30 AM", "value": `{` + now + `,"hour":9,"minute":30}`, "hour": 9.0, "minute": 30.0}},
		{"week", `{"week":{"startDate":"2026-06-01","endDate":"2026-06-07"}}`, "", map[string]any{"text": "2026-06-01 - 2026-06-07", "value": `{` + now + `,"week":{"endDate":"2026-06-07","startDate":"2026-06-01"}}`, "start_date": "2026-06-01", "end_date": "2026-06-07"}},
		{"location", `{"lat":"52.5","lng":"13.4","address":"Berlin, Germany"}`, "52.5 13.4 Berlin, Germany", map[string]any{"text": "Berlin, Germany", "value": `{"address":"Berlin, Germany",` + now + `,"lat":"52.5","lng":"13.4"}`, "lat": 52.5, "lng": 13.4, "address": "Berlin, Germany"}},
		{"tags", fmt.Sprintf(`{"tag_ids":[%s]}`, f.tag), "", map[string]any{"text": "hot", "value": fmt.Sprintf(`{"tag_ids":[%s]}`, f.tag), "tags": []any{map[string]any{"name": "hot"}}}},
		{"board_relation", fmt.Sprintf(`{"item_ids":[%s]}`, f.linked), "", map[string]any{"text": nil, "value": nil, "linked_item_ids": []any{f.linked}, "display_value": "Acme", "linked_items": []any{map[string]any{"name": "Acme"}}}},
	} {
		t.Run(x.typ, func(t *testing.T) {
			column := "c_" + x.typ
			check := func(how, item string) {
				got := f.cell(item, column)
				delete(got, "tag_ids")
				if d := cmp.Diff(x.want, got); d != "" {
					t.Errorf("%s: %s", how, d)
				}
			}
			check("JSON at creation", f.item(f.board, "i", fmt.Sprintf(`{"%s":%s}`, column, x.json)))
			it := f.item(f.board, "i", "{}")
			empty := f.cell(it, column)
			f.ok(`mutation($b:ID!,$i:ID,$c:String!,$v:JSON!){change_column_value(board_id:$b,item_id:$i,column_id:$c,value:$v){id}}`, map[string]any{"b": f.board, "i": it, "c": column, "v": x.json})
			check("JSON", it)
			f.ok(`mutation($b:ID!,$i:ID,$v:JSON!){change_multiple_column_values(board_id:$b,item_id:$i,column_values:$v){id}}`, map[string]any{"b": f.board, "i": it, "v": fmt.Sprintf(`{"%s":null}`, column)})
			cleared := f.cell(it, column)
			if x.typ == "status" { // the cell keeps the blank label
				if cleared["index"] != 5.0 || cleared["text"] != nil {
					t.Errorf("cleared status: %v", cleared)
				}
			} else if cleared["text"] != empty["text"] || cleared["value"] != nil {
				t.Errorf("cleared: %v, before: %v", cleared, empty)
			}
			if x.simple == "" {
				return
			}
			f.ok(`mutation($b:ID!,$i:ID,$c:String!,$v:String){change_simple_column_value(board_id:$b,item_id:$i,column_id:$c,value:$v){id}}`, map[string]any{"b": f.board, "i": it, "c": column, "v": x.simple})
			check("simple", it)
			f.ok(`mutation($b:ID!,$i:ID,$c:String!){change_simple_column_value(board_id:$b,item_id:$i,column_id:$c,value:""){id}}`, map[string]any{"b": f.board, "i": it, "c": column})
			if got := f.cell(it, column); got["text"] != empty["text"] {
				t.Errorf("cleared by an empty text: %v", got)
			}
			simple, err := json.Marshal(x.simple)
			if err != nil {
				t.Fatal(err)
			}
			check("simple within column_values", f.item(f.board, "i", fmt.Sprintf(`{"%s":%s}`, column, simple)))
		})
	}
	it := f.item(f.board, "i", fmt.Sprintf(`{"c_board_relation":{"item_ids":["%s"]}}`, f.linked))
	if m := f.cell(it, "c_mirror"); m["display_value"] != "Acme" || m["text"] != nil || m["value"] != nil {
		t.Errorf("mirror: %v", m)
	}
	if m := f.cell(it, "c_item_id"); m["item_id"] != it || m["text"] != it {
		t.Errorf("item_id: %v", m)
	}
	if m := f.cell(it, "c_last_updated"); m["text"] != "2026-11-23 09:00:00 UTC" || m["updater_id"] != fmt.Sprint(f.ada) {
		t.Errorf("last_updated: %v", m)
	}
}

func TestColumnValueRefusals(t *testing.T) {
	f := everyColumn(t)
	it := f.item(f.board, "i", `{"c_text":"kept"}`)
	for _, x := range []struct{ column, value, code, typ string }{
		{"c_status", `{"label":"Nope"}`, "ColumnValueException", "color"},
		{"c_status", `{"index":77}`, "ColumnValueException", "color"},
		{"c_status", `[]`, "ColumnValueException", "color"},
		{"c_dropdown", `{"ids":[9]}`, "ColumnValueException", "dropdown"},
		{"c_dropdown", `"1,B"`, "ColumnValueException", "dropdown"},
		{"c_dropdown", `{"ids":[1],"labels":["A"]}`, "ColumnValueException", "dropdown"},
		{"c_numbers", `"12,5"`, "ColumnValueException", "numeric"},
		{"c_numbers", `"NaN"`, "ColumnValueException", "numeric"},
		{"c_date", `{"date":"15.06.2026"}`, "ColumnValueException", "date"},
		{"c_date", `{"date":"2026-02-30"}`, "ColumnValueException", "date"},
		{"c_date", `{"date":"2026-02-03","time":"25:00:00"}`, "ColumnValueException", "date"},
		{"c_timeline", `{"from":"2026-06-05","to":"2026-06-01"}`, "ColumnValueException", "timerange"},
		{"c_timeline", `"2026-06-05"`, "ColumnValueException", "timerange"},
		{"c_email", `{"email":"not an address","text":""}`, "ColumnValueException", "email"},
		{"c_phone", `{"phone":"call me","countryShortName":"US"}`, "ColumnValueException", "phone"},
		{"c_country", `{"countryCode":"XX","countryName":"Nowhere"}`, "ColumnValueException", "country"},
		{"c_rating", `{"rating":6}`, "ColumnValueException", "rating"},
		{"c_link", `{"url":"no scheme","text":""}`, "ColumnValueException", "link"},
		{"c_people", `{"personsAndTeams":[{"id":1,"kind":"person"}]}`, "InvalidUserIdException", ""},
		{"c_people", fmt.Sprintf(`{"personsAndTeams":[{"id":%d,"kind":"person"}]}`, f.e.acct.Users[2].ID), "InvalidUserIdException", ""},
		{"c_board_relation", `{"item_ids":[1]}`, "ColumnValueException", "board-relation"},
		{"c_board_relation", fmt.Sprintf(`{"item_ids":[%s]}`, it), "ColumnValueException", "board-relation"},
		{"c_tags", `{"tag_ids":[1]}`, "ColumnValueException", "tag"},
		{"c_long_text", `{"text":"` + strings.Repeat("x", 2001) + `"}`, "ColumnValueException", "long-text"},
		{"c_mirror", `"x"`, "ColumnValueException", "lookup"},
		{"c_item_id", `"x"`, "ColumnValueException", "pulse-id"},
		{"no_such", `"x"`, "InvalidColumnIdException", ""},
		{"name", `"` + strings.Repeat("x", 256) + `"`, "ItemNameTooLongException", ""},
	} {
		t.Run(x.column, func(t *testing.T) {
			// One bad value refuses the whole change.
			r := f.do(`mutation($b:ID!,$i:ID,$v:JSON!){change_multiple_column_values(board_id:$b,item_id:$i,column_values:$v){id}}`,
				map[string]any{"b": f.board, "i": it, "v": fmt.Sprintf(`{"c_text":"lost","%s":%s}`, x.column, x.value)})
			if got := r.code(t); got != x.code || r.status != 200 {
				t.Fatalf("%s: %s", x.value, r.raw)
			}
			if x.typ != "" && at(t, r.Errors[0].Extensions, "error_data.column_type") != x.typ {
				t.Errorf("error data: %v", r.Errors[0].Extensions)
			}
			if got := f.cell(it, "c_text"); got["text"] != "kept" {
				t.Errorf("the change was half done: %v", got)
			}
		})
	}
	r := f.do(`mutation($b:ID!,$i:ID){change_simple_column_value(board_id:$b,item_id:$i,column_id:"c_timeline",value:"2026-01-01"){id}}`, map[string]any{"b": f.board, "i": it})
	if r.code(t) != "CorrectedValueException" {
		t.Errorf("%s", r.raw)
	}
	r = f.do(`mutation($b:ID!,$i:ID){change_multiple_column_values(board_id:$b,item_id:$i,column_values:"{"){id}}`, map[string]any{"b": f.board, "i": it})
	if r.code(t) != "JsonParseException" {
		t.Errorf("%s", r.raw)
	}
}

func TestLabels(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	label := func(s, color string, index int, more ...any) map[string]any {
		m := map[string]any{"label": s, "color": color, "index": index}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	c.ok(`mutation($b:ID!,$d:CreateStatusColumnSettingsInput){create_status_column(board_id:$b,id:"s",title:"S",defaults:$d){id}}`,
		map[string]any{"b": b, "d": map[string]any{"labels": []any{label("Open", "sky", 0), label("Won", "done_green", 1)}}})
	read := func() (string, []any) {
		d := c.ok(`query($b:ID!){boards(ids:[$b]){columns(ids:["s"]){revision settings settings_str}}}`, map[string]any{"b": b})
		labels, _ := at(t, d, "boards.#0.columns.#0.settings.labels").([]any)
		return text(t, d, "boards.#0.columns.#0.revision"), labels
	}
	update := func(rev string, labels ...any) *reply {
		return c.do(`mutation($b:ID!,$r:String!,$s:UpdateStatusColumnSettingsInput){update_status_column(board_id:$b,id:"s",revision:$r,settings:$s){revision}}`,
			map[string]any{"b": b, "r": rev, "s": map[string]any{"labels": labels}})
	}
	rev, labels := read()
	if len(rev) != 32 || len(labels) != 2 || at(t, labels[0], "id") != 1.0 || at(t, labels[1], "id") != 158.0 || at(t, labels[1], "color") != 158.0 {
		t.Fatalf("revision %s, labels %v: ids follow colours and order follows ids", rev, labels)
	}
	it := c.item(b, "i", `{"s":{"label":"Open"}}`)
	// Keep both by id, rename one, add one.
	r := update(rev, label("Opened", "sky", 0, "id", 158), label("Won", "done_green", 1, "id", 1), label("Lost", "stuck_red", 2))
	if len(r.Errors) > 0 {
		t.Fatal(r.raw)
	}
	if d := c.ok(fmt.Sprintf(`{items(ids:[%s]){column_values{text}}}`, it), nil); text(t, d, "items.#0.column_values.#0.text") != "Opened" {
		t.Errorf("a renamed label does not show: %v", d)
	}
	if r := update(rev, label("Won", "done_green", 0, "id", 1)); r.code(t) != "REVISION_CONFLICT" {
		t.Errorf("stale revision: %s", r.raw)
	}
	rev, _ = read()
	for name, x := range map[string][]any{
		"two deletions":         {label("Won", "done_green", 0, "id", 1)},
		"add and delete":        {label("Won", "done_green", 0, "id", 1), label("Opened", "sky", 1, "id", 158), label("New", "tan", 2)},
		"unknown id":            {label("Won", "done_green", 0, "id", 1), label("Opened", "sky", 1, "id", 158), label("Lost", "tan", 2, "id", 77)},
		"31 characters":         {label("Won", "done_green", 0, "id", 1), label("Opened", "sky", 1, "id", 158), label(strings.Repeat("x", 31), "tan", 2, "id", 2)},
		"one index for two":     {label("Won", "done_green", 0, "id", 1), label("Opened", "sky", 0, "id", 158), label("Lost", "tan", 2, "id", 2)},
		"one text for two":      {label("Won", "done_green", 0, "id", 1), label("Won", "sky", 1, "id", 158), label("Lost", "tan", 2, "id", 2)},
		"index out of the 0-39": {label("Won", "done_green", 40, "id", 1), label("Opened", "sky", 1, "id", 158), label("Lost", "tan", 2, "id", 2)},
	} {
		if r := update(rev, x...); r.code(t) != "InvalidArgumentException" {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	if err := c.e.DeactivateLabel(mustID(t, b), "s", 2); err != nil {
		t.Fatal(err)
	}
	if again, _ := read(); again == rev {
		t.Error("the revision did not move with a label")
	}
	if r := c.do(fmt.Sprintf(`mutation{change_multiple_column_values(board_id:%s,item_id:%s,column_values:"{\"s\":{\"label\":\"Lost\"}}"){id}}`, b, it), nil); r.code(t) != "ColumnValueException" {
		t.Errorf("writing a deactivated label: %s", r.raw)
	}
	c.ok(fmt.Sprintf(`mutation{change_multiple_column_values(board_id:%s,item_id:%s,create_labels_if_missing:true,column_values:"{\"s\":{\"label\":\"Brand new\"}}"){id}}`, b, it), nil)
}

func mustID(t testing.TB, s string) int64 {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestColumnIDsStayReserved(t *testing.T) {
	c := start(t, Options{})
	b := c.board("B")
	c.column(b, "x", "text", nil)
	r := c.do(`mutation($b:ID!){delete_column(board_id:$b,column_id:"x"){id}}`, map[string]any{"b": b})
	if len(r.Errors) > 0 || r.Data["delete_column"] != nil {
		t.Errorf("success is null: %s", r.raw)
	}
	for _, id := range []string{"x", "Upper", "1st", "has space", strings.Repeat("x", 25), "name"} {
		r := c.do(`mutation($b:ID!,$i:String){create_column(board_id:$b,id:$i,title:"T",column_type:text){id}}`, map[string]any{"b": b, "i": id})
		if r.code(t) != "InvalidArgumentException" {
			t.Errorf("%q: %s", id, r.raw)
		}
	}
}
