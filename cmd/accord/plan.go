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
	"accord/engine/auditor"
	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/plan"
)

func planCommand(w *workspace) *cobra.Command {
	var data string
	var detailed bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what applying the contract would do, to structure, rules and records",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := w.openSession(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer s.close()
			p, err := s.plan(cmd.Context(), plan.DataMode(data))
			if err != nil {
				return err
			}
			if err := view.Plan(cmd.OutOrStdout(), p, w.style(cmd.OutOrStdout())); err != nil {
				return err
			}
			switch {
			case len(p.Blocked) > 0:
				return exit{code: exitRefused}
			case detailed && !p.Empty():
				return exit{code: exitChanges}
			default:
				return nil
			}
		},
	}
	cmd.Flags().StringVar(&data, "data", string(plan.DataFull), "how much to look at records: none, counts, or full (with samples)")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there are changes, 0 when there are none")
	w.variableFlags(cmd)
	return cmd
}

// session is a contract with its ledger and its providers, open.
type session struct {
	contract  *contract.Contract
	ledger    *ledger.Ledger
	providers binding.Providers
	logger    hclog.Logger
	auditor   *auditor.Auditor
	spent     *spending
}

// openSession reads the folder's contract and connects everything it names.
func (w *workspace) openSession(ctx context.Context, stderr io.Writer) (*session, error) {
	c, err := w.contract(stderr)
	if err != nil {
		return nil, err
	}
	s := &session{contract: c, logger: w.logger(stderr)}
	if s.ledger, err = w.ledgerOf(ctx, c, s.logger); err != nil {
		return nil, err
	}
	s.auditor = auditor.Start(s.ledger, s.logger.Named("audit"))
	s.spent = startSpending(s.ledger, s.logger.Named("budgets"), time.Now)
	if s.providers, err = (connector{logger: s.logger, observe: s.auditor.Observe, spent: s.spent}).open(ctx, c); err != nil {
		return nil, errors.Join(err, s.spent.close(), s.auditor.Close(), s.ledger.Close())
	}
	return s, nil
}

func (s *session) close() {
	closeAll(s.providers)
	if err := s.spent.close(); err != nil {
		s.logger.Warn("note what was spent", "error", err)
	}
	if err := s.auditor.Close(); err != nil {
		s.logger.Error("audit log", "error", err)
	}
	if err := s.ledger.Close(); err != nil {
		s.logger.Warn("close the ledger", "error", err)
	}
}

func (s *session) plan(ctx context.Context, mode plan.DataMode) (*plan.Plan, error) {
	switch mode {
	case plan.DataNone, plan.DataCounts, plan.DataFull:
	default:
		return nil, exit{exitUsage, fmt.Errorf("--data %s: none, counts or full", mode)}
	}
	before, err := inForce(ctx, s.ledger)
	if err != nil {
		return nil, err
	}
	return plan.Build(ctx, plan.Config{
		Contract: s.contract, InForce: before, Ledger: s.ledger, Providers: s.providers,
		Data: mode, Clock: time.Now, Logger: s.logger.Named("plan"),
	})
}

func (w *workspace) variableFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&w.vars, "var", nil, "value of a variable, name=value; may be repeated")
	cmd.Flags().StringArrayVar(&w.varFiles, "var-file", nil, "file of variable values; may be repeated")
}

func (w *workspace) style(out io.Writer) view.Style {
	return view.Style{Color: w.color(out), Systems: contract.Systems}
}
