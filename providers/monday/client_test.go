package monday

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

func TestErrorKinds(t *testing.T) {
	coded := func(code, message string) string {
		return fmt.Sprintf(`{"errors":[{"message":%q,"extensions":{"code":%q}}],"extensions":{"request_id":"r-1"}}`, message, code)
	}
	tests := []struct {
		name  string
		write bool
		reply reply
		want  provider.Error
	}{
		{"not authenticated", false, reply{status: 401, body: coded("NOT_AUTHENTICATED", "Not authenticated")}, provider.Error{Kind: provider.Unauthorized, Code: "NOT_AUTHENTICATED"}},
		{"restricted ip", false, reply{status: 401, body: `{"errors":["Your ip is restricted"]}`}, provider.Error{Kind: provider.Unauthorized, Code: "401", Message: "Your ip is restricted"}},
		{"denied in a 200", false, reply{body: `{"data":[],"errors":[{"message":"User unauthorized to perform action","extensions":{"code":"UserUnauthorizedException","status_code":403}}]}`}, provider.Error{Kind: provider.Denied, Code: "UserUnauthorizedException"}},
		{"daily limit", false, reply{status: 429, body: coded("DAILY_LIMIT_EXCEEDED", "no more")}, provider.Error{Kind: provider.Exhausted, Code: "DAILY_LIMIT_EXCEEDED"}},
		{"bulk limit with its own field", true, reply{status: 429, body: `{"errors":[{"message":"x","extensions":{"code":"RATE_LIMIT_EXCEEDED","retryAfterMs":900000}}]}`}, provider.Error{Kind: provider.Throttled, Code: "RATE_LIMIT_EXCEEDED", RetryAfter: 15 * time.Minute}},
		{"legacy format", false, reply{status: 429, body: `{"error_message":"Concurrency limit exceeded for the field","error_code":"FIELD_LIMIT_EXCEEDED","error_data":{"retry_in_seconds":1500,"entity":"boards"},"status_code":429}`}, provider.Error{Kind: provider.Throttled, Code: "FIELD_LIMIT_EXCEEDED", RetryAfter: 25 * time.Minute}},
		{"hint in words", false, reply{status: 429, body: `{"error_code":"ComplexityException","error_message":"Complexity budget exhausted, query cost 30001 budget remaining 19986 out of 1000000 reset in 3000 seconds"}`}, provider.Error{Kind: provider.Throttled, Code: "ComplexityException", RetryAfter: 50 * time.Minute}},
		{"hint in the header wins", false, reply{status: 429, header: map[string]string{"Retry-After": "4000"}, body: coded("IP_RATE_LIMIT_EXCEEDED", "x")}, provider.Error{Kind: provider.Throttled, Code: "IP_RATE_LIMIT_EXCEEDED", RetryAfter: 4000 * time.Second}},
		{"write, server error", true, reply{status: 500, body: coded("INTERNAL_SERVER_ERROR", "Internal Server Error")}, provider.Error{Kind: provider.Unknown, Code: "INTERNAL_SERVER_ERROR"}},
		{"write, server error in a 200", true, reply{body: coded("INTERNAL_SERVER_ERROR", "Internal Server Error")}, provider.Error{Kind: provider.Unknown, Code: "INTERNAL_SERVER_ERROR"}},
		{"write, gateway", true, reply{status: 502, body: "<html>bad gateway</html>"}, provider.Error{Kind: provider.Unknown, Code: "502"}},
		{"write, broken connection", true, reply{hang: true}, provider.Error{Kind: provider.Unknown}},
		{"write, half an answer", true, reply{body: `{"data":{"m0":`}, provider.Error{Kind: provider.Unknown}},
		{"write, empty answer", true, reply{body: `{}`}, provider.Error{Kind: provider.Unknown}},
		{"write, more than is read", true, reply{body: strings.Repeat(" ", maxBody+1)}, provider.Error{Kind: provider.Unknown, Message: "monday.com answered with more than 64 MB: shorten what items of this board hold in their text columns"}},
		{"undefined field", false, reply{body: `{"errors":[{"message":"Field 'x' doesn't exist","path":["query",0],"extensions":{"code":"undefinedField"}}]}`}, provider.Error{Kind: provider.Invalid, Code: "undefinedField"}},
		{"redirect", false, reply{status: 302, header: map[string]string{"Location": "http://127.0.0.1:1/"}}, provider.Error{Kind: provider.Invalid, Code: "302"}},
		{"silent other version", false, reply{header: map[string]string{"API-Version": "2027-01"}, body: `{"data":{"boards":[]}}`}, provider.Error{Kind: provider.Invalid, Code: "api_version"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := newVendor(t, test.reply)
			var calls []provider.Call
			p := newProvider(t, v.URL, func(c *Config) { c.Observe = func(call provider.Call) { calls = append(calls, call) } })
			d := newDocument("query", "q")
			d.add("boards{id}")
			if test.write {
				d = newDocument("mutation", "q")
				d.add("m0:delete_item(item_id:1){id}")
			}
			_, err := p.client.call(t.Context(), d.request("do this", "op", 1))
			var e *provider.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *provider.Error", err)
			}
			if e.Kind != test.want.Kind || e.Code != test.want.Code || test.want.Message != "" && e.Message != test.want.Message {
				t.Errorf("got %v %q %q, want %v %q", e.Kind, e.Code, e.Message, test.want.Kind, test.want.Code)
			}
			if test.want.RetryAfter != 0 && e.RetryAfter != test.want.RetryAfter {
				t.Errorf("retry after %v, want %v", e.RetryAfter, test.want.RetryAfter)
			}
			if strings.Contains(err.Error(), "token-1") {
				t.Errorf("the error shows the token: %v", err)
			}
			if len(calls) != 1 || calls[0].Err == nil || calls[0].Write != test.write {
				t.Errorf("observed %+v, want one call that went wrong", calls)
			}
		})
	}
}

