package contract

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"accord/engine/record"
)

// checkLoops proves that nothing goes round for ever: no trigger sets off another that leads back to it, and no value
// comes back to where it came from by way of several objects. What can't be proved is refused, with the way round.
func (d *decoder) checkLoops() {
	if d.diags.HasErrors() {
		return // half a contract proves nothing
	}
	d.checkTriggerLoops()
	d.checkFieldLoops()
}

// spark is how an action of one trigger may set off another.
type spark struct {
	from, to *Trigger
	action   *Action
	how      string // "creates an Opportunity, which object \"deal\" takes up"
	why      string // with which values the other's condition may hold
}

func (d *decoder) checkTriggerLoops() {
	sparks := map[*Trigger][]spark{}
	for _, from := range d.contract.Triggers {
		for i := range from.Actions {
			for _, to := range d.contract.Triggers {
				if s, ok := d.sets(from, &from.Actions[i], to); ok {
					sparks[from] = append(sparks[from], s)
				}
			}
		}
	}
	told := map[*Trigger]bool{}
	for _, t := range d.contract.Triggers {
		if told[t] {
			continue
		}
		round := shortest(t, func(t *Trigger) []spark { return sparks[t] }, func(s spark) *Trigger { return s.to })
		if round == nil {
			continue
		}
		names, steps := []string{}, []string{}
		for i, s := range round {
			told[s.from] = true
			names = append(names, s.from.Name)
			steps = append(steps, say("%d. trigger %q %s; trigger %q fires: %s.", i+1, s.from.Name, s.how, s.to.Name, s.why))
		}
		names = append(names, t.Name)
		d.fail(codeLoop, round[0].action.Range, say("triggers can set each other off for ever: %s", strings.Join(names, " → ")),
			strings.Join(steps, "\n")+"\nHave one of the conditions exclude what the action before it makes: write a fixed value into a field, and exclude that value in when. Or take the action out.")
	}
}

