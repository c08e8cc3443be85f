package monday

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/providers/monday/mondayemulator"
)

// wireSamples are bodies as the vendor's documentation describes them. What reads them and what stands in for the
// vendor were written apart: both must fit.
const wireSamples = "../../testdata/wire/monday"

func samples(t *testing.T, pattern string, into func(name string, content []byte)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(wireSamples, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples %s: %v", pattern, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		into(strings.TrimSuffix(filepath.Base(f), ".json"), content)
	}
}

// TestWireWebhooks reads every sample as a change, and compares its shape with what the emulator sends for real.
func TestWireWebhooks(t *testing.T) {
	got := make(chan map[string]any, 50)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a broken body is no event
		var b struct{ Event map[string]any }
		if json.Unmarshal(body, &b); b.Event != nil {
			got <- b.Event
			return
		}
		_, _ = w.Write(body) // the challenge
	}))
	defer receiver.Close()
	s := newStage(t, mondayemulator.Options{}, func(c *Config) { c.WebhookURL = "" })
	s.apply()
	board := s.board("Deals")
	for _, event := range []string{"create_item", "change_column_value", "change_name", "item_moved_to_any_group", "item_archived", "item_restored", "item_deleted"} {
		s.byHand(`mutation{create_webhook(board_id:%d,url:%q,event:%s){id}}`, board, receiver.URL+"/"+event, event)
	}
	item, err := s.emulator.CreateItem("", board, "", "Kick off", nil)
	if err != nil {
		t.Fatal(err)
	}
	set := func(values string) {
		s.byHand(`mutation{change_multiple_column_values(board_id:%d,item_id:%d,column_values:%q){id}}`, board, item, values)
	}
	set(`{"my_text":"call back"}`)
	set(`{"my_status":{"label":"Won"}}`)
	set(`{"name":"Kick off, again"}`)
	s.byHand(`mutation{create_group(board_id:%d,group_name:"Later"){id}}`, board)
	s.byHand(`mutation{move_item_to_group(item_id:%d,group_id:%q){id}}`, item, s.groupID(board, "Later"))
	for _, state := range []string{"archived", "active", "deleted"} {
		if err := s.emulator.SetItemState("", item, state); err != nil {
			t.Fatal(err)
		}
	}
	sent := map[string]map[string]any{} // by type and column
	for len(sent) < 8 {
		select {
		case e := <-got:
			sent[fmt.Sprint(e["type"], e["columnType"])] = e
		case <-time.After(20 * time.Second):
			t.Fatalf("only these came: %v", sent)
		}
	}
	samples(t, "webhook-*.json", func(name string, content []byte) {
		var sample struct {
			Body struct{ Event map[string]any }
		}
		var raw struct{ Body json.RawMessage }
		if err := errors.Join(json.Unmarshal(content, &sample), json.Unmarshal(content, &raw)); err != nil {
			t.Fatal(err)
		}
		e, err := parseEvent(raw.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if changes := e.changes([]string{"deal"}); len(changes) != 1 || changes[0].Record.ID != "9200000001" || changes[0].Record.Actor != "4012001" || changes[0].Record.Version == 0 {
			t.Errorf("%s reads as %+v", name, changes)
		}
		real := sent[fmt.Sprint(sample.Body.Event["type"], sample.Body.Event["columnType"])]
		for _, d := range differences("event", sample.Body.Event, real) {
			t.Errorf("%s: %s", name, d)
		}
	})
}

