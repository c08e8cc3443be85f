package org

import (
	"fmt"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// hard is the kind of a change that leaves no event behind: a hard delete (Change Data Capture guide, "When events are not sent").
const hard = ""

// Delete puts a record into the recycle bin, with the children that go with it. Objects without one lose the record at once.
func (tx *Tx) Delete(object, id string) *Error {
	t, err := tx.object(object)
	if err != nil {
		return err
	}
	r, err := tx.existing(t, id)
	if err != nil {
		return err
	}
	if !tx.permissions().Object(t.def).Delete || !t.def.Deletable && !tx.caller.System {
		return &Error{Code: "INSUFFICIENT_ACCESS_OR_READONLY", Message: "insufficient access rights on object id"}
	}
	return tx.remove(t, r)
}

// DeleteAny deletes a record whose object follows from its id.
func (tx *Tx) DeleteAny(id string) *Error {
	id18, ok := sfid.Normalize(id)
	if !ok {
		return Errorf("MALFORMED_ID", "malformed id %s", clip(id, 60))
	}
	t := tx.o.prefix[sfid.Prefix(id18)]
	if t == nil {
		return &Error{Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Status: 404}
	}
	return tx.Delete(t.def.Name, id18)
}

// children lists, for each reference field that points to the row's object, the live rows that point to the row.
func (tx *Tx) children(t *table, r *row, each func(child *table, slot int, cascade, restrict, required bool, c *row) *Error) *Error {
	for _, name := range tx.o.tableNames() {
		child := tx.o.table(name)
		for _, f := range child.def.Fields {
			if f.Type != "reference" || child.idx[f.Slot] == nil || !refersTo(f.ReferenceTo, t.def.Name) {
				continue
			}
			for _, c := range child.find(f, r.id) {
				if err := each(child, f.Slot, f.CascadeDelete, f.RestrictedDelete, !f.Nillable, c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func refersTo(list []string, name string) bool {
	for _, n := range list {
		if n == name {
			return true
		}
	}
	return false
}

// remove deletes a row: children that cascade go too, others are let go of.
func (tx *Tx) remove(t *table, r *row) *Error {
	err := tx.children(t, r, func(child *table, _ int, _, restrict, _ bool, c *row) *Error {
		if restrict {
			return &Error{Code: "DELETE_FAILED", Message: fmt.Sprintf("Your attempt to delete %s could not be completed because it is associated with the following %s: %s",
				r.id, child.def.Plural, c.id)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.deletedSlot < 0 {
		tx.put(t, r, nil, changefeed.Delete)
	} else {
		cells := cellsSet(append([]cell(nil), r.cells...), t.deletedSlot, true)
		cells = tx.restamp(t, cells)
		tx.put(t, r, cells, changefeed.Delete)
	}
	return tx.children(t, r, func(child *table, slot int, cascade, _, _ bool, c *row) *Error {
		if cascade {
			return tx.remove(child, c)
		}
		cells := cellsSet(append([]cell(nil), c.cells...), slot, nil)
		// Clearing the lookup is a system edit: SystemModstamp moves, LastModifiedDate does not.
		if child.stampSlot >= 0 {
			cells = cellsSet(cells, child.stampSlot, tx.stamp)
		}
		tx.put(child, c, cells, changefeed.Update)
		return nil
	})
}

func (tx *Tx) restamp(t *table, cells []cell) []cell {
	for name, v := range map[string]any{"LastModifiedDate": tx.stamp, "LastModifiedById": tx.caller.UserID, "SystemModstamp": tx.stamp} {
		if f := t.def.Field(name); f != nil && v != "" {
			cells = cellsSet(cells, f.Slot, v)
		}
	}
	return cells
}

// HardDelete removes a record past the recycle bin. No change event tells of it.
func (tx *Tx) HardDelete(object, id string) *Error {
	t, err := tx.object(object)
	if err != nil {
		return err
	}
	id18, ok := sfid.Normalize(id)
	if !ok {
		return Errorf("MALFORMED_ID", "malformed id %s", clip(id, 60))
	}
	r := t.rows[id18]
	if r == nil {
		return &Error{Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Status: 404}
	}
	if !t.isDeleted(r.cells) {
		if err := tx.remove(t, r); err != nil {
			return err
		}
	}
	if r.cells != nil {
		tx.put(t, r, nil, hard)
		if k := tx.byRow[r]; k != nil {
			k.kind = hard
		}
	}
	return nil
}

// Undelete takes a record out of the recycle bin, with the children that went with it.
func (tx *Tx) Undelete(id string) *Error {
	id18, ok := sfid.Normalize(id)
	if !ok {
		return Errorf("MALFORMED_ID", "malformed id %s", clip(id, 60))
	}
	t, r := tx.o.rowByID(id18)
	if r == nil {
		return &Error{Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Status: 404}
	}
	if !t.isDeleted(r.cells) {
		return Errorf("UNDELETE_FAILED", "Entity is not in the recycle bin")
	}
	when := r.get(t.stampSlot)
	if f := t.def.Field("MasterRecordId"); f != nil && r.get(f.Slot) != nil {
		return Errorf("UNDELETE_FAILED", "A merged record cannot be restored")
	}
	cells := cellsSet(append([]cell(nil), r.cells...), t.deletedSlot, false)
	// Its unique values may have been taken meanwhile. Nothing is before: all of them are new again.
	if err := tx.unique(&draft{t: t, id: r.id, cells: cells}); err != nil {
		return err
	}
	tx.put(t, r, tx.restamp(t, cells), changefeed.Undelete)
	for _, name := range tx.o.tableNames() {
		child := tx.o.table(name)
		for _, f := range child.def.Fields {
			if f.Type != "reference" || !f.CascadeDelete || child.deletedSlot < 0 || !refersTo(f.ReferenceTo, t.def.Name) {
				continue
			}
			for _, c := range child.order {
				if child.isDeleted(c.cells) && c.get(f.Slot) == r.id && c.get(child.stampSlot) == when {
					if err := tx.Undelete(c.id); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// Merge folds up to two records into a master of the same object: the children move, the losers go to the recycle bin
// with MasterRecordId set (SOAP API guide, "merge()").
func (tx *Tx) Merge(object, master string, losers []string, in Fields) *Error {
	t, err := tx.object(object)
	if err != nil {
		return err
	}
	if !t.def.Mergeable || len(losers) == 0 || len(losers) > 2 {
		return Errorf("INVALID_OPERATION", "merge takes one or two records of Account, Contact, Lead or Case")
	}
	m, err := tx.existing(t, master)
	if err != nil {
		return err
	}
	for _, id := range losers {
		l, err := tx.existing(t, id)
		if err != nil {
			return err
		}
		if l == m {
			return Errorf("INVALID_OPERATION", "a record cannot be merged with itself")
		}
		err = tx.children(t, l, func(child *table, slot int, _, _, _ bool, c *row) *Error {
			cells := tx.restamp(child, cellsSet(append([]cell(nil), c.cells...), slot, m.id))
			tx.put(child, c, cells, changefeed.Update)
			return nil
		})
		if err != nil {
			return err
		}
		cells := cellsSet(append([]cell(nil), l.cells...), t.def.Field("MasterRecordId").Slot, m.id)
		cells = tx.restamp(t, cellsSet(cells, t.deletedSlot, true))
		tx.put(t, l, cells, changefeed.Delete)
	}
	return tx.Update(object, m.id, in)
}
