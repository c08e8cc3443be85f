package contract

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loopTrigger is a trigger for base, with one action.
func loopTrigger(name, on, when, action string) string {
	if when != "" {
		when = "  when = " + when + "\n"
	}
	return say("trigger %q {\n  on = %s\n%s  action %s\n}\n", name, on, when, action)
}

func create(sobject, fields string) string {
	return say("\"salesforce_create\" {\n    sobject = %s\n    fields  = { %s }\n  }", sobject, fields)
}

func publish(event, fields string) string {
	return say("\"salesforce_publish\" {\n    event  = %q\n    fields = { %s }\n  }", event, fields)
}

func makeItem(board, name string) string {
	return say("\"monday_create\" {\n    board = %q\n    name  = %s\n  }", board, name)
}

func TestTriggersThatSetEachOtherOff(t *testing.T) {
	for _, c := range []struct {
		name     string
		triggers []string
		says     []string // nil: there is no loop
	}{
		{"a record makes its like", []string{loopTrigger("more", "object.deal", `created()`, create(`"Opportunity"`, `Name = "again"`))},
			[]string{"more → more", `creates a record of Opportunity, which object "deal" takes up`, "the record is new"}},
		{"whatever it is spelled like", []string{loopTrigger("more", "object.deal", `created()`, create(`"opportunity"`, `Name = "again"`))}, []string{"more → more"}},
		{"a fixed value excludes it", []string{loopTrigger("more", "object.deal", `became(stage, "Closed Won")`, create(`"Opportunity"`, `StageName = "Prospecting"`))}, nil},
		{"an open value does not", []string{loopTrigger("more", "object.deal", `became(stage, "Closed Won")`, create(`"Opportunity"`, `StageName = after.stage`))},
			[]string{"after.stage may be anything"}},
		{"nor one that is left out", []string{loopTrigger("more", "object.deal", `before.stage == "Closed Won" && after.stage != "Closed Won"`, create(`"Opportunity"`, `Name = "x"`))},
			[]string{"before.stage may be anything", "after.stage may be anything"}},
		{"an update of a fixed value", []string{loopTrigger("more", "object.deal", `updated() && changed(stage)`, create(`"Opportunity"`, `StageName = "Prospecting"`))}, nil},
		{"a numeral is no text", []string{loopTrigger("more", "object.deal", `after.next_step == 5`, create(`"Opportunity"`, `NextStep = "5"`))}, []string{"more → more"}},
		{"another sObject", []string{loopTrigger("more", "object.deal", `created()`, create(`"Task"`, `Subject = "x"`))}, nil},
		{"an sObject that only the moment tells", []string{loopTrigger("more", "object.deal", `created()`, create(`"${after.name}"`, `Name = "x"`))}, []string{"more → more"}},
		{"round by way of an object and a board", []string{
			loopTrigger("a", "object.client", `created()`, create(`"Opportunity"`, `Name = after.title`)),
			loopTrigger("b", "object.deal", `created() && after.name != null`, makeItem("Clients", "after.name")),
		}, []string{"a → b → a", `1. trigger "a" creates`, `2. trigger "b" makes an item on board "Clients", which object "client" takes up; trigger "a" fires`}},
		{"one way only", []string{
			loopTrigger("a", "object.client", `created()`, create(`"Opportunity"`, `Name = after.title`)),
			loopTrigger("b", "object.deal", `created()`, makeItem("Elsewhere", "after.name")),
		}, nil},
		{"the name of an item excludes it", []string{
			loopTrigger("a", "object.client", `created() && after.title != "made by a trigger"`, makeItem("Clients", `"made by a trigger"`)),
		}, nil},
		{"an event makes itself", []string{loopTrigger("echo", "event.Shout__e", "", publish("Shout__e", `Text__c = event.Text__c`))},
			[]string{"echo → echo", "publishes Shout__e", "no condition"}},
		{"an event with a fixed mark does not", []string{loopTrigger("echo", "event.Shout__e", `event.Source__c != "accord"`, publish("Shout__e", `Source__c = "accord"`))}, nil},
		{"an event by way of a record", []string{
			loopTrigger("a", "event.Shout__e", "event.Loud__c", create(`"Opportunity"`, `Name = event.Text__c`)),
			loopTrigger("b", "object.deal", `changed(name)`, publish("Shout__e", `Text__c = after.name`)),
		}, []string{"a → b → a", "event.Loud__c may be anything"}},
		{"comments and moves make nothing", []string{
			loopTrigger("a", "object.deal", `updated()`, "\"monday_update\" {\n    body = \"x\"\n  }"),
			loopTrigger("b", "object.deal", `updated()`, "\"monday_move\" {\n    group = \"x\"\n  }"),
		}, nil},
		{"two triggers on one way round are told once", []string{
			loopTrigger("a", "object.deal", `created()`, create(`"Account"`, `Name = "x"`)),
			loopTrigger("b", "object.client", `created()`, create(`"Opportunity"`, `Name = "x"`)),
		}, []string{"a → b → a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, diags := Parse(one(base + strings.Join(c.triggers, "")))
			if c.says == nil {
				if len(diags) > 0 {
					t.Errorf("%v: %s", diags, diags[0].Detail)
				}
				return
			}
			if len(diags) != 1 || CodeOf(diags[0]) != codeLoop {
				t.Fatalf("%v", diags)
			}
			for _, want := range c.says {
				if !strings.Contains(diags[0].Summary+"\n"+diags[0].Detail, want) {
					t.Errorf("%q is not in: %s\n%s", want, diags[0].Summary, diags[0].Detail)
				}
			}
		})
	}
}

