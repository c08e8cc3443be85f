package view

import (
	"fmt"
	"io"
	"text/tabwriter"

	"accord/engine/audit"
	"accord/engine/ledger"
)

// Audit lists calls to vendors.
func Audit(out io.Writer, entries []audit.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(out, "No calls.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "no\ttime\tconnection\toperation\trequest\tstatus\ttook\tfor\trequest id\terror")
	for _, e := range entries {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.Seq, when(e.At), line(e.Connection), clip(e.Operation), clip(e.Request), e.Status,
			Duration(e.Duration), clip(e.Initiator), clip(e.RequestID), clip(e.Error))
	}
	return w.Flush()
}

// Runs lists runs, and how each ended.
func Runs(out io.Writer, runs []ledger.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(out, "No runs.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "run\tkind\tbegan\ttook\tsummary")
	for _, r := range runs {
		took := "running, or killed"
		if !r.Finished.IsZero() {
			took = Duration(r.Finished.Sub(r.Started))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, line(r.Kind), when(r.Started), took, clip(string(r.Summary)))
	}
	return w.Flush()
}
