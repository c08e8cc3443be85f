package pipeline

import (
	"context"
	"encoding/json"
	"fmt"

	"accord/engine/ledger"
	"accord/engine/policy"
	"accord/engine/record"
)

// halts holds, for each object that its guard has stopped, why; resuming turns it into an approval.
const halts = "accord/halts"

// Halt is why an object's guard stopped it. It is kept in the ledger until somebody resumes the object.
type Halt struct {
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy"`
	Deletes int    `json:"deletes"` // that the round would have made
	Changes int    `json:"changes"`
	// Resumed says that somebody looked: as many deletes and changes as stand here may now be made.
	Resumed bool `json:"resumed"`
}

// Halts lists the objects that are halted now, by name.
func Halts(ctx context.Context, l *ledger.Ledger) (map[string]Halt, error) {
	positions, err := l.Cursors(ctx, halts)
	if err != nil {
		return nil, fmt.Errorf("read which objects are halted: %w", err)
	}
	result := map[string]Halt{}
	for name, text := range positions {
		if text == "" {
			continue // resumed, and taken up
		}
		var h Halt
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			return nil, fmt.Errorf("read why %s is halted: %w", name, err)
		}
		if !h.Resumed {
			result[name] = h
		}
	}
	return result, nil
}

// Resume lets a halted object go on: somebody looked at what stopped it, and wants it.
func Resume(ctx context.Context, l *ledger.Ledger, object string) error {
	halted, err := Halts(ctx, l)
	if err != nil {
		return err
	}
	h, ok := halted[object]
	if !ok {
		return fmt.Errorf("resume %s: it is not halted", object)
	}
	h.Resumed = true
	return saveHalt(ctx, l, object, h)
}

func saveHalt(ctx context.Context, l *ledger.Ledger, object string, h Halt) error {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("store why %s is halted: %w", object, err)
	}
	if err := l.SetCursor(ctx, ledger.Cursor{Connection: halts, Name: object, Position: string(text)}); err != nil {
		return fmt.Errorf("store why %s is halted: %w", object, err)
	}
	return nil
}

// guard stops an object before it carries out a disaster. Creations, and the first meeting of two records, are not
// counted: the plan announced them.
func (p *Pipeline) guard(ctx context.Context, o *object, work []ledger.Work, resolutions []ledger.Resolution) (bool, error) {
	round := o.round
	for i, r := range resolutions {
		agreed := work[i].Pair.Base[record.Left] != nil && work[i].Pair.Base[record.Right] != nil
		for _, in := range r.Intents {
			switch {
			case in.Op == record.Archive || in.Op == record.Delete:
				round.Deletes++
			case in.Op == record.Update && agreed && len(in.Fields) > 0:
				round.Changes++
			}
		}
	}
	if round.Deletes == o.round.Deletes && round.Changes == o.round.Changes {
		return false, nil
	}
	stats, err := p.cfg.Ledger.Stats(ctx)
	if err != nil {
		return false, fmt.Errorf("read the figures of %s: %w", o.Name, err)
	}
	round.Object, round.Seen = o.Name, [2]int{-1, -1}
	for _, s := range stats {
		if s.Object == o.Name {
			round.Paired = s.Pairs
		}
	}
	checked := round
	checked.Deletes -= o.allowed.Deletes
	checked.Changes -= o.allowed.Changes
	h := policy.Check(o.Guard, checked)
	if h == nil {
		o.round = round
		return false, nil
	}
	o.halted = true
	for i := range resolutions { // nothing was decided: the claims are given back
		resolutions[i] = ledger.Resolution{PairID: work[i].Pair.ID, Gen: work[i].Gen, Lease: work[i].Lease, RetryAt: p.cfg.Clock(), Reason: "halted"}
	}
	if _, err := p.cfg.Ledger.Resolve(ctx, resolutions); err != nil {
		return true, fmt.Errorf("give back claims of %s: %w", o.Name, err)
	}
	p.cfg.Logger.Error("halted", "object", o.Name, "reason", string(h.Reason), "detail", h.Detail)
	return true, saveHalt(ctx, p.cfg.Ledger, o.Name, Halt{
		Reason: string(h.Reason), Detail: h.Detail, Remedy: h.Remedy, Deletes: round.Deletes, Changes: round.Changes,
	})
}

// review takes up that an object is halted, in this process or before it, and that an operator has let it go on.
func (p *Pipeline) review(ctx context.Context, o *object) error {
	text, err := p.cfg.Ledger.Cursor(ctx, halts, o.Name)
	if err != nil || text == "" {
		return err
	}
	var h Halt
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return fmt.Errorf("read why %s is halted: %w", o.Name, err)
	}
	if !h.Resumed {
		o.halted = true
		return nil
	}
	o.halted, o.allowed = false, h
	return p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: halts, Name: o.Name})
}
