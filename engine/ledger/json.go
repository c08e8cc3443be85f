package ledger

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"accord/engine/record"
)

// clean makes a text that both engines can store: valid UTF-8 without NUL, which PostgreSQL refuses.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\ufffd")
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// encode is JSON without a NUL byte in it, whatever goes in: encoding/json escapes it.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode for the ledger: %w", err)
	}
	return string(b), nil
}

func decode(what, text string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("read %s from the ledger: %w", what, err)
	}
	return nil
}

// encodeFields is NULL for fields that are nil, which is not the same as none.
func encodeFields(f record.Fields) (sql.NullString, error) {
	if f == nil {
		return sql.NullString{}, nil
	}
	s, err := encode(f)
	return sql.NullString{String: s, Valid: true}, err
}

func decodeFields(what string, s sql.NullString) (record.Fields, error) {
	if !s.Valid {
		return nil, nil
	}
	f := record.Fields{}
	return f, decode(what, s.String, &f)
}

// merged lays some fields over others; nil only when both are.
func merged(under, over record.Fields) record.Fields {
	if over == nil {
		return under
	}
	m := under.Clone()
	if m == nil {
		m = make(record.Fields, len(over))
	}
	for k, v := range over {
		m[k] = v
	}
	return m
}

func sideOf(s string) (record.Side, error) {
	switch s {
	case "left":
		return record.Left, nil
	case "right":
		return record.Right, nil
	default:
		return 0, fmt.Errorf("read the ledger: %q is not a side", s)
	}
}

func stateOf(s string) (record.State, error) {
	for _, state := range [...]record.State{record.Live, record.Archived, record.Deleted, record.Missing, record.Outside} {
		if s == state.String() {
			return state, nil
		}
	}
	return 0, fmt.Errorf("read the ledger: %q is not the state of a record", s)
}

func opOf(s string) (record.Op, error) {
	for _, op := range [...]record.Op{record.Create, record.Update, record.Archive, record.Delete} {
		if s == op.String() {
			return op, nil
		}
	}
	return 0, fmt.Errorf("read the ledger: %q is not an operation", s)
}
