package monday

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

func patches(t testing.TB) []record.Patch {
	return []record.Patch{
		{Op: record.Create, Key: "006A", Fields: fullFields(t)},
		{Op: record.Update, ID: "501", Fields: record.Fields{"my_status": record.Value{}, "my_checkbox": record.OfBool(false), "name": record.OfText("New")}},
		{Op: record.Update, ID: "502", Key: "006B"},
		{Op: record.Archive, ID: "503"},
		{Op: record.Delete, ID: "504"},
	}
}

const itemOf = `{"id":%q,"name":"n","state":"active","updated_at":"2026-06-15T09:30:15Z","board":{"id":"12"},"column_values":[{"id":"my_status","type":"status","text":"Won","index":1,"label":"Won"},{"id":"salesforce_id","type":"text","text":"006A"}]}`

func TestOneDocumentForAllPatches(t *testing.T) {
	body := `{"data":{"m0":` + fmt.Sprintf(itemOf, "900") + `,"m1":` + fmt.Sprintf(itemOf, "501") + `,"m2":null,"m3":null,"m4":null},
		"errors":[
			{"message":"Item not found","path":["m2"],"extensions":{"code":"InvalidItemIdException","status_code":200}},
			{"message":"hidden","path":["m3","column_values"],"extensions":{"code":"x"}}]}`
	v := newVendor(t, reply{body: body})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	results, err := r.Write(t.Context(), provider.Batch{Key: "k", Patches: patches(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.requests()) != 1 {
		t.Fatalf("%d requests, want one", len(v.requests()))
	}
	sent := v.requests()[0]
	if g := sent.Variables["group"]; g != "id_New handoffs" {
		t.Errorf("group = %v", g)
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(sent.Variables["v1"].(string)), &values); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"my_status": nil, "my_checkbox": nil, "name": "New"}, values); diff != "" {
		t.Errorf("update writes: %s", diff)
	}
	created := results[0]
	if created.Err != nil || created.ID != "900" || created.Version != record.VersionAt(time.Date(2026, 6, 15, 9, 30, 15, 0, time.UTC)) ||
		!created.Fields["my_status"].Equal(record.OfChoice("Won")) || !created.Fields["salesforce_id"].Equal(record.OfText("006A")) {
		t.Errorf("create gave %+v", created)
	}
	if _, shown := results[1].Fields["salesforce_id"]; shown || results[1].Fields["name"].IsEmpty() {
		t.Errorf("update shows %v, want what was written alone", results[1].Fields)
	}
	var kinds []provider.Kind
	for _, x := range results[2:] {
		kinds = append(kinds, provider.KindOf(x.Err))
	}
	// m3 was carried out, and only its answer is missing; of m4 nothing is said at all.
	if want := []provider.Kind{provider.NotFound, provider.Unknown, provider.Unknown}; !slices.Equal(kinds, want) {
		t.Errorf("kinds = %v, want %v", kinds, want)
	}
}

func TestSameBatchSameBytes(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"m0":` + fmt.Sprintf(itemOf, "900") + `}}`})
	var first sent
	for i := range 5 {
		r := dealRecords(t, newProvider(t, v.URL, nil))
		if _, err := r.Write(t.Context(), provider.Batch{Key: "k", Patches: patches(t)}); err != nil {
			t.Fatal(err)
		}
		s := v.requests()[i]
		if i == 0 {
			first = s
		}
		if s.Query != first.Query || cmp.Diff(s.Variables, first.Variables) != "" {
			t.Fatal("the same batch gave two requests")
		}
	}
}

func TestBadRowsStayBehind(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"m4":` + fmt.Sprintf(itemOf, "900") + `}}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Update, ID: "1", Fields: record.Fields{"my_status": record.OfChoice("Nope")}},
		{Op: record.Update, ID: "x"},
		{Op: record.Create},
		{Op: record.Update, ID: "1", Fields: record.Fields{"unbound": record.OfText("x")}},
		{Op: record.Create, Fields: record.Fields{"name": record.OfText("n")}},
		{Op: record.Update, ID: "1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantFields := [][]string{{"my_status"}, nil, {"name"}, {"unbound"}}
	for i, fields := range wantFields {
		var e *provider.Error
		if !errors.As(results[i].Err, &e) || e.Kind != provider.Invalid || !slices.Equal(e.Fields, fields) {
			t.Errorf("row %d: %v, want an invalid value of %v", i, results[i].Err, fields)
		}
	}
	if results[4].Err != nil || results[4].ID != "900" || results[5].Err != nil || results[5].ID != "1" {
		t.Errorf("good rows gave %+v", results[4:])
	}
	if s := v.requests()[0]; strings.Count(s.Query, "create_item") != 1 || strings.Contains(s.Query, "change_multiple") {
		t.Errorf("sent %s", s.Query)
	}
}

func TestLargeBatchIsCut(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"m0":null},"errors":[{"message":"x","extensions":{"code":"ColumnValueException"}}]}`}, reply{hang: true})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	batch := provider.Batch{Key: "k"}
	for i := range 250 {
		batch.Patches = append(batch.Patches, record.Patch{Op: record.Archive, ID: fmt.Sprint(i + 1)})
	}
	results, err := r.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]provider.Kind{0: provider.Invalid, 99: provider.Invalid, 100: provider.Unknown, 199: provider.Unknown, 200: provider.Transient, 249: provider.Transient} {
		if k := provider.KindOf(results[i].Err); k != want {
			t.Errorf("row %d: %v, want %v", i, results[i].Err, want)
		}
	}
	var keys []string
	for _, s := range v.requests() {
		keys = append(keys, s.header.Get("Idempotency-Key"))
	}
	if !slices.Equal(keys, []string{"k-0", "k-1"}) {
		t.Errorf("keys = %v", keys)
	}
}

func TestExpiredKeyIsNotSent(t *testing.T) {
	v := newVendor(t, reply{body: `{}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	_, err := r.Write(t.Context(), provider.Batch{Key: "k", Sent: time.Now().Add(-26 * time.Minute), Patches: patches(t)})
	if provider.KindOf(err) != provider.Unknown || len(v.requests()) != 0 {
		t.Errorf("got %v after %d requests", err, len(v.requests()))
	}
}

func TestTheFieldAtFaultIsNamed(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"m0":null,"m1":null,"m2":null,"m3":null},"errors":[
		{"message":"bad","path":["m0"],"extensions":{"code":"ColumnValueException","error_data":{"column_type":"color"}}},
		{"message":"who","path":["m1"],"extensions":{"code":"InvalidUserIdException"}},
		{"message":"rules","path":["m2"],"extensions":{"code":"DATA_VALIDATIONS_ERROR","status_code":422,"error_data":[{"itemId":null,"columnIds":["my_numbers","my_text"],"message":"required"}]}},
		{"message":"bad","path":["m3"],"extensions":{"code":"ColumnValueException"}}]}`})
	r := dealRecords(t, newProvider(t, v.URL, nil))
	p := record.Patch{Op: record.Create, Key: "006A", Fields: fullFields(t)}
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{p, p, p, p}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"my_status"}, {"my_people"}, {"my_numbers", "my_text"}, nil} {
		var e *provider.Error
		if !errors.As(results[i].Err, &e) || e.Kind != provider.Invalid || !slices.Equal(e.Fields, want) {
			t.Errorf("row %d: %v, want the fields %v at fault", i, results[i].Err, want)
		}
	}
	if !strings.Contains(results[2].Err.Error(), "required") {
		t.Errorf("the reason is lost: %v", results[2].Err)
	}
}
