package org

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// customize checks the permission every change of metadata needs.
func (tx *Tx) customize() *Error {
	if !tx.write || !tx.permissions().Has("PermissionsCustomizeApplication") {
		return &Error{Code: "INSUFFICIENT_ACCESS", Message: "insufficient access rights on entity: Customize Application is required", Status: 403}
	}
	return nil
}

// guard lets a rollback take back what happens to channels, members and value sets from here on.
func (tx *Tx) guard() {
	o := tx.o
	channels, members, sets := slices.Clone(o.channels), slices.Clone(o.members), maps.Clone(o.valueSets)
	var restore []func()
	for _, c := range channels {
		v := *c
		restore = append(restore, func() { *c = v })
	}
	for _, m := range members {
		v := *m
		restore = append(restore, func() { *m = v })
	}
	for _, s := range sets {
		v := *s
		restore = append(restore, func() { *s = v })
	}
	tx.undo = append(tx.undo, func() {
		o.channels, o.members, o.valueSets = channels, members, sets
		for _, f := range restore {
			f()
		}
	})
}

func refusal(err error) *Error {
	if err == nil {
		return nil
	}
	var r *metadata.Refusal
	if errors.As(err, &r) {
		return &Error{Code: r.Code, Message: r.Message, Fields: []string{r.Field}}
	}
	return toError(err)
}

// ToolingBody is the body of a Tooling create or update.
type ToolingBody struct {
	FullName string          `json:"FullName"`
	Metadata json.RawMessage `json:"Metadata"`
}

