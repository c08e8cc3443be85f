package pipeline

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

const (
	maxAttempts  = 10              // of a write that fails for reasons that should pass
	maxLinks     = 2               // of the writing of a key that another record carries
	deliverRound = 20              // batches of one lane before others have their turn
	writeTimeout = 2 * time.Minute // of one batch, also during shutdown
	// readableTimeout is of asking whether a side that took no write can be read.
	readableTimeout = 30 * time.Second
	settleTimeout   = time.Minute      // of recording what became of one, also during shutdown
	keyLifetime     = 25 * time.Minute // how long a vendor surely remembers an idempotency key, less a margin
	inFlight        = 65 * time.Second // how long a vendor may still be at work on a request that we lost sight of
)

// deliver sends what is intended for both sides of an object, in the fewest calls, and settles what came back.
func (p *Pipeline) deliver(ctx context.Context, o *object) (bool, error) {
	if o.halted {
		return false, nil
	}
	var sent [2]int
	for _, side := range record.Sides {
		if p.loads.on(o, side) {
			continue
		}
		var err error
		if sent[side], err = p.deliverLoad(ctx, o, side); err != nil {
			return false, err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	var refused [2]error // which must not break off what the other side is sent
	for _, side := range record.Sides {
		if p.loads.on(o, side) || sent[side] > 0 {
			continue // one writer, and the order between a load and other writes is not the vendor's to keep
		}
		g.Go(func() error {
			for range deliverRound {
				n, err := p.deliverBatch(gctx, o, side)
				sent[side] += n
				if ofVendor(gctx, err) != nil {
					refused[side] = err
					return nil
				}
				if n == 0 || err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return sent[0]+sent[1] > 0, errors.Join(err, refused[0], refused[1])
}

// deliverBatch sends one batch. The intent, and the key that makes it repeatable, are in the ledger before the call.
func (p *Pipeline) deliverBatch(ctx context.Context, o *object, side record.Side) (int, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	limits := o.Records[side].Limits()
	// While a backfill gathers for a load, only what is more urgent goes ahead of it.
	want := ledger.Selection{Limit: max(1, limits.BatchSize), Live: o.gathering && limits.BulkFrom > 0}
	batch, err := o.ledger.DispatchSome(ctx, o.Name, side, want)
	if err != nil {
		return 0, fmt.Errorf("take up writes to %s of %s: %w", o.side(side), o.Name, err)
	}
	if batch == nil {
		return 0, nil
	}
	return len(batch.Intents), p.send(ctx, o, side, *batch, time.Time{})
}

// send writes a batch and settles it; first is when its key was used before, zero for never. What was sent must be
// settled: neither stops because the sync is asked to, but for a load, which may take long and is taken up again.
func (p *Pipeline) send(ctx context.Context, o *object, side record.Side, batch ledger.Batch, first time.Time) error {
	if !first.IsZero() {
		// Also to whoever looks for it after we are gone, it is under way anew.
		if err := o.ledger.Repeat(context.WithoutCancel(ctx), &batch); err != nil {
			return err
		}
	}
	patches := batch.Patches()
	calling := provider.WithCause(ctx, batchCause(batch))
	if urgency(batch.Intents) >= ledger.PriorityBackfill {
		calling = ratelimit.WithPriority(calling, ratelimit.Backfill)
	}
	results, err := p.write(provider.WithLeave(calling, o.group.hold.check), o, side, provider.Batch{Key: batch.Key, Sent: first, Patches: patches})
	if provider.KindOf(err) == provider.Withheld {
		return err // nothing was sent; whoever holds the lanes now looks for it
	}
	if err == nil && len(results) != len(patches) {
		err = &provider.Error{Kind: provider.Unknown, Op: "write to " + o.side(side),
			Message: fmt.Sprintf("%d results for %d records", len(results), len(patches))}
	}
	if err != nil {
		p.cfg.Logger.Warn("batch not delivered", "object", o.Name, "to", o.side(side), "records", len(patches), "error", err)
	}
	if e := p.audited(ctx, o.group.hold); e != nil {
		return e
	}
	refused := p.refusesAll(ctx, o, side, results, err)
	doubt := err != nil && p.doubtful(first, err, refused)
	outcomes := make([]ledger.Outcome, len(batch.Intents))
	for i, in := range batch.Intents {
		result := record.Result{Err: err}
		if err == nil {
			result = results[i]
		}
		switch {
		case doubt:
			outcomes[i] = ledger.Outcome{IntentID: in.ID, Unknown: true, Error: err.Error()}
		case refused != nil && provider.KindOf(result.Err) != provider.Unknown:
			// It is not about this record, which is sent again when the object is tried again.
			outcomes[i] = ledger.Outcome{IntentID: in.ID, Retry: &ledger.Retry{At: p.cfg.Clock(), Error: result.Err.Error()}}
		default:
			outcomes[i] = p.outcome(o, side, in, result)
		}
		outcomes[i].BatchID = batch.ID
	}
	for part := range slices.Chunk(outcomes, settleRows) {
		settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		err := p.settle(settling, o, part)
		cancel()
		if err != nil {
			return err
		}
	}
	p.report(o, "deliver", func(pr *Progress) { pr.Delivered += len(batch.Intents) })
	return refused
}

// refusesAll is the error for which an object stalls after a batch: one that no record of the batch is to blame for. Where
// nothing of a batch was taken, and somebody would have to mend that, the side is asked whether it can be read at all: a
// board that is not shown any more refuses each write as if each were wrong.
func (p *Pipeline) refusesAll(ctx context.Context, o *object, side record.Side, results []record.Result, err error) error {
	if err == nil {
		if slices.ContainsFunc(results, func(r record.Result) bool { return r.Err == nil || passing(r.Err) }) {
			return nil
		}
		err = results[0].Err
	} else if passing(err) {
		if provider.KindOf(err) == provider.Unknown {
			return nil // it is looked up before anything else
		}
		return o.refusal(side, "write", err)
	}
	switch kind := provider.KindOf(err); {
	case kind == provider.Stale:
		return nil // so there is something to be read
	case kind == provider.Unauthorized, ctx.Err() != nil: // with no time left to ask, the next life finds out
		return o.refusal(side, "write", err)
	}
	if e := p.readable(ctx, o, side); ofVendor(ctx, e) != nil {
		return o.refusal(side, "write", e)
	}
	return nil
}

// readable asks a side for what changed from now on: nothing, and an error where it can't be read.
func (p *Pipeline) readable(ctx context.Context, o *object, side record.Side) error {
	ctx, cancel := context.WithTimeout(ctx, readableTimeout)
	defer cancel()
	_, err := o.Records[side].List(ctx, record.VersionAt(p.cfg.Clock()), func([]record.Record) error { return nil })
	return err
}

// audited brings what was called into the audit log, also during shutdown. A worker that stood still for so long that there
// is no time left for it has lost its lanes as well, and is told that.
func (p *Pipeline) audited(ctx context.Context, h *hold) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := p.cfg.Audited(ctx); err != nil {
		if lost := h.check(); lost != nil {
			return lost
		}
		return fmt.Errorf("bring what was called into the audit log: %w", err)
	}
	return nil
}

// write calls the vendor, for as long as a call may take. Settling has its own time: a call that hung to the end of its
// own still has an outcome to be recorded.
func (p *Pipeline) write(ctx context.Context, o *object, side record.Side, b provider.Batch) ([]record.Result, error) {
	limit := writeTimeout
	if limits := o.Records[side].Limits(); isLoad(limits, len(b.Patches)) {
		limit = max(limit, limits.BulkTime+bulkMargin)
	} else {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(o.group.hold.gone, cancel)()
	return o.Records[side].Write(ctx, b)
}

// doubtful says whether a batch may have been carried out, or may yet be. Then all of it stays together under its key
// until it was looked up. When a repetition comes to nothing, even surely so, that says nothing of the first try, which
// the vendor may still be at work on: a new key would have it carried out twice.
func (p *Pipeline) doubtful(first time.Time, err, refused error) bool {
	if first.IsZero() {
		return provider.KindOf(err) == provider.Unknown
	}
	again := idlePoll
	var e *provider.Error
	if errors.As(err, &e) {
		again = max(again, e.RetryAfter)
	}
	p.lookAgain(p.cfg.Clock().Add(again))
	return passing(err) || refused != nil
}

func (p *Pipeline) settle(ctx context.Context, o *object, outcomes []ledger.Outcome) error {
	for i := range outcomes {
		outcomes[i].Run = p.cfg.Run
	}
	if err := o.ledger.Settle(ctx, outcomes); err != nil {
		return fmt.Errorf("settle %d writes of %s: %w", len(outcomes), o.Name, err)
	}
	return nil
}

// outcome turns one result into what becomes of its intent: agreed, tried again, looked at again, or a dead letter.
func (p *Pipeline) outcome(o *object, side record.Side, in ledger.Intent, r record.Result) ledger.Outcome {
	out := ledger.Outcome{IntentID: in.ID}
	if r.Err == nil {
		out.Done, out.RecordID, out.Stored, out.Version = true, r.ID, r.Fields, r.Version
		return out
	}
	var e *provider.Error
	if !errors.As(r.Err, &e) {
		e = &provider.Error{Kind: provider.Internal, Op: "write to " + o.side(side), Err: r.Err, Message: r.Err.Error()}
	}
	out.Error = e.Error()
	switch {
	case e.Kind == provider.Unknown:
		out.Unknown = true // see recover
	case e.Kind == provider.Stale && in.Op == record.Update && in.Key != "" && in.Attempts < maxLinks:
		// Another record carries the key. It may be about to lose it; reading our own two again would tell nothing.
		out.Retry = &ledger.Retry{At: p.cfg.Clock().Add(backoff(in, e.RetryAfter)), Error: e.Error()}
	case e.Kind == provider.Stale && in.Op == record.Update && in.Key != "":
		out.Dead = p.deadLetter(o, side, in, e)
		out.Dead.Remedy = "another record carries this key: clear it there, then `accord deadletters retry`"
	case e.Kind == provider.Stale, e.Kind == provider.NotFound:
		out.Reread = true
		if in.Attempts >= maxAttempts {
			out.Reread, out.Dead = false, p.deadLetter(o, side, in, e)
		}
	case e.Kind == provider.Unauthorized, e.Kind == provider.Throttled, e.Kind == provider.Exhausted, e.Kind == provider.Withheld,
		e.Kind.Retriable() && in.Attempts < maxAttempts:
		out.Retry = &ledger.Retry{At: p.cfg.Clock().Add(backoff(in, e.RetryAfter)), Error: e.Error()}
	default:
		out.Dead = p.deadLetter(o, side, in, e)
	}
	return out
}

func (p *Pipeline) deadLetter(o *object, side record.Side, in ledger.Intent, e *provider.Error) *ledger.DeadLetter {
	p.cfg.Logger.Error("dead letter", "object", o.Name, "to", o.side(side), "op", in.Op.String(), "record", in.RecordID, "error", e)
	return &ledger.DeadLetter{
		Object: o.Name, PairID: in.PairID, Side: side, Op: in.Op, RecordID: in.RecordID,
		Kind: e.Kind.String(), Code: e.Code, Message: said(e), RequestID: e.RequestID, Fields: e.Fields,
		Remedy: remedy(e),
	}
}

// said is what is wrong: the vendor's words, else those of whoever refused it before it was sent.
func said(e *provider.Error) string {
	if e.Message == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

func remedy(e *provider.Error) string {
	switch e.Kind {
	case provider.Invalid:
		return "correct the value or the contract, then `accord deadletters retry`"
	case provider.Denied, provider.Hidden:
		return "give the connection's user the missing access (see `accord plan`), then `accord deadletters retry`"
	default:
		return "see what the vendor says of it, then `accord deadletters retry` or `discard`"
	}
}

// backoff doubles from one second to five minutes; the vendor's hint wins. Its jitter comes from the intent, so that a
// run can be repeated exactly.
func backoff(in ledger.Intent, hint time.Duration) time.Duration {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", in.ID, in.Attempts)
	jitter := time.Duration(h.Sum32()%1000) * time.Millisecond
	if hint > 0 {
		return hint + jitter
	}
	return min(time.Second<<min(in.Attempts, 10), 5*time.Minute) + jitter
}
