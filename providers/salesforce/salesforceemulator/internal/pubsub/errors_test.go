package pubsub

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

// failsWith checks status, error-code trailer, rpc-id trailer and the end of the text.
func failsWith(t *testing.T, err error, trailer metadata.MD, want codes.Code, suffix string) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("status %v, want %v", err, want)
	}
	if got := strings.Join(trailer.Get("error-code"), ","); got != errorPrefix+suffix {
		t.Errorf("error-code %q, want %q", got, errorPrefix+suffix)
	}
	id := strings.Join(trailer.Get("rpc-id"), ",")
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if text := status.Convert(err).Message(); !uuid.MatchString(id) || !strings.HasSuffix(text, "rpcId: "+id) {
		t.Errorf("rpc-id %q, text %q", id, text)
	}
	if strings.Contains(status.Convert(err).Message(), "%!") {
		t.Errorf("the text lacks a value: %v", err)
	}
}

// subscribing sends requests on a new stream and gives how it ends.
func (h *harness) subscribing(requests ...*eventbus.FetchRequest) (metadata.MD, error) {
	h.t.Helper()
	stream, err := h.client.Subscribe(h.context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, request := range requests {
		if err := stream.Send(request); err != nil {
			break // the stream has ended; Recv tells why
		}
	}
	for {
		if _, err = stream.Recv(); err != nil {
			return stream.Trailer(), err
		}
	}
}

func TestWrongUseOfSubscribe(t *testing.T) {
	good := func() *eventbus.FetchRequest {
		return &eventbus.FetchRequest{TopicName: accountTest, NumRequested: 5}
	}
	with := func(change func(*eventbus.FetchRequest)) *eventbus.FetchRequest {
		request := good()
		change(request)
		return request
	}
	type requests []*eventbus.FetchRequest
	tests := []struct {
		name     string
		requests requests
		status   codes.Code
		code     string
	}{
		{"no topic", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "" })}, codes.InvalidArgument, codeTopicEmpty},
		{"unknown topic", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "/data/NoChangeEvent" })}, codes.NotFound, codeTopicNotFound},
		{"wrong case", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "/data/accountChangeEvent" })}, codes.NotFound, codeTopicNotFound},
		{"unknown channel", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "/data/No__chn" })}, codes.NotFound, codeTopicNotFound},
		{"unknown event", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "/event/No__e" })}, codes.NotFound, codeTopicNotFound},
		{"an object as an event", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "/event/Account" })}, codes.NotFound, codeTopicNotFound},
		{"odd name", requests{with(func(r *eventbus.FetchRequest) { r.TopicName = "\x00\U0001F600//data" })}, codes.NotFound, codeTopicNotFound},
		{"nothing requested", requests{with(func(r *eventbus.FetchRequest) { r.NumRequested = 0 })}, codes.InvalidArgument, codeFetchCount},
		{"less than nothing requested", requests{with(func(r *eventbus.FetchRequest) { r.NumRequested = -1 })}, codes.InvalidArgument, codeFetchCount},
		{"nothing requested later", requests{good(), {NumRequested: 0}}, codes.InvalidArgument, codeFetchCount},
		{"another topic later", requests{good(), {TopicName: "/data/ChangeEvents", NumRequested: 1}}, codes.InvalidArgument, codeFetchTopicMismatch},
		{"no replay id", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset = custom })}, codes.InvalidArgument, codeReplayMissing},
		{"a replay id nobody gave out", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset, r.ReplayId = custom, replayID(1) })}, codes.InvalidArgument, codeReplayCorrupted},
		{"a replay id of the future", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset, r.ReplayId = custom, replayID(1<<62) })}, codes.InvalidArgument, codeReplayCorrupted},
		{"a replay id of another length", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset, r.ReplayId = custom, []byte("252432480") })}, codes.InvalidArgument, codeReplayCorrupted},
		{"text as a replay id", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset, r.ReplayId = custom, []byte("25243248") })}, codes.InvalidArgument, codeReplayCorrupted},
		{"unknown preset", requests{with(func(r *eventbus.FetchRequest) { r.ReplayPreset = 9 })}, codes.InvalidArgument, codeFetchInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			trailer, err := h.subscribing(test.requests...)
			failsWith(t, err, trailer, test.status, test.code)
			if n := h.server.Counters().Errors[test.code]; n != 1 {
				t.Errorf("%d errors counted", n)
			}
		})
	}
}

