package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
)

// Loads are large batches of a backfill that a vendor takes as a file. One takes minutes, so it runs beside the loop:
// meanwhile the other side, other objects and what people do there go on. Nothing else is written to the side of the
// object that is being loaded.

// bulkMargin is what a load is given beyond the vendor's time, to come to its own end.
const bulkMargin = 30 * time.Second

// settleRows is how many outcomes go into one transaction: the ledger is to be free in between.
const settleRows = 1000

// loads are the loads under way.
type loads struct {
	mu   sync.Mutex
	busy map[*object][2]bool
	err  error // of recording what became of one
	wait sync.WaitGroup
}

func (l *loads) on(o *object, side record.Side) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy[o][side]
}

// of says whether an object is being loaded; of nil, whether any is.
func (l *loads) of(o *object) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o == nil {
		return len(l.busy) > 0
	}
	_, busy := l.busy[o]
	return busy
}

func (l *loads) set(o *object, side record.Side, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == nil {
		l.busy = map[*object][2]bool{}
	}
	sides := l.busy[o]
	sides[side] = busy
	l.busy[o] = sides
	if !sides[0] && !sides[1] {
		delete(l.busy, o)
	}
}

// failed returns, once, why an outcome could not be recorded.
func (l *loads) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	l.err = nil
	return err
}

// isLoad says whether a vendor takes a batch as a file: by its size alone, so that a repetition takes the same way.
func isLoad(limits provider.Limits, rows int) bool {
	return limits.BulkFrom > 0 && rows >= limits.BulkFrom
}

// deliverLoad begins a load when enough of a backfill is ready. While more of it is still being resolved, it waits for
// a whole file.
func (p *Pipeline) deliverLoad(ctx context.Context, o *object, side record.Side) (int, error) {
	limits := o.Records[side].Limits()
	if limits.BulkFrom <= 0 {
		return 0, nil
	}
	want := ledger.Selection{Limit: limits.BulkSize, From: limits.BulkFrom, Backfill: true, Ops: limits.BulkOps}
	if o.gathering {
		want.From = limits.BulkSize
	}
	batch, err := o.ledger.DispatchSome(ctx, o.Name, side, want)
	if err != nil {
		return 0, fmt.Errorf("take up a load to %s of %s: %w", o.side(side), o.Name, err)
	}
	if batch == nil {
		return 0, nil
	}
	p.cfg.Logger.Info("load", "object", o.Name, "to", o.side(side), "records", len(batch.Intents))
	p.startLoad(ctx, o, side, *batch, time.Time{})
	return len(batch.Intents), nil
}

// startLoad sends a large batch beside the loop. It ends with ctx: what is unanswered then is taken up by recover.
func (p *Pipeline) startLoad(ctx context.Context, o *object, side record.Side, batch ledger.Batch, first time.Time) {
	p.loads.set(o, side, true)
	p.loads.wait.Go(func() {
		err := p.send(ctx, o, side, batch, first)
		if errors.Is(err, ledger.ErrLaneLost) {
			p.cfg.Logger.Warn("another worker takes up a load that this one lost", "object", o.Name, "error", err)
			err = nil
		}
		if err != nil {
			err = p.stall(ctx, o, err)
		}
		p.loads.mu.Lock()
		if p.loads.err == nil {
			p.loads.err = err
		}
		p.loads.mu.Unlock()
		p.loads.set(o, side, false)
		p.stir()
	})
}

// awaitLoads returns once no load of an object is under way.
func (p *Pipeline) awaitLoads(ctx context.Context, o *object) error {
	for p.loads.of(o) {
		if err := p.meanwhile(ctx, o); err != nil {
			return err
		}
	}
	return p.loads.failed()
}

// meanwhile gives the objects before one, whose backfill is done, a turn while that one is being loaded.
func (p *Pipeline) meanwhile(ctx context.Context, o *object) error {
	if err := p.lookAround(ctx); err != nil {
		return err
	}
	worked := false
	for _, other := range p.objects[:max(0, slices.Index(p.objects, o))] {
		var did bool
		var err error
		switch {
		case other.group != o.group:
			did, err = p.visit(ctx, other.group)
		case o.group.hold != nil:
			did, err = p.turn(ctx, other)
		}
		if err != nil {
			return err
		}
		worked = worked || did
	}
	if worked {
		return ctx.Err()
	}
	return p.sleep(ctx, idlePoll)
}

// endLoads waits for the loads to end after their context did.
func (p *Pipeline) endLoads() {
	p.loads.wait.Wait()
	if err := p.loads.failed(); err != nil {
		p.cfg.Logger.Warn("the outcome of a load was not recorded: it will be looked up", "error", err)
	}
}

// urgency is how a batch competes for a vendor's limits: as a backfill only when all of it is.
func urgency(intents []ledger.Intent) int {
	lowest := ledger.PriorityBackfill
	for i := range intents {
		lowest = min(lowest, intents[i].Priority)
	}
	return lowest
}
