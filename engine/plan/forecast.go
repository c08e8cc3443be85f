package plan

import (
	"context"
	"fmt"
	"slices"

	"accord/engine/binding"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/provider"
	"accord/engine/record"
)

const (
	defaultScanLimit = 20_000
	sampleSize       = 1_000
	maxSamples       = 5
)

// forecaster plays the first round of a sync over what both vendors show now, and writes nothing.
type forecaster struct {
	cfg       Config
	directory *binding.Directory
	// pairs of the objects played so far: by object and side, record id to pair id, and back.
	pairOf   map[string]*[2]map[string]string
	recordOf map[string]*[2]map[string]string
	// prospects are the creates of the objects played so far.
	prospects map[string]*prospect
}

func newForecaster(cfg Config) *forecaster {
	return &forecaster{
		cfg: cfg, directory: binding.NewDirectory(cfg.Providers, cfg.Clock),
		pairOf: map[string]*[2]map[string]string{}, recordOf: map[string]*[2]map[string]string{},
		prospects: map[string]*prospect{},
	}
}

// couple is a pair as the forecast sees it.
type couple struct {
	id   string
	seen [2]*record.Record
	base [2]record.Fields
	// paired says that the ledger knows both records, whether they are shown or not; held, that nothing is done about the
	// one that is there until a person decides, or ever.
	paired, held bool
}

func (f *forecaster) object(ctx context.Context, o *binding.Object) (Forecast, error) {
	result := Forecast{Object: o.Name, Basis: BasisExact, Fields: map[string][2]int{}, Held: map[string]int{}}
	var records [2][]*record.Record
	for _, side := range record.Sides {
		var err error
		if records[side], err = f.read(ctx, o, side, &result); err != nil {
			return result, err
		}
	}
	if err := f.directory.Learn(ctx, o, records); err != nil {
		return result, err
	}
	couples, err := f.pair(ctx, o, records, &result)
	if err != nil {
		return result, err
	}
	f.remember(o, couples)
	f.prospects[o.Name] = &prospect{}
	for _, c := range couples {
		f.play(o, c, &result)
	}
	for _, side := range record.Sides {
		result.Calls[side] = calls(o.Records[side].Limits(), map[record.Op]int{
			record.Create: result.Creates[side], record.Update: result.Updates[side] + result.Links[side], record.Delete: result.Removals[side],
		})
	}
	return result, nil
}

// calls estimates what writing so many records costs: by loads where there are enough of them, else by batches.
func calls(limits provider.Limits, rows map[record.Op]int) int {
	loaded, rest := 0, 0
	for op, n := range rows {
		if slices.Contains(limits.BulkOps, op) {
			loaded += n
		} else {
			rest += n
		}
	}
	parts := func(n, size int) int { return (n + size - 1) / max(1, size) }
	n := 0
	if limits.BulkFrom > 0 && loaded >= limits.BulkFrom {
		n = parts(loaded, max(1, limits.BulkSize)) * limits.BulkCalls
	} else {
		rest += loaded
	}
	return n + parts(rest, max(1, limits.BatchSize))
}

// read takes all records of one side, or, where there are too many, the first of them. A container that apply has yet
// to make holds none.
func (f *forecaster) read(ctx context.Context, o *binding.Object, side record.Side, result *Forecast) ([]*record.Record, error) {
	total, err := o.Records[side].Count(ctx)
	if provider.KindOf(err) == provider.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	limit := f.cfg.ScanLimit
	if limit == 0 {
		limit = defaultScanLimit
	}
	if total <= limit {
		limit = total + sampleSize // records may come while we read
	} else {
		limit = sampleSize
		result.Basis = BasisSampled
	}
	var records []*record.Record
	_, err = o.Records[side].List(ctx, 0, func(page []record.Record) error {
		for i := range page {
			if page[i].State == record.Live && len(records) < limit {
				records = append(records, &page[i])
			}
		}
		if len(records) >= limit {
			return errEnough
		}
		return nil
	})
	if err != nil && !isEnough(err) {
		return nil, err
	}
	result.Total[side], result.Read[side] = total, len(records)
	return records, nil
}

// pair joins records by the ids they carry, by what the ledger knows, and by the object's match fields.
func (f *forecaster) pair(ctx context.Context, o *binding.Object, records [2][]*record.Record, result *Forecast) ([]*couple, error) {
	byID := [2]map[string]*couple{{}, {}}
	var couples []*couple
	known, err := f.known(ctx, o, records)
	if err != nil {
		return nil, err
	}
	join := map[string]*couple{}
	for _, side := range record.Sides {
		for _, r := range records[side] {
			if pair, ok := known[side][r.ID]; ok {
				if c := join[pair]; c != nil && c.seen[side] == nil {
					c.seen[side], byID[side][r.ID] = r, c
					continue
				}
			}
			if side == record.Right {
				if c := byID[record.Left][r.Key]; c != nil && c.seen[side] == nil {
					c.seen[side], byID[side][r.ID] = r, c
					continue
				}
			}
			c := &couple{id: o.Name + "/" + side.String() + "/" + r.ID}
			c.seen[side] = r
			byID[side][r.ID] = c
			couples = append(couples, c)
			if pair, ok := known[side][r.ID]; ok {
				c.id, join[pair] = pair, c
			}
		}
	}
	if err := f.agreed(ctx, couples); err != nil {
		return nil, err
	}
	couples = f.match(o, couples, byID, result)
	for _, c := range couples {
		if c.seen[0] != nil && c.seen[1] != nil {
			result.Pairs++
		}
	}
	return couples, nil
}

