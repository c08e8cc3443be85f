package ledger

import (
	"fmt"
	"maps"

	"accord/engine/record"
)

// seenKey names one record of one vendor.
type seenKey struct {
	object string
	side   record.Side
	id     string
}

// seenRow is what is known of one record: the newest of what its vendor showed.
type seenRow struct {
	seenKey
	pairID      string
	link        string // Record.Key
	linkVersion record.Version
	state       record.State
	fields      map[string]fieldSeen
	version     record.Version // of the newest observation
	full        record.Version // nothing older than this is unknown
	written     record.Version // of our own last confirmed write
	actor       string
	heard       record.Origin // whose change was told of last, and by what; several that came before a read are joined
	dirty       bool
	dirtyGen    int64
	staleReads  int
	seenAt      int64
	removed     bool            // our own write archived or deleted it
	mergedInto  string          // the record of the same side that it became part of
	open        map[string]bool // fields, or itself, of whose change nothing has become yet

	changed bool // must be stored
	ended   bool // open has lost some
}

type fieldSeen struct {
	Value   record.Value   `json:"v"`
	Version record.Version `json:"t"` // the newest at which the vendor showed the value
	// Since is the oldest at which it did, where that is another: an edit of another field moves the version of the whole
	// record, and makes nothing of this one's value newer than it is.
	Since record.Version `json:"s,omitempty"`
	// Written says that this is what we wrote, and that the vendor has not shown yet what it made of it.
	Written bool `json:"w,omitempty"`
	// Origin is of the edit that gave the field its value. It is empty for what was there at first: nothing tells which of a
	// record's fields its last editor changed before we looked.
	record.Origin
}

// since is the version of the edit that gave the field its value, as far as is known.
func (f fieldSeen) since() record.Version {
	if f.Since != 0 {
		return f.Since
	}
	return f.Version
}

// record is the row as the port would show it.
func (r *seenRow) record() *record.Record {
	c := &record.Record{
		ID: r.id, Key: r.link, State: r.state, Version: r.version, Actor: r.actor,
		MergedInto: r.mergedInto, Fields: make(record.Fields, len(r.fields)), Changed: make(map[string]record.Version, len(r.fields)),
	}
	if r.heard != (record.Origin{}) {
		c.Origins = map[string]record.Origin{itself: r.heard}
	}
	for name, f := range r.fields {
		c.Fields[name] = f.Value
		c.Changed[name] = f.since()
		if f.Origin != (record.Origin{}) {
			if c.Origins == nil {
				c.Origins = map[string]record.Origin{}
			}
			c.Origins[name] = f.Origin
		}
	}
	return c
}

// maxStaleReads is how often a full read may show a record as older than it was seen before it is believed: a vendor's
// search may lag, but its clocks may also differ from one interface to the next.
const maxStaleReads = 2

// observed is what an observation did to a row.
type observed struct {
	changed  bool // something that matters for its pair: a value, the key, the state, whether it can be trusted
	linked   bool // the key is another one now
	readBack record.Fields
	names    []string // fields, or itself, that changed; what was read back is not among them
}

// observe brings one observation into the row. Of each field the strictly newer version wins; where the vendor's
// versions can't tell, the record becomes dirty: it is read before it is trusted. A read that began after the record
// became dirty, with nothing seen since, is the truth.
func (r *seenRow) observe(o *Observation) observed {
	if o.Full && r.dirty && o.DirtyGen == r.dirtyGen {
		return r.believe(o)
	}
	rec := &o.Record
	was := marks{r.version, r.full, r.linkVersion, r.actor}
	if o.Partial && !o.Full && !r.dirty && rec.Version != 0 &&
		(rec.Version < r.full || o.Ours && rec.Version <= r.written) {
		return observed{} // the record was read after that, or it is the echo of a write that was confirmed
	}
	var did observed
	doubt := o.Partial
	for name, v := range rec.Fields {
		news := r.news(name, v, rec.Key)
		changed, unsure := r.observeField(name, v, o, &did)
		did.changed = did.changed || changed
		doubt = doubt || unsure
		did.differs(name, news && changed)
	}
	if rec.Key != "" || o.Full && present(rec.State) {
		changed, unsure := r.observeLink(rec)
		did.linked, did.changed = changed, did.changed || changed
		doubt = doubt || unsure
	}
	before := r.state
	changed, unsure := r.observeState(rec)
	did.changed = did.changed || changed
	// What changed while the record was away was not told, and an event does not tell it now.
	doubt = doubt || unsure || !present(before) && r.state == record.Live && !o.Full
	did.differs(itself, changed)

	if (did.changed || rec.Version > r.version) && rec.Actor != "" && rec.Version >= r.version {
		r.actor = rec.Actor
	}
	if doubt || did.changed {
		r.hear(o)
	}
	r.version = max(r.version, rec.Version)
	if o.Full && !doubt && present(rec.State) {
		r.full = max(r.full, rec.Version)
	}
	if doubt || did.changed && r.dirty {
		r.dirty = true
		r.dirtyGen++ // a read under way no longer proves anything
		r.staleReads = 0
		did.changed = true
	}
	r.changed = r.changed || did.changed || was != marks{r.version, r.full, r.linkVersion, r.actor}
	return did
}

