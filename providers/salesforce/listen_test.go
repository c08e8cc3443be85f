package salesforce

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator"
)

var renewal = []provider.EventSpec{{Name: "Renewal__e", Fields: []string{"Amount__c", "CreatedDate", "Reason__c"}}}

// publisher is an org with a platform event.
func publisher(t *testing.T) *org {
	t.Helper()
	o := newOrg(t)
	o.p.events.pause = 10 * time.Millisecond
	if err := o.DefineObject("Renewal__e", "Renewal", "Renewals"); err != nil {
		t.Fatal(err)
	}
	for name, meta := range map[string]string{
		"Reason__c": `{"type":"Text","label":"Reason","length":120}`, "Amount__c": `{"type":"Number","label":"Amount","precision":16,"scale":2}`,
		"Due__c": `{"type":"Date","label":"Due"}`, "At__c": `{"type":"DateTime","label":"At"}`, "Loud__c": `{"type":"Checkbox","label":"Loud","defaultValue":false}`,
		OccurrenceField: `{"type":"Text","label":"Occurrence","length":36}`,
	} {
		if err := o.DefineField("Renewal__e", name, meta, true); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *org) publish(t *testing.T, fields map[string]any) {
	t.Helper()
	if _, err := o.Insert("", "Renewal__e", fields); err != nil {
		t.Fatal(err)
	}
}

// hearing is a running Listen with what it told.
type hearing struct {
	t    *testing.T
	mu   sync.Mutex
	list []provider.Event
	gaps []time.Time
	at   map[string]string
	stop func()
}

func (o *org) listen(t *testing.T, cursors map[string]string) *hearing {
	t.Helper()
	h := &hearing{t: t, at: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() {
		err := o.p.Listen(ctx, renewal, cursors, func(_ context.Context, b provider.EventBatch) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.list = append(h.list, b.Events...)
			if !b.Gap.IsZero() {
				h.gaps = append(h.gaps, b.Gap)
			}
			h.at[b.Cursor.Name] = b.Cursor.Position
			return nil
		})
		if err != nil {
			t.Errorf("Listen = %v", err)
		}
	})
	h.stop = func() { cancel(); listening.Wait() }
	t.Cleanup(h.stop)
	return h
}

