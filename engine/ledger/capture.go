package ledger

import (
	"time"

	"accord/engine/record"
)

// Cursor is a place in a vendor's stream of changes.
type Cursor struct{ Connection, Name, Position string }

// Observation is what one vendor showed of one record. Fields that it does not name were not shown: what is known of
// them stays.
type Observation struct {
	Object string
	Side   record.Side
	Record record.Record
	// Full says that the record was read as a whole, not told by an event.
	Full bool
	// DirtyGen is the generation that DirtyRecords gave before the record was read; 0 for any other observation.
	DirtyGen int64
	// Partial says that the vendor told less than what changed: the record must be read before it is trusted.
	Partial bool
	// Ours says that the vendor attributes the change to our own client. It is a hint: a value that differs from what
	// we wrote, in the first answer to our own write, is taken as the vendor's spelling of it.
	Ours bool
}

// Capture is one batch of observations with the cursor that stands behind them.
type Capture struct {
	Observations []Observation
	Cursor       *Cursor   // nil leaves cursors alone
	Priority     int       // of the pairs that changed, lower first: PriorityLive, PriorityBackfill
	NotBefore    time.Time // when changed pairs become due; zero = at once. An earlier time that a pair has already stays.
}

// Priorities of pending work.
const (
	PriorityLive     = 0
	PriorityBackfill = 10
)

// Captured counts what a capture did, by observation.
type Captured struct{ Created, Updated, Unchanged int }

// Dirty is a record that must be read before it is trusted.
type Dirty struct {
	ID  string
	Gen int64 // goes into Observation.DirtyGen of the read
}
