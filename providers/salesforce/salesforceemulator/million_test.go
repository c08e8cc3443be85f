package salesforceemulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// BenchmarkMillion loads a million accounts as files and reads them in each of the ways a sync does. It reports how long each
// step takes and what a record costs in memory:
//
//	go test -run '^$' -bench Million -benchtime 1x ./providers/salesforce/salesforceemulator
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		m := newMass(b, 1_000_000)
		m.run()
		for _, f := range m.figures {
			b.ReportMetric(f.value, f.name)
		}
	}
}

// The same in small, so that what a million needs keeps working.
func TestManyRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("loads fifty thousand records")
	}
	m := newMass(t, 50_000)
	m.run()
	for _, f := range m.figures {
		t.Logf("%-24s %12.1f", f.name, f.value)
	}
}

// mass is an org with many accounts, used over HTTP.
type mass struct {
	testing.TB
	e       *Emulator
	opts    Options
	url     string
	n       int
	figures []figure
}

type figure struct {
	name  string
	value float64
}

func newMass(tb testing.TB, n int) *mass {
	tb.Helper()
	at := testStart
	opts := Options{Clock: func() time.Time { return at }, Seed: 7, AccessToken: testToken, StateFile: filepath.Join(tb.TempDir(), "state.json.gz")}
	e, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.DefineField("Account", "Key__c", extField, true); err != nil {
		tb.Fatal(err)
	}
	srv := httptest.NewServer(e)
	tb.Cleanup(func() {
		srv.Close()
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &mass{TB: tb, e: e, opts: opts, url: srv.URL, n: n}
}

func (m *mass) do(method, path, body string) (*http.Response, string) {
	m.Helper()
	req, err := http.NewRequestWithContext(m.Context(), method, m.url+v68+path, strings.NewReader(body))
	if err != nil {
		m.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "text/csv")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		m.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode >= 300 {
		m.Fatalf("%s %s: %d %.300s", method, path, resp.StatusCode, raw)
	}
	return resp, string(raw)
}

// text is a member of an answer.
func (m *mass) text(raw, key string) string {
	m.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		m.Fatal(err)
	}
	s, _ := v[key].(string)
	return s
}

// step times f and keeps the time for one of n.
func (m *mass) step(name string, n int, f func()) {
	m.Helper()
	start := time.Now()
	f()
	m.figures = append(m.figures, figure{name, float64(time.Since(start).Microseconds()) / float64(n)})
}

func (m *mass) run() {
	before := heap()
	const perFile = 10_000
	m.step("us/row-loaded", m.n, func() {
		for from := 0; from < m.n; from += perFile {
			m.load(from, min(from+perFile, m.n))
			m.e.Advance(time.Minute)
		}
	})
	m.figures = append(m.figures, figure{"B/row-held", float64(heap()-before) / float64(m.n)})
	if got := m.e.Count("Account"); got != m.n {
		m.Fatalf("%d accounts of %d are there", got, m.n)
	}
	query := func(soql string) string {
		_, raw := m.do("GET", "/query?q="+url.QueryEscape(soql), "")
		return raw
	}
	m.step("us/read-by-key", 500, func() {
		for i := range 500 {
			key := i * (m.n / 500)
			if raw := query(fmt.Sprintf("SELECT Id, Name FROM Account WHERE Key__c = 'k%07d'", key)); !strings.Contains(raw, fmt.Sprintf(`"Name":"Account %d"`, key)) {
				m.Fatalf("key %d: %s", key, raw)
			}
		}
	})
	// A page of a sweep costs what it holds, wherever it is: its filter and order are those of the index.
	middle := testStart.Add(time.Duration(m.n/perFile/2) * time.Minute).Format("2006-01-02T15:04:05Z")
	m.step("us/sweep-page", 20, func() {
		for range 20 {
			raw := query("SELECT Id, Name, SystemModstamp FROM Account WHERE SystemModstamp >= " + middle + " ORDER BY SystemModstamp, Id LIMIT 2000")
			if strings.Count(raw, `"Id":`) != 2000 {
				m.Fatalf("a page of %d", strings.Count(raw, `"Id":`))
			}
		}
	})
	m.step("us/aggregate", 1, func() {
		raw := query("SELECT Industry, COUNT(Id) n, SUM(NumberOfEmployees) people FROM Account GROUP BY Industry ORDER BY Industry")
		if want := fmt.Sprintf(`"Industry":"Banking","n":%d`, m.n/2); !strings.Contains(raw, want) {
			m.Fatalf("aggregates: %s", raw)
		}
	})
	m.step("us/row-exported", m.n, m.export)
	m.step("us/row-saved", m.n, func() {
		if err := m.e.Save(); err != nil {
			m.Fatal(err)
		}
	})
	m.step("us/row-restored", m.n, func() {
		again, err := New(m.opts)
		if err != nil {
			m.Fatal(err)
		}
		if got := again.Count("Account"); got != m.n {
			m.Fatalf("%d accounts of %d were restored", got, m.n)
		}
	})
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.figures = append(m.figures, figure{"B/row-peak", float64(s.Sys) / float64(m.n)})
}

// load inserts accounts by one Bulk job.
func (m *mass) load(from, to int) {
	var b strings.Builder
	b.WriteString("Key__c,Name,Industry,NumberOfEmployees\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "k%07d,Account %d,%s,%d\n", i, i, []string{"Energy", "Banking"}[i%2], i%100)
	}
	_, raw := m.do("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`)
	id := m.text(raw, "id")
	m.do("PUT", "/jobs/ingest/"+id+"/batches", b.String())
	m.do("PATCH", "/jobs/ingest/"+id, `{"state":"UploadComplete"}`)
	m.finish("/jobs/ingest/" + id)
	m.do("DELETE", "/jobs/ingest/"+id, "")
}

func (m *mass) finish(job string) {
	m.Helper()
	for {
		_, raw := m.do("GET", job, "")
		switch m.text(raw, "state") {
		case "JobComplete":
			return
		case "Failed", "Aborted":
			m.Fatalf("the job: %s", raw)
		}
	}
}

// export reads all accounts by one Bulk query, page after page.
func (m *mass) export() {
	_, raw := m.do("POST", "/jobs/query", `{"operation":"query","query":"SELECT Id, Key__c, Name, SystemModstamp FROM Account"}`)
	job := "/jobs/query/" + m.text(raw, "id")
	m.finish(job)
	rows, locator := 0, ""
	for locator != "null" {
		resp, page := m.do("GET", job+"/results?locator="+locator, "")
		rows += strings.Count(page, "\n") - 1
		locator = resp.Header.Get("Sforce-Locator")
	}
	if rows != m.n {
		m.Fatalf("%d rows of %d were exported", rows, m.n)
	}
	m.do("DELETE", job, "")
}

// heap is what is in use once garbage is gone, in bytes.
func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
