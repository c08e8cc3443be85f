package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lane is a lease on one name that one worker holds at a time: one board, one kind of record, the stream of a connection.
//
// Leases are told by the clocks of those who hold them. They keep workers apart for as long as these clocks differ by
// less than what is left of a lease when it is renewed; the token keeps what a former holder still writes out of the
// ledger however they differ.
type Lane struct {
	Name   string
	Worker string
	Token  int64 // grows with every change of holder, so that what a former holder still does can be refused
	Until  time.Time
	// Broken, of a lane just taken, says that whoever held it before did not give it back: what he had claimed is to be
	// freed.
	Broken bool
}

// errBusy ends a transaction that can't have all it came for.
var errBusy = errors.New("held by another worker")

// TakeLanes takes all of some lanes, or none: those that are free, those whose leases have run out, and those that an
// earlier life of the same worker left behind. Nil when somebody else holds one of them. A worker that takes a lane
// which it holds already shuts itself out: what it does on the former lease is refused.
func (l *Ledger) TakeLanes(ctx context.Context, names []string, worker string, lease time.Duration) ([]Lane, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names))) // everybody takes them in one order
	var lanes []Lane
	err := l.write(ctx, "take lanes "+strings.Join(names, ", "), nil, func(t *tx) error {
		lanes = nil
		until := t.now + lease.Milliseconds()
		for _, name := range names {
			lane := Lane{Name: clean(name), Worker: clean(worker), Until: moment(until)}
			var before string
			if _, err := t.one(`SELECT lease_by FROM lane WHERE name = $1`+t.l.dialect.update, []any{name}, &before); err != nil {
				return err
			}
			lane.Broken = before != ""
			ok, err := t.one(`INSERT INTO lane (name, lease_by, lease_until, token) VALUES ($1, $2, $3, 1)
				ON CONFLICT (name) DO UPDATE SET lease_by = excluded.lease_by, lease_until = excluded.lease_until, token = lane.token + 1
				WHERE lane.lease_until <= $4 OR lane.lease_by = excluded.lease_by
				RETURNING token`, []any{name, worker, until, t.now}, &lane.Token)
			if err != nil {
				return err
			}
			if !ok {
				return errBusy
			}
			lanes = append(lanes, lane)
		}
		return nil
	})
	if errors.Is(err, errBusy) {
		return nil, nil
	}
	return lanes, err
}

// RenewLanes prolongs leases and returns those that were: one that ran out and that nobody took is; one that somebody
// else has taken since is left out.
func (l *Ledger) RenewLanes(ctx context.Context, lanes []Lane, lease time.Duration) ([]Lane, error) {
	var renewed []Lane
	err := l.write(ctx, fmt.Sprintf("renew %d lanes", len(lanes)), nil, func(t *tx) error {
		renewed = nil
		until := t.now + lease.Milliseconds()
		for _, lane := range inOrder(lanes) {
			n, err := t.exec(`UPDATE lane SET lease_until = $1 WHERE name = $2 AND lease_by = $3 AND token = $4`,
				until, lane.Name, lane.Worker, lane.Token)
			if err != nil {
				return err
			}
			if n > 0 {
				lane.Until = moment(until)
				renewed = append(renewed, lane)
			}
		}
		return nil
	})
	return renewed, err
}

