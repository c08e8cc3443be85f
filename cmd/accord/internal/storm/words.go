package storm

import (
	"strings"
	"unicode/utf8"
)

// oddities are what people paste: other scripts and directions, marks that join what is around them, what other
// notations would take for their own. Nothing is at an end that a vendor may trim.
var oddities = []string{
	"\U0001F680 x", "\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F3F3\uFE0F\u200D\U0001F308.",
	"\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u05E9\u05DC\u05D5\u05DD \u202Eolleh\u202C.",
	"Zażółć ge\u0328s\u0301la\u0328 jaz\u0301n\u0301", "\u6F22\u5B57\u304B\u306A\u4EA4\u3058\u308A\u6587",
	`O'Hara & "Söhne" <b>`, `C:\temp\new {x} [y] $1 %s ${z}`, "=SUM(A1),;|", "a\u00A0b\u200Bc", "null", "-0.10e3",
}

// prose is a text that nobody wrote before, of so many characters at the most: mostly plain, sometimes odd, sometimes as
// long as it may be.
func (c *crew) prose(what string, limit int) string {
	s := c.past.word(what)
	if c.rand.IntN(4) > 0 {
		return s
	}
	c.deed("odd or very long texts")
	odd := oddities[c.rand.IntN(len(oddities))]
	s += " " + odd
	if c.rand.IntN(3) == 0 {
		fill := []rune(odd + ", ")
		for n := 0; utf8.RuneCountInString(s) < limit-1; n++ {
			s += string(fill[n%len(fill)])
		}
		s = strings.TrimRight(s, " \u00A0\u200B\u200D") + "."
	}
	return s
}

// story is a long text of several lines.
func (c *crew) story() string {
	s := c.prose("story", 200)
	for range c.rand.IntN(20) {
		s += "\n" + c.prose("and then", 90)
	}
	return string([]rune(s)[:min(utf8.RuneCountInString(s), 1900)])
}
