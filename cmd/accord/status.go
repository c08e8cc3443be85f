package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/pipeline"
)

func statusCommand(w *workspace) *cobra.Command {
	var asJSON bool
	var object string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the sync stands: pairs, backlog, conflicts, dead letters, triggers, halts",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, logger := cmd.Context(), w.logger(cmd.ErrOrStderr())
			l, err := w.ledgerInUse(ctx, logger)
			if err != nil {
				return err
			}
			defer closeLedger(l, logger)
			st, err := stateOf(ctx, l)
			if err != nil {
				return err
			}
			if object != "" && !st.Only(object) {
				return exit{exitUsage, fmt.Errorf("nothing is known of an object %q", object)}
			}
			if !asJSON {
				return view.Status(cmd.OutOrStdout(), st, w.style(cmd.OutOrStdout()))
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(st)
		},
	}
	cmd.Flags().StringVar(&object, "object", "", "only of this object")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func resumeCommand(w *workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "resume OBJECT",
		Short: "Let an object go on that its guard has halted",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, logger := cmd.Context(), w.logger(cmd.ErrOrStderr())
			l, err := w.ledgerInUse(ctx, logger)
			if err != nil {
				return err
			}
			defer closeLedger(l, logger)
			known, err := knownObjects(ctx, l)
			if err == nil && !slices.Contains(known, args[0]) {
				err = exit{exitUsage, fmt.Errorf("resume %s: nothing is known of such an object; there is %s", args[0], strings.Join(known, ", "))}
			}
			if err != nil {
				return err
			}
			if err := pipeline.Resume(ctx, l, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s goes on with the sync's next round.\n", args[0])
			return nil
		},
	}
}
