package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// Survey is what of one object has no partner and is worth a person's look: records whose match is not clear, records that
// resemble one of the other side, and records for which a new one would be created.
type Survey struct {
	Object     *contract.Object
	Records    [2][]Unpaired
	Candidates []binding.Resemblance // by places in Records
}

// Unpaired is one record without a partner.
type Unpaired struct {
	PairID, RecordID string
	// Texts are its values of the fields that it is recognised by, by contract field, for people to read; sensitive ones
	// are not shown.
	Texts map[string]string
	Held  bool // nothing is created for it until somebody decides
	// Creates says that a record would be created for it on the other side.
	Creates bool
}

// Surveys looks at all objects, or at one. What was never listed under the contract in force is listed and matched first.
// A record that resembles one of the other side, and for which a new one would be created otherwise, is held until somebody
// decides. It writes nothing to any vendor.
func Surveys(ctx context.Context, cfg Config, object string) ([]Survey, error) {
	p := New(cfg)
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	defer p.close()
	var list []Survey
	for _, o := range p.objects {
		if object != "" && o.Name != object {
			continue
		}
		s, err := p.survey(ctx, o)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	if object != "" && len(list) == 0 {
		return nil, fmt.Errorf("the contract in force has no object %q", object)
	}
	return list, nil
}

func (p *Pipeline) survey(ctx context.Context, o *object) (Survey, error) {
	s := Survey{Object: o.Object.Object}
	if err := p.meet(ctx, o); err != nil {
		return s, err
	}
	doubles, err := p.doubles(ctx, o)
	if err != nil {
		return s, err
	}
	var halves [2][]ledger.HalfPair
	var seen [2][]*record.Record
	for _, side := range record.Sides {
		err := p.cfg.Ledger.Unpaired(ctx, o.Name, side, func(h ledger.HalfPair) error {
			if !doubles[h.PairID] && (h.Lone == ledger.LoneNew || h.Lone == ledger.LoneLetGo) {
				halves[side] = append(halves[side], h)
			}
			return nil
		})
		if err != nil {
			return s, fmt.Errorf("read the unpaired records of %s: %w", o.Name, err)
		}
		slices.SortFunc(halves[side], func(a, b ledger.HalfPair) int { return strings.Compare(a.Record.ID, b.Record.ID) })
		for i := range halves[side] {
			seen[side] = append(seen[side], &halves[side][i].Record)
		}
	}
	env, err := p.environment(ctx, o, seen)
	if err != nil {
		return s, err
	}
	var profiles [2][]binding.Profile
	for _, side := range record.Sides {
		for _, h := range halves[side] {
			values := merge.Canonical(o.Object.Object, o.Lenses, env, side, h.Record.Fields)
			profiles[side] = append(profiles[side], profileOf(o, h.PairID, values))
			creates, err := o.Object.Object.Qualifies(side.Other(), nil, values)
			s.Records[side] = append(s.Records[side], Unpaired{
				PairID: h.PairID, RecordID: h.Record.ID, Texts: textsOf(o, values), Held: h.State == ledger.PairHeld,
				Creates: creates && err == nil,
			})
		}
	}
	s.Candidates = binding.Resemblances(profiles[record.Left], profiles[record.Right])
	if err := p.suspend(ctx, o, &s); err != nil {
		return s, err
	}
	s.trim()
	return s, nil
}

// meet lists and matches an object that was not listed under the contract in force yet.
func (p *Pipeline) meet(ctx context.Context, o *object) error {
	done, err := p.cfg.Ledger.Cursor(ctx, backfilled, o.Name)
	if err != nil {
		return fmt.Errorf("ask whether %s was listed: %w", o.Name, err)
	}
	if done == p.contract.Digest() {
		return nil
	}
	for _, side := range record.Sides {
		if _, stop, err := p.relistSide(ctx, o, side); err != nil {
			return err
		} else if stop {
			return fmt.Errorf("object %s is halted: see `accord status`", o.Name)
		}
	}
	return p.pair(ctx, o)
}

// doubles are the pairs of records that are held for carrying a key that is another record's: they are decided about one by
// one, not by what they look like.
func (p *Pipeline) doubles(ctx context.Context, o *object) (map[string]bool, error) {
	conflicts, err := p.cfg.Ledger.Conflicts(ctx, ledger.Filter{Object: o.Name})
	if err != nil {
		return nil, fmt.Errorf("read the conflicts of %s: %w", o.Name, err)
	}
	list := map[string]bool{}
	for _, c := range conflicts {
		if c.Reason == ledger.ReasonDuplicate || c.Reason == ledger.ReasonMerged {
			list[c.PairID] = true
		}
	}
	return list, nil
}

// suspend holds records that resemble one of the other side and would be created anew there.
func (p *Pipeline) suspend(ctx context.Context, o *object, s *Survey) error {
	var conflicts []ledger.Conflict
	told := map[string]bool{}
	for _, c := range s.Candidates {
		for side, i := range [2]int{c.Left, c.Right} {
			side := record.Side(side)
			r, other := &s.Records[side][i], s.Records[side.Other()][[2]int{c.Left, c.Right}[side.Other()]]
			if r.Held || !r.Creates || told[r.PairID] {
				continue
			}
			told[r.PairID] = true
			conflicts = append(conflicts, ledger.Conflict{
				Object: o.Name, PairID: r.PairID, Reason: ledger.ReasonAmbiguous,
				Detail: fmt.Sprintf("%s record %s looks like %s record %s (%d of 100): none is created for it until somebody decides",
					contract.Systems[side], r.RecordID, contract.Systems[side.Other()], other.RecordID, c.Score),
				Remedy: "say whether they are the same in the file of `accord matches export`, or resolve this conflict to have one created",
			})
		}
	}
	if len(conflicts) == 0 {
		return nil
	}
	if err := p.cfg.Ledger.Hold(ctx, conflicts); err != nil {
		return fmt.Errorf("hold records of %s: %w", o.Name, err)
	}
	for _, side := range record.Sides {
		for i := range s.Records[side] {
			r := &s.Records[side][i]
			r.Held = r.Held || told[r.PairID]
		}
	}
	return nil
}

// trim leaves out records of which there is nothing to decide: nothing resembles them, and nothing is created for them.
func (s *Survey) trim() {
	var place [2][]int
	for _, side := range record.Sides {
		wanted := make([]bool, len(s.Records[side]))
		for _, c := range s.Candidates {
			wanted[[2]int{c.Left, c.Right}[side]] = true
		}
		place[side] = make([]int, len(wanted))
		var kept []Unpaired
		for i, r := range s.Records[side] {
			if wanted[i] || r.Held || r.Creates {
				place[side][i] = len(kept)
				kept = append(kept, r)
			}
		}
		s.Records[side] = kept
	}
	for i, c := range s.Candidates {
		s.Candidates[i].Left, s.Candidates[i].Right = place[record.Left][c.Left], place[record.Right][c.Right]
	}
}

// recognised are the contract fields that records are recognised by: those that they are matched by, or the name.
func recognised(o *object) []*contract.Field {
	var fields []*contract.Field
	for _, name := range o.Match {
		fields = append(fields, o.Field(name))
	}
	if f := o.Field("name"); len(fields) == 0 && f != nil {
		fields = append(fields, f)
	}
	return fields
}

// profileOf is what a record may be recognised by.
func profileOf(o *object, id string, values map[string]record.Value) binding.Profile {
	p := binding.Profile{ID: id, Other: map[string]string{}}
	known := recognised(o)
	for _, f := range known {
		v, key := values[f.Name], ""
		if l := o.Lenses[f.Name]; l != nil && !v.IsEmpty() {
			key = l.Key(v)
		}
		text := v.String()
		if v.Kind() == record.Reference { // an id looks like nothing
			text = ""
		}
		p.Match, p.Keys = append(p.Match, text), append(p.Keys, key)
	}
	for _, f := range o.Fields {
		if v := values[f.Name]; !slices.Contains(known, f) && !v.IsEmpty() && o.Lenses[f.Name] != nil && v.Kind() != record.Bool {
			p.Other[f.Name] = o.Lenses[f.Name].Key(v)
		}
	}
	return p
}

// textsOf shows people what a record is recognised by.
func textsOf(o *object, values map[string]record.Value) map[string]string {
	texts := map[string]string{}
	for _, f := range recognised(o) {
		switch v := values[f.Name]; {
		case v.IsEmpty():
		case f.Sensitive != "":
			texts[f.Name] = "(sensitive)"
		default:
			texts[f.Name] = v.String()
		}
	}
	return texts
}
