package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"accord/cmd/accord/internal/view"
	"accord/engine/ledger/ledgertest"
	"accord/engine/pipeline"
)

// TestTwoWorkersOnePostgres runs two syncs on one ledger, edits on both sides, and kills one of them in the middle.
func TestTwoWorkersOnePostgres(t *testing.T) {
	var postgres ledgertest.Postgres
	t.Cleanup(postgres.Close)
	ledger := postgres.URL(t)
	s := small(t, false)
	s.must("apply", "--auto-approve", "--ledger", ledger)
	s.must("sync", "--once", "--ledger", ledger)
	first, second := s.worker(ledger), s.worker(ledger)
	s.waitForSync()
	s.eventually("both work", func(context.Context) bool { return len(s.state(ledger).Workers) == 2 })
	if out := s.must("status", "--ledger", ledger); !strings.Contains(out, "sweep") || strings.Count(out, "sync@") != 2 {
		t.Errorf("status:\n%s", out)
	}

	pairs, err := s.demo.pairs(t.Context(), "Opportunity", 18)
	if err != nil {
		t.Fatal(err)
	}
	_, before := s.check()
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()
	var killed time.Time
	for i, p := range pairs {
		if i%2 == 0 {
			err = s.demo.patch(t.Context(), "Opportunity", p.record, map[string]any{"Amount": 1000 + i})
		} else {
			err = s.demo.change(t.Context(), p.item, map[string]any{"progress": fmt.Sprint(i)})
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == len(pairs)/2 {
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.Wait() // it was killed
			killed = time.Now()
		}
	}
	half := len(pairs) / 2
	s.waitUntilAgreed(half)
	t.Logf("all had crossed %s after one was killed", time.Since(killed).Round(time.Second))
	if _, after := s.check(); after != before {
		t.Errorf("%d deals became %d", before, after)
	}
	for system, n := range s.writes().rows {
		if n-half != half { // what is not people's is accord's
			t.Errorf("accord wrote %d rows of %s for %d edits", n-half, system, half)
		}
	}
	for i, p := range pairs {
		side, got, want := "monday", "", fmt.Sprint(1000+i)
		if i%2 == 0 {
			got, err = s.demo.cell(t.Context(), p.item, "amount")
		} else {
			side, want = "Salesforce", fmt.Sprintf("%d.0", i)
			got, err = s.demo.field(t.Context(), "Opportunity", p.record, "Delivery_Progress__c")
		}
		if err != nil || got != want {
			t.Errorf("%s shows %q for edit %d, %v", side, got, i, err)
		}
	}
	survivor := ""
	s.eventually("the killed one's lease has run out", func(context.Context) bool {
		alive := 0
		for _, k := range s.state(ledger).Workers {
			if time.Now().Before(k.Until) {
				survivor = k.Name
				alive++
			}
		}
		return alive == 1
	})
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the second did not stop cleanly: %v", err)
	}
	if left := s.state(ledger).Workers; slices.ContainsFunc(left, func(k pipeline.Worker) bool { return k.Name == survivor }) {
		t.Errorf("it has ended, and is still listed: %+v", left)
	}
}

// worker starts a sync.
func (s *stand) worker(ledger string) *exec.Cmd {
	s.t.Helper()
	cmd := s.command("sync", "--ledger", ledger, "--sweep", "1m", "--log-level", "info")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended, as it should have
		if s.t.Failed() {
			s.t.Logf("a worker said:\n%s", log.String())
		}
	})
	return cmd
}

// state is what status tells.
func (s *stand) state(ledger string) (st view.State) {
	s.t.Helper()
	out, err := s.command("status", "--json", "--ledger", ledger).Output()
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	if err != nil {
		s.t.Fatalf("status: %v", err)
	}
	return st
}
