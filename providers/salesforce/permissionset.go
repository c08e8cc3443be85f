package salesforce

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// setName is the permission set of a connection: "Accord_crm". Names of permission sets hold letters, digits and single
// underscores.
func setName(connection string) string {
	_, name, ok := strings.Cut(connection, ".")
	if !ok {
		name = connection
	}
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, "Accord_"+name)
	for strings.Contains(clean, "__") {
		clean = strings.ReplaceAll(clean, "__", "_")
	}
	return strings.TrimRight(clipRunes(clean, 80), "_")
}

func setAddress(connection string) string {
	return connection + "/" + kindPermissionSet + "/" + setName(connection)
}

// alwaysGranted are fields that everybody may use who may use the record: they take no permission (Object Reference,
// "FieldPermissions"). Others of the kind, such as required fields, show only in a describe.
var alwaysGranted = map[string]bool{
	"id": true, "name": true, "ownerid": true, "recordtypeid": true, "isdeleted": true, "createdbyid": true, "createddate": true,
	"lastmodifiedbyid": true, "lastmodifieddate": true, "systemmodstamp": true,
}

// withoutPermissions are sObjects that are governed by user permissions alone.
var withoutPermissions = map[string]bool{"user": true, "task": true, "event": true}

// readWith are the sObjects that must be readable too wherever one is: the org refuses the permission otherwise.
var readWith = map[string][]string{
	"opportunity": {"Account"}, "contact": {"Account"}, "case": {"Account", "Contact"},
	"contract": {"Account"}, "order": {"Account"}, "asset": {"Account", "Contact"},
}

// permissions lists the permission set and what one spec needs of it.
func (x *expansion) permissions(s provider.ObjectSpec, sobject string, fields []provider.FieldSpec, after []string) {
	set := setAddress(s.Connection)
	name := setName(s.Connection)
	x.add(resource.Resource{Address: set, Connection: s.Connection, Kind: kindPermissionSet, Name: name, Managed: true,
		Attributes: map[string]any{"name": name, excessGrants: ""}, Narrows: []string{excessGrants}})
	x.add(resource.Resource{Address: set + "/" + kindAssignment + "/integration_user", Connection: s.Connection, Kind: kindAssignment,
		Name: "our own user", Managed: true, DependsOn: []string{set}})
	grant := func(object string, attributes map[string]any) {
		if withoutPermissions[strings.ToLower(object)] {
			return
		}
		depends := []string{set}
		for _, parent := range readWith[strings.ToLower(object)] {
			depends = append(depends, set+"/"+kindObjectPermission+"/"+parent)
		}
		x.add(resource.Resource{
			Address: set + "/" + kindObjectPermission + "/" + object, Connection: s.Connection, Kind: kindObjectPermission,
			Name: object, Managed: true, Object: s.Object, Attributes: attributes, DependsOn: depends,
		})
	}
	for _, parent := range readWith[strings.ToLower(sobject)] {
		grant(parent, map[string]any{"read": true, "create": false, "edit": false, "delete": false, "view_all": s.Watched})
	}
	writes := s.Deletes
	for _, f := range fields {
		writes = writes || f.Writes
	}
	grant(sobject, map[string]any{"read": true, "create": s.Creates, "edit": writes && !x.creating, "delete": s.Deletes, "view_all": s.Watched})
	for i, f := range fields {
		if alwaysGranted[strings.ToLower(f.Name)] {
			continue
		}
		field := sobject + "." + permissionField(f.Name)
		depends := []string{set, after[i]}
		if !withoutPermissions[strings.ToLower(sobject)] {
			depends = append(depends, set+"/"+kindObjectPermission+"/"+sobject)
		}
		x.add(resource.Resource{
			Address: set + "/" + kindFieldPermission + "/" + field, Connection: s.Connection, Kind: kindFieldPermission,
			Name: field, Managed: true, Object: s.Object, Field: f.Field, DependsOn: depends,
			Attributes: map[string]any{"read": true, "edit": f.Writes},
		})
	}
}

