package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

const conn = "salesforce.crm"

func dealSpec() provider.ObjectSpec {
	return provider.ObjectSpec{
		Object: "deal", Connection: conn, Settings: map[string]string{"sobject": "Opportunity", "external_id": "Monday_Item_Id__c"},
		Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Title: "Monday Item Id", Writes: true, Scale: -1},
		Fields: []provider.FieldSpec{
			{Field: "name", Name: "Name", Scale: -1},
			{Field: "client", Name: "AccountId", Writes: true, Scale: -1},
			{Field: "amount", Name: "Amount", Writes: true, Scale: -1},
			{Field: "progress", Type: "percent", Name: "Delivery_Progress__c", Title: "Progress", Writes: true, Scale: -1},
		},
		Creates: true, Owner: "integration@acme.example", Watched: true,
	}
}

// described is what Describe says of a field, built by hand.
func described(object string, f fieldDescribe) resource.Resource {
	return resource.Resource{Address: fieldAddress(conn, object, f.Name), Connection: conn, Kind: kindField, Name: f.Name,
		ID: object + "." + f.Name, Attributes: fieldAttributes(f)}
}

func dealBinding() provider.Binding {
	field := func(name, typ string, more ...func(*fieldDescribe)) resource.Resource {
		f := fieldDescribe{Name: name, Type: typ, Length: 255, Precision: 18, Scale: 2, Updateable: true, Createable: true, Nillable: true}
		for _, m := range more {
			m(&f)
		}
		return described("Opportunity", f)
	}
	return provider.Binding{Spec: dealSpec(), Resources: []resource.Resource{
		{Address: objectAddress(conn, "Opportunity"), Connection: conn, Kind: kindObject, Name: "Opportunity", ID: "Opportunity"},
		field("Name", "string"), field("AccountId", "reference", refersTo("Account")), field("Amount", "currency"),
		field("Delivery_Progress__c", "percent"), field("Monday_Item_Id__c", "string"),
	}}
}

func dealsOf(t *testing.T, p *Provider) provider.Records {
	t.Helper()
	r, err := p.Records(dealBinding())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func dealID(n int) string { return fmt.Sprintf("006%012dAAA", n) }

// saves answers collections calls: every row well, but those that the test names.
func saves(t *testing.T, bad map[string]vendorError) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		var rows []string
		if r.Method == http.MethodDelete {
			rows = strings.Split(r.URL.Query().Get("ids"), ",")
		} else {
			var request struct{ Records []json.RawMessage }
			if err := json.Unmarshal([]byte(body), &request); err != nil {
				t.Error(err)
			}
			for _, r := range request.Records {
				rows = append(rows, string(r))
			}
		}
		answers := make([]map[string]any, len(rows))
	next:
		for i, row := range rows {
			for text, e := range bad {
				if strings.Contains(row, text) {
					answers[i] = map[string]any{"success": false, "errors": []any{map[string]any{"statusCode": e.StatusCode, "message": e.Message, "fields": e.Fields}}}
					continue next
				}
			}
			answers[i] = map[string]any{"id": dealID(i + 900), "success": true, "errors": []any{}}
		}
		writeJSON(w, 200, answers)
	}
}

