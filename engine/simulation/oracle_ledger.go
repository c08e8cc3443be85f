package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// testify opens the ledger for the oracles that look into it while others work with it.
func (w *world) testify(ctx context.Context) (done func(), err error) {
	if w.witness, err = w.open(ctx, "witness", time.Now, nil); err != nil {
		return nil, err
	}
	return func() {
		if err := w.witness.Close(); err != nil {
			w.complain("stays up", "the ledger can't be closed: %v", err)
		}
	}, nil
}

// fenced: what was written to the ledger under lanes was written by whoever holds them.
func (w *world) fenced(p *process, s ledger.Step) {
	if len(s.Lanes) == 0 || w.witness == nil || !w.met(Workers) {
		return
	}
	now, err := w.witness.Lanes(context.Background())
	if err != nil {
		w.complain("fencing", "the lanes can't be read: %v", err)
		return
	}
	for _, mine := range s.Lanes {
		for _, held := range now {
			if held.Name == mine.Name && held.Worker != mine.Worker {
				w.complain("fencing", "%s did %q under lane %s, which %s holds by now", p.name, s.What, mine.Name, held.Worker)
			}
		}
	}
}

// acknowledged: an event that was acknowledged is in the ledger: it knows what the event told, or that the record must be
// read.
func (w *world) acknowledged(side record.Side, changes []record.Change, begun time.Time) {
	for _, c := range changes {
		if text := w.unknown(side, c, begun); text != "" {
			w.complain("acknowledged", "an event about %s was acknowledged, and the ledger %s", c.Record.ID, text)
		}
	}
}

// unknown is what the ledger lacks of an event; "" = nothing.
func (w *world) unknown(side record.Side, c record.Change, begun time.Time) string {
	e, err := w.witness.Explain(context.Background(), c.Object, c.Record.ID)
	switch {
	case errors.Is(err, ledger.ErrNotFound) && c.Record.State != record.Live:
		return "" // it came and went
	case err != nil:
		return fmt.Sprintf("can't tell: %v", err)
	}
	seen := e.Seen[side]
	switch {
	case seen == nil:
		return "does not know the record"
	case seen.ID != c.Record.ID:
		return "" // it names another record first
	case e.Dirty[side], !e.SeenAt[side].Before(begun.Truncate(time.Millisecond)):
		return ""
	case c.Record.Version == 0:
		return "does not know that it must be read"
	case seen.Version < c.Record.Version:
		return fmt.Sprintf("knows it as of %d, and the event is of %d", seen.Version, c.Record.Version)
	default:
		return ""
	}
}
