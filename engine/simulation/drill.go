package simulation

import (
	"context"
	"fmt"
	"time"

	"accord/engine/binding"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/record"
)

// drill has something happen in the quiet, at the end, that a storm would blur: what follows is known exactly. Its seed
// chooses one for each run.
func (w *world) drill(ctx context.Context, p *process, l *ledger.Ledger) error {
	drills := []struct {
		name string
		do   func(context.Context, *process, *ledger.Ledger) error
	}{
		{"a mass deletion", w.deleteMany},
		{"a revert", w.putBack},
		{"a lost event", w.loseEvent},
		{"a decision", w.decide},
	}
	d := drills[w.stream("drill").IntN(len(drills))]
	w.trace.add("drill: %s", d.name)
	return d.do(ctx, p, l)
}

// connected is a pipeline's configuration, with both vendors.
func (w *world) connected(p *process, l *ledger.Ledger) pipeline.Config {
	providers := binding.Providers{}
	for _, side := range record.Sides {
		providers[connections[side]] = &vendor{Fake: w.fake(side), p: p, side: side}
	}
	return w.config(l, p, providers)
}

// linked are couples of an object that stand in full agreement: both there, each naming the other, and nothing about them
// for anybody to look at.
func (w *world) linked(ctx context.Context, l *ledger.Ledger, object string) ([]couple, error) {
	c, err := w.look(ctx, l)
	if err != nil {
		return nil, err
	}
	var list []couple
	for _, x := range c.couples[object] {
		told := c.buried(object, x.pair)
		for _, k := range c.conflicts {
			told = told || k.PairID == x.pair
		}
		if !told && x.left.State == record.Live && x.right.State == record.Live && x.left.Key == x.right.ID && x.right.Key == x.left.ID {
			list = append(list, x)
		}
	}
	return list, nil
}

// maxDeletes is what the contract lets be deleted of requests at once.
const maxDeletes = 8

// deleteMany deletes more requests at once than the contract allows: none of their cases may follow before somebody has
// looked, and all of them after.
func (w *world) deleteMany(ctx context.Context, p *process, l *ledger.Ledger) error {
	const many = maxDeletes + 1
	there, err := w.linked(ctx, l, "request")
	if err != nil {
		return err
	}
	for range many + 1 - len(there) {
		w.add(record.Right, "Requests", record.Fields{"name": w.text("request")})
	}
	if !w.once(ctx, p, l) {
		return nil
	}
	if there, err = w.linked(ctx, l, "request"); err != nil || len(there) <= many {
		return err
	}
	for _, x := range there[:many] {
		w.remove(record.Right, "Requests", x.right.ID, record.Deleted)
	}
	before := w.length()
	if !w.once(ctx, p, l) {
		return nil
	}
	for _, h := range w.history[before:] {
		if !h.user && h.op != record.Update && h.op != record.Create {
			w.complain("guards", "%d requests were deleted at once, which is more than %d, and %s was removed before anybody had looked", many, maxDeletes, h.id)
		}
	}
	halts, err := pipeline.Halts(ctx, l)
	if err != nil {
		return err
	}
	if halts["request"].Detail == "" {
		w.complain("guards", "%d requests were deleted at once, which is more than %d, and nobody is told", many, maxDeletes)
		return nil
	}
	if err := pipeline.Resume(ctx, l, "request"); err != nil {
		return err
	}
	if !w.once(ctx, p, l) {
		return nil
	}
	for _, x := range there[:many] {
		if r, _ := w.find(record.Left, "Case", x.left.ID); r.State == record.Live {
			w.complain("guards", "requests were let go on, and %s is still there although %s is deleted", x.left.ID, x.right.ID)
		}
	}
	return nil
}

