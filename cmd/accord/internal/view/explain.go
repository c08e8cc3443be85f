package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"accord/engine/audit"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/pipeline"
	"accord/engine/record"
)

// ruleText says what each rule means. Systems fill in whose value decided.
var ruleText = map[string]string{
	merge.RuleUnchanged: "nobody has changed it since both sides agreed", merge.RuleAgreed: "both sides mean the same",
	merge.RuleOwner: "%s owns it, and its value counts", merge.RuleOnlyEditor: "both sides may edit it, and only %s did",
	merge.RuleNewest: "both sides edited it, and %s did so later", merge.RuleSide: "both sides edited it, and the contract lets %s win",
	merge.RuleHold: "both sides edited it, and the contract holds such fields", merge.RuleFirst: "the two never agreed on it: %s comes first",
	merge.RuleParent: "the record it refers to has another partner: what %s refers to counts",
	merge.RuleRevert: "it was edited where it is derived, and %s owns it: it is put back",
	merge.RuleReport: "it was edited where it is derived, and the contract wants that told only",
	merge.RuleIgnore: "it was edited where it is derived, and the contract ignores that", merge.RuleNotShown: "%s does not show the field",
	merge.RuleUnsettled: "it has not come to rest yet (settle)", merge.RuleRejected: "the value can't be carried across",
	merge.RuleAwarded: "an operator decided for %s", merge.RuleCreate: "its record is to be created on the other side",
	merge.RuleNoCreate: "the contract creates no record for it", merge.RuleNotQualified: "the condition of its create block does not hold",
	merge.RuleLink: "the records get each other's ids", merge.RuleKeep: "its partner is gone, and the contract keeps it",
	merge.RuleArchive: "its partner is gone, and the contract archives it", merge.RuleDelete: "its partner is gone, and the contract deletes it",
	merge.RuleOutside:  "its partner left the object's scope, and may come back: the contract keeps this one",
	merge.RuleReturned: "%s shows it again, and accord had removed its partner", merge.RuleLetGo: "its partner was linked with another record: it waits for a person",
	merge.RuleIgnored: "a person said that it stays by itself", merge.RuleDismissed: "it was a double: the contract's delete rule applies to it",
	merge.RuleClose: "both records are gone", merge.RuleMissing: "a side does not show its record: nothing is concluded from that",
}

// Explanation is a record explained, with the calls that wrote it.
type Explanation struct {
	*pipeline.Explanation
	Calls map[string]audit.Entry // by batch
}

// Explain tells everything that is known of one record, or of one field of it. Sensitive values are not shown.
func Explain(out io.Writer, e Explanation, field string, s Style) error {
	x := &explainer{e: e, s: s}
	x.head()
	if e.Object == nil {
		x.natives()
	} else {
		for _, f := range e.Object.Fields {
			if field == "" || f.Name == field {
				x.field(f, field != "")
			}
		}
	}
	x.conflicts(field)
	if field == "" {
		x.s.firings(&x.b, x.e.Firings, func(f ledger.Firing) string { return f.Trigger })
		x.s.occasions(&x.b, x.e.Occasions)
		x.writes()
	}
	_, err := io.WriteString(out, x.b.String())
	return err
}

type explainer struct {
	e Explanation
	s Style
	b strings.Builder
}

