package providertest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/engine/resource"
)

// kinds are the field types of the vendor in memory.
var kinds = map[string]record.Shape{
	"text":      {Kind: record.Text, MaxLength: 40, Scale: -1},
	"number":    {Kind: record.Decimal, Scale: -1},
	"flag":      {Kind: record.Bool},
	"day":       {Kind: record.Date},
	"moment":    {Kind: record.DateTime},
	"span":      {Kind: record.Interval},
	"stage":     {Kind: record.Choice, Options: []string{"Open", "Won"}},
	"tags":      {Kind: record.Choice, Many: true, Open: true},
	"person":    {Kind: record.Personal, Many: true},
	"reference": {Kind: record.Reference},
	"address":   {Kind: record.Link},
}

func samples(t *testing.T) []providertest.Sample {
	t.Helper()
	must := func(v record.Value, err error) record.Value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return []providertest.Sample{
		{Name: "text", Field: "a_text", Value: record.OfText("plain")},
		{Name: "text at its limit", Field: "a_text", Value: record.OfText(strings.Repeat("😀", 40))},
		{Name: "right to left", Field: "a_text", Value: record.OfText("שלום \"עולם\"\nx")},
		{Name: "decimal", Field: "a_number", Value: must(record.OfDecimal("-12345678901234567890.000001"))},
		{Name: "flag", Field: "a_flag", Value: record.OfBool(true)},
		{Name: "day", Field: "a_day", Value: must(record.OfDate("2024-02-29"))},
		{Name: "moment", Field: "a_moment", Value: record.OfDateTime(time.Date(2026, 6, 15, 9, 30, 0, 0, time.UTC))},
		{Name: "span", Field: "a_span", Value: must(record.OfInterval("2026-01-01", ""))},
		{Name: "stage", Field: "a_stage", Value: record.OfChoice("Won")},
		{Name: "tags", Field: "a_tags", Value: record.OfChoice("b", "a")},
		{Name: "person", Field: "a_person", Value: record.OfPerson("7", "8")},
		{Name: "reference", Field: "a_reference", Value: record.OfReference("x1")},
		{Name: "address", Field: "a_address", Value: record.OfLink("https://acme.example/?a=b&c", "Acme")},
	}
}

func openFake(t *testing.T) *providertest.Vendor {
	t.Helper()
	system := providertest.NewSystem("x", time.Now)
	people := []record.Person{{ID: "7", Email: "anna@acme.example", Name: "Anna", Active: true}, {ID: "8", Email: "gone@acme.example", Name: "Gone"}}
	for _, p := range people {
		system.AddPerson(p)
	}
	fake := &providertest.Fake{System: system, Connection: "fake.one", Table: "table", Types: func(typ string) (record.Shape, bool) {
		s, ok := kinds[typ]
		s.Type = typ
		return s, ok
	}}
	spec := provider.ObjectSpec{
		Object: "deal", Connection: "fake.one", Settings: map[string]string{"table": "Deals"}, Creates: true, Deletes: true, Watched: true,
		Key: provider.FieldSpec{Type: "text", Name: "other_id", Scale: -1, Writes: true},
	}
	for typ := range kinds {
		spec.Fields = append(spec.Fields, provider.FieldSpec{Field: typ, Type: typ, Name: "a_" + typ, Scale: -1, Writes: true})
	}
	spec.Fields = append(spec.Fields, provider.FieldSpec{Field: "other", Type: "text", Name: "b_text", Scale: -1, Writes: true})
	slices.SortFunc(spec.Fields, func(a, b provider.FieldSpec) int { return strings.Compare(a.Name, b.Name) })
	struck := 0
	return &providertest.Vendor{
		Provider: fake, Specs: []provider.ObjectSpec{spec}, Least: record.Fields{}, Text: "a_text", Other: "b_text",
		Samples: samples(t),
		Refused: []providertest.Refusal{
			{Name: "text that is too long", Fields: record.Fields{"a_text": record.OfText(strings.Repeat("x", 41))}},
			{Name: "an unknown option", Fields: record.Fields{"a_stage": record.OfChoice("Lost")}},
			{Name: "two options where one fits", Fields: record.Fields{"a_stage": record.OfChoice("Open", "Won")}},
			{Name: "a value of another kind", Fields: record.Fields{"a_number": record.OfText("12")}},
			{Name: "a field that is not there", Fields: record.Fields{"nowhere": record.OfText("12")}},
		},
		Removals: map[record.Op]record.State{record.Archive: record.Archived, record.Delete: record.Deleted},
		Unknown:  []string{"x999", "", "' OR 1=1"},
		PageSize: 100, RequestIDs: true, People: people,
		Add:    func(_ *testing.T, f record.Fields) string { return system.Add("Deals", f) },
		Edit:   func(_ *testing.T, id string, f record.Fields) { system.Edit("Deals", id, f) },
		Remove: func(_ *testing.T, id string, s record.State) { system.Remove("Deals", id, s) },
		Hand:   []record.State{record.Deleted, record.Archived, record.Missing},
		Count: func(*testing.T) int {
			return len(slices.DeleteFunc(system.Records("Deals"), func(r record.Record) bool { return r.State != record.Live }))
		},
		Action: func(_ *testing.T, id string) provider.Action {
			return provider.Action{Type: "note", RecordID: id, Key: "k"}
		},
		Acted: func(*testing.T) int { return len(system.Acts()) },
		Break: breaks(system, &struck), Struck: func() int { return struck },
		Vanish: func(_ *testing.T, r resource.Resource) bool {
			system.Undefine("Deals", r.Name)
			return true
		},
	}
}

// vendorErrors are the errors that the vendor in memory gives, one of each kind.
func vendorErrors() map[string]*provider.Error {
	list := map[string]*provider.Error{}
	for kind := provider.Internal; kind <= provider.Withheld; kind++ {
		e := &provider.Error{Kind: kind, Op: "call", Code: fmt.Sprint("CODE_", uint8(kind)), Message: "no", RequestID: "r1"}
		if kind == provider.Throttled || kind == provider.Exhausted {
			e.RetryAfter = time.Minute
		}
		list[kind.String()] = e
	}
	return list
}

func breaks(system *providertest.System, struck *int) func(*testing.T, providertest.VendorFault, int) {
	return func(_ *testing.T, f providertest.VendorFault, times int) {
		err := vendorErrors()[f.Name]
		system.Break(func(c providertest.Call) providertest.Fault {
			switch {
			case c.Operation != string(f.On) || times == 0:
				return providertest.Fault{}
			case f.Executed:
				times--
				*struck++
				return providertest.Fault{After: err}
			default:
				times--
				*struck++
				return providertest.Fault{Before: err}
			}
		})
	}
}

// faults has each kind of error come before a read, a list and a write, and one after a write.
func faults() []providertest.VendorFault {
	var list []providertest.VendorFault
	for name, e := range vendorErrors() {
		f := providertest.VendorFault{Name: name, Kind: e.Kind, Code: e.Code, Hint: e.RetryAfter > 0}
		for _, on := range []providertest.On{providertest.OnRead, providertest.OnList, providertest.OnWrite} {
			f.On = on
			list = append(list, f)
		}
		if e.Kind == provider.Unknown {
			f.Executed = true
			list = append(list, f)
		}
	}
	return list
}

func TestTheVendorInMemoryConforms(t *testing.T) {
	providertest.Run(t, providertest.Harness{Open: openFake, Faults: faults()})
}
