package pubsub

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

const channelTest = "/data/Accord__chn"

func (h *harness) channel(enriched ...string) *changefeed.Member {
	h.org.channels = append(h.org.channels, changefeed.Channel{ID: "0YL000000000001AAA", Name: "Accord__chn", Type: "data"})
	return h.org.selectFor("Accord__chn", "Account", enriched...)
}

func TestCustomChannelEnriches(t *testing.T) {
	h := newHarness(t)
	h.channel("Ext__c", "BillingAddress", "Description", "NoSuchField__c")
	one, two := accountID(1), accountID(2)
	values := map[string]any{"Name": "Acme", "Ext__c": "m-1", "BillingCity": "Rome", "Industry": "Energy", "Description": "long"}
	h.write(create("Account", one, values))
	other := map[string]any{"Name": "Beta", "Ext__c": "m-2", "Industry": "Energy"}
	h.org.records[two] = other
	change := func(id string, before map[string]any) changefeed.Change {
		after := map[string]any{}
		for k, v := range before {
			after[k] = v
		}
		after["Industry"] = "Retail"
		return update("Account", id, before, after)
	}
	h.write(change(one, values), change(two, other))
	h.write(remove("Account", one))
	r := h.subscribe(channelTest, earliest, nil, 10)
	events := r.raw(4)
	var got []decoded
	for _, event := range events {
		got = append(got, r.decode(event))
	}
	if got[0].Body["Name"] != "Acme" {
		t.Errorf("create: %v", got[0].Body)
	}
	// The merged update comes apart, one event a record, under one replay id.
	for i, want := range []string{"m-1", "m-2"} {
		event := got[i+1]
		if event.Body["Ext__c"] != want || event.Body["Industry"] != "Retail" || len(event.Header["recordIds"].([]any)) != 1 {
			t.Errorf("update %d: %v %v", i, event.Header["recordIds"], event.Body)
		}
		if diff := cmp.Diff([]string{"Industry", "LastModifiedDate"}, event.names(t, "changedFields")); diff != "" {
			t.Errorf("enriched fields are not changed fields: %s", diff)
		}
		if _, sent := event.Body["Description"]; sent {
			t.Error("long text was added")
		}
	}
	if got[1].Body["BillingAddress"].(map[string]any)["City"] != "Rome" {
		t.Errorf("a compound is added as a whole: %v", got[1].Body)
	}
	if !bytes.Equal(events[1].GetReplayId(), events[2].GetReplayId()) {
		t.Error("the parts of a merged event have different replay ids")
	}
	if got[3].Header["changeType"] != "DELETE" || got[3].Body["Ext__c"] != "m-1" {
		t.Errorf("delete: %v", got[3].Body)
	}
	// On the single-entity topic nothing is added, and the records stay together.
	plain := h.subscribe(accountTest, earliest, nil, 10).next(3)
	if len(plain[1].Header["recordIds"].([]any)) != 2 || plain[1].Body["Ext__c"] != nil {
		t.Errorf("single-entity topic: %v %v", plain[1].Header["recordIds"], plain[1].Body)
	}
}

func TestEnrichmentShowsTheRecordAsItIsNow(t *testing.T) {
	h := newHarness(t)
	h.channel("Ext__c")
	id := accountID(1)
	h.write(update("Account", id, map[string]any{"Industry": "a", "Ext__c": "old"}, map[string]any{"Industry": "b", "Ext__c": "old"}))
	h.write(update("Account", id, map[string]any{"Industry": "b", "Ext__c": "old"}, map[string]any{"Industry": "b", "Ext__c": "new"}))
	got := h.subscribe(channelTest, earliest, nil, 10).next(2)
	if got[0].Body["Ext__c"] != "new" || got[1].Body["Ext__c"] != "new" {
		t.Errorf("%v, %v", got[0].Body, got[1].Body)
	}
	h.org.hidden["Account.Ext__c"] = true
	if got = h.subscribe(channelTest, earliest, nil, 10).next(1); got[0].Body["Ext__c"] != nil {
		t.Error("an unreadable field was added")
	}
}

func TestCreditCutsThroughAnUngroupedEvent(t *testing.T) {
	h := newHarness(t)
	h.channel("Ext__c")
	var changes []changefeed.Change
	for i := range 5 {
		changes = append(changes, update("Account", accountID(i), map[string]any{"Industry": "a"}, map[string]any{"Industry": "b"}))
	}
	h.write(remove("Account", accountID(9)))
	h.write(changes...)
	r := h.subscribe(channelTest, earliest, nil, 3)
	first := r.raw(3)
	if !bytes.Equal(r.latest, first[0].GetReplayId()) {
		t.Errorf("latest_replay_id %x is past records not sent yet", r.latest)
	}
	r.more(10)
	rest := r.raw(3)
	if !bytes.Equal(r.latest, rest[2].GetReplayId()) || !bytes.Equal(first[1].GetReplayId(), rest[0].GetReplayId()) {
		t.Errorf("latest %x, events %x", r.latest, rest[2].GetReplayId())
	}
}

func TestFilteredChannel(t *testing.T) {
	h := newHarness(t)
	member := h.channel()
	member.Filter = "Industry = 'Energy' AND NOT ChangeEventHeader.changeOrigin LIKE '%client=accord%'"
	mine := create("Account", accountID(1), map[string]any{"Name": "mine", "Industry": "Energy"})
	mine.Origin = "com/salesforce/api/rest/68.0;client=accord/1.2"
	h.write(mine)
	h.write(create("Account", accountID(2), map[string]any{"Name": "other", "Industry": "Retail"}))
	h.write(create("Account", accountID(3), map[string]any{"Name": "yes", "Industry": "Energy"}))
	// Industry did not change here: the filter looks at the record, and adds the field.
	h.write(update("Account", accountID(3), map[string]any{"Industry": "Energy", "Phone": "1"}, map[string]any{"Industry": "Energy", "Phone": "2"}))
	h.write(update("Account", accountID(2), map[string]any{"Industry": "Retail", "Phone": "1"}, map[string]any{"Industry": "Retail", "Phone": "2"}))
	h.inject(fault.Fault{Kind: fault.Gap})
	h.write(update("Account", accountID(2), map[string]any{"Industry": "Retail", "Phone": "2"}, map[string]any{"Industry": "Retail", "Phone": "3"}))
	got := h.subscribe(channelTest, earliest, nil, 10).next(3)
	if got[0].Body["Name"] != "yes" || got[1].Body["Phone"] != "2" || got[1].Body["Industry"] != "Energy" || got[2].Header["changeType"] != "GAP_UPDATE" {
		t.Errorf("%v\n%v\n%v", got[0].Body, got[1].Body, got[2].Header)
	}
	if n := h.server.Counters().EventsDelivered; n != 3 {
		t.Errorf("%d events count as delivered; what a filter drops must not", n)
	}
}

func TestChannelDeliversWhatItHadSelected(t *testing.T) {
	h := newHarness(t)
	h.write(create("Account", accountID(1), map[string]any{"Name": "before the channel"}))
	h.channel()
	h.write(create("Account", accountID(2), map[string]any{"Name": "on the channel"}))
	if got := h.subscribe(channelTest, earliest, nil, 10).next(1); got[0].Body["Name"] != "on the channel" {
		t.Errorf("%v", got[0].Body)
	}
}
