package storm

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// edit is one value that one person gave one field of one record, on one side.
type edit struct {
	n            int
	side         Vendor
	id           string    // of the record or item
	field        string    // by its native name
	value        string    // as the side shows it
	began, ended time.Time // of the call that took it, repetitions included
}

// past is what people did.
type past struct {
	mu      sync.Mutex
	serial  int
	edits   []edit
	removed [2]map[string]time.Time // records that people removed, by id
	made    [2]map[string]string    // records that people made: their tables
	won     map[string]time.Time    // deals, by id
	begun   map[string]bool         // deals whose first state accord surely knew before they were won
	drifted map[string]bool         // fields of the derived side that were edited: once each is enough
	rows    [2]int                  // that people's calls wrote
	unsure  [2]int                  // that people's calls may have written besides, for their answers were lost
}

// word is a text that nobody wrote before.
func (p *past) word(what string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return fmt.Sprintf("%s z%05dz", what, p.serial)
}

func (p *past) did(sd Vendor, id, field, value string, began, ended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edits = append(p.edits, edit{len(p.edits), sd, id, field, value, began, ended})
}

func (p *past) removes(sd Vendor, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.removed[sd] == nil {
		p.removed[sd] = map[string]time.Time{}
	}
	p.removed[sd][id] = time.Now()
}

func (p *past) makes(sd Vendor, table, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made[sd] == nil {
		p.made[sd] = map[string]string{}
	}
	p.made[sd][id] = table
}

func (p *past) isRemoved(sd Vendor, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, gone := p.removed[sd][id]
	return gone
}

// of are the edits of a field of a pair, on both sides, in the order in which they ended.
func (p *past) of(f *field, ids [2]string) (list []edit) {
	for _, e := range p.edits {
		if e.id == ids[e.side] && e.field == f.native[e.side] {
			list = append(list, e)
		}
	}
	return list
}

// on are the edits of the field that an edit is of, on its side.
func (p *past) on(e *edit) (list []edit) {
	for _, other := range p.edits {
		if other.side == e.side && other.id == e.id && other.field == e.field {
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
					s.past.did(Salesforce, id, name, text(r[name]), now, now)
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
