package ratelimit

import "context"

// Priority orders the calls that wait for one governor.
type Priority uint8

// The priorities. A context without one is Live.
const (
	Live Priority = iota
	Backfill
)

type priorityKey struct{}

// WithPriority marks all calls made under the context.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityOf is the priority of the calls made under a context.
func PriorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}
