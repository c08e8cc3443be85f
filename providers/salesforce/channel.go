package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// defaultChannel is the channel whose members are the sObjects selected in Setup, Change Data Capture (Change Data
// Capture Developer Guide, "Select Objects with Metadata API and Tooling API").
const defaultChannel = "ChangeEvents"

// customSuffix ends the names of the channels that an org makes for itself.
const customSuffix = "__chn"

// eventEntity is the change event of an sObject: AccountChangeEvent, Invoice__ChangeEvent for Invoice__c.
func eventEntity(sobject string) string {
	if n := len(sobject) - len("__c"); n > 0 && strings.EqualFold(sobject[n:], "__c") {
		return sobject[:n] + "__ChangeEvent"
	}
	return sobject + "ChangeEvent"
}

// channel is the full name of the channel that the connection's events are selected for; "" for the default one.
func (p *Provider) channel() string {
	if p.config.Channel == "" {
		return ""
	}
	return strings.TrimSuffix(p.config.Channel, customSuffix) + customSuffix
}

// topicOf is where the change events of an sObject are delivered: at a topic of their own, or with all others of a custom
// channel. Topic names heed case.
func (p *Provider) topicOf(sobject string) string {
	if c := p.channel(); c != "" {
		return "/data/" + c
	}
	return "/data/" + eventEntity(sobject)
}

// channelMember selects an sObject for change events. On a channel of our own, updates and deletes also show its key,
// whether it changed or not.
func (x *expansion) channelMember(s provider.ObjectSpec, sobject string) {
	entity, channel := eventEntity(sobject), orElse(x.channel, defaultChannel)
	r := resource.Resource{
		Address:    s.Connection + "/" + kindChannel + "/" + channel + "/" + kindChannelMember + "/" + entity,
		Connection: s.Connection, Kind: kindChannelMember, Name: entity, Managed: true, Object: s.Object,
		Attributes: map[string]any{"channel": channel},
		DependsOn:  []string{objectAddress(s.Connection, sobject)},
	}
	if x.channel != "" {
		at := s.Connection + "/" + kindChannel + "/" + channel
		x.add(resource.Resource{Address: at, Connection: s.Connection, Kind: kindChannel, Name: channel, Managed: true,
			Attributes: map[string]any{"type": "data"}})
		r.DependsOn = append(r.DependsOn, at)
		if key := keyName(s); key != "" {
			r.Attributes["enriched"] = []any{key}
			r.DependsOn = append(r.DependsOn, fieldAddress(s.Connection, sobject, key))
		}
	}
	x.add(r)
}

// selection is what the org selects for change events: the entities of each channel, by the channel's full name.
type selection struct {
	members  []row
	channels map[string]row // custom ones, by full name
}

// member finds the selection of an entity on a channel.
func (s selection) member(channel, entity string) (row, bool) {
	for _, r := range s.members {
		if strings.EqualFold(r.text("SelectedEntity"), entity) && s.channelOf(r) == channel {
			return r, true
		}
	}
	return nil, false
}

// channelOf is the full name of a member's channel: members name custom ones by id.
func (s selection) channelOf(member row) string {
	at := member.text("EventChannel")
	for name, r := range s.channels {
		if at == name || validID(at) && shortID(at) == shortID(r.text("Id")) {
			return name
		}
	}
	return at
}

// entities are all that the org selects, whatever for.
func (s selection) entities() map[string]bool {
	entities := map[string]bool{}
	for _, r := range s.members {
		if name := strings.ToLower(r.text("SelectedEntity")); strings.HasSuffix(name, "changeevent") {
			entities[name] = true
		}
	}
	return entities
}

// selected asks for what is selected for change events in the whole org, and for custom channels where they matter.
func (p *Provider) selected(ctx context.Context, channels bool, doing string) (s selection, err error) {
	s.channels = map[string]row{}
	s.members, err = p.client.all(ctx, statement{
		soql: "SELECT Id, DeveloperName, EventChannel, SelectedEntity FROM PlatformEventChannelMember", doing: doing, tooling: true,
	})
	if err != nil || !channels {
		return s, err
	}
	rows, err := p.client.all(ctx, statement{
		soql: "SELECT Id, DeveloperName, ChannelType FROM PlatformEventChannel", doing: doing, tooling: true,
	})
	for _, r := range rows {
		s.channels[r.text("DeveloperName")+customSuffix] = r
	}
	return s, err
}

// What the resource of an sObject tells of the selection for change events: how many entities the org selects with those
// of the contract, how many of them are others', and which ones come through our channel although nobody asks for them.
const (
	eventsInAll    = "event_entities"
	eventsOfOthers = "event_entities_of_others"
	eventsBeside   = "event_entities_beside"
)

