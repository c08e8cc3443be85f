package auditor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/ledger"
	"accord/engine/provider"
)

func openLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestEveryCallIsAuditedOnce(t *testing.T) {
	l := openLedger(t)
	a := Start(l, hclog.NewNullLogger())
	const workers, each = 8, 150
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := range each {
				a.Observe(provider.Call{Connection: "monday.work", Operation: fmt.Sprintf("%d/%d", w, i), Started: time.Now(), Status: 200})
			}
		})
	}
	wait.Wait()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := l.AuditEntries(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Operation] = true
	}
	if len(entries) != workers*each || len(seen) != workers*each {
		t.Errorf("%d entries of %d calls, for %d calls", len(entries), len(seen), workers*each)
	}
	if r, err := l.VerifyAudit(t.Context()); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCallsThatCantBeAuditedAreTold(t *testing.T) {
	l := openLedger(t)
	a := Start(l, hclog.NewNullLogger())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	a.Observe(provider.Call{Operation: "query"})
	if err := a.Close(); err == nil || !strings.Contains(err.Error(), "1 calls are not in the audit log") {
		t.Errorf("closed with %v", err)
	}
}

func TestWhatWasFlushedIsInTheLog(t *testing.T) {
	l := openLedger(t)
	a := Start(l, hclog.NewNullLogger())
	for n := range 50 {
		a.Observe(provider.Call{Connection: "monday.work", Operation: "write", Write: true, Started: time.Now()})
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if last, err := l.LastAudit(t.Context()); err != nil || last != int64(n+1) {
			t.Fatalf("after %d calls the newest entry is %d, %v", n+1, last, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnAuditEntryHoldsNoValue(t *testing.T) {
	const value = "4711 Main Street"
	for _, err := range []error{
		&provider.Error{Kind: provider.Invalid, Op: "write " + value, Code: "BAD_VALUE", Message: "bad value " + value, Err: errors.New(value)},
		fmt.Errorf("wrapped: %w", &provider.Error{Kind: provider.Unknown, Message: value}),
		errors.New("dial https://example.com/?q=" + value),
		fmt.Errorf("%s: %w", value, context.DeadlineExceeded),
	} {
		e := auditEntry(provider.Call{Connection: "c", Operation: "query", Write: true, Rows: 3, Err: err, Cause: provider.Cause{Batch: "b1", Initiator: "monday user 7"}})
		if strings.Contains(fmt.Sprint(e), value) {
			t.Errorf("%+v", e)
		}
		if e.Error == "" || e.Request != "write of 3 rows, batch b1" || e.Initiator != "monday user 7" {
			t.Errorf("%+v", e)
		}
	}
}