func TestWrongUseOfUnaryCalls(t *testing.T) {
	h := newHarness(t)
	call := func(f func(context.Context, ...grpc.CallOption) error) (metadata.MD, error) {
		var trailer metadata.MD
		err := f(h.context(), grpc.Trailer(&trailer))
		return trailer, err
	}
	topic := func(name string) func(context.Context, ...grpc.CallOption) error {
		return func(ctx context.Context, o ...grpc.CallOption) error {
			_, err := h.client.GetTopic(ctx, &eventbus.TopicRequest{TopicName: name}, o...)
			return err
		}
	}
	schema := func(id string) func(context.Context, ...grpc.CallOption) error {
		return func(ctx context.Context, o ...grpc.CallOption) error {
			_, err := h.client.GetSchema(ctx, &eventbus.SchemaRequest{SchemaId: id}, o...)
			return err
		}
	}
	publish := func(request *eventbus.PublishRequest) func(context.Context, ...grpc.CallOption) error {
		return func(ctx context.Context, o ...grpc.CallOption) error {
			_, err := h.client.Publish(ctx, request, o...)
			return err
		}
	}
	one := []*eventbus.ProducerEvent{{Id: "1"}}
	tests := []struct {
		name   string
		call   func(context.Context, ...grpc.CallOption) error
		status codes.Code
		code   string
	}{
		{"topic blank", topic(""), codes.InvalidArgument, codeTopicEmpty},
		{"topic unknown", topic("/data/OrderChangeEvent"), codes.NotFound, codeTopicNotFound},
		{"schema blank", schema(""), codes.InvalidArgument, codeSchemaInvalid},
		{"schema unknown", schema("AAAAAAAAAAAAAAAAAAAAAA"), codes.NotFound, codeSchemaPermission},
		{"publish nothing", publish(&eventbus.PublishRequest{TopicName: "/event/Shipped__e"}), codes.InvalidArgument, codePublishCount},
		{"publish nowhere", publish(&eventbus.PublishRequest{Events: one}), codes.InvalidArgument, codePublishTopicEmpty},
		{"publish a change event", publish(&eventbus.PublishRequest{TopicName: accountTest, Events: one}), codes.PermissionDenied, codeTopicPermission},
		{"publish with refresh", publish(&eventbus.PublishRequest{TopicName: "/event/Shipped__e", AuthRefresh: "x", Events: one}), codes.InvalidArgument, codePublishRefresh},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			trailer, err := call(test.call)
			failsWith(t, err, trailer, test.status, test.code)
		})
	}
}

func TestAuthentication(t *testing.T) {
	h := newHarness(t)
	tests := []struct {
		name               string
		token, url, tenant string
		code               string
	}{
		{"no token", "", testURL, testOrgID, codeAuthHeaders},
		{"no instance", testToken, "", testOrgID, codeAuthHeaders},
		{"no tenant", testToken, testURL, "", codeAuthHeaders},
		{"unknown token", "x", testURL, testOrgID, codeAuthError},
		{"15-character org id", testToken, testURL, testOrgID[:15], codeAuthError},
		{"another org", testToken, testURL, "00Dxx0000001gEXAAY", codeAuthError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var trailer metadata.MD
			_, err := h.client.GetTopic(headers(t.Context(), test.token, test.url, test.tenant), &eventbus.TopicRequest{TopicName: accountTest}, grpc.Trailer(&trailer))
			failsWith(t, err, trailer, codes.Unauthenticated, test.code)
		})
	}
	t.Run("without metadata", func(t *testing.T) {
		_, err := h.client.GetTopic(t.Context(), &eventbus.TopicRequest{TopicName: accountTest})
		if status.Code(err) != codes.Unauthenticated {
			t.Error(err)
		}
	})
}

