package ledger

import (
	"time"

	"accord/engine/record"
)

// PairState says what may be done with a pair.
type PairState string

// The states of a pair. Only live pairs are claimed. A closed pair (both records gone) comes to life again when a
// record does. A held pair waits for a person: see the open conflict that names it.
const (
	PairLive   PairState = "live"
	PairClosed PairState = "closed"
	PairHeld   PairState = "held"
)

// Pair is two records that are the same thing, or one that has no other side yet.
type Pair struct {
	ID     string
	Object string
	IDs    [2]string // vendor record ids by side; "" = none yet
	State  PairState
	// Base holds the values last agreed, as each side spells them; nil when nothing was ever agreed.
	Base [2]record.Fields
	// Fresh says that its record was told live, not found by a listing of everything, and that nothing was decided about
	// it yet: triggers take it for created.
	Fresh     bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Paired says whether both records are known.
func (p *Pair) Paired() bool { return p.IDs[0] != "" && p.IDs[1] != "" }

// HalfPair is a record that has no other side yet, as it was last seen.
type HalfPair struct {
	PairID string
	Record record.Record
}
