package resource

import (
	"encoding/json"
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
	// Narrows names attributes that only ever take something away, which whoever works under the contract before may
	// still need: a change of them waits until the new contract is in force.
	Narrows []string `json:"narrows,omitempty"`
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

// Narrowing says that a change of something that is there does nothing but take away.
func (c Change) Narrowing() bool {
	if c.Action != Update || len(c.Differences) == 0 {
		return false
	}
	for _, d := range c.Differences {
		if !slices.Contains(c.Want.Narrows, d.Path) {
			return false
		}
	}
	return true
}

// Differ compares what is wanted with what is there, and only what is wanted counts: an attribute, a key of a map or an
// element of a list that nobody asked for is no difference. Both are compared as JSON would show them.
func Differ(want, have Resource) []Difference {
	return differ(nil, "", canonical(want.Attributes), canonical(have.Attributes))
}

func differ(d []Difference, path string, want, have any) []Difference {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for _, k := range sortedKeys(w) {
			at := k
			if path != "" {
				at = path + "." + k
			}
			d = differ(d, at, w[k], h[k])
		}
	case []any:
		h, _ := have.([]any)
		var missing []any
		for _, e := range w {
			if !slices.ContainsFunc(h, func(x any) bool { return reflect.DeepEqual(x, e) }) {
				missing = append(missing, e)
			}
		}
		if len(missing) > 0 {
			d = append(d, Difference{Path: path, Before: have, After: missing})
		}
	default:
		if !reflect.DeepEqual(want, have) {
			d = append(d, Difference{Path: path, Before: have, After: want})
		}
	}
	return d
}

// canonical is what JSON makes of attributes; what JSON can't hold is not an attribute, and compares as nothing.
func canonical(attributes map[string]any) any {
	if len(attributes) == 0 {
		return map[string]any{}
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return map[string]any{}
	}
	var v any
	if json.Unmarshal(text, &v) != nil {
		return map[string]any{}
	}
	return v
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
