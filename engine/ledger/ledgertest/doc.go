// Package ledgertest gives tests a PostgreSQL to keep a ledger in.
//
// It promises an empty schema for each test, and leaves nothing behind. Where there is no PostgreSQL, the test is skipped.
package ledgertest
