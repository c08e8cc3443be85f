package org

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// formula is a parsed formula: the subset of the formula language that validation rules and formula fields mostly use.
// Supported: field paths, text, numbers, TRUE, FALSE, NULL; + - * / & = == <> != < <= > >= && || !; and the functions in callFormula.
type formula interface{ eval(*formulaEnv) fval }

// fval is a formula's value: nil, string, bool or *big.Rat. Dates are strings in ISO form; days are added to them.
type fval struct{ v any }

// formulaEnv is the record a formula looks at: one being saved, or one being read.
type formulaEnv struct {
	tx *Tx
	d  *draft
	// prior makes paths read the values before the save.
	prior bool
	depth int
}

func (v fval) truth() bool { return v.v == true }

func (v fval) blank() bool { return v.v == nil || v.v == "" }

func (v fval) num() *big.Rat {
	switch x := v.v.(type) {
	case *big.Rat:
		return x
	case string:
		if len(x) < 40 && plainNumber(x) {
			if r, ok := new(big.Rat).SetString(x); ok {
				return r
			}
		}
	}
	return new(big.Rat)
}

func (v fval) text() string {
	switch x := v.v.(type) {
	case nil:
		return ""
	case string:
		return x
	case *big.Rat:
		return trimNumber(x.FloatString(15))
	}
	return fmt.Sprint(v.v)
}

type (
	fLit  struct{ v any }
	fPath struct{ path []string }
	fCall struct {
		name string
		args []formula
	}
	fBin struct {
		op   string
		l, r formula
	}
)

func (f fLit) eval(*formulaEnv) fval { return fval(f) }

func (f fPath) eval(e *formulaEnv) fval {
	cells, t := e.d.cells, e.d.t
	if e.prior {
		cells = e.d.before
	}
	for i, name := range f.path {
		if i == len(f.path)-1 {
			fd := t.def.Field(name)
			if fd == nil {
				return fval{}
			}
			return toFormula(e.tx.valueAt(t, cells, fd.Slot, e.depth+1))
		}
		rel := t.def.Relation(name)
		if rel == nil {
			return fval{}
		}
		id, _ := cellsGet(cells, rel.Slot).(string)
		pt, pr := e.tx.o.rowByID(id)
		if pr == nil {
			return fval{}
		}
		t, cells = pt, pr.cells
	}
	return fval{}
}

func toFormula(v any) fval {
	if n, ok := v.(json.Number); ok {
		if r, ok := new(big.Rat).SetString(n.String()); ok {
			return fval{r}
		}
	}
	return fval{v}
}

func (f fBin) eval(e *formulaEnv) fval {
	l := f.l.eval(e)
	switch f.op {
	case "&&":
		return fval{l.truth() && f.r.eval(e).truth()}
	case "||":
		return fval{l.truth() || f.r.eval(e).truth()}
	}
	r := f.r.eval(e)
	switch f.op {
	case "=", "==":
		return fval{formulaEqual(l, r)}
	case "<>", "!=":
		return fval{!formulaEqual(l, r)}
	case "&":
		return fval{l.text() + r.text()}
	case "<", "<=", ">", ">=":
		return fval{formulaLess(f.op, l, r)}
	}
	if s, ok := l.v.(string); ok && !plainNumber(s) || f.op == "+" && isText(l, r) {
		return addToText(f.op, l, r, s)
	}
	x, y := l.num(), r.num()
	switch f.op {
	case "+":
		return fval{new(big.Rat).Add(x, y)}
	case "-":
		return fval{new(big.Rat).Sub(x, y)}
	case "*":
		return fval{new(big.Rat).Mul(x, y)}
	}
	if y.Sign() == 0 {
		return fval{}
	}
	return fval{new(big.Rat).Quo(x, y)}
}

func isText(l, r fval) bool {
	_, a := l.v.(string)
	_, b := r.v.(string)
	return a && b
}

// addToText joins texts, moves dates by days and takes dates apart.
func addToText(op string, l, r fval, s string) fval {
	day, ok := parseDay(s)
	if !ok {
		return fval{l.text() + r.text()}
	}
	if other, isDate := r.v.(string); isDate && op == "-" {
		if d, ok := parseDay(other); ok {
			return fval{big.NewRat(int64(day.Sub(d)/(24*time.Hour)), 1)}
		}
		return fval{}
	}
	n, _ := r.num().Float64()
	if n > 1e6 || n < -1e6 {
		return fval{}
	}
	if op == "-" {
		n = -n
	}
	moved := day.AddDate(0, 0, int(n))
	if len(s) > 10 {
		return fval{stamp(moved)}
	}
	return fval{moved.Format(time.DateOnly)}
}

func parseDay(s string) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true
	}
	t, err := time.Parse(soql.DateTimeLayout, s)
	return t, err == nil
}

func formulaEqual(l, r fval) bool {
	if l.blank() || r.blank() {
		return l.blank() && r.blank()
	}
	_, ln := l.v.(*big.Rat)
	_, rn := r.v.(*big.Rat)
	if ln || rn {
		return l.num().Cmp(r.num()) == 0
	}
	return l.text() == r.text()
}

