package binding_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
	"accord/engine/record"
)

// users is a vendor that has people and nothing else; it notes what it is asked.
type users struct {
	provider.Provider
	people []record.Person
	err    error
	asked  []question
}

type question struct{ IDs, Emails []string }

func (u *users) People(_ context.Context, ids, emails []string) ([]record.Person, error) {
	u.asked = append(u.asked, question{slices.Clone(ids), slices.Clone(emails)})
	if u.err != nil {
		return nil, u.err
	}
	var found []record.Person
	for _, p := range u.people {
		if slices.Contains(ids, p.ID) || slices.Contains(emails, record.CanonicalEmail(p.Email)) {
			found = append(found, p)
		}
	}
	return found, nil
}

// office is a directory of two vendors, and the clock that it goes by.
type office struct {
	*binding.Directory
	crm, work *users
	now       time.Time
	object    *binding.Object
	ends      [2]*contract.Connection
}

func newOffice(t *testing.T, crm, work []record.Person) *office {
	t.Helper()
	o := &office{crm: &users{people: crm}, work: &users{people: work}, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	o.object = &binding.Object{Object: parse(t).Object("deal")}
	for _, side := range record.Sides {
		o.ends[side] = o.object.Ends[side].Connection
	}
	o.Directory = binding.NewDirectory(binding.Providers{"salesforce.crm": o.crm, "monday.work": o.work}, func() time.Time { return o.now })
	return o
}

// learn lets the directory see one deal of the CRM that names these people, and returns what each vendor was asked.
func (o *office) learn(t *testing.T, ids ...string) (crm, work []question) {
	t.Helper()
	o.crm.asked, o.work.asked = nil, nil
	deal := &record.Record{ID: "d", Fields: record.Fields{"OwnerId": record.OfPerson(ids...), "AccountId": record.OfReference("not a person")}}
	if err := o.Learn(t.Context(), o.object, [2][]*record.Record{{deal, nil}, nil}); err != nil {
		t.Fatal(err)
	}
	return o.crm.asked, o.work.asked
}

// wantID wants the user of the work side with an address; "" for none.
func (o *office) wantID(t *testing.T, email, want string) {
	t.Helper()
	id, ok := o.PersonID(o.ends[record.Right], email)
	if ok != (want != "") || ok && id != want {
		t.Errorf("%q is user %q, %v; want %q", email, id, ok, want)
	}
}

const ops = "ops@acme.example" // the contract's fallback

func TestDirectoryLearns(t *testing.T) {
	o := newOffice(t,
		[]record.Person{{ID: "005A", Email: "Ana@Acme.example", Name: "Ana", Active: true}, {ID: "005B", Email: "bo@acme.example"}, {ID: "005C"}},
		[]record.Person{{ID: "1", Email: "ANA@acme.example", Active: true}, {ID: "2", Email: "bo@acme.example", Active: false}, {ID: "9", Email: ops, Active: true}})
	crm, work := o.learn(t, "005A", "005B", "005C", "005A")
	// The fallback is looked up at both ends: either may need it.
	wantCRM := []question{{IDs: []string{"005A", "005B", "005C"}}, {Emails: []string{ops}}}
	if d := cmp.Diff(wantCRM, crm); d != "" {
		t.Errorf("the CRM was asked:\n%s", d)
	}
	if d := cmp.Diff([]question{{Emails: []string{"ana@acme.example", "bo@acme.example", ops}}}, work); d != "" {
		t.Errorf("the other side was asked:\n%s", d)
	}
	if e, ok := o.Email(o.ends[record.Left], "005A"); !ok || e != "ana@acme.example" {
		t.Errorf("Ana's address is %q, %v", e, ok)
	}
	for _, id := range []string{"005C", "005Z", ""} {
		if e, ok := o.Email(o.ends[record.Left], id); ok {
			t.Errorf("%q has the address %q", id, e)
		}
	}
	o.wantID(t, "Ana@acme.example", "1")
	o.wantID(t, "bo@acme.example", "") // has left
	o.wantID(t, ops, "9")
	o.wantID(t, "nobody@acme.example", "")
	for id, want := range map[string]string{"005A": "Ana", "005B": "bo@acme.example", "005C": "005C", "005Z": "005Z"} {
		if got := o.Name(o.ends[record.Left], id); got != want {
			t.Errorf("%s is called %q, want %q", id, got, want)
		}
	}
}

func TestDirectoryRemembers(t *testing.T) {
	o := newOffice(t, []record.Person{{ID: "005A", Email: "ana@acme.example", Active: true}}, []record.Person{{ID: "9", Email: ops, Active: true}})
	o.learn(t, "005A")
	o.wantID(t, "ana@acme.example", "")
	if crm, work := o.learn(t, "005A"); len(crm)+len(work) > 0 {
		t.Errorf("asked again at once: %v %v", crm, work)
	}
	o.work.people = append(o.work.people, record.Person{ID: "1", Email: "ana@acme.example", Active: true})
	o.now = o.now.Add(o.Absent - 1)
	if crm, work := o.learn(t, "005A"); len(crm)+len(work) > 0 {
		t.Errorf("asked again too soon: %v %v", crm, work)
	}
	// Who was absent is asked for again, and only they: the fallback is absent from the CRM, Ana from the other side.
	o.now = o.now.Add(1)
	crm, work := o.learn(t, "005A")
	if d := cmp.Diff([][]question{{{Emails: []string{ops}}}, {{Emails: []string{"ana@acme.example"}}}}, [][]question{crm, work}); d != "" {
		t.Errorf("after %v:\n%s", o.Absent, d)
	}
	o.wantID(t, "ana@acme.example", "1")
	// Who has gone is found out once what is known is no longer fresh.
	o.work.people = nil
	o.now = o.now.Add(o.Fresh)
	o.learn(t, "005A")
	o.wantID(t, "ana@acme.example", "")
	o.wantID(t, ops, "")
}

func TestDirectoryTwoUsersOneAddress(t *testing.T) {
	const email = "ana@acme.example"
	for name, c := range map[string]struct {
		people []record.Person
		want   string
	}{
		"the active one":         {[]record.Person{{ID: "1", Email: email}, {ID: "2", Email: email, Active: true}}, "2"},
		"the lower id":           {[]record.Person{{ID: "2", Email: email, Active: true}, {ID: "1", Email: email, Active: true}}, "1"},
		"none is active":         {[]record.Person{{ID: "1", Email: email}, {ID: "2", Email: email}}, ""},
		"active before lower id": {[]record.Person{{ID: "3", Email: email, Active: true}, {ID: "1", Email: email}, {ID: "2", Email: email, Active: true}}, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // in whatever order the vendor lists them
				o := newOffice(t, []record.Person{{ID: "005A", Email: email, Active: true}}, c.people)
				o.learn(t, "005A")
				o.wantID(t, email, c.want)
				slices.Reverse(c.people)
			}
		})
	}
}

