package merge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// The fixtures speak a small notation, so that a row of the table reads as a story:
//
//	rules   "name:left stage:left/report note:either/hold create:right create:right/won delete:left=archive"
//	record  "name=Acme stage=Won note= key=r1 @7 note@9" with an optional state before; "never" for none
//	base    "name=Acme | name=Acme", left side first; "" for never agreed
//
// "_" is a blank, "~" a line of ten characters. A field that is not written down is not shown.
var (
	textShape   = record.Shape{Type: "string", Kind: record.Text, MaxLength: 20, Folds: true}
	columnShape = record.Shape{Type: "text", Kind: record.Text, Scale: -1}
	stageTable  = &contract.Picklist{Name: "stage", Inverse: map[string]string{"Open": "Prospecting"}, Values: []contract.PicklistEntry{
		{Left: "Prospecting", Right: "Open"}, {Left: "Qualification", Right: "Open"}, {Left: "Closed Won", Right: "Won"}, {Left: "Closed Lost", Right: "Lost"}}}
	clientObject = &contract.Object{Name: "client"}
)

// failer is a test, of the standard library or of rapid.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type sort struct {
	field  contract.Field
	shapes [2][]record.Shape
}

func one(s record.Shape) []record.Shape { return []record.Shape{s} }

// sorts are the fields that rules may name.
func sorts() map[string]sort {
	required := textShape
	required.Required = true
	item := record.Shape{Type: "name", Kind: record.Text, MaxLength: 20, Required: true}
	choice := func(t string) []record.Shape { return one(record.Shape{Type: t, Kind: record.Choice}) }
	day := record.Shape{Type: "date", Kind: record.Date}
	return map[string]sort{
		"name":   {contract.Field{}, [2][]record.Shape{one(required), one(item)}},
		"note":   {contract.Field{}, [2][]record.Shape{one(textShape), one(columnShape)}},
		"free":   {contract.Field{}, [2][]record.Shape{one(columnShape), one(columnShape)}},
		"memo":   {contract.Field{Lossy: []string{"truncate"}}, [2][]record.Shape{one(columnShape), one(record.Shape{Type: "text", Kind: record.Text, MaxLength: 5})}},
		"stage":  {contract.Field{Picklist: stageTable}, [2][]record.Shape{choice("picklist"), choice("status")}},
		"health": {contract.Field{}, [2][]record.Shape{choice("picklist"), choice("status")}},
		"amount": {contract.Field{Lossy: []string{"round"}}, [2][]record.Shape{
			one(record.Shape{Type: "currency", Kind: record.Decimal, Scale: 2}), one(record.Shape{Type: "numbers", Kind: record.Decimal, Scale: 0})}},
		"count":  {contract.Field{}, [2][]record.Shape{one(record.Shape{Kind: record.Decimal, Scale: -1}), one(record.Shape{Kind: record.Decimal, Scale: -1})}},
		"client": {contract.Field{Reference: clientObject}, [2][]record.Shape{one(record.Shape{Type: "reference", Kind: record.Reference}), one(record.Shape{Type: "board_relation", Kind: record.Reference, Many: true})}},
		"boss":   {contract.Field{People: &contract.People{Unmatched: "report"}}, [2][]record.Shape{one(record.Shape{Type: "reference", Kind: record.Personal}), one(record.Shape{Type: "people", Kind: record.Personal, Many: true})}},
		"mate":   {contract.Field{People: &contract.People{Unmatched: "skip"}}, [2][]record.Shape{one(record.Shape{Type: "reference", Kind: record.Personal}), one(record.Shape{Type: "people", Kind: record.Personal, Many: true})}},
		"done":   {contract.Field{}, [2][]record.Shape{one(record.Shape{Type: "boolean", Kind: record.Bool}), one(record.Shape{Type: "checkbox", Kind: record.Bool})}},
		"span":   {contract.Field{}, [2][]record.Shape{{day, day}, one(record.Shape{Type: "timeline", Kind: record.Interval})}},
	}
}

// world knows ada and bob on both sides, eve only on the left; clients c1 to c3 of which the third has no right record.
type world struct{}

func (world) Email(s record.Side, id string) (string, bool) {
	if s == record.Right {
		id = strings.TrimPrefix(id, "m-")
	}
	return id + "@x.example", id != "queue"
}

