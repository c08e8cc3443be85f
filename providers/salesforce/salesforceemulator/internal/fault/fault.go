package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind says what goes wrong.
type Kind string

// Faults of calls. They strike calls over HTTP whose operation fits; those whose operation begins with "pubsub" strike calls of
// the Pub/Sub API.
const (
	// DropBefore breaks the connection before anything is done; DropAfter once it is done and committed. Both wait Delay first, so
	// that a client can run into its time-out.
	DropBefore Kind = "drop_before"
	DropAfter  Kind = "drop_after"
	// Truncate does what is asked for, and breaks the connection in the middle of the answer's body.
	Truncate Kind = "truncate"
	// Error answers Status, Code and Message instead of doing anything; ErrorAfter does so once it is done. With HTML the body is a
	// page for people. Over gRPC, Code is a suffix of the vendor's table such as "service.unavailable"; none breaks the connection.
	Error      Kind = "error"
	ErrorAfter Kind = "error_after"
	// Expire ends the session of the call, which is refused for it. With Items, the call is a batch or composite, and its session
	// ends before the part at the least of these positions.
	Expire Kind = "expire"
	// Item fails records of a collection or Bulk job with Code and Message (UNABLE_TO_LOCK_ROW unless given): those whose positions
	// are in Items, or all.
	Item Kind = "item"
	// BreakJob fails the next Bulk job with Message: the rows from the least position of Items on (all of them, without) are not
	// processed, those before are done.
	BreakJob Kind = "break_job"
	// Delay makes the call wait Delay.
	Delay Kind = "delay"
	// OAuth refuses a token request with Code (error) and Message (error_description).
	OAuth Kind = "oauth"
)

// Faults that somebody else makes just before a call whose operation fits: the call meets an org that has changed.
const (
	// Lock locks the record with the id Record for Delay: saves of it and of its children fail with UNABLE_TO_LOCK_ROW.
	Lock Kind = "lock"
	// RemoveField deletes the custom field Field of Object.
	RemoveField Kind = "remove_field"
	// RemoveValue takes Value out of the picklist Field of Object. Records keep it.
	RemoveValue Kind = "remove_value"
	// DeactivateUser deactivates User, given by username, e-mail or name.
	DeactivateUser Kind = "deactivate_user"
)

// Faults of the event bus. Object limits those of events to one object (Account, Shipped__e), Topic those of streams to one topic.
const (
	// Drop breaks a stream at its next delivery, before anything of it arrives, like a lost connection.
	Drop Kind = "drop"
	// StaleReplay refuses the next subscription that starts at a replay id, as if the id had aged out.
	StaleReplay Kind = "stale_replay"
	// Gap turns the next change into a GAP_ event.
	Gap Kind = "gap"
	// Overflow sums up the next change, and what follows it in its transaction, in overflow events.
	Overflow Kind = "overflow"
	// Duplicate delivers the next event twice, the second time under a new replay id.
	Duplicate Kind = "duplicate"
	// Lose loses the next event: it is never delivered and cannot be replayed.
	Lose Kind = "lose"
	// Hold holds the next event, and what follows it, back for Delay.
	Hold Kind = "hold"
	// DeliveryLimit ends the next delivery as if the org's allocation were used up.
	DeliveryLimit Kind = "delivery_limit"
)

// needs lists, for each kind, the fields without which it makes no sense.
func needs() map[Kind][]string {
	return map[Kind][]string{
		DropBefore: nil, DropAfter: nil, Truncate: nil, Error: nil, ErrorAfter: nil, Expire: nil, Item: nil, BreakJob: nil, Delay: {"delay"}, OAuth: nil,
		Lock: {"record", "delay"}, RemoveField: {"object", "field"}, RemoveValue: {"object", "field", "value"}, DeactivateUser: {"user"},
		Drop: nil, StaleReplay: nil, Gap: nil, Overflow: nil, Duplicate: nil, Lose: nil, Hold: {"delay"}, DeliveryLimit: nil,
	}
}

// Fault is one thing that will go wrong: with the calls named Operation (any over HTTP, where empty), after the first Skip of
// them, Count times (once where zero, for ever where negative).
type Fault struct {
	Kind Kind `json:"kind"`
	// Operation names calls as the counters do: "query", "PATCH composite/sobjects"; "pubsub" and "pubsub/Subscribe" over gRPC.
	Operation string `json:"operation,omitempty"`
	Skip      int    `json:"skip,omitempty"`
	Count     int    `json:"count,omitempty"`
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
	HTML      bool   `json:"html,omitempty"`
	Items     []int  `json:"items,omitempty"`
	Object    string `json:"object,omitempty"`
	Topic     string `json:"topic,omitempty"`
	Field     string `json:"field,omitempty"`
	Value     string `json:"value,omitempty"`
	Record    string `json:"record,omitempty"`
	User      string `json:"user,omitempty"`
	// Delay is emulated time. In JSON it is text such as "20s".
	Delay time.Duration `json:"-"`
}

// plain is a Fault without its own JSON.
type plain Fault

// MarshalJSON writes a fault as scripts have it.
func (f Fault) MarshalJSON() ([]byte, error) {
	script := struct {
		plain
		Delay string `json:"delay,omitempty"`
	}{plain: plain(f)}
	if f.Delay != 0 {
		script.Delay = f.Delay.String()
	}
	out, err := json.Marshal(script)
	if err != nil {
		return nil, fmt.Errorf("writing a fault: %w", err)
	}
	return out, nil
}

// UnmarshalJSON reads a fault as scripts have it. Unknown names are an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	script := struct {
		*plain
		Delay string `json:"delay"`
	}{plain: (*plain)(f)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&script); err != nil {
		return fmt.Errorf("reading a fault: %w", err)
	}
	if script.Delay == "" {
		return nil
	}
	d, err := time.ParseDuration(script.Delay)
	if err != nil {
		return fmt.Errorf("reading the delay of a fault: %w", err)
	}
	f.Delay = d
	return nil
}

// Check tells what keeps the fault from making sense.
func (f *Fault) Check() error {
	wanted, known := needs()[f.Kind]
	if !known {
		return fmt.Errorf("there is no fault of the kind %q; use one of %q", f.Kind, slices.Sorted(maps.Keys(needs())))
	}
	if f.Skip < 0 || f.Delay < 0 {
		return fmt.Errorf("a fault of the kind %s cannot skip %d calls or wait %v", f.Kind, f.Skip, f.Delay)
	}
	given := map[string]bool{"delay": f.Delay > 0, "object": f.Object != "", "field": f.Field != "", "value": f.Value != "", "record": f.Record != "", "user": f.User != ""}
	for _, name := range wanted {
		if !given[name] {
			return fmt.Errorf("a fault of the kind %s needs %s", f.Kind, name)
		}
	}
	return nil
}

// busPrefix begins the operations of the Pub/Sub API.
const busPrefix = "pubsub"

// OnBus tells whether the fault is about calls of the Pub/Sub API.
func (f *Fault) OnBus() bool {
	return f.Operation == busPrefix || strings.HasPrefix(f.Operation, busPrefix+"/")
}

// Strikes tells whether the fault is of one of the kinds and about the operation.
func (f *Fault) Strikes(operation string, kinds ...Kind) bool {
	if !slices.Contains(kinds, f.Kind) {
		return false
	}
	if strings.HasPrefix(operation, busPrefix+"/") {
		return f.OnBus() && (f.Operation == busPrefix || strings.EqualFold(f.Operation, operation))
	}
	return f.Operation == "" || strings.EqualFold(f.Operation, operation)
}
