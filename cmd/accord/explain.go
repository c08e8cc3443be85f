package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/view"
	"accord/engine/audit"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/lens"
	"accord/engine/pipeline"
)

func explainCommand(w *workspace) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE | TRIGGER | [OBJECT] RECORD [FIELD]",
		Short: "Explain a message by its code, a trigger and what it did last, or a record: its values, who changed it, which rule decides, which call wrote it, what triggers did",
		Args:  cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if explained, err := explainCode(cmd.OutOrStdout(), args[0]); explained || err != nil {
					return err
				}
			}
			return w.withLedger(func(ctx context.Context, cmd *cobra.Command, l *ledger.Ledger, args []string) error {
				return w.explainRecord(ctx, cmd.OutOrStdout(), w.logger(cmd.ErrOrStderr()), l, args)
			})(cmd, args)
		},
	}
}

// explainCode explains a message; false when there is none with such a code.
func explainCode(out io.Writer, name string) (bool, error) {
	code := strings.ToUpper(name)
	if c, ok := contract.Explain(code); ok {
		_, err := fmt.Fprintf(out, "%s: %s\n\n%s\n", c.Code, c.Title, c.Text)
		return true, err
	}
	for _, c := range lens.Codes() {
		if c.Code == code {
			_, err := fmt.Fprintf(out, "%s: %s\n\n%s\n", c.Code, c.Title, c.Explanation)
			return true, err
		}
	}
	return false, nil
}

func (w *workspace) explainRecord(ctx context.Context, out io.Writer, logger hclog.Logger, l *ledger.Ledger, args []string) error {
	object, id, field := "", args[0], ""
	c, err := inForce(ctx, l)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		if t, known, err := triggerNamed(ctx, l, c, strings.TrimPrefix(args[0], "trigger.")); err != nil || known {
			if err == nil {
				err = view.ExplainTrigger(out, t, w.style(out))
			}
			return err
		}
	}
	switch {
	case len(args) == 3:
		object, id, field = args[0], args[1], args[2]
	case len(args) == 2 && c != nil && c.Object(args[0]) != nil:
		object, id = args[0], args[1]
	case len(args) == 2:
		id, field = args[0], args[1]
	}
	k := connector{logger: logger}
	e, err := pipeline.Explain(ctx, pipeline.Config{
		Ledger: l, Decode: decode, Clock: time.Now, Logger: logger.Named("explain"),
		Connect: func(ctx context.Context, c *contract.Contract) (binding.Providers, error) { return k.open(ctx, c) },
	}, object, id)
	var several *pipeline.SeveralError
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return exit{exitUsage, unknownRecord(c, args, object, id)}
	case errors.As(err, &several):
		return exit{exitUsage, several}
	}
	if err != nil {
		return err
	}
	if field != "" && e.Object != nil && e.Object.Field(field) == nil {
		var names []string
		for _, f := range e.Object.Fields {
			names = append(names, f.Name)
		}
		return exit{exitUsage, fmt.Errorf("object %s has no field %q; it has %s", e.Object.Name, field, strings.Join(names, ", "))}
	}
	calls, err := callsOf(ctx, l, e.Writes)
	if err != nil {
		return err
	}
	return view.Explain(out, view.Explanation{Explanation: e, Calls: calls}, field, w.style(out))
}

// unknownRecord says what explain looked for and did not find, and what it could look for.
func unknownRecord(c *contract.Contract, args []string, object, id string) error {
	var objects []string
	if c != nil {
		for _, o := range c.Objects {
			objects = append(objects, o.Name)
		}
	}
	switch known := strings.Join(objects, ", "); {
	case slices.Contains(objects, args[0]) && len(args) == 1:
		return fmt.Errorf("explain %s: say which of its records, by its id in either system or by its name: accord explain %s RECORD [FIELD]", id, id)
	case object != "" && !slices.Contains(objects, object):
		return fmt.Errorf("the contract in force has no object %q; it has %s", object, known)
	case object != "":
		return fmt.Errorf("no record of %s is known by %q: give its id in either system, its key or its name, as the sync saw it last", object, id)
	case len(args) == 1:
		return fmt.Errorf("explain %s: there is no message with that code, no trigger of that name, and no record is known by it: give a record's id in either system, its key or its name", id)
	default:
		return fmt.Errorf("%q is no object of the contract in force (it has %s), and no record is known by it: accord explain OBJECT RECORD [FIELD]", id, known)
	}
}

// shownFirings is how many of a trigger's last firings anybody will look at.
const shownFirings = 20

// triggerNamed finds a trigger that the contract in force has, or that once did something.
func triggerNamed(ctx context.Context, l *ledger.Ledger, c *contract.Contract, name string) (t view.Trigger, known bool, err error) {
	t.Name = name
	if c != nil {
		for _, x := range c.Triggers {
			if x.Name == name {
				t.Contract, known = x, true
			}
		}
	}
	stats, err := l.TriggerStats(ctx)
	if err != nil {
		return t, false, err
	}
	for _, s := range stats {
		if s.Trigger == name {
			t.Stats, known = s, true
		}
	}
	if !known {
		return t, false, nil
	}
	if t.Firings, err = l.FiringsOf(ctx, name, shownFirings); err != nil {
		return t, false, err
	}
	t.Occasions, err = l.OccasionsOf(ctx, name, shownFirings)
	return t, true, err
}

// callsOf finds the calls that made writes in the audit log, by batch: of several that one batch took, the last.
func callsOf(ctx context.Context, l *ledger.Ledger, writes []ledger.Write) (map[string]audit.Entry, error) {
	const most = 20 // that anybody will look at
	calls := map[string]audit.Entry{}
	for _, w := range writes[:min(most, len(writes))] {
		if _, known := calls[w.BatchID]; known || w.BatchID == "" {
			continue
		}
		entries, err := l.AuditOfBatch(ctx, w.BatchID, w.At)
		if err != nil {
			return nil, err
		}
		if n := len(entries); n > 0 {
			calls[w.BatchID] = entries[n-1]
		}
	}
	return calls, nil
}

// version is set by release builds.
var version = "0.1.0"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			fmt.Fprintf(cmd.OutOrStdout(), "accord %s (%s)\n", version, goVersion)
			return nil
		},
	}
}