// putBack reverts a run: what it wrote becomes what stood there before, but for what somebody has edited since.
func (w *world) putBack(ctx context.Context, p *process, l *ledger.Ledger) error {
	deals, err := w.linked(ctx, l, "deal")
	if err != nil {
		return err
	}
	deals = deals[:min(3, len(deals))]
	for _, x := range deals {
		w.edit(record.Left, "Opportunity", x.left.ID, record.Fields{"Amount": w.number()})
	}
	const run = "drill"
	cfg := w.connected(p, l)
	cfg.Run = run
	time.Sleep(w.between("quiet", time.Second, 2*time.Second))
	if err := pipeline.New(cfg).Once(ctx); err != nil {
		w.complain("converges", "a run to be reverted: %v", err)
		return nil
	}
	var want []record.Value
	for i, x := range deals {
		v := x.right.Fields["amount"]
		if i%2 == 1 {
			v = w.number()
			w.edit(record.Right, "Deals", x.right.ID, record.Fields{"amount": v})
		}
		want = append(want, v)
	}
	r, err := pipeline.NewReverter(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	plan, err := r.Plan(ctx, run, pipeline.Part{})
	if err != nil {
		return err
	}
	if _, err := r.Apply(ctx, plan); err != nil {
		return err
	}
	for i, x := range deals {
		now, _ := w.find(record.Right, "Deals", x.right.ID)
		switch v := now.Fields["amount"]; {
		case w.alike(v, want[i]):
		case i%2 == 1:
			w.complain("revert", "a run was reverted, and %q, which a user gave to amount of %s after it, became %q", want[i], x.right.ID, v)
		default:
			w.complain("revert", "a run was reverted, and amount of %s is %q, and was %q before it", x.right.ID, v, want[i])
		}
	}
	return nil
}

// loseEvent has an edit of which no event tells while a sync listens: the next sweep finds it, and it is counted.
func (w *world) loseEvent(ctx context.Context, p *process, l *ledger.Ledger) error {
	deals, err := w.linked(ctx, l, "deal")
	if err != nil || len(deals) == 0 {
		return err
	}
	before, err := w.lost(ctx, l)
	if err != nil {
		return err
	}
	cfg := w.connected(p, l)
	cfg.Sweep = 5 * time.Minute
	running, stop := context.WithCancel(ctx)
	p.cancel = stop
	ended := make(chan error, 1)
	go func() { ended <- pipeline.New(cfg).Run(running) }()
	time.Sleep(w.between("quiet", 90*time.Second, 100*time.Second))
	amount := w.number()
	w.edit(record.Left, "Opportunity", deals[0].left.ID, record.Fields{"Amount": amount}) // in the quiet, no event is posted
	time.Sleep(w.between("quiet", 6*time.Minute, 7*time.Minute))
	stop()
	if err := <-ended; err != nil {
		w.complain("stays up", "the process stopped: %v", err)
	}
	after, err := w.lost(ctx, l)
	if err != nil {
		return err
	}
	if after-before != 1 {
		w.complain("lost events", "of one change, no event told, and %d are counted", after-before)
	}
	if now, _ := w.find(record.Right, "Deals", deals[0].right.ID); !w.alike(now.Fields["amount"], amount) {
		w.complain("lost events", "of %q in amount of %s no event told, and it is not in %s, which shows %q", amount, deals[0].left.ID, now.ID, now.Fields["amount"])
	}
	return nil
}

// lost is how many changes the ledger counts of which no event told.
func (w *world) lost(ctx context.Context, l *ledger.Ledger) (n int64, err error) {
	tallies, err := l.Tallies(ctx)
	for _, t := range tallies {
		n += t.Lost
	}
	return n, err
}

// decide has a person decide a field that is held: it is done as he says, once, and what is edited after that is decided
// as if he had said nothing.
func (w *world) decide(ctx context.Context, p *process, l *ledger.Ledger) error {
	deals, err := w.linked(ctx, l, "deal")
	if err != nil || len(deals) == 0 {
		return err
	}
	ids, native := [2]string{deals[0].left.ID, deals[0].right.ID}, [2]string{"Plan__c", "plan"}
	tables := [2]string{"Opportunity", "Deals"}
	type step struct {
		what  string
		edits []record.Side // who edits the field
		award bool          // and a person decides
		want  [2]record.Side
	}
	winner := record.Side(w.stream("drill").IntN(2))
	var typed [2]record.Value
	for _, s := range []step{
		{"both edited a held field", []record.Side{record.Left, record.Right}, false, record.Sides},
		{fmt.Sprintf("a person gave it to the %s side", winner), nil, true, [2]record.Side{winner, winner}},
		{fmt.Sprintf("the %s side, which had lost, edited it again", winner.Other()), []record.Side{winner.Other()}, false, [2]record.Side{winner.Other(), winner.Other()}},
		{"both edited it again", []record.Side{record.Left, record.Right}, false, record.Sides},
	} {
		for _, side := range s.edits {
			typed[side] = w.text("plan")
			w.edit(side, tables[side], ids[side], record.Fields{native[side]: typed[side]})
		}
		if s.award {
			if err := w.award(ctx, l, deals[0].pair, "plan", winner); err != nil {
				return err
			}
		}
		if !w.once(ctx, p, l) {
			return nil
		}
		for _, side := range record.Sides {
			r, _ := w.find(side, tables[side], ids[side])
			if want := typed[s.want[side]]; !w.alike(r.Fields[native[side]], want) {
				w.complain("a person's word", "%s, and the %s side shows %q instead of %q", s.what, side, r.Fields[native[side]], want)
				return nil
			}
		}
	}
	return nil
}

// award decides a pair's conflict about a field.
func (w *world) award(ctx context.Context, l *ledger.Ledger, pair, field string, side record.Side) error {
	open, err := l.Conflicts(ctx, ledger.Filter{PairID: pair})
	if err != nil {
		return err
	}
	for _, c := range open {
		if c.Field == field {
			return l.AwardConflict(ctx, c.ID, side, "operator")
		}
	}
	w.complain("a person's word", "both sides of pair %s differ in %s, and nobody is asked", pair, field)
	return nil
}
