package salesforce

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// excessGrants is the attribute of a permission set that names what it grants beyond what the contract needs: sObjects
// and "Object.Field", with ", " between them. It is wanted empty, so that a grant that somebody added shows as drift.
const excessGrants = "beyond_contract"

// sweeping are the rights to an sObject that nothing accord does needs, and how they are named after it: to modify all
// records, whoever owns them, and to read all fields, whatever their own permissions say.
var sweeping = [][2]string{{" modify all", "PermissionsModifyAllRecords"}, {" view all fields", "PermissionsViewAllFields"}}

// sweeping are those that the API version of the connection knows.
func (p *Provider) sweeping() [][2]string {
	if version, err := strconv.ParseFloat(p.config.APIVersion, 64); err == nil && version < 63 {
		return sweeping[:1] // Object Reference, "ObjectPermissions": PermissionsViewAllFields came with 63.0
	}
	return sweeping
}

// systemGrant begins the name of a right that is about no sObject, such as "system permission ViewAllData".
const systemGrant = "system permission "

// excess lists the grants of a permission set that nobody asked for. A list that asks for no permission of an sObject is
// not the whole of what is wanted, and says nothing about what is too much.
func excess(name string, wanted []resource.Resource, set row, objects, fields []row) string {
	inSet := func(kind string) []resource.Resource {
		return slices.DeleteFunc(ofKinds(wanted, kind), func(w resource.Resource) bool { return placeOf(w.Address).first != name })
	}
	wantedObjects, wantedFields := inSet(kindObjectPermission), inSet(kindFieldPermission)
	if len(wantedObjects) == 0 {
		return ""
	}
	var beyond []string
	for right, granted := range set {
		if short, ok := strings.CutPrefix(right, "Permissions"); ok && string(granted) == "true" {
			beyond = append(beyond, systemGrant+short)
		}
	}
	for _, r := range objects {
		name := r.text("SobjectType")
		if !slices.ContainsFunc(wantedObjects, func(w resource.Resource) bool { return strings.EqualFold(placeOf(w.Address).second, name) }) {
			beyond = append(beyond, name)
			continue
		}
		for _, right := range sweeping {
			if r.truth(right[1]) {
				beyond = append(beyond, name+right[0])
			}
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
		if right, system := strings.CutPrefix(name, systemGrant); system {
			if err := p.withdraw(ctx, "PermissionSet", w.ID, "Permissions"+right, doing); err != nil {
				return resource.Resource{}, err
			}
			continue
		}
		right := ""
		for _, s := range sweeping {
			if object, ok := strings.CutSuffix(name, s[0]); ok {
				name, right = object, s[1]
			}
		}
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
			if right != "" {
				if err := p.withdraw(ctx, sobject, row.ID, right, doing); err != nil {
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

// withdraw takes one right back.
func (p *Provider) withdraw(ctx context.Context, sobject, id, right, doing string) error {
	return p.client.do(ctx, request{op: "PATCH " + sobject, doing: doing, method: http.MethodPatch,
		path: "/sobjects/" + sobject + "/" + id, body: object{{right, false}}, write: true, rows: 1}, nil)
}
