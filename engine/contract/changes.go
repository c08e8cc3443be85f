package contract

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var (
	movedShape   = shape{attrs: []string{"!from", "!to"}}
	removedShape = shape{attrs: []string{"!from", "!action"}}
	allowShape   = shape{attrs: []string{"!change", "!target", "!until", "!reason"}}
)

// maxAllowDays is how far ahead a permission may reach.
const maxAllowDays = 90

func (d *decoder) decodeChanges() {
	gone := map[string]hcl.Range{} // what moved and removed speak of
	for _, b := range d.blocks["moved"] {
		d.decodeMoved(b, gone)
	}
	for _, b := range d.blocks["removed"] {
		d.decodeRemoved(b, gone)
	}
	d.decodeAllows()
	slices.SortFunc(d.contract.Moved, func(a, b Moved) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	slices.SortFunc(d.contract.Removed, func(a, b Removed) int { return cmp.Compare(a.From, b.From) })
}

// address reads an address within a contract, and says of what kind it is.
func (d *decoder) address(a *hclsyntax.Attribute) (address, kind string, ok bool) {
	if a == nil {
		return "", "", false
	}
	t, diags := hcl.AbsTraversalForExpr(a.Expr)
	var parts []string
	if !diags.HasErrors() {
		for i := range t {
			parts = append(parts, attrOf(t, i))
		}
	}
	address = strings.Join(parts, ".")
	switch {
	case slices.Contains(parts, "") || len(parts) < 2:
	case len(parts) == 2 && slices.Contains([]string{"object", "picklist", "trigger", "policy"}, parts[0]):
		return address, parts[0], true
	case len(parts) == 4 && parts[0] == "object" && parts[2] == "field":
		return address, "field", true
	}
	d.fail(codeAddressForm, a.Expr.Range(), say("%s is no address within a contract", a.Name),
		"Write object.NAME, object.NAME.field.NAME, picklist.NAME, trigger.NAME or policy.NAME, without quotes.")
	return "", "", false
}

// addresses are what the contract holds now.
func (d *decoder) addresses() map[string]hcl.Range {
	m := map[string]hcl.Range{}
	for n, o := range d.objects {
		m["object."+n] = o.Range
		for _, f := range o.Fields {
			m["object."+n+".field."+f.Name] = f.Range
		}
	}
	for n, p := range d.picklists {
		m["picklist."+n] = p.Range
	}
	for n, at := range d.triggers {
		m["trigger."+n] = at
	}
	for n, at := range d.policies {
		m["policy."+n] = at
	}
	return m
}

func (d *decoder) decodeMoved(b *hclsyntax.Block, gone map[string]hcl.Range) {
	c := d.check(b.Body, b.DefRange(), "in moved", movedShape)
	from, fromKind, okFrom := d.address(c.attrs["from"])
	to, toKind, okTo := d.address(c.attrs["to"])
	held := d.addresses()
	if okFrom {
		at := c.attrs["from"].Expr.Range()
		if there, still := held[from]; still {
			d.fail(codeMovedFrom, at, say("%s still exists", from), say("Rename it (%s), or take moved away.", position(there)))
			okFrom = false
		} else if before, twice := gone[from]; twice {
			d.fail(codeMovedFrom, at, say("%s is moved or removed twice", from), say("Keep one; the other is at %s.", position(before)))
			okFrom = false
		} else {
			gone[from] = at
		}
	}
	if !okTo {
		return
	}
	at := c.attrs["to"].Expr.Range()
	if _, there := held[to]; !there {
		d.fail(codeMovedTo, at, say("%s does not exist", to), didYouMean(to, keys(held))+"Name the block under its new name.")
		return
	}
	if !okFrom {
		return
	}
	if fromKind != toKind || fromKind == "field" && !d.sameObject(from, to) {
		d.fail(codeMovedDifference, at, say("%s can't become %s", from, to), "A block keeps its kind, and a field its object, when it is renamed.")
		return
	}
	d.contract.Moved = append(d.contract.Moved, Moved{From: from, To: to, Range: b.DefRange()})
}

// sameObject says whether two fields are of one object, or of an object and what it was called before.
func (d *decoder) sameObject(from, to string) bool {
	a, b := strings.Split(from, ".")[1], strings.Split(to, ".")[1]
	if a == b {
		return true
	}
	for _, m := range d.blocks["moved"] {
		f, t := m.Body.Attributes["from"], m.Body.Attributes["to"]
		if f != nil && t != nil && dotted(f.Expr) == "object."+a && dotted(t.Expr) == "object."+b {
			return true
		}
	}
	return false
}

func dotted(expr hcl.Expression) string {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		return ""
	}
	var parts []string
	for i := range t {
		parts = append(parts, attrOf(t, i))
	}
	return strings.Join(parts, ".")
}

