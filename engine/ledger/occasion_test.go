package ledger_test

import (
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

func request(trigger, id string) ledger.Occasion {
	return ledger.Occasion{Trigger: trigger, Connection: "salesforce.crm", EventID: id, Event: "Renewal__e", Object: "deal",
		IDs: [2]string{"L1", "L1?"}, Payload: []byte(`{"x":1}`)}
}

func TestAnEventIsTakenOnce(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		cursor := ledger.Cursor{Connection: "salesforce.crm", Name: "/event/Renewal__e", Position: "1"}
		fired := &ledger.OccasionOutcome{Firings: []ledger.Firing{{Trigger: "shout", Occurrence: "event e1/00", Payload: []byte(`{}`)}}}
		batch := ledger.Heard{Cursor: cursor, Events: []ledger.HeardEvent{
			{Occasion: request("renewal", "e1")}, {Occasion: request("shout", "e1"), Outcome: fired}, {Occasion: request("renewal", "e1")},
		}}
		same(t, "new", must(f.Hear(ctx, batch))(t), 2)
		batch.Cursor.Position = "2"
		same(t, "new the second time", must(f.Hear(ctx, batch))(t), 0)
		same(t, "cursor", must(f.Cursor(ctx, "salesforce.crm", "/event/Renewal__e"))(t), "2")
		same(t, "due", len(must(f.DueFirings(ctx, "", 10, "w", time.Minute))(t)), 1)

		due := must(f.DueOccasions(ctx, 10))(t)
		if len(due) != 1 || due[0].Trigger != "renewal" || due[0].IDs != [2]string{"L1", "L1?"} || string(due[0].Payload) != `{"x":1}` || due[0].State != "waiting" {
			t.Fatalf("due: %+v", due)
		}
		ok(t, f.SettleOccasion(ctx, due[0], ledger.OccasionOutcome{Retry: &ledger.Retry{At: f.clock.Now().Add(time.Minute), Error: "unknown"}}))
		same(t, "put off", len(must(f.DueOccasions(ctx, 10))(t)), 0)
		f.clock.advance(time.Hour)
		due = must(f.DueOccasions(ctx, 10))(t)
		if len(due) != 1 || due[0].Attempts != 1 || due[0].Error != "unknown" {
			t.Fatalf("again: %+v", due)
		}
		// Two who work at once settle it once.
		two := ledger.OccasionOutcome{Firings: []ledger.Firing{{Trigger: "renewal", Occurrence: "event e1/00"}}}
		ok(t, f.SettleOccasion(ctx, due[0], two))
		two.Firings[0].PairID = "another"
		ok(t, f.SettleOccasion(ctx, due[0], two))
		ok(t, f.SettleOccasion(ctx, due[0], ledger.OccasionOutcome{Dead: &ledger.DeadLetter{Message: "no"}}))
		same(t, "firings", len(must(f.FiringsOf(ctx, "renewal", 10))(t)), 1)
		same(t, "dead letters", len(must(f.DeadLetters(ctx, ledger.Filter{}))(t)), 0)
		if err := f.SettleOccasion(ctx, due[0], ledger.OccasionOutcome{Firings: two.Firings, Dead: &ledger.DeadLetter{}}); err == nil {
			t.Error("an event with two outcomes")
		}
	})
}

func TestAnEventThatFailsAndIsRetried(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.pairUp("L1", "R1", "a", "1")
		dead := &ledger.OccasionOutcome{Dead: &ledger.DeadLetter{Message: "no record", RecordID: "L1", Op: record.Create}}
		o := request("renewal", "e1")
		must(f.Hear(ctx, ledger.Heard{Events: []ledger.HeardEvent{{Occasion: o, Outcome: dead}}, Cursor: ledger.Cursor{Connection: "c", Name: "n"}}))(t)
		e := f.explain("L1")
		if len(e.Occasions) != 1 || e.Occasions[0].State != "failed" || e.Occasions[0].Error != "no record" {
			t.Fatalf("explained: %+v", e.Occasions)
		}
		list := must(f.DeadLetters(ctx, ledger.Filter{}))(t)
		if len(list) != 1 || list[0].Object != "deal" || list[0].PairID != "" || list[0].Trigger != "renewal" || string(list[0].Payload) != `{"x":1}` {
			t.Fatalf("dead letters: %+v", list)
		}
		stats := must(f.TriggerStats(ctx))(t)
		if len(stats) != 1 || stats[0].Failed != 1 || stats[0].Alone != 0 || stats[0].Events != 0 {
			t.Errorf("figures: %+v", stats)
		}
		f.clock.advance(time.Hour)
		ok(t, f.RetryDeadLetter(ctx, list[0].ID))
		due := must(f.DueOccasions(ctx, 10))(t)
		if len(due) != 1 || due[0].Attempts != 0 || !due[0].CreatedAt.Equal(f.clock.Now()) {
			t.Fatalf("after a retry: %+v", due)
		}
		if f.quiet() {
			t.Error("quiet with an event to look at")
		}
		ok(t, f.SettleOccasion(ctx, due[0], ledger.OccasionOutcome{}))
		same(t, "passed", len(must(f.OccasionsOf(ctx, "renewal", 10))(t)), 0)
	})
}

func TestGapsAndOldEvents(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		since := f.clock.Now().Add(-100 * time.Hour)
		hear := func(id string, gap *ledger.Gap) int {
			h := ledger.Heard{Cursor: ledger.Cursor{Connection: "c", Name: "n"}, Gap: gap}
			if id != "" {
				h.Events = []ledger.HeardEvent{{Occasion: request("shout", id), Outcome: &ledger.OccasionOutcome{}}}
			}
			return must(f.Hear(ctx, h))(t)
		}
		gap := &ledger.Gap{Connection: "c", Name: "n", Since: since}
		hear("e1", gap)
		f.clock.advance(time.Minute)
		hear("", gap)
		gaps := must(f.Gaps(ctx))(t)
		if len(gaps) != 1 || !gaps[0].Since.Equal(since) || gaps[0].FoundAt.Equal(f.clock.Now()) {
			t.Errorf("gaps: %+v", gaps)
		}
		same(t, "again within the week", hear("e1", nil), 0)
		f.clock.advance(8 * 24 * time.Hour)
		same(t, "another", hear("e2", nil), 1)
		same(t, "forgotten by now", hear("e1", nil), 1)
	})
}