func (s *stage) groupID(board int64, title string) string {
	s.t.Helper()
	data, err := s.emulator.Execute("", fmt.Sprintf(`{boards(ids:[%d]){groups{id title}}}`, board), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var d struct {
		Boards []struct{ Groups []struct{ ID, Title string } }
	}
	if err := json.Unmarshal(data, &d); err != nil {
		s.t.Fatal(err)
	}
	for _, g := range d.Boards[0].Groups {
		if g.Title == title {
			return g.ID
		}
	}
	s.t.Fatalf("no group %s", title)
	return ""
}

// TestWireAnswers asks the emulator what each sample's request asks, compares the shapes, and lets the client read the
// sample itself.
func TestWireAnswers(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	board := s.board("Deals")
	item, err := s.emulator.CreateItem("", board, "", "Kick off", map[string]any{
		"my_text": "call back", "my_status": map[string]any{"label": "Won"}, "my_numbers": "42.5", "my_date": map[string]any{"date": "2027-03-28", "time": "09:30:00"},
	})
	if err != nil {
		t.Fatal(err)
	}
	samples(t, "answer-*.json", func(name string, content []byte) {
		var sample struct {
			Document  string
			Variables map[string]any
			Status    int
			Code      string
			Body      map[string]any
		}
		var raw struct{ Body json.RawMessage }
		if err := errors.Join(json.Unmarshal(content, &sample), json.Unmarshal(content, &raw)); err != nil {
			t.Fatal(err)
		}
		for k, v := range sample.Variables {
			sample.Variables[k] = map[any]any{"$board": board, "$item": item}[v]
		}
		if sample.Code == "" {
			mustValidate(t, sample.Document, sample.Variables)
		}
		status, real := s.post(sample.Document, sample.Variables)
		if status != sample.Status {
			t.Errorf("%s: the emulator answers %d, not %d", name, status, sample.Status)
		}
		for _, d := range differences("body", sample.Body, real) {
			t.Errorf("%s: %s", name, d)
		}
		told := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("API-Version", s.provider.client.version)
			w.WriteHeader(sample.Status)
			_, _ = w.Write(raw.Body) // the client is there, or the test fails anyway
		}))
		defer told.Close()
		a, err := newProvider(t, told.URL, nil).client.attempt(t.Context(), request{what: "read", operation: "x", document: sample.Document})
		var e *provider.Error
		switch {
		case sample.Code != "":
			if !errors.As(err, &e) || e.Code != sample.Code {
				t.Errorf("%s: read as %v, not %s", name, err, sample.Code)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case name == "answer-partial_failure":
			if a.part("a") != nil || !errors.As(a.part("b"), &e) || e.Code != "ColumnValueException" || !slices.Equal(e.Fields, []string{"my_status"}) {
				t.Errorf("%s: parts read as %v and %v", name, a.part("a"), a.part("b"))
			}
		case name == "answer-cells":
			var rows []itemRow
			if err := a.decode("items", &rows); err != nil || len(rows) != 1 {
				t.Errorf("%s: %d rows, %v", name, len(rows), err)
			}
		}
	})
}

// post sends a document to the emulator as anybody might.
func (s *stage) post(document string, variables map[string]any) (status int, body map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.provider.client.url, strings.NewReader(string(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "emulator-token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// differences compares shapes: the same keys, and the same types of JSON. Null and an empty list or object fit
// everything. Texts that are JSON themselves are compared as what they hold.
func differences(at string, want, have any) []string {
	if want == nil || have == nil {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want an object", at, have)}
		}
		if len(w) == 0 || len(h) == 0 {
			return nil
		}
		var list []string
		for k, v := range w {
			if _, there := h[k]; !there {
				list = append(list, at+"."+k+" is missing")
				continue
			}
			list = append(list, differences(at+"."+k, v, h[k])...)
		}
		for k := range h {
			if _, there := w[k]; !there {
				list = append(list, at+"."+k+" is not in the sample")
			}
		}
		return list
	case []any:
		h, ok := have.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want a list", at, have)}
		}
		var list []string
		for i := range min(len(w), len(h)) {
			list = append(list, differences(fmt.Sprintf("%s[%d]", at, i), w[i], h[i])...)
		}
		return list
	case string:
		h, ok := have.(string)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want a text", at, have)}
		}
		var inW, inH any
		if strings.HasPrefix(w, "{") && json.Unmarshal([]byte(w), &inW) == nil {
			if json.Unmarshal([]byte(h), &inH) != nil {
				return []string{at + " holds no JSON"}
			}
			return differences(at, inW, inH)
		}
		return nil
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
			return []string{fmt.Sprintf("%s is %T, want %T", at, have, want)}
		}
		return nil
	}
}

// TestRecordedErrors reads the refusals that others recorded and the vendor documents.
func TestRecordedErrors(t *testing.T) {
	const file = "../../../shared/reference/fixtures/monday/errors.json"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skip("skipped: the recorded errors are not beside the repository: ", file)
	}
	var recorded map[string]struct {
		HTTP int
		Body json.RawMessage
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		r := recorded[name]
		if len(r.Body) == 0 || r.HTTP == 0 {
			continue // not an answer: a remark
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(r.HTTP)
			_, _ = w.Write(r.Body) // the client is there, or the test fails anyway
		}))
		a, err := newProvider(t, server.URL, nil).client.attempt(t.Context(), request{what: "read", operation: "x", document: "{x}"})
		server.Close()
		var e *provider.Error
		switch {
		case err == nil && len(a.errors) > 0: // data beside errors: they stay with their parts
			if a.errors[0].Message == "" {
				t.Errorf("%s: the error of a part says nothing", name)
			}
		case !errors.As(err, &e) || e.Kind == provider.Internal || e.Message == "" || e.Code == "":
			t.Errorf("%s: read as %+v", name, err)
		default:
			t.Logf("%-45s %s %s %v", name, e.Kind, e.Code, e.RetryAfter)
		}
	}
}
