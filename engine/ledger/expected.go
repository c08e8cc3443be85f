package ledger

import (
	"cmp"
	"maps"
	"slices"

	"accord/engine/record"
)

// Expected is a record that a pair refers to and that nobody knows. Once it is in a pair of Object, the pair that refers to
// it is decided anew.
type Expected struct {
	Object   string
	Side     record.Side
	RecordID string
}

func (e Expected) key() seenKey { return seenKey{clean(e.Object), e.Side & 1, e.RecordID} }

// storable says whether there can be a record of that id in the ledger at all.
func (e Expected) storable() bool { return e.RecordID != "" && clean(e.RecordID) == e.RecordID }

// expecting names the objects of whose records decisions expect some.
func expecting(list []Resolution) []string {
	objects := map[string]bool{}
	for _, r := range list {
		for _, e := range r.Expects {
			objects[clean(e.Object)] = true
		}
	}
	return sorted(objects)
}

// ofEnds calls do once for each object and side of some records, in order.
func ofEnds(records map[seenKey]bool, do func(object string, side record.Side, ids []string) error) error {
	keys := slices.SortedFunc(maps.Keys(records), compareKeys)
	for len(keys) > 0 {
		n := slices.IndexFunc(keys, func(k seenKey) bool { return k.object != keys[0].object || k.side != keys[0].side })
		if n < 0 {
			n = len(keys)
		}
		ids := make([]string, n)
		for i, k := range keys[:n] {
			ids[i] = k.id
		}
		if err := do(keys[0].object, keys[0].side, ids); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func compareKeys(a, b seenKey) int {
	return cmp.Or(cmp.Compare(a.object, b.object), cmp.Compare(a.side, b.side), cmp.Compare(a.id, b.id))
}

// loadExpected finds out which of the records that decisions expect are known by now. The locks of their objects are held:
// one that becomes known after this finds what storeExpecting left.
func (s *settlement) loadExpected(list []Resolution) error {
	wanted := map[seenKey]bool{}
	for _, r := range list {
		for _, e := range r.Expects {
			if e.storable() {
				wanted[e.key()] = true
			}
		}
	}
	s.known = map[seenKey]bool{}
	return ofEnds(wanted, func(object string, side record.Side, ids []string) error {
		column := [2]string{"left_id", "right_id"}[side]
		return s.among(`SELECT `+column+` FROM pair WHERE object = $1 AND `+column+` IN (%s)`, []any{object}, ids, func(r row) error {
			var id string
			err := r.Scan(&id)
			s.known[seenKey{object, side, id}] = true
			return err
		})
	})
}

// storeExpecting replaces what pairs expect by what was decided last. Most expect nothing, and never did.
func (s *settlement) storeExpecting(list []Resolution) error {
	pairs := make([]string, len(list))
	var rows [][]any
	for i, r := range list {
		pairs[i] = r.PairID
		once := map[seenKey]bool{}
		for _, e := range r.Expects {
			if k := e.key(); e.storable() && !once[k] {
				once[k] = true
				rows = append(rows, []any{r.PairID, k.object, k.side.String(), k.id})
			}
		}
	}
	var one int
	found, err := s.one(`SELECT 1 FROM expected LIMIT 1`, nil, &one)
	if err != nil {
		return err
	}
	if found {
		if _, err := s.execAmong(`DELETE FROM expected WHERE pair_id IN (%s)`, nil, pairs); err != nil {
			return err
		}
	}
	return s.insert("expected", "pair_id, object, side, record_id", "", rows)
}

// storeExpected makes due what referred to records that were not known before.
func (w *workspace) storeExpected() error {
	var pairs []string
	err := ofEnds(w.news, func(object string, side record.Side, ids []string) error {
		return w.among(`SELECT pair_id FROM expected JOIN pair ON pair.id = expected.pair_id AND pair.state <> 'closed'
			WHERE expected.object = $1 AND side = $2 AND record_id IN (%s)`, []any{object, side.String()}, ids, func(r row) error {
			var id string
			err := r.Scan(&id)
			pairs = append(pairs, id)
			return err
		})
	})
	if err != nil {
		return err
	}
	slices.Sort(pairs)
	return w.enqueuePairs(slices.Compact(pairs), PriorityLive, w.now, "what it refers to is known now")
}
