package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
	"accord/providers/monday"
	"accord/providers/salesforce"
)

// words are the types that a contract may give a native field at each vendor, beside what a lookup to users holds.
var words = [2][]string{
	record.Left: {"checkbox", "currency", "date", "datetime", "email", "long_text", "lookup", "lookup(User)", "multipicklist", "number", "percent", "phone", "picklist", "text", "url"},
	record.Right: {"board_relation", "checkbox", "country", "date", "dropdown", "email", "link", "long_text", "numbers", "people",
		"phone", "rating", "status", "text", "timeline"},
}

// shapeOfWord is what a vendor's provider says of a type.
func shapeOfWord(t testing.TB, side record.Side, word string) record.Shape {
	t.Helper()
	var shape record.Shape
	var ok bool
	if side == record.Left {
		shape, ok = (*salesforce.Provider)(nil).FieldShape(strings.TrimSuffix(word, "(User)"))
		if strings.HasSuffix(word, "(User)") {
			shape.Kind = record.Personal
		}
	} else {
		shape, ok = (*monday.Provider)(nil).FieldShape(word)
	}
	if !ok {
		t.Fatalf("%s has no type %q", contract.Systems[side], word)
	}
	return shape
}

// joined is the lens of two types under one owner, with what the contract must say for it: nothing, a time zone, a loss, an
// object. Without a lens, it is why not.
func joined(t testing.TB, left, right string, owner contract.Owner) (*lens.Lens, string) {
	t.Helper()
	f := contract.Field{Name: left + "-" + right, Owner: owner}
	shapes := [2][]record.Shape{}
	for side, word := range []string{left, right} {
		shape := shapeOfWord(t, record.Side(side), word)
		dates := 1
		if word == "date" && right == "timeline" {
			dates = 2 // a stretch of days is two dates there
		}
		for i := range dates {
			f.Ends[side] = append(f.Ends[side], contract.NativeField{Name: fmt.Sprintf("%s_%d", word, i)})
			shapes[side] = append(shapes[side], shape)
		}
	}
	var said []string
	if len(f.Ends[record.Left]) == 2 {
		said = append(said, "two dates")
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		l, problems := lens.New(&f, shapes)
		if len(problems) == 0 {
			return l, strings.Join(said, " ")
		}
		switch p := problems[0]; p.Code {
		case lens.CodeTimezone:
			f.Timezone = berlin
			said = append(said, "timezone")
		case lens.CodeLoss:
			f.Lossy = append(f.Lossy, "time")
			said = append(said, "lossy=time")
		case lens.CodeTarget:
			f.Reference = &contract.Object{Name: "client"}
			said = append(said, "reference")
		case lens.CodeReadOnly:
			return nil, "read-only"
		default:
			return nil, "-"
		}
	}
	t.Fatalf("%s and %s: there is no end of problems", left, right)
	return nil, ""
}

// Which types of the two vendors can hold the same value, and what the contract must say for it.
func TestPairsOfTypes(t *testing.T) {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "salesforce\tmonday\tsalesforce owns it\tmonday owns it\teither may edit")
	pairs := 0
	for _, left := range words[record.Left] {
		for _, right := range words[record.Right] {
			row := []string{left, right}
			carried := false
			for _, owner := range []contract.Owner{contract.OwnerLeft, contract.OwnerRight, contract.OwnerEither} {
				l, needs := joined(t, left, right, owner)
				if l != nil && needs == "" {
					needs = "yes"
				}
				carried = carried || l != nil
				row = append(row, needs)
			}
			if carried {
				pairs++
				fmt.Fprintln(w, strings.Join(row, "\t"))
			}
		}
	}
	fmt.Fprintf(w, "\n%d of %d pairs; all others are refused with ACC2001\n", pairs, len(words[0])*len(words[1]))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "pairs.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the table has changed (-want +got):\n%s", diff)
	}
}

