package binding_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
)

func TestMatch(t *testing.T) {
	type list = []binding.Candidate
	for name, c := range map[string]struct {
		left, right list
		want        binding.Matches
	}{
		"nobody":       {nil, nil, binding.Matches{}},
		"one-sided":    {list{{"l1", "a"}, {"l2", "a"}}, list{{"r1", "b"}}, binding.Matches{}},
		"one pair":     {list{{"l1", "a"}}, list{{"r1", "a"}}, binding.Matches{Pairs: [][2]string{{"l1", "r1"}}}},
		"by key order": {list{{"l1", "b"}, {"l2", "a"}}, list{{"r1", "b"}, {"r2", "a"}}, binding.Matches{Pairs: [][2]string{{"l2", "r2"}, {"l1", "r1"}}}},
		"two on the left": {list{{"l2", "a"}, {"l1", "a"}}, list{{"r1", "a"}},
			binding.Matches{Ambiguous: [][2][]string{{{"l1", "l2"}, {"r1"}}}}},
		"two on the right": {list{{"l1", "a"}}, list{{"r2", "a"}, {"r1", "a"}},
			binding.Matches{Ambiguous: [][2][]string{{{"l1"}, {"r1", "r2"}}}}},
		"two on both, which is no two pairs": {list{{"l1", "a"}, {"l2", "a"}}, list{{"r1", "a"}, {"r2", "a"}},
			binding.Matches{Ambiguous: [][2][]string{{{"l1", "l2"}, {"r1", "r2"}}}}},
		"the same id on both sides": {list{{"1", "a"}, {"2", "b"}}, list{{"2", "a"}, {"1", "b"}},
			binding.Matches{Pairs: [][2]string{{"1", "2"}, {"2", "1"}}}},
		"all at once": {list{{"l1", "c"}, {"l2", "a"}, {"l3", "b"}}, list{{"r1", "b"}, {"r2", "b"}, {"r3", "c"}, {"r4", "d"}},
			binding.Matches{Pairs: [][2]string{{"l1", "r3"}}, Ambiguous: [][2][]string{{{"l3"}, {"r1", "r2"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, binding.Match(c.left, c.right)); d != "" {
				t.Error(d)
			}
			// In whatever order the vendors list their records.
			slices.Reverse(c.left)
			slices.Reverse(c.right)
			if d := cmp.Diff(c.want, binding.Match(c.left, c.right)); d != "" {
				t.Errorf("listed the other way round:\n%s", d)
			}
		})
	}
}
