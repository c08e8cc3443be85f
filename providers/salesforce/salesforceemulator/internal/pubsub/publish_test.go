package pubsub

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"google.golang.org/grpc/codes"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

const shipped = "/event/Shipped__e"

// payload encodes a platform event as a publisher does.
func (h *harness) payload(values map[string]any) *eventbus.ProducerEvent {
	h.t.Helper()
	info, err := h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: shipped})
	if err != nil {
		h.t.Fatal(err)
	}
	schema, err := h.client.GetSchema(h.context(), &eventbus.SchemaRequest{SchemaId: info.GetSchemaId()})
	if err != nil {
		h.t.Fatal(err)
	}
	record := map[string]any{"CreatedDate": int64(1), "CreatedById": "005"}
	for name, value := range values {
		record[name] = value
	}
	bytes, err := avro.MustParse(schema.GetSchemaJson()).Encode(record)
	if err != nil {
		h.t.Fatal(err)
	}
	return &eventbus.ProducerEvent{SchemaId: info.GetSchemaId(), Payload: bytes}
}

func TestPublish(t *testing.T) {
	h := newHarness(t)
	event := h.payload(map[string]any{"Order__c": "O-1", "Weight__c": 2.5, "On__c": int64(1653955200000), "Fragile__c": false})
	event.Id = "d5a29ff6-1b69-4a5c-9b5c-0d2a4cf2a5ee"
	r := h.subscribe(shipped, latest, nil, 10).ready()
	answer, err := h.client.Publish(h.context(), &eventbus.PublishRequest{TopicName: shipped, Events: []*eventbus.ProducerEvent{
		event, {Id: "2", SchemaId: "unknown"}, {Id: "3", SchemaId: event.GetSchemaId(), Payload: event.GetPayload()[:3]},
		{Id: "4", SchemaId: event.GetSchemaId(), Payload: append(append([]byte(nil), event.GetPayload()...), 0)},
		{Id: "5", SchemaId: event.GetSchemaId(), Payload: make([]byte, maxEvent+1)},
		{SchemaId: event.GetSchemaId(), Payload: event.GetPayload()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range answer.GetResults() {
		failed := i >= 1 && i <= 4
		if (result.GetError() != nil) != failed || failed && result.GetError().GetCode() != eventbus.ErrorCode_PUBLISH {
			t.Errorf("result %d: %v", i, result)
		}
	}
	got := r.next(2)
	if got[0].ID != event.GetId() || got[1].ID == "" || answer.GetResults()[5].GetCorrelationKey() != got[1].ID {
		t.Errorf("ids %q, %q", got[0].ID, got[1].ID)
	}
	if id := answer.GetResults()[0].GetReplayId(); got[0].ReplayID != hexOf(id) {
		t.Errorf("the result has replay id %x, the event %s", id, got[0].ReplayID)
	}
	want := map[string]any{
		"CreatedDate": stampMillis(), "CreatedById": testUser, "Order__c": "O-1", "Weight__c": 2.5, "On__c": int64(1653955200000), "Fragile__c": false,
	}
	if diff := cmp.Diff(want, got[0].Body); diff != "" {
		t.Error(diff)
	}
	h.org.refuse = errors.New("LIMIT_EXCEEDED")
	answer, err = h.client.Publish(h.context(), &eventbus.PublishRequest{TopicName: shipped, Events: []*eventbus.ProducerEvent{event}})
	if err != nil || !strings.Contains(answer.GetResults()[0].GetError().GetMsg(), "LIMIT_EXCEEDED") {
		t.Errorf("refused by the org: %v %v", answer, err)
	}
}

func hexOf(id []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range id {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func TestPlatformEventSchema(t *testing.T) {
	h := newHarness(t)
	_, fields := parseSchema(t, []byte(func() string {
		schema, _ := h.server.currentSchema("Shipped__e")
		return schema.json
	}()))
	want := []recordedField{
		{Name: "CreatedDate", Type: "long", Doc: "CreatedDate:DateTime"},
		{Name: "CreatedById", Type: "string", Doc: "CreatedBy:EntityId"},
		{Name: "Order__c", Type: []any{"null", "string"}, Doc: "Data:Text:00N000000000004"},
		{Name: "Weight__c", Type: []any{"null", "double"}, Doc: "Data:Double:00N000000000005"},
		{Name: "On__c", Type: []any{"null", "long"}, Doc: "Data:DateOnly:00N000000000006"},
		{Name: "Fragile__c", Type: []any{"null", "boolean"}, Doc: "Data:Boolean:00N000000000007"},
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestEventsPublishedElsewhereArrive(t *testing.T) {
	h := newHarness(t)
	h.org.channels = append(h.org.channels, changefeed.Channel{Name: "Logistics__chn", Type: "event"})
	member := h.org.selectFor("Logistics__chn", "Shipped__e")
	member.Filter = "Weight__c > 2"
	r := h.subscribe("/event/Logistics__chn", latest, nil, 10).ready()
	direct := h.subscribe(shipped, latest, nil, 10).ready()
	for _, weight := range []string{"1", "3"} {
		h.server.Publish([]changefeed.PlatformEvent{{Object: "Shipped__e", ID: "e-" + weight, Values: map[string]any{"Weight__c": number(weight)}, User: testUser, Created: h.clock.Now()}})
	}
	if got := r.next(1)[0]; got.ID != "e-3" || got.Body["Weight__c"] != 3.0 {
		t.Errorf("channel: %v", got)
	}
	if got := direct.next(2); got[0].ID != "e-1" {
		t.Errorf("topic: %v", got)
	}
	// Change events are on a stream of their own.
	h.inject(fault.Fault{Kind: fault.Duplicate, Object: "Shipped__e"})
	h.named(1)
	h.server.Publish([]changefeed.PlatformEvent{{Object: "Shipped__e", ID: "e-4", Values: map[string]any{"Weight__c": number("4")}, User: testUser, Created: h.clock.Now()}})
	if got := r.next(2); got[0].ID != "e-4" || got[1].ID != "e-4" || got[0].ReplayID == got[1].ReplayID {
		t.Errorf("a duplicate: %v", got)
	}
}

func TestPublishStream(t *testing.T) {
	h := newHarness(t)
	event := h.payload(map[string]any{"Order__c": "O-1"})
	stream, err := h.client.PublishStream(h.context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		request := &eventbus.PublishRequest{Events: []*eventbus.ProducerEvent{event}}
		if i == 0 {
			request.TopicName = shipped
		}
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		if answer, err := stream.Recv(); err != nil || len(answer.GetResults()) != 1 || answer.GetResults()[0].GetError() != nil {
			t.Fatalf("request %d: %v %v", i, answer, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
	if stream, err = h.client.PublishStream(h.context()); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{shipped, "/event/Other__e"} {
		if err := stream.Send(&eventbus.PublishRequest{TopicName: topic, Events: []*eventbus.ProducerEvent{event}}); err != nil {
			t.Fatal(err)
		}
	}
	for err == nil {
		_, err = stream.Recv()
	}
	failsWith(t, err, stream.Trailer(), codes.InvalidArgument, codePublishTopicMismatch)
}
