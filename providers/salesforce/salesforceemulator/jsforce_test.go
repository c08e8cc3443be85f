package salesforceemulator

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"accord/providers/salesforce/salesforceemulator/internal/pubsub"
)

// npmClients is the folder, shared by the emulators' tests, in which client libraries are installed.
const npmClients = "../../../testdata/clients"

// npmClient returns node and the folder that holds the installed package, or skips the test.
func npmClient(t *testing.T, name string) (node, folder string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	folder, err = filepath.Abs(npmClients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", name)); err != nil {
		t.Skipf("%s is not installed; run: npm ci --omit=optional --ignore-scripts in testdata/clients", name)
	}
	return node, folder
}

// TestJSForce lets the most used client library work against the emulator, unchanged.
func TestJSForce(t *testing.T) {
	node, folder := npmClient(t, "jsforce")
	c := serve(t)
	withKey(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "jsforce.cjs"))
	cmd.Env = append(os.Environ(), "SF_URL="+c.srv.URL, "SF_CLIENT_ID="+testClientID, "SF_CLIENT_SECRET="+testSecret,
		"SF_NOW="+testStart.Format(time.RFC3339), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `ok login
ok identity
ok describe
ok rows
ok collections and upsert
ok query
ok composite
ok updated and deleted
ok deleted records
ok limits
ok bulk
ok tooling
ok layouts
ok destroy
ok revoked session
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

// TestPubSubClientFromNode logs in by client credentials, subscribes to what REST writes, resumes after a replay id, and
// decodes the changed fields, with the npm package salesforce-pubsub-api-client, unchanged.
func TestPubSubClientFromNode(t *testing.T) {
	node, folder := npmClient(t, "salesforce-pubsub-api-client")
	script, err := os.ReadFile(filepath.Join("testdata", "pubsub.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t)
	if err := c.e.SelectForChangeEvents("Opportunity"); err != nil {
		t.Fatal(err)
	}
	certificate, _, err := pubsub.SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})))
	c.e.RegisterPubSub(server)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	defer func() { server.Stop(); <-served }()

	id := c.do("POST", "/sobjects/Opportunity", obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "NextStep": "call"}).id()
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"NextStep": nil, "Amount": 12.5}).want(204)
	c.do("DELETE", "/sobjects/Opportunity/"+id, nil).want(204)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--input-type=module", "-", c.srv.URL, listener.Addr().String(), testClientID, testSecret)
	cmd.Dir = folder // imports are looked up from here
	cmd.Stdin = strings.NewReader(string(script))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	type event struct {
		Type    string
		Record  string
		Changed []string
		Nulled  []string
		Amount  *float64
	}
	var got struct{ All, Resumed []event }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	amount := 12.5
	want := []event{
		{"CREATE", id, []string{}, []string{}, nil},
		{"UPDATE", id, []string{"Amount", "ExpectedRevenue", "LastModifiedDate", "NextStep"}, []string{"NextStep"}, &amount},
		{"DELETE", id, []string{}, []string{}, nil},
	}
	if diff := cmp.Diff(want, got.All); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:], got.Resumed); diff != "" {
		t.Errorf("resumed after the second event: %s", diff)
	}
}
