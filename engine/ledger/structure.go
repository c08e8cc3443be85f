package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/resource"
)

// Run is one plan, apply or sync from start to finish.
type Run struct {
	ID       string
	Kind     string // plan | apply | sync
	Started  time.Time
	Finished time.Time // zero while it runs
	Summary  []byte    // JSON; empty while it runs
}

// JournalEntry is one structural change of one run.
type JournalEntry struct {
	Run      string
	Seq      int64
	Address  string
	Action   resource.Action
	State    string // started | done | failed
	Detail   string // what went wrong
	Change   resource.Change
	Started  time.Time
	Finished time.Time
}

// Resources lists what apply saved, by address.
func (l *Ledger) Resources(ctx context.Context) ([]resource.Resource, error) {
	var list []resource.Resource
	err := l.read(ctx, "read the managed resources", func(t *tx) error {
		return t.query(`SELECT address, connection, kind, name, vendor_id, managed, object, field, attributes, depends_on FROM resource`,
			nil, func(r row) error {
				var x resource.Resource
				var attributes, dependsOn string
				err := r.Scan(&x.Address, &x.Connection, &x.Kind, &x.Name, &x.ID, &x.Managed, &x.Object, &x.Field, &attributes, &dependsOn)
				if err != nil {
					return err
				}
				if err := decode("resource "+x.Address, attributes, &x.Attributes); err != nil {
					return err
				}
				list = append(list, x)
				return decode("resource "+x.Address, dependsOn, &list[len(list)-1].DependsOn)
			})
	})
	slices.SortFunc(list, func(a, b resource.Resource) int { return cmp.Compare(a.Address, b.Address) })
	return list, err
}

// SaveResource stores a resource as it is now, instead of what was stored under its address.
func (l *Ledger) SaveResource(ctx context.Context, r resource.Resource) error {
	return l.write(ctx, "save resource "+r.Address, nil, func(t *tx) error { return t.saveResource(r) })
}

// ForgetResource drops a resource: it is no longer managed, whatever becomes of it.
func (l *Ledger) ForgetResource(ctx context.Context, address string) error {
	return l.write(ctx, "forget resource "+address, nil, func(t *tx) error { return t.forgetResource(address) })
}

func (t *tx) saveResource(r resource.Resource) error {
	attributes, err := encode(r.Attributes)
	if err != nil {
		return err
	}
	dependsOn, err := encode(r.DependsOn)
	if err != nil {
		return err
	}
	return t.insert("resource", "address, connection, kind, name, vendor_id, managed, object, field, attributes, depends_on, applied_at",
		`ON CONFLICT (address) DO UPDATE SET connection = excluded.connection, kind = excluded.kind, name = excluded.name,
			vendor_id = excluded.vendor_id, managed = excluded.managed, object = excluded.object, field = excluded.field,
			attributes = excluded.attributes, depends_on = excluded.depends_on, applied_at = excluded.applied_at`,
		[][]any{{
			r.Address, r.Connection, r.Kind, r.Name, r.ID, number(r.Managed),
			r.Object, r.Field, attributes, dependsOn, t.now,
		}})
}

func (t *tx) forgetResource(address string) error {
	_, err := t.exec(`DELETE FROM resource WHERE address = $1`, address)
	return err
}

// number is a truth as it is stored.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Protect remembers that an address of the contract must not be destroyed, or that it may be. It is independent of
// whether the contract still mentions it.
func (l *Ledger) Protect(ctx context.Context, address string, on bool) error {
	return l.write(ctx, "protect "+address, nil, func(t *tx) error {
		var err error
		if on {
			_, err = t.exec(`INSERT INTO protection (address, since) VALUES ($1, $2) ON CONFLICT (address) DO NOTHING`, address, t.now)
		} else {
			_, err = t.exec(`DELETE FROM protection WHERE address = $1`, address)
		}
		return err
	})
}

// Protected lists the protected addresses, in order.
func (l *Ledger) Protected(ctx context.Context) ([]string, error) {
	var list []string
	err := l.read(ctx, "read what is protected", func(t *tx) error {
		return t.query(`SELECT address FROM protection`, nil, func(r row) error {
			var a string
			err := r.Scan(&a)
			list = append(list, a)
			return err
		})
	})
	slices.Sort(list)
	return list, err
}

