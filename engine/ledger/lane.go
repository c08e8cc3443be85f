package ledger

import (
	"context"
	"time"
)

// Lane is a lease on one name that one worker holds at a time: one board, one kind of record, "apply".
type Lane struct {
	Name   string
	Worker string
	Token  int64 // grows with every change of holder, so that what a former holder still does can be refused
	Until  time.Time
}

// AcquireLane takes a lane that is free, whose lease has run out, or that this worker holds already (which renews it);
// ok is false when somebody else holds it.
func (l *Ledger) AcquireLane(ctx context.Context, name, worker string, lease time.Duration) (lane Lane, ok bool, err error) {
	lane = Lane{Name: name, Worker: worker}
	err = l.write(ctx, "take lane "+name, nil, func(t *tx) error {
		until := t.now + lease.Milliseconds()
		ok, err = t.one(`INSERT INTO lane (name, lease_by, lease_until, token) VALUES ($1, $2, $3, 1)
			ON CONFLICT (name) DO UPDATE SET lease_by = excluded.lease_by, lease_until = excluded.lease_until,
				token = CASE WHEN lane.lease_by = excluded.lease_by AND lane.lease_until > $4 THEN lane.token ELSE lane.token + 1 END
			WHERE lane.lease_until <= $4 OR lane.lease_by = excluded.lease_by
			RETURNING token`, []any{name, worker, until, t.now}, &lane.Token)
		lane.Until = moment(until)
		return err
	})
	return lane, ok, err
}

// RenewLane prolongs a lease. ErrLaneLost when somebody else has taken it since; a lease that ran out and that nobody
// took is renewed.
func (l *Ledger) RenewLane(ctx context.Context, lane Lane, lease time.Duration) (Lane, error) {
	err := l.write(ctx, "renew lane "+lane.Name, nil, func(t *tx) error {
		until := t.now + lease.Milliseconds()
		n, err := t.exec(`UPDATE lane SET lease_until = $1 WHERE name = $2 AND lease_by = $3 AND token = $4`,
			until, lane.Name, lane.Worker, lane.Token)
		if err == nil && n == 0 {
			err = ErrLaneLost
		}
		lane.Until = moment(until)
		return err
	})
	return lane, err
}

// ReleaseLane gives a lane back. One that is not held any more is left alone.
func (l *Ledger) ReleaseLane(ctx context.Context, lane Lane) error {
	return l.write(ctx, "release lane "+lane.Name, nil, func(t *tx) error {
		_, err := t.exec(`UPDATE lane SET lease_by = '', lease_until = 0 WHERE name = $1 AND lease_by = $2 AND token = $3`,
			lane.Name, lane.Worker, lane.Token)
		return err
	})
}

// holds is ErrLaneLost when a lane with a name is no longer its holder's. The row is locked until we commit, so that it
// can't change hands in between.
func (t *tx) holds(lane Lane) error {
	if lane.Name == "" {
		return nil
	}
	var token, until int64
	found, err := t.one(`SELECT token, lease_until FROM lane WHERE name = $1 AND lease_by = $2`+t.l.dialect.share,
		[]any{lane.Name, lane.Worker}, &token, &until)
	if err != nil {
		return err
	}
	if !found || token != lane.Token || until <= t.now {
		return ErrLaneLost
	}
	return nil
}
