package contract

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"accord/engine/record"
)

var triggerShape = shape{
	attrs:  []string{"!on", "!when"},
	blocks: []blockKind{{name: "action", labels: []string{"type"}, need: true}},
}

// actionKind says what an action takes.
type actionKind struct {
	side   record.Side
	shape  shape
	fields bool // it writes fields by native name
}

var actionKinds = map[string]actionKind{
	"salesforce_create":  {record.Left, shape{attrs: []string{"!sobject", "!fields"}}, true},
	"salesforce_publish": {record.Left, shape{attrs: []string{"!event", "fields"}}, true},
	"monday_create":      {record.Right, shape{attrs: []string{"!board", "!name", "workspace", "group", "fields"}}, true},
	"monday_update":      {record.Right, shape{attrs: []string{"!body"}}, false},
	"monday_move":        {record.Right, shape{attrs: []string{"!group"}}, false},
}

func (d *decoder) decodeTriggers() {
	var triggers []*Trigger
	for _, b := range d.blocks["trigger"] {
		name := b.Labels[0]
		if !d.name(b, 0) {
			continue
		}
		if before, twice := d.triggers[name]; twice {
			d.once(b, say("trigger %q", name), before)
			continue
		}
		d.triggers[name] = b.DefRange()
		t := &Trigger{Name: name, Range: b.DefRange()}
		triggers = append(triggers, t)
		c := d.check(b.Body, b.DefRange(), say("in trigger %q", name), triggerShape)
		var o *object
		if a := c.attrs["on"]; a != nil {
			if n, ok := d.named(a, "object", keys(d.objects)); ok {
				o = d.objects[n]
				t.Object = o.Object
			}
		}
		t.When = d.condition(c.attrs["when"], o, inTrigger)
		for _, ab := range c.blocks["action"] {
			d.decodeAction(t, ab, o)
		}
	}
	slices.SortFunc(triggers, func(a, b *Trigger) int { return strings.Compare(a.Name, b.Name) })
	d.contract.Triggers = triggers
}

func (d *decoder) decodeAction(t *Trigger, b *hclsyntax.Block, o *object) {
	kind, known := actionKinds[b.Labels[0]]
	if !known {
		d.fail(codeAction, b.LabelRanges[0], say("there is no action %q", clip(b.Labels[0])),
			didYouMean(b.Labels[0], keys(actionKinds))+say("Write one of %s.", list(quoted(keys(actionKinds)), "or")))
		return
	}
	c := d.check(b.Body, b.DefRange(), say("in action %q of trigger %q", b.Labels[0], t.Name), kind.shape)
	action := Action{Type: b.Labels[0], Settings: map[string]*Template{}, Fields: map[string]*Template{}, Range: b.DefRange()}
	for _, name := range keys(c.attrs) {
		if name == "fields" {
			d.decodeActionFields(&action, c.attrs[name], kind.side, o)
			continue
		}
		if x := d.template(c.attrs[name].Expr, name, o); x != nil {
			action.Settings[name] = x
		}
	}
	t.Actions = append(t.Actions, action)
}

func (d *decoder) decodeActionFields(action *Action, a *hclsyntax.Attribute, side record.Side, o *object) {
	table, ok := a.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		d.fail(codeAction, a.Expr.Range(), "fields is no table of values", `Write fields = { Subject = "..." }`)
		return
	}
	seen := map[string]hcl.Range{}
	for _, i := range table.Items {
		key, ok := keyOf(i.KeyExpr)
		switch before, twice := seen[key]; {
		case !ok || key == "" || side == record.Left && !apiName.MatchString(key):
			d.fail(codeAction, i.KeyExpr.Range(), "this is no name of a native field", say("Write it as %s names it.", Systems[side]))
		case twice:
			d.fail(codeDuplicate, i.KeyExpr.Range(), say("%q stands twice in fields", clip(key)), say("Keep one; the first is at %s.", position(before)))
		default:
			seen[key] = i.KeyExpr.Range()
			if x := d.template(i.ValueExpr, key, o); x != nil {
				action.Fields[key] = x
			}
		}
	}
}
