package merge

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
)

// domains are the values that a pair may show for each sort of field: few, so that sides often agree, and with the
// spellings that lossy lenses can't tell apart.
var domains = map[string][2][]string{
	"name":   {{"a", "b", "_a_", "~~x"}, {"a", "b", "a_", ""}},
	"note":   {{"", "a", "b", "c"}, {"", "a", "b", "_a_", "~~x"}},
	"memo":   {{"", "abcde", "abcdefg", "abcdexx", "b"}, {"", "abcde", "b", "c"}},
	"stage":  {{"", "Prospecting", "Qualification", "Closed_Won", "Demo"}, {"", "Open", "Won", "Lost", "Odd"}},
	"health": {{"", "Good", "good", "Bad"}, {"", "Good", "Bad"}},
	"amount": {{"", "10", "10.5", "10.25", "11.49"}, {"", "10", "11", "12"}},
	"count":  {{"", "0", "1", "2.5"}, {"", "0", "1", "2.5"}},
	"client": {{"", "lc1", "lc2", "lc3", "lc9"}, {"", "rc1", "rc2", "rc1,rc2", "rc9"}},
	"boss":   {{"", "ada", "bob", "eve", "queue"}, {"", "m-ada", "m-bob", "m-ada,m-bob", "m-queue"}},
	"mate":   {{"", "ada", "bob", "eve", "queue"}, {"", "m-ada", "m-bob", "m-queue"}},
	"done":   {{"", "true", "false"}, {"", "true", "false"}},
	"span":   {{"/", "2026-01-01/2026-02-01", "2026-03-01/2026-02-01", "/2026-02-01"}, {"", "2026-01-01/2026-02-01", "2026-01-05/2026-02-01"}},
}

// genInput draws a pair in any situation; both asks for two live records.
func genInput(t *rapid.T, both bool) Input {
	names := slices.Sorted(maps.Keys(domains))
	names = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 4, rapid.ID[string]).Draw(t, "fields")
	rules := []string{}
	for _, n := range names {
		how := rapid.SampledFrom([]string{"left", "left/report", "left/ignore", "right", "right/report", "right/ignore",
			"either/newest", "either/left", "either/right", "either/hold"}).Draw(t, "rule of "+n)
		rules = append(rules, n+":"+how)
	}
	rules = append(rules, rapid.SampledFrom([]string{"create:left", "create:right", "create:left create:right", "create:right/won", ""}).Draw(t, "creates"))
	for _, s := range record.Sides {
		rules = append(rules, "delete:"+s.String()+"="+rapid.SampledFrom([]string{"keep", "archive", "delete"}).Draw(t, "delete"))
	}
	fields := func(s record.Side, label string) string {
		var words []string
		for _, n := range names {
			if rapid.IntRange(0, 7).Draw(t, "hidden") > 0 {
				words = append(words, n+"="+rapid.SampledFrom(domains[n][s]).Draw(t, label+" "+n))
			}
		}
		return strings.Join(words, " ")
	}
	base := ""
	if rapid.IntRange(0, 3).Draw(t, "met") > 0 {
		base = fields(0, "base") + "|" + fields(1, "base")
	}
	var seen [2]string
	for _, s := range record.Sides {
		// Times are never equal: that rule favours a side, on purpose.
		seen[s] = fields(s, "seen") + fmt.Sprintf(" @%d", 2*rapid.IntRange(1, 50).Draw(t, "time")+int(s))
		if rapid.IntRange(0, 3).Draw(t, "key") == 0 {
			seen[s] += " key="
		}
		if !both {
			seen[s] = rapid.SampledFrom([]string{"", "", "archived ", "deleted ", "missing "}).Draw(t, "state") + seen[s]
			if rapid.IntRange(0, 3).Draw(t, "never") == 0 {
				seen[s] = "never"
			}
		}
	}
	return scene(t, strings.Join(rules, " "), base, seen[0], seen[1])
}

