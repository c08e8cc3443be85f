package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// A dialect is everything that differs between SQLite and PostgreSQL. All statements are written once, with $1
// placeholders; what is not in here runs unchanged on both.
type dialect struct {
	name       string
	skipLocked string // ends a SELECT of rows to take: leave those that another process is taking
	update     string // ends a SELECT of rows that are about to be changed
	share      string // ends a SELECT of rows that must stay as they are until we commit
	chunk      int    // rows in one statement, at most
	prepares   bool   // whether we keep prepared statements ourselves, because the driver does not
	advisory   bool   // whether transactions take named locks; SQLite has one writer anyway
	file       string // SQLite's file
}

// open returns the pool that writes and the pool that reads.
func open(ctx context.Context, location string) (d *dialect, write, read *sql.DB, err error) {
	switch {
	case strings.HasPrefix(location, "sqlite:"):
		return openSQLite(strings.TrimPrefix(location, "sqlite:"))
	case strings.HasPrefix(location, "postgres://"), strings.HasPrefix(location, "postgresql://"):
		return openPostgres(ctx, location)
	default:
		return nil, nil, nil, errors.New(`a ledger's URL begins with "sqlite:" or "postgres://"`)
	}
}

func openSQLite(path string) (*dialect, *sql.DB, *sql.DB, error) {
	if path == "" || strings.ContainsRune(path, 0) || strings.HasPrefix(path, ":memory:") {
		return nil, nil, nil, errors.New(`"sqlite:" is followed by the path of a file, like sqlite:.accord/ledger.db`)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("find %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("make the ledger's folder: %w", err)
	}
	// FULL costs next to nothing in the batches that are written here, and a confirmed write must outlive a power cut.
	pragmas := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)", "cache_size(-32000)"}}
	dsn := func(more url.Values) string {
		q := url.Values{}
		for _, v := range []url.Values{pragmas, more} {
			for k, list := range v {
				q[k] = append(q[k], list...)
			}
		}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: full}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	write, err := sql.Open("sqlite", dsn(url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, nil, nil, err
	}
	write.SetMaxOpenConns(1) // SQLite has one writer: queue here, fairly, instead of spinning on its lock
	read, err := sql.Open("sqlite", dsn(url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, nil, nil, errors.Join(err, write.Close())
	}
	return &dialect{name: "sqlite", chunk: 128, prepares: true, file: full}, write, read, nil
}

// sqliteReaders is how many transactions read at a time.
const sqliteReaders = 4

// schema holds accord's tables in PostgreSQL, so that they share a database with others without harm.
const schema = "accord"

func openPostgres(ctx context.Context, location string) (*dialect, *sql.DB, *sql.DB, error) {
	config, err := pgx.ParseConfig(location)
	if err != nil {
		// The driver's own message would repeat the URL, and with it the password.
		return nil, nil, nil, errors.New("the URL is not one that PostgreSQL understands: postgres://user:password@host:5432/database")
	}
	if config.RuntimeParams["search_path"] == "" {
		config.RuntimeParams["search_path"] = schema
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "accord"
	}
	// A plan made while a table was small, and kept, would go on reading the whole table when it is large.
	if config.RuntimeParams["plan_cache_mode"] == "" {
		config.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(4)
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	return &dialect{
		name: "postgres", skipLocked: " FOR UPDATE OF p SKIP LOCKED", update: " FOR UPDATE", share: " FOR SHARE", chunk: 256, advisory: true,
	}, db, db, nil
}

// text gives a statement the placeholders that the driver handles best: SQLite looks $1 up by name, ?1 by number.
func (d *dialect) text(statement string) string {
	if d.name == "sqlite" {
		return strings.ReplaceAll(statement, "$", "?")
	}
	return statement
}

// Result codes of SQLite, see https://www.sqlite.org/rescode.html.
const (
	sqliteBusy   = 5
	sqliteLocked = 6
)

// passing says whether a transaction failed only because of others that ran beside it, and changed nothing.
func passing(err error) bool {
	var s *sqlite.Error
	if errors.As(err, &s) {
		return s.Code()&0xff == sqliteBusy || s.Code()&0xff == sqliteLocked
	}
	var p *pgconn.PgError
	if errors.As(err, &p) {
		// serialization_failure, deadlock_detected, lock_not_available
		return p.Code == "40001" || p.Code == "40P01" || p.Code == "55P03"
	}
	return false
}
