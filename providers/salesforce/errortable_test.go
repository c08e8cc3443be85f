package salesforce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/salesforce/salesforceemulator"
)

// refusal is one error of the catalogues of the REST, SOAP and Bulk API guides: status is that of a request as a whole,
// 0 for a code that only rows of a collection have.
type refusal struct {
	code    string
	status  int
	message string
}

func documentedRefusals() []refusal {
	list := []refusal{
		{"INVALID_SESSION_ID", 401, "Session expired or invalid"},
		{"INVALID_AUTH_HEADER", 401, "INVALID_HEADER_TYPE"},
		{"API_DISABLED_FOR_ORG", 403, "The REST API is not enabled for this Organization."},
		{"API_CURRENTLY_DISABLED", 403, "API is disabled for this User"},
		{"REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded."},
		{"REQUEST_LIMIT_EXCEEDED", 403, "ConcurrentPerOrgLongTxn Limit exceeded."},
		{"REQUEST_RUNNING_TOO_LONG", 400, "Your request was running for too long, and has been stopped."},
		{"QUERY_TIMEOUT", 400, "Your query request was running for too long."},
		{"SERVER_UNAVAILABLE", 503, "Server is unavailable"},
		{"UNKNOWN_EXCEPTION", 500, "An unexpected error occurred. Please include this ErrorId"},
		{"INTERNAL_SERVER_ERROR", 500, "An unexpected error occurred"},
		{"UNABLE_TO_LOCK_ROW", 500, "unable to obtain exclusive access to this record"},
		{"UNABLE_TO_LOCK_ROW", 0, "unable to obtain exclusive access to this record or 1 records"},
		{"TXN_SECURITY_NO_ACCESS", 403, "The operation is blocked by a policy"},
		{"TOO_MANY_APEX_REQUESTS", 503, "Too many Apex requests"},
		{"INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", 503, "The instance is being upgraded"},
		{"STORAGE_LIMIT_EXCEEDED", 400, "storage limit exceeded"},
		{"LIMIT_EXCEEDED", 400, "limit exceeded"},
		{"UNSUPPORTED_API_VERSION", 410, "The requested API version is retired"},
		{"MALFORMED_QUERY", 400, "unexpected token: 'SELEKT'"},
		{"INVALID_TYPE", 400, "sObject type 'Nope' is not supported."},
		{"INVALID_QUERY_LOCATOR", 400, "invalid query locator"},
		{"METHOD_NOT_ALLOWED", 405, "HTTP Method 'PUT' not allowed."},
		{"UNSUPPORTED_MEDIA_TYPE", 415, "Content type not supported"},
		{"NOT_FOUND", 404, "The requested resource does not exist"},
		{"ENTITY_IS_DELETED", 404, "entity is deleted"},
		{"JSON_PARSER_ERROR", 400, "Unexpected character"},
		{"INVALID_FIELD", 400, "No such column 'Nope' on entity 'Account'."},
		{"MATCH_PRECONDITION_FAILED", 412, "a precondition failed"},
		{"TooManyLockFailure", 400, "Too many lock failures"},
		{"ExceededQuota", 400, "ExceededQuota : ApiBatchItems Limit exceeded."},
		{"InvalidJobState", 400, "Invalid job state"},
		{"InvalidBatch", 400, "The batch is invalid"},
		{"InvalidUser", 400, "The user is not the job's"},
		{"FeatureNotEnabled", 400, "Bulk API is not enabled"},
		{"ClientInputError", 400, "Failed to read the request"},
		{"Timeout", 400, "The request timed out"},
		{"UNHEARD_OF", 418, "a code and a status that nobody has seen yet"},
		{"UNHEARD_OF", 0, "a row's code that nobody has seen yet"},
		{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", 0, "DealTrigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW"},
		{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", 0, "DealTrigger: execution of BeforeUpdate caused by: System.NullPointerException"},
	}
	for _, code := range []string{
		"DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID", "DUPLICATES_DETECTED", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
		"FIELD_INTEGRITY_EXCEPTION", "FIELD_FILTER_VALIDATION_EXCEPTION", "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "NUMBER_OUTSIDE_VALID_RANGE",
		"INVALID_TYPE_ON_FIELD_IN_RECORD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INSUFFICIENT_ACCESS_OR_READONLY",
		"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "INSUFFICIENT_ACCESS", "CANNOT_EXECUTE_FLOW_TRIGGER", "APEX_ERROR",
		"CANNOT_UPDATE_CONVERTED_LEAD", "INVALID_EMAIL_ADDRESS", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "ENTITY_IS_LOCKED",
		"ENTITY_IS_ARCHIVED", "MALFORMED_ID", "INACTIVE_OWNER_OR_USER", "TRANSFER_REQUIRES_READ", "STORAGE_LIMIT_EXCEEDED",
		"PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
	} {
		list = append(list, refusal{code, 0, "refused"})
	}
	return list
}

// TestErrorTable provokes every documented error once: of requests while reading and while writing, and of single rows.
// The golden file is what the provider makes of each, for people to read.
func TestErrorTable(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-54s %-5s %-15s %-15s %s\n", "the org answers", "HTTP", "while reading", "while writing", "retry after")
	rows := newOrg(t)
	deals := rows.deals(t, "")
	id := rows.deal(t, "Deal", 1)
	for _, r := range documentedRefusals() {
		name := r.code
		if r.code == "REQUEST_LIMIT_EXCEEDED" || r.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" {
			name += " (" + r.message[strings.LastIndex(r.message, ":")+1:] + ")"
		}
		if len(name) > 54 {
			name = name[:53] + "…"
		}
		if r.status == 0 {
			if err := rows.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultItem, Code: r.code, Message: r.message}); err != nil {
				t.Fatal(err)
			}
			results, err := deals.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: id, Fields: record.Fields{"Amount": must(record.OfDecimal("2"))}}}})
			if err != nil {
				t.Fatalf("%s: the batch failed for one row: %v", r.code, err)
			}
			e := asPort(t, results[0].Err)
			if e.Code != r.code || !strings.Contains(e.Message, r.message) {
				t.Errorf("%s: the row's error says %q of %q", r.code, e.Code, e.Message)
			}
			fmt.Fprintf(&b, "%-54s %-5s %-15s %-15s %s\n", name, "row", "", e.Kind, after(e.RetryAfter))
			continue
		}
		var got [2]*provider.Error
		for i, q := range []request{
			{op: "query", doing: "read", method: http.MethodGet, path: "/limits"},
			{op: "POST Account", doing: "write", method: http.MethodPost, path: "/sobjects/Account", body: object{{"Name", "x"}}, write: true, rows: 1},
		} {
			o := newOrg(t)
			if _, err := o.p.client.sessions.get(t.Context()); err != nil { // so that the fault strikes the call itself
				t.Fatal(err)
			}
			// Twice, for a session that has ended is renewed, and the call repeated, before anybody hears of it.
			err := o.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultError, Status: r.status, Code: r.code, Message: r.message, Count: 2})
			if err != nil {
				t.Fatal(err)
			}
			if got[i] = o.p.client.attempt(t.Context(), q, nil); got[i] == nil {
				t.Fatalf("%s: no error", r.code)
			}
			if got[i].Code != r.code || got[i].Op != q.doing {
				t.Errorf("%s: the error is %v", r.code, got[i])
			}
		}
		fmt.Fprintf(&b, "%-54s %-5d %-15s %-15s %s\n", name, r.status, got[0].Kind, got[1].Kind, after(got[1].RetryAfter))
	}
	for _, kind := range []salesforceemulator.FaultKind{salesforceemulator.FaultDropBefore, salesforceemulator.FaultDropAfter, salesforceemulator.FaultErrorAfter} {
		o := newOrg(t)
		if _, err := o.p.client.sessions.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := request{op: "POST Account", doing: "write", method: http.MethodPost, path: "/sobjects/Account", body: object{{"Name", "x"}}, write: true, rows: 1}
		if err := o.Inject(salesforceemulator.Fault{Kind: kind, Status: 500}); err != nil {
			t.Fatal(err)
		}
		e := o.p.client.attempt(t.Context(), q, nil)
		if e == nil {
			t.Fatalf("%s: no error", kind)
		}
		fmt.Fprintf(&b, "%-54s %-5s %-15s %-15s %s\n", kind, "-", "", e.Kind, after(e.RetryAfter))
	}
	t.Log("\n" + b.String())
	golden(t, "errors.golden", b.String())
}

