package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/salesforce/internal/eventbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBus is a Pub/Sub API that does what a test tells each of its streams to.
type fakeBus struct {
	eventbus.UnimplementedPubSubServer
	mu      sync.Mutex
	streams int
	script  func(n int, first *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error
}

func (b *fakeBus) Subscribe(stream eventbus.PubSub_SubscribeServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	if md.Get("tenantid")[0] != orgID || md.Get("instanceurl")[0] == "" || !strings.HasPrefix(md.Get("accesstoken")[0], "token-") {
		return status.Error(codes.Unauthenticated, "bad metadata")
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.streams++
	n := b.streams
	b.mu.Unlock()
	return b.script(n, first, stream)
}

func (b *fakeBus) GetSchema(context.Context, *eventbus.SchemaRequest) (*eventbus.SchemaInfo, error) {
	return &eventbus.SchemaInfo{SchemaJson: dealSchema, SchemaId: "s1"}, nil
}

func busError(stream eventbus.PubSub_SubscribeServer, code codes.Code, suffix string) error {
	stream.SetTrailer(metadata.Pairs("error-code", busPrefix+suffix, "rpc-id", "rpc-1"))
	return status.Error(code, suffix)
}

// followBus serves the script and watches deals until the test ends it.
type following struct {
	t       *testing.T
	org     *fakeOrg
	p       *Provider
	changes chan emitted
	done    chan error
	cancel  context.CancelFunc
}

type emitted struct {
	changes []record.Change
	cursor  provider.Cursor
}

func follow(t *testing.T, script func(int, *eventbus.FetchRequest, eventbus.PubSub_SubscribeServer) error, cursors map[string]string,
	answer func(http.ResponseWriter, *http.Request, string), more ...func(*provider.Binding),
) *following {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	eventbus.RegisterPubSubServer(server, &fakeBus{script: script})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	f := &following{t: t, org: newFakeOrg(t, answer), changes: make(chan emitted, 100), done: make(chan error, 1)}
	p := f.org.provider(t, func(c *Config) { c.PubSubEndpoint, c.PubSubInsecure = listener.Addr().String(), true })
	p.events.patience = 0
	f.p = p
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel = cancel
	b := dealBinding()
	for _, m := range more {
		m(&b)
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		f.done <- p.Watch(ctx, []provider.Binding{b}, cursors, func(_ context.Context, changes []record.Change, cursor provider.Cursor) error {
			f.changes <- emitted{changes, cursor}
			return nil
		})
	})
	t.Cleanup(func() {
		cancel()
		watching.Wait()
		server.Stop()
		serving.Wait()
	})
	return f
}

func (f *following) next() emitted {
	f.t.Helper()
	select {
	case e := <-f.changes:
		return e
	case err := <-f.done:
		f.t.Fatalf("Watch ended: %v", err)
	case <-time.After(20 * time.Second):
		f.t.Fatal("nothing was emitted")
	}
	return emitted{}
}

func (f *following) end() error {
	f.t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(20 * time.Second):
		f.t.Fatal("Watch did not end")
		return nil
	}
}

func response(t *testing.T, replay string, bodies ...map[string]any) *eventbus.FetchResponse {
	t.Helper()
	s, err := parseSchema(dealSchema)
	if err != nil {
		t.Error(err)
		return nil
	}
	r := &eventbus.FetchResponse{LatestReplayId: []byte(replay), PendingNumRequested: credits - int32(len(bodies))}
	for _, body := range bodies {
		for _, f := range s.fields {
			if _, ok := body[f.name]; !ok {
				body[f.name] = nil
			}
		}
		payload, err := s.avro.Encode(body)
		if err != nil {
			t.Error(err)
			return nil
		}
		r.Events = append(r.Events, &eventbus.ConsumerEvent{ReplayId: []byte(replay), Event: &eventbus.ProducerEvent{SchemaId: "s1", Payload: payload}})
	}
	return r
}

const dealTopic = "/data/OpportunityChangeEvent"

