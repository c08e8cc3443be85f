package pipeline

import (
	"encoding/json"

	"accord/engine/ledger"
)

// Fired is a trigger's action as people see it: without the values that it writes, which may be sensitive.
type Fired struct {
	ledger.Firing
	Type   string // the contract's word: "monday_update"
	Target string // what it makes or moves to: an sObject, an event, a board, a group; "" where it has none, or none is known yet
	On     string // the id of the record that it is on; "" where it is on none
	Event  string // the id of the event that fired it; "" of a change
}

// FiredOf reads what the ledger keeps of an action.
func FiredOf(f ledger.Firing) Fired {
	out := Fired{Firing: f}
	var kept firing
	if json.Unmarshal(f.Payload, &kept) != nil {
		return out
	}
	out.Type, out.Event = kept.Type, kept.Event["EventUuid"].Part(0)
	if a := kept.Action; a != nil {
		out.On = a.RecordID
		for _, name := range []string{"sobject", "event", "board", "group"} {
			if out.Target == "" {
				out.Target = a.Settings[name]
			}
		}
	}
	return out
}
