package salesforce

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"accord/engine/provider"
)

// objectDescribe is what GET sobjects/X/describe tells, as far as it matters. It shows only what the user may see.
type objectDescribe struct {
	Name       string          `json:"name"`
	Label      string          `json:"label"`
	KeyPrefix  string          `json:"keyPrefix"`
	Createable bool            `json:"createable"`
	Updateable bool            `json:"updateable"`
	Deletable  bool            `json:"deletable"`
	Queryable  bool            `json:"queryable"`
	Fields     []fieldDescribe `json:"fields"`

	RecordTypes []recordTypeInfo `json:"recordTypeInfos"`
}

// fieldDescribe is one field of a describe.
type fieldDescribe struct {
	Name               string          `json:"name"`
	Label              string          `json:"label"`
	Type               string          `json:"type"`
	Length             int             `json:"length"`
	Precision          int             `json:"precision"`
	Scale              int             `json:"scale"`
	Digits             int             `json:"digits"`
	Custom             bool            `json:"custom"`
	Calculated         bool            `json:"calculated"`
	Createable         bool            `json:"createable"`
	Updateable         bool            `json:"updateable"`
	Nillable           bool            `json:"nillable"`
	Filterable         bool            `json:"filterable"`
	Permissionable     bool            `json:"permissionable"`
	Unique             bool            `json:"unique"`
	ExternalID         bool            `json:"externalId"`
	RestrictedPicklist bool            `json:"restrictedPicklist"`
	PicklistValues     []picklistValue `json:"picklistValues"`
	ReferenceTo        []string        `json:"referenceTo"`
	CompoundFieldName  string          `json:"compoundFieldName"`
	HTMLFormatted      bool            `json:"htmlFormatted"`
}

type picklistValue struct {
	Active bool   `json:"active"`
	Value  string `json:"value"`
}

func (f fieldDescribe) options() []string {
	var list []string
	for _, v := range f.PicklistValues {
		if v.Active {
			list = append(list, v.Value)
		}
	}
	return list
}

// field finds a field by name, in any case: the API takes names so.
func (o *objectDescribe) field(name string) (fieldDescribe, bool) {
	i := slices.IndexFunc(o.Fields, func(f fieldDescribe) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return fieldDescribe{}, false
	}
	return o.Fields[i], true
}

// describe asks for one sObject. The result is nil where the user is shown none of that name.
func (c *client) describe(ctx context.Context, object string) (*objectDescribe, error) {
	if !validName(object) {
		return nil, invalid("describe "+object, "that is not the API name of an sObject")
	}
	var o objectDescribe
	err := c.do(ctx, request{
		op: "GET sobjects/describe", doing: "describe " + object, method: http.MethodGet,
		path: "/sobjects/" + url.PathEscape(object) + "/describe",
	}, &o)
	if provider.KindOf(err) == provider.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// definition is a field as FieldDefinition shows it, which field permissions don't filter (Tooling API guide).
type definition struct {
	name, dataType string
	permissionable bool // field permissions decide who sees it
}

// definitions lists all fields of an sObject that exist, visible to the user or not.
func (c *client) definitions(ctx context.Context, object string) ([]definition, error) {
	rows, err := c.all(ctx, statement{
		soql:    "SELECT QualifiedApiName, DataType, IsFlsEnabled FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = " + quote(object),
		doing:   "look for hidden fields of " + object,
		tooling: true,
	})
	if err != nil {
		return nil, err
	}
	list := make([]definition, 0, len(rows))
	for _, r := range rows {
		list = append(list, definition{r.text("QualifiedApiName"), r.text("DataType"), r.truth("IsFlsEnabled")})
	}
	return list, nil
}

// validName says whether a text can be the API name of an sObject or a field: it goes into paths and SOQL as it is.
func validName(s string) bool {
	if s == "" || len(s) > 120 {
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}

// validID says whether a text can be a record id: 15 or 18 letters and digits.
func validID(s string) bool {
	if len(s) != 15 && len(s) != 18 {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return true
}

// intactID says whether an id could be one of the org's, its last three characters included: they repeat which of the
// others are capitals ("What is the difference between 15 and 18 character IDs"). The org refuses a whole query for one
// that is not.
func intactID(s string) bool {
	if !validID(s) || len(s) == 15 {
		return validID(s)
	}
	return strings.EqualFold(s, longID(s[:15]))
}

// longID is an id of 15 characters with the three that make it one of 18; other text is given back as it is.
func longID(s string) string {
	if len(s) != 15 || !validID(s) {
		return s
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	long := s
	for i := range 3 {
		bits := 0
		for j, r := range s[i*5 : i*5+5] {
			if r >= 'A' && r <= 'Z' {
				bits |= 1 << j
			}
		}
		long += digits[bits : bits+1]
	}
	return long
}
