package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/salesforce/salesforceemulator"
)

// loadable is an org whose deals take all that a create needs, and that does not wait long between two looks at a job.
func loadable(t testing.TB) (*org, provider.Records) {
	t.Helper()
	o := newOrg(t)
	spec := dealSpec()
	spec.Fields = append(spec.Fields, provider.FieldSpec{Field: "stage", Name: "StageName", Writes: true, Scale: -1},
		provider.FieldSpec{Field: "close", Name: "CloseDate", Writes: true, Scale: -1}, provider.FieldSpec{Field: "next", Name: "NextStep", Writes: true, Scale: -1})
	resources, _ := o.apply(t, spec)
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	o.p.poll = time.Millisecond
	return o, r
}

var oddTexts = []string{"plain", " edges ", "a,b", `say "hi"`, "#N/A", "שלום 🙂", "=1+1", "null", "'"}

func bulkCreates(n int) []record.Patch {
	list := make([]record.Patch, n)
	for i := range list {
		list[i] = record.Patch{Op: record.Create, Key: fmt.Sprint(7000 + i), Fields: record.Fields{
			"Name": record.OfText(fmt.Sprint("Deal ", i)), "StageName": record.OfChoice("Prospecting"), "CloseDate": must(record.OfDate("2026-12-31")),
			"NextStep": record.OfText(strings.TrimSpace(oddTexts[i%len(oddTexts)])), "Amount": must(record.OfDecimal(fmt.Sprintf("%d.25", i))),
		}}
	}
	return list
}

// allWell checks that every row was confirmed, and returns the ids.
func allWell(t *testing.T, results []record.Result) []string {
	t.Helper()
	ids := make([]string, len(results))
	for i, r := range results {
		if r.Err != nil || !validID(r.ID) {
			t.Fatalf("row %d: %+v", i, r)
		}
		ids[i] = r.ID
	}
	return ids
}

// same reads records and compares the fields that were written.
func sameAs(t *testing.T, r provider.Records, ids []string, patches []record.Patch) {
	t.Helper()
	got, err := r.Read(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, rec := range got {
		for name, want := range patches[i].Fields {
			if !rec.Fields[name].Equal(want) {
				t.Fatalf("row %d: %s is %q, want %q", i, name, rec.Fields[name], want)
			}
		}
		if key := patches[i].Key; key != "" && rec.Key != key {
			t.Fatalf("row %d carries key %q, want %q", i, rec.Key, key)
		}
	}
}

func TestLoadOfAnOrg(t *testing.T) {
	o, r := loadable(t)
	patches := bulkCreates(2300)
	write := func(patches []record.Patch, most int) []string {
		t.Helper()
		before, _ := o.calls.since(0)
		results, err := r.Write(t.Context(), provider.Batch{Patches: patches})
		if err != nil {
			t.Fatal(err)
		}
		after, ops := o.calls.since(0)
		if after-before > most {
			t.Errorf("%d calls: %v", after-before, ops[len(ops)-(after-before):])
		}
		return allWell(t, results)
	}
	// A file can not say the text that means null: those rows go by collections.
	first := write(patches, 12)
	sameAs(t, r, first, patches)
	if diff := cmp.Diff(first, write(patches, 12)); diff != "" || o.Count("Opportunity") != 2300 {
		t.Errorf("%d deals after the same load again: %s", o.Count("Opportunity"), diff)
	}
	updates := make([]record.Patch, len(first))
	for i, id := range first {
		updates[i] = record.Patch{Op: record.Update, ID: id, Fields: record.Fields{"Amount": must(record.OfDecimal(fmt.Sprint(i)))}}
		if i%3 == 0 {
			updates[i].Fields["NextStep"] = record.Value{} // cleared; the others keep theirs
		}
	}
	sameAs(t, r, write(updates, 10), updates)
	if rec, err := r.Read(t.Context(), first[1:2]); err != nil || !rec[0].Fields["NextStep"].Equal(patches[1].Fields["NextStep"]) {
		t.Errorf("a field that was not written is %+v, %v", rec, err)
	}
}

func TestLoadRowsThatFail(t *testing.T) {
	o, r := loadable(t)
	patches := bulkCreates(2400)
	patches[3].Fields["Name"] = record.Value{}
	patches[5].Fields["Amount"] = record.OfText("no number")
	if err := o.Inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultItem, Operation: "jobs/ingest", Items: []int{9}}); err != nil {
		t.Fatal(err)
	}
	results, err := r.Write(t.Context(), provider.Batch{Patches: patches})
	if err != nil {
		t.Fatal(err)
	}
	bad := map[provider.Kind]int{}
	for i, res := range results {
		if res.Err == nil {
			continue
		}
		e := asPort(t, res.Err)
		bad[e.Kind]++
		if i == 3 && (e.Kind != provider.Invalid || !slices.Contains(e.Fields, "Name")) {
			t.Errorf("a deal without a name: %+v", e)
		}
		if strings.Contains(e.Message, "--") {
			t.Errorf("row %d: %q", i, e.Message)
		}
	}
	if bad[provider.Invalid] != 2 || bad[provider.Locked] != 1 || len(bad) != 2 {
		t.Errorf("failed rows by kind: %v", bad)
	}
	if n := o.Count("Opportunity"); n != 2397 {
		t.Errorf("%d deals, want 2397", n)
	}
}