// adviseEvents warns of more selections than an org may have without an add-on, and of those on our channel that are not
// ours.
func adviseEvents(b provider.Binding, object string) []string {
	var warnings []string
	for _, r := range b.Resources {
		if r.Address != objectAddress(b.Spec.Connection, object) {
			continue
		}
		if n := numberOf(r.Attributes, eventsInAll); n > eventEntities {
			warnings = append(warnings, fmt.Sprintf("%s would select %d sObjects for change events, %d of them for others, and an org may select %d without an add-on: apply stops where it refuses one",
				b.Spec.Connection, n, numberOf(r.Attributes, eventsOfOthers), eventEntities))
		}
		if beside := textsOf(r.Attributes, eventsBeside); len(beside) > 0 {
			warnings = append(warnings, fmt.Sprintf("the event channel of %s also delivers %s, which the contract does not ask for: each delivery counts against the org's daily allowance; take it out in Setup if nobody needs it",
				b.Spec.Connection, strings.Join(beside, ", ")))
		}
	}
	return warnings
}

// describeChannels answers for the selection of sObjects for change events, and for the channel where it is ours.
func (p *Provider) describeChannels(ctx context.Context, want []resource.Resource, have map[string]resource.Resource) error {
	wanted := ofKinds(want, kindChannel, kindChannelMember)
	if len(wanted) == 0 {
		return nil
	}
	is, err := p.selected(ctx, p.channel() != "", "describe the selection for change events")
	if err != nil {
		return err
	}
	entities := is.entities()
	others := len(entities)
	for _, w := range ofKinds(wanted, kindChannelMember) {
		name := strings.ToLower(placeOf(w.Address).second)
		if entities[name] {
			others--
		}
		entities[name] = true
	}
	for _, w := range wanted {
		at := placeOf(w.Address)
		if w.Kind == kindChannel {
			if r, ok := is.channels[at.first]; ok {
				have[w.Address] = found(w, r.text("Id"), map[string]any{"type": r.text("ChannelType")})
			}
			continue
		}
		// What is selected besides, and how much that makes, is nothing that is wanted: it is there for Advise to read.
		if o, ok := have[w.DependsOn[0]]; ok && o.Kind == kindObject {
			o.Attributes[eventsInAll], o.Attributes[eventsOfOthers] = float64(len(entities)), float64(others)
			o.Attributes[eventsBeside] = is.beside(at.first, wanted)
		}
		r, ok := is.member(at.first, at.second)
		if !ok {
			continue
		}
		attributes := map[string]any{"channel": at.first}
		if w.Attributes["enriched"] != nil {
			m, err := p.memberMetadata(ctx, r.text("Id"), "describe the fields that "+at.second+" shows")
			if err != nil {
				return err
			}
			attributes["enriched"] = asWanted(m.enriched(), textsOf(w.Attributes, "enriched"))
		}
		have[w.Address] = found(w, r.text("Id"), attributes)
	}
	return nil
}