// Convergence: once its patches were carried out, deciding again decides nothing.
func TestConverges(t *testing.T) {
	patched := 0
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, false)
		if d := Resolve(in); d.Patches[0] != nil || d.Patches[1] != nil {
			patched++
		}
		for range 3 {
			in = carry(in, Resolve(in))
		}
		d := Resolve(in)
		if d.Patches[0] != nil || d.Patches[1] != nil || len(d.Agreed[0])+len(d.Agreed[1]) > 0 {
			t.Fatalf("never settles: %v", tell(d))
		}
	})
	if patched == 0 {
		t.Error("no case had a patch")
	}
	t.Logf("%d cases with patches", patched)
}

// Idempotence of a live pair: one round is enough.
func TestConvergesAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, true)
		first := Resolve(in)
		second := Resolve(carry(in, first))
		if second.Patches[0] != nil || second.Patches[1] != nil {
			t.Fatalf("%v, and then %v", tell(first), tell(second))
		}
		for _, c := range second.Conflicts {
			if c.Info {
				t.Fatalf("an edit is overridden twice: %v", tell(second))
			}
		}
	})
}

// A decision depends on nothing but its input, and leaves that alone.
func TestPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, false)
		before := fmt.Sprintf("%+v %+v %+v %+v", in.Base, in.Seen[0], in.Seen[1], in.Object)
		a, b := Resolve(in), Resolve(in)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("decided %v, and then %v", tell(a), tell(b))
		}
		if after := fmt.Sprintf("%+v %+v %+v %+v", in.Base, in.Seen[0], in.Seen[1], in.Object); after != before {
			t.Fatalf("the input was %s and is %s", before, after)
		}
	})
}

// What nobody changed is never written, and what is written is never what is there.
func TestWritesOnlyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, true)
		still := in
		for _, s := range record.Sides {
			still.Base[s] = in.Seen[s].Fields
			r := *in.Seen[s]
			r.Key = in.Seen[s.Other()].ID
			still.Seen[s] = &r
		}
		if d := Resolve(still); d.Patches[0] != nil || d.Patches[1] != nil || d.Agreed[0] != nil || d.Agreed[1] != nil {
			for _, f := range in.Object.Fields {
				_, left := gather(still.Base[0], in.Lenses[f.Name].Natives(0))
				_, right := gather(still.Base[1], in.Lenses[f.Name].Natives(1))
				if !left || !right {
					return // a field that one side never showed was never agreed
				}
				if f.Reference != nil {
					return // what it refers to may have another partner than when it was agreed
				}
			}
			t.Fatalf("nobody changed anything, and %v", tell(d))
		}
		d := Resolve(in)
		for _, s := range record.Sides {
			if d.Patches[s] == nil {
				continue
			}
			for n, v := range d.Patches[s].Fields {
				if now, ok := in.Seen[s].Fields[n]; ok && now.Equal(v) {
					t.Fatalf("%s %s is %v already: %v", s, n, v, tell(d))
				}
			}
		}
	})
}

// Only an owner's value flows; a base moves only to what is seen or written; and a field's fate depends on no other field.
func TestOwnershipAndIndependence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, true)
		whole := Resolve(in)
		for _, f := range in.Object.Fields {
			alone := in
			o := *in.Object
			o.Fields = []*contract.Field{f}
			alone.Object = &o
			d := Resolve(alone)
			for _, s := range record.Sides {
				for _, n := range in.Lenses[f.Name].Natives(s) {
					if v, written := fieldOf(whole.Patches[s], n); written && f.Owner == contract.OwnedBy(s) {
						t.Fatalf("%s owns %s, and is written %v", s, f.Name, v)
					}
					a, inWhole := fieldOf(whole.Patches[s], n)
					b, inAlone := fieldOf(d.Patches[s], n)
					if inWhole != inAlone || !a.Equal(b) {
						t.Fatalf("%s is written %v (%t) among others, and %v (%t) alone", n, a, inWhole, b, inAlone)
					}
					if v, ok := whole.Agreed[s][n]; ok && !v.Equal(in.Seen[s].Fields[n]) {
						t.Fatalf("agreed on %v, which nobody shows", v)
					}
				}
			}
		}
		for _, s := range record.Sides {
			if whole.Patches[s] == nil && (whole.OnDone[s][0] != nil || whole.OnDone[s][1] != nil) {
				t.Fatalf("nothing is written to %s, and then the base would move: %v", s, whole.OnDone[s])
			}
		}
	})
}

