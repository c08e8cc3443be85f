package view

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"accord/engine/pipeline"
)

// workers lists who works with the ledger, and on what.
func (s Style) workers(b *strings.Builder, workers []pipeline.Worker, now time.Time) {
	if len(workers) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "worker\tlanes")
	for _, k := range workers {
		lanes := strings.Join(k.Lanes, ", ")
		switch {
		case !now.Before(k.Until):
			lanes = fmt.Sprintf("silent since its lease ran out %s ago", now.Sub(k.Until).Round(time.Second))
		case lanes == "":
			lanes = "idle"
		}
		fmt.Fprintf(w, "%s\t%s\n", line(k.Name), line(lanes))
	}
	_ = w.Flush() // into a strings.Builder, which never fails
}
