package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"accord/engine/record"
	"accord/engine/resource"
)

// Plan is everything that applying a contract would do.
type Plan struct {
	ContractDigest string            `json:"contract_digest"`
	InForceDigest  string            `json:"in_force_digest,omitempty"` // "" when no contract is in force
	Structure      []resource.Change `json:"structure"`                 // every wanted resource, in the order apply takes
	Forget         []resource.Change `json:"forget,omitempty"`          // what the contract no longer asks for
	Rules          []RuleChange      `json:"rules,omitempty"`           // by address
	Owners         []OwnerChange     `json:"owners,omitempty"`
	Data           []Forecast        `json:"data,omitempty"`
	Warnings       []string          `json:"warnings,omitempty"`
	Blocked        []Block           `json:"blocked,omitempty"` // why apply would refuse
	Digest         string            `json:"digest"`
}

// RuleChange is a rule of the contract that differs from the one in force.
type RuleChange struct {
	Action  resource.Action       `json:"action"` // create, update or forget
	Address string                `json:"address"`
	Kind    string                `json:"kind"`
	Changes []resource.Difference `json:"changes,omitempty"`
	Source  string                `json:"source,omitempty"` // file:line
}

// OwnerChange is a field whose owner is not the one in force.
type OwnerChange struct {
	Address, Before, After string
	Source                 string
}

// Block is a reason for which apply refuses.
type Block struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
	Remedy  string `json:"remedy"`
	Source  string `json:"source,omitempty"`
}

// Basis says what a forecast rests on.
type Basis string

// The bases, best first.
const (
	BasisLedger  Basis = "ledger"  // nothing changed that touches records: what the ledger holds as pending
	BasisExact   Basis = "exact"   // every record in scope was read and resolved
	BasisSampled Basis = "sampled" // some records were, and the rest is reckoned from them
	BasisNone    Basis = "none"    // not asked for
)

// Forecast is what the contract would do to one object's records.
type Forecast struct {
	Object    string            `json:"object"`
	Basis     Basis             `json:"basis"`
	Read      [2]int            `json:"read"`    // records looked at, by side
	Total     [2]int            `json:"total"`   // records in scope, by side
	Pairs     int               `json:"pairs"`   // that exist or are found by matching
	Matched   int               `json:"matched"` // of which found by matching, for the first time
	Creates   [2]int            `json:"creates"`
	Updates   [2]int            `json:"updates"`
	Links     [2]int            `json:"links"` // records that only get the other side's id
	Removals  [2]int            `json:"removals"`
	Fields    map[string][2]int `json:"fields,omitempty"` // updates by field and side written
	Held      map[string]int    `json:"held,omitempty"`   // by "field: reason"
	Ambiguous int               `json:"ambiguous,omitempty"`
	Pending   int               `json:"pending,omitempty"` // of the ledger
	Calls     [2]int            `json:"calls"`
	Samples   []Sample          `json:"samples,omitempty"`
}

// Sample is one record of a forecast.
type Sample struct {
	Action string      `json:"action"`
	Side   record.Side `json:"side"`
	ID     string      `json:"id"`
	Name   string      `json:"name,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

// Writes is the number of records that would be written on both sides.
func (f Forecast) Writes() int {
	n := 0
	for _, s := range record.Sides {
		n += f.Creates[s] + f.Updates[s] + f.Links[s] + f.Removals[s]
	}
	return n
}

// StructureChanges are the steps that do something at a vendor or take something into the ledger's care.
func (p *Plan) StructureChanges() []resource.Change {
	var changes []resource.Change
	for _, c := range append(append([]resource.Change{}, p.Structure...), p.Forget...) {
		onlyRead := c.Action == resource.Forget && !c.Want.Managed // nothing was managed, nothing is given up
		if c.Action != resource.NoOp && c.Action != resource.Read && !onlyRead {
			changes = append(changes, c)
		}
	}
	return changes
}

// Empty says that applying would change nothing: no structure, no rule, and no record that waits for it.
func (p *Plan) Empty() bool {
	if len(p.StructureChanges()) > 0 || len(p.Rules) > 0 {
		return false
	}
	for _, f := range p.Data {
		if f.Basis != BasisLedger && f.Writes() > 0 {
			return false
		}
	}
	return true
}

// seal computes the digest: over what apply would do to structure and rules, never over times, samples or counts of
// records, which move by the minute.
func (p *Plan) seal() error {
	type step struct {
		Action      resource.Action
		Address     string
		Kind        string
		Attributes  map[string]any
		Differences []resource.Difference
	}
	var steps []step
	for _, c := range p.StructureChanges() {
		steps = append(steps, step{c.Action, c.Want.Address, c.Want.Kind, c.Want.Attributes, c.Differences})
	}
	rules := make([]RuleChange, len(p.Rules))
	for i, r := range p.Rules {
		r.Source = ""
		rules[i] = r
	}
	blocked := make([]string, len(p.Blocked))
	for i, b := range p.Blocked {
		blocked[i] = b.Address + ": " + b.Reason
	}
	text, err := json.Marshal(struct {
		Format   int
		Contract string
		Steps    []step
		Rules    []RuleChange
		Blocked  []string
	}{1, p.ContractDigest, steps, rules, blocked})
	if err != nil {
		return fmt.Errorf("seal the plan: %w", err)
	}
	sum := sha256.Sum256(text)
	p.Digest = hex.EncodeToString(sum[:])
	return nil
}
