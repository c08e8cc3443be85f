package lens

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"accord/engine/contract"
	"accord/engine/record"
)

// world is an Env of few people and records, with the oddities that real ones have: two users of one address, one who
// left, one without an address, one whom only one side knows; records whose partner is not there yet.
type world struct{}

var users = [2][][3]string{ // id, address, active
	{{"u1", "ada@x.example", "y"}, {"u2", "bob@x.example", "y"}, {"u3", "cyd@x.example", "n"}, {"u4", "ada@x.example", "y"}, {"u5", "", "y"}, {"u6", "dan@x.example", "y"}},
	{{"1", "ada@x.example", "y"}, {"2", "bob@x.example", "y"}, {"3", "cyd@x.example", "y"}, {"4", "eve@x.example", "y"}, {"5", "", "y"}},
}

func (world) Email(s record.Side, id string) (string, bool) {
	for _, u := range users[s] {
		if u[0] == id {
			return u[1], u[1] != ""
		}
	}
	return "", false
}

func (world) PersonID(s record.Side, email string) (string, bool) {
	for _, u := range users[s] {
		if u[1] == email && u[2] == "y" {
			return u[0], true
		}
	}
	return "", false
}

func (world) PairOf(object string, s record.Side, id string) (string, bool) {
	if n, ok := strings.CutPrefix(id, s.String()+"-"); ok && object == "client" && n != "9" {
		return "pair-" + n, true
	}
	return "", false
}

func (world) RecordOf(object string, s record.Side, pair string) (string, bool) {
	n, ok := strings.CutPrefix(pair, "pair-")
	if !ok || object != "client" || n == "8" || s == record.Right && n == "7" {
		return "", false
	}
	return s.String() + "-" + n, true
}

func field(f contract.Field, left, right int) *contract.Field {
	if f.Name == "" {
		f.Name = "f"
	}
	for i := range left {
		f.Ends[0] = append(f.Ends[0], contract.NativeField{Name: fmt.Sprintf("Left%d__c", i+1)})
	}
	for i := range right {
		f.Ends[1] = append(f.Ends[1], contract.NativeField{Name: fmt.Sprintf("right%d", i+1)})
	}
	return &f
}

func shapes(left []record.Shape, right ...record.Shape) [2][]record.Shape {
	return [2][]record.Shape{left, right}
}

func one(s record.Shape) []record.Shape { return []record.Shape{s} }

var (
	text     = record.Shape{Type: "text", Kind: record.Text, Scale: -1}
	folding  = record.Shape{Type: "string", Kind: record.Text, MaxLength: 8, Folds: true}
	short    = record.Shape{Type: "text", Kind: record.Text, MaxLength: 5}
	number   = record.Shape{Type: "numbers", Kind: record.Decimal, Scale: -1}
	money    = record.Shape{Type: "currency", Kind: record.Decimal, Scale: 2, Digits: 6}
	rating   = record.Shape{Type: "rating", Kind: record.Decimal, Scale: 0}
	tenths   = record.Shape{Type: "percent", Kind: record.Decimal, Scale: 1, Digits: 3}
	checkbox = record.Shape{Type: "checkbox", Kind: record.Bool}
	date     = record.Shape{Type: "date", Kind: record.Date}
	day      = record.Shape{Type: "day", Kind: record.Date}
	needed   = record.Shape{Type: "date", Kind: record.Date, Required: true}
	moment   = record.Shape{Type: "datetime", Kind: record.DateTime}
	timeline = record.Shape{Type: "timeline", Kind: record.Interval}
	status   = record.Shape{Type: "status", Kind: record.Choice}
	dropdown = record.Shape{Type: "dropdown", Kind: record.Choice, Many: true}
	stages   = record.Shape{Type: "picklist", Kind: record.Choice, Options: []string{"Open", "Won", "lost", "On hold"}}
	labels   = record.Shape{Type: "status", Kind: record.Choice, Options: []string{"OPEN", "Won", "Lost", "Later"}}
	owner    = record.Shape{Type: "reference", Kind: record.Personal}
	people   = record.Shape{Type: "people", Kind: record.Personal, Many: true}
	lookup   = record.Shape{Type: "reference", Kind: record.Reference}
	relation = record.Shape{Type: "board_relation", Kind: record.Reference, Many: true}
	url      = record.Shape{Type: "url", Kind: record.Link, MaxLength: 12}
	link     = record.Shape{Type: "link", Kind: record.Link}
	site     = record.Shape{Type: "link", Kind: record.Link, Form: record.AddressForm}
	phone    = record.Shape{Type: "phone", Kind: record.Text, Form: record.PhoneForm}
	email    = record.Shape{Type: "email", Kind: record.Text, Form: record.EmailForm}
	stars    = record.Shape{Type: "rating", Kind: record.Decimal, Most: 5}
)

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

