package view

import (
	"encoding/json"
	"io"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// conflictJSON is a conflict for programs. Values are texts, by system.
type conflictJSON struct {
	ID        int64             `json:"id"`
	Object    string            `json:"object"`
	Pair      string            `json:"pair"`
	Field     string            `json:"field,omitempty"`
	Reason    string            `json:"reason"`
	State     string            `json:"state"`
	Values    map[string]string `json:"values,omitempty"`
	Agreed    string            `json:"agreed,omitempty"`
	Detail    string            `json:"detail"`
	Remedy    string            `json:"to_do,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

// ConflictsJSON writes conflicts as a JSON array.
func ConflictsJSON(out io.Writer, list []ledger.Conflict, s Style) error {
	all := make([]conflictJSON, 0, len(list))
	for _, c := range list {
		j := conflictJSON{
			ID: c.ID, Object: c.Object, Pair: c.PairID, Field: c.Field, Reason: c.Reason, State: c.State, Agreed: c.Base.String(),
			Detail: c.Detail, Remedy: c.Remedy, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		}
		if c.Field != "" {
			j.Values = map[string]string{s.Systems[record.Left]: c.Left.String(), s.Systems[record.Right]: c.Right.String()}
		}
		all = append(all, j)
	}
	return writeJSON(out, all)
}

// letterJSON is a dead letter for programs.
type letterJSON struct {
	ID         int64           `json:"id"`
	Object     string          `json:"object,omitempty"`
	Pair       string          `json:"pair,omitempty"`
	System     string          `json:"system"`
	Operation  string          `json:"operation"`
	Record     string          `json:"record,omitempty"`
	Trigger    string          `json:"trigger,omitempty"`
	State      string          `json:"state"`
	Kind       string          `json:"kind"`
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	Fields     []string        `json:"fields,omitempty"`
	Request    string          `json:"request,omitempty"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Remedy     string          `json:"to_do,omitempty"`
	CreatedAt  time.Time       `json:"created_at"`
	ResolvedAt *time.Time      `json:"resolved_at,omitempty"`
}

// DeadLettersJSON writes dead letters as a JSON array.
func DeadLettersJSON(out io.Writer, list []ledger.DeadLetter, s Style) error {
	all := make([]letterJSON, 0, len(list))
	for _, d := range list {
		j := letterJSON{
			ID: d.ID, Object: d.Object, Pair: d.PairID, System: s.Systems[d.Side], Operation: d.Op.String(), Record: d.RecordID, Trigger: d.Trigger,
			State: d.State, Kind: d.Kind, Code: d.Code, Message: d.Message, Fields: d.Fields, Request: d.RequestID, Payload: d.Payload,
			Remedy: d.Remedy, CreatedAt: d.CreatedAt,
		}
		if d.State != ledger.StateOpen {
			j.ResolvedAt = &d.ResolvedAt
		}
		all = append(all, j)
	}
	return writeJSON(out, all)
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
