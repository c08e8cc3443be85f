package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/engine/record"
)

// Resolution is what was decided about one claimed pair.
type Resolution struct {
	PairID string
	Gen    int64  // Work.Gen
	Lease  string // Work.Lease
	// Base is merged into the pair's base at once, field by field; nil leaves a side's base alone.
	Base      [2]record.Fields
	Intents   []Intent // at most one per side; ID, PairID, Object, Before and State are filled in
	Conflicts []Conflict
	// ClearConflicts names conflicts that no longer hold: "field" clears all open ones of that field, "field:reason" one.
	// Those that Conflicts states again stay open.
	ClearConflicts []string
	// Refused names the native fields of each side whose value one of Conflicts, or DeadLetters, is about; "" is the record
	// itself. Changes of others that no intent carries are taken for what the contract does not want carried.
	Refused     [2][]string
	DeadLetters []DeadLetter // Object and PairID are filled in
	Firings     []Firing     // PairID and Object are filled in
	// Saw is what triggers have seen now, canonical, by contract field. Nil, when nothing was decided, leaves what they saw
	// before, and a fresh pair fresh.
	Saw   record.Fields
	State *PairState // nil leaves the pair's state alone
	// RetryAt keeps the pair pending until then; zero = done with.
	RetryAt time.Time
	// WaitFor keeps the pair pending until one of these pairs has both sides, or RetryAt. When one has them already, or is
	// no more, the pair is due at once.
	WaitFor []string
	// Expects are the records that the pair refers to and that were not known when it was decided about. When one is known by
	// now, the pair is due at once; else as soon as one is.
	Expects []Expected
	Reason  string // why it stays pending; "" keeps the reason it had
}

// claimed is a pending row that somebody works on.
type claimed struct {
	object    string
	gen       int64
	lease     string
	priority  int
	since     int64
	attempts  int
	reason    string
	waitsFor  string
	notBefore int64
}

// Resolve records decisions, all in one transaction. A decision counts only when it was made on what is still so: where
// the lease has run out and somebody else has the pair, or the pair has changed since it was claimed, nothing of it is
// recorded, the pair stays pending, and it is among the stale ones that are returned.
func (l *Ledger) Resolve(ctx context.Context, resolutions []Resolution) (stale []string, err error) {
	ids := make([]string, len(resolutions))
	for i, r := range resolutions {
		ids[i] = r.PairID
		if len(r.Intents) > 2 || len(r.Intents) == 2 && r.Intents[0].Side == r.Intents[1].Side {
			return nil, fmt.Errorf("record what was decided about pair %s: more than one write to one side", r.PairID)
		}
	}
	err = l.write(ctx, fmt.Sprintf("record what was decided about %d pairs", len(ids)), nil, func(t *tx) error {
		stale = nil
		pending, err := t.lockClaimed(ids, expecting(resolutions))
		if err != nil {
			return err
		}
		s := settlement{workspace: t.workspace(), pending: pending}
		var good []Resolution
		var release []string
		for _, r := range resolutions {
			p := pending[r.PairID]
			if p == nil || p.lease != r.Lease || p.gen != r.Gen || r.Lease == "" {
				stale = append(stale, r.PairID)
				if p != nil && p.lease == r.Lease {
					release = append(release, r.PairID)
				}
				continue
			}
			p.lease = "" // a second resolution of the same claim is stale
			good = append(good, r)
		}
		if _, err := t.execAmong(`UPDATE pending SET lease_by = '', lease_until = 0 WHERE pair_id IN (%s)`, nil, release); err != nil {
			return err
		}
		return s.record(good)
	})
	return stale, err
}

// lockClaimed reads what is pending of pairs, under the locks of their objects and of others.
func (t *tx) lockClaimed(ids, others []string) (map[string]*claimed, error) {
	if err := t.lockObjects(`SELECT DISTINCT object FROM pending WHERE pair_id IN (%s)`, ids, others...); err != nil {
		return nil, err
	}
	pending := map[string]*claimed{}
	return pending, t.among(`SELECT pair_id, object, gen, lease_by, priority, since, attempts, reason, waits_for, not_before
		FROM pending WHERE pair_id IN (%s)`+t.l.dialect.update, nil, ids, func(r row) error {
		c := &claimed{}
		var id string
		err := r.Scan(&id, &c.object, &c.gen, &c.lease, &c.priority, &c.since, &c.attempts, &c.reason, &c.waitsFor, &c.notBefore)
		pending[id] = c
		return err
	})
}

