package monday

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/monday/mondayemulator"
)

// loadStage is a stage with all structure, that does not wait long between two looks at an import.
func loadStage(t testing.TB, options mondayemulator.Options) (*stage, *records) {
	t.Helper()
	s := newStage(t, options, nil)
	s.apply()
	s.provider.poll = time.Millisecond
	s.emulator.ResetCounters()
	return s, s.records(dealSpec())
}

// textish draws what people write, and what files stumble over.
func textish() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"plain", " leading", "trailing ", "<NULL>", "a,b", `say "hi"`, "two\nlines", "cr\r\nlf", "null", "#N/A", "=1+1", "שלום", "🙂", "2023", "\ttab"}),
		rapid.StringMatching(`[A-Za-z0-9 ,;"']{1,30}`),
	)
}

// dealFields draws values for the columns of dealSpec that both ways of writing know.
func dealFields(t *rapid.T, client string) record.Fields {
	f := record.Fields{"name": record.OfText(rapid.SampledFrom([]string{"Acme", "A, B & C", `"quoted"`, "שלום 🙂", "two words"}).Draw(t, "name"))}
	add := func(name string, v record.Value, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "with "+name) {
			f[name] = v
		}
	}
	date, err := record.OfDate(fmt.Sprintf("2026-%02d-%02d", rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day")))
	add("my_date", date, err)
	if rapid.Bool().Draw(t, "with time") {
		add("my_date", record.OfDateTime(time.Date(2026, 6, 15, 9, rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC)), nil)
	}
	number, err := record.OfDecimal(rapid.StringMatching(`-?[1-9][0-9]{0,8}(\.[0-9]{1,4})?`).Draw(t, "number"))
	add("my_numbers", number, err)
	add("my_text", record.OfText(textish().Draw(t, "text")), nil)
	add("my_long_text", record.OfText(textish().Draw(t, "long text")), nil)
	add("my_status", record.OfChoice(rapid.SampledFrom([]string{"Open", "Won", "2023"}).Draw(t, "status")), nil)
	add("my_dropdown", record.OfChoice(rapid.SampledFrom([][]string{{"A"}, {"B"}, {"A", "B"}}).Draw(t, "dropdown")...), nil)
	add("my_people", record.OfPerson(rapid.SampledFrom([][]string{{"70"}, {"77"}, {"70", "77"}}).Draw(t, "people")...), nil)
	add("my_link", record.OfLink(rapid.SampledFrom([]string{"https://acme.example", "https://acme.example/a_(b)", "https://acme.example/?q=a,b"}).Draw(t, "url"),
		rapid.SampledFrom([]string{"", "Acme", "[x](y)", "a, b"}).Draw(t, "link text")), nil)
	add("my_email", record.OfText("a@b.example"), nil)
	add("my_phone", record.OfText("+49301234567"), nil)
	add("my_checkbox", record.OfBool(rapid.Bool().Draw(t, "checked")), nil)
	add("my_country", record.OfText("DE"), nil)
	rating, err := record.OfDecimal("3")
	add("my_rating", rating, err)
	timeline, err := record.OfInterval("2026-06-01", "2026-06-05")
	add("my_timeline", timeline, err)
	add("my_board_relation", record.OfReference(client), nil)
	return f
}

// TestLoadWritesWhatMutationsWrite is the law of imports: whatever way a record takes, the same is there afterwards.
func TestLoadWritesWhatMutationsWrite(t *testing.T) {
	s, r := loadStage(t, mondayemulator.Options{})
	client, err := s.emulator.CreateItem("", s.board("Clients"), "", "client", nil)
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > 4 {
			return // one run is hundreds of records
		}
		patches := make([]record.Patch, 400)
		for i := range patches {
			patches[i] = record.Patch{Op: record.Create, Key: fmt.Sprintf("run%d-%d", runs, i), Fields: dealFields(rt, fmt.Sprint(client))}
		}
		for i := range patches[:260] { // so many that a file pays
			patches[i].Fields["my_text"] = record.OfText("by file")
			for _, name := range []string{"my_long_text", "my_date", "my_link", "my_country", "my_rating", "my_status"} {
				delete(patches[i].Fields, name)
			}
		}
		results, err := r.Write(t.Context(), provider.Batch{Key: fmt.Sprint("k", runs), Patches: patches})
		if err != nil {
			rt.Fatal(err)
		}
		ids := make([]string, len(results))
		for i, res := range results {
			if res.Err != nil {
				rt.Fatalf("row %d: %v of %v", i, res.Err, patches[i])
			}
			ids[i] = res.ID
		}
		got, err := r.Read(t.Context(), ids)
		if err != nil {
			rt.Fatal(err)
		}
		for i, rec := range got {
			if rec.Key != patches[i].Key {
				rt.Fatalf("row %d carries key %q, want %q", i, rec.Key, patches[i].Key)
			}
			for name, v := range rec.Fields {
				want := patches[i].Fields[name]
				if name == "my_checkbox" && want.IsEmpty() {
					want = record.OfBool(false)
				}
				if name == "salesforce_id" {
					want = record.OfText(patches[i].Key)
				}
				if !v.Equal(want) {
					rt.Fatalf("row %d: %s is %q, want %q", i, name, v, want)
				}
			}
		}
	})
	c := s.emulator.Counters()
	if c.Operations["ingest_items"] == 0 || c.Operations["create_item"] == 0 {
		t.Errorf("operations: %v, want both ways", c.Operations)
	}
}

