package merge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// grown is the world after the third client got its partner.
type grown struct{ world }

func (grown) RecordOf(_ string, s record.Side, pair string) (string, bool) {
	return [2]string{"l", "r"}[s] + "c" + pair[len(pair)-1:], true
}

// A reference that was left out of a new record is written once its parent has a partner, though the vendor has not shown
// the new record's field yet; whoever may edit it.
func TestReferenceFollowsItsParent(t *testing.T) {
	for _, owner := range []string{"client:left", "client:either/newest"} {
		t.Run(owner, func(t *testing.T) {
			in := scene(t, "name:left create:right "+owner, "", "name=a client=lc3 key=", "never")
			d := Resolve(in)
			if diff := cmp.Diff([]string{"pair-3"}, d.Waits); diff != "" {
				t.Fatal(diff)
			}
			in = carry(in, d)
			in.Seen[1].Fields = d.Patches[1].Fields // the vendor has confirmed what was written, and shown no more
			in.Env = grown{}
			d = Resolve(in)
			if diff := cmp.Diff([]string{"left update key=r1", "right update client=rc3"}, tell(d)); diff != "" {
				t.Error(diff)
			}
			if !slices.Contains(d.Healed, "client") {
				t.Errorf("the conflict is not healed: %v", d.Healed)
			}
		})
	}
}

// What a new record is given is agreed once the vendor confirmed it, in both spellings, and nothing else is.
func TestCreateMovesTheBase(t *testing.T) {
	in := scene(t, "name:left note:left stage:left count:right create:right", "", "name=a note= stage=Qualification count=1 key=", "never")
	want := [2]record.Fields{
		{"Name": record.OfText("a"), "Note": {}, "Stage": record.OfChoice("Qualification")},
		{"name": record.OfText("a"), "note": {}, "stage": record.OfChoice("Open")},
	}
	if diff := cmp.Diff(want, Resolve(in).OnDone[record.Right]); diff != "" {
		t.Error(diff)
	}
}

// Two writes of one pair move the base each for itself: one may be confirmed and the other refused.
func TestEachWriteMovesItsOwnBase(t *testing.T) {
	in := scene(t, "name:left count:right", "name=a count=1|name=a count=1", "name=b count=1", "name=a count=2")
	want := [2][2]record.Fields{}
	two, _ := record.OfDecimal("2")
	want[record.Left] = [2]record.Fields{{"Count": two}, {"count": two}}
	want[record.Right] = [2]record.Fields{{"Name": record.OfText("b")}, {"name": record.OfText("b")}}
	if diff := cmp.Diff(want, Resolve(in).OnDone); diff != "" {
		t.Error(diff)
	}
}

