package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

func (h Harness) records(t *testing.T) {
	t.Run("before apply there is nothing to see or to write", h.beforeApply)
	t.Run("counting", h.counting)
	t.Run("reading keeps the order and shows what is missing", h.reading)
	t.Run("reading nothing, once", h.readingTwice)
	t.Run("listing several pages", h.listingPages)
	t.Run("listing what changed", h.listingChanges)
	t.Run("listing ends with the first error", h.listingErrors)
	t.Run("what people wrote is read as it is", h.readingPeople)
	t.Run("a scope", h.scope)
	t.Run("finding by key", h.finding)
	t.Run("keys of every spelling", h.findingSpellings)
	t.Run("two records with one key", h.findingTwo)
	t.Run("an ended context is no vendor's fault", h.endedContext)
}

func (h Harness) beforeApply(t *testing.T) {
	b := h.bench(t)
	r := b.records()
	for name := range r.Shapes() {
		if i := slices.IndexFunc(b.Specs[0].Fields, func(f provider.FieldSpec) bool { return f.Name == name }); b.Specs[0].Fields[i].Type != "" {
			t.Errorf("field %s has a shape before anybody made it", name)
		}
	}
	if found := b.find(r, key("1")); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	res, err := r.Write(t.Context(), provider.Batch{Key: "early", Patches: []record.Patch{
		{Op: record.Create, Key: key("1"), Fields: b.with(record.Fields{b.Text: record.OfText("x")})}}})
	if err == nil && len(res) == 1 {
		err = res[0].Err
	}
	if e := b.typed(err); e.Kind != provider.Invalid {
		t.Errorf("writing gives %v, want invalid", e)
	}
}

func (h Harness) counting(t *testing.T) {
	b, r := h.ready(t)
	count := func(want int) {
		t.Helper()
		if n, err := r.Count(t.Context()); err != nil || n != want || b.Count(t) != want {
			t.Errorf("counted %d, %v; there are %d, want %d", n, err, b.Count(t), want)
		}
	}
	count(0)
	id := b.create(r, key("1"), nil)
	b.create(r, key("2"), nil)
	b.Add(t, b.with(nil))
	count(3)
	b.Remove(t, id, record.Deleted)
	count(2)
}

func (h Harness) reading(t *testing.T) {
	b, r := h.ready(t)
	first := b.create(r, key("1"), record.Fields{b.Text: record.OfText("one")})
	second := b.create(r, key("2"), record.Fields{b.Text: record.OfText("two")})
	gone := b.create(r, key("3"), nil)
	b.Remove(t, gone, record.Deleted)
	ids := []string{second, first, gone, second}
	ids = slices.Insert(ids, 1, b.Unknown...)
	for i, rec := range b.read(r, ids...) {
		switch {
		case slices.Contains(b.Unknown, ids[i]):
			if rec.State != record.Missing || len(rec.Fields) > 0 {
				t.Errorf("%q, which nobody made, is %+v", ids[i], rec)
			}
		case ids[i] == gone:
			if rec.State != record.Deleted && rec.State != record.Missing {
				t.Errorf("a deleted record is %v", rec.State)
			}
		default:
			want := map[string]string{first: "one", second: "two"}[ids[i]]
			if rec.State != record.Live || rec.Fields[b.Text].Part(0) != want || rec.Version <= 0 {
				t.Errorf("record %d is %+v, want %q", i, rec, want)
			}
			for _, f := range b.Specs[0].Fields {
				if _, shown := rec.Fields[f.Name]; !shown {
					t.Errorf("record %d does not show field %s", i, f.Name)
				}
			}
		}
	}
}

func (h Harness) readingTwice(t *testing.T) {
	b, r := h.ready(t)
	b.read(r)
	id := b.create(r, key("1"), record.Fields{b.Text: record.OfText("x")})
	one, two := b.read(r, id)[0], b.read(r, id)[0]
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("a record at rest is read differently: %s", diff)
	}
	both := b.read(r, id, id)
	both[0].Fields[b.Text] = record.OfText("scribbled")
	if got := both[1].Fields[b.Text]; got.Part(0) != "x" {
		t.Error("two records that were read share their fields")
	}
}

