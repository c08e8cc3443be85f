package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"accord/engine/record"
)

// Verification is a full comparison of one object: both sides listed whole, what the ledger knew compared with it, and
// both sides with each other.
type Verification struct {
	Object   string    `json:"object"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"` // zero while it is under way
	Listed   [2]bool   `json:"listed"`   // sides that were listed to the end
	Records  [2]int    `json:"records"`  // that were listed, by side
	// Found counts records of which the listing showed what the ledger did not know, whoever is late with it.
	Found int `json:"found"`
	// Unlisted counts records that the ledger knew and the listing did not show; each was read by its id. Gone are those of
	// them that are deleted, hidden, or have left the scope.
	Unlisted int `json:"unlisted"`
	Gone     int `json:"gone"`
	// Compared counts pairs whose both sides were compared; the others have something pending, which explains them.
	Compared int `json:"compared"`
	// Divergent counts fields that differ under the contract with nothing pending, no conflict, no dead letter and nobody's
	// decision to explain it; Samples names some: "006...: stage".
	Divergent int      `json:"divergent"`
	Samples   []string `json:"samples,omitempty"`
	Calls     int      `json:"calls"` // to both vendors
}

// verificationsKept is how many comparisons of an object the ledger remembers.
const verificationsKept = 30

// SaveVerification stores a comparison, whole or under way: there is one for each object and start.
func (l *Ledger) SaveVerification(ctx context.Context, v Verification) error {
	return l.write(ctx, "store the comparison of "+v.Object, nil, func(t *tx) error {
		text, err := encode(v)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO verification (object, started, finished, report) VALUES ($1, $2, $3, $4)
			ON CONFLICT (object, started) DO UPDATE SET finished = excluded.finished, report = excluded.report`,
			v.Object, millis(v.Started), millis(v.Finished), text); err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM verification WHERE object = $1 AND started NOT IN
			(SELECT started FROM verification WHERE object = $1 ORDER BY started DESC LIMIT $2)`, v.Object, verificationsKept)
		return err
	})
}

// Verifications are the comparisons of an object, newest first; of all objects when it is "".
func (l *Ledger) Verifications(ctx context.Context, object string) (list []Verification, err error) {
	err = l.read(ctx, "list comparisons", func(t *tx) error {
		return t.query(`SELECT object, report FROM verification WHERE $1 = '' OR object = $1 ORDER BY started DESC, object`, []any{object}, func(r row) error {
			var name, text string
			if err := r.Scan(&name, &text); err != nil {
				return err
			}
			var v Verification
			err := decode("the comparison of "+name, text, &v)
			list = append(list, v)
			return err
		})
	})
	return list, err
}

// LiveIDs calls yield for the id of each record that a side of an object is known to show, in no promised order. An
// error of yield ends it.
func (l *Ledger) LiveIDs(ctx context.Context, object string, side record.Side, yield func(id string) error) error {
	return l.read(ctx, fmt.Sprintf("list the records of %s that are shown", object), func(t *tx) error {
		return t.query(`SELECT record_id FROM seen WHERE object = $1 AND side = $2 AND state = 'live'`, []any{clean(object), side.String()}, func(r row) error {
			var id string
			if err := r.Scan(&id); err != nil {
				return err
			}
			return yield(id)
		})
	})
}

// Rested is a pair with both records that nobody is at work on.
type Rested struct {
	Work
	// Explained are contract fields that an open conflict is about; "" is the record as a whole. Dead says that a write to
	// the pair has failed for good.
	Explained map[string]bool
	Dead      bool
	// Left are native fields, by side, that a person left as they are: the last write of them was discarded when it had
	// failed, or it put back what a run had overwritten.
	Left [2]map[string]bool
}

