package storm

import "time"

// Accord writes what somebody edited once, to the other side, and never back to where it came from. It may write it again
// only where
//
//   - the vendor did not tell that it was written: no answer, half of one, a refusal, or accord died before it could store
//     the answer. Salesforce has no idempotency key, and accord repeats an update there once it has seen that it is missing;
//   - something else was written there meanwhile: somebody's edit of the derived side, which is put back, or one that lost
//     by the contract's rule, or a write of accord's own that an earlier edit overtook;
//   - the record has another partner than before: one was put back, or merged.

// economical judges what became of one edit on the wire.
func (j *judge) economical(e *edit) {
	t := tokenOf(e.value)
	if t == "" || e.began.Equal(e.ended) || j.repaired(e) {
		return
	}
	if there := j.partnerOf(e); there != "" {
		var last *call
		for _, c := range j.ear.sent(t, e.side.other()) {
			j.report.Carried++
			if last != nil && last.confirmed(t) && !j.down(last.at, last.answered.Add(notice)) && !j.disturbed(e, e.side.other(), last.at, c.at) {
				j.complain("economy: %q of %s %s was written to the %s side at %s, which said so, and again at %s%s",
					e.value, e.object.table[e.side], e.id, e.side.other(), j.moment(last.at), j.moment(c.at), j.heard(j.past.around(e)))
			} else if last != nil {
				j.report.Repeated++
			}
			last = c
		}
	}
	for _, c := range j.ear.sent(t, e.side) {
		if !j.overran(e, c.at) {
			j.complain("economy: %q of %s %s was written back to where it came from at %s%s",
				e.value, e.object.table[e.side], e.id, j.moment(c.at), j.heard(j.past.around(e)))
		} else {
			j.report.Repeated++
		}
	}
}

// repaired says whether the record of an edit has, or had, another partner than the one it had first.
func (j *judge) repaired(e *edit) bool {
	ids := append([]string{e.id}, j.past.partners[e.id]...)
	for _, id := range ids {
		_, back := j.past.returned[id]
		if back || len(j.past.partners[id]) > 1 || j.past.merged[id] != "" || j.past.isMaster(id) {
			return true
		}
	}
	return false
}

// partnerOf is the record on the other side; "" where none was ever seen.
func (j *judge) partnerOf(e *edit) string {
	if list := j.past.partners[e.id]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// disturbed says whether somebody edited the field on a side between two writes of accord's to it, or accord wrote something
// else there.
func (j *judge) disturbed(e *edit, sd Vendor, from, until time.Time) bool {
	from = from.Add(-onTheWay)
	for i := range j.past.edits {
		other := &j.past.edits[i]
		if other.n == e.n || !j.rival(e, other) {
			continue
		}
		if other.side == sd && other.ended.After(from) && other.began.Before(until) || j.wrote(other.value, sd, from, until) {
			return true
		}
	}
	return false
}

// overran says whether accord wrote something else over an edit before it knew of it, so that the edit had to be put back.
func (j *judge) overran(e *edit, until time.Time) bool {
	for i := range j.past.edits {
		other := &j.past.edits[i]
		if other.n != e.n && j.rival(e, other) && j.wrote(other.value, e.side, e.began.Add(-onTheWay), until) {
			return true
		}
	}
	return false
}

// bounded holds the number of rows that accord wrote on each side against what people did: also of values that can't be told
// from each other on the wire. Allowed are, beside a row for each edit on the other side:
//
//   - the rows of calls whose outcome accord was not told: they may be written twice;
//   - the edits of the derived side, each of which is put back;
//   - for a record that somebody made or put back, its partner's id, and what had to wait for its parent;
//   - for a deal that was won, the item, its id, the task and the comment;
//   - the references that a merge or a deletion changed, and each removal that is carried over.
func (j *judge) bounded() {
	p := j.past
	for _, to := range []Vendor{Salesforce, Monday} {
		born := 2 * (len(p.made[Salesforce]) + len(p.made[Monday]) + len(p.won) + len(p.returned))
		moved := p.moved + 2*len(p.merged) + len(p.removed[to.other()])
		reverts := 0
		if to == Monday {
			reverts = p.reverts
		}
		allowed := p.rows[to.other()] + born + moved + reverts + j.ear.unconfirmed(to) + p.unsure[0] + p.unsure[1]
		j.report.Allowed[to] = allowed
		if n := j.report.Writes[to]; n > allowed {
			j.complain("bounded: accord wrote %d rows on the %s side, %d allowed for %d edits on the other", n, to, allowed, p.rows[to.other()])
		}
	}
}
