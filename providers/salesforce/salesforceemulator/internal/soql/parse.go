package soql

import (
	"slices"
	"strconv"
	"strings"
)

// The grammar:
//
//	query   = SELECT item {, item} FROM name [alias] [USING SCOPE name] [WHERE cond] [GROUP BY expr {, expr} [HAVING cond]]
//	          [ORDER BY expr [ASC|DESC] [NULLS FIRST|LAST] {, ...}] [LIMIT n] [OFFSET n] [FOR name] [ALL ROWS]
//	item    = ( query ) | FIELDS ( ALL|STANDARD|CUSTOM ) | TYPEOF name WHEN ... END | expr [alias]
//	expr    = path | function ( [expr {, expr}] )
//	cond    = simple {AND simple} | simple {OR simple} | NOT simple
//	simple  = ( cond ) | expr op value | expr [NOT] IN ( value {, value} | query ) | expr INCLUDES|EXCLUDES ( value {, value} )

const maxDepth = 100

type parser struct {
	text  string
	toks  []token
	i     int
	depth int
}

// Parse reads one query. Errors are of type *Error.
func Parse(text string) (*Query, error) {
	if len(text) > maxQuery {
		return nil, &Error{Code: "QUERY_TOO_COMPLICATED", Message: "SOQL statements cannot be longer than 100000 characters."}
	}
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, toks: toks}
	if p.peek().kind == tEOF {
		return nil, &Error{Code: "MALFORMED_QUERY", Message: "A query string has to be specified"}
	}
	q, err := p.query(false)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tEOF {
		return nil, p.unexpected(t)
	}
	return q, nil
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tEOF {
		p.i++
	}
	return t
}

func (p *parser) word(words ...string) bool {
	for k, w := range words {
		if p.i+k >= len(p.toks) || p.toks[p.i+k].kind != tName || !strings.EqualFold(p.toks[p.i+k].text, w) {
			return false
		}
	}
	return true
}

// take consumes the words if they are next.
func (p *parser) take(words ...string) bool {
	if !p.word(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) punct(s string) bool {
	if t := p.peek(); t.kind == tPunct && t.text == s {
		p.i++
		return true
	}
	return false
}

func (p *parser) unexpected(t token) error {
	if t.kind == tEOF {
		return &Error{Code: "MALFORMED_QUERY", Message: "unexpected token: '<EOF>'"}
	}
	text := t.text
	if t.kind == tString {
		text = "'" + t.text + "'"
	}
	return ErrorAt("MALFORMED_QUERY", p.text, t.pos, "unexpected token: '%s'", clip(text, 100))
}

func (p *parser) expect(s string) error {
	if p.punct(s) {
		return nil
	}
	return p.unexpected(p.peek())
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return ErrorAt("MALFORMED_QUERY", p.text, p.peek().pos, "the query nests too deeply")
	}
	return nil
}

// keywords cannot be aliases.
var keywords = []string{"FROM", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "USING", "AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "ASC", "DESC", "NULLS", "WHEN", "ELSE", "END", "THEN", "UPDATE"}

func isKeyword(s string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool { return strings.EqualFold(k, s) })
}

func (p *parser) query(sub bool) (*Query, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	q := &Query{Text: p.text, Limit: -1, Offset: -1}
	if !p.take("SELECT") {
		return nil, p.unexpected(p.peek())
	}
	for {
		item, err := p.item(sub)
		if err != nil {
			return nil, err
		}
		q.Select = append(q.Select, item)
		if !p.punct(",") {
			break
		}
	}
	if !p.take("FROM") {
		return nil, p.unexpected(p.peek())
	}
	if err := p.from(q); err != nil {
		return nil, err
	}
	if err := p.clauses(q); err != nil {
		return nil, err
	}
	return q, nil
}