func (h Harness) listingPages(t *testing.T) {
	b, r := h.ready(t)
	want := map[string]string{}
	var patches []record.Patch
	for i := range b.PageSize + 15 {
		patches = append(patches, record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(record.Fields{b.Text: record.OfText(fmt.Sprint(i))})})
	}
	size := max(r.Limits().BatchSize, 1)
	for n, part := 0, patches; len(part) > 0; n++ {
		cut := min(size, len(part))
		for i, res := range b.done(r, fmt.Sprint("page ", n), part[:cut]...) {
			want[res.ID] = part[i].Fields[b.Text].Part(0)
		}
		part = part[cut:]
	}
	if len(want) != len(patches) {
		t.Fatalf("%d ids for %d creates", len(want), len(patches))
	}
	pages, got := 0, map[string]string{}
	next, err := r.List(t.Context(), 0, func(page []record.Record) error {
		pages++
		for _, rec := range page {
			if _, twice := got[rec.ID]; twice {
				t.Errorf("%s is listed twice", rec.ID)
			}
			got[rec.ID] = rec.Fields[b.Text].Part(0)
		}
		return nil
	})
	if err != nil || next <= 0 {
		t.Fatalf("listed up to %d, %v", next, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listed something else: %.1000s", diff)
	}
	if pages < 2 {
		t.Errorf("%d pages for %d records: several were to be tested", pages, len(want))
	}
	if n, err := r.Count(t.Context()); n != len(want) || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	// All of them can be read and found at once.
	ids, keys := slices.Collect(maps.Keys(want)), make([]string, len(patches))
	for i, rec := range b.read(r, ids...) {
		if rec.Fields[b.Text].Part(0) != want[ids[i]] {
			t.Fatalf("record %d is read as %q, want %q", i, rec.Fields[b.Text], want[ids[i]])
		}
	}
	for i, p := range patches {
		keys[i] = p.Key
	}
	if found := b.find(r, keys...); len(found) != len(keys) {
		t.Errorf("found %d of %d keys", len(found), len(keys))
	}
}

func (h Harness) listingChanges(t *testing.T) {
	b, r := h.ready(t)
	still := b.create(r, key("still"), nil)
	edited := b.create(r, key("edited"), nil)
	removed := map[string]record.State{}
	for _, s := range b.Hand {
		removed[b.create(r, key(s.String()), nil)] = s
	}
	all, next := b.list(r, 0)
	if len(all) != 2+len(removed) {
		t.Errorf("listed %d records, want %d", len(all), 2+len(removed))
	}
	b.Edit(t, edited, record.Fields{b.Text: record.OfText("by hand")})
	added := b.Add(t, b.with(record.Fields{b.Text: record.OfText("added")}))
	for id, s := range removed {
		b.Remove(t, id, s)
	}
	changed, after := b.list(r, next)
	if changed[edited].Fields[b.Text].Part(0) != "by hand" || changed[added].Fields[b.Text].Part(0) != "added" {
		t.Errorf("an edit or an addition is not listed: %+v, %+v", changed[edited], changed[added])
	}
	for id, s := range removed {
		got, listed := changed[id]
		if !listed || got.State == record.Live {
			t.Errorf("a record that became %v is listed %v as %v", s, listed, got.State)
		}
	}
	if got, listed := changed[still]; listed && got.State != record.Live {
		t.Errorf("a record that nobody touched is %v", got.State)
	}
	// Nothing falls between two lists.
	b.Edit(t, still, record.Fields{b.Text: record.OfText("later")})
	changed, _ = b.list(r, after)
	if changed[still].Fields[b.Text].Part(0) != "later" {
		t.Errorf("an edit after a list is not in the next: %+v", changed[still])
	}
	all, _ = b.list(r, 0)
	if len(all) != 3 {
		t.Errorf("a whole list shows %d records, want the 3 live ones", len(all))
	}
}

