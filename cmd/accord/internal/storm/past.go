package storm

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// edit is one value that one person gave one field of one record, on one side.
type edit struct {
	n            int
	object       *object
	side         Vendor
	id           string    // of the record or item
	field        string    // by its native name
	value        string    // as the side shows it
	began, ended time.Time // of the call that took it, repetitions included
}

// past is what people did.
type past struct {
	mu       sync.Mutex
	serial   int
	edits    []edit
	removed  [2]map[string]time.Time // records that people removed and did not put back, by id
	cascade  map[string][]string     // deals that went with an account, by its id
	returned map[string]time.Time    // records that people put back, by id
	merged   map[string]string       // accounts that became part of another: that one
	partners map[string][]string     // ids that were each other's partners when somebody looked
	made     [2]map[string]string    // records that people made: their tables
	won      map[string]time.Time    // deals, by id
	begun    map[string]bool         // deals whose first state accord surely knew before they were won
	drifted  map[string]bool         // fields of the derived side that were edited: once each is enough
	reverts  int                     // edits of the derived side
	moved    int                     // references that a merge or a deletion changed
	rows     [2]int                  // that people's calls wrote
	unsure   [2]int                  // that people's calls may have written besides, for their answers were lost
}

func newPast() *past {
	return &past{
		removed: [2]map[string]time.Time{{}, {}}, cascade: map[string][]string{}, returned: map[string]time.Time{}, merged: map[string]string{},
		partners: map[string][]string{}, made: [2]map[string]string{{}, {}}, won: map[string]time.Time{}, begun: map[string]bool{}, drifted: map[string]bool{},
	}
}

// word is a text that nobody wrote before.
func (p *past) word(what string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return fmt.Sprintf("%s z%05dz", what, p.serial)
}

func (p *past) did(o *object, sd Vendor, id, field, value string, began, ended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edits = append(p.edits, edit{len(p.edits), o, sd, id, field, value, began, ended})
}

func (p *past) removes(sd Vendor, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removed[sd][id] = time.Now()
}

// returns notes that a record was put back.
func (p *past) returns(sd Vendor, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.removed[sd], id)
	p.returned[id] = time.Now()
}

// coupled notes that two records were seen to be partners.
func (p *past) coupled(record, item string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, b := range map[string]string{record: item, item: record} {
		if !slices.Contains(p.partners[a], b) {
			p.partners[a] = append(p.partners[a], b)
		}
	}
}

// master is the account that one became part of in the end, or itself.
func (p *past) master(id string) string {
	for p.merged[id] != "" {
		id = p.merged[id]
	}
	return id
}

func (p *past) makes(sd Vendor, table, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[sd][id] = table
}

func (p *past) isRemoved(sd Vendor, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, gone := p.removed[sd][id]
	return gone
}

// isMaster says whether another account became part of one.
func (p *past) isMaster(id string) bool {
	for _, master := range p.merged {
		if master == id {
			return true
		}
	}
	return false
}

// around are all edits of the record that one is of and of its partners.
func (p *past) around(e *edit) (list []edit) {
	for _, other := range p.edits {
		if other.object == e.object && (other.id == e.id || slices.Contains(p.partners[e.id], other.id)) && tokenOf(other.value) != "" {
			list = append(list, other)
		}
	}
	return list
}

// gone says whether a record was removed, or became part of another.
func (p *past) gone(id string) bool {
	return p.isRemoved(Salesforce, id) || p.isRemoved(Monday, id) || p.merged[id] != ""
}

// of are the edits of a field of a pair, on both sides, in the order in which they ended. A record that was put back may
// have another partner than before, who took all over: what was done to the former one counts.
func (p *past) of(o *object, f *field, ids [2]string) (list []edit) {
	joined := p.isMaster(ids[Salesforce]) // it may have another's partner
	for _, e := range p.edits {
		former := e.side == o.copied() && !joined && slices.Contains(p.partners[ids[e.side.other()]], e.id)
		if e.object == o && e.field == f.native[e.side] && (e.id == ids[e.side] || former) {
			list = append(list, e)
		}
	}
	return list
}

// on are the edits of the field that an edit is of, on its side.
func (p *past) on(e *edit) (list []edit) {
	for _, other := range p.edits {
		if other.object == e.object && other.side == e.side && other.id == e.id && other.field == e.field {
			list = append(list, other)
		}
	}
	return list
}

// found writes down what is there before anybody edits: it counts as edited in Salesforce, where it came from.
func (s *storm) found(ctx context.Context) error {
	now := time.Now()
	for _, o := range objects {
		rows, err := s.people.Query(ctx, o.query())
		if err != nil {
			return err
		}
		for _, r := range rows {
			id := text(r["Id"])
			for i := range o.fields {
				if name := o.fields[i].native[Salesforce]; r[name] != nil {
					s.past.did(o, Salesforce, id, name, text(r[name]), now, now)
				}
			}
			if o == &deals && text(r["StageName"]) != won {
				s.past.begun[id] = true
			}
		}
	}
	rows, err := s.written(ctx)
	s.past.rows = rows // all that is written so far is not the storm's
	return err
}

// copied is the side on which accord makes what is missing.
func (o *object) copied() Vendor {
	if o == &requests {
		return Salesforce
	}
	return Monday
}

// objectOf is the object of a table or board.
func objectOf(table string) *object {
	for _, o := range objects {
		if o.table[Salesforce] == table || o.table[Monday] == table {
			return o
		}
	}
	return nil
}

// query asks for all fields of an object that the contract carries.
func (o *object) query() string {
	q := "SELECT Id, Monday_Item_Id__c"
	for i := range o.fields {
		q += ", " + o.fields[i].native[Salesforce]
	}
	return q + " FROM " + o.table[Salesforce]
}

// text is a JSON value as text.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
