package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/pipeline"
)

// State is where a sync stands.
type State struct {
	Objects []ledger.ObjectStats     `json:"objects"`
	Halted  map[string]pipeline.Halt `json:"halted,omitempty"`
	// Stalled are the objects that vendors refuse, and that go on by themselves; Streams are connections whose changes or
	// events can't be followed.
	Stalled map[string]pipeline.Stall `json:"stalled,omitempty"`
	Streams map[string]pipeline.Stall `json:"streams_refused,omitempty"`
	// Compared is the newest full comparison of each object.
	Compared []ledger.Verification `json:"compared,omitempty"`
	// Triggers are those that ever fired or have something to do; Gaps are stretches of which events may be lost.
	Triggers []ledger.TriggerStats `json:"triggers,omitempty"`
	Gaps     []ledger.Gap          `json:"gaps,omitempty"`
	Changes  []ledger.Tally        `json:"changes,omitempty"`
	Workers  []pipeline.Worker     `json:"workers,omitempty"` // at At
	At       time.Time             `json:"at,omitzero"`
}

// StatusOf joins what the ledger counts with what is halted.
func StatusOf(stats []ledger.ObjectStats, halted map[string]pipeline.Halt) State {
	return State{Objects: stats, Halted: halted}
}

// Only leaves nothing but what concerns one object. It says whether there was anything.
func (st *State) Only(object string) bool {
	st.Objects = slices.DeleteFunc(st.Objects, func(o ledger.ObjectStats) bool { return o.Object != object })
	st.Changes = slices.DeleteFunc(st.Changes, func(t ledger.Tally) bool { return t.Object != object })
	st.Compared = slices.DeleteFunc(st.Compared, func(v ledger.Verification) bool { return v.Object != object })
	st.Triggers, st.Gaps, st.Workers = nil, nil, nil // which are nobody's
	maps.DeleteFunc(st.Halted, func(name string, _ pipeline.Halt) bool { return name != object })
	maps.DeleteFunc(st.Stalled, func(name string, _ pipeline.Stall) bool { return name != object })
	st.Streams = nil
	return len(st.Objects)+len(st.Changes)+len(st.Halted)+len(st.Stalled) > 0
}

