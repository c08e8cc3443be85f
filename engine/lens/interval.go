package lens

import "accord/engine/record"

// intervalCodec carries stretches of days: one interval, or two dates, on either side. One native field holds both ends
// or none: two dates of which one is still missing are, to it, not an interval yet.
type intervalCodec struct{ *subject }

func (c *intervalCodec) kind() record.Kind { return record.Interval }

func (c *intervalCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	if len(native) == 1 {
		if native[0].Kind() != record.Interval {
			return record.Value{}, c.wrongKind(s, native[0])
		}
		return c.ordered(s, native[0])
	}
	var ends [2]string
	for i, v := range native {
		d, err := c.day(s, v)
		if err != nil {
			return record.Value{}, err
		}
		ends[i] = d.Part(0)
	}
	v, err := record.OfInterval(ends[0], ends[1])
	if err != nil {
		return record.Value{}, c.outOfCalendar(s, v)
	}
	return c.ordered(s, v)
}

// ordered refuses an interval that ends before it starts.
func (c *intervalCodec) ordered(s record.Side, v record.Value) (record.Value, error) {
	if from, to := v.Part(0), v.Part(1); from != "" && to != "" && from > to {
		return record.Value{}, c.reject(OutOfRange, s, v.String(), "starts after it ends: "+c.show(v.String()),
			"put its two dates into order at "+system(s))
	}
	return v, nil
}

func (c *intervalCodec) put(s record.Side, canonical record.Value, _ []record.Value, _ Env) ([]record.Value, error) {
	v, err := c.ordered(s, canonical)
	if err != nil {
		return nil, err
	}
	from, to := v.Part(0), v.Part(1)
	if len(c.shapes[s]) == 1 {
		if from == "" || to == "" {
			return []record.Value{{}}, nil // it shows once both its dates are known
		}
		return []record.Value{v}, nil
	}
	out := make([]record.Value, 2)
	for i, day := range []string{from, to} {
		if day == "" {
			continue
		}
		if out[i], err = record.OfDate(day); err != nil {
			return nil, c.outOfCalendar(s, v)
		}
	}
	return out, nil
}

func (c *intervalCodec) key(canonical record.Value) string {
	if half := canonical.Part(0) == "" || canonical.Part(1) == ""; half && (len(c.shapes[0]) == 1 || len(c.shapes[1]) == 1) {
		return ""
	}
	return canonical.Part(0) + "/" + canonical.Part(1)
}
