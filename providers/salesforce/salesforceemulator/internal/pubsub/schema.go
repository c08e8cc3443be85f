package pubsub

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/avro"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

const (
	avroNamespace = "com.sforce.eventbus"
	headerName    = "ChangeEventHeader"
	// schemaIDBytes makes ids of 22 characters, as the vendor's are.
	schemaIDBytes = 16
)

// eventSchema is the schema of one event as it was at some time. It never changes.
type eventSchema struct {
	id, name, json string
	// object is what the schema is of; platform tells platform events from change events.
	object   string
	platform bool
	codec    *avro.Schema
	fields   []eventField
	at       map[string]position
	// madeFrom is what the schema was made from, to see when it has to be made anew.
	madeFrom []changefeed.FieldInfo
}

// eventField is one field of the Avro record; the first of a change event is its header.
type eventField struct {
	name string
	kind kind
	// parts are the source fields of a compound, in the order of its Avro record; empty for absent ones.
	parts     []string
	partNames []string
	partKinds []kind
	// text is true for long text, which may be sent as a difference.
	text bool
}

// avroField is a field of an Avro schema with its attributes in the order the vendor writes them.
type avroField struct {
	Name    string          `json:"name"`
	Type    any             `json:"type"`
	Doc     string          `json:"doc,omitempty"`
	Default json.RawMessage `json:"default,omitempty"`
}

type avroRecord struct {
	Type      string      `json:"type"`
	Name      string      `json:"name"`
	Namespace string      `json:"namespace,omitempty"`
	Fields    []avroField `json:"fields"`
}

type avroEnum struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Symbols []string `json:"symbols"`
}

type avroArray struct {
	Type  string `json:"type"`
	Items any    `json:"items"`
}

// null is the default of every field: a missing value.
func null() json.RawMessage { return json.RawMessage("null") }

// headerSchema is the header as the vendor's schemas spell it out, field by field.
// From "Change Event Fields" in the Change Data Capture guide, in the order of served schemas.
func headerSchema() avroField {
	texts := avroArray{Type: "array", Items: "string"}
	return avroField{Name: headerName, Doc: "Data:ComplexValueType", Type: avroRecord{
		Type: "record", Name: headerName,
		Fields: []avroField{
			{Name: "entityName", Type: "string"},
			{Name: "recordIds", Type: texts},
			{Name: "changeType", Type: avroEnum{Type: "enum", Name: "ChangeType", Symbols: []string{
				"CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE",
				"GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT",
			}}},
			{Name: "changeOrigin", Type: "string"},
			{Name: "transactionKey", Type: "string"},
			{Name: "sequenceNumber", Type: "int"},
			{Name: "commitTimestamp", Type: "long"},
			{Name: "commitNumber", Type: "long"},
			{Name: "commitUser", Type: "string"},
			{Name: "nulledFields", Type: texts},
			{Name: "diffFields", Type: texts},
			{Name: "changedFields", Type: texts},
		},
	}}
}

func buildSchema(object changefeed.ObjectInfo) (*eventSchema, error) {
	if object.PlatformEvent {
		return newEventSchema(object)
	}
	return newChangeSchema(object)
}

// newChangeSchema makes the schema of the change event of an object.
func newChangeSchema(object changefeed.ObjectInfo) (*eventSchema, error) {
	s := &eventSchema{
		name: changeEventName(object.Name), object: object.Name, at: map[string]position{}, madeFrom: cloneFields(object.Fields),
		fields: []eventField{{name: headerName}},
	}
	fields := []avroField{headerSchema()}
	for _, group := range groupFields(object) {
		field, shape := group.build(len(s.fields), s.at, object.Name)
		s.fields = append(s.fields, field)
		fields = append(fields, shape)
	}
	shareNamedTypes(fields)
	return s.finish(fields)
}

