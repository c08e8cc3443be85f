package salesforce

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/salesforce/salesforceemulator"
)

// everyType is an object with a created field of every type the contract knows, and standard ones of some more.
func everyType() provider.ObjectSpec {
	s := provider.ObjectSpec{
		Object: "all", Connection: conn, Settings: map[string]string{"sobject": "Account"}, Creates: true, Owner: "integration@acme.example", Deletes: true, Watched: true,
		Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Title: "Monday Item Id", Writes: true, Scale: -1},
		Fields: []provider.FieldSpec{
			{Field: "name", Name: "Name", Writes: true, Scale: -1}, {Field: "street", Name: "BillingStreet", Writes: true, Scale: -1},
			{Field: "employees", Name: "NumberOfEmployees", Writes: true, Scale: -1}, {Field: "owner", Name: "OwnerId", Writes: true, Scale: -1},
			{Field: "site", Name: "Website", Writes: true, Scale: -1},
		},
	}
	for _, word := range slices.Sorted(maps.Keys(fieldTypes)) {
		f := provider.FieldSpec{Field: word, Type: word, Name: "X_" + word + "__c", Title: "X " + word, Writes: true, Scale: -1}
		if isPicklistWord(word) {
			f.Options = []string{"One", "Two & more", "Drei"}
		}
		if word == "lookup" {
			f.Refers = "all"
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

// What is written reads back the same, and an event says the same as a read.
func TestEveryTypeOfAnOrg(t *testing.T) {
	o := newOrg(t)
	spec := everyType()
	resources, _ := o.apply(t, spec)
	b := provider.Binding{Spec: spec, Resources: resources}
	r, err := o.p.Records(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.Shapes()); got != len(spec.Fields)+1 {
		t.Errorf("%d shapes of %d fields and the key", got, len(spec.Fields))
	}
	parent := o.insert(t, "Account", map[string]any{"Name": "Parent"})
	person, err := o.AddUser("ada@acme.example", "Ada", "Lovelace", "", "")
	if err != nil {
		t.Fatal(err)
	}
	values := record.Fields{
		"Name": record.OfText("Acme – 東京 🚀"), "BillingStreet": record.OfText("1 Main St\nFloor 2"), "NumberOfEmployees": must(record.OfDecimal("12")),
		"OwnerId": record.OfPerson(person), "Website": record.OfLink("https://acme.example/?a=1&b=2", ""),
		"X_checkbox__c": record.OfBool(true), "X_currency__c": must(record.OfDecimal("1234567.89")), "X_date__c": must(record.OfDate("2024-02-29")),
		"X_datetime__c": record.OfDateTime(time.Date(2026, 3, 29, 1, 30, 15, 0, time.UTC)), "X_email__c": record.OfText("a@b.example"),
		"X_long_text__c": record.OfText("first\nsecond"), "X_lookup__c": record.OfReference(parent), "X_multipicklist__c": record.OfChoice("Drei", "One"),
		"X_number__c": must(record.OfDecimal("-0.25")), "X_percent__c": must(record.OfDecimal("33.33")), "X_phone__c": record.OfText("+49 30 1"),
		"X_picklist__c": record.OfChoice("Two & more"), "X_text__c": record.OfText(`it's "quoted" \ back`), "X_url__c": record.OfLink("https://x.example", ""),
	}
	out := make(chan record.Change, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		err := o.p.Watch(ctx, []provider.Binding{b}, nil, func(_ context.Context, changes []record.Change, _ provider.Cursor) error {
			for _, c := range changes {
				out <- c
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Create, Key: "1", Fields: record.Fields{"Name": record.OfText("x")}}}})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	id := results[0].ID
	// The stream is open once a change comes through.
	for opened := false; !opened; {
		if err := o.Update("", "Account", id, map[string]any{"Description": time.Now().String(), "X_text__c": time.Now().String()}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-out:
			opened = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	for round, write := range []record.Fields{values, emptied(r, values)} {
		results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: id, Fields: write}}})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		read, err := r.Read(t.Context(), []string{id})
		if err != nil {
			t.Fatal(err)
		}
		want := values.Clone()
		maps.Copy(want, write)
		if diff := cmp.Diff(want, read[0].Fields); diff != "" {
			t.Errorf("round %d, read (-want +got):\n%s", round, diff)
		}
		for {
			var c record.Change
			select {
			case c = <-out:
			case <-time.After(20 * time.Second):
				t.Fatalf("round %d: no event", round)
			}
			if !c.Ours {
				continue // still from above
			}
			if diff := cmp.Diff(write, c.Record.Fields); diff != "" || c.Partial {
				t.Errorf("round %d, event, partial %t (-want +got):\n%s", round, c.Partial, diff)
			}
			break
		}
	}
}

