package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// applyField creates, changes or destroys a custom field through the Tooling API's CustomField.
func (p *Provider) applyField(ctx context.Context, c resource.Change) (resource.Resource, error) {
	at := placeOf(c.Want.Address)
	switch c.Action {
	case resource.Create:
		return p.createField(ctx, c.Want, at)
	case resource.Update:
		return p.updateField(ctx, c, at)
	default:
		return p.destroyField(ctx, c.Want, at)
	}
}

// created is the answer of the Tooling API and of single-row calls.
type created struct {
	ID      string        `json:"id"`
	Success bool          `json:"success"`
	Errors  []vendorError `json:"errors"`
}

// createField makes the field. Nobody may see a new field until it is granted, so its state is what was asked for; the
// permission comes after it. One that an interrupted run left behind is taken over.
func (p *Provider) createField(ctx context.Context, w resource.Resource, at place) (resource.Resource, error) {
	doing := "create field " + at.first + "." + at.second
	metadata, err := fieldMetadata(w, at)
	if err != nil {
		return resource.Resource{}, err
	}
	var made created
	err = p.client.do(ctx, request{
		op: "POST tooling/CustomField", doing: doing, method: http.MethodPost, path: "/tooling/sobjects/CustomField", write: true, rows: 1,
		body: object{{"FullName", at.first + "." + at.second}, {"Metadata", metadata}},
	}, &made)
	if e := asErrorOrNil(err); e != nil && e.Kind != provider.Unknown && e.Code != "DUPLICATE_DEVELOPER_NAME" && e.Code != "DUPLICATE_VALUE" {
		return resource.Resource{}, err
	}
	if err == nil {
		if e := made.refused(doing); e != nil {
			return resource.Resource{}, e
		}
		attributes := maps.Clone(w.Attributes)
		attributes["name"], attributes["hidden"] = at.second, true
		return found(w, at.first+"."+at.second, attributes), nil
	}
	have, describeErr := p.Describe(ctx, []resource.Resource{w})
	if describeErr != nil {
		return resource.Resource{}, describeErr
	}
	if len(have) == 0 {
		return resource.Resource{}, err
	}
	return have[0], nil
}

func asErrorOrNil(err error) *provider.Error {
	if err == nil {
		return nil
	}
	return asError(err, "")
}

func (c created) refused(doing string) *provider.Error {
	if c.Success || c.ID != "" && len(c.Errors) == 0 {
		return nil
	}
	return fromVendor(doing, c.Errors, 0, true, "")
}

// fieldMetadata is the CustomField's Metadata for a wanted field.
func fieldMetadata(w resource.Resource, at place) (object, error) {
	doing := "create field " + at.first + "." + at.second
	word := textOf(w.Attributes, "type", "")
	t, ok := fieldTypes[word]
	if !ok {
		return nil, invalid(doing, fmt.Sprintf("Salesforce has no field type %q", word), at.second)
	}
	m := object{{"type", t.vendor}, {"label", clipRunes(orElse(w.Name, at.second), 40)}, {"description", "Kept by accord."}}
	for _, name := range slices.Sorted(maps.Keys(t.metadata)) {
		m = append(m, member{name, t.metadata[name]})
	}
	switch {
	case isDecimalWord(word):
		scale := defaultScale
		if n, asked := w.Attributes["scale"].(float64); asked {
			scale = int(n)
		}
		m = append(m, member{"precision", precision}, member{"scale", scale})
	case isPicklistWord(word):
		options := textsOf(w.Attributes, "options")
		if len(options) == 0 {
			return nil, invalid(doing, "a picklist can't be created without values: give the field a picklist table", at.second)
		}
		m = append(m, member{"valueSet", valueSet(options)})
	case word == "lookup":
		targets := textsOf(w.Attributes, "reference_to")
		if len(targets) != 1 {
			return nil, invalid(doing, "a lookup refers to one sObject", at.second)
		}
		relationship := relationshipName(at)
		m = append(m, member{"referenceTo", targets[0]}, member{"relationshipName", relationship},
			member{"relationshipLabel", clipRunes(orElse(w.Name, at.second), 40)}, member{"deleteConstraint", "SetNull"})
	}
	if truthOf(w.Attributes, "external_id") {
		m = append(m, member{"externalId", true})
	}
	if truthOf(w.Attributes, "unique") {
		m = append(m, member{"unique", true}, member{"caseSensitive", false})
	}
	if word != "checkbox" {
		m = append(m, member{"required", false})
	}
	return m, nil
}

