package org

import (
	"fmt"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// Caller is on whose behalf a transaction runs, and which rules it goes through.
type Caller struct {
	UserID string
	// Origin is the changeOrigin text; empty for writes that came through no API.
	Origin string
	// System bypasses permissions. Loading also bypasses rules of saving: required values, picklists, validation
	// rules, automations, uniqueness of nothing but external ids; and may set system dates.
	System, Loading bool
	// AllowDuplicates insists on saves that duplicate rules only warn about.
	AllowDuplicates bool
}

// Tx is a transaction: it holds the org for itself (or shared with other readers) until Commit or Rollback.
type Tx struct {
	o            *Org
	caller       Caller
	write        bool
	done         bool
	perms        *Permissions
	undo         []func()
	touched      []*touch
	byRow        map[*row]*touch
	events       []changefeed.PlatformEvent
	time         time.Time
	stamp        any
	permsTouched bool
	// Written counts the rows this transaction wrote; Read those it returned.
	Written, Read int
}

// touch is what the transaction did to one row.
type touch struct {
	t      *table
	r      *row
	before []cell // nil for a row that was not there
	kind   string
	gone   bool // created and taken back
}

// Begin opens a transaction for writing.
func (o *Org) Begin(c Caller) *Tx {
	o.mu.Lock()
	return o.begin(c, true)
}

// View opens a transaction that only reads.
func (o *Org) View(c Caller) *Tx {
	o.mu.RLock()
	return o.begin(c, false)
}

func (o *Org) begin(c Caller, write bool) *Tx {
	now := o.now()
	tx := &Tx{o: o, caller: c, write: write, time: now, stamp: stamp(now), byRow: map[*row]*touch{}}
	tx.perms = o.permissions(c.UserID)
	return tx
}

// Rollback ends the transaction and takes back what it wrote. After Commit it does nothing.
func (tx *Tx) Rollback() {
	if tx.done {
		return
	}
	tx.RollbackTo(0)
	tx.end()
}

func (tx *Tx) end() {
	tx.done = true
	if !tx.write {
		tx.o.mu.RUnlock()
		return
	}
	if tx.permsTouched {
		tx.o.forgetPermissions()
	}
	tx.o.mu.Unlock()
	tx.o.deliver()
}

// feedItem is what one transaction has to tell the sink.
type feedItem struct {
	changes []changefeed.Change
	events  []changefeed.PlatformEvent
}

// deliver hands queued transactions to the sink, in commit order and one at a time. The org is not locked while
// it does, so that the sink may read the schema.
func (o *Org) deliver() {
	if o.sink == nil {
		return
	}
	o.feedDelivery.Lock()
	defer o.feedDelivery.Unlock()
	o.drain()
}

// drain delivers until nothing is queued. The caller holds feedDelivery.
func (o *Org) drain() {
	for {
		o.feedQueue.Lock()
		items := o.feed
		o.feed = nil
		o.feedQueue.Unlock()
		if len(items) == 0 {
			return
		}
		for _, it := range items {
			if len(it.changes) > 0 {
				o.sink.Commit(it.changes)
			}
			if len(it.events) > 0 {
				o.sink.Publish(it.events)
			}
		}
	}
}

// Savepoint marks where RollbackTo may go back to.
func (tx *Tx) Savepoint() int { return len(tx.undo) }

// RollbackTo takes back what was written since the savepoint.
func (tx *Tx) RollbackTo(mark int) {
	for i := len(tx.undo) - 1; i >= mark; i-- {
		tx.undo[i]()
	}
	tx.undo = tx.undo[:mark]
	if tx.permsTouched {
		tx.o.forgetPermissions()
		tx.perms = tx.o.permissions(tx.caller.UserID)
	}
}

// Commit ends the transaction and hands its changes to the feed.
func (tx *Tx) Commit() {
	if tx.done {
		return
	}
	if tx.write {
		tx.publish()
	}
	tx.end()
}

func (tx *Tx) publish() {
	o := tx.o
	live := 0
	for _, t := range tx.touched {
		if !t.gone {
			live++
		}
		t.t.tidy()
	}
	if live > 0 {
		o.commitNo += 1 + int64(o.rng.IntN(40))
		o.txNo++
	}
	if o.sink == nil {
		return
	}
	item := feedItem{events: tx.events}
	if live > 0 {
		item.changes = tx.changes()
	}
	if len(item.changes) > 0 || len(item.events) > 0 {
		o.feedQueue.Lock()
		o.feed = append(o.feed, item)
		o.feedQueue.Unlock()
	}
}

// changes turns what was touched into the words of the change feed.
func (tx *Tx) changes() []changefeed.Change {
	o := tx.o
	key := fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", o.txNo, o.rng.Uint32()&0xffff, o.rng.Uint32()&0xffff, o.rng.Uint32()&0xffff, o.rng.Uint64()&0xffffffffffff)
	var out []changefeed.Change
	for _, t := range tx.touched {
		if t.gone || t.kind == hard || t.t.def.Setup && t.t.def.Name != "User" || t.t.def.Event {
			continue
		}
		c := changefeed.Change{Object: t.t.def.Name, RecordIDs: []string{t.r.id}, Type: t.kind, User: tx.caller.UserID, Origin: tx.caller.Origin,
			Transaction: key, Sequence: len(out) + 1, CommitTime: tx.time, CommitNumber: o.commitNo}
		after := t.r.cells
		if t.before != nil {
			c.Before = t.t.values(t.before)
		}
		if t.kind != changefeed.Delete {
			c.After = t.t.values(after)
		}
		for _, f := range t.t.def.Fields {
			if f.Name == "" || f.IsCompound() {
				continue
			}
			was, is := cellsGet(t.before, f.Slot), cellsGet(after, f.Slot)
			switch {
			case t.kind == changefeed.Update && was != is, t.kind != changefeed.Update && is != nil:
				c.Changed = append(c.Changed, f.Name)
				if is == nil {
					c.Nulled = append(c.Nulled, f.Name)
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// put gives a row new cells inside the transaction. kind is the change this statement makes.
func (tx *Tx) put(t *table, r *row, after []cell, kind string) {
	before := r.cells
	oldSeq := r.seq
	known := tx.byRow[r]
	var saved touch
	if known != nil {
		saved = *known
	}
	t.replace(r, before, after)
	if after != nil {
		t.stamped(r)
	}
	nTouched := len(tx.touched)
	switch {
	case known == nil:
		known = &touch{t: t, r: r, before: before, kind: kind}
		tx.byRow[r] = known
		tx.touched = append(tx.touched, known)
	case kind == changefeed.Delete && saved.kind == changefeed.Create:
		known.gone = true
	case kind == changefeed.Delete:
		known.kind = changefeed.Delete
	case kind == changefeed.Undelete && saved.kind == changefeed.Delete:
		known.kind = changefeed.Update
	}
	tx.Written++
	if isPermissionObject(t.def.Name) {
		tx.permsTouched = true
		tx.redefined()
		tx.o.forgetPermissions()
	}
	tx.undo = append(tx.undo, func() {
		if known := tx.byRow[r]; known != nil {
			if len(tx.touched) > nTouched {
				delete(tx.byRow, r)
				tx.touched = tx.touched[:nTouched]
			} else {
				*known = saved
			}
		}
		t.replace(r, after, before)
		r.seq = oldSeq
		tx.Written--
	})
}
