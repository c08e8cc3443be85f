package pubsub

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// recordedField is a field of a recorded or generated schema.
type recordedField struct {
	Name    string `json:"name"`
	Type    any    `json:"type"`
	Doc     string `json:"doc"`
	Default any    `json:"default"`
}

func parseSchema(t *testing.T, text []byte) (name string, fields []recordedField) {
	t.Helper()
	if _, err := avro.Parse(string(text)); err != nil {
		t.Fatalf("the schema does not parse: %v", err)
	}
	var schema struct {
		Name      string          `json:"name"`
		Namespace string          `json:"namespace"`
		Fields    []recordedField `json:"fields"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Namespace != avroNamespace {
		t.Errorf("namespace %q", schema.Namespace)
	}
	return schema.Name, schema.Fields
}

// describe reads a recorded describe as the store would describe the object.
func describe(t *testing.T, file, name string) changefeed.ObjectInfo {
	t.Helper()
	var recorded struct {
		Fields []struct {
			Name, Type        string
			Length            int
			Custom            bool
			HTMLFormatted     bool
			CompoundFieldName string
			NameField         bool
		} `json:"fields"`
	}
	if err := json.Unmarshal(fixture(t, file), &recorded); err != nil {
		t.Fatal(err)
	}
	object := changefeed.ObjectInfo{Name: name}
	for _, f := range recorded.Fields {
		if f.Custom {
			continue
		}
		object.Fields = append(object.Fields, changefeed.FieldInfo{
			Name: f.Name, Type: f.Type, Length: f.Length, HTML: f.HTMLFormatted, Compound: f.CompoundFieldName, NameField: f.NameField,
		})
	}
	return object
}

func TestGeneratedSchemasFollowRecordedOnes(t *testing.T) {
	tests := []struct{ object, describe, schema string }{
		{"Account", "grouparoo/Account-describe-v42.json", "valeriyyy/AccountChangeEvent.avsc"},
		{"Contact", "grouparoo/Contact-describe-v42.json", "valeriyyy/ContactChangeEvent.avsc"},
	}
	for _, test := range tests {
		t.Run(test.object, func(t *testing.T) {
			schema, err := newChangeSchema(describe(t, test.describe, test.object))
			if err != nil {
				t.Fatal(err)
			}
			gotName, got := parseSchema(t, []byte(schema.json))
			wantName, want := parseSchema(t, fixture(t, test.schema))
			if gotName != wantName {
				t.Errorf("name %q, want %q", gotName, wantName)
			}
			if diff := cmp.Diff(want[0], got[0]); diff != "" {
				t.Errorf("the header differs: %s", diff)
			}
			byName := map[string]recordedField{}
			for _, field := range want {
				field.Type = withoutCodes(field.Type)
				byName[field.Name] = field
			}
			var order, wantOrder []string
			for _, field := range got {
				recorded, ok := byName[field.Name]
				if !ok {
					t.Errorf("%s is in no recorded event", field.Name)
					continue
				}
				order = append(order, field.Name)
				if diff := cmp.Diff(recorded, field); diff != "" {
					t.Errorf("%s differs: %s", field.Name, diff)
				}
			}
			for _, field := range want {
				if _, ok := schema.indexOf(field.Name); ok {
					wantOrder = append(wantOrder, field.Name)
				}
			}
			if diff := cmp.Diff(wantOrder, order); diff != "" {
				t.Errorf("the order differs: %s", diff)
			}
			if len(order) < 30 {
				t.Errorf("only %d fields could be compared", len(order))
			}
		})
	}
}

func (s *eventSchema) indexOf(name string) (int, bool) {
	for i, field := range s.fields {
		if field.name == name {
			return i, true
		}
	}
	return 0, false
}

// withoutCodes drops StateCode and CountryCode, which only orgs with state and country picklists have.
func withoutCodes(shape any) any {
	branches, ok := shape.([]any)
	if !ok {
		return shape
	}
	for _, branch := range branches {
		record, ok := branch.(map[string]any)
		if !ok || record["name"] != "Address" {
			continue
		}
		var kept []any
		for _, field := range record["fields"].([]any) {
			if name := field.(map[string]any)["name"]; name != "StateCode" && name != "CountryCode" {
				kept = append(kept, field)
			}
		}
		record["fields"] = kept
	}
	return shape
}

func TestStateAndCountryPicklistsExtendAddresses(t *testing.T) {
	schema, err := newChangeSchema(changefeed.ObjectInfo{Name: "Account", Fields: []changefeed.FieldInfo{
		{Name: "BillingStreet", Type: "textarea", Compound: "BillingAddress"},
		{Name: "BillingStateCode", Type: "picklist", Compound: "BillingAddress"},
		{Name: "ShippingLatitude", Type: "double", Compound: "ShippingAddress"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode", "Latitude", "Longitude", "GeocodeAccuracy"}, schema.fields[2].partNames); diff != "" {
		t.Error(diff)
	}
	if got := schema.at["BillingStateCode"]; got != (position{1, 5}) {
		t.Errorf("StateCode is at %v", got)
	}
	if got := schema.at["ShippingLatitude"]; got != (position{2, 7}) {
		t.Errorf("Latitude is at %v", got)
	}
}

func TestSchemaOfEveryFieldType(t *testing.T) {
	docs := map[string]string{
		"string": "Data:Text", "textarea": "Data:StringPlusClob", "picklist": "Data:DynamicEnum", "multipicklist": "Data:MultiEnum",
		"boolean": "Data:Boolean", "int": "Data:Integer", "double": "Data:Double", "currency": "Data:Currency", "percent": "Data:Percent",
		"date": "Data:DateOnly", "datetime": "Data:DateTime", "time": "Data:TimeOnly", "email": "Data:Email", "phone": "Data:Phone",
		"url": "Data:Url", "reference": "ForeignKey:EntityId",
	}
	for kind, want := range docs {
		_, got := typeOf(changefeed.FieldInfo{Name: "F__c", ID: "00NDp00000BbvCY", Type: kind, Length: 32768, Custom: true})
		if got != want+":00NDp00000BbvCY" {
			t.Errorf("%s: doc %q, want %q", kind, got, want)
		}
	}
	if k, _ := typeOf(changefeed.FieldInfo{Name: "Body", Type: "base64"}); k != kindNone {
		t.Error("binary fields are sent")
	}
	if _, doc := typeOf(changefeed.FieldInfo{Name: "R__c", Type: "textarea", Length: 32768, HTML: true}); doc != "Data:HtmlStringPlusClob" {
		t.Errorf("rich text: %q", doc)
	}
	if _, doc := typeOf(changefeed.FieldInfo{Name: "CreatedDate", Type: "datetime"}); doc != "CreatedDate:DateTime" {
		t.Errorf("CreatedDate: %q", doc)
	}
}

func TestGetTopicAndSchema(t *testing.T) {
	h := newHarness(t)
	info, err := h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: accountTest})
	if err != nil {
		t.Fatal(err)
	}
	if info.GetTopicName() != accountTest || info.GetTenantGuid() != testOrgID || !info.GetCanSubscribe() || info.GetCanPublish() || info.GetRpcId() == "" {
		t.Errorf("topic %v", info)
	}
	schema, err := h.client.GetSchema(h.context(), &eventbus.SchemaRequest{SchemaId: info.GetSchemaId()})
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := parseSchema(t, []byte(schema.GetSchemaJson())); name != "AccountChangeEvent" || schema.GetSchemaId() != info.GetSchemaId() {
		t.Errorf("schema %s of %s", name, schema.GetSchemaId())
	}
	h.org.noAll["Account"] = true
	if info, err = h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: accountTest}); err != nil || info.GetCanSubscribe() {
		t.Errorf("without View All Records: %v %v", info, err)
	}
	// Channels of several entities have no schema.
	if info, err = h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: "/data/ChangeEvents"}); err != nil || info.GetSchemaId() != "" {
		t.Errorf("a channel: %v %v", info, err)
	}
	if info, err = h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: "/event/Shipped__e"}); err != nil || !info.GetCanPublish() {
		t.Errorf("a platform event: %v %v", info, err)
	}
}

// recordedPayload takes the payload out of a recorded answer.
func recordedPayload(t *testing.T, text []byte) []byte {
	t.Helper()
	var answer struct {
		Events []struct {
			Event struct{ Payload string }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Events) == 0 {
		t.Fatalf("recorded answer: %v", err)
	}
	payload, err := base64.StdEncoding.DecodeString(answer.Events[0].Event.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func headerOnly(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(headerSchema().Type)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
