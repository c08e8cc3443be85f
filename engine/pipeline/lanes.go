package pipeline

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/ledger"
)

// Several workers share a ledger by lanes. Whoever works on an object holds the lanes of both its ends, so that one board,
// or one kind of record, is never written by two at once; a vendor's stream of changes is watched by one, and one sweeps.
// All that a holder writes to the ledger is refused once it has lost a lane, and it sends nothing more.

const (
	// laneLease is how long a lane stays with a worker that says nothing any more. It is how long the work of one that was
	// killed waits for another; it outlasts a pause of the ledger, and a difference of clocks, of two thirds of it.
	laneLease = 30 * time.Second
	// laneMargin is what must be left of a lease for a vendor to be called on it: in that time the call has surely begun.
	laneMargin = 5 * time.Second
	// laneRetry is how soon a renewal that failed is tried again.
	laneRetry = 2 * time.Second
	// rolePoll is how often a worker asks whether it can have what another holds for good.
	rolePoll = 5 * time.Second
	// leftPoll is how long a worker leaves be what it could not have, while there is something to do.
	leftPoll = 500 * time.Millisecond
	// laneEnd is how long giving lanes back may take at the end.
	laneEnd = 5 * time.Second
)

// holder is this worker's lanes, and what keeps them.
type holder struct {
	ledger *ledger.Ledger
	worker string
	clock  func() time.Time
	logger hclog.Logger
	// life is what holds end with, at the latest. Lanes that are taken beside the work on others, and kept for a load, must
	// outlive that work, so that they don't end with the context that takes them; nil = they do.
	life context.Context

	mu     sync.Mutex
	held   []*hold
	quit   chan struct{} // of the goroutine that renews; nil while none does
	keeper sync.WaitGroup
}

// hold is lanes that are held together.
type hold struct {
	holder *holder
	ledger *ledger.Ledger // refuses all changes once a lane is lost
	broken bool           // they were taken from a worker that did not give them back
	// ctx ends when the lanes are given back or lost, and with the holder's life; gone only when they are lost.
	ctx, gone context.Context
	end, lose context.CancelFunc

	// Guarded by holder.mu.
	lanes []ledger.Lane
	until time.Time
}

// take takes lanes, all or none; nil when another worker holds one of them.
func (k *holder) take(ctx context.Context, names ...string) (*hold, error) {
	lanes, err := k.ledger.TakeLanes(ctx, names, k.worker, laneLease)
	if err != nil || lanes == nil {
		return nil, err
	}
	h := &hold{holder: k, ledger: k.ledger.Under(lanes), lanes: lanes, until: lanes[0].Until}
	h.broken = slices.ContainsFunc(lanes, func(l ledger.Lane) bool { return l.Broken })
	life := k.life
	if life == nil {
		life = ctx
	}
	h.ctx, h.end = context.WithCancel(life)
	gone, lose := context.WithCancel(context.WithoutCancel(ctx))
	h.gone, h.lose = gone, func() { lose(); h.end() }
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = append(k.held, h)
	if k.quit == nil {
		k.quit = make(chan struct{})
		quit := k.quit
		k.keeper.Go(func() { k.keep(context.WithoutCancel(ctx), quit) })
	}
	return h, nil
}

// release gives lanes back; those that are lost are only forgotten. What can't be given back runs out.
func (k *holder) release(ctx context.Context, list ...*hold) {
	var lanes []ledger.Lane
	k.mu.Lock()
	k.held = slices.DeleteFunc(k.held, func(h *hold) bool { return slices.Contains(list, h) })
	for _, h := range list {
		if h.gone.Err() == nil {
			lanes = append(lanes, h.lanes...)
		}
	}
	k.mu.Unlock()
	for _, h := range list {
		defer h.lose()
		h.end()
	}
	if len(lanes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), laneEnd)
	defer cancel()
	if err := k.ledger.ReleaseLanes(ctx, lanes); err != nil {
		k.logger.Warn("lanes were not given back: others get them when their leases run out", "error", err)
	}
}

// close gives everything back.
func (k *holder) close(ctx context.Context) {
	k.mu.Lock()
	held := slices.Clone(k.held)
	quit := k.quit
	k.quit = nil
	k.mu.Unlock()
	if quit != nil {
		close(quit)
		k.keeper.Wait()
	}
	k.release(ctx, held...)
}

// keep renews what is held until quit. Its pace is the worker's own, so that a run can be repeated exactly and several
// workers do not come at once.
func (k *holder) keep(ctx context.Context, quit <-chan struct{}) {
	wait := laneLease/3 - offset(k.worker)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-quit:
			return
		case <-timer.C:
		}
		next := wait
		if err := k.renew(ctx); err != nil {
			k.logger.Warn("lanes were not renewed: will try again", "error", err)
			next = laneRetry
		}
		timer.Reset(next)
	}
}

// offset is a moment of less than a second that differs from name to name: what happens at one moment happens in no
// order.
func offset(name string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return time.Duration(h.Sum32() % uint32(time.Second))
}

// renew prolongs the leases of all that is held, and tells those that were lost.
func (k *holder) renew(ctx context.Context) error {
	k.mu.Lock()
	held := slices.Clone(k.held)
	var lanes []ledger.Lane
	for _, h := range held {
		lanes = append(lanes, h.lanes...)
	}
	k.mu.Unlock()
	var renewed []ledger.Lane
	var err error
	if len(lanes) > 0 {
		limited, cancel := context.WithTimeout(ctx, laneLease/3)
		renewed, err = k.ledger.RenewLanes(limited, lanes, laneLease)
		cancel()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range held {
		if err == nil {
			kept := 0
			for _, l := range renewed {
				if slices.ContainsFunc(h.lanes, func(have ledger.Lane) bool { return have.Name == l.Name && have.Token == l.Token }) {
					h.until, kept = l.Until, kept+1
				}
			}
			if kept == len(h.lanes) {
				continue
			}
		} else if k.clock().Before(h.until.Add(-laneMargin)) {
			continue
		}
		if slices.Contains(k.held, h) {
			h.lose()
		}
	}
	return err
}

// check is ErrLaneLost when the lanes are lost, or so near to it that no call should begin. It asks the clock alone: a
// worker that was frozen learns by it that its time is over.
func (h *hold) check() error {
	h.holder.mu.Lock()
	until := h.until
	h.holder.mu.Unlock()
	if !h.holder.clock().Before(until.Add(-laneMargin)) {
		h.lose()
	}
	if h.gone.Err() != nil {
		return fmt.Errorf("%w: %s", ledger.ErrLaneLost, h.lanes[0].Name)
	}
	return nil
}

// lost says whether the lanes are lost, or as good as that.
func (h *hold) lost() bool { return h.check() != nil }

// role runs what one worker does for all, as long as it is the one; while another is, it waits.
func (p *Pipeline) role(ctx context.Context, name string, do func(ctx context.Context, l *ledger.Ledger) error) error {
	pause := offset(p.cfg.Worker + name)
	timer := time.NewTimer(pause / 50)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		timer.Reset(rolePoll + pause)
		h, err := p.lanes.take(ctx, name)
		if err != nil {
			return err
		}
		if h == nil {
			continue
		}
		err = do(h.ctx, h.ledger)
		if ctx.Err() != nil || !h.lost() {
			return err // the lane is given back with all others, at the end
		}
		p.lanes.release(ctx, h)
		timer.Reset(pause) // all that this worker held may be lost at one moment
		p.cfg.Logger.Warn("another worker goes on with what this one was too slow at", "lane", name, "error", err)
	}
}
