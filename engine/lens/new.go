package lens

import (
	"fmt"

	"accord/engine/contract"
	"accord/engine/record"
)

// New makes the lens of a field whose native fields have the given shapes, in the order of f.Ends. It refuses pairs
// that can't be carried, and those that lose something of every value unless f.Lossy names the loss. With problems,
// the lens is nil.
func New(f *contract.Field, shapes [2][]record.Shape) (*Lens, []Problem) {
	j := &subject{field: f, shapes: shapes}
	if ps := j.counts(); len(ps) > 0 {
		return nil, ps
	}
	ps := j.readOnly()
	carry := j.pair
	if f.Transform != nil {
		carry = func() (codec, []Problem) { return newTransform(j) }
	}
	c, more := carry()
	ps = append(ps, j.mixed()...)
	if ps = append(ps, more...); len(ps) > 0 {
		return nil, ps
	}
	return &Lens{subject: *j, codec: c}, nil
}

// counts checks that each end has one native field, or two that make an interval.
func (j *subject) counts() []Problem {
	var ps []Problem
	for _, s := range record.Sides {
		n := len(j.field.Ends[s])
		if n != len(j.shapes[s]) {
			ps = append(ps, j.problem(CodeCount, "A native field has not been described", fmt.Sprintf(
				"Field %q names %d fields of %s, and %d of them were described. Plan again once they exist.",
				j.field.Name, n, system(s), len(j.shapes[s]))))
		} else if n != 1 && n != 2 {
			ps = append(ps, j.problem(CodeCount, "A field has the wrong number of native fields", fmt.Sprintf(
				"Field %q names %d fields of %s. Name one, or two dates that make a stretch of days.", j.field.Name, n, system(s))))
		}
	}
	return ps
}

// readOnly finds native fields that sync would write and can't.
func (j *subject) readOnly() []Problem {
	var ps []Problem
	for _, s := range record.Sides {
		if j.field.Owner == contract.OwnedBy(s) {
			continue
		}
		for i, sh := range j.shapes[s] {
			if !sh.ReadOnly {
				continue
			}
			p := j.problem(CodeReadOnly, "A field that can't be written would have to be", fmt.Sprintf(
				"%s (%s) can only be read, and field %q would be written there. Give it that owner: owner = %s; or name another field of %s.",
				j.native(s, i), sh.Type, j.field.Name, system(s), system(s)))
			p.Native = &j.field.Ends[s][i]
			ps = append(ps, p)
		}
	}
	return ps
}

// pair finds the codec for two kinds.
func (j *subject) pair() (codec, []Problem) {
	if j.field.Currency != "" {
		return newAmount(j)
	}
	if len(j.shapes[0]) == 2 || len(j.shapes[1]) == 2 {
		return j.intervals()
	}
	a, b := j.shapes[0][0].Kind, j.shapes[1][0].Kind
	if a > b {
		a, b = b, a
	}
	switch {
	case a == record.Text && b == record.Text:
		return newText(j), nil
	case a == record.Decimal && b == record.Decimal:
		return newDecimal(j), nil
	case a == record.Bool && b == record.Bool:
		return &boolCodec{j}, nil
	case a == record.Date && b == record.Date:
		return &dateCodec{j}, nil
	case b == record.DateTime && (a == record.Date || a == record.DateTime):
		return j.moments()
	case a == record.Interval && b == record.Interval:
		return &intervalCodec{j}, nil
	case b == record.Choice && (a == record.Text || a == record.Choice):
		c := newChoice(j)
		return c, c.problems()
	case a == record.Personal && b == record.Personal:
		return &personCodec{j}, nil
	case a == record.Reference && b == record.Reference:
		if j.field.Reference == nil {
			return nil, []Problem{j.problem(CodeTarget, "A reference does not say to what", fmt.Sprintf(
				"Field %q is a reference (%s). Name the object whose records it refers to: reference = object.<name>.", j.field.Name, j.types()))}
		}
		return &referenceCodec{j}, nil
	case b == record.Link && (a == record.Text || a == record.Link):
		return &linkCodec{j}, nil
	default:
		return nil, []Problem{j.impossible()}
	}
}

// intervals is for ends of which at least one has two native fields.
func (j *subject) intervals() (codec, []Problem) {
	for _, s := range record.Sides {
		for i, sh := range j.shapes[s] {
			want := record.Date
			if len(j.shapes[s]) == 1 {
				want = record.Interval
			}
			if sh.Kind == want {
				continue
			}
			p := j.problem(CodePair, "A stretch of days needs dates", fmt.Sprintf(
				"Field %q makes a stretch of days of two fields; %s (%s) holds %s, where %s is needed.",
				j.field.Name, j.native(s, i), sh.Type, sh.Kind, want))
			p.Native = &j.field.Ends[s][i]
			return nil, []Problem{p}
		}
	}
	return &intervalCodec{j}, nil
}

