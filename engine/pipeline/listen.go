package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/provider"
	"accord/engine/record"
)

const (
	// strangerPatience is how long an event waits for the record that it is about: for as long as a record that was made
	// with it may take to come in.
	strangerPatience = 15 * time.Minute
	strangerPause    = 2 * time.Second // before it is looked for again; it doubles
	occasionBatch    = 100
	eventQuiet       = 2 * time.Second // without an event, all that were published have come
	eventCatchUp     = time.Minute     // at most, however many keep coming
)

// heard is what the ledger keeps of an event.
type heard struct {
	Fields map[string]record.Value `json:"fields"`
	At     time.Time               `json:"at"`
	Actor  string                  `json:"actor,omitempty"`
}

// listen takes what vendors publish and triggers listen to, until ctx ends. An event is acknowledged only once the ledger
// holds it with all that follows.
func (p *Pipeline) listen(ctx context.Context, l *ledger.Ledger, heard func()) error {
	var start []func(context.Context) error
	for _, address := range slices.Sorted(maps.Keys(p.providers)) {
		pr := p.providers[address]
		specs := binding.Events(p.contract, address)
		cursors, err := p.places(ctx, l, address, specs)
		if err != nil {
			return err
		}
		if len(specs) == 0 {
			continue
		}
		source, ok := pr.(provider.EventSource)
		if !ok {
			return &provider.Error{Kind: provider.Invalid, Op: "listen to events", Message: "connection " + address + " publishes none"}
		}
		first := true
		start = append(start, func(ctx context.Context) error {
			return p.follow(ctx, address, address+listening, func(ctx context.Context) error {
				if !first { // it went on since
					if cursors, err = p.places(ctx, l, address, specs); err != nil {
						return err
					}
				}
				first = false
				if err := source.Listen(ctx, specs, cursors, p.hear(l, address, source, heard)); err != nil {
					return fmt.Errorf("listen to %s: %w", address, err)
				}
				return nil
			})
		})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, follow := range start {
		g.Go(func() error { return follow(ctx) })
	}
	return g.Wait()
}

// listening follows a connection's address in the name of the stream of what its users publish.
const listening = " events"

// listened holds, for each connection, the events that are listened to under the contract in force.
const listened = "accord/listened"

// places says where listening to events goes on. One that no trigger listened to for a while begins anew: what was
// published meanwhile was meant for nobody.
func (p *Pipeline) places(ctx context.Context, l *ledger.Ledger, address string, specs []provider.EventSpec) (map[string]string, error) {
	before, err := l.Cursor(ctx, listened, address)
	if err != nil {
		return nil, fmt.Errorf("read which events of %s were listened to: %w", address, err)
	}
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	now := strings.Join(names, " ")
	if now == "" && before == "" {
		return nil, nil
	}
	known, err := l.Cursors(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("read the cursors of %s: %w", address, err)
	}
	cursors := map[string]string{}
	for _, name := range names {
		switch at := known[name]; {
		case at == "":
		case slices.Contains(strings.Fields(before), name):
			cursors[name] = at
		default: // forgotten before it is listened to again: the next to begin must not find it
			if err := l.SetCursor(ctx, ledger.Cursor{Connection: address, Name: name}); err != nil {
				return nil, err
			}
		}
	}
	if now != before {
		if err := l.SetCursor(ctx, ledger.Cursor{Connection: listened, Name: address, Position: now}); err != nil {
			return nil, fmt.Errorf("note which events of %s are listened to: %w", address, err)
		}
	}
	return cursors, nil
}

// listens says whether any trigger listens to events.
func (p *Pipeline) listens() bool {
	return slices.ContainsFunc(p.contract.Triggers, func(t *contract.Trigger) bool { return t.Event != "" })
}

// catchUp takes the events that were published while nobody listened: until none has come for a while.
func (p *Pipeline) catchUp(ctx context.Context) error {
	if !p.listens() {
		return p.listen(ctx, p.cfg.Ledger, func() {}) // only notes that nobody does
	}
	brief, stop := context.WithTimeout(ctx, eventCatchUp)
	defer stop()
	quiet := time.AfterFunc(p.cfg.Quiet, stop)
	defer quiet.Stop()
	err := p.listen(brief, p.cfg.Ledger, func() { quiet.Reset(p.cfg.Quiet) })
	if brief.Err() != nil {
		return ctx.Err() // what was not taken in by then comes again
	}
	return err
}

// hear brings a batch of a connection's events into the ledger. Told is called for each that held something.
func (p *Pipeline) hear(l *ledger.Ledger, address string, source provider.EventSource, told func()) provider.EmitEvents {
	return func(ctx context.Context, b provider.EventBatch) error {
		h := ledger.Heard{Cursor: ledger.Cursor{Connection: address, Name: b.Cursor.Name, Position: b.Cursor.Position}}
		if !b.Gap.IsZero() {
			h.Gap = &ledger.Gap{Connection: address, Name: b.Cursor.Name, Since: b.Gap}
		}
		for _, e := range b.Events {
			for _, t := range p.contract.Triggers {
				if t.Event != e.Name || t.Connection.Address() != address {
					continue
				}
				if event, ok := p.occasion(t, e, address, source); ok {
					h.Events = append(h.Events, event)
				}
			}
		}
		fresh, err := l.Hear(ctx, h)
		if err != nil {
			return fmt.Errorf("record %d events of %s: %w", len(b.Events), address, err)
		}
		if len(b.Events) > 0 {
			p.cfg.Logger.Debug("heard", "connection", address, "events", len(b.Events), "new", fresh)
			told()
			p.stir()
		}
		return nil
	}
}

// occasion is an event as one trigger takes it, with the outcome where that follows from the event alone. It is false
// where its condition says no.
func (p *Pipeline) occasion(t *contract.Trigger, e provider.Event, address string, source provider.EventSource) (ledger.HeardEvent, bool) {
	kept := heard{Fields: e.Fields, At: e.At, Actor: e.Actor}
	o := ledger.Occasion{Trigger: t.Name, Connection: address, EventID: e.ID, Event: e.Name}
	if t.Object != nil {
		o.Object = t.Object.Name
	}
	payload, err := json.Marshal(kept)
	if err != nil {
		payload = nil // values are text: this can't happen, and an event without a payload becomes a dead letter
	}
	o.Payload = payload
	failed := func(what, remedy string) (ledger.HeardEvent, bool) {
		return ledger.HeardEvent{Occasion: o, Outcome: &ledger.OccasionOutcome{Dead: unheard(t.Name, o, what, remedy)}}, true
	}
	if e.Problem != "" {
		return failed("it can't be read: "+e.Problem, "look at the event's fields in its system; a newer accord may read them")
	}
	if t.When == nil || t.When.OfEventAlone() {
		holds, err := t.When.Eval(contract.Scope{Event: e.Fields})
		if err != nil {
			return failed(err.Error(), "correct `when` of the trigger, apply, and retry")
		}
		if !holds {
			return ledger.HeardEvent{}, false
		}
	}
	if t.OfEventAlone() {
		return ledger.HeardEvent{Occasion: o, Outcome: &ledger.OccasionOutcome{Firings: p.firings(t, o, firing{}, kept)}}, true
	}
	id, err := t.Record.Eval(contract.Scope{Event: e.Fields})
	if id = strings.TrimSpace(id); err != nil || id == "" {
		return failed("it names no record", "have whoever publishes it fill in what `record` of the trigger looks at")
	}
	for _, side := range record.Sides {
		if o.IDs[side] = id; t.Object.Ends[side].Connection == t.Connection {
			o.IDs[side] = source.RecordID(id)
		}
	}
	return ledger.HeardEvent{Occasion: o}, true
}

// unheard is the dead letter of an event.
func unheard(trigger string, o ledger.Occasion, what, remedy string) *ledger.DeadLetter {
	d := &ledger.DeadLetter{
		Op: record.Create, Kind: "event", Message: fmt.Sprintf("trigger %q, event %s %s: %s", trigger, o.Event, o.EventID, what), Remedy: remedy,
	}
	for _, side := range record.Sides {
		if d.RecordID == "" {
			d.Side, d.RecordID = side, o.IDs[side]
		}
	}
	return d
}

// firings are what a trigger does for an event, about a record where it is about one.
func (p *Pipeline) firings(t *contract.Trigger, o ledger.Occasion, about firing, event heard) []ledger.Firing {
	about.Event, about.Now = event.Fields, p.cfg.Clock().UTC().Format(time.RFC3339)
	if event.Actor != "" {
		about.Initiator = t.Connection.System + " user " + event.Actor
	}
	list := make([]ledger.Firing, 0, len(t.Actions))
	for i := range t.Actions {
		f := about
		f.Index, f.Type = i, t.Actions[i].Type
		if err := f.render(&t.Actions[i]); err != nil {
			f.Action = nil // whoever carries it out says what is wrong
		}
		payload, err := json.Marshal(f)
		if err != nil {
			payload = nil
		}
		list = append(list, ledger.Firing{
			Trigger: t.Name, PairID: about.Pair, Object: o.Object, Payload: payload,
			Occurrence: fmt.Sprintf("event %s %s/%02d", o.Connection, o.EventID, i),
		})
	}
	return list
}

// attend looks for the records that events are about, and decides what follows. It reports whether there was any to look
// for.
func (p *Pipeline) attend(ctx context.Context) (bool, error) {
	due, err := p.cfg.Ledger.DueOccasions(ctx, occasionBatch)
	if err != nil {
		return false, fmt.Errorf("take up events: %w", err)
	}
	for _, o := range due {
		out, err := p.consider(ctx, o)
		if err != nil {
			return false, err
		}
		if out.Dead != nil {
			p.cfg.Logger.Error("dead letter", "trigger", o.Trigger, "event", o.EventID, "error", out.Dead.Message)
		}
		if err := p.cfg.Ledger.SettleOccasion(ctx, o, out); err != nil {
			return false, err
		}
	}
	return len(due) > 0, nil
}

// consider decides what follows from an event about a record.
func (p *Pipeline) consider(ctx context.Context, o ledger.Occasion) (ledger.OccasionOutcome, error) {
	dead := func(what, remedy string) (ledger.OccasionOutcome, error) {
		return ledger.OccasionOutcome{Dead: unheard(o.Trigger, o, what, remedy)}, nil
	}
	i := slices.IndexFunc(p.contract.Triggers, func(t *contract.Trigger) bool {
		return t.Name == o.Trigger && t.Event == o.Event && t.Connection.Address() == o.Connection
	})
	if i < 0 {
		return dead("the contract in force has no such trigger any more", "discard it, or retry once the trigger is back")
	}
	t := p.contract.Triggers[i]
	var event heard
	if err := json.Unmarshal(o.Payload, &event); err != nil || t.Record == nil {
		return dead("what the ledger keeps of it does not fit the trigger any more", "have the event published anew")
	}
	about, missing, err := p.about(ctx, t, o)
	if ofVendor(ctx, err) != nil {
		return ledger.OccasionOutcome{Retry: &ledger.Retry{At: p.cfg.Clock().Add(time.Minute), Error: "what its record refers to can't be looked up now: " + err.Error()}}, nil
	}
	if err != nil {
		return ledger.OccasionOutcome{}, err
	}
	if missing != "" {
		if p.cfg.Clock().Sub(o.CreatedAt) >= strangerPatience {
			return dead(missing, "see that the record exists, is in the object's scope and has synced; then retry")
		}
		pause := min(strangerPause<<min(o.Attempts, 10), time.Minute)
		return ledger.OccasionOutcome{Retry: &ledger.Retry{At: p.cfg.Clock().Add(pause), Error: missing}}, nil
	}
	about.Event = event.Fields
	holds, err := t.When.Eval(about.scope())
	switch {
	case err != nil:
		return dead(err.Error(), "correct `when` of the trigger, apply, and retry")
	case !holds:
		return ledger.OccasionOutcome{}, nil
	}
	return ledger.OccasionOutcome{Firings: p.firings(t, o, about, event)}, nil
}

// about is what is known of the record that an event names; missing says what is not known yet.
func (p *Pipeline) about(ctx context.Context, t *contract.Trigger, o ledger.Occasion) (f firing, missing string, err error) {
	bound := p.object(o.Object)
	if bound == nil || bound.Object.Object != t.Object {
		return f, fmt.Sprintf("the contract in force has no object %q for it", o.Object), nil
	}
	pair := ""
	for _, side := range record.Sides {
		if pair != "" || o.IDs[side] == "" {
			continue
		}
		found, err := p.cfg.Ledger.PairByRecord(ctx, o.Object, side, []string{o.IDs[side]})
		if err != nil {
			return f, "", fmt.Errorf("look for the record of event %s: %w", o.EventID, err)
		}
		pair = found[o.IDs[side]]
	}
	if pair == "" {
		return f, fmt.Sprintf("no record %s of object %q is known", o.IDs[record.Left], o.Object), nil
	}
	e, err := p.cfg.Ledger.Explain(ctx, o.Object, pair)
	if err != nil {
		return f, "", fmt.Errorf("look up the record of event %s: %w", o.EventID, err)
	}
	f.Pair, f.IDs = e.Pair.ID, e.Pair.IDs
	for _, side := range record.Sides {
		if e.Dirty[side] {
			return f, "its record has changed, and was not read yet", nil
		}
		if e.Seen[side] != nil {
			f.Records[side] = e.Seen[side].Fields
		}
		for i := range t.Actions {
			if t.Actions[i].NeedsID(side) && f.IDs[side] == "" {
				return f, fmt.Sprintf("its record has no %s record", contract.Systems[side]), nil
			}
		}
	}
	w := ledger.Work{Pair: e.Pair, Seen: e.Seen}
	env, err := p.environment(ctx, bound, known([]ledger.Work{w}))
	if err != nil {
		return f, "", err
	}
	in, _ := p.input(bound, w, env)
	d := merge.Resolve(in)
	after := bound.after(w, env, &d, t.Fields())
	if after == nil {
		return f, "its record is gone", nil
	}
	f.Before, f.After = after, after
	return f, "", nil
}
