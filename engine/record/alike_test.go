package record_test

import (
	"testing"

	"accord/engine/record"
)

func TestAlike(t *testing.T) {
	number := func(s string) record.Value {
		v, err := record.OfDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		a, b record.Value
		want bool
	}{
		{record.OfText(" two  words\n"), record.OfText("two words"), true},
		{record.OfText("Ada@Example.com"), record.OfText("ada@example.com"), true},
		{record.OfText("  "), record.Value{}, true},
		{record.OfText("answer 70"), record.OfText("answer 71"), false},
		{record.OfText("two words"), record.OfText("twowords"), false},
		{record.OfText("two"), record.Value{}, false},
		{number("12.345"), number("12.35"), true},
		{number("12.345"), number("12.3"), true},
		{number("12.345"), number("12.4"), false},
		{number("1999.5"), number("2000"), true},
		{number("1200"), number("1249"), false},
		{number("0.4"), number("0"), true},
		{number("1"), record.OfText("1"), false},
		{record.OfChoice("Open"), record.OfChoice("open"), false},
	} {
		if got := test.a.Alike(test.b); got != test.want {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
		if got := test.b.Alike(test.a); got != test.want {
			t.Errorf("%q and %q: %v", test.b, test.a, got)
		}
	}
}
