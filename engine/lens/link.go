package lens

import (
	"strings"

	"accord/engine/record"
)

// linkCodec carries web addresses. The text that one side shows for an address is that side's own: it does not cross,
// and stays when the address changes, unless it was the address itself.
type linkCodec struct{ *subject }

func (c *linkCodec) kind() record.Kind { return record.Link }

func (c *linkCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	switch v := native[0]; v.Kind() {
	case c.shapes[s][0].Kind:
		return record.OfLink(strings.TrimSpace(v.Part(0)), ""), nil
	default:
		return record.Value{}, c.wrongKind(s, v)
	}
}

func (c *linkCodec) put(s record.Side, canonical record.Value, previous []record.Value, _ Env) ([]record.Value, error) {
	sh := c.shapes[s][0]
	url, err := c.toForm(s, strings.TrimSpace(canonical.Part(0)), previous)
	if err != nil {
		return nil, err
	}
	if tooLong(url, sh.MaxLength) {
		return nil, c.tooLong(s, 0, url, sh.MaxLength, "shorten the address at "+system(s.Other()))
	}
	if sh.Kind == record.Text {
		return []record.Value{record.OfText(url)}, nil
	}
	text := ""
	if previous != nil && previous[0].Kind() == record.Link && previous[0].Part(1) != previous[0].Part(0) {
		text = previous[0].Part(1)
	}
	return []record.Value{record.OfLink(url, text)}, nil
}

func (c *linkCodec) key(canonical record.Value) string {
	return c.formed(strings.TrimSpace(canonical.Part(0)))
}
