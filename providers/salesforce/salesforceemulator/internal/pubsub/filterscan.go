package pubsub

import (
	"fmt"
	"strconv"
	"strings"
)

type tokenKind int

const (
	tokenWord tokenKind = iota
	tokenText
	tokenNumber
	tokenBool
	tokenNull
	tokenMoment
	tokenOperator
	tokenPunctuation
)

type token struct {
	kind tokenKind
	text string
}

// scan cuts a filter expression into tokens.
func scan(expression string) ([]token, error) {
	var out []token
	for i := 0; i < len(expression); {
		c := expression[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')':
			out = append(out, token{tokenPunctuation, string(c)})
			i++
		case strings.IndexByte("=!<>", c) >= 0:
			n := 1
			if i+1 < len(expression) && strings.IndexByte("=>", expression[i+1]) >= 0 {
				n = 2
			}
			out = append(out, token{tokenOperator, expression[i : i+n]})
			i += n
		case c == '\'':
			text, n, err := quoted(expression[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, token{tokenText, text})
			i += n
		default:
			n := bare(expression[i:])
			if n == 0 {
				return nil, fmt.Errorf("unexpected character %q", expression[i:i+1])
			}
			out = append(out, classify(expression[i:i+n]))
			i += n
		}
	}
	return out, nil
}

// quoted reads a text in single quotes and unescapes it, except \% and \_, which LIKE has to see.
func quoted(s string) (text string, n int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return b.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case '%', '_', '\\':
				b.WriteByte('\\')
				b.WriteByte(s[i])
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, fmt.Errorf("a text lacks its closing quote")
}

// bare measures a name, number or date.
func bare(s string) int {
	for i := range len(s) {
		c := s[i]
		if c == '_' || c == '.' || c == '-' || c == '+' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			continue
		}
		return i
	}
	return len(s)
}

func classify(text string) token {
	switch strings.ToLower(text) {
	case "true", "false":
		return token{tokenBool, text}
	case "null":
		return token{tokenNull, text}
	}
	if c := text[0]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return token{tokenNumber, text}
		}
		if _, ok := instant(text); ok {
			return token{tokenMoment, text}
		}
	}
	return token{tokenWord, text}
}
