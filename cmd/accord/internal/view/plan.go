package view

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"accord/engine/plan"
	"accord/engine/record"
	"accord/engine/resource"
)

var symbols = map[resource.Action]string{
	resource.Create: "+", resource.Update: "~", resource.Destroy: "-", resource.Forget: ".", resource.Adopt: "<",
}

var colors = map[resource.Action]string{
	resource.Create: green, resource.Update: yellow, resource.Destroy: red, resource.Forget: dim, resource.Adopt: cyan,
}

// Plan writes a plan for people: what is blocked first, then rules, structure by connection, data, and one line that
// sums up.
func Plan(out io.Writer, p *plan.Plan, s Style) error {
	var b strings.Builder
	s.blocked(&b, p)
	s.rules(&b, p)
	s.structure(&b, p)
	s.data(&b, p)
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "%s %s\n\n", s.paint(yellow, "Warning:"), line(w))
	}
	s.summary(&b, p)
	_, err := io.WriteString(out, b.String())
	return err
}

func (s Style) blocked(b *strings.Builder, p *plan.Plan) {
	if len(p.Blocked) == 0 {
		return
	}
	fmt.Fprintln(b, s.paint(bold, "BLOCKED"))
	for _, x := range p.Blocked {
		fmt.Fprintf(b, "  %s %s%s\n      %s\n      %s\n", s.paint(red, "!"), line(x.Address), at(x.Source), line(x.Reason), s.paint(dim, line(x.Remedy)))
	}
	fmt.Fprintln(b)
}

func (s Style) rules(b *strings.Builder, p *plan.Plan) {
	if len(p.Rules) == 0 {
		return
	}
	fmt.Fprintln(b, s.paint(bold, "RULES"))
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	for _, r := range p.Rules {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.symbol(r.Action)+" "+line(r.Address), describe(r.Changes), line(r.Source))
	}
	_ = w.Flush() // into a strings.Builder, which never fails
	fmt.Fprintln(b)
	if len(p.Owners) == 0 {
		return
	}
	fmt.Fprintln(b, s.paint(bold, "OWNERS"))
	for _, o := range p.Owners {
		fmt.Fprintf(b, "  %s %s   %s -> %s%s\n", s.paint(magenta, "@"), line(o.Address), line(o.Before), line(o.After), at(o.Source))
	}
	fmt.Fprintln(b)
}

func (s Style) structure(b *strings.Builder, p *plan.Plan) {
	byConnection := map[string][]resource.Change{}
	for _, c := range p.StructureChanges() {
		byConnection[c.Want.Connection] = append(byConnection[c.Want.Connection], c)
	}
	for _, connection := range slices.Sorted(maps.Keys(byConnection)) {
		fmt.Fprintln(b, s.paint(bold, strings.ToUpper(line(connection))))
		w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		for _, c := range byConnection[connection] {
			fmt.Fprintf(w, "  %s %s\t%s\t%s\n", s.symbol(c.Action), strings.ReplaceAll(line(c.Want.Kind), "_", " "), within(c.Want), s.details(c))
		}
		_ = w.Flush()
		fmt.Fprintln(b)
	}
}

// within names a resource by where it is: the connection and the word for its kind are said already.
func within(r resource.Resource) string {
	return line(strings.TrimPrefix(r.Address, r.Connection+"/"))
}

func (s Style) details(c resource.Change) string {
	switch c.Action {
	case resource.Update:
		return describe(c.Differences)
	case resource.Forget:
		return "accord stops managing it; it stays"
	case resource.Adopt:
		return "exists already"
	default:
		return attributes(c.Want.Attributes)
	}
}

// attributes shows what a new thing will be like, in the order of the names; long lists by their length.
func attributes(m map[string]any) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if text := short(m[k]); text != "" {
			parts = append(parts, line(k)+" "+text)
		}
	}
	return strings.Join(parts, ", ")
}

func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil || string(text) == "null" || string(text) == `""` {
		return ""
	}
	const limit = 90
	runes := []rune(line(string(text)))
	if len(runes) <= limit {
		return string(runes)
	}
	switch x := v.(type) {
	case []any:
		return Number(len(x)) + " of them"
	case []string:
		return Number(len(x)) + " of them"
	case map[string]any:
		return Number(len(x)) + " of them"
	default:
		return string(runes[:limit/2]) + "…"
	}
}

