package org

import (
	"encoding/json"
	"fmt"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// loader is the caller that sets an org up.
func (o *Org) loader() Caller { return Caller{UserID: o.adminID, System: true, Loading: true} }

// must collects the first error of a run of inserts.
type must struct {
	tx  *Tx
	err error
}

func (m *must) insert(object string, in Fields) string {
	if m.err != nil {
		return ""
	}
	id, err := m.tx.Insert(object, in)
	if err != nil {
		m.err = fmt.Errorf("inserting %s %v: %w", object, in["Name"], err)
	}
	return id
}

// bootstrap fills a new org: organization, profiles, roles, users, stages, the standard price book.
func (o *Org) bootstrap(opts Options) error {
	o.adminID = sfid.Make("005", o.pod, 1)
	tx := o.Begin(o.loader())
	defer tx.Rollback()
	m := &must{tx: tx}
	o.orgID = m.insert("Organization", Fields{"Name": opts.Name, "TimeZoneSidKey": "America/Los_Angeles", "DefaultLocaleSidKey": "en_US", "LanguageLocaleKey": "en_US",
		"OrganizationType": "Enterprise Edition", "InstanceName": "EM1", "FiscalYearStartMonth": json.Number("1"), "DefaultAccountAccess": "Edit"})
	license := m.insert("UserLicense", Fields{"Name": "Salesforce", "LicenseDefinitionKey": "SFDC", "TotalLicenses": json.Number("100"), "UsedLicenses": json.Number("2")})

	all := Fields{"PermissionsApiEnabled": true, "PermissionsViewSetup": true, "PermissionsCustomizeApplication": true, "PermissionsModifyAllData": true,
		"PermissionsViewAllData": true, "PermissionsModifyMetadata": true, "PermissionsManageUsers": true, "PermissionsViewAllUsers": true,
		"PermissionsManageProfilesPermissionsets": true, "PermissionsAssignPermissionSets": true, "PermissionsBulkApiHardDelete": true}
	setup := Fields{"PermissionsApiEnabled": true, "PermissionsApiUserOnly": true, "PermissionsViewSetup": true, "PermissionsCustomizeApplication": true,
		"PermissionsModifyMetadata": true, "PermissionsManageProfilesPermissionsets": true, "PermissionsAssignPermissionSets": true, "PermissionsViewAllUsers": true}
	admin := o.profile(m, license, "System Administrator", all, true)
	o.profile(m, license, "Standard User", Fields{"PermissionsApiEnabled": true}, true)
	integration := ""
	if opts.LeastPrivileged {
		integration = o.profile(m, license, "Minimum Access - API Only Integrations", setup, false)
	} else {
		setup["PermissionsViewAllData"] = true
		integration = o.profile(m, license, "Integration User", setup, true)
	}
	m.insert("UserRole", Fields{"Name": "CEO", "DeveloperName": "CEO"})
	m.user(o, "admin@"+domain(opts.Username), "Avery", "Admin", admin)
	o.userID = m.user(o, opts.Username, "Integration", "User", integration)
	o.stages(m)
	m.insert("Pricebook2", Fields{"Name": "Standard Price Book", "IsActive": true, "IsStandard": true})
	if m.err != nil {
		return m.err
	}
	tx.Commit()
	return nil
}

func domain(username string) string {
	if _, d, ok := strings.Cut(username, "@"); ok && d != "" {
		return d
	}
	return "acme.example"
}

func (m *must) user(_ *Org, username, first, last, profile string) string {
	return m.insert("User", userFields(username, first, last, profile, "America/Los_Angeles"))
}

func userFields(username, first, last, profile, zone string) Fields {
	alias := strings.ToLower(clip(first, 1) + clip(last, 4))
	return Fields{"Username": username, "FirstName": first, "LastName": last, "Email": username, "Alias": alias, "ProfileId": profile, "IsActive": true,
		"TimeZoneSidKey": zone, "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US"}
}

// profile makes a profile and the permission set it owns; with records, it grants everything there is to grant.
func (o *Org) profile(m *must, license, name string, system Fields, records bool) string {
	p := m.insert("Profile", Fields{"Name": name, "UserLicenseId": license, "UserType": "Standard"})
	set := Fields{"Name": "X" + clip(p, 15), "Label": name, "ProfileId": p, "IsOwnedByProfile": true, "IsCustom": false, "Type": "Profile"}
	for k, v := range system {
		set[k] = v
	}
	id := m.insert("PermissionSet", set)
	if !records || m.err != nil {
		return p
	}
	for _, name := range o.tableNames() {
		def := o.table(name).def
		if def.Setup || def.Event {
			continue
		}
		if err := m.tx.grantAll(id, def); err != nil {
			m.err = err
		}
	}
	return p
}

// grantAll gives a permission set every right to an object and its fields.
func (tx *Tx) grantAll(set string, def *metadata.Object) error {
	if def.Event { // events are published and subscribed to, nothing else
		_, err := tx.Insert("ObjectPermissions", Fields{"ParentId": set, "SobjectType": def.Name, "PermissionsCreate": true, "PermissionsRead": true})
		if err != nil && err.Code != "DUPLICATE_VALUE" {
			return fmt.Errorf("granting %s: %w", def.Name, err)
		}
		return nil
	}
	if governedBy(def.Name) == def.Name && def.Name != "Task" && def.Name != "Event" {
		_, err := tx.Insert("ObjectPermissions", Fields{"ParentId": set, "SobjectType": def.Name, "PermissionsCreate": true, "PermissionsRead": true,
			"PermissionsEdit": true, "PermissionsDelete": true, "PermissionsViewAllRecords": true, "PermissionsModifyAllRecords": true})
		if err != nil && err.Code != "DUPLICATE_VALUE" {
			return fmt.Errorf("granting %s: %w", def.Name, err)
		}
	}
	for _, f := range def.Fields {
		if err := tx.grantField(set, def, f); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) grantField(set string, def *metadata.Object, f *metadata.Field) error {
	if f.Name == "" || !f.Permissionable || f.Compound != "" && !f.Custom {
		return nil
	}
	_, err := tx.Insert("FieldPermissions", Fields{"ParentId": set, "SobjectType": def.Name, "Field": def.Name + "." + f.Name, "PermissionsRead": true,
		"PermissionsEdit": !f.Calculated && !f.AutoNumber})
	if err != nil && err.Code != "DUPLICATE_VALUE" {
		return fmt.Errorf("granting %s.%s: %w", def.Name, f.Name, err)
	}
	return nil
}

// stages are the ten stages every new org has, with their probabilities.
func (o *Org) stages(m *must) {
	for i, s := range []struct {
		label       string
		probability string
		closed, won bool
		cat, name   string
	}{
		{"Prospecting", "10", false, false, "Pipeline", "Pipeline"},
		{"Qualification", "10", false, false, "Pipeline", "Pipeline"},
		{"Needs Analysis", "20", false, false, "Pipeline", "Pipeline"},
		{"Value Proposition", "50", false, false, "Pipeline", "Pipeline"},
		{"Id. Decision Makers", "60", false, false, "Pipeline", "Pipeline"},
		{"Perception Analysis", "70", false, false, "Pipeline", "Pipeline"},
		{"Proposal/Price Quote", "75", false, false, "Pipeline", "Pipeline"},
		{"Negotiation/Review", "90", false, false, "Pipeline", "Pipeline"},
		{"Closed Won", "100", true, true, "Closed", "Closed"},
		{"Closed Lost", "0", true, false, "Omitted", "Omitted"},
	} {
		m.insert("OpportunityStage", Fields{"MasterLabel": s.label, "ApiName": s.label, "IsActive": true, "SortOrder": json.Number(fmt.Sprint(i + 1)),
			"IsClosed": s.closed, "IsWon": s.won, "ForecastCategory": s.cat, "ForecastCategoryName": s.name, "DefaultProbability": json.Number(s.probability)})
	}
}

// AddUser makes an active user with that profile ("Standard User" where empty) and gives its id.
func (o *Org) AddUser(username, first, last, profileName, zone string) (string, error) {
	tx := o.Begin(o.loader())
	defer tx.Rollback()
	id, err := tx.AddUser(username, first, last, profileName, zone)
	if err != nil {
		return "", err
	}
	tx.Commit()
	return id, nil
}

// AddUser makes a user inside the transaction.
func (tx *Tx) AddUser(username, first, last, profileName, zone string) (string, error) {
	if profileName == "" {
		profileName = "Standard User"
	}
	if zone == "" {
		zone = "America/Los_Angeles"
	}
	t := tx.o.table("Profile")
	rows := t.find(t.def.Field("Name"), profileName)
	if len(rows) == 0 {
		return "", fmt.Errorf("adding the user %s: there is no profile named %s", username, profileName)
	}
	id, err := tx.Insert("User", userFields(username, first, last, rows[0].id, zone))
	if err != nil {
		return "", fmt.Errorf("adding the user %s: %w", username, err)
	}
	return id, nil
}
