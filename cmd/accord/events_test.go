package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/examples"
	"accord/providers/salesforce/salesforceemulator"
)

// shoutTrigger listens to an event about no record.
const shoutTrigger = `
trigger "shout" {
  on   = event.Shout__e
  when = event.Loud__c

  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject      = "Answer ${event.Text__c}"
      ActivityDate = event.Due__c
    }
  }
}
`

// defineEvents makes the platform events of shoutTrigger and of the example.
func (s *stand) defineEvents() {
	s.t.Helper()
	for event, fields := range map[string]map[string]string{
		"Renewal_Requested__e": {
			"Opportunity_Id__c": `{"type":"Text","label":"Opportunity","length":18}`, "Reason__c": `{"type":"Text","label":"Reason","length":120}`,
			"Amount__c": `{"type":"Number","label":"Amount","precision":16,"scale":2}`,
		},
		"Shout__e": {
			"Text__c": `{"type":"Text","label":"Text","length":120}`, "Loud__c": `{"type":"Checkbox","label":"Loud","defaultValue":false}`,
			"Due__c": `{"type":"Date","label":"Due"}`,
		},
	} {
		if err := s.e.Salesforce.DefineObject(event, event, event); err != nil {
			s.t.Fatal(err)
		}
		for name, meta := range fields {
			if err := s.e.Salesforce.DefineField(event, name, meta, true); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// publish publishes a platform event as the administrator.
func (s *stand) publish(event string, fields map[string]any) {
	s.t.Helper()
	admin, ok := s.e.Salesforce.FindUser("Avery Admin")
	if !ok {
		s.t.Fatal("the org has no administrator")
	}
	if _, err := s.e.Salesforce.Insert(admin.ID, event, fields); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) subjects() []string {
	var list []string
	for _, t := range s.tasks() {
		list = append(list, text(t["Subject"]))
	}
	return list
}

// TestPlatformEventsFireTriggers publishes events while a sync runs and while none does. The sync is one of a user who
// holds nothing but what apply grants.
func TestPlatformEventsFireTriggers(t *testing.T) {
	s := small(t, true)
	s.defineEvents()
	example, err := examples.FS.ReadFile("triggers/triggers.accord.hcl")
	if err != nil {
		t.Fatal(err)
	}
	triggers := string(example) + shoutTrigger
	contract := filepath.Join(s.dir, "events.accord.hcl")
	if err := os.WriteFile(contract, []byte(strings.ReplaceAll(triggers, "event.Text__c", "event.Txt__c")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := s.accord("plan"); !strings.Contains(out, "Blocked") || !strings.Contains(out, "Txt__c") {
		t.Errorf("a plan with a field that the event has not:\n%s", out)
	}
	if err := os.WriteFile(contract, []byte(triggers), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("apply", "--auto-approve")
	s.must("apply", "--auto-approve")
	s.must("sync", "--once")

	deal := s.openDeals(1)[0]
	id := text(deal["Id"])
	s.edit("Opportunity", id, map[string]any{"StageName": "Closed Won"})
	s.must("sync", "--once")
	// While nobody listens; an event may spell an id with 15 characters.
	s.publish("Renewal_Requested__e", map[string]any{"Opportunity_Id__c": id[:15], "Amount__c": 250.5, "Reason__c": "first"})
	s.publish("Renewal_Requested__e", map[string]any{"Opportunity_Id__c": id, "Amount__c": 99, "Reason__c": "too little"})
	s.publish("Shout__e", map[string]any{"Text__c": "hush", "Loud__c": false})
	stop := s.running()
	s.eventually("the first event has fired", func(context.Context) bool {
		return strings.Contains(strings.Join(s.subjects(), "\n"), "first")
	})
	if err := s.e.Salesforce.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultDuplicate, Object: "Shout__e", Count: 1}); err != nil {
		t.Fatal(err)
	}
	s.publish("Shout__e", map[string]any{"Text__c": "hello", "Loud__c": true, "Due__c": "2026-12-24"})
	s.publish("Renewal_Requested__e", map[string]any{"Opportunity_Id__c": id, "Amount__c": 101, "Reason__c": "second"})
	s.eventually("the others have fired", func(context.Context) bool { return len(s.tasks()) == 4 })
	stop()
	if left := s.e.Salesforce.Faults(); len(left) > 0 {
		t.Errorf("the event was not delivered twice: %+v", left)
	}
	// The org has forgotten where one of the streams was: what it still keeps comes again, and fires nothing again.
	if err := s.e.Salesforce.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultStaleReplay, Count: 1}); err != nil {
		t.Fatal(err)
	}
	s.must("sync", "--once")

	var comments []string
	for _, list := range s.comments("Deals") {
		comments = append(comments, list...)
	}
	all := strings.Join(append(comments, s.subjects()...), "\n")
	for _, want := range []string{
		"Renewal of " + text(deal["Name"]) + " requested: first", "Renewal of " + text(deal["Name"]) + " requested: second", "Answer hello",
		"Kick off " + text(deal["Name"]), "Closed won at ",
	} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%q stands %d times in\n%s", want, strings.Count(all, want), all)
		}
	}
	if len(comments) != 3 || len(s.tasks()) != 4 || strings.Contains(all, "too") || strings.Contains(all, "hush") {
		t.Errorf("all that was made:\n%s", all)
	}
	for _, task := range s.tasks() {
		if text(task["Subject"]) == "Answer hello" && text(task["ActivityDate"]) != "2026-12-24" {
			t.Errorf("the task is due on %v", task["ActivityDate"])
		}
	}
	if out := s.must("deadletters", "list"); strings.Contains(out, "renewal") || strings.Contains(out, "shout") {
		t.Errorf("dead letters:\n%s", out)
	}
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"status"}, []string{"renewal     4", "kickoff_task     2", "1 gap in the events"}},
		{[]string{"explain", "renewal"}, []string{"on event Renewal_Requested__e", "4 done, 0 to do", "monday_update on ", "salesforce_create Task", "done: 00T"}},
		{[]string{"explain", id}, []string{"fired", "kickoff_task", "renewal", "salesforce_create Task"}},
	} {
		out := s.must(c.args...)
		for _, want := range c.wants {
			if !strings.Contains(out, want) {
				t.Errorf("accord %s does not say %q:\n%s", strings.Join(c.args, " "), want, out)
			}
		}
	}
}