// relationshipName is the name by which the parent reaches its children; it must be unique among the parent's.
func relationshipName(at place) string {
	name := strings.TrimSuffix(strings.TrimSuffix(at.first, "__c")+"_"+strings.TrimSuffix(at.second, "__c"), "_")
	name = strings.ReplaceAll(name, "__", "_")
	if len(name) > 40 {
		name = strings.TrimRight(name[:40], "_")
	}
	return name
}

func valueSet(options []string) object {
	values := make([]object, len(options))
	for i, o := range options {
		values[i] = object{{"valueName", o}, {"default", false}, {"isActive", true}, {"label", o}}
	}
	return object{{"restricted", true}, {"valueSetDefinition", object{{"sorted", false}, {"value", values}}}}
}

func clipRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n]))
	}
	return s
}

// updateField reads the field's whole metadata, changes what differs, and sends it all back: the Tooling API takes no
// part of it. Types are never changed, and nothing is made smaller.
func (p *Provider) updateField(ctx context.Context, c resource.Change, at place) (resource.Resource, error) {
	doing := "change field " + at.first + "." + at.second
	id, metadata, err := p.customField(ctx, at, doing)
	if err != nil {
		return resource.Resource{}, err
	}
	for _, d := range c.Differences {
		switch d.Path {
		case "unique":
			metadata["unique"] = true
			if _, known := metadata["caseSensitive"]; !known || metadata["caseSensitive"] == nil {
				metadata["caseSensitive"] = false
			}
		case "external_id":
			metadata["externalId"] = true
		case "scale":
			if err := grow(metadata, c.Want, doing, at); err != nil {
				return resource.Resource{}, err
			}
		case sharedValues: // said with the options
		case "options":
			if set := valueSetOf(metadata); set != "" && c.Want.Attributes[sharedValues] == extendShared {
				if err := p.extendValueSet(ctx, set, textsOf(c.Want.Attributes, "options"), doing); err != nil {
					return resource.Resource{}, err
				}
				continue
			}
			if err := addOptions(metadata, textsOf(c.Want.Attributes, "options"), doing, at); err != nil {
				return resource.Resource{}, err
			}
		default:
			return resource.Resource{}, invalid(doing, fmt.Sprintf("%s can't be changed from %v to %v; name another field, or change it in Salesforce", d.Path, d.Before, d.After), at.second)
		}
	}
	err = p.client.do(ctx, request{
		op: "PATCH tooling/CustomField", doing: doing, method: http.MethodPatch, path: "/tooling/sobjects/CustomField/" + id, write: true, rows: 1,
		body: object{{"FullName", at.first + "." + at.second}, {"Metadata", metadata}},
	}, nil)
	if err != nil {
		return resource.Resource{}, err
	}
	have, err := p.Describe(ctx, []resource.Resource{c.Want})
	if err != nil {
		return resource.Resource{}, err
	}
	if len(have) == 0 {
		return resource.Resource{}, &provider.Error{Kind: provider.Stale, Op: doing, Message: "the field vanished while it was changed"}
	}
	return have[0], nil
}

