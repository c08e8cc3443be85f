package ledger

import (
	"context"
	"fmt"
)

// Budget is what may be spent of something countable within one window: calls of one day.
type Budget struct {
	Connection, Name, Window string
	Used                     int64
	Limit                    int64 // 0 = none
}

// Spend adds to a budget's use unless that would pass its limit; ok says whether it did. The limit is the caller's; the
// use is shared by all processes.
func (l *Ledger) Spend(ctx context.Context, b Budget, amount int64) (used int64, ok bool, err error) {
	err = l.write(ctx, fmt.Sprintf("spend %d of %s at %s", amount, b.Name, b.Connection), nil, func(t *tx) error {
		args := []any{b.Connection, b.Name, b.Window, amount, b.Limit}
		if _, err := t.exec(`INSERT INTO budget (connection, name, span, used, ceiling) VALUES ($1, $2, $3, 0, $4)
			ON CONFLICT (connection, name, span) DO UPDATE SET ceiling = excluded.ceiling`, args[0], args[1], args[2], b.Limit); err != nil {
			return err
		}
		ok, err = t.one(`UPDATE budget SET used = used + $4 WHERE connection = $1 AND name = $2 AND span = $3
			AND (CAST($5 AS BIGINT) = 0 OR used + CAST($4 AS BIGINT) <= CAST($5 AS BIGINT)) RETURNING used`, args, &used)
		if err != nil || ok {
			return err
		}
		_, err = t.one(`SELECT used FROM budget WHERE connection = $1 AND name = $2 AND span = $3`, args[:3], &used)
		return err
	})
	return used, ok, err
}

// Budgets lists what was spent at a connection, by name and window.
func (l *Ledger) Budgets(ctx context.Context, connection string) ([]Budget, error) {
	var list []Budget
	err := l.read(ctx, "read the budgets of "+connection, func(t *tx) error {
		return t.query(`SELECT connection, name, span, used, ceiling FROM budget WHERE connection = $1 ORDER BY name, span`, []any{connection}, func(r row) error {
			var b Budget
			err := r.Scan(&b.Connection, &b.Name, &b.Window, &b.Used, &b.Limit)
			list = append(list, b)
			return err
		})
	})
	return list, err
}

// ForgetBudgets forgets what was spent in windows whose names sort before one.
func (l *Ledger) ForgetBudgets(ctx context.Context, before string) error {
	return l.write(ctx, "forget budgets of the past", nil, func(t *tx) error {
		_, err := t.exec(`DELETE FROM budget WHERE span < $1`, before)
		return err
	})
}
