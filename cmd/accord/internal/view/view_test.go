package view_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/cmd/accord/internal/view"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/plan"
	"accord/engine/record"
	"accord/engine/resource"
)

var (
	plain  = view.Style{Systems: [2]string{"Salesforce", "monday"}}
	moment = time.Date(2026, 3, 9, 14, 5, 6, 0, time.UTC)
)

const digest = "4f1d2c3b4a5968778695a4b3c2d1e0f04f1d2c3b4a5968778695a4b3c2d1e0f0"

// golden compares with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (UPDATE_GOLDEN=1 rewrites it):\n%s", path, diff)
	}
}

func change(action resource.Action, connection, kind, at string, attributes map[string]any, differences ...resource.Difference) resource.Change {
	return resource.Change{Action: action, Differences: differences, Want: resource.Resource{
		Address: connection + "/" + at, Connection: connection, Kind: kind, Managed: true, Attributes: attributes,
	}}
}

// everything is a plan with every section but what blocks it.
func everything() *plan.Plan {
	const md, sf = "monday.work", "salesforce.crm"
	var labels []any
	for range 40 {
		labels = append(labels, "label")
	}
	return &plan.Plan{
		Digest: digest,
		Rules: []plan.RuleChange{
			{Action: resource.Create, Address: "object.deal.field.amount", Source: "deals.accord.hcl:41"},
			{Action: resource.Update, Address: "object.deal.field.stage", Source: "deals.accord.hcl:31",
				Changes: []resource.Difference{{Path: "conflict", Before: "hold", After: "newest"}, {Path: "settle", Before: nil, After: "5s"}}},
			{Action: resource.Forget, Address: "object.lead", Source: ""},
		},
		Owners: []plan.OwnerChange{{Address: "object.deal.field.stage", Before: "salesforce", After: "either", Source: "deals.accord.hcl:34"}},
		Structure: []resource.Change{
			change(resource.Create, md, "board", "board/Deals", map[string]any{"kind": "public", "description": ""}),
			change(resource.Create, md, "column", "board/Deals/column/stage", map[string]any{"type": "status", "labels": labels}),
			change(resource.Update, sf, "custom_field", "sobject/Opportunity/field/Progress__c", nil, resource.Difference{Path: "precision", Before: 3.0, After: 5.0}),
			change(resource.Adopt, sf, "custom_field", "sobject/Opportunity/field/Next_Step__c", nil),
			change(resource.NoOp, sf, "custom_field", "sobject/Account/field/Never_Shown__c", nil),
		},
		Forget: []resource.Change{change(resource.Forget, md, "column", "board/Deals/column/old", nil)},
		Data: []plan.Forecast{
			{Object: "client", Basis: plan.BasisLedger, Pending: 1},
			{Object: "deal", Basis: plan.BasisExact, Read: [2]int{18432, 12}, Total: [2]int{18432, 12}, Pairs: 12, Matched: 11,
				Creates: [2]int{0, 18420}, Updates: [2]int{3, 9}, Links: [2]int{18432, 0}, Removals: [2]int{0, 1},
				Fields: map[string][2]int{"stage": {1, 9}, "amount": {2, 0}}, Calls: [2]int{93, 740}, Ambiguous: 2,
				Held:    map[string]int{"stage: unlisted": 1, "manager: no such person": 1204},
				Samples: []plan.Sample{{Action: "create", Side: record.Right, ID: "006A1", Name: "Acme renewal", Detail: "stage Won"}}},
			{Object: "silent", Basis: plan.BasisNone, Creates: [2]int{0, 0}},
		},
		Warnings: []string{"people are matched by e-mail address, and 3 users have none"},
	}
}

func TestPlan(t *testing.T) {
	sampled := &plan.Plan{Digest: digest, Data: []plan.Forecast{{
		Object: "deal", Basis: plan.BasisSampled, Read: [2]int{2000, 500}, Total: [2]int{1234567, 500}, Creates: [2]int{0, 1230000}, Calls: [2]int{6200, 24700},
	}}}
	blocked := everything()
	blocked.Blocked = []plan.Block{
		{Address: "salesforce.crm/sobject/Opportunity/field/Amount", Reason: `field "Amount" does not exist at salesforce.crm`,
			Remedy: "create it there, or correct the name", Source: "deals.accord.hcl:42"},
		{Address: "object.deal.field.client", Reason: "text can't hold a reference", Remedy: "use a board_relation column"},
	}
	alone := &plan.Plan{Digest: digest, Blocked: blocked.Blocked[1:]}
	for _, c := range []struct {
		name  string
		plan  *plan.Plan
		style view.Style
	}{
		{"plan.golden", everything(), plain},
		{"plan-empty.golden", &plan.Plan{Digest: digest, Data: []plan.Forecast{{Object: "deal", Basis: plan.BasisLedger}}}, plain},
		{"plan-blocked.golden", blocked, plain},
		{"plan-blocked-only.golden", alone, plain},
		{"plan-sampled.golden", sampled, plain},
		{"plan-color.golden", blocked, view.Style{Color: true, Systems: plain.Systems}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := view.Plan(&b, c.plan, c.style); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, b.String())
		})
	}
}

