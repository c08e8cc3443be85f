package merge

import (
	"errors"
	"slices"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// Resolve decides. It never fails: what can't be done is a conflict.
func Resolve(in Input) Decision {
	r := &resolver{in: in, troubled: map[string]bool{}}
	if in.Object != nil {
		r.pair()
	}
	slices.Sort(r.d.Waits)
	r.d.Waits = slices.Compact(r.d.Waits)
	return r.d
}

// resolver holds a decision while it is being made.
type resolver struct {
	in       Input
	d        Decision
	troubled map[string]bool // fields with a conflict in this decision
}

// pair decides by what is left of the two records.
func (r *resolver) pair() {
	var live, gone, never, outside [2]bool
	for _, s := range record.Sides {
		seen := r.in.Seen[s]
		live[s] = seen != nil && seen.State == record.Live
		gone[s] = seen != nil && (seen.State == record.Archived || seen.State == record.Deleted)
		outside[s] = seen != nil && seen.State == record.Outside
		never[s] = seen == nil && !r.in.Paired
	}
	// What is neither live nor gone nor outside nor never there is missing: hidden from our user, deleted without a trace,
	// or not read yet. Nothing may be concluded from that, least of all a deletion.
	if live[0] && live[1] {
		r.link()
		r.fields()
		return
	}
	for _, s := range record.Sides {
		switch o := s.Other(); {
		case live[s] && (gone[o] || outside[o]):
			r.bereave(s)
			return
		case live[s] && never[o]:
			r.create(s)
			return
		case gone[s] && (gone[o] || never[o]):
			r.d.State = Closed
			r.step("", RuleClose, s, "the record is gone, and there is none on the other side")
			r.healAll()
			return
		case outside[s] && !live[o] && (outside[o] || gone[o] || never[o]):
			r.step("", RuleOutside, s, "nothing is decided until it comes back")
			r.healAll()
			return
		}
	}
	r.step("", RuleMissing, record.Left, "a side does not show its record")
	r.unseen(live)
}

// unseen tells of a record that its vendor does not show although its partner is there: a person can tell a deletion
// that left no trace from a record that our user may not see.
func (r *resolver) unseen(live [2]bool) {
	for _, s := range record.Sides {
		if seen := r.in.Seen[s]; seen != nil && seen.State == record.Missing && live[s.Other()] {
			system := contract.Systems[s]
			r.conflict(Conflict{Reason: NotShown,
				Detail: system + " does not show record " + seen.ID + ": it was deleted for good, or it is hidden from the connection's user; nothing is written to its partner",
				Remedy: "give the user access to it again; if it was deleted, resolve this conflict with --gone, and the delete rule of the contract applies"})
		}
	}
}

// link writes each record's id into the other one, where the contract names a field for it and it is not there.
func (r *resolver) link() {
	for _, s := range record.Sides {
		other := r.in.Seen[s.Other()].ID
		if r.in.Object.Ends[s].Key.Name == "" || r.in.Seen[s].Key == other || other == "" {
			continue
		}
		r.update(s).Key = other
		r.step("", RuleLink, s.Other(), contract.Systems[s]+" gets the id of its partner")
	}
	r.heal("")
}

// fields decides field by field; what happens to one depends on no other.
func (r *resolver) fields() {
	for _, f := range r.in.Object.Fields {
		l := r.in.Lenses[f.Name]
		if l == nil {
			continue
		}
		if r.in.Unsettled[f.Name] {
			r.step(f.Name, RuleUnsettled, record.Left, "")
			continue
		}
		x := r.crossing(f, l)
		award, awarded := r.in.Awards[f.Name]
		switch {
		case awarded:
			r.award(x, award&1)
		case f.Owner == contract.OwnerEither:
			r.either(x)
		default:
			r.owned(x, record.Side(f.Owner&1))
		}
	}
}

// update is the patch of a live record, made when first asked for.
func (r *resolver) update(s record.Side) *record.Patch {
	if r.d.Patches[s] == nil {
		r.d.Patches[s] = &record.Patch{Op: record.Update, ID: r.in.Seen[s].ID}
	}
	return r.d.Patches[s]
}

func (r *resolver) step(field, rule string, s record.Side, detail string) {
	r.d.Explain = append(r.d.Explain, Step{Field: field, Rule: rule, Side: s, Detail: detail})
}

func (r *resolver) conflict(c Conflict) {
	r.troubled[c.Field] = true
	r.d.Conflicts = append(r.d.Conflicts, c)
}

func (r *resolver) heal(field string) {
	if !r.troubled[field] {
		r.d.Healed = append(r.d.Healed, field)
	}
}

// healAll says that no conflict matters any more.
func (r *resolver) healAll() {
	r.heal("")
	for _, f := range r.in.Object.Fields {
		r.heal(f.Name)
	}
}

// rejected turns the error of a lens into a conflict of its field alone.
func (r *resolver) rejected(x *crossing, err error) {
	var rej *lens.Rejection
	if !errors.As(err, &rej) {
		rej = &lens.Rejection{Reason: lens.WrongKind, Detail: err.Error()}
	}
	if rej.Pair != "" {
		r.d.Waits = append(r.d.Waits, rej.Pair)
	}
	r.step(x.field.Name, RuleRejected, rej.Side, rej.Detail)
	if p := x.field.People; rej.Reason == lens.UnmatchedPerson && p != nil && p.Unmatched == "skip" {
		r.heal(x.field.Name) // the contract does not want to hear of it
		return
	}
	r.conflict(x.conflict(rej.Reason, rej.Detail, rej.Remedy))
}