// ReleaseLanes gives lanes back. Those that are not held any more are left alone.
func (l *Ledger) ReleaseLanes(ctx context.Context, lanes []Lane) error {
	return l.write(ctx, fmt.Sprintf("release %d lanes", len(lanes)), nil, func(t *tx) error {
		for _, lane := range inOrder(lanes) {
			if _, err := t.exec(`UPDATE lane SET lease_by = '', lease_until = 0 WHERE name = $1 AND lease_by = $2 AND token = $3`,
				lane.Name, lane.Worker, lane.Token); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetLanes forgets lanes whose names begin so and that nobody has held since a moment: names that do not come again.
func (l *Ledger) ForgetLanes(ctx context.Context, prefix string, since time.Time) error {
	return l.write(ctx, "forget lanes of "+prefix, nil, func(t *tx) error {
		_, err := t.exec(`DELETE FROM lane WHERE SUBSTR(name, 1, $1) = $2 AND lease_until < $3`, len([]rune(prefix)), prefix, millis(since))
		return err
	})
}

// Lanes lists the lanes that nobody has given back, by worker and name. Those whose Until has passed are broken:
// their holder is taken for dead.
func (l *Ledger) Lanes(ctx context.Context) ([]Lane, error) {
	var list []Lane
	err := l.read(ctx, "list who holds which lane", func(t *tx) error {
		return t.query(`SELECT name, lease_by, lease_until, token FROM lane WHERE lease_by <> '' ORDER BY lease_by, name`, nil, func(r row) error {
			var lane Lane
			var until int64
			err := r.Scan(&lane.Name, &lane.Worker, &until, &lane.Token)
			lane.Until = moment(until)
			list = append(list, lane)
			return err
		})
	})
	return list, err
}

// Under is the ledger as it is open to the holder of lanes: it refuses every change with ErrLaneLost once one of them
// has run out or has another holder. It is the same ledger otherwise; only the one that was opened is to be closed.
func (l *Ledger) Under(lanes []Lane) *Ledger {
	fenced := *l
	fenced.lanes = inOrder(lanes)
	return &fenced
}

func inOrder(lanes []Lane) []Lane {
	return slices.SortedFunc(slices.Values(lanes), func(a, b Lane) int { return strings.Compare(a.Name, b.Name) })
}

// held is ErrLaneLost when one of the lanes on which a transaction depends is no longer its holder's. Their rows are
// locked until we commit, so that none can change hands in between.
func (t *tx) held() error {
	for _, lane := range t.l.lanes {
		var token, until int64
		found, err := t.one(`SELECT token, lease_until FROM lane WHERE name = $1 AND lease_by = $2`+t.l.dialect.share,
			[]any{lane.Name, lane.Worker}, &token, &until)
		if err != nil {
			return err
		}
		if !found || token != lane.Token || until <= t.now {
			return fmt.Errorf("%w: %s", ErrLaneLost, lane.Name)
		}
	}
	return nil
}

// FreeClaims ends the claims on pending pairs and on firings of objects: whoever held them is no more. What was decided
// on a claim that was freed does not count, and firings still count as tried.
func (l *Ledger) FreeClaims(ctx context.Context, objects []string) error {
	return l.write(ctx, "free what a worker that is no more had claimed", []string{"firings"}, func(t *tx) error {
		for _, statement := range []string{
			`UPDATE trigger_firing SET lease_by = '', lease_until = 0 WHERE object IN (%s) AND state = 'ready' AND lease_until > 0`,
			`UPDATE pending SET lease_by = '', lease_until = 0 WHERE object IN (%s) AND lease_until > 0`,
		} {
			if _, err := t.execAmong(statement, nil, objects); err != nil {
				return err
			}
		}
		return nil
	})
}

// FreeOtherFirings does so for the firings of all objects but some: those that no object's holder comes for.
func (l *Ledger) FreeOtherFirings(ctx context.Context, but []string) error {
	return l.write(ctx, "free other firings that a worker that is no more had claimed", []string{"firings"}, func(t *tx) error {
		var others []string
		err := t.query(`SELECT DISTINCT object FROM trigger_firing WHERE state = 'ready' AND lease_until > 0 ORDER BY object`, nil, func(r row) error {
			var object string
			err := r.Scan(&object)
			if !slices.Contains(but, object) {
				others = append(others, object)
			}
			return err
		})
		if err != nil {
			return err
		}
		_, err = t.execAmong(`UPDATE trigger_firing SET lease_by = '', lease_until = 0 WHERE object IN (%s) AND state = 'ready'`, nil, others)
		return err
	})
}

// Ready says whether something is to be done now of one of some objects: records to read, pairs to decide about, writes to
// send or to look up.
func (l *Ledger) Ready(ctx context.Context, objects []string) (ready bool, err error) {
	err = l.read(ctx, "see what is ready", func(t *tx) error {
		for _, object := range objects {
			some := 0
			if _, err := t.one(`SELECT CASE WHEN EXISTS (SELECT 1 FROM seen WHERE object = $1 AND dirty = 1)
					OR EXISTS (SELECT 1 FROM intent WHERE object = $1 AND (state <> 'ready' OR not_before <= $2))
					OR EXISTS (SELECT 1 FROM pending p WHERE p.object = $1 AND p.not_before <= $2 AND p.lease_until <= $2 AND `+free+`)
				THEN 1 ELSE 0 END`, []any{object, t.now}, &some); err != nil {
				return err
			}
			ready = ready || some > 0
		}
		return nil
	})
	return ready, err
}

// ObjectsToFire lists the objects of which triggers' actions are due.
func (l *Ledger) ObjectsToFire(ctx context.Context) ([]string, error) {
	var objects []string
	err := l.read(ctx, "see which objects' triggers are to act", func(t *tx) error {
		return t.query(`SELECT DISTINCT object FROM trigger_firing WHERE state = 'ready' AND not_before <= $1 AND lease_until <= $1 ORDER BY object`,
			[]any{t.now}, func(r row) error {
				var object string
				err := r.Scan(&object)
				objects = append(objects, object)
				return err
			})
	})
	return objects, err
}
