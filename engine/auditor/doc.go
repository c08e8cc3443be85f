// Package auditor brings calls to vendors into the ledger's audit log, beside the work that makes them.
//
// It promises that what was flushed is in the log, that no entry holds a secret or a value of any record, and that no entry
// is dropped while the process lives. It knows nothing of what the calls are for.
package auditor
