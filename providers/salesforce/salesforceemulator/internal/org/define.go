package org

import (
	"fmt"
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

type channel struct{ id, name, kind, label, stamp string }

type member struct {
	id, name, channel, entity, object, filter, stamp string
	enriched                                         []string
}

type valueSet struct {
	id, name, label, stamp string
	sorted                 bool
	values                 []metadata.PicklistValue
}

// metaID mints an id for something that is not a record.
func (o *Org) metaID(prefix string) string {
	o.metaSeq++
	return sfid.Make(prefix, o.pod, o.metaSeq)
}

// DefineObject adds a custom object or platform event (by its ending), or gives the one there is.
func (tx *Tx) DefineObject(name, label, plural string) (*metadata.Object, error) {
	if t := tx.o.table(name); t != nil {
		return t.def, nil
	}
	base, suffix, ok := strings.Cut(name, "__")
	if !ok || suffix != "c" && suffix != "e" || !metadata.ValidDeveloperName(base) {
		return nil, fmt.Errorf("defining the object %s: a custom object is named Some_Name__c, an event Some_Name__e", name)
	}
	if label == "" {
		label = strings.ReplaceAll(base, "_", " ")
	}
	if plural == "" {
		plural = label + "s"
	}
	tx.redefined()
	tx.o.objectSeq++
	n := tx.o.objectSeq
	prefix := "a" + sfid.Base62(n, 2)
	if suffix == "e" {
		prefix = "e" + sfid.Base62(n, 2)
	}
	def := metadata.NewCustomObject(name, label, plural, prefix, sfid.Make("01I", tx.o.pod, n))
	t := tx.o.addTable(def)
	if err := tx.addCurrencyField(t); err != nil {
		return nil, err
	}
	return def, nil
}

// DefineField adds a custom field from its definition. Nobody may see it until field permissions say so
// or GrantToProfiles is called. Errors are *metadata.Refusal or *Error.
func (tx *Tx) DefineField(object, name string, m *metadata.FieldMetadata) (*metadata.Field, error) {
	t := tx.o.table(object)
	if t == nil {
		return nil, Errorf("INVALID_CROSS_REFERENCE_KEY", "Entity of type 'CustomObject' named '%s' cannot be found", clip(object, 100))
	}
	if t.def.Field(name) != nil {
		return nil, &metadata.Refusal{Code: "DUPLICATE_DEVELOPER_NAME", Field: "DeveloperName", Message: fmt.Sprintf("There is already a field named %s on %s.", strings.TrimSuffix(name, "__c"), t.def.Label)}
	}
	f, err := m.Field(name, tx.o.valueSetValues)
	if err != nil {
		return nil, err
	}
	for i, ref := range f.ReferenceTo {
		parent := tx.o.table(ref)
		if parent == nil {
			return nil, &metadata.Refusal{Code: "FIELD_INTEGRITY_EXCEPTION", Field: "ReferenceTo", Message: "referenceTo value of '" + ref + "' does not resolve to a valid sObject type"}
		}
		f.ReferenceTo[i] = parent.def.Name
	}
	if f.ExternalID {
		n := 0
		for _, other := range t.def.Fields {
			if other.ExternalID {
				n++
			}
		}
		if n >= 25 {
			return nil, &metadata.Refusal{Code: "LIMIT_EXCEEDED", Field: "ExternalId", Message: "Too many external ID fields: an object can have at most 25"}
		}
	}
	tx.redefined()
	tx.o.fieldSeq++
	f.ID = sfid.Make("00N", tx.o.pod, tx.o.fieldSeq)
	f.Modified, _ = tx.stamp.(string)
	if t.def.Event {
		f.Permissionable = false
	}
	n := len(t.def.Fields)
	if err := t.def.Add(f); err != nil {
		return nil, err
	}
	tx.undo = append(tx.undo, func() {
		for _, f := range t.def.Fields[n:] {
			delete(t.idx, f.Slot)
		}
		t.def.Truncate(n)
	})
	t.fieldAdded(f)
	if f.Type == "location" {
		if err := metadata.AddLocationParts(t.def, f); err != nil {
			return nil, err
		}
	}
	if f.MasterDetail {
		t.def.DropOwner()
	}
	if f.Type == "boolean" {
		for _, r := range t.order { // existing records take the default at once, without being modified
			before := r.cells
			r.cells = cellsSet(append([]cell(nil), r.cells...), f.Slot, f.Default == true)
			tx.undo = append(tx.undo, func() { r.cells = before })
		}
	}
	return f, nil
}

// ChangeField replaces the definition of a custom field. The type stays: changing it is refused here.
func (tx *Tx) ChangeField(t *table, f *metadata.Field, m *metadata.FieldMetadata) error {
	next, err := m.Field(f.Name, tx.o.valueSetValues)
	if err != nil {
		return err
	}
	if next.Exact != f.Exact {
		return &metadata.Refusal{Code: "FIELD_INTEGRITY_EXCEPTION", Field: "Type", Message: fmt.Sprintf("Cannot change the type of %s.%s from %s to %s here: convert it in Setup", t.def.Name, f.Name, f.Exact, next.Exact)}
	}
	if next.Unique && !f.Unique {
		seen := map[string]bool{}
		for _, r := range t.order {
			key, ok := indexKey(r.get(f.Slot))
			if !ok || t.isDeleted(r.cells) {
				continue
			}
			if seen[key] {
				return &metadata.Refusal{Code: "DUPLICATE_VALUE", Field: "Unique", Message: "Cannot make the field unique: records hold duplicate values"}
			}
			seen[key] = true
		}
	}
	// Values that were removed stay as inactive ones: records may hold them.
	for _, old := range f.Picklist {
		if !slices.ContainsFunc(next.Picklist, func(p metadata.PicklistValue) bool { return strings.EqualFold(p.Value, old.Value) }) {
			old.Active, old.Default = false, false
			next.Picklist = append(next.Picklist, old)
		}
	}
	next.ID, next.Slot, next.ReferenceTo, next.RelationshipName = f.ID, f.Slot, f.ReferenceTo, f.RelationshipName
	next.Modified, _ = tx.stamp.(string)
	tx.redefined()
	before := *f
	tx.undo = append(tx.undo, func() { *f = before })
	*f = *next
	if t.idx[f.Slot] == nil && f.Indexed() {
		t.reindex(f)
	}
	return nil
}

func (o *Org) valueSetValues(name string) ([]metadata.PicklistValue, bool) {
	if v := o.valueSets[strings.ToLower(name)]; v != nil {
		return slices.Clone(v.values), true
	}
	return nil, false
}

// GrantToProfiles gives the profiles that see everything (administrator, integration user) the rights to an object's fields,
// as if an administrator had made them in Setup.
func (tx *Tx) GrantToProfiles(object string) error {
	t := tx.o.table(object)
	if t == nil || t.def.Setup {
		return nil
	}
	saved := tx.caller
	tx.caller.System = true
	defer func() { tx.caller = saved }()
	sets := tx.o.table("PermissionSet")
	for _, r := range slices.Clone(sets.order) {
		name, _ := r.get(sets.def.Field("Label").Slot).(string)
		if r.get(sets.def.Field("IsOwnedByProfile").Slot) != true || strings.HasPrefix(name, "Minimum Access") {
			continue
		}
		if err := tx.grantAll(r.id, t.def); err != nil {
			return err
		}
	}
	return nil
}

// SetRules replaces an object's validation rules. A condition outside the understood subset is an error.
func (o *Org) SetRules(object string, rules []metadata.ValidationRule) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.table(object)
	if t == nil {
		return fmt.Errorf("setting validation rules: there is no object %s", object)
	}
	for _, r := range rules {
		if _, err := parseFormula(r.Condition); err != nil {
			return fmt.Errorf("setting the validation rule %s of %s: %w", r.Name, object, err)
		}
	}
	t.def.Rules = rules
	return nil
}

