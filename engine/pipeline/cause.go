package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
)

// initiated comes between what made a pair pending and who did it, in the cause of an intent.
const initiated = " by "

// intentCause says what led to a write to one side: why the pair was decided about, and who changed the other side's record
// last, where its vendor tells.
func intentCause(w ledger.Work, side record.Side) string {
	if from := w.Seen[side.Other()]; from != nil && from.Actor != "" {
		return w.Reason + initiated + contract.Systems[side.Other()] + " user " + from.Actor
	}
	return w.Reason
}

// batchCause joins the causes of a batch for the audit log.
func batchCause(b ledger.Batch) provider.Cause {
	c := provider.Cause{Batch: b.ID}
	const most = 3 // named; more are counted
	var people []string
	for _, in := range b.Intents {
		if _, who, told := strings.Cut(in.Cause, initiated); told {
			people = append(people, who)
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	if n := len(people) - most; n > 0 {
		people = append(people[:most], fmt.Sprintf("%d more", n))
	}
	c.Initiator = strings.Join(people, ", ")
	return c
}
