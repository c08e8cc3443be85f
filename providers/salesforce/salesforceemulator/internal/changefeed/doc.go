// Package changefeed holds what the HTTP side of the emulator tells the event side: the changes
// of each committed transaction, and the questions event delivery has to ask of the org.
//
// It promises that every committed write transaction is handed over exactly once, in commit order,
// as one slice of changes, before the call that made it is answered. It never holds behaviour:
// both sides import it, and neither imports the other through it.
package changefeed
