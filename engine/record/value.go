package record

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Kind is the sort of thing a value is.
type Kind uint8

// The closed set of kinds. Empty is the kind of the zero Value: shown by the vendor, and holding nothing.
const (
	Empty Kind = iota
	Text
	Decimal
	Bool
	Date
	DateTime
	Interval
	Choice
	Personal
	Reference
	Link
)

var kindNames = [...]string{"empty", "text", "decimal", "bool", "date", "datetime", "interval", "choice", "person", "reference", "link"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Value is one canonical value: a kind, and its parts as canonical text. Values are immutable; the zero Value is empty.
//
//	text      [s]                      decimal  [plain digits, no exponent, no trailing zeros]
//	bool      ["true"|"false"]         date     ["2006-01-02"]
//	datetime  [RFC 3339 in UTC, milliseconds at most]
//	interval  [from, to] as dates, either may be ""
//	choice, person, reference  one or more, sorted, no doubles
//	link      [url, text]
//
// Canonical text makes equality exact and cheap (comparing two cty fractions costs 40 µs), and storing trivial.
type Value struct {
	kind  Kind
	parts []string
}

// OfText is a text; empty text is the empty value.
func OfText(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{Text, []string{valid(s)}}
}

// OfDecimal reads an exact decimal in any spelling ("1e3", "12.50", "-0").
func OfDecimal(s string) (Value, error) {
	d, _, err := apd.NewFromString(strings.TrimSpace(s))
	if err != nil || d.Form != apd.Finite {
		return Value{}, fmt.Errorf("%q is not a decimal number", clip(s))
	}
	if d.Exponent > 1000 || d.Exponent < -1000 {
		return Value{}, fmt.Errorf("%q is out of range for a decimal number", clip(s))
	}
	d.Reduce(d)
	if d.IsZero() {
		return Value{Decimal, []string{"0"}}, nil
	}
	return Value{Decimal, []string{d.Text('f')}}, nil
}

// OfBool is a truth value.
func OfBool(b bool) Value {
	if b {
		return Value{Bool, []string{"true"}}
	}
	return Value{Bool, []string{"false"}}
}

// OfDate reads a calendar date "2006-01-02", which has no zone.
func OfDate(s string) (Value, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return Value{}, fmt.Errorf("%q is not a date (YYYY-MM-DD)", clip(s))
	}
	return Value{Date, []string{s}}, nil
}

// OfDateTime is a moment, kept in UTC to the millisecond. Its year in UTC must be one of 0 to 9999: callers check, because
// others can be written and not read back.
func OfDateTime(t time.Time) Value {
	return Value{DateTime, []string{t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)}}
}

// OfInterval is a stretch of days; either end may be "", both empty is the empty value.
func OfInterval(from, to string) (Value, error) {
	for _, s := range []string{from, to} {
		if s != "" {
			if _, err := OfDate(s); err != nil {
				return Value{}, err
			}
		}
	}
	if from == "" && to == "" {
		return Value{}, nil
	}
	return Value{Interval, []string{from, to}}, nil
}

// OfChoice is a set of chosen options by name; none is the empty value.
func OfChoice(options ...string) Value { return set(Choice, options) }

// OfPerson is a set of people: by vendor id in native values, by lower-case e-mail address in canonical ones.
func OfPerson(ids ...string) Value { return set(Personal, ids) }

// OfReference is a set of records: by vendor id in native values, by pair id in canonical ones.
func OfReference(ids ...string) Value { return set(Reference, ids) }

// OfLink is an address with a text to show for it; an empty address is the empty value.
func OfLink(url, text string) Value {
	if url == "" {
		return Value{}
	}
	return Value{Link, []string{valid(url), valid(text)}}
}

// valid replaces bytes that are no UTF-8, as JSON would: else a value is stored as another one, out of canonical form,
// and can't be read again.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func set(k Kind, members []string) Value {
	m := make([]string, 0, len(members))
	for _, s := range members {
		if s != "" {
			m = append(m, valid(s))
		}
	}
	if len(m) == 0 {
		return Value{}
	}
	slices.Sort(m)
	return Value{k, slices.Compact(m)}
}

