package monday

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/providers/monday/mondayemulator"
)

// acting is a stage with one item on its board of deals, and a clock that can be put forward.
func acting(t *testing.T) (*stage, string, *time.Duration) {
	t.Helper()
	ahead := new(time.Duration)
	s := newStage(t, mondayemulator.Options{}, func(c *Config) { c.Clock = func() time.Time { return time.Now().Add(*ahead) } })
	s.apply()
	r, err := s.provider.Records(s.binding(dealSpec()))
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.Write(t.Context(), provider.Batch{Patches: []record.Patch{{Op: record.Create, Key: "006A", Fields: record.Fields{"name": record.OfText("Deal")}}}})
	if err != nil || done[0].Err != nil {
		t.Fatal(err, done)
	}
	return s, done[0].ID, ahead
}

func (s *stage) act(a provider.Action) provider.ActionResult {
	s.t.Helper()
	r, err := s.provider.Act(s.t.Context(), a)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *stage) item(id string) mondayemulator.ItemInfo {
	s.t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	i, err := s.emulator.Item(n)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

func (s *stage) deals() []mondayemulator.ItemInfo {
	s.t.Helper()
	b, _ := s.emulator.Board("Deals")
	list, err := s.emulator.Items(b.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func TestAnUpdateIsPostedOnce(t *testing.T) {
	s, item, ahead := acting(t)
	a := provider.Action{Type: "monday_update", RecordID: item, Key: "k1", Settings: map[string]string{"body": "Won at 5 < 6 & <b>more</b>\nsecond line ✓"}}
	first := s.act(a)
	a.Sent = time.Now()
	if again := s.act(a); again.ID != first.ID {
		t.Errorf("under its key it was posted again, as %s", again.ID)
	}
	*ahead = time.Hour // the key is forgotten: it is looked up
	a.Key = "forgotten"
	if again := s.act(a); again.ID != first.ID || !again.Found {
		t.Errorf("looked up, it is %+v, want %s", again, first.ID)
	}
	other := a
	other.Settings = map[string]string{"body": "something else"}
	if o := s.act(other); o.ID == first.ID || o.Found {
		t.Errorf("another text is taken for it: %+v", o)
	}
	i := s.item(item)
	if len(i.Updates) != 2 {
		t.Fatalf("item = %+v", i)
	}
	if want := "Won at 5 &lt; 6 &amp; &lt;b&gt;more&lt;/b&gt;<br>second line ✓"; i.Updates[0] != want && i.Updates[1] != want {
		t.Errorf("updates %q, want one to be %q", i.Updates, want)
	}
}

func TestAnItemIsMadeOnce(t *testing.T) {
	s, _, ahead := acting(t)
	before := len(s.deals())
	a := provider.Action{
		Type: "monday_create", Key: "k2", Settings: map[string]string{"board": "Deals", "workspace": "Sales", "name": "Kick off"},
		Fields: map[string]string{
			"my_numbers": "12.50", "my_people": "anna@acme.example", "my_date": "2026-12-01", "my_status": "Won", "my_text": "héllo",
			"my_dropdown": "B, A", "my_timeline": "2026-12-01/2026-12-24", "my_link": "https://example.com", "my_checkbox": "true", "my_email": "",
		},
	}
	first := s.act(a)
	a.Sent = time.Now()
	if again := s.act(a); again.ID != first.ID {
		t.Errorf("under its key it was made again, as %s", again.ID)
	}
	*ahead, a.Key = time.Hour, "forgotten"
	if again := s.act(a); again.ID != first.ID || !again.Found {
		t.Errorf("looked up, it is %+v, want %s", again, first.ID)
	}
	want := map[string]string{
		"my_numbers": "12.5", "my_people": "Anna", "my_date": "2026-12-01", "my_status": "Won", "my_text": "héllo",
		"my_dropdown": "A, B", "my_timeline": "2026-12-01 - 2026-12-24", "my_link": "https://example.com", "my_checkbox": "v",
	}
	if diff := cmp.Diff(want, s.item(first.ID).Texts); diff != "" {
		t.Error(diff)
	}
	if n := len(s.deals()); n != before+1 {
		t.Errorf("%d items more, want 1", n-before)
	}
}

func TestAnItemIsMoved(t *testing.T) {
	s, item, _ := acting(t)
	a := provider.Action{Type: "monday_move", RecordID: item, Key: "k3", Settings: map[string]string{"group": "no such group"}}
	_, err := s.provider.Act(t.Context(), a)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Invalid {
		t.Errorf("a group that there is not: %v", err)
	}
	a.Settings["group"] = "Done"
	d := newDocument("mutation", "g")
	d.add("made:create_group(board_id:", d.variable("b", "ID!", s.resources[newNames(dealSpec()).board].ID), ",group_name:\"Done\"){id}")
	if _, err := s.provider.client.call(t.Context(), d.request("x", "create_group", 1)); err != nil {
		t.Fatal(err)
	}
	if r := s.act(a); r.ID != item || r.Found {
		t.Errorf("moved: %+v", r)
	}
	if r := s.act(a); !r.Found {
		t.Errorf("moved again: %+v", r)
	}
	if after := s.item(item); after.Group != "Done" {
		t.Errorf("it is in %q", after.Group)
	}
}

func TestActionsThatCannotBe(t *testing.T) {
	s, item, _ := acting(t)
	for name, a := range map[string]provider.Action{
		"unknown":      {Type: "monday_dance"},
		"no item":      {Type: "monday_update", RecordID: "x\x00", Settings: map[string]string{"body": "a"}},
		"empty text":   {Type: "monday_update", RecordID: item, Settings: map[string]string{"body": " \n"}},
		"no board":     {Type: "monday_create", Settings: map[string]string{"board": "Nowhere", "name": "x"}},
		"no column":    {Type: "monday_create", Settings: map[string]string{"board": "Deals", "workspace": "Sales", "name": "x"}, Fields: map[string]string{"none": "1"}},
		"no name":      {Type: "monday_create", Settings: map[string]string{"board": "Deals", "workspace": "Sales"}},
		"no number":    {Type: "monday_create", Settings: map[string]string{"board": "Deals", "workspace": "Sales", "name": "x"}, Fields: map[string]string{"my_numbers": "many"}},
		"gone already": {Type: "monday_move", RecordID: "999999999", Settings: map[string]string{"group": "x"}},
	} {
		_, err := s.provider.Act(t.Context(), a)
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != provider.Invalid && e.Kind != provider.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALookUpThatFailsIsNoBadValue(t *testing.T) {
	s, _, _ := acting(t)
	a := provider.Action{
		Type: "monday_create", Key: "k9", Settings: map[string]string{"board": "Deals", "workspace": "Sales", "name": "x"},
		Fields: map[string]string{"my_people": "anna@acme.example"},
	}
	s.act(a) // the board is known from now on
	calls := len(s.calls)
	a.Key = "k10"
	s.act(a)
	if n := len(s.calls) - calls; n != 2 {
		t.Errorf("the second item took %d calls, want 2: the people and the item", n)
	}
	if _, err := s.emulator.AddFault(mondayemulator.Fault{Kind: mondayemulator.RateDaily, Operation: "users"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.provider.Act(t.Context(), a)
	if k := provider.KindOf(err); k != provider.Exhausted {
		t.Errorf("the error is %v (%v), want the call's own", err, k)
	}
}
