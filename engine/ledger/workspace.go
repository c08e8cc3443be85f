package ledger

import (
	"database/sql"
	"maps"
	"slices"

	"accord/engine/record"
)

// workspace is the part of the ledger that one transaction works on: loaded in a few statements, changed in memory, and
// stored in a few statements. The lock of its object keeps others out meanwhile.
type workspace struct {
	*tx
	seen  map[seenKey]*seenRow
	links map[seenKey]map[string]bool // ids of the records of a side that carry a key
	pairs map[string]*pairRow         // by id
	ends  map[seenKey]*pairRow        // by record

	pending  map[string]*enqueue // by pair
	absorbed map[string]string   // pair that is no more -> the pair that it became part of
	news     map[seenKey]bool    // records that nobody knew before
	parted   map[string]bool     // records that have lost their partner, by id
	woken    map[string]bool     // pairs that have got their second side, by the ids that others may wait for
	trouble  []Conflict
	calmed   map[string]bool             // pairs whose open conflict about an ambiguous match is over
	claims   map[seenKey]map[string]bool // ids of the records of a side that will carry a key after this
	cleared  map[string]bool             // pairs of which no conflict holds any more
	vacated  [2][]string                 // pairs that gave up a record, by its side: another one may have it now
	fresh    bool                        // new pairs are of records told live
	untold   [2]int64                    // from when to when events should have told of everything
	tally    map[string]map[string]int64 // by object and outcome: what this transaction adds
}

type pairRow struct {
	Pair
	changed bool
	stored  bool
}

type enqueue struct {
	object    string
	priority  int
	notBefore int64
	reason    string
	interrupt bool // whoever is working on the pair works on something that is no more
}

func (t *tx) workspace() *workspace {
	return &workspace{
		tx: t, seen: map[seenKey]*seenRow{}, links: map[seenKey]map[string]bool{}, pairs: map[string]*pairRow{},
		ends: map[seenKey]*pairRow{}, pending: map[string]*enqueue{}, absorbed: map[string]string{}, calmed: map[string]bool{},
		news: map[seenKey]bool{}, parted: map[string]bool{}, woken: map[string]bool{}, cleared: map[string]bool{}, claims: map[seenKey]map[string]bool{}, tally: map[string]map[string]int64{},
	}
}

func (w *workspace) addSeen(s *seenRow) *seenRow {
	if have := w.seen[s.seenKey]; have != nil {
		return have // what is in memory is newer than what is stored
	}
	w.seen[s.seenKey] = s
	w.link(s)
	return s
}

// link notes which records carry a key, for the other side to find them.
func (w *workspace) link(s *seenRow) {
	if s.link == "" {
		return
	}
	k := seenKey{s.object, s.side, s.link}
	if w.links[k] == nil {
		w.links[k] = map[string]bool{}
	}
	w.links[k][s.id] = true
}

func (w *workspace) unlink(s *seenRow, old string) {
	if old != "" {
		delete(w.links[seenKey{s.object, s.side, old}], s.id)
	}
}

func (w *workspace) addPair(p *pairRow) *pairRow {
	if have := w.pairs[p.ID]; have != nil {
		return have
	}
	w.pairs[p.ID] = p
	for _, side := range record.Sides {
		if p.IDs[side] != "" {
			w.ends[seenKey{p.Object, side, p.IDs[side]}] = p
		}
	}
	return p
}

// loadSeen loads the rows of records by id, and of those that carry one of the ids as their key.
func (w *workspace) loadSeen(object string, side record.Side, ids []string) error {
	return w.among(`SELECT `+seenColumns+` FROM seen WHERE object = $1 AND side = $2 AND record_id IN (%s)`,
		[]any{object, side.String()}, ids, w.scanSeen)
}

func (w *workspace) loadLinked(object string, side record.Side, keys []string) error {
	return w.among(`SELECT `+seenColumns+` FROM seen WHERE object = $1 AND side = $2 AND link <> '' AND link IN (%s)`,
		[]any{object, side.String()}, keys, w.scanSeen)
}

func (w *workspace) loadSeenOf(pairIDs []string) error {
	return w.among(`SELECT `+seenColumns+` FROM seen WHERE pair_id IN (%s)`, nil, pairIDs, w.scanSeen)
}

func (w *workspace) scanSeen(r row) error {
	s, err := scanSeen(r)
	if err != nil {
		return err
	}
	w.addSeen(s)
	return nil
}

const pairColumns = `id, object, left_id, right_id, state, created_at, updated_at, base_left, base_right, fresh, lone`