// scope binds the object to some of the records: the others are outside, and one that leaves is told of.
func (h Harness) scope(t *testing.T) {
	b := h.bench(t)
	if b.Scope == nil {
		t.Skip("an object is always all of its records")
	}
	b.Specs[0].Settings = maps.Clone(b.Specs[0].Settings)
	maps.Copy(b.Specs[0].Settings, b.Scope.Settings)
	b.apply()
	r := b.records()
	stays, leaves := b.create(r, key("stays"), b.Scope.In), b.create(r, key("leaves"), b.Scope.In)
	outside := b.Add(t, b.with(nil))
	b.done(r, "outside", record.Patch{Op: record.Update, ID: outside, Fields: b.Scope.Out})
	all, next := b.list(r, 0)
	if n, err := r.Count(t.Context()); n != 2 || err != nil || len(all) != 2 {
		t.Errorf("counted %d and listed %d, %v, want the 2 in scope", n, len(all), err)
	}
	if got := b.read(r, stays, outside); got[0].State != record.Live || got[1].State != record.Outside || len(got[1].Fields) > 0 {
		t.Errorf("read as %v and %v, want live and outside", got[0].State, got[1].State)
	}
	b.done(r, "leaves", record.Patch{Op: record.Update, ID: leaves, Fields: b.Scope.Out})
	b.done(r, "enters", record.Patch{Op: record.Update, ID: outside, Fields: b.Scope.In})
	changed, _ := b.list(r, next)
	if got, listed := changed[leaves]; !listed || got.State != record.Outside {
		t.Errorf("a record that left is listed %v as %v", listed, got.State)
	}
	if got, listed := changed[outside]; !listed || got.State != record.Live {
		t.Errorf("a record that came in is listed %v as %v", listed, got.State)
	}
	if found := b.find(r, key("stays")); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}

func (h Harness) listingErrors(t *testing.T) {
	b, r := h.ready(t)
	b.create(r, key("1"), nil)
	stop := errors.New("the receiver has had enough")
	calls := 0
	_, err := r.List(t.Context(), 0, func([]record.Record) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d pages, want the receiver's own error after one", err, calls)
	}
}

func (h Harness) readingPeople(t *testing.T) {
	b, r := h.ready(t)
	id := b.Add(t, b.with(record.Fields{b.Text: record.OfText("first")}))
	before := b.read(r, id)[0]
	b.Edit(t, id, record.Fields{b.Text: record.OfText("Zoë \"x\" \\ 'y'")})
	got := b.read(r, id)[0]
	if got.Fields[b.Text].Part(0) != "Zoë \"x\" \\ 'y'" || got.Key != "" || got.State != record.Live {
		t.Errorf("read %+v", got)
	}
	if got.ChangedAt(b.Text) < before.ChangedAt(b.Text) || got.Version < before.Version {
		t.Errorf("the edit is older than what it replaced: %d after %d", got.Version, before.Version)
	}
}

func (h Harness) finding(t *testing.T) {
	b, r := h.ready(t)
	one := b.create(r, key("1"), nil)
	two := b.create(r, key("2"), nil)
	gone := b.create(r, key("3"), nil)
	b.Remove(t, gone, record.Deleted)
	b.Add(t, b.with(nil))
	want := map[string][]string{key("1"): {one}, key("2"): {two}}
	if diff := cmp.Diff(want, b.find(r, key("1"), "nobody's", key("2"), key("3"), key("1"))); diff != "" {
		t.Error(diff)
	}
	for _, none := range [][]string{nil, {"nobody's"}, {""}} {
		if found := b.find(r, none...); len(found) > 0 {
			t.Errorf("%q found %v", none, found)
		}
	}
	// A key can be given later, and then be another.
	late := b.Add(t, b.with(record.Fields{b.Text: record.OfText("kept")}))
	b.done(r, "link", record.Patch{Op: record.Update, ID: late, Key: key("late")})
	if got := b.read(r, late)[0]; got.Key != key("late") || got.Fields[b.Text].Part(0) != "kept" {
		t.Errorf("linked record is %+v", got)
	}
	b.done(r, "link again", record.Patch{Op: record.Update, ID: late, Key: key("later")})
	if diff := cmp.Diff(map[string][]string{key("later"): {late}}, b.find(r, key("late"), key("later"))); diff != "" {
		t.Error(diff)
	}
	if changed, _ := b.list(r, 0); changed[late].Key != key("later") || changed[one].Key != key("1") {
		t.Error("a list does not show the keys")
	}
}

