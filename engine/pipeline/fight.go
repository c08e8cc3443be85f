package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

const (
	fightRounds = 4         // the same value, written to the same field of one record again and again
	fightWindow = time.Hour // within which it counts
)

// stopFights takes out of decisions what would only be undone again: a field that accord has set to one value time after
// time, and that somebody, or somebody's automation, keeps changing back. It becomes a conflict that names who. The field
// goes on when either side shows another value, when both agree, or when an operator has resolved the conflict.
func (p *Pipeline) stopFights(ctx context.Context, o *object, work []ledger.Work, resolutions []ledger.Resolution, env *environment) error {
	var pairs []string
	for i, r := range resolutions {
		if slices.ContainsFunc(r.Intents, func(in ledger.Intent) bool { return contested(work[i], in) }) {
			pairs = append(pairs, r.PairID)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	now := p.cfg.Clock()
	histories, err := p.cfg.Ledger.Histories(ctx, pairs, now.Add(-fightWindow))
	if err != nil {
		return fmt.Errorf("read what was written to %s lately: %w", o.Name, err)
	}
	for i := range resolutions {
		r := &resolutions[i]
		h := histories[r.PairID]
		if h == nil {
			continue
		}
		for n := range r.Intents {
			in := &r.Intents[n]
			for _, f := range o.Fields {
				if contested(work[i], *in) && writes(in, f) {
					p.stopFight(ctx, o, f, work[i], h, in, r, env)
				}
			}
		}
		r.Intents = slices.DeleteFunc(r.Intents, func(in ledger.Intent) bool {
			return in.Op == record.Update && len(in.Fields) == 0 && in.Key == ""
		})
	}
	return nil
}

// contested says whether an intent changes a record on which both sides have agreed before.
func contested(w ledger.Work, in ledger.Intent) bool {
	return in.Op == record.Update && len(in.Fields) > 0 && w.Pair.Base[in.Side] != nil
}

func writes(in *ledger.Intent, f *contract.Field) bool {
	return slices.ContainsFunc(f.Ends[in.Side], func(n contract.NativeField) bool {
		_, ok := in.Fields[n.Name]
		return ok
	})
}

// stopFight takes one field out of one intent if it is fought over.
func (p *Pipeline) stopFight(ctx context.Context, o *object, f *contract.Field, w ledger.Work, h *ledger.History, in *ledger.Intent, r *ledger.Resolution, env *environment) {
	left, right := view(o, f, w, env, record.Left), view(o, f, w, env, record.Right)
	stopped, open := h.Stopped[f.Name]
	detail := stopped.Detail
	if !open || !stopped.Left.Equal(left) || !stopped.Right.Equal(right) {
		n, since := rounds(h, f, in, w)
		if n < fightRounds {
			return
		}
		if !open {
			detail = p.fightDetail(ctx, o, f, w, in.Side, n, since)
			p.cfg.Logger.Warn("stopped a fight", "object", o.Name, "pair", w.Pair.ID, "field", f.Name, "detail", detail)
		}
	}
	for _, n := range f.Ends[in.Side] {
		delete(in.Fields, n.Name)
	}
	for _, side := range record.Sides {
		for _, n := range f.Ends[side] {
			delete(in.Agreed[side], n.Name)
		}
	}
	r.Conflicts = append(r.Conflicts, ledger.Conflict{
		Object: o.Name, PairID: w.Pair.ID, Field: f.Name, Reason: ledger.ReasonFight, Left: left, Right: right, Detail: detail,
		Remedy: "stop whatever changes it at " + contract.Systems[in.Side] + ", or give the field another owner or on_drift; then `accord conflicts resolve`",
	})
}

// rounds counts how often the value that an intent is about to write was written already, without another between, and
// since when. The value is the same, too, when the side that it comes from shows what it showed then: a vendor may store a
// value in another spelling than it was given.
func rounds(h *ledger.History, f *contract.Field, in *ledger.Intent, w ledger.Work) (n int, since time.Time) {
	var newest *ledger.Write
	for i := len(h.Writes) - 1; i >= 0; i-- {
		written := &h.Writes[i]
		switch {
		case written.Side != in.Side || !written.At.After(h.Ended[f.Name]) || !covers(written.After, f, in.Side):
			continue
		case newest == nil:
			newest = written
			from := in.Side.Other()
			if !same(written.After, in.Fields, f, in.Side) && (w.Seen[from] == nil || !same(w.Pair.Base[from], w.Seen[from].Fields, f, from)) {
				return 0, since
			}
		case !same(written.After, newest.After, f, in.Side):
			return n, since
		}
		n, since = n+1, written.At
	}
	return n, since
}

func covers(fields record.Fields, f *contract.Field, side record.Side) bool {
	return slices.ContainsFunc(f.Ends[side], func(n contract.NativeField) bool {
		_, ok := fields[n.Name]
		return ok
	})
}

// same says whether two sets of native values agree on what both hold of a field, and hold any of it.
func same(a, b record.Fields, f *contract.Field, side record.Side) bool {
	shared := false
	for _, n := range f.Ends[side] {
		x, inA := a[n.Name]
		y, inB := b[n.Name]
		if inA && inB {
			if !x.Equal(y) {
				return false
			}
			shared = true
		}
	}
	return shared
}

// fightDetail names both parties: who keeps changing the field at the written side, and, at the other, accord, or whoever
// it acts for where the field was edited there as well since the fight began.
func (p *Pipeline) fightDetail(ctx context.Context, o *object, f *contract.Field, w ledger.Work, side record.Side, n int, since time.Time) string {
	from := side.Other()
	who := [2]string{}
	for _, s := range record.Sides {
		if seen := w.Seen[s]; seen != nil {
			actor := editOf(seen, f, s).Actor
			if actor == "" && s == side {
				actor = seen.Actor
			}
			if actor != "" {
				who[s] = p.personName(ctx, o, s, actor)
			}
		}
	}
	one, other := "accord", who[side]
	if seen := w.Seen[from]; seen != nil && who[from] != "" && newestChange(seen, f, from).Time().After(since) {
		one = fmt.Sprintf("accord for %s, who changes it at %s, or an automation that acts for them,", who[from], contract.Systems[from])
	}
	if other == "" {
		other = "somebody whom " + contract.Systems[side] + " does not name"
	}
	return fmt.Sprintf("was written %d times within %s, and changed back each time: %s on one side; on the other, at %s, %s or an automation that acts for them",
		n, p.cfg.Clock().Sub(since).Round(time.Second), one, contract.Systems[side], other)
}

// newestChange is when a field changed last at a side.
func newestChange(r *record.Record, f *contract.Field, side record.Side) (at record.Version) {
	for _, n := range f.Ends[side] {
		at = max(at, r.ChangedAt(n.Name))
	}
	return at
}

// personName names a user of one side for people to read: by name and id, or by the id alone where nothing more is told.
func (p *Pipeline) personName(ctx context.Context, o *object, side record.Side, id string) string {
	return p.peopleNames(ctx, o, side, []string{id})[id]
}

// peopleNames is personName for several, by id, in one question.
func (p *Pipeline) peopleNames(ctx context.Context, o *object, side record.Side, ids []string) map[string]string {
	names := map[string]string{}
	if len(ids) == 0 {
		return names
	}
	people, err := p.providers[o.side(side)].People(ctx, ids, nil)
	if err != nil {
		p.cfg.Logger.Debug("look up who changed a record", "at", o.side(side), "error", err)
	}
	for _, id := range ids {
		names[id] = "user " + id
	}
	for _, person := range people {
		_, asked := names[person.ID]
		switch {
		case !asked:
		case person.Name != "":
			names[person.ID] = person.Name + " (" + person.ID + ")"
		case person.Email != "":
			names[person.ID] = person.Email + " (" + person.ID + ")"
		}
	}
	return names
}
