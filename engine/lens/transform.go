package lens

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"accord/engine/contract"
	"accord/engine/record"
)

// transformCodec carries values that the contract translates by expressions. The canonical value is spelled as the plain
// side spells it: the side that is written, or the right one where both are. The other side's values come to it, and go
// from it, through the transform.
type transformCodec struct {
	*subject
	plain  record.Side
	native [2]codec // what a side's own values are checked by
}

func newTransform(j *subject) (codec, []Problem) {
	c := &transformCodec{subject: j, plain: record.Right}
	if j.field.Owner == contract.OwnerRight {
		c.plain = record.Left
	}
	for _, s := range record.Sides {
		sh := j.shapes[s][0]
		if sh.Kind == record.Personal || sh.Kind == record.Reference || sh.Kind == record.Interval {
			p := j.problem(CodeTransform, "A transform can't carry this", fmt.Sprintf(
				"Field %q: %s (%s) holds %s, which a transform can't make. Take the transform away.", j.field.Name, j.native(s, 0), sh.Type, sh.Kind))
			p.Native = &j.field.Ends[s][0]
			return nil, []Problem{p}
		}
		own, ps := (&subject{field: j.field, shapes: [2][]record.Shape{j.shapes[s], j.shapes[s]}}).pair()
		if len(ps) > 0 {
			return nil, ps
		}
		c.native[s] = own
	}
	ps := c.examples()
	if len(ps) == 0 {
		ps = c.law()
	}
	return c, ps
}

func (c *transformCodec) kind() record.Kind { return c.native[c.plain].kind() }

func (c *transformCodec) get(s record.Side, native []record.Value, env Env) (record.Value, error) {
	if native[0].IsEmpty() { // of truth values only, where nothing is false
		return record.OfBool(false), nil
	}
	v, err := c.native[s].get(s, native, env)
	if err != nil || s == c.plain {
		return v, err
	}
	return c.apply(c.plain, v)
}

func (c *transformCodec) put(s record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error) {
	if s == c.plain {
		return c.native[s].put(s, canonical, previous, env)
	}
	if canonical.IsEmpty() {
		canonical = record.OfBool(false)
	}
	v, err := c.apply(s, canonical)
	if err != nil {
		return nil, err
	}
	if v.IsEmpty() && c.native[s].kind() != record.Bool {
		return make([]record.Value, 1), nil
	}
	return c.native[s].put(s, v, previous, env)
}

// key is that of the value as it comes back from the other side, so that what both sides can't tell apart is one thing
// even where no sample showed the difference. Expressions compose characters (Unicode's form C); so do keys.
func (c *transformCodec) key(canonical record.Value) string {
	if _, back, err := c.there(canonical); err == nil && !back.IsEmpty() {
		canonical = back
	}
	return norm.NFC.String(c.native[c.plain].key(canonical))
}

// there takes a plain value to the other side, as that side can hold it, and back again.
func (c *transformCodec) there(v record.Value) (home, back record.Value, err error) {
	other, t := c.plain.Other(), c.field.Transform
	if t.To[other] == nil || t.To[c.plain] == nil {
		return home, v, nil
	}
	if home, err = t.To[other].Eval(v, c.native[other].kind()); err != nil || home.IsEmpty() {
		return home, v, err
	}
	native, err := c.native[other].put(other, home, nil, nobody{})
	if err != nil {
		return home, v, err
	}
	if home, err = c.native[other].get(other, native, nobody{}); err != nil {
		return home, v, err
	}
	back, err = t.To[c.plain].Eval(home, c.native[c.plain].kind())
	if err != nil {
		return home, v, &noWayBack{err}
	}
	return home, back, nil
}

// noWayBack is a value that crosses and can't return.
type noWayBack struct{ error }

// apply makes a side's value of the other's.
func (c *transformCodec) apply(to record.Side, v record.Value) (record.Value, error) {
	f := c.field.Transform.To[to]
	if f == nil {
		return record.Value{}, c.reject(Untransformed, to.Other(), v.String(), "has no way to "+system(to)+": its transform names none",
			"add to_"+system(to)+" to the transform")
	}
	out, err := f.Eval(v, c.native[to].kind())
	if err != nil {
		detail := err.Error()
		if c.field.Sensitive != "" {
			detail = "its transform can't translate it" // the expression's complaint may quote it
		}
		return record.Value{}, c.reject(Untransformed, to.Other(), v.String(), fmt.Sprintf("is %s in %s: %s", c.show(v.String()), system(to.Other()), detail),
			"change the value at "+system(to.Other())+", or have the transform make something of it")
	}
	return out, nil
}