// emptied clears all that may be empty.
func emptied(r provider.Records, values record.Fields) record.Fields {
	cleared := record.Fields{}
	for name, shape := range r.Shapes() {
		switch {
		case shape.Required || values[name].IsEmpty():
		case shape.Kind == record.Bool:
			cleared[name] = record.OfBool(false)
		default:
			cleared[name] = record.Value{}
		}
	}
	return cleared
}

// A user who may see nothing but what the permission set grants sees all that the contract needs.
func TestPermissionSetIsEnough(t *testing.T) {
	o := newOrg(t, func(o *salesforceemulator.Options) { o.LeastPrivileged = true })
	spec := dealSpec()
	spec.Fields = append(spec.Fields, provider.FieldSpec{Field: "stage", Name: "StageName", Writes: true, Scale: -1}, provider.FieldSpec{Field: "close", Name: "CloseDate", Writes: true, Scale: -1})
	resources, _ := o.apply(t, spec)
	if i := slices.IndexFunc(resources, func(r resource.Resource) bool { return truthOf(r.Attributes, "hidden") }); i >= 0 {
		t.Errorf("%s is still hidden", resources[i].Address)
	}
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	id := o.deal(t, "Somebody else's", 5)
	all, _ := collect(t, r, 0)
	if len(all) != 1 || len(all[id].Fields) != len(spec.Fields) {
		t.Errorf("List = %+v", all)
	}
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: id, Key: "1", Fields: record.Fields{"Amount": must(record.OfDecimal("6"))}}}})
	if err != nil || results[0].Err != nil {
		t.Errorf("Write = %+v, %v", results, err)
	}
}

func TestFaultsOfAnOrg(t *testing.T) {
	o := newOrg(t)
	r := o.deals(t, "")
	id := o.deal(t, "Deal", 1)
	update := provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: id, Fields: record.Fields{"Amount": must(record.OfDecimal("2"))}}}}
	inject := func(f salesforceemulator.Fault) {
		t.Helper()
		if err := o.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultExpire})
	if _, err := r.Write(t.Context(), update); err != nil {
		t.Errorf("with a session that has ended: %v", err)
	}
	inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultDropAfter})
	_, err := r.Write(t.Context(), update)
	if e := asPort(t, err); e.Kind != provider.Unknown {
		t.Errorf("with an answer that got lost: %v of kind %v", e, e.Kind)
	}
	inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultError, Count: 2})
	if _, err := r.Write(t.Context(), update); err != nil {
		t.Errorf("with a server that was away twice: %v", err)
	}
	inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultItem})
	results, err := r.Write(t.Context(), update)
	if err != nil {
		t.Fatal(err)
	}
	if e := asPort(t, results[0].Err); e.Kind != provider.Locked {
		t.Errorf("with a locked row: %v of kind %v", e, e.Kind)
	}
	inject(salesforceemulator.Fault{Kind: salesforceemulator.FaultError, Status: 403})
	if _, err = r.Count(t.Context()); asPort(t, err).Kind != provider.Exhausted {
		t.Errorf("with no calls left: %v", err)
	}
	if _, err = r.Count(t.Context()); asPort(t, err).Kind != provider.Exhausted || asPort(t, err).RetryAfter <= 0 {
		t.Errorf("right after that: %v, want to hold back without asking", err)
	}
}
