package org

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

var emailPattern = regexp.MustCompile(`^[^\s@,;:"()<>\[\]\\]+@[^\s@,;:"()<>\[\]\\.]+(\.[^\s@,;:"()<>\[\]\\.]+)+$`)

// coerce turns a JSON value into what the field stores: trimmed, rounded to scale, canonical; nil for null and "".
func (tx *Tx) coerce(f *metadata.Field, v any) (any, *Error) {
	if v == nil {
		if f.Type == "boolean" {
			return nil, fieldError("INVALID_TYPE_ON_FIELD_IN_RECORD", f.Name, "%s: value not of required type: ", f.Label)
		}
		return nil, nil
	}
	switch {
	case f.IsText():
		return tx.coerceText(f, v)
	case f.IsNumber():
		return coerceNumber(f, v)
	}
	switch f.Type {
	case "boolean":
		switch v := v.(type) {
		case bool:
			return v, nil
		case string:
			switch strings.ToLower(strings.TrimSpace(v)) {
			case "true", "1":
				return true, nil
			case "false", "0":
				return false, nil
			}
		}
		return nil, parseError(f, v)
	case "date", "datetime", "time":
		s, ok := v.(string)
		if !ok {
			return nil, parseError(f, v)
		}
		return coerceTime(f, strings.TrimSpace(s))
	case "id", "reference":
		s, ok := v.(string)
		if !ok {
			return nil, parseError(f, v)
		}
		return tx.coerceID(f, strings.TrimSpace(s))
	}
	return nil, fieldError("INVALID_FIELD_FOR_INSERT_UPDATE", f.Name, "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name)
}

// parseError is how the JSON reader refuses a value of the wrong kind.
func parseError(f *metadata.Field, v any) *Error {
	kind, text := "VALUE_STRING", fmt.Sprint(v)
	switch v := v.(type) {
	case json.Number:
		kind = "VALUE_NUMBER_INT"
		if strings.ContainsAny(v.String(), ".eE") {
			kind = "VALUE_NUMBER_FLOAT"
		}
	case bool:
		kind = "VALUE_" + strings.ToUpper(text)
	case map[string]any:
		kind, text = "START_OBJECT", "{"
	case []any:
		kind, text = "START_ARRAY", "["
	}
	want := f.Type
	if f.IsText() {
		want = "string"
	}
	return &Error{Code: "JSON_PARSER_ERROR", Message: fmt.Sprintf("Cannot deserialize instance of %s from %s value %s or request may be missing a required field at [line:1, column:1]", want, kind, clip(text, 100))}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (tx *Tx) coerceText(f *metadata.Field, v any) (any, *Error) {
	s, ok := v.(string)
	if !ok {
		return nil, parseError(f, v)
	}
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
	if s == "" {
		return nil, nil
	}
	limit := f.Length
	if limit > 0 && utf8.RuneCountInString(s) > limit {
		return nil, fieldError("STRING_TOO_LONG", f.Name, "%s: data value too large: %s (max length=%d)", f.Label, clip(s, 1000), limit)
	}
	switch f.Type {
	case "email":
		if !emailPattern.MatchString(s) {
			return nil, fieldError("INVALID_EMAIL_ADDRESS", f.Name, "%s: invalid email address: %s", f.Label, s)
		}
	case "picklist":
		return tx.coercePicklist(f, s)
	case "multipicklist":
		return tx.coerceMulti(f, s)
	}
	return s, nil
}

func badPicklist(f *metadata.Field, s string) *Error {
	return fieldError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f.Name, "%s: bad value for restricted picklist field: %s", f.Label, clip(s, 255))
}

func (tx *Tx) coercePicklist(f *metadata.Field, s string) (any, *Error) {
	if canonical, ok := f.HasValue(s); ok {
		return canonical, nil
	}
	if f.Name == metadata.CurrencyField {
		return nil, fieldError("INVALID_CURRENCY_ISO", f.Name, "%s: invalid currency ISO code: %s", f.Label, clip(s, 255))
	}
	if f.RestrictedPicklist && len(f.Picklist) > 0 && !tx.caller.Loading {
		return nil, badPicklist(f, s)
	}
	return s, nil
}

// coerceMulti gives the values in the order of the definition, each once.
func (tx *Tx) coerceMulti(f *metadata.Field, s string) (any, *Error) {
	rank := func(v string) int {
		if i := slices.IndexFunc(f.Picklist, func(p metadata.PicklistValue) bool { return p.Value == v }); i >= 0 {
			return i
		}
		return len(f.Picklist)
	}
	var out []string
	for part := range strings.SplitSeq(s, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if canonical, ok := f.HasValue(part); ok {
			part = canonical
		} else if f.RestrictedPicklist && !tx.caller.Loading {
			return nil, badPicklist(f, part)
		}
		if !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return strings.Join(out, ";"), nil
}

func coerceNumber(f *metadata.Field, v any) (any, *Error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		text = strconv.Itoa(v)
	case string:
		text = strings.TrimSpace(v)
		if text == "" {
			return nil, nil
		}
	default:
		return nil, parseError(f, v)
	}
	outside := func() *Error {
		return fieldError("NUMBER_OUTSIDE_VALID_RANGE", f.Name, "%s: value outside of valid range on numeric field: %s", f.Label, clip(text, 60))
	}
	if x, err := strconv.ParseFloat(text, 64); err != nil && x == 0 || !plainNumber(text) {
		return nil, parseError(f, v)
	} else if x > 1e30 || x < -1e30 {
		return nil, outside()
	}
	if _, exp, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if n, err := strconv.Atoi(exp); err != nil || n > 30 || n < -30 {
			if err == nil && n < -30 {
				return json.Number("0"), nil
			}
			return nil, outside()
		}
	}
	if len(text) > 400 {
		return nil, outside()
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, parseError(f, v)
	}
	scale, whole := f.Scale, f.Precision-f.Scale
	if f.Type == "int" || f.Type == "long" {
		if !r.IsInt() {
			return nil, parseError(f, v)
		}
		scale, whole = 0, max(f.Precision, 8)
	}
	s := trimNumber(r.FloatString(scale))
	digits, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if f.Precision > 0 && len(digits) > whole && !(whole == 0 && digits == "0") {
		return nil, outside()
	}
	return json.Number(s), nil
}

