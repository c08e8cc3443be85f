package org

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// Objects lists the objects the caller may see, for the list of all objects.
func (tx *Tx) Objects(base string) []metadata.Ordered {
	var out []metadata.Ordered
	for _, name := range tx.o.tableNames() {
		def := tx.o.table(name).def
		if a := tx.permissions().Object(def); (a.Read || def.Event && a.Create) && !def.Tooling {
			out = append(out, metadata.DescribeHead(def, a, base))
		}
	}
	return out
}

// Head is the head of an object's describe.
func (tx *Tx) Head(object, base string) (metadata.Ordered, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, err
	}
	return metadata.DescribeHead(t.def, tx.permissions().Object(t.def), base), nil
}

// visible finds an object the caller may read.
func (tx *Tx) visible(object string) (*table, *Error) {
	t := tx.o.table(object)
	if t == nil || t.def.Tooling {
		return nil, NotFound()
	}
	if a := tx.permissions().Object(t.def); !a.Read && !(t.def.Event && a.Create) {
		return nil, NotFound()
	}
	return t, nil
}

// Describe is the object's describe as the caller sees it: fields they may not read are absent.
func (tx *Tx) Describe(object, base string) (metadata.Ordered, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, err
	}
	p := tx.permissions()
	var fields []metadata.Ordered
	for _, f := range t.def.Fields {
		if a := p.Field(t.def, f); f.Name != "" && a.Read {
			fields = append(fields, metadata.DescribeField(t.def, f, a))
		}
	}
	var children []metadata.Child
	for _, name := range tx.o.tableNames() {
		child := tx.o.table(name).def
		if !p.Object(child).Read {
			continue
		}
		for _, f := range child.Fields {
			if f.Type == "reference" && f.Name != "" && refersTo(f.ReferenceTo, t.def.Name) && p.Field(child, f).Read {
				children = append(children, metadata.Child{Object: child.Name, Field: f.Name, Relationship: f.ChildRelationship, Cascade: f.CascadeDelete, Restricted: f.RestrictedDelete})
			}
		}
	}
	return metadata.Describe(t.def, p.Object(t.def), base, fields, tx.recordTypeInfos(t.def), children), nil
}

func (tx *Tx) recordTypeInfos(def *metadata.Object) []metadata.RecordTypeInfo {
	var out []metadata.RecordTypeInfo
	rt := tx.o.table("RecordType")
	if rt == nil || def.Setup {
		return nil
	}
	slot := func(name string) int { return rt.def.Field(name).Slot }
	for _, r := range rt.order {
		if r.get(slot("SobjectType")) != def.Name {
			continue
		}
		name, _ := r.get(slot("Name")).(string)
		dev, _ := r.get(slot("DeveloperName")).(string)
		out = append(out, metadata.RecordTypeInfo{ID: r.id, Name: name, DeveloperName: dev, Active: r.get(slot("IsActive")) == true, Available: true, Default: len(out) == 0})
	}
	return append(out, metadata.RecordTypeInfo{ID: "012000000000000AAA", Name: "Master", DeveloperName: "Master", Active: true, Available: true, Default: len(out) == 0, Master: true})
}

// ObjectNumber is the place of an object among all, from 1: ids of what belongs to each object are made of it.
func (tx *Tx) ObjectNumber(object string) uint64 {
	return uint64(slices.Index(tx.o.tableNames(), tx.Canonical(object)) + 1) //nolint:gosec // not negative
}

// Get renders a record with the given fields, or all the caller may read.
func (tx *Tx) Get(object, id string, fields []string, base string) (metadata.Ordered, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, err
	}
	id18, ok := sfid.Normalize(id)
	if !ok {
		return nil, &Error{Code: "NOT_FOUND", Message: "Provided external ID field does not exist or is not accessible: " + clip(id, 60), Status: 404}
	}
	r := t.rows[id18]
	if r == nil {
		return nil, NotFound()
	}
	if t.isDeleted(r.cells) {
		return nil, deletedError()
	}
	return tx.renderRow(t, r, fields, base)
}

