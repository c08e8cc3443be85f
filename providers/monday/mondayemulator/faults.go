package mondayemulator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"accord/providers/monday/mondayemulator/internal/delivery"
	"accord/providers/monday/mondayemulator/internal/gql"
)

// FaultKind names a failure that the vendor documents or that networks have.
type FaultKind string

// Faults of a request, then faults of a webhook delivery.
const (
	TimeoutBefore   FaultKind = "timeout_before"   // no answer, nothing was written
	TimeoutAfter    FaultKind = "timeout_after"    // no answer, all was written
	Error500Before  FaultKind = "error_500_before" // Internal Server Error, nothing was written
	Error500After   FaultKind = "error_500_after"  // Internal Server Error, all was written
	TimeoutMidway   FaultKind = "timeout_midway"   // no answer, the first aliases (Aliases) were written
	Error500Midway  FaultKind = "error_500_midway" // Internal Server Error, the first aliases were written
	Error502        FaultKind = "error_502"        // a gateway's page, not JSON
	Error503        FaultKind = "error_503"
	Truncated       FaultKind = "truncated"        // all was written, half the answer arrives
	RateMinute      FaultKind = "rate_minute"      // 429 of each kind
	RateConcurrency FaultKind = "rate_concurrency" //
	RateComplexity  FaultKind = "rate_complexity"  //
	RateIP          FaultKind = "rate_ip"          //
	RateField       FaultKind = "rate_field"       // in the older flat form
	RateDaily       FaultKind = "rate_daily"       //
	Locked          FaultKind = "locked"           // 423
	Blocked         FaultKind = "blocked"          // API_TEMPORARILY_BLOCKED, status 200
	CursorExpired   FaultKind = "cursor_expired"   // every cursor ends before the request is run
	Slow            FaultKind = "slow"             // answers after Delay
	OtherVersion    FaultKind = "other_version"    // is served by the maintenance version without a word
	EmptyBoards     FaultKind = "empty_boards"     // the token sees no board, as after a loss of access
	Refused         FaultKind = "refused"          // any of the documented errors: Code, Message, HTTP, Status, RetryIn, Data

	WebhookLost      FaultKind = "webhook_lost"
	WebhookDoubled   FaultKind = "webhook_doubled"
	WebhookLate      FaultKind = "webhook_late"      // by Delay
	WebhookReordered FaultKind = "webhook_reordered" // after the next one to that address
	WebhookUnsigned  FaultKind = "webhook_unsigned"
	WebhookForged    FaultKind = "webhook_forged" // signed with another secret
	WebhookWrongAud  FaultKind = "webhook_wrong_aud"
)

var requestFaults = []FaultKind{
	TimeoutBefore, TimeoutAfter, TimeoutMidway, Error500Before, Error500After, Error500Midway, Error502, Error503, Truncated, RateMinute, RateConcurrency,
	RateComplexity, RateIP, RateField, RateDaily, Locked, Blocked, CursorExpired, Slow, OtherVersion, EmptyBoards, Refused,
}

var webhookFaults = []FaultKind{WebhookLost, WebhookDoubled, WebhookLate, WebhookReordered, WebhookUnsigned, WebhookForged, WebhookWrongAud}

// Fault is one line of a fault script.
type Fault struct {
	ID        int       `json:"id"` // given by the emulator
	Kind      FaultKind `json:"kind"`
	Operation string    `json:"operation,omitempty"` // a top-level field, or the type of a webhook's event; "" is any
	Skip      int       `json:"skip,omitempty"`      // so many that fit pass first
	Times     int       `json:"times,omitempty"`     // 0 is once, -1 for ever
	Chance    float64   `json:"chance,omitempty"`    // above 0: each with this probability, from the seed
	DelayMS   int       `json:"delay_ms,omitempty"`  // timeouts, slow and late; 0 is the kind's own
	Aliases   int       `json:"aliases,omitempty"`   // top-level fields that run before a midway fault; 0 is half of them
	Played    int       `json:"played"`

	// For refused: extensions.code, the text, the HTTP status (0 is 200), extensions.status_code, retry_in_seconds, error_data.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	HTTP    int    `json:"http,omitempty"`
	Status  int    `json:"status_code,omitempty"`
	RetryIn int    `json:"retry_in_seconds,omitempty"`
	Data    any    `json:"error_data,omitempty"`
}

func (f Fault) delay(own time.Duration) time.Duration {
	if f.DelayMS > 0 {
		return time.Duration(f.DelayMS) * time.Millisecond
	}
	return own
}

type stage int

const (
	stageRequest stage = iota
	stageWebhook
)

// faults is the script that is in force.
type faults struct {
	random func() float64
	mu     sync.Mutex
	list   []*Fault
	next   int
}

func newFaults(random func() float64) *faults { return &faults{random: random} }

// AddFault puts a fault into the script. Earlier ones come first.
func (e *Emulator) AddFault(f Fault) (int, error) {
	if !slices.Contains(requestFaults, f.Kind) && !slices.Contains(webhookFaults, f.Kind) {
		return 0, fmt.Errorf("add fault: kind %q is unknown; kinds are %v and %v", f.Kind, requestFaults, webhookFaults)
	}
	if f.Kind == Refused && (f.Code == "" && f.Message == "" || f.HTTP != 0 && http.StatusText(f.HTTP) == "") {
		return 0, fmt.Errorf("add fault: refused needs a code or a message, and an HTTP status that there is")
	}
	if f.Chance < 0 || f.Chance > 1 || f.Skip < 0 || f.DelayMS < 0 {
		return 0, fmt.Errorf("add fault: chance must lie between 0 and 1, skip and delay must not be negative")
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.next++
	f.ID, f.Played = e.faults.next, 0
	if f.Times == 0 {
		f.Times = 1
	}
	e.faults.list = append(e.faults.list, &f)
	return f.ID, nil
}

// Faults lists the script, with how often each was played.
func (e *Emulator) Faults() []Fault {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	out := []Fault{}
	for _, f := range e.faults.list {
		out = append(out, *f)
	}
	return out
}

// ClearFaults ends the script.
func (e *Emulator) ClearFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.list = nil
}