func describe(ds []resource.Difference) string {
	parts := make([]string, 0, len(ds))
	for _, d := range ds {
		before, after := short(d.Before), short(d.After)
		if before == "" {
			before = "(none)"
		}
		if after == "" {
			after = "(none)"
		}
		parts = append(parts, fmt.Sprintf("%s: %s -> %s", line(d.Path), before, after))
	}
	return strings.Join(parts, "; ")
}

func (s Style) data(b *strings.Builder, p *plan.Plan) {
	for _, f := range p.Data {
		if f.Basis == plan.BasisLedger && f.Pending == 0 || f.Basis == plan.BasisNone {
			continue
		}
		fmt.Fprintf(b, "%s  %s\n", s.paint(bold, "DATA  "+line(f.Object)), s.paint(dim, s.basis(f)))
		if f.Basis == plan.BasisLedger {
			fmt.Fprintf(b, "  %s pending: the sync has not got to them yet\n\n", plural(f.Pending, "record"))
			continue
		}
		s.forecast(b, f)
		fmt.Fprintln(b)
	}
}

func (s Style) basis(f plan.Forecast) string {
	switch f.Basis {
	case plan.BasisLedger:
		return "basis: ledger"
	case plan.BasisSampled:
		return fmt.Sprintf("basis: sampled, %s of %s %s and %s of %s %s records", Number(f.Read[0]), Number(f.Total[0]), s.Systems[0],
			Number(f.Read[1]), Number(f.Total[1]), s.Systems[1])
	default:
		return fmt.Sprintf("basis: exact, all %s %s and %s %s records read", Number(f.Total[0]), s.Systems[0], Number(f.Total[1]), s.Systems[1])
	}
}

func (s Style) forecast(b *strings.Builder, f plan.Forecast) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "  \t%s\t%s\t\n", s.Systems[0], s.Systems[1])
	row := func(name string, n [2]int) {
		if n[0]+n[1] > 0 {
			fmt.Fprintf(w, "  %s\t%s\t%s\t\n", name, Number(n[0]), Number(n[1]))
		}
	}
	row("create", f.Creates)
	row("update", f.Updates)
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		row("· "+line(name), f.Fields[name])
	}
	row("link", f.Links)
	row("remove", f.Removals)
	row("calls, about", f.Calls)
	_ = w.Flush()
	if f.Pairs > 0 {
		fmt.Fprintf(b, "  %s exist on both sides (%s of them found by matching)\n", plural(f.Pairs, "pair"), Number(f.Matched))
	}
	if f.Ambiguous > 0 {
		fmt.Fprintf(b, "  %s %s match more than one: they are held, not created\n", s.paint(yellow, "!"), plural(f.Ambiguous, "record"))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Held)) {
		fmt.Fprintf(b, "  %s %s: %s\n", s.paint(yellow, "!"), line(k), plural(f.Held[k], "record"))
	}
	for _, x := range f.Samples {
		fmt.Fprintf(b, "  %s %s in %s: %s %s %s\n", s.paint(dim, "sample"), line(x.Action), s.Systems[x.Side], line(x.ID), line(x.Name), line(x.Detail))
	}
}

func (s Style) summary(b *strings.Builder, p *plan.Plan) {
	if p.Empty() && len(p.Blocked) == 0 {
		fmt.Fprintln(b, s.paint(green, "No changes.")+" What both systems hold is what the contract asks for.")
		return
	}
	counts := map[resource.Action]int{}
	for _, c := range p.StructureChanges() {
		counts[c.Action]++
	}
	writes := 0
	for _, f := range p.Data {
		writes += f.Writes()
	}
	fmt.Fprintf(b, "%s %d to create, %d to update, %d to adopt, %d to forget; %s; %s.\n", s.paint(bold, "Plan:"),
		counts[resource.Create], counts[resource.Update], counts[resource.Adopt], counts[resource.Forget],
		plural(len(p.Rules), "rule")+" changed", plural(writes, "record write"))
	if len(p.Blocked) > 0 {
		fmt.Fprintln(b, s.paint(red, fmt.Sprintf("Blocked for %s: apply would refuse.", plural(len(p.Blocked), "reason"))))
		return
	}
	fmt.Fprintf(b, "Digest %s   apply exactly this:  accord apply --expect-digest %s\n", p.ShortDigest(), p.ShortDigest())
}

func (s Style) symbol(a resource.Action) string { return s.paint(colors[a], symbols[a]) }

func at(source string) string {
	if source == "" {
		return ""
	}
	return "   " + line(source)
}

// side names one side in a sentence.
func (s Style) side(side record.Side) string { return s.Systems[side] }