func TestWriteCutsAndOrders(t *testing.T) {
	account := func(n int) record.Value { return record.OfReference(fmt.Sprintf("001%012dAAA", n)) }
	o := newFakeOrg(t, saves(t, nil))
	d := dealsOf(t, o.provider(t))
	batch := provider.Batch{Patches: []record.Patch{
		{Op: record.Update, ID: dealID(1), Fields: record.Fields{"Amount": must(record.OfDecimal("0.10")), "AccountId": account(2)}},
		{Op: record.Create, Key: "4711", Fields: record.Fields{"Name": record.OfText(`A & "B" <c>`), "AccountId": account(2)}},
		{Op: record.Update, ID: dealID(2), Key: "4712", Fields: record.Fields{"AccountId": account(1)}},
		{Op: record.Delete, ID: dealID(3)},
		{Op: record.Create, Key: "4710", Fields: record.Fields{"Name": record.OfText("first"), "AccountId": account(1)}},
		{Op: record.Update, ID: dealID(1), Fields: record.Fields{"Amount": {}}},
		{Op: record.Archive, ID: dealID(4)},
		{Op: record.Update, ID: dealID(5), Fields: record.Fields{"Amount": record.OfText("x")}},
		{Op: record.Update, ID: dealID(6)},
		{Op: record.Update, ID: "nonsense' OR Id != '", Fields: record.Fields{"Amount": {}}},
	}}
	results, err := d.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want := []recorded{
		{"PATCH", "/services/data/v68.0/composite/sobjects/Opportunity/Monday_Item_Id__c", "",
			`{"allOrNone":false,"records":[` +
				`{"attributes":{"type":"Opportunity"},"AccountId":"001000000000001AAA","Name":"first","Monday_Item_Id__c":"4710"},` +
				`{"attributes":{"type":"Opportunity"},"AccountId":"001000000000002AAA","Name":"A & \"B\" <c>","Monday_Item_Id__c":"4711"}]}`, ""},
		{"PATCH", "/services/data/v68.0/composite/sobjects", "",
			`{"allOrNone":false,"records":[` +
				`{"attributes":{"type":"Opportunity"},"id":"006000000000002AAA","AccountId":"001000000000001AAA","Monday_Item_Id__c":"4712"},` +
				`{"attributes":{"type":"Opportunity"},"id":"006000000000001AAA","AccountId":"001000000000002AAA","Amount":0.1}]}`, ""},
		{"PATCH", "/services/data/v68.0/composite/sobjects", "",
			`{"allOrNone":false,"records":[{"attributes":{"type":"Opportunity"},"id":"006000000000001AAA","Amount":null}]}`, ""},
		{"DELETE", "/services/data/v68.0/composite/sobjects", "allOrNone=false&ids=006000000000003AAA", "", ""},
	}
	got := o.seen()
	for i := range got {
		got[i].authorization = ""
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(recorded{})); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	kinds := make([]string, len(results))
	for i, r := range results {
		if r.Err != nil {
			kinds[i] = provider.KindOf(r.Err).String()
		}
	}
	if diff := cmp.Diff([]string{"", "", "", "", "", "", "invalid", "invalid", "", "not found"}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if results[4].ID != dealID(900) || results[1].ID != dealID(901) {
		t.Errorf("created %s and %s: the results are not those of their patches", results[4].ID, results[1].ID)
	}
	again := newFakeOrg(t, saves(t, nil))
	if _, err := dealsOf(t, again.provider(t)).Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for i, r := range again.seen() {
		if r.body != want[i].body || r.query != want[i].query {
			t.Errorf("request %d is not the same the second time: %s", i, r.body)
		}
	}
}

func TestUpdatesOfOneRecordKeepTheirOrder(t *testing.T) {
	o := newFakeOrg(t, saves(t, nil))
	d := dealsOf(t, o.provider(t))
	account := record.OfReference("001000000000001AAA")
	_, err := d.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Update, ID: dealID(1), Fields: record.Fields{"AccountId": account, "Amount": must(record.OfDecimal("1"))}},
		{Op: record.Update, ID: dealID(1), Fields: record.Fields{"Amount": must(record.OfDecimal("2"))}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	seen := o.seen()
	if len(seen) != 2 || !strings.Contains(seen[0].body, `"Amount":1`) || !strings.Contains(seen[1].body, `"Amount":2`) {
		t.Errorf("requests = %+v, want the first patch first", seen)
	}
}

func TestWriteCutsAt200(t *testing.T) {
	o := newFakeOrg(t, saves(t, nil))
	var patches []record.Patch
	for i := range 401 {
		patches = append(patches, record.Patch{Op: record.Update, ID: dealID(i), Fields: record.Fields{"Amount": {}}})
	}
	results, err := dealsOf(t, o.provider(t)).Write(t.Context(), provider.Batch{Patches: patches})
	if err != nil || len(results) != 401 || len(o.seen()) != 3 {
		t.Errorf("%d results of %d calls, %v", len(results), len(o.seen()), err)
	}
}

func TestRowErrors(t *testing.T) {
	o := newFakeOrg(t, saves(t, map[string]vendorError{
		dealID(1): {StatusCode: "UNABLE_TO_LOCK_ROW", Message: "unable to obtain exclusive access"},
		dealID(2): {StatusCode: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "No!", Fields: []string{"amount"}},
		dealID(3): {StatusCode: "ENTITY_IS_DELETED", Message: "entity is deleted"},
	}))
	d := dealsOf(t, o.provider(t))
	results, err := d.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Update, ID: dealID(1), Fields: record.Fields{"Amount": {}}},
		{Op: record.Update, ID: dealID(2), Fields: record.Fields{"Amount": {}}},
		{Op: record.Delete, ID: dealID(3)},
		{Op: record.Delete, ID: dealID(4)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if e := asPort(t, results[0].Err); e.Kind != provider.Locked {
		t.Errorf("a lock is %v", e.Kind)
	}
	if n := d.Limits().BatchSize; n >= rowsPerCollection {
		t.Errorf("after a lock batches still have %d rows", n)
	}
	if e := asPort(t, results[1].Err); e.Kind != provider.Invalid || !cmp.Equal(e.Fields, []string{"Amount"}) || e.Message != "No!" {
		t.Errorf("a validation rule is %+v", e)
	}
	if results[2].Err != nil || results[3].Err != nil {
		t.Errorf("deleting what is gone is %v, what is there %v", results[2].Err, results[3].Err)
	}
}

func TestBatchErrors(t *testing.T) {
	calls := 0
	o := newFakeOrg(t, nil)
	good := saves(t, nil)
	o.answer = func(w http.ResponseWriter, r *http.Request, body string) {
		if calls++; r.Method == http.MethodDelete || calls == 1 {
			good(w, r, body)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}
	d := dealsOf(t, o.provider(t))
	results, err := d.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Delete, ID: dealID(1)},
		{Op: record.Create, Key: "1", Fields: record.Fields{"Name": record.OfText("a")}},
		{Op: record.Update, ID: dealID(2), Fields: record.Fields{"Amount": {}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if results[1].Err != nil || provider.KindOf(results[2].Err) != provider.Unknown || provider.KindOf(results[0].Err) != provider.Transient {
		t.Errorf("results = %+v", results)
	}
	_, err = d.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: dealID(2), Fields: record.Fields{"Amount": {}}}}})
	if e := asPort(t, err); e.Kind != provider.Unknown {
		t.Errorf("kind = %v, want unknown", e.Kind)
	}
}

func TestWriteGivesUpWithItsContext(t *testing.T) {
	o := newFakeOrg(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	o.answer = func(_ http.ResponseWriter, r *http.Request, _ string) {
		cancel()
		<-r.Context().Done()
	}
	_, err := dealsOf(t, o.provider(t)).Write(ctx, provider.Batch{Patches: []record.Patch{{Op: record.Delete, ID: dealID(1)}}})
	if e := asPort(t, err); e.Kind != provider.Unknown {
		t.Errorf("kind = %v (%v), want unknown: the request was on its way", e.Kind, e)
	}
}
