package salesforceemulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// FaultKind says what goes wrong.
type FaultKind string

// The faults of the HTTP side. Those of the event side are injected through Events.
const (
	// FaultDropBefore breaks the connection before anything is done; FaultDropAfter once it is done and committed.
	// Both wait Delay first, so that a client can run into its time-out.
	FaultDropBefore FaultKind = "drop_before"
	FaultDropAfter  FaultKind = "drop_after"
	// FaultError answers Status, Code and Message instead of doing anything; FaultErrorAfter does so once it is done.
	FaultError      FaultKind = "error"
	FaultErrorAfter FaultKind = "error_after"
	// FaultExpire ends the session of the call, which is answered 401.
	FaultExpire FaultKind = "expire"
	// FaultItem fails records of a collection or Bulk job with Code and Message (UNABLE_TO_LOCK_ROW unless given): those
	// whose positions are in Items, or all.
	FaultItem FaultKind = "item"
	// FaultDelay makes the call wait Delay.
	FaultDelay FaultKind = "delay"
	// FaultOAuth refuses a token request with Code (error) and Message (error_description).
	FaultOAuth FaultKind = "oauth"
)

// Fault is one thing that will go wrong: with the calls named Operation (any, where empty), after the first Skip of
// them, Count times (once where zero, for ever where negative).
type Fault struct {
	Kind      FaultKind `json:"kind"`
	Operation string    `json:"operation,omitempty"`
	Skip      int       `json:"skip,omitempty"`
	Count     int       `json:"count,omitempty"`
	Status    int       `json:"status,omitempty"`
	Code      string    `json:"code,omitempty"`
	Message   string    `json:"message,omitempty"`
	Items     []int     `json:"items,omitempty"`
	// Delay in JSON is text such as "20s".
	Delay time.Duration `json:"-"`
}

// UnmarshalJSON reads a fault as fault scripts write it.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type plain Fault
	script := struct {
		*plain
		Delay string `json:"delay"`
	}{plain: (*plain)(f)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&script); err != nil {
		return fmt.Errorf("reading a fault: %w", err)
	}
	if script.Delay == "" {
		return nil
	}
	d, err := time.ParseDuration(script.Delay)
	if err != nil {
		return fmt.Errorf("reading the delay of a fault: %w", err)
	}
	f.Delay = d
	return nil
}

type faultList struct {
	mu   sync.Mutex
	list []*Fault
}

// Inject adds a fault.
func (e *Emulator) Inject(f Fault) error {
	switch f.Kind {
	case FaultDropBefore, FaultDropAfter, FaultError, FaultErrorAfter, FaultExpire, FaultItem, FaultDelay:
	case FaultOAuth:
		if f.Code == "" {
			f.Code, f.Message = "invalid_grant", "authentication failure"
		}
	default:
		return fmt.Errorf("injecting a fault: there is no kind %q", f.Kind)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.list = append(e.faults.list, &f)
	return nil
}

// ClearFaults takes all faults back, those of the event side too.
func (e *Emulator) ClearFaults() {
	e.faults.mu.Lock()
	e.faults.list = nil
	e.faults.mu.Unlock()
	e.events.ClearFaults()
}

// take finds the first fault that matches and uses it once.
func (l *faultList) take(matches func(*Fault) bool) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.list {
		if !matches(f) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				l.list = slices.Delete(l.list, i, i+1)
			}
		}
		return *f, true
	}
	return Fault{}, false
}

func (f *Fault) is(op string, kinds ...FaultKind) bool {
	return slices.Contains(kinds, f.Kind) && (f.Operation == "" || strings.EqualFold(f.Operation, op))
}

func (f Fault) answer() response {
	status, code, message := f.Status, f.Code, f.Message
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	if code == "" {
		code = map[int]string{500: "UNKNOWN_EXCEPTION", 503: "SERVER_UNAVAILABLE", 403: "REQUEST_LIMIT_EXCEEDED", 401: "INVALID_SESSION_ID", 404: "NOT_FOUND"}[status]
	}
	if code == "" {
		code = "UNKNOWN_EXCEPTION"
	}
	if message == "" {
		message = map[string]string{"UNKNOWN_EXCEPTION": "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345 (1234567890)",
			"SERVER_UNAVAILABLE": "Server is unavailable", "REQUEST_LIMIT_EXCEEDED": "TotalRequests Limit exceeded.", "INVALID_SESSION_ID": "Session expired or invalid",
			"UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record"}[code]
	}
	return refuse(status, code, "%s", message)
}

// wait waits for d, or until the caller goes.
func (r *request) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.http.Context().Done():
	}
}

// faultBefore applies the faults that come before a call is done; true means that it is not done at all.
func (e *Emulator) faultBefore(r *request, op string) (response, bool) {
	if f, ok := e.faults.take(func(f *Fault) bool { return f.is(op, FaultDelay) }); ok {
		r.wait(f.Delay)
	}
	f, ok := e.faults.take(func(f *Fault) bool { return f.is(op, FaultDropBefore, FaultError, FaultExpire) })
	if !ok {
		return response{}, false
	}
	switch f.Kind {
	case FaultDropBefore:
		r.wait(f.Delay)
		return response{abort: true}, true
	case FaultExpire:
		_, auth := e.core()
		auth.expireForNow(bearer(r.http))
		return refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid"), true
	}
	return f.answer(), true
}

// faultAfter applies the faults that strike once the call is done.
func (e *Emulator) faultAfter(r *request, op string, resp response) response {
	f, ok := e.faults.take(func(f *Fault) bool { return f.is(op, FaultDropAfter, FaultErrorAfter) })
	if !ok {
		return resp
	}
	if f.Kind == FaultDropAfter {
		r.wait(f.Delay)
		return response{abort: true}
	}
	return f.answer()
}

// itemFault fails a record of a list, where a fault says so.
func (e *Emulator) itemFault(r *request, i int) *org.Error {
	op := operation(r.method, r.path)
	f, ok := e.faults.take(func(f *Fault) bool {
		return f.is(op, FaultItem) && (len(f.Items) == 0 || slices.Contains(f.Items, i))
	})
	if !ok {
		return nil
	}
	if f.Code == "" {
		f.Code = "UNABLE_TO_LOCK_ROW"
	}
	if f.Message == "" {
		f.Message = "unable to obtain exclusive access to this record or 1 records"
	}
	return &org.Error{Code: f.Code, Message: f.Message}
}

// expireForNow ends a session. The token of the options, which nothing could renew, only fails this once.
func (a *authServer) expireForNow(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[token]; s != nil && !s.forever {
		delete(a.sessions, token)
	}
}
