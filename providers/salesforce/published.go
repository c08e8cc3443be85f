package salesforce

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/avro"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/salesforce/internal/eventbus"
)

// publishedSchema decodes the platform events of one schema id.
type publishedSchema struct {
	avro  *avro.Schema
	types map[string]string // what each field's doc says it is: "Text", "DateTime", "DateOnly", "Double"
}

// parsePublished reads the schema of a platform event, as GetSchema gives it.
func parsePublished(text string) (*publishedSchema, error) {
	s, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the schema of a platform event: %w", err)
	}
	root := s.Root()
	if root.Type != "record" {
		return nil, fmt.Errorf("read the schema of a platform event: %q is no record", root.Name)
	}
	parsed := &publishedSchema{avro: s, types: map[string]string{}}
	for _, f := range root.Fields {
		// "Data:Text:00N…", "CreatedDate:DateTime" (the schemas that the API serves).
		if parts := strings.Split(f.Doc, ":"); len(parts) > 1 {
			parsed.types[f.Name] = parts[1]
		}
	}
	return parsed, nil
}

// decode makes an event of what was received. Of its own fields it shows those that hold something, and those that every
// event has.
func (s *publishedSchema) decode(name string, consumed *eventbus.ConsumerEvent) (provider.Event, error) {
	raw := consumed.GetEvent()
	e := provider.Event{Name: name, ID: eventID(consumed), Fields: map[string]record.Value{}}
	var decoded any
	rest, err := s.avro.Decode(raw.GetPayload(), &decoded)
	if err != nil {
		return e, fmt.Errorf("decode a platform event: %w", err)
	}
	body, ok := decoded.(map[string]any)
	if !ok || len(rest) > 0 {
		return e, fmt.Errorf("decode a platform event: it does not fit its schema")
	}
	for field, x := range body {
		v, err := publishedValue(x, s.types[field])
		if err != nil {
			return e, fmt.Errorf("decode a platform event: field %s: %w", field, err)
		}
		if !v.IsEmpty() {
			e.Fields[field] = v
		}
	}
	if ms, ok := integer(body["CreatedDate"]); ok {
		e.At = time.UnixMilli(ms).UTC()
	}
	e.Actor = e.Fields["CreatedById"].Part(0)
	e.Fields["EventUuid"] = record.OfText(raw.GetId())
	e.Fields["ReplayId"] = record.OfText(new(big.Int).SetBytes(consumed.GetReplayId()).String())
	// Who publishes for us may have to do it twice, and says so.
	if occurrence := e.Fields[OccurrenceField].Part(0); occurrence != "" {
		e.ID = occurrence
	}
	return e, nil
}

// eventID is what tells an event from others: its EventUuid, the same when the org delivers it twice (Platform Events
// Developer Guide, "EventUuid").
func eventID(consumed *eventbus.ConsumerEvent) string {
	if id := consumed.GetEvent().GetId(); id != "" {
		return id
	}
	return fmt.Sprintf("replay %x", consumed.GetReplayId())
}

func publishedValue(raw any, typ string) (record.Value, error) {
	switch x := raw.(type) {
	case nil:
		return record.Value{}, nil
	case string:
		return record.OfText(x), nil
	case bool:
		return record.OfBool(x), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return record.Value{}, fmt.Errorf("%v is no number", x)
		}
		return record.OfDecimal(strconv.FormatFloat(x, 'f', -1, 64))
	}
	n, ok := integer(raw)
	switch {
	case !ok:
		return record.Value{}, fmt.Errorf("a value of type %T can't be read", raw)
	case typ == "DateTime":
		return record.OfDateTime(time.UnixMilli(n)), nil
	case typ == "DateOnly":
		return record.OfDate(time.UnixMilli(n).UTC().Format(time.DateOnly))
	default:
		return record.OfDecimal(strconv.FormatInt(n, 10))
	}
}
