package storm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

// token is what every text that people write holds, once in all the storm: it tells which edit a text is of, wherever it
// is seen.
var token = regexp.MustCompile(`z[0-9]{5}z`)

// tokenOf is the token in a text; "" where there is none.
func tokenOf(text string) string { return token.FindString(text) }

// passing is a token that went over the wire.
type passing struct {
	at   time.Time
	told bool // to accord; else by accord
	to   side // whom accord told
}

// wire stands between accord and the vendors, and between monday and accord. It listens in, and can be cut.
type wire struct {
	mu     sync.Mutex
	seen   map[string][]passing
	relays []*relay
}

// relay passes one address on to another.
type relay struct {
	w    *wire
	lis  net.Listener
	to   string
	told bool // what is sent by the caller goes to accord
	side side

	mu    sync.Mutex
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newWire() *wire { return &wire{seen: map[string][]passing{}} }

// relay begins to serve an address in front of another; hook says that callers are vendors.
func (w *wire) relay(to string, s side, hook bool) (*relay, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen in front of %s: %w", to, err)
	}
	r := &relay{w: w, lis: lis, to: to, told: hook, side: s, conns: map[net.Conn]bool{}}
	w.relays = append(w.relays, r)
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			r.wg.Add(1)
			go func() {
				defer r.wg.Done()
				r.pass(conn)
			}()
		}
	}()
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
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.copy(caller, callee, !r.told)
		_ = caller.Close() // ends the other direction
	}()
	r.copy(callee, caller, r.told)
	_ = callee.Close() // ends the other direction
	<-back
	r.mu.Lock()
	delete(r.conns, caller)
	r.mu.Unlock()
}

// copy passes bytes on, and notes the tokens among them before they arrive.
func (r *relay) copy(to io.Writer, from io.Reader, told bool) {
	const overlap = 6 // a token less one: it may come in two pieces
	buf := make([]byte, overlap, 32<<10)
	for {
		n, err := from.Read(buf[overlap:cap(buf)])
		if n > 0 {
			r.w.note(buf[:overlap+n], told, r.side)
			if _, err := to.Write(buf[overlap : overlap+n]); err != nil {
				return
			}
			copy(buf, buf[n:overlap+n])
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) note(text []byte, told bool, s side) {
	found := token.FindAll(text, -1)
	if found == nil {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range found {
		w.seen[string(t)] = append(w.seen[string(t)], passing{now, told, s})
	}
}

// passings are all sightings of a token so far.
func (w *wire) passings(token string) []passing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[token][:len(w.seen[token]):len(w.seen[token])]
}

// cut breaks all connections that a relay carries.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close() // that it fails is the point
	}
}

// close ends all of it.
func (w *wire) close() error {
	var failed error
	for _, r := range w.relays {
		failed = errors.Join(failed, r.lis.Close())
		r.cut()
		r.wg.Wait()
	}
	return failed
}
