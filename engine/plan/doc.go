// Package plan says what applying a contract would do: to the structure of both systems, to the rules in force, and to
// the records. Build gathers, by reading only; everything it decides, it decides in pure functions.
//
// A plan is deterministic: the same contract and the same actual state give the same plan and the same digest. It holds
// no secret, and record values only as samples that the caller asked for. A forecast says what it is based on.
package plan
