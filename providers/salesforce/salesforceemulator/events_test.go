package salesforceemulator

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"accord/providers/salesforce/internal/eventbus"
)

// TestChangeEventsOverGRPC writes over REST and reads the change events over the Pub/Sub API.
func TestChangeEventsOverGRPC(t *testing.T) {
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Opportunity", "Account", "Account"); err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.e.ServeGRPC(lis) }()
	conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer func() {
		cancel()
		_ = conn.Close()
		if err := c.e.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	ctx = metadata.AppendToOutgoingContext(ctx, "accesstoken", testToken, "instanceurl", c.srv.URL, "tenantid", c.e.OrgID())
	client := eventbus.NewPubSubClient(conn)
	sub, err := client.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Send(&eventbus.FetchRequest{TopicName: "/data/OpportunityChangeEvent", ReplayPreset: eventbus.ReplayPreset_EARLIEST, NumRequested: 10}); err != nil {
		t.Fatal(err)
	}
	c.hdr["Sforce-Call-Options"] = "client=accord/1.2"
	deal := obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100}
	id := c.do("POST", "/sobjects/Opportunity", deal).id()
	c.do("POST", "/sobjects/Opportunity", obj{"Name": "Deal"}).want(400) // a refused save sends nothing
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"StageName": "Closed Won"}).want(204)
	c.do("DELETE", "/sobjects/Opportunity/"+id, nil).want(204)

	var kinds []string
	schemas := map[string]*avro.Schema{}
	for len(kinds) < 3 {
		resp, err := sub.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range resp.Events {
			sid := ev.Event.SchemaId
			if schemas[sid] == nil {
				info, err := client.GetSchema(ctx, &eventbus.SchemaRequest{SchemaId: sid})
				if err != nil {
					t.Fatal(err)
				}
				if schemas[sid], err = avro.Parse(info.SchemaJson); err != nil {
					t.Fatal(err)
				}
			}
			var got map[string]any
			if _, err := schemas[sid].Decode(ev.Event.Payload, &got); err != nil {
				t.Fatal(err)
			}
			head, _ := got["ChangeEventHeader"].(map[string]any)
			kind, _ := head["changeType"].(string)
			kinds = append(kinds, kind)
			if ids, _ := head["recordIds"].([]any); head["changeOrigin"] != "com/salesforce/api/rest/68.0;client=accord/1.2" || len(ids) != 1 || ids[0] != id {
				t.Errorf("header %+v", head)
			}
			if kind == "UPDATE" && got["Probability"] != 100.0 {
				t.Errorf("the update does not carry what follows from the stage: %v", got["Probability"])
			}
		}
	}
	if s := strings.Join(kinds, " "); s != "CREATE UPDATE DELETE" {
		t.Errorf("events %s", s)
	}
}
