package provider

import "context"

// Cause is why a call to a vendor is made. It travels with the context and comes back in Call, for the audit log.
type Cause struct {
	// Initiator is the person behind the change, as the vendor that reported it names him: "salesforce user 005...". It may
	// be several, or empty where no vendor tells.
	Initiator string
	// Batch is the ledger's id of the batch of writes; empty for calls that write no records.
	Batch string
}

type causeKey struct{}

// WithCause gives every call made under a context its cause.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

// CauseOf is the cause that a context carries; the zero Cause where it carries none.
func CauseOf(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}
