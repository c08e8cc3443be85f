package salesforceemulator

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"accord/providers/salesforce/internal/eventbus"
)

// One clock drives it all: moving it ends sessions, lets jobs pass, sends keep-alives, frees allocations and ages events out.
func TestOneClock(t *testing.T) {
	c := serve(t, func(o *Options) {
		o.JobTime = time.Minute
		o.Limits = Limits{Enforce: true, DailyDeliveries: 1}
	})
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	bus, ctx := c.bus()
	subscribe := func(request *eventbus.FetchRequest) eventbus.PubSub_SubscribeClient {
		t.Helper()
		stream, err := bus.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		request.TopicName, request.NumRequested = "/data/AccountChangeEvent", 10
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		return stream
	}
	receive := func(stream eventbus.PubSub_SubscribeClient, events int) *eventbus.FetchResponse {
		t.Helper()
		answer, err := stream.Recv()
		if err != nil || len(answer.GetEvents()) != events {
			t.Fatalf("%v %v, want %d events", answer, err, events)
		}
		return answer
	}

	stream := subscribe(&eventbus.FetchRequest{})
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	c.e.Advance(261 * time.Second)
	receive(stream, 0) // a keep-alive
	c.do("POST", "/sobjects/Account", obj{"Name": "one"}).want(201)
	first := receive(stream, 1)
	c.do("POST", "/sobjects/Account", obj{"Name": "two"}).want(201)
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("over the day's allocation: %v", err)
	}
	c.e.Advance(25 * time.Hour)
	receive(subscribe(&eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_CUSTOM, ReplayId: first.GetLatestReplayId()}), 1)
	c.e.Advance(72 * time.Hour)
	stale := subscribe(&eventbus.FetchRequest{ReplayPreset: eventbus.ReplayPreset_CUSTOM, ReplayId: first.GetLatestReplayId()})
	if _, err := stale.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("an event older than 72 hours: %v", err)
	}

	job := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
	left := c.do("POST", "/jobs/ingest", obj{"object": "Account", "operation": "insert"}).want(200).get("id").(string)
	c.do("PUT", "/jobs/ingest/"+job+"/batches", "Name\nthree\n").want(201)
	c.do("PATCH", "/jobs/ingest/"+job, obj{"state": "UploadComplete"}).want(200)
	for _, step := range []struct {
		after time.Duration
		state string
	}{{0, "UploadComplete"}, {14 * time.Second, "UploadComplete"}, {time.Second, "InProgress"}, {44 * time.Second, "InProgress"}, {time.Second, "JobComplete"}} {
		c.e.Advance(step.after)
		c.do("GET", "/jobs/ingest/"+job, nil).want(200, `"state":"`+step.state+`"`)
	}
	query := c.do("POST", "/jobs/query", obj{"operation": "query", "query": "SELECT Id FROM Account"}).want(200).get("id").(string)
	c.do("PATCH", "/jobs/query/"+query, obj{"state": "Aborted"}).want(200, `"state":"Aborted"`)
	c.do("GET", "/jobs/query/"+query+"/results", nil).want(400, "INVALIDJOBSTATE")
	c.do("PATCH", "/jobs/ingest/"+job, obj{"state": "Aborted"}).want(400, "INVALIDJOBSTATE") // it is complete
	c.e.Advance(25 * time.Hour)
	c.do("GET", "/jobs/ingest/"+left, nil).want(200, `"state":"Aborted"`)
	c.do("GET", "/jobs/ingest/"+job+"/successfulResults", nil).want(200, "three")
	c.e.Advance(7 * 24 * time.Hour)
	c.do("GET", "/jobs/ingest/"+job, nil).want(404)

	token, err := c.e.Token("Integration User")
	if err != nil {
		t.Fatal(err)
	}
	c.tok = token
	c.e.Advance(2*time.Hour - time.Second)
	c.do("GET", "/limits", nil).want(200)
	c.e.Advance(2 * time.Hour)
	c.do("GET", "/limits", nil).want(401)
}

// At a pace, what takes an hour of the org takes a minute of the wall.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Options{Pace: 60, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		token, err := e.Token("Integration User")
		if err != nil {
			t.Fatal(err)
		}
		_, auth := e.core()
		time.Sleep(119 * time.Second)
		if _, ok := auth.check(token); !ok {
			t.Error("a session of two hours ended too early")
		}
		time.Sleep(120 * time.Second)
		if _, ok := auth.check(token); ok {
			t.Error("a session outlived two hours without use")
		}
	})
}