// TestEventsAreHeardOnceThroughKills ends the sync anywhere, again and again, while events are published.
func TestEventsAreHeardOnceThroughKills(t *testing.T) {
	s := small(t, false)
	s.defineEvents()
	text := `
trigger "shout" {
  on = event.Shout__e
  action "monday_create" {
    workspace = "Sales"
    board     = "Clients"
    name      = "Shouted: ${event.Text__c}"
  }
}
trigger "renewal" {
  on     = event.Renewal_Requested__e
  object = object.deal
  record = event.Opportunity_Id__c
  action "monday_update" {
    body = "Renewal: ${event.Reason__c}"
  }
}
`
	if err := os.WriteFile(filepath.Join(s.dir, "events.accord.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("apply", "--auto-approve")
	deal := fmt.Sprint(s.openDeals(1)[0]["Id"])
	s.edit("Opportunity", deal, map[string]any{"StageName": "Closed Won"})
	s.must("sync", "--once")
	r := rand.New(rand.NewPCG(12, uint64(time.Now().UnixNano())))
	const rounds = 7
	kills := 0
	for i := range rounds {
		s.publish("Shout__e", map[string]any{"Text__c": fmt.Sprint(i)})
		s.publish("Renewal_Requested__e", map[string]any{"Opportunity_Id__c": deal, "Reason__c": fmt.Sprint(i)})
		cmd := s.command("sync", "--once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(time.Duration(100+r.IntN(2600)) * time.Millisecond):
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-ended
			kills++
		}
	}
	stop := s.running()
	s.eventually("all events have fired", func(context.Context) bool {
		made := 0
		for _, i := range s.items("Clients") {
			if strings.HasPrefix(i.Name, "Shouted: ") {
				made++
			}
		}
		comments := 0
		for _, list := range s.comments("Deals") {
			comments += len(list)
		}
		return made >= rounds && comments >= rounds
	})
	stop()
	s.must("sync", "--once")
	t.Logf("killed %d times", kills)
	times := map[string]int{}
	for _, i := range s.items("Clients") {
		if strings.HasPrefix(i.Name, "Shouted: ") {
			times[i.Name]++
		}
	}
	for _, list := range s.comments("Deals") {
		for _, c := range list {
			times[c]++
		}
	}
	for i := range rounds {
		for _, name := range []string{fmt.Sprintf("Shouted: %d", i), fmt.Sprintf("Renewal: %d", i)} {
			if times[name] != 1 {
				t.Errorf("%q is there %d times", name, times[name])
			}
		}
	}
	if len(times) != 2*rounds {
		t.Errorf("all that was made: %v", times)
	}
}
