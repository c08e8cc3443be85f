package ratelimit

import "sync"

// Size is a batch size that adapts: it grows by a little with every full batch that went well and is halved by every one
// that was too large (additive increase, multiplicative decrease). It is safe for use by several goroutines.
type Size struct {
	mu             sync.Mutex
	now, low, high int
}

// NewSize begins at start and stays between low and high, both included; low is at least 1.
func NewSize(start, low, high int) *Size {
	low = max(low, 1)
	high = max(high, low)
	return &Size{now: min(max(start, low), high), low: low, high: high}
}

// Get is the size to use for the next batch.
func (s *Size) Get() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Went tells that a batch of n went well. Only batches of the full size say anything about a larger one.
func (s *Size) Went(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= s.now {
		s.now = min(s.now+max(1, s.high/20), s.high)
	}
}

// TooLarge tells that a batch of n met locks, a time-out or a price above the limit.
func (s *Size) TooLarge(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = max(min(s.now, n)/2, s.low)
}
