package ledger

import (
	"context"
	"strconv"
	"strings"
	"time"

	"accord/engine/record"
)

// ObjectStats counts what the ledger holds of one object.
type ObjectStats struct {
	Object      string
	Pairs       int    // with both sides
	Gone        int    // of those, with a record that is deleted, archived, hidden or outside its object's scope now
	Half        [2]int // with only that side
	Held        int
	Closed      int
	Pending     int // of live pairs, whenever due
	Due         int // of those, due now
	Waiting     int // of those, waiting for another pair
	Dirty       [2]int
	Intents     [2]int // not settled, by side
	Unknown     int    // of those, with unknown outcome
	DeadLetters int    // open
	Conflicts   int    // open
	Firings     int    // triggers' actions to carry out, whenever due
	OldestDue   time.Time
}

// Stats counts, by object, in the order of their names.
func (l *Ledger) Stats(ctx context.Context) ([]ObjectStats, error) {
	stats := map[string]*ObjectStats{}
	of := func(object string) *ObjectStats {
		if stats[object] == nil {
			stats[object] = &ObjectStats{Object: object}
		}
		return stats[object]
	}
	err := l.read(ctx, "count what the ledger holds", func(t *tx) error { return t.stats(of) })
	if err != nil {
		return nil, err
	}
	list := make([]ObjectStats, 0, len(stats))
	for _, object := range sorted(stats) {
		list = append(list, *stats[object])
	}
	return list, nil
}

