package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/salesforce/salesforceemulator"
)

func (o *org) user(t *testing.T, username string) string {
	t.Helper()
	id, err := o.AddUser(username, "Any", strings.ToUpper(username[:1])+username[1:3], "", "")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (o *org) queue(t *testing.T, name string, objects ...string) string {
	t.Helper()
	id := o.insert(t, "Group", salesforceemulator.Fields{"Name": name, "Type": "Queue"})
	for _, object := range objects {
		o.insert(t, "QueueSobject", salesforceemulator.Fields{"QueueId": id, "SobjectType": object})
	}
	return id
}

// ownedSpec creates cases, which users and queues own.
func ownedSpec(owner string, fields ...string) provider.ObjectSpec {
	s := provider.ObjectSpec{Object: "case", Connection: conn, Settings: map[string]string{"sobject": "Case"}, Creates: true, Owner: owner,
		Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Writes: true, Scale: -1}}
	for _, f := range append([]string{"Subject"}, fields...) {
		s.Fields = append(s.Fields, provider.FieldSpec{Field: f, Name: f, Writes: true, Scale: -1})
	}
	return s
}

// Who is to own new records is looked up before anything is created, and a contract that names nobody is not as it should be.
func TestOwnersAreLookedUp(t *testing.T) {
	o := newOrg(t)
	ada, bob := o.user(t, "ada@acme.example"), o.user(t, "bob@acme.example")
	if err := o.Update("", "User", bob, salesforceemulator.Fields{"IsActive": false}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eve.one@acme.example", "eve.two@acme.example"} {
		if err := o.Update("", "User", o.user(t, name), salesforceemulator.Fields{"Email": "eve@acme.example"}); err != nil {
			t.Fatal(err)
		}
	}
	desk := o.queue(t, "Service Desk", "Case", "Lead")
	o.queue(t, "Lead Desk", "Lead")
	tests := []struct {
		name, owner string
		spec        provider.ObjectSpec
		id          string   // "" = it is not there
		differs     []string // paths
	}{
		{"a user", "", ownedSpec("ada@acme.example"), ada, nil},
		{"in capitals", "", ownedSpec("ADA@acme.example"), ada, nil},
		{"who left", "", ownedSpec("bob@acme.example"), bob, []string{"active"}},
		{"nobody of that address", "", ownedSpec("nobody@acme.example"), "", nil},
		{"two of one address", "", ownedSpec("eve@acme.example"), "?", []string{"matches"}},
		{"a queue", "", ownedSpec("Service Desk"), desk, nil},
		{"a queue that does not take them", "", ownedSpec("Lead Desk"), "?", []string{"sobjects"}},
		{"no such queue", "", ownedSpec("Help Desk"), "", nil},
		{"a quote", "", ownedSpec("O'Desk"), "", nil},
		{"nobody is named", "", ownedSpec(""), "nobody", []string{"owner"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := expand(t, test.spec)
			i := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Kind == kindOwner })
			h, ok := o.describe(t, want)[want[i].Address]
			if ok != (test.id != "") || test.id != "?" && h.ID != test.id {
				t.Fatalf("found %q, want %q", h.ID, test.id)
			}
			var paths []string
			for _, d := range resource.Differ(want[i], h) {
				paths = append(paths, d.Path)
			}
			if diff := cmp.Diff(test.differs, paths); ok && diff != "" {
				t.Errorf("differs in (-want +got):\n%s\n%+v", diff, h)
			}
		})
	}
	if i := slices.IndexFunc(expand(t, ownedSpec("", "OwnerId")), func(r resource.Resource) bool { return r.Kind == kindOwner }); i >= 0 {
		t.Error("an owner is asked for where a field says who owns a record")
	}
}

