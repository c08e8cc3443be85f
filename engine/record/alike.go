package record

import (
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Alike says whether a value may be what a vendor made of another one when it stored it, or the other way round: vendors
// fold the white space of texts and change the case of some of them, and round numbers to fewer places.
func (v Value) Alike(w Value) bool {
	if v.Equal(w) {
		return true
	}
	text := func(v Value) (string, bool) {
		return strings.Join(strings.Fields(v.Part(0)), " "), v.kind == Text || v.kind == Empty
	}
	a, first := text(v)
	b, second := text(w)
	switch {
	case first && second:
		return strings.EqualFold(a, b)
	case v.kind == Decimal && w.kind == Decimal:
		return rounds(v, w) || rounds(w, v)
	default:
		return false
	}
}

// rounds says whether one decimal becomes the other at the places that the other has.
func rounds(exact, short Value) bool {
	a, _, err := apd.NewFromString(exact.Part(0))
	if err != nil {
		return false
	}
	b, _, err := apd.NewFromString(short.Part(0))
	if err != nil || b.Exponent < a.Exponent {
		return false
	}
	var rounded apd.Decimal
	_, err = apd.BaseContext.WithPrecision(2000).Quantize(&rounded, a, b.Exponent)
	return err == nil && rounded.Cmp(b) == 0
}
