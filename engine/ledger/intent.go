package ledger

import (
	"database/sql"
	"fmt"
	"time"

	"accord/engine/record"
)

// Intent is one write that was decided and is not settled yet.
type Intent struct {
	ID       string
	PairID   string
	Object   string
	Side     record.Side
	Op       record.Op
	RecordID string // "" for a create
	Key      string // also write this as the record's key
	Unlink   bool   // clear the record's key
	Fields   record.Fields
	// Agreed is merged into the pair's base, by side, once the write is confirmed.
	Agreed    [2]record.Fields
	Priority  int
	NotBefore time.Time
	Cause     string // who or what led to it, for people and the audit log
	State     IntentState
	Attempts  int    // how often it was put off
	Error     string // of the last attempt
	CreatedAt time.Time
	// Before is what was seen of the written fields when the write was decided.
	Before record.Fields
}

// IntentState says how far an intent got.
type IntentState string

// The states of an intent. Sent and unknown ones may or may not have been carried out: look before repeating.
const (
	IntentReady   IntentState = "ready"
	IntentSent    IntentState = "sent"
	IntentUnknown IntentState = "unknown"
)

// Patch is what the intent asks of a provider.
func (i *Intent) Patch() record.Patch {
	return record.Patch{Op: i.Op, ID: i.RecordID, Key: i.Key, Unlink: i.Unlink, Fields: i.Fields}
}

const intentColumns = `id, pair_id, object, side, op, record_id, link, fields, before_fields, agreed_left, agreed_right, priority, not_before,
	cause, state, attempts, error, batch_id, idempotency_key, sent_at, tried_at, created_at, unlink`

// intentRow is an intent with its place in a batch.
type intentRow struct {
	Intent
	batch string
	key   string
	sent  int64
	tried int64
	// before is Before with the versions that were seen.
	before map[string]fieldSeen
}

// only is the intent without what it does to fields that are not among some, by side.
func (i *intentRow) only(fields [2][]string) *intentRow {
	keep := func(have record.Fields, side record.Side) record.Fields {
		if have == nil {
			return nil
		}
		kept := record.Fields{}
		for _, name := range fields[side] {
			if v, ok := have[name]; ok {
				kept[name] = v
			}
		}
		return kept
	}
	part := *i
	part.Fields = keep(i.Fields, i.Side)
	for _, side := range record.Sides {
		part.Agreed[side] = keep(i.Agreed[side], side)
	}
	return &part
}

func scanIntent(r row) (*intentRow, error) {
	i := &intentRow{}
	var side, op, fields, before string
	var left, right sql.NullString
	var notBefore, created int64
	err := r.Scan(&i.ID, &i.PairID, &i.Object, &side, &op, &i.RecordID, &i.Key, &fields, &before, &left, &right, &i.Priority, &notBefore,
		&i.Cause, &i.State, &i.Attempts, &i.Error, &i.batch, &i.key, &i.sent, &i.tried, &created, &i.Unlink)
	if err != nil {
		return nil, err
	}
	if i.Side, err = sideOf(side); err != nil {
		return nil, err
	}
	if i.Op, err = opOf(op); err != nil {
		return nil, err
	}
	i.NotBefore, i.CreatedAt = moment(notBefore), moment(created)
	what := "intent " + i.ID
	if err := decode(what, fields, &i.Fields); err != nil {
		return nil, err
	}
	if err := decode(what, before, &i.before); err != nil {
		return nil, err
	}
	i.Before = values(i.before)
	for side, text := range [2]sql.NullString{left, right} {
		if i.Agreed[side], err = decodeFields(what, text); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// values are seen fields without their versions.
func values(seen map[string]fieldSeen) record.Fields {
	if len(seen) == 0 {
		return nil
	}
	f := make(record.Fields, len(seen))
	for name, v := range seen {
		f[name] = v.Value
	}
	return f
}

// values is a new intent as it is stored.
func (i *Intent) values(before map[string]fieldSeen, now int64) ([]any, error) {
	var texts [2]string
	for n, f := range [2]any{i.Fields, before} {
		var err error
		if texts[n], err = encode(f); err != nil {
			return nil, err
		}
	}
	var agreed [2]sql.NullString
	for side, f := range i.Agreed {
		var err error
		if agreed[side], err = encodeFields(f); err != nil {
			return nil, err
		}
	}
	return []any{
		i.ID, i.PairID, i.Object, i.Side.String(), i.Op.String(), i.RecordID, i.Key, texts[0], texts[1], agreed[0], agreed[1],
		i.Priority, max(now, millis(i.NotBefore)), i.Cause, string(IntentReady), 0, "", "", "", 0, 0, now, number(i.Unlink),
	}, nil
}

// label names an intent in messages.
func (i *Intent) label() string {
	return fmt.Sprintf("%s of %s record %q", i.Op, i.Object, i.RecordID)
}
