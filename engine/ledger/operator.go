package ledger

import (
	"time"

	"accord/engine/record"
)

// ObjectStats counts what the ledger holds of one object.
type ObjectStats struct {
	Object      string
	Pairs       int    // with both sides
	Half        [2]int // with only that side
	Held        int
	Closed      int
	Pending     int // of live pairs, whenever due
	Due         int // of those, due now and free to be worked
	Waiting     int // of those, waiting for another pair
	Dirty       [2]int
	Intents     [2]int // not settled, by side
	Unknown     int    // of those, with unknown outcome
	DeadLetters int    // open
	Conflicts   int    // open
	OldestDue   time.Time
}

// Explanation is everything the ledger knows of one record.
type Explanation struct {
	Pair        Pair
	Seen        [2]*record.Record
	SeenAt      [2]time.Time
	Dirty       [2]bool
	Pending     *PendingInfo
	Intents     []Intent
	DeadLetters []DeadLetter // of any state, newest first
	Conflicts   []Conflict   // of any state, newest first
	Writes      []Write      // confirmed ones, newest first
}

// PendingInfo says why and since when a pair is pending.
type PendingInfo struct {
	Reason     string
	Since      time.Time
	NotBefore  time.Time
	Attempts   int
	Priority   int
	LeaseBy    string
	LeaseUntil time.Time
	WaitsFor   string // pair id
}

// Write is one confirmed write, kept for explain and revert.
type Write struct {
	ID       string
	At       time.Time
	Object   string
	PairID   string
	Side     record.Side
	Op       record.Op
	RecordID string
	Before   record.Fields // what was seen of the written fields before
	After    record.Fields // what was written, as stored
	Cause    string
	BatchID  string
}

// Budget is what may be spent of something countable within one window.
type Budget struct {
	Connection, Name, Window string
	Used, Limit              int64 // Limit 0 = none
}
