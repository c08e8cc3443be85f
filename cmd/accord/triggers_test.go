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
)

// kickoffTrigger is the example of the contract language: a task for the owner, and a comment on the item.
const kickoffTrigger = `
trigger "kickoff_task" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"

  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject      = "Kick off ${after.name}"
      WhatId       = record.salesforce_id
      OwnerId      = record.salesforce.OwnerId
      ActivityDate = formatdate("YYYY-MM-DD", timeadd(now(), "72h"))
    }
  }
  action "monday_update" {
    body = "Closed won at ${after.amount}: delivery takes over."
  }
}
`

// withTriggers is a stand with triggers in its contract, applied, and the first sync done.
func withTriggers(t *testing.T, least bool, text string) *stand {
	t.Helper()
	s := small(t, least)
	if err := os.WriteFile(filepath.Join(s.dir, "triggers.accord.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.must("plan"); strings.Contains(out, "not carried out") {
		t.Errorf("the plan says that triggers are not carried out:\n%s", out)
	}
	s.must("apply", "--auto-approve")
	if least {
		s.must("apply", "--auto-approve")
	}
	s.must("sync", "--once")
	return s
}

// openDeals are opportunities that are not won and have an owner.
func (s *stand) openDeals(n int) []map[string]any {
	s.t.Helper()
	rows := s.records("SELECT Id, Name, Amount, OwnerId FROM Opportunity WHERE StageName IN ('Prospecting', 'Qualification', 'Negotiation/Review') AND OwnerId != null AND Amount != null AND CloseDate != null AND AccountId != null ORDER BY Id LIMIT 50")
	if len(rows) < n {
		s.t.Fatalf("only %d open opportunities", len(rows))
	}
	return rows[:n]
}

// edit changes a record as the administrator.
func (s *stand) edit(object, id string, fields map[string]any) {
	s.t.Helper()
	admin, ok := s.e.Salesforce.FindUser("Avery Admin")
	if !ok {
		s.t.Fatal("the org has no administrator")
	}
	if err := s.e.Salesforce.Update(admin.ID, object, id, fields); err != nil {
		s.t.Fatal(err)
	}
}

// comments are the texts of all updates on all items of a board, by item id.
func (s *stand) comments(board string) map[string][]string {
	s.t.Helper()
	b, ok := s.e.Monday.Board(board)
	if !ok {
		s.t.Fatalf("no board %s", board)
	}
	items, err := s.e.Monday.Items(b.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string][]string{}
	for _, i := range items {
		if len(i.Updates) > 0 {
			all[fmt.Sprint(i.ID)] = i.Updates
		}
	}
	return all
}

func (s *stand) tasks() []map[string]any {
	s.t.Helper()
	rows, err := s.e.Salesforce.Query("SELECT Id, Subject, WhatId, OwnerId, ActivityDate FROM Task ORDER BY Id")
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func TestTheExampleTriggerFiresOnce(t *testing.T) {
	s := withTriggers(t, true, kickoffTrigger)
	if n := len(s.tasks()) + len(s.comments("Deals")); n != 0 {
		t.Fatalf("the first listing made %d tasks and comments", n)
	}
	stop := s.running()
	deal := s.openDeals(1)[0]
	id := text(deal["Id"])
	s.edit("Opportunity", id, map[string]any{"StageName": "Closed Won"})
	s.eventually("the task and the comment are there", func(context.Context) bool {
		return len(s.tasks()) == 1 && len(s.comments("Deals")) == 1
	})
	s.edit("Opportunity", id, map[string]any{"NextStep": "something else entirely"})
	item := ""
	s.eventually("the opportunity knows its item", func(ctx context.Context) bool {
		var err error
		item, err = s.demo.field(ctx, "Opportunity", id, "Monday_Item_Id__c")
		return err == nil && item != ""
	})
	s.shows("the other edit crosses", "something else entirely", func(ctx context.Context) (string, error) { return s.demo.cell(ctx, item, "next_step") })
	stop()
	s.must("sync", "--once")

	tasks, comments := s.tasks(), s.comments("Deals")
	if len(tasks) != 1 || len(comments) != 1 || len(comments[item]) != 1 {
		t.Fatalf("tasks %v, comments %v", tasks, comments)
	}
	want := map[string]string{"Subject": "Kick off " + text(deal["Name"]), "WhatId": id, "OwnerId": text(deal["OwnerId"])}
	for name, v := range want {
		if got := text(tasks[0][name]); got != v {
			t.Errorf("the task's %s is %q, want %q", name, got, v)
		}
	}
	in := time.Now().UTC().Add(72 * time.Hour)
	if got := text(tasks[0]["ActivityDate"]); got != in.Format(time.DateOnly) && got != in.AddDate(0, 0, -1).Format(time.DateOnly) {
		t.Errorf("the task is due on %q", got)
	}
	if got := comments[item][0]; got != "Closed won at "+amountText(number64(t, deal["Amount"]))+": delivery takes over." {
		t.Errorf("the comment is %q, and the amount %v", got, deal["Amount"])
	}
	if out := s.must("deadletters", "list"); strings.Contains(out, "kickoff") {
		t.Errorf("dead letters: %s", out)
	}
}

func number64(t *testing.T, v any) float64 {
	t.Helper()
	var f float64
	if _, err := fmt.Sscan(fmt.Sprint(v), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryActionAndADeadLetter has each kind of action happen, one of which the org refuses.
func TestEveryActionAndADeadLetter(t *testing.T) {
	s := small(t, false)
	if err := s.e.Salesforce.DefineObject("Deal_Won__e", "Deal won", "Deals won"); err != nil {
		t.Fatal(err)
	}
	if err := s.e.Salesforce.DefineField("Deal_Won__e", "Name__c", `{"type":"Text","label":"Name","length":120}`, true); err != nil {
		t.Fatal(err)
	}
	// Apply makes the group that items are moved to, where its name is always the same.
	text := `
trigger "won" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"
  action "salesforce_create" {
    sobject = "Task"
    fields  = { Subject = "never", ActivityDate = "the day after" }
  }
  action "salesforce_publish" {
    event  = "Deal_Won__e"
    fields = { Name__c = after.name }
  }
  action "monday_create" {
    workspace = "Sales"
    board     = "Clients"
    name      = "Celebrate ${after.name}"
  }
  action "monday_move" {
    group = "Celebrations"
  }
}
trigger "moved_on" {
  on   = object.deal
  when = before.stage == "Closed Won" && after.stage != "Closed Won"
  action "monday_move" {
    group = "Nowhere ${after.stage}"
  }
}
`
	if err := os.WriteFile(filepath.Join(s.dir, "triggers.accord.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("apply", "--auto-approve")
	s.must("sync", "--once")
	id := fmt.Sprint(s.openDeals(1)[0]["Id"])
	name := fmt.Sprint(s.openDeals(1)[0]["Name"])
	s.edit("Opportunity", id, map[string]any{"StageName": "Closed Won"})
	s.must("sync", "--once")
	s.must("sync", "--once")
	made := 0
	for _, i := range s.items("Clients") {
		if i.Name == "Celebrate "+name {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d items were made, want 1", made)
	}
	moved := 0
	if b, ok := s.e.Monday.Board("Deals"); ok {
		items, err := s.e.Monday.Items(b.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i.Group == "Celebrations" {
				moved++
			}
		}
	}
	if moved != 1 {
		t.Errorf("%d items were moved, want 1", moved)
	}
	out := s.must("deadletters", "list")
	if !strings.Contains(out, `trigger "won", salesforce_create`) || strings.Contains(out, "salesforce_publish") || strings.Contains(out, "monday") {
		t.Errorf("dead letters:\n%s", out)
	}
	// The record itself goes on.
	s.edit("Opportunity", id, map[string]any{"StageName": "Prospecting"})
	s.must("sync", "--once")
	if out := s.must("deadletters", "list"); !strings.Contains(out, `trigger "moved_on", monday_move`) {
		t.Errorf("dead letters:\n%s", out)
	}
}

// TestACommentIsPostedOnceThroughKills ends the sync anywhere, again and again, while deals are won.
func TestACommentIsPostedOnceThroughKills(t *testing.T) {
	s := withTriggers(t, false, `
trigger "won" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"
  action "monday_update" {
    body = "Closed won: ${after.name}"
  }
}
`)
	r := rand.New(rand.NewPCG(11, uint64(time.Now().UnixNano())))
	deals := s.openDeals(9)
	kills := 0
	for _, d := range deals {
		s.edit("Opportunity", fmt.Sprint(d["Id"]), map[string]any{"StageName": "Closed Won"})
		cmd := s.command("sync", "--once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(time.Duration(20+r.IntN(600)) * time.Millisecond):
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-ended
			kills++
		}
	}
	s.must("sync", "--once")
	t.Logf("killed %d times", kills)
	posted := map[string]int{}
	for _, list := range s.comments("Deals") {
		for _, c := range list {
			posted[c]++
		}
	}
	for _, d := range deals {
		if n := posted["Closed won: "+fmt.Sprint(d["Name"])]; n == 0 {
			t.Errorf("deal %s was won, and nobody said so", d["Id"])
		}
	}
	total := 0
	for _, n := range posted {
		total += n
	}
	if total != len(deals) {
		t.Errorf("%d comments for %d deals: %v", total, len(deals), posted)
	}
}
