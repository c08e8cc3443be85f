package rehearsal

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/grpc/test/bufconn"

	"accord/cmd/accord/internal/storm"
)

// network connects by name, in memory. All of it lives within one bubble: a socket of the operating system would keep
// time from passing.
type network struct {
	ear *storm.Ear // nil until somebody listens in

	mu    sync.Mutex
	hosts map[string]*bufconn.Listener
	open  map[*conn]bool
	dead  map[string]bool // who opens no connection any more
}

func newNetwork() *network {
	return &network{hosts: map[string]*bufconn.Listener{}, open: map[*conn]bool{}, dead: map[string]bool{}}
}

// room is what a connection holds that was written and not yet read: more than anybody writes before they read.
const room = 4 << 20

// listen begins to take connections for a name such as "monday:80"; who listened there before is gone.
func (n *network) listen(name string) net.Listener {
	l := bufconn.Listen(room)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[name] = l
	return l
}

var errRefused = errors.New("connection refused")

// dial opens a connection on behalf of somebody.
func (n *network) dial(ctx context.Context, who, name string) (net.Conn, error) {
	n.mu.Lock()
	h, dead := n.hosts[name], n.dead[who]
	n.mu.Unlock()
	if h == nil || dead {
		return nil, errRefused
	}
	near, err := h.DialContext(ctx)
	if err != nil {
		return nil, errRefused
	}
	c := n.conn(near, who, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[c] = true
	return c, nil
}

// conn is the end of a connection that was dialled. What accord and the vendors tell each other is overheard there.
type conn struct {
	net.Conn
	n         *network
	who, name string
	in, out   *storm.Stream // nil: nobody listens
}

func (n *network) conn(c net.Conn, who, name string) *conn {
	made := &conn{Conn: c, n: n, who: who, name: name}
	if n.ear == nil || !strings.HasPrefix(who, "accord") && name != hookHost {
		return made
	}
	vendor, called := storm.Salesforce, name == hookHost
	if called || name == hosts[0] {
		vendor = storm.Monday
	}
	// Accord dials, but for its own address, where it answers.
	made.in, made.out = n.ear.Connection(vendor, called)
	if called {
		made.in, made.out = made.out, made.in
	}
	return made
}

func (c *conn) Read(b []byte) (int, error) {
	k, err := c.Conn.Read(b)
	if c.in != nil && k > 0 {
		c.in.Hear(b[:k])
	}
	return k, err
}

func (c *conn) Write(b []byte) (int, error) {
	if c.out != nil {
		c.out.Hear(b)
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.n.mu.Lock()
	delete(c.n.open, c)
	c.n.mu.Unlock()
	return c.Conn.Close()
}

// cut breaks the connections that fit.
func (n *network) cut(fits func(*conn) bool) {
	n.mu.Lock()
	var list []*conn
	for c := range n.open {
		if fits(c) {
			list = append(list, c)
		}
	}
	n.mu.Unlock()
	for _, c := range list {
		_ = c.Close() // that it fails is the point
	}
}

// kill breaks all connections that somebody has, and lets them open no other.
func (n *network) kill(who string) {
	n.mu.Lock()
	n.dead[who] = true
	n.mu.Unlock()
	n.cut(func(c *conn) bool { return c.who == who })
}

// client makes HTTP calls on behalf of somebody.
func (n *network) client(who string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return n.dial(ctx, who, address)
	}}}
}
