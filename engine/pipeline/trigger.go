package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// reasonTrigger is the reason of a conflict about a trigger whose condition can't be evaluated.
const reasonTrigger = "trigger_condition"

// firing is what the ledger keeps of one action that is to happen: the moment it belongs to, and what it is to do once
// that is known. An action on a record that is being created is filled in when the record has its id.
type firing struct {
	Index   int                     `json:"index"` // of the action in its trigger
	Type    string                  `json:"type"`
	Before  map[string]record.Value `json:"before"` // null: the record was created
	After   map[string]record.Value `json:"after"`
	Records [2]record.Fields        `json:"records"`
	IDs     [2]string               `json:"ids"`
	Now     string                  `json:"now"`
	Action  *action                 `json:"action,omitempty"`
	// Event is what a platform event holds that made it happen; nil of a change.
	Event map[string]record.Value `json:"event,omitempty"`
	Pair  string                  `json:"-"` // the ledger keeps it beside
	// Initiator is who changed the record last, where its vendor tells.
	Initiator string `json:"initiator,omitempty"`
}

// action is an action with its templates filled in.
type action struct {
	Side record.Side `json:"side"`
	// Connection is where it happens; "" in what was kept before it was noted: the object's on that side.
	Connection string            `json:"connection,omitempty"`
	RecordID   string            `json:"record_id,omitempty"`
	Settings   map[string]string `json:"settings"`
	Fields     map[string]string `json:"fields,omitempty"`
}

func (f *firing) scope() contract.Scope {
	s := contract.Scope{Before: f.Before, After: f.After, IDs: f.IDs, Now: f.Now, Event: f.Event}
	for side, fields := range f.Records {
		s.Records[side] = fields
	}
	return s
}

// render fills in what the contract says of the action.
func (f *firing) render(a *contract.Action) error {
	settings, fields, err := a.Render(f.scope())
	if err != nil {
		return err
	}
	f.Action = &action{Side: a.Side(), Connection: a.Connection.Address(), Settings: settings, Fields: fields}
	if a.OnRecord() {
		f.Action.RecordID = f.IDs[a.Side()]
	}
	return nil
}

// watchTriggers evaluates an object's triggers on what a decision makes of a pair, and adds to its resolution what they
// saw and what is to happen. What they saw last is kept with the pair, so that a transition fires once, whatever makes
// the pair be decided anew, and nothing fires because a listing found it.
func (p *Pipeline) watchTriggers(o *object, w ledger.Work, env *environment, d *merge.Decision, r *ledger.Resolution) {
	r.Saw = record.Fields{}
	if len(o.triggers) == 0 {
		return
	}
	after := o.after(w, env, d, o.watched)
	if after == nil {
		r.Saw = nil // nothing is known now: what they saw before stays
		return
	}
	r.Saw = after
	f := firing{Before: o.before(w, after), After: after, Now: p.cfg.Clock().UTC().Format(time.RFC3339)}
	for _, side := range record.Sides {
		f.IDs[side] = w.Pair.IDs[side]
		if w.Seen[side] != nil {
			f.Records[side] = w.Seen[side].Fields
		}
	}
	f.Initiator = lastEditor(w)
	for _, t := range o.triggers {
		holds, err := t.When.Eval(f.scope())
		if err != nil {
			r.Conflicts = append(r.Conflicts, ledger.Conflict{
				Object: o.Name, PairID: w.Pair.ID, Reason: reasonTrigger, Detail: fmt.Sprintf("trigger %q: %v", t.Name, err),
				Remedy: "correct `when` of the trigger; it did not fire for this change",
			})
			continue
		}
		if !holds {
			continue
		}
		for i := range t.Actions {
			if fired, ok := p.occur(o, t, i, f, w, d); ok {
				r.Firings = append(r.Firings, fired)
			}
		}
	}
}

// lastEditor is who changed either record last, where that vendor tells.
func lastEditor(w ledger.Work) string {
	latest, who := record.Version(-1), ""
	for _, side := range record.Sides {
		if r := w.Seen[side]; r != nil && r.Actor != "" && r.Version > latest {
			latest, who = r.Version, contract.Systems[side]+" user "+r.Actor
		}
	}
	return who
}

// occur makes the firing of one action. It is false for an action on a record that there is not and that the contract
// does not have created.
func (p *Pipeline) occur(o *object, t *contract.Trigger, index int, f firing, w ledger.Work, d *merge.Decision) (ledger.Firing, bool) {
	a := &t.Actions[index]
	f.Index, f.Type = index, a.Type
	claim, _, _ := strings.Cut(w.Lease, " ")
	fired := ledger.Firing{Trigger: t.Name, Occurrence: fmt.Sprintf("%s/%s/%02d", claim, w.Pair.ID, index)}
	for _, side := range record.Sides {
		if !a.NeedsID(side) || f.IDs[side] != "" {
			continue
		}
		if never(d) {
			p.cfg.Logger.Info("a trigger's action has no record to act on", "trigger", t.Name, "action", a.Type, "pair", w.Pair.ID, "at", o.side(side))
			return fired, false
		}
		fired.Waits = true
	}
	if !fired.Waits {
		if err := f.render(a); err != nil {
			f.Action = nil // whoever carries it out says what is wrong
		}
	}
	payload, err := json.Marshal(f)
	if err != nil {
		payload = nil // values are text: this can't happen, and a firing without a payload becomes a dead letter
	}
	fired.Payload = payload
	return fired, true
}

