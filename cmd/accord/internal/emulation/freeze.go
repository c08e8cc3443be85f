package emulation

import (
	"errors"
	"net/http"
	"sync"
)

// gate lets requests through until it is shut. A vendor keeps what it has committed, whatever becomes of its machines; an
// emulator that is killed keeps what is in its state file. Shutting the gate first makes the two the same.
type gate struct {
	mu     sync.Mutex
	inside int // requests whose work is not done
	shut   bool
	empty  chan struct{} // closed when nobody is inside any more; nil until the gate is shut
}

// guard has a handler's requests go through the gate: what came before it was shut is carried out, and nothing is
// answered any more.
func (g *gate) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			panic(http.ErrAbortHandler)
		}
		o := &outlet{ResponseWriter: w, g: g}
		defer o.done.Do(g.leave) // where the handler breaks off
		h.ServeHTTP(o, r)
		o.begin()
	})
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.shut {
		close(g.empty)
	}
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// close shuts the gate and returns when the work of all that was let in is done. It waits on a channel: in virtual time
// nobody may wait on a lock that is held by somebody who waits for a timer.
func (g *gate) close() {
	g.mu.Lock()
	if !g.shut {
		g.shut, g.empty = true, make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	<-g.empty
}

// outlet is an answer, whose first byte says that the work is done.
type outlet struct {
	http.ResponseWriter
	g    *gate
	done sync.Once
}

func (o *outlet) begin() {
	o.done.Do(o.g.leave)
	if o.g.isShut() {
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
