package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
)

// router hands vendors' calls to the providers they are for. Which these are may change while it serves.
type router struct {
	logger hclog.Logger
	mu     sync.RWMutex
	paths  map[string]http.Handler
}

func newRouter(logger hclog.Logger) *router { return &router{logger: logger} }

// set replaces the providers; nil takes none, and callers are told to come again.
func (r *router) set(providers binding.Providers) {
	paths := map[string]http.Handler{}
	for _, p := range providers {
		if receiver, ok := p.(provider.Receiver); ok && receiver.Path() != "" {
			paths[receiver.Path()] = receiver.Handler()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = paths
}

// ServeHTTP finds the provider by its path. An unknown path is a stranger's, and is told nothing.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.RLock()
	handler, none := r.paths[req.URL.Path], len(r.paths) == 0
	r.mu.RUnlock()
	switch {
	case handler != nil:
		handler.ServeHTTP(w, req)
	case none:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		http.NotFound(w, req)
	}
}

// listenAddresses says where a contract's vendors call: `listen` of the connection, else the webhook URL's own address
// when it is on this machine.
func listenAddresses(c *contract.Contract) []string {
	var addresses []string
	for _, conn := range c.Connections {
		switch listen, hook := conn.Settings["listen"], conn.Settings["webhook_url"]; {
		case listen.Text != "":
			addresses = append(addresses, listen.Text)
		case hook.Text != "":
			if a := localAddress(hook.Text); a != "" {
				addresses = append(addresses, a)
			} else {
				addresses = append(addresses, defaultListen)
			}
		}
	}
	return addresses
}

// defaultListen is where webhooks arrive when the contract does not say: behind the reverse proxy that ends TLS.
const defaultListen = ":8787"

// serve answers on all addresses until ctx ends, and then lets requests in flight finish. Where other workers may run on
// this machine, an address that is taken is one of theirs, and is taken over when it becomes free.
func (r *router) serve(ctx context.Context, addresses []string, shared bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, address := range addresses {
		g.Go(func() error { return r.serveOn(ctx, address, shared) })
	}
	return g.Wait()
}

// serveOn does it for one address.
func (r *router) serveOn(ctx context.Context, address string, shared bool) error {
	lis, err := r.listen(ctx, address, shared)
	if ctx.Err() != nil && lis == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen for webhooks on %s: %w", address, err)
	}
	s := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(lis) }()
	select {
	case err := <-ended:
		return fmt.Errorf("listen for webhooks on %s: %w", address, err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		r.logger.Warn("stop listening", "address", address, "error", err)
	}
	return nil
}

// listen opens an address; a shared one as soon as it is free.
func (r *router) listen(ctx context.Context, address string, shared bool) (net.Listener, error) {
	for told := false; ; told = true {
		lis, err := net.Listen("tcp", address)
		if err == nil || !shared {
			return lis, err
		}
		if !told {
			r.logger.Info("webhook address is in use: another worker answers there, until it ends", "address", address, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