// AddRecordType makes a record type; picklists limits restricted picklists to values, by field.
func (tx *Tx) AddRecordType(object, developerName, label string, picklists map[string][]string) (string, error) {
	if label == "" {
		label = strings.ReplaceAll(developerName, "_", " ")
	}
	t := tx.o.table(object)
	if t == nil {
		return "", fmt.Errorf("adding a record type: there is no object %s", object)
	}
	var id string
	var err *Error
	tx.system(func() {
		id, err = tx.Insert("RecordType", Fields{"Name": label, "DeveloperName": developerName, "SobjectType": t.def.Name, "IsActive": true})
	})
	if err != nil {
		return "", fmt.Errorf("adding the record type %s: %w", developerName, err)
	}
	if t.def.Field("RecordTypeId") == nil {
		f := &metadata.Field{Name: "RecordTypeId", Label: "Record Type ID", Type: "reference", Length: 18, Nillable: true, Createable: true, Updateable: true, ReferenceTo: []string{"RecordType"}, RelationshipName: "RecordType"}
		if err := t.def.Add(f); err != nil {
			return "", fmt.Errorf("adding the record type %s: %w", developerName, err)
		}
		t.fieldAdded(f)
	}
	tx.redefined()
	tx.o.recordTypes[id] = picklists
	return id, nil
}

// PicklistFor gives the values of a picklist a record type allows, in order.
func (tx *Tx) PicklistFor(object, recordType, field string) ([]metadata.PicklistValue, *metadata.Field, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, nil, err
	}
	f := t.def.Field(field)
	if f == nil || f.Name == "" || f.Type != "picklist" && f.Type != "multipicklist" || !tx.permissions().Field(t.def, f).Read {
		return nil, nil, NotFound()
	}
	if id, ok := sfid.Normalize(recordType); !ok || id != "012000000000000AAA" && tx.o.table("RecordType").rows[id] == nil {
		return nil, nil, NotFound()
	}
	allowed, limited := tx.o.recordTypes[normalID(recordType)][f.Name]
	var out []metadata.PicklistValue
	for _, p := range f.Picklist {
		if p.Active && (!limited || slices.Contains(allowed, p.Value)) {
			out = append(out, p)
		}
	}
	return out, f, nil
}

// PicklistFields names the picklists of an object the caller may read.
func (tx *Tx) PicklistFields(object string) []string {
	t, err := tx.visible(object)
	if err != nil {
		return nil
	}
	var out []string
	for _, f := range t.def.Fields {
		if f.Name != "" && (f.Type == "picklist" || f.Type == "multipicklist") && tx.permissions().Field(t.def, f).Read {
			out = append(out, f.Name)
		}
	}
	return out
}

// FieldDef gives a field's definition; nil when there is none.
func (tx *Tx) FieldDef(object, field string) *metadata.Field {
	t := tx.o.table(object)
	if t == nil {
		return nil
	}
	if f := t.def.Field(field); f != nil && f.Name != "" {
		return f
	}
	return nil
}

// ObjectDef gives an object's definition; nil when there is none.
func (tx *Tx) ObjectDef(object string) *metadata.Object {
	if t := tx.o.table(object); t != nil {
		return t.def
	}
	return nil
}

var _ changefeed.Schema = (*Schema)(nil)