// addressParts are the fields that an address field is made of.
var addressParts = []string{"Street", "City", "StateCode", "State", "PostalCode", "CountryCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy"}

// permissionField is the field whose permission governs a field: of a part of a standard address, the address.
func permissionField(name string) string {
	for _, part := range addressParts {
		if stem, ok := strings.CutSuffix(name, part); ok {
			switch stem {
			case "", "Billing", "Shipping", "Mailing", "Other":
				return stem + "Address"
			}
		}
	}
	return name
}

// sameField compares fields as FieldPermissions names them: a standard lookup comes with and without its "Id".
func sameField(a, b string) bool {
	trim := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), "id") }
	return strings.EqualFold(a, b) || !strings.HasSuffix(a, "__c") && trim(a) == trim(b)
}

// objectRights pairs our attributes with the vendor's fields of ObjectPermissions, in the order in which they are sent.
var objectRights = [][2]string{
	{"read", "PermissionsRead"}, {"create", "PermissionsCreate"}, {"edit", "PermissionsEdit"}, {"delete", "PermissionsDelete"},
	{"view_all", "PermissionsViewAllRecords"},
}

var fieldRights = [][2]string{{"read", "PermissionsRead"}, {"edit", "PermissionsEdit"}}

// describePermissions answers for the permission set and all that hangs on it.
func (p *Provider) describePermissions(ctx context.Context, want []resource.Resource, have map[string]resource.Resource) error {
	wanted := ofKinds(want, kindPermissionSet, kindObjectPermission, kindFieldPermission, kindAssignment)
	sets := map[string]string{} // id by name
	for _, w := range wanted {
		name := placeOf(w.Address).first
		if _, asked := sets[name]; asked {
			continue
		}
		rows, err := p.client.all(ctx, statement{
			soql: "SELECT FIELDS(STANDARD) FROM PermissionSet WHERE Name = " + quote(name), doing: "describe permission set " + name})
		if err != nil {
			return err
		}
		sets[name] = ""
		if len(rows) == 0 {
			continue
		}
		sets[name] = rows[0].text("Id")
		if err := p.describeSet(ctx, name, rows[0], wanted, have); err != nil {
			return err
		}
	}
	p.describeImplied(wanted, have)
	return nil
}

// describeSet reads one permission set with one query for each kind of row in it.
func (p *Provider) describeSet(ctx context.Context, name string, set row, wanted []resource.Resource, have map[string]resource.Resource) error {
	id := set.text("Id")
	doing := "describe permission set " + name
	var rows struct{ objects, fields, assignments []row }
	for _, q := range []struct {
		into *[]row
		kind string
		soql string
	}{
		{&rows.objects, kindObjectPermission, "SELECT Id, SobjectType, " + vendorNames(objectRights) + ", " + vendorNames(p.sweeping()) + " FROM ObjectPermissions WHERE ParentId = " + quote(id)},
		{&rows.fields, kindFieldPermission, "SELECT Id, SobjectType, Field, " + vendorNames(fieldRights) + " FROM FieldPermissions WHERE ParentId = " + quote(id)},
		{&rows.assignments, kindAssignment, "SELECT Id, AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId = " + quote(id)},
	} {
		if len(ofKinds(wanted, q.kind)) == 0 {
			continue
		}
		found, err := p.client.all(ctx, statement{soql: q.soql, doing: doing})
		if err != nil {
			return err
		}
		*q.into = found
	}
	user := ""
	if len(rows.assignments) > 0 {
		_, u, err := p.client.identity(ctx)
		if err != nil {
			return err
		}
		user = u
	}
	for _, w := range wanted {
		at := placeOf(w.Address)
		if at.first != name {
			continue
		}
		switch w.Kind {
		case kindPermissionSet:
			have[w.Address] = found(w, id, map[string]any{"name": set.text("Name"), "label": set.text("Label"),
				excessGrants: excess(name, wanted, set, rows.objects, rows.fields)})
		case kindObjectPermission:
			match(w, rows.objects, "SobjectType", at.second, strings.EqualFold, objectRights, have)
		case kindFieldPermission:
			match(w, rows.fields, "Field", at.second, sameField, fieldRights, have)
		case kindAssignment:
			for _, r := range rows.assignments {
				if shortID(r.text("AssigneeId")) == shortID(user) {
					have[w.Address] = found(w, r.text("Id"), nil)
				}
			}
		}
	}
	return nil
}

