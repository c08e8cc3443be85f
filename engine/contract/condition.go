package contract

import (
	"github.com/hashicorp/hcl/v2"

	"accord/engine/record"
)

// Scope is what a condition or a template may look at: canonical values by field name. A nil Before is a record that
// did not exist.
type Scope struct {
	Before, After map[string]record.Value
	// Records are the native values of each side's record, and its id as "Id", for `record.salesforce.OwnerId`.
	Records [2]map[string]record.Value
	IDs     [2]string // for `record.salesforce_id`, `record.monday_id`
	Now     string    // RFC 3339, for now()
}

// Condition is a checked boolean expression over a Scope.
type Condition struct {
	Text  string // as written, for messages
	expr  hcl.Expression
	Range hcl.Range
}

// Template is a checked expression over a Scope that yields text.
type Template struct {
	Text  string
	expr  hcl.Expression
	Range hcl.Range
}
