package contract

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkChoices finds comparisons of a picklist field with a text that its table does not hold: they would never hold,
// or always. Conditions see the left spelling, so a label written by mistake is the usual cause.
func (d *decoder) checkChoices(expr hclsyntax.Expression, o *object) bool {
	ok := true
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch e := n.(type) {
		case *hclsyntax.BinaryOpExpr:
			if e.Op == hclsyntax.OpEqual || e.Op == hclsyntax.OpNotEqual {
				ok = d.checkChoice(o, e.LHS, e.RHS) && d.checkChoice(o, e.RHS, e.LHS) && ok
			}
		case *hclsyntax.FunctionCallExpr:
			if e.Name == wordBecame && len(e.Args) == 3 {
				ok = d.checkChoice(o, e.Args[1], e.Args[2]) && ok
			}
			if e.Name == "contains" && len(e.Args) == 2 {
				ok = d.checkChoice(o, e.Args[0], e.Args[1]) && ok
				for _, x := range elements(e.Args[0]) {
					ok = d.checkChoice(o, e.Args[1], x) && ok
				}
			}
		}
		return nil
	})
	return ok
}

// checkChoice holds one text against the table of the field it is compared with.
func (d *decoder) checkChoice(o *object, operand, text hclsyntax.Expression) bool {
	given, is := literal(text)
	t, diags := hcl.AbsTraversalForExpr(operand)
	if !is || diags.HasErrors() || len(t) != 2 || t.RootName() != "before" && t.RootName() != "after" {
		return true
	}
	f := o.Field(attrOf(t, 1))
	if f == nil || f.Picklist == nil || f.Picklist.Keep || len(f.Picklist.Values) == 0 {
		return true
	}
	var lefts, meant []string
	for _, v := range f.Picklist.Values {
		lefts = append(lefts, v.Left)
		if v.Right == given {
			meant = append(meant, v.Left)
		}
	}
	if slices.Contains(lefts, given) {
		return true
	}
	remedy := didYouMean(given, lefts) + say("Its values are %s.", list(few(quoted(lefts)), "and"))
	if len(meant) > 0 {
		remedy = say("That is the label; conditions use Salesforce's spelling. Write %s.", list(few(quoted(meant)), "or"))
	}
	d.fail(codeConditionValue, text.Range(), say("field %q never is %q", f.Name, clip(given)), remedy)
	return false
}