func TestReadIsRepeatedAndWriteIsNot(t *testing.T) {
	v := newVendor(t, reply{status: 503}, reply{hang: true}, reply{body: `{"data":{"boards":[{"items_count":7}],"complexity":{"query":12,"after":100,"reset_in_x_seconds":1}}}`})
	p := newProvider(t, v.URL, nil)
	n, err := dealRecords(t, p).Count(t.Context())
	if err != nil || n != 7 {
		t.Errorf("Count = %d, %v; want 7", n, err)
	}
	v = newVendor(t, reply{hang: true})
	_, err = dealRecords(t, newProvider(t, v.URL, nil)).Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Delete, ID: "5"}}})
	if provider.KindOf(err) != provider.Unknown || len(v.requests()) != 1 {
		t.Errorf("a broken write gave %v after %d requests, want an unknown outcome after one", err, len(v.requests()))
	}
}

func TestThrottledWriteIsRepeatedUnderItsKey(t *testing.T) {
	ok := `{"data":{"m0":{"id":"5","state":"deleted","name":"n","board":{"id":"12"}}}}`
	v := newVendor(t,
		reply{status: 429, body: `{"errors":[{"message":"x","extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED","retry_in_seconds":0.05}}]}`},
		reply{status: 423, body: `{"errors":[{"message":"Resource is currently locked, please try again later"}]}`},
		reply{status: 409, header: map[string]string{"Retry-After": "0"}, body: `{"errors":[{"message":"in flight","extensions":{"code":"IDEMPOTENCY_CONFLICT"}}]}`},
		reply{body: ok})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	results, err := r.Write(t.Context(), provider.Batch{Key: "k-1", Patches: []record.Patch{{Op: record.Delete, ID: "5"}}})
	if err != nil || results[0].Err != nil || results[0].ID != "5" {
		t.Fatalf("got %+v, %v", results, err)
	}
	got := v.requests()
	for _, s := range got {
		if s.header.Get("Idempotency-Key") != "k-1" || s.Query != got[0].Query {
			t.Errorf("a repetition differs: key %q\n%s", s.header.Get("Idempotency-Key"), s.Query)
		}
	}
	if h := got[0].header; h.Get("Authorization") != "token-1" || h.Get("API-Version") != DefaultVersion {
		t.Errorf("headers = %v", h)
	}
}

