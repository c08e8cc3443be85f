package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"accord/cmd/accord/internal/storm"
	"accord/engine/ledger/ledgertest"
)

// TestStorm has real processes live through people's edits, faults and kills, and looks at the vendors afterwards.
// STORM is how long (5m), SEED which, KEEP an empty folder for what the processes say. From a minute on two workers share a
// PostgreSQL, where there is one; LEDGER=sqlite has one worker with a file.
func TestStorm(t *testing.T) {
	cfg := storm.Config{
		Dir: t.TempDir(), Seed: uint64(time.Now().UnixNano()), For: 20 * time.Second,
	}
	var err error
	if text := os.Getenv("STORM"); text != "" {
		if cfg.For, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("SEED"); text != "" {
		if cfg.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if cfg.Without = strings.Split(os.Getenv("WITHOUT"), ","); os.Getenv("LIVES") == "" {
		cfg.Without = append(cfg.Without, storm.Lives...)
	}
	if os.Getenv("KEEP") != "" {
		cfg.Dir = os.Getenv("KEEP")
	}
	var actions strings.Builder
	cfg.Out = &actions
	if testing.Verbose() {
		cfg.Out = io.MultiWriter(&actions, os.Stderr)
	}
	stage := &storm.Processes{Command: func(args ...string) *exec.Cmd { return exec.Command("accord", args...) }, Dir: cfg.Dir, Seed: cfg.Seed}
	if cfg.For >= time.Minute && os.Getenv("LEDGER") != "sqlite" {
		var postgres ledgertest.Postgres
		t.Cleanup(postgres.Close)
		if postgres.Missing() == "" {
			stage.Ledger = postgres.URL(t)
		}
	}
	cfg.Stage = stage
	began := time.Now()
	report, err := storm.Run(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, actions.String())
	}
	t.Logf("seed %d, %d workers, %s in all\n%s", cfg.Seed, stage.Workers(), time.Since(began).Round(time.Second), report)
	for _, v := range report.Violations {
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("to repeat what people and trouble did: make storm SEED=%d STORM=%s\n%s", cfg.Seed, cfg.For, actions.String())
	}
}