// news says whether a value is another one than was known. Of a record that is new as a whole no field is, nor is an empty
// one of which nothing was known, nor our own mark, which some vendors show among the fields too.
func (r *seenRow) news(name string, v record.Value, mark string) bool {
	if mark != "" && len(v.Parts()) == 1 && v.Part(0) == mark {
		return false
	}
	if have, known := r.fields[name]; known {
		return !have.Value.Equal(v)
	}
	return !r.open[itself] && !v.IsEmpty()
}

// differs notes that something changed, unless it is our own.
func (d *observed) differs(name string, changed bool) {
	if _, ours := d.readBack[name]; changed && !ours {
		d.names = append(d.names, name)
	}
}

// marks are what a row may learn without any change of what it holds.
type marks struct {
	version, full, link record.Version
	actor               string
}

// observeField says whether the field changed, and whether its vendor left open which value is the newer one.
func (r *seenRow) observeField(name string, v record.Value, o *Observation, did *observed) (changed, unsure bool) {
	rec := &o.Record
	version := rec.ChangedAt(name)
	have, known := r.fields[name]
	same := have.Value.Equal(v)
	switch {
	case !known:
		r.fields[name] = fieldSeen{Value: v, Version: version}
		if !v.IsEmpty() && o.Event != "" {
			r.fields[name] = fieldSeen{Value: v, Version: version, Origin: o.origin()}
		}
		return true, false
	case same && version >= have.Version:
		if version > have.Version || have.Written {
			r.fields[name] = fieldSeen{Value: v, Version: version, Since: have.since(), Origin: have.Origin} // also read back, if we wrote it
			r.changed = true
		}
		return false, false
	case same:
		if version != 0 && version < have.since() { // told late, and more exactly: by the event of the edit itself
			have.Since = version
			if have.Origin != (record.Origin{}) {
				have.Origin = o.origin()
			}
			r.fields[name], r.changed = have, true
		}
		return false, false
	case version == 0 || version == have.Version && !have.Written:
		return false, true
	case version < have.Version:
		return false, false
	case have.Written && r.written == 0 && !o.Ours:
		// The vendor did not tell which version our write made: this may be what was there before it, in a page that was
		// asked for before, or somebody's edit after it.
		return false, true
	}
	if have.Written && (o.Ours || o.Full && have.echoes(rec, name, v)) {
		// The first answer to our own write. The version is the field's: a later write of ours to another field says
		// nothing of this one.
		if did.readBack == nil {
			did.readBack = record.Fields{}
		}
		did.readBack[name] = v
		r.fields[name] = fieldSeen{Value: v, Version: version, Origin: record.Origin{Ours: true}}
		return true, false
	} else if version == have.Version {
		return false, true
	}
	r.fields[name] = fieldSeen{Value: v, Version: version, Origin: o.origin()}
	return true, false
}

// echoes says whether a record that was read shows what its vendor made of the value that we wrote, rather than somebody's
// edit, which must not be lost: by its version, or, where that is of a whole second in which others may have edited, by
// who was the last to do so, and by what it looks like.
func (f fieldSeen) echoes(rec *record.Record, name string, v record.Value) bool {
	version := rec.ChangedAt(name)
	return version <= f.Version && (version%1000 != 0 || rec.Ours || f.Value.Alike(v))
}

