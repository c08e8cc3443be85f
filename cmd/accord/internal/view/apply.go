package view

import (
	"fmt"
	"io"

	"accord/engine/apply"
)

// ApplyStep writes one step of an apply as it ends.
func ApplyStep(out io.Writer, step apply.Step, s Style) error {
	mark, tail := s.symbol(step.Change.Action), ""
	if step.Outcome != apply.Done {
		mark, tail = s.paint(red, "!"), line(fmt.Sprintf("   %s: %v", step.Outcome, step.Err))
	}
	_, err := fmt.Fprintf(out, "  %s %s%s\n", mark, line(step.Change.Want.Address), tail)
	return err
}

// Applied sums up what an apply did.
func Applied(out io.Writer, r apply.Report, s Style) error {
	counts := map[apply.Outcome]int{}
	for _, step := range r.Steps {
		counts[step.Outcome]++
	}
	if r.Incomplete() && r.Activated {
		_, err := fmt.Fprintf(out, "\n%s %d done, %d failed, %d skipped. The contract is in force as number %d; run apply again for the rest.\n",
			s.paint(red, "Incomplete:"), counts[apply.Done], counts[apply.Failed], counts[apply.Skipped], r.Serial)
		return err
	}
	if r.Incomplete() {
		_, err := fmt.Fprintf(out, "\n%s %d done, %d failed, %d skipped. The contract is not in force; run apply again to go on.\n",
			s.paint(red, "Incomplete:"), counts[apply.Done], counts[apply.Failed], counts[apply.Skipped])
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s %s done. The contract is in force as number %d.\n", s.paint(green, "Applied:"), plural(counts[apply.Done], "step"), r.Serial)
	return err
}