func (p *parser) from(q *Query) error {
	t := p.next()
	if t.kind != tName {
		return p.unexpected(t)
	}
	q.From, q.FromPos = t.text, t.pos
	for p.punct(".") { // parent.Children, legal in old subqueries
		t = p.next()
		if t.kind != tName {
			return p.unexpected(t)
		}
		q.From = t.text
	}
	p.take("AS")
	if t := p.peek(); t.kind == tName && !isKeyword(t.text) {
		q.Alias = p.next().text
	}
	if p.take("USING") {
		if !p.take("SCOPE") {
			return p.unexpected(p.peek())
		}
		q.Scope = p.next().text
	}
	return nil
}

func (p *parser) clauses(q *Query) (err error) {
	if p.take("WHERE") {
		if q.Where, err = p.cond(); err != nil {
			return err
		}
	}
	if p.word("WITH") {
		return ErrorAt("MALFORMED_QUERY", p.text, p.peek().pos, "WITH is not supported here")
	}
	if p.take("GROUP", "BY") {
		for {
			e, err := p.expr()
			if err != nil {
				return err
			}
			q.GroupBy = append(q.GroupBy, e)
			if !p.punct(",") {
				break
			}
		}
	}
	if p.take("HAVING") {
		if q.Having, err = p.cond(); err != nil {
			return err
		}
	}
	if p.take("ORDER", "BY") {
		if err := p.orderBy(q); err != nil {
			return err
		}
	}
	if p.take("LIMIT") {
		if q.Limit, err = p.count(); err != nil {
			return err
		}
	}
	if p.take("OFFSET") {
		if q.Offset, err = p.count(); err != nil {
			return err
		}
	}
	if p.take("FOR") {
		q.For = strings.ToUpper(p.next().text)
		if !slices.Contains([]string{"VIEW", "REFERENCE", "UPDATE"}, q.For) {
			p.i--
			return p.unexpected(p.peek())
		}
	}
	if p.take("ALL", "ROWS") {
		q.AllRows = true
	}
	return nil
}

func (p *parser) orderBy(q *Query) error {
	for {
		e, err := p.expr()
		if err != nil {
			return err
		}
		o := Order{Expr: e}
		if p.take("DESC") {
			o.Desc = true
		} else {
			p.take("ASC")
		}
		if p.take("NULLS") {
			o.NullsGiven = true
			switch {
			case p.take("LAST"):
				o.NullsLast = true
			case p.take("FIRST"):
			default:
				return p.unexpected(p.peek())
			}
		}
		q.OrderBy = append(q.OrderBy, o)
		if !p.punct(",") {
			return nil
		}
	}
}

func (p *parser) count() (int, error) {
	t := p.next()
	n, err := strconv.Atoi(t.text)
	if t.kind != tNumber || err != nil || n < 0 {
		return 0, p.unexpected(t)
	}
	return n, nil
}

func (p *parser) item(sub bool) (Item, error) {
	if t := p.peek(); t.kind == tPunct && t.text == "(" {
		if sub {
			return Item{}, ErrorAt("MALFORMED_QUERY", p.text, t.pos, "only one level of child subqueries is supported here")
		}
		p.next()
		q, err := p.query(true)
		if err != nil {
			return Item{}, err
		}
		return Item{Sub: q}, p.expect(")")
	}
	if p.word("TYPEOF") && p.toks[p.i+1].kind == tName {
		return p.typeOf()
	}
	if p.word("FIELDS") && p.toks[p.i+1].text == "(" {
		p.i += 2
		t := p.next()
		kind := strings.ToUpper(t.text)
		if t.kind != tName || kind != "ALL" && kind != "STANDARD" && kind != "CUSTOM" {
			return Item{}, p.unexpected(t)
		}
		return Item{Fields: kind, Expr: Expr{Pos: t.pos}}, p.expect(")")
	}
	e, err := p.expr()
	if err != nil {
		return Item{}, err
	}
	item := Item{Expr: e}
	if t := p.peek(); t.kind == tName && !isKeyword(t.text) {
		item.Alias = p.next().text
	}
	return item, nil
}

