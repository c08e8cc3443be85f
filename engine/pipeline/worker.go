package pipeline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"accord/engine/ledger"
)

// presenceKept is how long a worker that is no more is still listed.
const presenceKept = time.Hour

// present shows that this worker lives, and forgets those that are long gone.
func (p *Pipeline) present(ctx context.Context, l *ledger.Ledger) error {
	if err := l.ForgetLanes(ctx, presence, p.cfg.Clock().Add(-presenceKept)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// Worker is a process that works with a ledger, as far as the ledger knows.
type Worker struct {
	Name  string    `json:"name"`
	Lanes []string  `json:"lanes"` // what it alone does now: boards and kinds of records, "sweep", "watch/" and a connection
	Until time.Time `json:"until"` // when others take over, unless it says before that it lives
}

// Workers lists the workers that have not given everything back: also those that are no more, and whose work nobody has
// taken over yet.
func Workers(ctx context.Context, l *ledger.Ledger) ([]Worker, error) {
	lanes, err := l.Lanes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read who works with the ledger: %w", err)
	}
	var list []Worker
	for _, lane := range lanes {
		if n := len(list); n == 0 || list[n-1].Name != lane.Worker {
			list = append(list, Worker{Name: lane.Worker, Lanes: []string{}})
		}
		w := &list[len(list)-1]
		if !strings.HasPrefix(lane.Name, presence) {
			w.Lanes = append(w.Lanes, lane.Name)
		}
		if lane.Until.After(w.Until) {
			w.Until = lane.Until
		}
	}
	return list, nil
}
