package org

import (
	"fmt"
	"sort"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// Fields are the values of a record by API name, as a JSON reader with UseNumber gives them. A parent may be given
// by its external id: {"Account": {"Ext__c": "x"}}. "attributes" is skipped.
type Fields = map[string]any

// object finds the table of a writable object.
func (tx *Tx) object(name string) (*table, *Error) {
	t := tx.o.table(name)
	if t == nil || !tx.permissions().Object(t.def).Read && !t.def.Event {
		return nil, NotFound()
	}
	return t, nil
}

// Insert creates a record and gives its id.
func (tx *Tx) Insert(object string, in Fields) (string, *Error) {
	t, err := tx.object(object)
	if err != nil {
		return "", err
	}
	if t.def.Event {
		return tx.publishEvent(t, in)
	}
	if !tx.permissions().Object(t.def).Create || !t.def.Createable && !tx.caller.System && !tx.caller.Loading {
		if t.def.Createable || t.def.Setup {
			return "", &Error{Code: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Message: fmt.Sprintf("entity type cannot be inserted: %s", t.def.Label)}
		}
		return "", &Error{Code: "METHOD_NOT_ALLOWED", Message: fmt.Sprintf("entity type cannot be inserted: %s", t.def.Label), Status: 405}
	}
	d := &draft{t: t, given: map[int]bool{}}
	if err := tx.assign(d, in); err != nil {
		return "", err
	}
	tx.defaults(d)
	if err := tx.check(d); err != nil {
		return "", err
	}
	d.id = sfid.Make(t.def.KeyPrefix, tx.o.pod, t.next+1)
	t.next++
	d.set("Id", d.id)
	d.cells = compact(d.cells)
	r := &row{id: d.id}
	tx.put(t, r, d.cells, changefeed.Create)
	tx.afterInsert(d)
	tx.afterCurrency(t)
	return d.id, nil
}

// compact trims spare capacity: rows live long.
func compact(cells []cell) []cell {
	out := make([]cell, len(cells))
	copy(out, cells)
	return out
}

// Update changes fields of a record.
func (tx *Tx) Update(object, id string, in Fields) *Error {
	t, err := tx.object(object)
	if err != nil {
		return err
	}
	r, err := tx.existing(t, id)
	if err != nil {
		return err
	}
	if !tx.permissions().Object(t.def).Edit || !t.def.Updateable && !tx.caller.System && !tx.caller.Loading {
		return &Error{Code: "INSUFFICIENT_ACCESS_OR_READONLY", Message: "insufficient access rights on object id"}
	}
	d := &draft{t: t, id: r.id, before: r.cells, cells: append(make([]cell, 0, len(r.cells)+4), r.cells...), given: map[int]bool{}}
	if err := tx.assign(d, in); err != nil {
		return err
	}
	if t.def.Name == "Lead" && d.was("IsConverted") == true && !tx.caller.System {
		return &Error{Code: "CANNOT_UPDATE_CONVERTED_LEAD", Message: "cannot reference converted lead"}
	}
	tx.touchStamps(d)
	if err := tx.check(d); err != nil {
		return err
	}
	if t.def.Name == "FieldPermissions" && d.get("PermissionsRead") != true {
		return tx.remove(t, r) // a row that grants nothing does not exist
	}
	tx.put(t, r, compact(d.cells), changefeed.Update)
	tx.followCurrency(d)
	tx.afterCurrency(t)
	return nil
}

// existing finds a record to write, with the errors of a bad, unknown or deleted id.
func (tx *Tx) existing(t *table, id string) (*row, *Error) {
	id18, ok := sfid.Normalize(id)
	if !ok {
		return nil, Errorf("MALFORMED_ID", "malformed id %s", clip(id, 60))
	}
	r := t.rows[id18]
	if r == nil {
		if other := tx.o.prefix[sfid.Prefix(id18)]; other != nil && other != t {
			return nil, Errorf("MALFORMED_ID", "%s ID: id value of incorrect type: %s", t.def.Label, id)
		}
		return nil, &Error{Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Status: 404}
	}
	if t.isDeleted(r.cells) {
		return nil, deletedError()
	}
	if tx.o.isLocked(r.id) {
		return nil, lockError(r.id)
	}
	return r, nil
}

func lockError(id string) *Error {
	return &Error{Code: "UNABLE_TO_LOCK_ROW", Message: "unable to obtain exclusive access to this record or 1 records: " + id, Status: 500}
}

// assign coerces the given values into the draft.
func (tx *Tx) assign(d *draft, in Fields) *Error {
	names := make([]string, 0, len(in))
	for n := range in {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		v := in[name]
		if strings.EqualFold(name, "attributes") || strings.EqualFold(name, "Id") && d.before != nil {
			continue
		}
		f := d.t.def.Field(name)
		if f == nil {
			rel := d.t.def.Relation(name)
			m, isObject := v.(map[string]any)
			if rel == nil || !isObject {
				return noColumn(d.t, name)
			}
			id, err := tx.parentByExternalID(rel, m)
			if err != nil {
				return err
			}
			f, v = rel, id
		}
		if err := tx.assignField(d, f, name, v); err != nil {
			return err
		}
	}
	return nil
}

func noColumn(t *table, name string) *Error {
	return Errorf("INVALID_FIELD", "No such column '%s' on sobject of type %s", clip(name, 100), t.def.Name)
}

func (tx *Tx) assignField(d *draft, f *metadata.Field, name string, v any) *Error {
	access := tx.permissions().Field(d.t.def, f)
	if f.Name == "" || !access.Read {
		return noColumn(d.t, name)
	}
	writable := f.Createable
	if !d.insert() {
		writable = f.Updateable
	}
	if tx.caller.Loading && !f.Calculated && !f.IsCompound() || tx.caller.System && d.t.def.Setup {
		writable = true
	}
	if !access.Edit || !writable {
		return fieldError("INVALID_FIELD_FOR_INSERT_UPDATE", f.Name, "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name)
	}
	value, err := tx.coerce(f, v)
	if err != nil {
		return err
	}
	d.cells = cellsSet(d.cells, f.Slot, value)
	d.given[f.Slot] = true
	return nil
}

// parentByExternalID resolves {"Ext__c": "x"} to the id of the parent.
func (tx *Tx) parentByExternalID(rel *metadata.Field, m map[string]any) (any, *Error) {
	object := rel.ReferenceTo[0]
	if a, ok := m["attributes"].(map[string]any); ok {
		if s, ok := a["type"].(string); ok {
			object = s
		}
	}
	t := tx.o.table(object)
	for key, v := range m {
		if key == "attributes" || t == nil {
			continue
		}
		f := t.def.Field(key)
		if f == nil || !f.IDLookup && !f.ExternalID {
			return nil, Errorf("INVALID_FIELD", "No such column '%s' on sobject of type %s", clip(key, 100), t.def.Name)
		}
		value, err := tx.coerce(f, v)
		if err != nil {
			return nil, err
		}
		rows := tx.lookup(t, f, value)
		if len(rows) == 0 {
			return nil, fieldError("INVALID_FIELD", rel.Name, "Foreign key external ID: %s not found for field %s in entity %s", clip(fmt.Sprint(v), 100), f.Name, t.def.Name)
		}
		if len(rows) > 1 {
			return nil, fieldError("DUPLICATE_EXTERNAL_ID", rel.Name, "Foreign key external ID: %s matches more than one record for field %s in entity %s", clip(fmt.Sprint(v), 100), f.Name, t.def.Name)
		}
		return rows[0].id, nil
	}
	return nil, Errorf("INVALID_FIELD", "No such column '%s' on sobject of type %s", rel.RelationshipName, rel.ReferenceTo[0])
}

// lookup finds the live records whose external id has the value.
func (tx *Tx) lookup(t *table, f *metadata.Field, value any) []*row {
	if f.Type == "id" {
		id, _ := value.(string)
		if r := t.rows[id]; r != nil && !t.isDeleted(r.cells) {
			return []*row{r}
		}
		return nil
	}
	rows := t.find(f, value)
	if f.Unique && f.CaseSensitive {
		exact := rows[:0:0]
		for _, r := range rows {
			if r.get(f.Slot) == value {
				exact = append(exact, r)
			}
		}
		return exact
	}
	return rows
}

// defaults fills what the platform supplies on insert.
func (tx *Tx) defaults(d *draft) {
	tx.defaultCurrency(d)
	for _, f := range d.t.def.Fields {
		if f.Name == "" || cellsGet(d.cells, f.Slot) != nil {
			continue
		}
		switch {
		case f.AutoNumber:
			d.cells = cellsSet(d.cells, f.Slot, d.t.autoNumber(f))
		case f.Type == "boolean":
			d.cells = cellsSet(d.cells, f.Slot, f.Default == true)
		case f.Type == "picklist" && !d.given[f.Slot]:
			for _, p := range f.Picklist {
				if p.Default && p.Active {
					d.cells = cellsSet(d.cells, f.Slot, p.Value)
				}
			}
		}
	}
	for _, name := range []string{"OwnerId", "CreatedById", "LastModifiedById"} {
		if d.get(name) == nil {
			d.set(name, tx.caller.UserID)
		}
	}
	for _, name := range []string{"CreatedDate", "LastModifiedDate", "SystemModstamp"} {
		if d.get(name) == nil {
			d.set(name, tx.stamp)
		}
	}
	if tx.caller.Loading {
		d.set("SystemModstamp", tx.stamp)
	}
}

func (tx *Tx) touchStamps(d *draft) {
	d.set("LastModifiedDate", tx.stamp)
	d.set("LastModifiedById", tx.caller.UserID)
	d.set("SystemModstamp", tx.stamp)
}

// check runs the rules of a save in the vendor's order (Apex Developer Guide, "Triggers and Order of Execution"):
// derived values and before-save automation, then required values, references, uniqueness and validation rules.
func (tx *Tx) check(d *draft) *Error {
	tx.derive(d)
	if err := tx.automate(d); err != nil {
		return err
	}
	if err := tx.permissionRules(d); err != nil {
		return err
	}
	if !tx.caller.Loading {
		if err := tx.required(d); err != nil {
			return err
		}
		if err := tx.recordType(d); err != nil {
			return err
		}
	}
	if err := tx.references(d); err != nil {
		return err
	}
	if err := tx.unique(d); err != nil {
		return err
	}
	if tx.caller.Loading {
		return nil
	}
	if err := tx.validate(d); err != nil {
		return err
	}
	return tx.duplicates(d)
}

func (tx *Tx) required(d *draft) *Error {
	var missing []string
	for _, f := range d.t.def.Fields {
		if f.Name == "" || f.Nillable || cellsGet(d.cells, f.Slot) != nil || f.Type == "boolean" {
			continue
		}
		if f.Createable && !f.DefaultedOnCreate || d.given[f.Slot] {
			missing = append(missing, f.Name)
		}
	}
	if f := d.t.def.Field("Name"); d.t.def.Custom && f != nil && f.Createable && d.insert() && d.get("Name") == nil {
		d.set("Name", sfid.Make(d.t.def.KeyPrefix, tx.o.pod, d.t.next+1)) // an unnamed custom record is named after its id
	}
	if len(missing) == 0 {
		return nil
	}
	return &Error{Code: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [" + strings.Join(missing, ", ") + "]", Fields: missing}
}

// references checks that everything the save newly points to exists, and that no parent is locked.
func (tx *Tx) references(d *draft) *Error {
	for _, c := range d.cells {
		f := d.t.def.Fields[c.slot]
		if f.Type != "reference" {
			continue
		}
		id, _ := c.val.(string)
		if cellsGet(d.before, c.slot) == c.val {
			if f.Name != "OwnerId" && f.ChildRelationship != "" && tx.o.isLocked(id) {
				return lockError(id)
			}
			continue
		}
		if f.MasterDetail && !d.insert() && !f.Reparentable && !tx.caller.Loading {
			return fieldError("INVALID_FIELD_FOR_INSERT_UPDATE", f.Name, "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name)
		}
		t, r := tx.o.rowByID(id)
		switch {
		case r == nil && !d.given[c.slot]:
			continue // set by the platform
		case r == nil:
			return fieldError("INVALID_CROSS_REFERENCE_KEY", f.Name, "invalid cross reference id")
		case t.isDeleted(r.cells):
			return &Error{Code: "ENTITY_IS_DELETED", Message: "entity is deleted", Fields: []string{f.Name}}
		case id == d.id:
			return fieldError("FIELD_INTEGRITY_EXCEPTION", f.Name, "%s: A record cannot be its own parent", f.Label)
		case f.Name != "OwnerId" && tx.o.isLocked(id):
			return lockError(id)
		}
		if f.Name == "OwnerId" {
			if err := tx.owner(d, t, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// owner checks that a new owner is an active user, or a queue that may hold the object.
func (tx *Tx) owner(d *draft, t *table, r *row) *Error {
	switch t.def.Name {
	case "User":
		if r.get(t.def.Field("IsActive").Slot) != true && !tx.caller.Loading {
			return fieldError("INACTIVE_OWNER_OR_USER", "OwnerId", "operation performed with inactive user [%s] as owner of %s", r.id[:15], strings.ToLower(d.t.def.Name))
		}
	case "Group":
		if r.get(t.def.Field("Type").Slot) != "Queue" {
			return fieldError("FIELD_INTEGRITY_EXCEPTION", "OwnerId", "Owner ID: owner cannot be a public group")
		}
		q := tx.o.table("QueueSobject")
		for _, s := range q.find(q.def.Field("QueueId"), r.id) {
			if name, _ := s.get(q.def.Field("SobjectType").Slot).(string); strings.EqualFold(name, d.t.def.Name) {
				return nil
			}
		}
		return fieldError("FIELD_INTEGRITY_EXCEPTION", "OwnerId", "Queue not associated with this SObject type")
	}
	return nil
}

func (tx *Tx) unique(d *draft) *Error {
	for _, f := range d.t.def.Fields {
		if !f.Unique {
			continue
		}
		v := cellsGet(d.cells, f.Slot)
		if v == nil || v == cellsGet(d.before, f.Slot) {
			continue
		}
		for _, r := range tx.lookup(d.t, f, v) {
			if r.id != d.id {
				return &Error{Code: "DUPLICATE_VALUE", Message: fmt.Sprintf("duplicate value found: %s duplicates value on record with id: %s", f.Name, r.id[:15]), Fields: []string{}}
			}
		}
	}
	return nil
}

// Upserted is the outcome of an upsert.
type Upserted struct {
	ID      string
	Created bool
	// Several lists the records that matched where there was more than one; nothing was written then.
	Several []string
}

// ExternalField finds a field records can be looked up by: Id, an external id or one marked idLookup.
func (tx *Tx) ExternalField(object, field string) (*metadata.Field, *Error) {
	t, err := tx.object(object)
	if err != nil {
		return nil, err
	}
	f := t.def.Field(field)
	if f == nil || f.Name == "" || !f.IDLookup && !f.ExternalID || !tx.permissions().Field(t.def, f).Read {
		return nil, &Error{Code: "NOT_FOUND", Message: "Provided external ID field does not exist or is not accessible: " + clip(field, 100), Status: 404}
	}
	return f, nil
}

// Upsert updates the record whose external id has the value, or creates it. The value in the body, if any, must not be there
// for the row resource; collections carry it in the record, and pass it here.
func (tx *Tx) Upsert(object, field string, value any, in Fields, updateOnly bool) (Upserted, *Error) {
	f, err := tx.ExternalField(object, field)
	if err != nil {
		return Upserted{}, err
	}
	t := tx.o.table(object)
	key, err := tx.coerceKey(f, value)
	if err != nil {
		return Upserted{}, err
	}
	if key == nil {
		return Upserted{}, fieldError("MISSING_ARGUMENT", f.Name, "%s not specified", f.Name)
	}
	rows := tx.lookup(t, f, key)
	switch {
	case len(rows) > 1:
		out := Upserted{}
		for _, r := range rows {
			out.Several = append(out.Several, r.id)
		}
		return out, nil
	case len(rows) == 1:
		return Upserted{ID: rows[0].id}, tx.Update(object, rows[0].id, in)
	case updateOnly:
		return Upserted{}, NotFound()
	case f.Type == "id":
		return Upserted{}, &Error{Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Status: 404}
	}
	full := make(Fields, len(in)+1)
	for k, v := range in {
		full[k] = v
	}
	full[f.Name] = value
	id, err := tx.Insert(object, full)
	return Upserted{ID: id, Created: err == nil}, err
}

// coerceKey reads a lookup value, which in a URL is always text.
func (tx *Tx) coerceKey(f *metadata.Field, value any) (any, *Error) {
	if f.Type == "id" {
		s, _ := value.(string)
		id, ok := sfid.Normalize(s)
		if !ok {
			return nil, Errorf("MALFORMED_ID", "malformed id %s", clip(s, 60))
		}
		return id, nil
	}
	return tx.coerce(f, value)
}

// Find gives the ids of the live records whose field has the value.
func (tx *Tx) Find(object, field string, value any) ([]string, *Error) {
	f, err := tx.ExternalField(object, field)
	if err != nil {
		return nil, err
	}
	key, err := tx.coerceKey(f, value)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range tx.lookup(tx.o.table(object), f, key) {
		ids = append(ids, r.id)
	}
	return ids, nil
}
