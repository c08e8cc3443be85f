package ledger

import "context"

// Pairs reads pairs by id: what was agreed of them, for who wants to know what a change would do. Those that are not in
// the ledger are left out.
func (l *Ledger) Pairs(ctx context.Context, ids []string) (map[string]Pair, error) {
	pairs := make(map[string]Pair, len(ids))
	err := l.read(ctx, "read pairs", func(t *tx) error {
		return t.among(`SELECT `+pairColumns+` FROM pair WHERE id IN (%s)`, nil, ids, func(r row) error {
			p, err := scanPair(r)
			if err == nil {
				pairs[p.ID] = p.Pair
			}
			return err
		})
	})
	return pairs, err
}
