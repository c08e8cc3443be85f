// Package lens carries a value between what one side holds and what the contract's field means: one Lens a field, with a
// Get and a Put for each side.
//
// It promises laws, which its tests check for every sort of lens: what was put reads back as the same value (PutGet),
// putting back what was read changes nothing (GetPut), the second of two puts wins (PutPut), and every value of any kind
// is either carried or refused with a Rejection, whole. A pair of fields that would lose something of every value is
// refused before it runs, unless the contract names the loss. It does no I/O, knows no clock and no vendor: people and
// records of the other side are looked up in an Env that was filled before.
package lens
