package ledger

import (
	"accord/engine/record"
)

// Work is one pair to resolve, with everything that is known of it.
type Work struct {
	Pair     Pair
	Seen     [2]*record.Record // nil = no such record on that side
	Gen      int64             // of the pending row; goes back in Resolution.Gen
	Lease    string            // proof of the claim; goes back in Resolution.Lease
	Attempts int               // how often resolving it was put off before
	Priority int
	Reason   string // why it is pending
}
