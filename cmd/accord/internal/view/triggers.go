package view

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
)

// Trigger is a trigger with what it did last.
type Trigger struct {
	Name      string
	Contract  *contract.Trigger // nil when the contract in force has none of that name
	Stats     ledger.TriggerStats
	Firings   []ledger.Firing   // newest first
	Occasions []ledger.Occasion // events that wait or failed, newest first
}

// ExplainTrigger tells what a trigger waits for, and what it did last.
func ExplainTrigger(out io.Writer, t Trigger, s Style) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", s.paint(bold, "trigger "+line(t.Name)), triggerOn(t.Contract))
	if c := t.Contract; c != nil {
		if c.When != nil {
			fmt.Fprintf(&b, "  when  %s\n", line(c.When.Text))
		}
		types := make([]string, len(c.Actions))
		for i, a := range c.Actions {
			types[i] = a.Type
		}
		fmt.Fprintf(&b, "  does  %s\n", line(strings.Join(types, ", ")))
	}
	fmt.Fprintf(&b, "  %s done, %s to do, %s waiting for their record, %s failed\n",
		Number(t.Stats.Done), Number(t.Stats.Ready), Number(t.Stats.Waiting), Number(t.Stats.Failed))
	s.firings(&b, t.Firings, func(f ledger.Firing) string { return f.PairID })
	s.occasions(&b, t.Occasions)
	_, err := io.WriteString(out, b.String())
	return err
}

func triggerOn(t *contract.Trigger) string {
	switch {
	case t == nil:
		return "the contract in force has no such trigger"
	case t.Event != "" && t.Object != nil:
		return fmt.Sprintf("on event %s of %s, about a record of %s", line(t.Event), line(t.Connection.Address()), line(t.Object.Name))
	case t.Event != "":
		return fmt.Sprintf("on event %s of %s", line(t.Event), line(t.Connection.Address()))
	default:
		return "on " + line(t.Object.Name)
	}
}

// firings lists what triggers did; of says of each what it is about.
func (s Style) firings(b *strings.Builder, list []ledger.Firing, of func(ledger.Firing) string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", s.paint(bold, "fired"))
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, x := range list {
		f := pipeline.FiredOf(x)
		what := strings.TrimSpace(f.Type + " " + f.Target)
		if f.On != "" {
			what += " on " + f.On
		}
		if f.Event != "" {
			what += " for event " + f.Event
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", when(f.CreatedAt), clip(of(x)), clip(what), outcome(f))
	}
	_ = w.Flush() // into a strings.Builder, which never fails
}

func outcome(f pipeline.Fired) string {
	switch f.State {
	case "done":
		if f.Result == "" {
			return "done"
		}
		return "done: " + clip(f.Result)
	case "waiting":
		return "waits for its record"
	case "failed":
		return "failed: " + clip(f.Error)
	}
	switch {
	case f.Error != "":
		return fmt.Sprintf("to do, after %s: %s", plural(f.Attempts, "attempt"), clip(f.Error))
	case !f.Tried.IsZero():
		return "sent, and not answered yet"
	default:
		return "to do"
	}
}

// occasions lists events that fired nothing yet.
func (s Style) occasions(b *strings.Builder, list []ledger.Occasion) {
	for _, o := range list {
		fmt.Fprintf(b, "\nevent %s  %s, trigger %s, %s: %s\n", line(o.EventID), line(o.Event), line(o.Trigger), when(o.CreatedAt), clip(o.State+" "+o.Error))
	}
}

// triggers adds to a status what triggers have to do, and events that may be lost.
func (s Style) triggers(b *strings.Builder, list []ledger.TriggerStats, gaps []ledger.Gap) {
	if len(list) > 0 {
		w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "trigger\tdone\tto do\twaiting\tfailed\t")
		for _, t := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", line(t.Trigger), Number(t.Done), Number(t.Ready), Number(t.Waiting+t.Events), Number(t.Failed))
		}
		_ = w.Flush()
	}
	if len(gaps) > 0 {
		fmt.Fprintf(b, "%s %s in the events that triggers listen to: those published after\n", s.paint(red, "!"), plural(len(gaps), "gap"))
		for i, g := range gaps {
			if i == 5 {
				fmt.Fprintf(b, "   and %d more\n", len(gaps)-i)
				break
			}
			fmt.Fprintf(b, "   %s on %s of %s may be lost; the gap was found %s\n", when(g.Since), line(g.Name), line(g.Connection), when(g.FoundAt))
		}
	}
}