// StartRun records that a run began. Kind is plan, apply or sync.
func (l *Ledger) StartRun(ctx context.Context, kind string) (Run, error) {
	run := Run{Kind: kind}
	err := l.write(ctx, "record that a run began", nil, func(t *tx) error {
		run.ID, run.Started = l.ids.next(t.now), moment(t.now)
		_, err := t.exec(`INSERT INTO run (id, kind, started, finished, summary) VALUES ($1, $2, $3, 0, '')`, run.ID, kind, t.now)
		return err
	})
	return run, err
}

// FinishRun records that a run ended. Summary is stored as JSON.
func (l *Ledger) FinishRun(ctx context.Context, id string, summary any) error {
	text, err := encode(summary)
	if err != nil {
		return fmt.Errorf("record that run %s ended: %w", id, err)
	}
	return l.write(ctx, "record that run "+id+" ended", nil, func(t *tx) error {
		n, err := t.exec(`UPDATE run SET finished = $1, summary = $2 WHERE id = $3`, t.now, text, id)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}

// Runs lists runs, newest first; limit 0 = all.
func (l *Ledger) Runs(ctx context.Context, limit int) ([]Run, error) {
	var list []Run
	err := l.read(ctx, "read the runs", func(t *tx) error {
		return t.query(`SELECT id, kind, started, finished, summary FROM run ORDER BY id DESC LIMIT $1`, []any{orAll(limit)}, func(r row) error {
			var x Run
			var started, finished int64
			err := r.Scan(&x.ID, &x.Kind, &started, &finished, &x.Summary)
			x.Started, x.Finished = moment(started), moment(finished)
			list = append(list, x)
			return err
		})
	})
	return list, err
}

// JournalStart records that a change is about to be made, before it is, and returns its number in the run.
func (l *Ledger) JournalStart(ctx context.Context, run string, c resource.Change) (seq int64, err error) {
	what := fmt.Sprintf("record the start of %s %s", c.Action, c.Want.Address)
	change, err := encode(c)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	err = l.write(ctx, what, []string{"run/" + run}, func(t *tx) error {
		_, err := t.one(`INSERT INTO apply_journal (run, seq, address, action, state, detail, change, started, finished)
			SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS TEXT), CAST($3 AS TEXT), 'started', '', CAST($4 AS TEXT), CAST($5 AS BIGINT), 0
			FROM apply_journal WHERE run = $1 RETURNING seq`,
			[]any{run, c.Want.Address, string(c.Action), change, t.now}, &seq)
		return err
	})
	return seq, err
}

// JournalDone closes an entry. Without a failure, now is what is there now and is saved as a resource in the same
// transaction; nil forgets the resource (after destroy and forget).
func (l *Ledger) JournalDone(ctx context.Context, run string, seq int64, now *resource.Resource, failure error) error {
	return l.write(ctx, fmt.Sprintf("record the end of change %d of run %s", seq, run), nil, func(t *tx) error {
		state, detail := "done", ""
		if failure != nil {
			state, detail = "failed", failure.Error()
		}
		var address string
		found, err := t.one(`UPDATE apply_journal SET state = $1, detail = $2, finished = $3 WHERE run = $4 AND seq = $5 RETURNING address`,
			[]any{state, detail, t.now, run, seq}, &address)
		switch {
		case err != nil || failure != nil:
			return err
		case !found:
			return ErrNotFound
		case now == nil:
			return t.forgetResource(address)
		default:
			return t.saveResource(*now)
		}
	})
}

// UnfinishedJournal lists changes that were started and neither done nor failed: what an interrupted apply left behind.
func (l *Ledger) UnfinishedJournal(ctx context.Context) ([]JournalEntry, error) {
	return l.journal(ctx, `state = 'started'`)
}

// Journal lists the changes of one run, in order.
func (l *Ledger) Journal(ctx context.Context, run string) ([]JournalEntry, error) {
	return l.journal(ctx, `run = $1`, run)
}

func (l *Ledger) journal(ctx context.Context, where string, args ...any) ([]JournalEntry, error) {
	var list []JournalEntry
	err := l.read(ctx, "read the journal of structural changes", func(t *tx) error {
		return t.query(`SELECT run, seq, address, action, state, detail, change, started, finished FROM apply_journal
			WHERE `+where+` ORDER BY run, seq`, args, func(r row) error {
			var e JournalEntry
			var change string
			var started, finished int64
			if err := r.Scan(&e.Run, &e.Seq, &e.Address, &e.Action, &e.State, &e.Detail, &change, &started, &finished); err != nil {
				return err
			}
			e.Started, e.Finished = moment(started), moment(finished)
			list = append(list, e)
			return decode("journal entry "+e.Address, change, &list[len(list)-1].Change)
		})
	})
	return list, err
}
