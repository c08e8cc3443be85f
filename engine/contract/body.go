package contract

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shape is what a body may hold.
type shape struct {
	attrs  []string // a leading "!" makes one required
	blocks []blockKind
}

// blockKind is one type of block within a shape.
type blockKind struct {
	name   string
	labels []string // what each label is, for messages
	need   bool
	max    int // 0 = any number
}

// content is what a body holds, as far as its shape knows it.
type content struct {
	attrs  map[string]*hclsyntax.Attribute
	blocks map[string][]*hclsyntax.Block
	at     hcl.Range // of the block's header
}

// examples are what required attributes look like, for remedies.
var examples = map[string]string{
	"allow_owner": "[salesforce]", "board": `"Deals"`, "body": `"Won at ${after.amount}."`, "change": "destroy",
	"client_id": `secret::env("SF_CLIENT_ID")`, "client_secret": `secret::env("SF_CLIENT_SECRET")`, "connection": "connection.SYSTEM.NAME",
	"daily_calls": `"40%"`, "event": `"Handoff__e"`, "fields": `{ Subject = "..." } in an action, sensitive.LABEL in a policy`,
	"from": "object.deal.field.value", "group": `"Running"`, "key": "text.salesforce_id, the column that holds the other record's id",
	"match": "email", "name": `"${after.name}"`, "on": "object.deal", "path": `".accord/ledger.db"`,
	"private_key": `secret::file("/run/secrets/salesforce.pem")`, "reason": `"..." with a ticket number where there is one`,
	"refresh_token": `secret::env("SF_REFRESH_TOKEN")`, "sobject": `"Opportunity"`, "target": "object.deal.field.legacy",
	"to": "object.deal.field.amount", "token": `secret::env("MONDAY_TOKEN")`, "until": `"YYYY-MM-DD"`,
	"url": `"https://..." or secret::env("...")`, "username": `"integration@acme.example"`, "values": `{ "Closed Won" = "Won" }`,
	"when": `after.stage == "Closed Won"`, "action": "forget",
}

// first is the only block of a type, nil when there is none.
func (c content) first(name string) *hclsyntax.Block {
	if len(c.blocks[name]) == 0 {
		return nil
	}
	return c.blocks[name][0]
}

// check sorts a body by its shape and reports what is unknown, missing, doubled or mislabelled. Blocks with wrong
// labels are left out of what it returns. Where says what is checked: `in object "deal"`.
func (d *decoder) check(body *hclsyntax.Body, at hcl.Range, where string, s shape) content {
	c := content{attrs: map[string]*hclsyntax.Attribute{}, blocks: map[string][]*hclsyntax.Block{}, at: at}
	attrs, required := s.names()
	for _, key := range attributeKeys(body) {
		a := body.Attributes[key]
		if slices.Contains(attrs, a.Name) {
			c.attrs[a.Name] = a
			continue
		}
		remedy := didYouMean(a.Name, attrs)
		switch {
		case s.kind(a.Name) != nil:
			remedy = say("%s is a block here: write %s { ... } without an equals sign.", a.Name, a.Name)
		case remedy == "" && len(attrs) > 0:
			remedy = say("Known here: %s.", list(attrs, "and"))
		case remedy == "":
			remedy = "Only blocks may stand here."
		default:
			remedy += "Otherwise take it away."
		}
		d.fail(codeUnknownAttribute, a.NameRange, say("there is no attribute %q %s", clip(a.Name), where), remedy)
	}
	for _, name := range required {
		if c.attrs[name] == nil && s.kind(name) == nil {
			if b := blockNamed(body, name); b != nil { // reported as an unknown block below
				continue
			}
			d.fail(codeMissing, at, say("%s is missing %s", name, where), say("Add %s = %s", name, cmp.Or(examples[name], "...")))
		}
	}
	for _, b := range body.Blocks {
		k := s.kind(b.Type)
		switch {
		case k == nil:
			d.unknownBlock(b, where, attrs, s)
		case d.labelled(b, k):
			if k.max > 0 && len(c.blocks[k.name]) >= k.max {
				d.fail(codeDuplicate, b.DefRange(), say("a second %s block %s", b.Type, where),
					say("Say it once; the first is at %s.", position(c.blocks[k.name][0].DefRange())))
				continue
			}
			c.blocks[k.name] = append(c.blocks[k.name], b)
		}
	}
	for _, k := range s.blocks {
		if k.need && blockNamed(body, k.name) == nil {
			d.fail(codeMissing, at, say("the %s block is missing %s", k.name, where), say("Add %s { ... }", k.name))
		}
	}
	return c
}

