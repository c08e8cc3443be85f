package org

import (
	"fmt"
	"math/big"
	"strings"
)

var formulaTokens = []string{"&&", "||", "<=", ">=", "<>", "!=", "==", "+", "-", "*", "/", "&", "=", "<", ">", "!", "(", ")", ","}

type formulaToken struct {
	kind byte // 'n' number, 's' text, 'w' word, 'o' operator, 0 end
	text string
}

func lexFormula(s string) ([]formulaToken, error) {
	var out []formulaToken
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			var b strings.Builder
			j := i + 1
			for ; j < len(s) && s[j] != c; j++ {
				if s[j] == '\\' && j+1 < len(s) {
					j++
				}
				b.WriteByte(s[j])
			}
			if j >= len(s) {
				return nil, fmt.Errorf("a text that does not end")
			}
			out = append(out, formulaToken{'s', b.String()})
			i = j + 1
		case c >= '0' && c <= '9':
			j := i
			for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == '.') {
				j++
			}
			out = append(out, formulaToken{'n', s[i:j]})
			i = j
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			j := i
			for j < len(s) && (s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' && s[j] <= 'Z' || s[j] >= '0' && s[j] <= '9' || s[j] == '_' || s[j] == '.') {
				j++
			}
			out = append(out, formulaToken{'w', s[i:j]})
			i = j
		default:
			op := ""
			for _, t := range formulaTokens {
				if strings.HasPrefix(s[i:], t) {
					op = t
					break
				}
			}
			if op == "" {
				return nil, fmt.Errorf("unexpected %q", c)
			}
			out = append(out, formulaToken{'o', op})
			i += len(op)
		}
	}
	return append(out, formulaToken{}), nil
}

type formulaParser struct {
	toks  []formulaToken
	i     int
	depth int
}

// parseFormula reads a formula; an error says that it is outside the subset.
func parseFormula(s string) (formula, error) {
	if len(s) > 5000 {
		return nil, fmt.Errorf("the formula is longer than 5,000 characters")
	}
	toks, err := lexFormula(s)
	if err != nil {
		return nil, fmt.Errorf("reading a formula: %w", err)
	}
	p := &formulaParser{toks: toks}
	f, err := p.binary(0)
	if err != nil {
		return nil, fmt.Errorf("reading a formula: %w", err)
	}
	if p.toks[p.i].kind != 0 {
		return nil, fmt.Errorf("reading a formula: unexpected %q", p.toks[p.i].text)
	}
	return f, nil
}

var precedence = map[string]int{"||": 1, "&&": 2, "=": 3, "==": 3, "<>": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "&": 5, "+": 5, "-": 5, "*": 6, "/": 6}

func (p *formulaParser) binary(low int) (formula, error) {
	if p.depth++; p.depth > 100 {
		return nil, fmt.Errorf("it nests too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		t := p.toks[p.i]
		prec := precedence[t.text]
		if t.kind != 'o' || prec == 0 || prec <= low {
			return left, nil
		}
		p.i++
		right, err := p.binary(prec)
		if err != nil {
			return nil, err
		}
		left = fBin{t.text, left, right}
	}
}

func (p *formulaParser) unary() (formula, error) {
	t := p.toks[p.i]
	if t.kind != 0 {
		p.i++
	}
	switch {
	case t.kind == 'n':
		r, ok := new(big.Rat).SetString(t.text)
		if !ok || len(t.text) > 40 {
			return nil, fmt.Errorf("the number %q", t.text)
		}
		return fLit{r}, nil
	case t.kind == 's':
		return fLit{t.text}, nil
	case t.kind == 'o' && (t.text == "-" || t.text == "!"):
		if p.depth++; p.depth > 100 {
			return nil, fmt.Errorf("it nests too deeply")
		}
		defer func() { p.depth-- }()
		x, err := p.unary()
		if err != nil {
			return nil, err
		}
		if t.text == "!" {
			return fCall{"NOT", []formula{x}}, nil
		}
		return fBin{"-", fLit{new(big.Rat)}, x}, nil
	case t.kind == 'o' && t.text == "(":
		x, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return x, p.close()
	case t.kind == 'w':
		return p.word(t.text)
	}
	return nil, fmt.Errorf("unexpected %q", t.text)
}

func (p *formulaParser) close() error {
	if t := p.toks[p.i]; t.kind != 'o' || t.text != ")" {
		return fmt.Errorf("a missing )")
	}
	p.i++
	return nil
}

func (p *formulaParser) word(w string) (formula, error) {
	upper := strings.ToUpper(w)
	if t := p.toks[p.i]; t.kind == 'o' && t.text == "(" {
		if !formulaFunctions[upper] {
			return nil, fmt.Errorf("the function %s is not understood", w)
		}
		p.i++
		call := fCall{name: upper}
		if t := p.toks[p.i]; t.kind == 'o' && t.text == ")" {
			p.i++
			return call, nil
		}
		for {
			a, err := p.binary(0)
			if err != nil {
				return nil, err
			}
			call.args = append(call.args, a)
			if t := p.toks[p.i]; t.kind == 'o' && t.text == "," {
				p.i++
				continue
			}
			return call, p.close()
		}
	}
	switch upper {
	case "TRUE", "FALSE":
		return fLit{upper == "TRUE"}, nil
	case "NULL":
		return fLit{}, nil
	}
	path := strings.Split(w, ".")
	for _, part := range path {
		if part == "" {
			return nil, fmt.Errorf("the name %q", w)
		}
	}
	return fPath{path}, nil
}

// CheckFormula tells whether a formula is within the understood subset.
func CheckFormula(s string) error {
	_, err := parseFormula(s)
	return err
}
