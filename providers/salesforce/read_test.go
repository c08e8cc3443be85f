package salesforce

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

func answerRows(w http.ResponseWriter, next string, rows ...map[string]any) {
	a := map[string]any{"totalSize": len(rows), "done": next == "", "records": rows}
	if next != "" {
		a["nextRecordsUrl"] = next
	}
	writeJSON(w, 200, a)
}

func stamped(n int, stamp string) map[string]any {
	return map[string]any{"Id": dealID(n), "Name": "x", "SystemModstamp": "2026-02-17T" + stamp + ".000+0000", "IsDeleted": false}
}

func queryOf(r *http.Request) string {
	q, _ := url.QueryUnescape(r.URL.Query().Get("q"))
	return q
}

func TestListGoesOnWhereItsPlaceExpired(t *testing.T) {
	const more = "/services/data/v68.0/query/01g000000000001AAA-2000"
	o := newFakeOrg(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		switch {
		case r.URL.Path == more:
			refuse(w, 400, "INVALID_QUERY_LOCATOR", "invalid query locator")
		case strings.Contains(queryOf(r), "SystemModstamp >= 2026-02-17T02:00:00.000Z"):
			answerRows(w, "", stamped(2, "02:00:00"), stamped(3, "03:00:00"))
		default:
			answerRows(w, more, stamped(1, "01:00:00"), stamped(2, "02:00:00"))
		}
	})
	all, _ := collect(t, dealsOf(t, o.provider(t)), 0)
	if len(all) != 3 {
		t.Errorf("List = %+v", all)
	}
}

func TestListGivesUpWhereNothingComesNearer(t *testing.T) {
	o := newFakeOrg(t, nil)
	o.answer = func(w http.ResponseWriter, r *http.Request, _ string) {
		if strings.Contains(r.URL.Path, "01g") {
			refuse(w, 400, "INVALID_QUERY_LOCATOR", "invalid query locator")
			return
		}
		answerRows(w, "/services/data/v68.0/query/01g000000000001AAA-2000", stamped(1, "01:00:00"))
	}
	_, err := dealsOf(t, o.provider(t)).List(t.Context(), 0, func([]record.Record) error { return nil })
	if e := asPort(t, err); e.Kind != provider.Stale || len(o.seen()) != 4 {
		t.Errorf("List = %v of kind %v after %d calls", e, e.Kind, len(o.seen()))
	}
}

// The org's clock decides where the next list begins, if it is near enough to ours to be believed.
func TestListResumes(t *testing.T) {
	ours := time.Date(2026, 2, 17, 12, 0, 0, 0, time.UTC)
	newest := time.Date(2026, 2, 17, 1, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		org  time.Time
		want time.Time
	}{
		{"a minute ahead", ours.Add(time.Minute), ours.Add(time.Minute - overlap)},
		{"years behind, as an emulator's may be", ours.AddDate(-2, 0, 0), newest.Add(-overlap)},
		{"hours ahead", ours.Add(3 * time.Hour), newest.Add(-overlap)},
	}
	for _, test := range tests {
		o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Date", test.org.Format(http.TimeFormat))
			answerRows(w, "", stamped(1, "01:00:00"))
		})
		_, got := collect(t, dealsOf(t, o.provider(t, func(c *Config) { c.Clock = func() time.Time { return ours } })), 0)
		if !got.Time().Equal(test.want) {
			t.Errorf("%s: the next list begins at %v, want %v", test.name, got.Time(), test.want)
		}
	}
}

func TestUnreadableRecords(t *testing.T) {
	o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		row := stamped(1, "01:00:00")
		row["Amount"] = map[string]any{"surprise": true}
		answerRows(w, "", row)
	})
	_, err := dealsOf(t, o.provider(t)).List(t.Context(), 0, func([]record.Record) error { return nil })
	if e := asPort(t, err); !cmp.Equal(e.Fields, []string{"Amount"}) || !strings.Contains(e.Error(), dealID(1)) || strings.Contains(e.Error(), "surprise") {
		t.Errorf("error = %v, want the record and field, without the value", e)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		`O'Brien`: `'O\'Brien'`, `\`: `'\\'`, "a\nb": `'a\nb'`, `' OR Id != '`: `'\' OR Id != \''`, "🚀": "'🚀'",
	} {
		if got := quote(text); got != want {
			t.Errorf("quote(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestChunks(t *testing.T) {
	values := make([]string, 4500)
	for i := range values {
		values[i] = dealID(i)
	}
	var sizes []int
	for _, c := range chunks(values, idsPerQuery) {
		sizes = append(sizes, len(c))
	}
	if !slices.Equal(sizes, []int{2000, 2000, 500}) {
		t.Errorf("chunks of %v, want full pages", sizes)
	}
	long := []string{strings.Repeat("a", maxSOQL), "b"}
	if got := chunks(long, 10); len(got) != 2 {
		t.Errorf("%d chunks, want the long value alone", len(got))
	}
}
