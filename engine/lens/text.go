package lens

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"accord/engine/record"
)

// textCodec carries text. Surrounding white space does not count where a side trims it, nor how lines end; a text that
// is too long is refused, or cut where the contract accepts "truncate".
type textCodec struct {
	*subject
	folds    bool // a side trims
	truncate bool
	shortest int // the limit that counts when comparing cut texts; 0 = none
}

func newText(j *subject) *textCodec {
	c := &textCodec{subject: j, truncate: j.isLossy("truncate")}
	for _, s := range record.Sides {
		sh := j.shapes[s][0]
		c.folds = c.folds || sh.Folds
		if c.truncate && sh.MaxLength > 0 && (c.shortest == 0 || sh.MaxLength < c.shortest) {
			c.shortest = sh.MaxLength
		}
	}
	return c
}

func (c *textCodec) kind() record.Kind { return record.Text }

func (c *textCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	if native[0].Kind() != record.Text {
		return record.Value{}, c.wrongKind(s, native[0])
	}
	return native[0], nil
}

func (c *textCodec) put(s record.Side, canonical record.Value, previous []record.Value, _ Env) ([]record.Value, error) {
	text, err := c.toForm(s, canonical.Part(0), previous)
	if err != nil {
		return nil, err
	}
	if c.shapes[s][0].Folds {
		text = strings.TrimSpace(text)
	}
	limit := c.shapes[s][0].MaxLength
	if c.truncate {
		if even := c.even(text); cut(even, limit) != even {
			text = cut(even, limit)
		}
	}
	if tooLong(text, limit) {
		return nil, c.tooLong(s, 0, text, limit, `shorten it, or accept the loss with lossy = ["truncate"]`)
	}
	return []record.Value{record.OfText(text)}, nil
}

func (c *textCodec) key(canonical record.Value) string {
	return cut(c.formed(c.even(canonical.Part(0))), c.shortest)
}

// lineEnds leaves one way to end a line, so that doing it twice changes no more.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// even is a text without the differences that nobody wrote.
func (c *textCodec) even(text string) string {
	if c.folds {
		text = strings.TrimSpace(text)
	}
	return lineEnds.Replace(text)
}

func (j *subject) tooLong(s record.Side, i int, text string, limit int, remedy string) *Rejection {
	return j.reject(TooLong, s, text, fmt.Sprintf("has %d characters, and %s keeps %d", utf8.RuneCountInString(text), j.native(s, i), limit), remedy)
}

// tooLong says whether a text has more characters than limit; 0 is no limit.
func tooLong(text string, limit int) bool {
	return limit > 0 && len(text) > limit && utf8.RuneCountInString(text) > limit
}

// cut shortens a text to limit UTF-16 units, the strictest way in which a vendor counts, without cutting a character in
// two and without leaving white space at the end, which some vendors would trim. A text that fits stays as it is.
func cut(text string, limit int) string {
	if limit <= 0 || len(text) <= limit {
		return text
	}
	units := 0
	for i, r := range text {
		if units += max(1, utf16.RuneLen(r)); units > limit {
			return strings.TrimRightFunc(text[:i], unicode.IsSpace)
		}
	}
	return text
}
