package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync"
)

// idSource makes ids of 32 hexadecimal digits that sort by age: milliseconds, a counter, and randomness that keeps
// processes apart (the layout of a UUID of version 7).
type idSource struct {
	random  io.Reader
	mu      sync.Mutex
	ms      int64
	counter uint16
}

func (s *idSource) next(ms int64) string {
	s.mu.Lock()
	switch {
	case ms > s.ms:
		s.ms, s.counter = ms, 0
	case s.counter == 0xfff:
		s.ms, s.counter = s.ms+1, 0 // ahead of the clock for a moment; order matters more
	default:
		s.counter++
	}
	ms, counter := s.ms, s.counter
	var id [16]byte
	_, _ = io.ReadFull(s.random, id[8:]) // crypto/rand never fails, by its own documentation
	s.mu.Unlock()

	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|0x7000|uint64(counter))
	id[8] = id[8]&0x3f | 0x80
	return hex.EncodeToString(id[:])
}
