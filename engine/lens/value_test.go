package lens

import (
	"errors"
	"strings"
	"testing"
	"time"

	"accord/engine/contract"
	"accord/engine/record"
)

func vs(values ...record.Value) []record.Value { return values }

func dec(s string) record.Value   { v, _ := record.OfDecimal(s); return v }
func d(s string) record.Value     { v, _ := record.OfDate(s); return v }
func iv(a, b string) record.Value { v, _ := record.OfInterval(a, b); return v }
func at(s string) record.Value    { t, _ := time.Parse(time.RFC3339, s); return record.OfDateTime(t) }

// Values as one side shows them, and what the other side then holds, or why it does not.
func TestCarry(t *testing.T) {
	berlin := zone("Europe/Berlin")
	lossy := func(s string) contract.Field { return contract.Field{Lossy: []string{s}} }
	stage := contract.Field{Picklist: &contract.Picklist{Name: "stage", Inverse: map[string]string{"Open": "Prospecting"},
		Values: []contract.PicklistEntry{{Left: "Prospecting", Right: "Open"}, {Left: "Qualification", Right: "Open"}, {Left: "Closed Won", Right: "Won"}}}}
	keep := stage
	keepTable := *stage.Picklist
	keepTable.Keep = true
	keep.Picklist = &keepTable
	must := func(s record.Shape) record.Shape { s.Required = true; return s }
	const L, R = record.Left, record.Right
	for _, c := range []struct {
		name   string
		field  contract.Field
		shapes [2][]record.Shape
		from   record.Side
		shown  []record.Value
		there  []record.Value // what the other side holds before; nil for a new record
		want   []record.Value
		reason string
	}{
		{"text", contract.Field{}, shapes(one(text), text), L, vs(record.OfText("a")), nil, vs(record.OfText("a")), ""},
		{"text is trimmed where the vendor would", contract.Field{}, shapes(one(folding), text), R, vs(record.OfText(" a ")), nil, vs(record.OfText("a")), ""},
		{"lines end alike", contract.Field{}, shapes(one(text), text), L, vs(record.OfText("a\r\nb")), vs(record.OfText("a\nb")), vs(record.OfText("a\nb")), ""},
		{"text too long", contract.Field{}, shapes(one(text), short), L, vs(record.OfText("äöüäöü")), nil, nil, TooLong},
		{"text that just fits", contract.Field{}, shapes(one(text), short), L, vs(record.OfText("äöüäö")), nil, vs(record.OfText("äöüäö")), ""},
		{"text cut", lossy("truncate"), shapes(one(text), short), L, vs(record.OfText("abcd efgh")), nil, vs(record.OfText("abcd")), ""},
		{"text cut between characters", lossy("truncate"), shapes(one(text), short), L, vs(record.OfText("abcd😀")), nil, vs(record.OfText("abcd")), ""},
		{"nothing for what must be something", contract.Field{}, shapes(one(text), must(text)), L, vs(record.Value{}), vs(record.OfText("x")), nil, Required},
		{"white space for what must be something", contract.Field{}, shapes(one(must(folding)), text), R, vs(record.OfText("  ")), vs(record.OfText("x")), nil, Required},

		{"decimal", contract.Field{}, shapes(one(money), number), R, vs(dec("12.50")), nil, vs(dec("12.5")), ""},
		{"too many places", contract.Field{}, shapes(one(money), number), R, vs(dec("1.005")), nil, nil, OutOfRange},
		{"too many digits", contract.Field{}, shapes(one(money), number), R, vs(dec("1234567")), nil, nil, OutOfRange},
		{"rounded half to even, down", lossy("round"), shapes(one(money), number), R, vs(dec("1.005")), nil, vs(dec("1")), ""},
		{"rounded half to even, up", lossy("round"), shapes(one(money), number), R, vs(dec("1.015")), nil, vs(dec("1.02")), ""},
		{"rounded out of range", lossy("round"), shapes(one(money), number), R, vs(dec("999999.995")), nil, nil, OutOfRange},
		{"cents stay", lossy("round"), shapes(one(money), tenths), R, vs(dec("1.2")), vs(dec("1.24")), vs(dec("1.24")), ""},

		{"a bare date in winter", contract.Field{Timezone: berlin}, shapes(one(moment), date), R, vs(d("2026-01-15")), nil, vs(at("2026-01-14T23:00:00Z")), ""},
		{"a bare date in summer", contract.Field{Timezone: berlin}, shapes(one(moment), date), R, vs(d("2026-07-15")), nil, vs(at("2026-07-14T22:00:00Z")), ""},
		{"a bare date on the day the clocks change", contract.Field{Timezone: berlin}, shapes(one(moment), date), R, vs(d("2026-03-29")), nil, vs(at("2026-03-28T23:00:00Z")), ""},
		{"a day without midnight", contract.Field{Timezone: zone("America/Sao_Paulo")}, shapes(one(moment), date), R, vs(d("2018-11-04")), nil, vs(at("2018-11-04T03:00:00Z")), ""},
		{"a day with two midnights", contract.Field{Timezone: zone("America/Havana")}, shapes(one(moment), date), R, vs(d("2026-11-01")), nil, vs(at("2026-11-01T04:00:00Z")), ""},
		{"a day with two midnights, in the east", contract.Field{Timezone: zone("Asia/Amman")}, shapes(one(moment), date), R, vs(d("2021-10-29")), nil, vs(at("2021-10-28T21:00:00Z")), ""},
		{"a day that never was", contract.Field{Timezone: zone("Pacific/Apia")}, shapes(one(moment), date), R, vs(d("2011-12-30")), nil, vs(at("2011-12-30T10:00:00Z")), ""},
		{"a moment, written with its time", contract.Field{Timezone: berlin}, shapes(one(moment), date), L, vs(at("2026-03-29T01:30:00Z")), nil, vs(at("2026-03-29T01:30:00Z")), ""},
		{"a bare date that says the same stays bare", contract.Field{Timezone: berlin}, shapes(one(moment), date), L, vs(at("2026-01-14T23:00:00Z")), vs(d("2026-01-15")), vs(d("2026-01-15")), ""},
		{"milliseconds do not count", contract.Field{}, shapes(one(moment), moment), L, vs(record.OfDateTime(time.UnixMilli(1700000000123))), vs(at("2023-11-14T22:13:20Z")), vs(at("2023-11-14T22:13:20Z")), ""},
		{"a day keeps its time until the day changes", contract.Field{Timezone: berlin}, shapes(one(date), date), L, vs(d("2026-03-29")), vs(at("2026-03-29T21:00:00Z")), vs(at("2026-03-29T21:00:00Z")), ""},
		{"a late time is the next day", contract.Field{Timezone: berlin}, shapes(one(date), date), R, vs(at("2026-03-29T22:30:00Z")), nil, vs(d("2026-03-30")), ""},
		{"a time without zone", contract.Field{}, shapes(one(date), date), R, vs(at("2026-03-29T22:30:00Z")), nil, nil, NoTimezone},

		{"two dates", contract.Field{}, shapes([]record.Shape{date, date}, timeline), L, vs(d("2026-01-01"), d("2026-01-31")), nil, vs(iv("2026-01-01", "2026-01-31")), ""},
		{"a timeline", contract.Field{}, shapes([]record.Shape{date, date}, timeline), R, vs(iv("2026-01-01", "2026-01-31")), nil, vs(d("2026-01-01"), d("2026-01-31")), ""},
		{"no start yet", contract.Field{}, shapes([]record.Shape{date, date}, timeline), L, vs(record.Value{}, d("2026-01-31")), nil, vs(record.Value{}), ""},
		{"end before start", contract.Field{}, shapes([]record.Shape{date, date}, timeline), L, vs(d("2026-02-01"), d("2026-01-31")), nil, nil, OutOfRange},
		{"cleared", contract.Field{}, shapes([]record.Shape{date, date}, timeline), R, vs(record.Value{}), vs(d("2026-02-01"), d("2026-03-31")), vs(record.Value{}, record.Value{}), ""},
		{"cleared, and one must stay", contract.Field{}, shapes([]record.Shape{date, needed}, timeline), R, vs(record.Value{}), vs(d("2026-02-01"), d("2026-03-31")), nil, Required},

		{"a label", stage, shapes(one(status), status), L, vs(record.OfChoice("Qualification")), nil, vs(record.OfChoice("Open")), ""},
		{"home by name", stage, shapes(one(status), status), R, vs(record.OfChoice("Open")), vs(record.OfChoice("Closed Won")), vs(record.OfChoice("Prospecting")), ""},
		{"home already", stage, shapes(one(status), status), R, vs(record.OfChoice("Open")), vs(record.OfChoice("Qualification")), vs(record.OfChoice("Qualification")), ""},
		{"in another case", stage, shapes(one(status), status), R, vs(record.OfChoice("WON")), nil, vs(record.OfChoice("Closed Won")), ""},
		{"outside the table", stage, shapes(one(status), status), L, vs(record.OfChoice("Demo")), nil, nil, Unlisted},
		{"outside the table, kept", keep, shapes(one(status), status), L, vs(record.OfChoice("Demo")), nil, vs(record.OfChoice("Demo")), ""},
		{"outside the table, and a label of it", keep, shapes(one(status), status), L, vs(record.OfChoice("Open")), nil, nil, Unlisted},
		{"an option in another case", contract.Field{}, shapes(one(stages), labels), L, vs(record.OfChoice("Open")), nil, vs(record.OfChoice("OPEN")), ""},
		{"no option", contract.Field{}, shapes(one(stages), labels), L, vs(record.OfChoice("On hold")), nil, nil, NotAnOption},
		{"several for one", contract.Field{}, shapes(one(dropdown), status), L, vs(record.OfChoice("a", "b")), nil, nil, TooMany},
		{"several that share a label", stage, shapes(one(dropdown), status), L, vs(record.OfChoice("Prospecting", "Qualification")), nil, vs(record.OfChoice("Open")), ""},
		{"one more, and what is there stays", stage, shapes(one(dropdown), dropdown), R, vs(record.OfChoice("Open", "Won")), vs(record.OfChoice("Qualification")), vs(record.OfChoice("Closed Won", "Qualification")), ""},
		{"a choice kept as text", contract.Field{}, shapes(one(text), labels), R, vs(record.OfChoice("Later")), nil, vs(record.OfText("Later")), ""},
		{"a text that is no option", contract.Field{}, shapes(one(text), labels), L, vs(record.OfText("Sometime")), nil, nil, NotAnOption},

		{"a person", contract.Field{}, shapes(one(owner), people), L, vs(record.OfPerson("u1")), nil, vs(record.OfPerson("1")), ""},
		{"the same person under another id", contract.Field{}, shapes(one(owner), people), R, vs(record.OfPerson("1")), vs(record.OfPerson("u4")), vs(record.OfPerson("u4")), ""},
		{"one more person, and who is there stays", contract.Field{}, shapes(one(people), people), R, vs(record.OfPerson("1", "2")), vs(record.OfPerson("u4")), vs(record.OfPerson("u2", "u4")), ""},
		{"somebody only one side knows", contract.Field{}, shapes(one(owner), people), R, vs(record.OfPerson("4")), nil, nil, UnmatchedPerson},
		{"somebody who left", contract.Field{}, shapes(one(owner), people), R, vs(record.OfPerson("3")), nil, nil, UnmatchedPerson},
		{"somebody who left, and is still there", contract.Field{}, shapes(one(people), people), R, vs(record.OfPerson("3")), vs(record.OfPerson("u3")), vs(record.OfPerson("u3")), ""},
		{"a team", contract.Field{}, shapes(one(owner), people), R, vs(record.OfPerson("team")), nil, nil, UnmatchedPerson},
		{"two people for one place", contract.Field{}, shapes(one(owner), people), R, vs(record.OfPerson("1", "2")), nil, nil, TooMany},
		{"skipped", contract.Field{People: &contract.People{Unmatched: "skip"}}, shapes(one(owner), people), R, vs(record.OfPerson("4")), vs(record.OfPerson("u2")), vs(record.OfPerson("u2")), ""},
		{"fallen back", contract.Field{People: &contract.People{Unmatched: "fallback", Fallback: "Bob@X.example"}}, shapes(one(owner), people), R, vs(record.OfPerson("4")), nil, vs(record.OfPerson("u2")), ""},
		{"fallen back to nobody", contract.Field{People: &contract.People{Unmatched: "fallback", Fallback: "zoe@x.example"}}, shapes(one(owner), people), R, vs(record.OfPerson("4")), nil, nil, UnmatchedPerson},

		{"a reference", contract.Field{Reference: client}, shapes(one(lookup), relation), L, vs(record.OfReference("left-1")), nil, vs(record.OfReference("right-1")), ""},
		{"a parent without partner", contract.Field{Reference: client}, shapes(one(lookup), relation), L, vs(record.OfReference("left-7")), nil, nil, MissingParent},
		{"a parent nobody knows", contract.Field{Reference: client}, shapes(one(lookup), relation), L, vs(record.OfReference("left-9")), nil, nil, MissingParent},
		{"two parents for one place", contract.Field{Reference: client}, shapes(one(lookup), relation), R, vs(record.OfReference("right-1", "right-2")), nil, nil, TooMany},

		{"a link keeps its text", contract.Field{}, shapes(one(url), link), L, vs(record.OfLink("https://b.x", "")), vs(record.OfLink("https://a.x", "Home")), vs(record.OfLink("https://b.x", "Home")), ""},
		{"a link whose text was its address", contract.Field{}, shapes(one(url), link), L, vs(record.OfLink("https://b.x", "")), vs(record.OfLink("https://a.x", "https://a.x")), vs(record.OfLink("https://b.x", "")), ""},
		{"a link to text", contract.Field{}, shapes(one(text), link), R, vs(record.OfLink("https://b.x", "Home")), nil, vs(record.OfText("https://b.x")), ""},
		{"an address too long", contract.Field{}, shapes(one(url), link), R, vs(record.OfLink("https://example.com", "Home")), nil, nil, TooLong},

		{"nothing is false", contract.Field{}, shapes(one(checkbox), checkbox), R, vs(record.Value{}), nil, vs(record.OfBool(false)), ""},
		{"false is nothing", contract.Field{}, shapes(one(checkbox), checkbox), L, vs(record.OfBool(false)), vs(record.Value{}), vs(record.Value{}), ""},
		{"another kind than described", contract.Field{}, shapes(one(text), text), L, vs(dec("1")), nil, nil, WrongKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.field
			f.Owner = contract.OwnerEither
			l, ps := New(field(f, len(c.shapes[0]), len(c.shapes[1])), c.shapes)
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			canonical, err := l.Get(c.from, c.shown, world{})
			var got []record.Value
			if err == nil {
				got, err = l.Put(c.from.Other(), canonical, c.there, world{})
			}
			if c.reason != "" {
				var r *Rejection
				if !errors.As(err, &r) || r.Reason != c.reason {
					t.Fatalf("got %v, %v; want a rejection for %s", got, err, c.reason)
				}
				if r.Remedy == "" && r.Reason != WrongKind {
					t.Errorf("no remedy: %v", r)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if len(got) != len(c.want) || !v.Equal(c.want[i]) {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

// The value of a sensitive field is in no message.
func TestSensitiveIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		f     contract.Field
		s     [2][]record.Shape
		value record.Value
		word  string
	}{
		"number": {contract.Field{}, shapes(one(number), money), dec("123456789.5"), "123456789"},
		"text":   {contract.Field{}, shapes(one(text), short), record.OfText("secretive"), "secretive"},
		"choice": {contract.Field{}, shapes(one(status), labels), record.OfChoice("secretive"), "secretive"},
		"person": {contract.Field{}, shapes(one(owner), people), record.OfPerson("u6"), "dan@"},
	} {
		t.Run(name, func(t *testing.T) {
			c.f.Sensitive = "financial"
			l, ps := New(field(c.f, 1, 1), c.s)
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			canonical, err := l.Get(record.Left, vs(c.value), world{})
			if err == nil {
				_, err = l.Put(record.Right, canonical, nil, world{})
			}
			var r *Rejection
			if !errors.As(err, &r) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(r.Error(), c.word) || strings.Contains(r.Value, c.word) {
				t.Errorf("told: %+v", r)
			}
		})
	}
}

// A rejected reference says whom to wait for.
func TestMissingParentNamesThePair(t *testing.T) {
	l := subjects()["reference"]
	_, err := l.Put(record.Right, record.OfReference("pair-7"), nil, world{})
	var r *Rejection
	if !errors.As(err, &r) || r.Pair != "pair-7" || r.Record != "" || r.Side != record.Right {
		t.Errorf("got %+v", err)
	}
	_, err = l.Get(record.Left, vs(record.OfReference("left-9")), world{})
	if !errors.As(err, &r) || r.Record != "left-9" || r.Pair != "" {
		t.Errorf("got %+v", err)
	}
}
