package org

import (
	"sort"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// Schema answers the event side's questions. It may be used from inside Sink calls, which run once the org is unlocked.
type Schema struct{ o *Org }

// Schema gives the view of the org for event delivery.
func (o *Org) Schema() *Schema { return &Schema{o: o} }

func (s *Schema) lock() func() {
	s.o.mu.RLock()
	return s.o.mu.RUnlock
}

// OrgID is the 18-character id of the org.
func (s *Schema) OrgID() string { return s.o.orgID }

// Object describes an object, unfiltered.
func (s *Schema) Object(name string) (changefeed.ObjectInfo, bool) {
	defer s.lock()()
	t := s.o.table(name)
	if t == nil || t.def.Tooling {
		return changefeed.ObjectInfo{}, false
	}
	info := changefeed.ObjectInfo{Name: t.def.Name, Label: t.def.Label, KeyPrefix: t.def.KeyPrefix, Custom: t.def.Custom, PlatformEvent: t.def.Event}
	for _, f := range t.def.Fields {
		if f.Name == "" {
			continue
		}
		id := f.ID
		if len(id) > 15 {
			id = id[:15]
		}
		info.Fields = append(info.Fields, changefeed.FieldInfo{Name: f.Name, ID: id, Type: f.Type, Length: f.Length, Precision: f.Precision, Scale: f.Scale,
			Custom: f.Custom, Nillable: f.Nillable, Calculated: f.Calculated, AutoNumber: f.AutoNumber, ExternalID: f.ExternalID, Unique: f.Unique, HTML: f.HTML,
			ReferenceTo: f.ReferenceTo, RelationshipName: f.RelationshipName, Compound: f.Compound, NameField: f.NameField})
	}
	return info, true
}

// Objects lists the API names of all objects, sorted.
func (s *Schema) Objects() []string {
	defer s.lock()()
	return s.o.tableNames()
}

// Channels lists the custom channels by name.
func (s *Schema) Channels() []changefeed.Channel {
	defer s.lock()()
	out := make([]changefeed.Channel, 0, len(s.o.channels))
	for _, c := range s.o.channels {
		out = append(out, changefeed.Channel{ID: c.id, Name: c.name, Type: c.kind, Label: c.label})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Members lists what is selected on the channels.
func (s *Schema) Members() []changefeed.Member {
	defer s.lock()()
	out := make([]changefeed.Member, 0, len(s.o.members))
	for _, m := range s.o.members {
		out = append(out, changefeed.Member{ID: m.id, Channel: m.channel, Entity: m.entity, Object: m.object, EnrichedFields: m.enriched, Filter: m.filter})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Channel != out[j].Channel {
			return out[i].Channel < out[j].Channel
		}
		return out[i].Entity < out[j].Entity
	})
	return out
}

// Authenticate checks what each RPC carries.
func (s *Schema) Authenticate(token, instanceURL, tenantID string) (string, bool) {
	if s.o.auth == nil || tenantID != s.o.orgID {
		return "", false
	}
	return s.o.auth(token, instanceURL)
}

// CanRead tells whether the user may read a field, or the object where field is empty.
func (s *Schema) CanRead(userID, object, field string) bool {
	defer s.lock()()
	t := s.o.table(object)
	if t == nil {
		return false
	}
	p := s.o.permissions(userID)
	if !p.Object(t.def).Read && !t.def.Event {
		return false
	}
	if field == "" {
		return true
	}
	f := t.def.Field(field)
	return f != nil && p.Field(t.def, f).Read
}

// ViewsAllRecords tells whether the user sees every record of the object, or every record at all.
func (s *Schema) ViewsAllRecords(userID, object string) bool {
	defer s.lock()()
	var def *metadata.Object
	if object != "" {
		t := s.o.table(object)
		if t == nil {
			return false
		}
		def = t.def
	}
	return s.o.permissions(userID).ViewsAll(def)
}

// Record gives the values of a record as they are now.
func (s *Schema) Record(object, id string) (map[string]any, bool) {
	defer s.lock()()
	t := s.o.table(object)
	id18, ok := sfid.Normalize(id)
	if t == nil || !ok || t.rows[id18] == nil {
		return nil, false
	}
	return t.values(t.rows[id18].cells), true
}

// Publish writes a platform event on behalf of a user.
func (s *Schema) Publish(e changefeed.PlatformEvent) error {
	tx := s.o.Begin(Caller{UserID: e.User})
	defer tx.Rollback()
	t := tx.o.table(e.Object)
	if t == nil || !t.def.Event {
		return NotFound()
	}
	in := Fields{}
	for k, v := range e.Values {
		if !strings.EqualFold(k, "CreatedDate") && !strings.EqualFold(k, "CreatedById") && !strings.EqualFold(k, "EventUuid") && !strings.EqualFold(k, "ReplayId") {
			in[k] = v
		}
	}
	if _, err := tx.publishEvent(t, in); err != nil {
		return err
	}
	if e.ID != "" {
		tx.events[0].ID = e.ID
	}
	tx.Commit()
	return nil
}
