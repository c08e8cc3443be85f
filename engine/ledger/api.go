package ledger

import (
	"context"
	"errors"
	"time"

	"accord/engine/audit"
	"accord/engine/record"
)

var errUnfinished = errors.New("the ledger can't do this yet")

// Resolve records decisions. It returns the pairs whose lease was lost: nothing was recorded for those.
func (l *Ledger) Resolve(ctx context.Context, resolutions []Resolution) (lost []string, err error) {
	return nil, errUnfinished
}

// deliver

// Dispatch takes ready intents and stamps them as one batch before they are sent; nil when there are none. A lane with
// a name is checked: ErrLaneLost when its token is no longer the newest.
func (l *Ledger) Dispatch(ctx context.Context, object string, side record.Side, limit int, lane Lane) (*Batch, error) {
	return nil, errUnfinished
}
func (l *Ledger) Unsettled(ctx context.Context, object string, side record.Side) ([]Batch, error) {
	return nil, errUnfinished
}
func (l *Ledger) Settle(ctx context.Context, outcomes []Outcome) error { return errUnfinished }
func (l *Ledger) Writes(ctx context.Context, object string, since time.Time, limit int) ([]Write, error) {
	return nil, errUnfinished
}

// triggers and budgets

func (l *Ledger) DueFirings(ctx context.Context, limit int, worker string, lease time.Duration) ([]Firing, error) {
	return nil, errUnfinished
}
func (l *Ledger) SettleFiring(ctx context.Context, f Firing, failure error, retryAt time.Time) error {
	return errUnfinished
}

// Spend adds to a budget's use unless that would pass its limit; ok says whether it did.
func (l *Ledger) Spend(ctx context.Context, b Budget, amount int64) (used int64, ok bool, err error) {
	return 0, false, errUnfinished
}
func (l *Ledger) Budgets(ctx context.Context, connection string) ([]Budget, error) {
	return nil, errUnfinished
}

// operator

func (l *Ledger) Stats(ctx context.Context) ([]ObjectStats, error) { return nil, errUnfinished }
func (l *Ledger) Quiet(ctx context.Context) (bool, error)          { return false, errUnfinished }

// NextDue is when there will be something to do, if nothing arrives before; ok is false when there is nothing.
func (l *Ledger) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	return time.Time{}, false, errUnfinished
}
func (l *Ledger) DeadLetters(ctx context.Context, f Filter) ([]DeadLetter, error) {
	return nil, errUnfinished
}
func (l *Ledger) RetryDeadLetter(ctx context.Context, id int64) error   { return errUnfinished }
func (l *Ledger) DiscardDeadLetter(ctx context.Context, id int64) error { return errUnfinished }
func (l *Ledger) Explain(ctx context.Context, object, recordID string) (*Explanation, error) {
	return nil, errUnfinished
}

// audit

func (l *Ledger) Audit(ctx context.Context, entries ...audit.Entry) error { return errUnfinished }
func (l *Ledger) AuditEntries(ctx context.Context, after int64, limit int) ([]audit.Entry, error) {
	return nil, errUnfinished
}

// VerifyAudit reads the whole log and says what is wrong with it; "" when nothing is.
func (l *Ledger) VerifyAudit(ctx context.Context) (audit.Report, error) {
	return audit.Report{}, errUnfinished
}
