package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// session is one connection to SQLite and the statements that are prepared on it: its driver keeps none, and half the
// work of a small query is to parse it. PostgreSQL's driver keeps its own.
type session struct {
	db         *sql.DB
	conn       *sql.Conn // nil until it is asked for, and after it broke
	statements map[string]*sql.Stmt
}

// maxPrepared bounds the cache of statements. They come in few shapes, because chunks have few sizes.
const maxPrepared = 300

// pool is what transactions are begun on. Of SQLite it lends each session to one transaction at a time.
type pool struct {
	db       *sql.DB
	sessions chan *session // nil on PostgreSQL
}

func newPool(d *dialect, db *sql.DB, sessions int) *pool {
	p := &pool{db: db}
	if d.prepares {
		p.sessions = make(chan *session, sessions)
		for range sessions {
			p.sessions <- &session{db: db}
		}
	}
	return p
}

// within runs f in a transaction, and ends that as it is told to when f returns nil.
func (p *pool) within(ctx context.Context, l *Ledger, options *sql.TxOptions, f func(*tx) error, end func(*sql.Tx) error) (err error) {
	t := &tx{ctx: ctx, l: l, now: l.now()}
	if p.sessions == nil {
		t.sql, err = p.db.BeginTx(ctx, options)
	} else {
		select {
		case t.session = <-p.sessions:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() {
			if err != nil {
				t.session.check(ctx)
			}
			p.sessions <- t.session
		}()
		t.sql, err = t.session.begin(ctx, options)
	}
	if err != nil {
		return err
	}
	// Also ends the transaction when f panics; after a commit it does nothing.
	defer func() { _ = t.sql.Rollback() }()
	if err := f(t); err != nil {
		return err
	}
	return end(t.sql)
}

// close waits for the transactions in flight.
func (p *pool) close() error {
	for range cap(p.sessions) {
		s := <-p.sessions
		if s.conn != nil {
			s.drop()
		}
		defer func() { p.sessions <- s }()
	}
	return p.db.Close() // whoever comes later is told that the database is closed
}

func (s *session) begin(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error) {
	if s.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		s.conn, s.statements = conn, map[string]*sql.Stmt{}
	}
	return s.conn.BeginTx(ctx, options)
}

// prepare gives a statement that runs on the connection, and so within its transaction.
func (s *session) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if have := s.statements[text]; have != nil {
		return have, nil
	}
	if len(s.statements) >= maxPrepared {
		s.forget()
	}
	fresh, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", clip(text), err)
	}
	s.statements[text] = fresh
	return fresh, nil
}

func (s *session) forget() {
	for text, stmt := range s.statements {
		_ = stmt.Close() // nothing to do about a statement that can't be freed
		delete(s.statements, text)
	}
}

// check gives the connection up when the last error broke it. An interruption does: it may end a statement after SQLite
// has carried it out, so that a transaction is open of which database/sql knows nothing.
func (s *session) check(ctx context.Context) {
	if s.conn == nil {
		return
	}
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if interrupted || s.conn.PingContext(ctx) != nil {
		s.forget()
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // closed for good, not given back to the pool
		s.drop()
	}
}

func (s *session) drop() {
	s.forget()
	_ = s.conn.Close() // it is broken, or unused: there is nothing left in it to lose
	s.conn = nil
}
