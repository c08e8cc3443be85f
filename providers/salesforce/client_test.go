package salesforce

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"accord/engine/provider"
)

func post(t *testing.T, p *Provider) error {
	t.Helper()
	var into []saved
	return p.client.do(t.Context(), request{op: "test", doing: "test", method: http.MethodPost, path: "/composite/sobjects",
		body: object{{"a", 1}}, write: true}, &into)
}

func TestErrorsOfCalls(t *testing.T) {
	answer := func(status int, code, message string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { refuse(w, status, code, message) }
	}
	raw := func(status int, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = w.Write([]byte(text)) }
	}
	hangUp := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter)
		read   provider.Kind
		write  provider.Kind
		calls  [2]int // of a read and of a write
	}{
		{"maintenance", answer(503, "SERVER_UNAVAILABLE", "down"), provider.Transient, provider.Transient, [2]int{maxAttempts, maxAttempts}},
		{"a gateway gave up", raw(504, "<html>"), provider.Transient, provider.Unknown, [2]int{maxAttempts, 1}},
		{"broken off", hangUp, provider.Transient, provider.Unknown, [2]int{maxAttempts, 1}},
		{"cut short", raw(200, `[{"id":`), provider.Transient, provider.Unknown, [2]int{maxAttempts, 1}},
		{"internal error", answer(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred"), provider.Transient, provider.Unknown, [2]int{maxAttempts, 1}},
		{"the day's calls are used up", answer(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), provider.Exhausted, provider.Exhausted, [2]int{1, 1}},
		{"lock", answer(500, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), provider.Locked, provider.Locked, [2]int{1, 1}},
		{"bad query", answer(400, "MALFORMED_QUERY", "unexpected token"), provider.Invalid, provider.Invalid, [2]int{1, 1}},
		{"forbidden", answer(403, "INSUFFICIENT_ACCESS", "no"), provider.Denied, provider.Denied, [2]int{1, 1}},
		{"moved", raw(302, ""), provider.Invalid, provider.Invalid, [2]int{1, 1}},
		{"gone version", answer(410, "UNSUPPORTED_API_VERSION", "gone"), provider.Invalid, provider.Invalid, [2]int{1, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i, call := range []func(*testing.T, *Provider) error{func(t *testing.T, p *Provider) error {
				var into map[string]any
				return p.client.do(t.Context(), request{op: "test", doing: "test", method: http.MethodGet, path: "/limits"}, &into)
			}, post} {
				o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) { test.answer(w) })
				e := asPort(t, call(t, o.provider(t)))
				if want := [2]provider.Kind{test.read, test.write}[i]; e.Kind != want {
					t.Errorf("kind of call %d = %v (%v), want %v", i, e.Kind, e, want)
				}
				// net/http itself may repeat a read once, when a connection that it kept turns out to be closed.
				if n := len(o.seen()); n != test.calls[i] && !(test.name == "broken off" && i == 0 && n > maxAttempts) {
					t.Errorf("call %d was made %d times, want %d", i, n, test.calls[i])
				}
			}
		})
	}
}

func TestRepeatsUntilItGoes(t *testing.T) {
	n := 0
	o := newFakeOrg(t, nil)
	o.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if n++; n < 3 {
			refuse(w, 503, "SERVER_UNAVAILABLE", "down")
			return
		}
		writeJSON(w, 200, []saved{})
	}
	if err := post(t, o.provider(t)); err != nil || n != 3 {
		t.Errorf("error %v after %d calls", err, n)
	}
}

func TestNothingWasSent(t *testing.T) {
	o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) { writeJSON(w, 200, []saved{}) })
	p := o.provider(t)
	if err := post(t, p); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.client.http.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	}}
	p.client.config.Timeout = 1e9
	// A deadline ends repetitions at once, so this says only what kind it is.
	if e := asPort(t, post(t, p)); e.Kind != provider.Transient {
		t.Errorf("kind = %v (%v), want transient: no connection came about", e.Kind, e)
	}
}

func TestWhatEveryCallSays(t *testing.T) {
	var calls []provider.Call
	o := newFakeOrg(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if got := r.Header.Get("Sforce-Call-Options"); got != "client=accord" {
			t.Errorf("Sforce-Call-Options = %q", got)
		}
		w.Header().Set("X-Request-Id", "req-1")
		writeJSON(w, 200, map[string]any{})
	})
	p := o.provider(t, func(c *Config) { c.Observe = func(call provider.Call) { calls = append(calls, call) } })
	if err := get(t, p); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 2 || calls[1].Status != 200 || calls[1].RequestID != "req-1" || calls[1].Connection != "salesforce.crm" {
		t.Errorf("observed %+v", calls)
	}
	u := p.Usage()
	if len(u) != 1 || u[0].Limit != 15000 || u[0].Used != 4143 || u[0].Remaining != 10857 {
		t.Errorf("usage = %+v", u)
	}
}

func TestDailyBudget(t *testing.T) {
	o := newFakeOrg(t, func(w http.ResponseWriter, _ *http.Request, _ string) { writeJSON(w, 200, map[string]any{}) })
	p := o.provider(t, func(c *Config) { c.DailyCalls = 2 })
	for range 2 {
		if err := get(t, p); err != nil {
			t.Fatal(err)
		}
	}
	e := asPort(t, get(t, p))
	if e.Kind != provider.Exhausted || e.RetryAfter <= 0 || len(o.seen()) != 2 {
		t.Errorf("error = %v of kind %v after %d calls", e, e.Kind, len(o.seen()))
	}
}

func TestVendorErrors(t *testing.T) {
	row := func(code, message string, fields ...string) vendorError {
		return vendorError{StatusCode: code, Message: message, Fields: fields}
	}
	tests := []struct {
		list []vendorError
		kind provider.Kind
		code string
	}{
		{[]vendorError{row("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")}, provider.Locked, "UNABLE_TO_LOCK_ROW"},
		{[]vendorError{row("DUPLICATE_VALUE", "duplicate value found")}, provider.Stale, "DUPLICATE_VALUE"},
		{[]vendorError{row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Trg: UNABLE_TO_LOCK_ROW")}, provider.Locked, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"},
		{[]vendorError{row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Trg: null pointer")}, provider.Invalid, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"},
		{[]vendorError{row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")}, provider.NotFound, "INVALID_CROSS_REFERENCE_KEY"},
		{[]vendorError{row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "AccountId")}, provider.Stale, "INVALID_CROSS_REFERENCE_KEY"},
		{[]vendorError{row("ENTITY_IS_DELETED", "entity is deleted")}, provider.NotFound, "ENTITY_IS_DELETED"},
		{[]vendorError{row("ALL_OR_NONE_OPERATION_ROLLED_BACK", "rolled back")}, provider.Transient, "ALL_OR_NONE_OPERATION_ROLLED_BACK"},
		{[]vendorError{row("UNABLE_TO_LOCK_ROW", "lock"), row("STRING_TOO_LONG", "too long", "Name")}, provider.Invalid, "STRING_TOO_LONG"},
		{[]vendorError{row("SOMETHING_NEW", "?")}, provider.Invalid, "SOMETHING_NEW"},
		{nil, provider.Internal, ""},
	}
	for _, test := range tests {
		e := fromVendor("update", test.list, 0, true, "")
		if e.Kind != test.kind || e.Code != test.code {
			t.Errorf("%v: kind %v, code %s; want %v, %s", test.list, e.Kind, e.Code, test.kind, test.code)
		}
		for _, v := range test.list {
			if !strings.Contains(e.Error(), v.Message) {
				t.Errorf("%q is lost in %q", v.Message, e)
			}
		}
	}
}
