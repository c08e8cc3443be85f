package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

func conflictsCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "conflicts", Short: "List, show or resolve what waits for a person"}
	var filter ledger.Filter
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List conflicts", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			if err := checkFilter(ctx, l, filter, ledger.StateOpen, ledger.StateResolved, ledger.StateInfo); err != nil {
				return err
			}
			conflicts, err := shownConflicts(ctx, l, filter)
			if err != nil {
				return err
			}
			if asJSON {
				return view.ConflictsJSON(cmd.OutOrStdout(), conflicts, w.style(cmd.OutOrStdout()))
			}
			halted, err := pipeline.Halts(ctx, l)
			if err != nil {
				return err
			}
			if err := view.Halts(cmd.OutOrStdout(), halted, w.style(cmd.OutOrStdout())); err != nil {
				return err
			}
			if err := view.Conflicts(cmd.OutOrStdout(), conflicts, w.style(cmd.OutOrStdout())); err != nil || filter.State != "" {
				return err
			}
			kept, err := l.Conflicts(ctx, ledger.Filter{Object: filter.Object, State: ledger.StateInfo})
			if err == nil && len(kept) > 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s that lost against the other side's kept: --state info\n", valuesThat(len(kept)))
			}
			return err
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
				switch {
				case c.ID == id && asJSON:
					return view.ConflictsJSON(cmd.OutOrStdout(), []ledger.Conflict{c}, w.style(cmd.OutOrStdout()))
				case c.ID == id:
					return view.Conflict(cmd.OutOrStdout(), c, w.style(cmd.OutOrStdout()))
				}
			}
			return onIDsOf("conflict", "conflicts").problem(id, ledger.ErrNotFound)
		}),
	}
	for _, c := range []*cobra.Command{list, show} {
		c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	}
	cmd.AddCommand(list, show, resolveCommand(w))
	return cmd
}

// resolveCommand closes conflicts: by deciding anew, or by what the operator says of them.
func resolveCommand(w *workspace) *cobra.Command {
	var take, keep string
	var gone bool
	cmd := onIDsOf("conflict", "conflicts").command(w, "resolve", "Close conflicts, and have their records decided anew", "resolved: the sync decides about its record anew with the next round", func(l *ledger.Ledger, ctx context.Context, id int64) error {
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

func valuesThat(n int) string {
	if n == 1 {
		return "1 value"
	}
	return fmt.Sprintf("%d values", n)
}

// things are what commands name by ids.
type things struct{ one, parent string }

func onIDsOf(one, parent string) things { return things{one, parent} }

// command is a command that does one thing to each id; it tries all of them, and tells of each.
func (on things) command(w *workspace, verb, short, done string, do func(*ledger.Ledger, context.Context, int64) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			return on.each(ctx, cmd, l, args, done, do)
		}),
	}
}

func (on things) each(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string, done string, do func(*ledger.Ledger, context.Context, int64) error) error {
	var failures error
	for _, a := range args {
		id, err := number(a)
		if err == nil {
			err = on.problem(id, do(l, ctx, id))
		}
		if err != nil {
			failures = errors.Join(failures, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d: %s\n", id, done)
	}
	return failures
}

// problem says why nothing was done about an id.
func (on things) problem(id int64, err error) error {
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return fmt.Errorf("there is no %s %d: see `accord %s list --state all`", on.one, id, on.parent)
	case errors.Is(err, ledger.ErrClosed):
		return fmt.Errorf("%s %d was dealt with already: see `accord %s show %d`", on.one, id, on.parent, id)
	default:
		return err
	}
}

// checkFilter refuses states that there are none of, and objects that nobody knows.
func checkFilter(ctx context.Context, l *ledger.Ledger, f ledger.Filter, states ...string) error {
	if states = append(states, "all"); f.State != "" && !slices.Contains(states, f.State) {
		return exit{exitUsage, fmt.Errorf("--state %s: %s", f.State, strings.Join(states, ", "))}
	}
	if f.Object == "" {
		return nil
	}
	known, err := knownObjects(ctx, l)
	if err == nil && !slices.Contains(known, f.Object) {
		err = exit{exitUsage, fmt.Errorf("nothing is known of an object %q; there is %s", f.Object, strings.Join(known, ", "))}
	}
	return err
}

// knownObjects are the objects of the contract in force, and those that the ledger still holds something of.
func knownObjects(ctx context.Context, l *ledger.Ledger) ([]string, error) {
	c, err := inForce(ctx, l)
	if err != nil {
		return nil, err
	}
	var names []string
	if c != nil {
		for _, o := range c.Objects {
			names = append(names, o.Name)
		}
	}
	stats, err := l.Stats(ctx)
	for _, s := range stats {
		names = append(names, s.Object)
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// sideNamed is the side that a system stands on.
func sideNamed(system string) (record.Side, error) {
	for _, side := range record.Sides {
		if contract.Systems[side] == system {
			return side, nil
		}
	}
	return 0, exit{exitUsage, fmt.Errorf("--take %s: it is %s", system, strings.Join(contract.Systems[:], " or "))}
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