// TestDirectorySharedAddressByID: one of two users is known by id first, and is not the one meant by their address.
func TestDirectorySharedAddressByID(t *testing.T) {
	const email = "ana@acme.example"
	for _, active := range []bool{false, true} {
		o := newOffice(t, []record.Person{{ID: "005A", Email: email, Active: true}},
			[]record.Person{{ID: "1", Email: email, Active: true}, {ID: "2", Email: email, Active: active}, {ID: "0", Email: email}})
		deal := &record.Record{Fields: record.Fields{"OwnerId": record.OfPerson("005A")}}
		for _, id := range []string{"0", "2"} {
			item := &record.Record{Fields: record.Fields{"account_manager": record.OfPerson(id)}}
			if err := o.Learn(t.Context(), o.object, [2][]*record.Record{{deal}, {item}}); err != nil {
				t.Fatal(err)
			}
			o.wantID(t, email, "1")
		}
	}
}

// TestDirectoryNoAddress: a user without an address is not the one meant by text that is no address.
func TestDirectoryNoAddress(t *testing.T) {
	o := newOffice(t, []record.Person{{ID: "005A", Email: "ana@acme.example", Active: true}}, nil)
	o.work.people = []record.Person{{ID: "7", Email: "", Active: true}}
	item := &record.Record{ID: "i", Fields: record.Fields{"account_manager": record.OfPerson("7")}}
	if err := o.Learn(t.Context(), o.object, [2][]*record.Record{nil, {item}}); err != nil {
		t.Fatal(err)
	}
	o.wantID(t, "", "")
	o.wantID(t, "no address", "")
}

func TestDirectoryError(t *testing.T) {
	o := newOffice(t, nil, nil)
	down := errors.New("the line is down")
	o.crm.err = down
	deal := &record.Record{Fields: record.Fields{"OwnerId": record.OfPerson("005A")}}
	learn := func() error { return o.Learn(t.Context(), o.object, [2][]*record.Record{{deal}, nil}) }
	if err := learn(); !errors.Is(err, down) || !strings.Contains(err.Error(), "salesforce.crm") {
		t.Errorf("err = %v, want one that wraps the cause and names the connection", err)
	}
	// What could not be asked is not taken for absent.
	o.crm.err, o.crm.people = nil, []record.Person{{ID: "005A", Email: "ana@acme.example"}}
	if err := learn(); err != nil {
		t.Fatal(err)
	}
	if _, ok := o.Email(o.ends[record.Left], "005A"); !ok {
		t.Error("Ana was not asked for again")
	}
}