func TestLostTokenAndEndedContext(t *testing.T) {
	v := newVendor(t, reply{body: `{}`})
	p := newProvider(t, v.URL, func(c *Config) {
		c.Token = func(context.Context) (string, error) { return "", errors.New("no such variable") }
	})
	if _, err := p.People(t.Context(), []string{"1"}, nil); provider.KindOf(err) != provider.Unauthorized {
		t.Errorf("without a token: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := dealRecords(t, newProvider(t, v.URL, nil)).Write(ctx, provider.Batch{Patches: []record.Patch{{Op: record.Delete, ID: "5"}}})
	if k := provider.KindOf(err); k != provider.Transient {
		t.Errorf("an ended context before anything was sent gave %v", err)
	}
	if len(v.requests()) != 0 {
		t.Error("something was sent")
	}
}

func TestHeadersTeachTheLimits(t *testing.T) {
	v := newVendor(t, reply{
		header: map[string]string{
			"RateLimit-Policy": `"minuteRate";q=5000;w=60, "concurrency";q=250;qu="concurrent-requests", "complexityMinute";q=5000000;w=60;qu="content-bytes"`,
			"RateLimit":        `"minuteRate";r=4999, "concurrency";r=249, "complexityMinute";r=4950000;t=45`,
		},
		body: `{"data":{"boards":[{"items_count":7}],"complexity":{"query":1234,"after":4000000,"reset_in_x_seconds":30}}}`,
	})
	p := newProvider(t, v.URL, func(c *Config) { c.DailyShare = 0.4 })
	if _, err := dealRecords(t, p).Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]provider.Usage{}
	for _, u := range p.Usage() {
		got[u.Name] = u
	}
	if u := got[complexity]; u.Limit != 5_000_000 || u.Remaining != 4_000_000 {
		t.Errorf("complexity = %+v", u)
	}
	if u := got[dailyCalls]; u.Limit != 10_000 || u.Used != 1 || u.Remaining != 9999 {
		t.Errorf("daily calls = %+v, want one of 40%% of 25,000", u)
	}
	if price := p.client.governor.Price("boards", 1); price != 1234 {
		t.Errorf("price = %d", price)
	}
}

func TestUsedCallsSurviveARestart(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	bounded := func(c *Config) { c.Clock, c.DailyCalls = func() time.Time { return now }, 1 }
	v := newVendor(t, reply{body: `{"data":{"boards":[{"items_count":7}]}}`})
	first := newProvider(t, v.URL, bounded)
	if _, err := dealRecords(t, first).Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newProvider(t, v.URL, bounded)
	second.Restore(first.Usage())
	_, err := dealRecords(t, second).Count(t.Context())
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Exhausted || e.RetryAfter != 15*time.Hour || len(v.requests()) != 1 {
		t.Errorf("got %v after %d calls, want it exhausted until midnight after one", err, len(v.requests()))
	}
}

func TestNothingListening(t *testing.T) {
	r := dealRecords(t, newProvider(t, "http://127.0.0.1:1", nil))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := r.Write(ctx, provider.Batch{Patches: []record.Patch{{Op: record.Delete, ID: "5"}}})
	if provider.KindOf(err) != provider.Transient {
		t.Errorf("without a connection: %v, want it transient", err)
	}
}

// TestTimeRunsOutBetweenAttempts: what the vendor said is told, not that our own patience ended.
func TestTimeRunsOutBetweenAttempts(t *testing.T) {
	throttled := reply{status: 429, body: `{"errors":[{"message":"slow down","extensions":{"code":"IP_RATE_LIMIT_EXCEEDED","retry_in_seconds":0.05}}]}`}
	v := newVendor(t, throttled, reply{wait: true})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := r.Count(ctx)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Throttled || e.Code != "IP_RATE_LIMIT_EXCEEDED" || e.RetryAfter == 0 {
		t.Errorf("got %v", err)
	}
}

func FuzzParseLimits(f *testing.F) {
	f.Add(`"minuteRate";r=0;t=38, "concurrency";r=249`)
	f.Add(`;;=,,"`)
	f.Fuzz(func(t *testing.T, s string) {
		for name, l := range parseLimits(http.Header{"Ratelimit": {s}}) {
			if name == "" || l.remaining < -1 || l.reset < 0 || l.reset > 24*time.Hour {
				t.Errorf("%q gave %q %+v", s, name, l)
			}
		}
	})
}

// FuzzAnswer: whatever comes back, there is an answer or an error of the port, and a write without a clear answer is
// never said to be retriable.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"data":{"m0":null},"errors":[{"path":["m0",1],"extensions":{"code":"x","status_code":"429"}}]}`)
	f.Add(500, `{"errors":"text","error_data":[]}`)
	f.Add(200, `{"data":"{\"m0\":{}}","extensions":null}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		p := newProvider(t, "http://127.0.0.1:1", nil)
		r := request{what: "write", operation: "create_item", write: true, rows: 1}
		resp := &http.Response{StatusCode: 100 + (status%500+500)%500, Header: http.Header{}}
		a, err := p.client.read(r, resp, []byte(body), &provider.Call{})
		if err == nil {
			var row *itemRow
			err = a.decode("m0", &row)
			if err == nil {
				return
			}
		}
		var e *provider.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no error of the port", err)
		}
		if resp.StatusCode >= 500 && e.Kind == provider.Transient && e.Code != codeConflict {
			t.Errorf("status %d with %q is said to be safe to repeat: %v", resp.StatusCode, body, e)
		}
	})
}
