package ledger_test

import (
	"testing"

	"accord/engine/ledger"
	"accord/engine/record"
)

// Of each value it is known whose edit it was, and what told of it.
func TestOrigins(t *testing.T) {
	told := func(o ledger.Observation, actor, event string) ledger.Observation {
		o.Record.Actor, o.Event = actor, event
		return o
	}
	hint := func(version record.Version, actor, name string) ledger.Observation {
		return told(ledger.Observation{Object: "deal", Side: record.Left, Partial: true, Record: record.Record{ID: "L1", Version: version}}, actor, name)
	}
	// reread is the read that a hint asks for.
	reread := func(f *fixture, version record.Version, value string) {
		o := read(record.Left, "L1", "R1", version, "a", value, "b", "x")
		o.DirtyGen = f.dirty(record.Left)[0].Gen
		f.capture(o)
	}
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		origin := func(field string) record.Origin { return f.explain("L1").Seen[record.Left].OriginOf(field) }
		want := func(what string, want record.Origin) {
			t.Helper()
			if got := origin("a"); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		f.capture(told(event(record.Left, "L1", 20, "a", "2"), "ann", "event 1"))
		want("told by an event", record.Origin{Actor: "ann", Event: "event 1"})
		f.capture(told(event(record.Left, "L1", 30, "b", "x"), "ben", "event 2"))
		want("another field changed", record.Origin{Actor: "ann", Event: "event 1"})
		f.capture(told(read(record.Left, "L1", "R1", 30, "a", "2", "b", "x"), "ben", "a sweep"))
		want("listed again", record.Origin{Actor: "ann", Event: "event 1"})

		f.capture(hint(40, "cem", "event 3"))
		reread(f, 40, "4")
		want("read after a hint", record.Origin{Actor: "cem", Event: "event 3"})
		f.capture(hint(50, "cem", "event 4"), hint(51, "dee", "event 5"))
		reread(f, 51, "5")
		want("read after hints of two people", record.Origin{Event: "event 4 and event 5"})

		f.capture(event(record.Right, "R1", 60, "c", "9"))
		f.write(record.Left, "a", "6")
		f.settle(ledger.Outcome{IntentID: f.dispatch(record.Left).Intents[0].ID, Done: true, Version: 70})
		want("our own write", record.Origin{Ours: true})
		f.capture(told(event(record.Left, "L1", 70, "a", "6"), "us", "event 6"))
		want("our own write, told of", record.Origin{Ours: true})
		f.capture(told(event(record.Left, "L1", 80, "a", "7"), "ann", "event 7"))
		want("edited after our write", record.Origin{Actor: "ann", Event: "event 7"})
	})
}
