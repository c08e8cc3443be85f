package metadata

import (
	"fmt"
	"slices"
	"strings"
)

// Object is one sObject. The store guards it; everything here is plain data.
type Object struct {
	Name, Label, Plural, KeyPrefix string
	// ID is the 01I id of a custom object, else empty.
	ID string
	// Custom is true for __c and __e; Event for __e.
	Custom, Event bool
	// Setup objects (users, permissions, record types ...) are governed by system permissions, not by ObjectPermissions.
	Setup bool
	// Tooling objects are seen through the Tooling API only.
	Tooling bool

	Createable, Updateable, Deletable, Queryable, Undeletable, Mergeable, Searchable, Triggerable, Replicateable, Layoutable bool

	Description, SharingModel string
	Fields                    []*Field
	Rules                     []ValidationRule

	byName     map[string]*Field
	byRelation map[string]*Field
}

// Field is one field, in the words of describe where describe has them.
type Field struct {
	Name, Label, Type string
	// ID is the 00N id of a custom field, else empty.
	ID string
	// Exact is the Metadata API type (Text, TextArea, Lookup ...); describe cannot tell some of them apart.
	Exact                    string
	Length, Precision, Scale int

	Nillable, Createable, Updateable, DefaultedOnCreate, Permissionable        bool
	IDLookup, ExternalID, Unique, CaseSensitive, NameField, RestrictedPicklist bool
	Calculated, AutoNumber, Custom, HTML                                       bool

	ReferenceTo       []string
	RelationshipName  string
	ChildRelationship string
	CascadeDelete     bool
	RestrictedDelete  bool
	Reparentable      bool
	MasterDetail      bool

	// Compound names the compound field this one is a part of.
	Compound string
	Picklist []PicklistValue
	// Controller is the controlling field of a dependent picklist.
	Controller string
	ValueSet   string

	Default       any
	Formula       string
	DisplayFormat string
	Description   string
	Help          string
	VisibleLines  int
	// Slot is the position of the field in its object; it never changes.
	Slot int
	// Modified is when the definition last changed, in the datetime form of REST answers.
	Modified string
}

// PicklistValue is one entry of a picklist. ValidFor lists the controlling values it may be used with; nil is all.
type PicklistValue struct {
	Value, Label    string
	Active, Default bool
	ValidFor        []string
}

// ValidationRule refuses a save where its condition is true.
type ValidationRule struct {
	Name, Condition, Message string
	// Field is where the error is shown; empty for the top of the page.
	Field  string
	Active bool
}

// Add appends a field, giving it its slot. A field with that name must not exist.
func (o *Object) Add(f *Field) error {
	if o.byName == nil {
		o.byName = map[string]*Field{}
		o.byRelation = map[string]*Field{}
	}
	key := strings.ToLower(f.Name)
	if _, ok := o.byName[key]; ok {
		return fmt.Errorf("object %s already has a field named %s", o.Name, f.Name)
	}
	f.Slot = len(o.Fields)
	o.Fields = append(o.Fields, f)
	o.byName[key] = f
	if f.RelationshipName != "" {
		o.byRelation[strings.ToLower(f.RelationshipName)] = f
	}
	return nil
}

// Truncate takes back the fields added since there were n.
func (o *Object) Truncate(n int) {
	for _, f := range o.Fields[n:] {
		delete(o.byName, strings.ToLower(f.Name))
		delete(o.byRelation, strings.ToLower(f.RelationshipName))
	}
	o.Fields = o.Fields[:n]
}

// Field finds a field by API name, whatever its case; nil when there is none.
func (o *Object) Field(name string) *Field {
	if f, ok := o.byName[name]; ok {
		return f
	}
	return o.byName[strings.ToLower(name)]
}

// Relation finds the reference field a parent relationship name belongs to; nil when there is none.
func (o *Object) Relation(name string) *Field {
	return o.byRelation[strings.ToLower(name)]
}

// NameFieldDef returns the field that names a record; nil where the object has none.
func (o *Object) NameFieldDef() *Field {
	i := slices.IndexFunc(o.Fields, func(f *Field) bool { return f.NameField })
	if i < 0 {
		return nil
	}
	return o.Fields[i]
}

// Parts lists the fields a compound field is made of, in order.
func (o *Object) Parts(compound string) []*Field {
	var parts []*Field
	for _, f := range o.Fields {
		if strings.EqualFold(f.Compound, compound) && f.Name != compound {
			parts = append(parts, f)
		}
	}
	return parts
}

// IsText tells whether values are strings that trimming and length rules apply to.
func (f *Field) IsText() bool {
	switch f.Type {
	case "string", "textarea", "email", "phone", "url", "combobox", "picklist", "multipicklist", "encryptedstring":
		return true
	}
	return false
}

// IsNumber tells whether values are numbers.
func (f *Field) IsNumber() bool {
	switch f.Type {
	case "int", "long", "double", "currency", "percent":
		return true
	}
	return false
}

// IsCompound tells whether the field has no value of its own but those of its parts.
func (f *Field) IsCompound() bool { return f.Type == "address" || f.Type == "location" }

