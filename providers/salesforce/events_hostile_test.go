package salesforce

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"accord/engine/record"
)

// zigzag is how Avro writes a whole number.
func zigzag(n int64) []byte { return binary.AppendVarint(nil, n) }

// avroText is how Avro writes a text.
func avroText(s string) []byte { return append(zigzag(int64(len(s))), s...) }

// rawHeader writes the header of dealSchema by hand, so that a test may spoil any part of it: the number of record ids and
// what follows it, the change type, and the bitmaps of what changed.
func rawHeader(ids []byte, typ int64, changed []byte) []byte {
	return slices.Concat(
		avroText("Opportunity"), ids, zigzag(typ), avroText(""), avroText("k"), zigzag(1),
		zigzag(1771291772000), zigzag(1), avroText("005000000000001AAA"), zigzag(0), zigzag(0), changed)
}

// What a broken or hostile server could send is an error, never a panic, and never memory without bound.
func TestHostileAvro(t *testing.T) {
	s, err := parseSchema(dealSchema)
	if err != nil {
		t.Fatal(err)
	}
	oneID := slices.Concat(zigzag(1), avroText("006000000000001AAA"), zigzag(0))
	oneMap := func(bits string) []byte { return slices.Concat(zigzag(1), avroText(bits), zigzag(0)) }
	nulls := make([]byte, len(s.fields)-1) // every union at its first branch
	good := slices.Concat(rawHeader(oneID, 1, oneMap("0x0004")), nulls)
	if e, err := s.decode(good); err != nil || e.typ != "UPDATE" || !e.changed["StageName"] {
		t.Fatalf("the event that is spoiled below decodes as %+v, %v", e, err)
	}
	other := strings.Replace(dealSchema, `{"name":"StageName","type":["null","string"],"default":null},`, "", 1)
	tests := map[string][]byte{
		"nothing":                       {},
		"header cut short":              good[:20],
		"body cut short":                good[:len(good)-1],
		"bytes left over":               append(slices.Clone(good), 0),
		"text of negative length":       append(zigzag(-5), good...),
		"text of huge length":           append(zigzag(1<<60), good...),
		"number that never ends":        slices.Repeat([]byte{0xff}, 64),
		"block of huge count":           slices.Concat(rawHeader(zigzag(1<<40), 1, oneMap("0x0004")), nulls),
		"block of smallest count":       slices.Concat(rawHeader(slices.Concat(zigzag(-1<<63), zigzag(0)), 1, oneMap("0x0004")), nulls),
		"negative count, false size":    slices.Concat(rawHeader(slices.Concat(zigzag(-3), zigzag(1<<50)), 1, oneMap("0x0004")), nulls),
		"array without its end":         slices.Concat(avroText("Opportunity"), zigzag(1), avroText("006000000000001AAA")),
		"no such change type":           slices.Concat(rawHeader(oneID, 99, oneMap("0x0004")), nulls),
		"no such branch of a union":     slices.Concat(rawHeader(oneID, 1, oneMap("0x0004")), zigzag(7), nulls[1:]),
		"negative branch of a union":    slices.Concat(rawHeader(oneID, 1, oneMap("0x0004")), zigzag(-1), nulls[1:]),
		"bitmap that is none":           slices.Concat(rawHeader(oneID, 1, oneMap("0xZZ")), nulls),
		"bitmap longer than the schema": slices.Concat(rawHeader(oneID, 1, oneMap("0xFFFFFFFFFFFF")), nulls),
		"bitmap of no compound field":   slices.Concat(rawHeader(oneID, 1, oneMap("2-0x01")), nulls),
		"bitmap of a field far away":    slices.Concat(rawHeader(oneID, 1, oneMap("99999999999999999999-0x01")), nulls),
		"bitmap without an end":         slices.Concat(rawHeader(oneID, 1, oneMap("0x"+strings.Repeat("F", 1<<20))), nulls),
		"text that is not UTF-8":        slices.Concat(rawHeader(oneID, 1, oneMap("0x0004")), nulls[:1], zigzag(1), avroText("Closed \xff\xfe"), nulls[2:]),
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			if e, err := s.decode(payload); err == nil {
				t.Errorf("decodes as %+v", e)
			}
		})
	}
	t.Run("schema of another event", func(t *testing.T) {
		wrong, err := parseSchema(other)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := wrong.decode(good); err == nil {
			t.Errorf("decodes as %+v", e)
		}
	})
}

