package salesforce

import (
	"slices"
	"strings"

	"accord/engine/record"
)

// fieldType is one of the contract's words for a field that apply may create.
type fieldType struct {
	shape    record.Shape
	vendor   string         // type in CustomField metadata (Metadata API Developer Guide, "CustomField")
	metadata map[string]any // what else that type needs
}

// defaultScale is how many decimal places a number gets when the contract names none. The vendor's own habit is none
// for numbers, which would lose what the other side holds.
const (
	defaultScale  = 2
	precision     = 18
	textLength    = 255
	longTextLimit = 32768
)

func decimalShape(typ string) record.Shape {
	return record.Shape{Type: typ, Kind: record.Decimal, Scale: defaultScale, Digits: precision - defaultScale}
}

func textShape(typ string, limit int) record.Shape {
	return record.Shape{Type: typ, Kind: record.Text, MaxLength: limit, Scale: -1, Folds: true}
}

// fieldTypes are all words for a type, with what a new field of each holds.
var fieldTypes = map[string]fieldType{
	"text":          {textShape("string", textLength), "Text", map[string]any{"length": textLength}},
	"long_text":     {textShape("textarea", longTextLimit), "LongTextArea", map[string]any{"length": longTextLimit, "visibleLines": 5}},
	"email":         {textShape("email", 80), "Email", nil},
	"phone":         {textShape("phone", 40), "Phone", nil},
	"url":           {record.Shape{Type: "url", Kind: record.Link, MaxLength: 255, Scale: -1, Folds: true}, "Url", nil},
	"number":        {decimalShape("double"), "Number", nil},
	"currency":      {decimalShape("currency"), "Currency", nil},
	"percent":       {decimalShape("percent"), "Percent", nil},
	"checkbox":      {record.Shape{Type: "boolean", Kind: record.Bool, Scale: -1}, "Checkbox", map[string]any{"defaultValue": "false"}},
	"date":          {record.Shape{Type: "date", Kind: record.Date, Scale: -1}, "Date", nil},
	"datetime":      {record.Shape{Type: "datetime", Kind: record.DateTime, Scale: -1}, "DateTime", nil},
	"picklist":      {record.Shape{Type: "picklist", Kind: record.Choice, Scale: -1}, "Picklist", nil},
	"multipicklist": {record.Shape{Type: "multipicklist", Kind: record.Choice, Many: true, Scale: -1, Separator: ";"}, "MultiselectPicklist", map[string]any{"visibleLines": 4}},
	"lookup":        {record.Shape{Type: "reference", Kind: record.Reference, Scale: -1}, "Lookup", nil},
}

func isDecimalWord(word string) bool {
	return slices.Contains([]string{"number", "currency", "percent"}, word)
}

func isPicklistWord(word string) bool { return word == "picklist" || word == "multipicklist" }

// wordOf is the contract's word for a described field; a type without one keeps the vendor's name.
func wordOf(f fieldDescribe) string {
	switch f.Type {
	case "string":
		return "text"
	case "textarea":
		if f.Length > textLength {
			return "long_text"
		}
		return "text"
	case "double", "int", "long":
		return "number"
	case "boolean":
		return "checkbox"
	case "reference":
		return "lookup"
	default:
		return f.Type
	}
}

// wordOfDefinition is the same for the text that Setup and FieldDefinition.DataType show: "Text(64) (External ID)".
func wordOfDefinition(dataType string) string {
	name, _, _ := strings.Cut(dataType, "(")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "text", "text area":
		return "text"
	case "long text area", "rich text area":
		return "long_text"
	case "date/time":
		return "datetime"
	case "picklist":
		if strings.Contains(strings.ToLower(dataType), "multi-select") {
			return "multipicklist"
		}
		return "picklist"
	case "url":
		return "url"
	case "lookup", "hierarchy", "master-detail":
		return "lookup"
	default:
		return strings.ToLower(strings.TrimSpace(name))
	}
}

// shapeOf is what a described field holds; ok is false for one that no canonical value fits (addresses, files).
func shapeOf(f fieldDescribe) (s record.Shape, ok bool) {
	s = record.Shape{Type: f.Type, Scale: -1, ReadOnly: !f.Updateable || f.Calculated}
	switch f.Type {
	case "string", "textarea", "email", "phone", "encryptedstring", "combobox":
		s.Kind, s.MaxLength, s.Folds = record.Text, f.Length, true
	case "id", "time", "anyType":
		s.Kind, s.MaxLength = record.Text, f.Length
	case "url":
		s.Kind, s.MaxLength, s.Folds = record.Link, f.Length, true
	case "double", "currency", "percent":
		s.Kind, s.Scale = record.Decimal, f.Scale
		if f.Precision > f.Scale {
			s.Digits = f.Precision - f.Scale
		}
	case "int", "long":
		s.Kind, s.Scale, s.Digits = record.Decimal, 0, f.Digits
	case "boolean":
		s.Kind = record.Bool
	case "date":
		s.Kind = record.Date
	case "datetime":
		s.Kind = record.DateTime
	case "picklist", "multipicklist":
		s.Kind, s.Many, s.Open = record.Choice, f.Type == "multipicklist", !f.RestrictedPicklist
		s.Options = f.options()
		if s.Many {
			s.Separator = ";"
		}
	case "reference":
		s.Kind = record.Reference
		if slices.Contains(f.ReferenceTo, "User") {
			s.Kind = record.Personal
		}
	default:
		return record.Shape{}, false
	}
	s.Required = !f.Nillable && s.Kind != record.Bool
	return s, true
}
