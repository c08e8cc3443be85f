package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

const (
	defaultVerify = 24 * time.Hour   // how often both sides are compared whole
	verifyPoll    = time.Minute      // how soon it is asked, and asked again, whether a comparison is due
	verifySettle  = 10 * time.Minute // how long what a listing brought may take to cross, before both sides are compared
	verifyStale   = 12 * time.Hour   // an interrupted comparison that began longer ago is begun anew
	toldWithin    = time.Minute      // how long an event may take; what a listing shows later was lost
)

// untold is the time of which events should have told everything by now: since the vendors' streams are open, and until a
// while ago. It is empty where nobody listens.
func (p *Pipeline) untold() [2]time.Time {
	opened := p.opened.Load()
	if opened == 0 {
		return [2]time.Time{}
	}
	from, to := time.UnixMilli(opened).Add(streamOpen), p.cfg.Clock().Add(-toldWithin)
	if !from.Before(to) {
		return [2]time.Time{}
	}
	return [2]time.Time{from, to}
}

// verifications compares every object whole, now and then: what no event told and no sweep showed is found here.
func (p *Pipeline) verifications(ctx context.Context, _ *ledger.Ledger) error {
	timer := time.NewTimer(min(verifyPoll, p.cfg.VerifyEvery))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := p.verifyDue(ctx); err != nil {
			return err
		}
		next := p.cfg.Clock().Add(p.cfg.VerifyEvery)
		for _, o := range p.objects {
			due, err := p.verifyAt(ctx, o)
			if err != nil {
				return err
			}
			if due.Before(next) {
				next = due
			}
		}
		timer.Reset(max(next.Sub(p.cfg.Clock()), min(verifyPoll, p.cfg.VerifyEvery)))
	}
}

