// Package policy halts a round of decisions that would be a disaster: mass deletions, mass changes, a side that is
// suddenly empty or shows hardly anything any more.
//
// It promises arithmetic only: a Halt with its numbers, the limit and the place in the contract that sets it. It looks
// at no record and does no I/O.
package policy