// sweeps answers queries with one record, stamped at the time of the events.
func sweeps(w http.ResponseWriter, r *http.Request, _ string) {
	if strings.HasSuffix(r.URL.Path, "/limits") {
		writeJSON(w, 200, map[string]any{"DailyDeliveredPlatformEvents": map[string]int{"Max": 25000, "Remaining": 24000}})
		return
	}
	if strings.HasSuffix(r.URL.Path, "/describe") {
		refuse(w, 500, "UNABLE_TO_LOCK_ROW", "nothing can be described now")
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/queryAll") {
		refuse(w, 400, "MALFORMED_QUERY", "only changed records should be asked for")
		return
	}
	writeJSON(w, 200, map[string]any{"totalSize": 1, "done": true, "records": []any{map[string]any{
		"Id": dealID(7), "Name": "Swept", "Amount": json.Number("10.0"), "SystemModstamp": "2026-02-17T01:29:32.000+0000", "IsDeleted": false,
	}}})
}

func TestWatchFromNowOn(t *testing.T) {
	f := follow(t, func(_ int, first *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
		if first.GetTopicName() != dealTopic || first.GetReplayPreset() != eventbus.ReplayPreset_LATEST || first.GetNumRequested() != 100 {
			t.Errorf("first request = %v", first)
		}
		r := response(t, "replay-1", map[string]any{"ChangeEventHeader": header("UPDATE", "0x80"), "Amount": 12.5},
			map[string]any{"ChangeEventHeader": header("UPDATE", "0x04"), "StageName": "not bound"})
		r.PendingNumRequested = 20
		if err := stream.Send(r); err != nil {
			return err
		}
		more, err := stream.Recv()
		if err != nil {
			return err
		}
		if more.GetNumRequested() != 80 {
			t.Errorf("asked for %d more, want 80", more.GetNumRequested())
		}
		if err := stream.Send(response(t, "replay-2")); err != nil { // a sign of life
			return err
		}
		<-stream.Context().Done()
		return nil
	}, nil, sweeps)
	if e := f.next(); len(e.changes) != 0 || e.cursor.Name != dealTopic || !strings.HasPrefix(e.cursor.Position, "@") {
		t.Errorf("first = %+v, want where now is", e)
	}
	e := f.next()
	if len(e.changes) != 1 || e.changes[0].Record.ID != "006000000000001AAA" || !e.changes[0].Ours {
		t.Errorf("changes = %+v", e.changes)
	}
	if p := parsePosition(e.cursor.Position); string(p.replay) != "replay-1" {
		t.Errorf("cursor = %+v", e.cursor)
	}
	if e := f.next(); len(e.changes) != 0 || string(parsePosition(e.cursor.Position).replay) != "replay-2" {
		t.Errorf("after a sign of life: %+v", e)
	}
	u := f.p.Usage()
	if d := u[len(u)-1]; d.Name != dailyDeliveries || d.Limit != 25000 || d.Remaining != 23998 {
		t.Errorf("usage = %+v", u)
	}
	f.cancel()
	if err := f.end(); err != nil {
		t.Errorf("Watch = %v, want nil after its context ended", err)
	}
}

func TestWatchListsWhatEventsNoLongerTell(t *testing.T) {
	f := follow(t, func(n int, first *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
		if n == 1 {
			if first.GetReplayPreset() != eventbus.ReplayPreset_CUSTOM || string(first.GetReplayId()) != "old" {
				t.Errorf("first request = %v, want to go on from the cursor", first)
			}
			return busError(stream, codes.InvalidArgument, "subscription.fetch.replayid.corrupted")
		}
		if first.GetReplayPreset() != eventbus.ReplayPreset_LATEST {
			t.Errorf("second request = %v, want the latest", first)
		}
		if err := stream.Send(response(t, "new", map[string]any{"ChangeEventHeader": header("DELETE")})); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	}, map[string]string{dealTopic: position{[]byte("old"), 1771291772000}.String()}, sweeps)
	if e := f.next(); len(e.changes) != 1 || e.changes[0].Record.ID != dealID(7) || e.changes[0].Partial || e.cursor.Name != "" {
		t.Errorf("first = %+v, want what the list shows, and no cursor", e)
	}
	if e := f.next(); len(e.changes) != 0 || len(parsePosition(e.cursor.Position).replay) != 0 {
		t.Errorf("second = %+v, want a cursor without an id: events were not read yet", e)
	}
	if e := f.next(); len(e.changes) != 1 || e.changes[0].Record.ID != dealID(7) {
		t.Errorf("third = %+v, want the list again, now that the stream has answered", e)
	}
	if e := f.next(); len(e.changes) != 1 || e.changes[0].Record.State != record.Deleted || string(parsePosition(e.cursor.Position).replay) != "new" {
		t.Errorf("fourth = %+v, want the event and its cursor", e)
	}
	i := slices.IndexFunc(f.org.seen(), func(r recorded) bool { return strings.HasSuffix(r.path, "/queryAll") })
	if r := f.org.seen()[i]; !strings.Contains(r.query, "SystemModstamp+%3E%3D+2026-02-17T01%3A24%3A32") {
		t.Errorf("listed %s, want what changed since shortly before the cursor's time", r.query)
	}
}

