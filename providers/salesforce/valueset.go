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

// sharedValues is the attribute of a picklist field that says whether values may be added to a global value set, for all
// fields that use it. It differs only where some are missing, and then names whom else it touches.
const (
	sharedValues = "shared_values"
	extendShared = "extend"
)

// valueSetOf is the global value set that a field's Metadata names; "" for values of its own.
func valueSetOf(metadata map[string]any) string {
	set, _ := metadata["valueSet"].(map[string]any)
	name, _ := set["valueSetName"].(string)
	return name
}

// describeShared looks where the values of a picklist come from that lacks some of those wanted. From a set that others use
// too, nothing is taken for granted: the plan names them, or the field does not fit the contract.
func (p *Provider) describeShared(ctx context.Context, w resource.Resource, object string, f fieldDescribe, have map[string]any) (mismatch string, err error) {
	var missing []string
	for _, o := range textsOf(w.Attributes, "options") {
		if isPicklistWord(wordOf(f)) && !slices.Contains(f.options(), o) {
			missing = append(missing, o)
		}
	}
	extends := w.Attributes[sharedValues] == extendShared
	if extends {
		have[sharedValues] = extendShared
	}
	if !w.Managed || len(missing) == 0 {
		return "", nil
	}
	doing := "look where " + object + "." + f.Name + " has its values from"
	id, metadata, err := p.customField(ctx, place{first: object, second: f.Name}, doing)
	if err != nil {
		return "", err
	}
	set := valueSetOf(metadata)
	if set == "" {
		return "", nil
	}
	users, err := p.usersOf(ctx, set, id)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("global value set %s, used %s", set, users)
	if extends {
		have[sharedValues] = said
		return "", nil
	}
	return fmt.Sprintf(`%s.%s has its values from %s, and lacks %s; add them there, or let apply do it with shared = "extend" in the picklist block`,
		object, f.Name, said, strings.Join(missing, ", ")), nil
}

// usersOf names the other fields that use a global value set, as the org tells it ("MetadataComponentDependency", Tooling
// API guide); not every org does.
func (p *Provider) usersOf(ctx context.Context, set, field string) (string, error) {
	doing := "look who uses the global value set " + set
	id, _, err := p.valueSet(ctx, set, doing)
	if err != nil {
		return "", err
	}
	rows, err := p.client.all(ctx, statement{tooling: true, doing: doing,
		soql: "SELECT MetadataComponentId, MetadataComponentName FROM MetadataComponentDependency WHERE RefMetadataComponentId = " + quote(id)})
	if e := asErrorOrNil(err); e != nil {
		if k := e.Kind; k == provider.NotFound || k == provider.Invalid || k == provider.Denied {
			return "by fields that the org does not tell", nil
		}
		return "", err
	}
	var names []string
	for _, r := range rows {
		if shortID(r.text("MetadataComponentId")) != shortID(field) {
			names = append(names, r.text("MetadataComponentName"))
		}
	}
	if len(names) == 0 {
		return "by no other field", nil
	}
	slices.Sort(names)
	return "by " + strings.Join(slices.Compact(names), ", ") + " too", nil
}

// valueSet finds a global value set's id and metadata.
func (p *Provider) valueSet(ctx context.Context, name, doing string) (id string, metadata map[string]any, err error) {
	rows, err := p.client.all(ctx, statement{tooling: true, doing: doing, soql: "SELECT Id FROM GlobalValueSet WHERE DeveloperName = " + quote(name)})
	if err != nil {
		return "", nil, err
	}
	if len(rows) != 1 || !validID(rows[0].text("Id")) {
		return "", nil, &provider.Error{Kind: provider.NotFound, Op: doing, Message: fmt.Sprintf("the Tooling API shows %d global value sets called %s", len(rows), name)}
	}
	id = rows[0].text("Id")
	var set struct {
		Metadata map[string]any `json:"Metadata"`
	}
	err = p.client.do(ctx, request{op: "GET tooling/GlobalValueSet", doing: doing, method: http.MethodGet, path: "/tooling/sobjects/GlobalValueSet/" + id}, &set)
	if err == nil && set.Metadata == nil {
		err = &provider.Error{Kind: provider.Denied, Op: doing, Message: "its metadata is not shown; our user needs Customize Application"}
	}
	return id, set.Metadata, err
}

// extendValueSet adds values to a global value set, and keeps all that are there.
func (p *Provider) extendValueSet(ctx context.Context, name string, options []string, doing string) error {
	id, metadata, err := p.valueSet(ctx, name, doing)
	if err != nil {
		return err
	}
	values, _ := metadata["customValue"].([]any)
	metadata["customValue"] = withOptions(values, options)
	return p.client.do(ctx, request{op: "PATCH tooling/GlobalValueSet", doing: doing, method: http.MethodPatch,
		path: "/tooling/sobjects/GlobalValueSet/" + id, body: object{{"FullName", name}, {"Metadata", metadata}}, write: true, rows: 1}, nil)
}
