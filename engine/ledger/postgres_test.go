package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// cluster is the PostgreSQL that the tests of this process share: the one that ACCORD_TEST_POSTGRES names, or a temporary
// one that listens on a socket in a folder of its own.
type cluster struct {
	once   sync.Once
	base   string // URL without a search path
	reason string // why there is none
	folder string
	server *exec.Cmd
	number atomic.Int64
}

var postgres cluster

// url gives a new, empty schema; the test is skipped where there is no PostgreSQL.
func (c *cluster) url(t testing.TB) string {
	t.Helper()
	c.once.Do(c.start)
	if c.reason != "" {
		t.Skip("no PostgreSQL to test with: " + c.reason)
	}
	name := fmt.Sprintf("accord_test_%d_%d", os.Getpid(), c.number.Add(1))
	c.exec(t, "CREATE SCHEMA "+name)
	t.Cleanup(func() { c.exec(t, "DROP SCHEMA "+name+" CASCADE") })
	return c.with("search_path", name)
}

func (c *cluster) with(key, value string) string {
	u, err := url.Parse(c.base)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *cluster) exec(t testing.TB, statement string) {
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

func (c *cluster) start() {
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
		c.stop()
		c.reason = err.Error()
	}
}

func (c *cluster) run(binaries string) (err error) {
	if c.folder, err = os.MkdirTemp("", "accord-postgres-"); err != nil {
		return err
	}
	// PostgreSQL refuses to run as root.
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			if who, err = user.Lookup("nobody"); err != nil {
				return errors.New("running as root, and there is neither a user postgres nor nobody to run a server as")
			}
		}
		uid, _ := strconv.Atoi(who.Uid)
		gid, _ := strconv.Atoi(who.Gid)
		if err := os.Chown(c.folder, uid, gid); err != nil {
			return err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(c.folder, "data")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(binaries, name), args...)
		cmd.Dir = c.folder
		cmd.SysProcAttr = attributes
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		return cmd
	}
	if out, err := command("initdb", "-D", data, "-U", "accord", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return fmt.Errorf("make a PostgreSQL cluster: %w: %s", err, out)
	}
	c.server = command("postgres", "-D", data, "-k", c.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	var log strings.Builder
	c.server.Stderr = &log
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
			return fmt.Errorf("reach the temporary PostgreSQL: %w: %s", err, log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cluster) stop() {
	if c.server != nil && c.server.Process != nil {
		_ = c.server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = c.server.Wait()
	}
	if c.folder != "" {
		_ = os.RemoveAll(c.folder)
	}
}
