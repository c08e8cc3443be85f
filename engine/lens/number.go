package lens

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"accord/engine/record"
)

// decimalCodec carries exact decimals. More decimal places than a side keeps are refused, or rounded half to even where
// the contract accepts "round".
type decimalCodec struct {
	*subject
	round  bool
	scales []int // of the sides that have a limit, largest first
}

func newDecimal(j *subject) *decimalCodec {
	c := &decimalCodec{subject: j, round: j.isLossy("round")}
	for _, s := range record.Sides {
		if n := j.shapes[s][0].Scale; n >= 0 {
			c.scales = append(c.scales, n)
		}
	}
	slices.SortFunc(c.scales, func(a, b int) int { return b - a })
	c.scales = slices.Compact(c.scales)
	return c
}

func (c *decimalCodec) kind() record.Kind { return record.Decimal }

func (c *decimalCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	if native[0].Kind() != record.Decimal {
		return record.Value{}, c.wrongKind(s, native[0])
	}
	return native[0], nil
}

func (c *decimalCodec) put(s record.Side, canonical record.Value, _ []record.Value, _ Env) ([]record.Value, error) {
	sh := c.shapes[s][0]
	v := canonical
	if sh.Scale >= 0 && decimals(v.Part(0)) > sh.Scale {
		if !c.round {
			return nil, c.reject(OutOfRange, s, v.Part(0),
				fmt.Sprintf("is %s, and %s keeps %d decimal places", c.show(v.Part(0)), c.native(s, 0), sh.Scale),
				`round it, or accept the loss with lossy = ["round"]`)
		}
		v = c.rounded(v, sh.Scale)
	}
	if n := digits(v.Part(0)); sh.Digits > 0 && n > sh.Digits {
		return nil, c.reject(OutOfRange, s, v.Part(0),
			fmt.Sprintf("is %s, and %s keeps %d digits before the decimal point", c.show(v.Part(0)), c.native(s, 0), sh.Digits),
			"correct the number, or give the field more digits at "+system(s))
	}
	// A column of stars shows none as nothing, so that none would come back as no number at all.
	if n, err := strconv.Atoi(v.Part(0)); sh.Most > 0 && (err != nil || n < 1 || n > sh.Most) {
		return nil, c.reject(OutOfRange, s, v.Part(0),
			fmt.Sprintf("is %s, and %s holds whole numbers from 1 to %d", c.show(v.Part(0)), c.native(s, 0), sh.Most),
			"correct the number at "+system(s.Other())+", or map the field to one that holds any number")
	}
	return []record.Value{v}, nil
}

func (c *decimalCodec) key(canonical record.Value) string {
	if c.round && len(c.scales) > 0 {
		canonical = c.rounded(canonical, c.scales[len(c.scales)-1])
	}
	return canonical.Part(0)
}

// rounded goes down to scale through the other side's, if that is larger: as the value would if it passed there first.
// Otherwise the two ways could end in different numbers, and one side would be corrected for ever.
func (c *decimalCodec) rounded(v record.Value, scale int) record.Value {
	for _, n := range c.scales {
		if n >= scale {
			v = round(v, n)
		}
	}
	return v
}

func round(v record.Value, scale int) record.Value {
	text := v.Part(0)
	if decimals(text) <= scale {
		return v
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return v
	}
	ctx := apd.BaseContext.WithPrecision(uint32(len(text) + 1))
	ctx.Rounding = apd.RoundHalfEven
	var out apd.Decimal
	if _, err := ctx.Quantize(&out, d, int32(-min(scale, 2000))); err != nil {
		return v
	}
	w, err := record.OfDecimal(out.Text('f'))
	if err != nil {
		return v
	}
	return w
}

// decimals counts the places after the point of a canonical decimal.
func decimals(text string) int {
	if i := strings.IndexByte(text, '.'); i >= 0 {
		return len(text) - i - 1
	}
	return 0
}

// digits counts those before the point of a canonical decimal, none for a leading zero.
func digits(text string) int {
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if whole == "0" {
		return 0
	}
	return len(whole)
}

// boolCodec carries truth values. A side that has no third state shows nothing for false, so nothing means false.
type boolCodec struct{ *subject }

func (c *boolCodec) kind() record.Kind { return record.Bool }

func (c *boolCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	switch native[0].Kind() {
	case record.Bool:
		return native[0], nil
	case record.Empty:
		return record.OfBool(false), nil
	default:
		return record.Value{}, c.wrongKind(s, native[0])
	}
}

func (c *boolCodec) put(_ record.Side, canonical record.Value, _ []record.Value, _ Env) ([]record.Value, error) {
	return []record.Value{record.OfBool(canonical.Bool())}, nil
}

func (c *boolCodec) key(canonical record.Value) string {
	if canonical.Bool() {
		return "true"
	}
	return "false"
}
