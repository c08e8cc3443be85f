package provider

import (
	"context"
	"net/http"
	"time"

	"accord/engine/record"
	"accord/engine/resource"
)

// Provider is one connection to one vendor. Its methods are safe for use by several goroutines.
type Provider interface {
	Structure
	// Records opens the records of one end of an object. It does no I/O. Fields of the spec whose resource is absent
	// from b.Resources, or has no ID, do not exist yet: they are neither read nor written.
	Records(b Binding) (Records, error)
	// Watch reports changes of all bound objects until ctx ends. A change may be repeated, late or out of order.
	// Cursors say where to go on, by name; a missing one means from now on. Emit is called for each batch, and the
	// batch is acknowledged to the vendor only after it returned nil.
	Watch(ctx context.Context, bound []Binding, cursors map[string]string, emit Emit) error
	// People looks users up by vendor id and by e-mail address in the fewest calls. Unknown ones are left out.
	People(ctx context.Context, ids, emails []string) ([]record.Person, error)
	// Usage is what the vendor's own accounts say of its limits, as far as its answers have told.
	Usage() []Usage
	// Close ends background work. It does not wait for calls in flight.
	Close() error
}

// Structure is what plan and apply ask.
type Structure interface {
	// Expand lists the native resources that the specs of this connection need, in any order: containers, fields,
	// keys, labels, permissions, and what makes changes visible (webhooks, change-event selection). No I/O.
	Expand(specs []ObjectSpec) ([]resource.Resource, error)
	// Describe returns the actual state of want, by address; what does not exist is left out. A wanted resource may
	// carry the vendor's ID that the ledger remembers, because some things can't be found by name; a remembered ID
	// that the vendor no longer shows is an error of kind Hidden, never "does not exist".
	Describe(ctx context.Context, want []resource.Resource) ([]resource.Resource, error)
	// Apply performs one change and returns what is there now, with its ID. Repeating it is harmless: a Create that
	// finds what an interrupted one left behind takes that over. Resolved holds the resources that the change depends
	// on, by address, as they are now.
	Apply(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error)
	// FieldShape is what a field with a type named in the contract holds; ok is false for a type the vendor has not. No I/O.
	FieldShape(typ string) (shape record.Shape, ok bool)
}

// Records is what the pipeline asks of one object's records at one vendor.
type Records interface {
	// Shapes describes the bound fields by native name, the key among them, as the vendor described them when the binding
	// was made.
	Shapes() map[string]record.Shape
	// Lane names what has one writer at a time: the board, the kind of record. Objects of one connection that share it give
	// the same name. No I/O.
	Lane() string
	// Count is the number of live records in scope, by the cheapest query that can tell.
	Count(ctx context.Context) (int, error)
	// List pages through the records in scope that changed at or after since (0 = all), in no promised order. With
	// since > 0 it also reports records that were removed or left the scope since then, as far as the vendor tells.
	// It returns the version from which the next List misses nothing.
	List(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error)
	// Read returns one record for each id, in that order; one that the vendor does not show has State Missing.
	Read(ctx context.Context, ids []string) ([]record.Record, error)
	// Find returns the live records that carry the given keys, by key; a key may have several. A vendor's search may
	// lag: absence is proof only SearchLag after a write.
	Find(ctx context.Context, keys []string) (map[string][]string, error)
	// Write carries out one batch and returns one result per patch, in order. The error is for the batch as a whole:
	// of kind Unknown when some of it may have been carried out. It never repeats a call that may have taken effect.
	Write(ctx context.Context, batch Batch) ([]record.Result, error)
	// Limits says how writes are best cut.
	Limits() Limits
}

// Receiver is implemented by providers whose vendor calls them. The handler answers 200 only after Watch's emit
// returned nil, and authenticates before it parses. Path is where the vendor was told to call.
type Receiver interface {
	Handler() http.Handler
	Path() string
}

// Emit hands changes over, with the cursor that stands behind them: once it returns nil they are safe. An empty cursor
// name leaves cursors alone.
type Emit func(ctx context.Context, changes []record.Change, cursor Cursor) error

