package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// Reversal is what putting back a run would do.
type Reversal struct {
	Run     string
	Changes []ReversedRecord
	// Created and Removed count what the run made, archived or deleted: that is not overwriting, and stays as it is.
	Created, Removed int
}

// ReversedRecord is one record that the run overwrote.
type ReversedRecord struct {
	Object, PairID, RecordID string
	Side                     record.Side
	Fields                   []ReversedField
	Skipped                  string // why nothing of it can be put back; "" when something can
}

// ReversedField is one native field of it.
type ReversedField struct {
	Name          string // native
	Field         string // contract field; "" when the contract in force has none for it
	Before, After record.Value
	Now           record.Value
	Sensitive     bool
	Skipped       string // why it is not put back; "" when it is
}

// Part narrows a reversal to some of what a run wrote. Empty parts narrow nothing.
type Part struct {
	Object       string
	Since, Until time.Time // by this machine's clock
}

// has says whether a write is in it.
func (p Part) has(w ledger.Write) bool {
	return (p.Object == "" || p.Object == w.Object) && !w.At.Before(p.Since) && (p.Until.IsZero() || !w.At.After(p.Until))
}

// Writes counts the records that would be written.
func (r *Reversal) Writes() int {
	n := 0
	for _, c := range r.Changes {
		if c.Skipped == "" && slices.ContainsFunc(c.Fields, func(f ReversedField) bool { return f.Skipped == "" }) {
			n++
		}
	}
	return n
}

// Reverter puts back what a run overwrote, where nobody has edited since.
type Reverter struct{ p *Pipeline }

// NewReverter connects to the vendors under the contract in force. Close it.
func NewReverter(ctx context.Context, cfg Config) (*Reverter, error) {
	p := New(cfg)
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	return &Reverter{p}, nil
}

// Close ends its connections.
func (r *Reverter) Close() {
	r.p.lanes.close(context.Background())
	r.p.close()
}

