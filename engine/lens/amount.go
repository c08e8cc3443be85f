package lens

import (
	"fmt"
	"slices"

	"accord/engine/contract"
	"accord/engine/record"
)

// amountCodec carries amounts of one currency. One end has a second native field, which says in what currency its record's
// amounts are: those of another one stay where they are.
type amountCodec struct {
	*decimalCodec
	says record.Side // the end with the second field
}

func newAmount(j *subject) (codec, []Problem) {
	c := &amountCodec{says: record.Left}
	if len(j.shapes[record.Right]) == 2 {
		c.says = record.Right
	}
	if len(j.shapes[c.says]) != 2 || len(j.shapes[c.says.Other()]) != 1 {
		return nil, []Problem{j.problem(CodeCurrency, "Nothing says the currency", fmt.Sprintf(
			"Field %q carries amounts in %s, and no native field says a record's currency. Name it beside the amount, at one end.", j.field.Name, j.field.Currency))}
	}
	if a, b := j.shapes[0][0].Kind, j.shapes[1][0].Kind; a != record.Decimal || b != record.Decimal {
		return nil, []Problem{j.impossible()}
	}
	if unit := j.shapes[c.says][1]; unit.Kind != record.Choice && unit.Kind != record.Text {
		p := j.problem(CodeCurrency, "This does not say a currency", fmt.Sprintf(
			"%s (%s) holds %s, where a currency's code is needed.", j.native(c.says, 1), unit.Type, unit.Kind))
		p.Native = &j.field.Ends[c.says][1]
		return nil, []Problem{p}
	}
	c.decimalCodec = newDecimal(j)
	return c, nil
}

func (c *amountCodec) get(s record.Side, native []record.Value, env Env) (record.Value, error) {
	if native[0].IsEmpty() {
		return record.Value{}, nil
	}
	if s == c.says && native[1].Part(0) != c.field.Currency {
		return record.Value{}, c.otherCurrency(native[1])
	}
	return c.decimalCodec.get(s, native, env)
}

func (c *amountCodec) put(s record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error) {
	amount := []record.Value{{}}
	if !canonical.IsEmpty() {
		var err error
		if amount, err = c.decimalCodec.put(s, canonical, previous, env); err != nil {
			return nil, err
		}
	}
	if s != c.says {
		return amount, nil
	}
	unit := record.OfChoice(c.field.Currency)
	if c.shapes[s][1].Kind == record.Text {
		unit = record.OfText(c.field.Currency)
	}
	switch {
	case previous == nil: // a new record: its amount and its currency go together
	case canonical.IsEmpty():
		unit = previous[1] // nothing is nothing in every currency
	case previous[1].Part(0) != c.field.Currency:
		return nil, c.otherCurrency(previous[1]) // all its other amounts would change with it
	}
	return append(amount, unit), nil
}

func (c *amountCodec) otherCurrency(unit record.Value) *Rejection {
	return c.reject(OtherCurrency, c.says, unit.Part(0),
		fmt.Sprintf("is in %s by %s, and crosses in %s", orNone(unit.Part(0)), c.native(c.says, 1), c.field.Currency),
		"give the record that currency at "+system(c.says)+", or leave its amount where it is")
}

func orNone(currency string) string {
	if currency == "" {
		return "no currency"
	}
	return currency
}

// mixed finds amounts of several currencies that would stand beside each other as bare numbers.
func (j *subject) mixed() []Problem {
	if j.field.Currency != "" || j.field.Object == nil || j.isLossy("currency") {
		return nil
	}
	for _, s := range record.Sides {
		unit := j.shapes[s][0].Unit
		crosses := slices.ContainsFunc(j.field.Object.Fields, func(f *contract.Field) bool {
			return f.Currency == "" && slices.ContainsFunc(f.Ends[s], func(n contract.NativeField) bool { return n.Name == unit })
		})
		if unit == "" || crosses {
			continue
		}
		return []Problem{j.problem(CodeCurrency, "Amounts of several currencies would look alike", fmt.Sprintf(
			"Field %q: %s has amounts in several currencies, and %s would show bare numbers. Carry those of one currency: %s = [%s, %s] and currency = \"EUR\"; "+
				"or map %s to a field of its own; or accept the loss with lossy = [\"currency\"].",
			j.field.Name, system(s), system(s.Other()), system(s), j.field.Ends[s][0].Name, unit, unit))}
	}
	return nil
}
