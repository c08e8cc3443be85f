package lens

import (
	"errors"
	"slices"
	"testing"

	"accord/engine/contract"
	"accord/engine/record"
)

var isoCode = record.Shape{Type: "picklist", Kind: record.Choice, Options: []string{"EUR", "JPY"}}

func TestAmount(t *testing.T) {
	eur, jpy := record.OfChoice("EUR"), record.OfChoice("JPY")
	l, ps := New(field(contract.Field{Currency: "EUR", Owner: contract.OwnerEither}, 2, 1), shapes([]record.Shape{money, isoCode}, number))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	const L, R = record.Left, record.Right
	for _, c := range []struct {
		name   string
		from   record.Side
		shown  []record.Value
		there  []record.Value
		want   []record.Value
		reason string
	}{
		{"of the currency", L, vs(dec("5"), eur), vs(record.Value{}), vs(dec("5")), ""},
		{"of another one", L, vs(dec("5"), jpy), vs(dec("4")), nil, OtherCurrency},
		{"of none", L, vs(dec("5"), record.Value{}), vs(dec("4")), nil, OtherCurrency},
		{"nothing of another one", L, vs(record.Value{}, jpy), vs(dec("4")), vs(record.Value{}), ""},
		{"to a new record", R, vs(dec("5")), nil, vs(dec("5"), eur), ""},
		{"to a record of the currency", R, vs(dec("5")), vs(dec("4"), eur), vs(dec("5"), eur), ""},
		{"to a record of another one", R, vs(dec("5")), vs(dec("4"), jpy), nil, OtherCurrency},
		{"to a record of another one that has none", R, vs(dec("5")), vs(record.Value{}, jpy), nil, OtherCurrency},
		{"emptied", R, vs(record.Value{}), vs(dec("4"), eur), vs(record.Value{}, eur), ""},
		{"nothing to a new record", R, vs(record.Value{}), nil, vs(record.Value{}, eur), ""},
		{"too fine", R, vs(dec("0.001")), vs(dec("4"), eur), nil, OutOfRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			var put []record.Value
			got, err := l.Get(c.from, c.shown, world{})
			if err == nil {
				put, err = l.Put(c.from.Other(), got, c.there, world{})
			}
			if c.reason != "" {
				var r *Rejection
				if !errors.As(err, &r) || r.Reason != c.reason || r.Remedy == "" {
					t.Fatalf("got %v, %v; want a rejection %s", put, err, c.reason)
				}
				return
			}
			if err != nil || !slices.EqualFunc(put, c.want, record.Value.Equal) {
				t.Errorf("got %v, %v; want %v", put, err, c.want)
			}
		})
	}
}

// Where a side has several currencies, bare amounts are refused unless the contract says how they are told apart.
func TestMixedCurrencies(t *testing.T) {
	several := money
	several.Unit = "CurrencyIsoCode"
	object := &contract.Object{Name: "deal"}
	refused := func(f *contract.Field, left ...record.Shape) bool {
		f.Object = object
		_, ps := New(f, shapes(left, number))
		for _, p := range ps {
			if p.Code != CodeCurrency {
				t.Errorf("%v", p)
			}
		}
		return len(ps) > 0
	}
	amount := field(contract.Field{}, 1, 1)
	if !refused(amount, several) || refused(amount, money) {
		t.Error("bare amounts of several currencies are taken, or of one refused")
	}
	if refused(field(contract.Field{Lossy: []string{"currency"}}, 1, 1), several) || refused(field(contract.Field{Currency: "EUR"}, 2, 1), several, isoCode) {
		t.Error("the contract says what becomes of the currency, and is refused")
	}
	if !refused(field(contract.Field{Currency: "EUR"}, 2, 1), several, checkbox) || !refused(field(contract.Field{Currency: "EUR"}, 1, 1), several) {
		t.Error("what says no currency is taken for one")
	}
	code := field(contract.Field{Name: "currency"}, 1, 1)
	code.Ends[record.Left][0].Name = "CurrencyIsoCode"
	object.Fields = append(object.Fields, code)
	if refused(amount, several) {
		t.Error("the currency crosses in a field of its own, and the amount is refused")
	}
}
