// Package resource is the vocabulary of structure: what must exist at a vendor before records can flow, and how it
// differs from what is there.
//
// It imports nothing of this module, does no I/O, and knows no vendor: boards and custom fields are words in Kind.
package resource
