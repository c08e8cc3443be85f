package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"accord/engine/contract"
	"accord/engine/resource"
)

// rules compares the rules of a contract with those in force, one by one. A renamed one (moved) is compared with
// what it was.
func rules(c, inForce *contract.Contract) ([]RuleChange, []OwnerChange) {
	before := map[string]contract.Rule{}
	if inForce != nil {
		for _, r := range inForce.Rules() {
			before[r.Address] = r
		}
	}
	origin := map[string]string{}
	for _, m := range c.Moved {
		origin[m.To] = m.From
	}
	var changes []RuleChange
	var owners []OwnerChange
	seen := map[string]bool{}
	for _, r := range c.Rules() {
		old, known := before[r.Address]
		if from, moved := origin[r.Address]; !known && moved {
			if old, known = before[from]; known {
				seen[from] = true
			}
		}
		seen[r.Address] = true
		if !known {
			changes = append(changes, RuleChange{Action: resource.Create, Address: r.Address, Kind: r.Kind, Source: Place(r.Range)})
			continue
		}
		if ds := textDifferences(old.Text, r.Text); len(ds) > 0 || old.Address != r.Address {
			if old.Address != r.Address {
				ds = append([]resource.Difference{{Path: "address", Before: old.Address, After: r.Address}}, ds...)
			}
			changes = append(changes, RuleChange{Action: resource.Update, Address: r.Address, Kind: r.Kind, Changes: ds, Source: Place(r.Range)})
		}
		if was, is := old.Text["owner"], r.Text["owner"]; was != is {
			owners = append(owners, OwnerChange{Address: r.Address, Before: was, After: is, Source: Place(r.Range)})
		}
	}
	for address, old := range before {
		if !seen[address] {
			changes = append(changes, RuleChange{Action: resource.Forget, Address: address, Kind: old.Kind})
		}
	}
	slices.SortFunc(changes, func(a, b RuleChange) int { return cmp.Compare(a.Address, b.Address) })
	return changes, owners
}

func textDifferences(before, after map[string]string) []resource.Difference {
	keys := slices.Sorted(maps.Keys(after))
	for k := range before {
		if _, ok := after[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var ds []resource.Difference
	for _, k := range keys {
		b, was := before[k]
		a, is := after[k]
		if b != a || was != is {
			ds = append(ds, resource.Difference{Path: k, Before: present(b, was), After: present(a, is)})
		}
	}
	return ds
}

func present(s string, ok bool) any {
	if !ok {
		return nil
	}
	return s
}

// Place is a source range as people write it, "deals.accord.hcl:44"; "" when there is none.
func Place(r hcl.Range) string {
	if r.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line)
}
