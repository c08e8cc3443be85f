package pipeline_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

const renewal = handoff + `
trigger "renewal" {
  on     = event.Renewal_Requested__e
  object = object.deal
  record = event.Deal_Id__c
  when   = event.Amount__c > 100 && after.stage == "Closed Won"
  action "monday_update" {
    body = "Renewal of ${after.name} requested by ${event.CreatedById}: ${event.Reason__c}"
  }
  action "salesforce_create" {
    sobject = "Task"
    fields  = { WhatId = record.salesforce_id, Subject = event.Reason__c, OwnerId = record.salesforce.OwnerId }
  }
  action "monday_move" {
    group = "Renewals"
  }
}
trigger "shout" {
  on   = event.Shout__e
  when = event.Loud__c
  action "salesforce_publish" {
    event  = "Echo__e"
    fields = { Text__c = upper(event.Text__c) }
  }
  action "monday_create" {
    board = "Deals"
    name  = event.Text__c
  }
}
`

// listening is a world whose triggers listen to events, after its first sync.
func listening(t *testing.T) *triggerWorld {
	t.Helper()
	w := &triggerWorld{world: newWorld(t)}
	w.config.Quiet = 20 * time.Millisecond
	w.seed(1, 3)
	w.apply(renewal)
	for _, r := range w.sf.Records("Opportunity") {
		w.win(r.ID)
	}
	w.hear()
	return w
}

// hear syncs until all that was published has been heard, and what follows is done.
func (w *triggerWorld) hear() {
	w.t.Helper()
	for range 200 {
		w.sync()
		all := true
		for _, name := range []string{"Shout__e", "Renewal_Requested__e"} {
			at, err := w.ledger.Cursor(w.t.Context(), "salesforce.crm", name)
			if err != nil {
				w.t.Fatal(err)
			}
			last := w.sf.Published(name)
			n, _ := strconv.Atoi(at) // "" is before all
			m, _ := strconv.Atoi(last)
			all = all && at != "" && n >= m
		}
		if all {
			return
		}
	}
	w.t.Fatal("what was published is not heard")
}

func (w *triggerWorld) request(id, deal, amount string) {
	w.sf.Publish("Renewal_Requested__e", id, "005A", record.Fields{
		"Deal_Id__c": record.OfText(deal), "Amount__c": mustDecimal(w.t, amount), "Reason__c": record.OfText("reason " + id), "CreatedById": record.OfText("005A"),
	})
}

func (w *triggerWorld) shout(id, text string, loud bool) {
	w.sf.Publish("Shout__e", id, "005A", record.Fields{"Text__c": record.OfText(text), "Loud__c": record.OfBool(loud)})
}