func match(w resource.Resource, rows []row, field, value string, same func(string, string) bool, rights [][2]string, have map[string]resource.Resource) {
	for _, r := range rows {
		if same(r.text(field), value) {
			attributes := map[string]any{}
			for _, right := range rights {
				attributes[right[0]] = r.truth(right[1])
			}
			have[w.Address] = found(w, r.text("Id"), attributes)
		}
	}
}

// refused names the rights that are not wanted: where one is there, changing it only takes away.
func refused(rights map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(rights)) {
		if rights[name] == false {
			names = append(names, name)
		}
	}
	return names
}

func vendorNames(rights [][2]string) string {
	names := make([]string, len(rights))
	for i, r := range rights {
		names[i] = r[1]
	}
	return strings.Join(names, ", ")
}

// describeImplied answers for fields that take no permission, as their describe said: all rights are there already.
func (p *Provider) describeImplied(wanted []resource.Resource, have map[string]resource.Resource) {
	for _, w := range ofKinds(wanted, kindFieldPermission) {
		at := placeOf(w.Address)
		object, field, _ := strings.Cut(at.second, ".")
		f, described := have[fieldAddress(at.connection, object, field)]
		permissionable, told := f.Attributes["permissionable"].(bool)
		if described && told && !permissionable {
			have[w.Address] = found(w, "implied:"+at.second, w.Attributes)
		}
	}
}

// applyPermission creates, changes or deletes one row of the permission set's world; all are plain sObject rows.
func (p *Provider) applyPermission(ctx context.Context, c resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	w := c.Want
	at := placeOf(w.Address)
	sobject := map[string]string{
		kindPermissionSet: "PermissionSet", kindObjectPermission: "ObjectPermissions",
		kindFieldPermission: "FieldPermissions", kindAssignment: "PermissionSetAssignment",
	}[w.Kind]
	doing := fmt.Sprintf("%s %s %s", c.Action, strings.ReplaceAll(w.Kind, "_", " "), w.Name)
	if strings.HasPrefix(w.ID, "implied:") {
		return w, nil
	}
	switch c.Action {
	case resource.Destroy:
		return p.deleteRow(ctx, w, sobject, doing)
	case resource.Update:
		if w.Kind == kindPermissionSet {
			return p.revokeExcess(ctx, c, doing)
		}
		body := rights(w)
		if len(body) == 0 || !validID(w.ID) {
			return resource.Resource{}, invalid(doing, "there is nothing of it that can be changed; delete it in Setup, and apply makes it anew")
		}
		err := p.client.do(ctx, request{op: "PATCH " + sobject, doing: doing, method: http.MethodPatch,
			path: "/sobjects/" + sobject + "/" + w.ID, body: body, write: true, rows: 1}, nil)
		if err != nil {
			return resource.Resource{}, err
		}
		return w, nil
	}
	body, err := p.permissionRow(ctx, w, at, doing, resolved)
	if err != nil {
		return resource.Resource{}, err
	}
	var made created
	err = p.client.do(ctx, request{op: "POST " + sobject, doing: doing, method: http.MethodPost, path: "/sobjects/" + sobject,
		body: body, write: true, rows: 1}, &made)
	if err == nil {
		if e := made.refused(doing); e != nil {
			err = e
		}
	}
	if err == nil {
		w.ID = made.ID
		return w, nil
	}
	// An interrupted run, or the one before it whose answer was lost, may have made it.
	if e := asError(err, doing); e.Kind == provider.Unknown || e.Kind == provider.Stale || strings.HasPrefix(e.Code, "DUPLICATE") {
		have := map[string]resource.Resource{}
		if describeErr := p.describePermissions(ctx, []resource.Resource{w}, have); describeErr != nil {
			return resource.Resource{}, describeErr
		}
		if h, ok := have[w.Address]; ok {
			return h, nil
		}
	}
	return resource.Resource{}, err
}

