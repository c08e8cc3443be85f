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

// Lone says what becomes of a record that has no partner, where it had one.
type Lone string

// What becomes of lone records: LoneNew never had a partner. LoneLetGo lost it to another record, by somebody's hand: its
// key is cleared, and it waits for a person. LoneDismissed is a double that a person decided against: the delete rule
// applies. LoneRenewed gets a new record, whatever key it carries.
const (
	LoneNew       Lone = ""
	LoneLetGo     Lone = "let_go"
	LoneDismissed Lone = "dismissed"
	LoneRenewed   Lone = "renewed"
	LoneIgnored   Lone = "ignored" // a person said that it stays by itself: nothing is created for it, and it is matched with nothing
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
	Fresh bool
	// Lone matters while there is only one record.
	Lone      Lone
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Paired says whether both records are known.
func (p *Pair) Paired() bool { return p.IDs[0] != "" && p.IDs[1] != "" }

// HalfPair is a record that has no other side yet, as it was last seen.
type HalfPair struct {
	PairID string
	State  PairState
	Lone   Lone
	Record record.Record
}
