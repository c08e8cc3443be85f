package ledger

import (
	"context"
	"errors"
	"time"

	"accord/engine/audit"
	"accord/engine/record"
	"accord/engine/resource"
)

var errUnfinished = errors.New("the ledger can't do this yet")

// Ledger is one ledger, open.
type Ledger struct{}

// Open opens a ledger and brings its tables up to date.
func Open(ctx context.Context, c Config) (*Ledger, error) { return nil, errUnfinished }

func (l *Ledger) Close() error                   { return errUnfinished }
func (l *Ledger) Ping(ctx context.Context) error { return errUnfinished }

// contracts and structure

func (l *Ledger) InForce(ctx context.Context) (*AppliedContract, error) { return nil, errUnfinished } // nil, nil when none
func (l *Ledger) Contracts(ctx context.Context, limit int) ([]AppliedContract, error) {
	return nil, errUnfinished
}
func (l *Ledger) Activate(ctx context.Context, c AppliedContract) (int64, error) {
	return 0, errUnfinished
}
func (l *Ledger) Resources(ctx context.Context) ([]resource.Resource, error) {
	return nil, errUnfinished
}
func (l *Ledger) SaveResource(ctx context.Context, r resource.Resource) error { return errUnfinished }
func (l *Ledger) ForgetResource(ctx context.Context, address string) error    { return errUnfinished }
func (l *Ledger) Protect(ctx context.Context, address string, on bool) error  { return errUnfinished }
func (l *Ledger) Protected(ctx context.Context) ([]string, error)             { return nil, errUnfinished }
func (l *Ledger) StartRun(ctx context.Context, kind string) (Run, error)      { return Run{}, errUnfinished }
func (l *Ledger) FinishRun(ctx context.Context, id string, summary any) error { return errUnfinished }
func (l *Ledger) Runs(ctx context.Context, limit int) ([]Run, error)          { return nil, errUnfinished }

// JournalStart records that a change is about to be made, and returns its number in the run.
func (l *Ledger) JournalStart(ctx context.Context, run string, c resource.Change) (int64, error) {
	return 0, errUnfinished
}

// JournalDone closes an entry: with what is there now (saved as a resource; forgotten when the action was destroy or
// forget), or with what went wrong.
func (l *Ledger) JournalDone(ctx context.Context, run string, seq int64, now *resource.Resource, failure error) error {
	return errUnfinished
}
func (l *Ledger) UnfinishedJournal(ctx context.Context) ([]JournalEntry, error) {
	return nil, errUnfinished
}

// capture

func (l *Ledger) Capture(ctx context.Context, c Capture) (Captured, error) {
	return Captured{}, errUnfinished
}
func (l *Ledger) DirtyRecords(ctx context.Context, object string, side record.Side, limit int) ([]Dirty, error) {
	return nil, errUnfinished
}
func (l *Ledger) Cursor(ctx context.Context, connection, name string) (string, error) {
	return "", errUnfinished
}
func (l *Ledger) Cursors(ctx context.Context, connection string) (map[string]string, error) {
	return nil, errUnfinished
}
func (l *Ledger) SetCursor(ctx context.Context, c Cursor) error { return errUnfinished }

// resolve

func (l *Ledger) Claim(ctx context.Context, object string, limit int, worker string, lease time.Duration) ([]Work, error) {
	return nil, errUnfinished
}

// Resolve records decisions. It returns the pairs whose lease was lost: nothing was recorded for those.
func (l *Ledger) Resolve(ctx context.Context, resolutions []Resolution) (lost []string, err error) {
	return nil, errUnfinished
}
func (l *Ledger) HalfPairs(ctx context.Context, object string, side record.Side, yield func(HalfPair) error) error {
	return errUnfinished
}

// JoinPairs makes one pair of each left half and right half (pair ids). Those that can't be joined any more are left.
func (l *Ledger) JoinPairs(ctx context.Context, joins [][2]string) (joined int, err error) {
	return 0, errUnfinished
}

// Report opens conflicts outside a resolution: matches that are ambiguous, an object that was halted.
func (l *Ledger) Report(ctx context.Context, conflicts []Conflict) error { return errUnfinished }

// Enqueue marks pairs pending.
func (l *Ledger) Enqueue(ctx context.Context, pairIDs []string, priority int, notBefore time.Time, reason string) error {
	return errUnfinished
}

// EnqueueObject marks all live pairs of an object pending, and returns how many: after a change of contract.
func (l *Ledger) EnqueueObject(ctx context.Context, object string, priority int, reason string) (int, error) {
	return 0, errUnfinished
}
func (l *Ledger) PairByRecord(ctx context.Context, object string, side record.Side, ids []string) (map[string]string, error) {
	return nil, errUnfinished
}
func (l *Ledger) RecordByPair(ctx context.Context, side record.Side, pairIDs []string) (map[string]string, error) {
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

// AcquireLane takes a lane that is free or whose lease has run out; ok is false when somebody else holds it.
func (l *Ledger) AcquireLane(ctx context.Context, name, worker string, lease time.Duration) (lane Lane, ok bool, err error) {
	return Lane{}, false, errUnfinished
}
func (l *Ledger) RenewLane(ctx context.Context, lane Lane, lease time.Duration) (Lane, error) {
	return Lane{}, errUnfinished
}
func (l *Ledger) ReleaseLane(ctx context.Context, lane Lane) error { return errUnfinished }

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
func (l *Ledger) Conflicts(ctx context.Context, f Filter) ([]Conflict, error) {
	return nil, errUnfinished
}

// ResolveConflict closes a conflict and has its pair decided anew. A held pair is let go.
func (l *Ledger) ResolveConflict(ctx context.Context, id int64) error { return errUnfinished }
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
