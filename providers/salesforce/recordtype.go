package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// kindRecordType is the record type that an end is about: it must exist, be active and be assigned to our user, which only
// the Metadata API could do. Which values of a picklist a record may hold depends on it.
const kindRecordType = "record_type"

// recordTypeSetting is the end's word for the record type that its records have, by developer name.
const recordTypeSetting = "record_type"

func recordTypeAddress(connection, object, name string) string {
	return objectAddress(connection, object) + "/" + kindRecordType + "/" + name
}

// valuesOf is the attribute of a record type that lists which values of a picklist it allows.
func valuesOf(field string) string { return "values of " + field }

// recordTypeInfo is one record type of a describe.
type recordTypeInfo struct {
	ID            string `json:"recordTypeId"`
	DeveloperName string `json:"developerName"`
	Active        bool   `json:"active"`
	Available     bool   `json:"available"` // assigned to our user
}

// recordType lists the record type of a spec, with the values that it must allow because they are written.
func (x *expansion) recordType(s provider.ObjectSpec) error {
	name, object := s.Settings[recordTypeSetting], s.Settings["sobject"]
	if name == "" {
		return nil
	}
	if !validName(name) {
		return invalid("expand object "+s.Object, fmt.Sprintf("%q is not the developer name of a record type", name))
	}
	r := resource.Resource{Address: recordTypeAddress(s.Connection, object, name), Connection: s.Connection, Kind: kindRecordType, Name: name,
		Object: s.Object, Attributes: map[string]any{"active": true, "available": true}, DependsOn: []string{objectAddress(s.Connection, object)}}
	for _, f := range s.Fields {
		if f.Writes && len(f.Options) > 0 {
			r.Attributes[valuesOf(f.Name)] = list(f.Options)
		}
	}
	x.add(r)
	return nil
}

// describeRecordType answers for a record type from its sObject's describe, and asks which values it allows. An open
// picklist takes every value, whatever its record types offer to people.
func (p *Provider) describeRecordType(ctx context.Context, o *objectDescribe, w resource.Resource) (resource.Resource, bool, error) {
	i := slices.IndexFunc(o.RecordTypes, func(t recordTypeInfo) bool { return strings.EqualFold(t.DeveloperName, placeOf(w.Address).second) })
	if i < 0 {
		return w, false, nil
	}
	t := o.RecordTypes[i]
	attributes := map[string]any{"active": t.Active, "available": t.Available}
	values, err := p.allowedValues(ctx, o.Name, t.ID)
	if err != nil {
		return w, false, err
	}
	for name, allowed := range values {
		if f, ok := o.field(name); ok && f.RestrictedPicklist {
			attributes[valuesOf(f.Name)] = list(allowed)
		}
	}
	for name, wanted := range w.Attributes {
		field, isList := strings.CutPrefix(name, valuesOf(""))
		if !isList {
			continue
		}
		f, ok := o.field(field)
		switch {
		case !ok || !f.RestrictedPicklist: // not there yet, or open
			attributes[name] = wanted
		case name != valuesOf(f.Name): // as the contract spells it
			attributes[name] = attributes[valuesOf(f.Name)]
		}
	}
	return found(w, t.ID, attributes), true, nil
}

// allowedValues asks which values of each picklist a record type allows (User Interface API Developer Guide, "Get Values
// for All Picklist Fields of a Record Type"). That API does not know all sObjects; layouts tell of the others.
func (p *Provider) allowedValues(ctx context.Context, object, id string) (map[string][]string, error) {
	doing := "describe the picklists of " + object + "'s record types"
	var answer struct {
		Fields map[string]struct {
			Values []struct{ Value string }
		} `json:"picklistFieldValues"`
	}
	err := p.client.do(ctx, request{op: "GET ui-api/picklist-values", doing: doing, method: http.MethodGet,
		path: "/ui-api/object-info/" + url.PathEscape(object) + "/picklist-values/" + url.PathEscape(id)}, &answer)
	values := map[string][]string{}
	for name, f := range answer.Fields {
		values[name] = []string{}
		for _, v := range f.Values {
			values[name] = append(values[name], v.Value)
		}
	}
	e := asErrorOrNil(err)
	if e == nil {
		return values, nil
	}
	if e.Kind != provider.NotFound && e.Kind != provider.Invalid && e.Kind != provider.Denied {
		return nil, err
	}
	var layouts struct {
		Types []struct {
			ID        string `json:"recordTypeId"`
			Picklists []struct {
				Name   string          `json:"picklistName"`
				Values []picklistValue `json:"picklistValues"`
			} `json:"picklistsForRecordType"`
		} `json:"recordTypeMappings"`
	}
	err = p.client.do(ctx, request{op: "GET sobjects/describe/layouts", doing: doing, method: http.MethodGet,
		path: "/sobjects/" + url.PathEscape(object) + "/describe/layouts"}, &layouts)
	if err != nil {
		return nil, err
	}
	for _, t := range layouts.Types {
		if shortID(t.ID) != shortID(id) {
			continue
		}
		for _, f := range t.Picklists {
			values[f.Name] = fieldDescribe{PicklistValues: f.Values}.options()
		}
	}
	return values, nil
}

// ofType narrows opened records to one record type: its records are those in scope, new ones get it, and picklists offer
// what it allows.
func (r *records) ofType(name string, t resource.Resource) {
	if name == "" {
		return
	}
	condition := "RecordType.DeveloperName = " + quote(name)
	if validID(t.ID) {
		r.recordType, condition = t.ID, "RecordTypeId = "+quote(t.ID)
	}
	r.scope = and(condition, r.scope)
	if r.scope != condition {
		r.scope = "(" + r.scope + ")"
	}
	for i, c := range r.columns {
		allowed, told := t.Attributes[valuesOf(c.api)].([]any)
		if !told || c.shape.Kind != record.Choice || c.shape.Open {
			continue
		}
		options := []string{}
		for _, o := range c.shape.Options {
			if slices.Contains(allowed, any(o)) {
				options = append(options, o)
			}
		}
		r.columns[i].shape.Options = options
	}
}

// typed completes the body of a new record with its record type, where the contract names one and no field does.
func (r *records) typed(body object) object {
	if r.recordType == "" || slices.ContainsFunc(body, func(m member) bool { return strings.EqualFold(m.name, "RecordTypeId") }) {
		return body
	}
	return append(body, member{"RecordTypeId", r.recordType})
}
