// Package record is the vocabulary of data: sides, values, records, and what is asked of a vendor for them.
//
// It promises canonical values: two values that mean the same are equal, byte for byte, whatever a vendor made of
// their spelling. It imports nothing of this module, does no I/O, and knows no vendor.
package record
