package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config says where a ledger is kept.
type Config struct {
	// URL is "sqlite:PATH" (a file, made with its folder when missing) or "postgres://..." as libpq spells it.
	URL    string
	Clock  func() time.Time // nil = time.Now
	Logger hclog.Logger     // nil = silent
}

// Errors that callers branch on.
var (
	// ErrNotFound says that there is no such thing in the ledger.
	ErrNotFound = errors.New("not in the ledger")
	// ErrLaneLost says that a lane's lease was taken over: its holder must stop writing to it.
	ErrLaneLost = errors.New("the lane was taken over by another worker")
	// ErrClosed says that something can't be done in the state it is in: a dead letter that was discarded already.
	ErrClosed = errors.New("already closed")
)

// AppliedContract is a contract that was put in force.
type AppliedContract struct {
	Serial    int64
	Digest    string
	Source    []byte
	AppliedAt time.Time
	Actor     string
}

var _ = context.Background