// never says that the contract does not have the pair's other record created.
func never(d *merge.Decision) bool {
	return slices.ContainsFunc(d.Explain, func(s merge.Step) bool {
		return s.Field == "" && (s.Rule == merge.RuleNoCreate || s.Rule == merge.RuleNotQualified)
	})
}

// before is what triggers compare with: what they saw last; nil for a record that was created just now; the same as after
// for one that was there before anybody looked, and for a field that they look at for the first time.
func (o *object) before(w ledger.Work, after map[string]record.Value) map[string]record.Value {
	if w.Saw == nil && w.Pair.Fresh && !o.since.IsZero() && !w.Pair.CreatedAt.Before(o.since) {
		return nil
	}
	before := make(map[string]record.Value, len(after))
	for name, v := range after {
		if saw, ok := w.Saw[name]; ok {
			v = saw
		}
		before[name] = v
	}
	return before
}

// after is the value of some fields, once the decision holds: of an owned field its owner's, of one that either may edit
// what was decided. A field that is not known now, or not settled, stays as they saw it last. Nil
// when no side shows its record.
func (o *object) after(w ledger.Work, env *environment, d *merge.Decision, fields []string) record.Fields {
	var shown, agreed [2]map[string]record.Value
	lone := !w.Pair.Paired()
	known := false
	for _, side := range record.Sides {
		if r := w.Seen[side]; r != nil && r.State == record.Live {
			known = true
			shown[side] = merge.Canonical(o.Object.Object, o.Lenses, env, side, r.Fields)
		}
		agreed[side] = merge.Canonical(o.Object.Object, o.Lenses, env, side, o.decided(w, d, side))
	}
	if !known {
		return nil
	}
	unsettled := map[string]bool{}
	for _, s := range d.Explain {
		if s.Rule == merge.RuleUnsettled {
			unsettled[s.Field] = true
		}
	}
	after := record.Fields{}
	for _, name := range fields {
		f := o.Field(name)
		if f == nil {
			continue
		}
		var sources []map[string]record.Value
		switch {
		case unsettled[name]:
		case lone:
			sources = shown[:]
		case f.Owner == contract.OwnerEither:
			sources = agreed[:]
		default:
			sources = []map[string]record.Value{shown[f.Owner]}
		}
		after[name] = w.Saw[name]
		for _, values := range sources {
			if v, ok := values[name]; ok {
				after[name] = v
				break
			}
		}
	}
	return after
}

// decided is what one side's base becomes once all that a decision writes is confirmed.
func (o *object) decided(w ledger.Work, d *merge.Decision, side record.Side) record.Fields {
	fields := w.Pair.Base[side].Clone()
	if fields == nil {
		fields = record.Fields{}
	}
	for _, more := range []record.Fields{d.Agreed[side], d.OnDone[0][side], d.OnDone[1][side]} {
		for name, v := range more {
			fields[name] = v
		}
	}
	return fields
}

// watch takes up an object's triggers, and the fields that they look at.
func (o *object) watch(c *contract.Contract) {
	for _, t := range c.Triggers {
		if t.Object == o.Object.Object && t.Event == "" {
			o.triggers = append(o.triggers, t)
			o.watched = append(o.watched, t.Fields()...)
		}
	}
	slices.Sort(o.watched)
	o.watched = slices.Compact(o.watched)
}

// listed holds, for each object, when everything in its scope was listed for the first time, and that scope.
const listed = "accord/listed"

// listedBefore says since when all of an object has been listed under the scope that it has now; false where it was not.
func (p *Pipeline) listedBefore(ctx context.Context, o *object) (since time.Time, ok bool, err error) {
	scope, err := o.scopeText()
	if err != nil {
		return since, false, err
	}
	have, err := p.cfg.Ledger.Cursor(ctx, listed, o.Name)
	if err != nil {
		return since, false, fmt.Errorf("ask when %s was listed: %w", o.Name, err)
	}
	at, of, _ := strings.Cut(have, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	return time.UnixMilli(ms), err == nil && of == scope, nil
}

// scopeText is what decides which records are an object's.
func (o *object) scopeText() (string, error) {
	scope := make([]map[string]string, 0, 2)
	for _, side := range record.Sides {
		scope = append(scope, o.Ends[side].Settings)
	}
	text, err := json.Marshal(scope)
	if err != nil {
		return "", fmt.Errorf("write down the scope of %s: %w", o.Name, err)
	}
	return string(text), nil
}

// markListed notes that all of an object has been listed. A record that an event tells of before is one that was there
// already, and is not taken for created.
func (p *Pipeline) markListed(ctx context.Context, o *object) error {
	since, before, err := p.listedBefore(ctx, o)
	if err != nil {
		return err
	}
	if before {
		o.since = since
		return nil
	}
	text, err := o.scopeText()
	if err != nil {
		return err
	}
	now := p.cfg.Clock().UnixMilli()
	o.since = time.UnixMilli(now)
	if err := p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: listed, Name: o.Name, Position: fmt.Sprintf("%d %s", now, text)}); err != nil {
		return fmt.Errorf("note that %s was listed: %w", o.Name, err)
	}
	return nil
}
