package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// defaultChannel is the channel whose members are the sObjects selected in Setup, Change Data Capture (Change Data
// Capture Developer Guide, "Select Objects with Metadata API and Tooling API").
const defaultChannel = "ChangeEvents"

// eventEntity is the change event of an sObject: AccountChangeEvent, Invoice__ChangeEvent for Invoice__c.
func eventEntity(sobject string) string {
	if n := len(sobject) - len("__c"); n > 0 && strings.EqualFold(sobject[n:], "__c") {
		return sobject[:n] + "__ChangeEvent"
	}
	return sobject + "ChangeEvent"
}

// topicOf is where the change events of an sObject are delivered. Topic names heed case.
func topicOf(sobject string) string { return "/data/" + eventEntity(sobject) }

func channelMember(s provider.ObjectSpec, sobject string) resource.Resource {
	entity := eventEntity(sobject)
	return resource.Resource{
		Address:    s.Connection + "/channel/" + defaultChannel + "/" + kindChannelMember + "/" + entity,
		Connection: s.Connection, Kind: kindChannelMember, Name: entity, Managed: true, Object: s.Object,
		Attributes: map[string]any{"channel": defaultChannel},
		DependsOn:  []string{objectAddress(s.Connection, sobject)},
	}
}

// members lists what is selected for change events in the whole org.
func (p *Provider) members(ctx context.Context, doing string) ([]row, error) {
	return p.client.all(ctx, statement{
		soql: "SELECT Id, DeveloperName, EventChannel, SelectedEntity FROM PlatformEventChannelMember", doing: doing, tooling: true,
	})
}

// describeChannels answers for the selection of sObjects for change events.
func (p *Provider) describeChannels(ctx context.Context, want []resource.Resource, have map[string]resource.Resource) error {
	wanted := ofKinds(want, kindChannelMember)
	if len(wanted) == 0 {
		return nil
	}
	rows, err := p.members(ctx, "describe the selection for change events")
	if err != nil {
		return err
	}
	entities := entitiesOf(rows)
	for _, w := range wanted {
		entity := placeOf(w.Address).second
		entities[strings.ToLower(entity)] = true
		for _, r := range rows {
			if r.text("EventChannel") == defaultChannel && strings.EqualFold(r.text("SelectedEntity"), entity) {
				have[w.Address] = found(w, r.text("Id"), map[string]any{"channel": defaultChannel})
			}
		}
	}
	if len(entities) > eventEntities {
		p.log.Warn("the org will select more sObjects for change events than it may without an add-on",
			"selected", len(entities), "allowed", eventEntities)
	}
	return nil
}

func entitiesOf(rows []row) map[string]bool {
	entities := map[string]bool{}
	for _, r := range rows {
		entities[strings.ToLower(r.text("SelectedEntity"))] = true
	}
	return entities
}

// applyChannel selects an sObject, or ends its selection. Whether an org has the add-on for more than five is not to be
// seen, so the attempt is made and a refusal explained.
func (p *Provider) applyChannel(ctx context.Context, c resource.Change) (resource.Resource, error) {
	w := c.Want
	entity := placeOf(w.Address).second
	doing := fmt.Sprintf("%s the selection of %s for change events", c.Action, entity)
	switch c.Action {
	case resource.Update:
		return resource.Resource{}, invalid(doing, "a selection has nothing that can be changed")
	case resource.Destroy:
		if validID(w.ID) {
			err := p.client.do(ctx, request{op: "DELETE tooling/PlatformEventChannelMember", doing: doing, method: http.MethodDelete,
				path: "/tooling/sobjects/PlatformEventChannelMember/" + w.ID, write: true, rows: 1}, nil)
			if e := asErrorOrNil(err); e != nil && e.Kind != provider.NotFound {
				return resource.Resource{}, e
			}
		}
		w.ID = ""
		return w, nil
	}
	var made created
	err := p.client.do(ctx, request{
		op: "POST tooling/PlatformEventChannelMember", doing: doing, method: http.MethodPost,
		path: "/tooling/sobjects/PlatformEventChannelMember", write: true, rows: 1,
		body: object{
			{"FullName", defaultChannel + "_" + strings.ReplaceAll(entity, "__", "_")},
			{"Metadata", object{{"eventChannel", defaultChannel}, {"selectedEntity", entity}}},
		},
	}, &made)
	if err == nil {
		if e := made.refused(doing); e == nil {
			w.ID = made.ID
			return w, nil
		} else {
			err = e
		}
	}
	rows, listErr := p.members(ctx, doing)
	if listErr != nil {
		return resource.Resource{}, err
	}
	for _, r := range rows {
		if r.text("EventChannel") == defaultChannel && strings.EqualFold(r.text("SelectedEntity"), entity) {
			w.ID = r.text("Id") // an interrupted run made it
			return w, nil
		}
	}
	e := asError(err, doing)
	if n := len(entitiesOf(rows)); n >= eventEntities {
		e.Message += fmt.Sprintf(" (%d sObjects are selected already, and %d are allowed without the add-on)", n, eventEntities)
	}
	return resource.Resource{}, e
}