// small makes n patches that a file can carry.
func small(n int) []record.Patch {
	list := make([]record.Patch, n)
	for i := range list {
		list[i] = record.Patch{Op: record.Create, Key: fmt.Sprintf("006%06d", i), Fields: record.Fields{"name": record.OfText(fmt.Sprint("deal ", i)), "my_text": record.OfText("x")}}
	}
	return list
}

func (s *stage) items(board string) int {
	s.t.Helper()
	b, ok := s.emulator.Board(board)
	if !ok {
		s.t.Fatalf("there is no board %q", board)
	}
	return b.Items
}

func TestLoadAgainMakesNothingTwice(t *testing.T) {
	for _, again := range []struct {
		name string
		key  string
		sent bool
		jobs int64
	}{{"under its key", "k", true, 1}, {"under another", "other", false, 2}} {
		t.Run(again.name, func(t *testing.T) {
			s, r := loadStage(t, mondayemulator.Options{})
			first, err := r.Write(t.Context(), provider.Batch{Key: "k", Patches: small(250)})
			if err != nil {
				t.Fatal(err)
			}
			b := provider.Batch{Key: again.key, Patches: small(250)}
			if again.sent {
				b.Sent = time.Now()
			}
			second, err := r.Write(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("other results: %s", diff)
			}
			if n := s.items("Deals"); n != 250 {
				t.Errorf("%d items, want 250", n)
			}
		})
	}
}

func TestLoadCostsFewCalls(t *testing.T) {
	s, r := loadStage(t, mondayemulator.Options{})
	if _, err := r.Write(t.Context(), provider.Batch{Key: "k", Patches: small(5000)}); err != nil {
		t.Fatal(err)
	}
	c := s.emulator.Counters()
	if n := s.items("Deals"); n != 5000 || c.Calls > 5 {
		t.Errorf("%d items with %d calls: %v", n, c.Calls, c.Operations)
	}
	l := r.Limits()
	if l.BulkFrom != 200 || l.BulkSize != 10_000 || !l.BulkResumes {
		t.Errorf("limits: %+v", l)
	}
}

// TestLoadRowsThatAreRefused: what the import refuses goes by mutations, which say what is wrong, and the rest is there.
func TestLoadRowsThatAreRefused(t *testing.T) {
	s, r := loadStage(t, mondayemulator.Options{})
	patches := small(250)
	patches[3].Fields["my_people"] = record.OfPerson("999999") // nobody
	patches[7].Fields["my_status"] = record.OfChoice("no such label")
	patches[9].Key = strings.ToUpper(patches[8].Key)
	results, err := r.Write(t.Context(), provider.Batch{Key: "k", Patches: patches})
	if err != nil {
		t.Fatal(err)
	}
	for i, res := range results {
		switch i {
		case 3, 7:
			var e *provider.Error
			if !errors.As(res.Err, &e) || e.Kind != provider.Invalid || len(e.Fields) != 1 {
				t.Errorf("row %d: %v", i, res.Err)
			}
		default:
			if res.Err != nil || res.ID == "" {
				t.Errorf("row %d: %+v", i, res)
			}
		}
	}
	if n := s.items("Deals"); n != 248 {
		t.Errorf("%d items, want 248", n)
	}
}

// TestLoadInterrupted: whatever breaks, all of it is unknown, and the same batch under its key ends well.
func TestLoadInterrupted(t *testing.T) {
	for _, f := range []mondayemulator.Fault{
		{Kind: mondayemulator.TimeoutAfter, Operation: "ingest_items", DelayMS: 1},
		{Kind: mondayemulator.Error500After, Operation: "ingest_items"},
		{Kind: mondayemulator.Truncated, Operation: "ingest_items"},
		{Kind: mondayemulator.TimeoutBefore, Operation: "ingest_items", DelayMS: 1},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			s, r := loadStage(t, mondayemulator.Options{})
			if _, err := s.emulator.AddFault(f); err != nil {
				t.Fatal(err)
			}
			b := provider.Batch{Key: "k", Patches: small(250)}
			if _, err := r.Write(t.Context(), b); provider.KindOf(err) != provider.Unknown {
				t.Fatalf("got %v, want it unknown", err)
			}
			b.Sent = time.Now()
			results, err := r.Write(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			for i, res := range results {
				if res.Err != nil || res.ID == "" {
					t.Fatalf("row %d: %+v", i, res)
				}
			}
			if n := s.items("Deals"); n != 250 {
				t.Errorf("%d items, want 250", n)
			}
		})
	}
}

