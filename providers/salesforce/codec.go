package salesforce

import (
	"encoding/json"
	"fmt"
	"strings"

	"accord/engine/record"
)

// column is one bound field: what the contract calls it, and what the org does.
type column struct {
	native   string // as the contract spells it
	api      string // as the org spells it
	typ      string // the describe type
	compound string // the compound field that it is a part of, "" for none
	computed bool   // a formula or roll-up: changes without an event
	shape    record.Shape
}

// decode makes a value of what REST shows of a field.
func (c column) decode(raw json.RawMessage) (record.Value, error) {
	text := string(raw)
	if text == "" || text == "null" {
		return record.Value{}, nil
	}
	switch c.typ {
	case "boolean":
		if text != "true" && text != "false" {
			return record.Value{}, c.unreadable(raw)
		}
		return record.OfBool(text == "true"), nil
	case "double", "currency", "percent", "int", "long":
		v, err := record.OfDecimal(strings.Trim(text, `"`))
		if err != nil {
			return record.Value{}, c.unreadable(raw)
		}
		return v, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return record.Value{}, c.unreadable(raw)
	}
	return c.ofText(s)
}

// ofText makes a value of a field whose wire form is text.
func (c column) ofText(s string) (record.Value, error) {
	if s == "" {
		return record.Value{}, nil
	}
	switch c.typ {
	case "date":
		v, err := record.OfDate(s)
		if err != nil {
			return record.Value{}, fmt.Errorf("%s is a %s, and %w", c.api, c.typ, err)
		}
		return v, nil
	case "datetime":
		t, err := parseDateTime(s)
		if err != nil {
			return record.Value{}, fmt.Errorf("%s is a %s, and shows what is none", c.api, c.typ)
		}
		return record.OfDateTime(t), nil
	case "picklist":
		return record.OfChoice(s), nil
	case "multipicklist":
		return record.OfChoice(strings.Split(s, ";")...), nil
	case "reference":
		if c.shape.Kind == record.Personal {
			return record.OfPerson(s), nil
		}
		return record.OfReference(s), nil
	case "url":
		return record.OfLink(s, ""), nil
	case "textarea":
		// The API keeps line feeds, people's browsers send both characters; they mean the same.
		return record.OfText(strings.ReplaceAll(s, "\r\n", "\n")), nil
	default:
		return record.OfText(s), nil
	}
}

func (c column) unreadable(raw json.RawMessage) error {
	return fmt.Errorf("%s is a %s, and shows %d bytes of JSON that are none", c.api, c.typ, len(raw))
}

// encode makes what REST takes of a value. The error says what is wrong with the value, without it.
func (c column) encode(v record.Value) (any, error) {
	if v.IsEmpty() {
		if c.typ == "boolean" {
			return false, nil // a checkbox has no third state
		}
		return nil, nil
	}
	if v.Kind() != c.shape.Kind && !c.takes(v.Kind()) {
		return nil, fmt.Errorf("%s is a %s and can't hold a %s", c.api, c.typ, v.Kind())
	}
	switch c.typ {
	case "boolean":
		return v.Bool(), nil
	case "int", "long":
		if strings.Contains(v.Part(0), ".") {
			return nil, fmt.Errorf("%s takes whole numbers", c.api)
		}
		return json.Number(v.Part(0)), nil
	case "double", "currency", "percent":
		return json.Number(v.Part(0)), nil
	case "datetime":
		t, ok := v.Time()
		if !ok {
			return nil, fmt.Errorf("%s is a datetime, and the value is no moment", c.api)
		}
		return t.UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case "multipicklist":
		for _, option := range v.Parts() {
			if strings.Contains(option, ";") {
				return nil, fmt.Errorf("%s can't hold an option with a semicolon", c.api)
			}
		}
		return strings.Join(v.Parts(), ";"), nil
	}
	if v.Len() > 1 && v.Kind() != record.Link {
		return nil, fmt.Errorf("%s holds one value, not %d", c.api, v.Len())
	}
	return v.Part(0), nil
}

// takes lists the kinds that fit a field besides its own.
func (c column) takes(k record.Kind) bool {
	switch c.shape.Kind {
	case record.Text:
		return k == record.Link || k == record.Choice
	case record.Link:
		return k == record.Text
	case record.Personal, record.Reference:
		return k == record.Personal || k == record.Reference // an owner may be a queue
	default:
		return false
	}
}