// lockObjects takes the locks of the objects that a query finds for ids, and of others: all in one order.
func (t *tx) lockObjects(query string, ids []string, others ...string) error {
	if !t.l.dialect.advisory {
		return nil
	}
	var objects []string
	for _, o := range others {
		objects = append(objects, "object/"+o)
	}
	err := t.among(query, nil, ids, func(r row) error {
		var o string
		err := r.Scan(&o)
		objects = append(objects, "object/"+o)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(objects)
	for _, o := range slices.Compact(objects) {
		if err := t.lock(o); err != nil {
			return err
		}
	}
	return nil
}

// settlement is a batch of decisions on its way into the ledger.
type settlement struct {
	*workspace
	pending map[string]*claimed
	half    map[string]bool  // of pairs that are waited for: whether a side is missing
	known   map[seenKey]bool // records that are expected and that are known by now
}

func (s *settlement) load(list []Resolution) error {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.PairID
	}
	if err := s.loadPairs(ids); err != nil {
		return err
	}
	if err := s.loadSeenOf(ids); err != nil {
		return err
	}
	if err := s.loadAwaited(list); err != nil {
		return err
	}
	return s.loadExpected(list)
}

func (s *settlement) record(list []Resolution) error {
	if err := s.load(list); err != nil {
		return err
	}
	var intents, kept [][]any
	var done []string
	var dead []DeadLetter
	var firings []Firing
	var saw [][]any
	var blind []string // pairs that no trigger looks at any more
	for _, r := range list {
		p := s.pairs[r.PairID]
		if p == nil {
			return fmt.Errorf("pair %s is pending, but there is no such pair", r.PairID)
		}
		s.decide(p, r)
		rows, err := s.intents(p, r)
		if err != nil {
			return err
		}
		intents = append(intents, rows...)
		for _, d := range r.DeadLetters {
			d.Object, d.PairID = p.Object, p.ID
			dead = append(dead, d)
		}
		for _, f := range r.Firings {
			f.PairID, f.Object = p.ID, p.Object
			firings = append(firings, f)
		}
		row, err := r.saw(p)
		switch {
		case err != nil:
			return err
		case row != nil:
			saw = append(saw, row)
		case r.Saw != nil:
			blind = append(blind, p.ID)
		}
		if row := s.keep(p, r); row != nil {
			kept = append(kept, row)
		} else {
			s.decided(p, r)
			done = append(done, p.ID)
		}
	}
	if err := s.insert("intent", intentColumns, "", intents); err != nil {
		return err
	}
	if err := s.clearConflicts(list); err != nil {
		return err
	}
	if err := s.openDeadLetters(dead); err != nil {
		return err
	}
	if err := s.addFirings(firings); err != nil {
		return err
	}
	if err := s.storeExpecting(list); err != nil {
		return err
	}
	if err := s.forgetSaw(blind); err != nil {
		return err
	}
	if err := s.insert("trigger_saw", "pair_id, fields", `ON CONFLICT (pair_id) DO UPDATE SET fields = excluded.fields`, saw); err != nil {
		return err
	}
	if _, err := s.execAmong(`DELETE FROM pending WHERE pair_id IN (%s)`, nil, done); err != nil {
		return err
	}
	if err := s.insert("pending", pendingColumns, `ON CONFLICT (pair_id) DO UPDATE SET not_before = excluded.not_before, attempts = excluded.attempts,
		reason = excluded.reason, waits_for = excluded.waits_for, lease_by = '', lease_until = 0`, kept); err != nil {
		return err
	}
	return s.store()
}

// decide brings a decision's own effects into its pair.
func (s *settlement) decide(p *pairRow, r Resolution) {
	for _, side := range record.Sides {
		if r.Base[side] != nil {
			p.Base[side] = merged(p.Base[side], r.Base[side])
			p.changed = true
		}
	}
	if r.Saw != nil && p.Fresh {
		p.Fresh, p.changed = false, true
	}
	if r.State != nil && *r.State != p.State {
		p.State, p.changed = *r.State, true
	}
	for _, c := range r.Conflicts {
		c.Object, c.PairID = p.Object, p.ID
		s.trouble = append(s.trouble, c)
	}
}

// forgetSaw drops what triggers saw of pairs that none looks at any more. Most ledgers hold nothing of the kind.
func (s *settlement) forgetSaw(pairs []string) error {
	var one int
	if found, err := s.one(`SELECT 1 FROM trigger_saw LIMIT 1`, nil, &one); err != nil || !found {
		return err
	}
	_, err := s.execAmong(`DELETE FROM trigger_saw WHERE pair_id IN (%s)`, nil, pairs)
	return err
}

// saw is the row of what triggers have seen; nil when they have not looked.
func (r *Resolution) saw(p *pairRow) ([]any, error) {
	if len(r.Saw) == 0 {
		return nil, nil
	}
	text, err := encode(r.Saw)
	return []any{p.ID, text}, err
}

func (s *settlement) intents(p *pairRow, r Resolution) ([][]any, error) {
	var rows [][]any
	for _, i := range r.Intents {
		i.ID, i.PairID, i.Object = s.l.ids.next(s.now), p.ID, p.Object
		before := map[string]fieldSeen{}
		if seen := s.seen[seenKey{p.Object, i.Side, p.IDs[i.Side]}]; seen != nil {
			for name := range i.Fields {
				if f, shown := seen.fields[name]; shown {
					before[name] = f
				}
			}
		}
		row, err := i.values(before, s.now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.label(), err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// loadAwaited finds out which of the pairs that are waited for have both sides, and keeps them as they are until we commit:
// otherwise one could be completed in between, and nobody would be woken.
func (s *settlement) loadAwaited(list []Resolution) error {
	var awaited []string
	for _, r := range list {
		awaited = append(awaited, r.WaitFor...)
	}
	s.half = map[string]bool{}
	slices.Sort(awaited)
	return s.among(`SELECT id, CASE WHEN left_id IS NULL OR right_id IS NULL THEN 1 ELSE 0 END FROM pair WHERE id IN (%s)`+s.l.dialect.share,
		nil, slices.Compact(awaited), func(r row) error {
			var id string
			var is bool
			err := r.Scan(&id, &is)
			s.half[id] = is
			return err
		})
}

// keep is the row of a pair that stays pending; nil for one that is done with.
func (s *settlement) keep(p *pairRow, r Resolution) []any {
	appeared := slices.ContainsFunc(r.Expects, func(e Expected) bool { return s.known[e.key()] })
	if r.RetryAt.IsZero() && len(r.WaitFor) == 0 && !appeared {
		return nil
	}
	c := s.pending[p.ID]
	notBefore, waitsFor := int64(never), ""
	if !r.RetryAt.IsZero() {
		notBefore = millis(r.RetryAt)
	}
	if len(r.WaitFor) > 0 {
		// One is enough: when it is complete, the pair is decided anew and waits for the next.
		if n := slices.IndexFunc(r.WaitFor, func(id string) bool { return !s.half[id] }); n >= 0 {
			notBefore = s.now
		} else {
			waitsFor = r.WaitFor[0]
		}
	}
	if appeared {
		notBefore, waitsFor = s.now, ""
	}
	reason := r.Reason
	if reason == "" {
		reason = c.reason
	}
	return []any{p.ID, p.Object, c.priority, c.since, notBefore, c.gen, c.attempts + 1, reason, waitsFor, "", 0}
}

func (s *settlement) clearConflicts(list []Resolution) error {
	type one struct{ pair, field, reason string }
	clear, again := map[one]bool{}, map[one]bool{}
	var pairs []string
	for _, r := range list {
		for _, name := range r.ClearConflicts {
			field, reason, _ := strings.Cut(name, ":")
			clear[one{r.PairID, clean(field), clean(reason)}] = true
			pairs = append(pairs, r.PairID)
		}
		for _, c := range r.Conflicts {
			again[one{r.PairID, clean(c.Field), clean(c.Reason)}] = true
		}
	}
	_, err := s.closeConflicts(pairs, func(pair, field, reason string) bool {
		return !again[one{pair, field, reason}] && (clear[one{pair, field, ""}] || clear[one{pair, field, reason}])
	})
	return err
}
