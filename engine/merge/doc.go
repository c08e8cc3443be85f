// Package merge decides, for one pair of records, what is written where: a three-way merge, field by field, of what both
// sides agreed on last with what each shows now.
//
// It promises that its decision depends on its input alone (no clock, no I/O, no order of arrival), that a field nobody
// changed is never written, that only an owner's value flows, that two sides which agree get nothing, and that deciding
// again after its patches were carried out decides nothing more. One field's trouble never holds up another.
package merge
