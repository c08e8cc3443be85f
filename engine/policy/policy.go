package policy

import (
	"fmt"
	"strconv"

	"accord/engine/contract"
	"accord/engine/record"
)

// Round counts what a round of decisions of one object would do.
type Round struct {
	Object  string
	Paired  int // pairs with a record on both sides, before this round
	Deletes int // records that would be archived or deleted
	Changes int // records that would be updated; new ones overwrite nothing, and do not count
	// Known and Seen count live records by side: before this round, and now. Seen is -1 for a side of which nothing new
	// is known. Hidden counts those among the ones that are live no more of which nobody said that they were deleted.
	Known, Seen, Hidden [2]int
	// Approved is the number of updates that an approved plan announced for this round; 0 = none.
	Approved int
}

// NotListed is a round's Seen where nothing new is known of either side.
var NotListed = [2]int{-1, -1}

// Reason says which limit a round broke.
type Reason string

// The reasons.
const (
	MassDelete Reason = "mass_delete"
	MassChange Reason = "mass_change"
	SideEmpty  Reason = "side_empty" // or nearly so
	Canary     Reason = "canary"     // a record that must always be there is not
)

const (
	// fewRecords are always allowed to change: a percentage of a handful of records would halt on the first edit.
	fewRecords = 20
	// manyRecords don't all vanish in a day's work: a side that showed as many and shows none is taken for hidden.
	manyRecords = 5
)

// Halt is a round that must not be carried out until a person has looked.
type Halt struct {
	Reason                 Reason
	Object                 string
	Side                   record.Side // of SideEmpty
	Numerator, Denominator int         // "Numerator of Denominator records"
	Limit                  int         // records; SideEmpty and Canary have none
	Guard                  contract.Guard
	// Detail says what would have happened, Remedy what to do. The guard's Range says where the limit is written.
	Detail, Remedy string
}

// Error is the halt in one sentence, and what to do.
func (h *Halt) Error() string {
	return fmt.Sprintf("object %q is halted: %s; %s", h.Object, h.Detail, h.Remedy)
}

// Check compares a round with an object's guard; nil = go on. Of several reasons it gives the gravest: a side that is
// suddenly empty explains the others.
func Check(g contract.Guard, r Round) *Halt {
	for _, s := range record.Sides {
		if h := emptied(g, r, s); h != nil {
			return h
		}
	}
	if g.MaxDeletes >= 0 && r.Deletes > g.MaxDeletes {
		return &Halt{Reason: MassDelete, Object: r.Object, Numerator: r.Deletes, Denominator: r.Paired, Limit: g.MaxDeletes, Guard: g,
			Detail: fmt.Sprintf("%s would be archived or deleted at once, and the guard allows %d", of(r.Deletes, r.Paired), g.MaxDeletes),
			Remedy: fmt.Sprintf("look at what was deleted; resuming allows these, and guard { max_deletes = %d } in the contract as many every time", r.Deletes)}
	}
	limit, unlimited := changeLimit(g, r.Paired)
	if r.Approved > 0 {
		limit = max(limit, Bound(r.Approved))
	}
	if !unlimited && r.Changes > limit {
		return &Halt{Reason: MassChange, Object: r.Object, Numerator: r.Changes, Denominator: r.Paired, Limit: limit, Guard: g,
			Detail: fmt.Sprintf("%s would be changed at once, and the guard allows %d%s", of(r.Changes, r.Paired), limit, percentage(g)),
			Remedy: fmt.Sprintf("look at what changed; resuming allows these, and guard { max_changes = %d } in the contract as many every time", r.Changes)}
	}
	return nil
}

// emptied says whether a side is suddenly empty, or hides more than half of what it showed. What is said to be deleted is
// for max_deletes to judge, down to the last record.
func emptied(g contract.Guard, r Round, s record.Side) *Halt {
	now := "none"
	switch {
	case r.Seen[s] < 0 || r.Known[s] < manyRecords:
		return nil
	case r.Seen[s] == 0:
	case r.Hidden[s] > max(fewRecords, r.Known[s]/2):
		now = strconv.Itoa(r.Seen[s])
	default:
		return nil
	}
	follows := ""
	if r.Deletes > 0 {
		follows = fmt.Sprintf("; resuming would archive or delete %d of %s for it", r.Deletes, contract.Systems[s.Other()])
	}
	return &Halt{Reason: SideEmpty, Object: r.Object, Side: s, Numerator: r.Seen[s], Denominator: r.Known[s], Guard: g,
		Detail: fmt.Sprintf("%s showed %d records before and shows %s now%s", contract.Systems[s], r.Known[s], now, follows),
		Remedy: "check that our user may still see them, and that the object's scope in the contract is what you mean"}
}

// changeLimit is the number of records that a guard allows to change; 100 % is no limit.
func changeLimit(g contract.Guard, paired int) (limit int, unlimited bool) {
	if g.MaxChanges > 0 {
		return g.MaxChanges, false
	}
	if g.MaxChangePercent >= 100 {
		return 0, true
	}
	return max(fewRecords, int(float64(paired)*g.MaxChangePercent/100)), false
}

func percentage(g contract.Guard) string {
	if g.MaxChanges > 0 {
		return ""
	}
	return fmt.Sprintf(" (%g%%, and never less than %d)", g.MaxChangePercent, fewRecords)
}

func of(n, total int) string {
	if total < n {
		return fmt.Sprintf("%d records", n)
	}
	return fmt.Sprintf("%d of %d records", n, total)
}

// Mass says whether a round does so much that what must always be there is looked at before: it deletes, or it changes
// more than a few records.
func (r Round) Mass() bool { return r.Deletes > 0 || r.Changes > fewRecords }

// Bound is the number of record writes at which an apply stops that was approved for n: well above what was approved,
// because people go on working between the plan and its apply.
func Bound(n int) int { return n + max(fewRecords, n/4) }
