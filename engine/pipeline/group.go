package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"accord/engine/ledger"
	"accord/engine/policy"
	"accord/engine/record"
)

// group is objects that share a lane: two objects on one board. One worker at a time works on all of them.
type group struct {
	lanes   []string
	objects []*object
	hold    *hold // nil while another worker may have them; changes only while no load is under way
}

// groups puts objects that share a lane together, in the order of their first ones.
func groups(objects []*object) []*group {
	var list []*group
	for _, o := range objects {
		g := &group{}
		for _, side := range record.Sides {
			g.lanes = append(g.lanes, o.side(side)+"/"+o.Records[side].Lane())
		}
		// What shares a lane with it may have shared none so far.
		rest := list[:0:0]
		for _, other := range list {
			if !slices.ContainsFunc(other.lanes, func(name string) bool { return slices.Contains(g.lanes, name) }) {
				rest = append(rest, other)
				continue
			}
			g.lanes = append(other.lanes, g.lanes...)
			g.objects = append(g.objects, other.objects...)
		}
		g.objects = append(g.objects, o)
		list = append(rest, g)
	}
	for _, g := range list {
		slices.Sort(g.lanes)
		g.lanes = slices.Compact(g.lanes)
		for _, o := range g.objects {
			o.group = g
		}
	}
	return list
}

// visit works on a group if there is anything to do and nobody else is at it, and gives it back when nothing is left. It
// reports whether it did anything.
func (p *Pipeline) visit(ctx context.Context, g *group) (bool, error) {
	if g.hold == nil {
		wanted, err := p.wanted(ctx, g)
		if err != nil || !wanted {
			return false, err
		}
	}
	mine, err := p.claimGroup(ctx, g)
	if err != nil || !mine {
		return false, err
	}
	worked := false
	for _, o := range g.objects {
		did, err := p.turn(g.hold.ctx, o)
		if err == nil && slices.Contains(p.toFire, o.Name) && !p.waits(o) {
			var fired bool
			fired, err = p.fire(g.hold.ctx, o.Name, g.hold)
			did = did || fired
		}
		if err != nil {
			return true, p.unlessLost(ctx, g, err)
		}
		if !did && !o.halted && !p.loads.of(o) {
			// A burst has ended: the next is counted from nothing.
			if err := p.endBurst(ctx, o); err != nil {
				return true, p.unlessLost(ctx, g, err)
			}
		}
		worked = worked || did
	}
	if !worked {
		p.leave(ctx, g)
	}
	return worked, nil
}

// lookAround sees who holds which lane, and which triggers are to act.
func (p *Pipeline) lookAround(ctx context.Context) (err error) {
	if p.known, err = p.cfg.Ledger.Lanes(ctx); err != nil {
		return err
	}
	if err := p.recall(ctx); err != nil {
		return err
	}
	p.toFire, err = p.cfg.Ledger.ObjectsToFire(ctx)
	return err
}

// standing says of lanes that this worker does not hold whether one of them was left behind by a worker that is no more,
// an earlier life of this one among them, and otherwise whether others hold one.
func (p *Pipeline) standing(lanes []string) (broken, others bool) {
	for _, l := range p.known {
		switch {
		case !slices.Contains(lanes, l.Name):
		case l.Worker == p.cfg.Worker, !p.cfg.Clock().Before(l.Until):
			return true, false
		default:
			others = true
		}
	}
	return false, others
}

// wanted says whether a group that this worker does not hold has anything to do. It takes up, too, what a worker that is
// no more has left of it.
func (p *Pipeline) wanted(ctx context.Context, g *group) (bool, error) {
	broken, others := p.standing(g.lanes)
	if broken {
		return true, nil
	}
	var names []string
	resumed := false // or to be tried again
	for _, o := range g.objects {
		if p.waits(o) {
			continue
		}
		names = append(names, o.Name)
		if err := p.review(ctx, o); err != nil {
			return false, err
		}
		_, stalled := p.stalled.get(o.Name)
		resumed = resumed || stalled || o.unlisted && !o.halted
	}
	some := resumed || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(p.toFire, name) })
	if !some {
		var err error
		if some, err = p.cfg.Ledger.Ready(ctx, names); err != nil {
			return false, err
		}
	}
	p.left = p.left || some && others
	return some && !others, nil
}

// claimGroup makes sure that this worker holds a group; false when another one does, or when a load that this one lost
// has not ended.
func (p *Pipeline) claimGroup(ctx context.Context, g *group) (bool, error) {
	if g.hold != nil && !g.hold.lost() {
		return true, nil
	}
	if g.hold != nil {
		if slices.ContainsFunc(g.objects, p.loads.of) {
			p.left = true
			return false, nil
		}
		p.leave(ctx, g)
	}
	h, err := p.lanes.take(ctx, g.lanes...)
	if err != nil {
		return false, err
	}
	if h == nil {
		p.left = true
		return false, nil
	}
	g.hold = h
	if err := p.takeUp(ctx, g); err != nil {
		p.leave(ctx, g)
		return false, err
	}
	return true, nil
}

// takeUp brings what is known of a group's objects up to date: others may have worked on them since.
func (p *Pipeline) takeUp(ctx context.Context, g *group) error {
	if err := p.replaced(ctx); err != nil { // so that two contracts never have their turns by and by
		return err
	}
	var names []string
	for _, o := range g.objects {
		o.ledger, o.halted, o.gathering = g.hold.ledger, false, false
		names = append(names, o.Name)
		if err := p.restoreBurst(ctx, o); err != nil {
			return err
		}
	}
	if !g.hold.broken {
		return nil
	}
	p.cfg.Logger.Info("go on with what a worker that is no more has left", "objects", names)
	return g.hold.ledger.FreeClaims(ctx, names)
}

// leave gives a group back to whoever comes for it.
func (p *Pipeline) leave(ctx context.Context, g *group) {
	if g.hold == nil || slices.ContainsFunc(g.objects, p.loads.of) {
		return
	}
	h := g.hold
	g.hold = nil
	for _, o := range g.objects {
		o.ledger = p.cfg.Ledger
		if h.gone.Err() != nil {
			o.vanished = vanished{} // others know better by now
		}
	}
	p.lanes.release(ctx, h)
}

// unlessLost is nil for an error of a group whose lanes were lost: another worker has it now.
func (p *Pipeline) unlessLost(ctx context.Context, g *group, err error) error {
	if ctx.Err() != nil || !errors.Is(err, ledger.ErrLaneLost) && !g.hold.lost() {
		return err
	}
	g.hold.lose()
	p.cfg.Logger.Warn("another worker goes on with what this one was too slow at", "lanes", g.lanes, "error", err)
	p.leave(ctx, g)
	return nil
}

// await gets hold of a group, and waits for it as long as ctx lasts.
func (p *Pipeline) await(ctx context.Context, g *group) error {
	for {
		mine, err := p.claimGroup(ctx, g)
		if err != nil || mine {
			return err
		}
		if err := p.sleep(ctx, leftPoll); err != nil {
			return fmt.Errorf("wait for another worker to be done with %s: %w", g.objects[0].Name, err)
		}
	}
}

// endBurst begins to count anew what an object's guard watches.
func (p *Pipeline) endBurst(ctx context.Context, o *object) error {
	o.round, o.vanished, o.allowed = policy.Round{}, vanished{}, Halt{}
	return p.saveBurst(ctx, o)
}