// moments is for two ends of which at least one holds moments. A field of type "date" can hold a time as well where the
// other end has one; another field of days keeps the day only.
func (j *subject) moments() (codec, []Problem) {
	c := &momentCodec{subject: j}
	var ps []Problem
	for _, s := range record.Sides {
		sh := j.shapes[s][0]
		if sh.Kind != record.Date {
			continue
		}
		c.dayOnly[s] = sh.Type != "date"
		if j.field.Timezone == nil {
			ps = append(ps, j.problem(CodeTimezone, "A field crosses dates and moments without a time zone", fmt.Sprintf(
				"Field %q: %s. Name the zone in which a bare date is meant, in the field: timezone = \"Europe/Berlin\".", j.field.Name, j.types())))
		}
		if c.dayOnly[s] && j.field.Owner != contract.OwnedBy(s) && !j.isLossy("time") {
			ps = append(ps, j.problem(CodeLoss, "This pair loses the time of every value", fmt.Sprintf(
				"Field %q: %s, which keeps only the day. Accept that in the field with lossy = [\"time\"], or name a field that holds a time.",
				j.field.Name, j.types())))
		}
	}
	return c, ps
}

func (j *subject) types() string {
	l, r := j.shapes[0][0], j.shapes[1][0]
	return fmt.Sprintf("%s is %s (%s), %s is %s (%s)", j.native(record.Left, 0), l.Kind, l.Type, j.native(record.Right, 0), r.Kind, r.Type)
}

func (j *subject) impossible() Problem {
	l, r := j.shapes[0][0].Kind, j.shapes[1][0].Kind
	remedy := fmt.Sprintf("Name a field of %s that holds %s, or one of %s that holds %s.", system(record.Right), l, system(record.Left), r)
	if l == record.Interval || r == record.Interval {
		s := record.Left
		if l == record.Interval {
			s = record.Right
		}
		remedy = fmt.Sprintf("Name two dates at the %s end: %s = [<start>, <end>].", system(s), system(s))
	}
	return j.problem(CodePair, "These two fields can't hold the same value", fmt.Sprintf("Field %q: %s. %s", j.field.Name, j.types(), remedy))
}

// Check finds the problems of all fields of a contract whose native types are known without asking a vendor, in the
// order of the contract. A field with an end whose type the contract does not name is left to the plan; one of a type that
// shapeOf does not know can't be made.
func Check(c *contract.Contract, shapeOf func(system string, nf contract.NativeField) (record.Shape, bool)) []Problem {
	var ps []Problem
	for _, o := range c.Objects {
		ps = append(ps, keys(o, shapeOf)...)
		for _, f := range o.Fields {
			if shapes, ok := shapesOf(f, shapeOf); ok {
				_, found := New(f, shapes)
				ps = append(ps, found...)
				continue
			}
			ps = append(ps, unmade(f, shapeOf)...)
		}
	}
	return ps
}

// keys finds key fields that hold no text, in which no id of the other system has room.
func keys(o *contract.Object, shapeOf func(string, contract.NativeField) (record.Shape, bool)) []Problem {
	var ps []Problem
	for _, s := range record.Sides {
		key := &o.Ends[s].Key
		if sh, ok := shapeOf(system(s), *key); key.Type != "" && (!ok || sh.Kind != record.Text) {
			ps = append(ps, Problem{Code: CodeUnmade, Summary: "A key needs a field that holds text", Native: key, Detail: fmt.Sprintf(
				"Object %q keeps the %s record's id in %s %s, and a field of type %q can't hold it. Write key = text.%s.",
				o.Name, system(s.Other()), system(s), key.Name, key.Type, key.Name)})
		}
	}
	return ps
}

// unmade finds native fields of types that apply can't make.
func unmade(f *contract.Field, shapeOf func(string, contract.NativeField) (record.Shape, bool)) []Problem {
	var ps []Problem
	for _, s := range record.Sides {
		for i, nf := range f.Ends[s] {
			if _, ok := shapeOf(system(s), nf); ok || nf.Type == "" {
				continue
			}
			j := subject{field: f}
			p := j.problem(CodeUnmade, "Apply can't make a field of this type", fmt.Sprintf(
				"Field %q: a type before the name asks for a field that is made when it is missing, and none of type %q is ever made in %s. "+
					"To map one that is there, whatever its type, leave the type away: %s = %s. The plan says whether its values can be carried.",
				f.Name, nf.Type, system(s), system(s), nf.Name))
			p.Native = &f.Ends[s][i]
			ps = append(ps, p)
		}
	}
	return ps
}

func shapesOf(f *contract.Field, shapeOf func(string, contract.NativeField) (record.Shape, bool)) ([2][]record.Shape, bool) {
	var shapes [2][]record.Shape
	for _, s := range record.Sides {
		for _, nf := range f.Ends[s] {
			sh, ok := shapeOf(system(s), nf)
			if !ok {
				return shapes, false
			}
			shapes[s] = append(shapes[s], sh)
		}
	}
	return shapes, true
}