// customField finds a custom field's id and metadata. Both come only from a query or read of a single row.
func (p *Provider) customField(ctx context.Context, at place, doing string) (id string, metadata map[string]any, err error) {
	table := at.first
	if strings.HasSuffix(strings.ToLower(table), "__c") {
		// The field of a custom object names it by the object's id.
		rows, err := p.client.all(ctx, statement{tooling: true, doing: doing,
			soql: "SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName = " + quote(table)})
		if err != nil {
			return "", nil, err
		}
		if len(rows) == 1 {
			table = orElse(rows[0].text("DurableId"), table)
		}
	}
	namespace, name := "", at.second[:max(len(at.second)-len("__c"), 0)]
	if before, after, ok := strings.Cut(name, "__"); ok {
		namespace, name = before, after
	}
	soql := "SELECT Id FROM CustomField WHERE DeveloperName = " + quote(name) + " AND TableEnumOrId = " + quote(table)
	if namespace != "" {
		soql += " AND NamespacePrefix = " + quote(namespace)
	}
	rows, err := p.client.all(ctx, statement{soql: soql, doing: doing, tooling: true})
	if err != nil {
		return "", nil, err
	}
	if len(rows) != 1 || !validID(rows[0].text("Id")) {
		return "", nil, &provider.Error{Kind: provider.NotFound, Op: doing, Message: fmt.Sprintf("the Tooling API shows %d custom fields of that name", len(rows))}
	}
	id = rows[0].text("Id")
	var field struct {
		Metadata map[string]any `json:"Metadata"`
	}
	err = p.client.do(ctx, request{op: "GET tooling/CustomField", doing: doing, method: http.MethodGet, path: "/tooling/sobjects/CustomField/" + id}, &field)
	if err == nil && field.Metadata == nil {
		err = &provider.Error{Kind: provider.Denied, Op: doing, Message: "the field's metadata is not shown; our user needs Customize Application"}
	}
	return id, field.Metadata, err
}

func grow(metadata map[string]any, w resource.Resource, doing string, at place) error {
	wanted := numberOf(w.Attributes, "scale")
	n, _ := metadata["scale"].(json.Number)
	now, err := n.Int64()
	if err == nil && int64(wanted) < now {
		return invalid(doing, fmt.Sprintf("it keeps %d decimal places, and keeping %d would lose what records hold", now, wanted), at.second)
	}
	metadata["scale"] = wanted
	return nil
}

// addOptions appends the options that are missing, and keeps all that are there.
func addOptions(metadata map[string]any, options []string, doing string, at place) error {
	set, _ := metadata["valueSet"].(map[string]any)
	if set == nil {
		return invalid(doing, "it has no value set of its own", at.second)
	}
	if name, _ := set["valueSetName"].(string); name != "" {
		return invalid(doing, fmt.Sprintf("its values come from the global value set %q; add them there", name), at.second)
	}
	definition, _ := set["valueSetDefinition"].(map[string]any)
	if definition == nil {
		return invalid(doing, "it has no value set of its own", at.second)
	}
	values, _ := definition["value"].([]any)
	definition["value"] = withOptions(values, options)
	return nil
}

// withOptions appends the options that are missing to values, and makes those active again that were not.
func withOptions(values []any, options []string) []any {
	for _, o := range options {
		i := slices.IndexFunc(values, func(v any) bool {
			m, _ := v.(map[string]any)
			return m["valueName"] == o
		})
		if i >= 0 {
			values[i].(map[string]any)["isActive"] = true
			continue
		}
		values = append(values, map[string]any{"valueName": o, "label": o, "default": false, "isActive": true})
	}
	return values
}

// destroyField deletes a field. The vendor's guide lists no DELETE for CustomField, so a refusal says what to do.
func (p *Provider) destroyField(ctx context.Context, w resource.Resource, at place) (resource.Resource, error) {
	doing := "delete field " + at.first + "." + at.second
	id, _, err := p.customField(ctx, at, doing)
	if provider.KindOf(err) == provider.NotFound && err != nil {
		return w, nil // gone already
	}
	if err != nil {
		return resource.Resource{}, err
	}
	err = p.client.do(ctx, request{op: "DELETE tooling/CustomField", doing: doing, method: http.MethodDelete,
		path: "/tooling/sobjects/CustomField/" + url.PathEscape(id), write: true, rows: 1}, nil)
	if e := asErrorOrNil(err); e != nil {
		if e.Code == "METHOD_NOT_ALLOWED" || statusOf(e) == http.StatusMethodNotAllowed {
			e.Message += " (this org does not let its API delete fields; delete it in Setup, Object Manager, then take it out of the contract)"
		}
		if e.Kind != provider.NotFound {
			return resource.Resource{}, e
		}
	}
	w.ID = ""
	return w, nil
}
