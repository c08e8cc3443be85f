package lens

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"accord/engine/contract"
	"accord/engine/record"
)

func eachLens(t *testing.T, law func(t *rapid.T, l *Lens, count func())) {
	lenses := subjects()
	total := 0
	for _, name := range slices.Sorted(maps.Keys(lenses)) {
		t.Run(name, func(t *testing.T) {
			cases := 0
			rapid.Check(t, func(t *rapid.T) { law(t, lenses[name], func() { cases++ }) })
			if cases == 0 {
				t.Error("no case reached the law")
			}
			t.Logf("%d cases", cases)
			total += cases
		})
	}
	t.Logf("%d lenses, %d cases", len(lenses), total)
}

// GetPut: writing back what was read changes nothing.
func TestGetPut(t *testing.T) {
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		for _, s := range record.Sides {
			n := genNative(l, s).Draw(t, "native")
			c, err := l.Get(s, n, world{})
			if err != nil {
				continue
			}
			count()
			back, err := l.Put(s, c, n, world{})
			if err != nil || !slices.EqualFunc(back, n, record.Value.Equal) {
				t.Fatalf("%s holds %v, means %v, and putting that back gives %v, %v", s, n, c, back, err)
			}
		}
	})
}

// PutGet: what was put reads back as the same value.
func TestPutGet(t *testing.T) {
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		// A value that one side shows, or any of the kind: finer and longer than both sides keep.
		from := record.Side(rapid.IntRange(0, 1).Draw(t, "from"))
		c, err := l.Get(from, genNative(l, from).Draw(t, "source"), world{})
		if k := l.Kind(); err != nil || k < record.Choice && rapid.Bool().Draw(t, "any") {
			c = genOf(k, false, from).Draw(t, "canonical")
		}
		for _, s := range record.Sides {
			w, err := l.Put(s, c, genNative(l, s).Draw(t, "previous"), world{})
			if err != nil {
				continue
			}
			count()
			back, err := l.Get(s, w, world{})
			if losesBySaying[l.field.Name] {
				again, err := l.Put(s, c, w, world{})
				if err != nil || !slices.EqualFunc(again, w, record.Value.Equal) {
					t.Fatalf("%v put to %s gives %v, and then %v, %v", c, s, w, again, err)
				}
				continue
			}
			if err != nil || !l.Same(back, c) {
				t.Fatalf("%v put to %s gives %v, which means %v, %v", c, s, w, back, err)
			}
		}
	})
}

// PutPut: the second of two puts wins. Previous values may keep more than the first put left, so the two ways may end in
// different spellings of one meaning.
func TestPutPut(t *testing.T) {
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		s := record.Side(rapid.IntRange(0, 1).Draw(t, "side"))
		a, errA := l.Get(s.Other(), genNative(l, s.Other()).Draw(t, "first"), world{})
		b, errB := l.Get(s.Other(), genNative(l, s.Other()).Draw(t, "second"), world{})
		p := genNative(l, s).Draw(t, "previous")
		if errA != nil || errB != nil {
			return
		}
		first, err := l.Put(s, a, p, world{})
		if err != nil {
			return
		}
		count()
		twice, err2 := l.Put(s, b, first, world{})
		once, err1 := l.Put(s, b, p, world{})
		if losesBySaying[l.field.Name] || err1 != nil && err2 != nil {
			return
		}
		if err1 != nil || err2 != nil {
			// Only a value that is there already may stay where it could not be put.
			return
		}
		x, _ := l.Get(s, once, world{})
		y, _ := l.Get(s, twice, world{})
		if !l.Same(x, y) {
			t.Fatalf("after %v, %v gives %v; without it %v", a, b, twice, once)
		}
	})
}

// What one side wrote to the other does not come back to it: the law that keeps a lossy pair from flapping.
func TestNoFlap(t *testing.T) {
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		s := record.Side(rapid.IntRange(0, 1).Draw(t, "side"))
		n := genNative(l, s).Draw(t, "native")
		c, err := l.Get(s, n, world{})
		if err != nil {
			return
		}
		there, err := l.Put(s.Other(), c, genNative(l, s.Other()).Draw(t, "previous"), world{})
		if err != nil || losesBySaying[l.field.Name] {
			count()
			return
		}
		count()
		c2, err := l.Get(s.Other(), there, world{})
		if err != nil {
			t.Fatalf("%v, put to %s, can't be read: %v", there, s.Other(), err)
		}
		back, err := l.Put(s, c2, n, world{})
		if err != nil || !slices.EqualFunc(back, n, record.Value.Equal) {
			t.Fatalf("%s %v becomes %v there, which comes back as %v, %v", s, n, there, back, err)
		}
	})
}

