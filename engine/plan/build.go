package plan

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// DataMode says how much a plan looks at records.
type DataMode string

// The modes. Counts and full read the same; full also shows samples of records by name.
const (
	DataNone   DataMode = "none"
	DataCounts DataMode = "counts"
	DataFull   DataMode = "full"
)

// Config is what a plan is built from.
type Config struct {
	Contract  *contract.Contract
	InForce   *contract.Contract // nil when nothing was applied yet
	Ledger    *ledger.Ledger
	Providers binding.Providers
	Data      DataMode
	ScanLimit int // records per side up to which a forecast reads everything; beyond it samples. 0 = 20,000
	Clock     func() time.Time
	Logger    hclog.Logger
}

// Build gathers what is there and returns the plan. What makes apply refuse is in Plan.Blocked; the error is for what
// kept the plan from being made at all.
func Build(ctx context.Context, cfg Config) (*Plan, error) {
	remembered, err := remember(ctx, cfg.Ledger)
	if err != nil {
		return nil, err
	}
	p := &Plan{ContractDigest: cfg.Contract.Digest()}
	if cfg.InForce != nil {
		p.InForceDigest = cfg.InForce.Digest()
	}
	want, have, err := Describe(ctx, cfg.Contract, cfg.Providers, remembered)
	if err != nil {
		return nil, err
	}
	p.Structure, p.Blocked = structure(want, have, remembered)
	p.Forget = forgotten(want, remembered)
	p.Rules, p.Owners = rules(cfg.Contract, cfg.InForce)
	p.renames(cfg.Contract, cfg.InForce)
	if err := p.forecast(ctx, cfg, want, have); err != nil {
		return nil, err
	}
	p.sourceBlocks(cfg.Contract, want)
	return p, p.seal()
}

func remember(ctx context.Context, l *ledger.Ledger) (map[string]resource.Resource, error) {
	known, err := l.Resources(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the resources that apply recorded: %w", err)
	}
	remembered := map[string]resource.Resource{}
	for _, r := range known {
		remembered[r.Address] = r
	}
	return remembered, nil
}

// Describe returns what the contract wants at both vendors and what is there, for all connections. It asks twice: what
// a column must offer may depend on what the other side's picklist offers, which is only known once described.
func Describe(ctx context.Context, c *contract.Contract, providers binding.Providers, remembered map[string]resource.Resource) (want, have []resource.Resource, err error) {
	first, have, err := describe(ctx, binding.Specs(c, nil), providers, remembered)
	if err != nil {
		return nil, nil, err
	}
	objects, _, err := binding.Open(c, providers, have)
	if err != nil {
		return nil, nil, err
	}
	want, err = expand(binding.Specs(c, binding.OptionsOf(objects)), providers, remembered)
	if err != nil {
		return nil, nil, err
	}
	again, err := describeThose(ctx, changed(first, want), providers)
	if err != nil {
		return nil, nil, err
	}
	return want, replaced(have, again), nil
}

// changed are the resources of connections where more is wanted now than at first: a provider may need the whole to
// describe a part.
func changed(first, want []resource.Resource) []resource.Resource {
	before := map[string]resource.Resource{}
	for _, w := range first {
		before[w.Address] = w
	}
	moved := map[string]bool{}
	for _, w := range want {
		if old, ok := before[w.Address]; !ok || !reflect.DeepEqual(old.Attributes, w.Attributes) {
			moved[w.Connection] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(want), func(w resource.Resource) bool { return !moved[w.Connection] })
}

// replaced puts newer descriptions in the place of older ones.
func replaced(have, newer []resource.Resource) []resource.Resource {
	byAddress := map[string]resource.Resource{}
	for _, r := range newer {
		byAddress[r.Address] = r
	}
	for i, r := range have {
		if n, ok := byAddress[r.Address]; ok {
			have[i] = n
		}
	}
	return have
}

func describe(ctx context.Context, specs map[string][]provider.ObjectSpec, providers binding.Providers, remembered map[string]resource.Resource) (want, have []resource.Resource, err error) {
	want, err = expand(specs, providers, remembered)
	if err != nil {
		return nil, nil, err
	}
	have, err = describeThose(ctx, want, providers)
	return want, have, err
}

// describeThose asks each connection for its resources, connections in the order of their addresses.
func describeThose(ctx context.Context, want []resource.Resource, providers binding.Providers) (have []resource.Resource, err error) {
	byConnection := map[string][]resource.Resource{}
	for _, w := range want {
		byConnection[w.Connection] = append(byConnection[w.Connection], w)
	}
	for _, address := range slices.Sorted(maps.Keys(byConnection)) {
		got, err := providers[address].Describe(ctx, byConnection[address])
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", address, err)
		}
		have = append(have, got...)
	}
	return have, nil
}

func expand(specs map[string][]provider.ObjectSpec, providers binding.Providers, remembered map[string]resource.Resource) ([]resource.Resource, error) {
	var want []resource.Resource
	for _, address := range slices.Sorted(maps.Keys(specs)) {
		p, ok := providers[address]
		if !ok {
			return nil, fmt.Errorf("expand %s: no provider for this connection", address)
		}
		list, err := p.Expand(specs[address])
		if err != nil {
			return nil, fmt.Errorf("expand %s: %w", address, err)
		}
		for _, w := range list {
			w.ID = remembered[w.Address].ID
			want = append(want, w)
		}
	}
	return want, nil
}