// beside lists what a channel delivers that nobody asked for here.
func (s selection) beside(channel string, wanted []resource.Resource) []any {
	list := []any{}
	for _, r := range s.members {
		entity := r.text("SelectedEntity")
		asked := slices.ContainsFunc(wanted, func(w resource.Resource) bool { return strings.EqualFold(placeOf(w.Address).second, entity) })
		if s.channelOf(r) == channel && channel != defaultChannel && !asked {
			list = append(list, entity)
		}
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return list
}

// asWanted spells names as they are wanted, where only case differs.
func asWanted(names, wanted []string) []any {
	l := make([]any, len(names))
	for i, n := range names {
		l[i] = n
		for _, w := range wanted {
			if strings.EqualFold(n, w) {
				l[i] = w
			}
		}
	}
	return l
}

// memberMetadata is a channel member's Metadata, which only reads of a single row show.
type memberMetadata map[string]any

func (p *Provider) memberMetadata(ctx context.Context, id, doing string) (memberMetadata, error) {
	var answer struct {
		Metadata memberMetadata `json:"Metadata"`
	}
	err := p.client.do(ctx, request{op: "GET tooling/PlatformEventChannelMember", doing: doing, method: http.MethodGet,
		path: "/tooling/sobjects/PlatformEventChannelMember/" + id}, &answer)
	return answer.Metadata, err
}

func (m memberMetadata) enriched() []string {
	var names []string
	fields, _ := m["enrichedFields"].([]any)
	for _, f := range fields {
		if o, ok := f.(map[string]any); ok {
			if name, ok := o["name"].(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// applyChannel makes a channel of our own, or ends it.
func (p *Provider) applyChannel(ctx context.Context, c resource.Change) (resource.Resource, error) {
	w := c.Want
	name := placeOf(w.Address).first
	doing := fmt.Sprintf("%s channel %s", c.Action, name)
	switch c.Action {
	case resource.Update:
		return resource.Resource{}, invalid(doing, "a channel of that name is there for other events; name another one in the connection")
	case resource.Destroy:
		return p.deleteTooling(ctx, w, "PlatformEventChannel", doing)
	}
	label := strings.TrimSuffix(name, customSuffix)
	id, err := p.createTooling(ctx, "PlatformEventChannel", doing, object{
		{"FullName", name}, {"Metadata", object{{"channelType", "data"}, {"label", label}}},
	})
	if err == nil {
		w.ID = id
		return w, nil
	}
	is, listErr := p.selected(ctx, true, doing)
	if r, ok := is.channels[name]; listErr == nil && ok && r.text("ChannelType") == "data" {
		w.ID = r.text("Id") // an interrupted run made it
		return w, nil
	}
	return resource.Resource{}, err
}

// applyMember selects an sObject, shows more fields with its events, or ends its selection. Whether an org has the add-on
// for more than five is not to be seen, so the attempt is made and a refusal explained.
func (p *Provider) applyMember(ctx context.Context, c resource.Change) (resource.Resource, error) {
	w := c.Want
	at := placeOf(w.Address)
	doing := fmt.Sprintf("%s the selection of %s for change events", c.Action, at.second)
	switch c.Action {
	case resource.Update:
		return p.enrich(ctx, w, doing)
	case resource.Destroy:
		return p.deleteTooling(ctx, w, "PlatformEventChannelMember", doing)
	}
	metadata := object{{"eventChannel", at.first}, {"selectedEntity", at.second}}
	if fields := textsOf(w.Attributes, "enriched"); len(fields) > 0 {
		metadata = append(metadata, member{"enrichedFields", enrichment(fields)})
	}
	id, err := p.createTooling(ctx, "PlatformEventChannelMember", doing, object{
		{"FullName", strings.ReplaceAll(at.first+"_"+at.second, "__", "_")}, {"Metadata", metadata},
	})
	if err == nil {
		w.ID = id
		return w, nil
	}
	is, listErr := p.selected(ctx, at.first != defaultChannel, doing)
	if listErr != nil {
		return resource.Resource{}, err
	}
	if r, ok := is.member(at.first, at.second); ok { // an interrupted run made it
		w.ID = r.text("Id")
		if len(textsOf(w.Attributes, "enriched")) > 0 {
			return p.enrich(ctx, w, doing)
		}
		return w, nil
	}
	e := asError(err, doing)
	if n := len(is.entities()); n >= eventEntities {
		e.Message += fmt.Sprintf(" (%d sObjects are selected already, and %d are allowed without the add-on)", n, eventEntities)
	}
	return resource.Resource{}, e
}

func enrichment(fields []string) []object {
	list := make([]object, len(fields))
	for i, f := range fields {
		list[i] = object{{"name", f}}
	}
	return list
}

// enrich adds the fields that a member's events are to show, and keeps what else it is told: the Tooling API takes no part
// of the Metadata.
func (p *Provider) enrich(ctx context.Context, w resource.Resource, doing string) (resource.Resource, error) {
	if !validID(w.ID) {
		return resource.Resource{}, invalid(doing, "the selection was not described")
	}
	m, err := p.memberMetadata(ctx, w.ID, doing)
	if err != nil {
		return resource.Resource{}, err
	}
	fields := m.enriched()
	for _, f := range textsOf(w.Attributes, "enriched") {
		if !slices.ContainsFunc(fields, func(have string) bool { return strings.EqualFold(have, f) }) {
			fields = append(fields, f)
		}
	}
	if m == nil {
		m = memberMetadata{}
	}
	at := placeOf(w.Address)
	m["eventChannel"], m["selectedEntity"], m["enrichedFields"] = at.first, at.second, enrichment(fields)
	err = p.client.do(ctx, request{op: "PATCH tooling/PlatformEventChannelMember", doing: doing, method: http.MethodPatch,
		path: "/tooling/sobjects/PlatformEventChannelMember/" + w.ID, body: object{{"Metadata", m}}, write: true, rows: 1}, nil)
	return w, err
}

func (p *Provider) createTooling(ctx context.Context, sobject, doing string, body object) (string, error) {
	var made created
	err := p.client.do(ctx, request{op: "POST tooling/" + sobject, doing: doing, method: http.MethodPost,
		path: "/tooling/sobjects/" + sobject, body: body, write: true, rows: 1}, &made)
	if err != nil {
		return "", err
	}
	if e := made.refused(doing); e != nil {
		return "", e
	}
	return made.ID, nil
}

func (p *Provider) deleteTooling(ctx context.Context, w resource.Resource, sobject, doing string) (resource.Resource, error) {
	if validID(w.ID) {
		err := p.client.do(ctx, request{op: "DELETE tooling/" + sobject, doing: doing, method: http.MethodDelete,
			path: "/tooling/sobjects/" + sobject + "/" + w.ID, write: true, rows: 1}, nil)
		if e := asErrorOrNil(err); e != nil && e.Kind != provider.NotFound {
			return resource.Resource{}, e
		}
	}
	w.ID = ""
	return w, nil
}
