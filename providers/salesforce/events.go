package salesforce

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/avro"

	"accord/engine/record"
)

// eventSchema decodes the change events of one schema id. Fields are in the schema's order, which the bitmaps of the
// header count in; children are those of a compound field.
type eventSchema struct {
	avro   *avro.Schema
	fields []eventField
}

type eventField struct {
	name     string
	children []string
}

// parseSchema reads the schema that GetSchema gives. An id stands for the same schema for ever.
func parseSchema(text string) (*eventSchema, error) {
	s, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the schema of a change event: %w", err)
	}
	root := s.Root()
	if root.Type != "record" || len(root.Fields) == 0 || root.Fields[0].Name != "ChangeEventHeader" {
		return nil, fmt.Errorf("read the schema of a change event: %q is not one", root.Name)
	}
	known := map[string][]string{}
	parsed := &eventSchema{avro: s}
	for _, f := range root.Fields {
		parsed.fields = append(parsed.fields, eventField{f.Name, childrenOf(f.Type, known)})
	}
	return parsed, nil
}

// childrenOf names the parts of a compound field: of the record among a union's branches, written out or referred to.
func childrenOf(n avro.SchemaNode, known map[string][]string) []string {
	if n.Type == "union" {
		for _, b := range n.Branches {
			if c := childrenOf(b, known); c != nil {
				return c
			}
		}
		return nil
	}
	if n.Type != "record" {
		return known[n.Type]
	}
	var names []string
	for _, f := range n.Fields {
		names = append(names, f.Name)
	}
	known[n.Name] = names
	known[n.Namespace+"."+n.Name] = names
	return names
}

// changeEvent is one decoded event.
type changeEvent struct {
	entity  string
	ids     []string
	typ     string // CREATE, UPDATE, DELETE, UNDELETE, GAP_…, SNAPSHOT
	origin  string
	user    string
	commit  record.Version
	changed map[string]bool // "StageName", "BillingAddress.Street"
	diffs   map[string]bool // sent as a difference, not as a value
	body    map[string]any
	has     map[string]bool // fields of the schema
	id      string          // EventUuid of the message that carried it
}

// decode makes an event of its payload.
func (s *eventSchema) decode(payload []byte) (e changeEvent, err error) {
	var decoded any
	rest, err := s.avro.Decode(payload, &decoded)
	if err != nil {
		return e, fmt.Errorf("decode a change event: %w", err)
	}
	if len(rest) > 0 {
		return e, fmt.Errorf("decode a change event: %d bytes are left over", len(rest))
	}
	if !legible(decoded) {
		return e, fmt.Errorf("decode a change event: a text in it is not UTF-8")
	}
	body, _ := decoded.(map[string]any)
	header, _ := body["ChangeEventHeader"].(map[string]any)
	if header == nil {
		return e, fmt.Errorf("decode a change event: it has no header")
	}
	e = changeEvent{body: body, has: map[string]bool{}}
	e.entity, _ = header["entityName"].(string)
	e.typ, _ = header["changeType"].(string)
	e.origin, _ = header["changeOrigin"].(string)
	e.user, _ = header["commitUser"].(string)
	e.ids = stringsOf(header["recordIds"])
	if ms, ok := integer(header["commitTimestamp"]); ok {
		e.commit = record.Version(ms - ms%1000)
	}
	for _, f := range s.fields {
		e.has[f.name] = true
	}
	if e.changed, err = s.names(stringsOf(header["changedFields"])); err != nil {
		return e, err
	}
	if e.diffs, err = s.names(stringsOf(header["diffFields"])); err != nil {
		return e, err
	}
	// A field set to null is named twice, but one list is enough to know of it.
	nulled, err := s.names(stringsOf(header["nulledFields"]))
	if err != nil {
		return e, err
	}
	for n := range nulled {
		e.changed[n] = true
	}
	return e, nil
}

