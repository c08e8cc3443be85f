package salesforce

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/salesforce/salesforceemulator"
)

// org is an emulated one with a provider for it.
type org struct {
	*salesforceemulator.Emulator
	p     *Provider
	calls *callLog
}

type callLog struct {
	mu   sync.Mutex
	list []provider.Call
}

func (l *callLog) add(c provider.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, c)
}

// since counts the calls after n, tokens aside.
func (l *callLog) since(n int) (int, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ops []string
	for _, c := range l.list[n:] {
		if c.Operation != "POST oauth2/token" {
			ops = append(ops, c.Operation)
		}
	}
	return len(ops), ops
}

func newOrg(t testing.TB, change ...func(*salesforceemulator.Options)) *org {
	t.Helper()
	o := salesforceemulator.Options{Seed: 1, ClientID: "client", ClientSecret: "s3cret"}
	for _, f := range change {
		f(&o)
	}
	e, err := salesforceemulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	bus, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = e.ServeGRPC(bus) })
	calls := &callLog{}
	p, err := New(Config{
		Connection: conn, URL: server.URL, Flow: FlowClientCredentials, ClientID: "client",
		ClientSecret:   func(context.Context) (string, error) { return "s3cret", nil },
		PubSubEndpoint: bus.Addr().String(), PubSubInsecure: true, Observe: calls.add, Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.client.pause = time.Millisecond
	t.Cleanup(func() {
		_ = p.Close()
		_ = bus.Close()
		server.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return &org{e, p, calls}
}

// apply brings the org to what specs need, as plan and apply do, and returns its resources and what was done.
func (o *org) apply(t testing.TB, specs ...provider.ObjectSpec) ([]resource.Resource, []string) {
	t.Helper()
	ctx := t.Context()
	want, err := o.p.Expand(specs)
	if err != nil {
		t.Fatal(err)
	}
	have := o.describe(t, want)
	var done []string
	resolved := maps.Clone(have)
	remaining := slices.Clone(want)
	for len(remaining) > 0 {
		var later []resource.Resource
		for _, w := range remaining {
			if slices.ContainsFunc(w.DependsOn, func(d string) bool { _, ok := resolved[d]; return !ok }) {
				later = append(later, w)
				continue
			}
			c := resource.Change{Want: w, Action: resource.Create}
			if h, ok := have[w.Address]; ok {
				c.Have, c.Want.ID, c.Action = &h, h.ID, resource.NoOp
				if c.Differences = resource.Differ(w, h); len(c.Differences) > 0 {
					c.Action = resource.Update
				}
			} else if !w.Managed {
				t.Fatalf("%s does not exist", w.Address)
			}
			if c.Action != resource.NoOp {
				done = append(done, string(c.Action)+" "+strings.TrimPrefix(w.Address, conn+"/"))
			}
			is, err := o.p.Apply(ctx, c, resolved)
			if err != nil {
				t.Fatalf("%s %s: %v", c.Action, w.Address, err)
			}
			if is.ID == "" {
				t.Errorf("%s %s gave no ID", c.Action, w.Address)
			}
			resolved[w.Address] = is
		}
		if len(later) == len(remaining) {
			t.Fatalf("resources depend on each other in a circle: %v", later)
		}
		remaining = later
	}
	after := o.describe(t, want)
	var list []resource.Resource
	for _, w := range want {
		h, ok := after[w.Address]
		if !ok {
			t.Errorf("%s is still not there", w.Address)
			continue
		}
		if d := resource.Differ(w, h); len(d) > 0 {
			t.Errorf("%s still differs: %v", w.Address, d)
		}
		list = append(list, h)
	}
	return list, done
}

func (o *org) describe(t testing.TB, want []resource.Resource) map[string]resource.Resource {
	t.Helper()
	list, err := o.p.Describe(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]resource.Resource{}
	for _, r := range list {
		have[r.Address] = r
	}
	return have
}

func (o *org) insert(t *testing.T, object string, fields map[string]any) string {
	t.Helper()
	id, err := o.Insert("", object, fields)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (o *org) deal(t *testing.T, name string, amount any) string {
	t.Helper()
	return o.insert(t, "Opportunity", map[string]any{"Name": name, "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": amount})
}

func TestStructureOfAnOrg(t *testing.T) {
	o := newOrg(t)
	client := clientSpec()
	resources, done := o.apply(t, dealSpec(), client)
	for _, want := range []string{
		"create sobject/Opportunity/field/Monday_Item_Id__c", "create sobject/Account/field/Delivery_Health__c", "create sobject/Account/field/Deal__c",
		"create permission_set/Accord_crm", "create permission_set/Accord_crm/object_permission/Opportunity",
		"create permission_set/Accord_crm/field_permission/Account.Deal__c", "create channel/ChangeEvents/channel_member/OpportunityChangeEvent",
	} {
		if !slices.Contains(done, want) {
			t.Errorf("not done: %s; done: %q", want, done)
		}
	}
	for _, r := range resources {
		if truthOf(r.Attributes, "hidden") {
			t.Errorf("%s is hidden from the user that created it", r.Address)
		}
	}
	if _, again := o.apply(t, dealSpec(), client); len(again) > 0 {
		t.Errorf("a second apply does %q", again)
	}
	client.Fields[2].Options = append(client.Fields[2].Options, "Ugly")
	if _, more := o.apply(t, dealSpec(), client); !cmp.Equal(more, []string{"update sobject/Account/field/Delivery_Health__c"}) {
		t.Errorf("with a new option apply does %q", more)
	}
	_, before := o.calls.since(0)
	o.describe(t, resources)
	if n, ops := o.calls.since(len(before) + 1); n > 8 {
		t.Errorf("a describe of everything takes %d calls: %q", n, ops)
	}
}

func TestCreateTakesOverWhatWasLeftBehind(t *testing.T) {
	o := newOrg(t)
	want := expand(t, dealSpec())
	i := slices.IndexFunc(want, func(r resource.Resource) bool { return strings.HasSuffix(r.Address, "Monday_Item_Id__c") })
	for range 2 {
		r, err := o.p.Apply(t.Context(), resource.Change{Action: resource.Create, Want: want[i]}, nil)
		if err != nil || r.ID != "Opportunity.Monday_Item_Id__c" || !truthOf(r.Attributes, "hidden") {
			t.Errorf("Apply = %+v, %v", r, err)
		}
	}
	set := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Kind == kindPermissionSet })
	var ids []string
	for range 2 {
		r, err := o.p.Apply(t.Context(), resource.Change{Action: resource.Create, Want: want[set]}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("the permission set was made twice: %q", ids)
	}
}

func TestDescribeTellsMissingFromHiddenFromOther(t *testing.T) {
	o := newOrg(t)
	if err := o.DefineField("Opportunity", "Secret__c", `{"type":"Number","label":"Secret","precision":16,"scale":2}`, false); err != nil {
		t.Fatal(err)
	}
	field := func(name, typ, id string) resource.Resource {
		r := resource.Resource{Address: fieldAddress(conn, "Opportunity", name), Connection: conn, Kind: kindField, Name: name, ID: id}
		if typ != "" {
			r.Managed, r.Attributes = true, map[string]any{"type": typ}
		}
		return r
	}
	have, err := o.p.Describe(t.Context(), []resource.Resource{
		{Address: objectAddress(conn, "Nonesuch__c"), Connection: conn, Kind: kindObject, Name: "Nonesuch__c"},
		field("stagename", "", ""), field("Secret__c", "number", ""), field("Nonesuch__c", "", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range have {
		got = append(got, fmt.Sprintf("%s %s hidden=%t", r.ID, r.Attributes["type"], truthOf(r.Attributes, "hidden")))
	}
	if diff := cmp.Diff([]string{"Opportunity.StageName picklist hidden=false", "Opportunity.Secret__c number hidden=true"}, got); diff != "" {
		t.Errorf("described (-want +got):\n%s", diff)
	}
	_, err = o.p.Describe(t.Context(), []resource.Resource{field("Was__c", "text", "Opportunity.Was__c")})
	if e := asPort(t, err); e.Kind != provider.Hidden {
		t.Errorf("a remembered field that is gone: %v of kind %v", e, e.Kind)
	}
	_, err = o.p.Describe(t.Context(), []resource.Resource{field("Amount", "text", "")})
	if e := asPort(t, err); e.Kind != provider.Invalid || !strings.Contains(e.Message, "currency") || !strings.Contains(e.Message, "text") {
		t.Errorf("a field of another type: %v of kind %v", e, e.Kind)
	}
}

func (o *org) deals(t *testing.T, where string) provider.Records {
	t.Helper()
	spec := dealSpec()
	resources, _ := o.apply(t, spec, provider.ObjectSpec{Object: "client", Connection: conn, Settings: map[string]string{"sobject": "Account"}})
	spec.Settings["where"] = where
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func collect(t *testing.T, r provider.Records, since record.Version) (map[string]record.Record, record.Version) {
	t.Helper()
	all := map[string]record.Record{}
	v, err := r.List(t.Context(), since, func(page []record.Record) error {
		for _, rec := range page {
			all[rec.ID] = rec
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, v
}

func TestRecordsOfAnOrg(t *testing.T) {
	o := newOrg(t)
	small, large := o.deal(t, "Small", 10), o.deal(t, "Large's \"deal\"", "1000.50")
	gone := o.deal(t, "Gone", 5000)
	r := o.deals(t, "Amount >= 100")
	if err := o.Delete("", "Opportunity", gone); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Count(t.Context()); err != nil || n != 1 {
		t.Errorf("Count = %d, %v; want 1", n, err)
	}
	all, version := collect(t, r, 0)
	if len(all) != 1 || !all[large].Fields["Amount"].Equal(must(record.OfDecimal("1000.5"))) || all[large].Version == 0 || all[large].Actor == "" {
		t.Errorf("List = %+v", all)
	}
	if version <= 0 {
		t.Errorf("List resumes at %d", version)
	}
	account := o.insert(t, "Account", map[string]any{"Name": "Acme"})
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{
		{Op: record.Update, ID: large, Key: "4711", Fields: record.Fields{"Amount": must(record.OfDecimal("1200.25")), "AccountId": record.OfReference(account), "Delivery_Progress__c": must(record.OfDecimal("12.5"))}},
		{Op: record.Update, ID: small, Fields: record.Fields{"AccountId": record.OfReference("001000000000000AAA")}},
		{Op: record.Update, ID: gone, Fields: record.Fields{"Amount": {}}},
		{Op: record.Delete, ID: gone},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil || results[1].Err == nil || provider.KindOf(results[2].Err) != provider.NotFound || results[3].Err != nil {
		t.Errorf("results = %+v", results)
	}
	read, err := r.Read(t.Context(), []string{gone, large, small, "nonsense", "006000000000000AAA", large})
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, rec := range read {
		states = append(states, rec.State.String())
	}
	if diff := cmp.Diff([]string{"deleted", "live", "outside", "missing", "missing", "live"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	want := record.Fields{"Name": record.OfText(`Large's "deal"`), "AccountId": record.OfReference(account),
		"Amount": must(record.OfDecimal("1200.25")), "Delivery_Progress__c": must(record.OfDecimal("12.5"))}
	if diff := cmp.Diff(want, read[1].Fields); diff != "" || read[1].Key != "4711" {
		t.Errorf("record with key %q (-want +got):\n%s", read[1].Key, diff)
	}
	found, err := r.Find(t.Context(), []string{"4711", "4712", "it's"})
	if diff := cmp.Diff(map[string][]string{"4711": {large}}, found); diff != "" || err != nil {
		t.Errorf("Find: %v (-want +got):\n%s", err, diff)
	}
	changed, next := collect(t, r, version)
	if changed[gone].State != record.Deleted || changed[small].State != record.Outside || changed[large].State != record.Live || next < version {
		t.Errorf("changed since %d: %+v, next %d", version, changed, next)
	}
}

func TestCreateTwiceIsOne(t *testing.T) {
	o := newOrg(t)
	spec := dealSpec()
	spec.Fields = append(spec.Fields, provider.FieldSpec{Field: "stage", Name: "StageName", Writes: true, Scale: -1}, provider.FieldSpec{Field: "close", Name: "CloseDate", Writes: true, Scale: -1})
	resources, _ := o.apply(t, spec)
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	create := func(key string) record.Patch {
		return record.Patch{Op: record.Create, Key: key, Fields: record.Fields{"Name": record.OfText("Deal " + key),
			"StageName": record.OfChoice("Prospecting"), "CloseDate": must(record.OfDate("2026-12-31"))}}
	}
	bad := create("9")
	bad.Fields["Name"] = record.Value{}
	batch := provider.Batch{Patches: []record.Patch{create("2"), bad, create("1")}}
	first, err := r.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if first[i].ID != second[i].ID || (first[i].Err == nil) != (i != 1) {
			t.Errorf("result %d: %+v, then %+v", i, first[i], second[i])
		}
	}
	if e := asPort(t, first[1].Err); e.Kind != provider.Invalid || e.Code == "" {
		t.Errorf("a deal without a name: %+v", e)
	}
	if n := o.Count("Opportunity"); n != 2 {
		t.Errorf("%d opportunities, want 2", n)
	}
}

func TestPagesOfAnOrg(t *testing.T) {
	o := newOrg(t)
	const n = 2300
	ids := make([]string, n)
	for i := range n {
		ids[i] = o.deal(t, fmt.Sprintf("Deal %d", i), i)
	}
	r := o.deals(t, "")
	_, before := o.calls.since(0)
	all, _ := collect(t, r, 0)
	if len(all) != n {
		t.Errorf("List gave %d records, want %d", len(all), n)
	}
	read, err := r.Read(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, rec := range read {
		if rec.State != record.Live || rec.ID != ids[i] || !rec.Fields["Name"].Equal(record.OfText(fmt.Sprintf("Deal %d", i))) {
			t.Fatalf("record %d = %+v", i, rec)
		}
	}
	if calls, ops := o.calls.since(len(before) + 1); calls != 4 {
		t.Errorf("%d calls, want 2 to list and 2 to read: %q", calls, ops)
	}
}

func TestPeopleOfAnOrg(t *testing.T) {
	o := newOrg(t)
	id, err := o.AddUser("ada@acme.example", "Ada", "Lovelace", "", "")
	if err != nil {
		t.Fatal(err)
	}
	ada, _ := o.FindUser("ada@acme.example")
	people, err := o.p.People(t.Context(), []string{id, "00G000000000001AAA", "005000000000000AAA"}, []string{strings.ToUpper(ada.Email), "nobody@x.example"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]record.Person{{ID: id, Email: ada.Email, Name: "Ada Lovelace", Active: true}}, people); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
}

func TestWatchAnOrg(t *testing.T) {
	o := newOrg(t)
	spec := dealSpec()
	resources, _ := o.apply(t, spec, provider.ObjectSpec{Object: "client", Connection: conn, Settings: map[string]string{"sobject": "Account"}})
	r, err := o.p.Records(provider.Binding{Spec: spec, Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	id := o.deal(t, "Watched", 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := make(chan emitted, 100)
	done := make(chan error, 1)
	cursors := map[string]string{}
	watch := func(ctx context.Context) {
		done <- o.p.Watch(ctx, []provider.Binding{{Spec: spec, Resources: resources}}, cursors, func(_ context.Context, c []record.Change, at provider.Cursor) error {
			out <- emitted{c, at}
			return nil
		})
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { watch(ctx) })
	// next waits for a change, and keeps cursors as the ledger would.
	next := func() record.Change {
		t.Helper()
		for {
			select {
			case e := <-out:
				if e.cursor.Name != "" {
					cursors[e.cursor.Name] = e.cursor.Position
				}
				if len(e.changes) > 0 {
					return e.changes[0]
				}
			case err := <-done:
				t.Fatalf("Watch = %v", err)
			case <-time.After(20 * time.Second):
				t.Fatal("no change came")
			}
		}
	}
	// The stream is open once the first change comes through; until then changes are made again.
	opened := false
	for n := 0; !opened; n++ {
		if err := o.Update("", "Opportunity", id, map[string]any{"Amount": 100 + n}); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-out:
			if e.cursor.Name != "" {
				cursors[e.cursor.Name] = e.cursor.Position
			}
			opened = len(e.changes) > 0
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := o.Update("", "Opportunity", id, map[string]any{"Name": "By a person", "NextStep": "not bound"}); err != nil {
		t.Fatal(err)
	}
	c := next()
	for c.Record.Fields["Amount"].Kind() == record.Decimal {
		c = next() // of the changes above
	}
	if c.Ours || c.Partial || c.Record.ID != id || !cmp.Equal(c.Record.Fields, record.Fields{"Name": record.OfText("By a person")}) || c.Record.Actor == "" {
		t.Errorf("change = %+v", c)
	}
	if _, err := r.Write(ctx, provider.Batch{Patches: []record.Patch{{Op: record.Update, ID: id, Key: "4711", Fields: record.Fields{"Amount": must(record.OfDecimal("7.25"))}}}}); err != nil {
		t.Fatal(err)
	}
	c = next()
	if !c.Ours || c.Record.Key != "4711" || !cmp.Equal(c.Record.Fields, record.Fields{"Amount": must(record.OfDecimal("7.25"))}) {
		t.Errorf("change = %+v", c)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("Watch = %v", err)
	}
	if err := o.Delete("", "Opportunity", id); err != nil {
		t.Fatal(err)
	}
	ctx, cancelAgain := context.WithCancel(t.Context())
	defer cancelAgain()
	running.Go(func() { watch(ctx) })
	if c := next(); c.Record.State != record.Deleted || c.Record.ID != id {
		t.Errorf("after a pause: %+v, want the deletion", c)
	}
	cancelAgain()
	if err := <-done; err != nil {
		t.Errorf("Watch = %v", err)
	}
}

func TestDestroyInAnOrg(t *testing.T) {
	o := newOrg(t)
	resources, _ := o.apply(t, dealSpec())
	var left []resource.Resource
	for _, r := range slices.Backward(resources) {
		if r.Kind == kindField && r.Managed {
			// The vendor's guide lists no DELETE for fields; where the org refuses it, the error says what to do.
			_, err := o.p.Apply(t.Context(), resource.Change{Action: resource.Destroy, Want: r, Have: &r}, nil)
			if e := asPort(t, err); e.Kind != provider.Invalid || !strings.Contains(e.Message, "delete it in Setup") {
				t.Errorf("destroy %s: %v of kind %v", r.Address, e, e.Kind)
			}
			continue
		}
		if r.Managed {
			// Twice, as after an interruption.
			for range 2 {
				gone, err := o.p.Apply(t.Context(), resource.Change{Action: resource.Destroy, Want: r, Have: &r}, nil)
				if err != nil {
					t.Fatalf("destroy %s: %v", r.Address, err)
				}
				if gone.ID != "" && !strings.HasPrefix(gone.ID, "implied:") {
					t.Errorf("%s has ID %s after it was destroyed", r.Address, gone.ID)
				}
			}
			r.ID = ""
			left = append(left, r)
		}
	}
	if have := o.describe(t, left); len(have) > 0 {
		t.Errorf("still there: %v", slices.Sorted(maps.Keys(have)))
	}
	_, err := o.p.Apply(t.Context(), resource.Change{Action: resource.Destroy, Want: resources[0]}, nil)
	if e := asPort(t, err); e.Kind != provider.Invalid {
		t.Errorf("destroying what the contract does not manage: %v of kind %v", e, e.Kind)
	}
}
