package resource

import (
	"reflect"
	"slices"
)

// Resource is one thing of a vendor's structure: a board, a column, a custom field, a permission set, a webhook.
type Resource struct {
	// Address names it within the contract, for ever: "monday.work/board/Deals/column/stage".
	Address    string `json:"address"`
	Connection string `json:"connection"` // "monday.work"
	Kind       string `json:"kind"`       // the vendor's word: "board", "column", "field", "permission_set", "webhook"
	Name       string `json:"name"`       // what a person calls it
	ID         string `json:"id,omitempty"`
	// Managed resources are created and changed by apply. The others must exist, and are only read.
	Managed bool   `json:"managed"`
	Object  string `json:"object,omitempty"` // the contract object that asks for it
	Field   string `json:"field,omitempty"`  // the contract field, where one asks for it
	// Attributes hold string, bool, float64, []any and map[string]any: what JSON gives back is what was put in.
	// In a wanted resource they are what the contract asks for; a described one may show more.
	Attributes map[string]any `json:"attributes,omitempty"`
	DependsOn  []string       `json:"depends_on,omitempty"` // addresses that must exist before
}

// Action is what a plan does with a resource.
type Action string

// The actions, with the symbol that a plan shows for each.
const (
	NoOp    Action = "no-op"   // as wanted
	Read    Action = "read"    // must exist, does; nothing is done to it
	Create  Action = "create"  // +
	Update  Action = "update"  // ~
	Destroy Action = "destroy" // -
	Forget  Action = "forget"  // . no longer managed, left alone
	Adopt   Action = "adopt"   // < exists already, is managed from now on
)

// Difference is one attribute that is not as wanted.
type Difference struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Change is one step of a structure plan.
type Change struct {
	Action      Action       `json:"action"`
	Want        Resource     `json:"want"`           // with the vendor's ID once known
	Have        *Resource    `json:"have,omitempty"` // nil when it does not exist
	Differences []Difference `json:"differences,omitempty"`
}

// Differ compares what is wanted with what is there: only wanted attributes count.
func Differ(want, have Resource) []Difference {
	var d []Difference
	for _, k := range sortedKeys(want.Attributes) {
		if !reflect.DeepEqual(want.Attributes[k], have.Attributes[k]) {
			d = append(d, Difference{Path: k, Before: have.Attributes[k], After: want.Attributes[k]})
		}
	}
	return d
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