func (d *decoder) decodeRemoved(b *hclsyntax.Block, gone map[string]hcl.Range) {
	c := d.check(b.Body, b.DefRange(), "in removed", removedShape)
	from, kind, ok := d.address(c.attrs["from"])
	action, known := d.keyword(c.attrs["action"], "forget", "destroy")
	if !ok {
		return
	}
	at := c.attrs["from"].Expr.Range()
	if before, twice := gone[from]; twice {
		d.fail(codeDuplicate, at, say("%s is moved or removed twice", from), say("Keep one; the other is at %s.", position(before)))
		return
	}
	gone[from] = at
	held := d.addresses()
	if there, still := held[from]; still {
		if o := d.objects[strings.TrimPrefix(from, "object.")]; o != nil && o.Protect && action == "destroy" {
			d.fail(codeProtected, at, say("%s is protected", from), say("Take protect off first (%s), in a change of its own.", position(there)))
			return
		}
		d.fail(codeRemovedPresent, at, say("%s still exists", from), say("Delete it (%s), or take removed away.", position(there)))
		return
	}
	if !known {
		return
	}
	if action == "destroy" && kind != "object" && kind != "field" {
		d.fail(codeAddressForm, c.attrs["action"].Expr.Range(), say("there is nothing of %s at a vendor to destroy", from), "Write action = forget.")
		return
	}
	d.contract.Removed = append(d.contract.Removed, Removed{From: from, Destroy: action == "destroy", Range: b.DefRange()})
}

// decodeAllows reads the permissions, and holds them against the destructions that need them.
func (d *decoder) decodeAllows() {
	named := map[string]hcl.Range{}
	permitted := map[string]bool{}
	for _, b := range d.blocks["allow"] {
		name := b.Labels[0]
		if before, twice := named[name]; twice {
			d.once(b, say("allow %q", clip(name)), before)
			continue
		}
		named[name] = b.DefRange()
		if strings.TrimSpace(name) == "" {
			d.fail(codeLabels, b.LabelRanges[0], "the permission has no name", `Write allow "why-in-short" { ... }`)
		}
		x := Allow{Name: name, Range: b.DefRange()}
		c := d.check(b.Body, b.DefRange(), say("in allow %q", clip(name)), allowShape)
		x.Change, _ = d.keyword(c.attrs["change"], "destroy")
		if a := c.attrs["until"]; a != nil {
			x.Until = d.until(a)
		}
		if a := c.attrs["reason"]; a != nil {
			if s, ok := d.text(a); ok {
				if x.Reason = strings.TrimSpace(s); x.Reason == "" {
					d.fail(codeAllowReason, a.Expr.Range(), say("allow %q gives no reason", clip(name)), "Say why, with a ticket number where there is one.")
				}
			}
		}
		target, _, ok := d.address(c.attrs["target"])
		if ok {
			x.Target = target
			permitted[target] = true
			if !d.removes(target) {
				d.fail(codeAllowUnused, c.attrs["target"].Expr.Range(), say("nothing asks to destroy %s", target),
					say("Take allow %q away, or add removed { from = %s, action = destroy } on lines of its own.", clip(name), target))
			}
		}
		d.contract.Allows = append(d.contract.Allows, x)
	}
	for _, r := range d.contract.Removed {
		if r.Destroy && !permitted[r.From] {
			day := "YYYY-MM-DD"
			if d.opts.now != nil {
				day = d.opts.now().UTC().AddDate(0, 0, 14).Format(time.DateOnly)
			}
			d.fail(codeDestroyAllow, r.Range, say("destroying %s is not allowed", r.From),
				say("Add allow %q {\n  change = destroy\n  target = %s\n  until  = %q\n  reason = \"...\"\n}", "drop-"+r.From[strings.LastIndexByte(r.From, '.')+1:], r.From, day))
		}
	}
	slices.SortFunc(d.contract.Allows, func(a, b Allow) int { return cmp.Compare(a.Name, b.Name) })
}

// removes says whether a removed block asks to destroy an address, sound or not: one mistake is one diagnostic.
func (d *decoder) removes(target string) bool {
	for _, b := range d.blocks["removed"] {
		from, action := b.Body.Attributes["from"], b.Body.Attributes["action"]
		if from != nil && (dotted(from.Expr) == target || dotted(from.Expr) == "") && (action == nil || hcl.ExprAsKeyword(action.Expr) != "forget") {
			return true
		}
	}
	return false
}

// until is the last day of a permission. The zero time stands for one that can't be read.
func (d *decoder) until(a *hclsyntax.Attribute) time.Time {
	s, ok := d.text(a)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		d.fail(codeAllowUntil, a.Expr.Range(), say("until = %q is no day", clip(s)), `Write until = "YYYY-MM-DD".`)
		return time.Time{}
	}
	if d.opts.now == nil {
		return t
	}
	today := d.opts.now().UTC().Truncate(24 * time.Hour)
	switch {
	case t.Before(today):
		d.fail(codeAllowExpired, a.Expr.Range(), say("the permission ended on %s", s), "Take it away with the removed block it was for, or give it a new day.")
	case t.After(today.AddDate(0, 0, maxAllowDays)):
		d.fail(codeAllowUntil, a.Expr.Range(), say("%s is more than %d days ahead", s, maxAllowDays),
			say("Write a day up to %s.", today.AddDate(0, 0, maxAllowDays).Format(time.DateOnly)))
	}
	return t
}
