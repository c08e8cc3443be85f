package salesforceemulator

import (
	"net/http"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// masterRecordType is the id of the record type of objects that have none.
const masterRecordType = "012000000000000AAA"

// layouts serves /sobjects/X/describe/layouts and the layout of one record type below it (REST API guide, "sObject Layouts"). Each
// object has one layout, of all fields the caller may read; what matters to a sync is which values each record type offers.
func (r *request) layouts(name, recordType string) response {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return methodNotAllowed(r.method, "GET,HEAD")
	}
	return r.definition(func(tx *org.Tx) (any, *org.Error) {
		described, err := tx.Describe(name, r.base())
		if err != nil {
			return nil, err
		}
		layout := layoutOf(tx, described)
		if recordType != "" {
			if _, known := recordTypeInfo(described, recordType); !known {
				return nil, org.NotFound()
			}
			return layout, nil
		}
		var mappings []any
		for _, v := range described.Get("recordTypeInfos").([]any) {
			mapping, err := r.recordTypeMapping(tx, name, v.(metadata.Ordered), layout.Get("id"))
			if err != nil {
				return nil, err
			}
			mappings = append(mappings, mapping)
		}
		layouts := any([]any{layout})
		if len(mappings) > 1 {
			layouts = nil // they are to be asked for by record type
		}
		return metadata.Ordered{{Key: "layouts", Value: layouts}, {Key: "recordTypeMappings", Value: mappings}, {Key: "recordTypeSelectorRequired", Value: []bool{len(mappings) > 2}}}, nil
	})
}

func recordTypeInfo(described metadata.Ordered, id string) (metadata.Ordered, bool) {
	id18, _ := sfid.Normalize(id)
	for _, v := range described.Get("recordTypeInfos").([]any) {
		if info := v.(metadata.Ordered); info.Get("recordTypeId") == id18 {
			return info, true
		}
	}
	return nil, false
}

// recordTypeMapping is one record type with the picklist values it offers, as describes write them.
func (r *request) recordTypeMapping(tx *org.Tx, object string, info metadata.Ordered, layout any) (metadata.Ordered, *org.Error) {
	id, _ := info.Get("recordTypeId").(string)
	picklists := []any{}
	for _, field := range tx.PicklistFields(object) {
		values, f, err := tx.PicklistFor(object, id, field)
		if err != nil {
			return nil, err
		}
		picklists = append(picklists, metadata.Ordered{{Key: "picklistName", Value: f.Name}, {Key: "picklistValues", Value: metadata.DescribePicklist(tx.FieldDef(object, f.Controller), values)}})
	}
	return metadata.Ordered{{Key: "active", Value: info.Get("active")}, {Key: "available", Value: info.Get("available")}, {Key: "defaultRecordTypeMapping", Value: info.Get("defaultRecordTypeMapping")},
		{Key: "developerName", Value: info.Get("developerName")}, {Key: "layoutId", Value: layout}, {Key: "master", Value: info.Get("master")}, {Key: "name", Value: info.Get("name")},
		{Key: "picklistsForRecordType", Value: picklists}, {Key: "recordTypeId", Value: id}, {Key: "urls", Value: info.Get("urls")}}, nil
}

// layoutOf makes the page of an object: one section with one field to a row.
func layoutOf(tx *org.Tx, described metadata.Ordered) metadata.Ordered {
	var rows []any
	for _, f := range described.Get("fields").([]metadata.Ordered) {
		editable := f.Get("updateable") == true
		component := metadata.Ordered{{Key: "details", Value: f}, {Key: "displayLines", Value: 1}, {Key: "tabOrder", Value: len(rows) + 1}, {Key: "type", Value: "Field"}, {Key: "value", Value: f.Get("name")}}
		item := metadata.Ordered{{Key: "editableForNew", Value: f.Get("createable")}, {Key: "editableForUpdate", Value: editable}, {Key: "label", Value: f.Get("label")},
			{Key: "layoutComponents", Value: []any{component}}, {Key: "placeholder", Value: false}, {Key: "required", Value: f.Get("nillable") == false && editable}}
		rows = append(rows, metadata.Ordered{{Key: "layoutItems", Value: []any{item}}, {Key: "numItems", Value: 1}})
	}
	id := sfid.Make("00h", "gL0", tx.ObjectNumber(described.Get("name").(string)))
	section := metadata.Ordered{{Key: "collapsed", Value: false}, {Key: "columns", Value: 1}, {Key: "heading", Value: "Information"}, {Key: "layoutRows", Value: rows}, {Key: "layoutSectionId", Value: nil},
		{Key: "parentLayoutId", Value: id}, {Key: "rows", Value: len(rows)}, {Key: "tabOrder", Value: "TopToBottom"}, {Key: "useCollapsibleSection", Value: false}, {Key: "useHeading", Value: true}}
	return metadata.Ordered{{Key: "buttonLayoutSection", Value: metadata.Ordered{{Key: "detailButtons", Value: []any{}}}}, {Key: "detailLayoutSections", Value: []any{section}},
		{Key: "editLayoutSections", Value: []any{section}}, {Key: "feedView", Value: nil}, {Key: "highlightsPanelLayoutSection", Value: nil}, {Key: "id", Value: id},
		{Key: "multirowEditLayoutSections", Value: []any{}}, {Key: "offlineLinks", Value: []any{}}, {Key: "quickActionList", Value: metadata.Ordered{{Key: "quickActionListItems", Value: []any{}}}},
		{Key: "relatedContent", Value: nil}, {Key: "relatedLists", Value: []any{}}, {Key: "saveOptions", Value: []any{}}}
}
