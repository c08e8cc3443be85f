package lens

import (
	"errors"
	"testing"

	"accord/engine/contract"
	"accord/engine/record"
)

// Values as people write them, on their way to columns that take one way of writing only.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		left, right record.Shape
		from, want  record.Value // want is empty where the value must be refused
		reason      string
	}{
		{text, phone, record.OfText("(415) 555-1234"), record.OfText("4155551234"), ""},
		{text, phone, record.OfText("+49 (30) 123-456"), record.OfText("+4930123456"), ""},
		{text, phone, record.OfText(" 030/12 34.56\u00a0"), record.OfText("030123456"), ""},
		{text, phone, record.OfText("030 123 ext. 5"), record.Value{}, WrongKind},
		{text, phone, record.OfText("1-800-FLOWERS"), record.Value{}, WrongKind},
		{text, phone, record.OfText("12"), record.Value{}, WrongKind},
		{text, email, record.OfText("O'Brien+x@Example.COM"), record.OfText("O'Brien+x@Example.COM"), ""},
		{text, email, record.OfText("Ann <ann@x.example>"), record.Value{}, WrongKind},
		{text, email, record.OfText("nobody"), record.Value{}, WrongKind},
		{url, site, record.OfLink("example.com", ""), record.OfLink("http://example.com", ""), ""},
		{url, site, record.OfLink("localhost:8080/x", ""), record.OfLink("http://localhost:8080/x", ""), ""},
		{url, site, record.OfLink("HTTPS://X.example/a?b=c:d", ""), record.OfLink("HTTPS://X.example/a?b=c:d", ""), ""},
		{url, site, record.OfLink("mailto:a@x.example", ""), record.OfLink("mailto:a@x.example", ""), ""},
		{url, site, record.OfLink("javascript:alert(1)", ""), record.Value{}, WrongKind},
		{url, site, record.OfLink("https://x.example/a b", ""), record.Value{}, WrongKind},
		{number, stars, dec("5"), dec("5"), ""},
		{number, stars, dec("6"), record.Value{}, OutOfRange},
		{number, stars, dec("0"), record.Value{}, OutOfRange},
		{number, stars, dec("-1"), record.Value{}, OutOfRange},
	} {
		l, ps := New(field(contract.Field{Owner: contract.OwnerEither}, 1, 1), shapes(one(c.left), c.right))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		canonical, err := l.Get(record.Left, vs(c.from), world{})
		if err != nil {
			t.Fatalf("%v: %v", c.from, err)
		}
		there, err := l.Put(record.Right, canonical, nil, world{})
		var r *Rejection
		if c.reason != "" {
			if !errors.As(err, &r) || r.Reason != c.reason || r.Remedy == "" {
				t.Errorf("%v becomes %v, %v; want it refused as %s", c.from, there, err, c.reason)
			}
			continue
		}
		if err != nil || !there[0].Equal(c.want) {
			t.Errorf("%v becomes %v, %v; want %v", c.from, there, err, c.want)
			continue
		}
		back, err := l.Get(record.Right, there, world{})
		if err != nil || !l.Same(back, canonical) {
			t.Errorf("%v is not the same as %v, %v", there, c.from, err)
		}
		// Somebody's own way of writing it stays.
		if home, err := l.Put(record.Left, back, vs(c.from), world{}); err != nil || !home[0].Equal(c.from) {
			t.Errorf("%v comes home as %v, %v", c.from, home, err)
		}
	}
}

// A choice that contains what stands between several would come back as two.
func TestSeparatorInAChoice(t *testing.T) {
	many := record.Shape{Type: "multipicklist", Kind: record.Choice, Many: true, Separator: ";"}
	table := &contract.Picklist{Name: "p", Values: []contract.PicklistEntry{{Left: "x;y", Right: "Q"}, {Left: "z", Right: "Z"}}}
	for _, f := range []contract.Field{{Picklist: table, Owner: contract.OwnerEither}, {Owner: contract.OwnerEither}} {
		l, ps := New(field(f, 1, 1), shapes(one(many), dropdown))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		label := "x;y"
		if f.Picklist != nil {
			label = "Q"
		}
		canonical, err := l.Get(record.Right, vs(record.OfChoice(label)), world{})
		if err != nil {
			t.Fatal(err)
		}
		var r *Rejection
		if there, err := l.Put(record.Left, canonical, nil, world{}); !errors.As(err, &r) || r.Reason != NotAnOption {
			t.Errorf("%s becomes %v, %v; want it refused", label, there, err)
		}
	}
}
