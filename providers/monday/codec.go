package monday

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"accord/engine/record"
)

// cell is one column value as the vendor shows it: the fields of every fragment that selections uses.
type cell struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Text      *string         `json:"text"`
	Value     json.RawMessage `json:"value"`
	UpdatedAt string          `json:"updated_at"`

	Index     *int64          `json:"index"`
	Label     *string         `json:"label"`
	Values    []labelRow      `json:"values"`
	People    []personRow     `json:"persons_and_teams"`
	Date      string          `json:"date"`
	Time      string          `json:"time"`
	From      string          `json:"from"`
	To        string          `json:"to"`
	URL       string          `json:"url"`
	URLText   string          `json:"url_text"`
	Email     string          `json:"email"`
	Phone     string          `json:"phone"`
	Checked   *bool           `json:"checked"`
	Country   *countryRow     `json:"country"`
	Rating    json.RawMessage `json:"rating"`
	Linked    []id            `json:"linked_item_ids"`
	Tags      []tagRow        `json:"tags"`
	Display   string          `json:"display_value"`
	ItemID    id              `json:"item_id"`
	CreatedAt string          `json:"created_at"`
}

type (
	labelRow  struct{ Label string }
	personRow struct {
		ID   id
		Kind string
	}
	countryRow struct{ Code string }
	tagRow     struct{ Name string }
)

// selections are the fragments that show what a type's cells hold. Types that are not here show it as text.
var selections = map[string]string{
	"status":         "StatusValue{index label updated_at}",
	"dropdown":       "DropdownValue{values{label}}",
	"people":         "PeopleValue{persons_and_teams{id kind} updated_at}",
	"date":           "DateValue{date time updated_at}",
	"timeline":       "TimelineValue{from to updated_at}",
	"link":           "LinkValue{url url_text updated_at}",
	"email":          "EmailValue{email updated_at}",
	"phone":          "PhoneValue{phone updated_at}",
	"checkbox":       "CheckboxValue{checked updated_at}",
	"country":        "CountryValue{country{code} updated_at}",
	"rating":         "RatingValue{rating updated_at}",
	"board_relation": "BoardRelationValue{linked_item_ids updated_at}",
	"long_text":      "LongTextValue{updated_at}",
	"tags":           "TagsValue{tags{name}}",
	"mirror":         "MirrorValue{display_value}",
	"item_id":        "ItemIdValue{item_id}",
	"creation_log":   "CreationLogValue{created_at}",
	"last_updated":   "LastUpdatedValue{updated_at}",
}

// changedAt is when the cell changed, where the vendor tells: to the millisecond in the raw value, else in seconds.
func (c *cell) changedAt() record.Version {
	if c.Type == "last_updated" {
		return 0
	}
	var raw struct {
		ChangedAt string `json:"changed_at"`
	}
	if loose(c.Value, &raw) == nil {
		if t, ok := parseTime(raw.ChangedAt); ok {
			return record.VersionAt(t)
		}
	}
	t, _ := parseTime(c.UpdatedAt)
	return record.VersionAt(t)
}