func (tx *Tx) renderRow(t *table, r *row, fields []string, base string) (metadata.Ordered, *Error) {
	p := tx.permissions()
	rec := metadata.Ordered{{Key: "attributes", Value: metadata.Ordered{{Key: "type", Value: t.def.Name}, {Key: "url", Value: base + "/sobjects/" + t.def.Name + "/" + r.id}}}}
	add := func(f *metadata.Field) { rec.Set(f.Name, renderValue(f, tx.valueAt(t, r.cells, f.Slot, 0))) }
	tx.Read++
	if len(fields) == 0 {
		for _, f := range t.def.Fields {
			if f.Name != "" && p.Field(t.def, f).Read {
				add(f)
			}
		}
		return rec, nil
	}
	hasID := false
	for _, name := range fields {
		f := t.def.Field(strings.TrimSpace(name))
		if f == nil || f.Name == "" || !p.Field(t.def, f).Read {
			return nil, Errorf("INVALID_FIELD", "No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", clip(name, 100), t.def.Name)
		}
		hasID = hasID || f.Name == "Id"
		add(f)
	}
	if !hasID {
		add(t.def.Field("Id"))
	}
	return rec, nil
}

// Retrieve renders records by id in the order asked for; nil for those that are not there.
func (tx *Tx) Retrieve(object string, ids, fields []string, base string) ([]any, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(ids))
	for i, id := range ids {
		id18, ok := sfid.Normalize(id)
		if !ok {
			return nil, Errorf("MALFORMED_ID", "malformed id %s", clip(id, 60))
		}
		r := t.rows[id18]
		if r == nil || t.isDeleted(r.cells) {
			continue
		}
		if out[i], err = tx.renderRow(t, r, fields, base); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Defined is when the definitions of the org last changed, or who may see them. (The vendor keeps a time for each object: here
// an object may count as changed when another was.)
func (tx *Tx) Defined() time.Time { return tx.o.defined }

// redefined notes that definitions change.
func (tx *Tx) redefined() { tx.o.defined = tx.time }

// LastModified is when a record last changed, for conditional requests.
func (tx *Tx) LastModified(object, id string) (time.Time, bool) {
	t := tx.o.table(object)
	id18, ok := sfid.Normalize(id)
	if t == nil || !ok || t.stampSlot < 0 || t.rows[id18] == nil {
		return time.Time{}, false
	}
	s, _ := t.rows[id18].get(t.stampSlot).(string)
	return parseDay(s)
}

// Updated lists the ids of live records whose SystemModstamp is in [start, end) (REST API guide, "sObject Get Updated").
func (tx *Tx) Updated(object string, start, end time.Time) ([]string, *Error) {
	t, err := tx.window(object, start, end)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	tx.between(t, start, end, func(r *row, _ string) {
		if !t.isDeleted(r.cells) {
			ids = append(ids, r.id)
		}
	})
	sort.Strings(ids)
	return ids, nil
}

// DeletedRecord is one entry of the answer of Deleted.
type DeletedRecord struct {
	ID   string `json:"id"`
	Date string `json:"deletedDate"`
}

// Deleted lists the records in the recycle bin that were deleted in [start, end).
func (tx *Tx) Deleted(object string, start, end time.Time) ([]DeletedRecord, *Error) {
	t, err := tx.window(object, start, end)
	if err != nil {
		return nil, err
	}
	out := []DeletedRecord{}
	tx.between(t, start, end, func(r *row, at string) {
		if t.isDeleted(r.cells) {
			out = append(out, DeletedRecord{r.id, at})
		}
	})
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}

func (tx *Tx) between(t *table, start, end time.Time, each func(*row, string)) {
	from, to := stamp(start.Truncate(time.Minute)), stamp(end.Truncate(time.Minute))
	for _, e := range t.modified(from) {
		if t.unsorted && e.stamp < from {
			continue
		}
		if e.stamp < to && e.current() {
			each(e.row, e.stamp)
		}
	}
}

func (tx *Tx) window(object string, start, end time.Time) (*table, *Error) {
	t, err := tx.visible(object)
	if err != nil {
		return nil, err
	}
	if !t.def.Replicateable {
		return nil, &Error{Code: "INVALID_TYPE", Message: fmt.Sprintf("entity %s is not replicateable", t.def.Name)}
	}
	switch {
	case end.Sub(start) < time.Minute:
		return nil, Errorf("INVALID_REPLICATION_DATE", "startDate and endDate must be at least one minute apart")
	case tx.o.clock().Sub(start) > 30*24*time.Hour:
		return nil, Errorf("INVALID_REPLICATION_DATE", "startDate before org replication enabled date or more than 30 days ago")
	}
	return t, nil
}

// Values gives a record as the Go API shows it, deleted or not.
func (tx *Tx) Values(object, id string) (map[string]any, bool) {
	t := tx.o.table(object)
	id18, ok := sfid.Normalize(id)
	if t == nil || !ok || t.rows[id18] == nil {
		return nil, false
	}
	r := t.rows[id18]
	m := t.values(r.cells)
	for _, f := range t.def.Fields {
		if f.Calculated && f.Formula != "" {
			if v := tx.valueAt(t, r.cells, f.Slot, 0); v != nil {
				m[f.Name] = v
			}
		}
	}
	return m, true
}

// Count is the number of live records of an object.
func (tx *Tx) Count(object string) int {
	t := tx.o.table(object)
	if t == nil {
		return 0
	}
	n := 0
	for _, r := range t.order {
		if !t.isDeleted(r.cells) {
			n++
		}
	}
	return n
}

// ObjectOf names the object a record id belongs to; empty when none does.
func (tx *Tx) ObjectOf(id string) string {
	if t := tx.o.prefix[sfid.Prefix(id)]; t != nil {
		return t.def.Name
	}
	return ""
}

// Canonical gives an object's API name in its own spelling; empty when there is none.
func (tx *Tx) Canonical(object string) string {
	if t := tx.o.table(object); t != nil {
		return t.def.Name
	}
	return ""
}

// IsEvent tells whether the object is a platform event.
func (tx *Tx) IsEvent(object string) bool {
	t := tx.o.table(object)
	return t != nil && t.def.Event
}

// Now is the transaction's time.
func (tx *Tx) Now() time.Time { return tx.time }

// ID gives the 18-character form of an id, or "" where it is none.
func (tx *Tx) ID(id string) string {
	id18, _ := sfid.Normalize(id)
	return id18
}

// ChildRelation finds the object and the reference field behind the name of a child relationship.
func (tx *Tx) ChildRelation(object, name string) (child, field string) {
	def := tx.ObjectDef(object)
	if def == nil {
		return "", ""
	}
	for _, n := range tx.o.tableNames() {
		t := tx.o.table(n)
		for _, f := range t.def.Fields {
			if f.ChildRelationship != "" && strings.EqualFold(f.ChildRelationship, name) && refersTo(f.ReferenceTo, def.Name) {
				return t.def.Name, f.Name
			}
		}
	}
	return "", ""
}

// FindByName gives the id of the first live record with that name (for users also that username or e-mail address); "" when
// there is none.
func (tx *Tx) FindByName(object, name string) string {
	t := tx.o.table(object)
	if t == nil {
		return ""
	}
	fields := []*metadata.Field{t.def.NameFieldDef()}
	if t.def.Name == "User" {
		fields = append(fields, t.def.Field("Username"), t.def.Field("Email"))
	}
	for _, f := range fields {
		if f == nil {
			continue
		}
		if rows := t.find(f, name); len(rows) > 0 {
			return rows[0].id
		}
	}
	return ""
}