func (d *decoder) unknownBlock(b *hclsyntax.Block, where string, attrs []string, s shape) {
	var names []string
	for _, k := range s.blocks {
		names = append(names, k.name)
	}
	remedy := didYouMean(b.Type, names)
	switch {
	case slices.Contains(attrs, b.Type):
		remedy = say("%s is an attribute here: write %s = ... with an equals sign.", b.Type, b.Type)
	case remedy == "" && len(names) > 0:
		remedy = say("Known here: %s.", list(names, "and"))
	case remedy == "":
		remedy = "Only attributes may stand here."
	default:
		remedy += "Otherwise take it away."
	}
	d.fail(codeUnknownBlock, b.TypeRange, say("there is no block %q %s", clip(b.Type), where), remedy)
}

// labelled checks the number of labels.
func (d *decoder) labelled(b *hclsyntax.Block, k *blockKind) bool {
	if len(b.Labels) == len(k.labels) {
		return true
	}
	example := k.name
	for _, l := range k.labels {
		example += say(" %q", l)
	}
	d.fail(codeLabels, b.DefRange(), say("%s has %d labels instead of %d", k.name, len(b.Labels), len(k.labels)),
		say("Write %s { ... }", example))
	return false
}

// name checks that a label can be referred to.
func (d *decoder) name(b *hclsyntax.Block, i int) bool {
	if hclsyntax.ValidIdentifier(b.Labels[i]) && len(b.Labels[i]) <= 100 {
		return true
	}
	d.fail(codeLabels, b.LabelRanges[i], say("%q can't be used as a name", clip(b.Labels[i])),
		"Use letters, digits, _ and -, beginning with a letter, 100 at most.")
	return false
}

// once reports a name that is declared a second time.
func (d *decoder) once(b *hclsyntax.Block, what string, before hcl.Range) {
	d.fail(codeDuplicate, b.DefRange(), say("%s is declared twice", what),
		say("Rename one of them, or merge them; the first is at %s.", position(before)))
}

func (s shape) kind(name string) *blockKind {
	for i := range s.blocks {
		if s.blocks[i].name == name {
			return &s.blocks[i]
		}
	}
	return nil
}

// names splits the attribute list into all names and the required ones.
func (s shape) names() (all, required []string) {
	for _, a := range s.attrs {
		if a[0] == '!' {
			a = a[1:]
			required = append(required, a)
		}
		all = append(all, a)
	}
	return all, required
}

func blockNamed(body *hclsyntax.Body, name string) *hclsyntax.Block {
	for _, b := range body.Blocks {
		if b.Type == name {
			return b
		}
	}
	return nil
}

// attributeKeys is the attributes in the order written.
func attributeKeys(body *hclsyntax.Body) []string {
	keys := make([]string, 0, len(body.Attributes))
	for k := range body.Attributes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		ra, rb := body.Attributes[a].NameRange, body.Attributes[b].NameRange
		return cmp.Or(cmp.Compare(ra.Filename, rb.Filename), cmp.Compare(ra.Start.Byte, rb.Start.Byte), cmp.Compare(a, b))
	})
	return keys
}

// position is a place as people write it.
func position(r hcl.Range) string { return say("%s:%d", r.Filename, r.Start.Line) }

func clip(s string) string {
	r := []rune(s)
	if len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
