package contract

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"accord/engine/record"
)

// nativeTypes are the words that may stand before a native field's name, by side. Which of them a provider can create
// is for the provider to say; these are the vendors' own lists (Metadata API, FieldType; API reference, ColumnType).
var nativeTypes = [2][]string{
	record.Left: {
		"auto_number", "autonumber", "boolean", "checkbox", "currency", "date", "datetime", "decimal", "double", "email", "html", "id", "int", "integer",
		"long_text", "long_textarea", "longtextarea", "lookup", "master_detail", "masterdetail", "multi_picklist", "multipicklist", "multiselect",
		"multiselectpicklist", "multiselect_picklist", "number", "percent", "phone", "picklist", "reference", "rich_text", "richtext", "string", "text",
		"text_area", "textarea", "time", "url",
	},
	record.Right: {
		"auto_number", "board_relation", "button", "checkbox", "color_picker", "country", "creation_log", "date", "dependency", "doc", "dropdown",
		"email", "file", "formula", "hour", "item_assignees", "item_id", "last_updated", "link", "location", "long_text", "mirror", "numbers",
		"people", "phone", "progress", "rating", "status", "subtasks", "tags", "team", "text", "time_tracking", "timeline", "vote", "week",
		"world_clock",
	},
}

// choiceTypes hold choices, by side; a picklist on any other type translates nothing.
var choiceTypes = [2][]string{
	record.Left:  {"picklist", "multi_picklist", "multipicklist", "multiselect", "multiselectpicklist", "multiselect_picklist", "text", "string"},
	record.Right: {"status", "dropdown", "text", "long_text", "tags", "country"},
}

// Names that apply can create: a custom field's (Metadata API, CustomField), and a column id a caller may choose
// (API reference, Columns).
var (
	customField = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*__c$`)
	columnID    = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,23}$`)
	apiName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

// natives reads the native fields of one side: one, or two that make an interval.
func (d *decoder) natives(a *hclsyntax.Attribute, side record.Side) ([]NativeField, bool) {
	if a == nil {
		return nil, false
	}
	exprs := elements(a.Expr)
	if len(exprs) == 0 || len(exprs) > 2 {
		d.fail(codeInterval, a.Expr.Range(), say("%s names %d native fields", a.Name, len(exprs)), "Name one, or two dates that make an interval.")
		return nil, false
	}
	var fields []NativeField
	for _, e := range exprs {
		n, ok := d.native(e, a.Name, side)
		if !ok {
			return nil, false
		}
		fields = append(fields, n)
	}
	if len(fields) == 2 && sameNative(side, fields[0], fields[1]) {
		d.fail(codeNativeTwice, a.Expr.Range(), say("both ends of the interval are %s", fields[0].Name), "Name two different fields.")
		return nil, false
	}
	return fields, true
}

var nativeExamples = [2]string{record.Left: "StageName or text.Health__c", record.Right: "name or status.stage"}

func (d *decoder) native(expr hclsyntax.Expression, what string, side record.Side) (NativeField, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	n := NativeField{Range: expr.Range()}
	switch {
	case !diags.HasErrors() && len(t) == 1:
		n.Name = t.RootName()
	case !diags.HasErrors() && len(t) == 2 && attrOf(t, 1) != "":
		n.Type, n.Name = t.RootName(), attrOf(t, 1)
	default:
		remedy := say("Write %s, without quotes.", nativeExamples[side])
		if s, quotes := literal(expr); quotes && hclsyntax.ValidIdentifier(s) {
			remedy = say("Write it without quotes: %s = %s", what, s)
		}
		d.fail(codeNativeField, expr.Range(), say("%s is no native field", what), remedy)
		return n, false
	}
	return n, d.checkNative(n, side)
}

// checkNative checks a native field's type, and the name of one that apply may have to create.
func (d *decoder) checkNative(n NativeField, side record.Side) bool {
	if side == record.Left && !apiName.MatchString(n.Name) {
		d.fail(codeNativeField, n.Range, say("%q is no API name", clip(n.Name)), "Write the field's API name, as Salesforce's setup shows it.")
		return false
	}
	if n.Type == "" {
		return true
	}
	if !slices.Contains(nativeTypes[side], n.Type) {
		if n.Type == "name" && side == record.Right {
			d.fail(codeNativeType, n.Range, "the item's name is not a column", "Write monday = name.")
			return false
		}
		remedy := didYouMean(n.Type, nativeTypes[side])
		if side == record.Left && remedy == "" {
			remedy = "Fields of related records can't be mapped: map the relation, and the field in that object. "
		}
		d.fail(codeNativeType, n.Range, say("%s has no field type %q", Systems[side], clip(n.Type)),
			remedy+say("Write %s.", nativeExamples[side]))
		return false
	}
	switch {
	case side == record.Left && !customField.MatchString(n.Name):
		remedy := say("If it exists, name it without a type: %s. If apply is to create it, its name ends in __c.", n.Name)
		d.fail(codeNativeField, n.Range, say("%q can't be created", clip(n.Name)), remedy)
		return false
	case side == record.Right && !columnID.MatchString(n.Name):
		d.fail(codeNativeField, n.Range, say("%q can't be created", clip(n.Name)),
			say("If the column exists, name it without a type. If apply is to create it, its id is at most 24 of a-z, 0-9 and _."))
		return false
	}
	return true
}

// sameNative says whether two name one field; Salesforce does not tell upper from lower case.
func sameNative(side record.Side, a, b NativeField) bool {
	if side == record.Left {
		return strings.EqualFold(a.Name, b.Name)
	}
	return a.Name == b.Name
}
