// Package pipeline carries changes: capture brings what a vendor showed into the ledger, resolve decides what it means,
// deliver writes what follows from it. A webhook, a change event, a sweep and a retry all enter at capture, and all do
// the same thing there.
//
// It promises that nothing it has acknowledged is lost, and that a crash between any two steps resumes from the ledger.
// It holds no state of its own that matters: caches may vanish. It never reads HCL from a disk: what runs is the
// contract that apply put in force.
//
// Any number of workers share a ledger, each a pipeline of its own: whoever works on an object holds the lanes of both its
// ends, and all that it writes depends on them (lanes.go, group.go).
//
// A backfill that is large enough for a file goes as one load, beside the loop, so that nobody's edit waits for it
// (bulk.go).
//
// Nothing that a vendor says ends it: an object that is refused stands still until that has passed, or was mended, and the
// others go on (stall.go).
//
// It never fights for ever: a field that is set and changed back again and again is stopped, and told (fight.go). What an
// operator decides about a contested field holds for the values that he saw (award.go), and putting a run back leaves
// alone what anybody has edited since (revert.go).
package pipeline