// Cursor is a place in a vendor's stream of changes.
type Cursor struct{ Name, Position string }

// Batch is what goes to the vendor in one call, or in the fewest it allows.
type Batch struct {
	// Key makes the batch repeatable where the vendor knows idempotency keys: the same key with the same patches in
	// the same order is carried out once. Sent is when the key was first used; zero for a first try.
	Key     string
	Sent    time.Time
	Patches []record.Patch
}

// Limits of writing.
type Limits struct {
	BatchSize int           // patches in one call
	SearchLag time.Duration // how long Find may fail to show a fresh record
	Parallel  int           // batches of one object in flight at once; 1 = one writer
	// BulkFrom is the number of patches from which Write hands a batch to the vendor as a file; 0 = it never does. Such a
	// load takes minutes, costs a few calls whatever its size, and shows records late: it is for first loads, not for what
	// somebody waits for. A batch is a load by its size alone, so that sending it again takes the same way.
	BulkFrom  int
	BulkSize  int           // patches in one load, at most
	BulkCalls int           // calls that one load costs, about
	BulkTime  time.Duration // how long a load may take; an outcome that is not known by then is looked up
	// BulkOps are the operations that gain by a load.
	BulkOps []record.Op
	// BulkResumes says that a load sent again under its key takes up the one that is under way, or tells how it ended. An
	// unanswered load then need not be looked up.
	BulkResumes bool
}

// Usage is one limit of the vendor as its answers show it. Limit 0 means not known.
type Usage struct {
	Name      string // "daily calls", "complexity a minute"
	Used      int64
	Limit     int64
	Remaining int64
	Reset     time.Time
}

// ObjectSpec is what the contract says of one end of one object.
type ObjectSpec struct {
	Object     string            // name in the contract
	Connection string            // "monday.work"
	Settings   map[string]string // the end's own words: workspace, board, group | sobject, where
	Key        FieldSpec         // where the other side's record id is kept; unique where the vendor can make it so
	Fields     []FieldSpec
	Creates    bool   // records are created at this end
	Owner      string // who owns a created record for which no field says so, as people call him; "" = not said
	Deletes    bool   // records are archived or deleted at this end
	Watched    bool   // changes at this end matter (false for an end that is only written)
	// Actions are what triggers of the object do at this end, so that they may be granted. Those of triggers that are about
	// no object stand with the connection's first.
	Actions []ActionSpec
	// Events are what those triggers listen to at this end.
	Events []EventSpec
}

// ActionSpec is what the contract says of an action, as far as it is the same every time.
type ActionSpec struct {
	Type     string            // the contract's word: "salesforce_create"
	Settings map[string]string // those that hold no template
	Fields   []string          // native names, in order
}

// FieldSpec is one native field of one end.
type FieldSpec struct {
	Field  string // contract field
	Type   string // the contract's word for its type; "" = must exist, whatever its type
	Name   string // native name: "StageName", "stage"
	Title  string // what people should see, for a field that apply creates
	Writes bool   // sync writes it
	// Options are the choices that must be selectable, in order; Colors go with them by option.
	Options []string
	Colors  map[string]string
	Extends bool   // options may be added where they are added for other fields too
	Refers  string // the contract object whose records it refers to
	Scale   int    // decimal places to provide for in a field that apply creates; -1 = the vendor's habit
}

// Binding is a spec with what is known of its structure.
type Binding struct {
	Spec      ObjectSpec
	Resources []resource.Resource // of the whole connection, with IDs and described attributes
}

// Call describes one call to a vendor, for audit, metrics and progress. It holds no secret and no record value.
type Call struct {
	Connection string
	Operation  string // "create_item", "PATCH composite/sobjects"
	Write      bool
	Rows       int // records asked for or written
	Started    time.Time
	Duration   time.Duration
	Status     int // HTTP status, or gRPC code + 1000
	RequestID  string
	Cost       int64 // in the vendor's own unit, where its answer tells
	Err        error // without texts: see Bare
	Cause      Cause
}
