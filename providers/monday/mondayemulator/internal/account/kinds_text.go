package account

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// shown makes the text of a kind from a function of its stored type; an empty cell shows empty.
func shown[T any](empty any, f func(T) string) func(*Account, Ref, *time.Location) any {
	return func(_ *Account, r Ref, _ *time.Location) any {
		v, ok := r.Value().(T)
		if !ok {
			return empty
		}
		return f(v)
	}
}

// rawOf makes the raw value of a kind from a function of its stored type.
func rawOf[T any](f func(T) any) func(*Account, Ref) any {
	return func(_ *Account, r Ref) any {
		v, ok := r.Value().(T)
		if !ok {
			return nil
		}
		return f(v)
	}
}

func same(s string) string { return s }

var textKind = &kind{
	legacy: "text", class: "TextValue", decode: decodeAs[string],
	parse: func(w *write, v any) (any, error) {
		switch v := v.(type) {
		case string:
			return v, nil
		case int64, float64, bool:
			return gql.Text(v), nil
		}
		return nil, badValue(w.col, v, "a text is expected")
	},
	simple: func(_ *write, s string) (any, error) { return s, nil },
	text:   shown("", same),
	raw:    rawOf(func(s string) any { return s }),
	event:  func(_ *Account, _ *Column, v any) any { return map[string]any{"value": v} },
}

const maxLongText = 2000 // developer.monday.com, "Long Text"

func longText(w *write, s string) (any, error) {
	if len([]rune(s)) > maxLongText {
		return nil, badValue(w.col, s, "the text is longer than 2,000 characters")
	}
	if s == "" {
		return nil, nil
	}
	return s, nil
}

var longTextKind = &kind{
	legacy: "long-text", class: "LongTextValue", timed: true, decode: decodeAs[string],
	parse: func(w *write, v any) (any, error) {
		switch v := v.(type) {
		case string:
			return longText(w, v)
		case map[string]any:
			if s, ok := v["text"].(string); ok {
				return longText(w, s)
			}
			if t, ok := v["text"]; ok && t == nil {
				return nil, nil
			}
		}
		return nil, badValue(w.col, v, "an object with a text is expected")
	},
	simple: longText,
	text:   shown("", same),
	raw:    rawOf(func(s string) any { return map[string]any{"text": s} }),
}

var number = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)

func parseNumber(w *write, v any) (any, error) {
	s := strings.TrimSpace(gql.Text(v))
	if s == "" {
		return nil, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if !number.MatchString(s) || err != nil || math.IsInf(f, 0) {
		return nil, badValue(w.col, v, "a number is expected")
	}
	return strings.TrimPrefix(s, "+"), nil
}

var numbersKind = &kind{
	legacy: "numeric", class: "NumbersValue", decode: decodeAs[string],
	parse: func(w *write, v any) (any, error) {
		switch v.(type) {
		case string, int64, float64:
			return parseNumber(w, v)
		}
		return nil, badValue(w.col, v, "a number is expected")
	},
	simple: func(w *write, s string) (any, error) { return parseNumber(w, s) },
	text:   shown("", same),
	raw:    rawOf(func(s string) any { return s }),
	event: func(_ *Account, c *Column, v any) any {
		f, _ := strconv.ParseFloat(v.(string), 64)
		return map[string]any{"value": f, "unit": c.Extra["unit"]}
	},
}

var checkboxKind = &kind{
	legacy: "boolean", class: "CheckboxValue", timed: true, decode: decodeAs[bool],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with checked is expected")
		}
		switch gql.Text(m["checked"]) {
		case "true":
			return true, nil
		case "false", "":
			return nil, nil
		}
		return nil, badValue(w.col, v, "checked must be true")
	},
	text: shown("", func(on bool) string { return "v" }),
	raw:  rawOf(func(on bool) any { return map[string]any{"checked": on} }),
}

func parseRating(w *write, v any) (any, error) {
	n, err := strconv.Atoi(gql.Text(v))
	limit := 5
	if l := (gql.Args(w.col.Extra)).Int("limit"); l > 0 {
		limit = l
	}
	if err != nil || n < 0 || n > limit {
		return nil, badValue(w.col, v, "rating must be a whole number between 1 and "+strconv.Itoa(limit))
	}
	if n == 0 {
		return nil, nil
	}
	return n, nil
}

var ratingKind = &kind{
	legacy: "rating", class: "RatingValue", timed: true, decode: decodeAs[int],
	parse: func(w *write, v any) (any, error) {
		if m, ok := v.(map[string]any); ok {
			return parseRating(w, m["rating"])
		}
		return nil, badValue(w.col, v, "an object with a rating is expected")
	},
	simple: func(w *write, s string) (any, error) { return parseRating(w, s) },
	text:   shown("", strconv.Itoa),
	raw:    rawOf(func(n int) any { return map[string]any{"rating": n} }),
}
