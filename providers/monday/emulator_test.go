package monday

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/monday/mondayemulator"
)

func TestStructureFromNothing(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	if n := len(s.apply()); n < 20 {
		t.Errorf("%d changes, want all of the structure", n)
	}
	if again := s.plan(); len(again) != 0 {
		t.Errorf("a second plan has %+v", again)
	}
	b, _ := s.emulator.Board("Deals")
	if b.Workspace != "Sales" || b.Webhooks != len(webhookEvents) || b.Columns["my_status"] != "status" {
		t.Errorf("board = %+v", b)
	}
	// An interrupted apply remembers nothing, and makes nothing twice.
	s.resources = map[string]resource.Resource{}
	for _, c := range s.plan() {
		if c.Want.Kind != kindWebhook {
			t.Errorf("%s would be made again", c.Want.Address)
		}
	}
}

func TestCreateTakesOverWhatIsThere(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	before := s.emulator.Boards()
	for _, address := range slices.Sorted(keys(s.resources)) {
		r := s.resources[address]
		if r.Kind == kindWebhook {
			continue
		}
		want, err := s.provider.Expand(s.specs)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(want, func(w resource.Resource) bool { return w.Address == address })
		got, err := s.provider.Apply(t.Context(), resource.Change{Action: resource.Create, Want: want[i]}, s.resources)
		if err != nil || got.ID != r.ID {
			t.Errorf("%s: made again as %q, %v", address, got.ID, err)
		}
	}
	if diff := cmp.Diff(before, s.emulator.Boards()); diff != "" {
		t.Errorf("boards changed: %s", diff)
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestLabelsAreAddedAndNeverLost(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	address := newNames(dealSpec()).column("my_status")
	before := labelsFromAttribute(s.resources[address].Attributes["choices"])
	deal := &s.specs[1]
	i := slices.IndexFunc(deal.Fields, func(f provider.FieldSpec) bool { return f.Name == "my_status" })
	deal.Fields[i].Options = []string{"Fresh", "Won"} // "Open" is not asked for any more
	deal.Fields[i].Colors = map[string]string{"Won": "sky", "Fresh": "peach"}
	changes := s.apply()
	if len(changes) != 1 || changes[0].Action != resource.Update {
		t.Fatalf("changes = %+v", changes)
	}
	after := labelsFromAttribute(s.resources[address].Attributes["choices"])
	for _, l := range before {
		if !slices.ContainsFunc(after, func(a label) bool { return a.ID == l.ID && a.Text == l.Text }) {
			t.Errorf("label %+v is gone: %+v", l, after)
		}
	}
	if n := len(after); n != len(before)+1 {
		t.Errorf("%d labels, want one more than %d", n, len(before))
	}
	if again := s.plan(); len(again) != 0 {
		t.Errorf("a second plan has %+v", again)
	}
}

func TestVanishedColumnIsHidden(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	item, err := s.emulator.CreateItem("", s.board("Deals"), "", "n", map[string]any{"my_text": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.emulator.HideColumn(s.board("Deals"), "my_text", true); err != nil {
		t.Fatal(err)
	}
	want, _ := s.provider.Expand(s.specs)
	for i := range want {
		want[i].ID = s.resources[want[i].Address].ID
	}
	if _, err := s.provider.Describe(t.Context(), want); provider.KindOf(err) != provider.Hidden {
		t.Errorf("got %v, want it hidden", err)
	}
	r := s.records(dealSpec())
	_, readErr := r.Read(t.Context(), []string{fmt.Sprint(item)})
	_, listErr := r.List(t.Context(), 0, func([]record.Record) error { return nil })
	for what, err := range map[string]error{"read": readErr, "list": listErr} {
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != provider.Hidden || !slices.Equal(e.Fields, []string{"my_text"}) {
			t.Errorf("%s: %v, want it hidden", what, err)
		}
	}
}

func TestAnotherTypeIsAnError(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	s.specs[1].Fields[len(s.specs[1].Fields)-2].Type = "numbers" // was text
	want, err := s.provider.Expand(s.specs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.provider.Describe(t.Context(), want); provider.KindOf(err) != provider.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestWebhookIsMadeAgainAndMoved(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	address := newNames(dealSpec()).webhook("create_item")
	old, err := strconv.ParseInt(webhookID(s.resources[address].ID), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.emulator.DisableWebhook(old); err != nil {
		t.Fatal(err)
	}
	if changes := s.apply(); len(changes) != 1 || changes[0].Action != resource.Create || changes[0].Want.Address != address {
		t.Errorf("changes = %+v", changes)
	}
	moved := *s.provider.webhookURL
	moved.RawQuery = "secret=1"
	s.provider.webhookURL = &moved
	if changes := s.apply(); len(changes) != len(webhookEvents) || changes[0].Action != resource.Update {
		t.Errorf("%d changes after the address moved", len(changes))
	}
	if b, _ := s.emulator.Board("Deals"); b.Webhooks != len(webhookEvents) {
		t.Errorf("%d webhooks, want the old ones gone", b.Webhooks)
	}
}

func TestDestroyIsRepeatable(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	n := newNames(dealSpec())
	for _, address := range []string{n.column("my_text"), n.webhook("create_item"), n.board} {
		r := s.resources[address]
		for range 2 {
			if _, err := s.provider.Apply(t.Context(), resource.Change{Action: resource.Destroy, Want: r, Have: &r}, s.resources); err != nil {
				t.Errorf("destroy %s: %v", address, err)
			}
		}
	}
	if _, there := s.emulator.Board("Deals"); there {
		t.Error("the board is still there")
	}
}

// TestEveryValueReadsBack writes a value of every kind and reads the same from the answer and from the board.
func TestEveryValueReadsBack(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	clients, deals := s.records(clientSpec()), s.records(dealSpec())
	made, err := clients.Write(t.Context(), provider.Batch{Key: "c", Patches: []record.Patch{{Op: record.Create, Key: "001A", Fields: record.Fields{"name": record.OfText("Acme")}}}})
	if err != nil || made[0].Err != nil {
		t.Fatal(err, made)
	}
	team := s.emulator.AddTeam("Delivery", 77)
	fields := fullFields(t)
	fields["my_board_relation"] = record.OfReference(made[0].ID)
	fields["my_people"] = record.OfPerson("77", fmt.Sprintf("team:%d", team))
	results, err := deals.Write(t.Context(), provider.Batch{Key: "d", Patches: []record.Patch{{Op: record.Create, Key: "006A", Fields: fields}}})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	want := fields.Clone()
	want["salesforce_id"] = record.OfText("006A")
	for name, got := range map[string]record.Fields{"answer": results[0].Fields, "board": mustRead(t, deals, results[0].ID).Fields} {
		if diff := cmp.Diff(want, got, cmp.Comparer(record.Value.Equal)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	item, err := strconv.ParseInt(results[0].ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := s.emulator.Item(item); info.Group != "New handoffs" {
		t.Errorf("group = %q", info.Group)
	}
	// And all of it can be cleared again, but for the name.
	clear := record.Fields{}
	for f := range fields {
		if f != "name" {
			clear[f] = record.Value{}
		}
	}
	results, err = deals.Write(t.Context(), provider.Batch{Key: "e", Patches: []record.Patch{{Op: record.Update, ID: results[0].ID, Fields: clear}}})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	for f, v := range mustRead(t, deals, results[0].ID).Fields {
		if f == "my_checkbox" {
			v = record.Value{}
		}
		if _, cleared := clear[f]; cleared && !v.IsEmpty() {
			t.Errorf("%s still holds %q", f, v)
		}
	}
}

func mustRead(t *testing.T, r *records, i string) record.Record {
	t.Helper()
	got, err := r.Read(t.Context(), []string{i})
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

func TestFindListCountAndRemoval(t *testing.T) {
	clock := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var passed atomic.Int64
	now := func() time.Time { return clock.Add(time.Duration(passed.Load())) }
	s := newStage(t, mondayemulator.Options{Clock: now}, func(c *Config) { c.Clock = now })
	s.apply()
	r := s.records(dealSpec())
	var batch provider.Batch
	for i := range 120 {
		batch.Patches = append(batch.Patches, record.Patch{Op: record.Create, Key: fmt.Sprintf("006%03d", i), Fields: record.Fields{"name": record.OfText("n")}})
	}
	batch.Key = "many"
	calls := len(s.calls)
	results, err := r.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.calls) - calls; n != 2 {
		t.Errorf("%d calls for 120 items, want 2", n)
	}
	if n, err := r.Count(t.Context()); n != 120 || err != nil {
		t.Errorf("Count = %d, %v", n, err)
	}
	found, err := r.Find(t.Context(), []string{"006000", "006119", "nobody"})
	if err != nil || len(found) != 2 || !slices.Equal(found["006119"], []string{results[119].ID}) {
		t.Errorf("found %v, %v", found, err)
	}
	all, next, err := collect(t, r, 0)
	if err != nil || len(all) != 120 || next != record.VersionAt(clock) {
		t.Errorf("listed %d up to %v, %v", len(all), next.Time(), err)
	}
	passed.Store(int64(time.Hour))
	next = record.VersionAt(now())
	ids := make([]int64, 3)
	for i := range ids {
		if ids[i], err = strconv.ParseInt(results[i].ID, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.emulator.SetValues("anna@acme.example", ids[0], map[string]any{"my_text": "by hand"}); err != nil {
		t.Fatal(err)
	}
	for i, state := range []string{"archived", "deleted"} {
		if err := s.emulator.SetItemState("", ids[i+1], state); err != nil {
			t.Fatal(err)
		}
	}
	changed, next, err := collect(t, r, next)
	if err != nil {
		t.Fatal(err)
	}
	if len(changed) != 3 || changed[results[1].ID].State != record.Archived || changed[results[2].ID].State != record.Deleted {
		t.Errorf("%d records changed", len(changed))
	}
	if c := changed[results[0].ID]; c.Actor != "77" || c.Changed["my_text"] == 0 || !c.Fields["my_text"].Equal(record.OfText("by hand")) {
		t.Errorf("edited item = %+v", c)
	}
	if next != record.VersionAt(now()) {
		t.Errorf("next = %v", next.Time())
	}
}

func TestWebhooksArrive(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	changes := s.watch()
	item, err := s.emulator.CreateItem("anna@acme.example", s.board("Deals"), "", "by hand", map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.emulator.SetItemState("anna@acme.example", item, "deleted"); err != nil {
		t.Fatal(err)
	}
	for _, state := range []record.State{record.Live, record.Deleted} {
		select {
		case c := <-changes:
			if c.Object != "deal" || c.Record.ID != fmt.Sprint(item) || c.Record.Actor != "77" || !c.Partial || c.Record.State != state || c.Record.Version == 0 {
				t.Errorf("change = %+v, want item %d %v", c, item, state)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no webhook came")
		}
	}
}

func TestFaultsOfTheVendor(t *testing.T) {
	tests := []struct {
		kind    mondayemulator.FaultKind
		want    provider.Kind
		written bool
	}{
		{mondayemulator.Error500Before, provider.Unknown, false},
		{mondayemulator.Error500After, provider.Unknown, true},
		{mondayemulator.Error502, provider.Unknown, false},
		{mondayemulator.Truncated, provider.Unknown, true},
		{mondayemulator.RateDaily, provider.Exhausted, false},
		{mondayemulator.Locked, provider.Internal, true},
	}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			s := newStage(t, mondayemulator.Options{}, nil)
			s.apply()
			r := s.records(dealSpec())
			batch := provider.Batch{Key: "k", Patches: []record.Patch{{Op: record.Create, Key: "006A", Fields: record.Fields{"name": record.OfText("n")}}}}
			if _, err := s.emulator.AddFault(mondayemulator.Fault{Kind: test.kind, Operation: "create_item"}); err != nil {
				t.Fatal(err)
			}
			_, err := r.Write(t.Context(), batch)
			if provider.KindOf(err) != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
			items, err := s.emulator.Items(s.board("Deals"))
			if err != nil || (len(items) == 1) != test.written {
				t.Errorf("%d items, %v", len(items), err)
			}
			if test.want != provider.Unknown {
				return
			}
			// The same key again, within its life: never two items.
			batch.Sent = time.Now()
			if results, err := r.Write(t.Context(), batch); err != nil || results[0].Err != nil {
				t.Errorf("repeated: %+v, %v", results, err)
			}
			if items, _ = s.emulator.Items(s.board("Deals")); len(items) != 1 {
				t.Errorf("%d items after the repetition", len(items))
			}
		})
	}
}

func TestReadsGetThroughFaults(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	r := s.records(dealSpec())
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.Error500Before, mondayemulator.Error503, mondayemulator.Truncated} {
		if _, err := s.emulator.AddFault(mondayemulator.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := collect(t, r, 0); err != nil {
		t.Error(err)
	}
}

func TestPeopleOfTheAccount(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	got, err := s.provider.People(t.Context(), []string{"78", "12345"}, []string{"anna@acme.example", "nobody@acme.example"})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	slices.SortFunc(got, func(a, b record.Person) int { return int(a.ID[1]) - int(b.ID[1]) })
	if got[0].Email != "anna@acme.example" || !got[0].Active || got[1].ID != "78" || got[1].Active {
		t.Errorf("got %+v", got)
	}
}

func (s *stage) byHand(document string, a ...any) {
	s.t.Helper()
	if _, err := s.emulator.Execute("", fmt.Sprintf(document, a...), nil); err != nil {
		s.t.Fatal(err)
	}
}

// TestDriftIsPutRight: what people rename, move or take out comes back with the next apply, and nothing else changes.
func TestDriftIsPutRight(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	n := newNames(dealSpec())
	board := s.board("Deals")
	s.byHand(`mutation{update_group(board_id:%d,group_id:%q,group_attribute:title,new_value:"Old ones"){id}}`, board, s.resources[n.group].ID)
	s.byHand(`mutation{update_board(board_id:%d,board_attribute:name,new_value:"Bargains")}`, board)
	deal := &s.specs[1]
	for i := range deal.Fields {
		if deal.Fields[i].Type == "dropdown" {
			deal.Fields[i].Options = append(deal.Fields[i].Options, "C")
		}
	}
	third := clientSpec()
	third.Object, third.Settings = "site", map[string]string{"workspace": "Sales", "board": "Sites"}
	s.specs = append(s.specs, third)
	again := dealSpec()
	again.Object, again.Settings = "deal_of_site", map[string]string{"workspace": "Sales", "board": "Deals"}
	again.Fields = []provider.FieldSpec{{Field: "site", Type: "board_relation", Name: "my_board_relation", Refers: "site"}}
	s.specs = append(s.specs, again)

	var updated []string
	for _, c := range s.apply() {
		if c.Action == resource.Update {
			updated = append(updated, c.Want.Address)
		}
	}
	want := []string{n.board, n.group, n.column("my_board_relation"), n.column("my_dropdown")}
	slices.Sort(updated)
	slices.Sort(want)
	if diff := cmp.Diff(want, updated); diff != "" {
		t.Errorf("updated: %s", diff)
	}
	b, ok := s.emulator.Board("Deals")
	if !ok || b.ID != board || b.Workspace != "Sales" || b.Groups[s.resources[n.group].ID] != "New handoffs" {
		t.Errorf("board = %+v", b)
	}
	if left := s.plan(); len(left) != 0 {
		t.Errorf("a second plan has %+v", left)
	}
}

// TestBoardMadeByHand: columns without a type are used as they are, and nothing of the board is changed.
func TestBoardMadeByHand(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.byHand(`mutation{create_board(board_name:"Plain",board_kind:public){id}}`)
	before, _ := s.emulator.Board("Plain")
	spec := provider.ObjectSpec{
		Object: "plain", Connection: "monday.work", Settings: map[string]string{"board": "Plain"},
		Fields: []provider.FieldSpec{{Field: "name", Name: "name"}},
	}
	for column, typ := range before.Columns {
		if typ == "status" || typ == "date" || typ == "people" {
			spec.Fields = append(spec.Fields, provider.FieldSpec{Field: typ, Name: column, Writes: true, Scale: -1})
		}
	}
	s.specs = []provider.ObjectSpec{spec}
	if changes := s.plan(); len(changes) != 0 {
		t.Errorf("changes = %+v", changes)
	}
	r := s.records(spec)
	var status string
	for name, shape := range r.Shapes() {
		if shape.Type == "status" {
			status = name
			if len(shape.Options) == 0 || shape.Open {
				t.Errorf("status = %+v", shape)
			}
		}
	}
	if len(r.Shapes()) < 3 || status == "" {
		t.Fatalf("shapes = %+v", r.Shapes())
	}
	chosen := record.OfChoice(r.Shapes()[status].Options[0])
	results, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Create, Fields: record.Fields{"name": record.OfText("n"), status: chosen}}}})
	if err != nil || results[0].Err != nil || !results[0].Fields[status].Equal(chosen) {
		t.Errorf("wrote %+v, %v", results, err)
	}
	after, _ := s.emulator.Board("Plain")
	if diff := cmp.Diff(before.Columns, after.Columns); diff != "" {
		t.Errorf("columns changed: %s", diff)
	}
	spec.Fields = append(spec.Fields, provider.FieldSpec{Field: "x", Name: "not_there"})
	s.specs = []provider.ObjectSpec{spec}
	if changes := s.plan(); len(changes) != 1 || changes[0].Want.Managed {
		t.Errorf("changes = %+v, want the missing column alone, unmanaged", changes)
	}
}
