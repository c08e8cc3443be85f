package monday

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// sent is one request as a server sees it.
type sent struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables"`
	header    http.Header
}

// reply is what the server answers.
type reply struct {
	status int
	header map[string]string
	body   string
	hang   bool // break the connection after reading the request
	wait   bool // answer nothing until the caller gives up
}

// vendor answers with the replies in order, the last one for ever, and validates every document on the way.
type vendor struct {
	t       testing.TB
	mu      sync.Mutex
	replies []reply
	got     []sent
	URL     string
}

func newVendor(t testing.TB, replies ...reply) *vendor {
	v := &vendor{t: t, replies: replies}
	s := httptest.NewServer(v)
	t.Cleanup(s.Close)
	v.URL = s.URL
	return v
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := sent{header: r.Header}
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		v.t.Errorf("request is no JSON: %v", err)
	}
	mustValidate(v.t, s.Query, s.Variables)
	v.got = append(v.got, s)
	a := v.replies[min(len(v.got), len(v.replies))-1]
	if a.hang {
		panic(http.ErrAbortHandler)
	}
	if a.wait {
		<-r.Context().Done()
		return
	}
	for k, h := range a.header {
		w.Header().Set(k, h)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = w.Write([]byte(a.body))
}

func (v *vendor) requests() []sent {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]sent(nil), v.got...)
}

func plainSecret(s string) Secret { return func(context.Context) (string, error) { return s, nil } }

func newProvider(t testing.TB, url string, change func(*Config)) *Provider {
	t.Helper()
	c := Config{Connection: "monday.work", URL: url, Token: plainSecret("token-1")}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// dealSpec uses every type of column.
func dealSpec() provider.ObjectSpec {
	s := provider.ObjectSpec{
		Object: "deal", Connection: "monday.work", Creates: true, Deletes: true, Watched: true,
		Settings: map[string]string{"workspace": "Sales", "board": "Deals", "group": "New handoffs"},
		Key:      provider.FieldSpec{Type: "text", Name: "salesforce_id", Title: "Salesforce id", Writes: true, Scale: -1},
		Fields:   []provider.FieldSpec{{Field: "name", Name: "name", Writes: true}},
	}
	for _, typ := range creatable {
		f := provider.FieldSpec{Field: typ, Type: typ, Name: "my_" + typ, Title: "My " + typ, Writes: true, Scale: -1}
		switch typ {
		case "status":
			f.Options, f.Colors = []string{"Open", "Won", "2023"}, map[string]string{"Won": "done_green"}
		case "dropdown":
			f.Options = []string{"A", "B"}
		case "board_relation":
			f.Refers = "client"
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func clientSpec() provider.ObjectSpec {
	return provider.ObjectSpec{
		Object: "client", Connection: "monday.work", Settings: map[string]string{"workspace": "Sales", "board": "Clients"},
		Key:    provider.FieldSpec{Type: "text", Name: "salesforce_id", Title: "Salesforce id", Writes: true, Scale: -1},
		Fields: []provider.FieldSpec{{Field: "name", Name: "name", Writes: true}},
	}
}

// dealBinding is dealSpec with all of its structure there.
func dealBinding(t testing.TB, p *Provider) provider.Binding {
	t.Helper()
	resources, err := p.Expand([]provider.ObjectSpec{clientSpec(), dealSpec()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range resources {
		r := &resources[i]
		switch r.Kind {
		case kindBoard:
			r.ID = map[string]string{"Clients": "11", "Deals": "12"}[r.Name]
		case kindColumn:
			r.ID = nativeName(*r)
			switch r.Attributes["type"] {
			case "status":
				r.Attributes["choices"] = attributeOfLabels([]label{{ID: 0, Text: "Open"}, {ID: 1, Text: "Won"}, {ID: 7, Text: "2023"}, {ID: 9, Text: "Old", Off: true}})
			case "dropdown":
				r.Attributes["choices"] = attributeOfLabels([]label{{ID: 1, Text: "A"}, {ID: 2, Text: "B"}})
			}
		default:
			r.ID = "id_" + lastStep(r.Address)
		}
	}
	return provider.Binding{Spec: dealSpec(), Resources: resources}
}

func dealRecords(t testing.TB, p *Provider) *records {
	t.Helper()
	r, err := p.Records(dealBinding(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return r.(*records)
}

// textRecords are deals of which only the name, a text and the key are bound.
func textRecords(t testing.TB, p *Provider) *records {
	t.Helper()
	b := dealBinding(t, p)
	b.Spec.Fields = slices.DeleteFunc(slices.Clone(b.Spec.Fields), func(f provider.FieldSpec) bool { return f.Name != nameColumn && f.Name != "my_text" })
	r, err := p.Records(b)
	if err != nil {
		t.Fatal(err)
	}
	return r.(*records)
}

func value(t testing.TB) func(record.Value, error) record.Value {
	return func(v record.Value, err error) record.Value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// fullFields holds a value of every kind that a deal can be written.
func fullFields(t testing.TB) record.Fields {
	ok := value(t)
	return record.Fields{
		"name":              record.OfText(`Acme "€" <&> 🙂`),
		"my_board_relation": record.OfReference("501"),
		"my_checkbox":       record.OfBool(true),
		"my_country":        record.OfText("DE"),
		"my_date":           record.OfDateTime(time.Date(2026, 6, 15, 9, 30, 0, 0, time.UTC)),
		"my_dropdown":       record.OfChoice("B", "A"),
		"my_email":          record.OfText("a@b.example"),
		"my_link":           record.OfLink("https://acme.example", ""),
		"my_long_text":      record.OfText("two\nlines"),
		"my_numbers":        ok(record.OfDecimal("1234567890.123456789")),
		"my_people":         record.OfPerson("77", "team:5"),
		"my_phone":          record.OfText("+49301234567"),
		"my_rating":         ok(record.OfDecimal("3")),
		"my_status":         record.OfChoice("2023"),
		"my_text":           record.OfText("null"),
		"my_timeline":       ok(record.OfInterval("2026-06-01", "2026-06-05")),
	}
}
