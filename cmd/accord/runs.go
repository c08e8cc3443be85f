package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/auditor"
	"accord/engine/ledger"
	"accord/engine/pipeline"
)

func runsCommand(w *workspace) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "runs", Short: "List what was run, the newest first", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			runs, err := l.Runs(ctx, limit)
			if err != nil {
				return err
			}
			return view.Runs(cmd.OutOrStdout(), runs)
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most so many; 0 = all")
	return cmd
}

// findRun finds a run by its id, by the beginning of it, or "latest": the last that wrote records.
func findRun(ctx context.Context, l *ledger.Ledger, name string) (ledger.Run, error) {
	runs, err := l.Runs(ctx, 0)
	if err != nil {
		return ledger.Run{}, err
	}
	var found []ledger.Run
	for _, r := range runs {
		switch {
		case r.ID == name, name == "latest" && wrote(r):
			return r, nil
		case name != "" && strings.HasPrefix(r.ID, name):
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return ledger.Run{}, exit{exitUsage, fmt.Errorf("run %s: there is none; see `accord runs`", name)}
	case 1:
		return found[0], nil
	default:
		return ledger.Run{}, exit{exitUsage, fmt.Errorf("run %s: %d runs begin with that; give more of the id", name, len(found))}
	}
}

// wrote says whether a run wrote records, as far as its summary tells; one that was killed has none, and may have.
func wrote(r ledger.Run) bool {
	if r.Kind != runSync && r.Kind != runRevert {
		return false
	}
	var s summary
	if len(r.Summary) == 0 || json.Unmarshal(r.Summary, &s) != nil {
		return true
	}
	for _, c := range s.Objects {
		if c.Written > 0 {
			return true
		}
	}
	return false
}

// The kinds of runs that write records.
const (
	runSync   = "sync"
	runRevert = "revert"
)

// summary is what the ledger keeps of a run.
type summary struct {
	Objects map[string]counted `json:"objects,omitempty"`
	Error   string             `json:"error,omitempty"`
}

type counted struct {
	Seen    int `json:"seen"`
	Decided int `json:"decided"`
	Written int `json:"written"`
}

// record runs something as a run of the ledger: its writes name it, its calls are audited, and how it ended is noted.
func (s *syncer) record(ctx context.Context, kind string, do func(context.Context) error) error {
	run, err := s.ledger.StartRun(ctx, kind)
	if err != nil {
		return err
	}
	s.pipelineConfig.Run = run.ID
	var mu sync.Mutex
	sum := summary{Objects: map[string]counted{}}
	told := s.pipelineConfig.Progress
	s.pipelineConfig.Progress = func(p pipeline.Progress) {
		mu.Lock()
		sum.Objects[p.Object] = counted{p.Captured, p.Resolved, p.Delivered}
		mu.Unlock()
		if told != nil {
			told(p)
		}
	}
	s.auditor = auditor.Start(s.ledger, s.logger.Named("audit"))
	s.pipelineConfig.Audited = s.auditor.Flush
	s.spent = startSpending(s.ledger, s.logger.Named("budgets"), time.Now)
	err = do(ctx)
	if e := s.spent.close(); e != nil {
		s.logger.Warn("note what was spent", "error", e)
	}
	if e := s.auditor.Close(); e != nil {
		s.logger.Error("audit log", "error", e)
	}
	mu.Lock()
	defer mu.Unlock()
	final := summary{Objects: maps.Clone(sum.Objects)}
	if err != nil {
		final.Error = "ended with an error" // whose text may quote what a record holds
	}
	if e := s.ledger.FinishRun(context.WithoutCancel(ctx), run.ID, final); e != nil {
		s.logger.Warn("record the end of the run", "error", e)
	}
	return err
}
