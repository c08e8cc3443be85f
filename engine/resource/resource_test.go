package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/resource"
)

func TestDiffer(t *testing.T) {
	type attributes = map[string]any
	for name, c := range map[string]struct {
		want, have attributes
		diff       []resource.Difference
	}{
		"nothing wanted":             {nil, attributes{"a": 1}, nil},
		"as wanted":                  {attributes{"a": "x", "b": true}, attributes{"a": "x", "b": true}, nil},
		"more than wanted":           {attributes{"a": "x"}, attributes{"a": "x", "b": 2}, nil},
		"numbers as JSON shows them": {attributes{"n": 3}, attributes{"n": 3.0}, nil},
		"lists as JSON shows them":   {attributes{"l": []string{"a"}}, attributes{"l": []any{"a"}}, nil},
		"other value":                {attributes{"a": "x"}, attributes{"a": "y"}, []resource.Difference{{Path: "a", Before: "y", After: "x"}}},
		"other type":                 {attributes{"a": "1"}, attributes{"a": 1}, []resource.Difference{{Path: "a", Before: 1.0, After: "1"}}},
		"absent":                     {attributes{"a": false}, nil, []resource.Difference{{Path: "a", Before: nil, After: false}}},
		"sorted by path": {attributes{"c": 1, "a": 1, "b": 1}, attributes{"b": 1}, []resource.Difference{
			{Path: "a", After: 1.0}, {Path: "c", After: 1.0}}},
		"in a map": {attributes{"m": attributes{"x": attributes{"y": 1, "z": 1}}}, attributes{"m": attributes{"x": attributes{"y": 2, "z": 1, "q": 0}}},
			[]resource.Difference{{Path: "m.x.y", Before: 2.0, After: 1.0}}},
		"a map where there is none": {attributes{"m": attributes{"x": 1}}, attributes{"m": "text"}, []resource.Difference{{Path: "m.x", After: 1.0}}},
		"only the missing elements": {attributes{"l": []any{"a", "b", "c"}}, attributes{"l": []any{"c", "x", "a"}},
			[]resource.Difference{{Path: "l", Before: []any{"c", "x", "a"}, After: []any{"b"}}}},
		"elements that are maps": {attributes{"l": []any{attributes{"k": 1}}}, attributes{"l": []any{attributes{"k": 1, "more": 2}}},
			[]resource.Difference{{Path: "l", Before: []any{attributes{"k": 1.0, "more": 2.0}}, After: []any{attributes{"k": 1.0}}}}},
		"a list where there is none": {attributes{"l": []any{"a"}}, attributes{}, []resource.Difference{{Path: "l", After: []any{"a"}}}},
		"an empty list asks nothing": {attributes{"l": []any{}}, attributes{"l": []any{"a"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := resource.Differ(resource.Resource{Attributes: c.want}, resource.Resource{Attributes: c.have})
			if d := cmp.Diff(c.diff, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestDifferOrder: the same two resources give the same differences every time, whatever order a map has today.
func TestDifferOrder(t *testing.T) {
	want := map[string]any{}
	for _, k := range "zyxwvutsrqponmlkjihgfedcba" {
		want[string(k)] = map[string]any{"2": 1, "1": 1}
	}
	first := resource.Differ(resource.Resource{Attributes: want}, resource.Resource{})
	if len(first) != 52 || first[0].Path != "a.1" || first[51].Path != "z.2" {
		t.Fatalf("%d differences: %+v", len(first), first)
	}
	for range 20 {
		if d := cmp.Diff(first, resource.Differ(resource.Resource{Attributes: want}, resource.Resource{})); d != "" {
			t.Fatal(d)
		}
	}
}