var client = &contract.Object{Name: "client"}

// subjects is one lens of every sort.
func subjects() map[string]*Lens {
	berlin := zone("Europe/Berlin")
	fallback := &contract.People{Unmatched: "fallback", Fallback: "bob@x.example"}
	all := map[string]struct {
		f contract.Field
		s [2][]record.Shape
	}{
		"text":                {contract.Field{}, shapes(one(text), text)},
		"phone":               {contract.Field{}, shapes(one(folding), phone)},
		"email":               {contract.Field{}, shapes(one(folding), email)},
		"site":                {contract.Field{}, shapes(one(url), site)},
		"text to site":        {contract.Field{}, shapes(one(folding), site)},
		"stars":               {contract.Field{}, shapes(one(number), stars)},
		"text folded":         {contract.Field{}, shapes(one(folding), text)},
		"text short":          {contract.Field{}, shapes(one(folding), short)},
		"text truncated":      {contract.Field{Lossy: []string{"truncate"}}, shapes(one(folding), short)},
		"text truncated left": {contract.Field{Lossy: []string{"truncate"}}, shapes(one(short), folding)},
		"text truncated one":  {contract.Field{Lossy: []string{"truncate"}}, shapes(one(text), short)},
		"decimal":             {contract.Field{}, shapes(one(money), number)},
		"decimal rounded":     {contract.Field{Lossy: []string{"round"}}, shapes(one(money), tenths)},
		"decimal to whole":    {contract.Field{Lossy: []string{"round"}}, shapes(one(number), rating)},
		"bool":                {contract.Field{}, shapes(one(checkbox), checkbox)},
		"date":                {contract.Field{Timezone: berlin}, shapes(one(needed), date)},
		"date without zone":   {contract.Field{}, shapes(one(date), date)},
		"datetime":            {contract.Field{}, shapes(one(moment), moment)},
		"datetime and date":   {contract.Field{Timezone: berlin}, shapes(one(moment), date)},
		"datetime and day":    {contract.Field{Timezone: zone("America/Sao_Paulo"), Lossy: []string{"time"}}, shapes(one(moment), day)},
		"two dates":           {contract.Field{Timezone: berlin}, shapes([]record.Shape{date, needed}, timeline)},
		"two dates twice":     {contract.Field{}, shapes([]record.Shape{date, date}, date, date)},
		"interval":            {contract.Field{}, shapes(one(timeline), timeline)},
		"choice":              {contract.Field{}, shapes(one(stages), status)},
		"choice fixed":        {contract.Field{}, shapes(one(stages), labels)},
		"choice many":         {contract.Field{}, shapes(one(dropdown), dropdown)},
		"choice to one":       {contract.Field{}, shapes(one(dropdown), labels)},
		"choice and text":     {contract.Field{}, shapes(one(folding), labels)},
		"person":              {contract.Field{}, shapes(one(owner), people)},
		"person skip":         {contract.Field{People: &contract.People{Unmatched: "skip"}}, shapes(one(owner), people)},
		"person fallback":     {contract.Field{People: fallback}, shapes(one(owner), people)},
		"people":              {contract.Field{}, shapes(one(people), people)},
		"reference":           {contract.Field{Reference: client}, shapes(one(lookup), relation)},
		// The code of a currency is a choice like another; "Won" is one that the generators know.
		"amount":           {contract.Field{Currency: "Won"}, shapes([]record.Shape{money, stages}, number)},
		"amount rounded":   {contract.Field{Currency: "Won", Lossy: []string{"round"}}, shapes([]record.Shape{tenths, stages}, money)},
		"link":             {contract.Field{}, shapes(one(url), link)},
		"transform prefix": {contract.Field{Transform: transform(`trimprefix(value, "P-")`, `"P-${value}"`, "P-1", "1")}, shapes(one(text), text)},
		"transform cents":  {contract.Field{Transform: transform(`value * 100`, `value / 100`, "0.5", "50")}, shapes(one(number), number)},
		"transform coarse": {contract.Field{Transform: transform(`value * 100`, `value / 100`, "0.5", "50"), Lossy: []string{"round", "transform"}}, shapes(one(rating), money)},
		"transform truth":  {contract.Field{Transform: transform(`value == "yes"`, `value ? "yes" : "no"`, "yes", "true")}, shapes(one(text), checkbox)},
		"transform fold":   {contract.Field{Transform: transform(`value == "Won" ? "lost" : "Open"`, `value == "lost" ? "Won" : "Later"`, "Won", "lost")}, shapes(one(labels), record.Shape{Type: "status", Kind: record.Choice, Options: []string{"Open", "lost"}})},
		"transform day":    {contract.Field{Transform: transform(`formatdate("DD.MM.YYYY", value)`, `join("-", reverse(split(".", value)))`, "2026-02-01", "01.02.2026"), Lossy: []string{"transform"}}, shapes(one(day), text)},
		"link and text":    {contract.Field{}, shapes(one(folding), link)},
	}
	lenses := map[string]*Lens{}
	for name, c := range all {
		c.f.Name = name
		c.f.Owner = contract.OwnerEither
		l, ps := New(field(c.f, len(c.s[0]), len(c.s[1])), c.s)
		if len(ps) > 0 {
			panic(ps[0])
		}
		lenses[name] = l
	}
	return lenses
}