// ToolingCreate makes a custom field, channel, channel member or global value set.
func (tx *Tx) ToolingCreate(object string, body ToolingBody) (string, *Error) {
	if err := tx.customize(); err != nil {
		return "", err
	}
	tx.guard()
	if body.FullName == "" {
		return "", &Error{Code: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [FullName]", Fields: []string{"FullName"}}
	}
	switch strings.ToLower(object) {
	case "customfield":
		return tx.createField(body)
	case "platformeventchannel":
		return tx.createChannel(body)
	case "platformeventchannelmember":
		return tx.createMember(body)
	case "globalvalueset":
		return tx.createValueSet(body)
	}
	return "", NotFound()
}

func (tx *Tx) createField(body ToolingBody) (string, *Error) {
	object, name, ok := strings.Cut(body.FullName, ".")
	if !ok {
		return "", fieldError("FIELD_INTEGRITY_EXCEPTION", "FullName", "FullName must be Object.Field__c: %s", clip(body.FullName, 100))
	}
	m, err := metadata.ParseFieldMetadata(body.Metadata)
	if err != nil {
		return "", refusal(err)
	}
	if t := tx.o.table(object); t != nil && (t.def.Setup && t.def.Name != "User" || t.def.Tooling) {
		return "", fieldError("INVALID_CROSS_REFERENCE_KEY", "TableEnumOrId", "Custom fields cannot be added to %s", object)
	}
	f, err := tx.DefineField(object, name, m)
	if err != nil {
		return "", refusal(err)
	}
	return f.ID, nil
}

// ToolingUpdate replaces the definition of something ToolingCreate made.
func (tx *Tx) ToolingUpdate(object, id string, body ToolingBody) *Error {
	if err := tx.customize(); err != nil {
		return err
	}
	tx.guard()
	id18, _ := sfid.Normalize(id)
	switch strings.ToLower(object) {
	case "customfield":
		t, f := tx.fieldByID(id18)
		if f == nil {
			return NotFound()
		}
		m, err := metadata.ParseFieldMetadata(body.Metadata)
		if err != nil {
			return refusal(err)
		}
		return refusal(tx.ChangeField(t, f, m))
	case "platformeventchannel":
		for _, c := range tx.o.channels {
			if c.id == id18 {
				return tx.updateChannel(c, body)
			}
		}
	case "platformeventchannelmember":
		for _, m := range tx.o.members {
			if m.id == id18 {
				return tx.updateMember(m, body)
			}
		}
	case "globalvalueset":
		for _, v := range tx.o.valueSets {
			if v.id == id18 {
				return tx.readValueSet(v, body)
			}
		}
	}
	return NotFound()
}

// ToolingDelete removes a channel, member or value set. Custom fields cannot be deleted by REST (Tooling API guide, "CustomField").
func (tx *Tx) ToolingDelete(object, id string) *Error {
	if err := tx.customize(); err != nil {
		return err
	}
	tx.guard()
	id18, _ := sfid.Normalize(id)
	o := tx.o
	switch strings.ToLower(object) {
	case "customfield":
		return &Error{Code: "METHOD_NOT_ALLOWED", Message: "HTTP Method 'DELETE' not allowed. Allowed are GET,PATCH,HEAD", Status: 405}
	case "platformeventchannel":
		for i, c := range o.channels {
			if c.id != id18 {
				continue
			}
			for _, m := range o.members {
				if strings.EqualFold(m.channel, c.name) {
					return Errorf("DEPENDENCY_EXISTS", "Cannot delete the channel %s: it has members", c.name)
				}
			}
			o.channels = slices.Delete(o.channels, i, i+1)
			return nil
		}
	case "platformeventchannelmember":
		for i, m := range o.members {
			if m.id == id18 {
				o.members = slices.Delete(o.members, i, i+1)
				return nil
			}
		}
	case "globalvalueset":
		for k, v := range o.valueSets {
			if v.id == id18 {
				if f := tx.valueSetUser(v.name); f != "" {
					return Errorf("DEPENDENCY_EXISTS", "Cannot delete the global value set %s: the field %s uses it", v.name, f)
				}
				delete(o.valueSets, k)
				return nil
			}
		}
	}
	return NotFound()
}

// valueSetUser names a field that takes its values from the set; empty where there is none.
func (tx *Tx) valueSetUser(set string) string {
	for _, n := range tx.o.tableNames() {
		for _, f := range tx.o.table(n).def.Fields {
			if f.ValueSet != "" && strings.EqualFold(f.ValueSet, set) {
				return n + "." + f.Name
			}
		}
	}
	return ""
}

func (tx *Tx) fieldByID(id string) (*table, *metadata.Field) {
	for _, n := range tx.o.tableNames() {
		t := tx.o.table(n)
		for _, f := range t.def.Fields {
			if f.ID != "" && f.ID == id {
				return t, f
			}
		}
	}
	return nil, nil
}

// ToolingGet renders one Tooling row with all its fields.
func (tx *Tx) ToolingGet(object, id, base string) (metadata.Ordered, *Error) {
	t := tx.toolingTable(object)
	if t == nil {
		return nil, NotFound()
	}
	id18, _ := sfid.Normalize(id)
	r := t.rows[id18]
	if r == nil {
		return nil, NotFound()
	}
	rec := metadata.Ordered{{Key: "attributes", Value: metadata.Ordered{{Key: "type", Value: t.def.Name}, {Key: "url", Value: base + "/tooling/sobjects/" + t.def.Name + "/" + r.id}}}}
	for _, f := range t.def.Fields {
		rec.Set(f.Name, renderValue(f, r.get(f.Slot)))
	}
	return rec, nil
}

func (tx *Tx) createChannel(body ToolingBody) (string, *Error) {
	base, ok := strings.CutSuffix(body.FullName, "__chn")
	if !ok || !metadata.ValidDeveloperName(base) {
		return "", fieldError("FIELD_INTEGRITY_EXCEPTION", "FullName", "The channel name must end with __chn: %s", clip(body.FullName, 100))
	}
	if tx.channelByName(body.FullName) != nil {
		return "", fieldError("DUPLICATE_DEVELOPER_NAME", "DeveloperName", "The channel %s already exists", body.FullName)
	}
	if len(tx.o.channels) >= 100 {
		return "", Errorf("LIMIT_EXCEEDED", "You've reached the maximum number of custom channels: 100")
	}
	c := &channel{id: tx.o.metaID("0YL"), name: body.FullName}
	if err := tx.updateChannel(c, body); err != nil {
		return "", err
	}
	tx.o.channels = append(tx.o.channels, c)
	return c.id, nil
}

func (tx *Tx) updateChannel(c *channel, body ToolingBody) *Error {
	var m struct {
		ChannelType string `json:"channelType"`
		Label       string `json:"label"`
	}
	if err := json.Unmarshal(orEmpty(body.Metadata), &m); err != nil {
		return Errorf("JSON_PARSER_ERROR", "The Metadata cannot be read: %v", err)
	}
	if m.ChannelType != "data" && m.ChannelType != "event" {
		return fieldError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "ChannelType", "Channel Type: bad value for restricted picklist field: %s", clip(m.ChannelType, 100))
	}
	if c.kind != "" && c.kind != m.ChannelType {
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "ChannelType", "The channel type cannot be changed")
	}
	if m.Label == "" {
		return &Error{Code: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [MasterLabel]", Fields: []string{"MasterLabel"}}
	}
	c.kind, c.label = m.ChannelType, m.Label
	c.stamp, _ = tx.stamp.(string)
	return nil
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// MemberMetadata is the Metadata of a channel member.
type MemberMetadata struct {
	EventChannel   string `json:"eventChannel"`
	SelectedEntity string `json:"selectedEntity"`
	Filter         string `json:"filterExpression"`
	Enriched       []struct {
		Name string `json:"name"`
	} `json:"enrichedFields"`
}

func (tx *Tx) createMember(body ToolingBody) (string, *Error) {
	var m MemberMetadata
	if err := json.Unmarshal(orEmpty(body.Metadata), &m); err != nil {
		return "", Errorf("JSON_PARSER_ERROR", "The Metadata cannot be read: %v", err)
	}
	id, err := tx.AddMember(body.FullName, m)
	return id, err
}

// entityObject finds the object behind an event's name.
func (tx *Tx) entityObject(entity string) (*table, bool) {
	if strings.HasSuffix(strings.ToLower(entity), "__e") {
		t := tx.o.table(entity)
		return t, t != nil
	}
	base, ok := strings.CutSuffix(entity, "ChangeEvent")
	if !ok {
		return nil, false
	}
	if custom, ok := strings.CutSuffix(base, "__"); ok {
		base = custom + "__c"
	}
	t := tx.o.table(base)
	return t, t != nil && (!t.def.Setup || t.def.Name == "User") && !t.def.Tooling && !t.def.Event
}

// AddMember selects an entity on a channel.
func (tx *Tx) AddMember(fullName string, m MemberMetadata) (string, *Error) {
	t, ok := tx.entityObject(m.SelectedEntity)
	if !ok {
		return "", fieldError("FIELD_INTEGRITY_EXCEPTION", "SelectedEntity", "The selected entity %s isn't valid", clip(m.SelectedEntity, 100))
	}
	c := tx.channelByName(m.EventChannel)
	switch {
	case m.EventChannel == "ChangeEvents" && t.def.Event, m.EventChannel != "ChangeEvents" && c == nil:
		return "", fieldError("INVALID_CROSS_REFERENCE_KEY", "EventChannel", "The channel %s doesn't exist, or it cannot hold %s", clip(m.EventChannel, 100), m.SelectedEntity)
	case c != nil && (c.kind == "event") != t.def.Event:
		return "", fieldError("FIELD_INTEGRITY_EXCEPTION", "SelectedEntity", "A channel of type %s cannot hold %s", c.kind, m.SelectedEntity)
	}
	entities := map[string]bool{m.SelectedEntity: true}
	for _, other := range tx.o.members {
		if strings.EqualFold(other.channel, m.EventChannel) && other.entity == m.SelectedEntity {
			return "", fieldError("DUPLICATE_VALUE", "SelectedEntity", "The entity %s is already a member of the channel %s", m.SelectedEntity, m.EventChannel)
		}
		if !strings.HasSuffix(other.entity, "__e") {
			entities[other.entity] = true
		}
	}
	if len(entities) > 5 && !t.def.Event {
		return "", Errorf("LIMIT_EXCEEDED", "You've reached the maximum number of entities that can be selected for Change Data Capture: 5")
	}
	name := t.def.Name
	switch {
	case t.def.Event:
	case t.def.Custom:
		name = strings.TrimSuffix(name, "__c") + "__ChangeEvent"
	default:
		name += "ChangeEvent"
	}
	mem := &member{id: tx.o.metaID("0v8"), name: fullName, channel: m.EventChannel, entity: name, object: t.def.Name}
	if err := tx.setMember(mem, m); err != nil {
		return "", err
	}
	tx.o.members = append(tx.o.members, mem)
	return mem.id, nil
}

func (tx *Tx) updateMember(mem *member, body ToolingBody) *Error {
	var m MemberMetadata
	if err := json.Unmarshal(orEmpty(body.Metadata), &m); err != nil {
		return Errorf("JSON_PARSER_ERROR", "The Metadata cannot be read: %v", err)
	}
	if m.EventChannel == "" || m.SelectedEntity == "" {
		return &Error{Code: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [EventChannel, SelectedEntity]", Fields: []string{"EventChannel", "SelectedEntity"}}
	}
	if !strings.EqualFold(m.EventChannel, mem.channel) || m.SelectedEntity != mem.entity {
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "EventChannel", "The event channel and the selected entity cannot be changed: delete the member and create another")
	}
	return tx.setMember(mem, m)
}

func (tx *Tx) setMember(mem *member, m MemberMetadata) *Error {
	if len(m.Enriched) > 10 {
		return fieldError("LIMIT_EXCEEDED", "EnrichedFields", "A channel member can have at most 10 enriched fields")
	}
	if len(m.Filter) > 131072 {
		return fieldError("STRING_TOO_LONG", "FilterExpression", "Filter Expression: data value too large (max length=131072)")
	}
	var enriched []string
	for _, e := range m.Enriched {
		f := tx.FieldDef(mem.object, e.Name)
		if f == nil || f.IsLongText() || f.Calculated && f.Formula != "" || f.Compound != "" && !f.Custom && f.Compound != "Name" {
			return fieldError("FIELD_INTEGRITY_EXCEPTION", "EnrichedFields", "The field %s of %s can't be an enriched field", clip(e.Name, 100), mem.object)
		}
		if !slices.Contains(enriched, f.Name) {
			enriched = append(enriched, f.Name)
		}
	}
	mem.enriched, mem.filter = enriched, m.Filter
	mem.stamp, _ = tx.stamp.(string)
	return nil
}

// AddChannel makes a custom channel.
func (tx *Tx) AddChannel(fullName, kind, label string) *Error {
	raw, _ := json.Marshal(map[string]string{"channelType": kind, "label": label}) // strings always marshal
	_, err := tx.createChannel(ToolingBody{FullName: fullName, Metadata: raw})
	return err
}

func (tx *Tx) createValueSet(body ToolingBody) (string, *Error) {
	if !metadata.ValidDeveloperName(body.FullName) {
		return "", fieldError("FIELD_INTEGRITY_EXCEPTION", "FullName", "%s is no valid name", clip(body.FullName, 100))
	}
	key := strings.ToLower(body.FullName)
	if tx.o.valueSets[key] != nil {
		return "", fieldError("DUPLICATE_DEVELOPER_NAME", "DeveloperName", "The global value set %s already exists", body.FullName)
	}
	v := &valueSet{id: tx.o.metaID("0Nt"), name: body.FullName}
	if err := tx.readValueSet(v, body); err != nil {
		return "", err
	}
	tx.o.valueSets[key] = v
	return v.id, nil
}

func (tx *Tx) readValueSet(v *valueSet, body ToolingBody) *Error {
	var m struct {
		Values []metadata.ValueSetItem `json:"customValue"`
		Label  string                  `json:"masterLabel"`
		Sorted bool                    `json:"sorted"`
	}
	if err := json.Unmarshal(orEmpty(body.Metadata), &m); err != nil {
		return Errorf("JSON_PARSER_ERROR", "The Metadata cannot be read: %v", err)
	}
	if m.Label == "" {
		return &Error{Code: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [MasterLabel]", Fields: []string{"MasterLabel"}}
	}
	values, err := (&metadata.ValueSetValues{Values: m.Values}).Picklist()
	if err != nil {
		return refusal(err)
	}
	tx.redefined()
	v.values, v.label, v.sorted = values, m.Label, m.Sorted
	v.stamp, _ = tx.stamp.(string)
	for _, n := range tx.o.tableNames() { // fields that use the set follow it
		for _, f := range tx.o.table(n).def.Fields {
			if f.ValueSet != "" && strings.EqualFold(f.ValueSet, v.name) {
				f.Picklist = slices.Clone(values)
			}
		}
	}
	return nil
}
