package lens

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"accord/engine/contract"
	"accord/engine/record"
)

// The reasons of a Rejection.
const (
	Unlisted        = "unlisted"         // a choice that the picklist table does not name
	NotAnOption     = "not_an_option"    // a choice that the other side does not offer
	UnmatchedPerson = "unmatched_person" // nobody there has this e-mail address, or this person shows none
	MissingParent   = "missing_parent"   // the record referred to has no partner there yet
	TooLong         = "too_long"         // more characters than the other side keeps
	OutOfRange      = "out_of_range"     // a number, date or interval that the other side can't hold
	TooMany         = "too_many"         // several values for a field that holds one
	Required        = "required"         // nothing, for a field that can't be empty
	WrongKind       = "wrong_kind"       // not the sort of value that this field carries
	NoTimezone      = "no_timezone"      // a time where the contract names no zone to find its day
	OtherCurrency   = "other_currency"   // an amount in another currency than the contract carries
	Untransformed   = "untransformed"    // a value of which the contract's transform makes nothing
)

// Rejection is one value that can't be carried, as it is, to the other side. It says nothing about other fields.
type Rejection struct {
	Reason string      // one of the constants above
	Field  string      // contract field
	Side   record.Side // whose value or whose limit it is
	Value  string      // the value at fault; Redacted for sensitive fields
	// Pair is the pair that must get its record on Side first, and Record the record that has no pair yet: of
	// MissingParent, one of the two.
	Pair, Record string
	Detail       string // what is wrong, for people; it reads on after the field's name
	Remedy       string // what to do about it
}

// Redacted stands for the value of a sensitive field in messages.
const Redacted = "(sensitive)"

// Error says what is wrong and what to do.
func (r *Rejection) Error() string {
	var b strings.Builder
	b.WriteString("field " + strconv.Quote(r.Field) + " " + r.Detail)
	if r.Remedy != "" {
		b.WriteString("; " + r.Remedy)
	}
	return b.String()
}

// system is how the contract calls a side.
func system(s record.Side) string { return contract.Systems[s&1] }

// quote shows a value in a message, cut where it is long.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}
