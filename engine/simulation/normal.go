package simulation

import (
	"math/big"
	"strings"

	"accord/engine/record"
)

// normal is what a vendor that normalises makes of a value: texts lose what stands around them and double spaces, numbers
// keep one decimal place.
func normal(_ string, v record.Value) record.Value {
	switch v.Kind() {
	case record.Text:
		return record.OfText(strings.Join(strings.Fields(v.Part(0)), " "))
	case record.Decimal:
		n, ok := new(big.Rat).SetString(v.Part(0))
		if !ok {
			return v
		}
		rounded, err := record.OfDecimal(n.FloatString(1))
		if err != nil {
			return v
		}
		return rounded
	default:
		return v
	}
}

// alike says whether two values are the same once vendors have normalised them.
func (w *world) alike(a, b record.Value) bool {
	return a.Equal(b) || w.met(Normalise) && normal("", a).Equal(normal("", b))
}

// spelling is the value as the oracles compare it.
func (w *world) spelling(v record.Value) string {
	if w.met(Normalise) {
		v = normal("", v)
	}
	return v.String()
}
