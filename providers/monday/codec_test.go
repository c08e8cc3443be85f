package monday

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/record"
)

func column(typ string) *boundColumn {
	shape := columnTypes[typ]
	return &boundColumn{field: typ, id: typ, typ: typ, shape: shape, labels: []label{
		{ID: 0, Text: "Open"}, {ID: 1, Text: "Won"}, {ID: 2, Text: "Lost"}, {ID: 7, Text: "2023"}, {ID: 9, Text: "Old", Off: true},
	}}
}

// TestCodec holds, for each type, what is written for a value and what the vendor then shows for it.
func TestCodec(t *testing.T) {
	ok := value(t)
	moment := record.OfDateTime(time.Date(2026, 6, 15, 9, 30, 15, 0, time.UTC))
	tests := []struct {
		typ     string
		value   record.Value
		written string // "" = is not written
		cell    string
	}{
		{"text", record.OfText("Hello"), `"Hello"`, `{"text":"Hello","value":"\"Hello\""}`},
		{"text", record.Value{}, `null`, `{"text":"","value":null}`},
		{"text", record.Value{}, `null`, `{"text":null,"value":null}`},
		{"long_text", record.OfText("a\nb"), `{"text":"a\nb"}`, `{"text":"a\nb","value":"{\"text\":\"a\\nb\"}"}`},
		{"numbers", ok(record.OfDecimal("42.50")), `"42.5"`, `{"text":"42.5","value":"\"42.5\""}`},
		{"numbers", ok(record.OfDecimal("0.1234567890123456789")), `"0.1234567890123456789"`, `{"text":"0.12","value":"\"0.1234567890123456789\""}`},
		{"numbers", ok(record.OfDecimal("7")), `"7"`, `{"text":"7","value":7}`},
		{"numbers", record.Value{}, `null`, `{"text":"","value":null}`},
		{"status", record.OfChoice("Won"), `{"index":1}`, `{"text":"Won","index":1,"label":"Won","value":"{\"index\":1,\"post_id\":null}"}`},
		{"status", record.OfChoice("2023"), `{"index":7}`, `{"index":7,"label":"2023"}`},
		{"status", record.OfChoice("Open"), `{"index":0}`, `{"index":0,"label":null}`},
		{"status", record.Value{}, `null`, `{"index":5,"label":null,"text":null,"value":"{\"index\":5}"}`},
		{"status", record.Value{}, `null`, `{"index":null,"label":null,"text":null,"value":null}`},
		{"dropdown", record.OfChoice("Won", "Open"), `{"ids":[0,1]}`, `{"values":[{"id":"1","label":"Won"},{"id":"0","label":"Open"}]}`},
		{"dropdown", record.Value{}, `null`, `{"values":[]}`},
		{"people", record.OfPerson("77", "team:5"), `{"personsAndTeams":[{"id":77,"kind":"person"},{"id":5,"kind":"team"}]}`, `{"persons_and_teams":[{"id":"77","kind":"person"},{"id":"5","kind":"team"}]}`},
		{"people", record.Value{}, `null`, `{"persons_and_teams":[]}`},
		{"people", record.Value{}, `null`, `{"persons_and_teams":null}`},
		{"date", ok(record.OfDate("2026-06-15")), `{"date":"2026-06-15"}`, `{"date":"2026-06-15","time":""}`},
		{"date", ok(record.OfDate("2026-06-15")), `{"date":"2026-06-15"}`, `{"date":"2026-06-15","time":null}`},
		{"date", moment, `{"date":"2026-06-15","time":"09:30:15"}`, `{"date":"2026-06-15","time":"09:30:15"}`},
		{"date", record.Value{}, `null`, `{"date":null,"time":null}`},
		{"timeline", ok(record.OfInterval("2026-06-01", "2026-06-05")), `{"from":"2026-06-01","to":"2026-06-05"}`, `{"from":"2026-06-01T00:00:00+00:00","to":"2026-06-05"}`},
		{"timeline", record.Value{}, `null`, `{"from":null,"to":null}`},
		{"link", record.OfLink("https://a.example", "A"), `{"text":"A","url":"https://a.example"}`, `{"url":"https://a.example","url_text":"A"}`},
		{"link", record.OfLink("https://a.example", ""), `{"text":"https://a.example","url":"https://a.example"}`, `{"url":"https://a.example","url_text":"https://a.example"}`},
		{"email", record.OfText("a@b.example"), `{"email":"a@b.example","text":"a@b.example"}`, `{"email":"a@b.example","label":"Anna"}`},
		{"phone", record.OfText("+4930"), `{"countryShortName":"","phone":"+4930"}`, `{"phone":"+4930"}`},
		{"checkbox", record.OfBool(true), `{"checked":"true"}`, `{"checked":true}`},
		{"checkbox", record.OfBool(false), `null`, `{"checked":null,"value":null}`},
		{"checkbox", record.OfBool(false), `null`, `{"checked":false}`},
		{"country", record.OfText("DE"), `{"countryCode":"DE","countryName":"Germany"}`, `{"country":{"code":"DE"}}`},
		{"country", record.Value{}, `null`, `{"country":null}`},
		{"rating", ok(record.OfDecimal("3")), `{"rating":3}`, `{"rating":3}`},
		{"rating", record.Value{}, `null`, `{"rating":null}`},
		{"board_relation", record.OfReference("501", "502"), `{"item_ids":[501,502]}`, `{"linked_item_ids":["502","501"],"text":null,"value":null}`},
		{"board_relation", record.Value{}, `null`, `{"linked_item_ids":[],"text":null,"value":null}`},
		{"tags", record.OfChoice("x"), "", `{"tags":[{"name":"x"}]}`},
		{"mirror", record.OfText("Acme"), "", `{"display_value":"Acme","text":null}`},
		{"item_id", record.OfText("99"), "", `{"item_id":"99"}`},
		{"creation_log", moment, "", `{"created_at":"2026-06-15T09:30:15Z"}`},
		{"last_updated", moment, "", `{"updated_at":"2026-06-15T11:30:15+02:00"}`},
	}
	for _, test := range tests {
		t.Run(test.typ+" "+test.value.String(), func(t *testing.T) {
			b := column(test.typ)
			encoded, err := b.encode(test.value)
			if (err != nil) != (test.written == "") {
				t.Fatalf("encode: %v", err)
			}
			if written, _ := json.Marshal(encoded); err == nil && string(written) != test.written {
				t.Errorf("wrote %s, want %s", written, test.written)
			}
			var c cell
			if err := json.Unmarshal([]byte(test.cell), &c); err != nil {
				t.Fatal(err)
			}
			v, err := b.decode(&c)
			if err != nil || !v.Equal(test.value) {
				t.Errorf("read %v %q, %v; want %v %q", v.Kind(), v, err, test.value.Kind(), test.value)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	ok := value(t)
	tests := []struct {
		typ   string
		value record.Value
		says  string
	}{
		{"status", record.OfChoice("Missing"), `no label "Missing"`},
		{"status", record.OfChoice("Old"), "deactivated"},
		{"status", record.OfChoice("Open", "Won"), "one label"},
		{"dropdown", record.OfChoice("Open", "open"), `no label "open"`},
		{"people", record.OfPerson("anna"), "no id of a user"},
		{"people", record.OfPerson("Team:5"), "no id of a user"},
		{"board_relation", record.OfReference("-1"), "no id of an item"},
		{"rating", ok(record.OfDecimal("2.5")), "whole number"},
		{"timeline", ok(record.OfInterval("2026-06-01", "")), "both a start and an end"},
		{"country", record.OfText("Germany"), "two-letter"},
		{"country", record.OfText("de"), "two-letter"},
		{"text", record.OfBool(true), "holds text, not bool"},
		{"long_text", record.OfText(strings.Repeat("ü", 2001)), "2001 characters"},
		{"name", record.OfText(strings.Repeat("🙂", 256)), "256 characters"},
	}
	for _, test := range tests {
		if _, err := column(test.typ).encode(test.value); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %q: got %v, want an error that says %q", test.typ, test.value, err, test.says)
		}
	}
}

// TestDocumentedValues reads the samples of the vendor's own pages.
func TestDocumentedValues(t *testing.T) {
	const path = "../../../shared/reference/fixtures/monday/typed-values-official-docs-2026-09.json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skip("the vendor's samples are not beside the repository: ", path)
	}
	var samples map[string]json.RawMessage
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	want := map[string]record.Value{
		"status": record.OfChoice("Done"), "people": record.OfPerson("48202303", "331"), "board_relation": record.OfReference("1122334455", "5544332211"),
		"last_updated": record.OfDateTime(time.Date(2026, 3, 21, 8, 47, 10, 0, time.UTC)),
	}
	for typ, v := range want {
		var c cell
		if err := json.Unmarshal(samples[typ], &c); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		if got, err := column(typ).decode(&c); err != nil || !got.Equal(v) {
			t.Errorf("%s: read %q, %v; want %q", typ, got, err, v)
		}
	}
	var c cell
	if err := json.Unmarshal(samples["people"], &c); err != nil {
		t.Fatal(err)
	}
	if at, want := c.changedAt(), record.VersionAt(time.Date(2026, 3, 21, 9, 3, 56, 17e6, time.UTC)); at != want {
		t.Errorf("changed at %d, want %d: the raw value is finer than updated_at", at, want)
	}
	for _, typ := range []string{"status", "dropdown"} {
		row := columnRow{Type: typ, Settings: samples[typ+"_column_settings"]}
		s, err := row.settings("x")
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, l := range s.labelsOf() {
			texts = append(texts, l.Text)
		}
		want := map[string][]string{"status": {"Working on it", "Done", "Stuck"}, "dropdown": {"Marketing", "Engineering"}}[typ]
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Errorf("%s labels: %s", typ, diff)
		}
	}
}

func FuzzDecodeCell(f *testing.F) {
	f.Add(`{"text":"x","value":"{\"changed_at\":\"2026\"}"}`)
	f.Add(`{"date":"2026-13-01","time":"99:99","rating":"x","value":"\"1e999999999\""}`)
	f.Fuzz(func(t *testing.T, s string) {
		var c cell
		if json.Unmarshal([]byte(s), &c) != nil {
			return
		}
		for typ := range columnTypes {
			v, err := column(typ).decode(&c)
			if err == nil && !v.IsEmpty() && v.Kind() != columnTypes[typ].Kind && v.Kind() != record.DateTime {
				t.Errorf("%s read %v", typ, v.Kind())
			}
		}
		c.changedAt()
	})
}