func scanPair(r row) (*pairRow, error) {
	p := &pairRow{stored: true}
	var left, right, baseLeft, baseRight sql.NullString
	var created, updated int64
	err := r.Scan(&p.ID, &p.Object, &left, &right, &p.State, &created, &updated, &baseLeft, &baseRight, &p.Fresh, &p.Lone)
	if err != nil {
		return nil, err
	}
	p.IDs = [2]string{left.String, right.String}
	p.CreatedAt, p.UpdatedAt = moment(created), moment(updated)
	for side, text := range [2]sql.NullString{baseLeft, baseRight} {
		if p.Base[side], err = decodeFields("base of pair "+p.ID, text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (w *workspace) loadPairs(ids []string) error {
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" || w.pairs[id] != nil || w.absorbed[id] != "" })
	slices.Sort(missing)
	return w.among(`SELECT `+pairColumns+` FROM pair WHERE id IN (%s)`, nil, slices.Compact(missing), w.scanPair)
}

func (w *workspace) loadPairsOf(object string, side record.Side, ids []string) error {
	column := [2]string{"left_id", "right_id"}[side]
	return w.among(`SELECT `+pairColumns+` FROM pair WHERE object = $1 AND `+column+` IN (%s)`, []any{object}, ids, w.scanPair)
}

func (w *workspace) scanPair(r row) error {
	p, err := scanPair(r)
	if err != nil {
		return err
	}
	w.addPair(p)
	return nil
}

// enqueue marks a pair pending: at the earlier time and the more urgent priority of all who ask.
func (w *workspace) enqueue(p *pairRow, priority int, notBefore int64, reason string) *enqueue {
	e := w.pending[p.ID]
	if e == nil {
		e = &enqueue{object: p.Object, priority: priority, notBefore: notBefore, reason: reason}
		w.pending[p.ID] = e
	}
	e.priority, e.notBefore = min(e.priority, priority), min(e.notBefore, notBefore)
	return e
}

// store writes everything that changed, in an order in which no unique index is hurt on the way.
func (w *workspace) store() error {
	for _, step := range []func() error{w.storeAbsorbed, w.storePairs, w.storeSeen, w.storeTally, w.storePending, w.storeWoken, w.storeExpected, w.storeParted, w.storeTrouble} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *workspace) storePairs() error {
	for side, column := range [2]string{"left_id", "right_id"} {
		if _, err := w.execAmong(`UPDATE pair SET `+column+` = NULL WHERE id IN (%s)`, nil, w.vacated[side]); err != nil {
			return err
		}
	}
	var rows [][]any
	for _, id := range sorted(w.pairs) {
		p := w.pairs[id]
		if !p.changed {
			continue
		}
		var base [2]sql.NullString
		for _, side := range record.Sides {
			var err error
			if base[side], err = encodeFields(p.Base[side]); err != nil {
				return err
			}
		}
		created := w.now
		if p.stored {
			created = millis(p.CreatedAt)
		}
		rows = append(rows, []any{p.ID, p.Object, orNull(p.IDs[0]), orNull(p.IDs[1]), string(p.State), created, w.now, base[0], base[1], number(p.Fresh), string(p.Lone)})
	}
	return w.insert("pair", pairColumns, `ON CONFLICT (id) DO UPDATE SET left_id = excluded.left_id, right_id = excluded.right_id,
		state = excluded.state, updated_at = excluded.updated_at, base_left = excluded.base_left, base_right = excluded.base_right,
		fresh = excluded.fresh, lone = excluded.lone`, rows)
}

func (w *workspace) storeSeen() error {
	keys := slices.SortedFunc(maps.Keys(w.seen), compareKeys)
	var rows [][]any
	for _, k := range keys {
		s := w.seen[k]
		if s.ended && len(s.open) > 0 {
			s.changed = true
		}
		if !s.changed {
			continue
		}
		values, err := s.values(w.now)
		if err != nil {
			return err
		}
		rows = append(rows, values)
	}
	return w.insert("seen", seenColumns, `ON CONFLICT (object, side, record_id) DO UPDATE SET pair_id = excluded.pair_id,
		link = excluded.link, link_version = excluded.link_version, state = excluded.state, fields = excluded.fields,
		version = excluded.version, full_version = excluded.full_version, written_version = excluded.written_version,
		actor = excluded.actor, dirty = excluded.dirty, dirty_gen = excluded.dirty_gen, stale_reads = excluded.stale_reads,
		seen_at = excluded.seen_at, removed = excluded.removed, merged_into = excluded.merged_into,
		open_fields = excluded.open_fields, open_changes = excluded.open_changes`, rows)
}

func (w *workspace) storePending() error {
	var rows [][]any
	var interrupted []string
	for _, id := range sorted(w.pending) {
		e := w.pending[id]
		if w.absorbed[id] != "" {
			continue
		}
		rows = append(rows, pendingRow(id, e.object, e.priority, w.now, e.notBefore, e.reason))
		if e.interrupt {
			interrupted = append(interrupted, id)
		}
	}
	if err := w.insertPending(rows); err != nil {
		return err
	}
	_, err := w.execAmong(`UPDATE pending SET lease_by = '', lease_until = 0 WHERE pair_id IN (%s)`, nil, interrupted)
	return err
}

// newPair makes a pair of one record.
func (w *workspace) newPair(s *seenRow) *pairRow {
	now := moment(w.now)
	p := &pairRow{changed: true, Pair: Pair{ID: w.l.ids.next(w.now), Object: s.object, State: PairLive, Fresh: w.fresh, CreatedAt: now, UpdatedAt: now}}
	p.IDs[s.side] = s.id
	s.pairID, s.changed = p.ID, true
	w.news[s.seenKey] = true
	return w.addPair(p)
}

func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
