package providertest

import (
	"context"
	"fmt"
	"slices"

	"accord/engine/provider"
)

var _ provider.Actor = (*Fake)(nil)

// Act notes an action, once for each key. An action on a record needs that to be there.
func (f *Fake) Act(ctx context.Context, a provider.Action) (provider.ActionResult, error) {
	fault := f.fault(ctx, Call{Operation: "act", Table: a.Type, Rows: 1})
	if fault.Before != nil {
		return provider.ActionResult{}, fault.Before
	}
	if err := provider.Leave(ctx, "act "+a.Type); err != nil {
		return provider.ActionResult{}, err
	}
	s := f.System
	s.mu.Lock()
	n := slices.IndexFunc(s.acts, func(b provider.Action) bool { return b.Key == a.Key })
	found := n >= 0
	if !found {
		n = len(s.acts)
		s.acts = append(s.acts, a)
	}
	s.mu.Unlock()
	if fault.After != nil {
		return provider.ActionResult{}, fault.After
	}
	return provider.ActionResult{ID: fmt.Sprintf("%sact%06d", s.prefix, n+1), Found: found}, nil
}

// Acts is what was carried out for triggers, oldest first.
func (s *System) Acts() []provider.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.acts)
}
