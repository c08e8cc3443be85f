package record_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/record"
)

// must takes a value whose spelling is known to be good.
func must(v record.Value, err error) record.Value {
	if err != nil {
		panic(err)
	}
	return v
}

// TestCanonical has one row per kind and spelling: what goes in by any spelling comes out as one.
func TestCanonical(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for name, c := range map[string]struct {
		value record.Value
		kind  record.Kind
		parts []string
	}{
		"zero value":              {record.Value{}, record.Empty, nil},
		"empty text":              {record.OfText(""), record.Empty, nil},
		"white space is text":     {record.OfText(" "), record.Text, []string{" "}},
		"true":                    {record.OfBool(true), record.Bool, []string{"true"}},
		"false is not empty":      {record.OfBool(false), record.Bool, []string{"false"}},
		"zero is not empty":       {must(record.OfDecimal("0")), record.Decimal, []string{"0"}},
		"date":                    {must(record.OfDate("2024-02-29")), record.Date, []string{"2024-02-29"}},
		"moment in UTC":           {record.OfDateTime(time.Date(2026, 1, 1, 0, 30, 0, 0, berlin)), record.DateTime, []string{"2025-12-31T23:30:00Z"}},
		"moment to milliseconds":  {record.OfDateTime(time.Date(2026, 1, 1, 0, 0, 0, 120_999_999, time.UTC)), record.DateTime, []string{"2026-01-01T00:00:00.12Z"}},
		"interval":                {must(record.OfInterval("2026-01-01", "2026-02-01")), record.Interval, []string{"2026-01-01", "2026-02-01"}},
		"interval without end":    {must(record.OfInterval("2026-01-01", "")), record.Interval, []string{"2026-01-01", ""}},
		"interval without start":  {must(record.OfInterval("", "2026-01-01")), record.Interval, []string{"", "2026-01-01"}},
		"interval of nothing":     {must(record.OfInterval("", "")), record.Empty, nil},
		"choices":                 {record.OfChoice("b", "", "a", "b"), record.Choice, []string{"a", "b"}},
		"no choice":               {record.OfChoice("", ""), record.Empty, nil},
		"people":                  {record.OfPerson("2", "10", "2"), record.Personal, []string{"10", "2"}},
		"references":              {record.OfReference("y", "x"), record.Reference, []string{"x", "y"}},
		"link":                    {record.OfLink("https://a.example", ""), record.Link, []string{"https://a.example", ""}},
		"text that is no UTF-8":   {record.OfText("a\xffb"), record.Text, []string{"a\uFFFDb"}},
		"choice that is no UTF-8": {record.OfChoice("\xff", "\uFFFD"), record.Choice, []string{"\uFFFD"}},
		"link that is no UTF-8":   {record.OfLink("u\xc3", "t\xc3"), record.Link, []string{"u\uFFFD", "t\uFFFD"}},
		"text without address":    {record.OfLink("", "here"), record.Empty, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.value.Kind() != c.kind || !slices.Equal(c.value.Parts(), c.parts) {
				t.Errorf("got %v %q, want %v %q", c.value.Kind(), c.value.Parts(), c.kind, c.parts)
			}
			if c.value.IsEmpty() != (c.kind == record.Empty) {
				t.Errorf("IsEmpty = %v for kind %v", c.value.IsEmpty(), c.kind)
			}
		})
	}
}

// TestEqual compares everything with everything: only a value itself equals it, also where the parts look the same.
func TestEqual(t *testing.T) {
	list := []record.Value{
		{}, record.OfText("1"), record.OfText("true"), record.OfText("2026-01-01"), must(record.OfDecimal("1")),
		record.OfBool(true), record.OfBool(false), must(record.OfDate("2026-01-01")),
		record.OfDateTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), must(record.OfInterval("2026-01-01", "")),
		must(record.OfInterval("", "2026-01-01")), record.OfChoice("1"), record.OfChoice("1", "2"), record.OfPerson("1"),
		record.OfReference("1"), record.OfLink("1", ""), record.OfLink("1", "2"),
	}
	for i, v := range list {
		for j, w := range list {
			if v.Equal(w) != (i == j) {
				t.Errorf("(%v %q).Equal(%v %q) = %v", v.Kind(), v.Parts(), w.Kind(), w.Parts(), v.Equal(w))
			}
		}
	}
}

