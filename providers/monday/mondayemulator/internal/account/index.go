package account

import (
	"cmp"
	"slices"
	"time"
)

// recency keeps a board's active items in the order of their last update, newest first, so that
// catching up by __last_updated__ never sorts.
type recency struct{ newest, oldest *Item }

func (r *recency) front(it *Item) {
	it.newer, it.older = nil, r.newest
	if r.newest != nil {
		r.newest.newer = it
	}
	r.newest = it
	if r.oldest == nil {
		r.oldest = it
	}
}

func (r *recency) remove(it *Item) {
	if it.newer != nil {
		it.newer.older = it.older
	} else if r.newest == it {
		r.newest = it.older
	}
	if it.older != nil {
		it.older.newer = it.newer
	} else if r.oldest == it {
		r.oldest = it.newer
	}
	it.newer, it.older = nil, nil
}

// textIndex finds the items of a board by the text of one column. Changes come in through a queue,
// so that the search can lag behind as the vendor's does.
type textIndex struct {
	items   map[string][]*Item
	pending []indexChange
}

type indexChange struct {
	item     *Item
	old, new string
	due      time.Time
}

func (x *textIndex) queue(it *Item, old, new string, due time.Time) {
	if old != new {
		x.pending = append(x.pending, indexChange{it, old, new, due})
	}
}

func (x *textIndex) settle(now time.Time) {
	n := 0
	for _, c := range x.pending {
		if c.due.After(now) {
			break
		}
		n++
		if c.old != "" {
			list := x.items[c.old]
			if i := slices.Index(list, c.item); i >= 0 {
				list = slices.Delete(list, i, i+1)
			}
			if len(list) == 0 {
				delete(x.items, c.old)
			} else {
				x.items[c.old] = list
			}
		}
		if c.new != "" {
			x.items[c.new] = append(x.items[c.new], c.item)
		}
	}
	x.pending = x.pending[n:]
}

// indexText is what items_page_by_column_values compares with.
func (a *Account) indexText(it *Item, c *Column) string {
	s, _ := a.Text(it.Ref(c), time.UTC).(string)
	return s
}

func (a *Account) indexName(it *Item, old string) {
	if idx := it.board.text["name"]; idx != nil {
		idx.queue(it, old, it.Name, a.Now().Add(a.SearchLag))
	}
}

// reindex makes sure that the indexes know an item that came back: one made while it was away does
// not.
func (a *Account) reindex(it *Item) {
	for id, x := range it.board.text {
		c := it.board.Column(id)
		if c == nil {
			continue
		}
		x.settle(a.Now())
		s := a.indexText(it, c)
		waits := slices.ContainsFunc(x.pending, func(p indexChange) bool { return p.item == it })
		if s != "" && !waits && !slices.Contains(x.items[s], it) {
			x.items[s] = append(x.items[s], it)
		}
	}
}

// unindex takes an item that leaves its board for another one out of the indexes.
func (a *Account) unindex(it *Item) {
	for id, x := range it.board.text {
		if c := it.board.Column(id); c != nil {
			x.queue(it, a.indexText(it, c), "", a.Now())
		}
	}
}

// index makes a column's index when it is first asked for.
func (a *Account) index(b *Board, c *Column) *textIndex {
	x := b.text[c.ID]
	if x == nil {
		x = &textIndex{items: map[string][]*Item{}}
		for it := b.recent.oldest; it != nil; it = it.newer {
			if s := a.indexText(it, c); s != "" {
				x.items[s] = append(x.items[s], it)
			}
		}
		b.text[c.ID] = x
	}
	x.settle(a.Now())
	return x
}

// Match is one column with the texts that fit.
type Match struct {
	Column string
	Values []string
}

// searchable are the types items_page_by_column_values takes
// (developer.monday.com, "Items page by column values").
var searchable = map[string]bool{
	"name": true, "checkbox": true, "country": true, "date": true, "dropdown": true, "email": true, "hour": true, "link": true,
	"long_text": true, "numbers": true, "people": true, "phone": true, "status": true, "text": true, "timeline": true,
}

// ItemsByValues finds active items by exact text: every column must fit, one of its values each.
// It needs Lock, not RLock, because it keeps indexes.
func (a *Account) ItemsByValues(b *Board, by []Match) ([]*Item, error) {
	if len(by) == 0 {
		return nil, InvalidArgument("columns must hold at least one column")
	}
	var out []*Item
	for i, m := range by {
		c := b.Column(m.Column)
		if c == nil || c.Hidden {
			return nil, noColumn(m.Column)
		}
		if !searchable[c.Type] {
			return nil, InvalidArgument("column type %s is not supported by items_page_by_column_values", c.Type)
		}
		x := a.index(b, c)
		fits := map[*Item]bool{}
		for _, v := range m.Values {
			if v == "" {
				for it := b.recent.oldest; it != nil; it = it.newer {
					if a.indexText(it, c) == "" {
						fits[it] = true
					}
				}
				continue
			}
			for _, it := range x.items[v] {
				if it.State == Active && it.board == b {
					fits[it] = true
				}
			}
		}
		if i == 0 {
			for it := range fits {
				out = append(out, it)
			}
			slices.SortFunc(out, func(p, q *Item) int { return cmp.Compare(p.ID, q.ID) })
			continue
		}
		out = slices.DeleteFunc(out, func(it *Item) bool { return !fits[it] })
	}
	return out, nil
}
