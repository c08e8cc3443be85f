package merge

import (
	"strings"

	"accord/engine/contract"
	"accord/engine/record"
)

// bereave decides about a live record whose partner was archived or deleted, or left the object's scope.
func (r *resolver) bereave(s record.Side) {
	o := s.Other()
	partner := r.in.Seen[o]
	r.healAll()
	if r.in.Removed[o] && partner.State != record.Outside {
		r.returned(s)
		return
	}
	action, keep := r.in.Object.Deletes[o], RuleKeep
	if partner.State == record.Outside {
		action, keep = r.in.Object.Leaves[o], RuleOutside
	}
	op, rule := r.removal(action)
	detail := "the " + contract.Systems[o] + " record is " + partner.State.String()
	if op == record.Update {
		r.step("", keep, o, detail)
		r.d.State = Parted
		return
	}
	if edits := r.edits(s); len(edits) > 0 && !r.remove(s, op, edits) {
		return
	}
	r.step("", rule, o, detail)
	r.d.Patches[s] = &record.Patch{Op: op, ID: r.in.Seen[s].ID}
}

// removal is the operation, and the rule, that a delete action stands for; Update is none.
func (r *resolver) removal(action contract.DeleteAction) (record.Op, string) {
	switch action {
	case contract.DeleteArchive:
		return record.Archive, RuleArchive
	case contract.DeleteDelete:
		return record.Delete, RuleDelete
	default:
		return record.Update, RuleKeep
	}
}

// edits are the fields of a side that were changed since both sides agreed, or were filled in before they ever did, and
// whose changes count. Its partner can't take them any more.
func (r *resolver) edits(s record.Side) []*crossing {
	var list []*crossing
	for _, f := range r.in.Object.Fields {
		l := r.in.Lenses[f.Name]
		if l == nil || !f.Owner.Owns(s) {
			continue
		}
		x := r.crossing(f, l)
		edited := x.changed(s) || x.fresh() && x.shown[s] && !empty(x.seen[s])
		if edited && !(x.shown[s.Other()] && r.agrees(x, s)) {
			list = append(list, x) // else both had it by then
		}
	}
	return list
}

// remove says whether a record that was edited while its partner went may be removed all the same. In an archive the edits
// are kept, and told; a deletion waits for a person to choose between the two.
func (r *resolver) remove(s record.Side, op record.Op, edits []*crossing) bool {
	o := s.Other()
	names := make([]string, len(edits))
	for i, x := range edits {
		names[i] = x.field.Name
	}
	here, there := contract.Systems[s], contract.Systems[o]
	if op == record.Archive {
		for _, x := range edits {
			c := x.conflict(EditedGone, "was edited in "+here+" when the record went in "+there+": it is archived with the edit", "")
			c.Info = true
			r.unheal(c.Field)
			r.conflict(c)
		}
		return true
	}
	switch winner, awarded := r.in.Awards[""]; {
	case awarded && winner == o:
		return true
	case awarded:
		r.step("", RuleAwarded, s, "it stays")
		r.d.State = Parted
		return false
	}
	r.unheal("")
	r.conflict(Conflict{Reason: EditedGone,
		Detail: "the record went in " + there + " while it was edited in " + here + " (" + strings.Join(names, ", ") + "): it is not deleted there",
		Remedy: "resolve it with --take " + there + " to have it deleted in " + here + " too, or with --take " + here + " to keep it"})
	r.step("", RuleHold, s, "it was edited on one side and went on the other")
	return false
}

// returned decides about a record that is there again after its partner was removed by our own hand: that was never
// anybody's wish, so the delete rule does not apply.
func (r *resolver) returned(s record.Side) {
	o := s.Other()
	remedy := "restore it there, and the two go on as one"
	if r.in.Object.Creates[o] != nil {
		remedy += "; or resolve this conflict to have a new one created"
	}
	r.unheal("")
	r.conflict(Conflict{Reason: CameBack,
		Detail: "the " + contract.Systems[s] + " record is there again, and accord had removed its partner " + r.in.Seen[o].ID + " of " + contract.Systems[o],
		Remedy: remedy})
	r.step("", RuleReturned, s, "its partner in "+contract.Systems[o]+" is "+r.in.Seen[o].State.String())
	r.d.State = Parted
}

// alone decides about a record whose partner was taken from it. It says whether that is all there is to decide.
func (r *resolver) alone(s record.Side) bool {
	seen := r.in.Seen[s]
	switch r.in.Lone {
	case LoneDismissed:
		r.healAll()
		op, _ := r.removal(r.in.Object.Deletes[s.Other()])
		r.step("", RuleDismissed, s, "another record is its partner's")
		if op != record.Update {
			r.d.Patches[s] = &record.Patch{Op: op, ID: seen.ID}
			return true
		}
	case LoneLetGo:
		r.step("", RuleLetGo, s, "its partner was linked with another record")
	case LoneIgnored:
		r.healAll()
		r.step("", RuleIgnored, s, "nothing is created for it")
		return true
	case LoneNew, LoneRenewed:
		return false
	}
	if seen.Key != "" && r.in.Object.Ends[s].Key.Name != "" {
		r.d.Patches[s] = &record.Patch{Op: record.Update, ID: seen.ID, Unlink: true}
	}
	return true
}
