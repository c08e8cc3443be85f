package view

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, line(r.Kind), when(r.Started), took, clip(summaryText(r.Summary)))
	}
	return w.Flush()
}

// summaryText says what a run did: what it wrote of each object, or, of another kind of run, what it noted.
func summaryText(raw []byte) string {
	var sum struct {
		Objects map[string]struct {
			Seen    int `json:"seen"`
			Written int `json:"written"`
		} `json:"objects"`
		Steps  *int   `json:"steps"`
		Failed int    `json:"failed"`
		Error  string `json:"error"`
	}
	if len(raw) == 0 {
		return ""
	}
	if json.Unmarshal(raw, &sum) != nil {
		return string(raw)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(sum.Objects)) {
		if n := sum.Objects[name].Written; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s written", name, Number(n)))
		}
	}
	if sum.Steps != nil {
		parts = append(parts, plural(*sum.Steps, "step"))
	}
	if sum.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", sum.Failed))
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing written")
	}
	if sum.Error != "" {
		parts = append(parts, sum.Error)
	}
	return strings.Join(parts, ", ")
}
