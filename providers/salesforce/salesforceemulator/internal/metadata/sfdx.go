package metadata

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// SourceObject is what an *.object-meta.xml file says of an object (Metadata API guide, "CustomObject").
type SourceObject struct {
	Label           string `xml:"label"`
	Plural          string `xml:"pluralLabel"`
	Description     string `xml:"description"`
	SharingModel    string `xml:"sharingModel"`
	EventType       string `xml:"eventType"`
	PublishBehavior string `xml:"publishBehavior"`
	NameField       *struct {
		Label         string `xml:"label"`
		Type          string `xml:"type"`
		DisplayFormat string `xml:"displayFormat"`
	} `xml:"nameField"`
}

// ParseSourceObject reads an object-meta.xml file.
func ParseSourceObject(text []byte) (*SourceObject, error) {
	var s SourceObject
	if err := xml.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading an object definition: %w", err)
	}
	return &s, nil
}

// Apply puts labels and the name field's definition onto a custom object.
func (s *SourceObject) Apply(o *Object) {
	if s.Label != "" {
		o.Label = s.Label
	}
	if s.Plural != "" {
		o.Plural = s.Plural
	}
	o.Description = s.Description
	if s.SharingModel != "" {
		o.SharingModel = s.SharingModel
	}
	if f := o.NameFieldDef(); f != nil && s.NameField != nil {
		if s.NameField.Label != "" {
			f.Label = s.NameField.Label
		}
		if s.NameField.Type == "AutoNumber" {
			f.AutoNumber, f.Createable, f.Updateable, f.Nillable = true, false, false, false
			f.DisplayFormat = s.NameField.DisplayFormat
		}
	}
}

// ParseSourceField reads a field-meta.xml file. Fields of standard objects that only change labels have no type.
func ParseSourceField(text []byte) (*FieldMetadata, error) {
	var m FieldMetadata
	if err := xml.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading a field definition: %w", err)
	}
	if m.FullName == "" {
		return nil, fmt.Errorf("reading a field definition: it has no fullName")
	}
	return &m, nil
}

// SourcePermissionSet is what a *.permissionset-meta.xml file grants.
type SourcePermissionSet struct {
	Label       string `xml:"label"`
	Description string `xml:"description"`
	Fields      []struct {
		Field    string `xml:"field"`
		Readable bool   `xml:"readable"`
		Editable bool   `xml:"editable"`
	} `xml:"fieldPermissions"`
	Objects []struct {
		Object    string `xml:"object"`
		Create    bool   `xml:"allowCreate"`
		Read      bool   `xml:"allowRead"`
		Edit      bool   `xml:"allowEdit"`
		Delete    bool   `xml:"allowDelete"`
		ViewAll   bool   `xml:"viewAllRecords"`
		ModifyAll bool   `xml:"modifyAllRecords"`
	} `xml:"objectPermissions"`
	User []struct {
		Name    string `xml:"name"`
		Enabled bool   `xml:"enabled"`
	} `xml:"userPermissions"`
}

// ParseSourcePermissionSet reads a permissionset-meta.xml file.
func ParseSourcePermissionSet(text []byte) (*SourcePermissionSet, error) {
	var p SourcePermissionSet
	if err := xml.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("reading a permission set: %w", err)
	}
	return &p, nil
}

// SourceChannel is a *.platformEventChannel-meta.xml file.
type SourceChannel struct {
	ChannelType string `xml:"channelType"`
	Label       string `xml:"label"`
}

// SourceChannelMember is a *.platformEventChannelMember-meta.xml file.
type SourceChannelMember struct {
	EventChannel   string `xml:"eventChannel"`
	SelectedEntity string `xml:"selectedEntity"`
	Filter         string `xml:"filterExpression"`
	Enriched       []struct {
		Name string `xml:"name"`
	} `xml:"enrichedFields"`
}

// ParseSourceChannel reads a channel file.
func ParseSourceChannel(text []byte) (*SourceChannel, error) {
	var c SourceChannel
	if err := xml.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading a channel: %w", err)
	}
	return &c, nil
}

// ParseSourceChannelMember reads a channel member file.
func ParseSourceChannelMember(text []byte) (*SourceChannelMember, error) {
	var c SourceChannelMember
	if err := xml.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading a channel member: %w", err)
	}
	if c.SelectedEntity == "" {
		return nil, fmt.Errorf("reading a channel member: it selects no entity")
	}
	return &c, nil
}

// SourceRule is a *.validationRule-meta.xml file.
type SourceRule struct {
	FullName     string `xml:"fullName"`
	Active       bool   `xml:"active"`
	Condition    string `xml:"errorConditionFormula"`
	DisplayField string `xml:"errorDisplayField"`
	Message      string `xml:"errorMessage"`
}

// ParseSourceRule reads a validation rule.
func ParseSourceRule(text []byte) (ValidationRule, error) {
	var r SourceRule
	if err := xml.Unmarshal(text, &r); err != nil {
		return ValidationRule{}, fmt.Errorf("reading a validation rule: %w", err)
	}
	return ValidationRule{Name: r.FullName, Condition: r.Condition, Message: r.Message, Field: r.DisplayField, Active: r.Active}, nil
}

// SourceRecordType is a *.recordType-meta.xml file.
type SourceRecordType struct {
	FullName    string `xml:"fullName"`
	Label       string `xml:"label"`
	Active      bool   `xml:"active"`
	Description string `xml:"description"`
	Picklists   []struct {
		Picklist string `xml:"picklist"`
		Values   []struct {
			FullName string `xml:"fullName"`
			Default  bool   `xml:"default"`
		} `xml:"values"`
	} `xml:"picklistValues"`
}

// ParseSourceRecordType reads a record type.
func ParseSourceRecordType(text []byte) (*SourceRecordType, error) {
	var r SourceRecordType
	if err := xml.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("reading a record type: %w", err)
	}
	return &r, nil
}

// AddLocationParts adds the latitude and longitude components of a custom location field.
func AddLocationParts(o *Object, f *Field) error {
	base := strings.TrimSuffix(f.Name, "__c")
	for _, part := range []string{"Latitude", "Longitude"} {
		err := o.Add(&Field{Name: base + "__" + part + "__s", Label: f.Label + " (" + part + ")", Type: "double", Precision: 18, Scale: max(f.Scale, 6),
			Nillable: true, Createable: true, Updateable: true, Permissionable: true, Custom: true, Compound: f.Name})
		if err != nil {
			return err
		}
	}
	return nil
}