// findingSpellings uses what a query language could trip over, or take for more than text.
func (h Harness) findingSpellings(t *testing.T) {
	b, r := h.ready(t)
	keys := []string{`it's`, `"quoted"`, `back\slash`, `100%`, `under_score`, `' OR Id != '`, `{"a":1}`, `$x`, `äöü€`, `a,b`, `0012`, `null`, `(1)`, `-`}
	want := map[string][]string{}
	for i, k := range keys {
		res := b.write(r, fmt.Sprint("spelling ", i), record.Patch{Op: record.Create, Key: k, Fields: b.with(nil)})[0]
		if res.Err != nil {
			t.Errorf("key %q: %v", k, res.Err)
			continue
		}
		want[k] = []string{res.ID}
	}
	if diff := cmp.Diff(want, b.find(r, keys...)); diff != "" {
		t.Error(diff)
	}
	for _, k := range []string{`%`, `_`, `*`, `' OR Name LIKE '%`, `under-score`, "\x00", "\n"} {
		if found := b.find(r, k); len(found) > 0 {
			t.Errorf("%q found %v", k, found)
		}
	}
	var many []string
	for i := range 450 {
		many = append(many, fmt.Sprintf("nobody-%d", i))
	}
	if diff := cmp.Diff(want, b.find(r, append(many, keys...)...)); diff != "" {
		t.Errorf("among many: %s", diff)
	}
}

func (h Harness) findingTwo(t *testing.T) {
	b, r := h.ready(t)
	one := b.create(r, key("1"), nil)
	two := b.Add(t, b.with(nil))
	res := b.write(r, "same", record.Patch{Op: record.Update, ID: two, Key: key("1")})[0]
	found := b.find(r, key("1"))[key("1")]
	slices.Sort(found)
	if res.Err != nil {
		// The vendor keeps keys unique, and the one that had it first has it still.
		if e := b.typed(res.Err); e.Kind != provider.Invalid && e.Kind != provider.Stale {
			t.Errorf("a key that is taken gives %v", e)
		}
		if !slices.Equal(found, []string{one}) {
			t.Errorf("found %v, want %s alone", found, one)
		}
		return
	}
	want := []string{one, two}
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

func (h Harness) endedContext(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := func([]record.Record) error { return nil }
	for name, call := range map[string]func() error{
		"count":    func() error { _, err := r.Count(ctx); return err },
		"list":     func() error { _, err := r.List(ctx, 0, nothing); return err },
		"read":     func() error { _, err := r.Read(ctx, []string{id}); return err },
		"find":     func() error { _, err := r.Find(ctx, []string{key("1")}); return err },
		"people":   func() error { _, err := b.Provider.People(ctx, []string{b.People[0].ID}, nil); return err },
		"describe": func() error { _, err := b.Provider.Describe(ctx, b.want()); return err },
		"write": func() error {
			_, err := r.Write(ctx, provider.Batch{Key: "ended", Patches: []record.Patch{{Op: record.Create, Key: key("2"), Fields: b.with(nil)}}})
			return err
		},
	} {
		if e := b.typed(call()); e.Kind != provider.Transient && e.Kind != provider.Unknown {
			t.Errorf("%s gives %v (%v), want transient", name, e, e.Kind)
		}
	}
	if b.Count(t) != 1 {
		t.Errorf("%d records after a write that was given up before it began", b.Count(t))
	}
}
