// Package ratelimit keeps all workers of one connection within the limits of its vendor.
//
// A Governor holds named budgets (calls a minute, calls a day, points of some price), a number of calls in flight, and
// pauses that the vendor asked for. Work asks it before each call, and tells it afterwards what the answer showed of
// what is left. It promises that live edits go before backfill, that a call which can't be made soon is refused with
// the time at which it can be, and that prices are learned from answers, never assumed. It does no I/O, knows no
// vendor, and never drops or repeats a call.
package ratelimit
