package lens

import (
	"fmt"
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/record"
)

// choiceCodec carries choices, one or many, with or without a picklist table; one side may keep them as text. The
// canonical value spells them as the left side does: with a table, by its left column.
type choiceCodec struct {
	*subject
	table   *contract.Picklist
	toRight speller // left value to label; nil without a table
	toLeft  speller // label to the left value it comes home as
	options [2]speller
}

// speller finds the one right spelling of a name: the name itself, else the only one that differs in case alone.
type speller struct {
	exact  map[string]string // name to what it stands for
	folded map[string]string // lower case to the name; "" when several
}

func (p *speller) add(name, standsFor string) {
	if p.exact == nil {
		p.exact, p.folded = map[string]string{}, map[string]string{}
	}
	if _, ok := p.exact[name]; !ok {
		p.exact[name] = standsFor
		low := strings.ToLower(name)
		if _, clash := p.folded[low]; clash {
			p.folded[low] = ""
		} else {
			p.folded[low] = name
		}
	}
}

func (p *speller) isSet() bool { return p.exact != nil }

func (p *speller) find(name string) (string, bool) {
	if v, ok := p.exact[name]; ok {
		return v, true
	}
	if n := p.folded[strings.ToLower(name)]; n != "" {
		return p.exact[n], true
	}
	return "", false
}

func newChoice(j *subject) *choiceCodec {
	c := &choiceCodec{subject: j, table: j.field.Picklist}
	for _, s := range record.Sides {
		if sh := j.shapes[s][0]; sh.Kind == record.Choice && sh.Options != nil && !sh.Open {
			for _, o := range sh.Options {
				c.options[s].add(o, o)
			}
		}
	}
	if c.table == nil {
		return c
	}
	for _, e := range c.table.Values {
		c.toRight.add(e.Left, e.Right)
		home, ok := c.table.Inverse[e.Right]
		if !ok {
			home = e.Left
		}
		c.toLeft.add(e.Right, home)
	}
	return c
}

func (c *choiceCodec) kind() record.Kind { return record.Choice }

func (c *choiceCodec) get(s record.Side, native []record.Value, _ Env) (record.Value, error) {
	v := native[0]
	if v.Kind() != c.shapes[s][0].Kind {
		return record.Value{}, c.wrongKind(s, v)
	}
	names := v.Parts()
	for i, name := range names {
		if v.Kind() == record.Text {
			name = strings.TrimSpace(name)
		}
		home, err := c.home(s, name)
		if err != nil {
			return record.Value{}, err
		}
		names[i] = home
	}
	return record.OfChoice(names...), nil
}

// home is the left spelling of one name of a side.
func (c *choiceCodec) home(s record.Side, name string) (string, error) {
	if c.table == nil || name == "" {
		return name, nil
	}
	own, other := &c.toRight, &c.toLeft
	if s == record.Right {
		own, other = other, own
	}
	if meant, ok := own.find(name); ok {
		if s == record.Right {
			return meant, nil
		}
		if _, exact := own.exact[name]; exact {
			return name, nil
		}
		return own.folded[strings.ToLower(name)], nil
	}
	// A value outside the table passes under its own name, unless the table uses that name at the other side for
	// something else: then it would come back as that.
	if _, taken := other.find(name); c.table.Keep && !taken {
		return name, nil
	}
	return "", c.unlisted(s, name)
}

func (c *choiceCodec) unlisted(s record.Side, name string) *Rejection {
	return c.reject(Unlisted, s, name,
		fmt.Sprintf("is %s in %s, which picklist %q does not name", c.show(name), system(s), c.table.Name),
		"add a row for it to the table, or choose another value at "+system(s))
}

func (c *choiceCodec) put(s record.Side, canonical record.Value, previous []record.Value, _ Env) ([]record.Value, error) {
	names, err := c.spelt(s, canonical.Parts(), previous)
	if err != nil {
		return nil, err
	}
	out := record.OfChoice(names...)
	sh := c.shapes[s][0]
	if (!sh.Many || sh.Kind == record.Text) && out.Len() > 1 {
		return nil, c.tooMany(s, out.Len(), "values")
	}
	if sh.Kind != record.Text {
		return []record.Value{out}, nil
	}
	text := out.Part(0)
	if tooLong(text, sh.MaxLength) {
		return nil, c.tooLong(s, 0, text, sh.MaxLength, "choose a shorter value, or give the field more room")
	}
	return []record.Value{record.OfText(text)}, nil
}

// spelt spells canonical names as a side does. Of what the side holds, that which means one of them stays.
func (c *choiceCodec) spelt(s record.Side, names []string, previous []record.Value) ([]string, error) {
	held := map[string][]string{} // native names by what they mean
	if previous != nil && previous[0].Kind() == c.shapes[s][0].Kind {
		for _, name := range previous[0].Parts() {
			if home, err := c.home(s, name); err == nil {
				k := c.nameKey(home)
				held[k] = append(held[k], name)
			}
		}
	}
	var out []string
	for _, name := range names {
		if kept, ok := held[c.nameKey(name)]; ok {
			out = append(out, kept...)
			continue
		}
		spelling, err := c.there(s, name)
		if err != nil {
			return nil, err
		}
		out = append(out, spelling)
	}
	return out, nil
}