// verifyDue compares the objects whose turn it is, one after the other. Halted and stalled ones wait.
func (p *Pipeline) verifyDue(ctx context.Context) error {
	for _, o := range p.objects {
		due, err := p.verifyAt(ctx, o)
		if err != nil {
			return err
		}
		halted, err := p.isHalted(ctx, o)
		if err != nil {
			return err
		}
		if _, stalled := p.stalled.get(o.Name); halted || stalled || due.After(p.cfg.Clock()) {
			continue
		}
		if err := p.verifyObject(ctx, o); err != nil {
			if err := p.stall(ctx, o, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pipeline) verifyObject(ctx context.Context, o *object) error {
	v, err := p.relist(ctx, o)
	if v == nil || err != nil {
		return err
	}
	p.stir()
	if err := p.awaitRest(ctx, o); err != nil {
		return err
	}
	if _, err := p.compare(ctx, o, v); err != nil {
		return err
	}
	p.stir()
	return nil
}

// verifyAt is when it is an object's turn: a while after it was listed for the first time, or compared last. One that was
// interrupted goes on at once.
func (p *Pipeline) verifyAt(ctx context.Context, o *object) (time.Time, error) {
	now := p.cfg.Clock()
	last, known, err := p.listedBefore(ctx, o)
	if err != nil || !known {
		return now.Add(p.cfg.VerifyEvery), err
	}
	list, err := p.cfg.Ledger.Verifications(ctx, o.Name)
	if err != nil {
		return now, err
	}
	for _, v := range list {
		if v.Finished.IsZero() && now.Sub(v.Started) < verifyStale {
			return now, nil
		}
		if v.Finished.After(last) {
			last = v.Finished
		}
	}
	return last.Add(p.cfg.VerifyEvery), nil
}

// verifyOnce lists everything, settles what that brought, and then compares both sides.
func (p *Pipeline) verifyOnce(ctx context.Context) error {
	under := map[*object]*ledger.Verification{}
	for _, o := range p.objects {
		if halted, err := p.isHalted(ctx, o); halted || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if p.waits(o) || o.unbound {
			continue
		}
		v, err := p.relist(ctx, o)
		if err != nil {
			if err := p.stall(ctx, o, err); err != nil {
				return err
			}
			continue
		}
		if v != nil {
			under[o] = v
		}
	}
	if err := p.settleAll(ctx); err != nil {
		return err
	}
	differ := 0
	for _, o := range p.objects {
		if v := under[o]; v != nil {
			n, err := p.compare(ctx, o, v)
			if err != nil {
				if err := p.stall(ctx, o, err); err != nil {
					return err
				}
			}
			differ += n
		}
	}
	if differ == 0 {
		return nil
	}
	return p.settleAll(ctx)
}

// awaitRest waits until nothing of an object is due any more, but not for ever: what is still pending then explains itself.
func (p *Pipeline) awaitRest(ctx context.Context, o *object) error {
	for limit := p.cfg.Clock().Add(verifySettle); p.cfg.Clock().Before(limit); {
		stats, err := p.cfg.Ledger.Stats(ctx)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(stats, func(s ledger.ObjectStats) bool { return s.Object == o.Name })
		if n < 0 || stats[n].Due+stats[n].Intents[0]+stats[n].Intents[1]+stats[n].Dirty[0]+stats[n].Dirty[1] == 0 {
			return nil
		}
		timer := time.NewTimer(idlePoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return nil
}

// relist lists both sides of an object whole, trusting no event and no watermark, and reads what the ledger knew and the
// listing did not show. What was interrupted goes on with the side that it was at. Nil = the object is halted.
func (p *Pipeline) relist(ctx context.Context, o *object) (*ledger.Verification, error) {
	meter := &provider.Meter{}
	ctx = provider.WithMeter(ratelimit.WithPriority(ctx, ratelimit.Backfill), meter)
	if stop, err := p.watchOver(ctx, o); stop || err != nil {
		return nil, err
	}
	v, err := p.verification(ctx, o)
	if err != nil {
		return nil, err
	}
	before := v.Calls
	for _, side := range record.Sides {
		if v.Listed[side] {
			continue
		}
		found, stop, err := p.relistSide(ctx, o, side)
		v.Calls = before + meter.Calls()
		if stop || err != nil {
			return nil, err
		}
		v.Listed[side], v.Records[side] = true, found.listed
		v.Found += found.news.Created + found.news.Updated
		v.Unlisted, v.Gone = v.Unlisted+found.unlisted, v.Gone+found.gone
		if err := p.cfg.Ledger.SaveVerification(ctx, *v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// verification is the comparison that was interrupted, or a new one.
func (p *Pipeline) verification(ctx context.Context, o *object) (*ledger.Verification, error) {
	list, err := p.cfg.Ledger.Verifications(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	now := p.cfg.Clock()
	if len(list) > 0 && list[0].Finished.IsZero() && now.Sub(list[0].Started) < verifyStale {
		return &list[0], nil
	}
	v := &ledger.Verification{Object: o.Name, Started: now}
	return v, p.cfg.Ledger.SaveVerification(ctx, *v)
}

// relisted is what a whole listing of one side brought.
type relisted struct {
	listed   int // records that it showed
	unlisted int // records that it did not, and the ledger knew to be live
	gone     int // of those, the ones that are not
	news     ledger.Captured
}

// relistSide lists a side whole, and reads what the ledger knew and the listing did not show. It halts the object, and
// says so, when the side shows hardly anything of what it showed before.
func (p *Pipeline) relistSide(ctx context.Context, o *object, side record.Side) (found relisted, stop bool, err error) {
	missed := map[string]bool{}
	if err := p.cfg.Ledger.LiveIDs(ctx, o.Name, side, func(id string) error {
		missed[id] = true
		return nil
	}); err != nil {
		return found, false, err
	}
	known := len(missed)
	if found.listed, err = p.listTo(ctx, o, side, true, func(r record.Record) { delete(missed, r.ID) }, &found.news); err != nil {
		return found, false, err
	}
	if stop, err := p.emptied(ctx, o, side, known, found.listed); stop || err != nil {
		return found, stop, err
	}
	found.unlisted = len(missed)
	for part := range slices.Chunk(slices.Sorted(maps.Keys(missed)), readBatch) {
		records, err := o.Records[side].Read(ctx, part)
		if err != nil {
			return found, false, o.refusal(side, "read what is no longer listed of", err)
		}
		c := ledger.Capture{Priority: ledger.PriorityBackfill, Untold: p.untold()}
		for _, r := range records {
			if r.State != record.Live {
				found.gone++
			}
			c.Observations = append(c.Observations, ledger.Observation{Object: o.Name, Side: side, Record: r, Full: true, Event: "a full comparison"})
		}
		done, err := p.cfg.Ledger.Capture(ctx, c)
		if err != nil {
			return found, false, fmt.Errorf("capture what %s no longer lists of %s: %w", o.side(side), o.Name, err)
		}
		found.news.Updated += done.Updated
	}
	return found, false, nil
}