func (x *explainer) head() {
	p := x.e.Pair
	fmt.Fprintf(&x.b, "%s  pair %s, %s, known since %s\n", x.s.paint(bold, line(p.Object)), p.ID, p.State, when(p.CreatedAt))
	w := tabwriter.NewWriter(&x.b, 0, 0, 2, ' ', 0)
	for _, side := range record.Sides {
		r := x.e.Seen[side]
		if r == nil {
			fmt.Fprintf(w, "  %s\t%s\n", x.s.side(side), "no record")
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\tchanged %s%s\tlooked at %s\n", x.s.side(side), line(r.ID), r.State, when(r.Version.Time()), x.who(side, r), when(x.e.SeenAt[side]))
	}
	_ = w.Flush() // into a strings.Builder, which never fails
	if h := x.e.Halted; h != nil {
		fmt.Fprintf(&x.b, "%s halted: %s\n", x.s.paint(red, "!"), line(h.Detail))
	}
	if q := x.e.Pending; q != nil {
		fmt.Fprintf(&x.b, "  pending since %s: %s%s\n", when(q.Since), line(q.Reason), x.waits(q))
	}
	for _, i := range x.e.Intents {
		fmt.Fprintf(&x.b, "  under way: %s in %s, %s, %s\n", i.Op, x.s.side(i.Side), i.State, plural(i.Attempts, "failed attempt"))
	}
	switch d := x.e.Decision; {
	case p.State == ledger.PairHeld:
		fmt.Fprintf(&x.b, "%s held: nothing is written, and nothing is created for it, until the conflict below is resolved\n", x.s.paint(yellow, "!"))
	case d != nil:
		for _, step := range d.Explain {
			if step.Field == "" {
				fmt.Fprintf(&x.b, "  record: %s\n", x.rule(step))
			}
		}
	}
	if x.e.Problem != nil {
		fmt.Fprintf(&x.b, "%s what would happen next can't be told: %s\n", x.s.paint(yellow, "!"), line(x.e.Problem.Error()))
	}
}

func (x *explainer) who(side record.Side, r *record.Record) string {
	if r.Actor == "" {
		return ""
	}
	return " by " + x.person(side, r.Actor)
}

// person names a user of one side.
func (x *explainer) person(side record.Side, id string) string {
	if name := x.e.People[side][id]; name != "" {
		return clip(name)
	}
	return "user " + clip(id)
}

func (x *explainer) waits(q *ledger.PendingInfo) string {
	if q.WaitsFor != "" {
		return ", waits for pair " + q.WaitsFor
	}
	return ""
}

func (x *explainer) rule(step merge.Step) string {
	text := ruleText[step.Rule]
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, x.s.side(step.Side))
	}
	if step.Detail != "" && step.Rule != merge.RuleNotShown {
		text += " (" + clip(step.Detail) + ")"
	}
	return text + " [" + step.Rule + "]"
}

// natives shows what is known when the contract does not tell what it means.
func (x *explainer) natives() {
	for _, side := range record.Sides {
		if r := x.e.Seen[side]; r != nil {
			fmt.Fprintf(&x.b, "  %s shows %s; their values are not shown, for no contract says which are sensitive\n", x.s.side(side), plural(len(r.Fields), "field"))
		}
	}
}

func (x *explainer) field(f *contract.Field, long bool) {
	fmt.Fprintf(&x.b, "\n%s  (%s)\n", x.s.paint(bold, line(f.Name)), x.owner(f))
	w := tabwriter.NewWriter(&x.b, 0, 0, 2, ' ', 0)
	row := func(name string, of func(record.Side) string) {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", name, of(record.Left), of(record.Right))
	}
	row("", x.s.side)
	row("now", func(s record.Side) string { return x.value(f, s, x.e.Now[s], shownBy(x.e.Seen[s]), "(not seen yet)") })
	row("agreed", func(s record.Side) string { return x.value(f, s, x.e.Agreed[s], x.e.Pair.Base[s], "(never agreed)") })
	if long {
		row("changed", func(s record.Side) string { return x.changed(f, s) })
		row("told by", func(s record.Side) string { return x.told(f, s) })
	}
	_ = w.Flush()
	if d := x.e.Decision; d != nil {
		for _, step := range d.Explain {
			if step.Field == f.Name {
				fmt.Fprintf(&x.b, "  rule     %s\n", x.rule(step))
			}
		}
		fmt.Fprintf(&x.b, "  next     %s\n", x.next(f, d))
	}
	if a, ok := x.e.Awards[f.Name]; ok {
		fmt.Fprintf(&x.b, "  decided  for %s by %s at %s\n", x.s.side(a.Side), clip(a.Actor), when(a.AwardedAt))
	}
	x.written(f, long)
}

func (x *explainer) owner(f *contract.Field) string {
	switch {
	case f.Owner == contract.OwnerEither:
		return "either side may edit it"
	default:
		return "owned by " + x.s.side(record.Side(f.Owner))
	}
}

// value is what a side shows of a field, or agreed to: as the contract means it, else as the side spells it.
func (x *explainer) value(f *contract.Field, side record.Side, values map[string]record.Value, native record.Fields, none string) string {
	v, ok := values[f.Name]
	var spelled []string
	if !ok {
		for _, n := range f.Ends[side] {
			if v, known := native[n.Name]; known {
				spelled = append(spelled, v.String())
			}
		}
	}
	text := strings.TrimSpace(strings.Join(spelled, " "))
	switch {
	case x.e.Seen[side] == nil:
		return "-"
	case !ok && spelled == nil:
		return none
	case f.Sensitive != "":
		return "(sensitive)"
	case ok && v.IsEmpty() || !ok && text == "":
		return "(empty)"
	case ok:
		return clip(v.String())
	default:
		return clip(text)
	}
}

// newest is the native name of a field that changed last at a side.
func newest(f *contract.Field, r *record.Record, side record.Side) string {
	name := f.Ends[side][0].Name
	for _, n := range f.Ends[side] {
		if r.ChangedAt(n.Name) > r.ChangedAt(name) {
			name = n.Name
		}
	}
	return name
}

