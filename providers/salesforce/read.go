package salesforce

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
	"accord/engine/resource"
)

// records are one object's records in the org.
type records struct {
	provider *Provider
	client   *client
	object   string // sObject, as the org spells it
	name     string // contract object
	scope    string // SOQL condition that says which records are meant; "" = all
	columns  []column
	byNative map[string]int
	key      *column // where the other side's record id is kept; nil while it does not exist
	system   systemFields
	owner    string // of new records for which no field says so, by id; "" = nobody is named
	// needsOwner says that new records would be left to our own user where nobody is named.
	needsOwner bool
	recordType string // of new records, by id; "" = the user's default
	size       *ratelimit.Size
}

// systemFields says which of the usual system fields an sObject has; a few have not all.
type systemFields struct {
	stamp, modifier, deletion bool
	master                    bool // MasterRecordId: its records can be merged
}

var _ provider.Records = (*records)(nil)

// overlap is how far a List goes back behind the last one: a record's stamp is set when its transaction begins to save,
// and it is seen when that commits.
const overlap = 5 * time.Minute

// Records opens one end of an object.
func (p *Provider) Records(b provider.Binding) (provider.Records, error) {
	return p.open(b)
}

func (p *Provider) open(b provider.Binding) (*records, error) {
	object := b.Spec.Settings["sobject"]
	if !validName(object) {
		return nil, invalid("open object "+b.Spec.Object, fmt.Sprintf("%q is not the API name of an sObject", object))
	}
	r := &records{
		provider: p, client: p.client, object: object, name: b.Spec.Object, scope: b.Spec.Settings["where"],
		byNative: map[string]int{}, system: systemFields{stamp: true, modifier: true, deletion: true},
	}
	if r.scope != "" {
		r.scope = "(" + r.scope + ")" // whatever it is, it stays one condition
	}
	r.size = p.size(object)
	known := map[string]resource.Resource{}
	for _, res := range b.Resources {
		known[res.Address] = res
	}
	if o, ok := known[objectAddress(b.Spec.Connection, object)]; ok {
		r.object = textOf(o.Attributes, "name", object)
		r.system = systemFieldsOf(o.Attributes)
		r.needsOwner = truthOf(o.Attributes, "owned")
	}
	if o, ok := known[ownerAddress(b.Spec)]; ok && validID(o.ID) {
		r.owner = o.ID
	}
	for _, f := range b.Spec.Fields {
		if _, twice := r.byNative[f.Name]; twice {
			continue
		}
		if c, ok := columnOf(known, b.Spec.Connection, object, f.Name); ok {
			r.byNative[f.Name] = len(r.columns)
			if c.typ == "currency" && truthOf(known[objectAddress(b.Spec.Connection, object)].Attributes, "currencies") {
				c.shape.Unit = currencyField
			}
			r.columns = append(r.columns, c)
		}
	}
	typed := b.Spec.Settings[recordTypeSetting]
	r.ofType(typed, known[recordTypeAddress(b.Spec.Connection, object, typed)])
	if name := keyName(b.Spec); name != "" {
		if c, ok := columnOf(known, b.Spec.Connection, object, name); ok {
			r.key = &c
		}
	}
	return r, nil
}

// keyName is the native name of the field that keeps the other side's record id.
func keyName(s provider.ObjectSpec) string { return orElse(s.Key.Name, s.Settings["external_id"]) }

// columnOf finds a bound field among the described resources. What has no ID or is hidden does not exist for us.
func columnOf(known map[string]resource.Resource, connection, object, name string) (column, bool) {
	r, ok := known[fieldAddress(connection, object, name)]
	if !ok || r.ID == "" || truthOf(r.Attributes, "hidden") {
		return column{}, false
	}
	f := describeOf(r.Attributes)
	shape, ok := shapeOf(f)
	if !ok {
		return column{}, false
	}
	return column{native: name, api: orElse(f.Name, name), typ: f.Type, compound: f.CompoundFieldName, computed: f.Calculated, shape: shape}, true
}