// Every value of any kind is carried or rejected, whole; what is carried is canonical.
func TestTotal(t *testing.T) {
	kinds := rapid.IntRange(int(record.Empty), int(record.Link))
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		s := record.Side(rapid.IntRange(0, 1).Draw(t, "side"))
		anything := rapid.Custom(func(t *rapid.T) record.Value {
			return genOf(record.Kind(kinds.Draw(t, "kind")), true, s).Draw(t, "value")
		})
		values := rapid.SliceOfN(anything, 0, 3).Draw(t, "native")
		canonical := anything.Draw(t, "canonical")
		if got, err := l.Get(s, values, world{}); err != nil {
			mustReject(t, l, err)
		} else {
			mustBeCanonical(t, got)
			if !got.IsEmpty() && got.Kind() != l.Kind() {
				t.Fatalf("got a %s from a lens of %s", got.Kind(), l.Kind())
			}
		}
		if put, err := l.Put(s, canonical, values, world{}); err != nil {
			mustReject(t, l, err)
		} else {
			if len(put) != len(l.Natives(s)) {
				t.Fatalf("put %d values to %d fields", len(put), len(l.Natives(s)))
			}
			for _, v := range put {
				mustBeCanonical(t, v)
			}
		}
		if _, err := l.Get(s, values, nil); err != nil {
			mustReject(t, l, err)
		}
		if !l.Same(canonical, canonical) {
			t.Fatal("a value is not the same as itself")
		}
		count()
	})
}

func mustReject(t *rapid.T, l *Lens, err error) {
	var r *Rejection
	if !errors.As(err, &r) {
		t.Fatalf("%T is no rejection: %v", err, err)
	}
	if r.Reason == "" || r.Field != l.field.Name || r.Detail == "" || r.Error() == "" {
		t.Fatalf("rejection does not say enough: %+v", r)
	}
}

func mustBeCanonical(t *rapid.T, v record.Value) {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back record.Value
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

// The laws hold over whole random picklist tables, for every value on either side of them.
func TestPicklistTables(t *testing.T) {
	names := []string{"A", "B", "C", "D", "a", "Ä", "é x", "Open"}
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		p := &contract.Picklist{Name: "stage", Inverse: map[string]string{}, Keep: rapid.Bool().Draw(t, "keep")}
		lefts := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 6, rapid.ID[string]).Draw(t, "left values")
		for _, left := range lefts {
			right := rapid.SampledFrom(names[:5]).Draw(t, "label of "+left)
			p.Values = append(p.Values, contract.PicklistEntry{Left: left, Right: right})
			p.Inverse[right] = left
		}
		many := rapid.Bool().Draw(t, "many")
		sh := record.Shape{Type: "picklist", Kind: record.Choice, Many: many}
		l, ps := New(field(contract.Field{Picklist: p, Owner: contract.OwnerEither}, 1, 1), shapes(one(sh), sh))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		for _, s := range record.Sides {
			for _, a := range names {
				if w, err := l.Put(s, record.OfChoice(a), nil, world{}); err != nil {
					mustReject(t, l, err)
				} else if c, err := l.Get(s, w, world{}); err != nil || !l.Same(c, record.OfChoice(a)) {
					t.Fatalf("%q is put to %s as %v, and read as %v, %v", a, s, w, c, err)
				}
				for _, b := range names {
					n := []record.Value{record.OfChoice(a)}
					m := []record.Value{record.OfChoice(b)}
					if many {
						n[0] = record.OfChoice(a, b)
					}
					c, err := l.Get(s, n, world{})
					if err != nil {
						mustReject(t, l, err)
						continue
					}
					there, err := l.Put(s.Other(), c, m, world{})
					if err != nil {
						mustReject(t, l, err)
						continue
					}
					cases++
					read, err := l.Get(s.Other(), there, world{})
					if err != nil || !l.Same(read, c) {
						t.Fatalf("%s %v means %v, is put as %v over %v, and read as %v, %v", s, n, c, there, m, read, err)
					}
					back, err := l.Put(s, read, n, world{})
					if err != nil || !back[0].Equal(n[0]) {
						t.Fatalf("%s %v is put as %v, and comes back as %v, %v", s, n, there, back, err)
					}
					fresh, err := l.Put(s, read, nil, world{})
					if err != nil {
						t.Fatalf("%v has no way home: %v", read, err)
					}
					if again, err := l.Put(s.Other(), read, there, world{}); err != nil || !again[0].Equal(there[0]) {
						t.Fatalf("%v home as %v moves the label %v to %v, %v", read, fresh, there, again, err)
					}
				}
			}
		}
	})
	t.Logf("%d cases", cases)
}

// Keys never tell apart what a side could not: Same is an equivalence, and equal values have equal keys.
func TestSameIsKeyed(t *testing.T) {
	eachLens(t, func(t *rapid.T, l *Lens, count func()) {
		s := record.Side(rapid.IntRange(0, 1).Draw(t, "side"))
		a, errA := l.Get(s, genNative(l, s).Draw(t, "a"), world{})
		b, errB := l.Get(s.Other(), genNative(l, s.Other()).Draw(t, "b"), world{})
		if errA != nil || errB != nil {
			return
		}
		count()
		if l.Same(a, b) != l.Same(b, a) || a.Equal(b) && l.Key(a) != l.Key(b) || (l.Key(a) == l.Key(b)) != l.Same(a, b) {
			t.Fatalf("%v and %v: keys %q and %q", a, b, l.Key(a), l.Key(b))
		}
	})
}
