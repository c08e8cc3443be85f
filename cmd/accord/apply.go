package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"accord/cmd/accord/internal/view"
	"accord/engine/apply"
	"accord/engine/plan"
)

func applyCommand(w *workspace) *cobra.Command {
	var digest, data string
	var approved bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Carry out the plan: structure at both vendors, then the contract comes into force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if digest == "" && !approved && !interactive(cmd.InOrStdin()) {
				return exit{exitUsage, fmt.Errorf("nobody is here to approve: use --expect-digest with the digest that was reviewed, or --auto-approve")}
			}
			s, err := w.openSession(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer s.close()
			p, err := s.plan(cmd.Context(), plan.DataMode(data))
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if err := view.Plan(out, p, w.style(out)); err != nil {
				return err
			}
			switch {
			case len(p.Blocked) > 0:
				return exit{code: exitRefused}
			case digest != "" && !strings.HasPrefix(p.Digest, strings.ToLower(digest)):
				return exit{exitStale, fmt.Errorf("the plan moved: its digest is %s, and %s was approved; review the plan above and approve it anew", p.ShortDigest(), digest)}
			case p.Empty() && p.InForceDigest == p.ContractDigest:
				return nil
			}
			if digest == "" && !approved {
				if ok, err := confirm(cmd.InOrStdin(), out, p); err != nil || !ok {
					return err
				}
			}
			return w.apply(cmd.Context(), s, p, out)
		},
	}
	cmd.Flags().StringVar(&digest, "expect-digest", "", "apply only a plan with this digest (at least 8 characters of it); exit 4 when it moved")
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	cmd.Flags().StringVar(&data, "data", string(plan.DataCounts), "how much to look at records before applying: none, counts or full")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if digest != "" && len(digest) < 8 {
			return exit{exitUsage, fmt.Errorf("--expect-digest %s: give at least 8 characters", digest)}
		}
		return nil
	}
	w.variableFlags(cmd)
	return cmd
}

// apply carries out a plan and reports it. While it runs it answers monday's challenges, unless a sync does already.
func (w *workspace) apply(ctx context.Context, s *session, p *plan.Plan, out io.Writer) error {
	release, err := hold(ctx, s.ledger, "apply")
	if err != nil {
		return err
	}
	defer release()
	stop, err := listenForChallenges(s)
	if err != nil {
		return err
	}
	defer stop()
	style := w.style(out)
	report, err := apply.Run(ctx, apply.Config{
		Plan: p, Contract: s.contract, Ledger: s.ledger, Providers: s.providers, Actor: whoami(),
		Logger:   s.logger.Named("apply"),
		Progress: func(step apply.Step) { _ = view.ApplyStep(out, step, style) },
	})
	if e := view.Applied(out, report, style); err == nil && e != nil {
		err = e
	}
	if n := hidden(p); n > 0 && err == nil && !report.Incomplete() {
		fmt.Fprintf(out, "\nUntil now %d of the resources were hidden from the user that accord works as. What depends on them, such as the labels\n"+
			"that a picklist offers, shows only now: run `accord apply` once more before the first sync.\n", n)
	}
	switch {
	case err != nil:
		return err
	case report.Incomplete():
		return exit{code: exitIncomplete}
	default:
		return nil
	}
}

// hidden counts what the plan could name and not look into, because our user had no right to.
func hidden(p *plan.Plan) int {
	n := 0
	for _, c := range p.Structure {
		if c.Have != nil && c.Have.Attributes["hidden"] == true {
			n++
		}
	}
	return n
}

// listenForChallenges serves the webhook addresses for as long as apply runs: a vendor asks for an answer when a webhook
// is made. An address that is taken is taken to be a running sync's.
func listenForChallenges(s *session) (stop func(), err error) {
	router := newRouter(s.logger)
	router.set(s.providers)
	var servers []*http.Server
	stop = func() {
		for _, server := range servers {
			_ = server.Close() // nothing but challenges was served
		}
	}
	for _, address := range listenAddresses(s.contract) {
		lis, err := net.Listen("tcp", address)
		if err != nil {
			s.logger.Info("webhook address is in use: a running sync answers there", "address", address)
			continue
		}
		server := &http.Server{Handler: router, ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, server)
		go func() { _ = server.Serve(lis) }() // ends with stop
	}
	return stop, nil
}

func interactive(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func confirm(in io.Reader, out io.Writer, p *plan.Plan) (bool, error) {
	fmt.Fprintf(out, "\nApply plan %s? Only \"yes\" is taken: ", p.ShortDigest())
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		return false, exit{exitError, fmt.Errorf("read the answer: %w", err)}
	}
	if strings.TrimSpace(answer) != "yes" {
		fmt.Fprintln(out, "Not applied.")
		return false, nil
	}
	return true, nil
}

func whoami() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// localAddress is where a webhook URL points when it points at this machine; "" when it does not.
func localAddress(webhookURL string) string {
	u, err := url.Parse(webhookURL)
	if err != nil || u.Port() == "" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return u.Host
	}
	return ""
}
