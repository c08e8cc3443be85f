package simulation

import (
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// refusals are what a vendor may say about a table that our user is not let near any more.
var refusals = []provider.Kind{
	provider.Denied, provider.Hidden, provider.NotFound, provider.Invalid, provider.Unauthorized, provider.Exhausted, provider.Transient,
}

// refusal is a table that is refused for a while.
type refusal struct {
	kind  provider.Kind
	until time.Time
}

// refuses is what a vendor says to every call about a table for some minutes; nil = nothing.
func (w *world) refuses(side record.Side, op, table string) error {
	if w.quiet.Load() || table == "" || !w.met(Refused) {
		return nil
	}
	at := place(side, table, "")
	w.mu.Lock()
	now, known := w.refused[at]
	w.mu.Unlock()
	if !known || !time.Now().Before(now.until) {
		if !w.hit(Refused, 0.15) {
			return nil
		}
		now = refusal{refusals[w.stream("refusal").IntN(len(refusals))], time.Now().Add(w.between("refusal", 20*time.Second, 4*time.Minute))}
		w.mu.Lock()
		w.refused[at] = now
		w.mu.Unlock()
	}
	w.trace.add("%s %s %s is refused: %s", side, op, table, now.kind)
	return &provider.Error{Kind: now.kind, Op: op, Code: "REFUSED", Message: "our user is not let near it"}
}
