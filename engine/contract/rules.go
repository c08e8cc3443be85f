package contract

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"accord/engine/record"
)

// Rule is one rule of a contract in words that compare: two contracts hold the same rule when Address and Text are
// equal. Defaults are written out, so that spelling one out changes nothing.
type Rule struct {
	Address string            `json:"address"` // "object.deal.field.stage", "object.deal.create.monday"
	Kind    string            `json:"kind"`    // connection | object | field | create | delete | guard | picklist | trigger | policy
	Text    map[string]string `json:"text"`
	Range   hcl.Range         `json:"-"`
}

// Rules are all rules of the contract by address, for comparing it with the contract in force rule by rule. What is
// spent once applied (moved, removed, allow) is no rule.
func (c *Contract) Rules() []Rule {
	var rules []Rule
	add := func(address, kind string, at hcl.Range, text map[string]string) {
		maps.DeleteFunc(text, func(_, v string) bool { return v == "" })
		rules = append(rules, Rule{address, kind, text, at})
	}
	for _, n := range c.Connections {
		add("connection."+n.Address(), "connection", n.Range, connectionText(n))
	}
	for _, p := range c.Picklists {
		add("picklist."+p.Name, "picklist", p.Range, picklistText(p))
	}
	for _, o := range c.Objects {
		add("object."+o.Name, "object", o.Range, objectText(o))
		for side, create := range o.Creates {
			if create != nil {
				add("object."+o.Name+".create."+Systems[side], "create", create.Range, map[string]string{
					"when": cmp.Or(create.When.Canonical(), "always"), "record_owner": create.Owner,
				})
			}
		}
		add("object."+o.Name+".delete", "delete", o.Range, map[string]string{
			Systems[record.Left]: string(o.Deletes[record.Left]), Systems[record.Right]: string(o.Deletes[record.Right]),
		})
		if o.Leaves != [2]DeleteAction{DeleteKeep, DeleteKeep} {
			add("object."+o.Name+".leave", "leave", o.Range, map[string]string{
				Systems[record.Left]: string(o.Leaves[record.Left]), Systems[record.Right]: string(o.Leaves[record.Right]),
			})
		}
		add("object."+o.Name+".guard", "guard", o.Guard.Range, map[string]string{
			"max_deletes": strconv.Itoa(o.Guard.MaxDeletes), "max_changes": countText(o.Guard.MaxChanges, o.Guard.MaxChangePercent),
			"canary": strings.Join(o.Guard.Canary, ", "),
		})
		for _, f := range o.Fields {
			add(f.Address(), "field", f.Range, fieldText(f))
		}
	}
	for _, t := range c.Triggers {
		add("trigger."+t.Name, "trigger", t.Range, triggerText(t))
	}
	for _, p := range c.Policies {
		add("policy."+p.Name, "policy", p.Range, policyText(p))
	}
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Address, b.Address) })
	return rules
}

