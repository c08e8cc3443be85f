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

// recover deals with writes that were sent and never answered: by a crash, a time-out, a broken connection. What they
// were to create or to change is looked up before anything is repeated or decided anew.
func (p *Pipeline) recover(ctx context.Context, o *object) (bool, error) {
	if p.cfg.Clock().Before(p.lookAt()) {
		return false, nil
	}
	worked := false
	for _, side := range record.Sides {
		if p.loads.on(o, side) {
			continue
		}
		batches, err := o.ledger.Unsettled(ctx, o.Name, side)
		if err != nil {
			return worked, fmt.Errorf("ask for unanswered writes to %s of %s: %w", o.side(side), o.Name, err)
		}
		for _, b := range batches {
			did, err := p.recoverBatch(ctx, o, side, b)
			if err != nil {
				return worked, err
			}
			worked = worked || did
		}
	}
	return worked, nil
}

func (p *Pipeline) recoverBatch(ctx context.Context, o *object, side record.Side, b ledger.Batch) (bool, error) {
	now, limits := p.cfg.Clock(), o.Records[side].Limits()
	age, remembered := now.Sub(b.Tried), now.Sub(b.Sent) < keyLifetime
	if p.loads.on(o, side) {
		return false, nil // one load of this side was just taken up again: this batch comes after it
	}
	if err := p.cfg.Ledger.AuditUnanswered(ctx, o.side(side), b); err != nil {
		return false, err
	}
	if isLoad(limits, len(b.Intents)) && limits.BulkResumes && b.Whole && remembered {
		p.cfg.Logger.Info("take up an unanswered load again", "object", o.Name, "to", o.side(side), "records", len(b.Intents), "age", age.Round(time.Second))
		p.startLoad(ctx, o, side, b, b.Sent)
		return true, nil
	}
	if lag := limits.SearchLag; age < lag {
		p.lookAgain(b.Tried.Add(lag)) // the vendor's search may not show yet what it made
		return false, nil
	}
	arrived, repeatable, err := p.lookUp(ctx, o, side, b)
	if err != nil {
		return false, o.refusal(side, "look up unanswered writes of", err)
	}
	if repeatable && len(arrived) == 0 && remembered && b.Whole {
		// Nothing of it is there: send the very same batch again. Should the vendor still be at work on it, the key
		// makes it answer once and carry it out once.
		p.cfg.Logger.Info("repeat an unanswered batch", "object", o.Name, "to", o.side(side), "records", len(b.Intents), "age", age.Round(time.Second))
		if isLoad(limits, len(b.Intents)) {
			p.startLoad(ctx, o, side, b, b.Sent)
			return true, nil
		}
		return true, p.send(ctx, o, side, b, b.Sent)
	}
	outcomes := make([]ledger.Outcome, 0, len(b.Intents))
	for _, in := range b.Intents {
		out := ledger.Outcome{IntentID: in.ID, BatchID: b.ID}
		switch r, ok := arrived[in.ID]; {
		case ok && (r.Whole() || age >= inFlight || !shared(o, side, in)): // what shows a part of it may be another write
			out, out.IntentID, out.BatchID = r, in.ID, b.ID
		case in.Op == record.Create && age < inFlight+limits.SearchLag, age < inFlight && shared(o, side, in):
			continue // the vendor may yet come to it, or have come to it so late that its search does not show it yet
		case in.Op == record.Create:
			out.Retry = &ledger.Retry{At: p.cfg.Clock(), Error: "the write was not answered, and what it was to create is not there"}
		default:
			out.Reread = true
		}
		outcomes = append(outcomes, out)
	}
	if len(outcomes) < len(b.Intents) {
		next := inFlight
		if age >= inFlight {
			next += limits.SearchLag
		}
		p.lookAgain(b.Tried.Add(next))
	}
	if len(outcomes) == 0 {
		return false, nil
	}
	return true, p.settle(ctx, o, outcomes)
}

