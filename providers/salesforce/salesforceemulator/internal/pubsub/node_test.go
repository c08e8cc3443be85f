package pubsub

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// npmClients is the folder, shared by the emulators' tests, in which client libraries are installed.
const npmClients = "../../../../../testdata/clients"

// The vendor community's client for Node decodes events with its own Avro library and its own bitmap parser, so that
// agreement with it is no agreement with ourselves.
func TestNodeClient(t *testing.T) {
	folder, err := filepath.Abs(npmClients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "salesforce-pubsub-api-client")); err != nil {
		t.Skip("salesforce-pubsub-api-client is not installed; run: npm ci --omit=optional --ignore-scripts in testdata/clients")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	script, err := os.ReadFile(filepath.Join("testdata", "client.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	certificate, _, err := SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secured := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})))
	h.server.Register(secured)
	served := make(chan struct{})
	go func() { defer close(served); _ = secured.Serve(listener) }()
	defer func() { secured.Stop(); <-served }()

	old := map[string]any{"Name": "Acme", "Industry": "Retail", "Phone": "1", "BillingStreet": "Old"}
	h.write(create("Account", accountID(1), old))
	h.write(update("Account", accountID(1), old, map[string]any{"Name": "Acme", "Industry": "Energy", "Phone": nil, "BillingStreet": "New"}))
	h.write(remove("Account", accountID(1)))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--input-type=module", "-", listener.Addr().String(), testToken, testURL, testOrgID)
	node.Dir = folder
	node.Stdin = bytes.NewReader(script)
	var stderr bytes.Buffer
	node.Stderr = &stderr
	output, err := node.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, stderr.String())
	}
	type change struct {
		ReplayID json.Number `json:"replayId"`
		Payload  map[string]any
	}
	var got struct {
		Published struct {
			ReplayID       json.Number `json:"replayId"`
			CorrelationKey string      `json:"correlationKey"`
		}
		Changes, Resumed, Shipped []change
	}
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, stderr.String())
	}
	if len(got.Changes) != 3 || len(got.Resumed) != 1 || len(got.Shipped) != 1 {
		t.Fatalf("%s", output)
	}
	updated := got.Changes[1].Payload
	header := updated[headerName].(map[string]any)
	if diff := cmp.Diff([]any{"Phone", "Industry", "LastModifiedDate", "BillingAddress.Street"}, header["changedFields"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"Phone"}, header["nulledFields"]); diff != "" {
		t.Error(diff)
	}
	if updated["Industry"] != "Energy" || got.Changes[0].Payload["Name"] != "Acme" {
		t.Errorf("%v", updated)
	}
	if got.Resumed[0].ReplayID != got.Changes[2].ReplayID {
		t.Errorf("resumed at %s, want %s", got.Resumed[0].ReplayID, got.Changes[2].ReplayID)
	}
	if got.Published.CorrelationKey != "key-1" || got.Published.ReplayID != got.Shipped[0].ReplayID || got.Shipped[0].Payload["Order__c"] != "O-1" {
		t.Errorf("%v %v", got.Published, got.Shipped)
	}
}