// Digest is a stable hash of what the contract says: of its rules, not of its spelling. Comments, spacing, and the
// order of blocks and files don't change it. "sha256:" and 64 hexadecimal digits.
func (c *Contract) Digest() string {
	canonical, err := json.Marshal(c.Rules()) // maps are written in the order of their keys
	if err != nil {
		return "" // texts alone always marshal
	}
	sum := sha256.Sum256(append([]byte("accord contract 1\n"), canonical...))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Canonical is the condition without comments and chance spacing, its variables replaced by their values.
func (c *Condition) Canonical() string {
	if c == nil {
		return ""
	}
	return c.canonical
}

// Canonical is the template without comments and chance spacing, its variables replaced by their values.
func (t *Template) Canonical() string {
	if t == nil {
		return ""
	}
	return t.canonical
}

func settingText(s Setting) string {
	if s.Secret != nil {
		return s.Secret.String()
	}
	return s.Text
}

func countText(n int, percent float64) string {
	if percent > 0 {
		return strconv.FormatFloat(percent, 'f', -1, 64) + "%"
	}
	if n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

func connectionText(n *Connection) map[string]string {
	text := map[string]string{"budget.daily_calls": countText(n.Budget.DailyCalls, n.Budget.DailyPercent)}
	for name, s := range n.Settings {
		text[name] = settingText(s)
	}
	if n.OAuth != nil {
		text["oauth"] = n.OAuth.Flow
		for name, s := range n.OAuth.Settings {
			text["oauth."+name] = settingText(s)
		}
	}
	return text
}

func picklistText(p *Picklist) map[string]string {
	rows := make([]string, len(p.Values))
	for i, v := range p.Values {
		rows[i] = say("%q = %q", v.Left, v.Right)
	}
	text := map[string]string{"values": strings.Join(rows, ", "), "inverse": tableText(p.Inverse), "colors": tableText(p.Colors), "unlisted": "reject"}
	if p.Keep {
		text["unlisted"] = "keep"
	}
	if p.Extend {
		text["shared"] = "extend"
	}
	return text
}

func tableText(m map[string]string) string {
	var rows []string
	for _, k := range keys(m) {
		rows = append(rows, say("%q = %q", k, m[k]))
	}
	return strings.Join(rows, ", ")
}

func objectText(o *Object) map[string]string {
	match := slices.Clone(o.Match)
	slices.Sort(match) // all of them must agree, in whatever order
	text := map[string]string{"match": strings.Join(match, ", ")}
	if o.Protect {
		text["protect"] = "true"
	}
	for side, system := range Systems {
		e := o.Ends[side]
		if e.Connection != nil {
			text[system+".connection"] = e.Connection.Address()
		}
		text[system+".key"] = e.Key.String()
		for name, v := range e.Settings {
			text[system+"."+name] = v
		}
	}
	return text
}

// String is how the contract spells it: "status.stage", "StageName".
func (n NativeField) String() string {
	if n.Type == "" {
		return n.Name
	}
	return n.Type + "." + n.Name
}

func fieldText(f *Field) map[string]string {
	text := map[string]string{"owner": f.Owner.String(), "sensitive": f.Sensitive, "currency": f.Currency}
	for side, system := range Systems {
		var names []string
		for _, n := range f.Ends[side] {
			names = append(names, n.String())
		}
		text[system] = strings.Join(names, ", ")
	}
	if f.Owner == OwnerEither {
		text["conflict"] = f.Conflict.String()
	} else {
		text["on_drift"] = string(f.OnDrift)
	}
	if f.Settle > 0 {
		text["settle"] = f.Settle.String()
	}
	if f.Timezone != nil {
		text["timezone"] = f.Timezone.String()
	}
	if f.Picklist != nil {
		text["picklist"] = f.Picklist.Name
	}
	if f.Reference != nil {
		text["reference"] = f.Reference.Name
	}
	if f.People != nil {
		text["people.unmatched"] = f.People.Unmatched
		text["people.fallback"] = f.People.Fallback
	}
	if f.Transform != nil { // its examples prove it, and rule nothing
		for _, side := range record.Sides {
			text["transform."+to(side)] = f.Transform.To[side].Canonical()
		}
	}
	lossy := slices.Clone(f.Lossy)
	slices.Sort(lossy)
	text["lossy"] = strings.Join(lossy, ", ")
	return text
}

func triggerText(t *Trigger) map[string]string {
	text := map[string]string{"when": t.When.Canonical()}
	switch {
	case t.Event != "":
		text["on"], text["connection"], text["record"] = "event."+t.Event, t.Connection.Address(), t.Record.Canonical()
		if t.Object != nil {
			text["object"] = t.Object.Name
		}
	case t.Object != nil:
		text["on"] = t.Object.Name
	}
	for i, a := range t.Actions { // in the order written: they are carried out so
		at := say("action.%d", i+1)
		text[at] = a.Type
		for name, x := range a.Settings {
			text[at+"."+name] = x.Canonical()
		}
		for name, x := range a.Fields {
			text[at+".fields."+name] = x.Canonical()
		}
	}
	return text
}

func policyText(p *Policy) map[string]string {
	var fields, owners []string
	for _, f := range p.Fields {
		fields = append(fields, f.Address())
	}
	for _, o := range p.Owners {
		owners = append(owners, o.String())
	}
	slices.Sort(fields)
	return map[string]string{"fields": strings.Join(fields, ", "), "allow_owner": strings.Join(owners, ", ")}
}