// shortest is the shortest way from a node over its edges back to itself; nil when there is none.
func shortest[N comparable, E any](start N, edges func(N) []E, to func(E) N) []E {
	ways := map[N][]E{}
	queue := []N{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range edges(at) {
			way := append(slices.Clone(ways[at]), e)
			next := to(e)
			if next == start {
				return way
			}
			if _, known := ways[next]; !known {
				ways[next] = way
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// sets says whether an action of one trigger may set off another, and how.
func (d *decoder) sets(from *Trigger, a *Action, to *Trigger) (spark, bool) {
	s := spark{from: from, to: to, action: a}
	switch a.Type {
	case "salesforce_publish":
		name, fixed := a.Settings["event"].Constant()
		if to.Event == "" || to.Connection != a.Connection || fixed && name != to.Event {
			return s, false
		}
		s.how = say("publishes %s", to.Event)
		g := guess{event: constants(a.Fields)}
		why, may := g.mayHold(to)
		s.why = why
		return s, may
	case "salesforce_create":
		name, fixed := a.Settings["sobject"].Constant()
		o := to.Object
		if to.Event != "" || o == nil || o.Ends[record.Left].Connection != a.Connection || fixed && !strings.EqualFold(name, o.Ends[record.Left].Settings["sobject"]) {
			return s, false
		}
		s.how = say("creates a record of %s, which object %q takes up", o.Ends[record.Left].Settings["sobject"], o.Name)
		return s.created(o, record.Left)
	case "monday_create":
		name, fixed := a.Settings["board"].Constant()
		o := to.Object
		if to.Event != "" || o == nil || o.Ends[record.Right].Connection != a.Connection || fixed && name != o.Ends[record.Right].Settings["board"] {
			return s, false
		}
		if x := a.Settings["workspace"]; x != nil {
			if space, known := x.Constant(); known && o.Ends[record.Right].Settings["workspace"] != "" && space != o.Ends[record.Right].Settings["workspace"] {
				return s, false
			}
		}
		s.how = say("makes an item on board %q, which object %q takes up", o.Ends[record.Right].Settings["board"], o.Name)
		return s.created(o, record.Right)
	default: // comments and moves change no field
		return s, false
	}
}

// created says whether a record that an action makes may set off a trigger on its object: when it is first seen, or when
// fields that the action leaves open come to hold something.
func (s spark) created(o *Object, side record.Side) (spark, bool) {
	fixed := map[string]cty.Value{}
	for name, v := range constants(s.action.Fields) {
		for _, f := range o.Fields {
			if side == record.Left && len(f.Ends[side]) == 1 && sameNative(side, f.Ends[side][0], NativeField{Name: name}) && f.kindByType() == record.Empty && f.Transform == nil {
				fixed[f.Name] = v
			}
		}
	}
	if text, ok := s.action.Settings["name"].Constant(); ok && side == record.Right {
		if v, ok := constant(text); ok {
			for _, f := range o.Fields {
				if len(f.Ends[side]) == 1 && f.Ends[side][0].Type == "" && f.Ends[side][0].Name == "name" && f.Transform == nil {
					fixed[f.Name] = v
				}
			}
		}
	}
	for _, g := range []guess{{created: true, after: fixed}, {before: fixed, after: fixed}} {
		if why, may := g.mayHold(s.to); may {
			s.why = why
			return s, true
		}
	}
	return s, false
}

// constants are the values of an action's fields that are the same every time and that compare as texts.
func constants(fields map[string]*Template) map[string]cty.Value {
	fixed := map[string]cty.Value{}
	for name, x := range fields {
		if text, ok := x.Constant(); ok {
			if v, ok := constant(text); ok {
				fixed[name] = v
			}
		}
	}
	return fixed
}

// constant is a text as a condition sees it; false where it may be seen as something else, or be left out.
func constant(text string) (cty.Value, bool) {
	if _, err := record.OfDecimal(strings.TrimSpace(text)); err == nil {
		return cty.NilVal, false
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "true", "false":
		return cty.NilVal, false
	}
	return cty.StringVal(text), true
}

// guess is what is known of a moment at which a trigger may fire. What is not in it may be anything.
type guess struct {
	created              bool // there is no before
	before, after, event map[string]cty.Value
}

// mayHold says whether a trigger's condition may hold, and with what.
func (g guess) mayHold(t *Trigger) (why string, may bool) {
	if t.When == nil {
		return "it has no condition", true
	}
	c := t.When
	fill := func(names []string, known map[string]cty.Value, none bool) cty.Value {
		m := map[string]cty.Value{}
		for _, n := range names {
			v, ok := known[n]
			interval := slices.Contains(c.intervals, n)
			switch {
			case ok:
			case none && interval:
				v = ctyOf(record.Value{}, true)
			case none:
				v = cty.NullVal(cty.DynamicPseudoType)
			case interval:
				v = cty.ObjectVal(map[string]cty.Value{"from": cty.UnknownVal(cty.String), "to": cty.UnknownVal(cty.String)})
			default:
				v = cty.DynamicVal
			}
			m[n] = v
		}
		return cty.ObjectVal(m)
	}
	ctx := c.unknown(c.ctx)
	ctx.Variables["before"] = fill(c.before, g.before, g.created)
	ctx.Variables["after"] = fill(c.after, g.after, false)
	ctx.Variables["event"] = fill(c.event, g.event, false)
	maps.Copy(ctx.Functions, wordFunctions(cty.BoolVal(g.created)))
	expr, checked := c.expr.(hclsyntax.Expression)
	if !checked {
		return "it was never checked", true
	}
	v, diags := safely(expr, ctx)
	if !diags.HasErrors() && v != cty.NilVal && v.IsKnown() && (v.IsNull() || v.Type() == cty.Bool && v.False()) {
		return "", false
	}
	return g.words(c), true
}

// words are the values with which a condition may hold.
func (g guess) words(c *Condition) string {
	var parts []string
	add := func(root string, names []string, known map[string]cty.Value) {
		for _, n := range names {
			if v, ok := known[n]; ok {
				parts = append(parts, say("%s.%s is %q", root, n, clip(v.AsString())))
			} else {
				parts = append(parts, say("%s.%s may be anything", root, n))
			}
		}
	}
	if g.created {
		parts = append(parts, "the record is new, so there is no before")
	} else {
		add("before", c.before, g.before)
	}
	add("after", c.after, g.after)
	add("event", c.event, g.event)
	if len(parts) > 4 {
		parts = append(parts[:4], "and so on")
	}
	if len(parts) == 0 {
		return "nothing makes its condition false"
	}
	return strings.Join(parts, ", ")
}

// nativePlace is a native field of some connection's container, spelled so that the same one compares equal.
type nativePlace struct {
	side                 record.Side
	connection, at, name string
}

// carried is one direction of a field's rule.
type carried struct {
	from, to     nativePlace
	reads, fills string      // the same two as the contract spells them
	side         record.Side // that it is written to
	field        *Field
}

// spelled is a native field as messages call it.
func (o *Object) spelled(side record.Side, n NativeField) string {
	e := o.Ends[side]
	return cmp.Or(e.Settings["sobject"], e.Settings["board"]) + "." + n.Name + " in " + Systems[side]
}

// placeOf is where one native field of an object's end is.
func (o *Object) placeOf(side record.Side, n NativeField) nativePlace {
	e := o.Ends[side]
	p := nativePlace{side: side, connection: e.Connection.Address(), at: e.Settings["sobject"], name: n.Name}
	if side == record.Left {
		p.at, p.name = strings.ToLower(p.at), strings.ToLower(p.name)
	} else {
		p.at = strings.TrimPrefix(e.Settings["workspace"]+"/"+e.Settings["board"], "/")
	}
	return p
}

// checkFieldLoops finds values that come back, by way of fields of several objects, to where they were read.
func (d *decoder) checkFieldLoops() {
	edges := map[nativePlace][]carried{}
	var all []carried
	for _, o := range d.contract.Objects {
		for _, f := range o.Fields {
			for _, side := range record.Sides { // written here, from the other side
				if f.Owner != OwnerEither && f.Owner == OwnedBy(side) || f.Transform != nil && f.Transform.To[side] == nil {
					continue // nothing is written here
				}
				for _, from := range f.Ends[side.Other()] {
					for _, to := range f.Ends[side] {
						c := carried{
							o.placeOf(side.Other(), from), o.placeOf(side, to), o.spelled(side.Other(), from), o.spelled(side, to), side, f,
						}
						edges[c.from] = append(edges[c.from], c)
						all = append(all, c)
					}
				}
			}
		}
	}
	told := map[*Field]bool{}
	rings := ringed(all)
	for _, first := range all {
		if told[first.field] || !rings(first.from) {
			continue
		}
		if way := wayBack(first, edges); way != nil {
			for _, c := range way {
				told[c.field] = true
			}
			d.fieldLoop(way)
		}
	}
}

// ringed tells of native fields whether rules join them, and others with them, in more than one way. Where they don't,
// nothing can come back, and most contracts are no more than many small trees.
func ringed(all []carried) func(nativePlace) bool {
	parent := map[nativePlace]nativePlace{}
	root := func(p nativePlace) nativePlace {
		for {
			up, ok := parent[p]
			if !ok {
				return p
			}
			if over, ok := parent[up]; ok {
				parent[p] = over
			}
			p = up
		}
	}
	type joint struct {
		field *Field
		a, b  nativePlace
	}
	seen, rings := map[joint]bool{}, map[nativePlace]bool{}
	for _, c := range all {
		j := joint{c.field, c.from, c.to}
		if c.side == record.Left {
			j.a, j.b = j.b, j.a
		}
		if seen[j] {
			continue // the other direction of the same rule
		}
		seen[j] = true
		a, b := root(j.a), root(j.b)
		if a == b {
			rings[a] = true
			continue
		}
		parent[a] = b
		rings[b] = rings[a] || rings[b]
	}
	return func(p nativePlace) bool { return rings[root(p)] }
}

// wayBack is the shortest way on from where one rule writes to where it reads, by rules other than it.
func wayBack(first carried, edges map[nativePlace][]carried) []carried {
	ways := map[nativePlace][]carried{first.to: {first}}
	queue := []nativePlace{first.to}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, c := range edges[at] {
			if slices.ContainsFunc(ways[at], func(used carried) bool { return used.field == c.field }) {
				continue
			}
			way := append(slices.Clone(ways[at]), c)
			if c.to == first.from {
				return way
			}
			if _, known := ways[c.to]; !known {
				ways[c.to] = way
				queue = append(queue, c.to)
			}
		}
	}
	return nil
}

func (d *decoder) fieldLoop(way []carried) {
	value, shown := "", ""
	for _, c := range way {
		if p := c.field.Picklist; p != nil && len(p.Values) > 0 && value == "" {
			if value = p.Values[0].Left; c.side == record.Left {
				value = p.Values[0].Right
			}
			shown = say(" With the value %q:", value)
		}
	}
	var steps, names []string
	for i, c := range way {
		names = append(names, c.field.Address())
		step := say("%d. %s carries %s to %s", i+1, c.field.Address(), c.reads, c.fills)
		if value != "" {
			value = c.field.across(c.side, value)
			step += say(", as %q", value)
		}
		steps = append(steps, step+".")
	}
	last := way[len(way)-1].field
	d.fail(codeLoop, last.Range, say("a value can go round for ever: %s", strings.Join(append(names, names[0]), " → ")),
		say("What somebody writes to %s comes back to it by way of several rules.%s\n", way[0].reads, shown)+strings.Join(steps, "\n")+
			"\nLet one system own the value in all of these fields, or map one of them to another native field.")
}

// across is a choice as a field's table carries it to a side; as it is where the table has it not.
func (f *Field) across(side record.Side, value string) string {
	if f.Picklist == nil {
		return value
	}
	if side == record.Left {
		if back, ok := f.Picklist.Inverse[value]; ok {
			return back
		}
	}
	for _, e := range f.Picklist.Values {
		from, to := e.Left, e.Right
		if side == record.Left {
			from, to = to, from
		}
		if from == value {
			return cmp.Or(to, value)
		}
	}
	return value
}
