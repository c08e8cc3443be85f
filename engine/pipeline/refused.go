package pipeline

import "accord/engine/ledger"

// refused names what a pair's conflicts are about, by side and native name: changes of these were not carried across, and
// the conflict says why.
func (o *object) refused(w ledger.Work, conflicts []ledger.Conflict) (names [2][]string) {
	for _, c := range conflicts {
		if c.State == ledger.StateInfo {
			continue // about a value that another one was written over
		}
		f := o.Field(c.Field)
		for side := range names {
			if f == nil || !w.Pair.Paired() {
				names[side] = append(names[side], "") // the record itself
			}
			if f == nil {
				continue
			}
			for _, n := range f.Ends[side] {
				names[side] = append(names[side], n.Name)
			}
		}
	}
	return names
}
