package plan

import (
	"cmp"
	"fmt"
	"slices"

	"accord/engine/resource"
)

// structure compares what is wanted with what is there, and orders the steps so that each comes after what it depends
// on. Remembered are the resources that apply recorded, by address.
func structure(want, have []resource.Resource, remembered map[string]resource.Resource) ([]resource.Change, []Block) {
	actual := map[string]resource.Resource{}
	for _, r := range have {
		actual[r.Address] = r
	}
	var changes []resource.Change
	var blocked []Block
	for _, w := range ordered(want) {
		h, exists := actual[w.Address]
		known := remembered[w.Address].Managed // what was only read so far is not ours yet
		c := resource.Change{Want: w}
		switch {
		case !exists && !w.Managed:
			blocked = append(blocked, Block{
				Address: w.Address,
				Reason:  fmt.Sprintf("%s %q does not exist at %s", w.Kind, w.Name, w.Connection),
				Remedy:  "create it there, correct the name, or give the field a type in the contract so that apply creates it",
			})
			continue
		case !exists:
			c.Action = resource.Create
		default:
			h := h
			c.Have, c.Want.ID = &h, h.ID
			c.Differences = resource.Differ(w, h)
			c.Action = existing(w, known, len(c.Differences) > 0)
			if c.Action == resource.Update && !w.Managed {
				blocked = append(blocked, Block{
					Address: w.Address,
					Reason:  fmt.Sprintf("%s %q is not as the contract needs it: %s", w.Kind, w.Name, differences(c.Differences)),
					Remedy:  "change it at the vendor, or change the contract",
				})
			}
		}
		changes = append(changes, c)
	}
	return changes, blocked
}

func existing(w resource.Resource, known, differs bool) resource.Action {
	switch {
	case differs:
		return resource.Update
	case !w.Managed:
		return resource.Read
	case !known:
		return resource.Adopt
	default:
		return resource.NoOp
	}
}

// forgotten lists what the ledger manages and the contract no longer asks for. Absence means forget: it is left alone.
func forgotten(want []resource.Resource, remembered map[string]resource.Resource) []resource.Change {
	wanted := map[string]bool{}
	for _, w := range want {
		wanted[w.Address] = true
	}
	var changes []resource.Change
	for _, r := range remembered {
		if !wanted[r.Address] {
			r := r
			changes = append(changes, resource.Change{Action: resource.Forget, Want: r, Have: &r})
		}
	}
	slices.SortFunc(changes, func(a, b resource.Change) int { return cmp.Compare(a.Want.Address, b.Want.Address) })
	return changes
}

// ordered sorts resources by address, each after everything it depends on. What depends on itself through others comes
// in address order: apply will say which step could not be done.
func ordered(want []resource.Resource) []resource.Resource {
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b resource.Resource) int { return cmp.Compare(a.Address, b.Address) })
	index := map[string]int{}
	for i, w := range want {
		index[w.Address] = i
	}
	result := make([]resource.Resource, 0, len(want))
	visited := make([]bool, len(want))
	var visit func(i int)
	visit = func(i int) {
		if visited[i] {
			return
		}
		visited[i] = true
		for _, d := range want[i].DependsOn {
			if j, ok := index[d]; ok {
				visit(j)
			}
		}
		result = append(result, want[i])
	}
	for i := range want {
		visit(i)
	}
	return result
}

func differences(ds []resource.Difference) string {
	text := ""
	for i, d := range ds {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%s is %v, wanted %v", d.Path, d.Before, d.After)
	}
	return text
}
