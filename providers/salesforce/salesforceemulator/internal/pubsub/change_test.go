package pubsub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

const restStamp = "2026-11-02T09:00:00.000+0000"

func stampMillis() int64 { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC).UnixMilli() }

// one commits changes and gives the n events they make.
func (h *harness) one(n int, changes ...changefeed.Change) []decoded {
	h.t.Helper()
	r := h.subscribe("/data/ChangeEvents", latest, nil, 100).ready()
	h.write(changes...)
	return r.next(n)
}

func (d decoded) names(t *testing.T, header string) []string {
	t.Helper()
	names, err := namesOf(d.schema.Root(), d.texts(header))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCreateCarriesAllFields(t *testing.T) {
	h := newHarness(t)
	got := h.one(1, create("Account", accountID(1), map[string]any{
		"Id": accountID(1), "Name": "Acme", "Type": "Prospect", "BillingStreet": "415 Mission Street", "BillingCity": "San Francisco",
		"BillingLatitude": number("37.79"), "AnnualRevenue": number("40000.50"), "NumberOfEmployees": number("12"), "IsDeleted": false,
		"Description": strings.Repeat("long ", 400), "OwnerId": testUser, "CreatedDate": restStamp, "LastModifiedDate": restStamp,
		"SystemModstamp": restStamp, "Ext__c": "x-1 \U0001F600 שלום",
	}))[0]
	wantHeader := map[string]any{
		"entityName": "Account", "recordIds": []any{accountID(1)}, "changeType": "CREATE",
		"changeOrigin": "com/salesforce/api/rest/68.0;client=test", "transactionKey": "00000001-0000-0000-0000-000000000000",
		"sequenceNumber": int32(1), "commitTimestamp": stampMillis(), "commitNumber": int64(1), "commitUser": testUser,
		"nulledFields": []any{}, "diffFields": []any{}, "changedFields": []any{},
	}
	if diff := cmp.Diff(wantHeader, got.Header); diff != "" {
		t.Error(diff)
	}
	address := map[string]any{
		"Street": "415 Mission Street", "City": "San Francisco", "State": nil, "PostalCode": nil, "Country": nil,
		"Latitude": 37.79, "Longitude": nil, "GeocodeAccuracy": nil,
	}
	wantBody := map[string]any{
		"Name": "Acme", "Type": "Prospect", "BillingAddress": address, "AnnualRevenue": 40000.5, "NumberOfEmployees": int32(12),
		"Description": strings.Repeat("long ", 400), "OwnerId": testUser, "CreatedDate": stampMillis(), "LastModifiedDate": stampMillis(),
		"Ext__c": "x-1 \U0001F600 שלום",
	}
	if diff := cmp.Diff(wantBody, got.Body); diff != "" {
		t.Error(diff)
	}
}

func TestValuesOfEveryType(t *testing.T) {
	h := newHarness(t)
	h.org.selectFor(standardChannel, "Order__c")
	h.org.selectFor(standardChannel, "Contact")
	got := h.one(2,
		create("Order__c", "a01xx0000000001AAA", map[string]any{
			"Name": "O-1", "Due__c": "2022-05-31", "At__c": "10:30:00.250Z", "Site__Latitude__s": number("-1.5"), "Tags__c": "a;b", "Done__c": false,
		}),
		create("Contact", "003xx0000000001AAA", map[string]any{"LastName": "Ngata", "Salutation": "Ms.", "Birthdate": "1969-12-31", "Email": "not a moment"}),
	)
	want := []map[string]any{
		{
			"Name": "O-1", "Due__c": int64(1653955200000), "At__c": int64(37800250), "Tags__c": "a;b", "Done__c": false,
			"Site__c": map[string]any{"Latitude": -1.5, "Longitude": nil},
		},
		{
			"Name":      map[string]any{"Salutation": "Ms.", "FirstName": nil, "LastName": "Ngata"},
			"Birthdate": int64(-86400000), "Email": "not a moment",
		},
	}
	for i := range want {
		if diff := cmp.Diff(want[i], got[i].Body); diff != "" {
			t.Error(diff)
		}
	}
	if got[0].Header["entityName"] != "Order__c" {
		t.Errorf("entityName of a custom object is %v", got[0].Header["entityName"])
	}
}

func TestValuesThatDoNotFitAreNull(t *testing.T) {
	tests := []struct {
		kind  kind
		value any
	}{
		{kindInt, number("2147483648")},
		{kindInt, number("1.5")},
		{kindInt, "x"},
		{kindBool, "true"},
		{kindDouble, number("1e999")},
		{kindDate, "yesterday"},
		{kindDateTime, true},
		{kindTime, "25:00:00.000Z"},
		{kindText, nil},
		{kindRecord, "x"},
	}
	for _, test := range tests {
		if got, ok := toAvro(test.kind, test.value); ok {
			t.Errorf("toAvro(%v, %v) = %v, want null", test.kind, test.value, got)
		}
	}
}

func TestUpdateCarriesWhatChanged(t *testing.T) {
	before := map[string]any{
		"Name": "Acme", "Industry": "Apparel", "Phone": "1", "BillingStreet": "Old", "BillingCity": "Rome",
		"LastModifiedDate": "2026-11-01T09:00:00.000+0000", "SystemModstamp": "a",
	}
	after := map[string]any{
		"Name": "Acme", "Industry": "Energy", "Phone": nil, "BillingStreet": "New", "BillingCity": nil,
		"LastModifiedDate": restStamp, "SystemModstamp": "b",
	}
	h := newHarness(t)
	got := h.one(1, update("Account", accountID(1), before, after))[0]
	if diff := cmp.Diff([]string{"Phone", "Industry", "LastModifiedDate", "BillingAddress.Street", "BillingAddress.City"}, got.names(t, "changedFields")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Phone", "BillingAddress.City"}, got.names(t, "nulledFields")); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{
		"Industry": "Energy", "LastModifiedDate": stampMillis(),
		"BillingAddress": map[string]any{
			"Street": "New", "City": nil, "State": nil, "PostalCode": nil, "Country": nil, "Latitude": nil, "Longitude": nil, "GeocodeAccuracy": nil,
		},
	}
	if diff := cmp.Diff(want, got.Body); diff != "" {
		t.Error(diff)
	}
}

func TestLastModifiedFields(t *testing.T) {
	stamped := func(values map[string]any) map[string]any {
		values["LastModifiedDate"] = restStamp
		return values
	}
	tests := []struct {
		name          string
		before, after map[string]any
		want          []string
	}{
		{"the date is listed even within the same second", stamped(map[string]any{"Phone": "1"}), stamped(map[string]any{"Phone": "2"}), []string{"Phone", "LastModifiedDate"}},
		{
			"the user is listed when it differs", stamped(map[string]any{"Phone": "1", "LastModifiedById": "005a"}),
			stamped(map[string]any{"Phone": "2", "LastModifiedById": "005b"}), []string{"Phone", "LastModifiedDate", "LastModifiedById"},
		},
		{
			"what the platform does by itself has no date", stamped(map[string]any{}),
			stamped(map[string]any{"BillingLatitude": number("1"), "BillingLongitude": number("2")}), []string{"BillingAddress.Latitude", "BillingAddress.Longitude"},
		},
		{"a touched record changes its date only", map[string]any{"LastModifiedDate": "2026-01-01T00:00:00.000+0000"}, stamped(map[string]any{}), []string{"LastModifiedDate"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t)
			got := h.one(1, update("Account", accountID(1), test.before, test.after))[0]
			if diff := cmp.Diff(test.want, got.names(t, "changedFields")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChangesOfUnsentFieldsMakeNoEvent(t *testing.T) {
	h := newHarness(t)
	got := h.one(1,
		update("Account", accountID(1), map[string]any{"SystemModstamp": "a", "IsDeleted": false}, map[string]any{"SystemModstamp": "b", "IsDeleted": true}),
		update("Account", accountID(2), map[string]any{"Phone": "1"}, map[string]any{"Phone": "2"}))
	if diff := cmp.Diff([]any{accountID(2)}, got[0].Header["recordIds"]); diff != "" {
		t.Error(diff)
	}
}

func TestDeleteAndUndelete(t *testing.T) {
	h := newHarness(t)
	back := changefeed.Change{Object: "Account", RecordIDs: []string{accountID(1)}, Type: changefeed.Undelete, After: map[string]any{"Name": "Acme", "Phone": "1"}}
	r := h.subscribe(accountTest, latest, nil, 9).ready()
	h.write(remove("Account", accountID(1)))
	h.write(back)
	got := r.next(2)
	if got[0].Header["changeType"] != "DELETE" || len(got[0].Body) != 0 || len(got[0].texts("changedFields")) != 0 {
		t.Errorf("a delete is %v %v, want the header only", got[0].Header, got[0].Body)
	}
	if diff := cmp.Diff(map[string]any{"Name": "Acme", "Phone": "1"}, got[1].Body); diff != "" || got[1].Header["changeType"] != "UNDELETE" {
		t.Errorf("an undelete is %v %s", got[1].Header, diff)
	}
}

func TestEqualChangesShareAnEvent(t *testing.T) {
	h := newHarness(t)
	var changes []changefeed.Change
	for i := range 20 {
		changes = append(changes, update("Account", accountID(i), map[string]any{"Industry": fmt.Sprint(i)}, map[string]any{"Industry": "Apparel"}))
	}
	changes = append(changes,
		update("Account", accountID(20), map[string]any{"Industry": "x"}, map[string]any{"Industry": "Energy"}),
		update("Account", accountID(21), map[string]any{"Industry": "x"}, map[string]any{"Industry": "Apparel"}),
		remove("Account", accountID(22)), remove("Account", accountID(23)),
		create("Account", accountID(24), map[string]any{"Name": "same"}), create("Account", accountID(25), map[string]any{"Name": "same"}),
	)
	got := h.one(5, changes...)
	sizes := []int{21, 1, 2, 1, 1}
	for i, event := range got {
		if n := len(event.Header["recordIds"].([]any)); n != sizes[i] {
			t.Errorf("event %d has %d records, want %d", i, n, sizes[i])
		}
		if event.Header["sequenceNumber"] != int32(i+1) {
			t.Errorf("event %d has sequence number %v", i, event.Header["sequenceNumber"])
		}
	}
	if last := got[0].Header["recordIds"].([]any)[20]; last != accountID(21) {
		t.Errorf("the last record of the merged event is %v", last)
	}
	if changes[0].RecordIDs[0] != accountID(0) || len(changes[0].RecordIDs) != 1 {
		t.Error("the store's ids were changed")
	}
}

func TestOtherEntitiesLeaveGapsInSequenceNumbers(t *testing.T) {
	h := newHarness(t)
	got := h.one(2,
		create("Contact", "003xx0000000001AAA", map[string]any{"LastName": "a"}),
		create("Account", accountID(1), map[string]any{"Name": "b"}),
		create("Contact", "003xx0000000002AAA", map[string]any{"LastName": "c"}),
		create("Account", accountID(2), map[string]any{"Name": "d"}))
	if got[0].Header["sequenceNumber"] != int32(2) || got[1].Header["sequenceNumber"] != int32(4) {
		t.Errorf("sequence numbers %v, %v; want 2, 4", got[0].Header["sequenceNumber"], got[1].Header["sequenceNumber"])
	}
}

func TestAddedFieldGivesANewSchemaAndOldEventsKeepTheirs(t *testing.T) {
	h := newHarness(t)
	h.write(create("Account", accountID(1), map[string]any{"Name": "before"}))
	h.org.addField("Account", changefeed.FieldInfo{Name: "Level__c", ID: "00N000000000042", Type: "picklist", Custom: true})
	h.write(create("Account", accountID(2), map[string]any{"Name": "after", "Level__c": "high"}))
	got := h.subscribe(accountTest, earliest, nil, 9).next(2)
	if got[0].SchemaID == got[1].SchemaID || len(got[0].SchemaID) != 22 {
		t.Errorf("schema ids %q and %q", got[0].SchemaID, got[1].SchemaID)
	}
	if got[0].Body["Name"] != "before" || got[1].Body["Level__c"] != "high" {
		t.Errorf("bodies %v, %v", got[0].Body, got[1].Body)
	}
	fields := got[1].schema.Root().Fields
	last := fields[len(fields)-1]
	if last.Name != "Level__c" || last.Doc != "Data:DynamicEnum:00N000000000042" {
		t.Errorf("the new field is %s with doc %q", last.Name, last.Doc)
	}
}

func TestFieldLevelSecurity(t *testing.T) {
	h := newHarness(t)
	h.org.hidden["Account.Industry"] = true
	h.org.hidden["Account.BillingStreet"] = true
	got := h.one(1, update("Account", accountID(1), map[string]any{}, map[string]any{"Industry": "Energy", "Phone": "2", "BillingStreet": "New"}))[0]
	if diff := cmp.Diff(map[string]any{"Phone": "2", "LastModifiedDate": stampMillis()}, got.Body); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Phone", "Industry", "LastModifiedDate", "BillingAddress.Street"}, got.names(t, "changedFields")); diff != "" {
		t.Errorf("the bitmap tells what changed, readable or not: %s", diff)
	}
	if len(got.texts("nulledFields")) != 0 {
		t.Error("an unreadable field counts as nulled")
	}
}

func TestPersonAccountNames(t *testing.T) {
	h := newHarness(t)
	h.org.define("Account", "Id:id Name:string LastName:string/Name FirstName:string/Name LastModifiedDate:datetime")
	got := h.one(2,
		create("Account", accountID(1), map[string]any{"Name": "Acme"}),
		create("Account", accountID(2), map[string]any{"Name": "Lea Chan", "LastName": "Chan", "FirstName": "Lea"}))
	if diff := cmp.Diff("Acme", got[0].Body["Name"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"Salutation": nil, "FirstName": "Lea", "LastName": "Chan"}, got[1].Body["Name"]); diff != "" {
		t.Error(diff)
	}
}

func TestHugeEventBecomesAGap(t *testing.T) {
	h := newHarness(t)
	values := map[string]any{"Name": "Acme"}
	for _, name := range []string{"Description", "Website", "Phone"} {
		values[name] = strings.Repeat("x", 400_000)
	}
	got := h.one(1, create("Account", accountID(1), values))[0]
	if got.Header["changeType"] != "GAP_CREATE" || len(got.Body) != 0 {
		t.Errorf("got %v with %d fields", got.Header["changeType"], len(got.Body))
	}
}

func TestOverflow(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.OverflowAfter = 5 })
	h.org.selectFor(standardChannel, "Contact")
	var changes []changefeed.Change
	for i := range 4 {
		changes = append(changes,
			create("Account", accountID(i), map[string]any{"Name": fmt.Sprint(i), "Phone": "1"}),
			create("Contact", fmt.Sprintf("003xx%010dAAA", i), map[string]any{"LastName": "x"}))
	}
	got := h.one(5, changes...)
	var types []any
	for _, event := range got {
		types = append(types, fmt.Sprint(event.Header["entityName"], " ", event.Header["changeType"], " ", event.Header["sequenceNumber"]))
	}
	// Two accounts and a contact make five changes; everything after them is summed up.
	want := []any{"Account CREATE 1", "Contact CREATE 2", "Account CREATE 3", "Contact GAP_OVERFLOW 4", "Account GAP_OVERFLOW 5"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{overflowRecord}, got[3].Header["recordIds"]); diff != "" || len(got[3].Body) != 0 {
		t.Error(diff, got[3].Body)
	}
}

func TestRecordedHeadersDecodeWithOurHeader(t *testing.T) {
	// Payloads start with the header, so its bytes decode with our header alone.
	text := fixture(t, "valeriyyy/AccountUpdateEvents.json")
	payload := recordedPayload(t, text)
	codec := avro.MustParse(headerOnly(t))
	var value any
	if _, err := codec.Decode(payload, &value); err != nil {
		t.Fatal(err)
	}
	header := value.(map[string]any)
	if header["entityName"] != "Account" || header["changeType"] != "UPDATE" || header["commitNumber"] != int64(12279578624413) {
		t.Errorf("decoded %v", header)
	}
}
