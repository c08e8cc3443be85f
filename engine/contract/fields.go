package contract

import (
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"accord/engine/record"
)

var fieldShape = shape{
	attrs: []string{"salesforce", "monday", "owner", "conflict", "on_drift", "settle", "timezone", "picklist", "reference", "sensitive", "lossy", "currency"},
	blocks: []blockKind{
		{name: "people", max: 1},
		{name: "transform", max: 1},
	},
}

var peopleShape = shape{attrs: []string{"!match", "unmatched"}}

// Losses are the words that lossy takes: what a field may lose on its way.
var Losses = []string{"truncate", "round", "time", "text", "link_text", "transform", "currency"}

var owners = map[string]Owner{Systems[record.Left]: OwnerLeft, Systems[record.Right]: OwnerRight, "either": OwnerEither}

var conflicts = map[string]Conflict{
	"newest": ConflictNewest, Systems[record.Left]: ConflictLeft, Systems[record.Right]: ConflictRight, "hold": ConflictHold,
}

// String is how the contract spells it.
func (o Owner) String() string { return spelling(owners, o) }

// String is how the contract spells it.
func (c Conflict) String() string { return spelling(conflicts, c) }

func spelling[K comparable](words map[string]K, k K) string {
	for w, v := range words {
		if v == k {
			return w
		}
	}
	return "unknown"
}

func (d *decoder) decodeField(o *object, b *hclsyntax.Block) {
	name := b.Labels[0]
	if !d.name(b, 0) {
		return
	}
	if before := o.Field(name); before != nil {
		d.once(b, say("field %q of object %q", name, o.Name), before.Range)
		return
	}
	f := &field{Field: &Field{Name: name, Object: o.Object, OnDrift: DriftRevert, Range: b.DefRange()}, given: map[string]hcl.Range{}}
	o.Fields = append(o.Fields, f.Field)
	o.fields = append(o.fields, f)
	c := d.check(b.Body, b.DefRange(), say("in field %q of object %q", name, o.Name), fieldShape)
	for n, a := range c.attrs {
		f.given[n] = a.SrcRange
	}
	for side, system := range Systems {
		f.Ends[side], f.ended[side] = d.natives(c.attrs[system], record.Side(side))
		if c.attrs[system] == nil && b.Body.Attributes[system] == nil {
			d.fail(codeEnds, f.Range, say("field %q of object %q has no %s end", name, o.Name, system),
				say("Add %s = %s", system, nativeExamples[side]))
		}
	}
	d.decodeOwner(f, c)
	d.decodeFieldRules(f, c)
	d.decodeFieldLinks(f, c)
}

// decodeOwner reads who decides: the owner, and what goes with it.
func (d *decoder) decodeOwner(f *field, c content) {
	a := c.attrs["owner"]
	if a == nil {
		d.fail(codeOwner, f.Range, say("field %q of object %q names no owner", f.Name, f.Object.Name),
			"Add owner = salesforce, owner = monday or owner = either: whose edits count.")
	} else if w, ok := d.keyword(a, Systems[0], Systems[1], "either"); ok {
		f.Owner, f.owned = owners[w], true
	}
	if a := c.attrs["conflict"]; a != nil {
		if w, ok := d.keyword(a, "newest", Systems[0], Systems[1], "hold"); ok {
			f.Conflict = conflicts[w]
		}
		if f.owned && f.Owner != OwnerEither {
			d.fail(codeConflict, a.SrcRange, say("field %q is owned by %s: it can't have a conflict", f.Name, f.Owner),
				"Take conflict away, or write owner = either.")
		}
	}
	if a := c.attrs["on_drift"]; a != nil {
		if w, ok := d.keyword(a, string(DriftRevert), string(DriftReport), string(DriftIgnore)); ok {
			f.OnDrift = Drift(w)
		}
		if f.owned && f.Owner == OwnerEither {
			d.fail(codeDrift, a.SrcRange, say("either side may edit field %q: no edit is drift", f.Name),
				"Take on_drift away, or name one owner.")
		}
	}
}

func (d *decoder) decodeFieldRules(f *field, c content) {
	if a := c.attrs["settle"]; a != nil {
		f.Settle, _ = d.duration(a)
	}
	if a := c.attrs["timezone"]; a != nil {
		f.Timezone = d.timezone(a)
	}
	if a := c.attrs["sensitive"]; a != nil {
		if s, ok := d.filled(a); ok && hclsyntax.ValidIdentifier(s) {
			f.Sensitive = s
		} else if ok {
			d.fail(codeLabels, a.Expr.Range(), say("%q can't be used as a label", clip(s)), "Use letters, digits, _ and -, beginning with a letter.")
		}
	}
	if a := c.attrs["currency"]; a != nil {
		d.decodeCurrency(f, a)
	}
	if a := c.attrs["lossy"]; a != nil {
		d.decodeLossy(f, a)
	}
	if b := c.first("transform"); b != nil {
		d.decodeTransform(f, b)
	}
}

