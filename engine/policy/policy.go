package policy

import (
	"accord/engine/contract"
	"accord/engine/record"
)

// Round counts what a round of decisions of one object would do.
type Round struct {
	Object  string
	Paired  int // pairs with a record on both sides
	Deletes int // records that would be archived or deleted
	Changes int // records that would be created or updated
	// Known and Seen count live records by side: before this round's full listing, and in it. Seen is -1 for a side
	// that was not listed in full.
	Known, Seen [2]int
	// Approved is the number of changes that an approved plan announced for this round; 0 = none.
	Approved int
}

// Reason says which limit a round broke.
type Reason string

// The reasons.
const (
	MassDelete Reason = "mass_delete"
	MassChange Reason = "mass_change"
	SideEmpty  Reason = "side_empty"
)

// Halt is a round that must not be carried out until a person has looked.
type Halt struct {
	Reason                 Reason
	Object                 string
	Side                   record.Side // of SideEmpty
	Numerator, Denominator int
	Limit                  int            // records
	Guard                  contract.Guard // its Range says where the limit is written
	Detail, Remedy         string
}

// Check compares a round with an object's guard; nil = go on.
func Check(g contract.Guard, r Round) *Halt { return nil }

// Bound is the number of record writes at which an apply stops that was approved for n.
func Bound(n int) int { return n }
