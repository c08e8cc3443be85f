package salesforceemulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/fault"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/pubsub"
)

// Fault is one thing that will go wrong. One format serves calls over HTTP, calls of the Pub/Sub API, the event bus, and changes
// that somebody else makes to the org meanwhile; its JSON is what POST /faults of the admin handler takes.
type Fault = fault.Fault

// FaultKind says what goes wrong.
type FaultKind = fault.Kind

// The kinds of faults: those of calls, those that change the org just before a call, and those of the event bus. What each does
// and needs is said where package fault defines them.
const (
	FaultDropBefore = fault.DropBefore
	FaultDropAfter  = fault.DropAfter
	FaultTruncate   = fault.Truncate
	FaultError      = fault.Error
	FaultErrorAfter = fault.ErrorAfter
	FaultExpire     = fault.Expire
	FaultItem       = fault.Item
	FaultDelay      = fault.Delay
	FaultOAuth      = fault.OAuth
	FaultBreakJob   = fault.BreakJob

	FaultLock           = fault.Lock
	FaultRemoveField    = fault.RemoveField
	FaultRemoveValue    = fault.RemoveValue
	FaultDeactivateUser = fault.DeactivateUser

	FaultDrop          = fault.Drop
	FaultStaleReplay   = fault.StaleReplay
	FaultGap           = fault.Gap
	FaultOverflow      = fault.Overflow
	FaultDuplicate     = fault.Duplicate
	FaultLose          = fault.Lose
	FaultHold          = fault.Hold
	FaultDeliveryLimit = fault.DeliveryLimit
)

// Inject adds a fault to the script. One that makes no sense is refused.
func (e *Emulator) Inject(f Fault) error {
	if f.Kind == FaultOAuth && f.Code == "" {
		f.Code, f.Message = "invalid_grant", "authentication failure"
	}
	if err := pubsub.CheckFault(f); err != nil {
		return fmt.Errorf("injecting a fault: %w", err)
	}
	if err := e.faults.Add(f); err != nil {
		return fmt.Errorf("injecting a fault: %w", err)
	}
	return nil
}

// Faults lists the faults that have not happened yet.
func (e *Emulator) Faults() []Fault { return e.faults.Remaining() }

// ClearFaults takes all faults back that have not happened yet.
func (e *Emulator) ClearFaults() { e.faults.Clear() }

// html is the page an error shows where a proxy answers instead of the API.
func html(status int, message string) response {
	if message == "" {
		message = http.StatusText(status)
	}
	body := fmt.Sprintf("<html>\n<head><title>%d %s</title></head>\n<body>\n<h1>%s</h1>\n<p>We are down for maintenance or cannot serve this page.</p>\n</body>\n</html>\n", status, http.StatusText(status), message)
	return response{status: status, raw: []byte(body), ctype: "text/html;charset=UTF-8"}
}