func (world) PersonID(s record.Side, email string) (string, bool) {
	id := strings.TrimSuffix(email, "@x.example")
	if s == record.Left {
		return id, true
	}
	return "m-" + id, id != "eve"
}

func (world) PairOf(_ string, _ record.Side, id string) (string, bool) {
	return "pair-" + id[len(id)-1:], id[len(id)-1] != '9'
}

func (world) RecordOf(_ string, s record.Side, pair string) (string, bool) {
	n := pair[len(pair)-1:]
	return [2]string{"l", "r"}[s] + "c" + n, s == record.Left || n != "3"
}

func native(s record.Side, name string, i int) string {
	if s == record.Left {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	if i > 0 {
		name += strconv.Itoa(i + 1)
	}
	return name
}

// scene is one pair as the notation describes it.
func scene(t failer, rules, base, left, right string) Input {
	t.Helper()
	in := Input{Object: &contract.Object{Name: "deal", Deletes: [2]contract.DeleteAction{contract.DeleteKeep, contract.DeleteKeep},
		Leaves: [2]contract.DeleteAction{contract.DeleteKeep, contract.DeleteKeep}},
		Lenses: map[string]*lens.Lens{}, Env: world{}}
	in.Object.Ends[0].Key.Name, in.Object.Ends[1].Key.Name = "Item__c", "record"
	for _, rule := range strings.Fields(rules) {
		name, how, _ := strings.Cut(rule, ":")
		readRule(t, &in, name, how)
	}
	for i, part := range strings.SplitN(base, "|", 2) {
		if base != "" {
			in.Base[i], _ = readFields(t, in, record.Side(i), strings.Fields(part))
		}
	}
	in.Seen[0], in.Seen[1] = readRecord(t, in, record.Left, left), readRecord(t, in, record.Right, right)
	in.Paired = left != "never" && right != "never"
	in.Qualifies = func(_ record.Side, _, after map[string]record.Value) (bool, error) {
		if after["name"].Part(0) == "broken" {
			return false, fmt.Errorf("no such thing")
		}
		return after["stage"].Part(0) == "Closed Won", nil
	}
	return in
}

var owners = map[string]contract.Owner{"left": contract.OwnerLeft, "right": contract.OwnerRight, "either": contract.OwnerEither}
var conflicts = map[string]contract.Conflict{"newest": contract.ConflictNewest, "left": contract.ConflictLeft, "right": contract.ConflictRight, "hold": contract.ConflictHold}

func readRule(t failer, in *Input, name, how string) {
	t.Helper()
	side := func(s string) record.Side {
		if s == "left" {
			return record.Left
		}
		return record.Right
	}
	switch name {
	case "create":
		where, when, _ := strings.Cut(how, "/")
		c := &contract.Create{}
		if when != "" {
			c.When = &contract.Condition{Text: when}
		}
		in.Object.Creates[side(where)] = c
		return
	case "delete":
		where, action, _ := strings.Cut(how, "=")
		in.Object.Deletes[side(where)] = contract.DeleteAction(action)
		return
	case "leave":
		where, action, _ := strings.Cut(how, "=")
		in.Object.Leaves[side(where)] = contract.DeleteAction(action)
		return
	case "removed":
		in.Removed[side(how)] = true
		return
	case "lone":
		in.Lone = map[string]Lone{"let_go": LoneLetGo, "dismissed": LoneDismissed, "renewed": LoneRenewed, "ignored": LoneIgnored}[how]
		return
	case "unkeyed":
		in.Object.Ends[side(how)].Key.Name = ""
		return
	case "award":
		field, winner, _ := strings.Cut(how, "=")
		in.Awards = map[string]record.Side{field: side(winner)}
		return
	}
	k, ok := sorts()[name]
	if !ok {
		t.Fatalf("no sort of field %q", name)
	}
	owner, rest, _ := strings.Cut(how, "/")
	f := k.field
	f.Name, f.Owner, f.Object, f.OnDrift = name, owners[owner], in.Object, contract.DriftRevert
	if f.Owner == contract.OwnerEither {
		f.Conflict = conflicts[rest]
	} else if rest != "" {
		f.OnDrift = contract.Drift(rest)
	}
	for _, s := range record.Sides {
		for i := range k.shapes[s] {
			f.Ends[s] = append(f.Ends[s], contract.NativeField{Name: native(s, name, i)})
		}
	}
	l, ps := lens.New(&f, k.shapes)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	in.Object.Fields = append(in.Object.Fields, &f)
	in.Lenses[name] = l
}

func readRecord(t failer, in Input, s record.Side, text string) *record.Record {
	t.Helper()
	if text == "never" || text == "unread" {
		return nil
	}
	r := &record.Record{ID: [2]string{"l1", "r1"}[s], Key: [2]string{"r1", "l1"}[s], Changed: map[string]record.Version{}}
	words := strings.Fields(text)
	if len(words) > 0 {
		if i := slices.Index([]string{"live", "archived", "deleted", "missing", "outside"}, words[0]); i >= 0 {
			r.State = record.State(i)
			words = words[1:]
		}
	}
	var rest []string
	r.Fields, rest = readFields(t, in, s, words)
	for _, w := range rest {
		if key, ok := strings.CutPrefix(w, "key="); ok {
			r.Key = key
			continue
		}
		name, at, ok := strings.Cut(w, "@")
		n, err := strconv.Atoi(at)
		if !ok || err != nil {
			t.Fatalf("can't read %q", w)
		}
		if name == "" {
			r.Version = record.Version(n)
		} else {
			r.Changed[native(s, name, 0)] = record.Version(n)
		}
	}
	return r
}

func readFields(t failer, in Input, s record.Side, words []string) (record.Fields, []string) {
	t.Helper()
	fields := record.Fields{}
	var rest []string
	for _, w := range words {
		name, text, ok := strings.Cut(w, "=")
		k, known := sorts()[name]
		if !ok || !known {
			rest = append(rest, w)
			continue
		}
		parts := strings.Split(text, "/")
		for i, sh := range k.shapes[s] {
			part := text
			if len(k.shapes[s]) > 1 {
				part = parts[i]
			}
			v, err := value(sh.Kind, part)
			if err != nil {
				t.Fatal(err)
			}
			fields[native(s, name, i)] = v
		}
	}
	return fields, rest
}

func value(k record.Kind, text string) (record.Value, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "_", " "), "~", "0123456789")
	if text == "" {
		return record.Value{}, nil
	}
	switch k {
	case record.Decimal:
		return record.OfDecimal(text)
	case record.Choice:
		return record.OfChoice(strings.Split(text, ",")...), nil
	case record.Reference:
		return record.OfReference(strings.Split(text, ",")...), nil
	case record.Personal:
		return record.OfPerson(strings.Split(text, ",")...), nil
	case record.Bool:
		return record.OfBool(text == "true"), nil
	case record.Date:
		return record.OfDate(text)
	case record.Interval:
		from, to, _ := strings.Cut(text, "/")
		return record.OfInterval(from, to)
	default:
		return record.OfText(text), nil
	}
}

// tell writes a decision down, one line a thing.
func tell(d Decision) []string {
	var lines []string
	for _, s := range record.Sides {
		if p := d.Patches[s]; p != nil {
			line := s.String() + " " + p.Op.String()
			if p.Key != "" {
				line += " key=" + p.Key
			}
			if p.Unlink {
				line += " unlink"
			}
			lines = append(lines, line+tellFields(p.Fields))
		}
	}
	for _, s := range record.Sides {
		if len(d.Agreed[s]) > 0 {
			lines = append(lines, "agreed "+s.String()+tellFields(d.Agreed[s]))
		}
	}
	for _, c := range d.Conflicts {
		word := "conflict"
		if c.Info {
			word = "info"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", word, c.Field, c.Reason, strings.Join([]string{c.Left.String(), c.Right.String(), c.Base.String()}, " | ")))
	}
	if len(d.Waits) > 0 {
		lines = append(lines, "waits "+strings.Join(d.Waits, " "))
	}
	if d.State != Open {
		lines = append(lines, d.State.String())
	}
	return lines
}

func tellFields(f record.Fields) string {
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(f)) {
		b.WriteString(" " + n + "=" + strings.ReplaceAll(f[n].String(), " ", "_"))
	}
	return b.String()
}