// mirror is another object on the sObject and board of base's deals, with one field.
func mirror(sobject, board, field string) string {
	return say(`picklist "back" {
  values = { "Prospecting" = "Lost", "Closed Won" = "Open" }
}
object "mirror" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = %q
    external_id = "Mirror_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = %q
    key        = text.mirror_id
  }
  field "f" {
    %s
  }
}
`, sobject, board, field)
}

func TestValuesThatComeBack(t *testing.T) {
	for _, c := range []struct {
		name, text string
		says       []string
	}{
		{"back by another object", mirror("Opportunity", "Deals", "salesforce = StageName\n monday = status.stage\n owner = monday\n picklist = picklist.back"),
			[]string{"object.deal.field.stage → object.mirror.field.f → object.deal.field.stage", `With the value "Prospecting"`, `carries Opportunity.StageName in salesforce to Deals.stage in monday, as "Open"`, `as "Closed Won"`}},
		{"both either", mirror("opportunity", "Deals", "salesforce = NextStep\n monday = text.next_step\n owner = either\n conflict = newest"), []string{"object.deal.field.next_step → object.mirror.field.f"}},
		{"the same way twice", mirror("Opportunity", "Deals", "salesforce = StageName\n monday = status.stage\n owner = salesforce\n picklist = picklist.back"), nil},
		{"another board", mirror("Opportunity", "Other", "salesforce = StageName\n monday = status.stage\n owner = either\n conflict = newest\n picklist = picklist.back"), nil},
		{"into another field", mirror("Opportunity", "Deals", "salesforce = text.Stage_Back__c\n monday = status.stage\n owner = monday\n picklist = picklist.back"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := one(base + c.text)
			if !strings.Contains(c.text, "picklist = picklist.back") {
				src = one(base + c.text[strings.Index(c.text, `object "mirror"`):])
			}
			_, diags := Parse(src)
			if c.says == nil {
				if len(diags) > 0 {
					t.Errorf("%v: %s", diags, diags[0].Detail)
				}
				return
			}
			if len(diags) != 1 || CodeOf(diags[0]) != codeLoop {
				t.Fatalf("%v", diags)
			}
			for _, want := range c.says {
				if !strings.Contains(diags[0].Summary+"\n"+diags[0].Detail, want) {
					t.Errorf("%q is not in: %s\n%s", want, diags[0].Summary, diags[0].Detail)
				}
			}
		})
	}
}

// A way round is printed step by step, with values for which nothing on it stops.
func TestLoopsArePrinted(t *testing.T) {
	src := one(base + mirror("Opportunity", "Deals", "salesforce = StageName\n    monday     = status.stage\n    owner      = monday\n    picklist   = picklist.back") +
		loopTrigger("onboard", "object.client", `created()`, create(`"Opportunity"`, `Name = after.title, StageName = "Prospecting"`)) +
		loopTrigger("account_for", "object.deal", `created() && after.stage == "Prospecting"`, makeItem("Clients", "after.name")))
	_, diags := Parse(src)
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, src, diags, 100, false); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "loops.golden")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
