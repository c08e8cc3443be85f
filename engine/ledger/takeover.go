package ledger

import (
	"fmt"
	"slices"
	"strings"

	"accord/engine/record"
)

// vacate takes a record out of a pair, which no longer agrees on anything with anybody. What was decided about it and not
// sent yet is void. The record is in no pair until it is placed.
func (w *workspace) vacate(p *pairRow, side record.Side) {
	delete(w.ends, seenKey{p.Object, side, p.IDs[side]})
	w.vacated[side] = append(w.vacated[side], p.ID)
	for _, id := range p.IDs {
		if id != "" {
			w.parted[id] = true
		}
	}
	p.IDs[side], p.Base, p.changed = "", [2]record.Fields{}, true
	w.woken[p.ID] = true
}

// seat gives a pair a record that is in no other one.
func (w *workspace) seat(p *pairRow, s *seenRow) {
	p.IDs[s.side], p.Base, p.changed = s.id, [2]record.Fields{}, true
	w.ends[s.seenKey] = p
	s.pairID, s.changed = p.ID, true
}

// takeOver moves a record from one pair to another that lacks its side.
func (w *workspace) takeOver(into, from *pairRow, side record.Side) {
	s := w.known(from, side)
	w.vacate(from, side)
	w.seat(into, s)
	w.cleared[from.ID] = true
	w.completed(into)
}

// detach takes a record out of its pair and leaves it by itself, closed where it is gone.
func (w *workspace) detach(p *pairRow, side record.Side) {
	s := w.known(p, side)
	w.vacate(p, side)
	own := w.newPair(s)
	own.Fresh = false
	if gone(s.state) {
		own.State = PairClosed
	}
}

// vacant says whether a pair has room for a record of a side: none is there, or the one that was is archived or deleted. A
// record that is gone gives up its place to one that is there and wants it; it is by itself from then on, and only a person
// can give the place back to it.
func (w *workspace) vacant(p *pairRow, side record.Side) bool {
	if p.IDs[side] == "" {
		return true
	}
	s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
	return s != nil && gone(s.state) && p.State != PairHeld && w.alive(p, side.Other())
}

// alive says whether the record of a pair's side is there.
func (w *workspace) alive(p *pairRow, side record.Side) bool {
	s := w.seen[seenKey{p.Object, side, p.IDs[side]}]
	return s != nil && s.state == record.Live
}

// clearFor makes room for a record of a side.
func (w *workspace) clearFor(p *pairRow, side record.Side) {
	if p.IDs[side] != "" {
		w.detach(p, side)
	}
}

// known is what is seen of a pair's record; of one that nobody has looked at, that it must be read.
func (w *workspace) known(p *pairRow, side record.Side) *seenRow {
	k := seenKey{p.Object, side, p.IDs[side]}
	if s := w.seen[k]; s != nil {
		return s
	}
	s := &seenRow{seenKey: k, fields: map[string]fieldSeen{}}
	s.doubt()
	return w.addSeen(s)
}

// mergedAway deals with a record that became part of another one of its side. Where that one has no partner, it takes over
// the partner of the one that is gone. Where it has, two records stand for one now, and a person must say which is kept:
// until then the second one is written by nobody, and removed by nobody.
func (w *workspace) mergedAway(p *pairRow, s *seenRow) {
	other := s.side.Other()
	if p.IDs[s.side] != s.id || p.IDs[other] == "" || p.State == PairHeld {
		return
	}
	if partner := w.known(p, other); gone(partner.state) {
		return
	}
	master := seenKey{s.object, s.side, s.mergedInto}
	q := w.ends[master]
	if q == nil {
		m := &seenRow{seenKey: master, fields: map[string]fieldSeen{}}
		m.doubt()
		q = w.newPair(w.addSeen(m))
		q.Fresh = false
	}
	if w.vacant(q, other) {
		w.clearFor(q, other)
		w.takeOver(q, p, other)
		p.State = PairClosed
		return
	}
	p.State, p.changed = PairHeld, true
	w.woken[p.ID] = true
	delete(w.calmed, p.ID)
	w.trouble = append(w.trouble, Conflict{
		Object: p.Object, PairID: p.ID, Reason: ReasonMerged,
		Detail: fmt.Sprintf("record %s was merged into %s, so that %s and %s stand for the same record: %s stays its partner and goes on, nothing is written to %s",
			s.id, q.IDs[s.side], q.IDs[other], p.IDs[other], q.IDs[other], p.IDs[other]),
		Remedy: fmt.Sprintf("resolve this conflict with --keep %s or --keep %s: the delete rule of the contract applies to the other one", q.IDs[other], p.IDs[other]),
	})
}

