package pubsub

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/avro"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testOrgID   = "00Dxx0000001gERAAY"
	testUser    = "005xx000001SvUHAA0"
	testToken   = "token-1"
	testURL     = "https://acme.example"
	accountTest = "/data/AccountChangeEvent"
)

// testOrg is the smallest org the server can be asked about. Its zero permissions allow everything.
type testOrg struct {
	mu       sync.Mutex
	objects  map[string]changefeed.ObjectInfo
	channels []changefeed.Channel
	members  []changefeed.Member
	records  map[string]map[string]any
	hidden   map[string]bool // "Account.Industry" or "Account"
	noAll    map[string]bool // objects without View All Records; "" for View All Data
	sink     changefeed.Sink
	refuse   error
}

func newTestOrg() *testOrg {
	org := &testOrg{objects: map[string]changefeed.ObjectInfo{}, records: map[string]map[string]any{}, hidden: map[string]bool{}, noAll: map[string]bool{}}
	org.define("Account", "Id:id Name:string Type:picklist BillingStreet:textarea/BillingAddress BillingCity:string/BillingAddress "+
		"BillingLatitude:double/BillingAddress BillingLongitude:double/BillingAddress BillingAddress:address Phone:phone Website:url "+
		"Industry:picklist AnnualRevenue:currency NumberOfEmployees:int Description:textarea/32000 OwnerId:reference IsDeleted:boolean "+
		"CreatedDate:datetime CreatedById:reference LastModifiedDate:datetime LastModifiedById:reference SystemModstamp:datetime Ext__c:string")
	org.define("Contact", "Id:id AccountId:reference LastName:string/Name FirstName:string/Name Salutation:picklist/Name Name:string "+
		"Email:email Birthdate:date LastModifiedDate:datetime SystemModstamp:datetime")
	org.define("Order__c", "Id:id Name:string Due__c:date At__c:time Site__Latitude__s:double/Site__c Site__Longitude__s:double/Site__c Site__c:location "+
		"Tags__c:multipicklist Done__c:boolean LastModifiedDate:datetime")
	org.define("Shipped__e", "CreatedDate:datetime CreatedById:reference EventUuid:string ReplayId:string Order__c:string Weight__c:double On__c:date Fragile__c:boolean")
	org.selectFor(standardChannel, "Account")
	return org
}

// define reads "Name:type[/compound or length]" words.
func (o *testOrg) define(name, words string) {
	info := changefeed.ObjectInfo{Name: name, Label: name, Custom: strings.Contains(name, "__"), PlatformEvent: strings.HasSuffix(name, "__e")}
	for _, word := range strings.Fields(words) {
		field, rest, _ := strings.Cut(word, ":")
		kind, extra, _ := strings.Cut(rest, "/")
		f := changefeed.FieldInfo{Name: field, Type: kind, Length: 255, Nillable: true, Custom: strings.Contains(field, "__"), NameField: field == "Name"}
		if f.Custom {
			f.ID = fmt.Sprintf("00N%012d", len(info.Fields))
		}
		if _, err := fmt.Sscanf(extra, "%d", &f.Length); err != nil {
			f.Compound = extra
		}
		info.Fields = append(info.Fields, f)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.objects[name] = info
}

func (o *testOrg) addField(object string, field changefeed.FieldInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	info := o.objects[object]
	info.Fields = append(slices.Clone(info.Fields), field)
	o.objects[object] = info
}

func (o *testOrg) selectFor(channel, object string, enriched ...string) *changefeed.Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	entity := changeEventName(object)
	if strings.HasSuffix(object, "__e") {
		entity = object
	}
	o.members = append(o.members, changefeed.Member{Channel: channel, Entity: entity, Object: object, EnrichedFields: enriched})
	return &o.members[len(o.members)-1]
}

func (o *testOrg) Object(name string) (changefeed.ObjectInfo, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for known, info := range o.objects {
		if strings.EqualFold(known, name) {
			return info, true
		}
	}
	return changefeed.ObjectInfo{}, false
}

func (o *testOrg) Objects() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.objects))
}

func (o *testOrg) Channels() []changefeed.Channel {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.channels)
}

func (o *testOrg) Members() []changefeed.Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.members)
}

