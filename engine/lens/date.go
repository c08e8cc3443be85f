package lens

import (
	"time"

	"accord/engine/record"
)

// dateCodec carries calendar dates, which have no zone. Where a side shows a time as well, its day is that of the
// contract's time zone, and the time stays as it is until the day changes.
type dateCodec struct{ *subject }

func (c *dateCodec) kind() record.Kind { return record.Date }

func (c *dateCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	return c.day(s, native[0])
}

func (c *dateCodec) put(_ record.Side, canonical record.Value, _ []record.Value, _ Env) ([]record.Value, error) {
	return []record.Value{canonical}, nil
}

func (c *dateCodec) key(canonical record.Value) string { return canonical.Part(0) }

// day is the date of a date or a moment.
func (j *subject) day(s record.Side, v record.Value) (record.Value, error) {
	switch v.Kind() {
	case record.Empty, record.Date:
		return v, nil
	case record.DateTime:
		if j.field.Timezone == nil {
			return record.Value{}, j.reject(NoTimezone, s, v.String(),
				"shows a time in "+system(s)+", and the contract names no zone in which to find its day",
				`name one with timezone = "Area/City"`)
		}
		return j.localDay(s, v)
	default:
		return record.Value{}, j.wrongKind(s, v)
	}
}

func (j *subject) localDay(s record.Side, v record.Value) (record.Value, error) {
	t, ok := v.Time()
	if !ok {
		return record.Value{}, j.outOfCalendar(s, v)
	}
	d, err := record.OfDate(t.In(j.field.Timezone).Format(time.DateOnly))
	if err != nil {
		return record.Value{}, j.outOfCalendar(s, v)
	}
	return d, nil
}

func (j *subject) outOfCalendar(s record.Side, v record.Value) *Rejection {
	return j.reject(OutOfRange, s, v.String(), "is "+j.show(v.String())+", which no calendar has a day for", "correct the date at "+system(s))
}

// momentCodec carries moments, to the second, which is what vendors keep. A bare date means the start of that day in the
// contract's time zone. With dayOnly, one side keeps no more than the day: then only the day counts.
type momentCodec struct {
	*subject
	dayOnly [2]bool
}

func (c *momentCodec) kind() record.Kind { return record.DateTime }

func (c *momentCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	v := native[0]
	switch v.Kind() {
	case record.DateTime:
		if _, ok := v.Time(); !ok {
			return record.Value{}, c.outOfCalendar(s, v)
		}
		return v, nil
	case record.Date:
		if c.field.Timezone == nil {
			return record.Value{}, c.reject(NoTimezone, s, v.String(),
				"shows a bare date in "+system(s)+", and the contract names no zone in which that day starts",
				`name one with timezone = "Area/City"`)
		}
		t, ok := v.Time()
		if !ok {
			return record.Value{}, c.outOfCalendar(s, v)
		}
		return c.moment(s, v, dayStart(t, c.field.Timezone))
	default:
		return record.Value{}, c.wrongKind(s, v)
	}
}

func (c *momentCodec) put(s record.Side, canonical record.Value, _ []record.Value, _ Env) ([]record.Value, error) {
	if c.dayOnly[s] {
		d, err := c.localDay(s, canonical)
		return []record.Value{d}, err
	}
	t, ok := canonical.Time()
	if !ok {
		return nil, c.outOfCalendar(s, canonical)
	}
	v, err := c.moment(s, canonical, t.Truncate(time.Second))
	return []record.Value{v}, err
}

func (c *momentCodec) key(canonical record.Value) string {
	t, ok := canonical.Time()
	switch {
	case !ok:
		return canonical.Part(0)
	case c.dayOnly[record.Left] || c.dayOnly[record.Right]:
		return t.In(c.field.Timezone).Format(time.DateOnly)
	default:
		return t.Truncate(time.Second).Format(time.RFC3339)
	}
}

// moment is t as a value; years that don't fit the notation are refused.
func (c *momentCodec) moment(s record.Side, of record.Value, t time.Time) (record.Value, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return record.Value{}, c.outOfCalendar(s, of)
	}
	return record.OfDateTime(t), nil
}

// dayStart is the first moment of a day in a zone. That is not always midnight: clocks that go forward at midnight skip
// it, those that go back over it have two.
func dayStart(day time.Time, zone *time.Location) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	from, to := t.ZoneBounds()
	if t.Day() != day.Day() || t.Hour() != 0 {
		// Midnight was skipped, and t stands on either side of the gap.
		switch {
		case t.Day() != day.Day() && !to.IsZero():
			return to
		case t.Day() == day.Day() && !from.IsZero():
			return from
		}
		return t
	}
	if !from.IsZero() {
		_, now := t.Zone()
		_, before := from.Add(-time.Second).Zone()
		if earlier := t.Add(time.Duration(now-before) * time.Second); earlier.Before(from) && earlier.Day() == day.Day() {
			return earlier
		}
	}
	return t
}
