// Package rehearsal holds the emulated tier of the simulation, which is a test: the engine with its real SQLite ledger, the
// real providers and both emulators in one bubble of testing/synctest, over connections in memory, in virtual time.
package rehearsal
