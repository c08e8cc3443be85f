package pubsub

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// kind is how a value travels in Avro.
type kind int

const (
	kindNone kind = iota
	kindText
	kindBool
	kindInt
	kindLong
	kindDouble
	kindDate     // milliseconds since 1970 at 00:00 UTC of the day
	kindDateTime // milliseconds since 1970
	kindTime     // milliseconds since midnight
	kindRecord
	kindSwitchable // text or a record
)

func (k kind) avro() string {
	switch k {
	case kindBool:
		return "boolean"
	case kindInt:
		return "int"
	case kindLong, kindDate, kindDateTime, kindTime:
		return "long"
	case kindDouble:
		return "double"
	default:
		return "string"
	}
}

const (
	restDate     = "2006-01-02"
	restDateTime = "2006-01-02T15:04:05.000-0700"
	restTime     = "15:04:05.000Z"
)

// toAvro turns a value of the store into what the Avro encoder takes for the kind. ok is false where the value
// is null or does not fit, which is then sent as null.
func toAvro(k kind, value any) (out any, ok bool) {
	if value == nil {
		return nil, false
	}
	switch k {
	case kindText, kindSwitchable:
		return textOf(value), true
	case kindBool:
		b, ok := value.(bool)
		return b, ok
	case kindInt:
		n, ok := integerOf(value)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return nil, false
		}
		return int32(n), true
	case kindLong:
		n, ok := integerOf(value)
		return n, ok
	case kindDouble:
		f, ok := floatOf(value)
		return f, ok
	case kindDate, kindDateTime, kindTime:
		return momentOf(k, value)
	default:
		return nil, false
	}
}

func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		return ""
	}
}

func integerOf(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	}
	f, ok := floatOf(value)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		if n, isNumber := value.(json.Number); isNumber {
			i, err := n.Int64()
			return i, err == nil
		}
		return 0, false
	}
	return int64(f), true
}

func floatOf(value any) (float64, bool) {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	default:
		return 0, false
	}
}

func momentOf(k kind, value any) (any, bool) {
	text, ok := value.(string)
	if !ok {
		return nil, false
	}
	layouts := []string{restDateTime, time.RFC3339Nano}
	switch k {
	case kindDate:
		layouts = []string{restDate}
	case kindTime:
		layouts = []string{restTime, "15:04:05Z", "15:04:05.000", "15:04:05", "15:04"}
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if k == kindTime {
			midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
			return t.Sub(midnight).Milliseconds(), true
		}
		return t.UnixMilli(), true
	}
	return nil, false
}

// fromAvro turns a decoded Avro value into the vocabulary of the store, for events published through this API.
func fromAvro(k kind, value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case bool, string:
		return v
	case int32:
		return json.Number(strconv.FormatInt(int64(v), 10))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return json.Number(strconv.FormatFloat(v, 'f', -1, 64))
	case int64:
		switch k {
		case kindDate:
			return time.UnixMilli(v).UTC().Format(restDate)
		case kindDateTime:
			return time.UnixMilli(v).UTC().Format(restDateTime)
		case kindTime:
			return time.UnixMilli(v).UTC().Format(restTime)
		default:
			return json.Number(strconv.FormatInt(v, 10))
		}
	default:
		return nil
	}
}