// permissionRow is the new row for a wanted resource.
func (p *Provider) permissionRow(ctx context.Context, w resource.Resource, at place, doing string, resolved map[string]resource.Resource) (object, error) {
	if w.Kind == kindPermissionSet {
		return object{{"Name", at.first}, {"Label", strings.ReplaceAll(at.first, "_", " ")},
			{"Description", "What accord reads and writes, and nothing more. Kept by accord apply."}}, nil
	}
	set := resolved[at.connection+"/"+kindPermissionSet+"/"+at.first].ID
	if set == "" {
		rows, err := p.client.all(ctx, statement{soql: "SELECT Id FROM PermissionSet WHERE Name = " + quote(at.first), doing: doing})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, &provider.Error{Kind: provider.NotFound, Op: doing, Message: "permission set " + at.first + " does not exist yet"}
		}
		set = rows[0].text("Id")
	}
	switch w.Kind {
	case kindAssignment:
		_, user, err := p.client.identity(ctx)
		return object{{"AssigneeId", user}, {"PermissionSetId", set}}, err
	case kindObjectPermission:
		return append(object{{"ParentId", set}, {"SobjectType", at.second}}, rights(w)...), nil
	default:
		sobject, _, _ := strings.Cut(at.second, ".")
		return append(object{{"ParentId", set}, {"SobjectType", sobject}, {"Field", at.second}}, rights(w)...), nil
	}
}

// rights are the flags of a wanted permission, for its row.
func rights(w resource.Resource) object {
	var list [][2]string
	switch w.Kind {
	case kindObjectPermission:
		list = objectRights
	case kindFieldPermission:
		list = fieldRights
	}
	var o object
	for _, r := range list {
		o = append(o, member{r[1], truthOf(w.Attributes, r[0])})
	}
	return o
}

func (p *Provider) deleteRow(ctx context.Context, w resource.Resource, sobject, doing string) (resource.Resource, error) {
	if validID(w.ID) {
		err := p.client.do(ctx, request{op: "DELETE " + sobject, doing: doing, method: http.MethodDelete,
			path: "/sobjects/" + sobject + "/" + w.ID, write: true, rows: 1}, nil)
		if e := asErrorOrNil(err); e != nil && e.Kind != provider.NotFound {
			return resource.Resource{}, e
		}
	}
	w.ID = ""
	return w, nil
}

// identity is the org and the user that our token stands for; asked once, where the token's answer did not say.
func (c *client) identity(ctx context.Context) (org, user string, err error) {
	s, err := c.sessions.get(ctx)
	if err != nil {
		return "", "", err
	}
	if len(s.org) == 18 && s.user != "" {
		return s.org, s.user, nil
	}
	var info struct {
		Org  string `json:"organization_id"`
		User string `json:"user_id"`
	}
	err = c.do(ctx, request{op: "GET oauth2/userinfo", doing: "ask who we are", method: http.MethodGet, path: "/services/oauth2/userinfo"}, &info)
	if err != nil {
		return "", "", err
	}
	if !validID(info.Org) || !validID(info.User) {
		return "", "", &provider.Error{Kind: provider.Internal, Op: "ask who we are", Message: "the answer names no org and user"}
	}
	return info.Org, info.User, nil
}
