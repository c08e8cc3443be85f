package ledger

import (
	"context"
	"errors"
	"fmt"

	"accord/engine/record"
)

// The reasons of conflicts that hold records, or tell of records that lost their partner, and that more can be done about
// than to look again. The last three are merge's.
const (
	ReasonDuplicate  = "duplicate_key" // more than one record carries the id of one and the same record
	ReasonMerged     = "merged"        // the records of both were merged into one
	ReasonLetGo      = "let_go"        // its partner was linked with another record by hand
	ReasonCameBack   = "came_back"
	ReasonNotShown   = "not_shown"
	ReasonEditedGone = "edited_gone"
)

// holding says whether conflicts of a reason hold their pair.
func holding(reason string) bool {
	return reason == ReasonAmbiguous || reason == ReasonDuplicate || reason == ReasonMerged
}

// ErrNotDoubles says that a conflict is not about records of which one must be kept.
var ErrNotDoubles = errors.New("it is not about two records that stand for one")

// ErrNotMissing says that a conflict is not about a record that is not shown.
var ErrNotMissing = errors.New("it is not about a record that its system does not show")

// KeepRecord settles a conflict about two records that stand for one: the named one becomes, or stays, the partner, and
// the delete rule of the contract decides about the other. ErrNotFound, ErrClosed, ErrNotDoubles, or an error that names
// the two when it is neither.
func (l *Ledger) KeepRecord(ctx context.Context, id int64, recordID string) error {
	return l.onConflict(ctx, fmt.Sprintf("keep record %s in conflict %d", recordID, id), id, func(w *workspace, c Conflict) error {
		if c.Reason != ReasonDuplicate && c.Reason != ReasonMerged {
			return ErrNotDoubles
		}
		p := w.pairs[c.PairID]
		side, q, err := w.rival(p, c.Reason)
		if err != nil {
			return err
		}
		if !q.Paired() {
			return w.choose(p, q, side, recordID)
		}
		switch recordID {
		case q.IDs[side]:
		case p.IDs[side]:
			kept, other := w.known(p, side), w.known(q, side)
			w.vacate(p, side)
			w.vacate(q, side)
			w.seat(q, kept)
			w.seat(p, other)
			w.completed(q)
		default:
			return fmt.Errorf("%s is neither of the two: it is about %s and %s", recordID, q.IDs[side], p.IDs[side])
		}
		if p.IDs[side.Other()] != "" {
			w.detach(p, side.Other())
		}
		p.State, p.Lone, p.changed = PairLive, LoneDismissed, true
		w.cleared[p.ID] = true
		w.enqueue(p, PriorityLive, w.now, "another record was kept")
		return nil
	})
}

// choose makes a pair of a record and the one that it names, which has no partner yet: others that name it are doubles now.
func (w *workspace) choose(p, q *pairRow, side record.Side, recordID string) error {
	if recordID != p.IDs[side] {
		return fmt.Errorf("this conflict is about %s: to keep another record, resolve the conflict of that one", p.IDs[side])
	}
	if p.ID < q.ID {
		p, q = q, p
	}
	w.absorb(q, p)
	w.cleared[p.ID], w.cleared[q.ID] = true, true
	return nil
}

// rival finds the pair that has the place that a held pair's record wants, and the side of the two records.
func (w *workspace) rival(p *pairRow, reason string) (record.Side, *pairRow, error) {
	over := errors.New("what it was about is no more: look at it again with `accord conflicts show`, and resolve it without --keep")
	for _, side := range record.Sides {
		s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
		if s == nil {
			continue
		}
		var want seenKey
		place := side.Other()
		switch {
		case reason == ReasonMerged && s.mergedInto != "":
			want, place = seenKey{p.Object, side, s.mergedInto}, side
		case reason == ReasonDuplicate && !p.Paired():
			want = seenKey{p.Object, place, s.link}
		default:
			continue
		}
		if err := w.loadPairsOf(want.object, want.side, []string{want.id}); err != nil {
			return 0, nil, err
		}
		q := w.ends[want]
		if q == nil || q == p || !q.Paired() && (reason == ReasonMerged || q.IDs[want.side] == "") {
			return 0, nil, over
		}
		return place.Other(), q, w.loadSeenOf([]string{q.ID})
	}
	return 0, nil, over
}

// DeclareGone takes an operator's word that a record which its system does not show was deleted for good: the delete rule
// of the contract applies. ErrNotFound, ErrClosed or ErrNotMissing.
func (l *Ledger) DeclareGone(ctx context.Context, id int64) error {
	return l.onConflict(ctx, fmt.Sprintf("declare the record of conflict %d deleted", id), id, func(w *workspace, c Conflict) error {
		p := w.pairs[c.PairID]
		for _, side := range record.Sides {
			s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
			if c.Reason == ReasonNotShown && s != nil && s.state == record.Missing {
				s.state, s.changed = record.Deleted, true
				w.cleared[p.ID] = true
				w.enqueue(p, PriorityLive, w.now, "declared deleted")
				return nil
			}
		}
		return ErrNotMissing
	})
}

// onConflict does something about an open conflict of a pair, on the pair and its records.
func (l *Ledger) onConflict(ctx context.Context, what string, id int64, do func(*workspace, Conflict) error) error {
	return l.write(ctx, what, nil, func(t *tx) error {
		list, err := t.conflicts(`id = $1 AND $2 = '' AND $3 = ''`, []any{id, "", "", 1})
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return ErrNotFound
		case list[0].State != StateOpen:
			return ErrClosed
		}
		c := list[0]
		if err := t.lock("object/" + c.Object); err != nil {
			return err
		}
		w := t.workspace()
		if err := w.loadPairs([]string{c.PairID}); err != nil {
			return err
		}
		if err := w.loadSeenOf([]string{c.PairID}); err != nil {
			return err
		}
		if w.pairs[c.PairID] == nil {
			return ErrNotFound
		}
		if err := do(w, c); err != nil {
			return err
		}
		return w.store()
	})
}

// renew has a record treated as a new one: what is left of its partner, if anything, is a record by itself from now on.
func (w *workspace) renew(p *pairRow) {
	for _, side := range record.Sides {
		s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
		if p.Paired() && s != nil && gone(s.state) && s.removed {
			w.detach(p, side)
		}
	}
	if !p.Paired() {
		p.State, p.Lone, p.changed = PairLive, LoneRenewed, true
	}
	w.cleared[p.ID] = true
	w.enqueue(p, PriorityLive, w.now, "conflict resolved")
}
