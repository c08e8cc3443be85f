package org

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// toolingTable builds the rows of a Tooling object from the definitions as they are now; nil for anything else.
func (tx *Tx) toolingTable(name string) *table {
	shape := tx.o.table(name)
	if shape == nil || !shape.def.Tooling {
		return nil
	}
	t := newTable(shape.def)
	switch shape.def.Name {
	case "EntityDefinition":
		tx.entityRows(t)
	case "FieldDefinition":
		tx.fieldRows(t)
	case "CustomField":
		tx.customFieldRows(t)
	case "CustomObject":
		for _, n := range tx.o.tableNames() {
			if def := tx.o.table(n).def; def.Custom {
				t.fill(def.ID, Fields{"DeveloperName": def.Name[:strings.LastIndex(def.Name, "__")], "ManageableState": "unmanaged", "Description": def.Description})
			}
		}
	case "PlatformEventChannel":
		for _, c := range tx.o.channels {
			t.fill(c.id, Fields{"DeveloperName": strings.TrimSuffix(c.name, "__chn"), "MasterLabel": c.label, "ChannelType": c.kind, "Language": "en_US", "FullName": c.name,
				"LastModifiedDate": c.stamp, "Metadata": metadata.Ordered{{Key: "channelType", Value: c.kind}, {Key: "eventType", Value: nil}, {Key: "label", Value: c.label}, {Key: "urls", Value: nil}}})
		}
	case "PlatformEventChannelMember", "EnrichedField":
		tx.memberRows(t)
	case "GlobalValueSet":
		for _, v := range tx.o.valueSets {
			values := metadata.ValuesMetadata(v.values).Get("value")
			t.fill(v.id, Fields{"DeveloperName": v.name, "MasterLabel": v.label, "ManageableState": "unmanaged", "FullName": v.name, "LastModifiedDate": v.stamp,
				"Metadata": metadata.Ordered{{Key: "customValue", Value: values}, {Key: "description", Value: nil}, {Key: "masterLabel", Value: v.label}, {Key: "sorted", Value: v.sorted}, {Key: "urls", Value: nil}}})
		}
	}
	sort.Slice(t.order, func(i, j int) bool { return t.order[i].id < t.order[j].id })
	return t
}

// fill adds a made-up row; "" counts as null.
func (t *table) fill(id string, values Fields) {
	r := &row{id: id}
	r.cells = cellsSet(nil, t.def.Field("Id").Slot, id)
	for k, v := range values {
		if n, ok := v.(int); ok {
			v = json.Number(strconv.Itoa(n))
		}
		if f := t.def.Field(k); f != nil && v != "" {
			r.cells = cellsSet(r.cells, f.Slot, v)
		}
	}
	for _, f := range t.def.Fields {
		if f.Type == "boolean" && r.get(f.Slot) == nil {
			r.cells = cellsSet(r.cells, f.Slot, false)
		}
	}
	t.rows[id] = r
	t.order = append(t.order, r)
}

func durableID(def *metadata.Object) string {
	if def.ID != "" {
		return def.ID[:15]
	}
	return def.Name
}

func (tx *Tx) entityRows(t *table) {
	for _, n := range tx.o.tableNames() {
		def := tx.o.table(n).def
		if def.Tooling {
			continue
		}
		dev, _, _ := strings.Cut(def.Name, "__")
		t.fill(durableID(def), Fields{"DurableId": durableID(def), "QualifiedApiName": def.Name, "DeveloperName": dev, "MasterLabel": def.Label, "Label": def.Label, "PluralLabel": def.Plural,
			"KeyPrefix": def.KeyPrefix, "IsCustomizable": !def.Setup || def.Name == "User", "IsApexTriggerable": def.Triggerable, "IsTriggerable": def.Triggerable,
			"IsQueryable": def.Queryable, "IsWorkflowEnabled": !def.Setup, "InternalSharingModel": def.SharingModel, "PublisherId": map[bool]string{true: "<local>", false: "System"}[def.Custom]})
	}
}

func (tx *Tx) fieldRows(t *table) {
	for _, n := range tx.o.tableNames() {
		def := tx.o.table(n).def
		if def.Tooling {
			continue
		}
		for _, f := range def.Fields {
			if f.Name == "" {
				continue
			}
			dev := strings.TrimSuffix(f.Name, "__c")
			id := durableID(def) + "." + dev
			if f.ID != "" {
				id = durableID(def) + "." + f.ID[:15]
			}
			refs := f.ReferenceTo
			if refs == nil {
				refs = []string{}
			}
			t.fill(id, Fields{"DurableId": id, "QualifiedApiName": f.Name, "EntityDefinitionId": durableID(def), "DeveloperName": dev, "MasterLabel": f.Label, "Label": f.Label,
				"DataType": metadata.DataType(f), "ValueTypeId": f.Type, "Length": f.Length, "Precision": f.Precision, "Scale": f.Scale, "IsCalculated": f.Calculated,
				"IsCompound": f.IsCompound(), "IsHtmlFormatted": f.HTML, "IsNameField": f.NameField, "IsNillable": f.Nillable,
				"IsIndexed": f.Indexed() || f.Type == "id" || f.Type == "reference" || f.Name == "SystemModstamp" || f.Name == "CreatedDate", "IsFlsEnabled": f.Permissionable,
				"IsPolymorphicForeignKey": len(f.ReferenceTo) > 1, "IsApiFilterable": !f.IsLongText(), "IsApiSortable": !f.IsLongText() && f.Type != "multipicklist",
				"IsApiGroupable": !f.IsLongText() && f.Type != "multipicklist" && f.Type != "datetime", "IsWorkflowFilterable": true, "RelationshipName": f.RelationshipName,
				"ReferenceTo": metadata.Ordered{{Key: "referenceTo", Value: refs}}, "Description": f.Description, "LastModifiedDate": f.Modified})
		}
	}
}