// examples checks the contract's examples as what the fields hold.
func (c *transformCodec) examples() []Problem {
	var ps []Problem
	t := c.field.Transform
	for _, e := range t.Examples {
		for _, s := range record.Sides {
			if t.To[s] == nil {
				continue
			}
			want := []string{e.Values[s]}
			if s == record.Left {
				want = t.Homes(e.Values[record.Right])
			}
			got, err := c.expected(e, s)
			if err == nil && slices.ContainsFunc(want, func(w string) bool {
				values := [2]string{w, w}
				v, err := contract.Example{Values: values}.Of(s, c.native[s].kind())
				return err == nil && c.native[s].key(v) == c.native[s].key(got)
			}) {
				continue
			}
			said := quote(got.String())
			if err != nil {
				said = err.Error()
			}
			ps = append(ps, c.problem(CodeTransform, "An example of a transform does not come true", fmt.Sprintf(
				"Field %q: to_%s of %s is to be %s, and is %s. %s. Correct the transform, or the example.",
				c.field.Name, system(s), quote(e.Values[s.Other()]), quoteAll(want), said, c.types())))
		}
	}
	return ps
}

// expected is what the transform makes of an example for a side.
func (c *transformCodec) expected(e contract.Example, s record.Side) (record.Value, error) {
	v, err := e.Of(s.Other(), c.native[s.Other()].kind())
	if err != nil {
		return record.Value{}, err
	}
	return c.field.Transform.To[s].Eval(v, c.native[s].kind())
}

// law samples whether what goes home comes back: plain value, other side, and the same plain value again. Else an edit on
// the plain side would be followed by one of ours on the same side. A value that the transform refuses is rejected when
// it comes, and breaks nothing.
func (c *transformCodec) law() []Problem {
	t := c.field.Transform
	other := c.plain.Other()
	if t.To[record.Left] == nil || t.To[record.Right] == nil || c.isLossy("transform") {
		return nil
	}
	for _, v := range c.samples() {
		held, err := c.native[c.plain].put(c.plain, v, nil, nobody{})
		if err != nil {
			continue // the field can't hold it
		}
		if v, err = c.native[c.plain].get(c.plain, held, nobody{}); err != nil {
			continue
		}
		home, back, err := c.there(v)
		var lost *noWayBack
		if err != nil && !errors.As(err, &lost) || home.IsEmpty() {
			continue
		}
		if err == nil && c.native[c.plain].key(back) == norm.NFC.String(c.native[c.plain].key(v)) {
			continue
		}
		said := quote(back.String())
		if err != nil {
			said = "an error: " + err.Error()
		}
		return []Problem{c.problem(CodeTransform, "A transform does not lead back", fmt.Sprintf(
			"Field %q: %s of %s becomes %s in %s, which becomes %s. Whoever writes the first would see it change under their hands. "+
				"Make to_%s undo to_%s, or accept the change in the field with lossy = [\"transform\"].",
			c.field.Name, quote(v.String()), system(c.plain), quote(home.String()), system(other), said, system(c.plain), system(other)))}
	}
	return nil
}

// sampleCount is how many values are drawn, beside the examples and those known to be difficult.
const sampleCount = 100

// samples are values of the plain side: the examples, what the field offers, what is known to be difficult, and some drawn
// at random, the same every time.
func (c *transformCodec) samples() []record.Value {
	kind, sh := c.kind(), c.shapes[c.plain][0]
	texts := slices.Clone(sh.Options)
	for _, e := range c.field.Transform.Examples {
		texts = append(texts, e.Values[c.plain])
	}
	texts = append(texts, difficult[kind]...)
	random := rand.New(rand.NewPCG(1, 2))
	for range sampleCount {
		texts = append(texts, drawn(kind, random))
	}
	var values []record.Value
	for _, text := range texts {
		v, err := contract.Example{Values: [2]string{text, text}}.Of(c.plain, kind)
		if err == nil && (!v.IsEmpty() || kind == record.Bool) {
			values = append(values, v)
		}
	}
	return values
}

// difficult are values that expressions tend to get wrong.
var difficult = map[record.Kind][]string{
	record.Text:     {"a", "A", "Ab c", " a ", "a  b", "0", "007", "-1", "1.50", "a,b", "a-b", "a/b", "a:b", "%", "ß", "é", "😀", "שלום", "line\nline", "null", "true"},
	record.Choice:   {"a", "A", "Ab c", "0", "1"},
	record.Decimal:  {"0", "1", "-1", "0.5", "-0.01", "100", "99.99", "1234567.89", "0.1", "3"},
	record.Bool:     {"true", "false"},
	record.Date:     {"2024-02-29", "2026-03-29", "2026-10-25", "1999-12-31", "2000-01-01"},
	record.DateTime: {"2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z", "1999-12-31T23:59:59.999Z"},
	record.Link:     {"https://example.com", "http://example.com/a?b=c#d", "https://xn--bcher-kva.example/ü"},
}

// drawn draws the text of a value of a kind.
func drawn(kind record.Kind, r *rand.Rand) string {
	switch kind {
	case record.Decimal:
		return fmt.Sprintf("%de-%d", r.IntN(2_000_000)-1_000_000, r.IntN(4))
	case record.Date, record.DateTime:
		at := time.Unix(r.Int64N(4e9), 0).UTC()
		if kind == record.Date {
			return at.Format(time.DateOnly)
		}
		return at.Format(time.RFC3339)
	case record.Link:
		return fmt.Sprintf("https://example.com/%d", r.IntN(1000))
	case record.Bool:
		return fmt.Sprint(r.IntN(2) == 0)
	default:
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteRune([]rune("abcXYZ019 -_./é")[r.IntN(15)])
		}
		return b.String()
	}
}
