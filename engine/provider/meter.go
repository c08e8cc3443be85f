package provider

import (
	"context"
	"sync/atomic"
)

// Meter counts the calls that are made to vendors under a context.
type Meter struct{ calls atomic.Int64 }

// Calls is how many there were so far.
func (m *Meter) Calls() int { return int(m.calls.Load()) }

type meterKey struct{}

// WithMeter has a meter count every call made under a context.
func WithMeter(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// CountCall is what a provider does before each call to its vendor.
func CountCall(ctx context.Context) {
	if m, ok := ctx.Value(meterKey{}).(*Meter); ok {
		m.calls.Add(1)
	}
}
