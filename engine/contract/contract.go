package contract

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"accord/engine/record"
)

// Contract is everything the files of one folder say, checked.
type Contract struct {
	Source          Source // what it was decoded from: enough to decode it again
	RequiredVersion string
	Ledger          Ledger
	Connections     []*Connection // by address
	Picklists       []*Picklist   // by name; so are all below
	Objects         []*Object     // referenced objects before those that refer to them
	Triggers        []*Trigger
	Policies        []*Policy
	Moved           []Moved
	Removed         []Removed
	Allows          []Allow
}

// Systems names the system on each side, the same for every object of every contract.
var Systems = [2]string{record.Left: "salesforce", record.Right: "monday"}

// Object finds an object by name; nil when there is none.
func (c *Contract) Object(name string) *Object {
	for _, o := range c.Objects {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// Connection finds a connection by address ("monday.work"); nil when there is none.
func (c *Contract) Connection(address string) *Connection {
	for _, n := range c.Connections {
		if n.Address() == address {
			return n
		}
	}
	return nil
}

// Source is the text of a contract: its files, and the values its variables were given. It holds no secret: nothing in
// the language takes one from a variable's value but the name under which it is found.
type Source struct {
	Files     []File            `json:"files"`     // by name
	Variables map[string]string `json:"variables"` // as given: HCL expressions, or plain text for string variables
}

// File is one contract file.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// Secret says where a secret is found. Its value never enters this package.
type Secret struct {
	Scheme string // env | file
	Name   string // variable name or path
}

// String is how the contract spells the reference.
func (s Secret) String() string { return "secret::" + s.Scheme + "(" + s.Name + ")" }

// Setting is an attribute that may be given as text or as a reference to a secret.
type Setting struct {
	Text   string
	Secret *Secret
	Range  hcl.Range
}

// IsSet says whether the contract gave it.
func (s Setting) IsSet() bool { return s.Secret != nil || s.Text != "" }

// Ledger says where the ledger is kept.
type Ledger struct {
	Engine string  // sqlite | postgres
	Path   string  // of SQLite's file, relative to the contract's folder
	URL    Setting // of PostgreSQL
	Range  hcl.Range
}

// Connection is one account at one vendor.
type Connection struct {
	System   string // salesforce | monday
	Name     string
	Settings map[string]Setting // url, api_version, token, signing_secret, webhook_url, listen, pubsub_endpoint, pubsub_insecure ...
	OAuth    *OAuth             // of salesforce
	Budget   Budget
	Range    hcl.Range
}

// Address is "monday.work".
func (c *Connection) Address() string { return c.System + "." + c.Name }

// OAuth is how a connection gets its tokens.
type OAuth struct {
	Flow     string             // jwt_bearer | client_credentials | refresh_token
	Settings map[string]Setting // client_id, client_secret, username, private_key, audience, refresh_token
	Range    hcl.Range
}

// Budget is what the sync may take of the vendor's shared daily calls. At most one of the two is not zero.
type Budget struct {
	DailyCalls   int     // calls
	DailyPercent float64 // of the vendor's limit, 0 to 100
	Range        hcl.Range
}

// Picklist translates choices: left values to right values.
type Picklist struct {
	Name    string
	Values  []PicklistEntry   // in the order written
	Inverse map[string]string // right value to the left value it comes home as
	Keep    bool              // a value outside the table passes unchanged; else it is rejected
	Extend  bool              // apply may add values to a value set that other fields use too
	Colors  map[string]string // by right value
	Range   hcl.Range
}

// PicklistEntry is one row of a picklist table.
type PicklistEntry struct{ Left, Right string }

// Object says which records at both ends are the same thing, and who owns what of them.
type Object struct {
	Name    string
	Ends    [2]End
	Match   []string        // fields that pair records which exist on both sides
	Creates [2]*Create      // by the side where records are created; nil = never
	Deletes [2]DeleteAction // by the side where the record was deleted: what happens to the other one
	Leaves  [2]DeleteAction // by the side where the record left the scope: what happens to the other one
	Guard   Guard
	Protect bool
	Fields  []*Field // in the order written
	Range   hcl.Range
}

// Field finds a field by name; nil when there is none.
func (o *Object) Field(name string) *Field {
	for _, f := range o.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// End is where an object lives on one side.
type End struct {
	Connection *Connection
	Settings   map[string]string // the end's own words: sobject, where | workspace, board, group
	Key        NativeField       // where the other side's record id is kept
	Range      hcl.Range
}

// NativeField names a field at a vendor. With a type, apply creates what is missing; without, it must exist.
type NativeField struct {
	Type  string
	Name  string
	Range hcl.Range
}

// Create says when a record is created on a side for one that exists only on the other.
type Create struct {
	When *Condition // nil = always
	// Owner is who owns a record for which no field says so: a user's e-mail address or name of login, or the name of a
	// queue. "" = not said.
	Owner string
	Range hcl.Range
}

// DeleteAction is what happens to a record whose partner was deleted.
type DeleteAction string

// The actions on a deletion of the other side's record.
const (
	DeleteKeep    DeleteAction = "keep"
	DeleteArchive DeleteAction = "archive"
	DeleteDelete  DeleteAction = "delete"
)

// Guard halts an object instead of carrying out a disaster.
type Guard struct {
	MaxDeletes       int     // in one round; -1 = no limit
	MaxChanges       int     // records; 0 = by percentage
	MaxChangePercent float64 // of paired records, 0 to 100
	// Canary lists ids of records, of either side, that must stay live, paired and readable; the object is halted when
	// one is not. None by default.
	Canary []string
	Range  hcl.Range
}

// Owner says whose edits of a field count.
type Owner uint8

// The owners. OwnedBy turns a side into one.
const (
	OwnerLeft Owner = iota
	OwnerRight
	OwnerEither
)

// OwnedBy is the owner that stands for a side.
func OwnedBy(s record.Side) Owner { return Owner(s) }

// Owns says whether edits on a side count.
func (o Owner) Owns(s record.Side) bool { return o == OwnerEither || o == Owner(s) }

// Conflict says who wins when both sides edited a field that either may edit.
type Conflict uint8

// The ways out of a conflict.
const (
	ConflictNewest Conflict = iota
	ConflictLeft
	ConflictRight
	ConflictHold
)

// Drift says what to do when somebody edits the derived side of an owned field.
type Drift string

// The answers to an edit on the derived side.
const (
	DriftRevert Drift = "revert"
	DriftReport Drift = "report"
	DriftIgnore Drift = "ignore"
)

// Field is one value that crosses.
type Field struct {
	Name      string
	Object    *Object
	Ends      [2][]NativeField // one native field; two that make an interval, or an amount and its currency
	Owner     Owner
	Conflict  Conflict
	OnDrift   Drift
	Settle    time.Duration  // wait until a value has rested this long
	Timezone  *time.Location // in which a bare date is read; nil when the field names none
	Picklist  *Picklist
	Reference *Object
	People    *People
	Transform *Transform
	Currency  string   // ISO 4217 code of the amounts that cross; the end with two native fields says the currency with its second
	Sensitive string   // label; "" = not sensitive
	Lossy     []string // what may be lost, as the contract names it: truncate | round | time | text | link_text | transform | currency
	Range     hcl.Range
}

// Address is "object.deal.field.stage".
func (f *Field) Address() string { return "object." + f.Object.Name + ".field." + f.Name }

// IsInterval says whether the field holds a stretch of days: two native fields on a side, or a timeline.
func (f *Field) IsInterval() bool {
	if f.Currency != "" {
		return false
	}
	for _, e := range f.Ends {
		if len(e) == 2 || len(e) == 1 && e[0].Type == "timeline" {
			return true
		}
	}
	return false
}

// People says how users of the two systems are matched.
type People struct {
	Unmatched string // report | skip | fallback
	Fallback  string // e-mail address, for fallback
	Range     hcl.Range
}

// Trigger acts when a record changes in a certain way, or when a vendor publishes an event: each of its actions happens
// once for each transition, or event.
//
// Before is what triggers saw of the record last, after what it comes to hold: of an owned field its owner's value, of one
// that either side may edit what was decided. Of a record that was there before anybody looked, both are the same, so that
// neither a first listing nor a new trigger makes anything happen; of one that is created while the sync knows all others,
// before is nothing, and created() holds.
//
// Of an event there is no before; after and the record's parts are those of the record that the event names, where it
// names one.
type Trigger struct {
	Name string
	// Event is the API name of the platform event that fires it; "" for one on the records of Object.
	Event      string
	Connection *Connection // where the event is published; nil without one
	// Record is how an event names the record that it is about: by its id in the event's system, or at the other end. Nil
	// where the event is about none; then Object is nil too.
	Record  *Template
	Object  *Object
	When    *Condition // nil, of an event, = always
	Actions []Action
	Range   hcl.Range
}

// Action is one thing that a trigger does. One on a record that is just being created waits for it; one on a record that
// the contract does not have created does not happen. Its settings, all templates:
//
//	salesforce_create   sobject; fields by API name
//	salesforce_publish  event; fields by API name
//	monday_create       board, name, and where given workspace and group; fields by column id
//	monday_update       body: a comment on the item, as plain text
//	monday_move         group: where the item goes
type Action struct {
	Type     string               // salesforce_create | monday_update | monday_create | monday_move | salesforce_publish
	Settings map[string]*Template // evaluated when it fires
	Fields   map[string]*Template
	// Connection is where it happens: the object's on that side, or the event's, or the only one of that system.
	Connection *Connection
	Range      hcl.Range
}

// EventFields is the fields of the event that the trigger looks at, in order, each once; nil of one on an object.
func (t *Trigger) EventFields() []string {
	if t.Event == "" {
		return nil
	}
	var names []string
	if t.When != nil {
		names = append(names, t.When.event...)
	}
	if t.Record != nil {
		names = append(names, t.Record.event...)
	}
	for _, a := range t.Actions {
		for _, x := range a.templates() {
			if x != nil {
				names = append(names, x.event...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// OfEventAlone says that whether the trigger fires, and what it does, follows from the event and nothing else.
func (t *Trigger) OfEventAlone() bool { return t.Event != "" && t.Record == nil }

// Fields is the contract fields that the trigger looks at anywhere, in order, each once.
func (t *Trigger) Fields() []string {
	names := t.When.Fields()
	for _, a := range t.Actions {
		for _, x := range a.templates() {
			names = append(names, x.Fields()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Natives is the native fields that the trigger looks at on one side, in order, each once.
func (t *Trigger) Natives(side record.Side) []string {
	names := t.When.Natives(side)
	for _, a := range t.Actions {
		for _, x := range a.templates() {
			names = append(names, x.Natives(side)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// templates is all templates of the action, in no promised order.
func (a *Action) templates() []*Template {
	return slices.AppendSeq(slices.Collect(maps.Values(a.Settings)), maps.Values(a.Fields))
}

// Side is where the action happens.
func (a *Action) Side() record.Side {
	if strings.HasPrefix(a.Type, Systems[record.Right]+"_") {
		return record.Right
	}
	return record.Left
}

// OnRecord says whether the action is about the record of its side, and not on its own.
func (a *Action) OnRecord() bool { return a.Type == "monday_update" || a.Type == "monday_move" }

// NeedsID says whether the action can't happen without the id of one side's record.
func (a *Action) NeedsID(side record.Side) bool {
	return a.OnRecord() && a.Side() == side || slices.ContainsFunc(a.templates(), func(x *Template) bool { return x.NeedsID(side) })
}

// Render fills the action's templates in.
func (a *Action) Render(scope Scope) (settings, fields map[string]string, err error) {
	settings, fields = map[string]string{}, map[string]string{}
	for _, part := range []struct {
		from map[string]*Template
		into map[string]string
	}{{a.Settings, settings}, {a.Fields, fields}} {
		for _, name := range slices.Sorted(maps.Keys(part.from)) {
			text, err := part.from[name].Eval(scope)
			if err != nil {
				return nil, nil, err
			}
			part.into[name] = text
		}
	}
	return settings, fields, nil
}

// Policy refuses contracts that give away what it guards.
type Policy struct {
	Name   string
	Fields []*Field
	Owners []Owner
	Range  hcl.Range
}

// Moved says that an address has a new name.
type Moved struct {
	From, To string
	Range    hcl.Range
}

// Removed says what becomes of something that the contract no longer holds.
type Removed struct {
	From    string
	Destroy bool // else forget
	Range   hcl.Range
}

// Allow permits one destructive change until a day.
type Allow struct {
	Name   string
	Change string
	Target string
	Until  time.Time
	Reason string
	Range  hcl.Range
}
