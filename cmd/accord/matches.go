package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/sheet"
	"accord/cmd/accord/internal/view"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/record"
)

func matchesCommand(w *workspace) *cobra.Command {
	cmd := &cobra.Command{Use: "matches", Short: "Review which records of two populated systems are the same"}
	var object string
	export := &cobra.Command{
		Use: "export FILE", Short: "Write what has no partner, and what it resembles, into a CSV file to be filled in",
		Long: "Write what has no partner, and what it resembles, into a CSV file (\"-\" is standard output).\n\nObjects that were not listed yet " +
			"are listed and matched first. Records that resemble one of the other system are held until somebody decides;\nnothing is written " +
			"to either system. Write pair, create or ignore into the column \"decision\", and read the file with `accord matches import`.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			logger := w.logger(cmd.ErrOrStderr())
			l, err := w.ledgerInUse(cmd.Context(), logger)
			if err != nil {
				return err
			}
			defer closeLedger(l, logger)
			return exportMatches(cmd, l, logger, object, args[0])
		},
	}
	export.Flags().StringVar(&object, "object", "", "only of this object")
	var approved bool
	load := &cobra.Command{
		Use: "import FILE", Short: "Carry out what a filled-in file says: pair, create or ignore",
		Args: cobra.ExactArgs(1),
		RunE: w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
			return w.importMatches(ctx, cmd, l, args[0], approved)
		}),
	}
	load.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	cmd.AddCommand(export, load)
	return cmd
}

func exportMatches(cmd *cobra.Command, l *ledger.Ledger, logger hclog.Logger, object, path string) error {
	release, err := hold(cmd.Context(), l, "sync")
	if err != nil {
		return err
	}
	defer release()
	k := connector{logger: logger}
	surveys, err := pipeline.Surveys(cmd.Context(), pipeline.Config{
		Ledger: l, Decode: decode, Clock: time.Now, Logger: logger.Named("matches"),
		Connect: func(ctx context.Context, c *contract.Contract) (binding.Providers, error) { return k.open(ctx, c) },
	}, object)
	if err != nil {
		return err
	}
	var rows []sheet.Row
	for _, s := range surveys {
		rows = append(rows, sheetOf(s)...)
	}
	if err := writeSheet(cmd.OutOrStdout(), path, rows); err != nil {
		return err
	}
	if path != "-" {
		fmt.Fprintf(cmd.OutOrStdout(), "%d rows are in %s: fill in its column \"decision\", and give it to `accord matches import`.\n", len(rows), path)
	}
	return nil
}

// writeSheet writes a file that only its owner can read: it holds names of customers.
func writeSheet(out io.Writer, path string, rows []sheet.Row) (err error) {
	if path == "-" {
		return sheet.Write(out, rows)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return exit{exitUsage, fmt.Errorf("%s is there already, perhaps with decisions in it: give another name", path)}
	}
	if err != nil {
		return fmt.Errorf("write matches: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return sheet.Write(f, rows)
}

// sheetOf lays a survey out: each left record with what it resembles, and then the right records of which more must be said.
func sheetOf(s pipeline.Survey) []sheet.Row {
	row := func(side record.Side, r pipeline.Unpaired) sheet.Row {
		status := "unmatched"
		if r.Held {
			status = "held"
		}
		note := ""
		if r.Creates && !r.Held {
			note = "without a decision, a record is created for it in " + contract.Systems[side.Other()]
		}
		return sheet.Row{Object: s.Object.Name, System: contract.Systems[side], ID: r.RecordID, Values: texts(s.Object, r), Status: status, Note: note}
	}
	var rows []sheet.Row
	like := map[int][]string{}
	for i, l := range s.Records[record.Left] {
		alone := true
		for _, c := range s.Candidates {
			if c.Left != i {
				continue
			}
			r := s.Records[record.Right][c.Right]
			line := row(record.Left, l)
			line.OtherID, line.OtherValues, line.Score, line.Agrees = r.RecordID, texts(s.Object, r), c.Score, strings.Join(c.Agrees, ", ")
			rows = append(rows, line)
			like[c.Right] = append(like[c.Right], l.RecordID)
			alone = false
		}
		if alone {
			rows = append(rows, row(record.Left, l))
		}
	}
	for i, r := range s.Records[record.Right] {
		line := row(record.Right, r)
		if len(like[i]) > 0 {
			line.Note = "resembles " + strings.Join(like[i], ", ") + ": pair it there, or decide here"
		}
		rows = append(rows, line)
	}
	return rows
}

// texts is what a record is recognised by, in the order of the contract's fields.
func texts(o *contract.Object, r pipeline.Unpaired) string {
	var parts []string
	for _, f := range o.Fields {
		if v, ok := r.Texts[f.Name]; ok {
			parts = append(parts, f.Name+": "+v)
		}
	}
	return strings.Join(parts, "; ")
}

func (w *workspace) importMatches(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, path string, approved bool) error {
	c, err := inForce(ctx, l)
	if err != nil {
		return err
	}
	if c == nil {
		return pipeline.ErrNoContract
	}
	rows, problems, err := readSheet(cmd.InOrStdin(), path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	j, err := newJudge(ctx, l, c, rows)
	if err != nil {
		return err
	}
	problems = append(problems, j.judge(rows)...)
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b sheet.Problem) int { return cmp.Compare(a.Line, b.Line) })
		for _, p := range problems {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", path, p.Line, view.Line(p.Text))
		}
		return exit{exitError, fmt.Errorf("%d problems in %s: nothing was done", len(problems), path)}
	}
	out := cmd.OutOrStdout()
	j.tell(out)
	if j.count() == 0 {
		return nil
	}
	if !approved {
		switch {
		case path == "-" || !interactive(cmd.InOrStdin()):
			return exit{exitUsage, fmt.Errorf("nobody is here to approve: look at what would be done, and use --auto-approve")}
		case !agreed(cmd.InOrStdin(), out):
			_, err := fmt.Fprintln(out, "Nothing was done.")
			return err
		}
	}
	return j.carryOut(ctx, l, out)
}

// agreed asks, and takes only one word for an answer.
func agreed(in io.Reader, out io.Writer) bool {
	fmt.Fprint(out, "\nDo this? Only \"yes\" is taken: ")
	var answer string
	_, err := fmt.Fscanln(in, &answer)
	return err == nil && answer == "yes"
}

func readSheet(in io.Reader, path string) ([]sheet.Row, []sheet.Problem, error) {
	if path == "-" {
		return sheet.Read(in)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return sheet.Read(f)
}
