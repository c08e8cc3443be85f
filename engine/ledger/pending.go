package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"accord/engine/record"
)

// Work is one pair to resolve, with everything that is known of it.
type Work struct {
	Pair     Pair
	Seen     [2]*record.Record // nil = no such record on that side
	Removed  [2]bool           // our own write archived or deleted it
	Gen      int64             // of the pending row; goes back in Resolution.Gen
	Lease    string            // proof of the claim; goes back in Resolution.Lease
	Attempts int               // how often resolving it was put off since it changed
	Saw      record.Fields     // what triggers saw of it last, canonical, by contract field; nil when they never did
	Priority int
	Reason   string // why it is pending
}

// Enqueue marks pairs pending. Pairs that are no more are passed over.
func (l *Ledger) Enqueue(ctx context.Context, pairIDs []string, priority int, notBefore time.Time, reason string) error {
	return l.write(ctx, fmt.Sprintf("mark %d pairs pending", len(pairIDs)), nil, func(t *tx) error {
		return t.enqueuePairs(pairIDs, priority, max(t.now, millis(notBefore)), reason)
	})
}

// EnqueueObject marks all pairs of an object pending that are not closed, and returns how many: after a change of
// contract.
func (l *Ledger) EnqueueObject(ctx context.Context, object string, priority int, reason string) (n int, err error) {
	err = l.write(ctx, "mark all pairs of "+object+" pending", []string{"object/" + clean(object)}, func(t *tx) error {
		touched, err := t.exec(`INSERT INTO pending (pair_id, object, priority, since, not_before, gen, attempts, reason, waits_for, lease_by, lease_until)
			SELECT id, object, CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($2 AS BIGINT), 1, 0, CAST($3 AS TEXT), '', '', 0
			FROM pair WHERE object = $4 AND state <> 'closed' `+again, priority, t.now, reason, object)
		n = int(touched)
		return err
	})
	return n, err
}

func (t *tx) enqueuePairs(pairIDs []string, priority int, notBefore int64, reason string) error {
	var rows [][]any
	known := map[string]bool{}
	err := t.among(`SELECT id, object FROM pair WHERE id IN (%s)`, nil, pairIDs, func(r row) error {
		var id, object string
		err := r.Scan(&id, &object)
		if !known[id] {
			known[id] = true
			rows = append(rows, pendingRow(id, object, priority, t.now, notBefore, reason))
		}
		return err
	})
	if err != nil {
		return err
	}
	return t.insertPending(rows)
}

func pendingRow(id, object string, priority int, now, notBefore int64, reason string) []any {
	return []any{id, object, priority, now, notBefore, 1, 0, reason, "", "", 0}
}

const pendingColumns = `pair_id, object, priority, since, not_before, gen, attempts, reason, waits_for, lease_by, lease_until`

// again is what happens to a pair that is pending already: it becomes due at the earlier time, with the more urgent
// priority. The generation is what tells a worker that its pair changed under its hands.
const again = `ON CONFLICT (pair_id) DO UPDATE SET gen = pending.gen + 1, attempts = 0, reason = excluded.reason, waits_for = '',
	priority = CASE WHEN excluded.priority < pending.priority THEN excluded.priority ELSE pending.priority END,
	not_before = CASE WHEN excluded.not_before < pending.not_before THEN excluded.not_before ELSE pending.not_before END`

func (t *tx) insertPending(rows [][]any) error {
	return t.insert("pending", pendingColumns, again, rows)
}

// free is the condition under which a pending pair p may be worked on: it is live, all that was decided about it is
// settled, and both its records can be trusted.
const free = `EXISTS (SELECT 1 FROM pair WHERE pair.id = p.pair_id AND pair.state = 'live')
	AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.pair_id = p.pair_id)
	AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.pair_id = p.pair_id AND seen.dirty = 1)`

