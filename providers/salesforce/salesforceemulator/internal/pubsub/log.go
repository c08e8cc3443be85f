package pubsub

import (
	"bytes"
	"encoding/binary"
	"sort"
	"time"
)

const (
	// retention is how long events can be replayed: 72 hours ("Event Message Durability").
	retention = 72 * time.Hour
	// replayLength is the length of a replay id: a counter in eight bytes and two zero bytes, as observed.
	replayLength = 10
	// markAfter is how old the newest entry may get before a keep-alive moves on to a fresh replay id.
	markAfter = time.Hour
)

// entry is one place in a stream of events: a change event, a platform event, or a mark nobody receives.
type entry struct {
	counter uint64
	// accepted is when the entry was added, from which retention counts; visible is when subscribers may see it.
	accepted, visible time.Time
	event             *event // nil for a mark
}

// replayID writes a counter as the opaque id subscribers get.
func replayID(counter uint64) []byte {
	id := make([]byte, replayLength)
	binary.BigEndian.PutUint64(id, counter)
	return id
}

// counterOf reads a replay id; ok is false for bytes no stream ever gave out. The counter alone, without the two zero
// bytes, is taken as well: salesforce-pubsub-api-client for Node keeps ids as numbers and sends eight bytes.
func counterOf(id []byte) (counter uint64, ok bool) {
	if len(id) != 8 && (len(id) != replayLength || !bytes.Equal(id[8:], []byte{0, 0})) {
		return 0, false
	}
	return binary.BigEndian.Uint64(id), true
}

// eventLog is one stream of events in replay order. Its owner's lock guards it.
//
// A cursor is the position of the next entry to read, counted from the first entry there ever was, so that it
// stays right when old entries are dropped.
type eventLog struct {
	entries []*entry
	// base is the position of entries[0].
	base uint64
	// counter is the newest replay counter given out.
	counter uint64
	// changed is closed, and replaced, whenever readers should look again.
	changed chan struct{}
}

func newEventLog(counter uint64, now time.Time) *eventLog {
	l := &eventLog{counter: counter, changed: make(chan struct{})}
	l.append(nil, 1, now, now)
	return l
}

// append adds an entry; step is how far the replay counter moves. Nothing becomes visible before what stands in front of it.
func (l *eventLog) append(e *event, step uint64, now, visible time.Time) *entry {
	if n := len(l.entries); n > 0 && visible.Before(l.entries[n-1].visible) {
		visible = l.entries[n-1].visible
	}
	l.counter += step
	added := &entry{counter: l.counter, accepted: now, visible: visible, event: e}
	l.entries = append(l.entries, added)
	l.wake()
	return added
}

func (l *eventLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// purge drops what is older than the retention time.
func (l *eventLog) purge(now time.Time) {
	limit := now.Add(-retention)
	n := sort.Search(len(l.entries), func(i int) bool { return !l.entries[i].accepted.Before(limit) })
	clear(l.entries[:n])
	l.entries = l.entries[n:]
	l.base += uint64(n)
}

// reset forgets everything and goes on with ids far away, as when an org moves to another instance.
func (l *eventLog) reset(step uint64, now time.Time) {
	l.base += uint64(len(l.entries))
	l.entries = nil
	l.append(nil, step, now, now)
}

// end is the cursor after the newest entry.
func (l *eventLog) end() uint64 { return l.base + uint64(len(l.entries)) }

// edge is the cursor after the newest entry subscribers may see, and that entry's counter.
func (l *eventLog) edge(now time.Time) (cursor, counter uint64) {
	i := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].visible.After(now) })
	switch {
	case i > 0:
		counter = l.entries[i-1].counter
	case i < len(l.entries):
		counter = l.entries[i].counter - 1
	default:
		counter = l.counter
	}
	return l.base + uint64(i), counter
}

// after gives the cursor strictly after a replay id, false when the id is unknown or no longer kept.
func (l *eventLog) after(counter uint64) (uint64, bool) {
	i := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].counter >= counter })
	if i == len(l.entries) || l.entries[i].counter != counter {
		return 0, false
	}
	return l.base + uint64(i) + 1, true
}

// at gives the entry at a cursor, moving the cursor forward over entries that are gone.
// wait is how long until it becomes visible; nil means the cursor is at the end.
func (l *eventLog) at(cursor uint64, now time.Time) (e *entry, next uint64, wait time.Duration) {
	cursor = max(cursor, l.base)
	if cursor >= l.end() {
		return nil, cursor, 0
	}
	e = l.entries[cursor-l.base]
	if wait := e.visible.Sub(now); wait > 0 {
		return e, cursor, wait
	}
	return e, cursor + 1, 0
}

// mark makes sure that the newest id of an idle stream is young enough to be resumed from for a long time.
func (l *eventLog) mark(step uint64, now time.Time) {
	n := len(l.entries)
	if n == 0 || now.Sub(l.entries[n-1].accepted) > markAfter {
		l.append(nil, step, now, now)
	}
}
