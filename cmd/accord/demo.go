package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/org"
	"accord/cmd/accord/internal/people"
	"accord/cmd/accord/internal/view"
	"accord/engine/ledger"
	"accord/engine/plan"
	"accord/examples"
)

func demoCommand(w *workspace) *cobra.Command {
	var seed int64
	var deals int
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on emulated vendors: plan, apply, first sync, edits both ways",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "accord-demo-")
			if err != nil {
				return fmt.Errorf("make a folder for the demo: %w", err)
			}
			d := &demo{
				out: cmd.OutOrStdout(), errout: cmd.ErrOrStderr(), seed: seed, deals: deals,
				w: &workspace{dir: dir, logLevel: w.logLevel, noColor: w.noColor}, started: time.Now(),
			}
			err = d.run(cmd.Context())
			if keep {
				fmt.Fprintln(d.out, "The demo's folder is kept:", dir)
				return err
			}
			return errors.Join(err, os.RemoveAll(dir))
		},
	}
	cmd.Flags().Int64Var(&seed, "seed", 1, "of the made-up org")
	cmd.Flags().IntVar(&deals, "opportunities", 5000, "how many the org holds")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the folder with the contract and the ledger")
	return cmd
}

// demo is one run of the demo: a user's folder, and both vendors emulated in this process. Everything else it does
// through the same code as the commands, and the edits through the vendors' APIs.
type demo struct {
	out, errout io.Writer
	w           *workspace
	seed        int64
	deals       int
	started     time.Time
	emulated    *emulation.Emulation
	hook        string         // where the sync listens
	edited      *people.People // who edits and looks
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) title(format string, args ...any) {
	d.say("\n%s  %s", view.Duration(time.Since(d.started)), fmt.Sprintf(format, args...))
}

func (d *demo) run(ctx context.Context) error {
	if err := d.start(); err != nil {
		return err
	}
	defer func() {
		if err := d.emulated.Close(); err != nil {
			d.say("stop the emulators: %v", err)
		}
	}()
	for _, step := range []func(context.Context) error{d.planAndApply, d.firstSync, d.live, d.planAgain, d.summary} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start makes the org up, serves both vendors, and lays out the example contract.
func (d *demo) start() error {
	data := filepath.Join(d.w.dir, "org")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("make the org's folder: %w", err)
	}
	counts, err := org.Write(data, org.Options{
		Seed: uint64(d.seed), Users: 24, Accounts: max(1, d.deals/12), Contacts: d.deals / 5, Opportunities: d.deals, Today: time.Now(),
	})
	if err != nil {
		return err
	}
	d.title("An org is made up from seed %d and served, with an empty monday account beside it", d.seed)
	d.say("        %d users in several time zones, %s accounts, %s contacts, %s opportunities", counts.Users,
		view.Number(counts.Accounts), view.Number(counts.Contacts), view.Number(counts.Opportunities))
	d.say("        %s won, %s names that repeat, %s without an account, %s without a close date", view.Number(counts.Won),
		view.Number(counts.RepeatedNames), view.Number(counts.NoAccount), view.Number(counts.NoDate))
	logger := d.w.logger(d.errout)
	if d.emulated, err = emulation.Start(emulation.Options{DataDir: data, Seed: d.seed, Plan: "enterprise", Logger: logger}); err != nil {
		return err
	}
	d.say("        limits: counted but not enforced in this demo")
	for _, v := range d.emulated.Env() {
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return fmt.Errorf("set %s: %w", v.Name, err)
		}
	}
	hook, err := freeAddress()
	if err != nil {
		return err
	}
	d.hook = "http://" + hook + "/hooks/monday"
	d.w.vars = []string{"webhook_url=" + d.hook}
	return d.layOut()
}

func (d *demo) layOut() error {
	return fs.WalkDir(examples.FS, "handoff", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := examples.FS.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.w.dir, filepath.Base(path)), content, 0o600)
	})
}

func (d *demo) planAndApply(ctx context.Context) error {
	s, err := d.w.openSession(ctx, d.errout)
	if err != nil {
		return err
	}
	defer s.close()
	d.title("accord plan")
	p, err := s.plan(ctx, plan.DataFull)
	if err != nil {
		return err
	}
	if err := view.Plan(d.out, p, d.w.style(d.out)); err != nil {
		return err
	}
	d.title("accord apply --expect-digest %s", p.ShortDigest())
	return d.w.apply(ctx, s, p, d.out)
}

