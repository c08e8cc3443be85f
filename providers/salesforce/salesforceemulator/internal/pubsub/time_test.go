package pubsub

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(o *Options) { o.Clock = nil })
		start := time.Now()
		r := h.subscribe(accountTest, latest, nil, 5).ready()
		for range 3 {
			if answer, err := r.answer(); err != nil || len(answer.GetEvents()) != 0 {
				t.Fatalf("%v %v", answer, err)
			}
		}
		if passed := time.Since(start); passed > 3*270*time.Second || passed < 3*200*time.Second {
			t.Errorf("three keep-alives took %v", passed)
		}
		h.inject(fault.Fault{Kind: fault.Hold, Delay: 20 * time.Second})
		written := time.Now()
		h.named(1)
		r.raw(1)
		if waited := time.Since(written); waited != 20*time.Second {
			t.Errorf("a held event came after %v", waited)
		}
		stream, err := h.client.PublishStream(h.context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		failsWith(t, err, stream.Trailer(), codes.DeadlineExceeded, codePublishIdle)
	})
}

func TestSelfSignedTLS(t *testing.T) {
	certificate, authority, err := SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := New(Options{Schema: newTestOrg()})
	grpcServer := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})))
	server.Register(grpcServer)
	served := make(chan struct{})
	go func() { defer close(served); _ = grpcServer.Serve(listener) }()
	defer func() { grpcServer.Stop(); <-served }()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Fatal("the PEM text holds no certificate")
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12})))
		if err != nil {
			t.Fatal(err)
		}
		ctx := headers(t.Context(), testToken, testURL, testOrgID)
		if _, err := eventbus.NewPubSubClient(connection).GetTopic(ctx, &eventbus.TopicRequest{TopicName: accountTest}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		_ = connection.Close()
	}
}
