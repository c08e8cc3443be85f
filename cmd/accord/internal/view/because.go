package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/pipeline"
	"accord/engine/record"
)

// whyText says why a pair was decided about, where the ledger's word is short.
var whyText = map[string]string{
	"changed": "it was changed", "contract": "the contract came into force", "paired": "the two became a pair",
	"created": "its partner was created", "differs": "a full comparison found a difference", "read again": "it was read again",
	"halted": "its object was resumed",
}

// origin says why a write was made, and which call made it; of a field, or of all that was written where it is "".
func (x *explainer) origin(w ledger.Write, field string) string {
	c := pipeline.CauseOf(w.Cause)
	reasons := c.Reasons
	if b, ok := c.Of(field); ok && field != "" {
		reasons = []pipeline.Because{b}
	}
	why, known := whyText[c.Why]
	if !known {
		why = line(c.Why)
	}
	parts := []string{"because " + why}
	for i, b := range reasons {
		if i == 3 {
			parts = append(parts, plural(len(reasons)-i, "more rule"))
			break
		}
		parts = append(parts, x.because(b))
	}
	if w.Run != "" {
		parts = append(parts, "run "+w.Run)
	}
	if call, ok := x.e.Calls[w.BatchID]; ok {
		text := fmt.Sprintf("call %d: %s, status %d", call.Seq, clip(call.Operation), call.Status)
		if call.RequestID != "" {
			text += ", request " + clip(call.RequestID)
		}
		parts = append(parts, text)
	} else if w.BatchID != "" {
		parts = append(parts, "batch "+w.BatchID)
	}
	return strings.Join(parts, "; ")
}

// because tells one rule that decided: whose edit it was, what told of it, and what the rule says.
func (x *explainer) because(b pipeline.Because) string {
	var text string
	switch {
	case b.Operator != "":
		text = "operator " + clip(b.Operator) + " decided"
	case b.Actor != "":
		text = "edited in " + x.s.side(b.Edited) + " by " + x.person(b.Edited, b.Actor)
	case b.Event != "":
		text = "edited in " + x.s.side(b.Edited)
	}
	if b.Event != "" && b.Operator == "" {
		text += ", told by " + clip(b.Event)
	}
	return strings.TrimPrefix(text+"; "+x.rule(merge.Step{Rule: b.Rule, Side: b.Decide}), "; ")
}

// next says what will happen to a field.
func (x *explainer) next(f *contract.Field, d *merge.Decision) string {
	writes := x.wouldWrite(f, d)
	dead := x.deadLetter(f)
	switch {
	case x.e.Pair.State == ledger.PairHeld:
		return "nothing, while its record is held"
	case x.e.Halted != nil && writes != "":
		return fmt.Sprintf("nothing, while %s is halted; then %s", line(x.e.Pair.Object), writes)
	case x.open(f.Name, ledger.ReasonFight) != nil && writes != "":
		return "nothing, until the fight over it is resolved"
	case writes != "" && x.underWay(f):
		return writes + ": that is under way"
	case writes != "" && x.e.Pending != nil:
		return writes + x.due()
	case dead != nil && dead.State == ledger.StateOpen:
		return fmt.Sprintf("nothing, until `accord deadletters retry %d`, or the record changes again", dead.ID)
	case dead != nil && dead.State == ledger.StateDiscarded && writes != "":
		return fmt.Sprintf("nothing, until the record changes again: dead letter %d was discarded", dead.ID)
	case writes != "":
		return writes + ", once the record is decided about again"
	}
	if c := x.open(f.Name, ""); c != nil {
		return fmt.Sprintf("nothing, until conflict %d is resolved, or the record changes again", c.ID)
	}
	return "nothing"
}

// wouldWrite is what deciding now would write of a field; "" = nothing.
func (x *explainer) wouldWrite(f *contract.Field, d *merge.Decision) string {
	var parts []string
	for _, side := range record.Sides {
		p := d.Patches[side]
		if p == nil {
			continue
		}
		for _, n := range f.Ends[side] {
			if v, ok := p.Fields[n.Name]; ok {
				parts = append(parts, fmt.Sprintf("%s is written to %s of %s", show(f, v), line(n.Name), x.s.side(side)))
			}
		}
	}
	return strings.Join(parts, "; ")
}

// due says when what is pending is decided.
func (x *explainer) due() string {
	q := x.e.Pending
	switch {
	case q.WaitsFor != "":
		return ", once pair " + q.WaitsFor + " has both records"
	case q.NotBefore.After(q.Since):
		return ", not before " + when(q.NotBefore)
	default:
		return ", with the sync's next round"
	}
}

func (x *explainer) underWay(f *contract.Field) bool {
	return slices.ContainsFunc(x.e.Intents, func(i ledger.Intent) bool { return touches(f, i.Side, i.Fields) })
}

// open is the newest open conflict about a field; reason "" is any.
func (x *explainer) open(field, reason string) *ledger.Conflict {
	for i := range x.e.Conflicts {
		c := &x.e.Conflicts[i]
		if c.State == ledger.StateOpen && c.Field == field && (reason == "" || c.Reason == reason) {
			return c
		}
	}
	return nil
}

// deadLetter is the newest dead letter of a side whose write had a field in it; nil where that was written since.
func (x *explainer) deadLetter(f *contract.Field) *ledger.DeadLetter {
	var seen [2]bool
	for i := range x.e.DeadLetters {
		d := &x.e.DeadLetters[i]
		if d.Trigger != "" || seen[d.Side] {
			continue
		}
		seen[d.Side] = true
		if concerns(d, f) && !x.writtenSince(f, d) {
			return d
		}
	}
	return nil
}

func (x *explainer) writtenSince(f *contract.Field, d *ledger.DeadLetter) bool {
	return slices.ContainsFunc(x.e.Writes, func(w ledger.Write) bool {
		return w.Side == d.Side && w.At.After(d.CreatedAt) && touches(f, w.Side, w.After)
	})
}

// concerns says whether a field is in what a dead letter was to write.
func concerns(d *ledger.DeadLetter, f *contract.Field) bool {
	var payload struct {
		Fields record.Fields `json:"fields"`
	}
	return d.Trigger == "" && json.Unmarshal(d.Payload, &payload) == nil && touches(f, d.Side, payload.Fields)
}

func touches(f *contract.Field, side record.Side, fields record.Fields) bool {
	return slices.ContainsFunc(f.Ends[side], func(n contract.NativeField) bool {
		_, ok := fields[n.Name]
		return ok
	})
}

func shownBy(r *record.Record) record.Fields {
	if r == nil {
		return nil
	}
	return r.Fields
}
