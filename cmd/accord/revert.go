package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/ledger"
	"accord/engine/pipeline"
)

func revertCommand(w *workspace) *cobra.Command {
	var approved bool
	var object, since, until string
	cmd := &cobra.Command{
		Use:   "revert RUN",
		Short: "Put back what a run overwrote, where nobody has edited since",
		Long: "Put back what a run overwrote, where nobody has edited since.\n\nRUN is an id of `accord runs`, the beginning of one, or \"latest\". " +
			"Records that the run created stay, and so does what it archived or deleted.\nWhat is put back counts as agreed: the two sides differ " +
			"there until an owner edits the field again.\n\nA sync that runs on is one run for as long as it runs: --since, --until and --object " +
			"narrow what is put back of it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			logger := w.logger(cmd.ErrOrStderr())
			l, err := w.ledgerInUse(cmd.Context(), logger)
			if err != nil {
				return err
			}
			defer closeLedger(l, logger)
			part, err := partOf(cmd.Context(), l, object, since, until, time.Now())
			if err != nil {
				return err
			}
			return w.revert(cmd, l, logger, args[0], part, approved)
		},
	}
	cmd.Flags().StringVar(&object, "object", "", "only what was written of this object")
	cmd.Flags().StringVar(&since, "since", "", "only what was written since then: \"2h\" ago, or a time such as 2026-03-09T14:05:06Z")
	cmd.Flags().StringVar(&until, "until", "", "only what was written until then, likewise")
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	return cmd
}

// partOf reads the flags that narrow a reversal.
func partOf(ctx context.Context, l *ledger.Ledger, object, since, until string, now time.Time) (p pipeline.Part, err error) {
	if err := checkFilter(ctx, l, ledger.Filter{Object: object}); err != nil {
		return p, err
	}
	p.Object = object
	if p.Since, err = momentOf("--since", since, now); err != nil {
		return p, err
	}
	if p.Until, err = momentOf("--until", until, now); err != nil {
		return p, err
	}
	if !p.Until.IsZero() && p.Until.Before(p.Since) {
		return p, exit{exitUsage, fmt.Errorf("--until %s is before --since %s", until, since)}
	}
	return p, nil
}

// momentOf reads a moment: so long ago, or a time; "" is none.
func momentOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, exit{exitUsage, fmt.Errorf("%s %s: give how long ago, such as 90m or 2h, or a time such as %s", flag, text, now.UTC().Format(time.RFC3339))}
	}
	return at, nil
}

func (w *workspace) revert(cmd *cobra.Command, l *ledger.Ledger, logger hclog.Logger, name string, part pipeline.Part, approved bool) error {
	out := cmd.OutOrStdout()
	run, err := findRun(cmd.Context(), l, name)
	if err != nil {
		return err
	}
	s := newSync(l, logger, workerName("revert"), time.Minute)
	var moved int
	planned := false
	err = s.record(cmd.Context(), runRevert, func(ctx context.Context) error {
		r, err := pipeline.NewReverter(ctx, s.pipelineConfig)
		if err != nil {
			return err
		}
		defer r.Close()
		plan, err := r.Plan(ctx, run.ID, part)
		if err != nil {
			return err
		}
		if err := view.Reversal(out, plan, w.style(out)); err != nil || plan.Writes() == 0 {
			return err
		}
		if !approved {
			if err := w.confirmRevert(cmd, out); err != nil {
				return err
			}
		}
		planned = true
		moved, err = r.Apply(ctx, plan)
		return err
	})
	if errors.Is(err, errDeclined) {
		_, err = fmt.Fprintln(out, "Not put back.")
		return err
	}
	if err != nil || !planned {
		return err
	}
	if moved > 0 {
		fmt.Fprintf(out, "%d records moved since the plan was made, and were left alone.\n", moved)
	}
	if err := reportSync(cmd.Context(), l, out, w.style(out)); err != nil {
		return err
	}
	return unfinished(cmd.Context(), l)
}

var errDeclined = errors.New("not approved")

func (w *workspace) confirmRevert(cmd *cobra.Command, out io.Writer) error {
	if !interactive(cmd.InOrStdin()) {
		return exit{exitUsage, fmt.Errorf("nobody is here to approve: look at what would be put back, and use --auto-approve")}
	}
	fmt.Fprint(out, "\nPut this back? Only \"yes\" is taken: ")
	var answer string
	if _, err := fmt.Fscanln(cmd.InOrStdin(), &answer); err != nil || answer != "yes" {
		return errDeclined
	}
	return nil
}

// unfinished says whether writes are left that were put off: a sync carries them out.
func unfinished(ctx context.Context, l *ledger.Ledger) error {
	stats, err := l.Stats(ctx)
	if err != nil {
		return err
	}
	left := 0
	for _, s := range stats {
		left += s.Intents[0] + s.Intents[1]
	}
	if left > 0 {
		return exit{exitIncomplete, fmt.Errorf("%d writes are still to be made: `accord sync` carries them out", left)}
	}
	return nil
}
