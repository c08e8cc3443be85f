package pubsub

import (
	"fmt"
	"math/big"
	"slices"
)

// position places a field of the org in an event's Avro record: the field's index, and the index
// within the compound record, or -1 for a field that stands alone.
type position struct{ field, part int }

// bitmaps encodes a set of positions as ChangeEventHeader.changedFields, nulledFields and diffFields do: one
// bitmap for the fields of the record, then one per compound field, led by its index. Bit i, counted from the
// lowest, is the field at index i of the schema; the header is index 0.
// From "Deserialize the Event Header Fields" of the Pub/Sub API guide.
func bitmaps(set []position) []string {
	top := new(big.Int)
	nested := map[int]*big.Int{}
	for _, p := range set {
		if p.part < 0 {
			top.SetBit(top, p.field, 1)
			continue
		}
		if nested[p.field] == nil {
			nested[p.field] = new(big.Int)
		}
		nested[p.field].SetBit(nested[p.field], p.part, 1)
	}
	out := []string{}
	if top.Sign() > 0 {
		out = append(out, hexadecimal(top))
	}
	parents := make([]int, 0, len(nested))
	for parent := range nested {
		parents = append(parents, parent)
	}
	slices.Sort(parents)
	for _, parent := range parents {
		out = append(out, fmt.Sprintf("%d-%s", parent, hexadecimal(nested[parent])))
	}
	return out
}

// hexadecimal writes n big-endian with an even number of digits.
func hexadecimal(n *big.Int) string {
	digits := fmt.Sprintf("%X", n)
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	return "0x" + digits
}