// losesBySaying are lenses whose contract says that a value may be replaced by another: there the laws do not hold, and
// are not meant to.
var losesBySaying = map[string]bool{"person skip": true, "person fallback": true}

var (
	genText = rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "a", " a ", "abcdefgh", "abcdefghij", "abcd efgh", "über\r\nall", "line\nline", "a\r\r\naaa", "\x00", "😀😀😀😀😀", "e\u0301", "\u202eabc", "\xff\xfe", "Open", "open", "Won"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \n\r😀é\u200d")), 0, 14, -1),
		rapid.String())
	genOption = rapid.SampledFrom([]string{"Open", "OPEN", "open", "Won", "lost", "Lost", "Later", "On hold", "else", " Open", ""})
	genDay    = rapid.OneOf(
		rapid.SampledFrom([]string{"2026-03-29", "2026-10-25", "2018-11-04", "2017-10-15", "0000-01-01", "9999-12-31", "2024-02-29"}),
		rapid.Map(rapid.Int64Range(-2e9, 4e9), func(n int64) string { return time.Unix(n, 0).UTC().Format(time.DateOnly) }))
	genTime = rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(-62167219200000, 253402300799999).Draw(t, "ms"))
	})
	genNumber = rapid.OneOf(
		rapid.SampledFrom([]string{"0", "-0", "1e3", "0.5", "2.5", "-2.45", "999.95", "999999.995", "1e-30", "123456789012345678901234567890.123", "1.005"}),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprintf("%de-3", n%10000000) }))
)