func TestStatus(t *testing.T) {
	counted := view.StatusOf([]ledger.ObjectStats{{Object: "client", Pairs: 3}, {Object: "deal", Pairs: 9}}, nil)
	counted.Changes = []ledger.Tally{
		{Object: "client", Captured: 1210, Open: 3, Ended: map[ledger.Ending]int64{ledger.EndSynced: 1200, ledger.EndSuperseded: 7}},
		{Object: "deal", Captured: 9, Open: 2, Stranded: 2, Ended: map[ledger.Ending]int64{ledger.EndSynced: 6}},
		{Object: "quiet"},
	}
	counted.Changes[0].Lost = 2
	counted.Compared = []ledger.Verification{
		{Object: "client", Started: moment, Finished: moment, Records: [2]int{1210, 1204}, Found: 1, Calls: 5},
		{Object: "deal", Started: moment, Finished: moment, Records: [2]int{9, 9}, Divergent: 2, Samples: []string{"006A: stage", "006A: amount"}, Calls: 1},
		{Object: "project", Started: moment},
	}
	for _, c := range []struct {
		name  string
		state view.State
	}{
		{"status-quiet.golden", view.StatusOf([]ledger.ObjectStats{{Object: "deal", Pairs: 3}}, nil)},
		{"status-none.golden", view.StatusOf(nil, nil)},
		{"status-changes.golden", counted},
		{"status-workers.golden", view.State{At: moment, Workers: []pipeline.Worker{
			{Name: "sync@one/12/ab12cd", Lanes: []string{"monday.work/4001", "salesforce.crm/Account", "sweep"}, Until: moment.Add(20 * time.Second)},
			{Name: "sync@three/9/zz", Lanes: []string{}, Until: moment.Add(9 * time.Second)},
			{Name: "sync@two/7/98fe\x1b[2J", Lanes: []string{"watch/salesforce.crm"}, Until: moment.Add(-90 * time.Second)},
		}}},
		{"status-stuck.golden", view.StatusOf(
			[]ledger.ObjectStats{
				{Object: "client", Pairs: 1204, Half: [2]int{3, 0}, Conflicts: 1},
				{Object: "deal", Pairs: 18432, Half: [2]int{0, 12}, Pending: 1999, Intents: [2]int{50, 25}, Conflicts: 4, DeadLetters: 1},
			},
			map[string]pipeline.Halt{
				"deal":   {Detail: "a round would change 300 records of 18,432", Remedy: "look at what changed them"},
				"client": {Detail: "a round would delete 90 records", Remedy: "look whether they were meant to be deleted"},
			})},
		{"status-stalled.golden", view.State{
			Objects: []ledger.ObjectStats{{Object: "deal", Pairs: 3}},
			Stalled: map[string]pipeline.Stall{
				"client": {Detail: "the credentials are refused", Remedy: "renew them", Since: moment, Again: moment.Add(time.Minute), Tries: 1},
				"deal":   {Detail: "board 42 is not shown", Remedy: "bring it back", Since: moment, Again: moment.Add(5 * time.Minute), Tries: 1999},
				"task":   {Detail: "the credentials are refused", Remedy: "renew them", Since: moment, Again: moment.Add(time.Minute), Tries: 1},
			},
			Streams: map[string]pipeline.Stall{
				"salesforce.crm": {Detail: "no such topic", Remedy: "run apply", Since: moment, Again: moment.Add(time.Minute), Tries: 2},
			},
		}},
		{"status-triggers.golden", view.State{
			Objects: []ledger.ObjectStats{{Object: "deal", Pairs: 3}},
			Triggers: []ledger.TriggerStats{
				{Trigger: "kickoff", Done: 1999, Failed: 1}, {Trigger: "shout", Ready: 2, Failed: 1, Alone: 1}, {Trigger: "renewal", Waiting: 1, Events: 2},
			},
			Gaps: []ledger.Gap{{Connection: "salesforce.crm", Name: "/event/Renewal__e", Since: moment, FoundAt: moment.Add(80 * time.Hour)}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := view.Status(&b, c.state, plain); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, b.String())
		})
	}
}

func firings(text string) []ledger.Firing {
	payload := []byte(`{"type":"monday_update","action":{"record_id":"901","settings":{"body":"secret"}},"event":{"EventUuid":{"k":"text","v":["e-1"]}}}`)
	return []ledger.Firing{
		{Trigger: text, PairID: "01p", Payload: payload, State: "done", Result: "77", CreatedAt: moment.Add(time.Hour)},
		{Trigger: "kickoff", PairID: "01p", Payload: []byte(`{"type":"salesforce_create","action":{"settings":{"sobject":"Task"}}}`), State: "failed", Error: text, CreatedAt: moment},
		{Trigger: "kickoff", PairID: "01p", Payload: []byte(`{"type":"monday_move"}`), State: "waiting", CreatedAt: moment},
		{Trigger: "kickoff", PairID: "01p", Payload: []byte(`{"type":"monday_create","action":{"settings":{"board":"Parties"}}}`), State: "ready", Attempts: 2, Error: "busy", CreatedAt: moment},
		{Trigger: "kickoff", PairID: "01p", Payload: []byte(`null`), State: "ready", Tried: moment, CreatedAt: moment},
	}
}

