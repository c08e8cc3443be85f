package soql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a refused query: the vendor's error code and message.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorAt words an error as the vendor does: the part of the text around pos, a caret below it, row and column.
func ErrorAt(code, text string, pos int, format string, args ...any) *Error {
	pos = max(0, min(pos, len(text)))
	row, lineStart := 1, 0
	for i := range pos {
		if text[i] == '\n' {
			row, lineStart = row+1, i+1
		}
	}
	lineEnd := len(text)
	if i := strings.IndexByte(text[pos:], '\n'); i >= 0 {
		lineEnd = pos + i
	}
	from, to := max(lineStart, pos-40), min(lineEnd, pos+40)
	for from > lineStart && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < lineEnd && !utf8.RuneStart(text[to]) {
		to++
	}
	caret := strings.Repeat(" ", utf8.RuneCountInString(text[from:pos])) + "^"
	return &Error{Code: code, Message: fmt.Sprintf("\n%s\n%s\nERROR at Row:%d:Column:%d\n%s", text[from:to], caret, row,
		utf8.RuneCountInString(text[lineStart:pos])+1, fmt.Sprintf(format, args...))}
}

type tokenKind int

const (
	tEOF tokenKind = iota
	tName
	tString
	tNumber // digits, dates and datetimes: told apart by the parser
	tOp
	tPunct
)

type token struct {
	kind tokenKind
	text string // for strings: resolved
	like string
	pos  int
}

const maxQuery = 100_000

// lex cuts the text into tokens.
func lex(text string) ([]token, error) {
	var out []token
	i := 0
	for i < len(text) {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case isLetter(c):
			j := i + 1
			for j < len(text) && (isLetter(text[j]) || isDigit(text[j])) {
				j++
			}
			out = append(out, token{kind: tName, text: text[i:j], pos: i})
			i = j
		case isDigit(c) || (c == '-' || c == '+' || c == '.') && i+1 < len(text) && (isDigit(text[i+1]) || text[i+1] == '.' && c != '.'):
			j := i + 1
			for j < len(text) && (isDigit(text[j]) || strings.IndexByte(".:+-", text[j]) >= 0 && numberGoesOn(text, i, j) || isNumberLetter(text, i, j)) {
				j++
			}
			out = append(out, token{kind: tNumber, text: text[i:j], pos: i})
			i = j
		case c == '\'':
			tok, next, err := lexString(text, i)
			if err != nil {
				return nil, err
			}
			out = append(out, tok)
			i = next
		case strings.IndexByte("=<>!", c) >= 0:
			j := i + 1
			if j < len(text) && (text[j] == '=' || c == '<' && text[j] == '>') {
				j++
			}
			out = append(out, token{kind: tOp, text: text[i:j], pos: i})
			i = j
		case strings.IndexByte("(),.:", c) >= 0:
			out = append(out, token{kind: tPunct, text: text[i : i+1], pos: i})
			i++
		default:
			r, _ := utf8.DecodeRuneInString(text[i:])
			return nil, ErrorAt("MALFORMED_QUERY", text, i, "unexpected token: '%c'", r)
		}
	}
	return append(out, token{kind: tEOF, text: "<EOF>", pos: len(text)}), nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// numberGoesOn decides whether ., :, + or - at j still belongs to the number or date that began at start.
func numberGoesOn(text string, start, j int) bool {
	if j+1 >= len(text) || !isDigit(text[j+1]) {
		return false
	}
	if text[j] == '.' {
		return true
	}
	if last := text[j-1]; (last == 'e' || last == 'E') && text[j] != ':' {
		return true
	}
	// dates: yyyy-mm-dd; times after T; offsets
	return j-start >= 4 && isDigit(text[start])
}

func isNumberLetter(text string, start, j int) bool {
	c := text[j]
	date := j-start >= 10 && text[start+4] == '-'
	if date {
		return c == 'T' || c == 'Z' || c == 't' || c == 'z'
	}
	return (c == 'e' || c == 'E') && j+1 < len(text) && (isDigit(text[j+1]) || (text[j+1] == '-' || text[j+1] == '+') && j+2 < len(text) && isDigit(text[j+2]))
}

func lexString(text string, start int) (token, int, error) {
	var plain, like strings.Builder
	for i := start + 1; i < len(text); i++ {
		c := text[i]
		if c == '\'' {
			return token{kind: tString, text: plain.String(), like: like.String(), pos: start}, i + 1, nil
		}
		if c != '\\' {
			plain.WriteByte(c)
			like.WriteByte(c)
			continue
		}
		i++
		if i >= len(text) {
			break
		}
		r, ok := map[byte]byte{'n': '\n', 'N': '\n', 'r': '\r', 'R': '\r', 't': '\t', 'T': '\t', 'b': '\b', 'B': '\b', 'f': '\f', 'F': '\f', '"': '"', '\'': '\'', '\\': '\\'}[text[i]]
		switch {
		case text[i] == '_' || text[i] == '%':
			plain.WriteByte('\\')
			plain.WriteByte(text[i])
			like.WriteByte('\\')
			like.WriteByte(text[i])
		case text[i] == '\\':
			plain.WriteByte('\\')
			like.WriteString(`\\`)
		case ok:
			plain.WriteByte(r)
			like.WriteByte(r)
		default:
			return token{}, 0, ErrorAt("MALFORMED_QUERY", text, start, "Illegal string literal: Invalid string literal '%s'. Illegal character sequence '\\%c' in string literal.", clip(text[start+1:], 60), text[i])
		}
	}
	return token{}, 0, ErrorAt("MALFORMED_QUERY", text, start, "Bind variables only allowed in Apex code or unterminated string literal")
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
