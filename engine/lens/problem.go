package lens

import "accord/engine/contract"

// Problem is one reason why a contract field can't be carried, found without looking at any record.
type Problem struct {
	Code    string // stable, see Codes
	Summary string
	Detail  string                // what, with both types, and what to write into the contract
	Field   *contract.Field       // its Range says where
	Native  *contract.NativeField // the native field at fault, whose Range is nearer; nil when it is the pair
}

// Error is the problem on one line.
func (p Problem) Error() string { return p.Code + ": " + p.Summary + ": " + p.Detail }
