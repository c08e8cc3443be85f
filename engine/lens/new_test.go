package lens

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/contract"
	"accord/engine/record"
)

func TestNewRefuses(t *testing.T) {
	table := func(inverse map[string]string, rows ...string) *contract.Picklist {
		p := &contract.Picklist{Name: "stage", Inverse: inverse}
		for _, r := range rows {
			left, right, _ := strings.Cut(r, "=")
			p.Values = append(p.Values, contract.PicklistEntry{Left: left, Right: right})
		}
		return p
	}
	readOnly := number
	readOnly.ReadOnly, readOnly.Type = true, "formula"
	yes := record.Shape{Type: "picklist", Kind: record.Choice, Options: []string{"Yes", "YES", "No"}}
	either := contract.Field{Owner: contract.OwnerEither}
	with := func(change func(*contract.Field)) contract.Field {
		f := either
		change(&f)
		return f
	}
	for _, c := range []struct {
		name   string
		field  contract.Field
		shapes [2][]record.Shape
		code   string
		says   []string // words of the detail
	}{
		{"text and number", either, shapes(one(text), number), CodePair, []string{"text (text)", "decimal (numbers)", "Name a field"}},
		{"date and timeline", either, shapes(one(date), timeline), CodePair, []string{"two dates", "salesforce = [<start>, <end>]"}},
		{"person and text", either, shapes(one(owner), text), CodePair, []string{"person (reference)"}},
		{"text and number of two", either, shapes([]record.Shape{date, text}, timeline), CodePair, []string{"Left2__c", "where date is needed"}},
		{"two dates and a date", either, shapes([]record.Shape{date, date}, date), CodePair, []string{"where interval is needed"}},
		{"three fields", either, shapes([]record.Shape{date, date, date}, timeline), CodeCount, []string{"3 fields of salesforce"}},
		{"moment to day", with(func(f *contract.Field) { f.Timezone = zone("UTC") }), shapes(one(moment), day), CodeLoss, []string{`lossy = ["time"]`}},
		{"moment and date, no zone", either, shapes(one(moment), date), CodeTimezone, []string{`timezone = "Europe/Berlin"`, "datetime (datetime)", "date (date)"}},
		{"read only", either, shapes(one(number), readOnly), CodeReadOnly, []string{"monday right1 (formula)", "owner = monday"}},
		{"reference to nothing", either, shapes(one(lookup), relation), CodeTarget, []string{"reference = object.<name>"}},
		{"no way back", with(func(f *contract.Field) { f.Picklist = table(nil, "A=X", "B=X") }), shapes(one(status), status), CodeTable,
			[]string{`"A", "B" all become "X"`, `inverse = { "X" = "A" }`}},
		{"wrong way back", with(func(f *contract.Field) {
			f.Picklist = table(map[string]string{"X": "C"}, "A=X", "B=X", "C=Y")
		}), shapes(one(status), status), CodeTable, []string{`sends "X" to "C"`, `"A", "B"`}},
		{"a value twice", with(func(f *contract.Field) { f.Picklist = table(nil, "A=X", "A=Y") }), shapes(one(status), status), CodeTable, []string{`"A" is both "X" and "Y"`}},
		{"case alone", either, shapes(one(yes), record.Shape{Kind: record.Choice, Options: []string{"yes", "no"}}), CodeTable, []string{`"Yes" and "YES"`, "picklist table"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, ps := New(field(c.field, len(c.shapes[0]), len(c.shapes[1])), c.shapes)
			if l != nil || len(ps) != 1 {
				t.Fatalf("made %v with problems %v", l, ps)
			}
			if ps[0].Code != c.code || ps[0].Summary == "" || ps[0].Field == nil {
				t.Errorf("problem %+v, want code %s", ps[0], c.code)
			}
			for _, word := range c.says {
				if !strings.Contains(ps[0].Detail, word) {
					t.Errorf("detail does not say %q: %s", word, ps[0].Detail)
				}
			}
		})
	}
}