func (x *explainer) changed(f *contract.Field, side record.Side) string {
	r := x.e.Seen[side]
	if r == nil {
		return "-"
	}
	name := newest(f, r, side)
	if _, shown := r.Fields[name]; !shown {
		return "-"
	}
	text := when(r.ChangedAt(name).Time())
	origin := r.OriginOf(name)
	switch {
	case origin.Ours:
		text += " by accord"
	case origin.Actor != "":
		text += " by " + x.person(side, origin.Actor)
	}
	return text
}

// told is what brought a field's value.
func (x *explainer) told(f *contract.Field, side record.Side) string {
	r := x.e.Seen[side]
	if r == nil {
		return "-"
	}
	name := newest(f, r, side)
	switch origin := r.OriginOf(name); {
	case origin.Ours:
		return "accord's own write"
	case origin.Event != "":
		return clip(origin.Event)
	default:
		return "-"
	}
}

// written tells the last writes of a field: what stood there, what was written, which run and call did it.
func (x *explainer) written(f *contract.Field, long bool) {
	left := 1
	if long {
		left = 20
	}
	for _, w := range x.e.Writes {
		for _, n := range f.Ends[w.Side] {
			after, ok := w.After[n.Name]
			if !ok || left == 0 {
				continue
			}
			left--
			before, after2 := show(f, w.Before[n.Name]), show(f, after)
			fmt.Fprintf(&x.b, "  written  %s to %s of %s: %s -> %s\n           %s\n", when(w.At), line(n.Name), x.s.side(w.Side), before, after2, x.origin(w, f.Name))
		}
	}
}

func show(f *contract.Field, v record.Value) string {
	switch {
	case f.Sensitive != "":
		return "(sensitive)"
	case v.IsEmpty():
		return "(empty)"
	default:
		return clip(v.String())
	}
}

func (x *explainer) conflicts(field string) {
	var f *contract.Field
	if x.e.Object != nil {
		f = x.e.Object.Field(field)
	}
	for _, c := range x.e.Conflicts {
		if field != "" && c.Field != field {
			continue
		}
		fmt.Fprintf(&x.b, "\nconflict %d (%s)  %s: %s\n", c.ID, c.State, line(c.Field), c.Reason)
		if about := x.about(c); about != nil {
			fmt.Fprintf(&x.b, "  %s  %s showed %s, %s showed %s\n", when(c.CreatedAt), x.s.Systems[0], show(about, c.Left), x.s.Systems[1], show(about, c.Right))
		}
		fmt.Fprintf(&x.b, "  %s\n", line(c.Detail))
		if c.State == ledger.StateOpen && c.Remedy != "" {
			fmt.Fprintf(&x.b, "  to do: %s\n", line(c.Remedy))
		}
	}
	for _, d := range x.e.DeadLetters {
		if field != "" && (f == nil || !concerns(&d, f)) {
			continue
		}
		fmt.Fprintf(&x.b, "\ndead letter %d (%s)  %s in %s, %s: %s %s\n", d.ID, d.State, d.Op, x.s.side(d.Side), when(d.CreatedAt), clip(d.Code), line(d.Message))
		if d.State == ledger.StateOpen && d.Remedy != "" {
			fmt.Fprintf(&x.b, "  to do: %s\n", line(d.Remedy))
		}
	}
}

// about is the field whose values a conflict kept; nil when it is about none that the contract in force has.
func (x *explainer) about(c ledger.Conflict) *contract.Field {
	if x.e.Object == nil || c.Field == "" || c.Left.IsEmpty() && c.Right.IsEmpty() {
		return nil
	}
	return x.e.Object.Field(c.Field)
}

// writes lists the last calls that wrote the record.
func (x *explainer) writes() {
	if len(x.e.Writes) == 0 {
		return
	}
	fmt.Fprintf(&x.b, "\n%s\n", x.s.paint(bold, "written"))
	for i, w := range x.e.Writes {
		if i == 10 {
			fmt.Fprintf(&x.b, "  and %s before\n", plural(len(x.e.Writes)-i, "write"))
			return
		}
		names := make([]string, 0, len(w.After))
		for n := range w.After {
			names = append(names, n)
		}
		slices.Sort(names)
		what := strings.Join(names, ", ")
		if what == "" {
			what = "the other record's id"
		}
		fmt.Fprintf(&x.b, "  %s  %s in %s: %s\n      %s\n", w.At.UTC().Format(time.DateTime+"Z"), w.Op, x.s.side(w.Side), clip(what), x.origin(w, ""))
	}
}
