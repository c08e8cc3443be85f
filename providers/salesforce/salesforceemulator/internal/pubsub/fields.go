package pubsub

import (
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// longText is the length above which a text area is long text (StringPlusClob in the vendor's schemas).
const longText = 255

// neverSent lists the fields change events leave out: the id (it is in the header), deletion and modification
// stamps, and what the vendor derives ("Change Event Fields", "Fields Not Included").
func neverSent(object, name string) bool {
	switch name {
	case "Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "LastActivityDate", "LastViewedDate", "LastReferencedDate",
		"PhotoUrl", "IsEmailBounced", "Fiscal", "FiscalYear", "FiscalQuarter", "HasOpenActivity", "HasOverdueTask", "PushCount":
		return true
	}
	if object == "Event" || object == "Task" {
		return name == "IsArchived" || object == "Event" && (name == "StartDateTime" || name == "EndDateTime" || name == "EndDate")
	}
	if object == "User" {
		return strings.HasSuffix(name, "PhotoUrl") || name == "BadgeText" || name == "IsExtIndicatorVisible" ||
			name == "OutOfOfficeMessage" || strings.HasPrefix(name, "UserPermissions") ||
			strings.HasPrefix(name, "UserPreferences") || strings.HasPrefix(name, "EmailPreferences")
	}
	return false
}

// staticEnum lists standard picklists nobody can edit, which the vendor's schemas call StaticEnum.
func staticEnum(name string) bool {
	return name == "CleanStatus" || name == "ContactSource" || name == "ForecastCategory"
}

// typeOf gives the Avro kind of a field and its doc: "<Role>:<SemanticType>[:<field id>]".
// kindNone means the field is not sent.
func typeOf(field changefeed.FieldInfo) (kind, string) {
	role, k, semantic := "Data", kindText, "Text"
	switch field.Type {
	case "string", "combobox", "encryptedstring", "anyType", "complexvalue":
	case "id":
		semantic = "EntityId"
	case "reference":
		role, semantic = "ForeignKey", "EntityId"
	case "textarea":
		if field.HTML {
			semantic = "HtmlStringPlusClob"
		} else if field.Length > longText {
			semantic = "StringPlusClob"
		}
	case "picklist":
		semantic = "DynamicEnum"
		if staticEnum(field.Name) {
			semantic = "StaticEnum"
		}
	case "multipicklist":
		semantic = "MultiEnum"
	case "email":
		semantic = "Email"
	case "phone":
		semantic = "Phone"
	case "url":
		semantic = "Url"
	case "boolean":
		k, semantic = kindBool, "Boolean"
	case "int":
		k, semantic = kindInt, "Integer"
	case "long":
		k, semantic = kindLong, "Long"
	case "double":
		k, semantic = kindDouble, "Double"
	case "currency":
		k, semantic = kindDouble, "Currency"
	case "percent":
		k, semantic = kindDouble, "Percent"
	case "date":
		k, semantic = kindDate, "DateOnly"
	case "datetime":
		k, semantic = kindDateTime, "DateTime"
	case "time":
		k, semantic = kindTime, "TimeOnly"
	default:
		return kindNone, ""
	}
	if field.Name == "CreatedDate" {
		role = "CreatedDate"
	}
	if field.Name == "JigsawCompanyId" || field.Name == "JigsawContactId" {
		role, semantic = "ExternalForeignKey", "ExternalId"
	}
	return k, docOf(role, semantic, field.ID)
}

func docOf(role, semantic, id string) string {
	if id == "" {
		return role + ":" + semantic
	}
	return role + ":" + semantic + ":" + id
}

// fieldGroup is what becomes one field of an event: a plain field, or a compound with its parts.
type fieldGroup struct {
	name  string
	plain *changefeed.FieldInfo // nil where only parts are known
	parts []changefeed.FieldInfo
	codes bool // addresses of the org have state and country codes
}

// groupFields brings an object's fields into the order of its event: the order of describe, compound
// fields standing where their first part stands.
func groupFields(object changefeed.ObjectInfo) []fieldGroup {
	var groups []fieldGroup
	index := map[string]int{}
	group := func(name string) *fieldGroup {
		i, ok := index[name]
		if !ok {
			i = len(groups)
			index[name] = i
			groups = append(groups, fieldGroup{name: name})
		}
		return &groups[i]
	}
	codes := false
	for _, field := range object.Fields {
		if neverSent(object.Name, field.Name) || !avroName(field.Name) {
			continue
		}
		if field.Compound != "" && field.Compound != field.Name {
			g := group(field.Compound)
			g.parts = append(g.parts, field)
			codes = codes || strings.HasSuffix(field.Name, "StateCode") || strings.HasSuffix(field.Name, "CountryCode")
			continue
		}
		group(field.Name).plain = &field
	}
	for i := range groups {
		groups[i].codes = codes
	}
	return slices.DeleteFunc(groups, func(g fieldGroup) bool {
		if len(g.parts) > 0 {
			return false
		}
		k, _ := typeOf(*g.plain)
		return k == kindNone
	})
}

// build makes the field of an event at an index of its schema, and notes where the source fields went.
func (g fieldGroup) build(index int, at map[string]position, object string) (eventField, avroField) {
	shape := avroField{Name: g.name, Default: null()}
	if len(g.parts) == 0 && (g.name != "Name" || object != "Account") {
		k, doc := typeOf(*g.plain)
		at[g.name] = position{index, -1}
		shape.Type, shape.Doc = []any{"null", k.avro()}, doc
		text := g.plain.Type == "textarea" && g.plain.Length > longText
		return eventField{name: g.name, kind: k, text: text}, shape
	}
	record, semantic, names := g.compound(object)
	field := eventField{name: g.name, kind: kindRecord, partNames: names}
	field.parts = make([]string, len(names))
	for i, name := range names {
		k := kindText
		if name == "Latitude" || name == "Longitude" {
			k = kindDouble
		}
		field.partKinds = append(field.partKinds, k)
		for _, part := range g.parts {
			if g.partName(part.Name) == name {
				field.parts[i] = part.Name
				at[part.Name] = position{index, i}
			}
		}
	}
	id := ""
	if g.plain != nil {
		id = g.plain.ID
	}
	shape.Doc = docOf("Data", semantic, id)
	shape.Type = []any{"null", record}
	if semantic == "Switchable_PersonName" {
		shape.Type = []any{"null", "string", record}
		field.kind = kindSwitchable
		at[g.name] = position{index, -1}
	}
	return field, shape
}

// compound gives the Avro record of a compound field, its semantic type and the names of its parts.
func (g fieldGroup) compound(object string) (record avroRecord, semantic string, names []string) {
	switch {
	case g.name == "Name":
		semantic, names = "PersonName", []string{"Salutation", "FirstName", "LastName"}
		if object == "Account" {
			semantic = "Switchable_PersonName"
		}
		for _, extra := range []string{"MiddleName", "Suffix"} {
			if slices.ContainsFunc(g.parts, func(f changefeed.FieldInfo) bool { return f.Name == extra }) {
				names = append(names, extra)
			}
		}
	case g.address():
		semantic, names = "Address", []string{"Street", "City", "State", "PostalCode", "Country"}
		if g.codes {
			names = append(names, "StateCode", "CountryCode")
		}
		names = append(names, "Latitude", "Longitude", "GeocodeAccuracy")
	default:
		semantic, names = "Location", []string{"Latitude", "Longitude"}
	}
	record = avroRecord{Type: "record", Name: semantic}
	for _, name := range names {
		k := kindText
		if name == "Latitude" || name == "Longitude" {
			k = kindDouble
		}
		record.Fields = append(record.Fields, avroField{Name: name, Type: []any{"null", k.avro()}, Default: null()})
	}
	return record, semantic, names
}

// address tells addresses from locations, standard (BillingAddress) and custom (Site__c with Site__Street__s).
func (g fieldGroup) address() bool {
	return strings.HasSuffix(g.name, "Address") || g.plain != nil && g.plain.Type == "address"
}

// partName is the name of a part inside its compound: BillingStreet is Street of BillingAddress.
func (g fieldGroup) partName(field string) string {
	switch {
	case g.name == "Name":
		return field
	case g.address() && strings.HasSuffix(field, "__s"):
		return strings.TrimPrefix(strings.TrimSuffix(field, "__s"), strings.TrimSuffix(g.name, "c"))
	case g.address():
		return strings.TrimPrefix(field, strings.TrimSuffix(g.name, "Address"))
	case strings.HasSuffix(field, "__Latitude__s"), strings.HasSuffix(field, "Latitude"):
		return "Latitude"
	case strings.HasSuffix(field, "__Longitude__s"), strings.HasSuffix(field, "Longitude"):
		return "Longitude"
	default:
		return field
	}
}

// avroName tells whether a name may stand in an Avro schema.
func avroName(name string) bool {
	for i, c := range name {
		switch {
		case c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return name != ""
}
