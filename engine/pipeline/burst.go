package pipeline

import (
	"context"
	"encoding/json"
	"fmt"

	"accord/engine/ledger"
)

// bursts holds, for each object that is being worked on, what its guard has counted so far: another worker that goes on
// with the object goes on counting.
const bursts = "accord/bursts"

// burst is what a guard has counted since the object was last quiet, and what somebody approved of it.
type burst struct {
	Deletes int   `json:"deletes,omitempty"`
	Changes int   `json:"changes,omitempty"`
	Allowed *Halt `json:"allowed,omitempty"`
}

// burstStep is how many changes may go uncounted by the next worker: noting every single edit would cost more than the
// edit.
const burstStep = 25

// worthNoting says whether what is counted has moved away enough from what is noted.
func (b burst) worthNoting(noted burst) bool {
	return b.Deletes != noted.Deletes || b.Changes < noted.Changes || b.Changes >= noted.Changes+burstStep ||
		(b.Allowed == nil) != (noted.Allowed == nil) || b.Allowed != nil && *b.Allowed != *noted.Allowed
}

// saveBurst notes what an object's guard has counted.
func (p *Pipeline) saveBurst(ctx context.Context, o *object) error {
	now := burst{Deletes: o.round.Deletes, Changes: o.round.Changes}
	if o.allowed != (Halt{}) {
		now.Allowed = &o.allowed
	}
	if !now.worthNoting(o.noted) {
		return nil
	}
	position := ""
	if now != (burst{}) {
		text, err := json.Marshal(now)
		if err != nil {
			return fmt.Errorf("note what the guard of %s has counted: %w", o.Name, err)
		}
		position = string(text)
	}
	if err := o.ledger.SetCursor(ctx, ledger.Cursor{Connection: bursts, Name: o.Name, Position: position}); err != nil {
		return fmt.Errorf("note what the guard of %s has counted: %w", o.Name, err)
	}
	if now.Allowed != nil {
		allowed := *now.Allowed
		now.Allowed = &allowed
	}
	o.noted = now
	return nil
}

// restoreBurst goes on counting where the last worker that noted it stood.
func (p *Pipeline) restoreBurst(ctx context.Context, o *object) error {
	text, err := o.ledger.Cursor(ctx, bursts, o.Name)
	if err != nil {
		return fmt.Errorf("read what the guard of %s has counted: %w", o.Name, err)
	}
	var b burst
	if text != "" {
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return fmt.Errorf("read what the guard of %s has counted: %w", o.Name, err)
		}
	}
	o.noted, o.allowed = b, Halt{}
	o.round.Deletes, o.round.Changes = b.Deletes, b.Changes
	if b.Allowed != nil {
		o.allowed = *b.Allowed
	}
	return nil
}
