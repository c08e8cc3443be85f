package ledger

import (
	"context"
	"time"
)

// AppliedContract is a contract that was put in force.
type AppliedContract struct {
	Serial    int64 // 1, 2, 3 ...: the one in force has the highest
	Digest    string
	Source    []byte
	AppliedAt time.Time
	Actor     string
}

// InForce is the contract in force; nil when none was ever applied.
func (l *Ledger) InForce(ctx context.Context) (*AppliedContract, error) {
	list, err := l.Contracts(ctx, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Contracts lists the contracts that were ever in force, newest first; limit 0 = all.
func (l *Ledger) Contracts(ctx context.Context, limit int) ([]AppliedContract, error) {
	var list []AppliedContract
	err := l.read(ctx, "read the contracts that were applied", func(t *tx) error {
		return t.query(`SELECT serial, digest, source, applied_at, actor FROM contract ORDER BY serial DESC LIMIT $1`,
			[]any{orAll(limit)}, func(r row) error {
				var c AppliedContract
				var at int64
				err := r.Scan(&c.Serial, &c.Digest, &c.Source, &at, &c.Actor)
				c.AppliedAt = moment(at)
				list = append(list, c)
				return err
			})
	})
	return list, err
}

// Activate puts a contract in force and returns its serial. Serial and AppliedAt are filled in.
func (l *Ledger) Activate(ctx context.Context, c AppliedContract) (serial int64, err error) {
	err = l.write(ctx, "put the contract in force", []string{"contract"}, func(t *tx) error {
		source := c.Source
		if source == nil {
			source = []byte{}
		}
		if _, err := t.one(`SELECT COALESCE(MAX(serial), 0) + 1 FROM contract`, nil, &serial); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO contract (serial, digest, source, applied_at, actor) VALUES ($1, $2, $3, $4, $5)`,
			serial, c.Digest, source, t.now, c.Actor)
		return err
	})
	return serial, err
}

// orAll turns a limit of 0 into none.
func orAll(limit int) int64 {
	if limit <= 0 {
		return 1 << 62
	}
	return int64(limit)
}
