// Package simulation tries to break agreement: an engine with its real SQLite ledger between two vendors in memory, with
// users at work on both sides, faults of every kind, crashes between any two steps, and then a quiet in which both sides
// must come to agree. One seed decides everything.
//
// It promises that a run is repeated exactly by its seed (the same trace, to the byte, of two workers as of one), and that
// what judges a run, the oracles, shares no code with the engine: they look at what stands at the vendors, at the log of
// what users did, at the log of what was written through the port, and at what anybody may read from the ledger. It must
// run inside a bubble of testing/synctest; time in it is virtual. It never talks to a network.
package simulation