// newEventSchema makes the schema of a platform event: two system fields that are always there, then its own.
func newEventSchema(object changefeed.ObjectInfo) (*eventSchema, error) {
	s := &eventSchema{
		name: object.Name, object: object.Name, platform: true, at: map[string]position{"CreatedDate": {0, -1}, "CreatedById": {1, -1}},
		madeFrom: cloneFields(object.Fields),
		fields:   []eventField{{name: "CreatedDate", kind: kindDateTime}, {name: "CreatedById", kind: kindText}},
	}
	fields := []avroField{
		{Name: "CreatedDate", Type: "long", Doc: "CreatedDate:DateTime"},
		{Name: "CreatedById", Type: "string", Doc: "CreatedBy:EntityId"},
	}
	for _, info := range object.Fields {
		if !info.Custom {
			continue
		}
		k, doc := typeOf(info)
		if k == kindNone {
			continue
		}
		s.at[info.Name] = position{len(s.fields), -1}
		s.fields = append(s.fields, eventField{name: info.Name, kind: k})
		fields = append(fields, avroField{Name: info.Name, Type: []any{"null", k.avro()}, Doc: doc, Default: null()})
	}
	return s.finish(fields)
}

// finish writes the schema as text, derives its id from the text, and compiles it.
func (s *eventSchema) finish(fields []avroField) (*eventSchema, error) {
	text, err := json.Marshal(avroRecord{Type: "record", Name: s.name, Namespace: avroNamespace, Fields: fields})
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", s.name, err)
	}
	s.json = string(text)
	sum := sha256.Sum256(text)
	s.id = base64.RawURLEncoding.EncodeToString(sum[:schemaIDBytes])
	if s.codec, err = avro.Parse(s.json); err != nil {
		return nil, fmt.Errorf("compile the schema of %s: %w", s.name, err)
	}
	return s, nil
}

// shareNamedTypes replaces each repeated definition of a record by its name: Avro allows one definition of a name.
func shareNamedTypes(fields []avroField) {
	seen := map[string]bool{}
	for _, field := range fields {
		branches, ok := field.Type.([]any)
		if !ok {
			continue
		}
		for i, branch := range branches {
			record, ok := branch.(avroRecord)
			if !ok {
				continue
			}
			if seen[record.Name] {
				branches[i] = record.Name
			}
			seen[record.Name] = true
		}
	}
}

// current tells whether the schema still fits the object.
func (s *eventSchema) current(fields []changefeed.FieldInfo) bool {
	return slices.EqualFunc(s.madeFrom, fields, func(a, b changefeed.FieldInfo) bool {
		return a.Name == b.Name && a.Type == b.Type && a.ID == b.ID && a.Length == b.Length && a.HTML == b.HTML &&
			a.Compound == b.Compound && a.Custom == b.Custom && a.NameField == b.NameField
	})
}

// cloneFields copies what current compares, so that a caller may reuse its slice.
func cloneFields(fields []changefeed.FieldInfo) []changefeed.FieldInfo { return slices.Clone(fields) }

// schemaRegistry keeps every schema that was ever current, by id, and the current one by object.
type schemaRegistry struct {
	mu      sync.Mutex
	all     map[string]*eventSchema
	newest  map[string]*eventSchema
	problem func(object string, err error)
}

func newSchemaRegistry(problem func(string, error)) *schemaRegistry {
	return &schemaRegistry{all: map[string]*eventSchema{}, newest: map[string]*eventSchema{}, problem: problem}
}

func (r *schemaRegistry) byID(id string) (*eventSchema, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.all[id]
	return s, ok
}

// of gives the schema that fits the object as it is described.
func (r *schemaRegistry) of(object changefeed.ObjectInfo) (*eventSchema, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.newest[object.Name]; ok && s.current(object.Fields) {
		return s, true
	}
	s, err := buildSchema(object)
	if err != nil {
		r.problem(object.Name, err)
		return nil, false
	}
	if known, ok := r.all[s.id]; ok {
		known.madeFrom = s.madeFrom
		s = known
	}
	r.all[s.id], r.newest[object.Name] = s, s
	return s, true
}

// currentSchema gives the schema of an object or platform event as it is now.
func (s *Server) currentSchema(object string) (*eventSchema, bool) {
	info, ok := s.schema.Object(object)
	if !ok {
		return nil, false
	}
	return s.schemas.of(info)
}
