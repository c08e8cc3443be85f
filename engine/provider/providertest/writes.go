package providertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/record"
)

func (h Harness) writes(t *testing.T) {
	t.Run("every value reads back, can be written again, and be cleared", h.samples)
	t.Run("a key is cleared", h.unlinking)
	t.Run("one field leaves the others", h.singleFields)
	t.Run("a batch larger than the vendor takes keeps its order", h.largeBatches)
	t.Run("rows fail alone", h.failingRows)
	t.Run("refused values say so", h.refusals)
	t.Run("records that are not there", h.missingRecords)
	t.Run("archiving and deleting", h.removals)
	t.Run("two patches of one record are carried out in order", h.twoPatches)
	t.Run("nothing to write", h.writingNothing)
	t.Run("several at once", h.concurrently)
}

// samples writes a value of every kind, and looks at all that is promised of one: it reads back equal (PutGet), what an
// answer shows is what a read shows, and writing back what was read changes nothing (GetPut).
func (h Harness) samples(t *testing.T) {
	b, r := h.ready(t)
	made := make([]string, len(b.Samples))
	for i, s := range b.Samples {
		res := b.write(r, fmt.Sprint("sample ", i), record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(record.Fields{s.Field: s.Value})})[0]
		if res.Err != nil {
			t.Errorf("%s: %v", s.Name, res.Err)
			continue
		}
		made[i] = res.ID
		b.shows(s.Name, r, res)
	}
	for i, s := range b.Samples {
		if made[i] == "" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) { b.sample(t, r, made[i], s) })
	}
}

func (b *bench) sample(t *testing.T, r provider.Records, id string, s Sample) {
	want := s.Want
	if want.IsEmpty() {
		want = s.Value
	}
	all := b.read(r, id)[0].Fields
	if got := all[s.Field]; !got.Equal(want) {
		t.Fatalf("created with %s, read back %s", text(s.Value), text(got))
	}
	again := b.done(r, "again "+id, record.Patch{Op: record.Update, ID: id, Fields: record.Fields{s.Field: all[s.Field]}})[0]
	b.shows(s.Name, r, again)
	if diff := cmp.Diff(all, b.read(r, id)[0].Fields); diff != "" {
		t.Errorf("writing back what was read changed it: %s", diff)
	}
	if s.Keeps {
		return
	}
	b.shows(s.Name, r, b.done(r, "clear "+id, record.Patch{Op: record.Update, ID: id, Fields: record.Fields{s.Field: {}}})[0])
	if got := b.read(r, id)[0].Fields[s.Field]; !got.IsEmpty() && !got.Equal(record.OfBool(false)) {
		t.Errorf("cleared, it still holds %s", text(got))
	}
	b.done(r, "once more "+id, record.Patch{Op: record.Update, ID: id, Fields: record.Fields{s.Field: s.Value}})
	if got := b.read(r, id)[0].Fields[s.Field]; !got.Equal(want) {
		t.Errorf("updated to %s, read back %s", text(s.Value), text(got))
	}
}

// text is a value in a message.
func text(v record.Value) string {
	s := fmt.Sprintf("%s %q", v.Kind(), v.Parts())
	if len(s) > 200 {
		s = fmt.Sprintf("%.200s… (%d bytes)", s, len(s))
	}
	return s
}

// shows compares what an answer shows with what a read shows.
func (b *bench) shows(name string, r provider.Records, res record.Result) {
	b.t.Helper()
	now := b.read(r, res.ID)[0]
	for field, v := range res.Fields {
		if !now.Fields[field].Equal(v) && field != b.Specs[0].Key.Name {
			b.t.Errorf("%s: the answer shows %s in %s, and a read %s", name, text(v), field, text(now.Fields[field]))
		}
	}
	if res.Version > now.Version {
		b.t.Errorf("%s: the answer is of version %d, and a read later of %d", name, res.Version, now.Version)
	}
}

// unlinking clears a key: the record is found by it no more, and its fields stay.
func (h Harness) unlinking(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	before := b.read(r, id)[0]
	b.done(r, "unlink", record.Patch{Op: record.Update, ID: id, Unlink: true})
	after := b.read(r, id)[0]
	if before.Key != key("1") || after.Key != "" {
		t.Errorf("the key was %q, and is %q after it was cleared", before.Key, after.Key)
	}
	if diff := cmp.Diff(before.Fields[b.Text], after.Fields[b.Text]); diff != "" {
		t.Errorf("clearing the key changed a field: %s", diff)
	}
	if found := b.find(r, key("1")); len(found) != 0 {
		t.Errorf("found %v by a key that was cleared", found)
	}
	b.done(r, "link again", record.Patch{Op: record.Update, ID: id, Key: key("2")})
	if got := b.read(r, id)[0].Key; got != key("2") {
		t.Errorf("linked again, the key is %q", got)
	}
}