// A new record belongs to whom a field names, else to whom the contract names, and to our own user only if he is named.
func TestNewRecordsHaveTheOwnerThatIsNamed(t *testing.T) {
	o := newOrg(t)
	ada, desk := o.user(t, "ada@acme.example"), o.queue(t, "Service Desk", "Case")
	create := func(spec provider.ObjectSpec, key string, owner record.Value) (string, error) {
		t.Helper()
		resources, _ := o.apply(t, spec)
		r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
		if err != nil {
			t.Fatal(err)
		}
		p := record.Patch{Op: record.Create, Key: key, Fields: record.Fields{"Subject": record.OfText("Help")}}
		if slices.ContainsFunc(spec.Fields, func(f provider.FieldSpec) bool { return f.Name == "OwnerId" }) {
			p.Fields["OwnerId"] = owner
		}
		results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{p}})
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Err != nil {
			return "", results[0].Err
		}
		fields, _ := o.Record("Case", results[0].ID)
		return fmt.Sprint(fields["OwnerId"]), nil
	}
	for i, test := range []struct {
		spec  provider.ObjectSpec
		owner record.Value
		want  string
	}{
		{ownedSpec("ada@acme.example"), record.Value{}, ada},
		{ownedSpec("Service Desk"), record.Value{}, desk},
		{ownedSpec("Service Desk", "OwnerId"), record.OfPerson(ada), ada},
		{ownedSpec("Service Desk", "OwnerId"), record.Value{}, desk},
		{ownedSpec("", "OwnerId"), record.OfPerson(ada), ada},
	} {
		if got, err := create(test.spec, fmt.Sprint(4711+i), test.owner); err != nil || got != test.want {
			t.Errorf("owner %q, field %v: the record belongs to %s, %v; want %s", test.spec.Owner, test.owner, got, err, test.want)
		}
	}
	_, err := create(ownedSpec("", "OwnerId"), "4720", record.Value{})
	if e := asPort(t, err); e.Kind != provider.Invalid || !cmp.Equal(e.Fields, []string{"OwnerId"}) {
		t.Errorf("a record that nobody is named to own: %v of kind %v", e, e.Kind)
	}
}

// A plan warns of those who would own too much with what it creates, and asks with one query.
func TestOwnershipSkew(t *testing.T) {
	o := newOrg(t)
	ada := o.user(t, "ada@acme.example")
	spec := ownedSpec("Service Desk", "OwnerId")
	o.queue(t, "Service Desk", "Case")
	resources, _ := o.apply(t, spec)
	for range 3 {
		o.insert(t, "Case", salesforceemulator.Fields{"Subject": "Help", "OwnerId": ada})
	}
	advise := func(p provider.Prospect) []string {
		t.Helper()
		list, err := o.p.Advise(t.Context(), provider.Binding{Spec: spec, Resources: resources}, p)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	before, _ := o.calls.since(0)
	if w := advise(provider.Prospect{Creates: 9997, People: map[string]map[string]int{"OwnerId": {ada: 9997}}}); len(w) > 0 {
		t.Errorf("10,000 records are warned of: %q", w)
	}
	if n, ops := o.calls.since(before + 1); n > 1 {
		t.Errorf("asking took %q", ops)
	}
	w := advise(provider.Prospect{Creates: 30_000, People: map[string]map[string]int{"OwnerId": {ada: 9998}}})
	if len(w) != 2 || !strings.HasPrefix(w[0], "Service Desk owns 0 Case records, and the plan adds 20002") || !strings.HasPrefix(w[1], "Any Ada owns 3 Case records, and the plan adds 9998") {
		t.Errorf("warnings = %q", w)
	}
	spec.Owner = ""
	spec.Actions = []provider.ActionSpec{
		{Type: "salesforce_create", Settings: map[string]string{"sobject": "Task"}, Fields: []string{"OwnerId", "Subject"}},
		{Type: "salesforce_create", Settings: map[string]string{"sobject": "Lead"}, Fields: []string{"LastName"}},
		{Type: "salesforce_create", Settings: map[string]string{}, Fields: []string{"Name"}},
	}
	resources, _ = o.apply(t, spec)
	w = advise(provider.Prospect{Creates: 12, People: map[string]map[string]int{"OwnerId": {ada: 5}}})
	if len(w) != 2 || !strings.Contains(w[0], "creates Lead records that will belong to our own user") || !strings.HasPrefix(w[1], "7 new Case records name nobody") {
		t.Errorf("warnings = %q", w)
	}
}
