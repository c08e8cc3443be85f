package salesforce

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// onChannel lets the provider use a channel of its own.
func (o *org) onChannel(name string) { o.p.config.Channel = name }

func watchedClient() provider.ObjectSpec {
	s := clientSpec()
	s.Watched = true
	return s
}

// Apply makes the channel with the keys that its events show, finds it again, and mends what is missing of it.
func TestAChannelOfOurOwn(t *testing.T) {
	o := newOrg(t)
	o.onChannel("accord_crm")
	_, done := o.apply(t, dealSpec(), watchedClient())
	for _, want := range []string{
		"create channel/accord_crm__chn", "create channel/accord_crm__chn/channel_member/OpportunityChangeEvent",
		"create channel/accord_crm__chn/channel_member/AccountChangeEvent",
	} {
		if !slices.Contains(done, want) {
			t.Errorf("not done: %s; done: %q", want, done)
		}
	}
	if slices.ContainsFunc(done, func(s string) bool { return strings.Contains(s, defaultChannel) }) {
		t.Errorf("the default channel is used too: %q", done)
	}
	if _, again := o.apply(t, dealSpec(), watchedClient()); len(again) > 0 {
		t.Errorf("a second apply does %q", again)
	}
	// Somebody takes the key out, and another adds a selection of his own.
	want, err := o.p.Expand([]provider.ObjectSpec{dealSpec(), watchedClient()})
	if err != nil {
		t.Fatal(err)
	}
	at := conn + "/channel/accord_crm__chn/channel_member/AccountChangeEvent"
	id := o.describe(t, want)[at].ID
	if err := o.p.client.do(t.Context(), request{op: "test", doing: "test", method: "PATCH", path: "/tooling/sobjects/PlatformEventChannelMember/" + id, write: true,
		body: object{{"Metadata", object{{"eventChannel", "accord_crm__chn"}, {"selectedEntity", "AccountChangeEvent"},
			{"enrichedFields", []object{{{"name", "Industry"}}}}, {"filterExpression", "Industry != null"}}}}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := o.p.createTooling(t.Context(), "PlatformEventChannelMember", "test", object{{"FullName", "x"},
		{"Metadata", object{{"eventChannel", "accord_crm__chn"}, {"selectedEntity", "ContactChangeEvent"}}}}); err != nil {
		t.Fatal(err)
	}
	have := o.describe(t, want)
	i := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Address == at })
	if d := resource.Differ(want[i], have[at]); len(d) != 1 || d[0].Path != "enriched" {
		t.Errorf("a key that is not shown any more is no drift: %+v", d)
	}
	resources, done := o.apply(t, dealSpec(), watchedClient())
	if !cmp.Equal(done, []string{"update channel/accord_crm__chn/channel_member/AccountChangeEvent"}) {
		t.Errorf("done: %q", done)
	}
	m, err := o.p.memberMetadata(t.Context(), id, "test")
	if err != nil || !cmp.Equal(m.enriched(), []string{"Industry", "Monday_Item_Id__c"}) || m["filterExpression"] != "Industry != null" {
		t.Errorf("the member is %v, %v; want what others told it, and the key", m, err)
	}
	w := adviseEvents(provider.Binding{Spec: dealSpec(), Resources: resources}, "Opportunity")
	if len(w) != 1 || !strings.Contains(w[0], "also delivers ContactChangeEvent") {
		t.Errorf("warnings = %q", w)
	}
}

// More selections than the org may have are told before they are tried, and those of others are counted.
func TestSelectionsBeyondTheAllowance(t *testing.T) {
	o := newOrg(t)
	if err := o.SelectForChangeEvents("Contact", "Lead", "Case", "Task", "Account"); err != nil {
		t.Fatal(err)
	}
	want, err := o.p.Expand([]provider.ObjectSpec{dealSpec(), watchedClient()})
	if err != nil {
		t.Fatal(err)
	}
	var have []resource.Resource
	for _, r := range o.describe(t, want) {
		have = append(have, r)
	}
	for _, object := range []string{"Opportunity", "Account"} {
		w := adviseEvents(provider.Binding{Spec: dealSpec(), Resources: have}, object)
		if len(w) != 1 || !strings.Contains(w[0], "would select 6 sObjects for change events, 4 of them for others") {
			t.Errorf("%s: warnings = %q", object, w)
		}
	}
	i := slices.IndexFunc(want, func(r resource.Resource) bool { return strings.HasSuffix(r.Address, "OpportunityChangeEvent") })
	_, err = o.p.Apply(t.Context(), resource.Change{Action: resource.Create, Want: want[i]}, nil)
	if e := asPort(t, err); !strings.Contains(e.Message, "5 sObjects are selected already") {
		t.Errorf("error = %v", e)
	}
}

// Changes of all sObjects come through one stream, each with its key although it did not change, and an event of several
// records is behind us only when all of its parts are.
func TestWatchAChannel(t *testing.T) {
	o := newOrg(t)
	o.onChannel("accord")
	deals, clients := dealSpec(), watchedClient()
	resources, _ := o.apply(t, deals, clients)
	bound := []provider.Binding{{Spec: deals, Resources: resources}, {Spec: clients, Resources: resources}}
	deal := o.insert(t, "Opportunity", map[string]any{"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 1, "Monday_Item_Id__c": "4711"})
	client := o.insert(t, "Account", map[string]any{"Name": "C", "Industry": "Apparel", "Monday_Item_Id__c": "4712"})
	out := make(chan emitted, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		if err := o.p.Watch(ctx, bound, map[string]string{}, func(_ context.Context, c []record.Change, at provider.Cursor) error {
			out <- emitted{c, at}
			return nil
		}); err != nil {
			t.Errorf("Watch = %v", err)
		}
	})
	until(t, "the stream is open", func() bool { return o.Events().Counters().ActiveStreams == 1 })
	if err := o.Update("", "Opportunity", deal, map[string]any{"Amount": 7}); err != nil {
		t.Fatal(err)
	}
	if err := o.Update("", "Account", client, map[string]any{"Industry": "Banking"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]record.Change{}
	until(t, "both changes are told", func() bool {
		select {
		case e := <-out:
			if e.cursor.Name != "" && e.cursor.Name != "/data/accord__chn" {
				t.Errorf("cursor = %+v", e.cursor)
			}
			for _, c := range e.changes {
				got[c.Object] = c
			}
		default:
		}
		return len(got) == 2
	})
	if c := got["deal"]; c.Record.ID != deal || c.Record.Key != "4711" || c.Partial || !cmp.Equal(c.Record.Fields, record.Fields{"Amount": must(record.OfDecimal("7"))}) {
		t.Errorf("deal: %+v", c)
	}
	if c := got["client"]; c.Record.ID != client || c.Record.Key != "4712" || c.Partial || !cmp.Equal(c.Record.Fields, record.Fields{"Industry": record.OfChoice("Banking")}) {
		t.Errorf("client: %+v", c)
	}
}

// The place in an enriched channel moves behind an event only when another one follows.
func TestPartsOfAnEvent(t *testing.T) {
	w := &watcher{enriched: true}
	at := position{replay: []byte("0")}
	for _, step := range []struct{ replay, want string }{{"1", "0"}, {"1", "0"}, {"2", "1"}, {"3", "2"}, {"3", "2"}} {
		w.passed(&at, []byte(step.replay))
		if string(at.replay) != step.want {
			t.Errorf("after %s the place is %s, want %s", step.replay, at.replay, step.want)
		}
	}
	w = &watcher{}
	if w.passed(&at, []byte("4")); string(at.replay) != "4" {
		t.Errorf("without enrichment the place is %s", at.replay)
	}
}