// take finds the fault that strikes now, if any.
func (s *faults) take(operations []string, at stage) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if slices.Contains(webhookFaults, f.Kind) != (at == stageWebhook) || f.Times == 0 {
			continue
		}
		if f.Operation != "" && !slices.Contains(operations, f.Operation) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Chance > 0 && s.random() >= f.Chance {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		f.Played++
		hit := *f
		return &hit
	}
	return nil
}

const (
	serverTimeout = 60 * time.Second // developer.monday.com, "Development best practices"
	lateBy        = 2 * time.Second
)

// before plays what a fault does ahead of the run. done means that there will be none; a nil answer
// then cuts the connection.
func (e *Emulator) before(ctx context.Context, f *Fault, id string, w http.ResponseWriter, c call) (a *answer, done bool) {
	fail := func(err *gql.Error) (*answer, bool) {
		e.meter.headers(w.Header(), c.now, c.mutation, true)
		return e.refuse(err, id), true
	}
	switch f.Kind {
	case TimeoutBefore:
		e.pause(ctx, f.delay(serverTimeout))
		return nil, true
	case Slow:
		e.pause(ctx, f.delay(lateBy))
	case OtherVersion:
		w.Header().Set("API-Version", versions[len(versions)-1].Value)
	case Error500Before:
		return fail(internalError())
	case Error502, Error503:
		status := http.StatusBadGateway
		if f.Kind == Error503 {
			status = http.StatusServiceUnavailable
		}
		return &answer{status: status, header: http.Header{}, body: []byte("<html><head><title>" + strconv.Itoa(status) + "</title></head><body>" + http.StatusText(status) + "</body></html>")}, true
	case RateMinute:
		return fail(tooMany("Rate Limit Exceeded", "Minute limit rate exceeded", 30))
	case RateConcurrency:
		return fail(tooMany("maxConcurrencyExceeded", "Concurrency limit exceeded", 1))
	case RateComplexity:
		return fail(complexityRefusal(c.cost, 100, e.meter.plan.complexity, 30))
	case RateIP:
		return fail(tooMany("IP_RATE_LIMIT_EXCEEDED", "IP rate limit exceeded", 10))
	case RateDaily:
		return fail(dailyLimit(c.now))
	case RateField:
		e.count(func(k *Counters) { k.Errors["FIELD_LIMIT_EXCEEDED"]++ })
		body := fmt.Sprintf(`{"error_message":"Concurrency limit exceeded for the field","error_code":"FIELD_LIMIT_EXCEEDED","error_data":{"retry_in_seconds":15,"entity":"boards"},"status_code":429,"account_id":%d}`, e.acct.ID)
		return &answer{status: http.StatusTooManyRequests, header: http.Header{}, body: []byte(body)}, true
	case Refused:
		return fail(f.refusal())
	case Locked:
		return fail(locked())
	case Blocked:
		return fail(&gql.Error{Message: "API is temporarily blocked", Code: "API_TEMPORARILY_BLOCKED", Status: 200})
	case CursorExpired:
		e.acct.Lock()
		e.acct.ExpireCursors()
		e.acct.Unlock()
	}
	return nil, false
}

// refusal is the error that a fault of kind refused answers with.
func (f *Fault) refusal() *gql.Error {
	err := &gql.Error{Message: f.Message, Code: f.Code, Status: f.Status, HTTP: f.HTTP, Data: f.Data}
	if f.RetryIn > 0 {
		err.Extra = map[string]any{"retry_in_seconds": f.RetryIn}
		if f.HTTP != 0 {
			err.Header = map[string]string{"Retry-After": strconv.Itoa(f.RetryIn)}
		}
	}
	return err
}

// after plays what a fault does with the answer.
func (e *Emulator) after(ctx context.Context, f *Fault, a *answer, id string) *answer {
	switch f.Kind {
	case TimeoutAfter, TimeoutMidway:
		e.pause(ctx, f.delay(serverTimeout))
		return nil
	case Error500After:
		return e.refuse(internalError(), id)
	case Truncated:
		return &answer{status: a.status, header: a.header, body: a.body[:len(a.body)/2]}
	}
	return a
}

func internalError() *gql.Error {
	return &gql.Error{Message: "Internal server error", Code: "INTERNAL_SERVER_ERROR", Status: 500, HTTP: http.StatusInternalServerError}
}

// planDelivery asks the script about a webhook request.
func (e *Emulator) planDelivery(event map[string]any) delivery.Plan {
	kind, _ := event["type"].(string)
	f := e.faults.take([]string{kind}, stageWebhook)
	if f == nil {
		return delivery.Plan{}
	}
	e.count(func(c *Counters) { c.FaultsPlayed++ })
	switch f.Kind {
	case WebhookLost:
		return delivery.Plan{Drop: true}
	case WebhookDoubled:
		return delivery.Plan{Copies: 1}
	case WebhookLate:
		return delivery.Plan{Delay: f.delay(lateBy)}
	case WebhookReordered:
		return delivery.Plan{Hold: true}
	case WebhookUnsigned:
		return delivery.Plan{Unsigned: true}
	case WebhookForged:
		return delivery.Plan{Forged: true}
	case WebhookWrongAud:
		return delivery.Plan{Audience: "https://elsewhere.example/hook"}
	}
	return delivery.Plan{}
}
