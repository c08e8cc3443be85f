package contract

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"accord/engine/record"
)

var objectShape = shape{
	attrs: []string{"match"},
	blocks: []blockKind{
		{name: "salesforce", max: 1},
		{name: "monday", max: 1},
		{name: "create", labels: []string{"monday"}},
		{name: "delete", max: 1},
		{name: "leave", max: 1},
		{name: "guard", max: 1},
		{name: "lifecycle", max: 1},
		{name: "field", labels: []string{"name"}},
	},
}

var endShapes = [2]shape{
	record.Left:  {attrs: []string{"!connection", "!sobject", "external_id", "key", "where", "record_type"}},
	record.Right: {attrs: []string{"!connection", "!board", "!key", "workspace", "group"}},
}

var (
	createShapes   = [2]shape{record.Left: {attrs: []string{"when", "owner"}}, record.Right: {attrs: []string{"when"}}}
	deleteShape    = shape{attrs: []string{"salesforce", "monday"}}
	guardShape     = shape{attrs: []string{"max_deletes", "max_changes", "canary"}}
	lifecycleShape = shape{attrs: []string{"protect"}}
)

// The guard that every object has unless it says otherwise.
const (
	defaultMaxDeletes       = 20
	defaultMaxChangePercent = 30
)

// decodeObjects goes in three rounds, because fields refer to objects and conditions to fields.
func (d *decoder) decodeObjects() {
	var order []*object
	contents := map[*object]content{}
	for _, b := range d.blocks["object"] {
		name := b.Labels[0]
		if !d.name(b, 0) {
			continue
		}
		if before := d.objects[name]; before != nil {
			d.once(b, say("object %q", name), before.Range)
			continue
		}
		o := &object{Object: &Object{Name: name, Range: b.DefRange()}}
		d.objects[name] = o
		order = append(order, o)
		contents[o] = d.check(b.Body, b.DefRange(), say("in object %q", name), objectShape)
	}
	for _, o := range order {
		d.decodeEnds(o, contents[o])
		o.Deletes = d.decodeRemovals(o, "delete", contents[o].first("delete"))
		o.Leaves = d.decodeRemovals(o, "leave", contents[o].first("leave"))
		d.decodeGuard(o, contents[o].first("guard"))
		if b := contents[o].first("lifecycle"); b != nil {
			if a := d.check(b.Body, b.DefRange(), say("in lifecycle of object %q", o.Name), lifecycleShape).attrs["protect"]; a != nil {
				o.Protect, _ = d.truth(a)
			}
		}
		for _, f := range contents[o].blocks["field"] {
			d.decodeField(o, f)
		}
	}
	for _, o := range order {
		d.decodeMatch(o, contents[o].attrs["match"])
		d.decodeCreates(o, contents[o].blocks["create"])
	}
	for _, name := range keys(d.objects) {
		d.contract.Objects = append(d.contract.Objects, d.objects[name].Object)
	}
}

func (d *decoder) decodeEnds(o *object, c content) {
	for side, system := range Systems {
		side := record.Side(side)
		b := c.first(system)
		if b == nil {
			o.broken[side] = true
			if d.objectBlock(o, system) == nil {
				d.fail(codeEnds, o.Range, say("object %q has no %s end", o.Name, system),
					say("Add %s { connection = connection.%s.NAME ... }", system, system))
			}
			continue
		}
		d.decodeEnd(o, side, b)
	}
}

// objectBlock is a block of the object's body whatever its labels, so that a mislabelled one is not called missing.
func (d *decoder) objectBlock(o *object, name string) *hclsyntax.Block {
	for _, b := range d.blocks["object"] {
		if b.DefRange() == o.Range {
			return blockNamed(b.Body, name)
		}
	}
	return nil
}

func (d *decoder) decodeEnd(o *object, side record.Side, b *hclsyntax.Block) {
	system := Systems[side]
	c := d.check(b.Body, b.DefRange(), say("in the %s end of object %q", system, o.Name), endShapes[side])
	e := End{Settings: map[string]string{}, Range: b.DefRange()}
	if a := c.attrs["connection"]; a != nil {
		e.Connection = d.connection(a, system)
	}
	for _, name := range []string{"sobject", "where", "workspace", "board", "group", "record_type"} {
		if a := c.attrs[name]; a != nil {
			s, ok := d.filled(a)
			if ok && name == "sobject" && !apiName.MatchString(s) {
				d.fail(codeNativeField, a.Expr.Range(), say("%q is no API name", clip(s)), `Write the object's API name: sobject = "Opportunity".`)
				continue
			}
			if ok && name == "record_type" && !apiName.MatchString(s) {
				d.fail(codeNativeField, a.Expr.Range(), say("%q is no developer name", clip(s)), `Write the record type's developer name: record_type = "Partner".`)
				continue
			}
			if ok {
				e.Settings[name] = s
			}
		}
	}
	switch key, external := c.attrs["key"], c.attrs["external_id"]; {
	case key != nil:
		if n, ok := d.native(key.Expr, "key", side); ok {
			e.Key = n
		}
		if external != nil {
			d.fail(codeDuplicate, external.NameRange, "external_id and key say the same thing", "Keep one of them.")
		}
	case external != nil:
		if s, ok := d.filled(external); ok {
			if e.Key = (NativeField{Type: "text", Name: s, Range: external.Expr.Range()}); !customField.MatchString(s) {
				d.fail(codeNativeField, e.Key.Range, say("%q is no API name of a custom field", clip(s)),
					"An external id is a custom field, so its name ends in __c; apply creates it when it is missing.")
			}
		}
	case side == record.Left:
		d.fail(codeMissing, b.DefRange(), say("external_id is missing in the salesforce end of object %q", o.Name),
			`Add external_id = "Monday_Item_Id__c": the field that holds the item's id. Apply creates it.`)
	}
	o.Ends[side] = e
}

