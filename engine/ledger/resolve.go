package ledger

import (
	"encoding/json"
	"time"

	"accord/engine/record"
)

// Resolution is what was decided about one claimed pair.
type Resolution struct {
	PairID string
	Gen    int64  // Work.Gen
	Lease  string // Work.Lease
	// Base is merged into the pair's base at once, field by field; nil leaves a side's base alone.
	Base      [2]record.Fields
	Intents   []Intent // at most one per side; ID, PairID, Object and state are filled in
	Conflicts []Conflict
	// ClearConflicts names conflicts that no longer hold: "field" clears all open ones of that field, "field:reason" one.
	ClearConflicts []string
	DeadLetters    []DeadLetter
	Firings        []Firing
	State          *PairState // nil leaves the pair's state alone
	// RetryAt keeps the pair pending until then; zero = done with, unless it changed meanwhile.
	RetryAt time.Time
	// WaitFor keeps the pair pending until one of these pairs has both sides, or RetryAt. Those that have them count as due.
	WaitFor []string
	Reason  string // why it stays pending; "" keeps the reason it had
}

// Intent is one write that was decided and is not settled yet.
type Intent struct {
	ID       string
	PairID   string
	Object   string
	Side     record.Side
	Op       record.Op
	RecordID string // "" for a create
	Key      string // also write this as the record's key
	Fields   record.Fields
	// Agreed is merged into the pair's base, by side, once the write is confirmed.
	Agreed    [2]record.Fields
	Priority  int
	NotBefore time.Time
	Cause     string // who or what led to it, for people and the audit log
	State     IntentState
	Attempts  int
	Error     string // of the last attempt
	CreatedAt time.Time
}

// IntentState says how far an intent got.
type IntentState string

// The states of an intent. Sent and unknown ones may or may not have been carried out: look before repeating.
const (
	IntentReady   IntentState = "ready"
	IntentSent    IntentState = "sent"
	IntentUnknown IntentState = "unknown"
)

// DeadLetter is a write, or a decision, that failed for good.
type DeadLetter struct {
	ID         int64
	Object     string
	PairID     string
	Side       record.Side
	Op         record.Op
	RecordID   string
	Payload    json.RawMessage // what was to be written; filled in from the intent when empty
	Kind       string          // provider.Kind by name, or a rejection's reason
	Code       string
	Message    string
	RequestID  string
	Remedy     string
	Fields     []string // native fields at fault
	CreatedAt  time.Time
	State      string // open | retried | discarded
	ResolvedAt time.Time
}

// Firing is one trigger's action that is to happen once for one occurrence.
type Firing struct {
	Trigger    string
	PairID     string
	Occurrence string          // what makes it happen once: the same occurrence is recorded once
	Payload    json.RawMessage // what the action needs, opaque to the ledger
	State      string          // ready | done | failed
	Attempts   int
	Error      string
	CreatedAt  time.Time
}
