package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tx is one transaction under way. It carries its context: it lives no longer than the call that began it.
type tx struct {
	ctx     context.Context
	l       *Ledger
	sql     *sql.Tx
	session *session // of SQLite; nil elsewhere
	now     int64
}

// attempts is how often a transaction is tried that others got in the way of.
const attempts = 8

// write runs f in a transaction that sees everything committed before it, and commits it when f returns nil. F may run
// several times. Locks name what f changes as a whole ("object/deal"): of transactions that name the same, one runs at
// a time.
func (l *Ledger) write(ctx context.Context, what string, locks []string, f func(*tx) error) error {
	slices.Sort(locks) // everybody takes them in one order
	locks = slices.Compact(locks)
	if err := l.gate(Step{What: what, Lanes: l.lanes}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for attempt := 1; ; attempt++ {
		err := l.change(ctx, locks, f)
		if err == nil {
			err = l.gate(Step{What: what, Committed: true, Lanes: l.lanes})
		}
		if err == nil {
			return nil
		}
		if attempt == attempts || !passing(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		l.log.Debug("transaction is tried again", "what", what, "attempt", attempt, "error", err)
		wait := rand.N(5*time.Millisecond<<attempt) + time.Millisecond
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// read runs f in a transaction that sees one state of the ledger, and changes nothing.
func (l *Ledger) read(ctx context.Context, what string, f func(*tx) error) error {
	if err := l.gate(Step{What: what, Read: true}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	options := &sql.TxOptions{ReadOnly: true}
	if l.dialect.name == "postgres" {
		options.Isolation = sql.LevelRepeatableRead
	}
	// There is nothing to commit.
	if err := l.reads.within(ctx, l, options, f, func(*sql.Tx) error { return nil }); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// change runs f in a transaction of its own, once.
func (l *Ledger) change(ctx context.Context, locks []string, f func(*tx) error) error {
	return l.writes.within(ctx, l, nil, func(t *tx) error {
		for _, name := range locks {
			if err := t.lock(name); err != nil {
				return err
			}
		}
		t.now = l.now() // after the locks: time in the ledger does not run backwards while somebody waits
		if err := t.held(); err != nil {
			return err
		}
		return f(t)
	}, (*sql.Tx).Commit)
}

// lock takes PostgreSQL's advisory lock for a name until the transaction ends. SQLite has one writer at a time anyway.
func (t *tx) lock(name string) error {
	if !t.l.dialect.advisory {
		return nil
	}
	sum := sha256.Sum256([]byte("accord ledger\x00" + name))
	_, err := t.exec("SELECT pg_advisory_xact_lock($1)", int64(binary.BigEndian.Uint64(sum[:])))
	return err
}

// exec runs a statement and returns how many rows it touched.
func (t *tx) exec(text string, args ...any) (int64, error) {
	storable(args)
	var result sql.Result
	stmt, err := t.prepared(text)
	switch {
	case err != nil:
	case stmt != nil:
		result, err = stmt.ExecContext(t.ctx, args...)
	default:
		result, err = t.sql.ExecContext(t.ctx, t.l.dialect.text(text), args...)
	}
	if err != nil {
		return 0, fmt.Errorf("%w (in %s)", err, clip(text))
	}
	return result.RowsAffected()
}

// query runs a statement and calls scan for each row of its answer.
func (t *tx) query(text string, args []any, scan func(row) error) error {
	storable(args)
	var rows *sql.Rows
	stmt, err := t.prepared(text)
	switch {
	case err != nil:
	case stmt != nil:
		rows, err = stmt.QueryContext(t.ctx, args...)
	default:
		rows, err = t.sql.QueryContext(t.ctx, t.l.dialect.text(text), args...)
	}
	if err != nil {
		return fmt.Errorf("%w (in %s)", err, clip(text))
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%w (in %s)", err, clip(text))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%w (in %s)", err, clip(text))
	}
	return nil
}

// one reads a single row; false when there is none.
func (t *tx) one(text string, args []any, into ...any) (found bool, err error) {
	err = t.query(text, args, func(r row) error {
		found = true
		return r.Scan(into...)
	})
	return found, err
}

// storable makes texts ones that both engines take, whatever came from a vendor or a person. Keys that are compared in
// memory are cleaned where they come in.
func storable(args []any) {
	for i, a := range args {
		if s, is := a.(string); is {
			args[i] = clean(s)
		}
	}
}

type row interface{ Scan(into ...any) error }

func (t *tx) prepared(text string) (*sql.Stmt, error) {
	if t.session == nil {
		return nil, nil
	}
	return t.session.prepare(t.ctx, t.l.dialect.text(text))
}

// among runs a query whose text holds IN (%s) for a list of any length, in chunks. Of PostgreSQL and SQLite neither
// takes a list as one parameter in the same way. The list's parameters come after the others'.
func (t *tx) among(text string, args []any, list []string, scan func(row) error) error {
	return chunks(t.l.dialect.chunk, len(list), func(from, to, size int) error {
		all := slices.Clone(args)
		for i := range size {
			all = append(all, list[min(from+i, to-1)]) // a short last chunk repeats its last member
		}
		return t.query(fmt.Sprintf(text, t.l.dialect.placeholders(len(args)+1, size)), all, scan)
	})
}

// execAmong is among for statements without an answer.
func (t *tx) execAmong(text string, args []any, list []string) (touched int64, err error) {
	err = chunks(t.l.dialect.chunk, len(list), func(from, to, size int) error {
		all := slices.Clone(args)
		for i := range size {
			all = append(all, list[min(from+i, to-1)])
		}
		n, err := t.exec(fmt.Sprintf(text, t.l.dialect.placeholders(len(args)+1, size)), all...)
		touched += n
		return err
	})
	return touched, err
}

// insert runs "INSERT INTO table (columns) VALUES rows tail" in chunks. All rows have as many values as there are columns.
func (t *tx) insert(table, columns, tail string, rows [][]any) error {
	for len(rows) > 0 {
		size := 1
		for _, s := range [...]int{t.l.dialect.chunk, 16} {
			if len(rows) >= s {
				size = s
				break
			}
		}
		width := len(rows[0])
		var b strings.Builder
		b.WriteString("INSERT INTO " + table + " (" + columns + ") VALUES ")
		args := make([]any, 0, size*width)
		for i, r := range rows[:size] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + t.l.dialect.placeholders(1+i*width, width) + ")")
			args = append(args, r...)
		}
		b.WriteString(" " + tail)
		if _, err := t.exec(b.String(), args...); err != nil {
			return err
		}
		rows = rows[size:]
	}
	return nil
}

// chunks cuts n things into pieces of few different sizes, so that few different statements are prepared.
func chunks(most, n int, f func(from, to, size int) error) error {
	for from := 0; from < n; {
		size := most
		switch rest := n - from; {
		case rest == 1:
			size = 1
		case rest <= 16:
			size = 16
		}
		to := min(from+size, n)
		if err := f(from, to, size); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// placeholders is "$3, $4, $5" for (3, 3). SQLite gets "?, ?, ?", which means the same where all that come before have
// lower numbers: it keeps a list of named ones, $3 and ?3 alike, and walks along it for each.
func (d *dialect) placeholders(first, n int) string {
	b := make([]byte, 0, n*6)
	for i := range n {
		if i > 0 {
			b = append(b, ", "...)
		}
		if d.name == "sqlite" {
			b = append(b, '?')
			continue
		}
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(first+i), 10)
	}
	return string(b)
}

// numbers takes n consecutive numbers of a name and returns the first. What is rolled back is given out again.
func (t *tx) numbers(name string, n int) (first int64, err error) {
	var last int64
	_, err = t.one(`INSERT INTO numbering (name, last) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET last = numbering.last + excluded.last RETURNING last`, []any{name, n}, &last)
	return last - int64(n) + 1, err
}

func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
