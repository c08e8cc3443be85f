package binding_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/binding"
)

func profile(id, name string, other ...string) binding.Profile {
	p := binding.Profile{ID: id, Match: []string{name}, Keys: []string{name}, Other: map[string]string{}}
	for i := 0; i+1 < len(other); i += 2 {
		p.Other[other[i]] = other[i+1]
	}
	return p
}

func TestResemblances(t *testing.T) {
	left := []binding.Profile{
		profile("L0", "Acme Inc", "city", "Berlin"), profile("L1", "Globex"), profile("L2", ""), profile("L3", "Zzyzx"),
	}
	right := []binding.Profile{
		profile("R0", "ACME, Inc.", "city", "Berlin"), profile("R1", "Acme Inc", "city", "Rome"), profile("R2", "Globex"), profile("R3", "Initech"), profile("R4", ""),
	}
	var got []string
	for _, r := range binding.Resemblances(left, right) {
		got = append(got, fmt.Sprintf("%s %s %d %v", left[r.Left].ID, right[r.Right].ID, r.Score, r.Agrees))
	}
	want := []string{"L0 R0 100 [city]", "L0 R1 80 []", "L1 R2 100 []"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resemblances (-want +got):\n%s", diff)
	}
}

// TestSimilarityLaws: a text is like itself, the order of the two does not matter, and the measure keeps its bounds.
func TestSimilarityLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		s := binding.Similarity(a, b)
		if s < 0 || s > 1 || s != binding.Similarity(b, a) {
			t.Fatalf("%q and %q: %v and %v", a, b, s, binding.Similarity(b, a))
		}
		if self := binding.Similarity(a, a); self != 0 && self != 1 {
			t.Fatalf("%q is like itself by %v", a, self)
		}
	})
}

// TestResemblancesOfMany keeps a large board against a large org within reach.
func TestResemblancesOfMany(t *testing.T) {
	var left, right []binding.Profile
	for i := range 3000 {
		left = append(left, profile(fmt.Sprint("L", i), fmt.Sprintf("Company %d Holding", i*7919)))
		right = append(right, profile(fmt.Sprint("R", i), fmt.Sprintf("company %d (holding)", i*7919)))
	}
	found := map[string]bool{}
	for _, r := range binding.Resemblances(left, right) {
		if r.Left == r.Right {
			found[left[r.Left].ID] = true
		}
	}
	if len(found) != len(left) {
		t.Errorf("%d of %d were found", len(found), len(left))
	}
}