// Claim takes up to limit pairs of an object that are due, the most urgent and then the oldest first, and leases them: for
// that long nobody else gets them. A pair comes only when its writes are settled and both its records can be trusted. What
// is not resolved in time is given to the next who asks.
func (l *Ledger) Claim(ctx context.Context, object string, limit int, worker string, lease time.Duration) ([]Work, error) {
	var list []Work
	err := l.write(ctx, "claim pairs of "+object, nil, func(t *tx) error {
		list = nil
		proof := l.ids.next(t.now) + " " + clean(worker) // as it will be read back
		var ids []string
		work := map[string]*Work{}
		// Materialized, because PostgreSQL may otherwise run the subquery again and take other rows.
		err := t.query(`WITH due AS MATERIALIZED (
				SELECT p.pair_id FROM pending p
				WHERE p.object = $1 AND p.not_before <= $2 AND p.lease_until <= $2 AND `+free+`
				ORDER BY p.priority, p.since, p.pair_id LIMIT $3`+l.dialect.skipLocked+`)
			UPDATE pending SET lease_by = $4, lease_until = $5 WHERE pair_id IN (SELECT pair_id FROM due)
			RETURNING pair_id, gen, attempts, priority, reason, since`,
			[]any{object, t.now, orAll(limit), proof, t.now + max(lease.Milliseconds(), 1)}, func(r row) error {
				w := &Work{Lease: proof}
				var since int64
				if err := r.Scan(&w.Pair.ID, &w.Gen, &w.Attempts, &w.Priority, &w.Reason, &since); err != nil {
					return err
				}
				work[w.Pair.ID] = w
				w.Pair.CreatedAt = moment(since) // for the order, until the pair is loaded
				ids = append(ids, w.Pair.ID)
				return nil
			})
		if err != nil {
			return err
		}
		sortWork(ids, work)
		if err := t.fillWork(ids, work); err != nil {
			return err
		}
		for _, id := range ids {
			list = append(list, *work[id])
		}
		return nil
	})
	return list, err
}

// fillWork loads the pairs and records of work.
func (t *tx) fillWork(ids []string, work map[string]*Work) error {
	err := t.among(`SELECT `+pairColumns+` FROM pair WHERE id IN (%s)`, nil, ids, func(r row) error {
		p, err := scanPair(r)
		if err == nil {
			work[p.ID].Pair = p.Pair
		}
		return err
	})
	if err != nil {
		return err
	}
	err = t.among(`SELECT `+seenColumns+` FROM seen WHERE pair_id IN (%s)`, nil, ids, func(r row) error {
		s, err := scanSeen(r)
		if err == nil {
			work[s.pairID].Seen[s.side], work[s.pairID].Removed[s.side] = s.record(), s.removed
		}
		return err
	})
	if err != nil {
		return err
	}
	return t.among(`SELECT pair_id, fields FROM trigger_saw WHERE pair_id IN (%s)`, nil, ids, func(r row) error {
		var id, text string
		err := r.Scan(&id, &text)
		if err == nil {
			err = decode("what triggers saw of pair "+id, text, &work[id].Saw)
		}
		return err
	})
}

// PairByRecord finds the pairs of records, by record id. Records without one are left out.
func (l *Ledger) PairByRecord(ctx context.Context, object string, side record.Side, ids []string) (map[string]string, error) {
	column := [2]string{"left_id", "right_id"}[side]
	return l.lookUp(ctx, "find the pairs of records of "+object, `SELECT `+column+`, id FROM pair WHERE object = $1 AND `+column+` IN (%s)`,
		[]any{object}, ids)
}

// RecordByPair finds a side's records of pairs, by pair id. Pairs that lack that side are left out.
func (l *Ledger) RecordByPair(ctx context.Context, side record.Side, pairIDs []string) (map[string]string, error) {
	column := [2]string{"left_id", "right_id"}[side]
	return l.lookUp(ctx, "find the records of pairs", `SELECT id, `+column+` FROM pair WHERE `+column+` IS NOT NULL AND id IN (%s)`, nil, pairIDs)
}

func (l *Ledger) lookUp(ctx context.Context, what, query string, args []any, list []string) (map[string]string, error) {
	found := make(map[string]string, len(list))
	err := l.read(ctx, what, func(t *tx) error {
		return t.among(query, args, list, func(r row) error {
			var k, v string
			err := r.Scan(&k, &v)
			found[k] = v
			return err
		})
	})
	return found, err
}

// sortWork orders claimed pairs as they were chosen: RETURNING promises no order.
func sortWork(ids []string, work map[string]*Work) {
	slices.SortFunc(ids, func(a, b string) int {
		x, y := work[a], work[b]
		return cmp.Or(cmp.Compare(x.Priority, y.Priority), x.Pair.CreatedAt.Compare(y.Pair.CreatedAt), cmp.Compare(a, b))
	})
}
