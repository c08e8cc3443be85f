// Package engine is the map; it holds no code.
//
// # The life of a change
//
// Somebody sets a status on a monday board. This is the way of that edit into Salesforce:
//
//	providers/monday/webhook.go     authenticates the call, decodes the event           record.Change
//	engine/pipeline/capture.go      brings it into the ledger, in one transaction       a pair is pending
//	                                only then is the call answered with 200
//	engine/pipeline/capture.go      reads what the event only pointed at (refresh)      what is seen is whole
//	engine/pipeline/resolve.go      claims pending pairs, has merge decide each         intents
//	engine/merge, engine/lens       owner, base, both sides now: what follows           patches, base, conflicts
//	engine/pipeline/deliver.go      groups intents, stamps an idempotency key, sends    a batch
//	providers/salesforce/write.go   translates it into the fewest calls                 a result for each row
//	engine/pipeline/deliver.go      settles: the base moves, or retry, or dead letter   done
//
// What the change makes triggers do is recorded with the intents, and carried out beside them:
//
//	engine/pipeline/trigger.go      compares with what triggers saw last                firings
//	engine/pipeline/fire.go         carries each action out, once                       done, or a dead letter
//	providers/*/act.go              translates it; finds out what an earlier try did
//
// An event that a vendor publishes, about no change of a record, comes in beside them:
//
//	providers/salesforce/listen.go  follows it, and decodes it                          an event
//	engine/pipeline/listen.go       brings it into the ledger, finds its record         firings
//
// Salesforce then reports our own write as a change event, which takes the same way as far as merge: both sides equal
// what was agreed, so nothing follows. There is no filter for echoes, and none is needed.
//
// Several workers share the ledger: each holds the lanes of an object, its board and its kind of record, while it works
// on it (engine/pipeline/lanes.go), and a worker that lost them is refused by the ledger (engine/ledger/lane.go).
//
// A sweep and a retry enter at capture like an event. A crash between any two steps resumes from the ledger: what was
// captured is still pending, what was intended is still there, and what was sent without an answer is looked up
// before it is repeated (engine/pipeline/recover.go).
//
// A first load takes the same way, and is sent as a file where a vendor takes one (engine/pipeline/bulk.go,
// providers/*/bulk.go): minutes beside the loop instead of hundreds of calls in it.
//
// # The rooms
//
// record and resource are the vocabularies, and import nothing. contract ends HCL, ledger ends SQL, the providers end
// HTTP, GraphQL, gRPC and Avro. lens, merge and policy are pure. binding joins a contract with providers and structure.
// plan, apply and pipeline are the three verbs. Which may import which is the table in imports_test.go.
package engine