func fieldOf(p *record.Patch, name string) (record.Value, bool) {
	if p == nil {
		return record.Value{}, false
	}
	v, ok := p.Fields[name]
	return v, ok
}

// A field is healed or in conflict, never both; whatever was decided is explained.
func TestTellsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, false)
		d := Resolve(in)
		for _, c := range d.Conflicts {
			if slices.Contains(d.Healed, c.Field) {
				t.Fatalf("%q is healed and in conflict: %v", c.Field, tell(d))
			}
			if c.Detail == "" {
				t.Fatalf("conflict without detail: %+v", c)
			}
		}
		if len(d.Explain) == 0 {
			t.Fatal("nothing is explained")
		}
		if !slices.IsSorted(d.Waits) {
			t.Fatalf("waits %v", d.Waits)
		}
	})
}

// Symmetry: with sides and rules swapped, the decision is the swapped one.
func TestMirrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t, false)
		for _, f := range in.Object.Fields {
			if f.Picklist != nil {
				return // a table reads from left to right
			}
		}
		d, m := Resolve(in), Resolve(mirror(t, in))
		want := Decision{Patches: swap(d.Patches), Agreed: swap(d.Agreed), State: d.State, Waits: d.Waits}
		got := Decision{Patches: m.Patches, Agreed: m.Agreed, State: m.State, Waits: m.Waits}
		for _, s := range record.Sides {
			want.OnDone[s] = swap(d.OnDone[s.Other()])
			got.OnDone[s] = m.OnDone[s]
		}
		for i, c := range d.Conflicts {
			want.Conflicts = append(want.Conflicts, Conflict{Field: c.Field, Reason: c.Reason, Left: c.Right, Right: c.Left, Info: c.Info})
			if i < len(m.Conflicts) {
				k := m.Conflicts[i]
				got.Conflicts = append(got.Conflicts, Conflict{Field: k.Field, Reason: k.Reason, Left: k.Left, Right: k.Right, Info: k.Info})
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("decided %v, mirrored %v:\n%s", tell(d), tell(m), diff)
		}
	})
}

func swap[T any](p [2]T) [2]T { return [2]T{p[1], p[0]} }

// mirror swaps the sides of everything, rules included.
func mirror(t *rapid.T, in Input) Input {
	out := in
	o := *in.Object
	o.Ends, o.Creates, o.Deletes, o.Leaves, o.Fields = swap(in.Object.Ends), swap(in.Object.Creates), swap(in.Object.Deletes), swap(in.Object.Leaves), nil
	out.Removed = swap(in.Removed)
	out.Object, out.Base, out.Seen, out.Lenses = &o, swap(in.Base), swap(in.Seen), map[string]*lens.Lens{}
	out.Env = swapped{in.Env}
	out.Qualifies = func(s record.Side, before, after map[string]record.Value) (bool, error) {
		return in.Qualifies(s.Other(), before, after)
	}
	for _, f := range in.Object.Fields {
		g := *f
		g.Ends = swap(f.Ends)
		if f.Owner != contract.OwnerEither {
			g.Owner = contract.OwnedBy(record.Side(f.Owner).Other())
		}
		switch f.Conflict {
		case contract.ConflictLeft:
			g.Conflict = contract.ConflictRight
		case contract.ConflictRight:
			g.Conflict = contract.ConflictLeft
		case contract.ConflictNewest, contract.ConflictHold:
		}
		l, ps := lens.New(&g, swap(sorts()[f.Name].shapes))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		o.Fields = append(o.Fields, &g)
		out.Lenses[g.Name] = l
	}
	return out
}

type swapped struct{ lens.Env }

func (e swapped) Email(s record.Side, id string) (string, bool) { return e.Env.Email(s.Other(), id) }
func (e swapped) PersonID(s record.Side, email string) (string, bool) {
	return e.Env.PersonID(s.Other(), email)
}
func (e swapped) PairOf(o string, s record.Side, id string) (string, bool) {
	return e.Env.PairOf(o, s.Other(), id)
}
func (e swapped) RecordOf(o string, s record.Side, pair string) (string, bool) {
	return e.Env.RecordOf(o, s.Other(), pair)
}
