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
