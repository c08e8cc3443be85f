package emulation

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

// gate lets requests through until it is shut. A vendor keeps what it has committed, whatever becomes of its machines; an
// emulator that is killed keeps what is in its state file. Shutting the gate first makes the two the same.
type gate struct {
	mu   sync.RWMutex // read-locked by a request until its work is done
	shut atomic.Bool
}

// guard has a handler's requests go through the gate: what came before it was shut is carried out, and nothing is
// answered any more.
func (g *gate) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.RLock()
		o := &outlet{ResponseWriter: w, r: r, g: g}
		defer o.done.Do(g.mu.RUnlock) // where the handler breaks off
		if g.shut.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(o, r)
		o.begin()
	})
}

// close shuts the gate and returns when the work of all that was let in is done.
func (g *gate) close() {
	g.shut.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
}

// outlet is an answer, whose first byte says that the work is done.
type outlet struct {
	http.ResponseWriter
	r    *http.Request
	g    *gate
	done sync.Once
}

func (o *outlet) begin() {
	o.done.Do(o.g.mu.RUnlock)
	if o.g.shut.Load() {
		panic(http.ErrAbortHandler)
	}
}

func (o *outlet) WriteHeader(status int) {
	o.begin()
	o.ResponseWriter.WriteHeader(status)
}

func (o *outlet) Write(b []byte) (int, error) {
	o.begin()
	return o.ResponseWriter.Write(b)
}

// Freeze carries out what has begun, answers no vendor's call any more, and saves both sides. What is killed after it has
// lost nothing that anybody was told of. It is for good: only a restart serves again.
func (e *Emulation) Freeze() error {
	e.gate.close()
	return errors.Join(e.Monday.Save(), e.Salesforce.Save())
}

// Unwrap gives the answer to whoever is about to break it off or flush it (see http.ResponseController).
func (o *outlet) Unwrap() http.ResponseWriter {
	o.begin()
	return o.ResponseWriter
}
