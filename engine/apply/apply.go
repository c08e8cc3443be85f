package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/plan"
	"accord/engine/resource"
)

// Config is what an apply works with.
type Config struct {
	Plan      *plan.Plan
	Contract  *contract.Contract
	Ledger    *ledger.Ledger
	Providers binding.Providers
	Actor     string     // who applies, for the record
	Progress  func(Step) // told of each step as it ends; nil is fine
	Logger    hclog.Logger
}

// Outcome of one step.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // something it depends on failed
)

// Step is one change of structure and what became of it.
type Step struct {
	Change  resource.Change
	Outcome Outcome
	Err     error
}

// Report says what an apply did.
type Report struct {
	Steps     []Step // those that did something, or failed to
	Activated bool   // the contract is in force now
	Serial    int64
}

// Incomplete says that something was not done.
func (r Report) Incomplete() bool { return !r.Activated || failed(r) > 0 }

// Blocked is the error of applying a plan that is blocked.
type Blocked struct{ Blocks []plan.Block }

// Error counts the reasons.
func (b Blocked) Error() string {
	if len(b.Blocks) == 0 {
		return "the plan is blocked"
	}
	return fmt.Sprintf("the plan is blocked (%d in all): %s: %s", len(b.Blocks), b.Blocks[0].Address, b.Blocks[0].Reason)
}

// ErrOtherContract says that a plan was made of another contract than the one that is to be put in force.
var ErrOtherContract = errors.New("the plan was made of another contract: plan again")

// Run carries out the plan. The error is of the ledger, Blocked, or ErrOtherContract; what vendors refused is in the
// report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if digest := cfg.Contract.Digest(); cfg.Plan.ContractDigest != digest {
		return Report{}, fmt.Errorf("apply the plan of contract %s with contract %s: %w", cfg.Plan.ContractDigest, digest, ErrOtherContract)
	}
	if len(cfg.Plan.Blocked) > 0 {
		return Report{}, Blocked{cfg.Plan.Blocked}
	}
	run, err := cfg.Ledger.StartRun(ctx, "apply")
	if err != nil {
		return Report{}, fmt.Errorf("start the apply: %w", err)
	}
	report := Report{}
	err = steps(ctx, cfg, run.ID, &report, false)
	if err == nil {
		err = forget(ctx, cfg, &report)
	}
	if err == nil && failed(report) == 0 {
		report.Serial, err = activate(ctx, cfg)
		report.Activated = err == nil
	}
	if report.Activated {
		// Until now a running sync needed what the contract before asked for.
		err = steps(ctx, cfg, run.ID, &report, true)
	}
	// What was done must be on record even when the caller has given up.
	finish := context.WithoutCancel(ctx)
	if e := cfg.Ledger.FinishRun(finish, run.ID, summary(report)); err == nil && e != nil {
		err = fmt.Errorf("finish the apply: %w", e)
	}
	return report, err
}

// steps carries out the changes that take away, or all others.
func steps(ctx context.Context, cfg Config, run string, report *Report, narrowing bool) error {
	resolved := map[string]resource.Resource{}
	broken := map[string]bool{}
	for _, c := range cfg.Plan.Structure {
		if c.Have != nil {
			resolved[c.Want.Address] = merged(c.Want, *c.Have)
		}
	}
	for _, c := range cfg.Plan.Structure {
		if c.Narrowing() != narrowing {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("apply was interrupted before %s: %w", c.Want.Address, ctx.Err())
		}
		step := Step{Change: c, Outcome: Done}
		switch cause := brokenDependency(c, broken); {
		case cause != "":
			step.Outcome, step.Err = Skipped, fmt.Errorf("%s could not be made", cause)
		case c.Action == resource.Create || c.Action == resource.Update:
			step.Err = change(ctx, cfg, run, c, resolved)
		default:
			step.Err = cfg.Ledger.SaveResource(ctx, resolved[c.Want.Address])
		}
		if step.Err != nil {
			broken[c.Want.Address] = true
			if step.Outcome == Done {
				step.Outcome = Failed
			}
		}
		report.add(cfg, step)
	}
	return nil
}

func forget(ctx context.Context, cfg Config, report *Report) error {
	for _, c := range cfg.Plan.Forget {
		step := Step{Change: c, Outcome: Done}
		if step.Err = cfg.Ledger.ForgetResource(ctx, c.Want.Address); step.Err != nil {
			step.Outcome = Failed
		}
		report.add(cfg, step)
	}
	return nil
}

// change sends one step to its vendor, between two entries of the journal.
func change(ctx context.Context, cfg Config, run string, c resource.Change, resolved map[string]resource.Resource) error {
	seq, err := cfg.Ledger.JournalStart(ctx, run, c)
	if err != nil {
		return fmt.Errorf("journal %s: %w", c.Want.Address, err)
	}
	made, err := cfg.Providers[c.Want.Connection].Apply(ctx, c, resolved)
	var now *resource.Resource
	if err == nil {
		made = merged(c.Want, made)
		resolved[c.Want.Address] = made
		now = &made
	}
	if e := cfg.Ledger.JournalDone(context.WithoutCancel(ctx), run, seq, now, err); err == nil && e != nil {
		err = fmt.Errorf("journal %s: %w", c.Want.Address, e)
	}
	return err
}

// merged is the resource as it is, with the contract's own words for what it is for.
func merged(want, have resource.Resource) resource.Resource {
	have.Address, have.Connection, have.Kind = want.Address, want.Connection, want.Kind
	have.Managed, have.Object, have.Field, have.DependsOn = want.Managed, want.Object, want.Field, want.DependsOn
	if have.Name == "" {
		have.Name = want.Name
	}
	return have
}

func activate(ctx context.Context, cfg Config) (int64, error) {
	source, err := json.Marshal(cfg.Contract.Source)
	if err != nil {
		return 0, fmt.Errorf("store the contract: %w", err)
	}
	serial, err := cfg.Ledger.Activate(ctx, ledger.AppliedContract{Digest: cfg.Contract.Digest(), Source: source, Actor: cfg.Actor})
	if err != nil {
		return 0, fmt.Errorf("put the contract in force: %w", err)
	}
	return serial, nil
}

func (r *Report) add(cfg Config, s Step) {
	onlyRead := s.Change.Action == resource.Forget && !s.Change.Want.Managed
	if s.Outcome == Done && (s.Change.Action == resource.NoOp || s.Change.Action == resource.Read || onlyRead) {
		return
	}
	r.Steps = append(r.Steps, s)
	if cfg.Progress != nil {
		cfg.Progress(s)
	}
}

func brokenDependency(c resource.Change, broken map[string]bool) string {
	for _, d := range c.Want.DependsOn {
		if broken[d] {
			return d
		}
	}
	return ""
}

func failed(r Report) int {
	n := 0
	for _, s := range r.Steps {
		if s.Outcome != Done {
			n++
		}
	}
	return n
}

func summary(r Report) map[string]any {
	return map[string]any{"steps": len(r.Steps), "failed": failed(r), "activated": r.Activated}
}