// Plan reads what the records show now that a run, or a part of it, wrote, and says what would be put back. It writes to no
// vendor.
func (r *Reverter) Plan(ctx context.Context, run string, part Part) (*Reversal, error) {
	plan := &Reversal{Run: run}
	type spot struct {
		pair string
		side record.Side
	}
	records := map[spot]*overwritten{}
	var order []spot
	err := r.p.cfg.Ledger.RunWrites(ctx, run, func(w ledger.Write) error {
		if !part.has(w) {
			return nil
		}
		switch w.Op {
		case record.Create:
			plan.Created++
			return nil
		case record.Archive, record.Delete:
			plan.Removed++
			return nil
		}
		if len(w.After) == 0 {
			return nil // it wrote the other record's id only
		}
		at := spot{w.PairID, w.Side}
		if records[at] == nil {
			records[at] = &overwritten{object: w.Object, pair: w.PairID, side: w.Side, before: record.Fields{}, after: record.Fields{}}
			order = append(order, at)
		}
		records[at].add(w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, o := range r.p.objects {
		for _, side := range record.Sides {
			var list []*overwritten
			for _, at := range order {
				if x := records[at]; x.object == o.Name && x.side == side {
					list = append(list, x)
				}
			}
			if err := r.reread(ctx, o, side, list); err != nil {
				return nil, err
			}
			for _, x := range list {
				change, err := r.compare(ctx, o, x)
				if err != nil {
					return nil, err
				}
				plan.Changes = append(plan.Changes, change)
			}
		}
	}
	return plan, nil
}

// overwritten is a record's fields before the run's first write to each, and after its last.
type overwritten struct {
	object, pair, id string
	side             record.Side
	before, after    record.Fields
}

func (x *overwritten) add(w ledger.Write) {
	x.id = w.RecordID
	for name, v := range w.After {
		if _, twice := x.after[name]; !twice {
			if b, shown := w.Before[name]; shown {
				x.before[name] = b
			}
		}
		x.after[name] = v
	}
}

// reread brings what the vendor shows now into the ledger, so that nobody's newer edit is overlooked.
func (r *Reverter) reread(ctx context.Context, o *object, side record.Side, list []*overwritten) error {
	for chunk := range slices.Chunk(list, readBatch) {
		ids := make([]string, len(chunk))
		for i, x := range chunk {
			ids[i] = x.id
		}
		records, err := o.Records[side].Read(ctx, ids)
		if err != nil {
			return fmt.Errorf("read %d records of %s at %s: %w", len(ids), o.Name, o.side(side), err)
		}
		c := ledger.Capture{Priority: ledger.PriorityLive}
		for _, rec := range records {
			c.Observations = append(c.Observations, ledger.Observation{Object: o.Name, Side: side, Record: rec, Full: true})
		}
		if _, err := r.p.cfg.Ledger.Capture(ctx, c); err != nil {
			return fmt.Errorf("capture %d records of %s: %w", len(ids), o.Name, err)
		}
	}
	// What was read may be no newer than what is known, as far as the vendor's clock tells: then it is read once more.
	const most = 3
	for range most {
		if did, err := r.p.refresh(ctx, o); err != nil || !did {
			return err
		}
	}
	return nil
}

// compare says of one record what can be put back.
func (r *Reverter) compare(ctx context.Context, o *object, x *overwritten) (ReversedRecord, error) {
	c := ReversedRecord{Object: x.object, PairID: x.pair, RecordID: x.id, Side: x.side}
	e, err := r.p.cfg.Ledger.Explain(ctx, x.object, x.id)
	if err != nil {
		return c, fmt.Errorf("look up record %s of %s: %w", x.id, x.object, err)
	}
	c.PairID = e.Pair.ID // pairs may have been joined since
	now := e.Seen[x.side]
	switch {
	case now == nil || now.State != record.Live:
		c.Skipped = "the record is not there any more"
	case e.Pair.State != ledger.PairLive:
		c.Skipped = "its pair is " + string(e.Pair.State)
	case len(e.Intents) > 0:
		c.Skipped = "a write of it is under way"
	case e.Dirty[x.side]:
		c.Skipped = "what it shows is not certain yet: let the sync read it first"
	}
	writable := map[string]ReversedField{}
	for _, f := range o.Fields {
		for _, n := range f.Ends[x.side] {
			writable[n.Name] = ReversedField{Field: f.Name, Sensitive: f.Sensitive != ""}
		}
	}
	for _, name := range sortedNames(x.after) {
		f := writable[name]
		f.Name, f.After = name, x.after[name]
		before, known := x.before[name]
		f.Before = before
		shown := false
		if now != nil {
			f.Now, shown = now.Fields[name]
		}
		switch {
		case f.Field == "":
			f.Skipped = "the contract in force does not name it"
		case !known:
			f.Skipped = "what stood there before is not known"
		case !shown:
			f.Skipped = "the vendor does not show it"
		case f.Now.Equal(before):
			f.Skipped = "it holds that already"
		case !f.Now.Equal(f.After) && !(f.Now.Alike(f.After) && now.OriginOf(name).Ours): // its vendor may spell it otherwise
			f.Skipped = "somebody has edited it since"
		}
		c.Fields = append(c.Fields, f)
	}
	return c, nil
}

func sortedNames(f record.Fields) []string {
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Apply carries a reversal out: each write goes by an intent, like any other, and only where the record still shows what the plan
// saw. What is put back counts as agreed: the two sides differ there until an owner edits the field again. It returns how
// many records were left alone because they moved in the meantime.
func (r *Reverter) Apply(ctx context.Context, plan *Reversal) (moved int, err error) {
	for _, o := range r.p.objects {
		var intents []ledger.Intent
		for _, c := range plan.Changes {
			if c.Object == o.Name && c.Skipped == "" {
				if in, some := c.intent(plan.Run); some {
					intents = append(intents, in)
				}
			}
		}
		if len(intents) == 0 {
			continue
		}
		refused, err := r.put(ctx, o, intents)
		moved += refused
		if err != nil {
			return moved, err
		}
	}
	return moved, ctx.Err()
}

// put writes to one object, once no other worker is at it, and says how many of its records it left alone.
func (r *Reverter) put(ctx context.Context, o *object, intents []ledger.Intent) (refused int, err error) {
	if err := r.p.await(ctx, o.group); err != nil {
		return 0, err
	}
	defer r.p.leave(ctx, o.group)
	pairs, err := o.ledger.Intend(ctx, o.Name, intents)
	for sent := err == nil; sent && err == nil; {
		sent, err = r.p.deliver(ctx, o)
	}
	if ofVendor(ctx, err) != nil && passing(err) {
		err = nil // the next sync carries it out
	}
	return len(pairs), err
}

func (c *ReversedRecord) intent(run string) (ledger.Intent, bool) {
	in := ledger.Intent{
		PairID: c.PairID, Side: c.Side, Op: record.Update, RecordID: c.RecordID, Priority: ledger.PriorityLive, Cause: ledger.RevertCause + run,
		Fields: record.Fields{}, Before: record.Fields{},
	}
	for _, f := range c.Fields {
		if f.Skipped == "" {
			in.Fields[f.Name], in.Before[f.Name] = f.Before, f.Now
		}
	}
	in.Agreed[c.Side] = in.Fields.Clone()
	return in, len(in.Fields) > 0
}
