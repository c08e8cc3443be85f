package ledger

import (
	"time"

	"accord/engine/record"
)

// Batch is intents that go to the vendor together. Order, key and content never change once it was stamped.
type Batch struct {
	ID      string
	Object  string
	Side    record.Side
	Key     string    // idempotency key
	Sent    time.Time // when the key was first used
	Fresh   bool      // just stamped: this is the first try
	Intents []Intent  // in the order of the call
}

// Outcome is how one intent ended. Exactly one of Done, Retry, Dead, Reread and Unknown is set.
type Outcome struct {
	IntentID string
	BatchID  string // when set, the outcome of an older batch than the intent is in now is ignored, unless Done
	// Done: the vendor confirmed the write.
	Done     bool
	RecordID string         // vendor's id; of a create, the new one
	Stored   record.Fields  // what is stored now, where the vendor's answer shows it
	Version  record.Version // of the record after the write; 0 = not told
	// Retry: it was surely not carried out, and may be later.
	Retry *Retry
	// Dead: it failed for good.
	Dead *DeadLetter
	// Reread: what is there is not what we thought. Both records are read again and the pair is decided anew.
	Reread bool
	// Unknown: it may have been carried out. The intent stays in its batch.
	Unknown bool
	Error   string // for Unknown and Reread: what was said
}

// Retry puts an intent off.
type Retry struct {
	At    time.Time
	Error string
}