// The laws hold for each pair of the vendors' own types: what one side shows arrives or is rejected; what arrived reads as
// the same; and it does not come back as something else.
func TestPairsKeepTheLaws(t *testing.T) {
	pairs, cases, rejected := 0, 0, 0
	for _, left := range words[record.Left] {
		for _, right := range words[record.Right] {
			l, _ := joined(t, left, right, contract.OwnerEither)
			if l == nil {
				continue
			}
			pairs++
			shapes := [2]record.Shape{shapeOfWord(t, record.Left, left), shapeOfWord(t, record.Right, right)}
			before := cases
			rapid.Check(t, func(t *rapid.T) {
				from := record.Side(rapid.IntRange(0, 1).Draw(t, "from"))
				to := from.Other()
				shown, held := holding(t, shapes[from], len(l.Natives(from))), holding(t, shapes[to], len(l.Natives(to)))
				canonical, err := l.Get(from, shown, acquainted{})
				if err != nil {
					rejected++
					return
				}
				there, err := l.Put(to, canonical, held, acquainted{})
				if err != nil {
					rejected++
					return
				}
				cases++
				read, err := l.Get(to, there, acquainted{})
				if err != nil || !l.Same(read, canonical) {
					t.Fatalf("%s %v means %v, is put to %s as %v, and means %v there, %v", left, shown, canonical, right, there, read, err)
				}
				back, err := l.Put(from, read, shown, acquainted{})
				if err != nil || !slices.EqualFunc(back, shown, record.Value.Equal) {
					t.Fatalf("%s %v is put to %s as %v, and comes back as %v, %v", left, shown, right, there, back, err)
				}
			})
			if cases == before {
				t.Errorf("no value of %s ever reached %s", left, right)
			}
		}
	}
	t.Logf("%d pairs of types, %d values carried there and back, %d rejected", pairs, cases, rejected)
}

// holding draws what a field of a shape may hold.
func holding(t *rapid.T, shape record.Shape, n int) []record.Value {
	values := make([]record.Value, n)
	for i := range values {
		if rapid.IntRange(0, 6).Draw(t, "empty") == 0 {
			continue
		}
		values[i] = valueOf(t, shape)
	}
	if n == 2 && values[0].Part(0) > values[1].Part(0) && !values[1].IsEmpty() {
		values[0], values[1] = values[1], values[0]
	}
	return values
}

func valueOf(t *rapid.T, shape record.Shape) record.Value {
	text := rapid.OneOf(rapid.SampledFrom([]string{"a", "Über allen", "שלום 😀", "e\u0301", "12", "x@y.example", "https://x.example/?q=1#f", "line\nline"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab 😀é1-")), 1, 12, -1))
	day := rapid.Map(rapid.Int64Range(0, 4e9), func(s int64) string { return time.Unix(s, 0).UTC().Format(time.DateOnly) })
	var v record.Value
	var err error
	switch shape.Kind {
	case record.Text:
		s := text.Draw(t, "text")
		if shape.Folds {
			s = strings.TrimSpace(s)
		}
		v = record.OfText(s)
	case record.Decimal:
		scale := 4
		if shape.Scale >= 0 {
			scale = shape.Scale
		}
		v, err = record.OfDecimal(fmt.Sprintf("%de-%d", rapid.IntRange(-9_999_999, 9_999_999).Draw(t, "number"), rapid.IntRange(0, scale).Draw(t, "scale")))
	case record.Bool:
		v = record.OfBool(rapid.Bool().Draw(t, "bool"))
	case record.Date:
		v, err = record.OfDate(day.Draw(t, "day"))
	case record.DateTime:
		v = record.OfDateTime(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0))
	case record.Interval:
		from, to := day.Draw(t, "from"), day.Draw(t, "to")
		v, err = record.OfInterval(min(from, to), max(from, to))
	case record.Choice:
		v = record.OfChoice(strings.TrimSpace(text.Draw(t, "choice")))
	case record.Personal:
		v = record.OfPerson(fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "person")))
	case record.Reference:
		v = record.OfReference(fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "record")))
	case record.Link:
		v = record.OfLink(strings.TrimSpace(text.Draw(t, "url")), text.Draw(t, "link text"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// acquainted is a world in which everybody and everything is known at both sides by the same id.
type acquainted struct{}

func (acquainted) Email(_ record.Side, id string) (string, bool) { return id + "@x.example", true }
func (acquainted) PersonID(_ record.Side, email string) (string, bool) {
	return strings.TrimSuffix(email, "@x.example"), true
}
func (acquainted) PairOf(_ string, _ record.Side, id string) (string, bool)     { return id, true }
func (acquainted) RecordOf(_ string, _ record.Side, pair string) (string, bool) { return pair, true }