func (o *testOrg) Authenticate(token, _, tenant string) (string, bool) {
	return testUser, token == testToken && tenant == testOrgID
}

func (o *testOrg) CanRead(_, object, field string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.hidden[object+"."+field] && (field != "" || !o.hidden[object])
}

func (o *testOrg) ViewsAllRecords(_, object string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.noAll[object]
}

func (o *testOrg) OrgID() string { return testOrgID }

func (o *testOrg) Record(_, id string) (map[string]any, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	record, ok := o.records[id]
	return record, ok
}

func (o *testOrg) Publish(event changefeed.PlatformEvent) error {
	if o.refuse != nil {
		return o.refuse
	}
	o.sink.Publish([]changefeed.PlatformEvent{event})
	return nil
}

// harness is an org, its event server, and a client over real gRPC.
type harness struct {
	t      *testing.T
	org    *testOrg
	server *Server
	client eventbus.PubSubClient
	clock  *clock.Clock
	tx     int
}

func newHarness(t *testing.T, change ...func(*Options)) *harness {
	t.Helper()
	still := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	h := &harness{t: t, org: newTestOrg(), clock: clock.New(func() time.Time { return still }, 1)}
	options := Options{Schema: h.org, Clock: h.clock, Seed: 7}
	for _, f := range change {
		f(&options)
	}
	h.server = New(options)
	h.org.sink = h.server
	listener := bufconn.Listen(1 << 20)
	grpcServer := grpc.NewServer(ServerOptions()...)
	h.server.Register(grpcServer)
	served := make(chan struct{})
	go func() { defer close(served); _ = grpcServer.Serve(listener) }()
	connection, err := grpc.NewClient("passthrough:///org",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	h.client = eventbus.NewPubSubClient(connection)
	t.Cleanup(func() {
		_ = connection.Close()
		_ = h.server.Close()
		grpcServer.Stop()
		<-served
	})
	return h
}

// advance moves the clock.
func (h *harness) advance(d time.Duration) { h.clock.Advance(d) }

func (h *harness) context() context.Context {
	return headers(h.t.Context(), testToken, testURL, testOrgID)
}

func headers(ctx context.Context, token, url, tenant string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "accesstoken", token, "instanceurl", url, "tenantid", tenant)
}

// write commits one transaction of changes; each gets the stamps the store would give it.
func (h *harness) write(changes ...changefeed.Change) {
	h.t.Helper()
	h.tx++
	now := h.clock.Now().Truncate(time.Second)
	for i := range changes {
		c := &changes[i]
		c.Transaction = fmt.Sprintf("0000%04d-0000-0000-0000-000000000000", h.tx)
		c.Sequence, c.CommitTime, c.CommitNumber, c.User = i+1, now, int64(h.tx), testUser
		if c.Origin == "" {
			c.Origin = "com/salesforce/api/rest/68.0;client=test"
		}
		if c.After != nil {
			h.org.mu.Lock()
			h.org.records[c.RecordIDs[0]] = c.After
			h.org.mu.Unlock()
		}
	}
	h.server.Commit(changes)
}

// update makes the change from before to after, as the store would describe it.
func update(object, id string, before, after map[string]any) changefeed.Change {
	c := changefeed.Change{Object: object, RecordIDs: []string{id}, Type: changefeed.Update, Before: before, After: after}
	for name := range after {
		if before[name] != after[name] {
			c.Changed = append(c.Changed, name)
			if after[name] == nil {
				c.Nulled = append(c.Nulled, name)
			}
		}
	}
	sort.Strings(c.Changed)
	sort.Strings(c.Nulled)
	return c
}

func create(object, id string, values map[string]any) changefeed.Change {
	return changefeed.Change{Object: object, RecordIDs: []string{id}, Type: changefeed.Create, After: values, Changed: slices.Sorted(maps.Keys(values))}
}

func remove(object, id string) changefeed.Change {
	return changefeed.Change{Object: object, RecordIDs: []string{id}, Type: changefeed.Delete}
}

// accountID gives 18-character ids that differ.
func accountID(n int) string { return fmt.Sprintf("001xx%010dAAA", n) }

