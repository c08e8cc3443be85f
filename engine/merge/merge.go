package merge

import (
	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// Input is all that a decision depends on.
type Input struct {
	Object *contract.Object
	Lenses map[string]*lens.Lens // by contract field; a field without one is left alone
	Env    lens.Env
	// Base holds the values last agreed, as each side spells them; nil when never agreed. A field of which a native
	// name is absent was never agreed.
	Base [2]record.Fields
	// Seen is what each side shows now; nil where it never showed such a record.
	Seen [2]*record.Record
	// Paired says that both ids are known: a side without a record once had one.
	Paired bool
	// Qualifies evaluates Object.Creates[side].When; before and after are canonical values by contract field. It is
	// called only where there is a condition.
	Qualifies func(side record.Side, before, after map[string]record.Value) (bool, error)
	// Unsettled names contract fields that somebody may still be typing, on either side. They are left alone on both,
	// so that the other side's value does not run over a half-typed one; a new record gets them as they are.
	Unsettled map[string]bool
	// Awards are the sides to which an operator gave contested fields, by contract field; "" is the record as a whole.
	Awards map[string]record.Side
	// Removed says that a side's record was archived or deleted by our own write, which is nobody's word that its partner
	// should go as well.
	Removed [2]bool
	// Lone is what is to become of a record whose partner was taken from it; it matters only where there is none.
	Lone Lone
}

// Lone says what becomes of a record that has no partner any more.
type Lone uint8

// What becomes of a lone record. LoneNew is the usual one: it never had a partner. LoneLetGo had one, which now is
// another record's: its key is cleared, and it waits for a person. LoneDismissed is a double: the delete rule decides.
// LoneRenewed is to be created on the other side again, whatever key it carries. LoneIgnored stays by itself.
const (
	LoneNew Lone = iota
	LoneLetGo
	LoneDismissed
	LoneRenewed
	LoneIgnored
)

// Decision is what becomes of a pair.
type Decision struct {
	// Patches are the writes, at most one a side: Create, Update of what changes (with Key where the link is missing
	// or wrong), Archive or Delete.
	Patches [2]*record.Patch
	// Agreed is what the base becomes now, by side: nothing needs writing for these.
	Agreed [2]record.Fields
	// OnDone[s] is what the base becomes, by side, once the patch of side s is confirmed.
	OnDone [2][2]record.Fields
	// Conflicts are what a person should see, in the order of the contract's fields.
	Conflicts []Conflict
	// Healed names the fields of which an earlier conflict, if there was one, no longer holds; "" is the record.
	Healed []string
	// Waits are pairs that must get their other record before a reference to them can be written. A Create that waits
	// is complete but for those references; it may be held back until they can be written too.
	Waits []string
	// State is what the pair becomes.
	State State
	// Explain says for each field, and for the record (Field ""), which rule decided.
	Explain []Step
}

// State is what a decision makes of a pair.
type State uint8

// The states. Open is the usual one; Parted has lost one record while the other stays by the contract's will, and
// resumes if the lost one comes back; Closed has lost both, and is done with.
const (
	Open State = iota
	Parted
	Closed
)

// String names the state.
func (s State) String() string { return [...]string{"open", "parted", "closed", "closed"}[s&3] }

// Conflict is one thing that a person should see.
type Conflict struct {
	Field  string // contract field; "" = the record
	Reason string // one of this package's reasons, or a lens.Rejection's
	// Left, Right and Base are canonical where they can be read, else native.
	Left, Right, Base record.Value
	// Detail reads on after the field's name, or is a sentence about the record. It holds no sensitive value.
	Detail, Remedy string
	// Info says that it needs nobody: it only keeps a value that lost.
	Info bool
}

// The reasons of conflicts that are not rejections.
const (
	BothChanged = "both_changed" // held: both sides edited the field
	Drift       = "drift"        // the derived side was edited, and the contract wants to be told only
	Overridden  = "overridden"   // for information: both edited, one lost
	KeyTaken    = "key_taken"    // the record carries the key of a record that is not its partner
	NoCondition = "condition"    // the condition of a create block could not be evaluated
	NotCreated  = "not_created"  // a field without which the record can't be created was rejected
	EditedGone  = "edited_gone"  // one side deleted the record while the other edited it
	CameBack    = "came_back"    // the record is there again, and its partner was removed by us meanwhile
	NotShown    = "not_shown"    // a side does not show its record: deleted for good, or hidden from our user
)

// Step is one rule that decided.
type Step struct {
	Field  string      // contract field; "" = the record
	Rule   string      // one of the Rule constants
	Side   record.Side // whose value decided, where one did
	Detail string
}