func (d *demo) firstSync(ctx context.Context) error {
	d.title("accord sync --once")
	logger := d.w.logger(d.errout)
	l, err := d.w.ledgerInUse(ctx, logger)
	if err != nil {
		return err
	}
	defer closeLedger(l, logger)
	began := time.Now()
	s := newSync(l, logger, workerName("demo"), time.Minute)
	meter := view.NewMeter(d.out, d.w.style(d.out), time.Now)
	s.pipelineConfig.Progress = meter.Progress
	err = s.once(ctx)
	meter.Done()
	if err != nil {
		return err
	}
	if err := reportSync(ctx, l, d.out, d.w.style(d.out)); err != nil {
		return err
	}
	d.say("        first sync took %s", view.Duration(time.Since(began)))
	return nil
}

// live runs a sync as a user would, edits on both sides, and watches the edits arrive.
func (d *demo) live(ctx context.Context) error {
	d.title("accord sync runs; people edit on both sides")
	logger := d.w.logger(d.errout)
	l, err := d.w.ledgerInUse(ctx, logger)
	if err != nil {
		return err
	}
	defer closeLedger(l, logger)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- newSync(l, logger, workerName("demo"), time.Minute).run(running) }()
	if err := d.untilListening(running); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	editing := make(chan error, 1)
	go func() { editing <- d.edits(running) }()
	select {
	case err = <-editing:
	case err = <-ended:
		stop()
		return errors.Join(errors.New("the sync ended before the edits had arrived"), err)
	}
	if err == nil {
		err = untilQuiet(ctx, l)
	}
	stop()
	return errors.Join(err, <-ended)
}

// untilQuiet waits until the ledger has nothing left to do: the echoes of the last edits, too, are dealt with.
func untilQuiet(ctx context.Context, l *ledger.Ledger) error {
	ctx, cancel := context.WithTimeout(ctx, arrivalLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for calm := 0; calm < 10; calm++ {
		quiet, err := l.Quiet(ctx)
		if err != nil {
			return err
		}
		if !quiet {
			calm = 0
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the last edits to settle: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (d *demo) planAgain(ctx context.Context) error {
	d.title("accord plan, again")
	s, err := d.w.openSession(ctx, d.errout)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := s.plan(ctx, plan.DataCounts)
	if err != nil {
		return err
	}
	if err := view.Plan(d.out, p, d.w.style(d.out)); err != nil {
		return err
	}
	if !p.Empty() {
		return errors.New("the second plan should have found no changes")
	}
	return nil
}

func (d *demo) summary(ctx context.Context) error {
	d.title("What it cost")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.emulated.Get("EMULATOR_ADMIN")+"/counters", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	defer resp.Body.Close()
	var counters struct {
		Monday struct {
			Calls           int64 `json:"calls"`
			ItemsWritten    int64 `json:"items_written"`
			ComplexitySpent int64 `json:"complexity_spent"`
		} `json:"monday"`
		Salesforce struct {
			Calls       int64 `json:"calls"`
			RowsWritten int64 `json:"rows_written"`
			RowsRead    int64 `json:"rows_read"`
		} `json:"salesforce"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&counters); err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	m, s := counters.Monday, counters.Salesforce
	mondayLooks, salesforceLooks := d.people().Calls()
	mondayCalls, salesforceCalls := m.Calls-mondayLooks, s.Calls-salesforceLooks
	d.say("        monday      %8s calls  %8s items written  %s complexity points", view.Number(mondayCalls), view.Number(m.ItemsWritten), view.Number(m.ComplexitySpent))
	d.say("        Salesforce  %8s calls  %8s rows written   %s rows read", view.Number(salesforceCalls), view.Number(s.RowsWritten), view.Number(s.RowsRead))
	d.say("        not counted: %s and %s calls that the demo made itself, to edit and to look", view.Number(mondayLooks), view.Number(salesforceLooks))
	d.title("Done.")
	return nil
}

// freeAddress is a loopback address that nobody listens on now.
func freeAddress() (string, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer lis.Close()
	return lis.Addr().String(), nil
}
