package salesforceemulator

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"accord/providers/salesforce/internal/eventbus"
)

// listener reads change events of one topic from the first on, and decodes each with its own schema.
type listener struct {
	c       *testClient
	bus     eventbus.PubSubClient
	ctx     context.Context
	stream  eventbus.PubSub_SubscribeClient
	schemas map[string]*avro.Schema
	fields  map[string][]string
	queue   []*eventbus.ConsumerEvent
}

func (c *testClient) listen(topic string) *listener {
	c.t.Helper()
	l := &listener{c: c, schemas: map[string]*avro.Schema{}, fields: map[string][]string{}}
	l.bus, l.ctx = c.bus()
	var err error
	if l.stream, err = l.bus.Subscribe(l.ctx); err != nil {
		c.t.Fatal(err)
	}
	if err := l.stream.Send(&eventbus.FetchRequest{TopicName: topic, ReplayPreset: eventbus.ReplayPreset_EARLIEST, NumRequested: 100}); err != nil {
		c.t.Fatal(err)
	}
	return l
}

// heard is what one event says, in short: "UPDATE 001... [Name LastModifiedDate]".
type heard struct {
	Kind, Schema string
	Records      []string
	Changed      []string
	Body         map[string]any
}

func (l *listener) next() heard {
	t := l.c.t
	t.Helper()
	for len(l.queue) == 0 {
		answer, err := l.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		l.queue = answer.GetEvents()
	}
	event := l.queue[0].GetEvent()
	l.queue = l.queue[1:]
	id := event.GetSchemaId()
	if l.schemas[id] == nil {
		info, err := l.bus.GetSchema(l.ctx, &eventbus.SchemaRequest{SchemaId: id})
		if err != nil {
			t.Fatal(err)
		}
		if l.schemas[id], err = avro.Parse(info.GetSchemaJson()); err != nil {
			t.Fatal(err)
		}
		for _, f := range (answer{t: t, raw: info.GetSchemaJson()}).get("fields").([]any) {
			l.fields[id] = append(l.fields[id], f.(obj)["name"].(string))
		}
	}
	var body map[string]any
	if _, err := l.schemas[id].Decode(event.GetPayload(), &body); err != nil {
		t.Fatal(err)
	}
	head := body["ChangeEventHeader"].(map[string]any)
	out := heard{Kind: head["changeType"].(string), Schema: id, Body: body}
	for _, r := range head["recordIds"].([]any) {
		out.Records = append(out.Records, r.(string))
	}
	for _, bits := range head["changedFields"].([]any) {
		text := bits.(string)
		if !strings.HasPrefix(text, "0x") {
			continue // parts of compound fields
		}
		n, _ := new(big.Int).SetString(text[2:], 16)
		for i, name := range l.fields[id] {
			if n.Bit(i) == 1 {
				out.Changed = append(out.Changed, name)
			}
		}
	}
	slices.Sort(out.Changed)
	return out
}

