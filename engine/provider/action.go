package provider

import (
	"context"
	"time"
)

// Actor is implemented by providers that carry out the actions of triggers.
type Actor interface {
	// Act carries out one action and returns what came of it. It is carried out once, however often it is asked for with
	// the same key: an action with Sent may have been carried out before, and the provider finds out before it repeats it.
	// While it can't tell yet, the error is of kind Unknown with RetryAfter.
	Act(ctx context.Context, a Action) (ActionResult, error)
}

// Action is one action of a trigger, with everything filled in.
type Action struct {
	Type     string            // the contract's word: "monday_update"
	RecordID string            // of this side's record that it is about; "" where it is about none
	Settings map[string]string // the contract's own words: body, board, sobject ...
	Fields   map[string]string // by native name; an empty text is left out
	// Key is the same for every try of the action, and for nothing else.
	Key string
	// Sent is when it was first tried, Tried the last time; zero when it surely was not carried out yet.
	Sent, Tried time.Time
}

// ActionResult is what came of an action.
type ActionResult struct {
	ID string // the vendor's id of what was made or moved, where it tells
	// Found says that an earlier try had carried it out already.
	Found bool
	// Looked, with an error, says that nothing was sent which could have carried it out: what is waited for is the end of
	// the try before this one.
	Looked bool
}
