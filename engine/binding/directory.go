package binding

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"accord/engine/contract"
	"accord/engine/record"
)

// Directory knows the people of both systems, as far as they were asked for: the look-ups that lenses make of people.
// Who is known is believed for Fresh, who is not for Absent, so that a new user is found soon and nobody is asked for
// twice in a batch.
type Directory struct {
	Fresh, Absent time.Duration

	providers Providers
	clock     func() time.Time
	mu        sync.RWMutex
	people    map[string]*directory // by connection
}

type directory struct {
	byID, byEmail map[string]entry
}

type entry struct {
	person record.Person
	known  bool
	until  time.Time
}

// NewDirectory makes an empty one.
func NewDirectory(providers Providers, clock func() time.Time) *Directory {
	return &Directory{Fresh: 10 * time.Minute, Absent: time.Minute, providers: providers, clock: clock, people: map[string]*directory{}}
}

// Learn looks up everybody that the records name, and then the same people on the other side, in the fewest calls.
func (d *Directory) Learn(ctx context.Context, o *Object, records [2][]*record.Record) error {
	var ids [2][]string
	fallbacks := map[string]bool{}
	for _, f := range o.Fields {
		if f.People == nil {
			continue
		}
		if f.People.Fallback != "" {
			fallbacks[record.CanonicalEmail(f.People.Fallback)] = true
		}
		for _, side := range record.Sides {
			for _, r := range records[side] {
				if r == nil {
					continue
				}
				for _, n := range f.Ends[side] {
					if v := r.Fields[n.Name]; v.Kind() == record.Personal {
						ids[side] = append(ids[side], v.Parts()...)
					}
				}
			}
		}
	}
	for _, side := range record.Sides {
		if err := d.ask(ctx, o.Ends[side].Connection, ids[side], nil); err != nil {
			return err
		}
	}
	for _, side := range record.Sides {
		emails := make([]string, 0, len(fallbacks))
		for e := range fallbacks {
			emails = append(emails, e)
		}
		for _, id := range ids[side] {
			if e, ok := d.Email(o.Ends[side].Connection, id); ok {
				emails = append(emails, e)
			}
		}
		if err := d.ask(ctx, o.Ends[side.Other()].Connection, nil, emails); err != nil {
			return err
		}
	}
	return nil
}

// Email is the canonical address of a user by vendor id; ok is false for one that is not known.
func (d *Directory) Email(c *contract.Connection, id string) (string, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.of(c).byID[id]
	email := record.CanonicalEmail(e.person.Email)
	return email, e.known && email != ""
}

// PersonID is the vendor id of the active user with an address; ok is false where there is none.
func (d *Directory) PersonID(c *contract.Connection, email string) (string, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.of(c).byEmail[record.CanonicalEmail(email)]
	return e.person.ID, e.known && e.person.Active
}

// Name is what to call a user by vendor id: name, else address, else the id.
func (d *Directory) Name(c *contract.Connection, id string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.of(c).byID[id].person
	switch {
	case p.Name != "":
		return p.Name
	case p.Email != "":
		return p.Email
	default:
		return id
	}
}

func (d *Directory) of(c *contract.Connection) *directory {
	if p := d.people[c.Address()]; p != nil {
		return p
	}
	return &directory{}
}

func (d *Directory) ask(ctx context.Context, c *contract.Connection, ids, emails []string) error {
	now := d.clock()
	d.mu.RLock()
	ids = unknown(ids, d.of(c).byID, now)
	emails = unknown(emails, d.of(c).byEmail, now)
	d.mu.RUnlock()
	if len(ids)+len(emails) == 0 {
		return nil
	}
	people, err := d.providers[c.Address()].People(ctx, ids, emails)
	if err != nil {
		return fmt.Errorf("look up %d people at %s: %w", len(ids)+len(emails), c.Address(), err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.people[c.Address()]
	if p == nil {
		p = &directory{map[string]entry{}, map[string]entry{}}
		d.people[c.Address()] = p
	}
	for _, id := range ids {
		p.byID[id] = entry{until: now.Add(d.Absent)}
	}
	for _, e := range emails {
		p.byEmail[e] = entry{until: now.Add(d.Absent)}
	}
	for _, person := range people {
		e := entry{person, true, now.Add(d.Fresh)}
		p.byID[person.ID] = e
		email := record.CanonicalEmail(person.Email)
		if email == "" {
			continue // else text that is no address would find them
		}
		if !slices.Contains(emails, email) {
			e.until = now // who has an id is not all who have its address: that is still to be asked
		}
		// Two users may share an address; the active one is meant, and of two active ones the lower id, always the same.
		if old := p.byEmail[email]; !old.known || !old.person.Active && person.Active ||
			old.person.Active == person.Active && person.ID < old.person.ID {
			p.byEmail[email] = e
		}
	}
	return nil
}

func unknown(keys []string, known map[string]entry, now time.Time) []string {
	keys = slices.Clone(keys) // the caller needs all of them
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return slices.DeleteFunc(keys, func(k string) bool {
		e, ok := known[k]
		return k == "" || ok && now.Before(e.until)
	})
}
