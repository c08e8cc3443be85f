package pubsub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of a filter expression ("Considerations for Stream Filtering").
const (
	maxFilter       = 131_072
	maxFilterFields = 10
	maxFilterDepth  = 100
)

// Filter is a compiled filter expression of a channel member: comparisons with = != < > <= >= and LIKE, joined
// by AND, OR and NOT. Texts compare without regard to case, as in SOQL.
type Filter struct {
	root node
	// fields are the names compared, in order of appearance, each once.
	fields []string
}

// ParseFilter compiles a filter expression. It refuses what the vendor refuses when a member is saved: other
// operators, date literals such as TODAY, more than 10 fields, array fields of the header.
func ParseFilter(expression string) (*Filter, error) {
	if len(expression) > maxFilter {
		return nil, fmt.Errorf("parse the filter expression: it has %d characters, %d are allowed", len(expression), maxFilter)
	}
	tokens, err := scan(expression)
	if err != nil {
		return nil, fmt.Errorf("parse the filter expression: %w", err)
	}
	p := parser{tokens: tokens}
	root, err := p.or(0)
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("unexpected %q", p.tokens[p.at].text)
	}
	if err == nil && len(p.fields) > maxFilterFields {
		err = fmt.Errorf("%d fields are used, %d are allowed", len(p.fields), maxFilterFields)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the filter expression: %w", err)
	}
	return &Filter{root: root, fields: p.fields}, nil
}

// Fields lists the fields the expression compares, header fields with their ChangeEventHeader prefix.
func (f *Filter) Fields() []string { return slices.Clone(f.fields) }

// matches evaluates the expression over the values of one record.
func (f *Filter) matches(value func(field string) any) bool { return f.root.holds(value) }

type node interface {
	holds(value func(string) any) bool
}

type (
	both     struct{ left, right node }
	either   struct{ left, right node }
	negation struct{ inner node }
	compare  struct {
		field, operator string
		literal         token
	}
)

func (n both) holds(v func(string) any) bool     { return n.left.holds(v) && n.right.holds(v) }
func (n either) holds(v func(string) any) bool   { return n.left.holds(v) || n.right.holds(v) }
func (n negation) holds(v func(string) any) bool { return !n.inner.holds(v) }