// importer answers as the vendor does around one job.
type importer struct {
	t      *testing.T
	url    string
	states []string // what fetch_job_status shows, one after the other, the last for ever
	upload int      // status of an upload
	report string
	got    []string
}

func (v *importer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		v.t.Error(err)
	}
	answer := ""
	switch {
	case q.Method == http.MethodPut:
		v.got = append(v.got, "upload")
		w.WriteHeader(v.upload)
	case q.Method == http.MethodGet:
		v.got = append(v.got, "report")
		answer = v.report
	case strings.Contains(string(body), "ingest_items"):
		v.got = append(v.got, "begin")
		answer = `{"data":{"load":{"job_id":"j1","upload_url":"` + v.url + `/up"}}}`
	case strings.Contains(string(body), "fetch_job_status"):
		v.got = append(v.got, "status")
		answer = `{"data":{"job":` + v.states[0] + `}}`
		if len(v.states) > 1 {
			v.states = v.states[1:]
		}
	default:
		v.got = append(v.got, "items")
		answer = `{"data":{"found0":{"items":[]},"items_page_by_column_values":{"items":[]}}}`
	}
	if _, err := io.WriteString(w, strings.ReplaceAll(answer, "URL", v.url)); err != nil {
		v.t.Error(err)
	}
}

func TestLoadThatFails(t *testing.T) {
	done := `{"status":"COMPLETED","report_url":"URL/report"}`
	ended := func(state, reason string) string {
		return fmt.Sprintf(`{"status":%q,"failure_reason":%q,"failure_message":"m"}`, state, reason)
	}
	good := func(n int) string {
		text := "serialNo,status,itemId,error\n"
		for i := n; i > 0; i-- { // in any order
			text += fmt.Sprintf("%d,success,%d,\n", i, 1000+i)
		}
		return text
	}
	for _, test := range []struct {
		name   string
		v      importer
		batch  provider.Kind // of the batch's error; "" = none
		row    provider.Kind // of the first row's error
		failed bool
		again  bool
		kept   bool // the job has its file: it must not get it again
	}{
		{name: "all is well", v: importer{states: []string{`{"status":"PROCESSING"}`, `{"status":"COMPLETED"}`, done}, report: good(200)}},
		{name: "no room for so many this hour", v: importer{states: []string{ended("REJECTED", "ACCOUNT_CAPACITY_EXCEEDED")}}, row: provider.Throttled, failed: true},
		{name: "no room on the board", v: importer{states: []string{ended("REJECTED", "BOARD_CAPACITY_EXCEEDED")}}, row: provider.Invalid, failed: true},
		{name: "not allowed", v: importer{states: []string{ended("FAILED", "PERMISSION_DENIED")}}, row: provider.Denied, failed: true},
		{name: "the place for the file has expired", v: importer{states: []string{`{"status":"UPLOAD_PENDING"}`}, upload: 403}, row: provider.Transient, failed: true},
		{name: "a report that says nothing of a row", v: importer{states: []string{done}, report: "serialNo,status,itemId,error\n2,success,7,\n"}, row: provider.Unknown, failed: true},
		{name: "a row that failed", v: importer{states: []string{done}, report: "serialNo,status,itemId,error\n1,failed,,boom\n"}, row: provider.Unknown, failed: true},
		{name: "no report", v: importer{states: []string{done}, report: "<html>"}, batch: provider.Unknown, failed: true},
		{name: "taken up again", v: importer{states: []string{done}, report: good(200)}, again: true, kept: true},
		{name: "taken up before its file came", v: importer{states: []string{`{"status":"UPLOAD_PENDING"}`, `{"status":"UPLOAD_PENDING"}`, done}, report: good(200)}, again: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := &test.v
			v.t = t
			if v.upload == 0 {
				v.upload = 200
			}
			server := httptest.NewServer(v)
			t.Cleanup(server.Close)
			v.url = server.URL
			p := newProvider(t, server.URL, nil)
			p.poll = time.Millisecond
			b := provider.Batch{Key: "k", Patches: small(200)}
			if test.again {
				b.Sent = time.Now()
			}
			results, err := dealRecords(t, p).Write(t.Context(), b)
			if test.batch != 0 || err != nil {
				if provider.KindOf(err) != test.batch || err == nil {
					t.Fatalf("got %v, want it %v", err, test.batch)
				}
				if strings.Contains(err.Error(), server.URL) {
					t.Errorf("the error shows an address that is a permission: %v", err)
				}
				return
			}
			first := results[0]
			if !test.failed && (first.Err != nil || first.ID != "1001") || test.failed && provider.KindOf(first.Err) != test.row {
				t.Errorf("first row: %+v; calls: %v", first, v.got)
			}
			uploads := 0
			for _, g := range v.got {
				if g == "upload" {
					uploads++
				}
			}
			if (uploads == 1) == test.kept || uploads > 1 {
				t.Errorf("%d uploads: %v", uploads, v.got)
			}
		})
	}
}