// parseTime reads the vendor's several spellings of a moment.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// decode reads what a cell holds.
func (b *boundColumn) decode(c *cell) (record.Value, error) {
	switch b.typ {
	case "text", "long_text":
		return record.OfText(deref(c.Text)), nil
	case "email":
		return record.OfText(c.Email), nil
	case "phone":
		return record.OfText(c.Phone), nil
	case "mirror":
		return record.OfText(c.Display), nil
	case "item_id":
		return record.OfText(string(c.ItemID)), nil
	case "country":
		if c.Country == nil {
			return record.Value{}, nil
		}
		return record.OfText(c.Country.Code), nil
	case "numbers":
		return decodeNumber(c)
	case "rating":
		return decodeRating(c)
	case "status":
		return b.decodeStatus(c), nil
	case "dropdown":
		names := make([]string, 0, len(c.Values))
		for _, v := range c.Values {
			names = append(names, v.Label)
		}
		return record.OfChoice(names...), nil
	case "tags":
		names := make([]string, 0, len(c.Tags))
		for _, t := range c.Tags {
			names = append(names, t.Name)
		}
		return record.OfChoice(names...), nil
	case "people":
		return decodePeople(c), nil
	case "board_relation":
		ids := make([]string, 0, len(c.Linked))
		for _, i := range c.Linked {
			ids = append(ids, string(i))
		}
		return record.OfReference(ids...), nil
	case "checkbox":
		return record.OfBool(c.Checked != nil && *c.Checked), nil
	case "link":
		return decodeLink(c), nil
	case "date":
		return decodeDate(c)
	case "timeline":
		return record.OfInterval(day(c.From), day(c.To))
	case "creation_log":
		return decodeMoment(c.CreatedAt)
	case "last_updated":
		return decodeMoment(c.UpdatedAt)
	default:
		return record.Value{}, fmt.Errorf("no way to read a column of type %q", b.typ)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// decodeNumber prefers the raw value, because the typed number is a binary fraction.
func decodeNumber(c *cell) (record.Value, error) {
	s := deref(c.Text)
	var raw json.Number
	if loose(c.Value, &raw) == nil && raw != "" {
		s = raw.String()
	}
	if s = strings.TrimSpace(s); s == "" {
		return record.Value{}, nil
	}
	return record.OfDecimal(s)
}

func decodeRating(c *cell) (record.Value, error) {
	n := strings.Trim(string(c.Rating), `"`)
	if n == "" || n == "null" || n == "0" {
		return record.Value{}, nil // a rating without stars is no rating
	}
	return record.OfDecimal(n)
}

func (b *boundColumn) decodeStatus(c *cell) record.Value {
	if text := deref(c.Label); text != "" {
		return record.OfChoice(text)
	}
	if c.Index != nil {
		for _, l := range b.labels {
			if l.ID == *c.Index {
				return record.OfChoice(l.Text)
			}
		}
	}
	return record.Value{}
}

// decodePeople keeps what is no person, as "team:5": a write replaces the whole list.
func decodePeople(c *cell) record.Value {
	ids := make([]string, 0, len(c.People))
	for _, p := range c.People {
		if p.Kind == "" || p.Kind == "person" {
			ids = append(ids, string(p.ID))
		} else {
			ids = append(ids, p.Kind+":"+string(p.ID))
		}
	}
	return record.OfPerson(ids...)
}

// decodeLink takes a text that repeats the address for none: that is what a link is given when it has no text.
func decodeLink(c *cell) record.Value {
	text := c.URLText
	if text == c.URL {
		text = ""
	}
	return record.OfLink(c.URL, text)
}

func decodeDate(c *cell) (record.Value, error) {
	d := day(c.Date)
	if d == "" {
		return record.Value{}, nil
	}
	if c.Time == "" {
		return record.OfDate(d)
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.Parse(time.DateOnly+" "+layout, d+" "+c.Time); err == nil {
			return record.OfDateTime(t), nil
		}
	}
	return record.Value{}, fmt.Errorf("%q is not a time of day", clip(c.Time))
}

func decodeMoment(s string) (record.Value, error) {
	if s == "" {
		return record.Value{}, nil
	}
	t, ok := parseTime(s)
	if !ok {
		return record.Value{}, fmt.Errorf("%q is not a moment", clip(s))
	}
	return record.OfDateTime(t), nil
}

// day is the date of a date or of a moment.
func day(s string) string {
	if len(s) > len(time.DateOnly) {
		return s[:len(time.DateOnly)]
	}
	return s
}

// encode is the JSON form in which change_multiple_column_values and create_item take a value; nil clears the cell.
func (b *boundColumn) encode(v record.Value) (any, error) {
	if b.shape.ReadOnly {
		return nil, fmt.Errorf("a column of type %s can't be written", b.typ)
	}
	if v.IsEmpty() {
		return nil, nil
	}
	if want := b.shape.Kind; v.Kind() != want && !(want == record.Date && v.Kind() == record.DateTime) {
		return nil, fmt.Errorf("a column of type %s holds %s, not %s", b.typ, want, v.Kind())
	}
	s := v.Part(0)
	switch b.typ {
	case nameColumn, "text", "numbers":
		return s, b.checkLength(s)
	case "long_text":
		return map[string]any{"text": s}, b.checkLength(s)
	case "email":
		return map[string]any{"email": s, "text": s}, nil
	case "phone":
		// Without a country the vendor shows no flag, and keeps the number as it is.
		return map[string]any{"phone": s, "countryShortName": ""}, nil
	case "country":
		return encodeCountry(s)
	case "rating":
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("a rating is a whole number of stars, not %s", clip(s))
		}
		return map[string]any{"rating": n}, nil
	case "status":
		return b.encodeStatus(v)
	case "dropdown":
		return b.encodeDropdown(v)
	case "people":
		return encodePeople(v)
	case "board_relation":
		ids, err := numbers(v.Parts())
		return map[string]any{"item_ids": ids}, err
	case "checkbox":
		if !v.Bool() {
			return nil, nil
		}
		return map[string]any{"checked": "true"}, nil
	case "link":
		text := v.Part(1)
		if text == "" {
			text = s
		}
		return map[string]any{"url": s, "text": text}, nil
	case "date":
		if t, _ := v.Time(); v.Kind() == record.DateTime {
			return map[string]any{"date": t.Format(time.DateOnly), "time": t.Format(time.TimeOnly)}, nil
		}
		return map[string]any{"date": s}, nil
	case "timeline":
		if s == "" || v.Part(1) == "" {
			return nil, errors.New("a timeline has both a start and an end, or neither")
		}
		return map[string]any{"from": s, "to": v.Part(1)}, nil
	default:
		return nil, fmt.Errorf("no way to write a column of type %q", b.typ)
	}
}

func (b *boundColumn) checkLength(s string) error {
	if n := utf8.RuneCountInString(s); b.shape.MaxLength > 0 && n > b.shape.MaxLength {
		return fmt.Errorf("%d characters are more than the %d that it holds", n, b.shape.MaxLength)
	}
	return nil
}

// labelID finds a label by its exact text. Ids are written, never texts: a text that looks like a number would be
// taken for an id (Status).
func (b *boundColumn) labelID(text string) (int64, error) {
	off := false
	for _, l := range b.labels {
		if l.Text == text {
			if !l.Off {
				return l.ID, nil
			}
			off = true
		}
	}
	if off {
		return 0, fmt.Errorf("the label %q is deactivated: activate it on the board, or take it out of the contract", clip(text))
	}
	return 0, fmt.Errorf("the column has no label %q: plan and apply add the contract's labels", clip(text))
}

func (b *boundColumn) encodeStatus(v record.Value) (any, error) {
	if v.Len() > 1 {
		return nil, fmt.Errorf("a status holds one label, not %d", v.Len())
	}
	n, err := b.labelID(v.Part(0))
	if err != nil {
		return nil, err
	}
	return map[string]any{"index": n}, nil
}

func (b *boundColumn) encodeDropdown(v record.Value) (any, error) {
	ids := make([]int64, 0, v.Len())
	for _, text := range v.Parts() {
		n, err := b.labelID(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, n)
	}
	slices.Sort(ids)
	return map[string]any{"ids": ids}, nil
}

// entityKind is how the vendor spells what may stand in a people column: person, team and others.
var entityKind = regexp.MustCompile(`^[a-z]{1,20}$`)

func encodePeople(v record.Value) (any, error) {
	list := make([]any, 0, v.Len())
	for _, part := range v.Parts() {
		kind, number, ok := strings.Cut(part, ":")
		if !ok {
			kind, number = "person", part
		}
		if !isID(number) || !entityKind.MatchString(kind) {
			return nil, fmt.Errorf("%q is no id of a user", clip(part))
		}
		list = append(list, map[string]any{"id": json.Number(number), "kind": kind})
	}
	return map[string]any{"personsAndTeams": list}, nil
}

func numbers(ids []string) ([]json.Number, error) {
	list := make([]json.Number, 0, len(ids))
	for _, s := range ids {
		if !isID(s) {
			return nil, fmt.Errorf("%q is no id of an item", clip(s))
		}
		list = append(list, json.Number(s))
	}
	return list, nil
}

// encodeCountry takes ISO 3166 codes of two letters; the vendor wants the English name beside them.
func encodeCountry(code string) (any, error) {
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() || region.String() != code || len(code) != 2 {
		return nil, fmt.Errorf("%q is not the two-letter code of a country", clip(code))
	}
	return map[string]any{"countryCode": code, "countryName": display.English.Regions().Name(region)}, nil
}
