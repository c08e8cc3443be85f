package metadata

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// FieldMetadata is the Metadata property of Tooling's CustomField and, with other tags, a field of SFDX source format
// (Metadata API guide, "CustomField").
type FieldMetadata struct {
	FullName           string         `json:"-" xml:"fullName"`
	Type               string         `json:"type" xml:"type"`
	Label              string         `json:"label" xml:"label"`
	Length             int            `json:"length" xml:"length"`
	Precision          *int           `json:"precision" xml:"precision"`
	Scale              *int           `json:"scale" xml:"scale"`
	Required           bool           `json:"required" xml:"required"`
	Unique             bool           `json:"unique" xml:"unique"`
	ExternalID         bool           `json:"externalId" xml:"externalId"`
	CaseSensitive      bool           `json:"caseSensitive" xml:"caseSensitive"`
	DefaultValue       any            `json:"defaultValue" xml:"-"`
	DefaultText        string         `json:"-" xml:"defaultValue"`
	Description        string         `json:"description" xml:"description"`
	InlineHelpText     string         `json:"inlineHelpText" xml:"inlineHelpText"`
	VisibleLines       int            `json:"visibleLines" xml:"visibleLines"`
	DisplayFormat      string         `json:"displayFormat" xml:"displayFormat"`
	Formula            string         `json:"formula" xml:"formula"`
	ReferenceTo        string         `json:"referenceTo" xml:"referenceTo"`
	RelationshipName   string         `json:"relationshipName" xml:"relationshipName"`
	RelationshipLabel  string         `json:"relationshipLabel" xml:"relationshipLabel"`
	DeleteConstraint   string         `json:"deleteConstraint" xml:"deleteConstraint"`
	ReparentableMaster bool           `json:"reparentableMasterDetail" xml:"reparentableMasterDetail"`
	ValueSet           *FieldValueSet `json:"valueSet" xml:"valueSet"`
}

// FieldValueSet is a picklist's own values, or the name of a global value set.
type FieldValueSet struct {
	Restricted       bool               `json:"restricted" xml:"restricted"`
	ControllingField string             `json:"controllingField" xml:"controllingField"`
	Name             string             `json:"valueSetName" xml:"valueSetName"`
	Definition       *ValueSetValues    `json:"valueSetDefinition" xml:"valueSetDefinition"`
	Settings         []ValueSettingItem `json:"valueSettings" xml:"valueSettings"`
}

// ValueSetValues are the values of a picklist.
type ValueSetValues struct {
	Sorted bool           `json:"sorted" xml:"sorted"`
	Values []ValueSetItem `json:"value" xml:"value"`
}

// ValueSetItem is one value. The JSON API says valueName where the XML format says fullName.
type ValueSetItem struct {
	ValueName string `json:"valueName" xml:"fullName"`
	Label     string `json:"label" xml:"label"`
	Default   bool   `json:"default" xml:"default"`
	IsActive  *bool  `json:"isActive" xml:"isActive"`
}

// ValueSettingItem ties a value to controlling values.
type ValueSettingItem struct {
	Controlling []string `json:"controllingFieldValue" xml:"controllingFieldValue"`
	ValueName   string   `json:"valueName" xml:"valueName"`
}

