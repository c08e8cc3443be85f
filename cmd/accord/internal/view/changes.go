package view

import (
	"fmt"
	"strings"

	"accord/engine/ledger"
)

// changes accounts for what changed, an object a line; what does not add up is told.
func (s Style) changes(b *strings.Builder, tallies []ledger.Tally) {
	for _, t := range tallies {
		if t.Captured == 0 && t.Balanced() {
			continue
		}
		var parts []string
		for _, how := range ledger.Endings {
			if n := t.Ended[how]; n > 0 {
				parts = append(parts, Number(int(n))+" "+string(how))
			}
		}
		if t.Open > 0 || len(parts) == 0 {
			parts = append(parts, Number(int(t.Open))+" open")
		}
		fmt.Fprintf(b, "%s: %s = %s\n", line(t.Object), plural(int(t.Captured), "change"), strings.Join(parts, " + "))
		if !t.Balanced() {
			fmt.Fprintf(b, "%s %s: changes are not accounted for, %s of them open with nothing to move them: a defect of accord, please report it\n",
				s.paint(red, "!"), line(t.Object), Number(int(t.Stranded)))
		}
	}
}

// compared tells what full comparisons found, and which changes no event had told of.
func (s Style) compared(b *strings.Builder, list []ledger.Verification, tallies []ledger.Tally) {
	for _, v := range list {
		if v.Finished.IsZero() {
			fmt.Fprintf(b, "%s: a full comparison has been under way since %s\n", line(v.Object), when(v.Started))
			continue
		}
		fmt.Fprintf(b, "%s: compared whole at %s: %s + %s records in %s, %s with something that was not known, %s\n", line(v.Object), when(v.Finished),
			Number(v.Records[0]), Number(v.Records[1]), plural(v.Calls, "call"), plural(v.Found, "record"), plural(v.Divergent, "divergent field"))
		if v.Divergent > 0 {
			fmt.Fprintf(b, "%s %s: these differ with nothing to explain it: %s; `accord explain` tells more of each\n", s.paint(red, "!"), line(v.Object), line(strings.Join(v.Samples, ", ")))
		}
	}
	for _, t := range tallies {
		if t.Lost > 0 {
			fmt.Fprintf(b, "%s %s: no event told of %s, which a listing showed: webhooks and subscriptions may be worth a look\n", s.paint(yellow, "!"), line(t.Object), plural(int(t.Lost), "change"))
		}
	}
}
