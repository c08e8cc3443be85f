package ledger_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	ok(t, os.WriteFile(garbage, []byte(strings.Repeat("this is not a database", 1000)), 0o600))
	for _, url := range []string{
		"", "sqlite:", "sqlite::memory:", "sqlite:a\x00b", "mysql://x", "postgres://%zz", "sqlite:" + folder, "sqlite:" + garbage,
		"postgres://nobody:secret@127.0.0.1:1/none?connect_timeout=1",
	} {
		l, err := ledger.Open(t.Context(), ledger.Config{URL: url})
		if err == nil {
			t.Errorf("%q was opened", url)
			l.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error of %q tells the password: %v", url, err)
		}
	}
}

func TestOpenOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "50%?x=1#y.db", "名前.db", filepath.Join("made", "on", "the", "way.db")} {
		path := filepath.Join(t.TempDir(), name)
		open(t, "sqlite:"+path, newClock()).capture(read(record.Left, "L1", "", 1))
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// A ledger that a newer accord has changed is not touched by an older one.
func TestOpenNewer(t *testing.T) {
	f := open(t, sqliteURL(t), newClock())
	db, err := sql.Open("sqlite", strings.TrimPrefix(f.url, "sqlite:"))
	ok(t, err)
	defer db.Close()
	if _, err := db.Exec("INSERT INTO accord_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(t.Context(), ledger.Config{URL: f.url}); err == nil || !strings.Contains(err.Error(), "newer accord") {
		t.Fatalf("opened: %v", err)
	}
}

// Many processes may open a new ledger at once.
func TestOpenTogether(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgres.URL} {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			var wait sync.WaitGroup
			for range 6 {
				wait.Go(func() {
					l, err := ledger.Open(background, ledger.Config{URL: url})
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := l.Activate(background, ledger.AppliedContract{Digest: "d"}); err != nil {
						t.Error(err)
					}
					if err := l.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			same(t, "serial", must(open(t, url, newClock()).InForce(t.Context()))(t).Serial, int64(6))
		})
	}
}

func TestClosedAndCancelled(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.SetCursor(ctx, ledger.Cursor{Connection: "c", Name: "n"}); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		f.capture(read(record.Left, "L1", "", 1)) // and goes on afterwards
		g := f.again()
		ok(t, g.Close())
		if err := g.SetCursor(t.Context(), ledger.Cursor{Connection: "c", Name: "n"}); err == nil {
			t.Fatal("wrote to a closed ledger")
		}
		if _, err := g.Quiet(t.Context()); err == nil {
			t.Fatal("read a closed ledger")
		}
	})
}

// Interrupted at any moment, a transaction leaves the ledger as it was, and the next one works.
func TestInterrupted(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		var big []ledger.Observation
		for n := range 500 {
			big = append(big, deal(record.Left, n, 1, "call"))
		}
		for n := range 12 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*3*time.Millisecond)
			_, err := f.Capture(ctx, ledger.Capture{Observations: big, Cursor: &ledger.Cursor{Connection: "c", Name: "n", Position: fmt.Sprint(n)}})
			cancel()
			stats := must(f.Stats(t.Context()))(t)
			cursor := must(f.Cursor(t.Context(), "c", "n"))(t)
			if whole := len(stats) == 1 && stats[0].Pending == 500; whole != (cursor != "") || err == nil && !whole {
				t.Fatalf("after %v: cursor %q, stats %+v", err, cursor, stats)
			}
		}
		f.capture(read(record.Left, "L1", "", 1))
	})
}