// plainNumber excludes what ParseFloat takes beyond JSON numbers: hex, underscores, Inf, NaN.
func plainNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.eE") == ""
}

func trimNumber(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" || s == "" {
		s = "0"
	}
	return s
}

func coerceTime(f *metadata.Field, s string) (any, *Error) {
	if s == "" {
		return nil, nil
	}
	switch f.Type {
	case "date":
		day := s
		if len(s) > 10 && s[10] == 'T' {
			day = s[:10]
		}
		if d, ok := soql.ParseDate(day); ok {
			return d, nil
		}
	case "datetime":
		for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", time.DateOnly} {
			if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1700 && t.Year() <= 4000 {
				return stamp(t.Truncate(time.Second)), nil
			}
		}
	case "time":
		for _, layout := range []string{"15:04:05Z", "15:04:05", "15:04"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.Format("15:04:05.000Z"), nil
			}
		}
	}
	return nil, parseError(f, s)
}

// coerceID checks the shape of an id and that it is one of an object the field may point to.
func (tx *Tx) coerceID(f *metadata.Field, s string) (any, *Error) {
	if s == "" {
		return nil, nil
	}
	id, ok := sfid.Normalize(s)
	if !ok {
		return nil, fieldError("MALFORMED_ID", f.Name, "%s: id value of incorrect type: %s", f.Label, clip(s, 60))
	}
	if f.Type == "id" || len(f.ReferenceTo) == 0 {
		return id, nil
	}
	t := tx.o.prefix[sfid.Prefix(id)]
	if t == nil || !slices.ContainsFunc(f.ReferenceTo, func(n string) bool { return strings.EqualFold(n, t.def.Name) }) {
		return nil, fieldError("FIELD_INTEGRITY_EXCEPTION", f.Name, "%s: id value of incorrect type: %s", f.Label, s)
	}
	return id, nil
}
