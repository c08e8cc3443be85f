package storm

import "slices"

// lives judges what became of records that were merged or put back.
func (j *judge) lives() {
	for _, id := range sorted(j.items["Clients"]) {
		if key := j.items["Clients"][id].Values["salesforce_id"]; j.past.merged[key] != "" {
			j.complain("merge: account %s became part of %s, and item %s still stands for it", key, j.past.master(key), id)
		}
	}
	for _, loser := range sorted(j.past.merged) {
		if master := j.past.master(loser); j.records["Account"][master] == nil && !j.past.isRemoved(Salesforce, master) {
			j.complain("merge: account %s became part of %s, which is gone", loser, master)
		}
	}
	for _, id := range sorted(j.past.returned) {
		j.report.Returned++
		all := append([]string{id}, j.past.partners[id]...)
		if !slices.ContainsFunc(all, j.alive) && !slices.ContainsFunc(all, j.past.gone) {
			j.complain("agreement: %s was put back, and is gone", id)
		}
	}
}

// alive says whether a record or an item is there.
func (j *judge) alive(id string) bool {
	for _, o := range objects {
		if _, ok := j.items[o.table[Monday]][id]; ok || j.records[o.table[Salesforce]][id] != nil {
			return true
		}
	}
	return false
}