// lookUp finds out which intents of a batch were carried out, by intent: a create by its key; any other by what the
// record shows now. Taken for somebody's edit, our own unanswered write would run over a newer one on the other side. A
// batch that makes records is repeatable unless somebody has edited meanwhile what else it writes.
func (p *Pipeline) lookUp(ctx context.Context, o *object, side record.Side, b ledger.Batch) (arrived map[string]ledger.Outcome, repeatable bool, err error) {
	var keys, ids []string
	for _, in := range b.Intents {
		if in.Op == record.Create {
			keys = append(keys, in.Key)
		} else {
			ids = append(ids, in.RecordID)
		}
	}
	found := map[string][]string{}
	if len(keys) > 0 {
		if found, err = o.Records[side].Find(ctx, keys); err != nil {
			return nil, false, err
		}
	}
	shown := map[string]record.Record{}
	if len(ids) > 0 {
		records, err := o.Records[side].Read(ctx, ids)
		if err != nil {
			return nil, false, err
		}
		for _, r := range records {
			shown[r.ID] = r
		}
	}
	arrived, repeatable = map[string]ledger.Outcome{}, len(keys) > 0
	for _, in := range b.Intents {
		r, read := shown[in.RecordID]
		out, done := o.carriedOut(side, in, r)
		switch {
		case in.Op == record.Create && len(found[in.Key]) > 0:
			arrived[in.ID] = ledger.Outcome{Done: true, Found: true, RecordID: found[in.Key][0]}
		case in.Op != record.Create && read && done:
			arrived[in.ID] = out
		case in.Op != record.Create:
			repeatable = repeatable && read && asBefore(in, r)
		}
	}
	return arrived, repeatable, nil
}

// shared says whether an update writes a field that users of both sides edit. Carried out late, it would look like a
// newer edit; that of any other field would be put back.
func shared(o *object, side record.Side, in ledger.Intent) bool {
	return in.Op == record.Update && slices.ContainsFunc(o.Fields, func(f *contract.Field) bool {
		return f.Owner == contract.OwnerEither && slices.ContainsFunc(f.Ends[side], func(n contract.NativeField) bool {
			_, written := in.Fields[n.Name]
			return written
		})
	})
}

// asBefore says whether a record still shows what an intent was decided on, in the fields that it writes.
func asBefore(in ledger.Intent, r record.Record) bool {
	for name := range in.Fields {
		if !r.Fields[name].Equal(in.Before[name]) {
			return false
		}
	}
	return r.State == record.Live
}

// carriedOut says whether a record shows what an intent was to make of it, as its vendor may spell it, and what that settles:
// all of the intent, or those of its fields that show it, where somebody has edited others since.
func (o *object) carriedOut(side record.Side, in ledger.Intent, r record.Record) (out ledger.Outcome, done bool) {
	out = ledger.Outcome{Done: true, Found: true, RecordID: r.ID, Version: r.Version, Stored: record.Fields{}}
	if in.Op == record.Archive || in.Op == record.Delete {
		return out, r.State == record.Archived || r.State == record.Deleted
	}
	if r.State != record.Live || in.Key != "" && in.Key != r.Key {
		return out, false
	}
	for name, v := range in.Fields {
		if now, shown := r.Fields[name]; shown && now.Alike(v) {
			out.Stored[name] = now
		}
	}
	if len(out.Stored) == len(in.Fields) {
		return out, true
	}
	for _, f := range o.Fields {
		written, there := 0, 0
		for _, n := range f.Ends[side] {
			if _, ok := in.Fields[n.Name]; ok {
				written++
			}
			if _, ok := out.Stored[n.Name]; ok {
				there++
			}
		}
		if written == 0 || there < written {
			continue
		}
		for _, s := range record.Sides {
			for _, n := range f.Ends[s] {
				out.Carried[s] = append(out.Carried[s], n.Name)
			}
		}
	}
	return out, len(out.Carried[side]) > 0
}

// lookAgain makes the loop come back to an unanswered write in time.
func (p *Pipeline) lookAgain(at time.Time) {
	p.looking.Lock()
	defer p.looking.Unlock()
	if p.look.IsZero() || at.Before(p.look) {
		p.look = at
	}
}

// lookAt is when unanswered writes are worth looking at again; zero = now.
func (p *Pipeline) lookAt() time.Time {
	p.looking.Lock()
	defer p.looking.Unlock()
	return p.look
}

// lookNow forgets a time that has come.
func (p *Pipeline) lookNow() {
	p.looking.Lock()
	defer p.looking.Unlock()
	if !p.cfg.Clock().Before(p.look) {
		p.look = time.Time{}
	}
}
