package simulation

import (
	"context"
	"time"

	"accord/engine/provider"
)

// Act carries out an action, or does not, or does and says that it did not hear.
func (v *vendor) Act(ctx context.Context, a provider.Action) (result provider.ActionResult, err error) {
	w, none := v.p.w, provider.ActionResult{}
	begun := time.Now()
	defer func() { v.p.observe(ctx, v.side, a.Type, 1, begun, err) }()
	w.count("act")
	time.Sleep(v.p.moment("door/act/"+v.side.String()+a.Type+a.RecordID, time.Millisecond))
	if err := v.p.step(vendorCall, "call act", 3); err != nil {
		return none, err
	}
	if ctx.Err() != nil {
		return none, &provider.Error{Kind: provider.Unknown, Op: "act", Err: ctx.Err()}
	}
	if err := provider.Leave(ctx, "act"); err != nil {
		w.trace.add("%s act %s kept back", v.side, a.Type)
		return none, err
	}
	ctx = provider.WithLeave(ctx, nil) // from here on it is on its way
	w.trace.add("%s act %s %s %v %v", v.side, a.Type, a.RecordID, a.Settings, a.Fields)
	v.way(ctx, "act"+a.RecordID, 5*time.Millisecond, 500*time.Millisecond)
	if v.p.isDead() && w.stream("in flight").IntN(2) == 0 {
		return none, errDead
	}
	trouble := !w.quiet.Load()
	switch {
	case !trouble:
	case w.hit(LostBefore, 1):
		return none, &provider.Error{Kind: provider.Unknown, Op: "act", Message: "lost before"}
	case w.hit(Throttle, 0.5):
		return none, &provider.Error{Kind: provider.Throttled, Op: "act", RetryAfter: w.between("throttle", time.Second, 30*time.Second)}
	case w.hit(Passing, 0.5):
		return none, &provider.Error{Kind: provider.Transient, Op: "act", Message: "try again"}
	case w.hit(RefusedRows, 0.5):
		return none, &provider.Error{Kind: provider.Invalid, Op: "act", Code: "INVALID", Message: "the action is refused"}
	}
	result, err = v.Fake.Act(context.WithoutCancel(ctx), a)
	if err != nil {
		return none, err
	}
	if err := v.p.step(vendorCall, "answer to act", 3); err != nil {
		return none, err
	}
	if trouble && w.hit(LostAfter, 1) {
		return none, &provider.Error{Kind: provider.Unknown, Op: "act", Message: "lost after"}
	}
	v.way(ctx, "act"+a.RecordID, 5*time.Millisecond, 500*time.Millisecond)
	if v.p.isDead() {
		return none, errDead
	}
	return result, nil
}