// TestImmutable keeps hold of what went in and what came out, and changes both.
func TestImmutable(t *testing.T) {
	members := []string{"b", "a"}
	v := record.OfChoice(members...)
	members[0], members[1] = "x", "y"
	v.Parts()[0] = "z"
	if !v.Equal(record.OfChoice("a", "b")) {
		t.Errorf("the value changed to %q", v.Parts())
	}
	f := record.Fields{"stage": v}
	f.Clone()["stage"] = record.OfText("other")
	if !f["stage"].Equal(v) {
		t.Error("a change of a clone changed the fields")
	}
}

func TestOfDecimal(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "-0e5": "0", "12.50": "12.5", "1e3": "1000", "1E+3": "1000", "1.5e-3": "0.0015",
		"+7": "7", "007": "7", ".5": "0.5", "5.": "5", " 42 ": "42", "-1.10": "-1.1", "100": "100",
		"123456789012345678901234567890.123456789": "123456789012345678901234567890.123456789",
		"1e1000":  "1" + strings.Repeat("0", 1000),
		"1e-1000": "0." + strings.Repeat("0", 999) + "1",
	} {
		v, err := record.OfDecimal(in)
		if err != nil || v.Kind() != record.Decimal || v.Part(0) != want {
			t.Errorf("OfDecimal(%.40q) = %v %.40q, %v; want %.40q", in, v.Kind(), v.Part(0), err, want)
		}
	}
	for _, in := range []string{
		"", " ", ".", "-", "e5", "NaN", "sNaN", "Infinity", "-inf", "1,5", "1_000", "0x10", "1 000", "--5", "-+5", ".-5", "1e", "1e1.5", "١٢", "5\x00",
		"1e1001", "1e-1001", "1e999999999", "1e-999999999", "1e99999999999999999999", "0e2000", strings.Repeat("9", 50) + "x",
	} {
		if v, err := record.OfDecimal(in); err == nil || !v.IsEmpty() {
			t.Errorf("OfDecimal(%q) = %.40q, %v; want an error", in, v.Part(0), err)
		} else if len(err.Error()) > 200 {
			t.Errorf("OfDecimal(%.40q): the message repeats the whole input", in)
		}
	}
}

