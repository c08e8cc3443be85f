package salesforce

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/record"
)

// A change event's schema in the vendor's manner, small: the header, a text, a compound that is written out, the same
// compound by name, a text or person's name, a date, a moment, a double and a checkbox.
const dealSchema = `{"type":"record","name":"OpportunityChangeEvent","namespace":"com.sforce.eventbus","fields":[
 {"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
  {"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
  {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
  {"name":"changeOrigin","type":"string"},{"name":"transactionKey","type":"string"},{"name":"sequenceNumber","type":"int"},
  {"name":"commitTimestamp","type":"long"},{"name":"commitNumber","type":"long"},{"name":"commitUser","type":"string"},
  {"name":"nulledFields","type":{"type":"array","items":"string"}},{"name":"diffFields","type":{"type":"array","items":"string"}},
  {"name":"changedFields","type":{"type":"array","items":"string"}}]}},
 {"name":"Name","type":["null","string",{"type":"record","name":"Switchable_PersonName","fields":[{"name":"FirstName","type":["null","string"],"default":null}]}],"default":null},
 {"name":"StageName","type":["null","string"],"default":null},
 {"name":"BillingAddress","type":["null",{"type":"record","name":"Address","fields":[
   {"name":"Street","type":["null","string"],"default":null},{"name":"City","type":["null","string"],"default":null}]}],"default":null},
 {"name":"ShippingAddress","type":["null","Address"],"default":null},
 {"name":"CloseDate","type":["null","long"],"default":null},
 {"name":"Kickoff__c","type":["null","long"],"default":null},
 {"name":"Amount","type":["null","double"],"default":null},
 {"name":"IsPrivate","type":["null","boolean"],"default":null},
 {"name":"Monday_Item_Id__c","type":["null","string"],"default":null}]}`

func dealRecords(scope string) *records {
	r := &records{object: "Opportunity", name: "deal", scope: scope, byNative: map[string]int{}}
	add := func(name, typ string, more ...func(*fieldDescribe)) {
		c := columnFor(typ, more...)
		c.native, c.api = name, name
		r.byNative[name] = len(r.columns)
		r.columns = append(r.columns, c)
	}
	add("Name", "string", func(f *fieldDescribe) { f.CompoundFieldName = "Name" })
	add("StageName", "picklist")
	add("BillingStreet", "textarea", func(f *fieldDescribe) { f.CompoundFieldName = "BillingAddress" })
	add("CloseDate", "date")
	add("Kickoff__c", "datetime")
	add("Amount", "currency")
	add("IsPrivate", "boolean")
	key := columnFor("string")
	key.native, key.api = "Monday_Item_Id__c", "Monday_Item_Id__c"
	r.key = &key
	return r
}

func header(typ string, changed ...string) map[string]any {
	return map[string]any{
		"entityName": "Opportunity", "recordIds": []any{"006000000000001AAA"}, "changeType": typ,
		"changeOrigin": "com/salesforce/api/rest/68.0;client=accord", "transactionKey": "k", "sequenceNumber": 1,
		"commitTimestamp": int64(1771291772000), "commitNumber": int64(1), "commitUser": "005000000000001AAA",
		"nulledFields": []any{}, "diffFields": []any{}, "changedFields": list(changed),
	}
}

