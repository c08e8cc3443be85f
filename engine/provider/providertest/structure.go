package providertest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

func (h Harness) structure(t *testing.T) {
	t.Run("expanding asks nobody and gives the same each time", h.expandIsPure)
	t.Run("what is wanted is complete and can be stored", h.expandIsSound)
	t.Run("types of fields are known, others are refused", h.fieldShapes)
	t.Run("apply makes what is missing and leaves an empty plan", h.applyMakes)
	t.Run("creating again takes over what is there", h.applyTwice)
	t.Run("what is read or forgotten is left alone", h.applyNothing)
	t.Run("what is not managed is never made", h.unmanaged)
	t.Run("a create whose answer was lost is taken over", h.lostCreate)
	t.Run("another name given by people changes no identity", h.renamed)
	t.Run("a remembered id that vanished is hidden", h.vanished)
	t.Run("options are added, and none is lost", h.moreOptions)
	t.Run("what is destroyed is gone, or cannot be", h.destroyed)
	t.Run("nothing wanted is nothing described", h.nothingWanted)
}

func (h Harness) expandIsPure(t *testing.T) {
	b := h.bench(t)
	given, err := json.Marshal(b.Specs)
	if err != nil {
		t.Fatal(err)
	}
	first := b.want()
	for range 5 {
		if diff := cmp.Diff(first, b.want()); diff != "" {
			t.Fatalf("expanding again gives something else: %s", diff)
		}
	}
	after, err := json.Marshal(b.Specs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(given), string(after)); diff != "" {
		t.Errorf("expanding changed the specs: %s", diff)
	}
	b.records().Shapes()
	if b.Calls != nil && b.Calls() > 0 {
		t.Errorf("%d calls were made where none was due", b.Calls())
	}
}

func (h Harness) expandIsSound(t *testing.T) {
	b := h.bench(t)
	want := b.want()
	at := map[string]bool{}
	for _, w := range want {
		if at[w.Address] {
			t.Errorf("%s is listed twice", w.Address)
		}
		at[w.Address] = true
		if !strings.HasPrefix(w.Address, b.Specs[0].Connection+"/") || w.Connection != b.Specs[0].Connection || w.Kind == "" || w.Name == "" || w.ID != "" {
			t.Errorf("%s is not complete: %+v", w.Address, w)
		}
		text, err := json.Marshal(w)
		if err != nil {
			t.Errorf("%s can't be stored: %v", w.Address, err)
			continue
		}
		var back resource.Resource
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if len(w.Attributes) == 0 {
			w.Attributes, back.Attributes = nil, nil
		}
		if diff := cmp.Diff(w, back); diff != "" {
			t.Errorf("%s is not stored as it is: %s", w.Address, diff)
		}
	}
	for _, w := range want {
		for _, d := range w.DependsOn {
			if !at[d] || d == w.Address {
				t.Errorf("%s depends on %s, which nobody asks for", w.Address, d)
			}
		}
	}
}

func (h Harness) fieldShapes(t *testing.T) {
	b, r := h.ready(t)
	shapes := r.Shapes()
	for _, f := range b.Specs[0].Fields {
		shape, ok := shapes[f.Name]
		if !ok || shape.Kind == record.Empty {
			t.Errorf("field %s has no shape after apply", f.Name)
			continue
		}
		if f.Type == "" {
			continue
		}
		promised, ok := b.Provider.FieldShape(f.Type)
		if !ok {
			t.Errorf("type %s of field %s is not known", f.Type, f.Name)
			continue
		}
		if promised.Kind != shape.Kind || promised.MaxLength != shape.MaxLength {
			t.Errorf("a %s was promised as %+v, and field %s is %+v", f.Type, promised, f.Name, shape)
		}
	}
	for _, typ := range []string{"", "no_such_type", strings.Repeat("x", 1000), "a\x00b"} {
		if _, ok := b.Provider.FieldShape(typ); ok {
			t.Errorf("there is a type %q", typ)
		}
	}
	bad := b.Specs[0]
	bad.Fields = append(slices.Clone(bad.Fields), provider.FieldSpec{Field: "x", Type: "no_such_type", Name: "x", Scale: -1})
	want, err := b.Provider.Expand([]provider.ObjectSpec{bad})
	if err == nil {
		// It may be refused as late as when it is made, but not then either made or forgotten.
		i := slices.IndexFunc(want, func(w resource.Resource) bool { return w.Field == "x" })
		if i < 0 {
			t.Fatal("a field of an unknown type is silently left out")
		}
		_, err = b.Provider.Apply(t.Context(), resource.Change{Action: resource.Create, Want: want[i]}, b.resources)
	}
	if e := b.typed(err); e.Kind != provider.Invalid {
		t.Errorf("an unknown type is %v, want invalid", e)
	}
}