// Status writes where a sync stands, and what to do about what is stuck.
func Status(out io.Writer, st State, s Style) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	apart := slices.ContainsFunc(st.Objects, func(o ledger.ObjectStats) bool { return o.Gone > 0 })
	column := func(title string) string { // of pairs with a record that is deleted, archived, hidden or out of scope
		if !apart {
			return ""
		}
		return title + "\t"
	}
	fmt.Fprintf(w, "object\tpairs\t%sonly %s\tonly %s\tpending\tin flight\tconflicts\tdead letters\t\n", column("apart"), s.Systems[0], s.Systems[1])
	conflicts, dead := 0, 0
	for _, o := range st.Objects {
		fmt.Fprintf(w, "%s\t%s\t%s%s\t%s\t%s\t%s\t%s\t%s\t\n", line(o.Object), Number(o.Pairs-o.Gone), column(Number(o.Gone)), Number(o.Half[0]),
			Number(o.Half[1]), Number(o.Pending), Number(o.Intents[0]+o.Intents[1]), Number(o.Conflicts), Number(o.DeadLetters))
		conflicts += o.Conflicts
		dead += o.DeadLetters
	}
	for _, t := range st.Triggers {
		dead += t.Alone
	}
	_ = w.Flush() // into a strings.Builder, which never fails
	s.triggers(&b, st.Triggers, st.Gaps)
	s.changes(&b, st.Changes)
	s.compared(&b, st.Compared, st.Changes)
	s.workers(&b, st.Workers, st.At)
	s.halts(&b, st.Halted)
	s.stalls(&b, st)
	if conflicts > 0 {
		fmt.Fprintf(&b, "%s %s to look at: accord conflicts list\n", s.paint(yellow, "!"), plural(conflicts, "conflict"))
	}
	if dead > 0 {
		fmt.Fprintf(&b, "%s %s: accord deadletters list\n", s.paint(yellow, "!"), plural(dead, "dead letter"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Halts lists the objects that their guards have stopped, why, and what to do; nothing where there are none.
func Halts(out io.Writer, halted map[string]pipeline.Halt, s Style) error {
	var b strings.Builder
	s.halts(&b, halted)
	_, err := io.WriteString(out, b.String())
	return err
}

func (s Style) halts(b *strings.Builder, halted map[string]pipeline.Halt) {
	for _, name := range slices.Sorted(maps.Keys(halted)) {
		h := halted[name]
		fmt.Fprintf(b, "%s %s is halted: %s\n   %s\n   then `accord resume %s`\n", s.paint(red, "!"), line(name), line(h.Detail), line(h.Remedy), line(name))
	}
}

// stalls says what vendors refuse. Objects that stand still for one reason are named together.
func (s Style) stalls(b *strings.Builder, st State) {
	const at = "15:04:05Z"
	told := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(st.Stalled)) {
		stall := st.Stalled[name]
		if told[name] {
			continue
		}
		names := []string{line(name)}
		for _, other := range slices.Sorted(maps.Keys(st.Stalled)) {
			if o := st.Stalled[other]; other > name && o.Detail == stall.Detail {
				names, told[other] = append(names, line(other)), true
			}
		}
		fmt.Fprintf(b, "%s %s cannot go on since %s: %s\n   %s; tried again at %s (%s so far)\n", s.paint(red, "!"), strings.Join(names, ", "), when(stall.Since),
			line(stall.Detail), line(stall.Remedy), stall.Again.UTC().Format(at), tries(stall.Tries))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Streams)) {
		stall := st.Streams[name]
		fmt.Fprintf(b, "%s %s tells of no changes since %s; sweeps find them: %s\n   %s; tried again at %s (%s so far)\n", s.paint(yellow, "!"), line(name),
			when(stall.Since), line(stall.Detail), line(stall.Remedy), stall.Again.UTC().Format(at), tries(stall.Tries))
	}
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return Number(n) + " tries"
}

// DeadLetters lists writes that failed for good.
func DeadLetters(out io.Writer, letters []ledger.DeadLetter, s Style) error {
	if len(letters) == 0 {
		_, err := fmt.Fprintln(out, "No dead letters.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tobject\tto\toperation\trecord\tcode\tmessage\tsince\tstate")
	for _, d := range letters {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, line(d.Object), s.side(d.Side), d.Op, clip(d.RecordID), clip(d.Code), clip(d.Message),
			when(d.CreatedAt), d.State)
	}
	return w.Flush()
}

// DeadLetter shows one, whole. Its payload must hold nothing that is sensitive.
func DeadLetter(out io.Writer, d ledger.DeadLetter, s Style) error {
	var b strings.Builder
	what := fmt.Sprintf("%s %s in %s", d.Op, line(d.Object), s.side(d.Side))
	if d.Trigger != "" {
		what = fmt.Sprintf("an action of trigger %s in %s", line(d.Trigger), s.side(d.Side))
	}
	state := d.State
	if !d.ResolvedAt.IsZero() && d.State != ledger.StateOpen {
		state += " " + when(d.ResolvedAt)
	}
	fmt.Fprintf(&b, "Dead letter %d (%s)\n  %s, since %s\n  %s %s: %s\n", d.ID, state, what, when(d.CreatedAt), d.Kind, line(d.Code), line(d.Message))
	for _, row := range [][2]string{
		{"record", d.RecordID}, {"fields", strings.Join(d.Fields, ", ")}, {"request", d.RequestID}, {"payload", string(d.Payload)}, {"to do", d.Remedy},
	} {
		if row[1] != "" && (row[0] != "to do" || d.State == ledger.StateOpen) {
			fmt.Fprintf(&b, "  %-8s %s\n", row[0], line(row[1]))
		}
	}
	if d.PairID != "" {
		fmt.Fprintf(&b, "  %-8s accord explain %s\n", "more", line(strings.TrimSpace(d.Object+" "+d.PairID)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Conflicts lists what waits for a person.
func Conflicts(out io.Writer, conflicts []ledger.Conflict, s Style) error {
	if len(conflicts) == 0 {
		_, err := fmt.Fprintln(out, "No conflicts.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "id\tobject\tfield\treason\t%s\t%s\tdetail\tsince\tstate\n", s.Systems[0], s.Systems[1])
	for _, c := range conflicts {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, line(c.Object), line(c.Field), c.Reason, clip(c.Left.String()), clip(c.Right.String()), clip(c.Detail),
			when(c.CreatedAt), c.State)
	}
	return w.Flush()
}

// Conflict shows one, whole.
func Conflict(out io.Writer, c ledger.Conflict, s Style) error {
	var b strings.Builder
	about := line(c.Object)
	if c.Field != "" {
		about += "." + line(c.Field)
	}
	fmt.Fprintf(&b, "Conflict %d (%s): %s, %s, since %s\n", c.ID, c.State, about, c.Reason, when(c.CreatedAt))
	if c.Field != "" {
		for _, row := range [][2]string{{s.Systems[0], c.Left.String()}, {s.Systems[1], c.Right.String()}, {"agreed", c.Base.String()}} {
			if row[1] == "" {
				row[1] = "(empty)"
			}
			fmt.Fprintf(&b, "  %-10s  %s\n", row[0], line(row[1]))
		}
	}
	fmt.Fprintf(&b, "  %s\n", line(c.Detail))
	if c.State == ledger.StateOpen {
		fmt.Fprintf(&b, "  to do: %s\n", line(c.Remedy))
		if c.Reason == merge.BothChanged {
			fmt.Fprintf(&b, "  to decide: accord conflicts resolve %d --take %s, or --take %s\n", c.ID, s.Systems[0], s.Systems[1])
		}
	}
	if c.PairID != "" {
		fmt.Fprintf(&b, "  more: accord explain %s\n", line(strings.TrimSpace(c.Object+" "+c.PairID+" "+c.Field)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