// Worker processes are killed without warning, again and again, while they carry changes across. What they leave behind
// is whole, and those that follow finish the work: no change is lost and nothing is written twice.
func TestKilled(t *testing.T) {
	if url := os.Getenv("ACCORD_TEST_WORKER"); url != "" {
		work(t, url)
		return
	}
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgres.URL} {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			f := &fixture{TB: t, url: url, clock: &clock{now: time.Now()}}
			l, err := ledger.Open(t.Context(), ledger.Config{URL: url})
			ok(t, err)
			defer l.Close()
			f.Ledger = l
			const records = 60
			var list []ledger.Observation
			for n := range records {
				list = append(list, read(record.Left, fmt.Sprint("L", n), "", 1, "a", "1"))
			}
			f.capture(list...)
			for round := range 4 {
				var workers []*exec.Cmd
				for range 2 {
					workers = append(workers, startWorker(t, url, 3+round*4))
				}
				for _, w := range workers {
					_ = w.Process.Kill()
					_ = w.Wait()
				}
			}
			finish := startWorker(t, url, 0)
			if err := finish.Wait(); err != nil {
				t.Fatalf("the last worker: %v", err)
			}
			s := f.stats()
			same(t, "pairs", s.Pairs, records)
			same(t, "halves", s.Half, [2]int{})
			if !f.quiet() {
				t.Fatalf("not quiet: %+v", s)
			}
			writes := must(f.Writes(t.Context(), "deal", time.Time{}, 0))(t)
			same(t, "writes", len(writes), records)
			if name == "sqlite" {
				db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
				ok(t, err)
				defer db.Close()
				var verdict string
				ok(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
				same(t, "integrity", verdict, "ok")
			}
		})
	}
}

// startWorker runs this test in another process, and returns when it has done that many steps; 0 = at once.
func startWorker(t *testing.T, url string, steps int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), "ACCORD_TEST_WORKER="+url)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for range steps {
		if !lines.Scan() {
			break // it has finished: the others were faster
		}
	}
	if steps == 0 {
		for lines.Scan() {
			if s := lines.Text(); strings.Contains(s, "FAIL") || strings.Contains(s, "_test.go") {
				t.Error(s)
			}
		}
	}
	return cmd
}

// work carries changes across until nothing is left: a pipeline whose vendor answers at once, and makes the same record
// of the same key every time.
func work(t *testing.T, url string) {
	l, err := ledger.Open(t.Context(), ledger.Config{URL: url})
	ok(t, err)
	defer l.Close()
	me := fmt.Sprint("worker ", os.Getpid())
	for {
		busy := must(l.Claim(t.Context(), "deal", 5, me, 300*time.Millisecond))(t)
		fmt.Println("claimed", len(busy))
		var list []ledger.Resolution
		for _, w := range busy {
			r := decided(w)
			if !w.Pair.Paired() {
				i := ledger.Intent{Side: record.Right, Op: record.Create, Key: w.Pair.IDs[0], Fields: w.Seen[0].Fields}
				i.Agreed = [2]record.Fields{w.Seen[0].Fields, w.Seen[0].Fields}
				r.Intents = []ledger.Intent{i}
			}
			list = append(list, r)
		}
		must(l.Resolve(t.Context(), list))(t)
		fmt.Println("resolved")
		batches := must(l.Unsettled(t.Context(), "deal", record.Right))(t)
		if b := must(l.Dispatch(t.Context(), "deal", record.Right, 4))(t); b != nil {
			batches = append(batches, *b)
		}
		fmt.Println("dispatched")
		for _, b := range batches {
			var outcomes []ledger.Outcome
			for _, i := range b.Intents {
				outcomes = append(outcomes, ledger.Outcome{IntentID: i.ID, BatchID: b.ID, Done: true, RecordID: "R" + i.Key, Version: 2})
			}
			ok(t, l.Settle(t.Context(), outcomes))
			fmt.Println("settled")
		}
		if must(l.Quiet(t.Context()))(t) {
			return
		}
	}
}

// A wrong libc breaks SQLite in ways that no test finds; older SQLites corrupt a write-ahead log (https://sqlite.org/wal.html).
func TestSQLiteVersions(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	ok(t, err)
	defer db.Close()
	var version string
	ok(t, db.QueryRow("SELECT sqlite_version()").Scan(&version))
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil || major*1_000_000+minor*1000+patch < 3_051_003 {
		t.Errorf("SQLite is %s, and must be 3.51.3 or newer", version)
	}

	ours, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	ok(t, err)
	required := func(module string, in []byte) string {
		found := regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(in)
		if found == nil {
			t.Fatalf("a go.mod does not name %s", module)
		}
		return string(found[1])
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skip("no go command to find the module cache with")
	}
	theirs, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(cache)), "modernc.org", "sqlite@"+required("modernc.org/sqlite", ours), "go.mod"))
	if err != nil {
		t.Skip("sqlite's go.mod is not in the module cache: ", err)
	}
	same(t, "modernc.org/libc", required("modernc.org/libc", ours), required("modernc.org/libc", theirs))
}
