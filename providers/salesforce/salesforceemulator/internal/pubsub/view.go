package pubsub

import (
	"slices"
	"strings"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// view is what one subscriber sees of events, as permissions and channels are at one moment.
// It is made anew each time a stream looks for events.
type view struct {
	server  *Server
	user    string
	topic   topic
	visible map[string]bool
	hidden  map[string]map[string]bool
	members map[string]*changefeed.Member
	filters map[string]*Filter // shared by the views of a stream
}

func newView(s *Server, user string, t topic, filters map[string]*Filter) *view {
	v := &view{
		server: s, user: user, topic: t, visible: map[string]bool{}, hidden: map[string]map[string]bool{},
		members: map[string]*changefeed.Member{}, filters: filters,
	}
	if t.channel != "" {
		for _, member := range s.schema.Members() {
			if member.Channel == t.channel {
				v.members[member.Object] = &member
			}
		}
	}
	return v
}

// render makes what the subscriber gets of an event: nothing, one event, or, where enriched values differ, one for each record.
func (v *view) render(e *event, counter uint64) ([]*eventbus.ConsumerEvent, error) {
	if e == nil || !v.topic.carries(e) || !v.sees(e.object) {
		return nil, nil
	}
	member := v.members[e.object]
	if v.topic.channel != "" && member == nil {
		return nil, nil // no longer selected on this channel
	}
	if e.header == nil {
		if member != nil && !v.passes(member.Filter, e, "", nil) {
			return nil, nil
		}
		one, err := v.consumer(e, counter, nil, nil)
		return one, err
	}
	if member == nil || member.Filter == "" && len(member.EnrichedFields) == 0 || e.header.gap() {
		return v.consumer(e, counter, e.header.recordIDs, nil)
	}
	return v.enriched(e, counter, member)
}

// enriched filters a change and adds values of its records as they are now. From "Enrich Change Events with Extra
// Fields": only updates and deletes are enriched, merged events are taken apart, and the parts share the replay id.
func (v *view) enriched(e *event, counter uint64, member *changefeed.Member) ([]*eventbus.ConsumerEvent, error) {
	fields := v.enrichedFields(e, member)
	var out []*eventbus.ConsumerEvent
	var together []string
	for _, id := range e.header.recordIDs {
		now, _ := v.server.schema.Record(e.object, id)
		if !v.passes(member.Filter, e, id, now) {
			continue
		}
		if len(fields) == 0 {
			together = append(together, id)
			continue
		}
		extra := make(map[string]any, len(fields))
		for _, name := range fields {
			extra[name] = now[name]
		}
		one, err := v.consumer(e, counter, []string{id}, extra)
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	if len(together) > 0 {
		return v.consumer(e, counter, together, nil)
	}
	return out, nil
}

// enrichedFields lists the source fields to add: those of the member and those its filter compares. Compound fields
// come as a whole; long text cannot be added.
func (v *view) enrichedFields(e *event, member *changefeed.Member) []string {
	if e.header.changeType != changefeed.Update && e.header.changeType != changefeed.Delete {
		return nil
	}
	names := slices.Clone(member.EnrichedFields)
	if f := v.filter(member.Filter); f != nil {
		names = append(names, f.fields...)
	}
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, name := range names {
		name, _, _ = strings.Cut(name, ".")
		for _, field := range e.schema.fields[1:] {
			if field.name != name || field.text {
				continue
			}
			if field.kind != kindRecord {
				add(name)
			}
			for _, part := range field.parts {
				add(part)
			}
		}
		if p, ok := e.schema.at[name]; ok && p.part >= 0 {
			for _, part := range e.schema.fields[p.field].parts {
				add(part)
			}
		}
	}
	return out
}

// filter compiles an expression once. A broken one, which the org should never have saved, lets everything through.
func (v *view) filter(expression string) *Filter {
	if expression == "" {
		return nil
	}
	f, known := v.filters[expression]
	if !known {
		var err error
		if f, err = ParseFilter(expression); err != nil {
			v.server.logger.Warn("a channel member has an unusable filter; all its events are delivered", "error", err)
		}
		v.filters[expression] = f
	}
	return f
}

// passes evaluates a filter for one record: header, then what the event says, then what the record holds now.
func (v *view) passes(expression string, e *event, id string, now map[string]any) bool {
	f := v.filter(expression)
	if f == nil {
		return true
	}
	return f.matches(func(name string) any {
		if field, ok := strings.CutPrefix(name, headerName+"."); ok {
			return e.header.value(field, e.object)
		}
		name = e.schema.source(name)
		if value, ok := e.body[name]; ok {
			return value
		}
		if e.header != nil && (e.header.changeType == changefeed.Create || e.header.changeType == changefeed.Undelete) {
			return nil
		}
		return now[name]
	})
}

// source finds the source field of a name as filters write it: BillingAddress.City is BillingCity.
func (s *eventSchema) source(name string) string {
	compound, part, ok := strings.Cut(name, ".")
	if !ok {
		return name
	}
	for _, field := range s.fields {
		if i := slices.Index(field.partNames, part); field.name == compound && i >= 0 {
			return field.parts[i]
		}
	}
	return name
}

// value gives a header field by its name in the schema.
func (h *header) value(name, object string) any {
	if h == nil {
		return nil
	}
	return h.avro(object, nil)[name]
}

// consumer encodes one event as the subscriber may see it.
func (v *view) consumer(e *event, counter uint64, recordIDs []string, extra map[string]any) ([]*eventbus.ConsumerEvent, error) {
	hidden := v.hiddenFields(e)
	payload, err := e.encode(recordIDs, extra, func(name string) bool { return hidden[name] })
	if err != nil {
		return nil, err
	}
	return []*eventbus.ConsumerEvent{{
		Event:    &eventbus.ProducerEvent{Id: e.id, SchemaId: e.schema.id, Payload: payload},
		ReplayId: replayID(counter),
	}}, nil
}

func (v *view) sees(object string) bool {
	visible, known := v.visible[object]
	if !known {
		visible = v.server.sees(v.user, v.topic, object)
		v.visible[object] = visible
	}
	return visible
}

// hiddenFields lists the source fields field-level security keeps from the subscriber: they arrive as null, while the
// bitmaps still tell that they changed. Platform events have no field-level security.
func (v *view) hiddenFields(e *event) map[string]bool {
	if e.header == nil {
		return nil
	}
	if hidden, ok := v.hidden[e.schema.id]; ok {
		return hidden
	}
	hidden := map[string]bool{}
	for name := range e.schema.at {
		if !v.server.schema.CanRead(v.user, e.object, name) {
			hidden[name] = true
		}
	}
	v.hidden[e.schema.id] = hidden
	return hidden
}
