package org

import (
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// Permissions is what a user may do: the union over the permission sets assigned to them, the one their profile
// owns included (Object Reference, FieldPermissions and PermissionSetAssignment).
type Permissions struct {
	system  map[string]bool
	objects map[string]objectBits
	fields  map[string]metadata.FieldAccess
	all     bool
}

type objectBits struct {
	metadata.ObjectAccess
	viewAll, modifyAll, viewAllFields bool
}

func isPermissionObject(name string) bool {
	switch name {
	case "PermissionSet", "PermissionSetAssignment", "ObjectPermissions", "FieldPermissions", "User", "Profile":
		return true
	}
	return false
}

func (o *Org) forgetPermissions() {
	o.permMu.Lock()
	o.perms = map[string]*Permissions{}
	o.permMu.Unlock()
}

// permissions works out a user's permissions once until something about them changes. The caller holds the org.
func (o *Org) permissions(user string) *Permissions {
	o.permMu.Lock()
	defer o.permMu.Unlock()
	if p := o.perms[user]; p != nil {
		return p
	}
	p := &Permissions{system: map[string]bool{}, objects: map[string]objectBits{}, fields: map[string]metadata.FieldAccess{}}
	o.perms[user] = p
	assignments := o.table("PermissionSetAssignment")
	if assignments == nil || user == "" {
		return p
	}
	sets := o.table("PermissionSet")
	for _, a := range assignments.find(assignments.def.Field("AssigneeId"), user) {
		id, _ := a.get(assignments.def.Field("PermissionSetId").Slot).(string)
		set := sets.rows[id]
		if set == nil {
			continue
		}
		for _, c := range set.cells {
			if f := sets.def.Fields[c.slot]; strings.HasPrefix(f.Name, "Permissions") && c.val == true {
				p.system[f.Name] = true
			}
		}
		o.addObjectPermissions(p, id)
		o.addFieldPermissions(p, id)
	}
	return p
}

func (o *Org) addObjectPermissions(p *Permissions, set string) {
	t := o.table("ObjectPermissions")
	slot := func(name string) int { return t.def.Field(name).Slot }
	for _, r := range t.find(t.def.Field("ParentId"), set) {
		name, _ := r.get(slot("SobjectType")).(string)
		key := strings.ToLower(name)
		b := p.objects[key]
		b.Create = b.Create || r.get(slot("PermissionsCreate")) == true
		b.Read = b.Read || r.get(slot("PermissionsRead")) == true
		b.Edit = b.Edit || r.get(slot("PermissionsEdit")) == true
		b.Delete = b.Delete || r.get(slot("PermissionsDelete")) == true
		b.viewAll = b.viewAll || r.get(slot("PermissionsViewAllRecords")) == true
		b.modifyAll = b.modifyAll || r.get(slot("PermissionsModifyAllRecords")) == true
		b.viewAllFields = b.viewAllFields || r.get(slot("PermissionsViewAllFields")) == true
		p.objects[key] = b
	}
}

func (o *Org) addFieldPermissions(p *Permissions, set string) {
	t := o.table("FieldPermissions")
	slot := func(name string) int { return t.def.Field(name).Slot }
	for _, r := range t.find(t.def.Field("ParentId"), set) {
		name, _ := r.get(slot("Field")).(string)
		key := strings.ToLower(name)
		a := p.fields[key]
		a.Read = a.Read || r.get(slot("PermissionsRead")) == true
		a.Edit = a.Edit || r.get(slot("PermissionsEdit")) == true
		p.fields[key] = a
	}
}

// governedBy names the object whose permissions decide about objects that have none of their own.
func governedBy(name string) string {
	switch name {
	case "OpportunityLineItem", "OpportunityContactRole":
		return "Opportunity"
	case "PricebookEntry":
		return "Pricebook2"
	}
	return name
}

// Has tells whether the user has a system permission such as PermissionsViewSetup.
func (p *Permissions) Has(name string) bool { return p.all || p.system[name] }

// Object tells what the user may do with an object.
func (p *Permissions) Object(def *metadata.Object) metadata.ObjectAccess {
	full := metadata.ObjectAccess{Create: true, Read: true, Edit: true, Delete: true}
	switch {
	case p.all:
		return full
	case def.Setup:
		return p.setup(def.Name)
	case def.Name == "Task" || def.Name == "Event":
		return full
	}
	b := p.objects[strings.ToLower(governedBy(def.Name))]
	if b.modifyAll || p.system["PermissionsModifyAllData"] {
		b.Read, b.Edit, b.Delete = true, true, true
		b.Create = b.Create || p.system["PermissionsModifyAllData"]
	}
	if b.viewAll || p.system["PermissionsViewAllData"] || b.Edit || b.Delete || b.Create {
		b.Read = true
	}
	return b.ObjectAccess
}

// setup decides about users, permissions and the like: everybody reads them, few write them.
func (p *Permissions) setup(name string) metadata.ObjectAccess {
	need := "PermissionsCustomizeApplication"
	switch name {
	case "User", "UserRole", "Group", "GroupMember", "QueueSobject":
		need = "PermissionsManageUsers"
	case "PermissionSet", "ObjectPermissions", "FieldPermissions", "Profile":
		need = "PermissionsManageProfilesPermissionsets"
	case "PermissionSetAssignment":
		need = "PermissionsAssignPermissionSets"
	}
	may := p.system[need] || p.system["PermissionsModifyAllData"]
	return metadata.ObjectAccess{Create: may, Read: true, Edit: may, Delete: may}
}

// ViewsAll tells whether the user sees all records of the object; nil asks about all data.
func (p *Permissions) ViewsAll(def *metadata.Object) bool {
	if p.all || p.system["PermissionsViewAllData"] || p.system["PermissionsModifyAllData"] {
		return true
	}
	if def == nil {
		return false
	}
	if def.Name == "User" {
		return p.system["PermissionsViewAllUsers"] || p.system["PermissionsManageUsers"]
	}
	b := p.objects[strings.ToLower(governedBy(def.Name))]
	return b.viewAll || b.modifyAll
}

// Field tells what the user may do with a field they have the object for. Fields that are not permissionable
// are always readable; parts of an address follow the address.
func (p *Permissions) Field(def *metadata.Object, f *metadata.Field) metadata.FieldAccess {
	if p.all || def.Setup || def.Event || !f.Permissionable {
		return metadata.FieldAccess{Read: true, Edit: true}
	}
	name := f.Name
	if f.Compound != "" && !strings.EqualFold(f.Compound, "Name") {
		name = f.Compound
	}
	object := def.Name
	if object == "Event" { // activities share their fields' permissions
		if _, ok := p.fields["event."+strings.ToLower(name)]; !ok {
			object = "Task"
		}
	}
	a := p.fields[strings.ToLower(object+"."+name)]
	if p.objects[strings.ToLower(def.Name)].viewAllFields {
		a.Read = true
	}
	return a
}

// allPermissions is what system calls run with.
var allPermissions = &Permissions{all: true}

func (tx *Tx) permissions() *Permissions {
	if tx.caller.System || tx.caller.Loading {
		return allPermissions
	}
	return tx.perms
}

// Permissions is what the transaction's caller may do.
func (tx *Tx) Permissions() *Permissions { return tx.permissions() }
