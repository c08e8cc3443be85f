// Package fault is the script of what will go wrong in the emulated org: one format for calls over HTTP, for calls over gRPC,
// for the event bus, and for changes that somebody else makes to the org meanwhile.
//
// It promises that each fault strikes the calls it names, in the order of the script, as often as it says, and then is gone. What
// a fault does is up to those who take it.
package fault
