package salesforce

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"accord/engine/record"
)

// captured is an event of a real org, as it came.
type captured struct {
	Event struct {
		SchemaID string `json:"schemaId"`
		Payload  []byte `json:"payload"`
	} `json:"event"`
	ReplayID string `json:"replayId"`
}

func realFixture(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "reference", "fixtures", "salesforce", "valeriyyy", name))
	if err != nil {
		t.Skip("no reference fixtures beside the repository: ", err)
	}
	return text
}

func capturedEvents(t *testing.T, name string) []captured {
	t.Helper()
	var response struct {
		Events []captured `json:"events"`
	}
	text := realFixture(t, name)
	if json.Unmarshal(text, &response) != nil {
		if err := json.Unmarshal(text, &response.Events); err != nil {
			t.Fatal(err)
		}
	}
	return response.Events
}

// TestRealHeaders decodes the headers of all captured events and compares them with what is documented of them. Their
// bodies follow older schemas than the one that was kept, and are left over.
func TestRealHeaders(t *testing.T) {
	var schema struct {
		Fields []struct {
			Name string          `json:"name"`
			Type json.RawMessage `json:"type"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(realFixture(t, "AccountChangeEvent.avsc"), &schema); err != nil {
		t.Fatal(err)
	}
	s, err := parseSchema(`{"type":"record","name":"AccountChangeEvent","fields":[{"name":"ChangeEventHeader","type":` + string(schema.Fields[0].Type) + `}]}`)
	if err != nil {
		t.Fatal(err)
	}
	var documented []struct {
		File        string         `json:"file"`
		SchemaID    string         `json:"schemaId"`
		ReplayIDHex string         `json:"replayIdHex"`
		Header      map[string]any `json:"header"`
	}
	if err := json.Unmarshal(realFixture(t, "decoded-headers.json"), &documented); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, d := range documented {
		c := capturedEvents(t, d.File)[next[d.File]]
		next[d.File]++
		var decoded any
		if _, err := s.avro.Decode(c.Event.Payload, &decoded); err != nil {
			t.Errorf("%s: %v", d.File, err)
			continue
		}
		header, _ := decoded.(map[string]any)["ChangeEventHeader"].(map[string]any)
		text, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d.Header, got, cmpopts.EquateEmpty()); diff != "" || c.Event.SchemaID != d.SchemaID {
			t.Errorf("%s, schema %s: header (-documented +decoded):\n%s", d.File, c.Event.SchemaID, diff)
		}
	}
	if len(documented) < 8 {
		t.Errorf("%d events were compared, want all eight", len(documented))
	}
}

// schemaOfThatDay is the schema that the captured updates were written with: the one that was kept, with a field that the
// org still had then, and without those that it only got later.
func schemaOfThatDay(t *testing.T) *eventSchema {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(realFixture(t, "AccountChangeEvent.avsc"), &root); err != nil {
		t.Fatal(err)
	}
	fields, _ := root["fields"].([]any)
	at := func(name string) int {
		return slices.IndexFunc(fields, func(f any) bool { return f.(map[string]any)["name"] == name })
	}
	fields = slices.Insert(fields, at("SLASerialNumber__c"), any(map[string]any{"name": "UpsellOpportunity__c", "type": []any{"null", "string"}, "default": nil}))
	root["fields"] = slices.DeleteFunc(fields, func(f any) bool {
		name := f.(map[string]any)["name"]
		return name == "Some_Other_Text__c" || name == "Another_One__c"
	})
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseSchema(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRealEvents decodes captured updates whole: the bitmaps name what the values then show.
func TestRealEvents(t *testing.T) {
	s := schemaOfThatDay(t)
	updates := capturedEvents(t, "AccountUpdateEvents.json")
	addresses := capturedEvents(t, "AccountAddressUpdateEvent.json")
	street := column{native: "ShippingStreet", api: "ShippingStreet", typ: "textarea", compound: "ShippingAddress", shape: record.Shape{Kind: record.Text}}
	latitude := column{native: "ShippingLatitude", api: "ShippingLatitude", typ: "double", compound: "ShippingAddress", shape: record.Shape{Kind: record.Decimal, Scale: 15}}
	owed := column{native: "Amount_Owed__c", api: "Amount_Owed__c", typ: "currency", shape: record.Shape{Kind: record.Decimal, Scale: 2}}
	tests := []struct {
		name    string
		event   captured
		changed []string
		column  column
		want    record.Value // nothing, where the number can't be had exactly
	}{
		{"a currency", updates[0], []string{"Amount_Owed__c", "LastModifiedDate"}, owed, must(record.OfDecimal("3233"))},
		{"a part of an address", addresses[0], []string{"LastModifiedDate", "ShippingAddress.Street"}, street, record.OfText("101 California St")},
		{"what the platform found out", addresses[1], []string{"ShippingAddress.Latitude", "ShippingAddress.Longitude"}, latitude, must(record.OfDecimal("37.793113"))},
	}
	for _, test := range tests {
		e, err := s.decode(test.event.Event.Payload)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var changed []string
		for name := range e.changed {
			changed = append(changed, name)
		}
		slices.Sort(changed)
		if diff := cmp.Diff(test.changed, changed); diff != "" {
			t.Errorf("%s: changed (-want +got):\n%s", test.name, diff)
		}
		if v, ok := e.shown(test.column); !ok || !v.Equal(test.want) {
			t.Errorf("%s: %s shows %v, %t; want %v", test.name, test.column.api, v, ok, test.want)
		}
		if e.entity != "Account" || e.typ != "UPDATE" || !slices.Equal(e.ids, []string{"001Dp00000JJkkHIAT"}) || !strings.HasPrefix(e.user, "005Dp") {
			t.Errorf("%s: decodes as %s of %s %q by %s", test.name, e.typ, e.entity, e.ids, e.user)
		}
		replay, err := base64.StdEncoding.DecodeString(test.event.ReplayID)
		p := position{replay: replay, mark: e.commit}
		if again := parsePosition(p.String()); err != nil || !slices.Equal(again.replay, p.replay) || again.mark != p.mark {
			t.Errorf("%s: replay id %q is kept as %q", test.name, test.event.ReplayID, p.String())
		}
	}
}
