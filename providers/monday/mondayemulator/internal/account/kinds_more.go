package account

import (
	"math"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// File is an entry of a file column that points somewhere else. Files that are uploaded are not kept here.
type File struct {
	Name string `json:"name"`
	URL  string `json:"linkToFile"`
}

// fileKind is a column of files. Links are set as JSON; {"clear_all": true} empties the cell.
var fileKind = &kind{
	legacy: "file", class: "FileValue", decode: decodeAs[[]File],
	parse: func(w *write, v any) (any, error) {
		m, _ := v.(map[string]any)
		list, ok := m["files"].([]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with files, or with clear_all, is expected")
		}
		var out []File
		for _, e := range list {
			f, _ := e.(map[string]any)
			link := gql.Text(f["linkToFile"])
			if !strings.EqualFold(gql.Text(f["fileType"]), "link") || !strings.HasPrefix(link, "http") {
				return nil, badValue(w.col, v, "only links can be set: fileType LINK, with linkToFile")
			}
			name := gql.Text(f["name"])
			if name == "" {
				name = link
			}
			out = append(out, File{name, link})
		}
		if len(out) == 0 {
			return nil, nil
		}
		return out, nil
	},
	text: shown("", func(list []File) string {
		urls := make([]string, len(list))
		for i, f := range list {
			urls[i] = f.URL
		}
		return strings.Join(urls, ", ")
	}),
	raw: rawOf(func(list []File) any {
		files := make([]any, len(list))
		for i, f := range list {
			files[i] = map[string]any{"name": f.Name, "fileType": "LINK", "linkToFile": f.URL}
		}
		return map[string]any{"files": files}
	}),
}

// nothingShown is the text of kinds whose text the API gives as null.
func nothingShown(*Account, Ref, *time.Location) any { return nil }

// FormulaText works a formula out for one item: numbers, + - * /, brackets, and {column} for the number in a column,
// where an empty cell counts as 0. What has no number as its result shows as an empty text.
func (a *Account) FormulaText(r Ref) string {
	f := formula{text: formulaOf(r.Column.Extra), column: func(id string) (float64, bool) {
		c := r.Column.board.Column(id)
		if c == nil {
			return 0, false
		}
		s, _ := a.Text(r.Item.Ref(c), time.UTC).(string)
		if s == "" {
			return 0, true
		}
		n, err := strconv.ParseFloat(s, 64)
		return n, err == nil
	}}
	n, ok := f.sum()
	if f.skip(); !ok || f.at < len(f.text) || math.IsInf(n, 0) || math.IsNaN(n) {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func formulaOf(settings map[string]any) string { return gql.Text(settings["formula"]) }

// checkFormula refuses what FormulaText could not work out for any item.
func checkFormula(text string) error {
	f := formula{text: text, column: func(string) (float64, bool) { return 1, true }}
	_, ok := f.sum()
	if f.skip(); !ok || f.at < len(f.text) {
		return InvalidArgument("settings.formula: this emulator knows numbers, + - * /, brackets and {column}, and cannot read %q", text)
	}
	return nil
}

// formula is a recursive descent over the text.
type formula struct {
	text   string
	at     int
	depth  int
	column func(id string) (float64, bool)
}

func (f *formula) skip() {
	for f.at < len(f.text) && (f.text[f.at] == ' ' || f.text[f.at] == '\n' || f.text[f.at] == '\t') {
		f.at++
	}
}

// next takes one of some bytes, where it comes next; 0 where none does.
func (f *formula) next(of string) byte {
	f.skip()
	if f.at < len(f.text) && strings.IndexByte(of, f.text[f.at]) >= 0 {
		f.at++
		return f.text[f.at-1]
	}
	return 0
}

func (f *formula) sum() (float64, bool) {
	n, ok := f.product()
	for ok {
		op := f.next("+-")
		if op == 0 {
			break
		}
		var m float64
		if m, ok = f.product(); op == '+' {
			n += m
		} else {
			n -= m
		}
	}
	return n, ok
}

func (f *formula) product() (float64, bool) {
	n, ok := f.factor()
	for ok {
		op := f.next("*/")
		if op == 0 {
			break
		}
		var m float64
		if m, ok = f.factor(); op == '*' {
			n *= m
		} else {
			n /= m
		}
	}
	return n, ok
}

func (f *formula) factor() (float64, bool) {
	if f.depth++; f.depth > 100 {
		return 0, false
	}
	defer func() { f.depth-- }()
	switch f.next("-({") {
	case '-':
		n, ok := f.factor()
		return -n, ok
	case '(':
		n, ok := f.sum()
		return n, ok && f.next(")") != 0
	case '{':
		end := strings.IndexByte(f.text[f.at:], '}')
		if end < 0 {
			return 0, false
		}
		id := strings.TrimSpace(f.text[f.at : f.at+end])
		f.at += end + 1
		return f.column(id)
	}
	start := f.at
	for f.at < len(f.text) && (f.text[f.at] >= '0' && f.text[f.at] <= '9' || f.text[f.at] == '.') {
		f.at++
	}
	n, err := strconv.ParseFloat(f.text[start:f.at], 64)
	return n, err == nil
}