func after(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.Round(time.Second).String()
}

// TestEventErrorTable ends a subscription with every code of the Pub/Sub API's table ("Handle Errors") once.
func TestEventErrorTable(t *testing.T) {
	codes := []string{
		"service.unavailable", "service.protection.triggered", "service.protection.stream.limit.triggered", "service.auth.error",
		"service.auth.headers.invalid", "service.auth.refresh.invalid", "service.tenant.license", "concurrent.client.limit.exceeded",
		"topic.api.unavailable", "topic.not.found", "topic.meta.permission", "topic.validation.empty", "schema.api.unavailable",
		"schema.meta.permission", "schema.validation.failed", "subscription.topic.cannot.subscribe", "subscription.internal.error",
		"subscription.fetch.requested.events.invalid", "subscription.fetch.topic.mismatch", "subscription.fetch.request.invalid",
		"subscription.fetch.overflow", "subscription.fetch.replay.repeated", "subscription.fetch.replayid.validation.failed",
		"subscription.fetch.replayid.corrupted", "subscription.limit.exceeded", "publish.event.count.invalid", "publish.topic.mismatch",
		"publish.topic.validation.empty", "publish.auth.refresh.invalid", "publish.stream.sweeper.timeout",
		"managed.subscription.already.active", "managed.subscription.config.stopped", "managed.subscription.config.deleted",
		"managed.subscription.developer.name.not.found", "managed.subscription.subscription.id.not.found",
		"managed.subscription.subscription.id.invalid", "managed.subscription.id.or.developer.name.empty",
		"managed.subscription.fetch.request.events.invalid", "managed.subscription.fetch.request.invalid",
		"managed.subscription.fetch.request.commit.request.restricted", "managed.subscription.fetch.request.auth.request.restricted", "",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-62s %-8s %-15s %s\n", "the event bus answers", "gRPC", "kind", "retry after")
	o := newOrg(t)
	spec := dealSpec()
	spec.Watched = true
	resources, _ := o.apply(t, spec)
	for _, code := range codes {
		// More than once: a stream that the last round gave up may still be on its way to the server.
		calls := o.calls.count()
		arrange(t, o.Inject, fmt.Sprintf(`{"kind":"error","operation":"pubsub/Subscribe","count":1000,"code":%q}`, code))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- o.p.Watch(ctx, []provider.Binding{{Spec: spec, Resources: resources}}, map[string]string{}, func(context.Context, []record.Change, provider.Cursor) error { return nil })
		}()
		call := o.failedSubscribe(t, calls)
		stop()
		<-ended
		var e *provider.Error
		if !errors.As(call.Err, &e) {
			t.Fatalf("%s: %v is no error of the port", code, call.Err)
		}
		if code != "" && e.Code != code || e.RequestID == "" && code != "" {
			t.Errorf("%s: the error is %+v", code, e)
		}
		if code == "" {
			code = "a broken connection"
		}
		retry := ""
		if e.Kind == provider.Throttled || e.Kind == provider.Exhausted {
			retry = after(e.RetryAfter)
		}
		fmt.Fprintf(&b, "%-62s %-8d %-15s %s\n", code, call.Status-1000, e.Kind, retry)
		o.ClearFaults()
	}
	t.Log("\n" + b.String())
	golden(t, "event-errors.golden", b.String())
}

// failedSubscribe waits for the first call since n that failed to follow a topic.
func (o *org) failedSubscribe(t *testing.T, n int) provider.Call {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		o.calls.mu.Lock()
		for _, c := range o.calls.list[min(n, len(o.calls.list)):] {
			if strings.HasPrefix(c.Operation, "Subscribe") && c.Err != nil {
				o.calls.mu.Unlock()
				return c
			}
		}
		o.calls.mu.Unlock()
		select {
		case <-deadline.C:
			t.Fatalf("no subscription failed: %+v", o.calls.list[n:])
		case <-tick.C:
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	got = strings.Join(lines, "\n")
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (UPDATE_GOLDEN=1 rewrites it):\n%s", path, diff)
	}
}

func (l *callLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list)
}
