package ledger

import (
	"strings"

	"accord/engine/record"
)

// origin is whose change an observation shows, and what told of it. Where we were the last to change the record, nobody
// tells who did so before.
func (o *Observation) origin() record.Origin {
	if o.Record.Ours {
		return record.Origin{Event: o.Event}
	}
	return record.Origin{Actor: o.Record.Actor, Event: o.Event}
}

// hear notes what told of a change. Of several that were told before the record is read, nothing tells which field is
// whose.
func (r *seenRow) hear(o *Observation) {
	now := o.origin()
	switch {
	case now.Event == "" && r.dirty || now == r.heard:
		return
	case now.Event == "":
		now = record.Origin{} // what changed since was told by nothing
	case r.dirty && r.heard.Event != "" && !strings.Contains(r.heard.Event, now.Event):
		if now.Actor != r.heard.Actor {
			now.Actor = ""
		}
		now.Event = shortened(r.heard.Event + " and " + now.Event)
	case r.dirty && r.heard.Event != "":
		return
	}
	r.heard, r.changed = now, true
}

// shortened keeps what a vendor calls its events from filling the ledger.
func shortened(event string) string {
	const most = 200
	if r := []rune(event); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return event
}