func (p *parser) typeOf() (Item, error) {
	p.next()
	t := p.next()
	to := &TypeOf{Relation: t.text, Pos: t.pos}
	list := func() ([]Expr, error) {
		var out []Expr
		for {
			e, err := p.expr()
			if err != nil {
				return nil, err
			}
			out = append(out, e)
			if !p.punct(",") {
				return out, nil
			}
		}
	}
	for p.take("WHEN") {
		obj := p.next()
		if obj.kind != tName || !p.take("THEN") {
			return Item{}, p.unexpected(p.peek())
		}
		fields, err := list()
		if err != nil {
			return Item{}, err
		}
		to.When = append(to.When, TypeOfWhen{Object: obj.text, Fields: fields})
	}
	if p.take("ELSE") {
		fields, err := list()
		if err != nil {
			return Item{}, err
		}
		to.Else = fields
	}
	if len(to.When) == 0 || !p.take("END") {
		return Item{}, p.unexpected(p.peek())
	}
	return Item{TypeOf: to}, nil
}

func (p *parser) expr() (Expr, error) {
	if err := p.enter(); err != nil {
		return Expr{}, err
	}
	defer func() { p.depth-- }()
	t := p.next()
	if t.kind != tName || isKeyword(t.text) && !(p.peek().kind == tPunct && p.peek().text == ".") {
		return Expr{}, p.unexpected(t)
	}
	e := Expr{Pos: t.pos}
	if p.punct("(") {
		e.Func = strings.ToUpper(t.text)
		for !p.punct(")") {
			if len(e.Args)+len(e.Lits) > 0 {
				if err := p.expect(","); err != nil {
					return Expr{}, err
				}
			}
			if k := p.peek().kind; k == tString || k == tNumber {
				l, err := p.literal()
				if err != nil {
					return Expr{}, err
				}
				e.Lits = append(e.Lits, l)
				continue
			}
			arg, err := p.expr()
			if err != nil {
				return Expr{}, err
			}
			e.Args = append(e.Args, arg)
		}
	} else {
		e.Path = append(e.Path, t.text)
		for p.punct(".") {
			t := p.next()
			if t.kind != tName {
				return Expr{}, p.unexpected(t)
			}
			e.Path = append(e.Path, t.text)
		}
	}
	end := p.toks[p.i-1]
	e.Text = p.text[t.pos : end.pos+len(end.text)]
	if end.kind == tString {
		e.Text = p.text[t.pos:p.peek().pos]
	}
	return e, nil
}

