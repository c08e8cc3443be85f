package monday

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

func TestReadKeepsOrderAndTellsMissing(t *testing.T) {
	body := `{"data":{"i0":[
		{"id":"3","name":"c","state":"archived","updated_at":"2026-06-15T09:30:15Z","board":{"id":"12"},"column_values":[{"id":"my_numbers","type":"numbers","text":"1","value":"\"1\""}]},
		{"id":"2","name":"b","state":"active","board":{"id":"99"},"column_values":[]},
		{"id":"1","name":"a","state":"deleted","board":{"id":"12"},"column_values":[]}]}}`
	v := newVendor(t, reply{body: body}, reply{body: `{"data":{"boards":[{"id":"12"}]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	got, err := r.Read(t.Context(), []string{"1", "2", "3", "4", "not an id", "3"})
	if err != nil {
		t.Fatal(err)
	}
	var states []record.State
	for _, x := range got {
		states = append(states, x.State)
	}
	want := []record.State{record.Deleted, record.Outside, record.Archived, record.Missing, record.Missing, record.Archived}
	if !slices.Equal(states, want) {
		t.Errorf("states = %v, want %v", states, want)
	}
	if _, shown := got[2].Fields["my_text"]; shown {
		t.Error("a column that the vendor does not show is in the record")
	}
}

func TestReadPacksIDs(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"i0":[],"i1":[],"i2":[],"i3":[],"i4":[],"boards":[{"id":"12"}]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	var ids []string
	for i := range 1001 {
		ids = append(ids, fmt.Sprint(i+1))
	}
	if _, err := r.Read(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if n := len(v.requests()); n != 4 {
		t.Errorf("%d requests for 1,001 ids, want 3, and 1 to see that the board is there", n)
	}
}

func TestFindIsExact(t *testing.T) {
	item := `{"id":%q,"name":"a","state":"active","board":{"id":"12"},"column_values":[{"id":"salesforce_id","type":"text","text":%q}]}`
	v := newVendor(t, reply{body: `{"data":{"page":{"cursor":"c1","items":[` + fmt.Sprintf(item, "2", "006A") + `,` + fmt.Sprintf(item, "3", "006a") + `]}}}`},
		reply{body: `{"data":{"page":{"cursor":null,"items":[` + fmt.Sprintf(item, "1", "006A") + `]}}}`},
		reply{body: `{"data":{"boards":[{"id":"12"}]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	found, err := r.Find(t.Context(), []string{"006A", "006B", ""})
	if err != nil || len(found) != 1 || !slices.Equal(found["006A"], []string{"1", "2"}) {
		t.Errorf("found %v, %v", found, err)
	}
}

func listItem(id, updated string) string {
	return fmt.Sprintf(`{"id":%q,"name":"a","state":"active","updated_at":%q,"board":{"id":"12"},"column_values":[{"id":"my_text","type":"text","text":"x"},{"id":"salesforce_id","type":"text","text":""}]}`, id, updated)
}

func collect(t *testing.T, r *records, since record.Version) (map[string]record.Record, record.Version, error) {
	t.Helper()
	got := map[string]record.Record{}
	next, err := r.List(t.Context(), since, func(batch []record.Record) error {
		for _, x := range batch {
			got[x.ID] = x
		}
		return nil
	})
	return got, next, err
}

func TestFullListSurvivesADeadCursor(t *testing.T) {
	dead := reply{body: `{"errors":[{"message":"CursorExpiredError: The cursor provided for pagination has expired","extensions":{"code":"CursorException"}}]}`}
	v := newVendor(t,
		reply{body: `{"data":{"boards":[{"items_page":{"cursor":"c1","items":[` + listItem("1", "2026-06-15T09:00:00Z") + `]}}]}}`}, dead,
		reply{body: `{"data":{"boards":[{"items_page":{"cursor":"c2","items":[` + listItem("1", "2026-06-15T09:00:00Z") + `]}}]}}`},
		reply{body: `{"data":{"page":{"cursor":null,"items":[` + listItem("2", "2026-06-15T10:00:00Z") + `]}}}`})
	got, next, err := collect(t, textRecords(t, newProvider(t, v.URL, nil)), 0)
	if err != nil || len(got) != 2 || next < record.VersionAt(time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("got %d records up to %v, %v", len(got), next.Time(), err)
	}
}

func TestSweepStopsAndReadsTheLog(t *testing.T) {
	since := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return fmt.Sprint(since.Add(d).UnixNano() / 100) }
	first := `{"data":{"boards":[{"activity_logs":[
		{"id":"a","event":"update_column_value","user_id":"42","created_at":"` + at(61*time.Second) + `","data":"{\"pulse_id\":1,\"column_id\":\"my_text\"}"},
		{"id":"b","event":"delete_pulse","user_id":"-4","created_at":"` + at(90*time.Second) + `","data":"{\"pulse_id\":7}"},
		{"id":"c","event":"create_pulse","user_id":"42","created_at":"oops","data":"not json"}],
		"items_page":{"cursor":"c1","items":[` + listItem("1", "2026-06-15T12:01:01Z") + `,` + listItem("2", "2026-06-15T11:54:59Z") + `]}}]}}`
	v := newVendor(t, reply{body: first},
		reply{body: `{"data":{"i0":[{"id":"7","name":"gone","state":"deleted","updated_at":"2026-06-15T12:00:30Z","board":{"id":"12"},"column_values":[]}]}}`})
	clock := func() time.Time { return since.Add(10 * time.Minute) }
	got, next, err := collect(t, textRecords(t, newProvider(t, v.URL, func(c *Config) { c.Clock = clock })), record.VersionAt(since))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got["7"].State != record.Deleted || got["7"].Actor != "" {
		t.Errorf("got %+v", got)
	}
	if one := got["1"]; one.Actor != "42" || one.Changed["my_text"] != record.VersionAt(since.Add(61*time.Second)) {
		t.Errorf("item 1: actor %q, changed %v", one.Actor, one.Changed)
	}
	if next != record.VersionAt(since.Add(9*time.Minute)) {
		t.Errorf("next = %v", next.Time())
	}
	if n := len(v.requests()); n != 2 {
		t.Errorf("%d requests, want 2: the walk ends with the first item that is too old", n)
	}
}

func TestSweepWithoutTheLog(t *testing.T) {
	denied := `"message":"User unauthorized to perform action","extensions":{"code":"UserUnauthorizedException","status_code":403}`
	items := `"items_page":{"cursor":null,"items":[` + listItem("1", "2026-06-15T12:01:01Z") + `]}`
	for name, replies := range map[string][]reply{
		"part":  {{body: `{"data":{"boards":[{"activity_logs":null,` + items + `}]},"errors":[{"path":["boards",0,"activity_logs"],` + denied + `}]}`}},
		"whole": {{body: `{"data":null,"errors":[{` + denied + `}]}`}, {body: `{"data":{"boards":[{` + items + `}]}}`}},
	} {
		v := newVendor(t, replies...)
		got, _, err := collect(t, textRecords(t, newProvider(t, v.URL, nil)), record.VersionAt(time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestHiddenBoardIsNoEmptyBoard(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"boards":[]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	if _, _, err := collect(t, r, 0); provider.KindOf(err) != provider.Hidden {
		t.Errorf("List: %v", err)
	}
	if _, err := r.Count(t.Context()); provider.KindOf(err) != provider.Hidden {
		t.Errorf("Count: %v", err)
	}
}

func TestBoardThatIsNotThereYetIsEmpty(t *testing.T) {
	p := newProvider(t, "http://127.0.0.1:1", nil)
	x, err := p.Records(provider.Binding{Spec: dealSpec()})
	if err != nil {
		t.Fatal(err)
	}
	r := x.(*records)
	if n, err := r.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("Count = %d, %v", n, err)
	}
	if got, _, err := collect(t, r, 0); len(got) != 0 || err != nil {
		t.Errorf("List = %v, %v", got, err)
	}
	if s := r.Shapes(); len(s) != 1 || s["name"].MaxLength != 255 {
		t.Errorf("shapes = %v, want the name's alone", s)
	}
	if _, err := r.Write(t.Context(), provider.Batch{Patches: patches(t)}); provider.KindOf(err) != provider.Invalid || !strings.Contains(err.Error(), "does not exist yet") {
		t.Errorf("Write: %v", err)
	}
}

func TestHiddenKeyIsNoMissingKey(t *testing.T) {
	item := `{"id":"1","name":"a","state":"active","board":{"id":"12"},"column_values":[{"id":"my_text","type":"text","text":"x"}]}`
	v := newVendor(t, reply{body: `{"data":{"i0":[` + item + `],"page":{"cursor":null,"items":[` + item + `]},"boards":[{"items_page":{"items":[` + item + `]}}]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	_, readErr := r.Read(t.Context(), []string{"1"})
	_, findErr := r.Find(t.Context(), []string{"006A"})
	_, _, listErr := collect(t, r, 0)
	for name, err := range map[string]error{"Read": readErr, "Find": findErr, "List": listErr} {
		if provider.KindOf(err) != provider.Hidden {
			t.Errorf("%s: %v, want the key hidden", name, err)
		}
	}
}

// What is not shown of a board that is not shown itself is neither gone nor absent.
func TestAHiddenBoardHidesItsItems(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"i0":[],"page":{"cursor":null,"items":[]},"boards":[]}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	if got, err := r.Read(t.Context(), []string{"1"}); provider.KindOf(err) != provider.Hidden {
		t.Errorf("read %+v, %v", got, err)
	}
	if got, err := r.Find(t.Context(), []string{"006A"}); provider.KindOf(err) != provider.Hidden {
		t.Errorf("found %+v, %v", got, err)
	}
}

func TestPagesShrinkWhenTooDear(t *testing.T) {
	dear := reply{status: 429, body: `{"errors":[{"message":"Complexity budget exhausted","extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED","complexity":9000000,"complexity_budget_left":5000000,"complexity_budget_limit":5000000,"retry_in_seconds":60}}]}`}
	v := newVendor(t, dear, dear, reply{body: `{"data":{"boards":[{"items_page":{"cursor":null,"items":[` + listItem("1", "2026-06-15T12:01:01Z") + `]}}]}}`})
	got, _, err := collect(t, textRecords(t, newProvider(t, v.URL, nil)), 0)
	if err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	var limits []any
	for _, s := range v.requests() {
		limits = append(limits, s.Variables["limit"])
	}
	if !slices.Equal(limits, []any{500.0, 250.0, 125.0}) {
		t.Errorf("page sizes = %v", limits)
	}
}

func TestPeopleInOneCall(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"byId":[{"id":"1","email":"A@b.example","name":"Anna","status":"ACTIVE"}],"byEmail":[{"id":1,"email":"A@b.example","name":"Anna","status":"ACTIVE"},{"id":"2","email":"c@d.example","name":"C","status":"INACTIVE"}]}}`})
	got, err := newProvider(t, v.URL, nil).People(t.Context(), []string{"1", "team:5", "1"}, []string{"a@b.example", "c@d.example"})
	if err != nil || len(got) != 2 || !got[0].Active || got[1].Active {
		t.Errorf("got %+v, %v", got, err)
	}
	if s := v.requests(); len(s) != 1 || len(s[0].Variables["ids"].([]any)) != 1 {
		t.Errorf("asked %v", s)
	}
}