// reader is one open subscription.
type reader struct {
	h      *harness
	stream eventbus.PubSub_SubscribeClient
	codecs map[string]*avro.Schema
	// queue holds events received but not asked for yet, latest the newest latest_replay_id, pending the credit left.
	queue   []*eventbus.ConsumerEvent
	latest  []byte
	pending int32
}

func (h *harness) subscribe(topic string, preset eventbus.ReplayPreset, replay []byte, credit int32) *reader {
	h.t.Helper()
	stream, err := h.client.Subscribe(h.context())
	if err != nil {
		h.t.Fatal(err)
	}
	r := &reader{h: h, stream: stream, codecs: map[string]*avro.Schema{}}
	r.request(&eventbus.FetchRequest{TopicName: topic, ReplayPreset: preset, ReplayId: replay, NumRequested: credit})
	return r
}

// ready waits until the subscription stands; its error, if any, comes with the first answer.
func (r *reader) ready() *reader {
	r.h.t.Helper()
	if _, err := r.stream.Header(); err != nil {
		r.h.t.Fatal(err)
	}
	return r
}

func (r *reader) request(request *eventbus.FetchRequest) {
	r.h.t.Helper()
	if err := r.stream.Send(request); err != nil {
		r.h.t.Fatal(err)
	}
}

func (r *reader) more(n int32) { r.h.t.Helper(); r.request(&eventbus.FetchRequest{NumRequested: n}) }

func (r *reader) answer() (*eventbus.FetchResponse, error) {
	answer, err := r.stream.Recv()
	if err == nil {
		r.queue = append(r.queue, answer.GetEvents()...)
		r.latest, r.pending = answer.GetLatestReplayId(), answer.GetPendingNumRequested()
	}
	return answer, err
}

// raw gives the next n events, waiting for them.
func (r *reader) raw(n int) []*eventbus.ConsumerEvent {
	r.h.t.Helper()
	for len(r.queue) < n {
		if _, err := r.answer(); err != nil {
			r.h.t.Fatalf("after %d of %d events: %v", len(r.queue), n, err)
		}
	}
	out := r.queue[:n:n]
	r.queue = r.queue[n:]
	return out
}

// decoded is an event as a subscriber understands it.
type decoded struct {
	ReplayID, ID, SchemaID string
	Header                 map[string]any
	Body                   map[string]any
	schema                 *avro.Schema
}

// next gives the next n events, decoded with the schemas the server serves.
func (r *reader) next(n int) []decoded {
	r.h.t.Helper()
	var out []decoded
	for _, event := range r.raw(n) {
		out = append(out, r.decode(event))
	}
	return out
}

func (r *reader) decode(event *eventbus.ConsumerEvent) decoded {
	r.h.t.Helper()
	id := event.GetEvent().GetSchemaId()
	codec := r.codecs[id]
	if codec == nil {
		info, err := r.h.client.GetSchema(r.h.context(), &eventbus.SchemaRequest{SchemaId: id})
		if err != nil {
			r.h.t.Fatal(err)
		}
		if codec, err = avro.Parse(info.GetSchemaJson()); err != nil {
			r.h.t.Fatal(err)
		}
		r.codecs[id] = codec
	}
	var value any
	rest, err := codec.Decode(event.GetEvent().GetPayload(), &value)
	if err != nil || len(rest) > 0 {
		r.h.t.Fatalf("decode: %v, %d bytes left", err, len(rest))
	}
	d := decoded{ReplayID: fmt.Sprintf("%x", event.GetReplayId()), ID: event.GetEvent().GetId(), SchemaID: id, schema: codec}
	d.Body = value.(map[string]any)
	for name, v := range d.Body {
		if v == nil {
			delete(d.Body, name)
		}
	}
	if header, ok := d.Body[headerName].(map[string]any); ok {
		d.Header = header
		delete(d.Body, headerName)
	}
	return d
}

func (d decoded) texts(name string) []string {
	var out []string
	for _, v := range d.Header[name].([]any) {
		out = append(out, v.(string))
	}
	return out
}

// fixture reads a file of recorded vendor data, skipping the test where there is none.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../../../../../shared/reference/fixtures/salesforce/" + name)
	if err != nil {
		t.Skipf("the recorded vendor data is not here: %v", err)
	}
	return data
}

func number(text string) json.Number { return json.Number(text) }