func (tx *Tx) customFieldRows(t *table) {
	for _, n := range tx.o.tableNames() {
		def := tx.o.table(n).def
		for _, f := range def.Fields {
			if f.ID == "" || f.Name == "" {
				continue
			}
			t.fill(f.ID, Fields{"DeveloperName": strings.TrimSuffix(f.Name, "__c"), "TableEnumOrId": tableEnum(def), "EntityDefinitionId": tableEnum(def), "ManageableState": "unmanaged",
				"Description": f.Description, "InlineHelpText": f.Help, "Length": f.Length, "Precision": f.Precision, "Scale": f.Scale, "FullName": def.Name + "." + f.Name,
				"Metadata": metadata.MetadataOf(f), "CreatedDate": f.Modified, "LastModifiedDate": f.Modified, "CreatedById": tx.o.adminID, "LastModifiedById": tx.o.adminID})
		}
	}
}

func tableEnum(def *metadata.Object) string {
	if def.ID != "" {
		return def.ID
	}
	return def.Name
}

func (tx *Tx) memberRows(t *table) {
	n := 0
	for _, m := range tx.o.members {
		channel := m.channel
		if c := tx.channelByName(m.channel); c != nil {
			channel = c.id // custom channels answer with their id (Change Data Capture guide, "Tooling API")
		}
		if t.def.Name == "EnrichedField" {
			for _, name := range m.enriched {
				n++
				if f := tx.FieldDef(m.object, name); f != nil && f.ID != "" {
					name = f.ID
				}
				t.fill(fmt.Sprintf("%s%02d", m.id, n), Fields{"ChannelMemberId": m.id, "Field": name})
			}
			continue
		}
		enriched := []any{}
		for _, name := range m.enriched {
			enriched = append(enriched, metadata.Ordered{{Key: "name", Value: name}})
		}
		var filter any
		if m.filter != "" {
			filter = m.filter
		}
		t.fill(m.id, Fields{"DeveloperName": strings.ReplaceAll(m.name, "__", "_"), "MasterLabel": m.name, "EventChannel": channel, "SelectedEntity": m.entity,
			"FilterExpression": m.filter, "Language": "en_US", "FullName": m.name, "LastModifiedDate": m.stamp,
			"Metadata": metadata.Ordered{{Key: "enrichedFields", Value: enriched}, {Key: "eventChannel", Value: m.channel}, {Key: "filterExpression", Value: filter}, {Key: "selectedEntity", Value: m.entity}, {Key: "urls", Value: nil}}})
	}
}

func (tx *Tx) channelByName(name string) *channel {
	for _, c := range tx.o.channels {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

// checkCatalogue refuses what the metadata catalogue does not answer (Tooling API guide, "SOQL Operation Limitations").
func (c *compiled) checkCatalogue() *Error {
	if name := c.t.def.Name; name != "FieldDefinition" && name != "EntityDefinition" {
		return nil
	}
	if c.q.Offset > 0 || len(c.q.GroupBy) > 0 || c.aggregated() {
		return Errorf("MALFORMED_QUERY", "The requested operation is not yet supported by this SObject storage type, contact salesforce.com support for more information.")
	}
	var walk func(w soql.Cond) *Error
	walk = func(w soql.Cond) *Error {
		switch w := w.(type) {
		case soql.And:
			for _, p := range w {
				if err := walk(p); err != nil {
					return err
				}
			}
		case soql.Or, soql.Not:
			return Errorf("MALFORMED_QUERY", "Disjunctions not supported")
		case *soql.Compare:
			if w.Op == "!=" || w.Op == "NOT IN" {
				return Errorf("MALFORMED_QUERY", "Only equals comparisons permitted")
			}
		}
		return nil
	}
	if err := walk(c.q.Where); err != nil || c.t.def.Name == "EntityDefinition" {
		return err
	}
	for _, cmp := range topLevel(c.q.Where) {
		if len(cmp.Left.Path) > 0 && (strings.EqualFold(cmp.Left.Path[0], "EntityDefinition") || strings.EqualFold(cmp.Left.Path[0], "EntityDefinitionId") || strings.EqualFold(cmp.Left.Path[0], "DurableId")) {
			return nil
		}
	}
	return Errorf("MALFORMED_QUERY", "A filter on a reified column is required [EntityDefinitionId,DurableId]")
}
