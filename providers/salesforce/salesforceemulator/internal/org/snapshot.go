package org

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// snapshotVersion is raised when copies of an earlier program can no longer be read.
const snapshotVersion = 2

// Snapshot is an org as it is kept across restarts. It is JSON; numbers must be read with UseNumber.
type Snapshot struct {
	Version     int                            `json:"version"`
	OrgID       string                         `json:"org_id"`
	AdminID     string                         `json:"admin_id"`
	UserID      string                         `json:"user_id"`
	Pod         string                         `json:"pod"`
	Sequences   [3]uint64                      `json:"sequences"` // fields, objects, other metadata
	CommitNo    int64                          `json:"commit_number"`
	TxNo        uint64                         `json:"transactions"`
	Objects     []SnapshotObject               `json:"objects"`
	Channels    [][5]string                    `json:"channels"` // id, name, kind, label, stamp
	Members     []SnapshotMember               `json:"members"`
	ValueSets   []SnapshotValueSet             `json:"value_sets"`
	RecordTypes map[string]map[string][]string `json:"record_types"`
	Automations []Automation                   `json:"automations"`
	Duplicates  []DuplicateRule                `json:"duplicate_rules"`
	Random      []byte                         `json:"random"`
	Locked      map[string]time.Time           `json:"locked,omitempty"`
	Defined     time.Time                      `json:"defined"`
}

// SnapshotObject is one object. Its records come after the snapshot, one by one: there may be millions.
type SnapshotObject struct {
	Definition *metadata.Object  `json:"definition"`
	Next       uint64            `json:"next"`
	Auto       map[string]uint64 `json:"auto,omitempty"`
	Rows       int               `json:"rows"`

	cells [][]cell // of the records, in the order of their ids
}

// SnapshotMember is a channel member, SnapshotValueSet a global value set.
type (
	SnapshotMember struct {
		ID, Name, Channel, Entity, Object, Filter, Stamp string
		Enriched                                         []string
	}
	SnapshotValueSet struct {
		ID, Name, Label, Stamp string
		Sorted                 bool
		Values                 []metadata.PicklistValue
	}
)

// Settled copies the org at a moment when every committed change has reached the sink, and runs f then, before anything else
// can be committed: what f sees of the sink's side belongs to the copy.
func (o *Org) Settled(f func(Snapshot) error) error {
	o.feedDelivery.Lock()
	defer o.feedDelivery.Unlock()
	for {
		if o.sink != nil {
			o.drain()
		}
		o.mu.RLock()
		o.feedQueue.Lock()
		queued := len(o.feed)
		o.feedQueue.Unlock()
		if queued == 0 {
			break
		}
		o.mu.RUnlock()
	}
	defer o.mu.RUnlock()
	s, err := o.snapshot()
	if err != nil {
		return err
	}
	return f(s)
}