// TestOfDecimalSpelling shifts the point about with an exponent: the number stays, so must its canonical text.
func TestOfDecimalSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`-?[0-9]{1,30}`).Draw(t, "digits")
		zeros := rapid.IntRange(0, 40).Draw(t, "zeros")
		plain := must(record.OfDecimal(digits))
		shifted := must(record.OfDecimal(digits + strings.Repeat("0", zeros) + "e-" + strings.Repeat("0", 3) + itoa(zeros)))
		if !plain.Equal(shifted) {
			t.Fatalf("%q and the same by exponent are %q and %q", digits, plain.Part(0), shifted.Part(0))
		}
		if again := must(record.OfDecimal(plain.Part(0))); !again.Equal(plain) {
			t.Fatalf("canonical %q reads as %q", plain.Part(0), again.Part(0))
		}
	})
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestOfDate(t *testing.T) {
	for _, in := range []string{"", "2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "2026-01-01T00:00:00Z", " 2026-01-01", "2026/01/01", "2026-01-01\x00"} {
		if v, err := record.OfDate(in); err == nil {
			t.Errorf("OfDate(%q) = %q", in, v.Part(0))
		}
		if in == "" {
			continue
		}
		if v, err := record.OfInterval("2026-01-01", in); err == nil {
			t.Errorf("OfInterval to %q = %q", in, v.Parts())
		}
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	if got, ok := record.OfDateTime(at).Time(); !ok || !got.Equal(at) {
		t.Errorf("the moment is %v, %v", got, ok)
	}
	if got, ok := must(record.OfDate("2026-03-04")).Time(); !ok || !got.Equal(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the date is %v, %v", got, ok)
	}
	if _, ok := record.OfText("2026-03-04").Time(); ok {
		t.Error("a text has a time")
	}
	if v := record.VersionAt(at); !v.Time().Equal(at) || record.VersionAt(time.Time{}) != 0 {
		t.Errorf("version %d stands for %v", v, v.Time())
	}
}

// anyValue draws a value of every kind, with text that is hard to keep: control characters, emoji, quotes, broken UTF-8.
func anyValue() *rapid.Generator[record.Value] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", " ", "a\x00b", "مرحبا", "🚀👩‍👩‍👧", `"<&>\`, "\u2028", "\xff\xfe", "a\xc3", "null"}))
	day := rapid.Custom(func(t *rapid.T) string {
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 3_600_000).Draw(t, "day")).Format(time.DateOnly)
	})
	return rapid.Custom(func(t *rapid.T) record.Value {
		switch k := record.Kind(rapid.IntRange(int(record.Empty), int(record.Link)).Draw(t, "kind")); k {
		case record.Text:
			return record.OfText(text.Draw(t, "text"))
		case record.Decimal:
			return must(record.OfDecimal(rapid.StringMatching(`[+-]?[0-9]{1,25}(\.[0-9]{0,25})?(e[+-]?[0-9]{1,2})?`).Draw(t, "decimal")))
		case record.Bool:
			return record.OfBool(rapid.Bool().Draw(t, "bool"))
		case record.Date:
			return must(record.OfDate(day.Draw(t, "date")))
		case record.DateTime:
			// 0001-01-01 to 9999-12-31, in any zone.
			sec, ns := rapid.Int64Range(-62135500000, 253402200000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")
			return record.OfDateTime(time.Unix(sec, ns).In(time.FixedZone("", rapid.IntRange(-50000, 50000).Draw(t, "zone"))))
		case record.Interval:
			end := rapid.OneOf(rapid.Just(""), day)
			return must(record.OfInterval(end.Draw(t, "from"), end.Draw(t, "to")))
		case record.Choice:
			return record.OfChoice(rapid.SliceOf(text).Draw(t, "options")...)
		case record.Personal:
			return record.OfPerson(rapid.SliceOf(text).Draw(t, "people")...)
		case record.Reference:
			return record.OfReference(rapid.SliceOf(text).Draw(t, "references")...)
		case record.Link:
			return record.OfLink(text.Draw(t, "url"), text.Draw(t, "title"))
		default:
			return record.Value{}
		}
	})
}

// TestJSON stores any value and reads it back: the same value, and the same bytes when stored again.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue().Draw(t, "value")
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		w := record.OfText("what was there before")
		if err := json.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !v.Equal(w) {
			t.Fatalf("%v %q became %v %q", v.Kind(), v.Parts(), w.Kind(), w.Parts())
		}
		if again, _ := json.Marshal(w); string(again) != string(text) {
			t.Fatalf("%s was stored again as %s", text, again)
		}
	})
}

func TestJSONForm(t *testing.T) {
	text, err := json.Marshal(map[string]record.Value{
		"a": {}, "b": record.OfBool(false), "c": record.OfChoice("y", "x"), "d": must(record.OfDecimal("1e2")), "e": record.OfPerson("p"),
	})
	want := `{"a":null,"b":{"k":"bool","v":["false"]},"c":{"k":"choice","v":["x","y"]},"d":{"k":"decimal","v":["100"]},"e":{"k":"person","v":["p"]}}`
	if err != nil || string(text) != want {
		t.Errorf("err %v, difference:\n%s", err, cmp.Diff(want, string(text)))
	}
}

// refused is what is no canonical value: each is an error and leaves the value alone.
var refused = []string{
	``, ` `, `{`, `[]`, `1`, `"text"`, `true`, `{}`, `null null`, `{"k":"text","v":["a"]} x`, "\x00", "{\"k\":\"text\",\"v\":[\"a\x00\"]}",
	`{"k":"text"}`, `{"k":"text","v":null}`, `{"k":"text","v":[]}`, `{"k":"text","v":[""]}`, `{"k":"text","v":["a","b"]}`, `{"k":"text","v":"a"}`, `{"k":"text","v":[1]}`,
	`{"k":"decimal","v":["1.0"]}`, `{"k":"decimal","v":["-0"]}`, `{"k":"decimal","v":["1e3"]}`, `{"k":"decimal","v":["+1"]}`, `{"k":"decimal","v":[" 1"]}`,
	`{"k":"decimal","v":["NaN"]}`, `{"k":"decimal","v":["1e999999999"]}`, `{"k":"decimal","v":[""]}`, `{"k":"decimal","v":["01"]}`,
	`{"k":"bool","v":["True"]}`, `{"k":"bool","v":["1"]}`, `{"k":"bool","v":[""]}`, `{"k":"bool","v":[true]}`,
	`{"k":"date","v":["2026-02-30"]}`, `{"k":"date","v":[""]}`, `{"k":"date","v":["2026-01-01T00:00:00Z"]}`,
	`{"k":"datetime","v":["2026-01-01T00:00:00+01:00"]}`, `{"k":"datetime","v":["2026-01-01T00:00:00.120Z"]}`, `{"k":"datetime","v":["2026-01-01T00:00:00.0001Z"]}`,
	`{"k":"datetime","v":["2026-01-01"]}`, `{"k":"datetime","v":["2026-01-01T00:00:00+00:00"]}`,
	`{"k":"interval","v":["",""]}`, `{"k":"interval","v":["2026-01-01"]}`, `{"k":"interval","v":["2026-01-01","x"]}`,
	`{"k":"choice","v":[]}`, `{"k":"choice"}`, `{"k":"choice","v":["b","a"]}`, `{"k":"choice","v":["a","a"]}`, `{"k":"person","v":[""]}`, `{"k":"reference","v":["a",""]}`,
	`{"k":"link","v":["","t"]}`, `{"k":"link","v":["u"]}`, `{"k":"link","v":["u","t","x"]}`,
	`{"k":"empty","v":[]}`, `{"k":"empty","v":["a"]}`, `{"k":"kind(200)","v":["a"]}`, `{"k":"","v":["a"]}`, `{"k":"Text","v":["a"]}`, `{"k":3,"v":["a"]}`,
}

func TestUnmarshalRefuses(t *testing.T) {
	before := record.OfText("before")
	for _, in := range append(slices.Clone(refused), strings.Repeat("[", 100_000), `{"k":"`+strings.Repeat("x", 1<<20)) {
		v := before
		if err := v.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%.80q was read as %v %q", in, v.Kind(), v.Parts())
		} else if !v.Equal(before) {
			t.Errorf("%.80q was refused, and changed the value to %q", in, v.Parts())
		}
	}
}

