package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what a caller can do about an error.
type Kind uint8

// The kinds. The zero Kind is Internal: a defect, of ours or the vendor's, that nothing can be done about but tell.
const (
	Internal     Kind = iota
	Transient         // try again with backoff: nothing was carried out
	Throttled         // try again after RetryAfter: nothing was carried out
	Exhausted         // a daily or hourly quota is used up: stop until RetryAfter
	Unknown           // no answer, or a broken one: it may have been carried out; look before repeating
	Stale             // what is there is not what we thought: read again and decide anew
	NotFound          // the record or resource is gone
	Hidden            // it may exist, but is not shown to our user
	Invalid           // the vendor refuses the value or the request: repeating changes nothing
	Denied            // our user may not do this
	Unauthorized      // the credentials are refused
	Locked            // somebody else holds it: try again soon, in smaller batches
	Withheld          // it was not sent, because its caller refused leave: see WithLeave
)

var kindNames = [...]string{"internal", "transient", "throttled", "exhausted", "unknown outcome", "stale", "not found", "hidden", "invalid", "denied", "unauthorized", "locked", "withheld"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Retriable says whether the same request may succeed later without anybody's help, and was surely not carried out.
func (k Kind) Retriable() bool {
	return k == Transient || k == Throttled || k == Exhausted || k == Locked
}

// Error is the only type of error that crosses the port.
type Error struct {
	Kind       Kind
	Op         string        // what was being done: "create items on board Deals"
	Code       string        // the vendor's code, unchanged
	Message    string        // the vendor's text, unchanged
	RequestID  string        // the vendor's id of the request, for its support
	Fields     []string      // native fields at fault, where the vendor tells
	RetryAfter time.Duration // the vendor's hint; 0 = none
	Err        error         // what lies below, if anything
}

// Error says what was being done, and what the vendor said.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Op == "" {
		b.WriteString("call the vendor")
	}
	b.WriteString(": ")
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(e.Kind.String())
	}
	if len(e.Fields) > 0 {
		b.WriteString(" (fields " + strings.Join(e.Fields, ", ") + ")")
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	return b.String()
}

// Unwrap is the error below.
func (e *Error) Unwrap() error { return e.Err }

// Bare is an error without any text that may quote what a record holds: kind, codes and fields stay, the vendor's message
// and what lies below go. It is what Call.Err holds.
func Bare(err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return &Error{Kind: e.Kind, Op: e.Op, Code: e.Code, RequestID: e.RequestID, Fields: e.Fields, RetryAfter: e.RetryAfter}
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	default:
		return errNoAnswer
	}
}

var errNoAnswer = errors.New("no whole answer came")

// KindOf is the kind of any error: Internal for one that is not from the port, and for nil.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
