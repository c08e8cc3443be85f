package provider

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

type leaveKey struct{}

// WithLeave has every request that may change something at a vendor, of all calls made under a context, ask before it is
// sent: an error keeps it from being sent. Ask may be called by any goroutine, and must not wait for anything: what it says
// is to be true of the moment in which the request leaves. A nil ask takes away one that was given before.
func WithLeave(ctx context.Context, ask func() error) context.Context {
	return context.WithValue(ctx, leaveKey{}, ask)
}

func asks(ctx context.Context) func() error {
	ask, _ := ctx.Value(leaveKey{}).(func() error)
	return ask
}

// Leave asks whether a request that may change something may be sent now. Providers ask for each such request, also for
// each of several that make up one call of the port, after all that they wait for: limits, other writers, connections. The
// error is an *Error of kind Withheld, with what the caller said below it. Doing is what was being done.
func Leave(ctx context.Context, doing string) error {
	if ask := asks(ctx); ask != nil {
		if err := ask(); err != nil {
			return &Error{Kind: Withheld, Op: doing, Message: "not sent: " + err.Error(), Err: err}
		}
	}
	return nil
}

// LeaveHTTP asks for an HTTP request. One without a body is asked for at once. One with a body asks at the last moment
// there is: when it has its connection and the body, without which nobody can carry it out, begins to be read. Refused
// tells afterwards whether a request that failed was kept from being sent.
func LeaveHTTP(r *http.Request, doing string) (refused func() error, err error) {
	ctx := r.Context()
	if asks(ctx) == nil {
		return func() error { return nil }, nil
	}
	if r.Body == nil || r.Body == http.NoBody {
		return func() error { return nil }, Leave(ctx, doing)
	}
	var no atomic.Pointer[error]
	wrap := func(body io.ReadCloser) io.ReadCloser {
		return &asking{ReadCloser: body, ask: func() error {
			err := Leave(ctx, doing)
			if err != nil {
				no.Store(&err)
			}
			return err
		}}
	}
	r.Body = wrap(r.Body)
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return wrap(body), nil
		}
	}
	return func() error {
		if err := no.Load(); err != nil {
			return *err
		}
		return nil
	}, nil
}

// asking is a body that asks before the first of it is read.
type asking struct {
	io.ReadCloser
	ask   func() error
	asked bool
	err   error
}

// Read is an io.Reader's.
func (a *asking) Read(p []byte) (int, error) {
	if !a.asked {
		a.asked, a.err = true, a.ask()
	}
	if a.err != nil {
		return 0, a.err
	}
	return a.ReadCloser.Read(p)
}
