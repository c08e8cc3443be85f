package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"accord/cmd/accord/internal/view"
	"accord/engine/auditor"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
)

func syncCommand(w *workspace) *cobra.Command {
	var once, verify bool
	var sweep, every time.Duration
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Carry every change across, under the contract in force, until stopped",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if verify && !once {
				return exit{exitUsage, errors.New("--verify goes with --once; a sync that runs on compares by itself, see --verify-every")}
			}
			logger := w.logger(cmd.ErrOrStderr())
			l, err := w.ledgerInUse(ctx, logger)
			if err != nil {
				return err
			}
			defer closeLedger(l, logger)
			name, release, err := joinSync(ctx, l)
			if err != nil {
				return err
			}
			defer release()
			s := newSync(l, logger, name, sweep)
			meter := view.NewMeter(cmd.OutOrStdout(), w.style(cmd.OutOrStdout()), time.Now)
			s.pipelineConfig.Progress = meter.Progress
			s.pipelineConfig.Verify, s.pipelineConfig.VerifyEvery = verify, every
			if every <= 0 {
				s.pipelineConfig.VerifyEvery = -1
			}
			if once {
				err = s.once(ctx)
			} else {
				err = s.run(ctx)
			}
			meter.Done()
			if err != nil {
				return err
			}
			return reportSync(ctx, l, cmd.OutOrStdout(), w.style(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "settle everything pending, then exit")
	cmd.Flags().DurationVar(&sweep, "sweep", 5*time.Minute, "how often both sides are asked what changed, however quiet the events")
	cmd.Flags().BoolVar(&verify, "verify", false, "with --once: also compare both sides whole, trusting no event and no watermark")
	cmd.Flags().DurationVar(&every, "verify-every", 24*time.Hour, "how often both sides are compared whole; 0 = never")
	return cmd
}

// syncer runs the pipeline with the webhooks' listener beside it.
type syncer struct {
	ledger         *ledger.Ledger
	logger         hclog.Logger
	router         *router
	pipelineConfig pipeline.Config
	auditor        *auditor.Auditor // while a run is recorded
	spent          *spending        // likewise
}

func newSync(l *ledger.Ledger, logger hclog.Logger, worker string, sweep time.Duration) *syncer {
	s := &syncer{ledger: l, logger: logger, router: newRouter(logger.Named("webhooks"))}
	k := connector{logger: logger, observe: func(c provider.Call) {
		logger.Trace("call", "connection", c.Connection, "operation", c.Operation, "rows", c.Rows, "status", c.Status,
			"took", c.Duration, "request", c.RequestID, "error", c.Err)
		if s.auditor != nil {
			s.auditor.Observe(c)
		}
	}}
	s.pipelineConfig = pipeline.Config{
		Ledger: l, Decode: decode, Listen: s.router.set, Clock: time.Now, Logger: logger.Named("pipeline"),
		Worker: worker, Sweep: sweep,
		Connect: func(ctx context.Context, c *contract.Contract) (binding.Providers, error) {
			k.spent = s.spent
			return k.open(ctx, c)
		},
	}
	return s
}

func (s *syncer) once(ctx context.Context) error {
	return s.record(ctx, runSync, func(ctx context.Context) error { return pipeline.New(s.pipelineConfig).Once(ctx) })
}

// run carries changes until ctx ends. A new contract may name other webhook addresses: the listener starts with those
// of the contract in force at the start.
func (s *syncer) run(ctx context.Context) error {
	c, err := inForce(ctx, s.ledger)
	if err != nil {
		return err
	}
	if c == nil {
		return pipeline.ErrNoContract
	}
	return s.record(ctx, runSync, func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		ctx, stop := context.WithCancel(ctx)
		g.Go(func() error { return s.router.serve(ctx, listenAddresses(c), s.ledger.Engine() != "sqlite") })
		g.Go(func() error {
			defer stop()
			return pipeline.New(s.pipelineConfig).Run(ctx)
		})
		return g.Wait()
	})
}

// joinSync lets this process work with a ledger, and names it. On SQLite it is the only sync: whatever was left under
// its name is left by one that is no more, and need not wait for a lease to run out. On PostgreSQL it is one of many.
func joinSync(ctx context.Context, l *ledger.Ledger) (worker string, release func(), err error) {
	if l.Engine() == "sqlite" {
		release, err = hold(ctx, l, "sync")
		return "sync", release, err
	}
	return workerName("sync"), func() {}, nil
}

// workerName is one that no other process has or ever had: containers have the same names and process ids again and
// again.
func workerName(verb string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s@%s/%d/%s", verb, host, os.Getpid(), strings.ToLower(rand.Text()[:6]))
}

func closeLedger(l *ledger.Ledger, logger hclog.Logger) {
	if err := l.Close(); err != nil {
		logger.Warn("close the ledger", "error", err)
	}
}

// reportSync ends a sync with what it could not settle, so that nobody has to go and look.
func reportSync(ctx context.Context, l *ledger.Ledger, out io.Writer, style view.Style) error {
	ctx = context.WithoutCancel(ctx)
	state, err := stateOf(ctx, l)
	if err != nil {
		return err
	}
	return view.Status(out, state, style)
}

func byObject(a, b ledger.Verification) int { return strings.Compare(a.Object, b.Object) }

func sameObject(a, b ledger.Verification) bool { return a.Object == b.Object }

// stateOf reads where a sync stands.
func stateOf(ctx context.Context, l *ledger.Ledger) (view.State, error) {
	stats, err := l.Stats(ctx)
	if err != nil {
		return view.State{}, err
	}
	halted, err := pipeline.Halts(ctx, l)
	if err != nil {
		return view.State{}, err
	}
	state := view.StatusOf(stats, halted)
	if state.Stalled, state.Streams, err = pipeline.Stalls(ctx, l); err != nil {
		return view.State{}, err
	}
	if state.Triggers, err = l.TriggerStats(ctx); err != nil {
		return view.State{}, err
	}
	if state.Changes, err = l.Tallies(ctx); err != nil {
		return view.State{}, err
	}
	if state.Compared, err = l.Verifications(ctx, ""); err != nil {
		return view.State{}, err
	}
	state.Compared = slices.CompactFunc(slices.SortedStableFunc(slices.Values(state.Compared), byObject), sameObject) // the newest of each
	if state.Workers, err = pipeline.Workers(ctx, l); err != nil {
		return view.State{}, err
	}
	state.At = time.Now()
	state.Gaps, err = l.Gaps(ctx)
	return state, err
}