// What is heard of a merge: the losers are deleted, what hung on them moves, and the master changes; then the losers are there no
// more for anybody who does not ask for deleted records, and cannot be restored.
func TestMergeTellsOfItself(t *testing.T) {
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Account", "Contact", "Opportunity"); err != nil {
		t.Fatal(err)
	}
	l := c.listen("/data/ChangeEvents")
	account := func(name string) string {
		id := c.do("POST", "/sobjects/Account", obj{"Name": name}).id()
		l.next()
		return id
	}
	master, first, second := account("master"), account("first"), account("second")
	contact := c.do("POST", "/sobjects/Contact", obj{"LastName": "x", "AccountId": first}).id()
	deal := c.do("POST", "/sobjects/Opportunity", obj{"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": second}).id()
	l.next()
	l.next()
	admin := "admin@acme.example"
	if err := c.e.Merge(c.user(admin), "Account", master, []string{first, second}, Fields{"Website": "acme.example"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 4 { // deletes of one object in one transaction share an event
		h := l.next()
		got = append(got, fmt.Sprint(h.Kind, h.Records, h.Changed))
	}
	slices.Sort(got)
	want := []string{
		fmt.Sprint("DELETE", []string{first, second}, []string(nil)),
		fmt.Sprint("UPDATE", []string{contact}, []string{"AccountId", "LastModifiedById", "LastModifiedDate"}),
		fmt.Sprint("UPDATE", []string{deal}, []string{"AccountId", "LastModifiedById", "LastModifiedDate"}),
		fmt.Sprint("UPDATE", []string{master}, []string{"LastModifiedById", "LastModifiedDate", "Website"}),
	}
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	c.query("SELECT Id FROM Account").want(200, `"totalSize":1`, master)
	a := c.do("GET", "/queryAll?q=SELECT+Id,MasterRecordId+FROM+Account+WHERE+IsDeleted=true+ORDER+BY+Id", nil).want(200)
	for i, id := range []string{first, second} {
		if a.get("records", i, "Id") != id || a.get("records", i, "MasterRecordId") != master {
			t.Errorf("the losers: %s", a.raw)
		}
		if err := c.e.Undelete("", id); err == nil {
			t.Errorf("the merged record %s was restored", id)
		}
	}
	for _, wrong := range [][]string{{}, {master}, {contact}, {first}, {"001", "x", "y"}} {
		if err := c.e.Merge("", "Account", master, wrong, nil); err == nil {
			t.Errorf("%v were merged", wrong)
		}
	}
	if err := c.e.Merge("", "Opportunity", deal, []string{deal}, nil); err == nil {
		t.Error("opportunities cannot be merged")
	}
}

func (c *testClient) user(name string) string {
	c.t.Helper()
	u, ok := c.e.FindUser(name)
	if !ok {
		c.t.Fatalf("there is no user %s", name)
	}
	return u.ID
}

// A record comes back from the recycle bin whole, with the children that went with it.
func TestUndeleteTellsOfItself(t *testing.T) {
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Account", "Contact"); err != nil {
		t.Fatal(err)
	}
	l := c.listen("/data/ChangeEvents")
	id := c.do("POST", "/sobjects/Account", obj{"Name": "back", "Industry": "Energy"}).id()
	c.do("POST", "/sobjects/Contact", obj{"LastName": "x", "AccountId": id}).id()
	c.do("DELETE", "/sobjects/Account/"+id, nil).want(204)
	if err := c.e.Undelete("", id); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var last heard
	for range 6 {
		h := l.next()
		kinds = append(kinds, h.Kind)
		if h.Kind == "UNDELETE" && h.Records[0] == id {
			last = h
		}
	}
	if d := cmp.Diff([]string{"CREATE", "CREATE", "DELETE", "DELETE", "UNDELETE", "UNDELETE"}, kinds); d != "" {
		t.Error(d)
	}
	if last.Body["Industry"] != "Energy" {
		t.Errorf("the restored record says %v", last.Body)
	}
}

// A new field changes the schema; events of before keep theirs, and both can be asked for.
func TestSchemaEvolves(t *testing.T) {
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	topic := func(bus eventbus.PubSubClient, ctx context.Context) string {
		info, err := bus.GetTopic(ctx, &eventbus.TopicRequest{TopicName: "/data/AccountChangeEvent"})
		if err != nil {
			t.Fatal(err)
		}
		return info.GetSchemaId()
	}
	l := c.listen("/data/AccountChangeEvent")
	old := topic(l.bus, l.ctx)
	c.do("POST", "/sobjects/Account", obj{"Name": "before"}).want(201)
	withKey(t, c)
	id := c.do("POST", "/sobjects/Account", obj{"Name": "after", "Key__c": "k"}).id()
	fresh := topic(l.bus, l.ctx)
	before, after := l.next(), l.next()
	if before.Schema != old || after.Schema != fresh || old == fresh {
		t.Errorf("schemas %s and %s; the events have %s and %s", old, fresh, before.Schema, after.Schema)
	}
	if _, has := before.Body["Key__c"]; has || after.Body["Key__c"] != "k" {
		t.Errorf("bodies: %v, %v", before.Body["Key__c"], after.Body["Key__c"])
	}
	if err := c.e.RemoveField("Account", "Key__c"); err != nil {
		t.Fatal(err)
	}
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Name": "gone"}).want(204)
	if h := l.next(); h.Schema != old || h.Kind != "UPDATE" {
		t.Errorf("once the field is gone the schema is the first again: %s, %s", h.Schema, h.Kind)
	}
}

// Who is not named owns what they make; an automation of somebody else changes values in the same save.
func TestDefaultOwnerAndAutomation(t *testing.T) {
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	c.e.SetAutomations(Automation{Name: "Rate", Object: "Account", Field: "Industry", Set: Fields{"Rating": "Hot"}})
	l := c.listen("/data/AccountChangeEvent")
	id := c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	c.do("GET", "/sobjects/Account/"+id+"?fields=OwnerId", nil).want(200, `"OwnerId":"`+c.userID()+`"`)
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Industry": "Energy"}).want(204)
	c.do("GET", "/sobjects/Account/"+id+"?fields=Rating", nil).want(200, `"Rating":"Hot"`)
	l.next()
	if h := l.next(); !slices.Contains(h.Changed, "Rating") || h.Body["Rating"] != "Hot" {
		t.Errorf("the event of the save tells of %v", h.Changed)
	}
}