// there is the spelling of one canonical name at a side.
func (c *choiceCodec) there(s record.Side, name string) (string, error) {
	if c.table != nil {
		label, listed := c.toRight.find(name)
		switch _, taken := c.toLeft.find(name); {
		case listed && s == record.Right:
			name = label
		case !listed && (!c.table.Keep || taken):
			return "", c.unlisted(record.Left, name)
		}
	}
	if sep := c.shapes[s][0].Separator; sep != "" && strings.Contains(name, sep) {
		return "", c.reject(NotAnOption, s, name,
			fmt.Sprintf("is %s, and %s puts %q between several choices", c.show(name), c.native(s, 0), sep),
			"choose a name without it: in the picklist table, or at "+system(s.Other()))
	}
	if !c.options[s].isSet() {
		return name, nil
	}
	option, ok := c.options[s].find(name)
	if !ok {
		return "", c.reject(NotAnOption, s, name,
			fmt.Sprintf("is %s, which %s does not offer", c.show(name), c.native(s, 0)),
			"add it to the choices there, or choose another value at "+system(s.Other()))
	}
	return option, nil
}

func (c *choiceCodec) key(canonical record.Value) string {
	keys := canonical.Parts()
	for i, name := range keys {
		keys[i] = c.nameKey(name)
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), "\x00")
}

// nameKey is the same for canonical names that some side can't tell apart: by the label of a table; else by the spelling
// of a side that knows but its own options.
func (c *choiceCodec) nameKey(name string) string {
	if c.table != nil {
		if label, ok := c.toRight.find(name); ok {
			return label
		}
		return name
	}
	for _, s := range [2]record.Side{record.Right, record.Left} {
		if !c.options[s].isSet() {
			continue
		}
		if option, ok := c.options[s].find(name); ok {
			return option
		}
	}
	return name
}

// Gaps are the choices that a side offers and that have no way to the other, in the side's order: records with one of them
// are rejected.
func (l *Lens) Gaps(side record.Side) []string {
	c, is := l.codec.(*choiceCodec)
	if !is {
		return nil
	}
	var gaps []string
	for _, o := range l.shapes[side&1][0].Options {
		if _, err := c.home(side&1, o); err != nil {
			gaps = append(gaps, o)
		}
	}
	return gaps
}

// problems are the defects of the table, and of two fixed sets of options that fold into one another.
func (c *choiceCodec) problems() []Problem {
	var ps []Problem
	if c.table == nil {
		if c.options[0].isSet() && c.options[1].isSet() {
			for _, s := range record.Sides {
				ps = append(ps, c.folding(s)...)
			}
		}
		return ps
	}
	lefts := map[string][]string{}
	seen := map[string]string{}
	var labels []string
	for _, e := range c.table.Values {
		if before, ok := seen[e.Left]; ok {
			if before != e.Right {
				ps = append(ps, c.problem(CodeTable, "A picklist table names one value twice", fmt.Sprintf(
					"In picklist %q, %s is both %s and %s. Leave one of the two rows.", c.table.Name, quote(e.Left), quote(before), quote(e.Right))))
			}
			continue
		}
		seen[e.Left] = e.Right
		if lefts[e.Right] == nil {
			labels = append(labels, e.Right)
		}
		lefts[e.Right] = append(lefts[e.Right], e.Left)
	}
	for _, label := range labels {
		home, named := c.table.Inverse[label]
		switch {
		case named && !slices.Contains(lefts[label], home):
			ps = append(ps, c.problem(CodeTable, "A way back leads to another label", fmt.Sprintf(
				"In picklist %q, inverse sends %s to %s, which the table does not turn into %s. Name one of: %s.",
				c.table.Name, quote(label), quote(home), quote(label), quoteAll(lefts[label]))))
		case !named && len(lefts[label]) > 1:
			ps = append(ps, c.problem(CodeTable, "Several values share a label, and none is named as the way back", fmt.Sprintf(
				"In picklist %q, %s all become %s. Say which of them it comes home as: inverse = { %s = %s }.",
				c.table.Name, quoteAll(lefts[label]), quote(label), quote(label), quote(lefts[label][0]))))
		}
	}
	return ps
}

// folding finds options of a side that become one at the other side, because they differ in case only.
func (c *choiceCodec) folding(s record.Side) []Problem {
	var ps []Problem
	first := map[string]string{}
	for _, o := range c.shapes[s][0].Options {
		there, ok := c.options[s.Other()].find(o)
		if !ok {
			continue
		}
		if before, clash := first[there]; clash && before != o {
			ps = append(ps, c.problem(CodeTable, "Two choices would become one", fmt.Sprintf(
				"%s and %s of %s are both %s at %s. Write a picklist table that names a way back.",
				quote(before), quote(o), c.native(s, 0), quote(there), c.native(s.Other(), 0))))
		} else {
			first[there] = o
		}
	}
	return ps
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}
