package view

import (
	"strings"
	"unicode"
)

// line makes text from outside fit for one line of a terminal: line breaks and tabs become spaces, and what would drive
// the terminal or turn the direction of the text around it becomes "?". Letters of every script stay.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '?'
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "?"))
}

// clip is line, shortened for a table.
func clip(text string) string {
	text = strings.Join(strings.Fields(line(text)), " ")
	const limit = 80
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// Line makes text from outside fit for one line of a terminal.
func Line(text string) string { return line(text) }