// FuzzUnmarshal: whatever is accepted is canonical, so it is stored as the same value and never trips a reader.
func FuzzUnmarshal(f *testing.F) {
	for _, in := range refused {
		f.Add([]byte(in))
	}
	for _, in := range []string{`null`, `{"k":"text","v":["a"]}`, `{"k":"decimal","v":["-1.5"]}`, `{"k":"bool","v":["true"]}`, `{"k":"date","v":["2026-01-01"]}`,
		`{"k":"datetime","v":["2026-01-01T00:00:00.5Z"]}`, `{"k":"interval","v":["","2026-01-01"]}`, `{"k":"choice","v":["a","b"]}`, `{"k":"link","v":["u",""]}`} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v record.Value
		if v.UnmarshalJSON(in) != nil {
			return
		}
		_, _, _ = v.String(), v.Bool(), v.Part(v.Len())
		if _, ok := v.Time(); ok != (v.Kind() == record.Date || v.Kind() == record.DateTime) {
			t.Fatalf("%v %q has a time: %v", v.Kind(), v.Parts(), ok)
		}
		text, err := v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var w record.Value
		if err := w.UnmarshalJSON(text); err != nil || !v.Equal(w) {
			t.Fatalf("%q was stored as %s, which reads as %q, %v", in, text, w.Parts(), err)
		}
	})
}

func TestCanonicalEmail(t *testing.T) {
	for in, want := range map[string]string{
		"Ana@Example.COM": "ana@example.com", "  ana@example.com\n": "ana@example.com", "Ana Díaz <Ana@Example.com>": "ana@example.com",
		"<a@b.c>": "a@b.c", "a+b@c.example": "a+b@c.example",
		"": "", "ana": "", "@example.com": "", "ana@": "", "a@b.c, d@e.f": "", "a b@c.d": "", "a@b.c\x00": "",
	} {
		if got := record.CanonicalEmail(in); got != want {
			t.Errorf("CanonicalEmail(%q) = %q, want %q", in, got, want)
		}
	}
}
