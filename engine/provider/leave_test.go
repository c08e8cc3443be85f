package provider_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"accord/engine/provider"
)

// A request with a body asks once it has its connection: leave that was lost while one was made keeps it back.
func TestARequestAsksWhenItHasItsConnection(t *testing.T) {
	var whole atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if text, err := io.ReadAll(r.Body); err == nil && (string(text) == "hello" || r.Method == http.MethodDelete) {
			whole.Add(1)
		}
	}))
	defer server.Close()
	lost := errors.New("too late")
	for _, c := range []struct {
		name           string
		method, body   string
		before, during bool // whether leave is lost before the call, or while its connection is made
		sent           int64
	}{
		{"with leave", http.MethodPost, "hello", false, false, 1},
		{"lost before", http.MethodPost, "hello", true, false, 0},
		{"lost while connecting", http.MethodPost, "hello", false, true, 0},
		{"without a body", http.MethodDelete, "", false, false, 1},
		{"without a body, lost before", http.MethodDelete, "", true, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole.Store(0)
			var gone atomic.Bool
			gone.Store(c.before)
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				gone.Store(gone.Load() || c.during)
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}}}
			ctx := provider.WithLeave(t.Context(), func() error {
				if gone.Load() {
					return lost
				}
				return nil
			})
			r, err := http.NewRequestWithContext(ctx, c.method, server.URL, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			refused, err := provider.LeaveHTTP(r, "greet")
			if err == nil {
				var resp *http.Response
				if resp, err = client.Do(r); err == nil {
					_ = resp.Body.Close()
				} else {
					err = refused()
				}
			}
			if held := c.sent == 0; held != (err != nil) || held && (!errors.Is(err, lost) || provider.KindOf(err) != provider.Withheld) {
				t.Errorf("the error is %v", err)
			}
			server.CloseClientConnections()
			if got := whole.Load(); got != c.sent {
				t.Errorf("%d requests arrived whole, want %d", got, c.sent)
			}
		})
	}
}

// A call under which nobody asked for leave to be asked goes as ever, and leave can be taken away again.
func TestNobodyMinds(t *testing.T) {
	refuse := provider.WithLeave(t.Context(), func() error { return errors.New("no") })
	for _, ctx := range []context.Context{t.Context(), provider.WithLeave(refuse, nil)} {
		if err := provider.Leave(ctx, "greet"); err != nil {
			t.Error(err)
		}
	}
	if err := provider.Leave(refuse, "greet"); provider.KindOf(err) != provider.Withheld || !strings.Contains(err.Error(), "greet: not sent: no") {
		t.Error(err)
	}
}
