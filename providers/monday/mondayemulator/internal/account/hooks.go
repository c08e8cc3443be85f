package account

import (
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Webhook is one subscription: one event of one board.
type Webhook struct {
	ID      int64          `json:"id"`
	BoardID int64          `json:"board_id"`
	Event   string         `json:"event"`
	URL     string         `json:"url"`
	Config  map[string]any `json:"config,omitempty"`
	Signed  bool           `json:"signed"` // made with an app's token
	OwnerID int64          `json:"owner_id"`
}

// ConfigText is the config field: a JSON text, nil without one.
func (h *Webhook) ConfigText() any {
	if h.Config == nil {
		return nil
	}
	b, err := json.Marshal(h.Config)
	if err != nil {
		return nil
	}
	return string(b)
}

const maxURL = 255 // developer.monday.com, "Webhooks"

// CheckWebhook says whether a subscription could be made. The handshake is the caller's.
func (a *Account) CheckWebhook(by, board int64, event, to string, config any) (*Webhook, error) {
	b, err := a.ActiveBoard(by, board)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(to) > maxURL {
		return nil, InvalidArgument("Webhook url must be a full http(s) address of at most %d characters", maxURL)
	}
	h := &Webhook{BoardID: b.ID, Event: event, URL: to, OwnerID: by}
	if config != nil {
		m, err := DecodeValues(config)
		if err != nil {
			return nil, InvalidArgument("Webhook config must be a JSON object")
		}
		h.Config = m
	}
	need := map[string]string{
		"change_specific_column_value": "columnId", "change_status_column_value": "columnId", "item_moved_to_specific_group": "groupId",
	}[event]
	id, _ := h.Config[need].(string)
	switch {
	case need == "columnId" && b.Column(id) == nil:
		return nil, InvalidArgument("Webhook config must name a column of the board as columnId")
	case need == "groupId" && b.Group(id) == nil:
		return nil, InvalidArgument("Webhook config must name a group of the board as groupId")
	}
	return h, nil
}

// AddWebhook stores a subscription and gives it its id.
func (a *Account) AddWebhook(h *Webhook) { h.ID = a.newID("webhook"); a.Hooks = append(a.Hooks, h) }

// RemoveWebhook drops a subscription and returns it.
func (a *Account) RemoveWebhook(id int64) (*Webhook, error) {
	for i, h := range a.Hooks {
		if h.ID == id {
			a.Hooks = append(a.Hooks[:i:i], a.Hooks[i+1:]...)
			return h, nil
		}
	}
	return nil, NotFound("Webhook", strconv.FormatInt(id, 10))
}

// emit hands an event to every subscription it is for.
func (a *Account) emit(event string, b *Board, it *Item, by int64, body map[string]any) {
	trigger := a.Hex("trigger", 16)
	for _, h := range a.Hooks {
		if h.Event != event || !a.concerns(h, b, it) || !h.fits(body) {
			continue
		}
		out := maps.Clone(body)
		out["app"] = "monday"
		out["triggerTime"] = a.Now().Format("2006-01-02T15:04:05.000Z")
		out["subscriptionId"] = h.ID
		out["isRetry"] = false
		out["userId"] = by
		out["boardId"] = b.ID
		out["triggerUuid"] = trigger
		if event != "item_restored" && event != "create_column" && event != "move_subitem" {
			out["originalTriggerUuid"] = nil
		}
		a.Deliver(h, out)
	}
}

// concerns says whether a subscription on a board hears of the change: those on the parent's board
// hear of its subitems.
func (a *Account) concerns(h *Webhook, b *Board, it *Item) bool {
	if h.BoardID == b.ID {
		return true
	}
	return it != nil && it.Parent != nil && h.BoardID == it.Parent.board.ID && strings.Contains(h.Event, "subitem")
}

// fits compares the event with the subscription's config.
func (h *Webhook) fits(body map[string]any) bool {
	switch h.Event {
	case "change_specific_column_value":
		return h.Config["columnId"] == body["columnId"]
	case "item_moved_to_specific_group":
		return h.Config["groupId"] == body["destGroupId"]
	case "change_status_column_value":
		if h.Config["columnId"] != body["columnId"] {
			return false
		}
		want, ok := h.Config["columnValue"].(map[string]any)
		if !ok || want["$any$"] == true {
			return true
		}
		value, _ := body["value"].(map[string]any)
		label, _ := value["label"].(map[string]any)
		return gql.Text(want["index"]) == gql.Text(label["index"])
	}
	return true
}

// Update is a comment on an item, or a reply to one.
type Update struct {
	ID      int64     `json:"id"`
	ItemID  int64     `json:"item_id"`
	Parent  int64     `json:"parent,omitempty"`
	Body    string    `json:"body"`
	UserID  int64     `json:"user_id"`
	Created time.Time `json:"created"`
	Edited  time.Time `json:"edited"`
	Replies []*Update `json:"-"`
	Stated  string    `json:"stated,omitempty"` // original_creation_date
}

// Text is the body without its tags.
func (u *Update) Text() string { return plainText(u.Body) }

// CreateUpdate adds a comment to an item, or a reply where parent is not 0.
func (a *Account) CreateUpdate(by, item, parent int64, body, stated string) (*Update, error) {
	if strings.TrimSpace(plainText(body)) == "" {
		return nil, InvalidArgument("Update body can't be blank")
	}
	var above *Update
	if parent != 0 {
		if above = a.updates[parent]; above == nil {
			return nil, NotFound("Update", idText(parent))
		}
		item = above.ItemID
	}
	it, err := a.ActiveItem(by, item)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	u := &Update{ID: a.newID("update"), ItemID: it.ID, Parent: parent, Body: body, UserID: by, Created: now, Edited: now, Stated: stated}
	a.updates[u.ID] = u
	if above != nil {
		above.Replies = append(above.Replies, u)
	} else {
		it.Updates = append([]*Update{u}, it.Updates...)
	}
	a.touch(by, it)
	a.updateEvent(by, it, u, "create_update")
	return u, nil
}

func (a *Account) updateEvent(by int64, it *Item, u *Update, event string) {
	a.logItem(by, it, event, "", map[string]any{"update_id": u.ID, "body": u.Body})
	body := map[string]any{"type": event, "pulseId": it.ID, "body": u.Body, "textBody": u.Text(), "updateId": u.ID, "replyId": nil}
	if u.Parent != 0 {
		body["updateId"], body["replyId"] = u.Parent, u.ID
	}
	name := event
	if it.Parent != nil && event == "create_update" {
		name = "create_subitem_update"
		parentOf(body, it, true)
	}
	a.emit(name, it.board, it, by, body)
}

// EditUpdate replaces the body of a comment.
func (a *Account) EditUpdate(by, id int64, body string) (*Update, error) {
	u := a.updates[id]
	if u == nil {
		return nil, NotFound("Update", idText(id))
	}
	it, err := a.ActiveItem(by, u.ItemID)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(plainText(body)) == "" {
		return nil, InvalidArgument("Update body can't be blank")
	}
	u.Body, u.Edited = body, a.Now()
	a.updateEvent(by, it, u, "edit_update")
	return u, nil
}

// DeleteUpdate removes a comment with its replies.
func (a *Account) DeleteUpdate(by, id int64) (*Update, error) {
	u := a.updates[id]
	if u == nil {
		return nil, NotFound("Update", idText(id))
	}
	it := a.items[u.ItemID]
	drop := func(list []*Update) []*Update {
		out := []*Update{}
		for _, x := range list {
			if x != u {
				out = append(out, x)
			}
		}
		return out
	}
	if above := a.updates[u.Parent]; above != nil {
		above.Replies = drop(above.Replies)
	} else {
		it.Updates = drop(it.Updates)
	}
	delete(a.updates, id)
	for _, r := range u.Replies {
		delete(a.updates, r.ID)
	}
	a.updateEvent(by, it, u, "delete_update")
	return u, nil
}
