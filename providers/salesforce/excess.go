package salesforce

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// excessGrants is the attribute of a permission set that names what it grants beyond what the contract needs: sObjects
// and "Object.Field", with ", " between them. It is wanted empty, so that a grant that somebody added shows as drift.
const excessGrants = "beyond_contract"

// Nothing that accord does needs to modify all records, whoever owns them; "Object modify all" names that grant.
const (
	modifyAllField  = "PermissionsModifyAllRecords"
	modifyAllSuffix = " modify all"
)

// excess lists the grants of a permission set that nobody asked for. A list that asks for no permission of an sObject is
// not the whole of what is wanted, and says nothing about what is too much.
func excess(set string, wanted []resource.Resource, objects, fields []row) string {
	inSet := func(kind string) []resource.Resource {
		return slices.DeleteFunc(ofKinds(wanted, kind), func(w resource.Resource) bool { return placeOf(w.Address).first != set })
	}
	wantedObjects, wantedFields := inSet(kindObjectPermission), inSet(kindFieldPermission)
	if len(wantedObjects) == 0 {
		return ""
	}
	var beyond []string
	for _, r := range objects {
		name := r.text("SobjectType")
		if !slices.ContainsFunc(wantedObjects, func(w resource.Resource) bool { return strings.EqualFold(placeOf(w.Address).second, name) }) {
			beyond = append(beyond, name)
		} else if r.truth(modifyAllField) {
			beyond = append(beyond, name+modifyAllSuffix)
		}
	}
	for _, r := range fields {
		name := r.text("Field")
		if !slices.ContainsFunc(wantedFields, func(w resource.Resource) bool { return sameField(placeOf(w.Address).second, name) }) {
			beyond = append(beyond, name)
		}
	}
	slices.Sort(beyond)
	return strings.Join(beyond, ", ")
}

// revokeExcess takes back the grants that the plan named, and no others: those were approved.
func (p *Provider) revokeExcess(ctx context.Context, c resource.Change, doing string) (resource.Resource, error) {
	w := c.Want
	if c.Have == nil || !validID(w.ID) {
		return resource.Resource{}, invalid(doing, "the permission set was not described")
	}
	named, _ := c.Have.Attributes[excessGrants].(string)
	for _, name := range strings.Split(named, ", ") {
		if name == "" {
			continue
		}
		name, modifies := strings.CutSuffix(name, modifyAllSuffix)
		sobject, where := "ObjectPermissions", "SobjectType = "
		if strings.Contains(name, ".") {
			sobject, where = "FieldPermissions", "Field = "
		}
		rows, err := p.client.all(ctx, statement{doing: doing,
			soql: "SELECT Id FROM " + sobject + " WHERE ParentId = " + quote(w.ID) + " AND " + where + quote(name)})
		if err != nil {
			return resource.Resource{}, err
		}
		for _, r := range rows {
			row := resource.Resource{ID: r.text("Id")}
			if modifies {
				err := p.client.do(ctx, request{op: "PATCH " + sobject, doing: doing, method: http.MethodPatch,
					path: "/sobjects/" + sobject + "/" + row.ID, body: object{{modifyAllField, false}}, write: true, rows: 1}, nil)
				if err != nil {
					return resource.Resource{}, err
				}
				continue
			}
			if _, err := p.deleteRow(ctx, row, sobject, doing); err != nil && provider.KindOf(err) != provider.NotFound {
				return resource.Resource{}, err
			}
		}
	}
	return w, nil
}
