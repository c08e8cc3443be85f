package salesforceemulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// uiAPI serves object-info and picklist values by record type.
func (r *request) uiAPI() response {
	p := r.path
	if len(p) < 3 || p[1] != "object-info" || r.method != http.MethodGet {
		return failed(org.NotFound())
	}
	return r.view(func(tx *org.Tx) response {
		switch {
		case len(p) == 3:
			return r.objectInfo(tx, p[2])
		case len(p) == 5 && p[3] == "picklist-values":
			all := metadata.Ordered{}
			for _, f := range tx.PicklistFields(p[2]) {
				v, err := r.picklistValues(tx, p[2], p[4], f)
				if err != nil {
					return failed(err)
				}
				all.Set(f, v)
			}
			return ok(metadata.Ordered{{Key: "eTag", Value: uiTag(all)}, {Key: "picklistFieldValues", Value: all}})
		case len(p) == 6 && p[3] == "picklist-values":
			v, err := r.picklistValues(tx, p[2], p[4], p[5])
			if err != nil {
				return failed(err)
			}
			return ok(v)
		}
		return failed(org.NotFound())
	})
}

// objectInfo is the shape of an object as pages need it (User Interface API guide, "Object Info"). Themes and nested fields of
// relationships are left out.
func (r *request) objectInfo(tx *org.Tx, name string) response {
	d, err := tx.Describe(name, r.base())
	if err != nil {
		return failed(err)
	}
	fields, types, dependent := metadata.Ordered{}, metadata.Ordered{}, metadata.Ordered{}
	nameFields := []string{}
	for _, f := range d.Get("fields").([]metadata.Ordered) {
		fields.Set(f.Get("name").(string), uiField(f))
		if f.Get("nameField") == true {
			nameFields = append(nameFields, f.Get("name").(string))
		}
		if c, _ := f.Get("controllerName").(string); c != "" {
			dependent.Set(c, metadata.Ordered{{Key: f.Get("name").(string), Value: metadata.Ordered{}}})
		}
	}
	deflt := masterRecordType
	for _, v := range d.Get("recordTypeInfos").([]any) {
		t := v.(metadata.Ordered)
		id, _ := t.Get("recordTypeId").(string)
		if t.Get("defaultRecordTypeMapping") == true {
			deflt = id
		}
		types.Set(id, metadata.Ordered{{Key: "available", Value: t.Get("available")}, {Key: "defaultRecordTypeMapping", Value: t.Get("defaultRecordTypeMapping")},
			{Key: "master", Value: t.Get("master")}, {Key: "name", Value: t.Get("name")}, {Key: "recordTypeId", Value: id}})
	}
	children := []any{}
	for _, v := range d.Get("childRelationships").([]any) {
		k := v.(metadata.Ordered)
		if k.Get("relationshipName") != nil {
			children = append(children, metadata.Ordered{{Key: "childObjectApiName", Value: k.Get("childSObject")}, {Key: "fieldName", Value: k.Get("field")},
				{Key: "junctionIdListNames", Value: k.Get("junctionIdListNames")}, {Key: "junctionReferenceTo", Value: k.Get("junctionReferenceTo")}, {Key: "relationshipName", Value: k.Get("relationshipName")}})
		}
	}
	out := metadata.Ordered{{Key: "apiName", Value: d.Get("name")}, {Key: "childRelationships", Value: children}}
	for _, key := range []string{"associateEntityType", "associateParentEntity", "createable", "custom", "deletable", "feedEnabled", "keyPrefix", "label", "labelPlural",
		"layoutable", "mruEnabled", "queryable", "searchable", "updateable"} {
		out.Set(key, d.Get(key))
	}
	out = append(out, metadata.Ordered{{Key: "defaultRecordTypeId", Value: deflt}, {Key: "dependentFields", Value: dependent}, {Key: "fields", Value: fields},
		{Key: "nameFields", Value: nameFields}, {Key: "recordTypeInfos", Value: types}, {Key: "themeInfo", Value: nil}}...)
	return ok(append(out, metadata.Member{Key: "eTag", Value: uiTag(out)}))
}

// uiTypes are the names of field types where they are not the describe's with a capital.
var uiTypes = map[string]string{"datetime": "DateTime", "multipicklist": "MultiPicklist", "textarea": "TextArea", "encryptedstring": "EncryptedString", "combobox": "ComboBox",
	"id": "String", "complexvalue": "ComplexValue"}

// uiField is a field of an object info.
func uiField(f metadata.Ordered) metadata.Ordered {
	typ, _ := f.Get("type").(string)
	name, known := uiTypes[typ]
	if !known && typ != "" {
		name = strings.ToUpper(typ[:1]) + typ[1:]
	}
	refs := []any{}
	for _, to := range f.Get("referenceTo").([]string) {
		refs = append(refs, metadata.Ordered{{Key: "apiName", Value: to}, {Key: "nameFields", Value: []string{"Name"}}})
	}
	out := metadata.Ordered{{Key: "apiName", Value: f.Get("name")}, {Key: "dataType", Value: name}, {Key: "referenceToInfos", Value: refs}, {Key: "reference", Value: typ == "reference"},
		{Key: "required", Value: f.Get("nillable") == false && f.Get("defaultedOnCreate") == false}, {Key: "compound", Value: typ == "address" || typ == "location"}}
	for _, key := range []string{"calculated", "compoundFieldName", "controllerName", "createable", "custom", "externalId", "extraTypeInfo", "filterable", "highScaleNumber", "htmlFormatted",
		"inlineHelpText", "label", "length", "nameField", "polymorphicForeignKey", "precision", "relationshipName", "scale", "searchPrefilterable", "sortable", "unique", "updateable"} {
		if key == "controllerName" {
			controllers := []any{}
			if c := f.Get(key); c != nil {
				controllers = append(controllers, c)
			}
			out.Set("controllingFields", controllers)
			continue
		}
		out.Set(key, f.Get(key))
	}
	return out
}

// uiTag is the tag of what the User Interface API answers: a sum of it.
func uiTag(body any) string {
	raw, err := marshal(body)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

func (r *request) picklistValues(tx *org.Tx, object, recordType, field string) (metadata.Ordered, *org.Error) {
	values, f, err := tx.PicklistFor(object, recordType, field)
	if err != nil {
		return nil, err
	}
	controllers := metadata.Ordered{}
	if c := tx.FieldDef(object, f.Controller); c != nil {
		if c.Type == "boolean" {
			controllers = metadata.Ordered{{Key: "false", Value: 0}, {Key: "true", Value: 1}}
		}
		for i, p := range c.Picklist {
			controllers.Set(p.Value, i)
		}
	}
	var deflt any
	list := []any{}
	for _, p := range values {
		validFor := []int{}
		for _, v := range p.ValidFor {
			if n, ok := controllers.Get(v).(int); ok {
				validFor = append(validFor, n)
			}
		}
		v := metadata.Ordered{{Key: "attributes", Value: nil}, {Key: "label", Value: p.Label}, {Key: "validFor", Value: validFor}, {Key: "value", Value: p.Value}}
		if p.Default {
			deflt = v
		}
		list = append(list, v)
	}
	return metadata.Ordered{{Key: "controllerValues", Value: controllers}, {Key: "defaultValue", Value: deflt}, {Key: "eTag", Value: uiTag(list)},
		{Key: "url", Value: r.base() + "/ui-api/object-info/" + object + "/picklist-values/" + url.PathEscape(recordType) + "/" + f.Name}, {Key: "values", Value: list}}, nil
}