func (r *seenRow) observeLink(rec *record.Record) (changed, unsure bool) {
	switch {
	case rec.Key == r.link:
		r.linkVersion = max(r.linkVersion, rec.Version)
		return false, false
	case rec.Version < r.linkVersion && rec.Version != 0:
		return false, false
	case rec.Version == r.linkVersion || rec.Version == 0:
		return false, true
	default:
		r.link, r.linkVersion = rec.Key, rec.Version
		return true, false
	}
}

func (r *seenRow) observeState(rec *record.Record) (changed, unsure bool) {
	switch {
	case rec.State == r.state, rec.State == record.Missing && gone(r.state):
		return false, false
	case r.state == record.Missing && (gone(rec.State) || rec.State == record.Outside) && (rec.Version == 0 || rec.Version >= r.version):
		r.state = rec.State // "not shown" now has its reason
		return true, false
	case rec.State == record.Missing || rec.Version == 0 || rec.Version == r.version:
		return false, true
	case rec.Version < r.version:
		return false, false
	default:
		r.state = rec.State
		return true, false
	}
}

// gone says whether a vendor told that a record is no longer there, rather than just not showing it.
func gone(s record.State) bool { return s == record.Deleted || s == record.Archived }

// present says whether a vendor shows a record as one of its object's, so that what it shows of its fields and its key is
// all there is.
func present(s record.State) bool { return s != record.Missing && s != record.Outside }

// believe takes a full read for what the record is.
func (r *seenRow) believe(o *Observation) observed {
	rec := &o.Record
	origin := r.heard
	if rec.Actor != "" && !rec.Ours {
		origin.Actor = rec.Actor
	}
	if origin.Event == "" {
		origin.Event = o.Event
	}
	// Versions are often cut to the second by one of a vendor's interfaces and not by the other.
	if older := rec.Version/1000 < r.version/1000; older && rec.State != record.Missing && r.staleReads < maxStaleReads {
		r.staleReads++
		r.changed = true
		return observed{}
	}
	did := observed{changed: true}
	for name, v := range rec.Fields {
		have, known := r.fields[name]
		if have.Written && !have.Value.Equal(v) && have.echoes(rec, name, v) {
			if did.readBack == nil {
				did.readBack = record.Fields{}
			}
			did.readBack[name] = v
		}
		did.differs(name, r.news(name, v, rec.Key))
		now := fieldSeen{Value: v, Version: max(have.Version, rec.ChangedAt(name))}
		switch _, ours := did.readBack[name]; {
		case ours:
			now.Origin = record.Origin{Ours: true}
		case have.Value.Equal(v) && known:
			now.Since, now.Origin = have.since(), have.Origin
		case known || !v.IsEmpty():
			now.Origin = origin
		}
		r.fields[name] = now
	}
	if present(rec.State) {
		did.linked = r.link != rec.Key
		r.link, r.linkVersion = rec.Key, max(r.linkVersion, rec.Version)
		r.full = max(r.full, rec.Version)
	}
	if rec.State != record.Missing || !gone(r.state) { // what is known to be deleted is not shown either: no news
		did.differs(itself, r.state != rec.State)
		r.state = rec.State
	}
	if rec.Actor != "" && rec.Version >= r.version {
		r.actor = rec.Actor
	}
	r.version = max(r.version, rec.Version)
	r.dirty, r.staleReads, r.changed = false, 0, true
	return did
}

// begin fills a row from the first observation of its record. An event does not show a record as a whole, so only a full
// read is trusted at once.
func (r *seenRow) begin(o *Observation) {
	rec := &o.Record
	r.state, r.version, r.actor = rec.State, rec.Version, rec.Actor
	r.link, r.linkVersion = rec.Key, rec.Version
	r.fields = make(map[string]fieldSeen, len(rec.Fields))
	for name, v := range rec.Fields {
		r.fields[name] = fieldSeen{Value: v, Version: rec.ChangedAt(name)}
	}
	if o.Full && !o.Partial {
		r.full = rec.Version
	} else {
		r.dirty, r.dirtyGen = true, 1
	}
	if o.Event != "" {
		r.heard = o.origin()
	}
	r.changed = true
}

