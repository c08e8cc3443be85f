package account

import (
	"encoding/json"
	"strings"
	"time"
)

// LogRow is one row of a board's activity log.
type LogRow struct {
	ID     string    `json:"id"`
	Event  string    `json:"event"`
	Entity string    `json:"entity"` // board, pulse
	Data   string    `json:"data"`   // JSON
	UserID int64     `json:"user_id"`
	At     time.Time `json:"at"`
	ItemID int64     `json:"item_id,omitempty"`
	Column string    `json:"column,omitempty"`
	Group  string    `json:"group,omitempty"`
}

// maxLog bounds a board's log: the oldest rows go first.
const maxLog = 250_000

func (a *Account) logBoard(by int64, b *Board, event string, data map[string]any) {
	if data == nil {
		data = map[string]any{}
	}
	data["board_id"] = b.ID
	column, _ := data["column_id"].(string)
	group, _ := data["group_id"].(string)
	a.logRow(b, LogRow{Event: event, Entity: "board", UserID: by, Column: column, Group: group}, data)
}

func (a *Account) logItem(by int64, it *Item, event, column string, data map[string]any) {
	b := it.board
	data["board_id"] = b.ID
	data["pulse_id"] = it.ID
	data["pulse_name"] = it.Name
	data["group_id"] = it.group.ID
	data["group_name"] = it.group.Title
	data["group_color"] = it.group.Color.Hex
	data["is_top_group"] = b.TopGroup() == it.group
	if it.Parent != nil {
		data["parent_item_id"] = it.Parent.ID
		data["parent_board_id"] = it.Parent.board.ID
	}
	a.logRow(b, LogRow{Event: event, Entity: "pulse", UserID: by, ItemID: it.ID, Column: column, Group: it.group.ID}, data)
}

func (a *Account) logRow(b *Board, r LogRow, data map[string]any) {
	raw, err := json.Marshal(data)
	if err != nil {
		raw = []byte("{}")
	}
	r.ID, r.Data, r.At = a.UUID("log"), string(raw), a.Now()
	if len(b.log) >= maxLog {
		b.log = append(b.log[:0:0], b.log[maxLog/10:]...)
	}
	b.log = append(b.log, r)
}

// LogFilter selects rows; empty fields select all.
type LogFilter struct {
	From, To time.Time
	Columns  map[string]bool
	Groups   map[string]bool
	Items    map[int64]bool
	Users    map[int64]bool
	Limit    int
	Page     int // from 1
}

// Log gives a board's rows, newest first.
func (b *Board) Log(f LogFilter) []LogRow {
	out := []LogRow{}
	skip := (f.Page - 1) * f.Limit
	for i := len(b.log) - 1; i >= 0 && len(out) < f.Limit; i-- {
		r := b.log[i]
		if !f.From.IsZero() && r.At.Before(f.From) || !f.To.IsZero() && r.At.After(f.To) ||
			len(f.Columns) > 0 && !f.Columns[r.Column] || len(f.Groups) > 0 && !f.Groups[r.Group] ||
			len(f.Items) > 0 && !f.Items[r.ItemID] || len(f.Users) > 0 && !f.Users[r.UserID] {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		out = append(out, r)
	}
	return out
}

// seconds is a time as events carry it: seconds since 1970 with a fraction.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func groupEvent(b *Board, g *Group) map[string]any {
	return map[string]any{"id": g.ID, "title": g.Title, "color": g.Color.Hex, "is_top_group": b.TopGroup() == g}
}

func (a *Account) created(by int64, it *Item) {
	values, texts := map[string]any{}, map[string]any{}
	for _, r := range it.Values() {
		if v := a.eventValue(r.Column, r.Cell); v != nil {
			values[r.Column.ID] = v
			texts[r.Column.ID] = v
		}
	}
	raw, err := json.Marshal(texts)
	if err != nil {
		raw = []byte("{}")
	}
	a.logItem(by, it, "create_pulse", "", map[string]any{"column_values_json": string(raw)})
	body := map[string]any{
		"type": "create_pulse", "pulseId": it.ID, "pulseName": it.Name, "groupId": it.group.ID, "groupName": it.group.Title,
		"groupColor": it.group.Color.Hex, "isTopGroup": it.board.TopGroup() == it.group, "columnValues": values,
	}
	if it.Parent != nil {
		body["itemId"] = it.ID
		parentOf(body, it, true)
		a.emit("create_subitem", it.board, it, by, body)
		return
	}
	a.emit("create_item", it.board, it, by, body)
}