// connection resolves connection.SYSTEM.NAME.
func (d *decoder) connection(a *hclsyntax.Attribute, system string) *Connection {
	t, ok := d.traversal(a.Expr, "connection", say("connection.%s.NAME", system))
	if !ok {
		return nil
	}
	if t.RootName() != "connection" || len(t) != 3 {
		d.fail(codeReferenceKind, a.Expr.Range(), "this is no connection", say("Write connection.%s.NAME.", system))
		return nil
	}
	address := attrOf(t, 1) + "." + attrOf(t, 2)
	n := d.connections[address]
	switch {
	case n == nil:
		d.fail(codeReference, a.Expr.Range(), say("there is no connection.%s", clip(address)),
			didYouMean("connection."+address, prefixed("connection.", keys(d.connections)))+
				say("Declare it: connection %q %q { ... }", clip(attrOf(t, 1)), clip(attrOf(t, 2))))
		return nil
	case n.System != system:
		d.fail(codeReferenceKind, a.Expr.Range(), say("connection.%s does not lead to %s", address, system),
			say("The %s end takes a connection %q.", system, system))
		return nil
	}
	return n
}

func prefixed(prefix string, words []string) []string {
	p := make([]string, len(words))
	for i, w := range words {
		p[i] = prefix + w
	}
	return p
}

// decodeRemovals reads a block that says, for each system, what happens to the other system's record: when it was deleted
// there, or left the scope there.
func (d *decoder) decodeRemovals(o *object, name string, b *hclsyntax.Block) [2]DeleteAction {
	actions := [2]DeleteAction{DeleteKeep, DeleteKeep}
	if b == nil {
		return actions
	}
	c := d.check(b.Body, b.DefRange(), say("in %s of object %q", name, o.Name), deleteShape)
	for side, system := range Systems {
		a := c.attrs[system]
		if a == nil {
			continue
		}
		word, ok := d.keyword(a, string(DeleteKeep), string(DeleteArchive), string(DeleteDelete))
		switch {
		case !ok:
		case side == int(record.Right) && word == string(DeleteArchive):
			d.fail(codeDelete, a.Expr.Range(), "Salesforce records can't be archived",
				"Write monday = keep, or monday = delete for the recycle bin.")
		default:
			actions[side] = DeleteAction(word)
		}
	}
	return actions
}

func (d *decoder) decodeMatch(o *object, a *hclsyntax.Attribute) {
	if a == nil {
		return
	}
	for _, e := range elements(a.Expr) {
		name := hcl.ExprAsKeyword(e)
		switch {
		case name == "":
			d.fail(codeMatch, e.Range(), "match lists fields by name", "Write match = [name], without quotes.")
		case o.Field(name) == nil:
			d.fail(codeMatch, e.Range(), say("object %q has no field %q to match by", o.Name, clip(name)),
				didYouMean(name, o.fieldNames())+say("Its fields are %s.", list(few(o.fieldNames()), "and")))
		case slices.Contains(o.Match, name):
			d.fail(codeMatch, e.Range(), say("match lists %q twice", name), "List it once.")
		default:
			o.Match = append(o.Match, name)
		}
	}
}

func (d *decoder) decodeCreates(o *object, blocks []*hclsyntax.Block) {
	for _, b := range blocks {
		side := slices.Index(Systems[:], b.Labels[0])
		if side < 0 {
			d.fail(codeLabels, b.LabelRanges[0], say("there is no system %q", clip(b.Labels[0])),
				didYouMean(b.Labels[0], Systems[:])+`Write create "monday" or create "salesforce": the side on which records are created.`)
			continue
		}
		if before := o.Creates[side]; before != nil {
			d.once(b, say("create %q of object %q", b.Labels[0], o.Name), before.Range)
			continue
		}
		o.Creates[side] = &Create{Range: b.DefRange()}
		c := d.check(b.Body, b.DefRange(), say("in create %q of object %q", b.Labels[0], o.Name), createShapes[side])
		if a := c.attrs["owner"]; a != nil {
			o.Creates[side].Owner, _ = d.filled(a)
		}
		o.Creates[side].When = d.condition(c.attrs["when"], o, inCreate)
	}
}