// Rested lists pairs of an object by id, those after one of them, of which nothing is pending, unsettled or to be read.
// Nothing is claimed: what is listed may change at once.
func (l *Ledger) Rested(ctx context.Context, object, after string, limit int) ([]Rested, error) {
	var list []Rested
	err := l.read(ctx, "list the pairs of "+object+" that are at rest", func(t *tx) error {
		list = nil
		var ids []string
		work := map[string]*Work{}
		err := t.query(`SELECT p.id FROM pair p WHERE p.object = $1 AND p.id > $2 AND p.state = 'live' AND p.left_id IS NOT NULL AND p.right_id IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.pair_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.pair_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.pair_id = p.id AND seen.dirty = 1)
			ORDER BY p.id LIMIT $3`, []any{clean(object), after, orAll(limit)}, func(r row) error {
			var id string
			err := r.Scan(&id)
			ids, work[id] = append(ids, id), &Work{}
			return err
		})
		if err != nil {
			return err
		}
		if err := t.fillWork(ids, work); err != nil {
			return err
		}
		explained := map[string]map[string]bool{}
		err = t.among(`SELECT pair_id, field FROM conflict WHERE state = 'open' AND pair_id IN (%s)`, nil, ids, func(r row) error {
			var id, field string
			err := r.Scan(&id, &field)
			if explained[id] == nil {
				explained[id] = map[string]bool{}
			}
			explained[id][field] = true
			return err
		})
		if err != nil {
			return err
		}
		left, err := t.leftAlone(ids, work)
		if err != nil {
			return err
		}
		dead := map[string]bool{}
		err = t.among(`SELECT pair_id FROM deadletter WHERE state = 'open' AND trigger_name = '' AND pair_id IN (%s)`, nil, ids, func(r row) error {
			var id string
			err := r.Scan(&id)
			dead[id] = true
			return err
		})
		for _, id := range ids {
			list = append(list, Rested{Work: *work[id], Explained: explained[id], Dead: dead[id], Left: left[id]})
		}
		return err
	})
	return list, err
}

// RevertCause begins the cause of a write that puts back what a run overwrote.
const RevertCause = "revert of run "

// leftAlone finds what persons left as it is, of pairs of which it is known what both sides show.
func (t *tx) leftAlone(ids []string, work map[string]*Work) (map[string][2]map[string]bool, error) {
	all := map[string][2]map[string]bool{}
	mark := func(pair string, side record.Side, name string) {
		left := all[pair]
		if left[side] == nil {
			left[side] = map[string]bool{}
		}
		left[side][name] = true
		all[pair] = left
	}
	err := t.among(`SELECT d.pair_id, d.side, d.payload FROM deadletter d WHERE d.state = 'discarded' AND d.trigger_name = ''
		AND NOT EXISTS (SELECT 1 FROM deadletter n WHERE n.pair_id = d.pair_id AND n.side = d.side AND n.trigger_name = '' AND n.id > d.id)
		AND NOT EXISTS (SELECT 1 FROM written w WHERE w.pair_id = d.pair_id AND w.side = d.side AND w.at > d.created_at)
		AND d.pair_id IN (%s)`, nil, ids, func(r row) error {
		var pair, text, payload string
		if err := r.Scan(&pair, &text, &payload); err != nil {
			return err
		}
		side, err := sideOf(text)
		var w deadWrite
		if err != nil || json.Unmarshal([]byte(payload), &w) != nil {
			return err
		}
		for name := range w.Fields {
			mark(pair, side, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, t.among(`SELECT w.pair_id, w.side, w.after_fields FROM written w WHERE w.cause LIKE '`+RevertCause+`%%'
		AND NOT EXISTS (SELECT 1 FROM written n WHERE n.pair_id = w.pair_id AND n.side = w.side AND n.id > w.id) AND w.pair_id IN (%s)`, nil, ids, func(r row) error {
		var pair, text, after string
		if err := r.Scan(&pair, &text, &after); err != nil {
			return err
		}
		side, err := sideOf(text)
		if err != nil {
			return err
		}
		var fields record.Fields
		if err := decode("what was put back of pair "+pair, after, &fields); err != nil {
			return err
		}
		for name, v := range fields {
			if seen := work[pair].Seen[side]; seen != nil && seen.Fields[name].Equal(v) {
				mark(pair, side, name)
			}
		}
		return nil
	})
}
