package metadata

import (
	"encoding/base64"
	"strings"
)

// Member is one entry of an Ordered object.
type Member struct {
	Key   string
	Value any
}

// Ordered is a JSON object whose keys keep their order.
type Ordered []Member

// Set appends a member.
func (o *Ordered) Set(key string, value any) { *o = append(*o, Member{key, value}) }

// FieldAccess is what a user may do with a field.
type FieldAccess struct{ Read, Edit bool }

// DescribeField gives the full describe of a field as a user with that access sees it
// (REST API guide, "sObject Describe"; keys as recorded from v53).
func DescribeField(o *Object, f *Field, a FieldAccess) Ordered {
	soap := soapType(f.Type)
	byteLength := 0
	if f.IsText() {
		byteLength = f.Length * 3
	} else if f.Type == "id" || f.Type == "reference" {
		byteLength = 18
	}
	digits, precision := 0, f.Precision
	if f.Type == "int" {
		digits, precision = f.Precision, 0
	}
	long := f.IsLongText()
	plain := !long && !f.IsCompound() && f.Type != "multipicklist"
	var deflt any
	if f.Type == "boolean" {
		deflt = f.Default == true
	}
	values := DescribePicklist(o.Field(f.Controller), f.Picklist)
	refs := f.ReferenceTo
	if refs == nil {
		refs = []string{}
	}
	var extra any
	switch {
	case f.NameField && len(o.Parts(f.Name)) > 0:
		extra = "personname"
	case f.Type == "textarea" && f.HTML:
		extra = "richtextarea"
	case f.Type == "textarea":
		extra = "plaintextarea"
	}
	return Ordered{
		{"aggregatable", plain && f.Type != "boolean"}, {"aiPredictionField", false}, {"autoNumber", f.AutoNumber}, {"byteLength", byteLength},
		{"calculated", f.Calculated}, {"calculatedFormula", nullable(f.Formula)}, {"cascadeDelete", f.CascadeDelete && f.MasterDetail},
		{"caseSensitive", f.CaseSensitive}, {"compoundFieldName", nullable(f.Compound)}, {"controllerName", nullable(f.Controller)},
		{"createable", f.Createable && a.Edit}, {"custom", f.Custom}, {"defaultValue", deflt}, {"defaultValueFormula", nil},
		{"defaultedOnCreate", f.DefaultedOnCreate}, {"dependentPicklist", f.Controller != ""}, {"deprecatedAndHidden", false},
		{"digits", digits}, {"displayLocationInDecimal", false}, {"encrypted", f.Type == "encryptedstring"}, {"externalId", f.ExternalID},
		{"extraTypeInfo", extra}, {"filterable", !long}, {"filteredLookupInfo", nil}, {"formulaTreatNullNumberAsZero", false},
		{"groupable", plain && !f.IsNumber() && f.Type != "datetime" && f.Type != "time" || f.Type == "int"}, {"highScaleNumber", false},
		{"htmlFormatted", f.HTML}, {"idLookup", f.IDLookup}, {"inlineHelpText", nullable(f.Help)}, {"label", f.Label}, {"length", f.Length},
		{"mask", nil}, {"maskType", nil}, {"name", f.Name}, {"nameField", f.NameField}, {"namePointing", len(f.ReferenceTo) > 1},
		{"nillable", f.Nillable}, {"permissionable", f.Permissionable}, {"picklistValues", values},
		{"polymorphicForeignKey", len(f.ReferenceTo) > 1}, {"precision", precision}, {"queryByDistance", f.IsCompound()},
		{"referenceTargetField", nil}, {"referenceTo", refs}, {"relationshipName", nullable(f.RelationshipName)}, {"relationshipOrder", relationOrder(f)},
		{"restrictedDelete", f.RestrictedDelete}, {"restrictedPicklist", f.RestrictedPicklist}, {"scale", f.Scale},
		{"searchPrefilterable", f.Type == "reference"}, {"soapType", soap}, {"sortable", plain}, {"type", f.Type}, {"unique", f.Unique},
		{"updateable", f.Updateable && a.Edit}, {"writeRequiresMasterRead", false},
	}
}

// DescribePicklist gives values as describes write them. controller is nil where there is none.
func DescribePicklist(controller *Field, list []PicklistValue) []any {
	values := make([]any, 0, len(list))
	for _, p := range list {
		values = append(values, Ordered{
			{"active", p.Active}, {"defaultValue", p.Default}, {"label", p.Label}, {"validFor", validForBits(controller, p)}, {"value", p.Value},
		})
	}
	return values
}