// faultAnswer is what a fault of kind error answers.
func faultAnswer(f Fault) response {
	status, code, message := f.Status, f.Code, f.Message
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	if f.HTML {
		return html(status, message)
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

// wait waits for d of emulated time, or until the caller goes.
func (r *request) wait(d time.Duration) {
	_ = r.e.clock.Wait(r.http.Context(), d) // a caller that is gone needs no answer
}

func expired() response {
	return refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
}

// faultBefore applies the faults that come before a call is done; true means that it is not done at all.
func (e *Emulator) faultBefore(r *request, op string) (response, bool) {
	e.othersChange(op)
	if f, ok := e.faults.Take(func(f *Fault) bool { return f.Strikes(op, FaultDelay) }); ok {
		r.wait(f.Delay)
	}
	f, ok := e.faults.Take(func(f *Fault) bool {
		return f.Strikes(op, FaultDropBefore, FaultError, FaultExpire) && (f.Kind != FaultExpire || len(f.Items) == 0)
	})
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
		return expired(), true
	}
	return faultAnswer(f), true
}

// faultAfter applies the faults that strike once the call is done.
func (e *Emulator) faultAfter(r *request, op string, resp response) response {
	f, ok := e.faults.Take(func(f *Fault) bool { return f.Strikes(op, FaultDropAfter, FaultErrorAfter, FaultTruncate) })
	if !ok {
		return resp
	}
	switch f.Kind {
	case FaultDropAfter:
		r.wait(f.Delay)
		return response{abort: true}
	case FaultTruncate:
		resp.truncate = true
		return resp
	}
	return faultAnswer(f)
}

// expirePart tells, for each part of a batch or composite call, whether its session has ended before it.
func (e *Emulator) expirePart(r *request) func(part int) bool {
	op := operation(r.method, r.path)
	from := -1
	return func(part int) bool {
		if from >= 0 {
			return part >= from
		}
		f, ok := e.faults.Take(func(f *Fault) bool { return f.Strikes(op, FaultExpire) && slices.Contains(f.Items, part) })
		if !ok {
			return false
		}
		from = slices.Min(f.Items)
		_, auth := e.core()
		auth.expireForNow(bearer(r.http))
		return true
	}
}

// brokenJob tells, for a Bulk job of n rows, whether a fault breaks it: why, and how many of its rows are done before.
func (e *Emulator) brokenJob(n int) (why string, done int) {
	f, ok := e.faults.Take(func(f *Fault) bool { return f.Kind == FaultBreakJob })
	if !ok {
		return "", n
	}
	why = f.Message
	if why == "" {
		why = "InternalServerError : Unexpected error while the job was processed"
	}
	if len(f.Items) == 0 {
		return why, 0
	}
	return why, min(n, slices.Min(f.Items))
}

// itemFault fails a record of a list or a Bulk job, where a fault says so.
func (e *Emulator) itemFault(op string, i int) *org.Error {
	f, ok := e.faults.Take(func(f *Fault) bool {
		return f.Kind == FaultItem && (f.Operation == "" || strings.EqualFold(f.Operation, op)) && (len(f.Items) == 0 || slices.Contains(f.Items, i))
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

// othersChange makes the changes to the org that faults say happen just before a call. One that cannot be made is only logged:
// the script may be ahead of the org.
func (e *Emulator) othersChange(op string) {
	for {
		f, ok := e.faults.Take(func(f *Fault) bool {
			return f.Strikes(op, FaultLock, FaultRemoveField, FaultRemoveValue, FaultDeactivateUser)
		})
		if !ok {
			return
		}
		var err error
		switch f.Kind {
		case FaultLock:
			e.LockRecord(f.Record, f.Delay)
		case FaultRemoveField:
			err = e.RemoveField(f.Object, f.Field)
		case FaultRemoveValue:
			err = e.RemovePicklistValue(f.Object, f.Field, f.Value)
		default:
			err = e.DeactivateUser(f.User)
		}
		if err != nil {
			e.log.Warn("a fault could not change the org", "kind", f.Kind, "error", err)
		}
	}
}

// RemoveField deletes a custom field with its values, as an administrator does in Setup.
func (e *Emulator) RemoveField(object, field string) error {
	return e.direct("", func(tx *org.Tx) error { return tx.RemoveField(object, field) })
}

// RemovePicklistValue takes a value out of a picklist, as an administrator does in Setup: it may no longer be given, records
// that have it keep it.
func (e *Emulator) RemovePicklistValue(object, field, value string) error {
	return e.direct("", func(tx *org.Tx) error { return tx.RemovePicklistValue(object, field, value) })
}

// DeactivateUser deactivates a user, given by username, e-mail or name: sessions end, and nothing can be given to them.
func (e *Emulator) DeactivateUser(name string) error {
	u, ok := e.FindUser(name)
	if !ok {
		return fmt.Errorf("deactivating %s: there is no such user", name)
	}
	if err := e.Update("", "User", u.ID, Fields{"IsActive": false}); err != nil {
		return fmt.Errorf("deactivating %s: %w", name, err)
	}
	return nil
}
