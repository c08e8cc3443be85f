package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is where goose notes which migrations ran.
const versions = "accord_version"

// migrate brings the tables up to date. Several processes may do so at once: one does the work, the others wait for it.
func migrate(ctx context.Context, d *dialect, db *sql.DB) error {
	unlock, err := lockForMigration(ctx, d, db)
	if err != nil {
		return fmt.Errorf("wait for other processes that open the ledger: %w", err)
	}
	defer unlock()
	if d.name == "postgres" {
		if err := ensureSchema(ctx, db); err != nil {
			return err
		}
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	name := database.DialectSQLite3
	if d.name == "postgres" {
		name = database.DialectPostgres
	}
	p, err := goose.NewProvider(name, db, files, goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the ledger's migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's version: %w", err)
	}
	if have > want {
		return fmt.Errorf("the ledger is of version %d, made by a newer accord; this one knows %d: use the newer one", have, want)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the ledger's tables up to date: %w", err)
	}
	return nil
}

func ensureSchema(ctx context.Context, db *sql.DB) error {
	var path string
	if err := db.QueryRowContext(ctx, "SELECT current_setting('search_path')").Scan(&path); err != nil {
		return fmt.Errorf("read the search path: %w", err)
	}
	if path != schema {
		return nil // the URL names another one, which is its author's to make
	}
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil {
		return fmt.Errorf("look for schema %s: %w", schema, err)
	}
	if there {
		return nil
	}
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return fmt.Errorf("make schema %s (its user needs CREATE on the database, or the URL a search_path): %w", schema, err)
	}
	return nil
}

// advisoryMigration is the number of PostgreSQL's lock that is held while tables are changed: "accord" in ASCII.
const advisoryMigration = 0x6163636f7264

func lockForMigration(ctx context.Context, d *dialect, db *sql.DB) (unlock func(), err error) {
	if d.name == "sqlite" {
		return lockFile(ctx, d.file+".lock")
	}
	return lockAdvisory(ctx, db, advisoryMigration)
}

// lockAdvisory takes one of PostgreSQL's numbered locks, and waits for it as long as ctx lasts.
func lockAdvisory(ctx context.Context, db *sql.DB, number int64) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", number); err != nil {
		conn.Close()
		return nil, err
	}
	return func() {
		// The lock belongs to the connection: should unlocking fail, closing it for good frees the lock too.
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if _, err := conn.ExecContext(detached, "SELECT pg_advisory_unlock($1)", number); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		conn.Close()
	}, nil
}

// lockFile takes an exclusive lock on a file beside the database, and waits for it as long as ctx lasts. SQLite's own
// locks are used, which work alike on every system and end with their process. The file stays, empty.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for {
		_, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE")
		if err == nil {
			return func() { db.Close() }, nil // the lock ends with its connection
		}
		if !passing(err) {
			break
		}
		if err = pause(ctx, 20*time.Millisecond); err != nil {
			break
		}
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), db.Close())
}