func relationOrder(f *Field) any {
	if f.MasterDetail {
		return 0
	}
	return nil
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// validForBits encodes the controlling values a dependent value is valid for: bit i, most significant first in each
// byte, is the controlling field's value i.
func validForBits(controller *Field, p PicklistValue) any {
	if controller == nil || p.ValidFor == nil {
		return nil
	}
	n := len(controller.Picklist)
	if controller.Type == "boolean" {
		n = 2
	}
	bits := make([]byte, (n+7)/8)
	for i := range n {
		name := []string{"false", "true"}[i%2]
		if controller.Type != "boolean" {
			name = controller.Picklist[i].Value
		}
		for _, v := range p.ValidFor {
			if strings.EqualFold(v, name) {
				bits[i/8] |= 0x80 >> (i % 8)
			}
		}
	}
	return base64.StdEncoding.EncodeToString(bits)
}

func soapType(t string) string {
	switch t {
	case "id", "reference":
		return "tns:ID"
	case "boolean":
		return "xsd:boolean"
	case "double", "currency", "percent":
		return "xsd:double"
	case "int":
		return "xsd:int"
	case "long":
		return "xsd:long"
	case "date", "time":
		return "xsd:" + t
	case "datetime":
		return "xsd:dateTime"
	case "address", "location":
		return "urn:" + t
	}
	return "xsd:string"
}

// RecordTypeInfo is one entry of recordTypeInfos.
type RecordTypeInfo struct {
	ID, Name, DeveloperName            string
	Active, Available, Default, Master bool
}

// Child is one entry of childRelationships.
type Child struct {
	Object, Field, Relationship string
	Cascade, Restricted         bool
}

// ObjectAccess is what a user may do with an object.
type ObjectAccess struct{ Create, Read, Edit, Delete bool }

// DescribeHead gives the properties of an object that the list of all objects and its own describe share.
// base is the path up to and including the version, such as /services/data/v68.0.
func DescribeHead(o *Object, a ObjectAccess, base string) Ordered {
	url := base + "/sobjects/" + o.Name
	urls := Ordered{{"rowTemplate", url + "/{ID}"}, {"describe", url + "/describe"}, {"sobject", url}}
	if o.Event {
		urls = append(urls, Member{"eventSchema", url + "/eventSchema"})
	}
	return Ordered{
		{"activateable", false}, {"associateEntityType", nil}, {"associateParentEntity", nil}, {"createable", o.Createable && a.Create},
		{"custom", o.Custom}, {"customSetting", false}, {"deepCloneable", false}, {"deletable", o.Deletable && a.Delete},
		{"deprecatedAndHidden", false}, {"feedEnabled", false}, {"hasSubtypes", false}, {"isInterface", false}, {"isSubtype", false},
		{"keyPrefix", o.KeyPrefix}, {"label", o.Label}, {"labelPlural", o.Plural}, {"layoutable", o.Layoutable},
		{"mergeable", o.Mergeable && a.Edit && a.Delete}, {"mruEnabled", o.Layoutable}, {"name", o.Name}, {"queryable", o.Queryable},
		{"replicateable", o.Replicateable}, {"retrieveable", !o.Event}, {"searchable", o.Searchable}, {"triggerable", o.Triggerable},
		{"undeletable", o.Undeletable && a.Delete}, {"updateable", o.Updateable && a.Edit}, {"urls", urls},
	}
}

// Describe gives the whole describe: head, the fields the user may read, record types and children.
func Describe(o *Object, a ObjectAccess, base string, fields []Ordered, types []RecordTypeInfo, children []Child) Ordered {
	url := base + "/sobjects/" + o.Name
	kids := make([]any, 0, len(children))
	for _, c := range children {
		kids = append(kids, Ordered{
			{"cascadeDelete", c.Cascade}, {"childSObject", c.Object}, {"deprecatedAndHidden", false}, {"field", c.Field},
			{"junctionIdListNames", []string{}}, {"junctionReferenceTo", []string{}}, {"relationshipName", nullable(c.Relationship)}, {"restrictedDelete", c.Restricted},
		})
	}
	infos := make([]any, 0, len(types))
	for _, t := range types {
		infos = append(infos, Ordered{
			{"active", t.Active}, {"available", t.Available}, {"defaultRecordTypeMapping", t.Default}, {"developerName", t.DeveloperName},
			{"master", t.Master}, {"name", t.Name}, {"recordTypeId", t.ID}, {"urls", Ordered{{"layout", url + "/describe/layouts/" + t.ID}}},
		})
	}
	if fields == nil {
		fields = []Ordered{}
	}
	d := Ordered{{"actionOverrides", []any{}}, {"childRelationships", kids}, {"compactLayoutable", o.Layoutable}}
	for _, m := range DescribeHead(o, a, base) {
		if m.Key == "urls" {
			u := m.Value.(Ordered)
			u = append(u, Member{"layouts", url + "/describe/layouts"}, Member{"compactLayouts", url + "/describe/compactLayouts"})
			m.Value = u
		}
		d = append(d, m)
	}
	return append(d, Ordered{
		{"defaultImplementation", nil}, {"extendedBy", nil}, {"extendsInterfaces", nil}, {"fields", fields}, {"implementedBy", nil},
		{"implementsInterfaces", nil}, {"listviewable", nil}, {"lookupLayoutable", nil}, {"namedLayoutInfos", []any{}},
		{"networkScopeFieldName", nil}, {"recordTypeInfos", infos}, {"searchLayoutable", o.Searchable}, {"sobjectDescribeOption", "FULL"},
		{"supportedScopes", []any{Ordered{{"label", "All " + strings.ToLower(o.Plural)}, {"name", "everything"}}, Ordered{{"label", "My " + strings.ToLower(o.Plural)}, {"name", "mine"}}}},
	}...)
}