func (h Harness) singleFields(t *testing.T) {
	b, r := h.ready(t)
	fields := b.with(nil)
	for _, s := range b.Samples {
		if _, there := fields[s.Field]; !there {
			fields[s.Field] = s.Value
		}
	}
	id := b.create(r, key("1"), fields)
	before := b.read(r, id)[0].Fields
	b.done(r, "single", record.Patch{Op: record.Update, ID: id, Fields: record.Fields{b.Other: record.OfText("another")}})
	want := before.Clone()
	want[b.Other] = record.OfText("another")
	got := b.read(r, id)[0]
	if diff := cmp.Diff(want, got.Fields); diff != "" {
		t.Errorf("other fields changed too: %s", diff)
	}
	if got.Key != key("1") {
		t.Errorf("the key is now %q", got.Key)
	}
}

func (h Harness) largeBatches(t *testing.T) {
	b, r := h.ready(t)
	size := r.Limits().BatchSize
	if size < 1 || r.Limits().Parallel < 1 || r.Limits().SearchLag < 0 {
		t.Fatalf("limits are %+v", r.Limits())
	}
	patches := make([]record.Patch, 2*size+7)
	for i := range patches {
		patches[i] = record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(record.Fields{b.Text: record.OfText(fmt.Sprint(i))})}
	}
	ids := make([]string, len(patches))
	for i, res := range b.done(r, "large", patches...) {
		ids[i] = res.ID
	}
	for i, rec := range b.read(r, ids...) {
		if rec.Fields[b.Text].Part(0) != fmt.Sprint(i) || rec.Key != key(fmt.Sprint(i)) {
			t.Fatalf("result %d is of record %q with key %q", i, rec.Fields[b.Text], rec.Key)
		}
	}
	if b.Count(t) != len(patches) {
		t.Errorf("%d records, want %d", b.Count(t), len(patches))
	}
}

func (h Harness) failingRows(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("there"), nil)
	var patches []record.Patch
	bad := map[int]string{}
	for i, refused := range b.Refused {
		patches = append(patches, record.Patch{Op: record.Create, Key: key(fmt.Sprint("good", i)), Fields: b.with(nil)})
		bad[len(patches)] = refused.Name
		patches = append(patches, record.Patch{Op: record.Create, Key: key(fmt.Sprint("bad", i)), Fields: b.with(refused.Fields)})
	}
	for _, unknown := range b.Unknown {
		bad[len(patches)] = "no record " + unknown
		patches = append(patches, record.Patch{Op: record.Update, ID: unknown, Fields: record.Fields{b.Text: record.OfText("x")}})
	}
	patches = append(patches, record.Patch{Op: record.Update, ID: id, Fields: record.Fields{b.Text: record.OfText("done")}})
	good := 1
	for i, res := range b.write(r, "mixed", patches...) {
		why, expected := bad[i]
		switch {
		case expected && res.Err == nil:
			t.Errorf("%s: patch %d was carried out", why, i)
		case expected:
			b.typed(res.Err)
		case res.Err != nil || res.ID == "":
			t.Errorf("patch %d has nothing wrong and gives %v", i, res.Err)
		case patches[i].Op == record.Create:
			good++
			if got := b.read(r, res.ID)[0]; got.Key != patches[i].Key {
				t.Errorf("result %d is of %q, not of %q", i, got.Key, patches[i].Key)
			}
		}
	}
	if b.Count(t) != good {
		t.Errorf("%d records, want the %d good ones", b.Count(t), good)
	}
	if got := b.read(r, id)[0].Fields[b.Text]; got.Part(0) != "done" {
		t.Errorf("the last patch was not carried out: %s", text(got))
	}
}

func (h Harness) refusals(t *testing.T) {
	b, r := h.ready(t)
	for i, refused := range b.Refused {
		res := b.write(r, fmt.Sprint("refused ", i), record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(refused.Fields)})[0]
		if res.Err == nil {
			t.Errorf("%s: it was taken", refused.Name)
			continue
		}
		e := b.typed(res.Err)
		want := refused.Kind
		if want == 0 {
			want = provider.Invalid
		}
		if e.Kind != want {
			t.Errorf("%s: %v (%v), want %v", refused.Name, e, e.Kind, want)
		}
		for name := range refused.Fields {
			if !slices.Contains(e.Fields, name) {
				t.Logf("%s: the error names fields %q, not %s: %v", refused.Name, e.Fields, name, e)
			}
		}
	}
	if n := b.Count(t); n != 0 {
		t.Errorf("%d records were made all the same", n)
	}
}

