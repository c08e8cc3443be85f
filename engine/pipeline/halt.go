package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"accord/engine/ledger"
	"accord/engine/policy"
)

// halts holds, for each object that its guard has stopped, why; resuming turns it into an approval.
const halts = "accord/halts"

// looked holds what somebody looked at and wants let be, by object and reason: a side that is empty, a canary that is
// gone. It stands until what it was about is as it should be again.
const looked = "accord/looked"

// Halt is why an object's guard stopped it. It is kept in the ledger until somebody resumes the object.
type Halt struct {
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy"`
	Deletes int    `json:"deletes"` // that the round would have made
	Changes int    `json:"changes"`
	// Mark names what was looked at once the object is resumed, where that outlives the round: "side_empty/left".
	Mark string `json:"mark,omitempty"`
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
	if h.Mark != "" {
		if err := l.SetCursor(ctx, ledger.Cursor{Connection: looked, Name: object + "/" + h.Mark, Position: h.Detail}); err != nil {
			return fmt.Errorf("resume %s: %w", object, err)
		}
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

// halt stops an object until somebody resumes it. The loop takes it up with its next turn.
func (p *Pipeline) halt(ctx context.Context, o *object, h Halt) error {
	p.cfg.Logger.Error("halted", "object", o.Name, "reason", h.Reason, "detail", h.Detail, "remedy", h.Remedy)
	return saveHalt(ctx, p.cfg.Ledger, o.Name, h)
}

// review takes up that an object is halted, in this process or another, and that an operator has let it go on. The
// latter's approval is for the worker that holds the object.
func (p *Pipeline) review(ctx context.Context, o *object) error {
	text, err := o.ledger.Cursor(ctx, halts, o.Name)
	if err != nil {
		return err
	}
	if text == "" {
		o.halted = o.halted && o.group.hold != nil
		return nil
	}
	var h Halt
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return fmt.Errorf("read why %s is halted: %w", o.Name, err)
	}
	if !h.Resumed {
		o.halted = true
		return nil
	}
	o.halted = false
	if o.group.hold == nil {
		return nil
	}
	o.allowed = h
	if err := p.saveBurst(ctx, o); err != nil {
		return err
	}
	return o.ledger.SetCursor(ctx, ledger.Cursor{Connection: halts, Name: o.Name})
}

// isHalted says whether an object is halted, for those who work beside the loop.
func (p *Pipeline) isHalted(ctx context.Context, o *object) (bool, error) {
	halted, err := Halts(ctx, p.cfg.Ledger)
	_, is := halted[o.Name]
	return is, err
}

// excused is what somebody looked at and wants let be; "" = nothing.
func (p *Pipeline) excused(ctx context.Context, o *object, mark string) (string, error) {
	text, err := p.cfg.Ledger.Cursor(ctx, looked, o.Name+"/"+mark)
	if err != nil {
		return "", fmt.Errorf("read what was looked at of %s: %w", o.Name, err)
	}
	return text, nil
}

// unexcuse forgets what somebody looked at, now that it is as it should be.
func (p *Pipeline) unexcuse(ctx context.Context, o *object, mark string) error {
	text, err := p.excused(ctx, o, mark)
	if err != nil || text == "" {
		return err
	}
	return p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: looked, Name: o.Name + "/" + mark})
}

// haltOf is what is stored of a guard's verdict.
func haltOf(h *policy.Halt, round policy.Round) Halt {
	out := Halt{Reason: string(h.Reason), Detail: h.Detail, Remedy: h.Remedy, Deletes: round.Deletes, Changes: round.Changes}
	if h.Reason == policy.SideEmpty {
		out.Mark = strings.Join([]string{string(h.Reason), h.Side.String()}, "/")
	}
	return out
}
