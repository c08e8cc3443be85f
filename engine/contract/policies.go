package contract

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var policyShape = shape{attrs: []string{"!fields", "!allow_owner"}}

func (d *decoder) decodePolicies() {
	for _, b := range d.blocks["policy"] {
		name := b.Labels[0]
		if !d.name(b, 0) {
			continue
		}
		if before, twice := d.policies[name]; twice {
			d.once(b, say("policy %q", name), before)
			continue
		}
		d.policies[name] = b.DefRange()
		p := &Policy{Name: name, Range: b.DefRange()}
		c := d.check(b.Body, b.DefRange(), say("in policy %q", name), policyShape)
		sound := c.attrs["allow_owner"] != nil
		if a := c.attrs["fields"]; a != nil {
			for _, e := range elements(a.Expr) {
				d.guarded(p, e)
			}
		}
		if a := c.attrs["allow_owner"]; a != nil {
			for _, e := range elements(a.Expr) {
				w, ok := d.word(e, "allow_owner", []string{Systems[0], Systems[1], "either"})
				sound = sound && ok
				if ok && !slices.Contains(p.Owners, owners[w]) {
					p.Owners = append(p.Owners, owners[w])
				}
			}
			slices.Sort(p.Owners)
		}
		if sound {
			d.checkPolicy(p)
		}
		d.contract.Policies = append(d.contract.Policies, p)
	}
	slices.SortFunc(d.contract.Policies, func(a, b *Policy) int { return strings.Compare(a.Name, b.Name) })
}

// guarded adds the fields that one expression names: sensitive.LABEL, object.NAME or object.NAME.field.NAME.
func (d *decoder) guarded(p *Policy, e hclsyntax.Expression) {
	t, ok := d.traversal(e, "fields", "sensitive.LABEL or object.NAME.field.NAME")
	if !ok {
		return
	}
	add := func(f *Field) {
		if !slices.Contains(p.Fields, f) {
			p.Fields = append(p.Fields, f)
		}
	}
	switch root := t.RootName(); {
	case root == "sensitive" && len(t) == 2:
		label, labels, found := attrOf(t, 1), []string{}, false
		for _, name := range keys(d.objects) {
			for _, f := range d.objects[name].Fields {
				if f.Sensitive == label {
					add(f)
					found = true
				}
				if f.Sensitive != "" && !slices.Contains(labels, f.Sensitive) {
					labels = append(labels, f.Sensitive)
				}
			}
		}
		if !found {
			d.fail(codePolicyFields, e.Range(), say("no field is marked sensitive = %q", clip(label)),
				didYouMean(label, labels)+"Mark the fields that the policy is to guard, or take the policy away.")
		}
	case root == "object" && (len(t) == 2 || len(t) == 4 && attrOf(t, 2) == "field"):
		o := d.objects[attrOf(t, 1)]
		if o == nil {
			d.fail(codePolicyFields, e.Range(), say("there is no object.%s", clip(attrOf(t, 1))), didYouMean(attrOf(t, 1), keys(d.objects))+"Name an object of the contract.")
			return
		}
		for _, f := range o.Fields {
			if len(t) == 2 || f.Name == attrOf(t, 3) {
				add(f)
			}
		}
		if len(t) == 4 && o.Field(attrOf(t, 3)) == nil {
			d.fail(codePolicyFields, e.Range(), say("object %q has no field %q", o.Name, clip(attrOf(t, 3))),
				didYouMean(attrOf(t, 3), o.fieldNames())+say("Its fields are %s.", list(few(o.fieldNames()), "and")))
		}
	default:
		d.fail(codeReferenceKind, e.Range(), "a policy can't guard this", "Write sensitive.LABEL, object.NAME or object.NAME.field.NAME.")
	}
}

// checkPolicy holds the guarded fields against the policy.
func (d *decoder) checkPolicy(p *Policy) {
	for _, f := range p.Fields {
		x := d.field(f)
		if !x.owned || slices.Contains(p.Owners, f.Owner) {
			continue
		}
		var allowed []string
		for _, o := range p.Owners {
			allowed = append(allowed, o.String())
		}
		d.fail(codePolicy, x.given["owner"], say("policy %q does not allow owner = %s for field %q of object %q", p.Name, f.Owner, f.Name, f.Object.Name),
			say("Let it be owned by %s, or change the policy at %s.", cmpOr(list(allowed, "or"), "nobody"), position(p.Range)))
	}
}

// field finds what only checking knows of a field.
func (d *decoder) field(f *Field) *field {
	for _, x := range d.objects[f.Object.Name].fields {
		if x.Field == f {
			return x
		}
	}
	return &field{Field: f}
}