func (h Harness) missingRecords(t *testing.T) {
	b, r := h.ready(t)
	gone := b.create(r, key("gone"), nil)
	b.Remove(t, gone, record.Deleted)
	for i, id := range append(slices.Clone(b.Unknown), gone) {
		res := b.write(r, fmt.Sprint("missing ", i), record.Patch{Op: record.Update, ID: id, Fields: record.Fields{b.Text: record.OfText("x")}})[0]
		if res.Err == nil {
			t.Errorf("%q was written", id)
			continue
		}
		if e := b.typed(res.Err); e.Kind != provider.NotFound && (e.Kind != provider.Invalid || id == gone) {
			t.Errorf("writing %q gives %v (%v), want not found", id, e, e.Kind)
		}
		for op := range b.Removals {
			res := b.write(r, fmt.Sprint("missing ", i, op), record.Patch{Op: op, ID: id})[0]
			if res.Err != nil {
				if e := b.typed(res.Err); e.Kind != provider.NotFound && (e.Kind != provider.Invalid || id == gone) {
					t.Errorf("%v of %q gives %v (%v), want not found", op, id, e, e.Kind)
				}
			}
		}
	}
}

func (h Harness) removals(t *testing.T) {
	b, r := h.ready(t)
	for _, op := range []record.Op{record.Archive, record.Delete} {
		id := b.create(r, key(op.String()), nil)
		res := b.write(r, "remove "+op.String(), record.Patch{Op: op, ID: id})[0]
		want, can := b.Removals[op]
		if !can {
			if e := b.typed(res.Err); e.Kind != provider.Invalid {
				t.Errorf("%v gives %v, want invalid", op, e)
			}
			b.Remove(t, id, record.Deleted)
			continue
		}
		if res.Err != nil {
			t.Errorf("%v: %v", op, res.Err)
			continue
		}
		if got := b.read(r, id)[0]; got.State != want {
			t.Errorf("after %v it is %v, want %v", op, got.State, want)
		}
		if found := b.find(r, key(op.String())); len(found) > 0 {
			t.Errorf("after %v it is still found", op)
		}
	}
	if all, _ := b.list(r, 0); len(all) > 0 || b.Count(t) > 0 {
		t.Errorf("%d are listed and %d are there", len(all), b.Count(t))
	}
}

func (h Harness) twoPatches(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	var patches []record.Patch
	for i := range 5 {
		patches = append(patches, record.Patch{Op: record.Update, ID: id, Fields: record.Fields{b.Text: record.OfText(fmt.Sprint(i)), b.Other: record.OfText(fmt.Sprint(10 - i))}})
	}
	b.done(r, "two", patches...)
	if got := b.read(r, id)[0].Fields; got[b.Text].Part(0) != "4" || got[b.Other].Part(0) != "6" {
		t.Errorf("the last patch left %s, %s", text(got[b.Text]), text(got[b.Other]))
	}
}

func (h Harness) writingNothing(t *testing.T) {
	b, r := h.ready(t)
	if res := b.write(r, "none"); len(res) > 0 {
		t.Errorf("%d results for no patch", len(res))
	}
	id := b.create(r, key("1"), record.Fields{b.Text: record.OfText("x")})
	if res := b.done(r, "empty", record.Patch{Op: record.Update, ID: id}); res[0].ID != id {
		t.Errorf("an empty patch of %s is answered for %s", id, res[0].ID)
	}
	if got := b.read(r, id)[0]; got.Fields[b.Text].Part(0) != "x" || got.Key != key("1") {
		t.Errorf("an empty patch made %+v", got)
	}
}

func (h Harness) concurrently(t *testing.T) {
	b, r := h.ready(t)
	var group sync.WaitGroup
	errs := make(chan error, 100)
	const writers, rounds = 4, 3
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				k := key(fmt.Sprint(w, "-", i))
				res, err := r.Write(t.Context(), provider.Batch{Key: k, Patches: []record.Patch{{Op: record.Create, Key: k, Fields: b.with(nil)}}})
				if err == nil {
					err = res[0].Err
				}
				if err == nil {
					_, err = r.Read(t.Context(), []string{res[0].ID})
				}
				if err == nil {
					_, err = r.Find(t.Context(), []string{k})
				}
				errs <- err
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if b.Count(t) != writers*rounds {
		t.Errorf("%d records, want %d", b.Count(t), writers*rounds)
	}
}
