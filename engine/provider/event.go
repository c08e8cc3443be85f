package provider

import (
	"context"
	"time"

	"accord/engine/record"
)

// EventSource is implemented by providers whose vendor publishes events of its users' own making: messages that say that
// something happened, and are no record.
type EventSource interface {
	// Listen hands events over as they are published, until ctx ends, and then returns nil. An event may be handed over
	// again; its ID tells. Cursors say where to go on, by the name of the event; without one it begins with what is
	// published from now on. A batch counts as received only after emit returned nil.
	Listen(ctx context.Context, events []EventSpec, cursors map[string]string, emit EmitEvents) error
	// RecordID is the id that an event names a record by, spelled as Records spell it. Text that is no id of the vendor's
	// stays as it is. No I/O.
	RecordID(text string) string
}

// EventSpec is what the contract looks at of one kind of event.
type EventSpec struct {
	Name   string   // the vendor's: "Renewal_Requested__e"
	Fields []string // native names, in order; those that every event has among them
}

// Event is one event.
type Event struct {
	Name string // as in its spec
	// ID is the same every time the event is handed over, and of no other of the connection.
	ID     string
	At     time.Time // when it was published
	Actor  string    // the vendor's id of who published it; "" where it does not tell
	Fields map[string]record.Value
	// Problem is why what it holds can't be read; "" when it can.
	Problem string
}

// EmitEvents takes a batch of events with the cursor behind them: once it returns nil they are safe.
type EmitEvents func(ctx context.Context, batch EventBatch) error

// EventBatch is what a vendor published of one kind of event.
type EventBatch struct {
	Events []Event
	Cursor Cursor // its name is that of the event
	// Gap says that the vendor does not keep any more what it published since then: some of it may never have been handed
	// over. What it still keeps follows. Zero = there is no gap.
	Gap time.Time
}
