package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// writer begins the transactions that change the ledger. On SQLite they queue for one connection, which keeps its
// prepared statements; on PostgreSQL each gets its own.
type writer struct {
	db    *sql.DB
	queue chan struct{} // holds one token while SQLite's connection is in use; nil on PostgreSQL

	// Of SQLite, guarded by queue.
	conn       *sql.Conn
	statements map[string]*sql.Stmt
}

// maxPrepared bounds the cache of statements. They come in few shapes, because chunks have few sizes.
const maxPrepared = 300

func newWriter(d *dialect, db *sql.DB) *writer {
	w := &writer{db: db}
	if d.prepares {
		w.queue = make(chan struct{}, 1)
	}
	return w
}

func (w *writer) run(ctx context.Context, l *Ledger, locks []string, f func(*tx) error) (err error) {
	t := &tx{ctx: ctx, l: l}
	if w.queue == nil {
		if t.sql, err = w.db.BeginTx(ctx, nil); err != nil {
			return err
		}
	} else {
		select {
		case w.queue <- struct{}{}:
			defer func() { <-w.queue }()
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() {
			if err != nil {
				w.check(ctx)
			}
		}()
		if t.sql, err = w.begin(ctx); err != nil {
			return err
		}
		t.writer = w
	}
	// Also ends the transaction when f panics; after a commit it does nothing.
	defer func() { _ = t.sql.Rollback() }()
	for _, name := range locks {
		if err := t.lock(name); err != nil {
			return err
		}
	}
	t.now = l.now() // after the locks: time in the ledger does not run backwards while somebody waits
	if err := t.held(); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return err
	}
	return t.sql.Commit()
}

func (w *writer) begin(ctx context.Context) (*sql.Tx, error) {
	if w.conn == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		w.conn, w.statements = conn, map[string]*sql.Stmt{}
	}
	return w.conn.BeginTx(ctx, nil)
}

// prepare gives a statement that runs on the connection, and so within its transaction.
func (w *writer) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := w.statements[text]; s != nil {
		return s, nil
	}
	if len(w.statements) >= maxPrepared {
		w.forget()
	}
	s, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", clip(text), err)
	}
	w.statements[text] = s
	return s, nil
}

func (w *writer) forget() {
	for text, s := range w.statements {
		_ = s.Close() // nothing to do about a statement that can't be freed
		delete(w.statements, text)
	}
}

// check gives the connection up when the last error broke it. An interruption does: it may end a statement after SQLite
// has carried it out, so that a transaction is open of which database/sql knows nothing.
func (w *writer) check(ctx context.Context) {
	if w.conn == nil {
		return
	}
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if interrupted || w.conn.PingContext(ctx) != nil {
		w.forget()
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // closed for good, not given back to the pool
		w.drop()
	}
}

func (w *writer) drop() {
	w.forget()
	_ = w.conn.Close() // it is broken, or unused: there is nothing left in it to lose
	w.conn = nil
}

// close waits for the transaction in flight.
func (w *writer) close() error {
	if w.queue != nil {
		w.queue <- struct{}{}
		defer func() { <-w.queue }()
		if w.conn != nil {
			w.drop()
		}
	}
	return w.db.Close() // whoever comes later is told that the database is closed
}
