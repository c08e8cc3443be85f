// Package ledger remembers everything accord must not forget: which contract is in force, which resources are managed,
// which records are pairs and what both sides agreed on last, what is pending, what was sent and is not yet settled,
// what failed, and every vendor call. SQL ends here.
//
// It promises that every exported method is one transaction (or one consistent read), that a process killed at any
// point leaves a ledger from which work resumes, that a change which arrives while its pair is being worked is never
// lost, and that any number of goroutines and processes may share one ledger. SQLite and PostgreSQL behave alike.
//
// It decides nothing about values: who owns a field, and what is a conflict, is said by its callers. It never talks to
// a vendor and never reads the wall clock but through Config.Clock.
package ledger
