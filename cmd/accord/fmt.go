package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"accord/engine/contract"
)

func fmtCommand(w *workspace) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt",
		Short: "Write the contract's files in the canonical format",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := w.source()
			if err != nil {
				return err
			}
			changed, broken := 0, false
			for _, f := range src.Files {
				formatted, diags := contract.Format(f.Name, f.Content)
				if diags.HasErrors() {
					broken = true
					if err := contract.WriteDiagnostics(cmd.ErrOrStderr(), src, diags, w.width(cmd.ErrOrStderr()), w.color(cmd.ErrOrStderr())); err != nil {
						return err
					}
					continue
				}
				if bytes.Equal(formatted, f.Content) {
					continue
				}
				changed++
				fmt.Fprintln(cmd.OutOrStdout(), f.Name)
				if check {
					continue
				}
				if err := os.WriteFile(filepath.Join(w.dir, f.Name), formatted, 0o644); err != nil {
					return fmt.Errorf("format %s: %w", f.Name, err)
				}
			}
			switch {
			case broken:
				return exit{code: exitError}
			case check && changed > 0:
				return exit{code: exitRefused}
			default:
				return nil
			}
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 3 when a file is not in the canonical format")
	return cmd
}
