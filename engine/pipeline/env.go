package pipeline

import (
	"context"
	"fmt"
	"slices"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

// environment is what the lenses may look up while one batch is resolved: fetched before, so that resolving does no I/O
// and the same question has the same answer all through the batch.
type environment struct {
	p       *Pipeline
	object  *object
	pairs   map[string][2]map[string]string // by referred object: record id to pair id, by side
	records map[string][2]map[string]string // by referred object: pair id to record id, by side
	awards  map[string]map[string]ledger.Award
	void    []ledger.Award // that turned out to hold no longer
}

// environment fetches everything that the given records of an object may ask for.
func (p *Pipeline) environment(ctx context.Context, o *object, records [2][]*record.Record) (*environment, error) {
	if err := p.directory.Learn(ctx, o.Object, records); err != nil {
		return nil, err
	}
	e := &environment{p: p, object: o, pairs: map[string][2]map[string]string{}, records: map[string][2]map[string]string{}}
	for _, f := range o.Fields {
		if f.Reference == nil {
			continue
		}
		name := f.Reference.Name
		pairs := [2]map[string]string{}
		var all []string
		for _, side := range record.Sides {
			var ids []string
			for _, r := range records[side] {
				ids = append(ids, referred(f, side, r.Fields)...)
			}
			slices.Sort(ids)
			var err error
			if pairs[side], err = p.cfg.Ledger.PairByRecord(ctx, name, side, slices.Compact(ids)); err != nil {
				return nil, fmt.Errorf("look up the pairs that %s refers to: %w", o.Name, err)
			}
			for _, pair := range pairs[side] {
				all = append(all, pair)
			}
		}
		slices.Sort(all)
		back := [2]map[string]string{}
		for _, side := range record.Sides {
			var err error
			if back[side], err = p.cfg.Ledger.RecordByPair(ctx, side, slices.Compact(all)); err != nil {
				return nil, fmt.Errorf("look up the records that %s refers to: %w", o.Name, err)
			}
		}
		e.add(name, pairs, back)
	}
	return e, nil
}

// strangers are the records that both records of a pair refer to, and that were in no pair when the batch began. Whatever was
// decided about them, a condition among it, may come out otherwise once they are known.
func (e *environment) strangers(o *object, w ledger.Work) []ledger.Expected {
	var list []ledger.Expected
	for _, f := range o.Fields {
		if f.Reference == nil {
			continue
		}
		for _, side := range record.Sides {
			if w.Seen[side] == nil {
				continue
			}
			for _, id := range referred(f, side, w.Seen[side].Fields) {
				if _, known := e.PairOf(f.Reference.Name, side, id); !known {
					list = append(list, ledger.Expected{Object: f.Reference.Name, Side: side, RecordID: id})
				}
			}
		}
	}
	return list
}

// referred lists the ids that one side of a field refers to.
func referred(f *contract.Field, side record.Side, fields record.Fields) (ids []string) {
	for _, n := range f.Ends[side] {
		if v := fields[n.Name]; v.Kind() == record.Reference {
			ids = append(ids, v.Parts()...)
		}
	}
	return ids
}

// add joins what two fields that refer to the same object need.
func (e *environment) add(object string, pairs, records [2]map[string]string) {
	for _, into := range []struct {
		m map[string][2]map[string]string
		v [2]map[string]string
	}{{e.pairs, pairs}, {e.records, records}} {
		have, ok := into.m[object]
		if !ok {
			into.m[object] = into.v
			continue
		}
		for side := range have {
			for k, v := range into.v[side] {
				have[side][k] = v
			}
		}
	}
}

// Email is a person's address.
func (e *environment) Email(side record.Side, id string) (string, bool) {
	return e.p.directory.Email(e.object.Ends[side].Connection, id)
}

// PersonID is the active user with an address.
func (e *environment) PersonID(side record.Side, email string) (string, bool) {
	return e.p.directory.PersonID(e.object.Ends[side].Connection, email)
}

// PairOf is the pair that a record belongs to.
func (e *environment) PairOf(object string, side record.Side, id string) (string, bool) {
	pair, ok := e.pairs[object][side][id]
	return pair, ok
}

// RecordOf is a pair's record on one side.
func (e *environment) RecordOf(object string, side record.Side, pair string) (string, bool) {
	id, ok := e.records[object][side][pair]
	return id, ok && id != ""
}
