package org

import (
	"fmt"
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// Automation is a record-triggered flow that runs before a save: where the field changes (to a value, if one is
// given), other fields of the record are set.
type Automation struct {
	Name   string         `json:"name"`
	Object string         `json:"object"`
	Field  string         `json:"field"`
	To     *string        `json:"to,omitempty"`
	Set    map[string]any `json:"set"`
	// Fail makes the flow throw this text instead, as a broken one does.
	Fail string `json:"fail,omitempty"`
}

// SetAutomations replaces all automations.
func (o *Org) SetAutomations(list []Automation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.automations = slices.Clone(list)
}

func (tx *Tx) automate(d *draft) *Error {
	if tx.caller.Loading {
		return nil
	}
	for _, a := range tx.o.automations {
		if !strings.EqualFold(a.Object, d.t.def.Name) || !d.changed(a.Field) {
			continue
		}
		if a.To != nil && fmt.Sprint(d.get(a.Field)) != *a.To {
			continue
		}
		if a.Fail != "" {
			return &Error{Code: "CANNOT_EXECUTE_FLOW_TRIGGER", Message: fmt.Sprintf("We can't save this record because the “%s” process failed. Give your Salesforce admin these details. %s", a.Name, a.Fail), Fields: []string{}}
		}
		names := make([]string, 0, len(a.Set))
		for n := range a.Set {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			f := d.t.def.Field(n)
			if f == nil {
				return &Error{Code: "CANNOT_EXECUTE_FLOW_TRIGGER", Message: fmt.Sprintf("flow %s sets the unknown field %s", a.Name, n)}
			}
			v, err := tx.coerce(f, a.Set[n])
			if err != nil {
				return err
			}
			d.cells = cellsSet(d.cells, f.Slot, v)
			d.given[f.Slot] = true
		}
		tx.derive(d)
	}
	return nil
}

// validate runs the object's validation rules. A rule whose formula is outside the subset this org understands never fires.
func (tx *Tx) validate(d *draft) *Error {
	for _, rule := range d.t.def.Rules {
		if !rule.Active {
			continue
		}
		f, err := parseFormula(rule.Condition)
		if err != nil {
			continue
		}
		if f.eval(&formulaEnv{tx: tx, d: d}).truth() {
			e := &Error{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: rule.Message, Fields: []string{}}
			if rule.Field != "" {
				e.Fields = []string{rule.Field}
			}
			return e
		}
	}
	return nil
}

// recordType checks picklists against the values the record type allows.
func (tx *Tx) recordType(d *draft) *Error {
	id, _ := d.get("RecordTypeId").(string)
	if id == "" {
		return nil
	}
	rt := tx.o.table("RecordType")
	if r := rt.rows[id]; r == nil || r.get(rt.def.Field("SobjectType").Slot) != d.t.def.Name {
		if d.gave("RecordTypeId") && d.changed("RecordTypeId") {
			return fieldError("INVALID_CROSS_REFERENCE_KEY", "RecordTypeId", "Record Type ID: this ID value isn't valid for the user: %s", id)
		}
	}
	for name, allowed := range tx.o.recordTypes[id] {
		f := d.t.def.Field(name)
		v, _ := d.get(name).(string)
		if f == nil || v == "" || !f.RestrictedPicklist || !d.given[f.Slot] {
			continue
		}
		for part := range strings.SplitSeq(v, ";") {
			if !slices.Contains(allowed, part) {
				return badPicklist(f, part)
			}
		}
	}
	return tx.dependents(d)
}

// dependents checks dependent picklists that are restricted against their controlling value.
func (tx *Tx) dependents(d *draft) *Error {
	for _, f := range d.t.def.Fields {
		if f.Controller == "" || !f.RestrictedPicklist || !d.given[f.Slot] {
			continue
		}
		v, _ := cellsGet(d.cells, f.Slot).(string)
		for _, p := range f.Picklist {
			if p.Value == v && p.ValidFor != nil && !slices.Contains(p.ValidFor, fmt.Sprint(d.get(f.Controller))) {
				return badPicklist(f, v)
			}
		}
	}
	return nil
}

// permissionRules are the rules of the rows that make up permissions.
func (tx *Tx) permissionRules(d *draft) *Error {
	switch d.t.def.Name {
	case "FieldPermissions":
		return tx.fieldPermissionRules(d)
	case "ObjectPermissions":
		return tx.objectPermissionRules(d)
	case "PermissionSet":
		name, _ := d.get("Name").(string)
		if !metadata.ValidDeveloperName(name) && d.changed("Name") && !tx.caller.System {
			return fieldError("FIELD_INTEGRITY_EXCEPTION", "Name", "The Permission Set API Name can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, not include spaces, not end with an underscore, and not contain two consecutive underscores.")
		}
		for _, r := range d.t.order {
			if s, _ := r.get(d.t.def.Field("Name").Slot).(string); r.id != d.id && strings.EqualFold(s, name) {
				return &Error{Code: "DUPLICATE_DEVELOPER_NAME", Message: "The name you entered is already in use. Enter a different name.", Fields: []string{"Name"}}
			}
		}
	case "PermissionSetAssignment":
		t := d.t
		for _, r := range t.find(t.def.Field("AssigneeId"), d.get("AssigneeId")) {
			if r.id != d.id && r.get(t.def.Field("PermissionSetId").Slot) == d.get("PermissionSetId") {
				return &Error{Code: "DUPLICATE_VALUE", Message: "duplicate value found: <unknown> duplicates value on record with id: <unknown>", Fields: []string{}}
			}
		}
	}
	return nil
}

func (tx *Tx) fieldPermissionRules(d *draft) *Error {
	if d.get("PermissionsEdit") == true && d.get("PermissionsRead") != true {
		if d.gave("PermissionsRead") {
			return fieldError("FIELD_INTEGRITY_EXCEPTION", "PermissionsRead", "Field permission depends on: Read Field")
		}
		d.set("PermissionsRead", true)
	}
	if !d.insert() {
		if d.get("PermissionsRead") != true {
			return nil
		}
	} else if d.get("PermissionsRead") != true {
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "PermissionsRead", "You must grant at least read access to the field")
	}
	name, _ := d.get("Field").(string)
	objectName, fieldName, ok := strings.Cut(name, ".")
	t := tx.o.table(objectName)
	bad := fieldError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Field", "Field Name: bad value for restricted picklist field: %s", clip(name, 100))
	if !ok || t == nil || t.def.Setup {
		return bad
	}
	f := t.def.Field(fieldName)
	if f == nil || !f.Permissionable || f.Compound != "" && !f.Custom {
		return bad
	}
	d.set("Field", t.def.Name+"."+f.Name)
	if object, _ := d.get("SobjectType").(string); !strings.EqualFold(object, t.def.Name) {
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "Field", "The field %s does not belong to the object %s", name, object)
	}
	d.set("SobjectType", t.def.Name)
	if d.get("PermissionsEdit") == true && (f.Calculated || f.AutoNumber) && !tx.caller.System {
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "PermissionsEdit", "Edit access cannot be granted for the field %s: it is read only", f.Name)
	}
	if d.insert() {
		for _, r := range d.t.find(d.t.def.Field("Field"), name) {
			if r.get(d.t.def.Field("ParentId").Slot) == d.get("ParentId") {
				return &Error{Code: "DUPLICATE_VALUE", Message: fmt.Sprintf("duplicate value found: <unknown> duplicates value on record with id: %s", r.id[:15]), Fields: []string{}}
			}
		}
	}
	return nil
}

