package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// describeObjects answers for sObjects and their fields, with one describe for each sObject.
func (p *Provider) describeObjects(ctx context.Context, want []resource.Resource, have map[string]resource.Resource) error {
	byObject := map[string][]resource.Resource{}
	var names []string
	for _, w := range ofKinds(want, kindObject, kindField, kindRecordType) {
		name := placeOf(w.Address).first
		if byObject[name] == nil {
			names = append(names, name)
		}
		byObject[name] = append(byObject[name], w)
	}
	var mismatches []string
	for _, name := range names {
		wrong, err := p.describeObject(ctx, name, byObject[name], have)
		if err != nil {
			return err
		}
		mismatches = append(mismatches, wrong...)
	}
	if len(mismatches) > 0 {
		return invalid("compare fields with the contract", strings.Join(mismatches, "; "))
	}
	return nil
}

func (p *Provider) describeObject(ctx context.Context, name string, want []resource.Resource, have map[string]resource.Resource) (wrong []string, err error) {
	o, err := p.client.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	var hidden []definition
	asked := false
	for _, w := range want {
		if w.Kind == kindObject {
			if o != nil {
				have[w.Address] = found(w, o.Name, objectAttributes(o))
			}
			continue
		}
		if w.Kind == kindRecordType {
			if o != nil {
				t, ok, err := p.describeRecordType(ctx, o, w)
				if err != nil {
					return nil, err
				}
				if ok {
					have[w.Address] = t
				}
			}
			continue
		}
		field := placeOf(w.Address).second
		if o != nil {
			if f, ok := o.field(field); ok {
				if m := mismatch(w, o.Name, f); m != "" {
					wrong = append(wrong, m)
				}
				attributes := accepting(w, f)
				if f.Type == "picklist" && !f.RestrictedPicklist && len(textsOf(w.Attributes, "options")) == 0 {
					if attributes["in_use"], err = p.valuesInUse(ctx, o.Name, f); err != nil {
						return nil, err
					}
				}
				if m, err := p.describeShared(ctx, w, o.Name, f, attributes); err != nil {
					return nil, err
				} else if m != "" {
					wrong = append(wrong, m)
				}
				have[w.Address] = found(w, o.Name+"."+f.Name, attributes)
				continue
			}
		}
		if !asked {
			if hidden, err = p.client.definitions(ctx, name); err != nil {
				return nil, err
			}
			asked = true
		}
		i := slices.IndexFunc(hidden, func(d definition) bool { return strings.EqualFold(d.name, field) })
		switch {
		case i >= 0:
			p.log.Warn("a field exists, and our user is not shown it", "field", name+"."+field)
			have[w.Address] = found(w, name+"."+hidden[i].name, hiddenAttributes(hidden[i], w))
		case w.ID != "":
			return nil, &provider.Error{Kind: provider.Hidden, Op: "describe " + w.ID, Fields: []string{field},
				Message: "the field was there, and the org does not show it any more: deleted, renamed, or hidden from our user"}
		}
	}
	// An sObject that only its fields show is hidden, not missing.
	if o == nil && len(hidden) > 0 {
		for _, w := range want {
			if w.Kind == kindObject {
				p.log.Warn("an sObject exists, and our user is not shown it", "sobject", name)
				have[w.Address] = found(w, name, map[string]any{"name": name, "hidden": true})
			}
		}
	}
	return wrong, nil
}

// valuesInUse are values of an open picklist that its definition does not list, and records hold all the same: imports
// leave such. One aggregate tells.
func (p *Provider) valuesInUse(ctx context.Context, object string, f fieldDescribe) ([]any, error) {
	rows, err := p.client.all(ctx, statement{
		doing: "list the values of " + object + "." + f.Name,
		soql: fmt.Sprintf("SELECT %s FROM %s WHERE %s != null GROUP BY %s ORDER BY %s LIMIT %d",
			f.Name, object, f.Name, f.Name, f.Name, maxValuesInUse),
	})
	if err != nil {
		return nil, err
	}
	var values []string
	for _, r := range rows {
		if v := r.text(f.Name); !slices.Contains(f.options(), v) {
			values = append(values, v)
		}
	}
	return list(values), nil
}

// maxValuesInUse bounds what is offered of an open picklist's values: with more, it is text in disguise.
const maxValuesInUse = 500

func objectAttributes(o *objectDescribe) map[string]any {
	_, stamp := o.field("SystemModstamp")
	_, modifier := o.field("LastModifiedById")
	_, deletion := o.field("IsDeleted")
	_, merges := o.field("MasterRecordId")
	_, owned := o.field("OwnerId")
	a := map[string]any{
		"name": o.Name, "label": o.Label, "key_prefix": o.KeyPrefix,
		"createable": o.Createable, "updateable": o.Updateable, "deletable": o.Deletable,
		"stamped": stamp, "names_modifier": modifier, "soft_deletes": deletion, "merges": merges, "owned": owned,
	}
	if _, several := o.field(currencyField); several {
		a["currencies"] = true
	}
	return a
}

