// Package account holds what a monday.com account holds: users, workspaces, boards, columns, items,
// updates, webhook subscriptions and the activity log, with the rules the vendor documents for
// changing them.
//
// It promises that every change leaves exactly one activity row and one event for those who
// subscribed, that a refused change leaves nothing, and that ids and order depend on the seed and
// on the sequence of calls alone. It does no input or output: events go to a function it is given,
// time comes from a clock it is given. An Account is not safe for concurrent use by itself; its
// Lock and RLock are held by whoever calls.
package account
