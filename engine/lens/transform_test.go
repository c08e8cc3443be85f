package lens

import (
	"errors"
	"strings"
	"testing"

	"accord/engine/contract"
	"accord/engine/record"
)

func TestTransform(t *testing.T) {
	const L, R = record.Left, record.Right
	prefix := transform(`trimprefix(value, "P-")`, `"P-${value}"`, "P-1", "1")
	for _, c := range []struct {
		name      string
		transform *contract.Transform
		shapes    [2][]record.Shape
		from      record.Side
		shown     record.Value
		there     record.Value // what the other side holds before
		want      record.Value
		reason    string
	}{
		{"to the right", prefix, shapes(one(text), text), L, record.OfText("P-7"), record.Value{}, record.OfText("7"), ""},
		{"to the left", prefix, shapes(one(text), text), R, record.OfText("7"), record.OfText("P-6"), record.OfText("P-7"), ""},
		{"another spelling of the same stays", transform(`lower(value)`, `upper(value)`, "A", "a"), shapes(one(text), text), L, record.OfText("AB"), record.OfText("ab"), record.OfText("ab"), ""},
		{"nothing is nothing", prefix, shapes(one(text), text), R, record.Value{}, record.OfText("P-6"), record.Value{}, ""},
		{"too long afterwards", prefix, shapes(one(short), text), R, record.OfText("1234"), record.Value{}, record.Value{}, TooLong},
		{"no option of that name", transform(`upper(value)`, `lower(value)`, "won", "WON"), shapes(one(text), labels), L, record.OfText("gone"), record.Value{}, record.Value{}, NotAnOption},
		{"an option by another case", transform(`upper(value)`, `lower(value)`, "won", "WON"), shapes(one(text), labels), L, record.OfText("won"), record.Value{}, record.OfChoice("Won"), ""},
		{"no value", transform(`regex("[0-9]+", value)`, `value`, "7", "7"), shapes(one(text), text), L, record.OfText("none"), record.Value{}, record.Value{}, Untransformed},
		{"not of the kind", transform(`value`, `value`, "7", "7"), shapes(one(text), number), L, record.OfText("seven"), record.Value{}, record.Value{}, Untransformed},
		{"too many places", transform(`value / 1000`, `value * 1000`, "1000", "1"), shapes(one(number), money), L, dec("5"), record.Value{}, record.Value{}, OutOfRange},
		{"nothing is false", transform(`value == "yes"`, `value ? "yes" : "no"`, "yes", "true"), shapes(one(text), checkbox), L, record.Value{}, record.OfBool(true), record.OfBool(false), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, ps := New(field(contract.Field{Transform: c.transform, Owner: contract.OwnerEither, Lossy: []string{"transform"}}, 1, 1), c.shapes)
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			got, err := l.Get(c.from, vs(c.shown), world{})
			var put []record.Value
			if err == nil {
				put, err = l.Put(c.from.Other(), got, vs(c.there), world{})
			}
			if c.reason != "" {
				var r *Rejection
				if !errors.As(err, &r) || r.Reason != c.reason || r.Remedy == "" {
					t.Fatalf("got %v, %v; want a rejection %s", put, err, c.reason)
				}
				return
			}
			if err != nil || !put[0].Equal(c.want) {
				t.Errorf("got %v, %v; want %v", put, err, c.want)
			}
		})
	}
}

// A transform that does not lead back, or does not do as its examples say, is refused with a value that shows it.
func TestTransformProblems(t *testing.T) {
	for _, c := range []struct {
		name      string
		transform *contract.Transform
		owner     contract.Owner
		shapes    [2][]record.Shape
		says      string // "" = accepted
	}{
		{"folds case", transform(`upper(value)`, `lower(value)`, "a", "A"), contract.OwnerEither, shapes(one(text), text), `"a" of monday becomes "a" in salesforce, which becomes "A"`},
		{"folds nothing that can be chosen", transform(`upper(value)`, `title(lower(value))`, "Won", "WON"), contract.OwnerEither,
			shapes(one(stages), record.Shape{Type: "status", Kind: record.Choice, Options: []string{"WON", "OPEN"}}), ""},
		{"loses places", transform(`value * 100`, `value / 100`, "0.5", "50"), contract.OwnerEither,
			shapes(one(record.Shape{Type: "currency", Kind: record.Decimal, Scale: 2}), number), ""},
		{"cuts", transform(`substr(value, 0, 3)`, `value`, "abc", "abc"), contract.OwnerEither, shapes(one(text), text), "becomes"},
		{"cuts, on the way nobody edits", oneWay(transform(`substr(value, 0, 3)`, `value`, "abc", "abc"), record.Right), contract.OwnerLeft, shapes(one(text), text), ""},
		{"of another kind", transform(`value == "1" ? "one" : "more"`, `value == "one" ? "1" : "2"`, "1", "one"), contract.OwnerEither, shapes(one(number), text), "is to be"},
		{"people", transform(`value`, `value`, "a", "a"), contract.OwnerEither, shapes(one(owner), text), "can't make"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, ps := New(field(contract.Field{Transform: c.transform, Owner: c.owner}, 1, 1), c.shapes)
			switch {
			case c.says == "" && len(ps) > 0:
				t.Errorf("refused: %v", ps)
			case c.says != "" && (len(ps) != 1 || ps[0].Code != CodeTransform || !strings.Contains(ps[0].Detail, c.says)):
				t.Errorf("problems %v, want one that says %q", ps, c.says)
			}
		})
	}
}

// oneWay is a transform that gives one side's values only.
func oneWay(t *contract.Transform, side record.Side) *contract.Transform {
	t.To[side.Other()] = nil
	return t
}

// A side that nobody writes needs no way there; what would be put there all the same is rejected.
func TestTransformOneWay(t *testing.T) {
	f := field(contract.Field{Transform: oneWay(transform(`upper(value)`, `lower(value)`, "a", "A"), record.Right), Owner: contract.OwnerLeft}, 1, 1)
	l, ps := New(f, shapes(one(text), text))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	got, err := l.Get(record.Left, vs(record.OfText("ab")), world{})
	if err != nil || got.String() != "AB" {
		t.Fatalf("read %v, %v", got, err)
	}
	_, err = l.Put(record.Left, record.OfText("CD"), nil, world{})
	var r *Rejection
	if !errors.As(err, &r) || r.Reason != Untransformed || !strings.Contains(r.Remedy, "to_salesforce") {
		t.Errorf("put %v", err)
	}
	if held, err := l.Put(record.Left, record.OfText("AB"), vs(record.OfText("ab")), world{}); err != nil || held[0].String() != "ab" {
		t.Errorf("what is there already gives %v, %v", held, err)
	}
}

// What a sensitive field holds is in no message.
func TestTransformHides(t *testing.T) {
	f := field(contract.Field{Transform: transform(`tonumber(value)`, `"${value}"`, "7", "7"), Owner: contract.OwnerEither, Sensitive: "pii"}, 1, 1)
	l, ps := New(f, shapes(one(text), number))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	_, err := l.Get(record.Left, vs(record.OfText("secret")), world{})
	var r *Rejection
	if !errors.As(err, &r) || strings.Contains(r.Error()+r.Value, "secret") {
		t.Errorf("%v", err)
	}
}