func formulaLess(op string, l, r fval) bool {
	if l.blank() || r.blank() {
		if !(l.v == nil && r.v == nil) && (l.v == nil || r.v == nil) {
			_, ln := l.v.(*big.Rat)
			_, rn := r.v.(*big.Rat)
			if !ln && !rn {
				return false
			}
		}
	}
	var c int
	if isText(l, r) {
		c = strings.Compare(l.text(), r.text())
	} else {
		c = l.num().Cmp(r.num())
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (f fCall) eval(e *formulaEnv) fval {
	arg := func(i int) fval {
		if i < len(f.args) {
			return f.args[i].eval(e)
		}
		return fval{}
	}
	switch f.name {
	case "AND", "OR":
		for _, a := range f.args {
			if a.eval(e).truth() != (f.name == "AND") {
				return fval{f.name == "OR"}
			}
		}
		return fval{f.name == "AND"}
	case "NOT":
		return fval{!arg(0).truth()}
	case "IF":
		if arg(0).truth() {
			return arg(1)
		}
		return arg(2)
	case "ISBLANK", "ISNULL":
		return fval{arg(0).blank()}
	case "BLANKVALUE", "NULLVALUE":
		if v := arg(0); !v.blank() {
			return v
		}
		return arg(1)
	case "ISPICKVAL":
		return fval{arg(0).text() == arg(1).text()}
	case "INCLUDES":
		for part := range strings.SplitSeq(arg(0).text(), ";") {
			if part == arg(1).text() {
				return fval{true}
			}
		}
		return fval{false}
	case "ISNEW":
		return fval{e.d.insert()}
	case "ISCHANGED":
		now, was := arg(0), fPrior(f, e)
		return fval{!e.d.insert() && !formulaEqual(now, was)}
	case "PRIORVALUE":
		if e.d.insert() {
			return arg(0)
		}
		return fPrior(f, e)
	case "TODAY":
		return fval{e.tx.today()}
	case "NOW":
		return fval{e.tx.stamp}
	}
	return f.evalText(arg)
}

func fPrior(f fCall, e *formulaEnv) fval {
	if len(f.args) == 0 {
		return fval{}
	}
	prior := *e
	prior.prior = true
	return f.args[0].eval(&prior)
}

func (f fCall) evalText(arg func(int) fval) fval {
	switch f.name {
	case "TEXT":
		return fval{arg(0).text()}
	case "VALUE":
		return fval{arg(0).num()}
	case "LEN":
		return fval{big.NewRat(int64(len([]rune(arg(0).text()))), 1)}
	case "UPPER":
		return fval{strings.ToUpper(arg(0).text())}
	case "LOWER":
		return fval{strings.ToLower(arg(0).text())}
	case "TRIM":
		return fval{strings.TrimSpace(arg(0).text())}
	case "CONTAINS":
		return fval{strings.Contains(arg(0).text(), arg(1).text())}
	case "BEGINS":
		return fval{strings.HasPrefix(arg(0).text(), arg(1).text())}
	case "REGEX":
		re, err := regexp.Compile("^(?:" + arg(1).text() + ")$")
		return fval{err == nil && re.MatchString(arg(0).text())}
	case "ABS":
		return fval{new(big.Rat).Abs(arg(0).num())}
	case "ROUND":
		places, _ := arg(1).num().Float64()
		if r, ok := new(big.Rat).SetString(arg(0).num().FloatString(max(0, min(18, int(places))))); ok {
			return fval{r}
		}
	case "YEAR", "MONTH", "DAY":
		if day, ok := parseDay(arg(0).text()); ok {
			n := map[string]int{"YEAR": day.Year(), "MONTH": int(day.Month()), "DAY": day.Day()}[f.name]
			return fval{big.NewRat(int64(n), 1)}
		}
	case "MAX", "MIN":
		best := arg(0).num()
		for i := 1; i < len(f.args); i++ {
			if x := arg(i).num(); (x.Cmp(best) > 0) == (f.name == "MAX") {
				best = x
			}
		}
		return fval{best}
	case "HYPERLINK":
		return fval{`<a href="` + arg(0).text() + `" target="_blank">` + arg(1).text() + `</a>`}
	case "IMAGE":
		return fval{`<img src="` + arg(0).text() + `" alt="` + arg(1).text() + `" border="0"/>`}
	}
	return fval{}
}

var formulaFunctions = map[string]bool{"AND": true, "OR": true, "NOT": true, "IF": true, "ISBLANK": true, "ISNULL": true, "BLANKVALUE": true, "NULLVALUE": true,
	"ISPICKVAL": true, "INCLUDES": true, "ISNEW": true, "ISCHANGED": true, "PRIORVALUE": true, "TODAY": true, "NOW": true, "TEXT": true, "VALUE": true, "LEN": true,
	"UPPER": true, "LOWER": true, "TRIM": true, "CONTAINS": true, "BEGINS": true, "REGEX": true, "ABS": true, "ROUND": true, "YEAR": true, "MONTH": true, "DAY": true,
	"MAX": true, "MIN": true, "HYPERLINK": true, "IMAGE": true}