// A refused write leaves the base, so that the same decision comes again.
func TestUnconfirmedWriteIsDecidedAgain(t *testing.T) {
	in := scene(t, "name:left", "name=a|name=a", "name=b", "name=a")
	first := tell(Resolve(in))
	if diff := cmp.Diff(first, tell(Resolve(in))); diff != "" || len(first) == 0 {
		t.Errorf("first %v: %s", first, diff)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct{ rules, base, left, right, want string }{
		{"name:left", "name=a|name=a", "name=a", "name=a", "name unchanged left"},
		{"name:left", "name=a|name=a", "name=b", "name=a", "name owner left"},
		{"name:left", "name=a|name=a", "name=b", "name=b", "name agreed left"},
		{"name:left", "name=a|name=a", "name=a", "name=x", "name revert left"},
		{"name:left/report", "name=a|name=a", "name=a", "name=x", "name report right"},
		{"name:left/ignore", "name=a|name=a", "name=a", "name=x", "name ignore right"},
		{"name:left", "", "name=a", "name=x", "name first_meeting left"},
		{"note:either/newest", "note=a|note=a", "", "", "note not_shown left"},
		{"note:either/newest", "note=a|note=a", "note=a", "note=b", "note only_editor right"},
		{"note:either/newest", "note=a|note=a", "note=b @1", "note=c @2", "note newest right"},
		{"note:either/left", "note=a|note=a", "note=b", "note=c", "note side left"},
		{"note:either/hold", "note=a|note=a", "note=b", "note=c", "note hold left"},
		{"stage:left", "stage=Closed_Won|stage=Won", "stage=Demo", "stage=Won", "stage rejected left"},
		{"note:either/hold award:note=right", "note=a|note=a", "note=b", "note=c", "note awarded right"},
		{"name:left create:right", "", "name=a key=", "never", "name create left,  create left"},
		{"name:left", "", "name=a key=", "never", " no_create left"},
		{"name:left create:right/won", "", "name=a key=", "never", " not_qualified left"},
		{"name:left", "name=a|name=a", "name=a key=", "name=a", " link right, name unchanged left"},
		{"name:left", "name=a|name=a", "deleted", "name=a", " keep left"},
		{"name:left delete:left=archive", "name=a|name=a", "deleted", "name=a", " archive left"},
		{"name:left delete:right=delete", "name=a|name=a", "name=a", "deleted", " delete right"},
		{"name:left", "name=a|name=a", "deleted", "deleted", " close left"},
		{"name:left", "name=a|name=a", "missing", "name=a", " missing left"},
	} {
		var got []string
		for _, s := range Resolve(scene(t, c.rules, c.base, c.left, c.right)).Explain {
			got = append(got, fmt.Sprintf("%s %s %s", s.Field, s.Rule, s.Side))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s: %s, %s over %s:\n%s", c.rules, c.left, c.right, c.base, diff)
		}
	}
}

// A decision names the fields whose trouble is over, and no others.
func TestHeals(t *testing.T) {
	for _, c := range []struct{ name, rules, base, left, right, want string }{
		{"all is well", "name:left note:either/hold", "name=a note=n|name=a note=n", "name=a note=n", "name=a note=n", ",name,note"},
		{"one is in conflict", "name:left note:either/hold", "name=a note=n|name=a note=n", "name=b note=x", "name=a note=y", ",name"},
		{"what is not shown is not known to be well", "name:left note:either/hold", "name=a note=n|name=a note=n", "name=a", "name=a", ",name"},
		{"a record that has gone has no trouble", "name:left note:left", "name=a note=n|name=a note=n", "deleted", "name=a", ",name,note"},
		{"of a missing one nothing is known", "name:left note:left", "name=a note=n|name=a note=n", "missing", "name=a", ""},
		{"an edit that won tells who lost, once", "note:either/left", "note=n|note=n", "note=x", "note=y", ""},
	} {
		if diff := cmp.Diff(c.want, strings.Join(Resolve(scene(t, c.rules, c.base, c.left, c.right)).Healed, ",")); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// Without the parts that a caller may leave out, nothing is decided, and nothing breaks.
func TestResolveNothing(t *testing.T) {
	if diff := cmp.Diff(Decision{}, Resolve(Input{})); diff != "" {
		t.Error(diff)
	}
	in := scene(t, "name:left create:right/won", "", "name=a key=", "never")
	in.Qualifies, in.Lenses = nil, nil
	if d := Resolve(in); d.Patches[1] != nil {
		t.Errorf("created without asking: %v", tell(d))
	}
	in.Seen[0] = nil
	if d := Resolve(in); len(tell(d)) > 0 {
		t.Errorf("of no record at all: %v", tell(d))
	}
}

// A value that has not come to rest is neither carried nor run over, and holds up no other field.
func TestUnsettledFieldsAreLeftAlone(t *testing.T) {
	in := scene(t, "name:left note:either/newest", "name=a note=n|name=a note=n", "name=b note=hal @8", "name=a note=c @9")
	in.Unsettled = map[string]bool{"note": true}
	d := Resolve(in)
	if diff := cmp.Diff([]string{"right update name=b"}, tell(d)); diff != "" || slices.Contains(d.Healed, "note") {
		t.Errorf("healed %v: %s", d.Healed, diff)
	}
}

// The condition of a create block sees canonical values: the left side's spelling, whichever side the record is on.
func TestConditionSeesCanonicalValues(t *testing.T) {
	in := scene(t, "name:right stage:right create:left/won", "", "never", "name=a stage=Won key=")
	var got map[string]record.Value
	in.Qualifies = func(s record.Side, before, after map[string]record.Value) (bool, error) {
		if s != record.Left || before != nil {
			t.Errorf("asked about %s with %v before", s, before)
		}
		got = after
		return false, nil
	}
	Resolve(in)
	if diff := cmp.Diff(map[string]record.Value{"name": record.OfText("a"), "stage": record.OfChoice("Closed Won")}, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkResolve(b *testing.B) {
	rules := "name:left note:either/newest memo:left stage:left health:either/hold amount:left count:right client:left boss:left done:right"
	in := scene(b, rules, "name=a note=n memo=m stage=Qualification health=Good amount=10.5 count=1 client=lc1 boss=ada done=true|"+
		"name=a note=n memo=m stage=Open health=Good amount=10 count=1 client=rc1 boss=m-ada done=true",
		"name=a note=n memo=m stage=Closed_Won health=Good amount=11 count=1 client=lc1 boss=ada done=true",
		"name=a note=n memo=m stage=Open health=Good amount=10 count=2 client=rc1 boss=m-ada done=true")
	for b.Loop() {
		if d := Resolve(in); d.Patches[0] == nil || d.Patches[1] == nil {
			b.Fatal("nothing to write")
		}
	}
}

// ExampleResolve shows one edit on each side of a pair, of fields that different sides own.
func ExampleResolve() {
	text := []record.Shape{{Type: "text", Kind: record.Text}}
	field := func(name string, owner contract.Owner) *contract.Field {
		return &contract.Field{Name: name, Owner: owner, Ends: [2][]contract.NativeField{{{Name: name + "__c"}}, {{Name: name}}}}
	}
	deal := &contract.Object{Name: "deal", Fields: []*contract.Field{field("stage", contract.OwnerLeft), field("health", contract.OwnerRight)}}
	lenses := map[string]*lens.Lens{}
	for _, f := range deal.Fields {
		lenses[f.Name], _ = lens.New(f, [2][]record.Shape{text, text})
	}
	is := func(stage, health, suffix string) record.Fields {
		return record.Fields{"stage" + suffix: record.OfText(stage), "health" + suffix: record.OfText(health)}
	}
	d := Resolve(Input{Object: deal, Lenses: lenses, Paired: true,
		Base: [2]record.Fields{is("Open", "good", "__c"), is("Open", "good", "")},
		Seen: [2]*record.Record{{ID: "006A", Fields: is("Won", "good", "__c")}, {ID: "42", Fields: is("Open", "at risk", "")}}})
	for _, s := range record.Sides {
		fmt.Println(contract.Systems[s], d.Patches[s].Op, d.Patches[s].ID, d.Patches[s].Fields)
	}
	for _, step := range d.Explain {
		fmt.Println(step.Field, step.Rule, contract.Systems[step.Side])
	}
	// Output:
	// salesforce update 006A map[health__c:at risk]
	// monday update 42 map[stage:Won]
	// stage owner salesforce
	// health owner monday
}