func (h Harness) applyMakes(t *testing.T) {
	b := h.bench(t)
	made := b.apply()
	if !slices.ContainsFunc(made, func(c resource.Change) bool { return c.Action == resource.Create }) {
		t.Error("nothing had to be made: the first description did not tell the truth, or the vendor was not empty")
	}
	if again := b.plan(); len(again) > 0 {
		t.Errorf("after apply there are still %d changes: %s", len(again), show(again))
	}
	// Another process, that remembers nothing, sees the same.
	remembered := b.resources
	b.resources = map[string]resource.Resource{}
	for _, c := range b.plan() {
		if !slices.Contains(b.Unfindable, c.Want.Kind) {
			t.Errorf("who remembers nothing would %s %s", c.Action, c.Want.Address)
		}
	}
	for address, r := range b.resources {
		if was := remembered[address]; was.ID != r.ID {
			t.Errorf("%s is %q by name and %q by its id", address, r.ID, was.ID)
		}
	}
}

func show(changes []resource.Change) string {
	var lines []string
	for _, c := range changes {
		line := string(c.Action) + " " + c.Want.Address
		for _, d := range c.Differences {
			text, err := json.Marshal(d)
			if err != nil {
				continue
			}
			line += " " + string(text)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func (h Harness) applyTwice(t *testing.T) {
	b, _ := h.ready(t)
	var again []resource.Change
	for _, w := range b.want() {
		if w.Managed && !slices.Contains(b.Unfindable, w.Kind) {
			w.ID = ""
			again = append(again, resource.Change{Action: resource.Create, Want: w})
		}
	}
	for _, c := range b.ordered(again) {
		was := b.resources[c.Want.Address]
		if done := b.change(c); done.ID != was.ID {
			t.Errorf("%s was made a second time: %q beside %q", c.Want.Address, done.ID, was.ID)
		}
	}
	if rest := b.plan(); len(rest) > 0 {
		t.Errorf("creating again left %s", show(rest))
	}
}

func (h Harness) applyNothing(t *testing.T) {
	b, _ := h.ready(t)
	calls := 0
	if b.Calls != nil {
		calls = b.Calls()
	}
	for _, w := range b.want() {
		have := b.resources[w.Address]
		for _, action := range []resource.Action{resource.NoOp, resource.Read, resource.Forget} {
			got, err := b.Provider.Apply(t.Context(), resource.Change{Action: action, Want: w, Have: &have}, b.resources)
			if err != nil || got.ID != have.ID {
				t.Errorf("%s of %s gave %q, %v", action, w.Address, got.ID, err)
			}
		}
	}
	if b.Calls != nil && b.Calls() != calls {
		t.Errorf("%d calls were made for nothing", b.Calls()-calls)
	}
}

func (h Harness) unmanaged(t *testing.T) {
	b := h.bench(t)
	missing := provider.FieldSpec{Field: "elsewhere", Name: "elsewhere__c", Title: "Elsewhere", Scale: -1}
	b.Specs[0].Fields = append(b.Specs[0].Fields, missing)
	b.apply()
	i := slices.IndexFunc(b.want(), func(w resource.Resource) bool { return w.Field == missing.Field })
	if i < 0 {
		t.Fatal("a field without a type is not asked for at all: nobody would learn that it is missing")
	}
	w := b.want()[i]
	if w.Managed {
		t.Error("a field without a type is to be made")
	}
	if _, there := b.resources[w.Address]; there {
		t.Error("a field that nobody made is described")
	}
	_, err := b.Provider.Apply(t.Context(), resource.Change{Action: resource.Create, Want: w}, b.resources)
	if e := b.typed(err); e.Kind != provider.Invalid {
		t.Errorf("making it gives %v, want invalid", e)
	}
	r := b.records()
	if _, there := r.Shapes()[missing.Name]; there {
		t.Error("it has a shape")
	}
	id := b.create(r, key("1"), nil)
	if _, there := b.read(r, id)[0].Fields[missing.Name]; there {
		t.Error("it has a value")
	}
	res := b.write(r, "absent", record.Patch{Op: record.Update, ID: id, Fields: record.Fields{missing.Name: record.OfText("x")}})
	if e := b.typed(res[0].Err); e.Kind != provider.Invalid || !slices.Contains(e.Fields, missing.Name) {
		t.Errorf("writing it gives %v of fields %q, want invalid and its name", e, e.Fields)
	}
}

// lostCreate lets the making of the first field go wrong, and then does what the next apply does: it makes it again, and
// then all the rest.
func (h Harness) lostCreate(t *testing.T) {
	tried := 0
	for _, f := range h.Faults {
		if f.On != OnApply {
			continue
		}
		tried++
		t.Run(f.Name, func(t *testing.T) {
			b := h.bench(t)
			kind := b.kindOf(b.Text)
			for _, c := range b.ordered(b.plan()) {
				if c.Want.Kind != kind || c.Want.Object != b.Specs[0].Object {
					b.change(c)
					continue
				}
				b.Break(t, f, f.times())
				_, err := b.Provider.Apply(within(t, f.wait()), c, b.resources)
				b.judge(f, err)
				b.struck()
				b.change(c)
				break
			}
			b.apply()
			if rest := b.plan(); len(rest) > 0 {
				t.Errorf("there is still %s", show(rest))
			}
			b.create(b.records(), key("1"), record.Fields{b.Text: record.OfText("x")})
		})
	}
	if tried == 0 {
		t.Skip("no fault strikes apply")
	}
}

func (h Harness) renamed(t *testing.T) {
	b, r := h.ready(t)
	if b.Rename == nil {
		t.Skip("people can't rename anything")
	}
	id := b.create(r, key("1"), record.Fields{b.Text: record.OfText("before")})
	count := 0
	for _, w := range b.want() {
		if w.Managed && b.Rename(t, b.resources[w.Address]) {
			count++
		}
	}
	if count == 0 {
		t.Fatal("nothing was renamed")
	}
	want := b.want()
	have, err := b.Provider.Describe(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		i := slices.IndexFunc(have, func(h resource.Resource) bool { return h.Address == w.Address })
		if i < 0 || have[i].ID != w.ID {
			t.Errorf("%s is not found again", w.Address)
		}
	}
	b.done(r, "renamed", record.Patch{Op: record.Update, ID: id, Fields: record.Fields{b.Text: record.OfText("after")}})
	if got := b.read(r, id)[0]; got.Fields[b.Text].Part(0) != "after" || got.Key != key("1") {
		t.Errorf("after the rename the record is %+v", got)
	}
	b.apply()
	if rest := b.plan(); len(rest) > 0 {
		t.Errorf("%d were renamed, and applying again left %s", count, show(rest))
	}
}

func (h Harness) vanished(t *testing.T) {
	b, _ := h.ready(t)
	if b.Vanish == nil {
		t.Skip("people can't delete anything")
	}
	field := b.resources[b.addressOf(b.Text)]
	if !b.Vanish(t, field) {
		t.Skip("people can't delete fields")
	}
	_, err := b.Provider.Describe(t.Context(), b.want())
	if e := b.typed(err); e.Kind != provider.Hidden {
		t.Errorf("got %v, want hidden", e)
	}
}

// addressOf is the address of a field of the object under test.
func (b *bench) addressOf(native string) string {
	b.t.Helper()
	return b.wantOf(native).Address
}

// kindOf is the vendor's word for what a field of the object under test is made as.
func (b *bench) kindOf(native string) string {
	b.t.Helper()
	return b.wantOf(native).Kind
}

// wantOf is the resource that stands for a field of the object under test, and not for a permission to it.
func (b *bench) wantOf(native string) resource.Resource {
	b.t.Helper()
	var found []resource.Resource
	for _, w := range b.want() {
		if w.Object == b.Specs[0].Object && strings.HasSuffix(w.Address, "/"+native) && w.Attributes["type"] != nil {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		b.t.Fatalf("%d resources stand for field %s", len(found), native)
	}
	return found[0]
}

// moreOptions asks for another option of every field that offers some.
func (h Harness) moreOptions(t *testing.T) {
	b, r := h.ready(t)
	const more = "Quite another"
	before, ids := r.Shapes(), map[string]string{}
	var changed []string
	for i, f := range b.Specs[0].Fields {
		if f.Type == "" || len(f.Options) == 0 {
			continue
		}
		changed = append(changed, f.Name)
		ids[f.Name] = b.create(r, key(f.Name), record.Fields{f.Name: record.OfChoice(f.Options[0])})
		b.Specs[0].Fields[i].Options = append(slices.Clone(f.Options), more)
	}
	if len(changed) == 0 {
		t.Skip("no field offers options")
	}
	if made := b.apply(); len(made) < len(changed) {
		t.Errorf("%d fields need another option, and the plan has %s", len(changed), show(made))
	}
	if rest := b.plan(); len(rest) > 0 {
		t.Errorf("there is still %s", show(rest))
	}
	r = b.records()
	for _, name := range changed {
		offered := r.Shapes()[name].Options
		for _, option := range append(slices.Clone(before[name].Options), more) {
			if !slices.Contains(offered, option) {
				t.Errorf("field %s does not offer %q: %q", name, option, offered)
			}
		}
		if was := b.read(r, ids[name])[0].Fields[name]; !was.Equal(record.OfChoice(before[name].Options[0])) {
			t.Errorf("field %s held the first option and now holds %s", name, text(was))
		}
		b.done(r, "more "+name, record.Patch{Op: record.Update, ID: ids[name], Fields: record.Fields{name: record.OfChoice(more)}})
		if now := b.read(r, ids[name])[0].Fields[name]; !now.Equal(record.OfChoice(more)) {
			t.Errorf("field %s holds %s", name, text(now))
		}
	}
}

func (h Harness) destroyed(t *testing.T) {
	b, _ := h.ready(t)
	have := b.resources[b.addressOf(b.Text)]
	for range 2 {
		_, err := b.Provider.Apply(t.Context(), resource.Change{Action: resource.Destroy, Want: have, Have: &have}, b.resources)
		if err == nil {
			continue
		}
		if e := b.typed(err); e.Kind != provider.Invalid {
			t.Errorf("destroying %s gives %v (%v), want it done, or invalid", have.Address, e, e.Kind)
		}
		if rest := b.plan(); len(rest) > 0 {
			t.Errorf("it could not be destroyed, and is not whole: %s", show(rest))
		}
		return
	}
	want := b.want()
	for i := range want {
		if want[i].Address == have.Address {
			want[i].ID = ""
		}
	}
	left, err := b.Provider.Describe(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(left, func(r resource.Resource) bool { return r.Address == have.Address }) {
		t.Error("it is still there")
	}
}

func (h Harness) nothingWanted(t *testing.T) {
	b := h.bench(t)
	if have, err := b.Provider.Describe(t.Context(), nil); err != nil || len(have) > 0 {
		t.Errorf("described %d resources, %v", len(have), err)
	}
	if want, err := b.Provider.Expand(nil); err != nil || len(want) > 0 {
		t.Errorf("no specs need %d resources, %v", len(want), err)
	}
	if list, err := b.Provider.People(t.Context(), nil, nil); err != nil || len(list) > 0 {
		t.Errorf("nobody asked for is %d people, %v", len(list), err)
	}
}
