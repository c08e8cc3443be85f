package monday

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// webhookRow is a webhook as the vendor shows it: without its address.
type webhookRow struct {
	ID    id     `json:"id"`
	Event string `json:"event"`
}

// The vendor never shows where a webhook calls. So that a change of our address is found, the id by which a webhook is
// remembered ends in a fingerprint of the address it was made with: "466701570@1f2e3d4c5b6a7988".

func (p *Provider) fingerprint() string {
	if p.webhookURL == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(p.webhookURL.String()))
	return hex.EncodeToString(sum[:8])
}

// webhookAddress is our address as plans and the ledger may show it. The path may be all that keeps strangers out, so
// only its fingerprint is shown.
func (p *Provider) webhookAddress() string {
	return p.webhookURL.Scheme + "://" + p.webhookURL.Host + " (" + p.fingerprint() + ")"
}

func webhookID(remembered string) string {
	i, _, _ := strings.Cut(remembered, "@")
	return i
}

// describeWebhook finds a remembered webhook. One that is gone is left out, not hidden: people may switch webhooks off,
// and it is made again.
func (p *Provider) describeWebhook(r resource.Resource, hooks []webhookRow) (resource.Resource, bool, error) {
	for _, h := range hooks {
		if r.ID == "" || string(h.ID) != webhookID(r.ID) {
			continue
		}
		_, made, _ := strings.Cut(r.ID, "@")
		address := "another address (" + made + ")"
		if p.webhookURL != nil && made == p.fingerprint() {
			address = p.webhookAddress()
		}
		r.Attributes = map[string]any{"event": h.Event, "url": address}
		return r, true, nil
	}
	return r, false, nil
}

// applyWebhook makes a webhook, and removes the one it replaces. The vendor calls our address before it answers, so the
// receiver must be up while apply runs.
func (p *Provider) applyWebhook(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	want := change.Want
	board, err := boardIDOf(want, resolved)
	if err != nil {
		return resource.Resource{}, err
	}
	if p.webhookURL == nil {
		return resource.Resource{}, &provider.Error{Kind: provider.Invalid, Op: "create " + want.Address, Message: "the connection has no webhook_url"}
	}
	event, _ := want.Attributes["event"].(string)
	if change.Have != nil && len(resource.Differ(want, *change.Have)) == 0 {
		return *change.Have, nil
	}
	old := want.ID
	d := newDocument("mutation", "webhook")
	d.add("made:create_webhook(board_id:", d.variable("board", "ID!", board), ",url:", d.variable("url", "String!", p.webhookURL.String()),
		",event:", d.variable("event", "WebhookEventType!", event), "){id event}")
	a, err := p.client.call(ctx, d.request("create "+want.Address, "create_webhook", 1))
	if err != nil {
		return resource.Resource{}, explainHandshake(err, p.webhookURL.Host)
	}
	var made webhookRow
	if err := a.made(&made, func() bool { return made.ID != "" }); err != nil {
		return resource.Resource{}, explainHandshake(err, p.webhookURL.Host)
	}
	want.ID = string(made.ID) + "@" + p.fingerprint()
	if change.Action == resource.Update && old != "" {
		if err := p.destroy(ctx, resource.Change{Want: withID(want, old)}, resolved); err != nil {
			// The new one stands. The old one calls an address of ours that is no more, or calls twice: harmless.
			p.log.Warn("a replaced webhook could not be removed", "webhook", webhookID(old), "error", err)
		}
	}
	return want, nil
}

func withID(r resource.Resource, i string) resource.Resource {
	r.ID = i
	return r
}

// explainHandshake adds what the vendor keeps to itself: a receiver that does not answer its challenge shows as a bare
// internal server error.
func explainHandshake(err error, host string) error {
	var e *provider.Error
	if !errors.As(err, &e) || !strings.Contains(strings.ToLower(e.Code+e.Message), "internal") {
		return err
	}
	out := *e
	out.Message += ": monday.com must be able to call " + host + " while the webhook is made; start the receiver first, and check that the address is reachable from outside"
	return &out
}
