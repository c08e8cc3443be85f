package contract

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"accord/engine/record"
)

// maker is whatever makes records without anybody's hand: a trigger, or the create block of an object for one side.
type maker struct {
	trigger *Trigger
	object  *Object
	side    record.Side // that the object's records are made at
}

func (m maker) name() string {
	if m.trigger != nil {
		return m.trigger.Name
	}
	return say("%s (create %q)", m.object.Name, Systems[m.side])
}

func (m maker) at() hcl.Range {
	if m.trigger != nil {
		return m.trigger.Range
	}
	return m.object.Creates[m.side].Range
}

// spark is how what one maker makes may set off another.
type spark struct {
	from, to maker
	at       hcl.Range // of what makes
	how      string    // "trigger \"t\" creates a record of Opportunity, which object \"deal\" takes up"
	why      string    // with which values the other's condition may hold
}

// makers are all of the contract, triggers first.
func (d *decoder) makers() []maker {
	var list []maker
	for _, t := range d.contract.Triggers {
		list = append(list, maker{trigger: t})
	}
	for _, o := range d.contract.Objects {
		for _, side := range record.Sides {
			if o.Creates[side] != nil {
				list = append(list, maker{object: o, side: side})
			}
		}
	}
	return list
}

// checkMakers finds triggers and create blocks that set each other off for ever.
func (d *decoder) checkMakers() {
	sparks := map[maker][]spark{}
	all := d.makers()
	for _, from := range all {
		for _, to := range all {
			sparks[from] = append(sparks[from], d.sparks(from, to)...)
		}
	}
	told := map[maker]bool{}
	for _, m := range all {
		if told[m] {
			continue
		}
		round := shortest(m, func(m maker) []spark { return sparks[m] }, func(s spark) maker { return s.to })
		if round == nil {
			continue
		}
		names, steps, blocks := []string{}, []string{}, false
		for i, s := range round {
			told[s.from] = true
			names = append(names, s.from.name())
			blocks = blocks || s.from.object != nil
			then := say("trigger %q fires", s.to.name())
			if o := s.to.object; o != nil {
				blocks = true
				then = say("object %q creates %s for it", o.Name, o.one(s.to.side))
			}
			steps = append(steps, say("%d. %s; %s: %s.", i+1, s.how, then, s.why))
		}
		names = append(names, m.name())
		what, remedy := "triggers can set each other off for ever", "Have one of the conditions exclude what the action before it makes: write a fixed value into a field, and exclude that value in when. Or take the action out."
		if blocks {
			what = "records can be made for each other for ever"
			remedy = "Take one of the create blocks out, or give the objects boards, or record types, of their own. A trigger's condition may exclude a fixed value that the action before it writes."
		}
		d.fail(codeLoop, round[0].at, say("%s: %s", what, strings.Join(names, " → ")), strings.Join(steps, "\n")+"\n"+remedy)
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

// sparks are the ways in which one maker may set off another.
func (d *decoder) sparks(from, to maker) []spark {
	var list []spark
	if from.object != nil {
		if s, ok := d.partnered(from, to); ok {
			list = append(list, s)
		}
		return list
	}
	for i := range from.trigger.Actions {
		if s, ok := d.sets(from, &from.trigger.Actions[i], to); ok {
			list = append(list, s)
		}
	}
	return list
}

// takes is the object that a maker makes records for, or fires for; nil for none.
func (m maker) takes() *Object {
	switch {
	case m.trigger == nil:
		return m.object
	case m.trigger.Event != "":
		return nil
	default:
		return m.trigger.Object
	}
}

// partnered says whether the record that an object creates for one of its own may set off another maker. The object itself
// takes it for the partner that it is; any other one on the same board or sObject finds a new record.
func (d *decoder) partnered(from, to maker) (spark, bool) {
	o, s := to.takes(), spark{from: from, to: to, at: from.at()}
	if o == nil || o == from.object || !sameContainer(o, from.object, from.side) || to.object != nil && to.side == from.side || d.otherType(o, from.object, from.side) {
		return s, false
	}
	s.how = say("object %q creates %s, which object %q takes up", from.object.Name, from.object.one(from.side), o.Name)
	return s.taken(nil)
}

// otherType says whether what one object creates is never in the other: it gets the object's own record type, which the
// other does not take, and which no rule changes.
func (d *decoder) otherType(a, b *Object, side record.Side) bool {
	s, t := a.Ends[side].Settings["record_type"], b.Ends[side].Settings["record_type"]
	return side == record.Left && s != "" && t != "" && !strings.EqualFold(s, t) && !d.writesField(a, "RecordTypeId")
}

// sets says whether an action of a trigger may set off another maker, and how.
func (d *decoder) sets(from maker, a *Action, to maker) (spark, bool) {
	s := spark{from: from, to: to, at: a.Range}
	o := to.takes()
	switch a.Type {
	case "salesforce_publish":
		name, fixed := a.Settings["event"].Constant()
		t := to.trigger
		if t == nil || t.Event == "" || t.Connection != a.Connection || fixed && name != t.Event {
			return s, false
		}
		s.how = say("trigger %q publishes %s", from.name(), t.Event)
		why, may := guess{event: constants(a.Fields)}.mayHold(t.When)
		s.why = why
		return s, may
	case "salesforce_create":
		name, fixed := a.Settings["sobject"].Constant()
		if o == nil || o.Ends[record.Left].Connection != a.Connection || fixed && !strings.EqualFold(name, o.Ends[record.Left].Settings["sobject"]) ||
			to.object != nil && to.side == record.Left || d.outside(a, o) {
			return s, false
		}
		s.how = say("trigger %q creates a record of %s, which object %q takes up", from.name(), o.Ends[record.Left].Settings["sobject"], o.Name)
		return s.taken(fixedFields(a, o, record.Left))
	case "monday_create":
		name, fixed := a.Settings["board"].Constant()
		if o == nil || o.Ends[record.Right].Connection != a.Connection || fixed && name != o.Ends[record.Right].Settings["board"] ||
			to.object != nil && to.side == record.Right {
			return s, false
		}
		if x := a.Settings["workspace"]; x != nil {
			if space, known := x.Constant(); known && o.Ends[record.Right].Settings["workspace"] != "" && space != o.Ends[record.Right].Settings["workspace"] {
				return s, false
			}
		}
		s.how = say("trigger %q makes an item on board %q, which object %q takes up", from.name(), o.Ends[record.Right].Settings["board"], o.Name)
		return s.taken(fixedFields(a, o, record.Right))
	default: // comments and moves change no field
		return s, false
	}
}

// outside says whether an action makes records that an object's where clause leaves out: it writes a fixed value into a
// field of which the clause asks another one, and no rule writes that field afterwards.
func (d *decoder) outside(a *Action, o *Object) bool {
	demanded := demands(o.Ends[record.Left].Settings["where"])
	for name, x := range a.Fields {
		text, fixed := x.Constant()
		wanted, ok := demanded[strings.ToLower(name)]
		if !fixed || !ok || strings.TrimSpace(text) == "" || d.writesField(o, name) {
			continue
		}
		text = strings.ToLower(strings.TrimSpace(text))
		if !slices.ContainsFunc(wanted, func(v string) bool { return strings.TrimPrefix(v, "'") == text }) {
			return true
		}
	}
	return false
}

// fixedFields are the fields of an object that are the same in every record that an action makes, and that compare as texts.
func fixedFields(a *Action, o *Object, side record.Side) map[string]cty.Value {
	fixed := map[string]cty.Value{}
	for name, v := range constants(a.Fields) {
		for _, f := range o.Fields {
			if side == record.Left && len(f.Ends[side]) == 1 && sameNative(side, f.Ends[side][0], NativeField{Name: name}) && f.kindByType() == record.Empty && f.Transform == nil {
				fixed[f.Name] = v
			}
		}
	}
	if text, ok := a.Settings["name"].Constant(); ok && side == record.Right {
		if v, ok := constant(text); ok {
			for _, f := range o.Fields {
				if len(f.Ends[side]) == 1 && f.Ends[side][0].Type == "" && f.Ends[side][0].Name == "name" && f.Transform == nil {
					fixed[f.Name] = v
				}
			}
		}
	}
	return fixed
}

// taken says whether a record that is new to an object, of which some fields are known, may set off the maker: when it is
// first seen, or when fields that are left open come to hold something.
func (s spark) taken(fixed map[string]cty.Value) (spark, bool) {
	if s.to.object != nil {
		why, may := guess{after: fixed}.mayHold(s.to.object.Creates[s.to.side].When)
		s.why = why
		return s, may
	}
	for _, g := range []guess{{created: true, after: fixed}, {before: fixed, after: fixed}} {
		if why, may := g.mayHold(s.to.trigger.When); may {
			s.why = why
			return s, true
		}
	}
	return s, false
}