func TestLoadInterrupted(t *testing.T) {
	for _, test := range []struct {
		operation string
		fault     salesforceemulator.FaultKind
		rows      provider.Kind // of each row's error
		well      bool
	}{
		{operation: "POST jobs/ingest", fault: salesforceemulator.FaultDropAfter, rows: provider.Transient},
		{operation: "PUT jobs/ingest", fault: salesforceemulator.FaultDropAfter, rows: provider.Transient},
		{operation: "PATCH jobs/ingest", fault: salesforceemulator.FaultDropAfter, well: true},
		{operation: "PATCH jobs/ingest", fault: salesforceemulator.FaultDropBefore, well: true},
		{operation: "GET jobs/ingest", fault: salesforceemulator.FaultDropBefore, well: true},
		{operation: "POST jobs/ingest", fault: salesforceemulator.FaultError, well: true}, // refused: by collections
	} {
		t.Run(test.operation+" "+string(test.fault), func(t *testing.T) {
			o, r := loadable(t)
			f := salesforceemulator.Fault{Kind: test.fault, Operation: test.operation}
			if test.fault == salesforceemulator.FaultError {
				f.Status, f.Code, f.Message = 400, "FEATURENOTENABLED", "Bulk API is not enabled"
			}
			if err := o.Inject(f); err != nil {
				t.Fatal(err)
			}
			patches := bulkCreates(2000)
			for i := range patches {
				delete(patches[i].Fields, "NextStep")
			}
			results, err := r.Write(t.Context(), provider.Batch{Patches: patches})
			if err != nil {
				t.Fatal(err)
			}
			if test.well {
				sameAs(t, r, allWell(t, results), patches)
				return
			}
			for i, res := range results {
				if res.Err == nil || provider.KindOf(res.Err) != test.rows {
					t.Fatalf("row %d: %+v", i, res)
				}
			}
			if n := o.Count("Opportunity"); n != 0 {
				t.Errorf("%d deals are there, though the job was never begun", n)
			}
		})
	}
}

// TestLoadThatFails: a job that the org gives up before its first row is written by collections.
func TestLoadThatFails(t *testing.T) {
	o, r := loadable(t)
	r.(*records).columns[r.(*records).byNative["NextStep"]].api = "No_Such_Field__c"
	patches := bulkCreates(2400)
	for i := range patches {
		if i > 2 {
			delete(patches[i].Fields, "NextStep")
		}
	}
	results, err := r.Write(t.Context(), provider.Batch{Patches: patches})
	if err != nil {
		t.Fatal(err)
	}
	for i, res := range results {
		if (res.Err != nil) != (i < 3) {
			t.Fatalf("row %d: %+v", i, res)
		}
	}
	if n := o.Count("Opportunity"); n != 2397 {
		t.Errorf("%d deals, want 2397", n)
	}
}

func TestErrorsOfBulkRows(t *testing.T) {
	for text, want := range map[string]vendorError{
		"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: 003000000000001:--": {
			StatusCode: "UNABLE_TO_LOCK_ROW", Message: "unable to obtain exclusive access to this record or 1 records: 003000000000001"},
		"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --": {
			StatusCode: "REQUIRED_FIELD_MISSING", Message: "Required fields are missing: [Name]", Fields: []string{"Name"}},
		"STRING_TOO_LONG:too long:Name NextStep --": {StatusCode: "STRING_TOO_LONG", Message: "too long", Fields: []string{"Name", "NextStep"}},
		"UNKNOWN_EXCEPTION":                         {StatusCode: "UNKNOWN_EXCEPTION"},
		"":                                          {},
	} {
		got := rowError(text)
		if len(got.Fields) == 0 {
			got.Fields = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