// renames stops what looks like a rename that was written as a removal and an addition.
func (p *Plan) renames(c, inForce *contract.Contract) {
	if inForce == nil {
		return
	}
	for _, d := range contract.ProbableRenames(inForce, c) {
		b := Block{Address: contract.CodeOf(d), Reason: d.Summary, Remedy: d.Detail}
		if d.Subject != nil {
			b.Source = Place(*d.Subject)
		}
		p.Blocked = append(p.Blocked, b)
	}
}

// sourceBlocks says where in the contract each blocked resource is asked for.
func (p *Plan) sourceBlocks(c *contract.Contract, want []resource.Resource) {
	for i, b := range p.Blocked {
		for _, w := range want {
			if w.Address != b.Address || b.Source != "" {
				continue
			}
			if o := c.Object(w.Object); o != nil {
				p.Blocked[i].Source = Place(o.Range)
				if f := o.Field(w.Field); f != nil {
					p.Blocked[i].Source = Place(f.Range)
				}
			}
		}
	}
}

// forecast fills the data half of the plan.
func (p *Plan) forecast(ctx context.Context, cfg Config, want, have []resource.Resource) error {
	if cfg.Data == DataNone {
		for _, o := range cfg.Contract.Objects {
			p.Data = append(p.Data, Forecast{Object: o.Name, Basis: BasisNone})
		}
		return nil
	}
	objects, problems, err := binding.Open(cfg.Contract, cfg.Providers, have)
	if err != nil {
		return err
	}
	for _, pr := range problems {
		p.Blocked = append(p.Blocked, Block{
			Address: "object." + pr.Object.Name + ".field." + pr.Field.Name,
			Reason:  pr.Code + ": " + pr.Summary,
			Remedy:  pr.Detail,
			Source:  Place(pr.Field.Range),
		})
	}
	p.gaps(objects)
	if cfg.InForce != nil && len(p.Rules) == 0 && len(p.StructureChanges()) == 0 {
		return p.settled(ctx, cfg)
	}
	if len(p.Blocked) > 0 {
		p.Warnings = append(p.Warnings, "no forecast for records until the plan is no longer blocked")
		return nil
	}
	f := newForecaster(cfg)
	hidden := hiddenObjects(have)
	for _, o := range objects {
		if at := hidden[o.Name]; at != "" {
			p.Data = append(p.Data, Forecast{Object: o.Name, Basis: BasisNone})
			p.Warnings = append(p.Warnings, fmt.Sprintf("no forecast for %s: our user is not shown %s yet; plan again after apply has granted it", o.Name, at))
			continue
		}
		data, err := f.object(ctx, o)
		if err != nil {
			return fmt.Errorf("forecast object %q: %w", o.Name, err)
		}
		p.Data = append(p.Data, data)
	}
	return p.advise(ctx, cfg, objects, have, f.prospects)
}

// gaps warns of choices that a vendor offers and that a field's picklist table does not name: as soon as somebody picks
// one, that record is rejected.
func (p *Plan) gaps(objects []*binding.Object) {
	for _, o := range objects {
		for _, f := range o.Fields {
			l := o.Lenses[f.Name]
			if l == nil {
				continue
			}
			for _, side := range record.Sides {
				if missing := l.Gaps(side); f.Owner.Owns(side) && len(missing) > 0 {
					p.Warnings = append(p.Warnings, fmt.Sprintf("picklist %q of %s does not name all that can be chosen in %s: %s; records with one of them are rejected, so add rows for them, or unlisted = \"keep\"",
						f.Picklist.Name, f.Address(), contract.Systems[side], someOf(missing)))
				}
			}
		}
	}
}

// someOf quotes the first few names.
func someOf(names []string) string {
	const most = 8
	quoted := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, strconv.Quote(n))
	}
	text := strings.Join(quoted, ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// hiddenObjects names, by contract object, what exists and is not shown to our user: its records can't be counted.
func hiddenObjects(have []resource.Resource) map[string]string {
	hidden := map[string]string{}
	for _, r := range have {
		if is, _ := r.Attributes["hidden"].(bool); is && r.Field == "" && r.Object != "" && !r.Managed {
			hidden[r.Object] = r.Address
		}
	}
	return hidden
}

// settled is the data half when the contract in force is the one planned: the sync carries changes as they come, so
// only what it has not got to yet is worth a number.
func (p *Plan) settled(ctx context.Context, cfg Config) error {
	stats, err := cfg.Ledger.Stats(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's figures: %w", err)
	}
	byName := map[string]ledger.ObjectStats{}
	for _, s := range stats {
		byName[s.Object] = s
	}
	for _, o := range cfg.Contract.Objects {
		s := byName[o.Name]
		p.Data = append(p.Data, Forecast{
			Object: o.Name, Basis: BasisLedger, Pairs: s.Pairs, Pending: s.Pending,
			Total: [2]int{record.Left: s.Pairs + s.Half[record.Left], record.Right: s.Pairs + s.Half[record.Right]},
		})
	}
	return nil
}
