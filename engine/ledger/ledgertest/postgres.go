//go:build unix

package ledgertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// Postgres is the PostgreSQL that the tests of a process share: the one that ACCORD_TEST_POSTGRES names, or a temporary
// one that listens on a socket in a folder of its own. It starts when it is first asked for, and must be closed.
type Postgres struct {
	once   sync.Once
	base   string // URL without a search path
	reason string // why there is none
	folder string
	server *exec.Cmd
	input  io.Closer
	number atomic.Int64
}

// Missing says why there is no PostgreSQL; "" where there is one.
func (c *Postgres) Missing() string {
	c.once.Do(c.start)
	return c.reason
}

// URL gives a new, empty schema; the test is skipped where there is no PostgreSQL.
func (c *Postgres) URL(t testing.TB) string {
	t.Helper()
	if reason := c.Missing(); reason != "" {
		t.Skip("no PostgreSQL to test with: " + reason)
	}
	name := fmt.Sprintf("accord_test_%d_%d", os.Getpid(), c.number.Add(1))
	c.exec(t, "CREATE SCHEMA "+name)
	t.Cleanup(func() { c.exec(t, "DROP SCHEMA "+name+" CASCADE") })
	return c.with("search_path", name)
}

func (c *Postgres) with(key, value string) string {
	u, err := url.Parse(c.base)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *Postgres) exec(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", c.base)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (c *Postgres) start() {
	if c.base = os.Getenv("ACCORD_TEST_POSTGRES"); c.base != "" {
		return
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		c.reason = "ACCORD_TEST_POSTGRES is not set, and there is no /usr/lib/postgresql/*/bin/initdb"
		return
	}
	slices.Sort(found)
	if err := c.run(filepath.Dir(found[len(found)-1])); err != nil {
		c.Close()
		c.reason = err.Error()
	}
}

func (c *Postgres) run(binaries string) (err error) {
	if c.folder, err = os.MkdirTemp("", "accord-postgres-"); err != nil {
		return err
	}
	attributes, err := unprivileged(c.folder)
	if err != nil {
		return err
	}
	data := filepath.Join(c.folder, "data")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = c.folder
		cmd.SysProcAttr = attributes
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		return cmd
	}
	if out, err := command(filepath.Join(binaries, "initdb"), "-D", data, "-U", "accord", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return fmt.Errorf("make a PostgreSQL cluster: %w: %s", err, out)
	}
	// The shell ends the server when its input ends: also when this process is killed.
	c.server = command("/bin/sh", "-c", `"$@" </dev/null & server=$!; read -r _; kill -INT $server; wait $server`, "sh",
		filepath.Join(binaries, "postgres"), "-D", data, "-k", c.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	log, err := os.Create(filepath.Join(c.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	c.server.Stderr = log
	if c.input, err = c.server.StdinPipe(); err != nil {
		return err
	}
	if err := c.server.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.base = "postgres://accord@/postgres?host=" + url.QueryEscape(c.folder)
	db, err := sql.Open("pgx", c.base)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("reach the temporary PostgreSQL: %w: %s", err, said)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// unprivileged hands a folder to somebody who may run a server: PostgreSQL refuses to run as root.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, errors.New("running as root, and there is neither a user postgres nor nobody to run a server as")
		}
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(folder, uid, gid)
}

// Close stops the one that was started.
func (c *Postgres) Close() {
	if c.server != nil && c.server.Process != nil {
		_ = c.input.Close()
		_ = c.server.Wait()
	}
	if c.folder != "" {
		_ = os.RemoveAll(c.folder)
	}
}
