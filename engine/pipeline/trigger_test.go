package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
)

const kickoff = handoff + `
trigger "kickoff" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"
  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject = "Kick off ${after.name}"
      WhatId  = record.salesforce_id
      OwnerId = record.salesforce.OwnerId
      Source  = record.salesforce.LeadSource
    }
  }
  action "monday_update" {
    body = "Won at ${after.amount}, once ${before.stage}"
  }
}
trigger "hello" {
  on   = object.client
  when = created()
  action "salesforce_publish" {
    event  = "Hello__e"
    fields = { Name__c = after.name }
  }
}
`

// triggered is a world with triggers.
func triggered(t *testing.T) *triggerWorld {
	t.Helper()
	w := &triggerWorld{world: newWorld(t)}
	w.sf.Define("Opportunity", "LeadSource", record.Shape{Type: "picklist", Kind: record.Choice, Open: true})
	w.reopen(nil)
	w.apply(kickoff)
	return w
}

type triggerWorld struct{ *world }

// reopen opens the ledger again, as a new process does, with a gate that may end it.
func (w *triggerWorld) reopen(gate func(ledger.Step) error) {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), ledger.Config{URL: "sqlite:" + w.path, Clock: w.now, Logger: hclog.NewNullLogger(), Gate: gate})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	w.ledger, w.config.Ledger = l, l
}

// acts is what happened at both vendors, in words.
func (w *triggerWorld) acts() []string {
	var list []string
	for _, s := range []*providertest.System{w.sf, w.md} {
		for _, a := range s.Acts() {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %v %v", a.Type, a.RecordID, a.Settings, a.Fields)))
		}
	}
	return list
}

func (w *triggerWorld) win(id string) {
	w.sf.Edit("Opportunity", id, record.Fields{"StageName": record.OfChoice("Closed Won")})
}

func TestNothingFiresForWhatWasThereBefore(t *testing.T) {
	w := triggered(t)
	w.seed(2, 9)
	w.sync()
	if got := w.acts(); len(got) != 0 {
		t.Errorf("the first listing fired %q", got)
	}
	// Nor does any other change of a record that is won already.
	for _, r := range w.sf.Records("Opportunity") {
		w.sf.Edit("Opportunity", r.ID, record.Fields{"Amount": mustDecimal(t, "7")})
	}
	w.sync()
	if got := w.acts(); len(got) != 0 {
		t.Errorf("another field fired %q", got)
	}
}

func TestATransitionFiresEachActionOnce(t *testing.T) {
	w := triggered(t)
	w.seed(1, 1) // deal 0 is open, and has no item
	w.sync()
	opp := w.sf.Records("Opportunity")[0]
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"LeadSource": record.OfChoice("Web")})
	w.sync()
	w.win(opp.ID)
	w.sync()
	item := find(w.md, "Deals", opp.ID)
	if item == nil {
		t.Fatal("no item was made")
	}
	want := []string{
		"salesforce_create  map[sobject:Task] map[OwnerId:005A Source:Web Subject:Kick off deal 0 WhatId:" + opp.ID + "]",
		"monday_update " + item.ID + " map[body:Won at 0.5, once Prospecting] map[]",
	}
	if diff := cmp.Diff(want, w.acts()); diff != "" {
		t.Error(diff)
	}
	// A restart, another edit and another listing of everything make nothing happen again.
	w.reopen(nil)
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Name": record.OfText("renamed")})
	w.sync()
	w.apply(strings.Replace(kickoff, "match = [name]", "match = [name]\n  guard { max_deletes = 7 }", 1))
	w.sync()
	if diff := cmp.Diff(want, w.acts()); diff != "" {
		t.Errorf("afterwards: %s", diff)
	}
	// The next time is an occurrence of its own.
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"StageName": record.OfChoice("Qualification")})
	w.sync()
	w.win(opp.ID)
	w.sync()
	if got := w.acts(); len(got) != 4 {
		t.Errorf("won twice, and %d actions: %q", len(got), got)
	}
}

// A contract that is replaced has everything listed anew: what that finds first was made since, and nobody had told.
func TestARecordThatAReplacedContractFindsIsCreated(t *testing.T) {
	w := triggered(t)
	w.seed(1, 0)
	w.sync()
	w.sf.Add("Account", record.Fields{"Name": record.OfText("New Ltd")})
	w.apply(strings.Replace(kickoff, "match = [name]", "match = [name]\n  guard { max_deletes = 7 }", 1))
	w.sync()
	want := []string{"salesforce_publish  map[event:Hello__e] map[Name__c:New Ltd]"}
	if diff := cmp.Diff(want, w.acts()); diff != "" {
		t.Error(diff)
	}
}

