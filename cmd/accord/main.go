package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes. 2 is only ever used for changes, with --detailed-exitcode: Go's own status for a panic would read as
// that, so panics end with 11.
const (
	exitDone       = 0
	exitError      = 1
	exitChanges    = 2
	exitRefused    = 3
	exitStale      = 4
	exitLocked     = 5
	exitIncomplete = 6
	exitAccess     = 7
	exitPanic      = 11
	exitUsage      = 64
)

// exit is an error with an exit code. An empty message has been said already.
type exit struct {
	code int
	err  error
}

// Error is the message.
func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap is the cause.
func (e exit) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "accord broke: %v\n\n%s\nThis is a defect of accord. Nothing that was acknowledged is lost.\n", r, debug.Stack())
			code = exitPanic
		}
	}()
	if err := singleDash(args); err != nil {
		fmt.Fprintln(stderr, "Error:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintln(stderr, "Error:", e.err)
		}
		return e.code
	default:
		fmt.Fprintln(stderr, "Error:", err)
		return codeOf(err)
	}
}

// singleDash refuses `-out=x`, which would be read as `-o ut=x` by others: one dash is for one letter.
func singleDash(args []string) error {
	for _, a := range args {
		if a == "--" {
			return nil
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && !strings.HasPrefix(a, "-C") {
			return fmt.Errorf("%s: long flags take two dashes: use -%s", a, a)
		}
	}
	return nil
}

func rootCommand() *cobra.Command {
	w := &workspace{}
	root := &cobra.Command{
		Use:           "accord",
		Short:         "Keep monday.com and Salesforce in agreement under a contract in Git",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVarP(&w.dir, "chdir", "C", ".", "folder that holds the contract")
	root.PersistentFlags().StringVar(&w.ledgerURL, "ledger", os.Getenv("ACCORD_LEDGER"), "ledger to use: a file, or a postgres:// URL (default: what the contract says)")
	root.PersistentFlags().StringVar(&w.logLevel, "log-level", "warn", "trace, debug, info, warn or error; logs go to standard error")
	root.PersistentFlags().BoolVar(&w.noColor, "no-color", os.Getenv("NO_COLOR") != "", "plain text")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit{exitUsage, err} })
	root.AddCommand(
		fmtCommand(w), validateCommand(w), planCommand(w), applyCommand(w), syncCommand(w), statusCommand(w),
		deadlettersCommand(w), conflictsCommand(w), matchesCommand(w), resumeCommand(w), explainCommand(w), runsCommand(w), revertCommand(w), auditCommand(w), emulateCommand(w), demoCommand(w),
		versionCommand(),
	)
	strictUsage(root)
	return root
}
