package ledger

import (
	"context"
	"fmt"

	"accord/engine/record"
)

// Verdict is what a reviewer said of a record without a partner.
type Verdict string

// The verdicts. VerdictPair makes a pair of two records, VerdictCreate has a new one created on the other side, as the
// contract says, and VerdictIgnore leaves it by itself for good.
const (
	VerdictPair   Verdict = "pair"
	VerdictCreate Verdict = "create"
	VerdictIgnore Verdict = "ignore"
)

// Review is one verdict, about half pairs by id.
type Review struct {
	Verdict Verdict
	Pair    string // of VerdictPair, the left one
	With    string // of VerdictPair, the right one
}

// Judge carries verdicts out, all in one transaction. What was held only for want of a verdict is let go. A verdict about
// a record that is no half by now, or is not there any more, is left out and returned.
func (l *Ledger) Judge(ctx context.Context, object string, list []Review) (void []Review, err error) {
	object = clean(object)
	err = l.write(ctx, fmt.Sprintf("carry out %d verdicts about records of %s", len(list), object), []string{"object/" + object}, func(t *tx) error {
		void = nil
		w := t.workspace()
		var ids []string
		for _, r := range list {
			ids = append(ids, r.Pair, r.With)
		}
		if err := w.loadPairs(ids); err != nil {
			return err
		}
		if err := w.loadSeenOf(ids); err != nil {
			return err
		}
		for _, r := range list {
			if !w.judge(object, r) {
				void = append(void, r)
			}
		}
		return w.store()
	})
	return void, err
}

// judge carries out one verdict; false when it is about what is no more.
func (w *workspace) judge(object string, r Review) bool {
	p := w.pairs[r.Pair]
	if !w.halfThere(p, object) {
		return false
	}
	switch r.Verdict {
	case VerdictPair:
		q := w.pairs[r.With]
		if !w.halfThere(q, object) || p.IDs[record.Left] == "" || q.IDs[record.Right] == "" {
			return false
		}
		w.cleared[p.ID], w.cleared[q.ID] = true, true
		if p.ID < q.ID {
			w.absorb(p, q)
		} else {
			w.absorb(q, p)
		}
		return true
	case VerdictCreate:
		p.Lone = LoneRenewed
	case VerdictIgnore:
		p.Lone = LoneIgnored
	default:
		return false
	}
	p.State, p.changed = PairLive, true
	w.cleared[p.ID] = true
	w.enqueue(p, PriorityBackfill, w.now, "reviewed")
	return true
}

// halfThere says whether a pair is of one record, which its vendor shows.
func (w *workspace) halfThere(p *pairRow, object string) bool {
	if p == nil || p.Object != object || p.Paired() || p.State == PairClosed {
		return false
	}
	for _, side := range record.Sides {
		if s := w.seen[seenKey{p.Object, side, p.IDs[side]}]; s != nil && s.state == record.Live {
			return true
		}
	}
	return false
}