// IsLongText is a text area that can be neither filtered nor sorted by.
func (f *Field) IsLongText() bool { return f.Type == "textarea" && f.Length > 255 }

// Indexed tells whether the store keeps an index on the field.
func (f *Field) Indexed() bool {
	return f.Unique || f.ExternalID || (f.IDLookup && f.Type != "id") || (f.NameField && f.Type == "string")
}

// HasValue tells whether v is an active value of the picklist, compared as the vendor does: without regard to case.
func (f *Field) HasValue(v string) (canonical string, ok bool) {
	for _, p := range f.Picklist {
		if p.Active && strings.EqualFold(p.Value, v) {
			return p.Value, true
		}
	}
	return "", false
}

// NewCustomObject makes a custom object or platform event (by the ending of its name) with its system fields.
func NewCustomObject(name, label, plural, prefix, id string) *Object {
	event := strings.HasSuffix(strings.ToLower(name), "__e")
	o := &Object{
		Name: name, Label: label, Plural: plural, KeyPrefix: prefix, ID: id, Custom: true, Event: event,
		Createable: true, Updateable: !event, Deletable: !event, Queryable: !event, Undeletable: !event,
		Mergeable: false, Searchable: !event, Triggerable: true, Replicateable: !event, Layoutable: !event,
		SharingModel: "ReadWrite",
	}
	if event {
		for _, f := range []*Field{
			{Name: "ReplayId", Label: "Replay ID", Type: "string", Length: 1000, Nillable: true},
			{Name: "EventUuid", Label: "Event UUID", Type: "string", Length: 36, Nillable: true},
			{Name: "CreatedDate", Label: "Created Date", Type: "datetime", DefaultedOnCreate: true},
			{Name: "CreatedById", Label: "Created By ID", Type: "reference", Length: 18, ReferenceTo: []string{"User"}, RelationshipName: "CreatedBy", DefaultedOnCreate: true},
		} {
			_ = o.Add(f) // the names are distinct and the object is new
		}
		return o
	}
	for _, f := range systemFields(name, []string{"User", "Group"}) {
		_ = o.Add(f) // the names are distinct and the object is new
	}
	return o
}

// systemFields are what every custom object has, in the order describe gives them.
func systemFields(object string, owners []string) []*Field {
	return []*Field{
		{Name: "Id", Label: "Record ID", Type: "id", Length: 18, DefaultedOnCreate: true, IDLookup: true},
		{Name: "OwnerId", Label: "Owner ID", Type: "reference", Length: 18, DefaultedOnCreate: true, Createable: true, Updateable: true, ReferenceTo: owners, RelationshipName: "Owner"},
		{Name: "IsDeleted", Label: "Deleted", Type: "boolean", DefaultedOnCreate: true},
		{Name: "Name", Label: strings.TrimSuffix(object, "__c") + " Name", Type: "string", Length: 80, Nillable: true, DefaultedOnCreate: true, Createable: true, Updateable: true, NameField: true, IDLookup: true},
		{Name: "CreatedDate", Label: "Created Date", Type: "datetime", DefaultedOnCreate: true},
		{Name: "CreatedById", Label: "Created By ID", Type: "reference", Length: 18, DefaultedOnCreate: true, ReferenceTo: []string{"User"}, RelationshipName: "CreatedBy"},
		{Name: "LastModifiedDate", Label: "Last Modified Date", Type: "datetime", DefaultedOnCreate: true},
		{Name: "LastModifiedById", Label: "Last Modified By ID", Type: "reference", Length: 18, DefaultedOnCreate: true, ReferenceTo: []string{"User"}, RelationshipName: "LastModifiedBy"},
		{Name: "SystemModstamp", Label: "System Modstamp", Type: "datetime", DefaultedOnCreate: true},
		{Name: "LastActivityDate", Label: "Last Activity Date", Type: "date", Nillable: true},
		{Name: "LastViewedDate", Label: "Last Viewed Date", Type: "datetime", Nillable: true},
		{Name: "LastReferencedDate", Label: "Last Referenced Date", Type: "datetime", Nillable: true},
	}
}

// Drop takes a field out of the object. Its slot stays, so that slots of other fields keep their positions. The func puts it back.
func (o *Object) Drop(f *Field) (undo func()) {
	saved := *f
	delete(o.byName, strings.ToLower(f.Name))
	delete(o.byRelation, strings.ToLower(f.RelationshipName))
	*f = Field{Slot: saved.Slot, Nillable: true}
	return func() {
		*f = saved
		o.byName[strings.ToLower(f.Name)] = f
		if f.RelationshipName != "" {
			o.byRelation[strings.ToLower(f.RelationshipName)] = f
		}
	}
}

// DropOwner removes OwnerId's meaning for the child of a master-detail relationship, which is owned by its master.
// The slot stays, so that slots of other fields keep their positions.
func (o *Object) DropOwner() {
	if f := o.byName["ownerid"]; f != nil {
		delete(o.byName, "ownerid")
		delete(o.byRelation, "owner")
		f.Name, f.RelationshipName, f.Createable, f.Updateable = "", "", false, false
	}
}
