package account

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cursor is a walk over items that has more to give. The items were chosen at the first page.
type cursor struct {
	items   []*Item
	started time.Time
	seq     int64
}

const (
	cursorLife = time.Hour // from the first page (developer.monday.com, "Querying board items")
	maxCursors = 4096
	maxHeld    = 5_000_000 // items that all walks may hold together
	// MaxPage is the most items a page holds.
	MaxPage = 500
)

var expired = fail("CursorException", "CursorExpiredError: The cursor provided for pagination has expired. Please refresh your query and obtain a new cursor to continue fetching items")

// Page cuts the first page off items. The cursor is nil when that was all. It needs Lock.
func (a *Account) Page(items []*Item, limit int) ([]*Item, any, error) {
	if limit < 1 || limit > MaxPage {
		return nil, nil, InvalidArgument("limit must be between 1 and %d", MaxPage)
	}
	if len(items) <= limit {
		return items, nil, nil
	}
	now := a.Now()
	held := len(items)
	for k, c := range a.cursors {
		if now.Sub(c.started) >= cursorLife {
			delete(a.cursors, k)
			continue
		}
		held += len(c.items)
	}
	for len(a.cursors) > 0 && (len(a.cursors) >= maxCursors || held > maxHeld) {
		var oldest string
		for k, c := range a.cursors {
			if o := a.cursors[oldest]; o == nil || c.seq < o.seq {
				oldest = k
			}
		}
		held -= len(a.cursors[oldest].items)
		delete(a.cursors, oldest)
	}
	key := a.Random("cursor", 20)
	a.walks++
	a.cursors[key] = &cursor{items: items, started: now, seq: a.walks}
	return items[:limit], token(key, limit), nil
}

func token(key string, at int) string {
	return "MSw" + base64.RawURLEncoding.EncodeToString([]byte(key+","+strconv.Itoa(at)))
}

// NextPage goes on where a cursor stands. Items that left their board since are passed over.
func (a *Account) NextPage(text string, limit int) ([]*Item, any, error) {
	if limit < 1 || limit > MaxPage {
		return nil, nil, InvalidArgument("limit must be between 1 and %d", MaxPage)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "MSw"))
	key, num, ok := strings.Cut(string(raw), ",")
	at, err2 := strconv.Atoi(num)
	if err != nil || !ok || err2 != nil || !strings.HasPrefix(text, "MSw") {
		return nil, nil, fail("CursorException", "The cursor provided is invalid")
	}
	c := a.cursors[key]
	if c == nil || a.Now().Sub(c.started) >= cursorLife || at < 0 || at > len(c.items) {
		return nil, nil, expired
	}
	end := min(at+limit, len(c.items))
	out := []*Item{}
	for _, it := range c.items[at:end] {
		if it.State == Active {
			out = append(out, it)
		}
	}
	if end == len(c.items) {
		return out, nil, nil
	}
	return out, token(key, end), nil
}

// ExpireCursors ends every walk, as an hour would.
func (a *Account) ExpireCursors() { clear(a.cursors) }

// sort orders items by keys; empty values come last either way.
func (a *Account) sort(b *Board, items []*Item, by []Order) error {
	if len(by) == 0 {
		return nil
	}
	type key func(*Item) (string, float64, bool)
	var keys []key
	for _, o := range by {
		switch o.Column {
		case byUpdate:
			keys = append(keys, func(it *Item) (string, float64, bool) { return "", float64(it.Updated.UnixMilli()), true })
			continue
		case byCreation:
			keys = append(keys, func(it *Item) (string, float64, bool) { return "", float64(it.Created.UnixMilli()), true })
			continue
		}
		c := b.Column(o.Column)
		if c == nil || c.Hidden {
			return noColumn(o.Column)
		}
		keys = append(keys, func(it *Item) (string, float64, bool) { return a.sortKey(it, c) })
	}
	type row struct {
		it   *Item
		text []string
		num  []float64
		has  []bool
	}
	rows := make([]row, len(items))
	for i, it := range items {
		r := row{it: it}
		for _, k := range keys {
			s, n, ok := k(it)
			r.text, r.num, r.has = append(r.text, s), append(r.num, n), append(r.has, ok)
		}
		rows[i] = r
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		for i := range by {
			if x.has[i] != y.has[i] {
				if x.has[i] {
					return -1
				}
				return 1
			}
			n := cmp.Or(cmp.Compare(x.num[i], y.num[i]), cmp.Compare(x.text[i], y.text[i]))
			if by[i].Desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	for i, r := range rows {
		items[i] = r.it
	}
	return nil
}

func (a *Account) sortKey(it *Item, c *Column) (string, float64, bool) {
	switch c.Type {
	case "last_updated":
		return "", float64(it.Updated.UnixMilli()), true
	case "creation_log":
		return "", float64(it.Created.UnixMilli()), true
	case "item_id":
		return "", float64(it.ID), true
	}
	v := it.Ref(c).Value()
	if v == nil && c.Type != "name" {
		return "", 0, false
	}
	switch c.Type {
	case "numbers":
		f, err := strconv.ParseFloat(v.(string), 64)
		return "", f, err == nil
	case "status":
		return "", float64(labelOrder(c, v.(int))), true
	case "rating":
		return "", float64(v.(int)), true
	case "date":
		d := v.(Date)
		return d.Date + " " + d.Time, 0, true
	}
	return strings.ToLower(a.indexText(it, c)), 0, true
}
