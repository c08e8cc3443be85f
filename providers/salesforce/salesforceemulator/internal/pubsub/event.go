package pubsub

import (
	"fmt"
)

// maxEvent is the largest event the bus carries, in bytes; a change that makes a larger one becomes a gap event.
const maxEvent = 1 << 20

// overflowRecord stands for "any record" in overflow events.
const overflowRecord = "000000000000000AAA"

// event is one change event or platform event, independent of who reads it. It never changes once it is in a log.
type event struct {
	id     string // UUID
	object string
	schema *eventSchema
	// channels are the channels the entity was a member of when the event was made.
	channels []string
	header   *header // nil for platform events
	// body holds the values by source field, in the vocabulary of the store. It may be the store's own map.
	body map[string]any
	// all limits nothing: body may hold fields the schema does not send.
}

// header is ChangeEventHeader.
type header struct {
	recordIDs      []string
	changeType     string
	origin         string
	transaction    string
	sequence       int
	commitTime     int64
	commitNumber   int64
	user           string
	nulled, diffed []string
	changed        []string
}

func (h *header) avro(object string, recordIDs []string) map[string]any {
	return map[string]any{
		"entityName": object, "recordIds": recordIDs, "changeType": h.changeType, "changeOrigin": h.origin,
		"transactionKey": h.transaction, "sequenceNumber": h.sequence, "commitTimestamp": h.commitTime,
		"commitNumber": h.commitNumber, "commitUser": h.user,
		"nulledFields": h.nulled, "diffFields": h.diffed, "changedFields": h.changed,
	}
}

// gap tells whether the event only says that something happened.
func (h *header) gap() bool { return len(h.changeType) > 4 && h.changeType[:4] == "GAP_" }

// encode writes the event for one reader. recordIDs is what the header names, extra are enriched values,
// and hidden tells which source fields the reader may not see.
func (e *event) encode(recordIDs []string, extra map[string]any, hidden func(string) bool) ([]byte, error) {
	record := make(map[string]any, len(e.body)+len(extra)+1)
	if e.header != nil {
		record[headerName] = e.header.avro(e.object, recordIDs)
	}
	for name, value := range e.body {
		if !hidden(name) {
			e.schema.put(record, name, value)
		}
	}
	for name, value := range extra {
		if _, sent := e.body[name]; !sent && !hidden(name) {
			e.schema.put(record, name, value)
		}
	}
	payload, err := e.schema.codec.Encode(record)
	if err != nil {
		return nil, fmt.Errorf("encode a change of %s: %w", e.object, err)
	}
	return payload, nil
}

// put places one source value in an Avro record. Fields the schema does not send are passed over.
func (s *eventSchema) put(record map[string]any, name string, value any) {
	p, ok := s.at[name]
	if !ok {
		return
	}
	field := s.fields[p.field]
	if p.part < 0 {
		if _, compound := record[field.name].(map[string]any); compound {
			return // the parts of a person's name say more than the whole
		}
		if out, ok := toAvro(field.kind, value); ok {
			record[field.name] = out
		}
		return
	}
	out, ok := toAvro(field.partKinds[p.part], value)
	if !ok {
		return
	}
	inner, isRecord := record[field.name].(map[string]any)
	if !isRecord {
		inner = map[string]any{}
		record[field.name] = inner
	}
	inner[field.partNames[p.part]] = out
}