func TestExplainTrigger(t *testing.T) {
	var b strings.Builder
	err := view.ExplainTrigger(&b, view.Trigger{
		Name: "renewal", Stats: ledger.TriggerStats{Done: 1, Ready: 2, Waiting: 1, Failed: 1}, Firings: firings("renewal"),
		Contract: &contract.Trigger{
			Name: "renewal", Event: "Renewal__e", Connection: &contract.Connection{System: "salesforce", Name: "crm"}, Object: &contract.Object{Name: "deal"},
			When: &contract.Condition{Text: "event.Amount__c > 100"}, Actions: []contract.Action{{Type: "monday_update"}, {Type: "salesforce_create"}},
		},
		Occasions: []ledger.Occasion{{Trigger: "renewal", EventID: "e-2", Event: "Renewal__e", State: "waiting", Error: "no record 006 of object \"deal\" is known", CreatedAt: moment}},
	}, plain)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "secret") {
		t.Error("what an action writes may be sensitive, and is shown")
	}
	golden(t, "explain-trigger.golden", b.String())
}

func letters(text string) []ledger.DeadLetter {
	return []ledger.DeadLetter{
		{ID: 7, Object: "deal", Side: record.Right, Op: record.Create, Payload: []byte(`{"name":"Acme"}`), Kind: "invalid", Code: "ColumnValueException",
			Message: text, RequestID: "r-1", Remedy: "correct the value, then retry", Fields: []string{"stage", "amount"}, CreatedAt: moment, State: ledger.StateOpen},
		{ID: 12, Object: "client", Side: record.Left, Op: record.Update, RecordID: "001A", Kind: "denied", Code: "INSUFFICIENT_ACCESS",
			Message: "no", CreatedAt: moment.Add(time.Hour), State: ledger.StateRetried},
	}
}

func conflicts(text string) []ledger.Conflict {
	return []ledger.Conflict{
		{ID: 3, Object: "deal", Field: "next_step", Reason: "both_changed", Left: record.OfText("call"), Right: record.OfText(text), Base: record.OfText("mail"),
			Detail: "both sides edited it", Remedy: "accord conflicts resolve 3 --side ...", CreatedAt: moment, State: ledger.StateOpen},
		{ID: 11, Object: "client", Reason: "ambiguous_match", Detail: "2 items carry this name", CreatedAt: moment, State: ledger.StateInfo},
	}
}

func TestDeadLetters(t *testing.T) {
	var b strings.Builder
	list := letters("This status label doesn't exist, possible statuses are: {0: Open, 1: Won, 2: Lost, 3: On hold, 4: Later}")
	for _, err := range []error{view.DeadLetters(&b, nil, plain), view.DeadLetters(&b, list, plain), view.DeadLetter(&b, list[0], plain)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "deadletters.golden", b.String())
}

func TestConflicts(t *testing.T) {
	var b strings.Builder
	list := conflicts("write")
	for _, err := range []error{view.Conflicts(&b, nil, plain), view.Conflicts(&b, list, plain), view.Conflict(&b, list[0], plain)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "conflicts.golden", b.String())
}

func TestMeterTellsALineEveryTenSecondsWhereThereIsNoTerminal(t *testing.T) {
	var b strings.Builder
	now := moment
	m := view.NewMeter(&b, plain, func() time.Time { return now })
	for i := range 25 {
		now = now.Add(time.Second)
		m.Progress(pipeline.Progress{Object: "deal", Phase: "deliver", Captured: 1000 * i, Resolved: 900 * i, Delivered: 50 * i})
	}
	m.Done()
	golden(t, "meter.golden", b.String())
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := view.Number(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	var bare, painted strings.Builder
	if err := view.Plan(&bare, everything(), plain); err != nil {
		t.Fatal(err)
	}
	if err := view.Plan(&painted, everything(), view.Style{Color: true, Systems: plain.Systems}); err != nil {
		t.Fatal(err)
	}
	stripped := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(painted.String(), "")
	if diff := cmp.Diff(bare.String(), stripped); diff != "" {
		t.Errorf("without its colours it reads (-plain +stripped):\n%s", diff)
	}
}

// A plan that was never sealed has no digest to cut.
func TestAPlanWithoutADigestIsShown(t *testing.T) {
	for _, digest := range []string{"", "abc"} {
		var b strings.Builder
		p := &plan.Plan{Digest: digest, Rules: []plan.RuleChange{{Address: "object.deal"}}}
		if err := view.Plan(&b, p, plain); err != nil || !strings.Contains(b.String(), p.ShortDigest()) {
			t.Errorf("%q: %v, %s", digest, err, b.String())
		}
	}
}