func (t *tx) stats(of func(string) *ObjectStats) error {
	err := t.query(`SELECT object, state, COUNT(left_id), COUNT(right_id), COUNT(*) FROM pair GROUP BY object, state`, nil, func(r row) error {
		var object string
		var state PairState
		var left, right, all int
		if err := r.Scan(&object, &state, &left, &right, &all); err != nil {
			return err
		}
		switch s := of(object); state {
		case PairLive:
			s.Pairs, s.Half = left+right-all, [2]int{all - right, all - left}
		case PairHeld:
			s.Held = all
		case PairClosed:
			s.Closed = all
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT p.object, COUNT(*), SUM(CASE WHEN p.not_before <= $1 THEN 1 ELSE 0 END), SUM(CASE WHEN p.waits_for <> '' THEN 1 ELSE 0 END),
			COALESCE(MIN(CASE WHEN p.not_before <= $1 THEN p.since END), 0)
		FROM pending p JOIN pair ON pair.id = p.pair_id AND pair.state = 'live' GROUP BY p.object`, []any{t.now}, func(r row) error {
		var object string
		var all, due, waiting int
		var oldest int64
		err := r.Scan(&object, &all, &due, &waiting, &oldest)
		s := of(object)
		s.Pending, s.Due, s.Waiting, s.OldestDue = all, due, waiting, moment(oldest)
		return err
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT object, side, COUNT(*) FROM seen WHERE dirty = 1 GROUP BY object, side`, nil, func(r row) error {
		return bySide(r, func(object string, side record.Side, n int) { of(object).Dirty[side] = n })
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT object, side, COUNT(*) FROM intent GROUP BY object, side`, nil, func(r row) error {
		return bySide(r, func(object string, side record.Side, n int) { of(object).Intents[side] = n })
	})
	if err != nil {
		return err
	}
	err = t.query(`SELECT s.object, COUNT(DISTINCT s.pair_id) FROM seen s JOIN pair p ON p.id = s.pair_id AND p.state = 'live'
			AND p.left_id IS NOT NULL AND p.right_id IS NOT NULL
		WHERE s.state <> 'live' GROUP BY s.object`, nil, func(r row) error {
		var object string
		var n int
		err := r.Scan(&object, &n)
		of(object).Gone = n
		return err
	})
	if err != nil {
		return err
	}
	for table, into := range map[string]func(*ObjectStats, int){
		"intent WHERE state = 'unknown'": func(s *ObjectStats, n int) { s.Unknown = n },
		// Those of triggers about no object are in TriggerStats.
		"deadletter WHERE state = 'open' AND object <> ''": func(s *ObjectStats, n int) { s.DeadLetters = n },
		"conflict WHERE state = 'open'":                    func(s *ObjectStats, n int) { s.Conflicts = n },
		// Those from before objects were noted have none.
		"trigger_firing WHERE state = 'ready' AND object <> ''": func(s *ObjectStats, n int) { s.Firings = n },
	} {
		if err := t.query(`SELECT object, COUNT(*) FROM `+table+` GROUP BY object`, nil, func(r row) error {
			var object string
			var n int
			err := r.Scan(&object, &n)
			into(of(object), n)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func bySide(r row, into func(string, record.Side, int)) error {
	var object, text string
	var n int
	if err := r.Scan(&object, &text, &n); err != nil {
		return err
	}
	side, err := sideOf(text)
	if err == nil {
		into(object, side, n)
	}
	return err
}

// Quiet says that nothing is left to do now: nothing pending is due, no write is unsettled, no record must be read, no
// trigger is to fire. What waits for another pair or for its time, what is held, and dead letters do not count.
func (l *Ledger) Quiet(ctx context.Context) (bool, error) {
	quiet := false
	err := l.read(ctx, "see whether anything is left to do", func(t *tx) error {
		busy := 0
		_, err := t.one(`SELECT CASE WHEN EXISTS (SELECT 1 FROM intent)
				OR EXISTS (SELECT 1 FROM seen WHERE dirty = 1)
				OR EXISTS (SELECT 1 FROM pending p JOIN pair ON pair.id = p.pair_id AND pair.state = 'live' WHERE p.not_before <= $1)
				OR EXISTS (SELECT 1 FROM trigger_firing WHERE state = 'ready')
				OR EXISTS (SELECT 1 FROM trigger_event WHERE state = 'waiting' AND attempts = 0)
			THEN 1 ELSE 0 END`, []any{t.now}, &busy)
		quiet = busy == 0
		return err
	})
	return quiet, err
}

// NextDue is when there will be something to do if nothing arrives before: now when there is already; ok is false when
// there is nothing but what waits for others. What is of the objects in except does not count.
func (l *Ledger) NextDue(ctx context.Context, except ...string) (at time.Time, ok bool, err error) {
	args := []any{int64(never)}
	var marks []string
	for _, object := range except {
		args = append(args, clean(object))
		marks = append(marks, "$"+strconv.Itoa(len(args)))
	}
	others := func(column string) string {
		if len(marks) == 0 {
			return ""
		}
		return " AND " + column + " NOT IN (" + strings.Join(marks, ", ") + ")"
	}
	err = l.read(ctx, "see when something is due", func(t *tx) error {
		next := int64(never)
		for _, query := range []string{
			`SELECT COALESCE(MIN(CASE WHEN p.not_before > p.lease_until THEN p.not_before ELSE p.lease_until END), $1) FROM pending p WHERE ` + free + others("p.object"),
			`SELECT COALESCE(MIN(not_before), $1) FROM intent WHERE state = 'ready'` + others("object"),
			`SELECT COALESCE(MIN(CASE WHEN not_before > lease_until THEN not_before ELSE lease_until END), $1) FROM trigger_firing
				WHERE state = 'ready'` + others("object"),
			// One that was put off waits for its record, which comes by itself or not at all.
			`SELECT COALESCE(MIN(not_before), $1) FROM trigger_event WHERE state = 'waiting' AND attempts = 0` + others("object"),
			`SELECT CASE WHEN EXISTS (SELECT 1 FROM seen WHERE dirty = 1` + others("object") + `) THEN 0 ELSE CAST($1 AS BIGINT) END`,
		} {
			var first int64
			if _, err := t.one(query, args, &first); err != nil {
				return err
			}
			next = min(next, first)
		}
		at, ok = moment(max(next, t.now)), next < never
		return nil
	})
	return at, ok, err
}
