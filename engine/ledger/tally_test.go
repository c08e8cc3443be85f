package ledger_test

import (
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// tally is the account of deals, which must be balanced.
func (f *fixture) tally() ledger.Tally {
	f.Helper()
	for _, t := range must(f.Tallies(f.Context()))(f) {
		if t.Object == "deal" {
			if !t.Balanced() {
				f.Fatalf("changes are not accounted for: %+v", t)
			}
			return t
		}
	}
	return ledger.Tally{}
}

func TestTally(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		before := f.tally()
		if before.Captured == 0 || before.Open != 0 {
			t.Fatalf("after the first meeting: %+v", before)
		}
		more := func(what string, captured, open int64, ended map[ledger.Ending]int64) {
			t.Helper()
			now := f.tally()
			if got := now.Captured - before.Captured; got != captured || now.Open != open {
				t.Errorf("%s: %d captured, %d open; want %d and %d", what, got, now.Open, captured, open)
			}
			for _, how := range ledger.Endings {
				if got := now.Ended[how] - before.Ended[how]; got != ended[how] {
					t.Errorf("%s: %d %s, want %d", what, got, how, ended[how])
				}
			}
			before = now
		}
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		more("an edit", 1, 1, nil)
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		more("told twice", 0, 1, nil)
		f.capture(event(record.Left, "L1", 3, "a", "3"))
		more("edited again before anything was decided", 1, 1, map[ledger.Ending]int64{ledger.EndSuperseded: 1})
		f.write(record.Right, "a", "3")
		more("decided", 0, 1, nil)
		b := f.dispatch(record.Right)
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Unknown: true, Error: "time-out"})
		more("unanswered", 0, 1, nil)
		f.settle(ledger.Outcome{IntentID: b.Intents[0].ID, Done: true, Version: 30})
		more("confirmed", 0, 0, map[ledger.Ending]int64{ledger.EndSynced: 1})

		echo := event(record.Right, "R1", 30, "a", "3 ")
		echo.Ours = true
		f.capture(echo)
		more("the vendor's spelling of it", 1, 0, map[ledger.Ending]int64{ledger.EndEcho: 1})

		f.capture(event(record.Left, "L1", 40, "a", "4"))
		f.capture(ledger.Observation{Object: "deal", Side: record.Left, Record: record.Record{ID: "L1", Version: 41, State: record.Deleted}})
		more("deleted", 2, 1, map[ledger.Ending]int64{ledger.EndSuperseded: 1})
		f.resolve(decided(f.claimOne()))
		more("kept by the contract", 0, 0, map[ledger.Ending]int64{ledger.EndIgnored: 1})
	})
}

// What ended in a dead letter has the ending of the try that came after it.
func TestARetriedDeadLetterIsNoLongerDead(t *testing.T) {
	type ends = map[ledger.Ending]int64
	dead := &ledger.DeadLetter{Kind: "invalid", Code: "BAD"}
	for _, c := range []struct {
		name string
		do   func(f *fixture, letter int64)
		want ends
		open int64
	}{
		{"left alone", func(*fixture, int64) {}, ends{ledger.EndDead: 1}, 0},
		{"discarded", func(f *fixture, letter int64) { ok(f, f.DiscardDeadLetter(f.Context(), letter)) }, ends{ledger.EndDead: 1}, 0},
		{"retried, and not decided yet", func(f *fixture, letter int64) { ok(f, f.RetryDeadLetter(f.Context(), letter)) }, ends{}, 1},
		{"retried, and written", func(f *fixture, letter int64) {
			ok(f, f.RetryDeadLetter(f.Context(), letter))
			f.write(record.Right, "a", "2")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: 30})
		}, ends{ledger.EndSynced: 1}, 0},
		{"retried, and refused again", func(f *fixture, letter int64) {
			ok(f, f.RetryDeadLetter(f.Context(), letter))
			f.write(record.Right, "a", "2")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Dead: dead})
		}, ends{ledger.EndDead: 1}, 0},
		{"edited before the retry", func(f *fixture, letter int64) {
			f.capture(event(record.Left, "L1", 3, "a", "3"))
			ok(f, f.RetryDeadLetter(f.Context(), letter))
			f.write(record.Right, "a", "3")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: 30})
		}, ends{ledger.EndSuperseded: 1, ledger.EndSynced: 1}, 0},
		{"corrected, and never retried", func(f *fixture, _ int64) {
			f.capture(event(record.Left, "L1", 3, "a", "3"))
			f.write(record.Right, "a", "3")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: 30})
		}, ends{ledger.EndSuperseded: 1, ledger.EndSynced: 1}, 0},
		{"refused with a second edit, which is retried", func(f *fixture, _ int64) {
			f.capture(event(record.Left, "L1", 3, "a", "3"))
			f.write(record.Right, "a", "3")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Dead: dead})
			ok(f, f.RetryDeadLetter(f.Context(), must(f.DeadLetters(f.Context(), ledger.Filter{}))(f)[0].ID))
			f.write(record.Right, "a", "3")
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: 30})
		}, ends{ledger.EndSuperseded: 1, ledger.EndSynced: 1}, 0},
		{"its record goes", func(f *fixture, letter int64) {
			f.capture(ledger.Observation{Object: "deal", Side: record.Left, Record: record.Record{ID: "L1", Version: 41, State: record.Deleted}})
			ok(f, f.RetryDeadLetter(f.Context(), letter))
			f.resolve(decided(f.claimOne()))
		}, ends{ledger.EndIgnored: 2}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines(t, func(t *testing.T, f *fixture) {
				f.pairUp("L1", "R1", "a", "1")
				before := f.tally()
				f.capture(event(record.Left, "L1", 2, "a", "2"))
				f.write(record.Right, "a", "2")
				f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Dead: dead})
				if now := f.tally(); now.Ended[ledger.EndDead] != 1 {
					t.Fatalf("after a refusal: %+v", now)
				}
				c.do(f, must(f.DeadLetters(f.Context(), ledger.Filter{}))(f)[0].ID)
				now := f.tally()
				if now.Open != c.open {
					t.Errorf("%d are open, want %d", now.Open, c.open)
				}
				for _, how := range ledger.Endings {
					if got := now.Ended[how] - before.Ended[how]; got != c.want[how] {
						t.Errorf("%d %s, want %d", got, how, c.want[how])
					}
				}
			})
		})
	}
}

func TestLostEventsAreCounted(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		at := func(ms int64) time.Time { return time.UnixMilli(ms) }
		list := func(version record.Version, value string) {
			t.Helper()
			c := ledger.Capture{Untold: [2]time.Time{at(100), at(200)}}
			c.Observations = []ledger.Observation{read(record.Left, "L1", "R1", version, "a", value)}
			must(f.Capture(f.Context(), c))(f)
		}
		for _, c := range []struct {
			version record.Version
			value   string
			lost    int64
			why     string
		}{
			{90, "2", 0, "before anybody listened"},
			{150, "3", 1, "an event should have told"},
			{150, "3", 1, "told once"},
			{200, "4", 1, "an event may still come"},
		} {
			if list(c.version, c.value); f.tally().Lost != c.lost {
				t.Errorf("version %d: %d lost events, want %d: %s", c.version, f.tally().Lost, c.lost, c.why)
			}
		}
		f.capture(event(record.Left, "L1", 210, "a", "5"))
		if got := f.tally().Lost; got != 1 {
			t.Errorf("an event was counted as lost: %d", got)
		}
	})
}