// legible says whether all texts below a decoded value are UTF-8, as Avro has them.
func legible(v any) bool {
	switch x := v.(type) {
	case string:
		return utf8.ValidString(x)
	case map[string]any:
		for _, e := range x {
			if !legible(e) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(x, func(e any) bool { return !legible(e) })
	}
	return true
}

// names reads bitmaps: "0x400800" over the schema's fields, "6-0x01" over the parts of its field 6. Bit 0 is the first
// field (Change Data Capture Developer Guide, "Event Message Fields: bitmap").
func (s *eventSchema) names(bitmaps []string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, text := range bitmaps {
		names, prefix := make([]string, len(s.fields)), ""
		for i, f := range s.fields {
			names[i] = f.name
		}
		bits := text
		if index, nested, ok := strings.Cut(text, "-"); ok {
			n, err := strconv.Atoi(index)
			if err != nil || n < 0 || n >= len(s.fields) || s.fields[n].children == nil {
				return nil, fmt.Errorf("decode a change event: bitmap %q is about no compound field", clipText(text))
			}
			names, prefix, bits = s.fields[n].children, s.fields[n].name+".", nested
		}
		digits, ok := strings.CutPrefix(bits, "0x")
		if !ok || digits == "" || len(digits) > 4096 {
			return nil, fmt.Errorf("decode a change event: %q is not a bitmap", clipText(text))
		}
		mask, ok := new(big.Int).SetString(digits, 16)
		if !ok || mask.Sign() < 0 {
			return nil, fmt.Errorf("decode a change event: %q is not a bitmap", clipText(text))
		}
		if mask.BitLen() > len(names) {
			return nil, fmt.Errorf("decode a change event: bitmap %q is longer than its schema", clipText(text))
		}
		for i, name := range names {
			if mask.Bit(i) == 1 {
				set[prefix+name] = true
			}
		}
	}
	return set, nil
}

func clipText(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func stringsOf(v any) []string {
	values, _ := v.([]any)
	list := make([]string, 0, len(values))
	for _, x := range values {
		if s, ok := x.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case time.Time:
		return n.UnixMilli(), true
	default:
		return 0, false
	}
}

// isOurs says whether the event names our client as the origin of the change: "com/salesforce/api/rest/68.0;client=accord".
func (e changeEvent) isOurs(client string) bool {
	_, name, ok := strings.Cut(e.origin, ";client=")
	return ok && strings.TrimSuffix(name, "/") == client
}

// place is where an event shows a column: a top-level field, or a part of a compound one. Ok is false when the name of
// the part can't be told.
func (c column) place() (field, part string, ok bool) {
	if c.compound == "" || c.compound == c.api {
		return c.api, "", true
	}
	if stem, custom := strings.CutSuffix(c.compound, "__c"); custom {
		part, ok = strings.CutPrefix(c.api, stem+"__")
		return c.compound, strings.TrimSuffix(part, "__s"), ok
	}
	if stem, address := strings.CutSuffix(c.compound, "Address"); address {
		part, ok = strings.CutPrefix(c.api, stem)
		return c.compound, part, ok
	}
	return c.compound, c.api, true
}

// shown is what an event shows of a column. Ok is false when it shows nothing that can be relied upon.
func (e changeEvent) shown(c column) (v record.Value, ok bool) {
	field, part, ok := c.place()
	if !ok || !e.has[field] || c.computed {
		return v, false
	}
	raw := e.body[field]
	compound, isCompound := raw.(map[string]any)
	switch {
	case part != "" && isCompound:
		raw = compound[part]
	case isCompound || part != "" && raw != nil:
		return v, false
	}
	return c.ofAvro(raw)
}

// touched says whether an event names a column as changed, and whether only by a difference.
func (e changeEvent) touched(c column) (changed, diff bool) {
	field, part, ok := c.place()
	if !ok {
		return len(e.changed) > 0, true
	}
	whole := field
	if part != "" {
		field += "." + part
	}
	return e.changed[field] || e.changed[whole], e.diffs[field] || e.diffs[whole]
}

// ofAvro makes a value of what an event holds. Ok is false for what can't be had exactly.
func (c column) ofAvro(raw any) (v record.Value, ok bool) {
	if raw == nil {
		return v, c.typ != "boolean" // checkboxes are never null, so nothing was shown
	}
	switch c.typ {
	case "date":
		ms, isNumber := integer(raw)
		if !isNumber {
			return v, false
		}
		d, err := record.OfDate(time.UnixMilli(ms).UTC().Format(time.DateOnly))
		return d, err == nil
	case "datetime":
		ms, isNumber := integer(raw)
		at := time.UnixMilli(ms).UTC()
		if !isNumber || at.Year() < 0 || at.Year() > 9999 {
			return v, false // a year that no notation of ours has
		}
		return record.OfDateTime(at), true
	case "time":
		return v, false
	}
	switch x := raw.(type) {
	case string:
		v, err := c.ofText(x)
		return v, err == nil
	case bool:
		return record.OfBool(x), c.typ == "boolean"
	case int32, int64:
		n, _ := integer(raw)
		d, err := record.OfDecimal(strconv.FormatInt(n, 10))
		return d, err == nil && c.shape.Kind == record.Decimal
	case float64:
		// A double holds fifteen digits; a number with more must be read.
		if math.IsNaN(x) || math.Abs(x) >= 1e13 || c.shape.Kind != record.Decimal || c.shape.Scale > 4 && math.Abs(x) >= 1e9 {
			return v, false
		}
		d, err := record.OfDecimal(strconv.FormatFloat(x, 'f', -1, 64))
		return d, err == nil
	default:
		return v, false
	}
}

// concerns says whether an event is about records of the object's sObject; one that names none may be.
func (r *records) concerns(e changeEvent) bool {
	return e.entity == "" || strings.EqualFold(e.entity, r.object)
}

// name tells one event from others, for people; "" where it has no id.
func (e *changeEvent) name() string {
	if e.id == "" {
		return ""
	}
	return "change event " + e.id
}

// changes makes of one event what it says of one object's records. It says nothing when no bound field is concerned.
func (r *records) changes(e changeEvent, client string) []record.Change {
	change := record.Change{Object: r.name, Ours: e.isOurs(client), Event: e.name()}
	change.Record = record.Record{Version: e.commit, Actor: e.user}
	switch e.typ {
	case "CREATE", "UNDELETE":
		r.showAll(e, &change)
	case "UPDATE":
		if !r.showChanged(e, &change) {
			return nil
		}
	case "DELETE":
		change.Record.State = record.Deleted
		change.Partial = r.system.master // whether it was merged into another record is not in the event
	default: // GAP_…, SNAPSHOT and what may come: read the record again
		change.Partial = true
	}
	list := make([]record.Change, 0, len(e.ids))
	for _, id := range e.ids {
		if !validID(id) {
			continue
		}
		c := change
		c.Record.ID = id
		c.Record.Fields = change.Record.Fields.Clone()
		list = append(list, c)
	}
	return list
}

// showAll fills a change from an event that shows the whole record. An event can't prove that a record is in scope.
func (r *records) showAll(e changeEvent, change *record.Change) {
	change.Partial = r.scope != ""
	change.Record.Fields = record.Fields{}
	for _, c := range r.columns {
		v, ok := e.shown(c)
		if _, diff := e.touched(c); !ok || diff {
			change.Partial = true
			continue
		}
		change.Record.Fields[c.native] = v
	}
	if r.key != nil {
		v, ok := e.shown(*r.key)
		change.Record.Key = v.Part(0)
		change.Partial = change.Partial || !ok
	}
}

// showChanged fills a change from an update, which shows nothing but what changed. It says whether any of that matters.
func (r *records) showChanged(e changeEvent, change *record.Change) bool {
	change.Partial = r.scope != ""
	change.Record.Fields = record.Fields{}
	matters := len(e.changed) == 0
	if matters {
		change.Partial = true // an update of nothing says that something is not shown
	}
	for _, c := range r.columns {
		if c.computed {
			// What a formula gives may change with any field, here or in another record.
			matters, change.Partial = true, true
			continue
		}
		changed, diff := e.touched(c)
		if !changed {
			continue
		}
		matters = true
		v, ok := e.shown(c)
		if !ok || diff {
			change.Partial = true
			continue
		}
		change.Record.Fields[c.native] = v
	}
	if r.key != nil {
		changed, _ := e.touched(*r.key)
		if v, ok := e.shown(*r.key); ok && !changed {
			change.Record.Key = v.Part(0) // an enriched event shows it; in others it is empty, which says nothing
		}
		if changed {
			v, ok := e.shown(*r.key)
			matters = true
			change.Record.Key = v.Part(0)
			change.Partial = change.Partial || !ok || change.Record.Key == ""
		}
	}
	return matters || r.scopeNames(e)
}

// scopeNames says whether an event changed a field that the scope's condition names, or may have through a parent.
func (r *records) scopeNames(e changeEvent) bool {
	if r.scope == "" {
		return false
	}
	words := strings.FieldsFunc(strings.ToLower(r.scope), func(c rune) bool {
		return c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	})
	for name := range e.changed {
		top, part, nested := strings.Cut(strings.ToLower(name), ".")
		if slices.Contains(words, top) || nested && (slices.Contains(words, part) ||
			slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, part) })) {
			return true
		}
		// A parent's field is named by the relationship: a new AccountId may take the record out of "Account.Type = …".
		for _, suffix := range []string{"id", "__c"} {
			if stem, ok := strings.CutSuffix(top, suffix); ok && (slices.Contains(words, stem) || slices.Contains(words, stem+"__r")) {
				return true
			}
		}
	}
	return false
}