// wrote brings a confirmed write of ours into the row. Before is what was seen of the written fields when the write was
// decided; stored is what the vendor's answer shows. Overtaken says that somebody has changed a written field since: also
// back to what was seen before, which was no news when it was told.
func (r *seenRow) wrote(i Intent, before map[string]fieldSeen, stored record.Fields, version record.Version) (overtaken bool) {
	for name, v := range i.Fields {
		have, known := r.fields[name]
		kept, shown := stored[name]
		if shown {
			v = kept
		}
		moved := known && (have.Version != before[name].Version || !have.Value.Equal(before[name].Value))
		switch {
		case moved && version != 0 && have.Version > version && !cut(version, have.Version):
			overtaken = true // somebody was faster than our answer, and what they wrote is newer
			continue
		case moved && version <= have.Version && !have.Value.Equal(v):
			r.doubt() // somebody changed it meanwhile, and nothing tells whether before us or after
			continue
		}
		r.fields[name] = fieldSeen{Value: v, Version: max(have.Version, version), Written: !shown, Origin: record.Origin{Ours: true}}
	}
	if (i.Key != "" || i.Unlink) && (version == 0 || version >= r.linkVersion) {
		r.link, r.linkVersion = i.Key, max(r.linkVersion, version)
	}
	r.written = max(r.written, version)
	r.version = max(r.version, version)
	if r.dirty {
		r.dirtyGen++ // a read that began before our write may not show it
	}
	r.changed = true
	return overtaken
}

// cut says whether a vendor may have cut a version to the second within which the other lies: then nothing tells which of
// the two is newer. Vendors do so in the answers to writes, and tell those of fields to the millisecond.
func cut(version, other record.Version) bool { return version%1000 == 0 && other/1000 == version/1000 }

func (r *seenRow) doubt() {
	if !r.dirty {
		r.heard = record.Origin{} // what the read will show, no event told of
	}
	r.dirty = true
	r.dirtyGen++
	r.staleReads = 0
	r.changed = true
}

const seenColumns = `object, side, record_id, pair_id, link, link_version, state, fields, version, full_version, written_version, actor, dirty, dirty_gen, stale_reads, seen_at, removed, merged_into, open_fields, open_changes`

func scanSeen(r row) (*seenRow, error) {
	s := &seenRow{}
	var side, state, fields, open string
	var changes int64
	err := r.Scan(&s.object, &side, &s.id, &s.pairID, &s.link, &s.linkVersion, &state, &fields, &s.version, &s.full, &s.written,
		&s.actor, &s.dirty, &s.dirtyGen, &s.staleReads, &s.seenAt, &s.removed, &s.mergedInto, &open, &changes)
	if err != nil {
		return nil, err
	}
	if s.side, err = sideOf(side); err != nil {
		return nil, err
	}
	if s.state, err = stateOf(state); err != nil {
		return nil, err
	}
	if err := s.reopen(open); err != nil {
		return nil, err
	}
	s.fields = map[string]fieldSeen{}
	err = decode(fmt.Sprintf("%s record %s", s.object, s.id), fields, &s.fields)
	s.heard = s.fields[itself].Origin
	delete(s.fields, itself)
	return s, err
}

// reopen takes up the changes that were open when the row was stored.
func (r *seenRow) reopen(text string) error {
	if text == "" {
		return nil
	}
	var names []string
	if err := decode(fmt.Sprintf("%s record %s", r.object, r.id), text, &names); err != nil {
		return err
	}
	r.open = make(map[string]bool, len(names))
	for _, name := range names {
		r.open[name] = true
	}
	return nil
}

func (r *seenRow) values(now int64) ([]any, error) {
	shown := r.fields
	if r.heard != (record.Origin{}) {
		shown = maps.Clone(shown)
		shown[itself] = fieldSeen{Origin: r.heard} // no field has that name
	}
	fields, err := encode(shown)
	if err != nil {
		return nil, err
	}
	open := ""
	if len(r.open) > 0 {
		if open, err = encode(sorted(r.open)); err != nil {
			return nil, err
		}
	}
	return []any{
		r.object, r.side.String(), r.id, r.pairID, r.link, int64(r.linkVersion), r.state.String(), fields, int64(r.version), int64(r.full),
		int64(r.written), r.actor, number(r.dirty), r.dirtyGen, r.staleReads, now, number(r.removed), r.mergedInto,
		open, len(r.open),
	}, nil
}