// A Refusal is a definition the vendor would not accept, with its error code.
type Refusal struct{ Code, Message, Field string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, field, format string, args ...any) error {
	return &Refusal{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

var developerName = regexp.MustCompile(`^[A-Za-z](_?[A-Za-z0-9])*$`)

// ValidDeveloperName tells whether a name without its suffix is one: letters, digits and single underscores,
// starting with a letter and not ending in an underscore.
func ValidDeveloperName(name string) bool { return developerName.MatchString(name) }

// Field turns the definition into a field named name. valueSet resolves the name of a global value set.
// Errors are of type *Refusal.
func (m *FieldMetadata) Field(name string, valueSet func(string) ([]PicklistValue, bool)) (*Field, error) {
	base, custom := strings.CutSuffix(name, "__c")
	if !custom || !ValidDeveloperName(base) {
		return nil, refuse("FIELD_INTEGRITY_EXCEPTION", "FullName", "The Field Name field can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, not include spaces, not end with an underscore, and not contain two consecutive underscores.")
	}
	if len(base) > 40 {
		return nil, refuse("STRING_TOO_LONG", "FullName", "Field Name: data value too large: %s (max length=40)", base)
	}
	if strings.TrimSpace(m.Label) == "" {
		return nil, refuse("REQUIRED_FIELD_MISSING", "Label", "Required field is missing: label")
	}
	f := &Field{Name: name, Label: strings.TrimSpace(m.Label), Exact: m.Type, Custom: true, Nillable: !m.Required, Permissionable: !m.Required, Createable: true, Updateable: true,
		Description: m.Description, Help: m.InlineHelpText, VisibleLines: m.VisibleLines, DisplayFormat: m.DisplayFormat}
	if err := m.applyType(f); err != nil {
		return nil, err
	}
	if m.Formula != "" {
		f.Formula, f.Calculated, f.Createable, f.Updateable, f.Nillable = m.Formula, true, false, false, true
		if f.Type == "string" {
			f.Length = 1300
		}
	}
	if m.ExternalID {
		if m.Type != "Text" && m.Type != "Number" && m.Type != "Email" && m.Type != "AutoNumber" {
			return nil, refuse("INVALID_TYPE_FOR_OPERATION", "ExternalId", "Cannot set externalId to true for fields of type %s", m.Type)
		}
		f.ExternalID, f.IDLookup = true, true
	}
	if m.Unique {
		if m.Type != "Text" && m.Type != "Number" && m.Type != "Email" {
			return nil, refuse("INVALID_TYPE_FOR_OPERATION", "Unique", "Cannot set unique to true for fields of type %s", m.Type)
		}
		f.Unique, f.CaseSensitive = true, m.CaseSensitive
	}
	if m.Type == "Picklist" || m.Type == "MultiselectPicklist" {
		if err := m.applyValues(f, valueSet); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func intOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}

func (m *FieldMetadata) applyType(f *Field) error {
	number := func(typ string) error {
		f.Type = typ
		f.Precision, f.Scale = intOr(m.Precision, 18), intOr(m.Scale, 0)
		if f.Precision < 1 || f.Precision > 18 || f.Scale < 0 || f.Scale > f.Precision {
			return refuse("INVALID_FIELD", "Precision", "Precision must be between 1 and 18, and scale between 0 and the precision.")
		}
		return nil
	}
	switch m.Type {
	case "Text", "EncryptedText":
		f.Type, f.Length = "string", m.Length
		if m.Type == "EncryptedText" {
			f.Type = "encryptedstring"
		}
		if m.Formula == "" && (m.Length < 1 || m.Length > 255) {
			return refuse("FIELD_INTEGRITY_EXCEPTION", "Length", "Text fields must have a length between 1 and 255.")
		}
	case "Number":
		return number("double")
	case "Currency":
		return number("currency")
	case "Percent":
		return number("percent")
	case "Checkbox":
		f.Type, f.Nillable, f.DefaultedOnCreate = "boolean", false, true
		f.Default = m.DefaultValue == true || m.DefaultValue == "true" || m.DefaultText == "true"
		f.Permissionable = true
	case "Date", "Time":
		f.Type = strings.ToLower(m.Type)
	case "DateTime":
		f.Type = "datetime"
	case "Email":
		f.Type, f.Length = "email", 80
	case "Phone":
		f.Type, f.Length = "phone", 40
	case "Url":
		f.Type, f.Length = "url", 255
	case "TextArea":
		f.Type, f.Length = "textarea", 255
	case "LongTextArea", "Html":
		f.Type, f.Length, f.HTML = "textarea", m.Length, m.Type == "Html"
		if m.Length == 0 {
			f.Length = 32768
		}
		if f.Length < 256 || f.Length > 131072 {
			return refuse("FIELD_INTEGRITY_EXCEPTION", "Length", "Long text areas must have a length between 256 and 131072.")
		}
		if m.VisibleLines == 0 {
			return refuse("REQUIRED_FIELD_MISSING", "VisibleLines", "Required field is missing: visibleLines")
		}
	case "Picklist":
		f.Type, f.Length = "picklist", 255
	case "MultiselectPicklist":
		f.Type, f.Length = "multipicklist", 4099
	case "Lookup", "MasterDetail":
		return m.applyReference(f)
	case "AutoNumber":
		f.Type, f.Length, f.AutoNumber, f.Createable, f.Updateable, f.Nillable, f.DefaultedOnCreate = "string", 30, true, false, false, false, true
		f.Permissionable = true
	case "Location":
		f.Type, f.Scale = "location", intOr(m.Scale, 0)
	case "Summary":
		f.Type, f.Calculated, f.Createable, f.Updateable, f.Precision = "double", true, false, false, 18
	default:
		return refuse("INVALID_FIELD", "Type", "%q is not a valid value for the enum 'FieldType'", m.Type)
	}
	return nil
}

func (m *FieldMetadata) applyReference(f *Field) error {
	f.Type, f.Length = "reference", 18
	if m.ReferenceTo == "" {
		return refuse("REQUIRED_FIELD_MISSING", "ReferenceTo", "Required field is missing: referenceTo")
	}
	f.ReferenceTo = []string{m.ReferenceTo}
	f.RelationshipName = strings.TrimSuffix(f.Name, "__c") + "__r"
	if m.RelationshipName != "" {
		f.ChildRelationship = m.RelationshipName + "__r"
	}
	if m.Type == "MasterDetail" {
		f.MasterDetail, f.CascadeDelete, f.Nillable, f.Permissionable = true, true, false, false
		f.Reparentable, f.Updateable = m.ReparentableMaster, m.ReparentableMaster
		return nil
	}
	switch m.DeleteConstraint {
	case "", "SetNull":
	case "Restrict":
		f.RestrictedDelete = true
	case "Cascade":
		f.CascadeDelete = true
	default:
		return refuse("INVALID_FIELD", "DeleteConstraint", "%q is not a valid value for the enum 'DeleteConstraint'", m.DeleteConstraint)
	}
	return nil
}

func (m *FieldMetadata) applyValues(f *Field, valueSet func(string) ([]PicklistValue, bool)) error {
	v := m.ValueSet
	if v == nil {
		return refuse("FIELD_INTEGRITY_EXCEPTION", "ValueSet", "Must specify either valueSetDefinition or valueSetName for a picklist field")
	}
	f.RestrictedPicklist, f.Controller, f.ValueSet = v.Restricted, v.ControllingField, v.Name
	if v.Name != "" {
		var values []PicklistValue
		ok := false
		if valueSet != nil {
			values, ok = valueSet(v.Name)
		}
		if !ok {
			return refuse("INVALID_CROSS_REFERENCE_KEY", "ValueSet", "In field: valueSet - no GlobalValueSet named %s found", v.Name)
		}
		f.Picklist, f.RestrictedPicklist = values, true
		return nil
	}
	if v.Definition == nil {
		return refuse("FIELD_INTEGRITY_EXCEPTION", "ValueSet", "Must specify either valueSetDefinition or valueSetName for a picklist field")
	}
	values, err := v.Definition.Picklist()
	if err != nil {
		return err
	}
	if v.ControllingField != "" {
		for i := range values {
			values[i].ValidFor = []string{}
			for _, s := range v.Settings {
				if s.ValueName == values[i].Value {
					values[i].ValidFor = append(values[i].ValidFor, s.Controlling...)
				}
			}
		}
	}
	f.Picklist = values
	for _, p := range values {
		f.DefaultedOnCreate = f.DefaultedOnCreate || p.Default
	}
	return nil
}

// Picklist gives the values, refusing doubles and empty names.
func (d *ValueSetValues) Picklist() ([]PicklistValue, error) {
	seen := map[string]bool{}
	out := []PicklistValue{}
	for _, v := range d.Values {
		name := strings.TrimSpace(v.ValueName)
		key := strings.ToLower(name)
		if name == "" || len(name) > 255 {
			return nil, refuse("FIELD_INTEGRITY_EXCEPTION", "ValueSet", "Picklist values need a name of at most 255 characters")
		}
		if seen[key] {
			return nil, refuse("DUPLICATE_VALUE", "ValueSet", "Duplicate picklist value: %s", name)
		}
		seen[key] = true
		label := v.Label
		if label == "" {
			label = name
		}
		out = append(out, PicklistValue{Value: name, Label: label, Active: v.IsActive == nil || *v.IsActive, Default: v.Default})
	}
	return out, nil
}

// MetadataOf gives the Metadata property a Tooling query answers for a custom field.
func MetadataOf(f *Field) Ordered {
	optional := func(ok bool, v any) any {
		if ok {
			return v
		}
		return nil
	}
	isNumber := f.Type == "double" || f.Type == "currency" || f.Type == "percent"
	var valueSet any
	if len(f.Picklist) > 0 || f.Type == "picklist" || f.Type == "multipicklist" {
		valueSet = valueSetOf(f)
	}
	var deflt any
	if f.Type == "boolean" {
		deflt = "false"
		if f.Default == true {
			deflt = "true"
		}
	}
	var constraint any
	if f.Type == "reference" && !f.MasterDetail {
		switch {
		case f.RestrictedDelete:
			constraint = "Restrict"
		case f.CascadeDelete:
			constraint = "Cascade"
		default:
			constraint = "SetNull"
		}
	}
	var ref any
	if len(f.ReferenceTo) > 0 {
		ref = f.ReferenceTo[0]
	}
	isLength := f.Exact == "Text" || f.Exact == "LongTextArea" || f.Exact == "Html" || f.Exact == "EncryptedText"
	child := strings.TrimSuffix(f.ChildRelationship, "__r")
	return Ordered{
		{"businessOwnerGroup", nil}, {"businessOwnerUser", nil}, {"businessStatus", nil},
		{"caseSensitive", optional(f.Unique, f.CaseSensitive)}, {"complianceGroup", nil}, {"customDataType", nil}, {"defaultValue", deflt},
		{"deleteConstraint", constraint}, {"deprecated", nil}, {"description", nullable(f.Description)}, {"displayFormat", nullable(f.DisplayFormat)},
		{"displayLocationInDecimal", nil}, {"encryptionScheme", nil}, {"escapeMarkup", nil}, {"externalDeveloperName", nil}, {"externalId", f.ExternalID},
		{"formula", nullable(f.Formula)}, {"formulaTreatBlanksAs", nil}, {"inlineHelpText", nullable(f.Help)}, {"isAIPredictionField", nil},
		{"isConvertLeadDisabled", nil}, {"isFilteringDisabled", nil}, {"isNameField", nil}, {"isSortingDisabled", nil}, {"label", f.Label},
		{"length", optional(isLength, f.Length)}, {"lookupFilter", nil}, {"maskChar", nil}, {"maskType", nil}, {"metadataRelationshipControllingField", nil},
		{"populateExistingRows", nil}, {"precision", optional(isNumber, f.Precision)}, {"readOnlyProxy", nil}, {"referenceTargetField", nil},
		{"referenceTo", ref}, {"relationshipLabel", nil}, {"relationshipName", nullable(child)}, {"relationshipOrder", nil},
		{"reparentableMasterDetail", optional(f.MasterDetail, f.Reparentable)}, {"required", optional(f.Type != "boolean", !f.Nillable && !f.AutoNumber)},
		{"restrictedAdminField", nil}, {"scale", optional(isNumber, f.Scale)}, {"securityClassification", nil}, {"startingNumber", nil}, {"stripMarkup", nil},
		{"summarizedField", nil}, {"summaryFilterItems", nil}, {"summaryForeignKey", nil}, {"summaryOperation", nil}, {"trackFeedHistory", false},
		{"trackHistory", false}, {"trackTrending", false}, {"translateData", nil}, {"type", f.Exact}, {"unique", f.Unique || false}, {"urls", nil},
		{"valueSet", valueSet}, {"visibleLines", optional(f.VisibleLines > 0, f.VisibleLines)}, {"writeRequiresMasterRead", nil},
	}
}

func valueSetOf(f *Field) Ordered {
	var definition, name any
	if f.ValueSet != "" {
		name = f.ValueSet
	} else {
		definition = ValuesMetadata(f.Picklist)
	}
	settings := []any{}
	for _, p := range f.Picklist {
		if p.ValidFor != nil {
			settings = append(settings, Ordered{{"controllingFieldValue", p.ValidFor}, {"valueName", p.Value}})
		}
	}
	return Ordered{{"controllingField", nullable(f.Controller)}, {"restricted", f.RestrictedPicklist}, {"valueSetDefinition", definition},
		{"valueSetName", name}, {"valueSettings", settings}}
}

// ValuesMetadata writes picklist values as valueSetDefinition holds them.
func ValuesMetadata(values []PicklistValue) Ordered {
	items := []any{}
	for _, p := range values {
		items = append(items, Ordered{{"color", nil}, {"default", p.Default}, {"description", nil}, {"isActive", p.Active}, {"label", p.Label},
			{"urls", nil}, {"valueName", p.Value}})
	}
	return Ordered{{"sorted", false}, {"value", items}}
}

// DataType gives FieldDefinition.DataType, the text Setup shows.
func DataType(f *Field) string {
	var text string
	switch {
	case f.Calculated && f.Formula != "":
		return "Formula (" + formulaType(f.Type) + ")"
	case f.AutoNumber:
		return "Auto Number"
	case f.Type == "reference" && f.MasterDetail:
		return "Master-Detail(" + strings.Join(f.ReferenceTo, ",") + ")"
	case f.Type == "reference":
		return "Lookup(" + strings.Join(f.ReferenceTo, ",") + ")"
	case f.Type == "textarea" && f.HTML:
		text = fmt.Sprintf("Rich Text Area(%d)", f.Length)
	case f.Type == "textarea" && f.Length > 255:
		text = fmt.Sprintf("Long Text Area(%d)", f.Length)
	case f.Type == "textarea":
		text = "Text Area(255)"
	case f.Type == "string":
		text = fmt.Sprintf("Text(%d)", f.Length)
	case f.Type == "double":
		text = fmt.Sprintf("Number(%d, %d)", f.Precision-f.Scale, f.Scale)
	case f.Type == "int":
		text = fmt.Sprintf("Number(%d, 0)", f.Precision)
	case f.Type == "currency" || f.Type == "percent":
		text = fmt.Sprintf("%s(%d, %d)", strings.ToUpper(f.Type[:1])+f.Type[1:], f.Precision-f.Scale, f.Scale)
	default:
		text = formulaType(f.Type)
	}
	if f.ExternalID {
		text += " (External ID)"
	}
	if f.Unique && f.CaseSensitive {
		text += " (Unique Case Sensitive)"
	} else if f.Unique {
		text += " (Unique Case Insensitive)"
	}
	return text
}

func formulaType(t string) string {
	switch t {
	case "boolean":
		return "Checkbox"
	case "datetime":
		return "Date/Time"
	case "multipicklist":
		return "Picklist (Multi-Select)"
	case "url":
		return "URL"
	case "double":
		return "Number"
	case "string":
		return "Text"
	case "id":
		return "Record ID"
	case "":
		return ""
	}
	return strings.ToUpper(t[:1]) + t[1:]
}

// ParseFieldMetadata reads a Metadata property. Errors are of type *Refusal.
func ParseFieldMetadata(raw json.RawMessage) (*FieldMetadata, error) {
	var m FieldMetadata
	if len(raw) == 0 || string(raw) == "null" {
		return nil, refuse("REQUIRED_FIELD_MISSING", "Metadata", "Required fields are missing: [Metadata]")
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, refuse("JSON_PARSER_ERROR", "Metadata", "The Metadata of the field cannot be read: %v", err)
	}
	return &m, nil
}