// What can be written by nobody is fine on the side that owns it, and what loses is fine for the side that only gives.
func TestNewAllows(t *testing.T) {
	readOnly := number
	readOnly.ReadOnly = true
	for _, c := range []struct {
		name   string
		field  contract.Field
		shapes [2][]record.Shape
	}{
		{"read only at its owner", contract.Field{Owner: contract.OwnerRight}, shapes(one(number), readOnly)},
		{"day to moment", contract.Field{Owner: contract.OwnerRight, Timezone: zone("UTC")}, shapes(one(moment), day)},
		{"loss by name", contract.Field{Owner: contract.OwnerLeft, Timezone: zone("UTC"), Lossy: []string{"time"}}, shapes(one(moment), day)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if l, ps := New(field(c.field, 1, 1), c.shapes); l == nil {
				t.Fatal(ps)
			}
		})
	}
}

func TestCodesAreExplained(t *testing.T) {
	known := map[string]bool{}
	for _, c := range Codes() {
		if known[c.Code] || c.Title == "" || len(c.Explanation) < 60 {
			t.Errorf("code %+v", c)
		}
		known[c.Code] = true
	}
	for _, code := range []string{CodePair, CodeCount, CodeLoss, CodeTimezone, CodeReadOnly, CodeTable, CodeTarget} {
		if !known[code] {
			t.Errorf("%s is not explained", code)
		}
	}
}

// offline is what types alone tell, as a provider would.
func offline(_ string, nf contract.NativeField) (record.Shape, bool) {
	s, ok := map[string]record.Shape{
		"text": text, "status": status, "dropdown": dropdown, "numbers": number, "percent": tenths, "date": date, "datetime": moment,
		"timeline": timeline, "people": people, "board_relation": relation, "link": link,
	}[nf.Type]
	return s, ok
}

func TestCheck(t *testing.T) {
	typed := func(name string, left, right string, change func(*contract.Field)) *contract.Field {
		f := &contract.Field{Name: name, Owner: contract.OwnerLeft}
		for s, types := range [2]string{left, right} {
			for _, typ := range strings.Fields(types) {
				if typ == "-" {
					typ = ""
				}
				f.Ends[s] = append(f.Ends[s], contract.NativeField{Type: typ, Name: name})
			}
		}
		if change != nil {
			change(f)
		}
		return f
	}
	c := &contract.Contract{Objects: []*contract.Object{
		{Name: "client", Fields: []*contract.Field{
			typed("health", "text", "status", nil),
			typed("industry", "-", "numbers", nil), // left to the plan: nobody knows what the left field is
			typed("size", "text", "numbers", nil),
			typed("total", "text", "formula", nil),
		}},
		{Name: "deal", Ends: [2]contract.End{{Key: contract.NativeField{Type: "text", Name: "k"}}, {Key: contract.NativeField{Type: "numbers", Name: "k"}}}, Fields: []*contract.Field{
			typed("kickoff", "datetime", "date", nil),
			typed("delivery", "date date", "timeline", nil),
		}},
	}}
	var got []string
	for _, p := range Check(c, offline) {
		name := "key"
		if p.Field != nil {
			name = p.Field.Name
		}
		got = append(got, p.Code+" "+name)
	}
	if diff := cmp.Diff([]string{CodePair + " size", CodeUnmade + " total", CodeUnmade + " key", CodeTimezone + " kickoff"}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// The contract that the language was designed by has nothing that a lens refuses.
func TestCheckExample(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "design", "deals.accord.hcl")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the example contract is not here: %v", err)
	}
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "deals.accord.hcl", Content: src}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	checked := 0
	for _, p := range Check(c, func(system string, nf contract.NativeField) (record.Shape, bool) {
		s, ok := offline(system, nf)
		if ok {
			checked++
		}
		return s, ok
	}) {
		t.Error(p)
	}
	if checked == 0 {
		t.Error("no field of the example was looked at")
	}
}
