package salesforce

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/providers/salesforce/salesforceemulator"
)

func (o *org) act(t *testing.T, a provider.Action) provider.ActionResult {
	t.Helper()
	r, err := o.p.Act(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func kindOfAct(o *org, t *testing.T, a provider.Action) *provider.Error {
	t.Helper()
	_, err := o.p.Act(t.Context(), a)
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v", err)
	}
	return e
}

func task(what string) provider.Action {
	return provider.Action{
		Type: "salesforce_create", Key: "0d1e8a34-0000-8000-8000-000000000001", Settings: map[string]string{"sobject": "Task"},
		Fields: map[string]string{"Subject": "Kick off O'Neill \\ Söhne", "WhatId": what, "ActivityDate": "2026-12-01", "Description": "a\nb", "Priority": "  "},
	}
}

func TestATaskIsCreatedOnce(t *testing.T) {
	o := newOrg(t)
	account, err := o.Insert("", "Account", salesforceemulator.Fields{"Name": "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	a := task(account)
	first := o.act(t, a)
	got, ok := o.Record("Task", first.ID)
	if !ok || got["Subject"] != a.Fields["Subject"] || fmt.Sprint(got["WhatId"]) != account || fmt.Sprint(got["ActivityDate"]) != "2026-12-01" {
		t.Errorf("task %+v", got)
	}
	a.Sent, a.Tried = time.Now(), time.Now()
	if again := o.act(t, a); again.ID != first.ID || !again.Found {
		t.Errorf("looked up, it is %+v", again)
	}
	other := a
	other.Fields = map[string]string{"Subject": "Something else", "WhatId": account}
	if e := kindOfAct(o, t, other); e.Kind != provider.Unknown || e.RetryAfter <= time.Minute {
		t.Errorf("right after a try that may still be at work: %v, retry after %v", e, e.RetryAfter)
	}
	other.Sent, other.Tried = time.Now().Add(-time.Hour), time.Now().Add(-3*time.Minute)
	if r := o.act(t, other); r.Found || r.ID == first.ID {
		t.Errorf("once the org can no longer be at work on it: %+v", r)
	}
	// What somebody else made, or what was there before, is not it.
	before := a
	before.Sent, before.Tried = time.Now().Add(time.Minute), time.Now().Add(-time.Hour)
	if r := o.act(t, before); r.ID == first.ID {
		t.Errorf("a task from before was taken for it: %+v", r)
	}
	if n := o.Count("Task"); n != 3 {
		t.Errorf("%d tasks, want 3", n)
	}
}

func TestALostAnswerOfACreateIsLookedUp(t *testing.T) {
	for _, kind := range []salesforceemulator.FaultKind{salesforceemulator.FaultDropAfter, salesforceemulator.FaultDropBefore} {
		o := newOrg(t)
		account, err := o.Insert("", "Account", salesforceemulator.Fields{"Name": "Acme"})
		if err != nil {
			t.Fatal(err)
		}
		a := task(account)
		o.act(t, provider.Action{Type: a.Type, Settings: a.Settings, Fields: map[string]string{"Subject": "warm up"}})
		if err := o.Inject(salesforceemulator.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		if e := kindOfAct(o, t, a); e.Kind != provider.Unknown {
			t.Fatalf("%s: %v", kind, e)
		}
		a.Sent, a.Tried = sent, sent.Add(-3*time.Minute) // as if it were long ago
		r := o.act(t, a)
		if r.Found != (kind == salesforceemulator.FaultDropAfter) {
			t.Errorf("%s: %+v", kind, r)
		}
		if n := o.Count("Task"); n != 2 {
			t.Errorf("%s: %d tasks, want 2", kind, n)
		}
	}
}

func TestAnOccurrenceFieldTellsExactly(t *testing.T) {
	o := newOrg(t)
	if err := o.DefineObject("Handoff__c", "Handoff", "Handoffs"); err != nil {
		t.Fatal(err)
	}
	for name, meta := range map[string]string{
		OccurrenceField: `{"type":"Text","label":"Occurrence","length":36}`,
		"Notes__c":      `{"type":"LongTextArea","label":"Notes","length":32000,"visibleLines":3}`,
		"Share__c":      `{"type":"Percent","label":"Share","precision":18,"scale":2}`,
		"Done__c":       `{"type":"Checkbox","label":"Done","defaultValue":"false"}`,
	} {
		if err := o.DefineField("Handoff__c", name, meta, true); err != nil {
			t.Fatal(err)
		}
	}
	a := provider.Action{Type: "salesforce_create", Key: "key-1", Settings: map[string]string{"sobject": "Handoff__c"},
		Fields: map[string]string{"Notes__c": "long", "Share__c": "12.50", "Done__c": "true"}}
	first := o.act(t, a)
	got, _ := o.Record("Handoff__c", first.ID)
	if got[OccurrenceField] != "key-1" || fmt.Sprint(got["Done__c"]) != "true" {
		t.Errorf("record %+v", got)
	}
	a.Sent, a.Tried = time.Now(), time.Now().Add(-time.Hour)
	if again := o.act(t, a); again.ID != first.ID {
		t.Errorf("looked up, it is %+v", again)
	}
	a.Key = "key-2" // another occurrence with the same values
	if r := o.act(t, a); r.Found {
		t.Errorf("another occurrence was taken for it: %+v", r)
	}
}

func TestAPlatformEventIsPublished(t *testing.T) {
	o := newOrg(t)
	if err := o.DefineObject("Won__e", "Won", "Wons"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Name__c", OccurrenceField} {
		if err := o.DefineField("Won__e", name, `{"type":"Text","label":"X","length":80}`, true); err != nil {
			t.Fatal(err)
		}
	}
	a := provider.Action{Type: "salesforce_publish", Key: "k", Settings: map[string]string{"event": "Won__e"}, Fields: map[string]string{"Name__c": "Acme"}}
	r := o.act(t, a)
	if len(r.ID) != 36 {
		t.Errorf("result %+v, want the event's UUID", r)
	}
}

func TestActionsThatCannotBe(t *testing.T) {
	o := newOrg(t)
	create := func(object string, fields map[string]string) provider.Action {
		return provider.Action{Type: "salesforce_create", Settings: map[string]string{"sobject": object}, Fields: fields}
	}
	for name, a := range map[string]provider.Action{
		"unknown":        {Type: "salesforce_dance"},
		"no object":      create("Nothing__c", nil),
		"not a name":     create("Task/../User", nil),
		"an event":       create("Won__e", nil),
		"no event":       {Type: "salesforce_publish", Settings: map[string]string{"event": "Task"}},
		"no field":       create("Task", map[string]string{"Nope": "1"}),
		"no date":        create("Task", map[string]string{"ActivityDate": "soon"}),
		"read-only":      create("Task", map[string]string{"CreatedDate": "2026-01-01"}),
		"needs a name":   create("Account", nil),
		"bad reference":  create("Task", map[string]string{"WhatId": "nothing"}),
		"no valid UTF-8": create("Task", map[string]string{"Subject": "\xff"}),
	} {
		if e := kindOfAct(o, t, a); e.Kind != provider.Invalid && e.Kind != provider.Denied && e.Kind != provider.Stale {
			t.Errorf("%s: %v (%v)", name, e, e.Kind)
		}
	}
	if n := o.Count("Task"); n != 0 {
		t.Errorf("%d tasks were made all the same", n)
	}
}
