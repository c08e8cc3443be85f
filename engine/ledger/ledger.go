package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config says where a ledger is kept.
type Config struct {
	// URL is "sqlite:PATH" (a file, made with its folder when missing) or "postgres://..." as libpq spells it.
	URL    string
	Clock  func() time.Time // nil = time.Now
	Logger hclog.Logger     // nil = silent
	// Random is what tells the ids of several processes apart; nil = crypto/rand. A run that is to be repeated exactly
	// gives a seeded one.
	Random io.Reader
	// Gate, where there is one, is asked before every transaction and, of those that change the ledger, again after its
	// commit; an error ends the call there and is its error. Simulations crash here, between any two steps.
	Gate func(Step) error
}

// Step is a place in a transaction's life at which a process may die.
type Step struct {
	What      string // "capture 3 observations"
	Read      bool   // it changes nothing
	Committed bool   // it is done, and its caller does not know yet
	Lanes     []Lane // on which it depends; see Under
}

// Errors that callers branch on.
var (
	// ErrNotFound says that there is no such thing in the ledger.
	ErrNotFound = errors.New("not in the ledger")
	// ErrLaneLost says that a lane's lease was taken over: its holder must stop writing to it.
	ErrLaneLost = errors.New("the lane was taken over by another worker")
	// ErrClosed says that something was dealt with already: a dead letter that was discarded.
	ErrClosed = errors.New("dealt with already")
)

// Ledger is one ledger, open. Its methods are safe for use by several goroutines, and by several processes on one
// ledger.
type Ledger struct {
	dialect *dialect
	writes  *pool
	reads   *pool
	clock   func() time.Time
	log     hclog.Logger
	ids     *idSource
	gate    func(Step) error
	lanes   []Lane // that every change depends on; see Under
}

// Open opens a ledger and brings its tables up to date. A ledger made by a newer accord is refused.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l := &Ledger{clock: c.Clock, log: c.Logger, gate: c.Gate, ids: &idSource{random: c.Random}}
	if l.clock == nil {
		l.clock = time.Now
	}
	if l.log == nil {
		l.log = hclog.NewNullLogger()
	}
	if l.ids.random == nil {
		l.ids.random = rand.Reader
	}
	if l.gate == nil {
		l.gate = func(Step) error { return nil }
	}
	d, write, read, err := open(ctx, c.URL)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	l.dialect, l.writes, l.reads = d, newPool(d, write, 1), newPool(d, read, sqliteReaders)
	if err := migrate(ctx, d, write); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger: %w", err), l.Close())
	}
	l.log.Debug("ledger open", "engine", d.name)
	return l, nil
}

// Close waits for transactions in flight and closes the ledger.
func (l *Ledger) Close() error {
	err := errors.Join(l.writes.close(), l.reads.close())
	if err != nil {
		return fmt.Errorf("close the ledger: %w", err)
	}
	return nil
}

// Ping says whether the ledger can be reached.
func (l *Ledger) Ping(ctx context.Context) error {
	if err := l.reads.db.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the ledger: %w", err)
	}
	return nil
}

// Engine is "sqlite" or "postgres".
func (l *Ledger) Engine() string { return l.dialect.name }

func (l *Ledger) now() int64 { return l.clock().UnixMilli() }

// millis is a time as the ledger stores it; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is millis the other way round.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// never is later than anything that is ever due: the year 9999.
const never = 253_370_764_800_000

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