func (n compare) holds(v func(string) any) bool {
	value := v(n.field)
	if n.literal.kind == tokenNull || value == nil {
		same := n.literal.kind == tokenNull && value == nil
		return n.operator == "=" && same || n.operator == "!=" && !same
	}
	if n.operator == "LIKE" {
		return like(strings.ToLower(textOf(value)), strings.ToLower(n.literal.text))
	}
	order, comparable := n.order(value)
	if !comparable {
		return n.operator == "!="
	}
	switch n.operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// order compares a value with the literal; false when the two have no order.
func (n compare) order(value any) (int, bool) {
	switch n.literal.kind {
	case tokenNumber:
		have, ok := floatOf(value)
		want, err := strconv.ParseFloat(n.literal.text, 64)
		if !ok || err != nil {
			return 0, false
		}
		switch {
		case have < want:
			return -1, true
		case have > want:
			return 1, true
		default:
			return 0, true
		}
	case tokenBool:
		if strings.EqualFold(textOf(value), n.literal.text) {
			return 0, true
		}
		return 1, n.operator == "=" || n.operator == "!="
	case tokenMoment:
		have, ok := instant(textOf(value))
		want, _ := instant(n.literal.text)
		return have.Compare(want), ok
	default:
		return strings.Compare(strings.ToLower(textOf(value)), strings.ToLower(n.literal.text)), true
	}
}

func instant(text string) (time.Time, bool) {
	for _, layout := range []string{restDate, restDateTime, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// like matches SOQL's pattern: % stands for any text, _ for one character, a backslash takes the next one literally.
func like(text, pattern string) bool {
	p := []rune(pattern)
	// state[j] tells whether the text so far matches p[:j].
	state := make([]bool, len(p)+1)
	state[0] = true
	spread(state, p)
	for _, c := range text {
		next := make([]bool, len(p)+1)
		for j := range p {
			if !state[j] {
				continue
			}
			switch {
			case p[j] == '%':
				next[j] = true
			case p[j] == '\\' && j+1 < len(p):
				if p[j+1] == c {
					next[j+2] = true
				}
			case p[j] == '_' || p[j] == c:
				next[j+1] = true
			}
		}
		state = next
		spread(state, p)
	}
	return state[len(p)]
}

// spread lets each % match nothing.
func spread(state []bool, p []rune) {
	for j := range p {
		if state[j] && p[j] == '%' {
			state[j+1] = true
		}
	}
}

type parser struct {
	tokens []token
	at     int
	fields []string
}

func (p *parser) or(depth int) (node, error) {
	left, err := p.and(depth)
	for err == nil && p.word("OR") {
		var right node
		right, err = p.and(depth)
		left = either{left, right}
	}
	return left, err
}

func (p *parser) and(depth int) (node, error) {
	left, err := p.not(depth)
	for err == nil && p.word("AND") {
		var right node
		right, err = p.not(depth)
		left = both{left, right}
	}
	return left, err
}

func (p *parser) not(depth int) (node, error) {
	if depth > maxFilterDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxFilterDepth)
	}
	if p.word("NOT") {
		inner, err := p.not(depth + 1)
		return negation{inner}, err
	}
	if p.is(tokenPunctuation, "(") {
		inner, err := p.or(depth + 1)
		if err == nil && !p.is(tokenPunctuation, ")") {
			err = fmt.Errorf("a closing bracket is missing")
		}
		return inner, err
	}
	return p.comparison()
}

func (p *parser) comparison() (node, error) {
	field, ok := p.next()
	if !ok || field.kind != tokenWord {
		return nil, fmt.Errorf("a field name is expected, not %q", field.text)
	}
	if name, inHeader := strings.CutPrefix(field.text, headerName+"."); inHeader && !filterableHeader(name) {
		return nil, fmt.Errorf("the header field %q can't be used", name)
	}
	operator, _ := p.next()
	text := strings.ToUpper(operator.text)
	if text == "<>" {
		text = "!="
	}
	if !slices.Contains([]string{"=", "!=", "<", ">", "<=", ">=", "LIKE"}, text) {
		return nil, fmt.Errorf("the operator %q isn't supported", operator.text)
	}
	literal, ok := p.next()
	if !ok || literal.kind == tokenWord || literal.kind == tokenOperator || literal.kind == tokenPunctuation {
		return nil, fmt.Errorf("a value is expected after %s, not %q", text, literal.text)
	}
	if text == "LIKE" && literal.kind != tokenText {
		return nil, fmt.Errorf("LIKE needs a text in single quotes, not %q", literal.text)
	}
	if !slices.Contains(p.fields, field.text) {
		p.fields = append(p.fields, field.text)
	}
	return compare{field.text, text, literal}, nil
}

// filterableHeader lists the header fields a filter may use: those that are no arrays.
func filterableHeader(name string) bool {
	return slices.Contains([]string{
		"entityName", "changeType", "changeOrigin", "transactionKey", "sequenceNumber",
		"commitTimestamp", "commitNumber", "commitUser",
	}, name)
}

func (p *parser) next() (token, bool) {
	if p.at >= len(p.tokens) {
		return token{text: "the end"}, false
	}
	p.at++
	return p.tokens[p.at-1], true
}

func (p *parser) word(text string) bool {
	if p.at < len(p.tokens) && p.tokens[p.at].kind == tokenWord && strings.EqualFold(p.tokens[p.at].text, text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) is(kind tokenKind, text string) bool {
	if p.at < len(p.tokens) && p.tokens[p.at].kind == kind && p.tokens[p.at].text == text {
		p.at++
		return true
	}
	return false
}
