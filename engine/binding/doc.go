// Package binding joins a contract with the providers it names and the structure that exists: from it plan, apply and
// pipeline get, for each object, both ends' records ready to read and write and a lens for each field.
//
// It does no I/O of its own and keeps no state: the same contract and the same resources give the same bindings.
package binding