// Shapes describes the bound fields that exist.
func (r *records) Shapes() map[string]record.Shape {
	shapes := make(map[string]record.Shape, len(r.columns))
	for _, c := range r.columns {
		shapes[c.native] = c.shape
	}
	if r.key != nil {
		shapes[r.key.native] = r.key.shape
	}
	return shapes
}

// Count asks for the number alone.
func (r *records) Count(ctx context.Context) (int, error) {
	a, err := r.client.first(ctx, statement{soql: "SELECT COUNT() FROM " + r.object + where(r.scope), doing: r.doing("count")})
	return a.TotalSize, err
}

func (r *records) doing(what string) string { return what + " " + r.object + " records" }

// selection is the list of fields that a record is read with.
func (r *records) selection() string {
	fields := []string{"Id"}
	add := func(f string) {
		if !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	for _, c := range r.columns {
		add(c.api)
	}
	if r.key != nil {
		add(r.key.api)
	}
	if r.system.stamp {
		add("SystemModstamp")
	}
	if r.system.modifier {
		add("LastModifiedById")
	}
	if r.system.deletion {
		add("IsDeleted")
	}
	if r.system.master {
		add("MasterRecordId")
	}
	return strings.Join(fields, ", ")
}

// decode makes a record of a row.
func (r *records) decode(w row) (record.Record, error) {
	rec := record.Record{ID: w.text("Id"), Version: w.stamp("SystemModstamp"), Actor: w.text("LastModifiedById"), Fields: record.Fields{}}
	rec.Ours = r.client.sessions.isUs(rec.Actor)
	if w.truth("IsDeleted") {
		rec.State = record.Deleted
		if r.system.master {
			rec.MergedInto = w.text("MasterRecordId")
		}
	}
	for _, c := range r.columns {
		raw, shown := w[c.api]
		if !shown {
			continue
		}
		v, err := c.decode(raw)
		if err != nil {
			return rec, &provider.Error{Kind: provider.Internal, Op: "read " + r.object + " " + rec.ID, Fields: []string{c.native}, Err: err}
		}
		rec.Fields[c.native] = v
	}
	if r.key != nil {
		rec.Key = w.text(r.key.api)
	}
	return rec, nil
}

// List pages through all records in scope, or through what changed since a version.
func (r *records) List(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error) {
	if since > 0 && r.system.stamp {
		return r.listChanged(ctx, since, page)
	}
	return r.list(ctx, listing{condition: r.scope, since: since}, page)
}

// listChanged lists what changed, deleted records too, and reports as outside what is not in scope.
func (r *records) listChanged(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error) {
	changed := "SystemModstamp >= " + moment(since)
	if r.scope == "" {
		return r.list(ctx, listing{condition: changed, since: since, deleted: r.system.deletion}, page)
	}
	begun := record.Version(0)
	if now, ok := r.client.now(); ok {
		begun = record.VersionAt(now.Add(-2 * time.Second)) // stamps are cut to the second
	}
	shown := map[string]bool{}
	next, err := r.list(ctx, listing{condition: and(changed, r.scope), since: since}, func(batch []record.Record) error {
		for _, rec := range batch {
			shown[rec.ID] = true
		}
		return page(batch)
	})
	if err != nil {
		return 0, err
	}
	return next, r.listRest(ctx, changed, shown, begun, page)
}

// listRest reports what changed and was not shown as being in scope: deleted, or outside. What changed since the scope was
// asked for may have come in meanwhile, and is read.
func (r *records) listRest(ctx context.Context, changed string, shown map[string]bool, begun record.Version, page func([]record.Record) error) error {
	fields := "Id, SystemModstamp"
	for _, f := range []struct {
		name string
		has  bool
	}{{"LastModifiedById", r.system.modifier}, {"IsDeleted", r.system.deletion}, {"MasterRecordId", r.system.master}} {
		if f.has {
			fields += ", " + f.name
		}
	}
	var fresh []string
	err := r.client.query(ctx, statement{
		soql: "SELECT " + fields + " FROM " + r.object + where(changed) + " ORDER BY SystemModstamp, Id", doing: r.doing("list"), deleted: r.system.deletion,
	}, func(rows []row) error {
		var batch []record.Record
		for _, w := range rows {
			rec := record.Record{ID: w.text("Id"), State: record.Outside, Version: w.stamp("SystemModstamp"), Actor: w.text("LastModifiedById")}
			switch {
			case w.truth("IsDeleted"):
				rec.State, rec.MergedInto = record.Deleted, w.text("MasterRecordId")
			case shown[rec.ID]:
				continue
			case rec.Version >= begun:
				fresh = append(fresh, rec.ID)
				continue
			}
			batch = append(batch, rec)
		}
		if len(batch) == 0 {
			return nil
		}
		return page(batch)
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	batch, err := r.Read(ctx, fresh)
	if err != nil {
		return err
	}
	return page(batch)
}

// listing is one List under way.
type listing struct {
	condition string
	since     record.Version
	deleted   bool
}

// list pages through a query. The place in it may expire between two pages; the list then goes on with a new query from
// the newest stamp that was shown, as long as that comes nearer to the end.
func (r *records) list(ctx context.Context, l listing, page func([]record.Record) error) (record.Version, error) {
	newest := record.Version(0)
	started := r.client.config.Clock()
	order := " ORDER BY Id"
	if r.system.stamp {
		order = " ORDER BY SystemModstamp, Id"
	}
	for from := record.Version(0); ; {
		condition := l.condition
		if from > 0 {
			condition = and(condition, "SystemModstamp >= "+moment(from))
		}
		err := r.client.query(ctx, statement{
			soql:    "SELECT " + r.selection() + " FROM " + r.object + where(condition) + order,
			doing:   r.doing("list"),
			deleted: l.deleted,
		}, func(rows []row) error {
			batch, err := r.decodeAll(rows)
			for _, rec := range batch {
				newest = max(newest, rec.Version)
			}
			if err != nil || len(batch) == 0 {
				return err
			}
			return page(batch)
		})
		if e := asErrorOrNil(err); e != nil && e.Code == "INVALID_QUERY_LOCATOR" && newest > from {
			from = newest
			continue
		}
		if err != nil {
			return 0, err
		}
		return r.resume(l.since, newest, started), nil
	}
}

// decodeAll makes records of a page.
func (r *records) decodeAll(rows []row) ([]record.Record, error) {
	batch := make([]record.Record, 0, len(rows))
	for _, w := range rows {
		rec, err := r.decode(w)
		if err != nil {
			return nil, err
		}
		batch = append(batch, rec)
	}
	return batch, nil
}

// resume is the version from which the next List misses nothing. All that was stamped before the query began and some
// time earlier has been shown. Where the org's clock can't be believed, the newest stamp it showed stands for it.
func (r *records) resume(since, newest record.Version, started time.Time) record.Version {
	next := newest
	if now, ok := r.client.now(); ok {
		next = max(next, record.VersionAt(now.Add(started.Sub(r.client.config.Clock()))))
	}
	return max(since, next-record.Version(overlap.Milliseconds()), 0)
}

// Read asks for records by id. One that the org does not show at all is missing, one that does not meet the scope's
// condition is outside, and one in the recycle bin is deleted.
func (r *records) Read(ctx context.Context, ids []string) ([]record.Record, error) {
	found := map[string]record.Record{}
	for _, chunk := range chunks(distinct(ids, intactID), idsPerQuery) {
		s := statement{
			soql:  "SELECT " + r.selection() + " FROM " + r.object + where(and(in("Id", chunk), r.scope)),
			doing: r.doing("read"),
		}
		err := r.client.query(ctx, s, func(rows []row) error {
			for _, w := range rows {
				rec, err := r.decode(w)
				if err != nil {
					return err
				}
				found[shortID(rec.ID)] = rec
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := r.readDeleted(ctx, ids, found); err != nil {
		return nil, err
	}
	if err := r.readOutside(ctx, ids, found); err != nil {
		return nil, err
	}
	list := make([]record.Record, len(ids))
	for i, id := range ids {
		rec, ok := found[shortID(id)]
		if !ok {
			rec = record.Record{State: record.Missing}
		}
		rec.ID = id
		if ok && i > 0 {
			rec.Fields = rec.Fields.Clone() // an id may be asked for twice
		}
		list[i] = rec
	}
	return list, nil
}

// readDeleted looks in the recycle bin for what was not found.
func (r *records) readDeleted(ctx context.Context, ids []string, found map[string]record.Record) error {
	if !r.system.deletion {
		return nil
	}
	missing := distinct(ids, func(id string) bool {
		_, ok := found[shortID(id)]
		return intactID(id) && !ok
	})
	fields := "Id, SystemModstamp"
	if r.system.master {
		fields += ", MasterRecordId"
	}
	for _, chunk := range chunks(missing, idsPerQuery) {
		s := statement{
			soql:    "SELECT " + fields + " FROM " + r.object + where(and(in("Id", chunk), "IsDeleted = true")),
			doing:   r.doing("look for deleted"),
			deleted: true,
		}
		err := r.client.query(ctx, s, func(rows []row) error {
			for _, w := range rows {
				id := w.text("Id")
				found[shortID(id)] = record.Record{
					ID: id, State: record.Deleted, Version: w.stamp("SystemModstamp"), MergedInto: w.text("MasterRecordId"),
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readOutside looks, without the scope's condition, for what was not found: what is there does not meet it.
func (r *records) readOutside(ctx context.Context, ids []string, found map[string]record.Record) error {
	if r.scope == "" {
		return nil
	}
	rest := distinct(ids, func(id string) bool {
		_, ok := found[shortID(id)]
		return intactID(id) && !ok
	})
	fields := "Id"
	if r.system.stamp {
		fields += ", SystemModstamp"
	}
	for _, chunk := range chunks(rest, idsPerQuery) {
		s := statement{soql: "SELECT " + fields + " FROM " + r.object + where(in("Id", chunk)), doing: r.doing("look outside the scope for")}
		err := r.client.query(ctx, s, func(rows []row) error {
			for _, w := range rows {
				id := w.text("Id")
				found[shortID(id)] = record.Record{ID: id, State: record.Outside, Version: w.stamp("SystemModstamp")}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Find asks which records carry the given keys. SOQL compares text without regard to case, and so is the answer read,
// unless a record carries the key exactly.
func (r *records) Find(ctx context.Context, keys []string) (map[string][]string, error) {
	found := map[string][]string{}
	if r.key == nil {
		return found, nil
	}
	exact, folded := map[string][]string{}, map[string][]string{}
	for _, chunk := range chunks(distinct(keys, func(k string) bool { return k != "" }), idsPerQuery) {
		s := statement{
			soql:  "SELECT Id, " + r.key.api + " FROM " + r.object + where(in(r.key.api, chunk)) + " ORDER BY Id",
			doing: r.doing("find"),
		}
		err := r.client.query(ctx, s, func(rows []row) error {
			for _, w := range rows {
				key, id := w.text(r.key.api), w.text("Id")
				exact[key] = append(exact[key], id)
				folded[strings.ToLower(key)] = append(folded[strings.ToLower(key)], id)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		ids := exact[k]
		if ids == nil {
			ids = folded[strings.ToLower(k)]
		}
		if ids != nil {
			found[k] = slices.Clone(ids)
		}
	}
	return found, nil
}

// Lane is the sObject.
func (r *records) Lane() string { return r.object }

// Limits: at most the rows of one collections call, fewer after locks and time-outs. A fresh record is found at once,
// but a call that timed out may commit later.
func (r *records) Limits() provider.Limits {
	return provider.Limits{
		BatchSize: r.size.Get(), SearchLag: 30 * time.Second, Parallel: 2,
		BulkFrom: bulkFrom, BulkSize: bulkRows, BulkCalls: bulkCalls, BulkTime: bulkTime, BulkOps: []record.Op{record.Create, record.Update},
	}
}

// distinct keeps the values that pass, once each and sorted, so that requests don't depend on the caller's order.
func distinct(values []string, pass func(string) bool) []string {
	set := map[string]bool{}
	for _, v := range values {
		if pass(v) {
			set[v] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// shortID is the case-sensitive part of a record id; the other three characters are its checksum.
func shortID(id string) string {
	if len(id) == 18 {
		return id[:15]
	}
	return id
}
