package view

import (
	"fmt"
	"io"
	"strings"

	"accord/engine/pipeline"
	"accord/engine/record"
)

// Reversal shows what putting back a run would do, record by record.
func Reversal(out io.Writer, r *pipeline.Reversal, s Style) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", s.paint(bold, "REVERT  run"), line(r.Run))
	skipped := 0
	for _, c := range r.Changes {
		if c.Skipped != "" {
			skipped++
			fmt.Fprintf(&b, "  %s %s %s in %s: %s\n", s.paint(dim, "."), line(c.Object), line(c.RecordID), s.side(c.Side), line(c.Skipped))
			continue
		}
		for _, f := range c.Fields {
			place := fmt.Sprintf("%s %s in %s, %s", line(c.Object), line(c.RecordID), s.side(c.Side), line(f.Name))
			if f.Skipped != "" {
				skipped++
				fmt.Fprintf(&b, "  %s %s: %s\n", s.paint(dim, "."), place, line(f.Skipped))
				continue
			}
			fmt.Fprintf(&b, "  %s %s: %s -> %s\n", s.paint(yellow, "~"), place, reversed(f, f.Now), reversed(f, f.Before))
		}
	}
	if r.Created+r.Removed > 0 {
		fmt.Fprintf(&b, "  it also created %s, and archived or deleted %s: they stay as they are\n", plural(r.Created, "record"), plural(r.Removed, "record"))
	}
	if r.Writes() == 0 {
		fmt.Fprintln(&b, "Nothing to put back.")
	} else {
		fmt.Fprintf(&b, "%s %s to put back, %s left alone.\n", s.paint(bold, "Plan:"), plural(r.Writes(), "record"), plural(skipped, "value"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func reversed(f pipeline.ReversedField, v record.Value) string {
	switch {
	case f.Sensitive:
		return "(sensitive)"
	case v.IsEmpty():
		return "(empty)"
	default:
		return clip(v.String())
	}
}
