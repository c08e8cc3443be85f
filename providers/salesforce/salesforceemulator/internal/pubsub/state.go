package pubsub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// stateFormat is raised when saved states of an earlier program can no longer be read.
const stateFormat = 1

// savedState is both streams with the schemas their events need, so that subscribers can resume after a restart.
type savedState struct {
	Format  int           `json:"format"`
	Random  []byte        `json:"random"`
	Schemas []savedSchema `json:"schemas"`
	Changes savedLog      `json:"changes"`
	Events  savedLog      `json:"events"`
	// Delivered is what counts against the delivery allocation, minute by minute.
	Delivered []savedMinute `json:"delivered,omitempty"`
}

type savedMinute struct {
	At     time.Time `json:"at"`
	Events int       `json:"events"`
}

type savedSchema struct {
	ID     string                `json:"id"`
	Object changefeed.ObjectInfo `json:"object"`
}

type savedLog struct {
	Counter uint64       `json:"counter"`
	Entries []savedEntry `json:"entries"`
}

type savedEntry struct {
	Counter  uint64      `json:"counter"`
	Accepted time.Time   `json:"accepted"`
	Visible  time.Time   `json:"visible"`
	Event    *savedEvent `json:"event,omitempty"`
}

type savedEvent struct {
	ID       string         `json:"id"`
	Object   string         `json:"object"`
	Schema   string         `json:"schema"`
	Channels []string       `json:"channels,omitempty"`
	Header   *savedHeader   `json:"header,omitempty"`
	Body     map[string]any `json:"body,omitempty"`
}

type savedHeader struct {
	RecordIDs    []string `json:"record_ids"`
	ChangeType   string   `json:"change_type"`
	Origin       string   `json:"origin"`
	Transaction  string   `json:"transaction"`
	Sequence     int      `json:"sequence"`
	CommitTime   int64    `json:"commit_time"`
	CommitNumber int64    `json:"commit_number"`
	User         string   `json:"user"`
	Nulled       []string `json:"nulled"`
	Diffed       []string `json:"diffed"`
	Changed      []string `json:"changed"`
}

// Save writes what subscribers can replay, and what was delivered on the last day, as JSON. Counters and faults are not part of it.
func (s *Server) Save() ([]byte, error) {
	state := savedState{Format: stateFormat, Schemas: s.schemas.save()}
	s.mu.Lock()
	random, err := s.source.MarshalBinary()
	state.Random = random
	state.Changes, state.Events = s.changes.save(), s.events.save()
	s.mu.Unlock()
	s.countMu.Lock()
	for _, m := range s.quota.minutes {
		state.Delivered = append(state.Delivered, savedMinute{m.at, m.n})
	}
	s.countMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("save the event streams: %w", err)
	}
	out, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("save the event streams: %w", err)
	}
	return out, nil
}

// Load takes up what Save wrote, in place of what is there. Call it before streams are opened. On an error nothing has changed.
func (s *Server) Load(data []byte) error {
	var state savedState
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&state); err != nil {
		return fmt.Errorf("load the event streams: %w", err)
	}
	if state.Format != stateFormat {
		return fmt.Errorf("load the event streams: the saved state has format %d, this program reads %d; delete it to start anew", state.Format, stateFormat)
	}
	schemas, err := loadSchemas(state.Schemas)
	if err != nil {
		return fmt.Errorf("load the event streams: %w", err)
	}
	changes, err := loadLog(state.Changes, schemas)
	if err != nil {
		return fmt.Errorf("load the stream of change events: %w", err)
	}
	events, err := loadLog(state.Events, schemas)
	if err != nil {
		return fmt.Errorf("load the stream of platform events: %w", err)
	}
	source := new(rand.PCG)
	if err := source.UnmarshalBinary(state.Random); err != nil {
		return fmt.Errorf("load the event streams: %w", err)
	}
	s.schemas.add(schemas)
	s.countMu.Lock()
	s.quota = quota{}
	for _, m := range state.Delivered {
		s.quota.add(m.At, m.Events)
	}
	s.countMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.random = source, rand.New(source) //nolint:gosec // reproducible, not secret
	s.changes.replace(changes)
	s.events.replace(events)
	return nil
}

func (r *schemaRegistry) save() []savedSchema {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]savedSchema, 0, len(r.all))
	for id, schema := range r.all {
		out = append(out, savedSchema{id, changefeed.ObjectInfo{Name: schema.object, PlatformEvent: schema.platform, Fields: schema.madeFrom}})
	}
	slices.SortFunc(out, func(a, b savedSchema) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return out
}

func (r *schemaRegistry) add(schemas map[string]*eventSchema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, schema := range schemas {
		r.all[id] = schema
	}
}

func loadSchemas(saved []savedSchema) (map[string]*eventSchema, error) {
	out := map[string]*eventSchema{}
	for _, one := range saved {
		schema, err := buildSchema(one.Object)
		if err != nil {
			return nil, err
		}
		if schema.id != one.ID {
			return nil, fmt.Errorf("the schema %s of %s is now written differently (%s); delete the saved state to start anew", one.ID, one.Object.Name, schema.id)
		}
		out[one.ID] = schema
	}
	return out, nil
}

func (l *eventLog) save() savedLog {
	out := savedLog{Counter: l.counter}
	for _, e := range l.entries {
		one := savedEntry{Counter: e.counter, Accepted: e.accepted, Visible: e.visible}
		if e.event != nil {
			one.Event = &savedEvent{
				ID: e.event.id, Object: e.event.object, Schema: e.event.schema.id, Channels: e.event.channels, Body: e.event.body,
			}
			if h := e.event.header; h != nil {
				one.Event.Header = &savedHeader{
					h.recordIDs, h.changeType, h.origin, h.transaction, h.sequence, h.commitTime, h.commitNumber, h.user, h.nulled, h.diffed, h.changed,
				}
			}
		}
		out.Entries = append(out.Entries, one)
	}
	return out
}

func loadLog(saved savedLog, schemas map[string]*eventSchema) (*eventLog, error) {
	l := &eventLog{counter: saved.Counter}
	previous := uint64(0)
	for _, one := range saved.Entries {
		if one.Counter <= previous || one.Counter > saved.Counter {
			return nil, fmt.Errorf("replay counter %d is out of order", one.Counter)
		}
		previous = one.Counter
		added := &entry{counter: one.Counter, accepted: one.Accepted, visible: one.Visible}
		if e := one.Event; e != nil {
			schema := schemas[e.Schema]
			if schema == nil {
				return nil, fmt.Errorf("event %s needs the schema %s, which was not saved", e.ID, e.Schema)
			}
			added.event = &event{id: e.ID, object: e.Object, schema: schema, channels: e.Channels, body: e.Body}
			if h := e.Header; h != nil {
				added.event.header = &header{
					h.RecordIDs, h.ChangeType, h.Origin, h.Transaction, h.Sequence, h.CommitTime, h.CommitNumber, h.User, h.Nulled, h.Diffed, h.Changed,
				}
			}
		}
		l.entries = append(l.entries, added)
	}
	return l, nil
}

// replace puts other entries in the place of those that are there.
func (l *eventLog) replace(other *eventLog) {
	l.base += uint64(len(l.entries))
	l.entries, l.counter = other.entries, other.counter
	l.wake()
}