func (w *triggerWorld) letters() []ledger.DeadLetter {
	w.t.Helper()
	list, err := w.ledger.DeadLetters(w.t.Context(), ledger.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestAnEventFiresForItsRecordOnce(t *testing.T) {
	w := listening(t)
	deal := w.sf.Records("Opportunity")[0]
	item := find(w.md, "Deals", deal.ID)
	w.request("e1", deal.ID, "250")
	w.request("e2", deal.ID, "99") // too little
	w.request("e1", deal.ID, "250")
	w.hear()
	want := []string{
		"salesforce_create  map[sobject:Task] map[OwnerId:005A Subject:reason e1 WhatId:" + deal.ID + "]",
		"monday_update " + item.ID + " map[body:Renewal of deal 0 requested by 005A: reason e1] map[]",
		"monday_move " + item.ID + " map[group:Renewals] map[]",
	}
	if diff := cmp.Diff(want, w.acts()); diff != "" {
		t.Fatal(diff)
	}
	// Once more after a restart, by its item's id, and with an id spelled another way.
	w.reopen(nil)
	w.request("e1", deal.ID, "250")
	w.request("e3", item.ID, "101")
	w.request("e4", strings.ToUpper(deal.ID), "102")
	w.hear()
	got := strings.Join(w.acts(), "\n")
	for _, text := range []string{"reason e1]", "reason e3]", "reason e4]"} {
		if n := strings.Count(got, "requested by 005A: "+text); n != 1 {
			t.Errorf("%s: %d times in\n%s", text, n, got)
		}
	}
	if len(w.acts()) != 9 || len(w.letters()) != 0 {
		t.Errorf("%d actions, dead letters %+v", len(w.acts()), w.letters())
	}
}

func TestAnEventAboutNoRecord(t *testing.T) {
	w := listening(t)
	w.shout("s1", "hello", true)
	w.shout("s2", "hush", false)
	w.hear()
	want := []string{
		"salesforce_publish  map[event:Echo__e] map[Text__c:HELLO]",
		"monday_create  map[board:Deals name:hello] map[]",
	}
	if diff := cmp.Diff(want, w.acts()); diff != "" {
		t.Error(diff)
	}
	stats, err := w.ledger.TriggerStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(stats) != 1 || stats[0].Trigger != "shout" || stats[0].Done != 2 || stats[0].Ready+stats[0].Failed != 0 {
		t.Errorf("figures %+v", stats)
	}
}

// What was published before anybody listened happened in another world.
func TestEventsFromBeforeFireNothing(t *testing.T) {
	w := &triggerWorld{world: newWorld(t)}
	w.config.Quiet = 20 * time.Millisecond
	w.shout("old", "old", true)
	w.apply(renewal)
	w.hear()
	if got := w.acts(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	w.shout("new", "new", true)
	w.hear()
	if got := w.acts(); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// An event about a record that is not known waits for it, and ends as a dead letter that says so.
func TestAnEventAboutAStranger(t *testing.T) {
	w := listening(t)
	later := time.Duration(0)
	real := w.now
	w.now = func() time.Time { return real().Add(later) }
	w.config.Clock = w.now
	w.reopen(nil)
	w.request("e1", "sfOpportunity000004", "250") // the next id that will be given
	w.request("e2", "sfOpportunity000099", "250")
	w.sf.Publish("Renewal_Requested__e", "e3", "", record.Fields{"Amount__c": mustDecimal(t, "500")})
	w.hear()
	if got := w.acts(); len(got) != 0 {
		t.Fatalf("%q", got)
	}
	if list := w.letters(); len(list) != 1 || !strings.Contains(list[0].Message, "event Renewal_Requested__e e3: it names no record") || list[0].Remedy == "" {
		t.Fatalf("dead letters %+v", list)
	}
	w.deal("late", w.sf.Records("Account")[0].ID, "Closed Won", "5")
	later = time.Minute
	w.hear()
	w.hear()
	if got := w.acts(); len(got) != 3 || !strings.Contains(got[1], "Renewal of late") {
		t.Fatalf("%q", got)
	}
	later = time.Hour
	w.hear()
	list := w.letters()
	if len(list) != 2 || !strings.Contains(list[0].Message, `no record sfOpportunity000099 of object "deal" is known`) || list[0].Trigger != "renewal" || list[0].Object != "deal" {
		t.Fatalf("dead letters %+v", list)
	}
	// A retry looks for it again.
	if err := w.ledger.RetryDeadLetter(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	w.hear()
	if len(w.letters()) != 1 || len(w.acts()) != 3 {
		t.Errorf("after the retry: %+v %q", w.letters(), w.acts())
	}
	stats, err := w.ledger.TriggerStats(t.Context())
	if err != nil || len(stats) != 1 || stats[0].Events != 1 || stats[0].Failed != 1 || stats[0].Done != 3 {
		t.Errorf("figures %+v, %v", stats, err)
	}
}

// A trigger that is taken out and put back again has no use for what was published meanwhile.
func TestEventsForNobody(t *testing.T) {
	w := listening(t)
	w.shout("s1", "first", true)
	w.hear()
	without := renewal[:strings.Index(renewal, `trigger "shout"`)]
	w.apply(without)
	w.sync()
	w.shout("s2", "for nobody", true)
	w.sync()
	w.apply(renewal)
	w.hear()
	w.shout("s3", "third", true)
	w.hear()
	if got := strings.Join(w.acts(), "\n"); len(w.acts()) != 4 || strings.Contains(got, "nobody") || strings.Count(got, "THIRD") != 1 {
		t.Errorf("acts:\n%s", got)
	}
}

func TestAGapInTheEventsShows(t *testing.T) {
	w := listening(t)
	w.shout("s1", "lost", true)
	w.shout("s2", "kept", true)
	w.sf.Unpublish(1)
	w.hear()
	w.hear()
	if got := strings.Join(w.acts(), "\n"); strings.Contains(got, "lost") || strings.Count(got, "KEPT") != 1 {
		t.Errorf("acts:\n%s", got)
	}
	gaps, err := w.ledger.Gaps(t.Context())
	if err != nil || len(gaps) != 2 || gaps[0].Connection != "salesforce.crm" || gaps[0].Since.IsZero() {
		t.Errorf("gaps %+v, %v", gaps, err)
	}
}

// TestACrashAnywhereHearsOnce ends the process at one transaction after the other while events come in.
func TestACrashAnywhereHearsOnce(t *testing.T) {
	survived := false
	for at := 1; !survived; at++ {
		if at > 400 {
			t.Fatal("no run comes to its end")
		}
		w := listening(t)
		deal := w.sf.Records("Opportunity")[1].ID
		w.request("e1", deal, "250")
		w.shout("s1", "hello", true)
		w.request("e1", deal, "250")
		survived = w.dieAt(at)
		w.hear()
		if got := w.acts(); len(got) != 5 {
			t.Fatalf("died at step %d, and %d actions: %q", at, len(got), got)
		}
	}
}

// TestEveryActionOnceThroughLostAnswers has each kind of action fail in each way, once, and end done once.
func TestEveryActionOnceThroughLostAnswers(t *testing.T) {
	for _, kind := range []string{"salesforce_create", "salesforce_publish", "monday_create", "monday_update", "monday_move"} {
		for _, when := range []string{"before", "after", "refused for now", "refused for good"} {
			t.Run(kind+" "+when, func(t *testing.T) {
				w := &triggerWorld{world: newWorld(t)}
				settings := map[string]string{
					"salesforce_create": `sobject = "Task", fields = { Subject = after.name }`, "salesforce_publish": `event = "Won__e"`,
					"monday_create": `board = "Parties", name = after.name`, "monday_update": `body = "won"`, "monday_move": `group = "Won"`,
				}[kind]
				w.seed(1, 1)
				w.apply(handoff + fmt.Sprintf("trigger \"won\" {\n on = object.deal\n when = became(stage, \"Closed Won\")\n action %q {\n%s\n}\n}\n",
					kind, strings.ReplaceAll(settings, ", ", "\n")))
				w.sync()
				lost := &provider.Error{Kind: provider.Unknown, Op: "act", Message: "the connection broke", RetryAfter: time.Millisecond}
				for _, s := range []*providertest.System{w.sf, w.md} {
					s.Break(func(c providertest.Call) providertest.Fault {
						switch {
						case c.Operation != "act" || c.Sequence > 1 && when != "refused for good":
							return providertest.Fault{}
						case when == "refused for good":
							return providertest.Fault{Before: &provider.Error{Kind: provider.Invalid, Op: "act", Code: "NO", Message: "it is not allowed"}}
						case when == "before":
							return providertest.Fault{Before: lost}
						case when == "after":
							return providertest.Fault{After: lost}
						default:
							return providertest.Fault{Before: &provider.Error{Kind: provider.Locked, Op: "act", RetryAfter: time.Millisecond}}
						}
					})
				}
				deal := w.sf.Records("Opportunity")[0].ID
				w.win(deal)
				w.sync()
				if when == "refused for good" {
					w.mended(kind, deal)
				}
				if got := w.acts(); len(got) != 1 || len(w.letters()) != 0 {
					t.Errorf("acts %q, dead letters %+v", got, w.letters())
				}
			})
		}
	}
}

// mended sees that a refused action is a dead letter that holds its record up in nothing, and has it carried out after all.
func (w *triggerWorld) mended(kind, deal string) {
	w.t.Helper()
	list := w.letters()
	if len(list) != 1 || list[0].Code != "NO" || !strings.Contains(list[0].Message, kind) {
		w.t.Fatalf("dead letters %+v", list)
	}
	w.sf.Edit("Opportunity", deal, record.Fields{"Name": record.OfText("renamed")})
	w.sync()
	if got := find(w.md, "Deals", deal).Fields["name"].Part(0); got != "renamed" {
		w.t.Errorf("the record is held: its name is %q", got)
	}
	w.sf.Break(nil)
	w.md.Break(nil)
	if err := w.ledger.RetryDeadLetter(w.t.Context(), list[0].ID); err != nil {
		w.t.Fatal(err)
	}
	w.sync()
}
