package salesforce

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/record"
)

func must(v record.Value, err error) record.Value {
	if err != nil {
		panic(err)
	}
	return v
}

func columnFor(typ string, more ...func(*fieldDescribe)) column {
	f := fieldDescribe{Name: "F__c", Type: typ, Length: 255, Precision: 18, Scale: 2, Nillable: true, Updateable: true}
	for _, m := range more {
		m(&f)
	}
	shape, _ := shapeOf(f)
	return column{native: "F__c", api: "F__c", typ: typ, compound: f.CompoundFieldName, shape: shape}
}

func refersTo(objects ...string) func(*fieldDescribe) {
	return func(f *fieldDescribe) { f.ReferenceTo = objects }
}

func TestCodecBothWays(t *testing.T) {
	kickoff := time.Date(2026, 3, 29, 1, 30, 15, 250_000_000, time.UTC)
	tests := []struct {
		name  string
		col   column
		wire  string
		value record.Value
		sent  string // what is written for the value; "" = as read
	}{
		{"text", columnFor("string"), `"Acme"`, record.OfText("Acme"), ""},
		{"text with quotes", columnFor("string"), `"a \"b\" <c> \\ é 🚀"`, record.OfText(`a "b" <c> \ é 🚀`), ""},
		{"null", columnFor("string"), `null`, record.Value{}, ""},
		{"empty text", columnFor("string"), `""`, record.Value{}, `null`},
		{"line ends", columnFor("textarea"), `"a\r\nb"`, record.OfText("a\nb"), `"a\nb"`},
		{"email", columnFor("email"), `"a@b.example"`, record.OfText("a@b.example"), ""},
		{"decimal", columnFor("currency"), `40000.0`, must(record.OfDecimal("40000")), `40000`},
		{"long decimal", columnFor("double"), `123456789012345.67`, must(record.OfDecimal("123456789012345.67")), ""},
		{"exponent", columnFor("double"), `1.0E7`, must(record.OfDecimal("10000000")), `10000000`},
		{"zero", columnFor("percent"), `0.0`, must(record.OfDecimal("0")), `0`},
		{"integer", columnFor("int"), `12`, must(record.OfDecimal("12")), ""},
		{"true", columnFor("boolean"), `true`, record.OfBool(true), ""},
		{"false", columnFor("boolean"), `false`, record.OfBool(false), ""},
		{"date", columnFor("date"), `"2026-02-28"`, must(record.OfDate("2026-02-28")), ""},
		{"datetime", columnFor("datetime"), `"2026-03-29T01:30:15.250+0000"`, record.OfDateTime(kickoff), `"2026-03-29T01:30:15.250Z"`},
		{"datetime with a colon", columnFor("datetime"), `"2026-03-29T03:30:15.250+02:00"`, record.OfDateTime(kickoff), `"2026-03-29T01:30:15.250Z"`},
		{"choice", columnFor("picklist"), `"Closed Won"`, record.OfChoice("Closed Won"), ""},
		{"choices", columnFor("multipicklist"), `"b;a"`, record.OfChoice("a", "b"), `"a;b"`},
		{"owner", columnFor("reference", refersTo("Group", "User")), `"005000000000001AAA"`, record.OfPerson("005000000000001AAA"), ""},
		{"parent", columnFor("reference", refersTo("Account")), `"001000000000001AAA"`, record.OfReference("001000000000001AAA"), ""},
		{"link", columnFor("url"), `"https://acme.example/?a=1&b=2"`, record.OfLink("https://acme.example/?a=1&b=2", ""), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := test.col.decode(json.RawMessage(test.wire))
			if err != nil {
				t.Fatal(err)
			}
			if !v.Equal(test.value) {
				t.Errorf("decode(%s) = %v %q, want %v %q", test.wire, v.Kind(), v.Parts(), test.value.Kind(), test.value.Parts())
			}
			sent, err := test.col.encode(test.value)
			if err != nil {
				t.Fatal(err)
			}
			text, err := encodeJSON(sent)
			if err != nil {
				t.Fatal(err)
			}
			want := test.sent
			if want == "" {
				want = test.wire
			}
			var got, wanted any
			if json.Unmarshal(text, &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil || !cmp.Equal(got, wanted) {
				t.Errorf("encode = %s, want %s", text, want)
			}
		})
	}
}

func TestEncodeEmpty(t *testing.T) {
	for typ, want := range map[string]any{"string": nil, "date": nil, "boolean": false, "picklist": nil} {
		got, err := columnFor(typ).encode(record.Value{})
		if err != nil || got != want {
			t.Errorf("encode of nothing for %s = %v, %v; want %v", typ, got, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		col   column
		value record.Value
	}{
		{"text for a number", columnFor("double"), record.OfText("12")},
		{"fraction for an int", columnFor("int"), must(record.OfDecimal("1.5"))},
		{"two choices for one", columnFor("picklist"), record.OfChoice("a", "b")},
		{"a semicolon in an option", columnFor("multipicklist"), record.OfChoice("a;b")},
		{"two owners", columnFor("reference", refersTo("User")), record.OfPerson("005000000000001AAA", "005000000000002AAA")},
		{"a date for a datetime", columnFor("datetime"), must(record.OfDate("2026-01-01"))},
		{"an interval for a date", columnFor("date"), must(record.OfInterval("2026-01-01", ""))},
	}
	for _, test := range tests {
		if got, err := test.col.encode(test.value); err == nil {
			t.Errorf("%s: encode = %v, want an error", test.name, got)
		}
	}
}

var codecTypes = []string{"string", "textarea", "double", "int", "boolean", "date", "datetime", "picklist", "multipicklist", "reference", "url", "time", "anyType"}

// What can be read can be written, and reads back as the same value.
func TestDecodedEncodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := columnFor(rapid.SampledFrom(codecTypes).Draw(t, "type"))
		wire := rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) string { b, _ := json.Marshal(s); return string(b) }),
			rapid.Map(rapid.Float64Range(-1e15, 1e15), func(f float64) string { b, _ := json.Marshal(f); return string(b) }),
			rapid.SampledFrom([]string{"true", "false", "null", `"2026-01-02"`, `"2026-01-02T03:04:05.678+0000"`, `"a;b;;a"`}),
		).Draw(t, "wire")
		v, err := c.decode(json.RawMessage(wire))
		if err != nil {
			return
		}
		sent, err := c.encode(v)
		if err != nil {
			if c.typ == "int" {
				return // a fraction never comes from an integer field
			}
			t.Fatalf("%s: %s decodes and does not encode: %v", c.typ, wire, err)
		}
		text, err := encodeJSON(sent)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.decode(text)
		if err != nil || !again.Equal(v) && !(v.IsEmpty() && c.typ == "boolean") {
			t.Fatalf("%s: %s became %s, which reads as %v (%v), not %v", c.typ, wire, text, again.Parts(), err, v.Parts())
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("datetime", `"2026-01-02T03:04:05.678+0000"`)
	f.Add("double", `1e99999`)
	f.Add("multipicklist", "\"\x00;\"")
	f.Fuzz(func(t *testing.T, typ, wire string) {
		if v, err := columnFor(typ).decode(json.RawMessage(wire)); err == nil && !v.IsEmpty() && v.Len() == 0 {
			t.Error("a value that is not empty has no parts")
		}
	})
}
