package storm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// relay passes one address on to another, with the ear at it.
type relay struct {
	ear    *Ear
	lis    net.Listener
	to     string
	called bool // the callers are vendors, and accord answers
	vendor Vendor

	mu    sync.Mutex
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newRelay(ear *Ear, to string, v Vendor, called bool) (*relay, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen in front of %s: %w", to, err)
	}
	r := &relay{ear: ear, lis: lis, to: to, called: called, vendor: v, conns: map[net.Conn]bool{}}
	r.wg.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() { r.pass(conn) })
		}
	})
	return r, nil
}

func (r *relay) address() string { return r.lis.Addr().String() }

// pass carries one connection until either end closes it.
func (r *relay) pass(caller net.Conn) {
	defer caller.Close()
	callee, err := net.DialTimeout("tcp", r.to, 5*time.Second)
	if err != nil {
		return
	}
	defer callee.Close()
	r.mu.Lock()
	r.conns[caller] = true
	r.mu.Unlock()
	told, said := r.ear.Connection(r.vendor, r.called)
	asks, answers := said, told
	if r.called {
		asks, answers = told, said
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.copy(caller, callee, answers)
		_ = caller.Close() // ends the other direction
	}()
	r.copy(callee, caller, asks)
	_ = callee.Close() // ends the other direction
	<-back
	r.mu.Lock()
	delete(r.conns, caller)
	r.mu.Unlock()
}

func (r *relay) copy(to io.Writer, from io.Reader, s *Stream) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			s.Hear(buf[:n])
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut breaks all connections that are open.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close() // that it fails is the point
	}
}

func (r *relay) close() error {
	err := r.lis.Close()
	r.cut()
	r.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
