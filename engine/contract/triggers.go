package contract

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"accord/engine/record"
)

var triggerShape = shape{
	attrs:  []string{"!on", "when", "object", "record", "connection"},
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

// eventName is the API name of a platform event (Platform Events Developer Guide, "Platform Event Fields").
var eventName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*__e$`)

// trigger is a Trigger on its way: with what its expressions may look at.
type trigger struct {
	*Trigger
	object *object // nil where there is none, or none that is known
	// sound says that it is known what there is to look at; else expressions are not checked, so that one mistake is one
	// diagnostic.
	sound         bool
	when, actions exprPlace
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
		t := &trigger{Trigger: &Trigger{Name: name, Range: b.DefRange()}}
		triggers = append(triggers, t.Trigger)
		c := d.check(b.Body, b.DefRange(), say("in trigger %q", name), triggerShape)
		d.decodeOn(t, c)
		if t.sound {
			t.When = d.condition(c.attrs["when"], t.object, t.when)
		}
		for _, ab := range c.blocks["action"] {
			d.decodeAction(t, ab)
		}
	}
	slices.SortFunc(triggers, func(a, b *Trigger) int { return strings.Compare(a.Name, b.Name) })
	d.contract.Triggers = triggers
}

// decodeOn reads what fires a trigger.
func (d *decoder) decodeOn(t *trigger, c content) {
	a := c.attrs["on"]
	if a == nil {
		return
	}
	if on, diags := hcl.AbsTraversalForExpr(a.Expr); !diags.HasErrors() && on.RootName() == "event" {
		d.decodeEvent(t, a, on, c)
		return
	}
	t.when, t.actions = inTrigger, inAction
	if n, ok := d.named(a, "object", keys(d.objects)); ok {
		t.object, t.sound = d.objects[n], true
		t.Object = t.object.Object
	}
	if c.attrs["when"] == nil {
		d.fail(codeMissing, c.at, say("when is missing in trigger %q", t.Name), say("Add when = %s", examples["when"]))
	}
	for _, name := range []string{"object", "record", "connection"} {
		if x := c.attrs[name]; x != nil {
			d.fail(codeEvent, x.NameRange, say("a trigger on an object has no %s of its own", name), "Take it away; it belongs to on = event.NAME__e.")
		}
	}
}

// decodeEvent reads a trigger on a platform event: who publishes it, and which record it is about.
func (d *decoder) decodeEvent(t *trigger, a *hclsyntax.Attribute, on hcl.Traversal, c content) {
	t.when, t.actions, t.sound = inEvent, inEventAction, true
	if t.Event = attrOf(on, 1); len(on) != 2 || !eventName.MatchString(t.Event) {
		d.fail(codeEvent, a.Expr.Range(), "this is no platform event", "Write its API name, which ends in __e: on = event.Renewal_Requested__e")
		t.sound = false
	}
	object, of := c.attrs["object"], c.attrs["record"]
	if object != nil {
		if n, ok := d.named(object, "object", keys(d.objects)); ok {
			t.object = d.objects[n]
			t.Object = t.object.Object
		} else {
			t.sound = false
		}
	}
	d.eventConnection(t, c)
	switch {
	case object != nil && of == nil:
		d.fail(codeEvent, object.NameRange, say("nothing says which record of the object %s is about", cmpOr(t.Event, "the event")), "Add record = event.Record_Id__c")
		t.sound = false
	case of != nil && object == nil:
		d.fail(codeEvent, of.NameRange, "nothing says of which object the record is", "Add object = object.NAME")
		t.sound = false
	case t.object != nil:
		if there := t.object.Ends[record.Left].Connection; there != nil && t.Connection != nil && there != t.Connection {
			d.fail(codeEvent, object.Expr.Range(), say("object %q is in connection.%s, and the event in connection.%s", t.Object.Name, there.Address(), t.Connection.Address()),
				"An event names records of its own org: take an object of that connection.")
		}
		t.Record = d.template(of.Expr, "record", t.object, inEventRecord)
	}
}

// eventConnection finds who publishes an event: the connection that is named, the object's, or the only one there is.
func (d *decoder) eventConnection(t *trigger, c content) {
	if a := c.attrs["connection"]; a != nil {
		t.Connection = d.connection(a, Systems[record.Left])
	} else if t.object != nil {
		t.Connection = t.object.Ends[record.Left].Connection
	} else if t.Connection = d.only(record.Left); t.Connection == nil {
		d.fail(codeEvent, c.at, say("nothing says which org publishes %s", cmpOr(t.Event, "the event")),
			say("Add connection = connection.%s.NAME", Systems[record.Left]))
	}
	if t.Connection == nil {
		return
	}
	for _, o := range d.objects {
		if n := o.Ends[record.Left].Connection; n == t.Connection || n == nil {
			return
		}
	}
	d.fail(codeEvent, c.at, say("no object is in connection.%s, so nothing is synced with it", t.Connection.Address()),
		"An event can come from a connection that an object uses.")
}

// only is the single connection of a system; nil when there are none or several.
func (d *decoder) only(side record.Side) *Connection {
	var found *Connection
	for _, n := range d.connections {
		if n.System != Systems[side] {
			continue
		}
		if found != nil {
			return nil
		}
		found = n
	}
	return found
}

func (d *decoder) decodeAction(t *trigger, b *hclsyntax.Block) {
	kind, known := actionKinds[b.Labels[0]]
	if !known {
		d.fail(codeAction, b.LabelRanges[0], say("there is no action %q", clip(b.Labels[0])),
			didYouMean(b.Labels[0], keys(actionKinds))+say("Write one of %s.", list(quoted(keys(actionKinds)), "or")))
		return
	}
	c := d.check(b.Body, b.DefRange(), say("in action %q of trigger %q", b.Labels[0], t.Name), kind.shape)
	if !t.sound {
		return
	}
	action := Action{Type: b.Labels[0], Settings: map[string]*Template{}, Fields: map[string]*Template{}, Range: b.DefRange()}
	d.placeAction(t, &action, kind.side)
	for _, name := range keys(c.attrs) {
		if name == "fields" {
			d.decodeActionFields(t, &action, c.attrs[name], kind.side)
			continue
		}
		if x := d.template(c.attrs[name].Expr, name, t.object, t.actions); x != nil {
			action.Settings[name] = x
		}
	}
	t.Actions = append(t.Actions, action)
}

// placeAction says where an action happens.
func (d *decoder) placeAction(t *trigger, action *Action, side record.Side) {
	switch {
	case t.object != nil:
		action.Connection = t.object.Ends[side].Connection
	case action.OnRecord():
		d.fail(codeEvent, action.Range, say("%s is on a record, and trigger %q is about none", action.Type, t.Name),
			"Say which it is: object = object.NAME and record = event.Record_Id__c.")
	case side == record.Left:
		action.Connection = t.Connection
	default:
		if action.Connection = d.only(side); action.Connection == nil {
			d.fail(codeEvent, action.Range, say("nothing says which %s connection the action is for", Systems[side]),
				"Name an object of that connection: object = object.NAME and record = event.Record_Id__c.")
		}
	}
}

func (d *decoder) decodeActionFields(t *trigger, action *Action, a *hclsyntax.Attribute, side record.Side) {
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
			if x := d.template(i.ValueExpr, key, t.object, t.actions); x != nil {
				action.Fields[key] = x
			}
		}
	}
}
