package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/lens"
	"accord/engine/pipeline"
	"accord/engine/record"
)

// withLedger runs a command against the ledger in use.
func (w *workspace) withLedger(run func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		logger := w.logger(cmd.ErrOrStderr())
		l, err := w.ledgerInUse(cmd.Context(), logger)
		if err != nil {
			return err
		}
		defer closeLedger(l, logger)
		return run(cmd.Context(), cmd, l, args)
	}
}

func deadlettersCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "deadletters", Short: "List, show, retry or discard writes that failed for good"}
	var filter ledger.Filter
	list := &cobra.Command{
		Use: "list", Short: "List dead letters", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			letters, err := l.DeadLetters(ctx, filter)
			if err != nil {
				return err
			}
			return view.DeadLetters(cmd.OutOrStdout(), letters, w.style(cmd.OutOrStdout()))
		}),
	}
	filterFlags(list, &filter)
	show := &cobra.Command{
		Use: "show ID", Short: "Show one dead letter, whole", Args: cobra.ExactArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			letters, err := l.DeadLetters(ctx, ledger.Filter{State: "all"})
			if err != nil {
				return err
			}
			for _, d := range letters {
				if d.ID == id {
					return view.DeadLetter(cmd.OutOrStdout(), d, w.style(cmd.OutOrStdout()))
				}
			}
			return fmt.Errorf("dead letter %d: there is none", id)
		}),
	}
	cmd.AddCommand(list, show,
		w.onIDs("retry ID...", "Try dead letters again, once their cause is mended", (*ledger.Ledger).RetryDeadLetter),
		w.onIDs("discard ID...", "Close dead letters without writing them", (*ledger.Ledger).DiscardDeadLetter))
	return cmd
}

func conflictsCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "conflicts", Short: "List, show or resolve what waits for a person"}
	var filter ledger.Filter
	list := &cobra.Command{
		Use: "list", Short: "List conflicts", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			conflicts, err := shownConflicts(ctx, l, filter)
			if err != nil {
				return err
			}
			halted, err := pipeline.Halts(ctx, l)
			if err != nil {
				return err
			}
			if err := view.Halts(cmd.OutOrStdout(), halted, w.style(cmd.OutOrStdout())); err != nil {
				return err
			}
			return view.Conflicts(cmd.OutOrStdout(), conflicts, w.style(cmd.OutOrStdout()))
		}),
	}
	filterFlags(list, &filter)
	show := &cobra.Command{
		Use: "show ID", Short: "Show one conflict, whole", Args: cobra.ExactArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			conflicts, err := shownConflicts(ctx, l, ledger.Filter{State: "all"})
			if err != nil {
				return err
			}
			for _, c := range conflicts {
				if c.ID == id {
					return view.Conflict(cmd.OutOrStdout(), c, w.style(cmd.OutOrStdout()))
				}
			}
			return fmt.Errorf("conflict %d: there is none", id)
		}),
	}
	cmd.AddCommand(list, show, resolveCommand(w))
	return cmd
}

// resolveCommand closes conflicts: by deciding anew, or by what the operator says of them.
func resolveCommand(w *workspace) *cobra.Command {
	var take, keep string
	var gone bool
	cmd := w.onIDs("resolve ID...", "Close conflicts, and have their records decided anew", func(l *ledger.Ledger, ctx context.Context, id int64) error {
		switch {
		case keep != "":
			return l.KeepRecord(ctx, id, keep)
		case gone:
			return l.DeclareGone(ctx, id)
		case take == "":
			return l.ResolveConflict(ctx, id)
		}
		side, err := sideNamed(take)
		if err != nil {
			return err
		}
		return l.AwardConflict(ctx, id, side, whoami())
	})
	cmd.Flags().StringVar(&take, "take", "", "the side whose value counts: "+strings.Join(contract.Systems[:], " or "))
	cmd.Flags().StringVar(&keep, "keep", "", "of two records that stand for one, the id of the one to keep; the delete rule applies to the other")
	cmd.Flags().BoolVar(&gone, "gone", false, "the record that is not shown was deleted for good; the delete rule applies to its partner")
	cmd.MarkFlagsMutuallyExclusive("take", "keep", "gone")
	return cmd
}

// shownConflicts lists conflicts without the values of sensitive fields.
func shownConflicts(ctx context.Context, l *ledger.Ledger, filter ledger.Filter) ([]ledger.Conflict, error) {
	conflicts, err := l.Conflicts(ctx, filter)
	if err != nil {
		return nil, err
	}
	c, err := inForce(ctx, l)
	if err != nil {
		return nil, err
	}
	hidden := record.OfText(lens.Redacted)
	for i := range conflicts {
		x := &conflicts[i]
		var f *contract.Field
		if c != nil && c.Object(x.Object) != nil {
			f = c.Object(x.Object).Field(x.Field)
		}
		// A field that no contract knows any more may have been sensitive.
		if x.Field != "" && (f == nil || f.Sensitive != "") {
			x.Left, x.Right, x.Base = hidden, hidden, hidden
		}
	}
	return conflicts, nil
}

// onIDs is a command that does one thing to each id; it tries all of them, and tells of each.
func (w *workspace) onIDs(use, short string, do func(*ledger.Ledger, context.Context, int64) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			var failures error
			for _, a := range args {
				id, err := number(a)
				if err == nil {
					err = do(l, ctx, id)
				}
				if err != nil {
					failures = errors.Join(failures, fmt.Errorf("%s: %w", a, err))
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d: done\n", id)
			}
			return failures
		}),
	}
}

// sideNamed is the side that a system stands on.
func sideNamed(system string) (record.Side, error) {
	for _, side := range record.Sides {
		if contract.Systems[side] == system {
			return side, nil
		}
	}
	return 0, exit{exitUsage, fmt.Errorf("--take %s: %s", system, strings.Join(contract.Systems[:], " or "))}
}

func filterFlags(cmd *cobra.Command, f *ledger.Filter) {
	cmd.Flags().StringVar(&f.Object, "object", "", "only of this object")
	cmd.Flags().StringVar(&f.State, "state", "", "open (the default), all, or a state by name")
	cmd.Flags().IntVar(&f.Limit, "limit", 0, "at most so many (default 1000)")
}

func number(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, exit{exitUsage, fmt.Errorf("%q is not a number: give the id from the list", text)}
	}
	return id, nil
}
