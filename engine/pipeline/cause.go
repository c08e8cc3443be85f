package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/provider"
	"accord/engine/record"
)

// Cause is what led to a write. The ledger keeps it with the write, for people and for the audit log.
type Cause struct {
	Why     string    `json:"why"` // why the pair was decided about: "changed", "conflict resolved", "contract"
	Reasons []Because `json:"for,omitempty"`
}

// Because is one rule that decided, and whose edit made it do so.
type Because struct {
	Fields []string    `json:"f,omitempty"` // contract fields; none of a rule about the record itself
	Rule   string      `json:"r"`           // of merge
	Decide record.Side `json:"s"`           // whose value decided
	Edited record.Side `json:"e"`           // at which side the edit was made
	record.Origin
	Operator string `json:"op,omitempty"` // who decided a conflict, of merge.RuleAwarded
}

// CauseOf reads what the ledger keeps. Of a write whose cause is in other words, they are all there is.
func CauseOf(text string) Cause {
	var c Cause
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &c) != nil {
		return Cause{Why: text}
	}
	return c
}

// Of is what decided about a contract field, or about the record itself where nothing says more of the field.
func (c Cause) Of(field string) (Because, bool) {
	found := -1
	for i, b := range c.Reasons {
		switch {
		case slices.Contains(b.Fields, field):
			return b, true
		case len(b.Fields) == 0 && found < 0:
			found = i
		}
	}
	if found < 0 {
		return Because{}, false
	}
	return c.Reasons[found], true
}

// intentCause says what led to a write to one side.
func intentCause(o *object, w ledger.Work, env *environment, d *merge.Decision, patch *record.Patch, side record.Side) string {
	c := Cause{Why: w.Reason}
	for _, step := range d.Explain {
		f := o.Field(step.Field)
		switch {
		case step.Field != "" && (f == nil || step.Rule == merge.RuleCreate || !patches(patch, f, side)):
			continue // of a new record, the record's own rule says it all
		case step.Rule == merge.RuleLink && (step.Side == side || patch.Key == "" && !patch.Unlink):
			continue // the other side gets its partner's id
		}
		b := Because{Rule: step.Rule, Decide: step.Side, Edited: side.Other()}
		switch {
		case step.Rule == merge.RuleRevert:
			b.Edited = side
		case step.Rule == merge.RuleAwarded:
			b.Operator = env.awards[w.Pair.ID][step.Field].Actor
		}
		if r := w.Seen[b.Edited]; r != nil {
			b.Origin = editOf(r, f, b.Edited)
		}
		c.add(b, step.Field)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return c.Why // it holds nothing but text
	}
	return string(text)
}

// add joins what one edit led to.
func (c *Cause) add(b Because, field string) {
	if field != "" {
		b.Fields = []string{field}
	}
	for i := range c.Reasons {
		have := &c.Reasons[i]
		if have.Rule == b.Rule && have.Decide == b.Decide && have.Edited == b.Edited && have.Origin == b.Origin && have.Operator == b.Operator {
			have.Fields = append(have.Fields, b.Fields...)
			return
		}
	}
	c.Reasons = append(c.Reasons, b)
}

// editOf is the newest edit of a record's field, or of the record itself where the field is nil.
func editOf(r *record.Record, f *contract.Field, side record.Side) record.Origin {
	if f == nil {
		origin := r.Origins[""]
		if r.Actor != "" {
			origin.Actor = r.Actor
		}
		return origin
	}
	var newest string
	for _, n := range f.Ends[side] {
		if newest == "" || r.ChangedAt(n.Name) > r.ChangedAt(newest) {
			newest = n.Name
		}
	}
	return r.OriginOf(newest)
}

// patches says whether a patch writes any of a field's native values.
func patches(p *record.Patch, f *contract.Field, side record.Side) bool {
	return slices.ContainsFunc(f.Ends[side], func(n contract.NativeField) bool {
		_, ok := p.Fields[n.Name]
		return ok
	})
}

// batchCause joins the causes of a batch for the audit log.
func batchCause(b ledger.Batch) provider.Cause {
	c := provider.Cause{Batch: b.ID}
	const most = 3 // named; more are counted
	var people []string
	for _, in := range b.Intents {
		for _, reason := range CauseOf(in.Cause).Reasons {
			switch {
			case reason.Operator != "":
				people = append(people, "operator "+reason.Operator)
			case reason.Actor != "":
				people = append(people, contract.Systems[reason.Edited]+" user "+reason.Actor)
			}
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	if n := len(people) - most; n > 0 {
		people = append(people[:most], fmt.Sprintf("%d more", n))
	}
	c.Initiator = strings.Join(people, ", ")
	return c
}
