package contract

import (
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shortID is the length of a Salesforce id without the characters that tell upper from lower case.
// https://help.salesforce.com/s/articleView?id=000383278
const shortID = 15

// isShortID says whether an id is one of those: they begin with the key prefix of their object, which starts with 0 for
// standard objects and with an a for custom ones. An item's id is a number.
func isShortID(id string) bool {
	return len(id) == shortID && (id[0] == '0' || id[0] == 'a') && strings.Trim(id, "0123456789") != ""
}

func (d *decoder) decodeGuard(o *object, b *hclsyntax.Block) {
	o.Guard = Guard{MaxDeletes: defaultMaxDeletes, MaxChangePercent: defaultMaxChangePercent, Range: o.Range}
	if b == nil {
		return
	}
	o.Guard.Range = b.DefRange()
	c := d.check(b.Body, b.DefRange(), say("in guard of object %q", o.Name), guardShape)
	if a := c.attrs["max_deletes"]; a != nil {
		if v, ok := d.value(a.Expr); ok {
			if n, ok := d.whole(a, v, -1); ok {
				o.Guard.MaxDeletes = n
			}
		}
	}
	if a := c.attrs["max_changes"]; a != nil {
		if n, percent, ok := d.count(a, `"30%"`); ok {
			o.Guard.MaxChanges, o.Guard.MaxChangePercent = n, percent
		}
	}
	if a := c.attrs["canary"]; a != nil {
		o.Guard.Canary = d.canaries(a)
	}
}

// canaries are the ids of one record, or of several.
func (d *decoder) canaries(a *hclsyntax.Attribute) []string {
	var ids []string
	for _, e := range elements(a.Expr) {
		id, ok := d.textOf(e, a.Name)
		switch {
		case !ok:
		case id == "" || strings.ContainsFunc(id, unicode.IsSpace):
			d.fail(codeCanary, e.Range(), "canary is no record's id", `Write canary = "0065g00000AbCdEAAV", the id of the Salesforce record, of the item, or of both in a list.`)
		case isShortID(id):
			d.fail(codeCanary, e.Range(), say("%s is a Salesforce id of 15 characters", clip(id)), "Write the one of 18 characters, which tells upper from lower case everywhere.")
		case slices.Contains(ids, id):
			d.fail(codeCanary, e.Range(), say("canary lists %s twice", clip(id)), "List it once.")
		default:
			ids = append(ids, id)
		}
	}
	return ids
}
