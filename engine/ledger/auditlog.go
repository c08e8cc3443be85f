package ledger

import (
	"context"
	"fmt"
	"time"

	"accord/engine/audit"
)

const auditColumns = `seq, at, connection, operation, initiator, request, status, row_count, request_id, duration, error, prev_hash, hash`

// Audit appends entries to the audit log, each chained to the one before it. Seq and the hashes are filled in.
func (l *Ledger) Audit(ctx context.Context, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return l.write(ctx, fmt.Sprintf("append %d entries to the audit log", len(entries)), []string{"audit"}, func(t *tx) error {
		var last audit.Entry
		err := t.query(`SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`, nil, func(r row) error { return r.Scan(&last.Seq, &last.Hash) })
		if err != nil {
			return err
		}
		rows := make([][]any, 0, len(entries))
		for _, e := range entries {
			for _, s := range []*string{&e.Connection, &e.Operation, &e.Initiator, &e.Request, &e.RequestID, &e.Error} {
				*s = clean(*s) // before it is hashed
			}
			last = audit.Chain(last, e)
			e = last
			rows = append(rows, []any{
				e.Seq, e.At.UnixMilli(), e.Connection, e.Operation, e.Initiator, e.Request, e.Status, e.Rows, e.RequestID, e.Duration.Milliseconds(),
				e.Error, e.PrevHash, e.Hash,
			})
		}
		return t.insert("audit", auditColumns, "", rows)
	})
}

// AuditEntries lists entries with a Seq above after, oldest first; limit 0 = all.
func (l *Ledger) AuditEntries(ctx context.Context, after int64, limit int) ([]audit.Entry, error) {
	var list []audit.Entry
	err := l.eachAudit(ctx, after, limit, func(e audit.Entry) bool {
		list = append(list, e)
		return true
	})
	return list, err
}

// VerifyAudit reads the whole audit log and reports the first entry that is not as it was written, if there is one.
func (l *Ledger) VerifyAudit(ctx context.Context) (audit.Report, error) {
	var v audit.Verifier
	err := l.eachAudit(ctx, -1<<62, 0, v.Add)
	return v.Report, err
}

func (l *Ledger) eachAudit(ctx context.Context, after int64, limit int, yield func(audit.Entry) bool) error {
	return l.audited(ctx, `seq > $1 ORDER BY seq LIMIT $2`, []any{after, orAll(limit)}, yield)
}

func (l *Ledger) audited(ctx context.Context, where string, args []any, yield func(audit.Entry) bool) error {
	return l.read(ctx, "read the audit log", func(t *tx) error {
		more := true
		return t.query(`SELECT `+auditColumns+` FROM audit WHERE `+where, args, func(r row) error {
			if !more {
				return nil
			}
			var e audit.Entry
			var at, duration int64
			err := r.Scan(&e.Seq, &at, &e.Connection, &e.Operation, &e.Initiator, &e.Request, &e.Status, &e.Rows, &e.RequestID, &duration,
				&e.Error, &e.PrevHash, &e.Hash)
			if err != nil {
				return err
			}
			e.At, e.Duration = time.UnixMilli(at).UTC(), time.Duration(duration)*time.Millisecond
			more = yield(e)
			return nil
		})
	})
}

// AuditUnanswered notes a batch of writes that was sent, and of whose call the log has nothing: the process that sent it was
// killed before it could. Of a batch that has an entry already, nothing more is noted.
func (l *Ledger) AuditUnanswered(ctx context.Context, connection string, b Batch) error {
	found := false
	err := l.read(ctx, "look for the call of a batch in the audit log", func(t *tx) (err error) {
		var one int
		found, err = t.one(`SELECT 1 FROM audit WHERE at >= $1 AND request LIKE $2 LIMIT 1`,
			[]any{b.Sent.Add(-time.Minute).UnixMilli(), "%batch " + b.ID + "%"}, &one)
		return err
	})
	if err != nil || found {
		return err
	}
	return l.Audit(ctx, audit.Entry{
		At: b.Sent, Connection: connection, Operation: "write", Request: fmt.Sprintf("write of %d rows, batch %s", len(b.Intents), b.ID),
		Rows: len(b.Intents), Error: "no answer was recorded: whoever sent it was stopped",
	})
}

// LastAudit is the Seq of the newest entry; 0 when there is none.
func (l *Ledger) LastAudit(ctx context.Context) (seq int64, err error) {
	err = l.read(ctx, "find the newest audit entry", func(t *tx) error {
		_, err := t.one(`SELECT seq FROM audit ORDER BY seq DESC LIMIT 1`, nil, &seq)
		return err
	})
	return seq, err
}

// AuditOfBatch lists the calls that were made for one batch of writes which was confirmed at a moment, oldest first. Calls
// more than an hour older are not looked for.
func (l *Ledger) AuditOfBatch(ctx context.Context, batch string, confirmed time.Time) ([]audit.Entry, error) {
	var list []audit.Entry
	where := `at >= $1 AND at <= $2 AND request LIKE $3 ORDER BY seq`
	err := l.audited(ctx, where, []any{confirmed.Add(-time.Hour).UnixMilli(), confirmed.UnixMilli(), "%batch " + batch + "%"}, func(e audit.Entry) bool {
		list = append(list, e)
		return true
	})
	return list, err
}
