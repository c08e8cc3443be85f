package simulation

import (
	"context"
	"strconv"
	"strings"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// wonActions are what the trigger of a won deal does, and how each says at its vendor which deal it is about.
var wonActions = []string{"salesforce_create", "monday_update"}

// acted counts what triggers did, as the vendors' own records show it: by action and the record that it names.
func (w *world) acted() map[[2]string]int {
	n := map[[2]string]int{}
	for _, side := range record.Sides {
		for _, a := range w.systems[side].Acts() {
			about := a.Fields["WhatId"]
			switch a.Type {
			case "monday_update":
				about = strings.TrimPrefix(a.Settings["body"], "Won: ")
			case "monday_create":
				about = strings.TrimPrefix(a.Settings["name"], "Checklist of ")
			}
			n[[2]string{a.Type, about}]++
		}
	}
	return n
}

// triggers: each action happens once for each time that a deal was won, or a request made, and never for what was so
// before. Transitions that follow on each other quickly may be seen as one, but not as none.
func (w *world) triggers(ctx context.Context, c *court, l *ledger.Ledger) {
	acted := w.acted()
	for _, deal := range w.systems[record.Left].Records("Opportunity") {
		most, fresh := w.timesWon(deal.ID), w.madeAfter(ctx, l, "deal", deal.ID)
		for _, action := range wonActions {
			n := acted[[2]string{action, deal.ID}]
			if n > most {
				w.complain("triggers once", "%s was carried out %d times for %s, which was won %d times", action, n, deal.ID, most)
			}
			if n == 0 && fresh && deal.State == record.Live && deal.Fields["StageName"].Part(0) == "Closed Won" && !w.unfired(c, deal.ID, action) {
				w.complain("triggers once", "%s was never carried out for %s, which was made after everything was listed, and is won", action, deal.ID)
			}
		}
	}
	for _, request := range w.systems[record.Right].Records("Requests") {
		n := acted[[2]string{"monday_create", request.ID}]
		if n > 1 {
			w.complain("triggers once", "monday_create was carried out %d times for %s", n, request.ID)
		}
		pair := c.pairs[place(record.Right, "Requests", request.ID)]
		if n == 0 && request.State == record.Live && w.madeAfter(ctx, l, "request", request.ID) && !c.stuck("asked", pair) && !c.excused("request", pair, "") {
			w.complain("triggers once", "monday_create was never carried out for %s, which was made after everything was listed", request.ID)
		}
	}
}

// unfired says whether something explains that an action was not carried out: it is a dead letter, or it needs an item
// that is not there.
func (w *world) unfired(c *court, deal, action string) bool {
	pair := c.pairs[place(record.Left, "Opportunity", deal)]
	if c.stuck("won", pair) {
		return true
	}
	if action != "monday_update" {
		return false
	}
	for _, x := range c.couples["deal"] {
		if x.left.ID == deal && x.right.State == record.Live {
			return false
		}
	}
	return true
}

// stuck says whether an action of a trigger is a dead letter.
func (c *court) stuck(trigger, pair string) bool {
	for _, d := range c.dead {
		if d.Trigger == trigger && d.PairID == pair {
			return true
		}
	}
	return false
}

// timesWon is how often users made a deal a won one.
func (w *world) timesWon(id string) int {
	n, won := 0, false
	for _, h := range w.history {
		if stage, ok := h.fields["StageName"]; ok && h.user && h.id == id {
			now := stage.Part(0) == "Closed Won"
			if now && !won && (h.op != record.Create || h.at.After(w.trace.start)) {
				n++
			}
			won = now
		}
	}
	return n
}

// madeAfter says whether a user made a record, live, after all of its object was listed for the first time.
func (w *world) madeAfter(ctx context.Context, l *ledger.Ledger, object, id string) bool {
	text, err := l.Cursor(ctx, "accord/listed", object)
	if err != nil {
		w.complain("triggers once", "the ledger can't be read: %v", err)
		return false
	}
	at, _, _ := strings.Cut(text, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return false // not listed yet
	}
	for _, h := range w.history {
		if h.user && h.id == id && h.op == record.Create {
			return h.at.After(time.UnixMilli(ms))
		}
	}
	return false
}

// winOnce wins a deal in the quiet, where nothing else happens, and expects each action once more, and no other.
func (w *world) winOnce(ctx context.Context, p *process, l *ledger.Ledger) error {
	c, err := w.look(ctx, l)
	if err != nil {
		return err
	}
	for _, x := range c.couples["deal"] {
		if x.left.State != record.Live || x.right.State != record.Live || x.left.Key != x.right.ID || x.right.Key != x.left.ID || c.excused("deal", x.pair, "stage") {
			continue
		}
		for _, stage := range []string{"Prospecting", "Closed Won"} {
			before := w.acted()
			w.edit(record.Left, "Opportunity", x.left.ID, record.Fields{"StageName": record.OfChoice(stage)})
			if !w.once(ctx, p, l) {
				return nil
			}
			after := w.acted()
			for _, key := range sortedPairs(before, after) {
				want := 0
				if stage == "Closed Won" && key[1] == x.left.ID {
					want = 1
				}
				if got := after[key] - before[key]; got != want {
					w.complain("triggers once", "%s was set to %s, and %s was carried out %d times for %s", x.left.ID, stage, key[0], got, key[1])
				}
			}
		}
		return nil
	}
	return nil
}