// currencyField is on every sObject of an org with several currencies, and says in which one a record's amounts are (Object
// Reference, "CurrencyIsoCode").
const currencyField = "CurrencyIsoCode"

// systemFieldsOf reads back what objectAttributes wrote; an sObject of which nothing is known has them all.
func systemFieldsOf(attributes map[string]any) systemFields {
	has := func(name string) bool {
		b, known := attributes[name].(bool)
		return b || !known
	}
	merges, _ := attributes["merges"].(bool)
	return systemFields{stamp: has("stamped"), modifier: has("names_modifier"), deletion: has("soft_deletes"), master: merges}
}

// mismatch says that a field which apply would create exists with another type, and names both.
func mismatch(w resource.Resource, object string, f fieldDescribe) string {
	if _, ok := shapeOf(f); !ok {
		return fmt.Sprintf("%s.%s is of type %s, which holds no single value; use its parts", object, f.Name, f.Type)
	}
	wanted := textOf(w.Attributes, "type", "")
	if wanted == "" || wanted == wordOf(f) {
		return ""
	}
	return fmt.Sprintf("%s.%s is %s in the org (%s), and the contract says %s; leave the type out, correct it, or name another field",
		object, f.Name, wordOf(f), f.Type, wanted)
}

// accepting is what a field shows, seen from what is wanted of it: a picklist that takes any value offers those wanted
// too. One that apply manages is given them properly.
func accepting(w resource.Resource, f fieldDescribe) map[string]any {
	a := fieldAttributes(f)
	offered, isPicklist := a["options"].([]any)
	if isPicklist && !f.RestrictedPicklist && !w.Managed {
		wanted, _ := w.Attributes["options"].([]any)
		a["options"] = both(slices.Clone(offered), wanted)
	}
	return a
}

func fieldAttributes(f fieldDescribe) map[string]any {
	a := map[string]any{
		"name": f.Name, "label": f.Label, "type": wordOf(f), "data_type": f.Type,
		"createable": f.Createable, "updateable": f.Updateable, "required": !f.Nillable && f.Type != "boolean",
		"permissionable": f.Permissionable, "custom": f.Custom,
	}
	flag := func(name string, is bool) {
		if is {
			a[name] = true
		}
	}
	number := func(name string, n int) {
		if n != 0 {
			a[name] = float64(n)
		}
	}
	flag("unique", f.Unique)
	flag("external_id", f.ExternalID)
	flag("calculated", f.Calculated)
	number("length", f.Length)
	number("precision", f.Precision)
	number("digits", f.Digits)
	if isDecimalWord(wordOf(f)) {
		a["scale"] = float64(f.Scale)
	}
	if f.Type == "picklist" || f.Type == "multipicklist" {
		a["options"], a["values"], a["restricted"] = list(f.options()), list(f.options()), f.RestrictedPicklist
	}
	if len(f.ReferenceTo) > 0 {
		a["reference_to"] = list(f.ReferenceTo)
	}
	if f.CompoundFieldName != "" {
		a["compound"] = f.CompoundFieldName
	}
	return a
}

// describeOf reads back what fieldAttributes wrote.
func describeOf(a map[string]any) fieldDescribe {
	f := fieldDescribe{
		Name: textOf(a, "name", ""), Label: textOf(a, "label", ""), Type: textOf(a, "data_type", ""),
		Length: numberOf(a, "length"), Precision: numberOf(a, "precision"), Scale: numberOf(a, "scale"), Digits: numberOf(a, "digits"),
		Createable: truthOf(a, "createable"), Updateable: truthOf(a, "updateable"), Nillable: !truthOf(a, "required"),
		Calculated: truthOf(a, "calculated"), Unique: truthOf(a, "unique"), ExternalID: truthOf(a, "external_id"),
		RestrictedPicklist: truthOf(a, "restricted"), ReferenceTo: textsOf(a, "reference_to"),
		CompoundFieldName: textOf(a, "compound", ""), Custom: truthOf(a, "custom"), Permissionable: truthOf(a, "permissionable"),
	}
	for _, o := range append(textsOf(a, "values"), textsOf(a, "in_use")...) {
		f.PicklistValues = append(f.PicklistValues, picklistValue{true, o})
	}
	return f
}

// hiddenAttributes is what can be said of a field that our user is not shown. What can't be seen is taken to be as
// wanted: the next describe, after the permission is granted, will tell.
func hiddenAttributes(d definition, w resource.Resource) map[string]any {
	a := map[string]any{}
	for name, v := range w.Attributes {
		a[name] = v
	}
	a["name"], a["hidden"], a["permissionable"] = d.name, true, d.permissionable
	if d.dataType != "" {
		a["type"] = wordOfDefinition(d.dataType)
	}
	return a
}
