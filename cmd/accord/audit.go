package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/ledger"
)

func auditCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Show, verify or export the log of every call to a vendor"}
	cmd.AddCommand(auditList(w), auditVerify(w), auditExport(w))
	return cmd
}

func auditList(w *workspace) *cobra.Command {
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List calls, the newest last", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			if limit > 0 && !cmd.Flags().Changed("after") {
				last, err := l.LastAudit(ctx)
				if err != nil {
					return err
				}
				after = max(0, last-int64(limit))
			}
			entries, err := l.AuditEntries(ctx, after, limit)
			if err != nil {
				return err
			}
			return view.Audit(cmd.OutOrStdout(), entries)
		}),
	}
	cmd.Flags().Int64Var(&after, "after", 0, "begin behind this number (default: the last ones)")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many; 0 = all")
	return cmd
}

func auditVerify(w *workspace) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check that no call is missing from the log and none was changed; exit 3 when one is", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) error {
			r, err := l.VerifyAudit(ctx)
			if err != nil {
				return err
			}
			if !r.OK() {
				return exit{exitRefused, fmt.Errorf("the audit log is not as it was written: %s; sound up to entry %d", r.Problem, r.Last.Seq)}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The audit log is sound: %d entries, the last is %d with hash %s.\n", r.Entries, r.Last.Seq, r.Last.Hash)
			return err
		}),
	}
}

func auditExport(w *workspace) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the whole log as one JSON object a line", Args: cobra.NoArgs,
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, _ []string) (err error) {
			out := cmd.OutOrStdout()
			if file != "" {
				f, e := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				if e != nil {
					return fmt.Errorf("export the audit log: %w", e)
				}
				defer func() {
					if e := f.Close(); err == nil && e != nil {
						err = fmt.Errorf("export the audit log: %w", e)
					}
				}()
				out = f
			}
			return exportAudit(ctx, l, out)
		}),
	}
	cmd.Flags().StringVar(&file, "out", "", "file to write (default: standard output)")
	return cmd
}

// exportAudit pages through the log, so that a long one needs little memory.
func exportAudit(ctx context.Context, l *ledger.Ledger, out io.Writer) error {
	const page = 5000
	buffered := bufio.NewWriter(out)
	enc := json.NewEncoder(buffered)
	for after := int64(-1 << 62); ; {
		entries, err := l.AuditEntries(ctx, after, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := enc.Encode(e); err != nil {
				return fmt.Errorf("export the audit log: %w", err)
			}
			after = e.Seq
		}
		if len(entries) < page {
			break
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	return nil
}