// What was removed before another contract came into force is not in its first listing either, and the listing moves the
// watermark past it.
func TestARemovalBeforeAnotherContractCrosses(t *testing.T) {
	w := triggered(t)
	w.seed(4, 0)
	w.sync()
	account := w.sf.Records("Account")[0].ID
	if find(w.md, "Clients", account) == nil {
		t.Fatal("the account has no item")
	}
	w.sf.Slip("Account", account, nil, record.Deleted)
	w.apply(strings.Replace(kickoff, "match = [name]", "match = [name]\n  guard { max_deletes = 7 }", 1))
	w.sync()
	if find(w.md, "Clients", account) != nil {
		t.Error("the account is gone, and its item is still there")
	}
}

func TestARecordMadeWhileTheSyncKnewAllOthersIsCreated(t *testing.T) {
	w := triggered(t)
	w.seed(1, 0)
	w.sync()
	w.sf.Add("Account", record.Fields{"Name": record.OfText("New Ltd")})
	w.deal("born won", w.sf.Records("Account")[0].ID, "Closed Won", "3")
	w.sync()
	w.sync()
	got := strings.Join(w.acts(), "\n")
	for _, want := range []string{"salesforce_publish  map[event:Hello__e] map[Name__c:New Ltd]", "Subject:Kick off born won", "map[body:Won at 3, once ]"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q stands %d times in\n%s", want, strings.Count(got, want), got)
		}
	}
	if len(w.acts()) != 3 {
		t.Errorf("%d actions:\n%s", len(w.acts()), got)
	}
}

func TestATriggerThatIsAddedFiresForNothingThatIsSo(t *testing.T) {
	w := &triggerWorld{world: newWorld(t)}
	w.sf.Define("Opportunity", "LeadSource", record.Shape{Type: "picklist", Kind: record.Choice, Open: true})
	w.seed(1, 6)
	w.sync()
	w.deal("live", w.sf.Records("Account")[0].ID, "Closed Won", "3")
	w.sync()
	w.apply(kickoff)
	w.sync()
	if got := w.acts(); len(got) != 0 {
		t.Errorf("adding the trigger fired %q", got)
	}
}