// Kind is the value's kind.
func (v Value) Kind() Kind { return v.kind }

// IsEmpty says whether the value holds nothing.
func (v Value) IsEmpty() bool { return v.kind == Empty }

// Equal says whether two values are the same.
func (v Value) Equal(w Value) bool { return v.kind == w.kind && slices.Equal(v.parts, w.parts) }

// Parts is a copy of the canonical parts, as the type's comment lays them out; nil when empty.
func (v Value) Parts() []string { return slices.Clone(v.parts) }

// Part is one canonical part, "" when there is none.
func (v Value) Part(i int) string {
	if i < len(v.parts) {
		return v.parts[i]
	}
	return ""
}

// Len is the number of parts.
func (v Value) Len() int { return len(v.parts) }

// Bool is the truth of a bool value; false for every other.
func (v Value) Bool() bool { return v.kind == Bool && v.parts[0] == "true" }

// Time is the moment of a datetime, or midnight UTC of a date.
func (v Value) Time() (time.Time, bool) {
	switch v.kind {
	case DateTime:
		t, err := time.Parse(time.RFC3339Nano, v.parts[0])
		return t, err == nil
	case Date:
		t, err := time.Parse(time.DateOnly, v.parts[0])
		return t, err == nil
	default:
		return time.Time{}, false
	}
}

// String is the value for people to read: never stored, never parsed.
func (v Value) String() string {
	switch v.kind {
	case Empty:
		return ""
	case Interval:
		return v.parts[0] + " to " + v.parts[1]
	case Link:
		return v.parts[0]
	default:
		return strings.Join(v.parts, ", ")
	}
}

type stored struct {
	Kind  string   `json:"k"`
	Parts []string `json:"v"`
}

// MarshalJSON is null for the empty value, else {"k": kind, "v": parts}.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.kind == Empty {
		return []byte("null"), nil
	}
	return json.Marshal(stored{v.kind.String(), v.parts})
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses anything that is not canonical.
func (v *Value) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*v = Value{}
		return nil
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read a value: %w", err)
	}
	w, err := parse(s)
	if err != nil {
		return fmt.Errorf("read a value: %w", err)
	}
	if !slices.Equal(w.parts, s.Parts) {
		return fmt.Errorf("read a value: %s %q is not in canonical form", s.Kind, s.Parts)
	}
	*v = w
	return nil
}

func parse(s stored) (Value, error) {
	k := Kind(slices.Index(kindNames[:], s.Kind))
	want := 1
	switch k {
	case Interval, Link:
		want = 2
	case Choice, Personal, Reference:
		want = len(s.Parts)
	}
	if len(s.Parts) != want || want == 0 {
		return Value{}, fmt.Errorf("%q has %d parts", s.Kind, len(s.Parts))
	}
	switch k {
	case Text:
		return OfText(s.Parts[0]), nil
	case Decimal:
		return OfDecimal(s.Parts[0])
	case Bool:
		return OfBool(s.Parts[0] == "true"), nil
	case Date:
		return OfDate(s.Parts[0])
	case DateTime:
		t, err := time.Parse(time.RFC3339Nano, s.Parts[0])
		return OfDateTime(t), err
	case Interval:
		return OfInterval(s.Parts[0], s.Parts[1])
	case Choice, Personal, Reference:
		return set(k, s.Parts), nil
	case Link:
		return OfLink(s.Parts[0], s.Parts[1]), nil
	default:
		return Value{}, fmt.Errorf("unknown kind %q", s.Kind)
	}
}

// CanonicalEmail is the form in which an e-mail address is compared: the bare address, lower case. "" when it is none.
func CanonicalEmail(s string) string {
	a, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil {
		return ""
	}
	return strings.ToLower(a.Address)
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
