package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
)

// ErrHeld says that another process holds what can be held once.
var ErrHeld = errors.New("held by another process")

// Exclusive holds one purpose of this ledger ("sync", "apply") for this process, and waits for it as long as ctx lasts;
// then it is ErrHeld. It ends with release or with the process, however that ends: nothing is left to clean up, and
// nobody waits for a lease to run out.
func (l *Ledger) Exclusive(ctx context.Context, purpose string) (release func(), err error) {
	if l.dialect.name == "sqlite" {
		release, err = lockFile(ctx, l.dialect.file+"."+purpose+".lock")
	} else {
		h := fnv.New64a()
		_, _ = h.Write([]byte("accord/" + purpose)) // never fails
		release, err = lockAdvisory(ctx, l.reads.db, int64(h.Sum64()>>1))
	}
	if err != nil && ctx.Err() != nil {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("hold the ledger for %s: %w", purpose, err)
	}
	return release, nil
}
