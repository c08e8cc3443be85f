package pubsub

import (
	"encoding/json"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

// overflowAfter is how many changes of one transaction make change events; the rest is summed up in overflow
// events, one for each entity ("Overflow Events" in the Change Data Capture guide).
const overflowAfter = 100_000

// lastModified is listed in every update that someone made.
const lastModified = "LastModifiedDate"

var _ changefeed.Sink = (*Server)(nil)

// Commit takes the changes of one transaction and makes the change events of the entities selected for change data
// capture. Changes of other entities leave nothing but a hole in the sequence numbers.
func (s *Server) Commit(changes []changefeed.Change) {
	if len(changes) == 0 {
		return
	}
	selected := s.selections()
	b := batch{server: s, merged: map[string]*event{}, unselected: map[string]bool{}, overflown: map[string]bool{}, left: overflowAfter}
	if s.options.OverflowAfter > 0 {
		b.left = s.options.OverflowAfter
	}
	for _, change := range changes {
		channels := selected[change.Object]
		if len(channels) == 0 {
			b.pass(change)
			continue
		}
		schema, ok := b.schemaOf(change.Object)
		if !ok {
			continue
		}
		b.add(change, channels, schema)
	}
	if len(b.events) > 0 {
		s.append(s.changes, b.events)
	}
}

// selections lists the channels of each selected object.
func (s *Server) selections() map[string][]string {
	out := map[string][]string{}
	for _, member := range s.schema.Members() {
		out[member.Object] = append(out[member.Object], member.Channel)
	}
	return out
}

// batch turns one transaction into events.
type batch struct {
	server   *Server
	events   []*event
	sequence int
	// merged finds the event a change of the same kind goes into.
	merged     map[string]*event
	unselected map[string]bool
	overflown  map[string]bool
	schemas    map[string]*eventSchema
	// left is how many changes may still make events of their own.
	left int
}

func (b *batch) schemaOf(object string) (*eventSchema, bool) {
	if schema, ok := b.schemas[object]; ok {
		return schema, schema != nil
	}
	if b.schemas == nil {
		b.schemas = map[string]*eventSchema{}
	}
	schema, ok := b.server.currentSchema(object)
	if !ok {
		b.server.logger.Warn("a change of an object without a schema makes no event", "object", object)
	}
	b.schemas[object] = schema
	return schema, ok
}

// pass counts changes nobody captures: equal ones would have shared one event and one sequence number.
func (b *batch) pass(change changefeed.Change) {
	key := change.Object + "\x00" + change.Type + "\x00" + strings.Join(change.Changed, "\x00")
	if change.Type == changefeed.Create || !b.unselected[key] {
		b.unselected[key] = true
		b.sequence++
	}
}

// add makes the event of one change, or adds its record to an event that says the same.
func (b *batch) add(change changefeed.Change, channels []string, schema *eventSchema) {
	e := &event{object: change.Object, schema: schema, channels: channels, header: &header{
		recordIDs: change.RecordIDs, changeType: change.Type, origin: change.Origin, transaction: change.Transaction,
		commitTime: change.CommitTime.UnixMilli(), commitNumber: change.CommitNumber, user: change.User,
		nulled: []string{}, diffed: []string{}, changed: []string{},
	}}
	switch change.Type {
	case changefeed.Create, changefeed.Undelete:
		e.body = change.After
	case changefeed.Update:
		if !e.update(change) {
			return
		}
	}
	cost := max(1, len(change.Changed))
	if _, over := b.server.faults.TakeEvent(fault.Overflow, change.Object); over || b.left < cost {
		b.left = 0
		b.overflow(e)
		return
	}
	b.left -= cost
	if _, gap := b.server.faults.TakeEvent(fault.Gap, change.Object); gap || size(e.body) > maxEvent {
		e.makeGap()
	}
	b.place(e)
}

// place merges the event into an equal one of the transaction, or gives it the next sequence number.
// Only updates and deletes merge: creates differ in their records' content, and an undelete brings a full record.
func (b *batch) place(e *event) {
	merges := e.header.changeType == changefeed.Update || e.header.changeType == changefeed.Delete
	key := ""
	if merges {
		key = e.signature()
		if same, ok := b.merged[key]; ok {
			same.header.recordIDs = append(same.header.recordIDs, e.header.recordIDs...)
			return
		}
		// The ids of a change are the store's slice; an event that may grow has its own.
		e.header.recordIDs = append([]string(nil), e.header.recordIDs...)
		b.merged[key] = e
	}
	b.sequence++
	e.header.sequence = b.sequence
	b.events = append(b.events, e)
}

// overflow makes the one overflow event of the entity in this transaction.
func (b *batch) overflow(e *event) {
	if b.overflown[e.object] {
		return
	}
	b.overflown[e.object] = true
	e.body = nil
	e.header.changeType = "GAP_OVERFLOW"
	e.header.recordIDs = []string{overflowRecord}
	e.header.changed, e.header.nulled, e.header.diffed = []string{}, []string{}, []string{}
	b.sequence++
	e.header.sequence = b.sequence
	b.events = append(b.events, e)
}

// makeGap leaves of an event only that it happened.
func (e *event) makeGap() {
	e.body = nil
	e.header.changeType = "GAP_" + e.header.changeType
	e.header.changed, e.header.nulled, e.header.diffed = []string{}, []string{}, []string{}
}

// update fills body and bitmaps for an update; false when nothing that is sent has changed.
func (e *event) update(change changefeed.Change) bool {
	e.body = map[string]any{}
	nulled := map[string]bool{}
	for _, name := range change.Nulled {
		nulled[name] = true
	}
	var changed, nulls, diffs []position
	for _, name := range withModified(change, e.schema) {
		p, sent := e.schema.at[name]
		if !sent {
			continue
		}
		changed = append(changed, p)
		value := change.After[name]
		if name == lastModified && value == nil {
			value = change.CommitTime.UTC().Format(restDateTime)
		}
		if nulled[name] || value == nil {
			nulls = append(nulls, p)
			continue
		}
		if e.schema.fields[p.field].text {
			if diff, ok := textDiff(textOf(change.Before[name]), textOf(value)); ok {
				value = diff
				diffs = append(diffs, p)
			}
		}
		e.body[name] = value
	}
	if len(changed) == 0 {
		return false
	}
	e.header.changed, e.header.nulled, e.header.diffed = bitmaps(changed), bitmaps(nulls), bitmaps(diffs)
	return true
}

// withModified lists the changed fields and, with them, LastModifiedDate: the vendor lists it for every edit, also where it
// is the same second as before. Only what the platform does by itself may leave it out.
func withModified(change changefeed.Change, schema *eventSchema) []string {
	sent := false
	for _, name := range change.Changed {
		if name == lastModified {
			return change.Changed
		}
		if _, ok := schema.at[name]; ok && !geocode(name) {
			sent = true
		}
	}
	if !sent {
		return change.Changed
	}
	return append(append([]string(nil), change.Changed...), lastModified)
}

// geocode tells whether the platform fills in the field by itself.
func geocode(name string) bool {
	return strings.HasSuffix(name, "Latitude") || strings.HasSuffix(name, "Longitude") || strings.HasSuffix(name, "GeocodeAccuracy")
}

// signature is equal for events that say the same of different records.
func (e *event) signature() string {
	text, err := json.Marshal([]any{e.object, e.header.changeType, e.header.origin, e.header.user, e.header.commitTime,
		e.header.changed, e.header.nulled, e.header.diffed, e.body})
	if err != nil {
		// A value JSON cannot write (the store never has one) merges with nothing.
		return e.object + strings.Join(e.header.recordIDs, ",")
	}
	return string(text)
}

// size estimates the encoded size of a body: its texts, which alone can make it large.
func size(body map[string]any) int {
	n := 0
	for _, value := range body {
		if text, ok := value.(string); ok {
			n += len(text)
		}
	}
	return n
}

// Publish takes platform events in the order they were accepted.
func (s *Server) Publish(events []changefeed.PlatformEvent) {
	var out []*event
	for _, published := range events {
		schema, ok := s.currentSchema(published.Object)
		if !ok {
			s.logger.Warn("a platform event without a schema is not delivered", "object", published.Object)
			continue
		}
		body := make(map[string]any, len(published.Values)+2)
		for name, value := range published.Values {
			body[name] = value
		}
		body["CreatedDate"] = published.Created.UTC().Format(restDateTime)
		body["CreatedById"] = published.User
		e := &event{id: published.ID, object: published.Object, schema: schema, body: body}
		for _, member := range s.members(published.Object) {
			e.channels = append(e.channels, member.Channel)
		}
		out = append(out, e)
	}
	if len(out) > 0 {
		s.append(s.events, out)
	}
}
