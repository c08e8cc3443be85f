package simulation

import (
	"strings"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// rested: a field that is to come to rest before it is carried had rested when it was carried.
func (w *world) rested() {
	for i, h := range w.history {
		if h.user || h.op != record.Update {
			continue
		}
		for _, name := range keys(h.fields) {
			f := ruleOf(h.side, h.table, name)
			if f == nil || f.settle == 0 {
				continue
			}
			other := h.side.Other()
			for _, e := range w.history[:i] {
				if !e.user || e.op != record.Update || e.side != other || !w.alike(e.fields[f.native[other]], h.fields[name]) {
					continue
				}
				// A vendor whose clock is behind ours says that its edits are older than they are.
				if least := f.settle - w.behind(other); h.at.Sub(e.at) < least {
					w.complain("settle", "%q of %s was carried %s after it was typed, and it must rest for %s", h.fields[name], e.id, h.at.Sub(e.at), least)
				}
			}
		}
	}
}

// behind is how far a vendor's versions may be behind the time.
func (w *world) behind(side record.Side) time.Duration {
	late := max(0, -w.skew[side])
	if w.met(Coarse) {
		late += time.Second
	}
	return late
}

// rounds is how often accord may set a value that is changed back each time, before it must stop.
const rounds = 4

// fights: what somebody's automation changes back is not written for ever, and whoever looks is told who fights.
func (w *world) fights(c *court) {
	dead := w.struck[Frozen] // what a process was about to record when it died, or stood still for too long, is not counted
	for _, n := range w.crashes {
		dead += n
	}
	written := map[[3]string][]time.Time{}
	late := map[[3]string]int{} // writes that came when they were given up: both sides agree for a moment, and a fight is over
	for _, h := range w.history {
		if h.user || h.op != record.Update {
			continue
		}
		for _, name := range keys(h.fields) {
			key := [3]string{place(h.side, h.table, h.id), name, w.spelling(h.fields[name])}
			if !h.confirmed || h.late {
				late[key]++
				continue
			}
			written[key] = append(written[key], h.at)
			n := 0
			for _, at := range written[key] {
				if h.at.Sub(at) < time.Hour {
					n++
				}
			}
			if n > rounds*(1+late[key])+dead {
				w.complain("fights end", "%s of %s was set to %s %d times within an hour", name, h.id, h.fields[name], n)
			}
		}
	}
	for _, x := range c.conflicts {
		if x.Reason == ledger.ReasonFight && (!strings.Contains(x.Detail, "accord") || !strings.Contains(x.Detail, " user ")) {
			w.complain("fights end", "a fight over %s is shown, and not who fights: %s", x.Field, x.Detail)
		}
	}
}
