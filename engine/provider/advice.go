package provider

import "context"

// Adviser is implemented by providers that can tell what writes do to their system as a whole, beyond whether each of
// them succeeds.
type Adviser interface {
	// Advise returns what those who read a plan should know before they approve it, in a stable order, by the cheapest
	// queries that can tell. Nothing of it keeps a plan from being applied.
	Advise(ctx context.Context, b Binding, p Prospect) ([]string, error)
}

// Prospect is what a plan expects to write to the records of one end.
type Prospect struct {
	Creates int
	// People counts the new records by native field and the person, by vendor id, that it will hold.
	People map[string]map[string]int
}
