package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

// backfill lists and matches, whole, every object that was not listed under this contract yet, and carries out what
// follows. Objects that others refer to come first, so that references find their records.
func (p *Pipeline) backfill(ctx context.Context) error {
	for _, o := range p.objects {
		for again := true; again; {
			var err error
			if again, err = p.tryBackfill(ctx, o); err != nil {
				return err
			}
			if s, stalled := p.stalled.get(o.Name); stalled && o.unlisted && !o.unbound && !again && p.soon(s) {
				// What should pass soon is waited for: others may refer to it.
				if again, err = true, p.meanwhile(ctx, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tryBackfill does it for one object. Again says that another worker is at it, which what refers to it must wait for, or
// has taken it over.
func (p *Pipeline) tryBackfill(ctx context.Context, o *object) (again bool, err error) {
	if err := p.review(ctx, o); err != nil {
		return false, err
	}
	if o.unlisted = o.halted || o.unbound || p.waits(o); o.unlisted {
		return false, nil // once it is resumed, or tried again
	}
	if done, err := p.backfilledUnder(ctx, o); err != nil {
		return false, err
	} else if done == p.contract.Digest() && o.group.hold == nil {
		return false, p.backfillObject(ctx, o) // there is nothing left to do that needs its lanes
	}
	if mine, err := p.claimGroup(ctx, o.group); err != nil {
		return false, err
	} else if !mine {
		return true, p.meanwhile(ctx, o)
	}
	if err := p.backfillObject(o.group.hold.ctx, o); err != nil {
		return true, p.unlessLost(ctx, o.group, err)
	}
	p.leave(ctx, o.group)
	return false, nil
}

// backfilledUnder is the digest of the contract under which an object was last listed and matched; "" = never.
func (p *Pipeline) backfilledUnder(ctx context.Context, o *object) (string, error) {
	done, err := p.cfg.Ledger.Cursor(ctx, backfilled, o.Name)
	if err != nil {
		return "", fmt.Errorf("ask whether %s was listed: %w", o.Name, err)
	}
	return done, nil
}

// backfillObject does it for one object whose lanes are held. One that a vendor refuses stalls before all of it is listed.
func (p *Pipeline) backfillObject(ctx context.Context, o *object) error {
	err := p.listObject(ctx, o)
	if err == nil {
		return nil
	}
	if err = p.stall(ctx, o, err); err == nil {
		o.unlisted = true
	}
	return err
}

func (p *Pipeline) listObject(ctx context.Context, o *object) error {
	o.unlisted = false
	done, err := p.backfilledUnder(ctx, o)
	if err != nil {
		return err
	}
	if done != "" { // before, a canary may not be known yet
		if stop, err := p.watchOver(ctx, o); stop || err != nil {
			o.halted, o.unlisted = stop, stop
			return err
		}
	}
	if done == p.contract.Digest() {
		return p.markListed(ctx, o)
	}
	if _, err := p.recover(ctx, o); err != nil {
		return err
	}
	if err := p.awaitLoads(ctx, o); err != nil {
		return err
	}
	for _, side := range record.Sides {
		// Also what the ledger knows and no listing shows: it was removed, or has left the scope, of this contract or before.
		if _, stop, err := p.relistSide(ctx, o, side); stop || err != nil {
			o.halted, o.unlisted = stop, stop
			return err
		}
	}
	if err := p.markListed(ctx, o); err != nil {
		return err
	}
	if err := p.pair(ctx, o); err != nil {
		return err
	}
	if _, err := o.ledger.EnqueueObject(ctx, o.Name, ledger.PriorityBackfill, "contract"); err != nil {
		return fmt.Errorf("mark all of %s pending: %w", o.Name, err)
	}
	if err := o.ledger.SetCursor(ctx, ledger.Cursor{Connection: backfilled, Name: o.Name, Position: p.contract.Digest()}); err != nil {
		return fmt.Errorf("record that %s was listed: %w", o.Name, err)
	}
	// Pairs of this object must exist before what refers to it is matched.
	if err := p.drain(ctx, o); err != nil {
		return err
	}
	o.listed = true
	if o.halted {
		return nil
	}
	o.halted, err = p.watchOver(ctx, o)
	return err
}

// watchOver looks at an object's canaries, and halts it when something is amiss with them.
func (p *Pipeline) watchOver(ctx context.Context, o *object) (stop bool, err error) {
	h, err := p.canary(ctx, o, 0)
	if err != nil || h == nil {
		return false, err
	}
	return true, p.halt(ctx, o, *h)
}

// backfilled holds, for each object, the digest of the contract under which it was listed and matched.
const backfilled = "accord/backfilled"

// sweep asks both sides of every object what changed since it was last listed, however quiet the events were.
func (p *Pipeline) sweep(ctx context.Context) error {
	for _, o := range p.objects {
		if o.listed { // whole, a moment ago: what happened since is the next sweep's
			o.listed = false
			continue
		}
		if o.unbound || p.waits(o) {
			continue // it is swept as soon as it is tried again
		}
		if s, ok := p.stalled.get(o.Name); ok {
			p.stalled.trial(o.Name, s) // which this is
		}
		if err := p.sweepObject(ctx, o); err != nil {
			if err := p.stall(ctx, o, err); err != nil {
				return err
			}
		}
	}
	p.stir()
	return nil
}

// sweepObject asks both sides of one object.
func (p *Pipeline) sweepObject(ctx context.Context, o *object) error {
	for _, side := range record.Sides {
		if _, err := p.list(ctx, o, side, false); err != nil {
			return err
		}
	}
	return nil
}

// list captures what one side shows: everything, or what changed since the watermark. It counts the records.
func (p *Pipeline) list(ctx context.Context, o *object, side record.Side, all bool) (listed int, err error) {
	return p.listTo(ctx, o, side, all, func(record.Record) {}, nil)
}

// listTo is list with each record shown to seen, and what the capture did added up in news; nil wants none of it.
func (p *Pipeline) listTo(ctx context.Context, o *object, side record.Side, all bool, seen func(record.Record), news *ledger.Captured) (listed int, err error) {
	mark := "since/" + o.Name
	since := record.Version(0)
	priority := ledger.PriorityBackfill
	if !all {
		text, err := p.cfg.Ledger.Cursor(ctx, o.side(side), mark)
		if err != nil {
			return 0, fmt.Errorf("read how far %s was listed: %w", o.Name, err)
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			// Also where nothing was there when all was listed: what is there now is new.
			since = record.Version(n)
			priority = ledger.PriorityLive
		}
	}
	_, before, err := p.listedBefore(ctx, o)
	if err != nil {
		return 0, err
	}
	told := ""
	if before {
		told = "a sweep"
	}
	listing := ctx
	if priority == ledger.PriorityBackfill {
		listing = ratelimit.WithPriority(ctx, ratelimit.Backfill)
	}
	next, err := o.Records[side].List(listing, since, func(page []record.Record) error {
		c := ledger.Capture{Priority: priority, Listed: before, Untold: p.untold()}
		for _, r := range page {
			seen(r)
			c.Observations = append(c.Observations, ledger.Observation{Object: o.Name, Side: side, Record: r, Full: true, Event: told})
		}
		done, err := p.cfg.Ledger.Capture(ctx, c)
		if err != nil {
			return fmt.Errorf("capture a page of %s: %w", o.Name, err)
		}
		if news != nil {
			news.Created, news.Updated, news.Unchanged = news.Created+done.Created, news.Updated+done.Updated, news.Unchanged+done.Unchanged
		}
		listed += len(page)
		p.report(o, "list", func(pr *Progress) { pr.Captured += len(page) })
		return nil
	})
	if err != nil {
		return 0, o.refusal(side, "list", err)
	}
	if err := p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: o.side(side), Name: mark, Position: strconv.FormatInt(int64(next), 10)}); err != nil {
		return 0, fmt.Errorf("record how far %s was listed: %w", o.Name, err)
	}
	return listed, nil
}

// pair joins records that exist on both sides and carry no id of each other, by the object's match fields. Where a key
// fits several records, none is joined and none is created: a person must say which is which.
func (p *Pipeline) pair(ctx context.Context, o *object) error {
	if len(o.Match) == 0 {
		return nil
	}
	var halves [2][]ledger.HalfPair
	var seen [2][]*record.Record
	for _, side := range record.Sides {
		err := p.cfg.Ledger.HalfPairs(ctx, o.Name, side, func(h ledger.HalfPair) error {
			halves[side] = append(halves[side], h)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the unpaired records of %s: %w", o.Name, err)
		}
		for i := range halves[side] {
			seen[side] = append(seen[side], &halves[side][i].Record)
		}
	}
	if len(halves[0]) == 0 || len(halves[1]) == 0 {
		return nil
	}
	env, err := p.environment(ctx, o, seen)
	if err != nil {
		return err
	}
	var candidates [2][]binding.Candidate
	for _, side := range record.Sides {
		for i, h := range halves[side] {
			if key, ok := o.MatchKey(side, seen[side][i], env); ok && h.Record.State == record.Live {
				candidates[side] = append(candidates[side], binding.Candidate{ID: h.PairID, Key: key})
			}
		}
	}
	m := binding.Match(candidates[record.Left], candidates[record.Right])
	joined, err := o.ledger.JoinPairs(ctx, o.Name, m.Pairs)
	if err != nil {
		return fmt.Errorf("pair the records of %s: %w", o.Name, err)
	}
	names := map[string]string{}
	for _, side := range record.Sides {
		for _, h := range halves[side] {
			names[h.PairID] = h.Record.ID
		}
	}
	for _, a := range m.Ambiguous {
		if err := p.hold(ctx, o, a, names); err != nil {
			return err
		}
	}
	p.cfg.Logger.Info("matched", "object", o.Name, "paired", joined, "ambiguous", len(m.Ambiguous))
	return nil
}

// hold keeps records with an ambiguous match from being created on the other side, and says so.
// Names are the records' ids, by pair.
func (p *Pipeline) hold(ctx context.Context, o *object, ids [2][]string, names map[string]string) error {
	detail := fmt.Sprintf("%s (%s) and %s (%s) share %s", some(ids[0], names), contract.Systems[0], some(ids[1], names), contract.Systems[1], strings.Join(o.Match, ", "))
	var conflicts []ledger.Conflict
	for _, side := range record.Sides {
		for _, id := range ids[side] {
			conflicts = append(conflicts, ledger.Conflict{
				Object: o.Name, PairID: id, Reason: ledger.ReasonAmbiguous, Detail: detail,
				Remedy: "say which is which in the file of `accord matches export`, or write the id of one into the key of the other",
			})
		}
	}
	if err := o.ledger.Hold(ctx, conflicts); err != nil {
		return fmt.Errorf("hold records of %s: %w", o.Name, err)
	}
	return nil
}

// some names records, as far as anybody reads on.
func some(pairs []string, names map[string]string) string {
	const most = 10
	list := make([]string, 0, most)
	for _, id := range pairs[:min(most, len(pairs))] {
		list = append(list, names[id])
	}
	text := strings.Join(list, ", ")
	if n := len(pairs) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// drain runs one object until nothing of it is due.
func (p *Pipeline) drain(ctx context.Context, o *object) error {
	for {
		loading := p.loads.of(o) // asked first: what a load that ends just now leaves to do is this object's too
		worked, err := p.turn(ctx, o)
		if err != nil {
			return err
		}
		switch {
		case worked:
		case !loading && !p.loads.of(o):
			return ctx.Err()
		default:
			if err := p.meanwhile(ctx, o); err != nil {
				return err
			}
		}
	}
}
