package providertest

import "accord/engine/record"

// Hide keeps whole tables from being shown through the port, as after a change of rights: no record's version moves, and
// no event tells of it. Nil shows everything.
func (s *System) Hide(table func(name string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = table
}

// hides says whether a table is hidden. The System must not be locked.
func (s *System) hides(table string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hidden != nil && s.hidden(table)
}

// shown is everything in a table that is not hidden.
func (r *records) shown() []record.Record {
	if r.fake.System.hides(r.table) {
		return nil
	}
	return r.fake.System.Records(r.table)
}

// Copy makes a record by hand that holds all that another does, its key too, and returns its id; "" where there is no such
// record.
func (s *System) Copy(name, id string) string {
	s.mu.Lock()
	r := s.table(name).rows[id]
	if r == nil {
		s.mu.Unlock()
		return ""
	}
	made := s.create(name, r.fields.Clone(), r.key, "a user")
	s.mu.Unlock()
	s.tell(name, made)
	return made
}

// Rekey writes another key into a record by hand.
func (s *System) Rekey(name, id, key string) {
	s.mu.Lock()
	if r := s.table(name).rows[id]; r != nil {
		r.key = key
		s.touch(s.table(name), r, nil, "a user")
	}
	s.mu.Unlock()
	s.tell(name, id)
}

// Slip changes a record by hand without a trace: no event tells of it, and no version moves. Fields that it does not name
// stay as they are.
func (s *System) Slip(name, id string, fields record.Fields, state record.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.table(name).rows[id]
	if r == nil {
		return
	}
	r.state = state
	for field, v := range fields {
		r.fields[field] = v
	}
}