// heard waits until n events were told.
func (h *hearing) heard(n int) []provider.Event {
	h.t.Helper()
	for range 2000 {
		h.mu.Lock()
		list := slices.Clone(h.list)
		h.mu.Unlock()
		if len(list) >= n {
			return list
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("fewer than %d events came", n)
	return nil
}

// since is a cursor of who began to listen at a time, and has had nothing yet.
func since(at time.Time) map[string]string {
	return map[string]string{"Renewal__e": listening{from: at, last: at}.String()}
}

func TestListenDecodesEvents(t *testing.T) {
	o := publisher(t)
	o.publish(t, map[string]any{"Reason__c": "expires", "Amount__c": 250.5, "Due__c": "2026-12-24", "At__c": "2026-11-23T09:00:00.000Z", "Loud__c": true})
	o.publish(t, map[string]any{OccurrenceField: "0f0f", "Loud__c": false})
	list := o.listen(t, since(time.Now().Add(-time.Hour))).heard(2)
	amount, _ := record.OfDecimal("250.5")
	due, _ := record.OfDate("2026-12-24")
	first := list[0]
	want := map[string]record.Value{
		"Reason__c": record.OfText("expires"), "Amount__c": amount, "Due__c": due, "Loud__c": record.OfBool(true),
		"At__c": record.OfDateTime(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
	}
	for name, v := range want {
		if diff := cmp.Diff(v, first.Fields[name], cmp.Comparer(record.Value.Equal)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if first.Name != "Renewal__e" || len(first.ID) != 36 || first.Fields["EventUuid"].Part(0) != first.ID || first.Actor == "" ||
		first.At.IsZero() || first.Fields["ReplayId"].IsEmpty() || first.Fields["CreatedDate"].Kind() != record.DateTime {
		t.Errorf("event %+v", first)
	}
	if list[1].ID != "0f0f" {
		t.Errorf("what was published for an action is known by %q", list[1].ID)
	}
}

func TestListenGoesOn(t *testing.T) {
	o := publisher(t)
	o.publish(t, map[string]any{"Reason__c": "before anybody listened"})
	time.Sleep(2 * time.Millisecond) // what the org stamps is whole milliseconds
	from := time.Now()
	time.Sleep(2 * time.Millisecond)
	o.publish(t, map[string]any{"Reason__c": "1"})
	h := o.listen(t, since(from))
	h.heard(1)
	h.stop()
	o.publish(t, map[string]any{"Reason__c": "2"})
	again := o.listen(t, h.at)
	list := append(h.heard(1), again.heard(1)...)
	again.stop()
	var reasons []string
	for _, e := range list {
		reasons = append(reasons, e.Fields["Reason__c"].Part(0))
	}
	if diff := cmp.Diff([]string{"1", "2"}, reasons); diff != "" || len(h.gaps)+len(again.gaps) > 0 {
		t.Errorf("%s, gaps %v %v", diff, h.gaps, again.gaps)
	}
	// The org does not know the place any more: what it still has comes, and that some may be missing is told once.
	if err := o.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultStaleReplay, Count: 1}); err != nil {
		t.Fatal(err)
	}
	stale := o.listen(t, again.at)
	stale.heard(2)
	stale.stop()
	if len(stale.gaps) != 1 || stale.gaps[0].Before(from.Add(-2*time.Second)) {
		t.Errorf("gaps %v", stale.gaps)
	}
	if at := parseListening(stale.at["Renewal__e"]); len(at.replay) == 0 || at.from.UnixMilli() != from.UnixMilli() {
		t.Errorf("the cursor is %+v", at)
	}
}

func TestAnEventThatCantBeReadIsToldAsOne(t *testing.T) {
	s, err := parsePublished(`{"type":"record","name":"X__e","fields":[{"name":"CreatedDate","type":"long","doc":"CreatedDate:DateTime"},{"name":"A__c","type":["null","double"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	codec := avro.MustParse(`{"type":"record","name":"X__e","fields":[{"name":"CreatedDate","type":"long"},{"name":"A__c","type":["null","double"]}]}`)
	good, err := codec.Encode(map[string]any{"CreatedDate": int64(1000), "A__c": 2.5})
	if err != nil {
		t.Fatal(err)
	}
	consumed := func(payload []byte) *eventbus.ConsumerEvent {
		return &eventbus.ConsumerEvent{ReplayId: []byte{1}, Event: &eventbus.ProducerEvent{Payload: payload}}
	}
	if e, err := s.decode("X__e", consumed(good)); err != nil || e.Fields["A__c"].Part(0) != "2.5" || e.ID != "replay 01" || e.At.UnixMilli() != 1000 {
		t.Errorf("%+v, %v", e, err)
	}
	for i := range good {
		if _, err := s.decode("X__e", consumed(good[:i])); err == nil && i < len(good) {
			t.Errorf("%d of %d bytes were taken for an event", i, len(good))
		}
	}
	if _, err := s.decode("X__e", consumed(append(good, 0))); err == nil {
		t.Error("bytes were left over")
	}
	for _, text := range []string{"", "{}", `"long"`, `{"type":"record"`} {
		if _, err := parsePublished(text); err == nil {
			t.Errorf("%q is no schema of an event", text)
		}
	}
	for _, text := range []string{"", "x", "@@", "AAA@1@2@3", "!@1@2", "AA==@x@2"} {
		if at := parseListening(text); !at.from.IsZero() || len(at.replay) > 0 {
			t.Errorf("%q is the place %+v", text, at)
		}
	}
}

func TestRecordIDsOfEvents(t *testing.T) {
	o := newOrg(t)
	id := o.deal(t, "Deal", 1)
	for text, want := range map[string]string{id: id, id[:15]: id, " " + id[:15] + "\n": id, "901234567": "901234567", "": "", "not an id at al": "not an id at al"} {
		if got := o.p.RecordID(text); got != want {
			t.Errorf("%q is the record %q, want %q", text, got, want)
		}
	}
	if longID("AAAAAAAAAAAAAAA") != "AAAAAAAAAAAAAAA555" {
		t.Errorf("an id of capitals is %s", longID("AAAAAAAAAAAAAAA"))
	}
}

// What can be done about a topic that is refused depends on what it is of.
func TestListenToWhatThereIsNot(t *testing.T) {
	o := newOrg(t)
	o.p.events.pause, o.p.events.patience = time.Millisecond, 0
	err := o.p.Listen(t.Context(), renewal, nil, func(context.Context, provider.EventBatch) error { return nil })
	e := asPort(t, err)
	if e.Kind != provider.NotFound || !strings.Contains(e.Message, "no such platform event") {
		t.Errorf("%v", e)
	}
}