// cond reads conditions joined by one operator: the vendor refuses AND and OR mixed without parentheses.
func (p *parser) cond() (Cond, error) {
	first, err := p.simple()
	if err != nil {
		return nil, err
	}
	parts := []Cond{first}
	op := ""
	for {
		t := p.peek()
		switch {
		case p.word("AND") && op != "OR":
			op = "AND"
		case p.word("OR") && op != "AND":
			op = "OR"
		case p.word("AND"), p.word("OR"):
			return nil, p.unexpected(t)
		default:
			switch op {
			case "AND":
				return And(parts), nil
			case "OR":
				return Or(parts), nil
			}
			return first, nil
		}
		p.next()
		c, err := p.simple()
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
}

func (p *parser) simple() (Cond, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.take("NOT") {
		c, err := p.simple()
		if err != nil {
			return nil, err
		}
		return Not{c}, nil
	}
	if p.punct("(") {
		c, err := p.cond()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	left, err := p.expr()
	if err != nil {
		return nil, err
	}
	return p.compare(left)
}

func (p *parser) compare(left Expr) (Cond, error) {
	c := &Compare{Left: left}
	t := p.next()
	switch {
	case t.kind == tOp:
		c.Op = t.text
		if c.Op == "<>" {
			c.Op = "!="
		}
		if c.Op == "!" || c.Op == "==" {
			return nil, p.unexpected(t)
		}
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		c.Values = []Literal{l}
		return c, nil
	case t.kind == tName && strings.EqualFold(t.text, "LIKE"):
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		c.Op, c.Values = "LIKE", []Literal{l}
		return c, nil
	case t.kind == tName && strings.EqualFold(t.text, "NOT") && p.take("IN"):
		c.Op = "NOT IN"
	case t.kind == tName && (strings.EqualFold(t.text, "IN") || strings.EqualFold(t.text, "INCLUDES") || strings.EqualFold(t.text, "EXCLUDES")):
		c.Op = strings.ToUpper(t.text)
	default:
		return nil, p.unexpected(t)
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if p.word("SELECT") && strings.HasSuffix(c.Op, "IN") {
		q, err := p.query(true)
		if err != nil {
			return nil, err
		}
		c.Sub = q
		return c, p.expect(")")
	}
	for {
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		c.Values = append(c.Values, l)
		if !p.punct(",") {
			return c, p.expect(")")
		}
	}
}

func (p *parser) literal() (Literal, error) {
	t := p.next()
	switch t.kind {
	case tString:
		return Literal{Kind: String, Text: t.text, Like: t.like, Pos: t.pos}, nil
	case tNumber:
		return p.numeric(t)
	case tName:
		return p.named(t)
	}
	return Literal{}, p.unexpected(t)
}

func (p *parser) named(t token) (Literal, error) {
	l := Literal{Text: strings.ToUpper(t.text), Pos: t.pos}
	switch {
	case l.Text == "NULL":
		l.Kind = Null
		return l, nil
	case l.Text == "TRUE" || l.Text == "FALSE":
		l.Kind, l.Text = Bool, strings.ToLower(l.Text)
		return l, nil
	case slices.Contains(dateLiterals, l.Text):
		l.Kind = DateLiteral
		if strings.Contains(l.Text, "_N_") {
			if err := p.expect(":"); err != nil {
				return Literal{}, err
			}
			n := p.next()
			v, err := strconv.Atoi(n.text)
			if n.kind != tNumber || err != nil || v > 100_000 || v < -100_000 {
				return Literal{}, p.unexpected(n)
			}
			l.N = v
		}
		return l, nil
	case len(t.text) > 3 && isDigit(t.text[3]):
		if _, err := strconv.ParseFloat(t.text[3:], 64); err == nil {
			l.Kind = Currency
			return l, nil
		}
	}
	return Literal{}, p.unexpected(t)
}

var dateLiterals = []string{"YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK", "NEXT_WEEK", "LAST_MONTH", "THIS_MONTH", "NEXT_MONTH",
	"LAST_90_DAYS", "NEXT_90_DAYS", "LAST_N_DAYS", "NEXT_N_DAYS", "N_DAYS_AGO", "LAST_N_WEEKS", "NEXT_N_WEEKS", "N_WEEKS_AGO", "LAST_N_MONTHS", "NEXT_N_MONTHS",
	"N_MONTHS_AGO", "THIS_QUARTER", "LAST_QUARTER", "NEXT_QUARTER", "LAST_N_QUARTERS", "NEXT_N_QUARTERS", "THIS_YEAR", "LAST_YEAR", "NEXT_YEAR",
	"LAST_N_YEARS", "NEXT_N_YEARS", "N_YEARS_AGO"}

// numeric tells numbers, dates and datetimes apart.
func (p *parser) numeric(t token) (Literal, error) {
	l := Literal{Text: t.text, Pos: t.pos}
	if len(t.text) >= 10 && t.text[4] == '-' && t.text[7] == '-' {
		if len(t.text) == 10 {
			if d, ok := ParseDate(t.text); ok {
				l.Kind, l.Text = Date, d
				return l, nil
			}
			return Literal{}, ErrorAt("MALFORMED_QUERY", p.text, t.pos, "Invalid date: %s", t.text)
		}
		if d, ok := ParseDateTime(t.text); ok {
			l.Kind, l.Text = DateTime, d
			return l, nil
		}
		return Literal{}, ErrorAt("MALFORMED_QUERY", p.text, t.pos, "line %d:%d no viable alternative at character '%s'", 1, t.pos, clip(t.text, 40))
	}
	if _, err := strconv.ParseFloat(t.text, 64); err != nil {
		return Literal{}, p.unexpected(t)
	}
	l.Kind, l.Text = Number, strings.TrimPrefix(t.text, "+")
	return l, nil
}