func decodeEvent(t *testing.T, body map[string]any) changeEvent {
	t.Helper()
	s, err := parseSchema(dealSchema)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.fields {
		if _, ok := body[f.name]; !ok {
			body[f.name] = nil
		}
	}
	payload, err := s.avro.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.decode(payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEventShowsWhatChanged(t *testing.T) {
	base := record.Record{ID: "006000000000001AAA", Version: 1771291772000, Actor: "005000000000001AAA"}
	closeDate := must(record.OfDate("2022-05-31"))
	tests := []struct {
		name  string
		scope string
		body  map[string]any
		want  *record.Change // nil = nothing of ours changed
	}{
		{"one field", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x0004"), "StageName": "Closed Won"},
			&record.Change{Record: record.Record{Fields: record.Fields{"StageName": record.OfChoice("Closed Won")}}}},
		{"a scope makes it partial", "Amount > 1", map[string]any{"ChangeEventHeader": header("UPDATE", "0x0004"), "StageName": "Closed Won"},
			&record.Change{Partial: true, Record: record.Record{Fields: record.Fields{"StageName": record.OfChoice("Closed Won")}}}},
		{"cleared", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x84")},
			&record.Change{Record: record.Record{Fields: record.Fields{"StageName": {}, "Amount": {}}}, Partial: false}},
		{"date and moment", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x60"), "CloseDate": int64(1653955200000), "Kickoff__c": int64(1771291772000)},
			&record.Change{Record: record.Record{Fields: record.Fields{"CloseDate": closeDate, "Kickoff__c": record.OfDateTime(record.Version(1771291772000).Time())}}}},
		{"part of a compound", "", map[string]any{"ChangeEventHeader": header("UPDATE", "3-0x01"), "BillingAddress": map[string]any{"Street": "101 California St", "City": nil}},
			&record.Change{Record: record.Record{Fields: record.Fields{"BillingStreet": record.OfText("101 California St")}}}},
		{"another part of it", "", map[string]any{"ChangeEventHeader": header("UPDATE", "4-0x02"), "ShippingAddress": map[string]any{"Street": nil, "City": "x"}}, nil},
		{"a person's name", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x02"), "Name": map[string]any{"FirstName": "Ada"}},
			&record.Change{Partial: true, Record: record.Record{Fields: record.Fields{}}}},
		{"a great number", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x80"), "Amount": 1234567890123456.0},
			&record.Change{Partial: true, Record: record.Record{Fields: record.Fields{}}}},
		{"the key", "", map[string]any{"ChangeEventHeader": header("UPDATE", "0x200"), "Monday_Item_Id__c": "4711"},
			&record.Change{Record: record.Record{Key: "4711", Fields: record.Fields{}}}},
		{"a gap", "", map[string]any{"ChangeEventHeader": header("GAP_UPDATE")}, &record.Change{Partial: true}},
		{"deleted", "", map[string]any{"ChangeEventHeader": header("DELETE")}, &record.Change{Record: record.Record{State: record.Deleted}}},
		{"created", "", map[string]any{"ChangeEventHeader": header("CREATE"), "Name": "Big", "StageName": "Prospecting", "Amount": 12.5, "IsPrivate": true, "CloseDate": int64(1653955200000)},
			&record.Change{Record: record.Record{Fields: record.Fields{"Name": record.OfText("Big"), "StageName": record.OfChoice("Prospecting"), "BillingStreet": {},
				"CloseDate": closeDate, "Kickoff__c": {}, "Amount": must(record.OfDecimal("12.5")), "IsPrivate": record.OfBool(true)}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := dealRecords(test.scope).changes(decodeEvent(t, test.body), "accord")
			if test.want == nil {
				if len(got) != 0 {
					t.Fatalf("changes = %v, want none", got)
				}
				return
			}
			want := *test.want
			want.Object, want.Ours = "deal", true
			want.Record.ID, want.Record.Version, want.Record.Actor = base.ID, base.Version, base.Actor
			if diff := cmp.Diff([]record.Change{want}, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventWithDifference(t *testing.T) {
	h := header("UPDATE", "0x02")
	h["diffFields"] = []any{"0x02"}
	got := dealRecords("").changes(decodeEvent(t, map[string]any{"ChangeEventHeader": h, "Name": "--- \n+++ 00\n"}), "accord")
	if len(got) != 1 || !got[0].Partial || len(got[0].Record.Fields) != 0 {
		t.Errorf("changes = %+v, want one that must be read", got)
	}
}

func TestEventScopeOfParent(t *testing.T) {
	r := dealRecords("Amount >= 100 AND Stage__r.Open__c = true")
	e := changeEvent{typ: "UPDATE", ids: []string{"006000000000001AAA"}, changed: map[string]bool{"Stage__c": true}, has: map[string]bool{}}
	if got := r.changes(e, "accord"); len(got) != 1 || !got[0].Partial {
		t.Errorf("changes = %+v, want one: the parent that the scope looks at was replaced", got)
	}
	e.changed = map[string]bool{"Description": true}
	if got := r.changes(e, "accord"); len(got) != 0 {
		t.Errorf("changes = %+v, want none: neither bound nor in the scope", got)
	}
}

func TestOrigin(t *testing.T) {
	for origin, want := range map[string]bool{
		"com/salesforce/api/rest/68.0;client=accord":           true,
		"com/salesforce/api/soap/66.0;client=SfdcInternalAPI/": false,
		"com/salesforce/api/rest/68.0;client=accordion":        false,
		"com/salesforce/api/rest/68.0":                         false,
		"":                                                     false,
	} {
		if got := (changeEvent{origin: origin}).isOurs("accord"); got != want {
			t.Errorf("isOurs(%q) = %t", origin, got)
		}
	}
}

// The vectors are from the vendor's guide and from captured events.
func TestBitmaps(t *testing.T) {
	s := &eventSchema{}
	for i := range 100 {
		f := eventField{name: "F" + string(rune('0'+i/10)) + string(rune('0'+i%10))}
		if i == 6 {
			f.children = []string{"Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode", "Latitude", "Longitude"}
		}
		s.fields = append(s.fields, f)
	}
	tests := []struct {
		bitmaps []string
		want    []string
	}{
		{nil, nil},
		{[]string{"0x400800"}, []string{"F11", "F22"}},
		{[]string{"0x800000", "6-0x01"}, []string{"F06.Street", "F23"}},
		{[]string{"0x100000000000800000"}, []string{"F23", "F68"}},
		{[]string{"6-0x0180"}, []string{"F06.Latitude", "F06.Longitude"}},
	}
	for _, test := range tests {
		set, err := s.names(test.bitmaps)
		var got []string
		for n := range set {
			got = append(got, n)
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("names(%q) = %q, %v; want %q", test.bitmaps, got, err, test.want)
		}
	}
	for _, bad := range []string{"", "0x", "400", "0xzz", "0x-1", "7-0x01", "x-0x01", "-1-0x01", "1000-0x1", "6-0xFFFF", "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"} {
		if got, err := s.names([]string{bad}); err == nil {
			t.Errorf("names(%q) = %v, want an error", bad, got)
		}
	}
}

// The schema of a real org: every type of field, compounds by name, person accounts.
func TestRealSchema(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "reference", "fixtures", "salesforce", "valeriyyy", "AccountChangeEvent.avsc")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skip("no reference fixtures beside the repository: ", err)
	}
	s, err := parseSchema(string(text))
	if err != nil {
		t.Fatal(err)
	}
	index := func(name string) string {
		return strconv.Itoa(slices.IndexFunc(s.fields, func(f eventField) bool { return f.name == name }))
	}
	got, err := s.names([]string{index("ShippingAddress") + "-0x0180", index("BillingAddress") + "-0x01"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"BillingAddress.Street": true, "ShippingAddress.Latitude": true, "ShippingAddress.Longitude": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	s, err := parseSchema(dealSchema)
	if err != nil {
		f.Fatal(err)
	}
	body := map[string]any{"ChangeEventHeader": header("UPDATE", "0x0004"), "StageName": "x"}
	for _, field := range s.fields {
		if _, ok := body[field.name]; !ok {
			body[field.name] = nil
		}
	}
	payload, err := s.avro.Encode(body)
	if err != nil {
		f.Fatal(err)
	}
	for n := range payload {
		f.Add(payload[:n])
	}
	r := dealRecords("Amount > 1")
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := s.decode(payload)
		if err != nil {
			return
		}
		for _, c := range r.changes(e, "accord") {
			if !validID(c.Record.ID) {
				t.Errorf("a change of %q", c.Record.ID)
			}
		}
	})
}

func TestPosition(t *testing.T) {
	p := position{replay: []byte{0, 0, 0, 0, 0, 0x17, 0x90, 0x29, 0, 0}, mark: 1771291772000}
	if diff := cmp.Diff(p, parsePosition(p.String()), cmp.AllowUnexported(position{})); diff != "" {
		t.Errorf("position (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "%%%", "@", "AAAA@x", "%@5", "AAAA@-5"} {
		if p := parsePosition(bad); p.mark != 0 {
			t.Errorf("parsePosition(%q) = %+v, want no mark", bad, p)
		}
	}
	if p := parsePosition("@1771291772000"); len(p.replay) != 0 || p.mark != 1771291772000 {
		t.Errorf("a position without an id reads as %+v", p)
	}
}