// parentOf names a subitem's parent: texts in most events, numbers in those of its end.
func parentOf(body map[string]any, it *Item, texts bool) {
	if it.Parent == nil {
		return
	}
	if texts {
		body["parentItemId"], body["parentItemBoardId"] = idText(it.Parent.ID), idText(it.Parent.board.ID)
		return
	}
	body["parentItemId"], body["parentBoardId"], body["pulseId"] = it.Parent.ID, it.Parent.board.ID, it.ID
}

// subitemEvent is the subscription for the same change of a subitem.
func subitemEvent(it *Item, item, subitem string) string {
	if it.Parent != nil {
		return subitem
	}
	return item
}

func (a *Account) cellChanged(by int64, it *Item, c *Column, old, cell *Cell) {
	value, before := a.eventValue(c, cell), a.eventValue(c, old)
	a.logItem(by, it, "update_column_value", c.ID, map[string]any{
		"column_id": c.ID, "column_type": c.kind().legacy, "column_title": c.Title,
		"value": value, "previous_value": before, "is_column_with_hide_permissions": c.Hidden,
	})
	body := map[string]any{
		"type": "update_column_value", "groupId": it.group.ID, "pulseId": it.ID, "pulseName": it.Name,
		"columnId": c.ID, "columnType": c.kind().legacy, "columnTitle": c.Title, "value": value, "previousValue": before,
		"changedAt": seconds(cell.At), "isTopGroup": it.board.TopGroup() == it.group,
	}
	parentOf(body, it, true)
	if it.Parent != nil {
		a.emit("change_subitem_column_value", it.board, it, by, body)
		return
	}
	a.emit("change_column_value", it.board, it, by, body)
	a.emit("change_specific_column_value", it.board, it, by, body)
	if c.Type == "status" {
		a.emit("change_status_column_value", it.board, it, by, body)
	}
}

func (a *Account) renamed(by int64, it *Item, old string) {
	a.logItem(by, it, "update_name", "name", map[string]any{
		"value": map[string]any{"name": it.Name}, "previous_value": map[string]any{"name": old},
	})
	body := map[string]any{
		"type": "update_name", "groupId": it.group.ID, "pulseId": it.ID,
		"value": map[string]any{"name": it.Name}, "previousValue": map[string]any{"name": old},
	}
	parentOf(body, it, true)
	a.emit(subitemEvent(it, "change_name", "change_subitem_name"), it.board, it, by, body)
}

func (a *Account) moved(by int64, it *Item, from *Group) {
	a.logItem(by, it, "move_pulse_into_group", "", map[string]any{
		"source_group_id": from.ID, "dest_group_id": it.group.ID, "dest_group": groupEvent(it.board, it.group), "pulse": map[string]any{"id": it.ID, "name": it.Name},
	})
	body := map[string]any{
		"type": "move_pulse_into_group", "pulseId": it.ID, "sourceGroupId": from.ID, "destGroupId": it.group.ID,
		"destGroup": groupEvent(it.board, it.group),
	}
	a.emit("item_moved_to_any_group", it.board, it, by, body)
	a.emit("item_moved_to_specific_group", it.board, it, by, body)
}

func (a *Account) stateChanged(by int64, it *Item, was string) {
	body := map[string]any{"itemId": it.ID, "itemName": it.Name}
	parentOf(body, it, false)
	switch it.State {
	case Archived:
		a.logItem(by, it, "archive_pulse", "", map[string]any{})
		body["type"] = "archive_pulse"
		a.emit(subitemEvent(it, "item_archived", "subitem_archived"), it.board, it, by, body)
	case Deleted:
		a.logItem(by, it, "delete_pulse", "", map[string]any{})
		body["type"] = "delete_pulse"
		a.emit(subitemEvent(it, "item_deleted", "subitem_deleted"), it.board, it, by, body)
	case Active:
		states := map[string]int{Active: 1, Archived: 2, Deleted: 3}
		a.logItem(by, it, "restore_pulse", "", map[string]any{})
		body["type"] = "restore_pulse"
		body["value"] = map[string]any{"state": 1, "is_undo": true}
		body["previousValue"] = map[string]any{"state": states[was]}
		a.emit("item_restored", it.board, it, by, body)
	}
}

// plainText drops the tags of an update's body.
func plainText(html string) string {
	var b strings.Builder
	in := false
	for _, r := range html {
		switch {
		case r == '<':
			in = true
		case r == '>' && in:
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