func (tx *Tx) objectPermissionRules(d *draft) *Error {
	name, _ := d.get("SobjectType").(string)
	t := tx.o.table(name)
	if t == nil || t.def.Setup && t.def.Name != "User" {
		return fieldError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "SobjectType", "SObject Type Name: bad value for restricted picklist field: %s", clip(name, 100))
	}
	d.set("SobjectType", t.def.Name)
	for _, dep := range [][2]string{{"PermissionsCreate", "PermissionsRead"}, {"PermissionsEdit", "PermissionsRead"}, {"PermissionsDelete", "PermissionsEdit"},
		{"PermissionsViewAllRecords", "PermissionsRead"}, {"PermissionsModifyAllRecords", "PermissionsDelete"}, {"PermissionsModifyAllRecords", "PermissionsViewAllRecords"}} {
		if d.get(dep[0]) == true && d.get(dep[1]) != true {
			return fieldError("FIELD_INTEGRITY_EXCEPTION", dep[1], "Permission %s depends on permission(s): %s", dep[0], dep[1])
		}
	}
	if d.insert() {
		for _, r := range d.t.find(d.t.def.Field("ParentId"), d.get("ParentId")) {
			if s, _ := r.get(d.t.def.Field("SobjectType").Slot).(string); strings.EqualFold(s, name) {
				return &Error{Code: "DUPLICATE_VALUE", Message: fmt.Sprintf("duplicate value found: <unknown> duplicates value on record with id: %s", r.id[:15]), Fields: []string{}}
			}
		}
	}
	return nil
}

// afterInsert does what the platform does once a record is there.
func (tx *Tx) afterInsert(d *draft) {
	if d.t.def.Name != "User" {
		return
	}
	profile, _ := d.get("ProfileId").(string)
	sets := tx.o.table("PermissionSet")
	for _, s := range sets.find(sets.def.Field("ProfileId"), profile) {
		tx.system(func() {
			_, _ = tx.Insert("PermissionSetAssignment", Fields{"AssigneeId": d.id, "PermissionSetId": s.id}) // a new user has no assignment to collide with
		})
	}
}

// system runs f with permissions bypassed.
func (tx *Tx) system(f func()) {
	saved := tx.caller
	tx.caller.System = true
	f()
	tx.caller = saved
}

// publishEvent accepts a platform event. Its fields have no permissions; what comes back looks like an id but can be
// used for nothing.
func (tx *Tx) publishEvent(t *table, in Fields) (string, *Error) {
	if !tx.permissions().Object(t.def).Create {
		return "", &Error{Code: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Message: "entity type cannot be inserted: " + t.def.Label}
	}
	d := &draft{t: t, given: map[int]bool{}}
	if err := tx.assign(d, in); err != nil {
		return "", err
	}
	if err := tx.required(d); err != nil {
		return "", err
	}
	o := tx.o
	if o.admit != nil && !o.admit() {
		return "", Errorf("LIMIT_EXCEEDED", "The org has published as many platform events as it may in an hour")
	}
	a, b := o.rng.Uint64(), o.rng.Uint64()
	uuid := fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a), uint16(a>>32), uint16(a>>48)&0xfff, uint16(b)&0x3fff|0x8000, b>>16)
	tx.events = append(tx.events, changefeed.PlatformEvent{Object: t.def.Name, ID: uuid, Values: t.values(d.cells), User: tx.caller.UserID, Created: o.clock().UTC()})
	mark := len(tx.events) - 1
	tx.undo = append(tx.undo, func() { tx.events = tx.events[:mark] })
	return uuid, nil
}
