package load

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// dateLayouts are tried in this order; a column's layout is the first that reads all of its values.
var dateLayouts = []string{time.DateOnly, "2006/01/02", "01/02/2006", "1/2/2006", "02/01/2006", "2/1/2006", "02.01.2006", "2.1.2006", "02-01-2006", "2 Jan 2006", "Jan 2, 2006"}

var timeLayouts = []string{time.RFC3339, soql.DateTimeLayout, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "01/02/2006 15:04", "1/2/2006 15:04"}

func (s *sheet) values(c *column) []string {
	var out []string
	for _, row := range s.rows {
		if v := s.value(row, c.i); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func all(values []string, test func(string) bool) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !test(v) })
}

func readsAs(layouts []string, values []string) string {
	for _, layout := range layouts {
		if all(values, func(v string) bool { _, err := time.Parse(layout, v); return err == nil }) {
			return layout
		}
	}
	return ""
}

// dateLayout finds how a column writes dates: the layout that reads most of it.
func (l *loader) dateLayout(s *sheet, c *column) string {
	best, most := "", 0
	values := s.values(c)
	for _, layout := range append(slices.Clone(dateLayouts), timeLayouts...) {
		n := 0
		for _, v := range values {
			if _, err := time.Parse(layout, v); err == nil {
				n++
			}
		}
		if n > most {
			best, most = layout, n
		}
	}
	return best
}

// infer gives a new field a type from the values of its column.
func (l *loader) infer(s *sheet, c *column) *metadata.FieldMetadata {
	values := s.values(c)
	m := &metadata.FieldMetadata{Label: strings.TrimSuffix(strings.ReplaceAll(customName(c.header), "_", " "), "  c"), Type: "Text", Length: 255}
	longest := 0
	for _, v := range values {
		longest = max(longest, utf8.RuneCountInString(v))
	}
	scale := 0
	isNumber := all(values, func(v string) bool {
		n, ok := number(v)
		if _, frac, has := strings.Cut(n, "."); has {
			scale = max(scale, len(frac))
		}
		return ok && len(n) < 18 && (len(n) == 1 || n[0] != '0' || strings.HasPrefix(n, "0.")) // 00123 is a code
	})
	isBool := all(values, func(v string) bool {
		return slices.Contains([]string{"true", "false", "yes", "no"}, strings.ToLower(v))
	})
	switch {
	case isBool:
		m.Type = "Checkbox"
	case isNumber:
		m.Type = "Number"
		if scale > 8 {
			scale = 8
		}
		if l.money(c.header) {
			m.Type, scale = "Currency", max(scale, 2)
		}
		precision := 18
		m.Precision, m.Scale = &precision, &scale
	case readsAs(dateLayouts, values) != "":
		m.Type = "Date"
	case readsAs(timeLayouts, values) != "":
		m.Type = "DateTime"
	case all(values, func(v string) bool { return strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://") }) && longest <= 255:
		m.Type = "Url"
	case longest > 255:
		m.Type, m.Length, m.VisibleLines = "LongTextArea", min(131072, max(32768, longest)), 3
	}
	return m
}

func (l *loader) money(header string) bool {
	for _, w := range words(header) {
		if slices.Contains(l.table.MoneyWords, w) {
			return true
		}
	}
	return false
}

// number strips what people write around numbers: currency signs, thousands separators, a percent sign.
func number(s string) (string, bool) {
	s = strings.TrimSpace(strings.Trim(s, "$€£% "))
	if i := strings.IndexByte(s, ','); i > 0 && len(s) > i+3 && (len(s) == i+4 || s[i+4] == '.' || s[i+4] == ',') {
		s = strings.ReplaceAll(s, ",", "")
	}
	body := strings.TrimPrefix(s, "-")
	if body == "" || strings.Trim(body, "0123456789.") != "" || strings.Count(body, ".") > 1 || body == "." {
		return "", false
	}
	return s, true
}

// convert reads a cell as its field stores it.
func (l *loader) convert(s *sheet, c *column, text string) (any, bool) {
	f := c.field
	if v, ok := l.table.Values[s.object+"."+f.Name][strings.ToLower(text)]; ok {
		text = v
	}
	switch {
	case f.IsNumber():
		n, ok := number(text)
		return n, ok
	case f.Type == "boolean":
		switch strings.ToLower(text) {
		case "true", "yes", "y", "1", "t":
			return true, true
		case "false", "no", "n", "0", "f":
			return false, true
		}
		return nil, false
	case f.Type == "date", f.Type == "datetime":
		t, err := time.Parse(c.layout, text)
		if c.layout == "" || err != nil {
			return nil, false
		}
		if f.Type == "date" {
			return t.Format(time.DateOnly), true
		}
		return t.UTC().Format(soql.DateTimeLayout), true
	}
	if f.Length > 0 && utf8.RuneCountInString(text) > f.Length {
		l.report.warn("%s, %s: a value of %d characters is cut to %d", s.file, c.header, utf8.RuneCountInString(text), f.Length)
		text = string([]rune(text)[:f.Length])
	}
	return text, true
}