func (d *decoder) decodeLossy(f *field, a *hclsyntax.Attribute) {
	for _, e := range elements(a.Expr) {
		s, ok := literal(e)
		if !ok {
			s = hcl.ExprAsKeyword(e)
		}
		switch {
		case !slices.Contains(Losses, s):
			d.fail(codeLossy, e.Range(), say("%q is no kind of loss", clip(s)), didYouMean(s, Losses)+say("Write one of %s.", list(quoted(Losses), "or")))
		case !slices.Contains(f.Lossy, s):
			f.Lossy = append(f.Lossy, s)
		}
	}
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// decodeCurrency reads in which currency amounts cross. The end that holds several says by a second native field which
// one a record's is.
func (d *decoder) decodeCurrency(f *field, a *hclsyntax.Attribute) {
	s, ok := d.filled(a)
	switch {
	case !ok:
	case !currencyCode.MatchString(s):
		d.fail(codeCurrency, a.Expr.Range(), say("%q is no currency", clip(s)), `Write its ISO 4217 code: currency = "EUR"`)
	case f.ended[0] && f.ended[1] && len(f.Ends[0])+len(f.Ends[1]) != 3:
		d.fail(codeCurrency, a.Expr.Range(), say("field %q names no native field that says the currency", f.Name),
			say("Name it beside the amount, at one end: %s = [Amount, CurrencyIsoCode]", Systems[0]))
	default:
		f.Currency = s
	}
}

func (d *decoder) timezone(a *hclsyntax.Attribute) *time.Location {
	s, ok := d.filled(a)
	if !ok {
		return nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "Local" || len(s) > 64 || strings.ContainsAny(s, "\x00\\") {
		d.fail(codeTimezone, a.Expr.Range(), say("there is no time zone %q", clip(s)), `Write an IANA name: timezone = "Europe/Berlin".`)
		return nil
	}
	return zone
}

// decodeFieldLinks reads what a field takes from elsewhere: a table, an object, the users of both systems.
func (d *decoder) decodeFieldLinks(f *field, c content) {
	if a := c.attrs["picklist"]; a != nil {
		if name, ok := d.named(a, "picklist", keys(d.picklists)); ok {
			f.Picklist = d.picklists[name]
			d.used[f.Picklist] = append(d.used[f.Picklist], f.Field)
		}
	}
	if a := c.attrs["reference"]; a != nil {
		if name, ok := d.named(a, "object", keys(d.objects)); ok {
			f.Reference = d.objects[name].Object
		}
	}
	b := c.first("people")
	if b == nil {
		return
	}
	f.given["people"] = b.DefRange()
	f.People = &People{Unmatched: "report", Range: b.DefRange()}
	p := d.check(b.Body, b.DefRange(), say("in people of field %q", f.Name), peopleShape)
	d.keyword(p.attrs["match"], "email")
	if a := p.attrs["unmatched"]; a != nil {
		d.decodeUnmatched(f.People, a)
	}
}

func (d *decoder) decodeUnmatched(p *People, a *hclsyntax.Attribute) {
	if hcl.ExprAsKeyword(a.Expr) != "" {
		if w, ok := d.keyword(a, "report", "skip"); ok {
			p.Unmatched = w
		}
		return
	}
	s, ok := d.text(a)
	switch {
	case !ok:
	case s == "report" || s == "skip":
		p.Unmatched = s
	case record.CanonicalEmail(s) == "":
		d.fail(codePeople, a.Expr.Range(), say("%q is no e-mail address", clip(s)), `Write unmatched = report, skip or a fallback address: "ops@acme.example".`)
	default:
		p.Unmatched, p.Fallback = "fallback", record.CanonicalEmail(s)
	}
}

// named resolves KIND.NAME.
func (d *decoder) named(a *hclsyntax.Attribute, kind string, known []string) (string, bool) {
	t, ok := d.traversal(a.Expr, a.Name, kind+".NAME")
	if !ok {
		return "", false
	}
	if t.RootName() != kind || len(t) != 2 {
		d.fail(codeReferenceKind, a.Expr.Range(), say("this is no %s", kind), say("Write %s = %s.NAME", a.Name, kind))
		return "", false
	}
	name := attrOf(t, 1)
	if !slices.Contains(known, name) {
		d.fail(codeReference, a.Expr.Range(), say("there is no %s.%s", kind, clip(name)),
			didYouMean(name, known)+say("Declare it: %s %q { ... }", kind, clip(name)))
		return "", false
	}
	return name, true
}