// claim notes that a record is about to carry a key.
func (w *workspace) claim(key seenKey, id string) {
	if w.claims[key] == nil {
		w.claims[key] = map[string]bool{}
	}
	w.claims[key][id] = true
}

// relink takes a key that somebody wrote by hand for what it says: the record becomes the partner of the one that it names,
// if that one is there, has no partner, and no other record names it. Else the key is put back, as merge does with a key
// that is not its partner's.
func (w *workspace) relink(p *pairRow, s *seenRow) {
	other := s.side.Other()
	named := seenKey{s.object, other, s.link}
	q, target := w.ends[named], w.seen[named]
	if s.link == "" || s.link == p.IDs[other] || s.state != record.Live || p.State != PairLive || p.IDs[s.side] != s.id ||
		q == nil || !w.vacant(q, s.side) || target == nil || target.state != record.Live {
		return
	}
	key := seenKey{s.object, s.side, s.link}
	for _, wanting := range []map[string]bool{w.links[key], w.claims[key]} {
		for id := range wanting {
			if r := w.seen[seenKey{s.object, s.side, id}]; id != s.id && (r == nil || !gone(r.state)) {
				return // two want the same one
			}
		}
	}
	left := p.IDs[other]
	w.clearFor(q, s.side)
	w.takeOver(q, p, s.side)
	p.Lone, p.changed = LoneLetGo, true
	w.enqueue(p, PriorityLive, w.now, "its partner was linked with another record")
	w.trouble = append(w.trouble, Conflict{
		Object: p.Object, PairID: p.ID, Reason: ReasonLetGo,
		Detail: fmt.Sprintf("record %s was the partner of %s until somebody wrote the id %s into %s: those two are a pair now, and %s has no partner",
			left, s.id, s.link, s.id, left),
		Remedy: "write the id of its new partner into its key, delete it, or resolve this conflict to have it treated as a new record",
	})
}

// storeParted makes due what refers to records that have lost their partner: the reference means another record on the
// other side from now on. No index knows who refers to what, but partners change rarely.
func (w *workspace) storeParted() error {
	ids := sorted(w.parted)
	var pairs []string
	for part := range slices.Chunk(ids, partedBatch) {
		conditions, args := make([]string, len(part)), make([]any, len(part))
		for i, id := range part {
			conditions[i], args[i] = fmt.Sprintf("fields LIKE $%d", i+1), "%"+strings.ReplaceAll(id, `\`, "_")+"%"
		}
		err := w.query(`SELECT pair_id, fields FROM seen WHERE `+strings.Join(conditions, " OR "), args, func(r row) error {
			var pair, text string
			if err := r.Scan(&pair, &text); err != nil {
				return err
			}
			var fields map[string]fieldSeen
			if err := decode("the fields of a record", text, &fields); err != nil {
				return err
			}
			for _, f := range fields {
				if f.Value.Kind() == record.Reference && slices.ContainsFunc(f.Value.Parts(), func(id string) bool { return w.parted[id] }) {
					pairs = append(pairs, pair)
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(pairs)
	return w.enqueuePairs(slices.Compact(pairs), PriorityLive, w.now, "what it refers to has another partner")
}

// partedBatch is how many records are looked for at once.
const partedBatch = 50
