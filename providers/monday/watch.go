package monday

import (
	"context"
	"net/http"

	"accord/engine/provider"
)

// watcher is a running Watch: where changes go, and which objects live on which board.
type watcher struct {
	emit    provider.Emit
	objects map[string][]string // by board id, in the order of the contract
}

// Watch takes webhooks in until ctx ends. The vendor keeps no place to go on from: it repeats an unanswered webhook
// for 30 minutes and then forgets it, and what is lost is found by List. Cursors are therefore neither read nor given.
func (p *Provider) Watch(ctx context.Context, bound []provider.Binding, _ map[string]string, emit provider.Emit) error {
	w := &watcher{emit: emit, objects: map[string][]string{}}
	for _, b := range bound {
		if !b.Spec.Watched {
			continue
		}
		address := newNames(b.Spec).board
		for _, r := range b.Resources {
			if r.Address == address && r.ID != "" {
				w.objects[r.ID] = append(w.objects[r.ID], b.Spec.Object)
			}
		}
	}
	p.mu.Lock()
	if p.closed || p.watcher != nil {
		p.mu.Unlock()
		return &provider.Error{Kind: provider.Invalid, Op: "watch " + p.connection, Message: "the connection is watched already, or was closed"}
	}
	p.watcher = w
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.watcher == w {
			p.watcher = nil
		}
	}()
	<-ctx.Done()
	return ctx.Err()
}

func (p *Provider) watching() *watcher {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watcher
}

// Path is where the vendor was told to call; "" when the connection receives no webhooks.
func (p *Provider) Path() string {
	if p.webhookURL == nil {
		return ""
	}
	if p.webhookURL.Path == "" {
		return "/"
	}
	return p.webhookURL.Path
}

// Handler receives webhooks. It answers 200 only once a change is safe.
func (p *Provider) Handler() http.Handler { return http.HandlerFunc(p.receive) }