func TestWatchOverflow(t *testing.T) {
	f := follow(t, func(_ int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
		h := header("GAP_OVERFLOW")
		h["recordIds"] = []any{"000000000000000AAA"}
		if err := stream.Send(response(t, "r", map[string]any{"ChangeEventHeader": header("DELETE")}, map[string]any{"ChangeEventHeader": h})); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	}, map[string]string{dealTopic: position{[]byte("old"), 1771291772000}.String()}, sweeps)
	if e := f.next(); len(e.changes) != 1 || e.changes[0].Record.State != record.Deleted || e.cursor.Name != "" {
		t.Errorf("first = %+v, want what came before", e)
	}
	if e := f.next(); len(e.changes) != 1 || e.changes[0].Record.ID != dealID(7) {
		t.Errorf("second = %+v, want the list", e)
	}
	if e := f.next(); string(parsePosition(e.cursor.Position).replay) != "r" {
		t.Errorf("third = %+v, want the cursor behind it", e)
	}
}

func TestWatchRenewsItsToken(t *testing.T) {
	f := follow(t, func(n int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
		if n == 1 {
			return busError(stream, codes.Unauthenticated, "service.auth.error")
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		if md.Get("accesstoken")[0] != "token-2" {
			t.Errorf("token = %q", md.Get("accesstoken"))
		}
		return stream.Send(response(t, "r", map[string]any{"ChangeEventHeader": header("DELETE")}))
	}, map[string]string{dealTopic: position{[]byte("old"), 1}.String()}, sweeps)
	if e := f.next(); len(e.changes) != 1 {
		t.Errorf("first = %+v", e)
	}
}

func TestWatchEnds(t *testing.T) {
	tests := []struct {
		suffix string
		code   codes.Code
		kind   provider.Kind
	}{
		{"service.auth.error", codes.Unauthenticated, provider.Unauthorized}, // again and again
		{"subscription.fetch.topic.mismatch", codes.InvalidArgument, provider.Invalid},
	}
	for _, test := range tests {
		t.Run(test.suffix, func(t *testing.T) {
			f := follow(t, func(_ int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
				return busError(stream, test.code, test.suffix)
			}, map[string]string{dealTopic: position{[]byte("old"), 1}.String()}, sweeps)
			e := asPort(t, f.end())
			if e.Kind != test.kind || e.Code != test.suffix || e.RequestID != "rpc-1" {
				t.Errorf("error = %v of kind %v", e, e.Kind)
			}
		})
	}
}

func TestWatchEndsWhenNobodyTakesChanges(t *testing.T) {
	full := errors.New("the ledger is full")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	eventbus.RegisterPubSubServer(server, &fakeBus{script: func(_ int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
		if err := stream.Send(response(t, "r", map[string]any{"ChangeEventHeader": header("DELETE")})); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	}})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	p := newFakeOrg(t, sweeps).provider(t, func(c *Config) { c.PubSubEndpoint, c.PubSubInsecure = listener.Addr().String(), true })
	err = p.Watch(t.Context(), []provider.Binding{dealBinding()}, map[string]string{dealTopic: position{[]byte("old"), 1}.String()},
		func(context.Context, []record.Change, provider.Cursor) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("Watch = %v, want the receiver's own error", err)
	}
}