// snapshot copies the org, which the caller holds.
func (o *Org) snapshot() (Snapshot, error) {
	random, err := o.source.MarshalBinary()
	if err != nil {
		return Snapshot{}, fmt.Errorf("copying the org: %w", err)
	}
	s := Snapshot{Version: snapshotVersion, Random: random, Locked: maps.Clone(o.locked), Defined: o.defined, OrgID: o.orgID, AdminID: o.adminID, UserID: o.userID, Pod: o.pod, Sequences: [3]uint64{o.fieldSeq, o.objectSeq, o.metaSeq},
		CommitNo: o.commitNo, TxNo: o.txNo, RecordTypes: o.recordTypes, Automations: o.automations, Duplicates: o.duplicateRules}
	for _, name := range o.tableNames() {
		t := o.table(name)
		if t.def.Tooling {
			continue
		}
		so := SnapshotObject{Definition: copyObject(t.def), Next: t.next, Auto: map[string]uint64{}}
		for slot, n := range t.auto {
			so.Auto[t.def.Fields[slot].Name] = n
		}
		so.Rows, so.cells = len(t.order), make([][]cell, len(t.order))
		for i, r := range t.order { // cells are replaced as a whole, never changed
			so.cells[i] = r.cells
		}
		s.Objects = append(s.Objects, so)
	}
	for _, c := range o.channels {
		s.Channels = append(s.Channels, [5]string{c.id, c.name, c.kind, c.label, c.stamp})
	}
	for _, m := range o.members {
		s.Members = append(s.Members, SnapshotMember{m.id, m.name, m.channel, m.entity, m.object, m.filter, m.stamp, m.enriched})
	}
	for _, v := range o.valueSets {
		s.ValueSets = append(s.ValueSets, SnapshotValueSet{v.id, v.name, v.label, v.stamp, v.sorted, v.values})
	}
	slices.SortFunc(s.ValueSets, func(a, b SnapshotValueSet) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// EachRow gives the records of all objects, in the order in which Restore wants them: field values by name.
func (s Snapshot) EachRow(give func(values map[string]any) error) error {
	for _, so := range s.Objects {
		for _, cells := range so.cells {
			values := make(map[string]any, len(cells))
			for _, c := range cells {
				if f := so.Definition.Fields[c.slot]; f.Name != "" {
					values[f.Name] = c.val
				}
			}
			if err := give(values); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyObject copies a definition deeply enough to be written outside the lock.
func copyObject(def *metadata.Object) *metadata.Object {
	out := *def
	out.Fields = make([]*metadata.Field, len(def.Fields))
	for i, f := range def.Fields {
		c := *f
		out.Fields[i] = &c
	}
	out.Rules = slices.Clone(def.Rules)
	return &out
}

// Restore replaces everything in a fresh org by a snapshot. next gives the records that EachRow gave, one after the other.
func (o *Org) Restore(s Snapshot, next func() (map[string]any, error)) error {
	if s.Version != snapshotVersion {
		return fmt.Errorf("the org has version %d, and only %d is understood: delete the state to start afresh", s.Version, snapshotVersion)
	}
	if err := o.source.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("reading the org's source of random numbers: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, t := range o.tables {
		if !t.def.Tooling {
			delete(o.tables, key)
			delete(o.prefix, t.def.KeyPrefix)
		}
	}
	o.orgID, o.adminID, o.userID, o.pod = s.OrgID, s.AdminID, s.UserID, s.Pod
	o.fieldSeq, o.objectSeq, o.metaSeq = s.Sequences[0], s.Sequences[1], s.Sequences[2]
	o.commitNo, o.txNo, o.automations, o.duplicateRules = s.CommitNo, s.TxNo, s.Automations, s.Duplicates
	if s.RecordTypes != nil {
		o.recordTypes = s.RecordTypes
	}
	o.defined = s.Defined
	if s.Locked != nil {
		o.locked = s.Locked
	}
	for _, so := range s.Objects {
		if err := o.restoreObject(so, next); err != nil {
			return err
		}
	}
	for _, c := range s.Channels {
		o.channels = append(o.channels, &channel{c[0], c[1], c[2], c[3], c[4]})
	}
	for _, m := range s.Members {
		o.members = append(o.members, &member{m.ID, m.Name, m.Channel, m.Entity, m.Object, m.Filter, m.Stamp, m.Enriched})
	}
	for _, v := range s.ValueSets {
		o.valueSets[strings.ToLower(v.Name)] = &valueSet{v.ID, v.Name, v.Label, v.Stamp, v.Sorted, v.Values}
	}
	o.forgetPermissions()
	return nil
}

func (o *Org) restoreObject(so SnapshotObject, next func() (map[string]any, error)) error {
	if so.Definition == nil || so.Definition.Name == "" {
		return fmt.Errorf("the state holds an object without a definition")
	}
	def := so.Definition
	fields := def.Fields
	def.Fields = nil
	for i, f := range fields {
		if f.Name == "" { // a dropped field keeps its slot
			f.Slot = i
			def.Fields = append(def.Fields, f)
			continue
		}
		if err := def.Add(f); err != nil {
			return fmt.Errorf("the state of %s: %w", def.Name, err)
		}
	}
	t := o.addTable(def)
	t.next = so.Next
	for name, n := range so.Auto {
		if f := def.Field(name); f != nil {
			t.auto[f.Slot] = n
		}
	}
	for range so.Rows {
		values, err := next()
		if err != nil {
			return fmt.Errorf("the records of %s: %w", def.Name, err)
		}
		id, ok := values["Id"].(string)
		if id18, good := sfid.Normalize(id); !ok || !good || t.rows[id18] != nil {
			return fmt.Errorf("the state of %s holds a record with the id %q", def.Name, id)
		}
		r := &row{id: id}
		var cells []cell
		for name, v := range values {
			f := def.Field(name)
			if f == nil {
				return fmt.Errorf("the state of %s holds a value of the unknown field %s", def.Name, name)
			}
			switch v.(type) {
			case string, bool, json.Number:
				cells = cellsSet(cells, f.Slot, v)
			default:
				return fmt.Errorf("the state of %s.%s holds a value that no field has", def.Name, name)
			}
		}
		t.replace(r, nil, cells)
		t.stamped(r)
	}
	t.tidy()
	return nil
}
