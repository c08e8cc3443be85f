package auditor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/audit"
	"accord/engine/ledger"
	"accord/engine/provider"
)

const (
	auditPause = 300 * time.Millisecond // entries are let gather this long, so that they cost few transactions
	auditBatch = 200                    // but no more of them
	auditLast  = 30 * time.Second       // for one batch that nobody waits for
)

// Auditor writes one entry for each call to a vendor into the ledger's audit log. A call never waits for it: entries are
// written in batches beside the work, those of writing calls at once. An entry that can't be written is kept, and tried
// again. A process that is killed takes with it the entries of its last moment; what it had sent and not settled by then is
// audited by whoever takes that up (ledger.AuditUnanswered).
type Auditor struct {
	ledger *ledger.Ledger
	logger hclog.Logger

	flushing chan struct{} // holds a token while a flush is under way, so that one that finds nothing waits for the one that took it
	mu       sync.Mutex
	waiting  []audit.Entry
	full     chan struct{}
	stop     chan struct{}
	ended    chan struct{}
}

// Start makes one; it must be closed.
func Start(l *ledger.Ledger, logger hclog.Logger) *Auditor {
	a := &Auditor{ledger: l, logger: logger, flushing: make(chan struct{}, 1), full: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go a.run()
	return a
}

// Observe takes a call in.
func (a *Auditor) Observe(c provider.Call) {
	a.mu.Lock()
	a.waiting = append(a.waiting, auditEntry(c))
	full := len(a.waiting) >= auditBatch || c.Write
	a.mu.Unlock()
	if full {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
}

func (a *Auditor) run() {
	defer close(a.ended)
	timer := time.NewTicker(auditPause)
	defer timer.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-timer.C:
		case <-a.full:
		}
		if err := a.flush(); err != nil {
			a.logger.Warn("audit log: will try again", "error", err)
		}
	}
}

// flush is Flush for as long as it may take when nobody waits for it.
func (a *Auditor) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), auditLast)
	defer cancel()
	return a.Flush(ctx)
}

// Flush returns once every call that was taken in before it is in the log.
func (a *Auditor) Flush(ctx context.Context) error {
	select {
	case a.flushing <- struct{}{}:
		defer func() { <-a.flushing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mu.Lock()
	batch := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := a.ledger.Audit(ctx, batch...)
	if err != nil {
		a.mu.Lock()
		a.waiting = append(batch, a.waiting...)
		a.mu.Unlock()
	}
	return err
}

// Close writes what is left. Its error means that calls were made which the log does not show.
func (a *Auditor) Close() error {
	close(a.stop)
	<-a.ended
	if err := a.flush(); err != nil {
		return fmt.Errorf("%d calls are not in the audit log: %w", len(a.waiting), err)
	}
	return nil
}

// auditEntry is what the log keeps of a call: no secret, and no value of any record. A vendor's message may quote a value,
// so that only its code is kept.
func auditEntry(c provider.Call) audit.Entry {
	var parts []string
	what := "read"
	if c.Write {
		what = "write"
	}
	if c.Rows > 0 {
		what += fmt.Sprintf(" of %d rows", c.Rows)
	}
	parts = append(parts, what)
	if c.Cause.Batch != "" {
		parts = append(parts, "batch "+c.Cause.Batch)
	}
	if c.Cost > 0 {
		parts = append(parts, fmt.Sprintf("cost %d", c.Cost))
	}
	return audit.Entry{
		At: c.Started, Connection: c.Connection, Operation: c.Operation, Initiator: c.Cause.Initiator, Request: strings.Join(parts, ", "),
		Status: c.Status, Rows: c.Rows, RequestID: c.RequestID, Duration: c.Duration, Error: auditError(c.Err),
	}
}

func auditError(err error) string {
	var e *provider.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return strings.TrimSpace(e.Kind.String() + " " + e.Code)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	default:
		return "no whole answer"
	}
}