// A schema comes from outside too.
func TestHostileSchemas(t *testing.T) {
	deep := `"string"`
	for range 20_000 {
		deep = `{"type":"array","items":` + deep + `}`
	}
	tests := map[string]string{
		"nothing":              "",
		"cut short":            dealSchema[:len(dealSchema)/2],
		"no record":            `"string"`,
		"no header":            `{"type":"record","name":"X","fields":[{"name":"A","type":"string"}]}`,
		"no fields":            `{"type":"record","name":"X","fields":[]}`,
		"unknown type":         `{"type":"record","name":"X","fields":[{"name":"ChangeEventHeader","type":"nonsense"}]}`,
		"deeper than any":      fmt.Sprintf(`{"type":"record","name":"X","fields":[{"name":"ChangeEventHeader","type":%s}]}`, deep),
		"two fields, one name": `{"type":"record","name":"X","fields":[{"name":"ChangeEventHeader","type":"string"},{"name":"ChangeEventHeader","type":"string"}]}`,
	}
	for name, text := range tests {
		if _, err := parseSchema(text); err == nil {
			t.Errorf("%s: taken for the schema of a change event", name)
		}
	}
}

// A schema that holds itself lets a few bytes nest without end; that is where decoding must stop by itself.
func TestNestingWithoutEnd(t *testing.T) {
	s, err := parseSchema(`{"type":"record","name":"X","fields":[{"name":"ChangeEventHeader","type":["null","X"]}]}`)
	if err != nil {
		return // refused at once
	}
	if e, err := s.decode(slices.Repeat([]byte{2}, 1<<20)); err == nil {
		t.Errorf("decodes as %+v", e)
	}
}

// bitmapsOf writes bitmaps as the vendor does: a list of top-level fields, and one for each compound field by its index.
func bitmapsOf(s *eventSchema, names map[string]bool) []string {
	hex := func(set func(i int) bool, n int) string {
		bytes := make([]byte, (n+7)/8)
		any := false
		for i := range n {
			if set(i) {
				any = true
				bytes[len(bytes)-1-i/8] |= 1 << (i % 8)
			}
		}
		if !any {
			return ""
		}
		return fmt.Sprintf("0x%X", bytes)
	}
	var list []string
	if top := hex(func(i int) bool { return names[s.fields[i].name] }, len(s.fields)); top != "" {
		list = append(list, top)
	}
	for i, f := range s.fields {
		if part := hex(func(j int) bool { return names[f.name+"."+f.children[j]] }, len(f.children)); part != "" {
			list = append(list, fmt.Sprintf("%d-%s", i, part))
		}
	}
	return list
}

// Whatever set of fields a bitmap is made of comes back from it.
func TestBitmapsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &eventSchema{}
		var all []string
		for i := range rapid.IntRange(1, 200).Draw(t, "fields") {
			f := eventField{name: fmt.Sprintf("F%d", i)}
			all = append(all, f.name)
			for j := range max(0, rapid.IntRange(-8, 12).Draw(t, "parts")) {
				part := fmt.Sprintf("P%d", j)
				f.children = append(f.children, part)
				all = append(all, f.name+"."+part)
			}
			s.fields = append(s.fields, f)
		}
		want := map[string]bool{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(all), func(s string) string { return s }).Draw(t, "set") {
			want[name] = true
		}
		bitmaps := bitmapsOf(s, want)
		got, err := s.names(bitmaps)
		if err != nil {
			t.Fatalf("names(%q): %v", bitmaps, err)
		}
		for name := range want {
			if !got[name] {
				t.Fatalf("%s got lost in %q", name, bitmaps)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q reads as %v, and was made of %v", bitmaps, got, want)
		}
	})
}

// A moment of a year that can't be written down is not one that can be relied upon.
func TestMomentsOutsideTheCalendar(t *testing.T) {
	c := columnFor("datetime")
	for ms, want := range map[int64]bool{253402300799999: true, 253402300800000: false, -62167219200000: true, -62167219200001: false, 1 << 62: false, -1 << 62: false} {
		v, ok := c.ofAvro(ms)
		if ok != want {
			t.Errorf("ofAvro(%d) = %v, %t", ms, v, ok)
		}
		text, err := json.Marshal(v)
		var again record.Value
		if err != nil || json.Unmarshal(text, &again) != nil || !again.Equal(v) {
			t.Errorf("%s does not read back", text)
		}
	}
}