func TestManagedSubscriptionsAreNotConfigured(t *testing.T) {
	tests := []struct {
		request *eventbus.ManagedFetchRequest
		status  codes.Code
		code    string
	}{
		{&eventbus.ManagedFetchRequest{NumRequested: 1}, codes.InvalidArgument, codeManagedWhich},
		{&eventbus.ManagedFetchRequest{SubscriptionId: "x", DeveloperName: "y", NumRequested: 1}, codes.InvalidArgument, codeManagedWhich},
		{&eventbus.ManagedFetchRequest{DeveloperName: "Accord", NumRequested: -1}, codes.InvalidArgument, codeManagedCount},
		{&eventbus.ManagedFetchRequest{DeveloperName: "Accord", CommitReplayIdRequest: &eventbus.CommitReplayRequest{}}, codes.InvalidArgument, codeManagedCommit},
		{&eventbus.ManagedFetchRequest{DeveloperName: "Accord", AuthRefresh: "x"}, codes.InvalidArgument, codeManagedRefresh},
		{&eventbus.ManagedFetchRequest{DeveloperName: "Accord", NumRequested: 1}, codes.NotFound, codeManagedName},
		{&eventbus.ManagedFetchRequest{SubscriptionId: "18x", NumRequested: 1}, codes.InvalidArgument, codeManagedIDInvalid},
		{&eventbus.ManagedFetchRequest{SubscriptionId: "18xx00000000001AAA", NumRequested: 1}, codes.NotFound, codeManagedID},
	}
	h := newHarness(t)
	for _, test := range tests {
		stream, err := h.client.ManagedSubscribe(h.context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(test.request); err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		failsWith(t, err, stream.Trailer(), test.status, test.code)
	}
}

func TestDeliveryAllocation(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.DeliveryLimit = 5 })
	h.named(7)
	first := h.subscribe(accountTest, earliest, nil, 3)
	first.raw(3)
	second := h.subscribe(accountTest, earliest, nil, 7)
	second.raw(2)
	_, err := second.answer()
	failsWith(t, err, second.stream.Trailer(), codes.ResourceExhausted, codeDeliveryLimit)
	if n := h.server.Counters().DeliveredLastDay; n != 5 {
		t.Errorf("%d deliveries counted, want 5", n)
	}
	h.server.SetLimits(6, 0)
	h.subscribe(accountTest, custom, second.latest, 1).raw(1)
	h.advance(25 * time.Hour)
	if got := h.subscribe(accountTest, custom, second.latest, 5).raw(5); len(got) != 5 {
		t.Errorf("%d events after the window freed", len(got))
	}
}

func TestStreamLimit(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.StreamLimit = 1 })
	h.subscribe(accountTest, latest, nil, 3).ready()
	trailer, err := h.subscribing(&eventbus.FetchRequest{TopicName: accountTest, NumRequested: 1})
	failsWith(t, err, trailer, codes.ResourceExhausted, codeClientLimit)
}

func TestEveryDocumentedCodeCanBeProvoked(t *testing.T) {
	h := newHarness(t)
	for code, failure := range failures() {
		if err := h.server.faults.Add(fault.Fault{Kind: fault.Error, Operation: "pubsub/GetTopic", Code: code}); err != nil {
			t.Fatal(err)
		}
		var trailer metadata.MD
		_, err := h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: accountTest}, grpc.Trailer(&trailer))
		failsWith(t, err, trailer, failure.status, code)
	}
	if _, err := h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: accountTest}); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}
