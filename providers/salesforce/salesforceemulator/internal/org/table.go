package org

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// cell is one value of a row. Rows keep only what is not null, ordered by slot: most fields of most rows are.
type cell struct {
	slot int
	val  any // string, json.Number, bool; Tooling rows may hold JSON values
}

// row is one record. Its cells are replaced as a whole, never changed, so that whoever holds them has a snapshot.
type row struct {
	id    string
	cells []cell
	// seq is the entry of the modification log that is current for this row.
	seq uint64
}

func (r *row) get(slot int) any { return cellsGet(r.cells, slot) }

func cellsGet(cells []cell, slot int) any {
	if len(cells) > 12 {
		i := sort.Search(len(cells), func(i int) bool { return cells[i].slot >= slot })
		if i < len(cells) && cells[i].slot == slot {
			return cells[i].val
		}
		return nil
	}
	for i := range cells {
		if cells[i].slot == slot {
			return cells[i].val
		}
	}
	return nil
}

// cellsSet gives cells with one value changed, in place: the caller owns them.
func cellsSet(cells []cell, slot int, val any) []cell {
	i := sort.Search(len(cells), func(i int) bool { return cells[i].slot >= slot })
	found := i < len(cells) && cells[i].slot == slot
	switch {
	case val == nil && found:
		return slices.Delete(cells, i, i+1)
	case val == nil:
		return cells
	case found:
		cells[i].val = val
		return cells
	}
	return slices.Insert(cells, i, cell{slot, val})
}

// index finds rows by the value of one field. Deleted rows are not in it.
type index struct {
	one  map[string]*row
	more map[string][]*row // the second and later rows of a value
}

func newIndex() *index { return &index{one: map[string]*row{}, more: map[string][]*row{}} }

func (x *index) add(key string, r *row) {
	if _, ok := x.one[key]; !ok {
		x.one[key] = r
		return
	}
	x.more[key] = append(x.more[key], r)
}

func (x *index) remove(key string, r *row) {
	rest := x.more[key]
	if x.one[key] == r {
		if len(rest) == 0 {
			delete(x.one, key)
			return
		}
		x.one[key] = rest[0]
		rest = rest[1:]
	} else if i := slices.Index(rest, r); i >= 0 {
		rest = append(slices.Clone(rest[:i]), rest[i+1:]...)
	}
	if len(rest) == 0 {
		delete(x.more, key)
	} else {
		x.more[key] = rest
	}
}

