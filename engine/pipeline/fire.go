package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
)

const (
	fireBatch     = 4                // actions taken up at once: all of them end within the lease
	actionTimeout = 30 * time.Second // of one action, also during shutdown
	fireLease     = fireBatch*actionTimeout + time.Minute
)

// fireOthers carries out what is due of objects that the contract in force has no more, so that each action comes to an
// end.
func (p *Pipeline) fireOthers(ctx context.Context) (bool, error) {
	others := slices.DeleteFunc(slices.Clone(p.toFire), func(name string) bool { return p.object(name) != nil })
	if broken, _ := p.standing([]string{firings}); len(others) == 0 && !broken {
		return false, nil
	}
	h, err := p.lanes.take(ctx, firings)
	if err != nil {
		return false, err
	}
	if h == nil {
		p.left = true
		return false, nil
	}
	if h.broken {
		names := make([]string, len(p.objects))
		for i, o := range p.objects {
			names[i] = o.Name
		}
		err = h.ledger.FreeOtherFirings(ctx, names)
	}
	worked := h.broken
	for _, name := range others {
		did, e := p.fire(h.ctx, name, h)
		worked, err = worked || did, errors.Join(err, e)
	}
	p.lanes.release(ctx, h)
	return worked, err
}

// fire carries out the actions of an object's triggers that are due. What becomes of one touches neither the record that
// fired it nor its writes.
func (p *Pipeline) fire(ctx context.Context, object string, h *hold) (bool, error) {
	due, err := h.ledger.DueFirings(ctx, object, fireBatch, p.cfg.Worker, fireLease)
	if err != nil {
		return false, fmt.Errorf("take up the actions of triggers: %w", err)
	}
	byPlace := map[string][]ledger.Firing{}
	for _, f := range due {
		place := ""
		var kept firing
		if json.Unmarshal(f.Payload, &kept) == nil && kept.Action != nil {
			place = p.place(f, kept.Action)
		}
		byPlace[place] = append(byPlace[place], f)
	}
	var g errgroup.Group
	for _, list := range byPlace {
		g.Go(func() error {
			for _, f := range list {
				if err := p.carryOut(ctx, f, h); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return len(due) > 0, g.Wait()
}

// carryOut does one action and records what became of it. The ledger holds what it is to do, and that it may have been
// done, before the vendor is called.
func (p *Pipeline) carryOut(ctx context.Context, f ledger.Firing, h *hold) error {
	stopping := ctx.Err()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actionTimeout)
	defer cancel()
	defer context.AfterFunc(h.gone, cancel)()
	var outcome ledger.FiringOutcome
	if stopping != nil {
		outcome = ledger.FiringOutcome{Retry: &ledger.Retry{At: p.cfg.Clock(), Error: f.Error}, Unknown: !f.Sent.IsZero(), Looked: true}
	} else {
		kept, err := p.prepare(ctx, &f, h)
		result := provider.ActionResult{Looked: err != nil}
		if err == nil {
			cause := provider.Cause{Initiator: strings.TrimSuffix(fmt.Sprintf("trigger %s, %s", f.Trigger, kept.Initiator), ", ")}
			result, err = p.act(provider.WithLeave(provider.WithCause(ctx, cause), h.check), f, kept)
		}
		if provider.KindOf(err) == provider.Withheld {
			return err // nothing was asked for; whoever holds the lanes now finds out
		}
		outcome = p.fired(f, kept, result, err)
	}
	if err := p.audited(ctx, h); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer end()
	if err := h.ledger.SettleFiring(ctx, f, outcome); err != nil {
		return fmt.Errorf("record what became of trigger %q: %w", f.Trigger, err)
	}
	return nil
}

// prepare fills the action in where that was not possible when it was decided, and stores it: every try sends the same. One
// that failed for good, and that somebody retries, is filled in by the contract as it is now, which may have been mended.
func (p *Pipeline) prepare(ctx context.Context, f *ledger.Firing, h *hold) (*firing, error) {
	doing := fmt.Sprintf("fire trigger %q", f.Trigger)
	var kept firing
	if err := json.Unmarshal(f.Payload, &kept); err != nil {
		return &kept, &provider.Error{Kind: provider.Internal, Op: doing, Message: "what the ledger keeps of it can't be read", Err: err}
	}
	again := f.Error == ledger.FiringRetried && f.Sent.IsZero()
	if kept.Action != nil && !again {
		return &kept, nil
	}
	for _, t := range p.contract.Triggers {
		if t.Name != f.Trigger || kept.Index < 0 || kept.Index >= len(t.Actions) || t.Actions[kept.Index].Type != kept.Type {
			continue
		}
		a := &t.Actions[kept.Index]
		for _, side := range record.Sides {
			ids, err := p.cfg.Ledger.RecordByPair(ctx, side, []string{f.PairID})
			if err != nil {
				return &kept, &provider.Error{Kind: provider.Transient, Op: doing, Err: err}
			}
			kept.IDs[side] = ids[f.PairID]
			if a.NeedsID(side) && kept.IDs[side] == "" {
				return &kept, &provider.Error{Kind: provider.NotFound, Op: doing, Message: "there is no " + contract.Systems[side] + " record to act on"}
			}
		}
		if err := kept.render(a); err != nil {
			return &kept, &provider.Error{Kind: provider.Invalid, Op: doing, Message: err.Error()}
		}
		payload, err := json.Marshal(kept)
		if err != nil {
			return &kept, &provider.Error{Kind: provider.Internal, Op: doing, Err: err}
		}
		f.Payload = payload
		if err := h.ledger.PrepareFiring(ctx, *f); err != nil {
			return &kept, &provider.Error{Kind: provider.Transient, Op: doing, Err: err}
		}
		return &kept, nil
	}
	if kept.Action != nil {
		return &kept, nil // what it was to do when it happened
	}
	return &kept, &provider.Error{Kind: provider.Invalid, Op: doing, Message: "the contract in force has no such action any more"}
}

// act asks the vendor.
func (p *Pipeline) act(ctx context.Context, f ledger.Firing, kept *firing) (provider.ActionResult, error) {
	doing := fmt.Sprintf("fire trigger %q", f.Trigger)
	if f.Object != "" && p.object(f.Object) == nil {
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: doing, Message: fmt.Sprintf("the contract in force has no object %q any more", f.Object)}
	}
	place := p.place(f, kept.Action)
	actor, ok := p.providers[place].(provider.Actor)
	if !ok {
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: doing, Message: "the contract in force has no connection " + place + " that carries out actions"}
	}
	return actor.Act(ctx, provider.Action{
		Type: kept.Type, RecordID: kept.Action.RecordID, Settings: kept.Action.Settings, Fields: kept.Action.Fields,
		Key: actionKey(f), Sent: f.Sent, Tried: f.Tried,
	})
}

// place is the connection where an action happens: the one it was decided for, or the object's now.
func (p *Pipeline) place(f ledger.Firing, a *action) string {
	if o := p.object(f.Object); o != nil {
		return o.side(a.Side & 1)
	}
	return a.Connection
}

// actionKey is the same for as long as the action may have been carried out. It has the shape of a UUID.
func actionKey(f ledger.Firing) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", f.Trigger, f.Occurrence, f.Began.UnixMilli()))
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made by a rule of our own, RFC 9562
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// fired turns what the vendor said into what becomes of the firing: done, tried again, or a dead letter.
func (p *Pipeline) fired(f ledger.Firing, kept *firing, result provider.ActionResult, err error) ledger.FiringOutcome {
	if err == nil {
		p.cfg.Logger.Info("trigger fired", "trigger", f.Trigger, "action", kept.Type, "pair", f.PairID, "made", result.ID, "before_already", result.Found)
		return ledger.FiringOutcome{Done: true, Result: result.ID}
	}
	var e *provider.Error
	if !errors.As(err, &e) {
		e = &provider.Error{Kind: provider.Internal, Op: fmt.Sprintf("fire trigger %q", f.Trigger), Message: err.Error(), Err: err}
	}
	// That this try came to nothing says nothing of one before it.
	out := ledger.FiringOutcome{Unknown: !f.Sent.IsZero() || e.Kind == provider.Unknown && !result.Looked, Looked: result.Looked}
	patient := e.Kind == provider.Unauthorized || e.Kind == provider.Throttled || e.Kind == provider.Exhausted
	if patient || (e.Kind.Retriable() || e.Kind == provider.Unknown) && f.Attempts < maxAttempts {
		p.cfg.Logger.Warn("a trigger's action will be tried again", "trigger", f.Trigger, "action", kept.Type, "error", e)
		wait := backoff(ledger.Intent{ID: f.Occurrence, Attempts: f.Attempts}, e.RetryAfter)
		out.Retry = &ledger.Retry{At: p.cfg.Clock().Add(wait), Error: e.Error()}
		return out
	}
	p.cfg.Logger.Error("dead letter", "trigger", f.Trigger, "action", kept.Type, "pair", f.PairID, "error", e)
	out.Dead = &ledger.DeadLetter{
		Op: record.Create, Kind: e.Kind.String(), Code: e.Code, Message: fmt.Sprintf("trigger %q, %s: %s", f.Trigger, kept.Type, e.Message),
		RequestID: e.RequestID, Fields: e.Fields, Remedy: remedy(e),
	}
	if e.Message == "" {
		out.Dead.Message = fmt.Sprintf("trigger %q, %s: %v", f.Trigger, kept.Type, e)
	}
	if a := kept.Action; a != nil {
		out.Dead.Side, out.Dead.RecordID = a.Side&1, a.RecordID
		if payload, err := json.Marshal(a); err == nil {
			out.Dead.Payload = payload
		}
	}
	return out
}
