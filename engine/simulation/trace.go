package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
	"time"
)

// trace is everything that happened, in order, at its virtual time.
type trace struct {
	mu    sync.Mutex
	start time.Time
	sum   hash.Hash
	lines []string
}

func newTrace() *trace { return &trace{start: time.Now(), sum: sha256.New()} }

func (t *trace) add(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%12.6f ", time.Since(t.start).Seconds()) + fmt.Sprintf(format, args...)
	t.lines = append(t.lines, line)
	_, _ = t.sum.Write([]byte(line + "\n")) // a hash takes everything
}

func (t *trace) hash() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return hex.EncodeToString(t.sum.Sum(nil)[:8])
}
