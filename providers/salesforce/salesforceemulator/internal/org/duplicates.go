package org

import (
	"fmt"
	"slices"
	"strings"
)

// DuplicateRule finds records that hold the same value in all of its fields. A save that would make another is refused
// with DUPLICATES_DETECTED; where AllowSave is set, the caller may insist with the Sforce-Duplicate-Rule-Header.
type DuplicateRule struct {
	Name      string   `json:"name"`
	Object    string   `json:"object"`
	Fields    []string `json:"fields"`
	AllowSave bool     `json:"allow_save"`
	Message   string   `json:"message,omitempty"`
}

// Duplicates is what a refused save says about its duplicates.
type Duplicates struct {
	Rule    DuplicateRule
	Matches []string
}

// SetDuplicateRules replaces all duplicate rules.
func (o *Org) SetDuplicateRules(rules []DuplicateRule) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range rules {
		t := o.table(r.Object)
		if t == nil || len(r.Fields) == 0 {
			return fmt.Errorf("setting the duplicate rule %s: it needs a known object and at least one field", r.Name)
		}
		for _, f := range r.Fields {
			if t.def.Field(f) == nil {
				return fmt.Errorf("setting the duplicate rule %s: %s has no field %s", r.Name, r.Object, f)
			}
		}
	}
	o.duplicateRules = slices.Clone(rules)
	return nil
}

// duplicates runs the rules on a record being saved.
func (tx *Tx) duplicates(d *draft) *Error {
	for _, rule := range tx.o.duplicateRules {
		if !strings.EqualFold(rule.Object, d.t.def.Name) || rule.AllowSave && tx.caller.AllowDuplicates || !slices.ContainsFunc(rule.Fields, d.changed) {
			continue
		}
		matches := tx.matches(d, rule.Fields)
		if len(matches) == 0 {
			continue
		}
		message := rule.Message
		if message == "" {
			message = "Use one of these records?"
		}
		return &Error{Code: "DUPLICATES_DETECTED", Message: message, Fields: []string{}, Duplicates: &Duplicates{Rule: rule, Matches: matches}}
	}
	return nil
}

// matches lists the live records that equal the draft in the fields, none of which may be empty.
func (tx *Tx) matches(d *draft, fields []string) []string {
	var out []string
	first := d.t.def.Field(fields[0])
	for _, r := range d.t.find(first, cellsGet(d.cells, first.Slot)) {
		same := r.id != d.id
		for _, name := range fields {
			f := d.t.def.Field(name)
			is, ok := indexKey(cellsGet(d.cells, f.Slot))
			other, _ := indexKey(r.get(f.Slot))
			same = same && ok && is == other
		}
		if same {
			out = append(out, r.id)
		}
	}
	return out
}
