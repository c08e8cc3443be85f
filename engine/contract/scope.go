package contract

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// place of an expression: what it may look at depends on when it is asked.
type exprPlace uint8

const (
	inCreate      exprPlace = iota // a record is about to be created
	inTrigger                      // a record has changed
	inAction                       // a trigger fires
	inEvent                        // a platform event arrived
	inEventRecord                  // the same, before it is known which record it is about
	inEventAction                  // a trigger fires for it
)

// ofEvent says that there is an event to look at, and no before.
func (p exprPlace) ofEvent() bool { return p >= inEvent }

// roots is what an expression may look at beside variables.
func (p exprPlace) roots(o *object) []string {
	switch {
	case p == inCreate:
		return []string{"after"}
	case p == inEventRecord || p.ofEvent() && o == nil:
		return []string{"event"}
	case p.ofEvent():
		return []string{"event", "after", "record"}
	default:
		return []string{"before", "after", "record"}
	}
}

// condition checks a boolean expression over the fields of an object; nil when there is something wrong with it.
func (d *decoder) condition(a *hclsyntax.Attribute, o *object, p exprPlace) *Condition {
	if a == nil || o == nil && !p.ofEvent() {
		return nil
	}
	s, v, ok := d.scope(a.Expr, o, p)
	if !ok {
		return nil
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() {
		d.fail(codeCondition, a.Expr.Range(), say("%s is %s, not true or false", a.Name, v.Type().FriendlyName()),
			`Compare something: after.stage == "Closed Won".`)
		return nil
	}
	return &Condition{Text: d.source(a.Expr), expr: a.Expr, Range: a.Expr.Range(), scoped: s}
}

// template checks an expression that yields text when a trigger fires.
func (d *decoder) template(expr hclsyntax.Expression, what string, o *object, p exprPlace) *Template {
	if o == nil && !p.ofEvent() {
		return nil
	}
	s, v, ok := d.scope(expr, o, p)
	if !ok {
		return nil
	}
	if v.IsWhollyKnown() {
		if _, err := asText(v); err != nil {
			d.fail(codeWrongType, expr.Range(), say("%s is no text", what), say("Write %s = \"...\"", what))
			return nil
		}
	}
	return &Template{Text: d.source(expr), expr: expr, Range: expr.Range(), scoped: s}
}

// scope checks all that an expression refers to, and evaluates it once with every field unknown.
func (d *decoder) scope(expr hclsyntax.Expression, o *object, p exprPlace) (scoped, cty.Value, bool) {
	s := scoped{ctx: d.ctx}
	var extra []string
	if p == inAction || p == inEventAction {
		extra = append(extra, "now")
	}
	wordy := p == inTrigger || p == inAction
	if wordy {
		extra = append(extra, words...)
	}
	ok := d.plain(expr, extra...)
	if len(wordCalls(expr)) > 0 && (!wordy || !d.words(&s, expr, o)) {
		return s, cty.NilVal, false // what is in it has been reported, or can't be told
	}
	roots := p.roots(o)
	for _, t := range expr.Variables() {
		switch root := t.RootName(); {
		case root == "var":
			ok = d.variable(t) && ok
		case root == "before" && (p == inCreate || p.ofEvent()):
			d.noBefore(t, p)
			ok = false
		case !slices.Contains(roots, root) && slices.Contains([]string{"event", "after", "record"}, root):
			d.outOfPlace(t, p)
			ok = false
		case root == "before", root == "after":
			ok = d.scopeField(&s, t, o) && ok
		case root == "record":
			ok = d.scopeRecord(&s, t) && ok
		case root == "event":
			ok = d.scopeEvent(&s, t) && ok
		default:
			d.fail(codeConditionField, t.SourceRange(), say("%q refers to nothing", clip(t.RootName())),
				didYouMean(root, append(roots, "var"))+say("Here an expression may use %s; text goes in quotes.", list(append(roots, "var.NAME"), "and")))
			ok = false
		}
	}
	if !ok || o != nil && !d.checkChoices(expr, o) {
		return s, cty.NilVal, false
	}
	s.normalise()
	s.canonical = d.canonicalExpression(expr)
	if o != nil {
		for _, f := range o.Fields {
			if f.IsInterval() {
				s.intervals = append(s.intervals, f.Name)
			}
		}
	}
	v, ok := d.evaluate(tolerate(expr), s.unknown(d.ctx))
	return s, v, ok
}

func (s *scoped) normalise() {
	for _, names := range []*[]string{&s.before, &s.after, &s.event, &s.natives[0], &s.natives[1]} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
}

// unknown is a context in which every field has some value that nobody knows yet.
func (s *scoped) unknown(parent *hcl.EvalContext) *hcl.EvalContext {
	object := func(names []string) cty.Value {
		m := map[string]cty.Value{}
		for _, n := range names {
			m[n] = cty.DynamicVal
		}
		return cty.ObjectVal(m)
	}
	ctx := parent.NewChild()
	ctx.Variables = map[string]cty.Value{
		"before": object(s.before), "after": object(s.after), "event": object(s.event),
		"record": cty.ObjectVal(map[string]cty.Value{
			Systems[0]: object(s.natives[0]), Systems[0] + "_id": cty.UnknownVal(cty.String),
			Systems[1]: object(s.natives[1]), Systems[1] + "_id": cty.UnknownVal(cty.String),
		}),
	}
	ctx.Functions = clockFunctions("2006-01-02T15:04:05Z")
	maps.Copy(ctx.Functions, wordFunctions(cty.UnknownVal(cty.Bool)))
	return ctx
}

// noBefore reports a look at what was where nothing was, or where that can't be told.
func (d *decoder) noBefore(t hcl.Traversal, p exprPlace) {
	name := cmpOr(attrOf(t, 1), "FIELD")
	if p == inCreate {
		d.fail(codeBeforeCreate, t.SourceRange(), "a record that is being created has no before", say("Write after.%s.", name))
		return
	}
	d.fail(codeEvent, t.SourceRange(), "an event changes no record, so there is no before", say("Write after.%s, or use a trigger on the object.", name))
}

// outOfPlace reports a look at something that is known elsewhere only.
func (d *decoder) outOfPlace(t hcl.Traversal, p exprPlace) {
	root := t.RootName()
	switch {
	case root == "record" && p == inCreate:
		d.fail(codeConditionField, t.SourceRange(), "a create block can't look at native fields", "Map the field, and look at after.FIELD.")
	case root == "event":
		d.fail(codeEvent, t.SourceRange(), "there is no event to look at", "An event's fields are known to triggers with on = event.NAME__e.")
	case p == inEventRecord:
		d.fail(codeEvent, t.SourceRange(), say("%s can't say which record it is", root), "Name a field of the event: record = event.Record_Id__c.")
	default:
		d.fail(codeEvent, t.SourceRange(), say("the trigger is about no record, so %s is nothing", root),
			"Say which it is: object = object.NAME and record = event.Record_Id__c.")
	}
}

// eventFields are those that every platform event has beside its own (Platform Events Developer Guide, "Platform Event
// Fields").
var eventFields = []string{"CreatedById", "CreatedDate", "EventUuid", "ReplayId"}

func (d *decoder) scopeEvent(s *scoped, t hcl.Traversal) bool {
	name := attrOf(t, 1)
	switch {
	case name == "" || len(t) != 2:
		d.fail(codeEvent, t.SourceRange(), "event alone is no value, and its fields have no parts", "Name a field: event.Reason__c.")
		return false
	case !customField.MatchString(name) && !slices.Contains(eventFields, name):
		remedy := didYouMean(name, eventFields)
		if remedy == "" && customField.MatchString(name+"__c") {
			remedy = say("Did you mean %q? ", name+"__c")
		}
		d.fail(codeEvent, t.SourceRange(), say("an event has no field %q", clip(name)), remedy+say("Its own fields end in __c; every event has %s.", list(eventFields, "and")))
		return false
	}
	s.event = append(s.event, name)
	return true
}

func (d *decoder) scopeField(s *scoped, t hcl.Traversal, o *object) bool {
	root, name := t.RootName(), attrOf(t, 1)
	if name == "" {
		d.fail(codeConditionField, t.SourceRange(), say("%s alone is no value", root), say("Name a field: %s.%s", root, example(o)))
		return false
	}
	if f := o.Field(name); f == nil {
		d.fail(codeConditionField, t.SourceRange(), say("object %q has no field %q", o.Name, clip(name)),
			didYouMean(name, o.fieldNames())+say("Its fields are %s.", list(few(o.fieldNames()), "and")))
		return false
	}
	if root == "before" {
		s.before = append(s.before, name)
	} else {
		s.after = append(s.after, name)
	}
	return true
}

func (d *decoder) scopeRecord(s *scoped, t hcl.Traversal) bool {
	part, name := attrOf(t, 1), attrOf(t, 2)
	side := slices.Index(Systems[:], part)
	switch {
	case part == Systems[0]+"_id" || part == Systems[1]+"_id":
		s.ids[slices.Index(Systems[:], strings.TrimSuffix(part, "_id"))] = true
		return true
	case side >= 0 && name != "":
		s.natives[side] = append(s.natives[side], name)
		return true
	default:
		d.fail(codeConditionField, t.SourceRange(), "record has no such part",
			"Write record.salesforce_id, record.monday_id, record.salesforce.FIELD or record.monday.FIELD.")
	}
	return false
}

func (o *object) fieldNames() []string {
	var names []string
	for _, f := range o.Fields {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

func example(o *object) string {
	if len(o.Fields) > 0 {
		return o.Fields[0].Name
	}
	return "FIELD"
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// source is an expression as written, on one line.
func (d *decoder) source(expr hclsyntax.Expression) string {
	r := expr.Range()
	return strings.Join(strings.Fields(string(r.SliceBytes(d.bytes[r.Filename]))), " ")
}

// canonicalExpression is an expression without comments and chance spacing, its variables replaced by their values:
// two that are spelled differently but say the same token by token are equal.
func (d *decoder) canonicalExpression(expr hclsyntax.Expression) string {
	r := expr.Range()
	tokens, _ := hclsyntax.LexExpression(r.SliceBytes(d.bytes[r.Filename]), r.Filename, start)
	var out bytes.Buffer
	inText := 0
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenNewline, hclsyntax.TokenEOF:
			out.WriteByte(' ')
			continue
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			inText++
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			inText--
		case hclsyntax.TokenIdent:
			if string(t.Bytes) == "var" && i+2 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenDot {
				if v := d.variables[string(tokens[i+2].Bytes)]; v != nil && v.set && (i == 0 || tokens[i-1].Type != hclsyntax.TokenDot) {
					out.Write(hclwrite.TokensForValue(v.value).Bytes())
					i += 2
					continue
				}
			}
		}
		out.Write(t.Bytes)
		if inText == 0 && t.Type != hclsyntax.TokenCQuote && t.Type != hclsyntax.TokenCHeredoc {
			out.WriteByte(' ')
		}
	}
	return string(bytes.TrimSpace(hclwrite.Format(out.Bytes())))
}
