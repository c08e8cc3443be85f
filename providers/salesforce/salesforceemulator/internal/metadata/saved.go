package metadata

import "strings"

// Saved is a field of a saved describe answer.
type Saved struct {
	Name               string   `json:"name"`
	Label              string   `json:"label"`
	Type               string   `json:"type"`
	Length             int      `json:"length"`
	Precision          *int     `json:"precision"`
	Scale              *int     `json:"scale"`
	Custom             bool     `json:"custom"`
	Nillable           bool     `json:"nillable"`
	Unique             bool     `json:"unique"`
	ExternalID         bool     `json:"externalId"`
	CaseSensitive      bool     `json:"caseSensitive"`
	HTML               bool     `json:"htmlFormatted"`
	AutoNumber         bool     `json:"autoNumber"`
	Formula            string   `json:"calculatedFormula"`
	DefaultValue       any      `json:"defaultValue"`
	RestrictedPicklist bool     `json:"restrictedPicklist"`
	ReferenceTo        []string `json:"referenceTo"`
	CascadeDelete      bool     `json:"cascadeDelete"`
	Picklist           []struct {
		Value   string `json:"value"`
		Label   string `json:"label"`
		Active  *bool  `json:"active"`
		Default bool   `json:"defaultValue"`
	} `json:"picklistValues"`
}

// Definition turns a described custom field back into a definition; false for standard fields and for types that cannot be
// told from a describe.
func (s *Saved) Definition() (*FieldMetadata, bool) {
	if !strings.HasSuffix(s.Name, "__c") {
		return nil, false
	}
	m := &FieldMetadata{Label: s.Label, Length: s.Length, Precision: s.Precision, Scale: s.Scale, Required: !s.Nillable && s.Type != "boolean",
		Unique: s.Unique, ExternalID: s.ExternalID, CaseSensitive: s.CaseSensitive, DefaultValue: s.DefaultValue, Formula: s.Formula}
	types := map[string]string{"string": "Text", "double": "Number", "int": "Number", "currency": "Currency", "percent": "Percent", "boolean": "Checkbox", "date": "Date",
		"datetime": "DateTime", "time": "Time", "email": "Email", "phone": "Phone", "url": "Url", "picklist": "Picklist", "multipicklist": "MultiselectPicklist", "reference": "Lookup"}
	m.Type = types[s.Type]
	switch {
	case s.AutoNumber:
		m.Type = "AutoNumber"
	case s.Type == "textarea" && s.HTML:
		m.Type, m.VisibleLines = "Html", 10
	case s.Type == "textarea" && s.Length > 255:
		m.Type, m.VisibleLines = "LongTextArea", 3
	case s.Type == "textarea":
		m.Type = "TextArea"
	case s.Type == "reference" && s.CascadeDelete:
		m.Type = "MasterDetail"
	}
	if m.Type == "Lookup" || m.Type == "MasterDetail" {
		if len(s.ReferenceTo) == 0 {
			return nil, false
		}
		m.ReferenceTo = s.ReferenceTo[0]
	}
	if s.Precision != nil && *s.Precision == 0 {
		m.Precision = nil
	}
	if m.Type == "Picklist" || m.Type == "MultiselectPicklist" {
		def := &ValueSetValues{}
		for _, p := range s.Picklist {
			def.Values = append(def.Values, ValueSetItem{ValueName: p.Value, Label: p.Label, Default: p.Default, IsActive: p.Active})
		}
		m.ValueSet = &FieldValueSet{Restricted: s.RestrictedPicklist, Definition: def}
	}
	return m, m.Type != ""
}