func TestAFailingActionIsADeadLetterAndHoldsUpNobody(t *testing.T) {
	w := triggered(t)
	w.seed(1, 1)
	w.sync()
	opp := w.sf.Records("Opportunity")[0]
	refused := func(c providertest.Call) providertest.Fault {
		if c.Operation == "act" {
			return providertest.Fault{Before: &provider.Error{Kind: provider.Invalid, Op: "act", Code: "NO", Message: "the field is too long"}}
		}
		return providertest.Fault{}
	}
	w.md.Break(refused)
	w.win(opp.ID)
	w.sync()
	w.sf.Edit("Opportunity", opp.ID, record.Fields{"Name": record.OfText("renamed")})
	w.sync()
	if got := find(w.md, "Deals", opp.ID).Fields["name"].Part(0); got != "renamed" {
		t.Errorf("the record is held: its name is %q", got)
	}
	letters, err := w.ledger.DeadLetters(t.Context(), ledger.Filter{})
	if err != nil || len(letters) != 1 {
		t.Fatalf("dead letters: %+v, %v", letters, err)
	}
	d := letters[0]
	if d.Trigger != "kickoff" || d.Code != "NO" || d.Object != "deal" || d.Side != record.Right || !strings.Contains(string(d.Payload), "Won at 0.5") {
		t.Errorf("dead letter %+v: %s", d, d.Payload)
	}
	w.md.Break(nil)
	if err := w.ledger.RetryDeadLetter(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if got := w.acts(); len(got) != 2 {
		t.Errorf("after the retry: %q", got)
	}
}

func TestALostAnswerIsNotASecondAction(t *testing.T) {
	for _, when := range []string{"before", "after", "surely not"} {
		t.Run(when, func(t *testing.T) {
			w := triggered(t)
			w.seed(1, 1)
			w.sync()
			lost := &provider.Error{Kind: provider.Unknown, Op: "act", Message: "the connection broke", RetryAfter: time.Millisecond}
			w.md.Break(func(c providertest.Call) providertest.Fault {
				switch {
				case c.Operation != "act" || c.Sequence > 2:
					return providertest.Fault{}
				case when == "before":
					return providertest.Fault{Before: lost}
				case when == "after":
					return providertest.Fault{After: lost}
				default:
					return providertest.Fault{Before: &provider.Error{Kind: provider.Locked, Op: "act", RetryAfter: time.Millisecond}}
				}
			})
			w.win(w.sf.Records("Opportunity")[0].ID)
			w.sync()
			acts := w.md.Acts()
			if len(acts) != 1 {
				t.Fatalf("%d updates: %+v", len(acts), acts)
			}
			if told := !acts[0].Sent.IsZero(); told != (when == "before") {
				t.Errorf("the provider was told that it may have been carried out: %v", told)
			}
		})
	}
}

// A vendor that may still be at work on a lost try lets it end before it is asked again: that many looks find nothing
// must not put that end off.
func TestWaitingForALostTryComesToAnEnd(t *testing.T) {
	w := triggered(t)
	w.seed(1, 1)
	w.sync()
	const atWork = 1500 * time.Millisecond // longer than any two looks are apart
	made := false
	w.providers["monday.work"] = patientActor{w.providers["monday.work"].(*providertest.Fake), func(a provider.Action) (provider.ActionResult, error) {
		if a.Sent.IsZero() {
			return provider.ActionResult{}, &provider.Error{Kind: provider.Unknown, Op: "act", RetryAfter: time.Millisecond}
		}
		if time.Since(a.Tried) < atWork {
			return provider.ActionResult{Looked: true}, &provider.Error{Kind: provider.Unknown, Op: "act", RetryAfter: time.Millisecond}
		}
		made = true
		return provider.ActionResult{ID: "made"}, nil
	}}
	w.win(w.sf.Records("Opportunity")[0].ID)
	w.sync()
	if !made {
		t.Error("the lost try is waited for to this day")
	}
	if letters, err := w.ledger.DeadLetters(t.Context(), ledger.Filter{}); err != nil || len(letters) > 0 {
		t.Errorf("dead letters %+v, %v", letters, err)
	}
}

// patientActor carries out actions in its own way.
type patientActor struct {
	*providertest.Fake
	act func(provider.Action) (provider.ActionResult, error)
}

func (p patientActor) Act(_ context.Context, a provider.Action) (provider.ActionResult, error) {
	return p.act(a)
}

// dieAt has a sync end at its nth transaction that changes anything, and says whether it came to its own end before that.
func (w *triggerWorld) dieAt(n int) (survived bool) {
	w.t.Helper()
	died := errors.New("died")
	steps := 0
	w.reopen(func(s ledger.Step) error {
		if s.Read {
			return nil
		}
		if steps++; steps >= n {
			return died
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	err := pipeline.New(w.config).Once(ctx)
	if err != nil && !errors.Is(err, died) {
		w.t.Fatalf("step %d: %v", n, err)
	}
	if err == nil {
		w.t.Logf("%d steps", n-1)
	}
	w.reopen(nil)
	return err == nil
}

// A sync that is stopped while it decides gives back what it has in hand: the next one goes on at once.
func TestASyncThatIsStoppedWhileItDecidesHoldsNothing(t *testing.T) {
	w := triggered(t)
	w.seed(1, 1)
	w.sync()
	opp := w.sf.Records("Opportunity")[0].ID
	w.win(opp)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	claimed := false
	w.reopen(func(s ledger.Step) error {
		if s.Committed && strings.HasPrefix(s.What, "claim pairs of deal") {
			claimed = true
			stop()
		}
		return nil
	})
	if err := pipeline.New(w.config).Once(ctx); !claimed || !errors.Is(err, context.Canceled) {
		t.Fatalf("claimed: %v, and the sync ended with %v", claimed, err)
	}
	w.reopen(nil)
	w.sync() // within its 30 seconds, where the claim has two minutes
	if got := w.acts(); len(got) != 2 {
		t.Errorf("%d actions: %q", len(got), got)
	}
}

// TestACrashAnywhereFiresOnce ends the process at one transaction after the other, before and after its commit.
func TestACrashAnywhereFiresOnce(t *testing.T) {
	survived := false
	for at := 1; !survived; at++ {
		if at > 400 {
			t.Fatal("no run comes to its end")
		}
		w := triggered(t)
		w.seed(1, 1)
		w.sync()
		opp := w.sf.Records("Opportunity")[0].ID
		w.win(opp)
		survived = w.dieAt(at)
		w.sync()
		if got := w.acts(); len(got) != 2 {
			t.Fatalf("died at step %d, and %d actions: %q", at, len(got), got)
		}
		if t.Failed() {
			return
		}
	}
}