func (x *index) find(key string) []*row {
	first, ok := x.one[key]
	if !ok {
		return nil
	}
	out := append([]*row{first}, x.more[key]...)
	if len(out) > 1 {
		slices.SortFunc(out, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	}
	return out
}

// logEntry says that a row was stamped. It is stale once the row has another seq.
type logEntry struct {
	stamp string
	seq   uint64
	row   *row
}

// table holds the records of one object.
type table struct {
	def   *metadata.Object
	rows  map[string]*row
	order []*row // by id
	next  uint64
	auto  map[int]uint64 // auto numbers by slot
	idx   map[int]*index

	log      []logEntry // by stamp; see modified
	logSeq   uint64
	unsorted bool

	stampSlot, deletedSlot int // -1 where the object has none
}

func newTable(def *metadata.Object) *table {
	t := &table{def: def, rows: map[string]*row{}, auto: map[int]uint64{}, idx: map[int]*index{}, stampSlot: -1, deletedSlot: -1}
	for _, f := range def.Fields {
		t.fieldAdded(f)
	}
	return t
}

// fieldAdded prepares the table for a field that was added to its object.
func (t *table) fieldAdded(f *metadata.Field) {
	switch f.Name {
	case "SystemModstamp":
		t.stampSlot = f.Slot
	case "IsDeleted":
		t.deletedSlot = f.Slot
	}
	if t.def.Tooling {
		return
	}
	audit := f.Name == "CreatedById" || f.Name == "LastModifiedById" || f.Name == "OwnerId" || f.Name == "RecordTypeId"
	perField := t.def.Name == "FieldPermissions" && f.Name == "Field" // hundreds of rows have one parent
	if f.Indexed() || perField || f.Type == "reference" && !audit {
		t.reindex(f)
	}
}

// reindex builds the index of a field from the rows there are.
func (t *table) reindex(f *metadata.Field) {
	x := newIndex()
	t.idx[f.Slot] = x
	for _, r := range t.order {
		if key, ok := indexKey(r.get(f.Slot)); ok && !t.isDeleted(r.cells) {
			x.add(key, r)
		}
	}
}

// indexKey folds a value the way uniqueness and external ids compare: without regard to case.
func indexKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.ToLower(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

func (t *table) isDeleted(cells []cell) bool {
	return t.deletedSlot >= 0 && cellsGet(cells, t.deletedSlot) == true
}

// replace gives a row other cells, nil before for a new row and nil after for one that goes, and keeps every index right.
func (t *table) replace(r *row, before, after []cell) {
	for slot, x := range t.idx {
		was, hadKey := indexKey(cellsGet(before, slot))
		is, hasKey := indexKey(cellsGet(after, slot))
		hadKey = hadKey && !t.isDeleted(before)
		hasKey = hasKey && !t.isDeleted(after)
		if hadKey == hasKey && was == is {
			continue
		}
		if hadKey {
			x.remove(was, r)
		}
		if hasKey {
			x.add(is, r)
		}
	}
	r.cells = after
	switch {
	case before == nil:
		t.rows[r.id] = r
		if n := len(t.order); n > 0 && t.order[n-1].id > r.id {
			i := sort.Search(n, func(i int) bool { return t.order[i].id >= r.id })
			t.order = slices.Insert(t.order, i, r)
		} else {
			t.order = append(t.order, r)
		}
	case after == nil:
		delete(t.rows, r.id)
		i := sort.Search(len(t.order), func(i int) bool { return t.order[i].id >= r.id })
		if i < len(t.order) && t.order[i] == r {
			t.order = slices.Delete(t.order, i, i+1)
		}
	}
}

// stamped notes that the row has a new SystemModstamp.
func (t *table) stamped(r *row) {
	if t.stampSlot < 0 {
		return
	}
	stamp, _ := r.get(t.stampSlot).(string)
	if n := len(t.log); n > 0 && t.log[n-1].stamp > stamp {
		t.unsorted = true
	}
	t.logSeq++
	r.seq = t.logSeq
	t.log = append(t.log, logEntry{stamp, r.seq, r})
}

// tidy sorts the log where clocks went backwards and drops stale entries once they are the greater part. The caller
// holds the write lock.
func (t *table) tidy() {
	if len(t.log) > 2*len(t.rows)+1024 {
		t.log = slices.DeleteFunc(t.log, func(e logEntry) bool { return e.row.seq != e.seq || e.row.cells == nil })
	}
	if t.unsorted {
		slices.SortStableFunc(t.log, func(a, b logEntry) int { return strings.Compare(a.stamp, b.stamp) })
		t.unsorted = false
	}
}

// modified is the log from the first entry whose stamp is not below from. Stale entries are in it.
func (t *table) modified(from string) []logEntry {
	i := sort.Search(len(t.log), func(i int) bool { return t.log[i].stamp >= from })
	return t.log[i:]
}

func (e logEntry) current() bool { return e.row.seq == e.seq && e.row.cells != nil }

// find gives the rows with that value, which must be indexed or else are searched for.
func (t *table) find(f *metadata.Field, v any) []*row {
	key, ok := indexKey(v)
	if !ok {
		return nil
	}
	if x := t.idx[f.Slot]; x != nil {
		return x.find(key)
	}
	var out []*row
	for _, r := range t.order {
		if k, ok := indexKey(r.get(f.Slot)); ok && k == key && !t.isDeleted(r.cells) {
			out = append(out, r)
		}
	}
	return out
}

// values gives a row as the change feed and the Go API show it: by field name, nulls left out.
func (t *table) values(cells []cell) map[string]any {
	m := make(map[string]any, len(cells))
	for _, c := range cells {
		if f := t.def.Fields[c.slot]; f.Name != "" {
			m[f.Name] = c.val
		}
	}
	return m
}