// known asks the ledger which records are paired already.
func (f *forecaster) known(ctx context.Context, o *binding.Object, records [2][]*record.Record) ([2]map[string]string, error) {
	var known [2]map[string]string
	for _, side := range record.Sides {
		ids := make([]string, len(records[side]))
		for i, r := range records[side] {
			ids[i] = r.ID
		}
		var err error
		if known[side], err = f.cfg.Ledger.PairByRecord(ctx, o.Name, side, ids); err != nil {
			return known, fmt.Errorf("look up pairs: %w", err)
		}
	}
	return known, nil
}

// agreed fills in what both sides of known pairs agreed on last.
func (f *forecaster) agreed(ctx context.Context, couples []*couple) error {
	ids := make([]string, len(couples))
	for i, c := range couples {
		ids[i] = c.id
	}
	pairs, err := f.cfg.Ledger.Pairs(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range couples {
		p := pairs[c.id]
		c.base, c.paired = p.Base, p.Paired()
		c.held = p.State == ledger.PairHeld || p.Lone != ledger.LoneNew && p.Lone != ledger.LoneRenewed
	}
	return nil
}

func (f *forecaster) match(o *binding.Object, couples []*couple, byID [2]map[string]*couple, result *Forecast) []*couple {
	if len(o.Match) == 0 {
		return couples
	}
	env := f.env(o)
	var candidates [2][]binding.Candidate
	for _, c := range couples {
		for _, side := range record.Sides {
			if c.seen[side] != nil && c.seen[side.Other()] == nil && !c.paired && !c.held {
				if key, ok := o.MatchKey(side, c.seen[side], env); ok {
					candidates[side] = append(candidates[side], binding.Candidate{ID: c.seen[side].ID, Key: key})
				}
			}
		}
	}
	m := binding.Match(candidates[record.Left], candidates[record.Right])
	gone := map[*couple]bool{}
	for _, p := range m.Pairs {
		left, right := byID[record.Left][p[0]], byID[record.Right][p[1]]
		left.seen[record.Right] = right.seen[record.Right]
		gone[right] = true
		result.Matched++
	}
	for _, a := range m.Ambiguous {
		for side, ids := range a {
			for _, id := range ids {
				gone[byID[side][id]] = true
				result.Ambiguous++
			}
		}
	}
	kept := couples[:0:0]
	for _, c := range couples {
		if !gone[c] {
			kept = append(kept, c)
		}
	}
	return kept
}

// remember makes the couples findable for objects that refer to this one. A record that would be created counts as
// there: its id is not known yet, but its reference will settle.
func (f *forecaster) remember(o *binding.Object, couples []*couple) {
	pairs, records := &[2]map[string]string{{}, {}}, &[2]map[string]string{{}, {}}
	for _, c := range couples {
		for _, side := range record.Sides {
			switch {
			case c.seen[side] != nil:
				pairs[side][c.seen[side].ID], records[side][c.id] = c.id, c.seen[side].ID
			case o.Creates[side] != nil:
				records[side][c.id] = "new:" + c.id
			}
		}
	}
	f.pairOf[o.Name], f.recordOf[o.Name] = pairs, records
}

// play resolves one couple and counts what would be written.
func (f *forecaster) play(o *binding.Object, c *couple, result *Forecast) {
	if c.held {
		result.Held["held until a person decides"]++
		return
	}
	d := merge.Resolve(merge.Input{
		Object: o.Object, Lenses: o.Lenses, Env: f.env(o), Base: c.base, Seen: c.seen,
		Paired:    c.paired || c.seen[0] != nil && c.seen[1] != nil,
		Qualifies: o.Object.Qualifies,
	})
	for _, side := range record.Sides {
		p := d.Patches[side]
		if p == nil {
			continue
		}
		action := ""
		switch {
		case p.Op == record.Create:
			result.Creates[side]++
			f.prospects[o.Name].add(side, p)
			result.Links[side.Other()]++ // the record that was there gets the new one's id
			action = "create"
		case p.Op != record.Update:
			result.Removals[side]++
			action = p.Op.String()
		case len(p.Fields) == 0:
			result.Links[side]++
		default:
			result.Updates[side]++
			action = "update"
			f.countFields(o, side, p, result)
		}
		if action != "" && f.cfg.Data == DataFull && len(result.Samples) < maxSamples {
			result.Samples = append(result.Samples, sample(o, side, action, c, p))
		}
	}
	for _, conflict := range d.Conflicts {
		result.Held[conflict.Field+": "+conflict.Reason]++
	}
}

func (f *forecaster) countFields(o *binding.Object, side record.Side, p *record.Patch, result *Forecast) {
	for _, field := range o.Fields {
		for _, n := range field.Ends[side] {
			if _, ok := p.Fields[n.Name]; ok {
				counts := result.Fields[field.Name]
				counts[side]++
				result.Fields[field.Name] = counts
				break
			}
		}
	}
}

func sample(o *binding.Object, side record.Side, action string, c *couple, p *record.Patch) Sample {
	s := Sample{Action: action, Side: side, ID: p.ID}
	from := side.Other()
	if c.seen[from] == nil {
		from = side
	}
	if s.ID == "" {
		s.ID = c.seen[from].ID
	}
	for _, f := range o.Fields {
		if f.Name == "name" && len(f.Ends[from]) == 1 && f.Sensitive == "" {
			s.Name = c.seen[from].Fields[f.Ends[from][0].Name].String()
		}
	}
	if action != "update" {
		return s
	}
	for _, f := range o.Fields {
		for _, n := range f.Ends[side] {
			v, ok := p.Fields[n.Name]
			if !ok || s.Detail != "" {
				continue
			}
			if f.Sensitive != "" {
				s.Detail = f.Name + " (sensitive)"
				continue
			}
			s.Detail = fmt.Sprintf("%s %q -> %q", f.Name, c.seen[side].Fields[n.Name].String(), v.String())
		}
	}
	return s
}
