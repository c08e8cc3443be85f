package record

import "time"

// Side is one end of a pair. Which system stands on which side is said by the contract, the same for all its objects.
type Side uint8

// The two sides of every pair.
const (
	Left Side = iota
	Right
)

// Sides lists both, for loops that treat them alike.
var Sides = [2]Side{Left, Right}

// Other is the opposite side.
func (s Side) Other() Side { return 1 - s }

// String is "left" or "right", as the ledger stores it.
func (s Side) String() string {
	if s == Left {
		return "left"
	}
	return "right"
}

// Version orders what one vendor says about one record: milliseconds since the Unix epoch on that vendor's own clock.
// Versions of different vendors are compared only where the contract asks which edit is newer.
type Version int64

// VersionAt is the version that a vendor's time stamp stands for; the zero time is version 0.
func VersionAt(t time.Time) Version {
	if t.IsZero() {
		return 0
	}
	return Version(t.UnixMilli())
}

// Time is the moment the version stands for, in UTC.
func (v Version) Time() time.Time { return time.UnixMilli(int64(v)).UTC() }

// State says whether a vendor still shows a record.
type State uint8

// The states of a record at its vendor. Missing is "not shown": deleted for good, or hidden from our user; it is never
// taken for an empty record, nor by itself for a deletion. Outside is shown, and surely not one of the object's records
// now: it does not meet the end's condition, or was moved elsewhere. It may come back, as the same record.
const (
	Live State = iota
	Archived
	Deleted
	Missing
	Outside
)

// String names the state.
func (s State) String() string {
	return [...]string{"live", "archived", "deleted", "missing", "outside", "unknown", "unknown", "unknown"}[s&7]
}

// Fields holds native values by native field name (the name the contract uses for that side: "StageName", "stage").
// A name that is absent was not shown by the vendor; an empty Value was shown, and is empty.
type Fields map[string]Value

// Clone is a copy that shares nothing mutable.
func (f Fields) Clone() Fields {
	if f == nil {
		return nil
	}
	c := make(Fields, len(f))
	for k, v := range f {
		c[k] = v
	}
	return c
}

// Record is one record as one vendor shows it now.
type Record struct {
	ID     string // the vendor's id
	Key    string // id of the other side's record as this record carries it; "" when it carries none
	State  State
	Fields Fields
	// Version is the vendor's version of the whole record; Changed refines it per field where the vendor tells.
	Version Version
	Changed map[string]Version
	Actor   string // who changed it last, where the vendor tells: a person's id at that vendor
	Ours    bool   // Actor is the user that we are connected as: a hint, never a proof
	// Origins says of fields whose edit gave them their value, where that is known; "" is the record itself. Only what is
	// remembered of a record has them: a vendor tells the Actor, and an event.
	Origins map[string]Origin
	// MergedInto is the id of the record of the same side that this one became part of; "" = of none. Such a record is
	// Deleted.
	MergedInto string
}

// ChangedAt is the vendor's version of one field: its own where known, else the record's.
func (r *Record) ChangedAt(field string) Version {
	if v, ok := r.Changed[field]; ok {
		return v
	}
	return r.Version
}

// Origin is whose edit something is, and what told of it; each is empty where that is not known.
type Origin struct {
	Actor string `json:"by,omitempty"` // a person's id at the vendor
	Event string `json:"ev,omitempty"` // for people: "change event 4f2a", "a sweep"
	Ours  bool   `json:"us,omitempty"` // it is nobody's edit: we wrote it
}

// OriginOf says whose edit gave a field its value: the Actor, where nothing else is known and the record was not changed
// since.
func (r *Record) OriginOf(field string) Origin {
	if o, ok := r.Origins[field]; ok {
		return o
	}
	if at := r.ChangedAt(field); at != 0 && at == r.Version {
		return Origin{Actor: r.Actor}
	}
	return Origin{}
}

// Change is a vendor's hint that a record is worth looking at. Losing, doubling or reordering changes costs latency only.
type Change struct {
	Object string // contract object
	Record Record // Fields may be partial: only what the event itself showed
	// Partial says that Record does not show the whole truth of what changed, so that the record must be read.
	Partial bool
	Ours    bool // the vendor says the change came through our own client: a hint, never a proof
	// Event names what told of it, for people: its kind and the vendor's own id of it. "" where it was no event.
	Event string
}

// Op is what a patch does to a record.
type Op uint8

// The operations. Link writes nothing but the key that names the other side's record.
const (
	Create Op = iota
	Update
	Archive
	Delete
)

// String names the operation.
func (o Op) String() string {
	return [...]string{"create", "update", "archive", "delete"}[o&3]
}

// Patch asks for one change of one record. Fields are native and only those that change.
type Patch struct {
	Op     Op
	ID     string // vendor's id; empty for Create
	Key    string // when not empty, also write this as the record's key: the other side's record id
	Unlink bool   // clear the record's key: it is no longer anybody's partner; Key is empty then
	Fields Fields
}

// Result answers one patch. Err is nil when the vendor confirmed the write.
type Result struct {
	ID      string
	Fields  Fields // as stored now, where the vendor's answer shows it; nil where it does not
	Version Version
	Err     error // *provider.Error
}

// Person is a user of a vendor, matched across sides by e-mail address.
type Person struct {
	ID     string
	Email  string
	Name   string
	Active bool
}

// Shape is what a field can hold, in the engine's terms; a provider derives it from its vendor's field type.
type Shape struct {
	Type      string // the vendor's name of the type, for messages
	Kind      Kind
	Many      bool // holds several choices, people or references
	MaxLength int  // characters of text; 0 = no known limit
	Scale     int  // decimal places kept; -1 = no known limit
	Digits    int  // digits before the decimal point; 0 = no known limit
	ReadOnly  bool
	Required  bool     // can't be empty
	Options   []string // of a choice: what may be chosen, in the vendor's order; nil = open
	Open      bool     // of a choice: values outside Options are accepted
	Unit      string   // native field that says in which currency a record's amounts are; "" = all are in one
	Folds     bool     // the vendor trims surrounding white space of text
	Form      Form     // the only way of writing a text or link that the vendor takes
	Separator string   // of several choices: what the vendor puts between them, so that no choice may contain it
	Most      int      // the largest of whole numbers, of which the smallest is 1; 0 = no known limit
}

// Form is a way of writing a text.
type Form int

// The forms that vendors insist on.
const (
	AnyForm     Form = iota
	AddressForm      // a web address with its scheme
	PhoneForm        // the digits of a phone number, perhaps after a plus
	EmailForm        // one e-mail address
)

// String is what a text of this form is called in messages.
func (f Form) String() string {
	switch f {
	case AddressForm:
		return "a web address"
	case PhoneForm:
		return "a phone number"
	case EmailForm:
		return "an e-mail address"
	default:
		return "a text"
	}
}
