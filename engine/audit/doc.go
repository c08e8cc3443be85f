// Package audit is the record of calls to vendors: one entry per call, each chained by a hash to the one before it, so
// that a gap, an edit or a change of order shows.
//
// It promises that the hash of an entry depends on every one of its parts and on the entry before, in the same way for
// ever. It does no I/O; the ledger stores entries. A chain proves order and completeness between two entries that
// somebody trusts: it can't show that the newest entries were cut off, nor stop somebody who rewrites all of it.
package audit
