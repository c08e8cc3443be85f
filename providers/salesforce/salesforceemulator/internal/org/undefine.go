package org

import (
	"fmt"
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// RemoveField deletes a custom field with its permissions and its place in channels. What records hold in its slot, nobody sees any
// more: a later field of that name has a slot of its own. The records are not modified, so that no event tells of it.
func (tx *Tx) RemoveField(object, field string) error {
	t := tx.o.table(object)
	if t == nil {
		return fmt.Errorf("removing the field %s.%s: there is no such object", object, field)
	}
	f := t.def.Field(field)
	if f == nil || !f.Custom || f.Name == "" {
		return fmt.Errorf("removing the field %s.%s: there is no such custom field", object, field)
	}
	tx.redefined()
	tx.guard()
	for _, m := range tx.o.members {
		if m.object == t.def.Name {
			m.enriched = slices.DeleteFunc(slices.Clone(m.enriched), func(n string) bool { return n == f.Name })
		}
	}
	if err := tx.revoke(t.def.Name + "." + f.Name); err != nil {
		return err
	}
	idx := t.idx[f.Slot]
	delete(t.idx, f.Slot)
	undo := t.def.Drop(f)
	tx.undo = append(tx.undo, func() {
		undo()
		if idx != nil {
			t.idx[f.Slot] = idx
		}
	})
	return nil
}

// revoke deletes the field permissions of a field.
func (tx *Tx) revoke(field string) error {
	t := tx.o.table("FieldPermissions")
	for _, r := range slices.Clone(t.find(t.def.Field("Field"), field)) {
		var err *Error
		tx.system(func() { err = tx.remove(t, r) })
		if err != nil {
			return fmt.Errorf("revoking what was granted on %s: %w", field, err)
		}
	}
	return nil
}

// RemovePicklistValue makes a value of a picklist inactive: it can no longer be given, and records that have it keep it.
func (tx *Tx) RemovePicklistValue(object, field, value string) error {
	f := tx.FieldDef(object, field)
	if f == nil {
		return fmt.Errorf("removing a value of %s.%s: there is no such field", object, field)
	}
	i := slices.IndexFunc(f.Picklist, func(p metadata.PicklistValue) bool { return p.Active && strings.EqualFold(p.Value, value) })
	if i < 0 {
		return fmt.Errorf("removing a value of %s.%s: it has no value %q", object, field, value)
	}
	tx.redefined()
	before := f.Picklist
	f.Picklist = slices.Clone(before)
	f.Picklist[i].Active, f.Picklist[i].Default = false, false
	tx.undo = append(tx.undo, func() { f.Picklist = before })
	return nil
}

// Active tells whether a user may log in.
func (o *Org) Active(user string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	t := o.table("User")
	r := t.rows[user]
	return r != nil && r.get(t.def.Field("IsActive").Slot) == true
}