// genOf draws a value of a kind, of all that a vendor may show.
func genOf(k record.Kind, many bool, s record.Side) *rapid.Generator[record.Value] {
	must := func(v record.Value, err error) record.Value {
		if err != nil {
			panic(err)
		}
		return v
	}
	members := func(g *rapid.Generator[string]) *rapid.Generator[[]string] {
		if many {
			return rapid.SliceOfN(g, 0, 3)
		}
		return rapid.SliceOfN(g, 0, 1)
	}
	switch k {
	case record.Text:
		return rapid.Map(genText, record.OfText)
	case record.Decimal:
		return rapid.Map(genNumber, func(n string) record.Value { return must(record.OfDecimal(n)) })
	case record.Bool:
		return rapid.Map(rapid.Bool(), record.OfBool)
	case record.Date:
		return rapid.Map(genDay, func(d string) record.Value { return must(record.OfDate(d)) })
	case record.DateTime:
		return rapid.Map(genTime, record.OfDateTime)
	case record.Interval:
		return rapid.Custom(func(t *rapid.T) record.Value {
			ends := [2]string{genDay.Draw(t, "from"), genDay.Draw(t, "to")}
			if i := rapid.IntRange(0, 8).Draw(t, "open end"); i < 2 {
				ends[i] = ""
			}
			if ends[0] > ends[1] && ends[1] != "" && rapid.IntRange(0, 4).Draw(t, "order") > 0 {
				ends[0], ends[1] = ends[1], ends[0]
			}
			return must(record.OfInterval(ends[0], ends[1]))
		})
	case record.Choice:
		return rapid.Map(members(genOption), func(o []string) record.Value { return record.OfChoice(o...) })
	case record.Personal:
		ids := rapid.SampledFrom([]string{"u1", "u2", "u3", "u4", "u5", "u6", "team"})
		if s == record.Right {
			ids = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "team"})
		}
		return rapid.Map(members(ids), func(p []string) record.Value { return record.OfPerson(p...) })
	case record.Reference:
		ids := rapid.Map(rapid.IntRange(1, 9), func(n int) string { return fmt.Sprintf("%s-%d", s, n) })
		return rapid.Map(members(ids), func(r []string) record.Value { return record.OfReference(r...) })
	case record.Link:
		return rapid.Map(genText, func(u string) record.Value { return record.OfLink(u, strings.ToUpper(u)) })
	default:
		return rapid.Just(record.Value{})
	}
}

// genNative draws what one side may hold under its shapes: no longer, no finer and no emptier than the vendor allows.
func genNative(l *Lens, s record.Side) *rapid.Generator[[]record.Value] {
	return rapid.Custom(func(t *rapid.T) []record.Value {
		native := make([]record.Value, len(l.shapes[s]))
		for i, sh := range l.shapes[s] {
			if !sh.Required && rapid.IntRange(0, 5).Draw(t, "empty") == 0 {
				continue
			}
			kind := sh.Kind
			if kind == record.Date && sh.Type == "date" && l.field.Timezone != nil && rapid.Bool().Draw(t, "with time") {
				kind = record.DateTime
			}
			native[i] = allowed(sh, genOf(kind, sh.Many, s).Draw(t, "value"))
		}
		return native
	})
}

// allowed is what a vendor makes of a value that its field can't hold as it is.
func allowed(sh record.Shape, v record.Value) record.Value {
	switch v.Kind() {
	case record.Text:
		text := v.Part(0)
		if sh.Folds {
			text = strings.TrimSpace(text)
		}
		if sh.MaxLength > 0 {
			text = cut(text, sh.MaxLength)
		}
		return record.OfText(text)
	case record.Decimal:
		if sh.Scale >= 0 {
			v = round(v, sh.Scale)
		}
		if sh.Digits > 0 && digits(v.Part(0)) > sh.Digits {
			v, _ = record.OfDecimal("1")
		}
		return v
	case record.Choice:
		var known []string
		for _, o := range v.Parts() {
			if sh.Options == nil || slices.Contains(sh.Options, o) {
				known = append(known, o)
			}
		}
		return record.OfChoice(known...)
	case record.Link:
		return record.OfLink(cut(v.Part(0), sh.MaxLength), v.Part(1))
	default:
		return v
	}
}

// transform is one as a contract holds it, with an example.
func transform(toMonday, toSalesforce, left, right string) *contract.Transform {
	text := fmt.Sprintf(`
connection "salesforce" "s" {
  url = "https://x.example"
  oauth "client_credentials" {
    client_id     = secret::env("A")
    client_secret = secret::env("B")
  }
}
connection "monday" "m" {
  token = secret::env("C")
}
object "o" {
  salesforce {
    connection  = connection.salesforce.s
    sobject     = "Account"
    external_id = "Item__c"
  }
  monday {
    connection = connection.monday.m
    board      = "B"
    key        = text.key
  }
  field "f" {
    salesforce = A__c
    monday     = text.a
    owner      = either
    transform {
      to_monday     = %s
      to_salesforce = %s
      examples      = { %q = %q }
    }
  }
}
`, toMonday, toSalesforce, left, right)
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "t.accord.hcl", Content: []byte(text)}}})
	if diags.HasErrors() {
		panic(diags)
	}
	return c.Objects[0].Fields[0].Transform
}
