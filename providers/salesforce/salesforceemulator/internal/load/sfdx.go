package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// objectOf names the object a source file belongs to: objects/NAME/....
func objectOf(file string) string {
	parts := strings.Split(file, "/")
	for i := len(parts) - 2; i > 0; i-- {
		if parts[i-1] == "objects" {
			return parts[i]
		}
	}
	return ""
}

// sourceFormat loads definitions: all objects before any field, plain fields before references.
func (l *loader) sourceFormat() error {
	for _, f := range l.with(".object-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		src, err := metadata.ParseSourceObject(raw)
		if err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		name := objectOf(f)
		if name == "" {
			name = strings.TrimSuffix(path.Base(f), ".object-meta.xml")
		}
		l.defineObject(f, name, src)
	}
	for _, f := range l.with(".field-meta.xml") { // objects that have fields but no file of their own
		if name := objectOf(f); l.tx.Canonical(name) == "" {
			l.defineObject(f, name, nil)
		}
	}
	for pass := range 2 {
		for _, f := range l.with(".field-meta.xml") {
			if err := l.sourceField(f, pass == 1); err != nil {
				return err
			}
		}
	}
	for _, step := range []func() error{l.grantLoaded, l.rules, l.recordTypes, l.permissionSets, l.channels} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) defineObject(file, name string, src *metadata.SourceObject) {
	if known := l.tx.Canonical(name); known != "" {
		return // a standard object: the source only adds to it
	}
	def, err := l.tx.DefineObject(name, "", "")
	if err != nil {
		l.report.warn("%s: %v", file, err)
		return
	}
	if src != nil {
		src.Apply(def)
	}
	l.report.Objects = append(l.report.Objects, def.Name)
}

func (l *loader) sourceField(file string, references bool) error {
	raw, err := l.read(file)
	if err != nil {
		return err
	}
	m, err := metadata.ParseSourceField(raw)
	if err != nil {
		if references {
			l.report.warn("%s: %v", file, err)
		}
		return nil
	}
	if isRef := m.Type == "Lookup" || m.Type == "MasterDetail"; m.Type == "" || isRef != references {
		return nil
	}
	object := objectOf(file)
	if l.tx.FieldDef(object, m.FullName) != nil {
		return nil
	}
	if _, err := l.tx.DefineField(object, m.FullName, m); err != nil {
		l.report.warn("%s: %v", file, err)
		return nil
	}
	l.report.Fields = append(l.report.Fields, l.tx.Canonical(object)+"."+m.FullName)
	return nil
}

// grantLoaded makes what was defined visible to those who see everything.
func (l *loader) grantLoaded() error {
	seen := map[string]bool{}
	for _, name := range l.report.Objects {
		seen[name] = true
	}
	for _, f := range l.report.Fields {
		object, _, _ := strings.Cut(f, ".")
		seen[object] = true
	}
	for _, name := range sortedKeys(seen) {
		if err := l.tx.GrantToProfiles(name); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) rules() error {
	for _, f := range l.with(".validationRule-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		rule, err := metadata.ParseSourceRule(raw)
		def := l.tx.ObjectDef(objectOf(f))
		if err != nil || def == nil {
			l.report.warn("%s: not loaded: %v", f, err)
			continue
		}
		if err := org.CheckFormula(rule.Condition); err != nil {
			l.report.warn("%s: the rule will never fire: %v", f, err)
		}
		def.Rules = append(def.Rules, rule)
	}
	return nil
}

func (l *loader) recordTypes() error {
	for _, f := range l.with(".recordType-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		rt, err := metadata.ParseSourceRecordType(raw)
		if err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		values := map[string][]string{}
		for _, p := range rt.Picklists {
			for _, v := range p.Values {
				values[p.Picklist] = append(values[p.Picklist], strings.NewReplacer("%2F", "/", "%26", "&", "%2C", ",").Replace(v.FullName))
			}
		}
		if _, err := l.tx.AddRecordType(objectOf(f), rt.FullName, rt.Label, values); err != nil {
			l.report.warn("%s: %v", f, err)
		}
	}
	return nil
}

func (l *loader) permissionSets() error {
	for _, f := range l.with(".permissionset-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		p, err := metadata.ParseSourcePermissionSet(raw)
		if err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		name := strings.TrimSuffix(path.Base(f), ".permissionset-meta.xml")
		in := org.Fields{"Name": name, "Label": p.Label, "Description": p.Description}
		for _, u := range p.User {
			if u.Enabled && l.tx.FieldDef("PermissionSet", "Permissions"+u.Name) != nil {
				in["Permissions"+u.Name] = true
			}
		}
		id := l.insert(f, "PermissionSet", in)
		if id == "" {
			continue
		}
		l.took(f, "permission set")
		l.grants(f, id, p)
	}
	return nil
}

func (l *loader) grants(f, id string, p *metadata.SourcePermissionSet) {
	for _, o := range p.Objects {
		l.grant(f, "ObjectPermissions", org.Fields{"ParentId": id, "SobjectType": o.Object, "PermissionsCreate": o.Create, "PermissionsRead": o.Read, "PermissionsEdit": o.Edit,
			"PermissionsDelete": o.Delete, "PermissionsViewAllRecords": o.ViewAll, "PermissionsModifyAllRecords": o.ModifyAll})
	}
	for _, g := range p.Fields {
		object, _, _ := strings.Cut(g.Field, ".")
		if g.Readable || g.Editable {
			l.grant(f, "FieldPermissions", org.Fields{"ParentId": id, "SobjectType": object, "Field": g.Field, "PermissionsRead": true, "PermissionsEdit": g.Editable})
		}
	}
}

func (l *loader) grant(f, object string, in org.Fields) {
	mark := l.tx.Savepoint()
	if _, err := l.tx.Insert(object, in); err != nil {
		l.tx.RollbackTo(mark)
		l.report.warn("%s: %v %v: %v", f, in["SobjectType"], in["Field"], err)
	}
}

func (l *loader) channels() error {
	for _, f := range l.with(".platformEventChannel-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		c, err := metadata.ParseSourceChannel(raw)
		if err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		if err := l.tx.AddChannel(strings.TrimSuffix(path.Base(f), ".platformEventChannel-meta.xml"), c.ChannelType, c.Label); err != nil {
			l.report.warn("%s: %v", f, err)
		}
	}
	for _, f := range l.with(".platformEventChannelMember-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		m, err := metadata.ParseSourceChannelMember(raw)
		if err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		meta := org.MemberMetadata{EventChannel: m.EventChannel, SelectedEntity: m.SelectedEntity, Filter: m.Filter}
		for _, e := range m.Enriched {
			meta.Enriched = append(meta.Enriched, struct {
				Name string `json:"name"`
			}{e.Name})
		}
		if _, err := l.tx.AddMember(strings.TrimSuffix(path.Base(f), ".platformEventChannelMember-meta.xml"), meta); err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		l.took(f, "channel member")
	}
	return nil
}

// describeFile is a saved describe answer: enough of it to rebuild custom objects and fields.
type describeFile struct {
	Name   string           `json:"name"`
	Label  string           `json:"label"`
	Plural string           `json:"labelPlural"`
	Fields []metadata.Saved `json:"fields"`
}

// describes adds the custom objects and fields of saved describe answers.
func (l *loader) describes() error {
	var files []describeFile
	for _, f := range l.with(".json") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		var d struct {
			describeFile
			Result *describeFile `json:"result"`
		}
		if json.Unmarshal(raw, &d) != nil {
			continue
		}
		if d.Result != nil {
			d.describeFile = *d.Result
		}
		if d.Name == "" || len(d.Fields) == 0 || d.Fields[0].Type == "" {
			continue
		}
		l.took(f, "describe")
		if l.tx.Canonical(d.Name) == "" {
			if _, err := l.tx.DefineObject(d.Name, d.Label, d.Plural); err != nil {
				l.report.warn("%s: %v", f, err)
				continue
			}
			l.report.Objects = append(l.report.Objects, d.Name)
		}
		files = append(files, d.describeFile)
	}
	for _, d := range files {
		for _, s := range d.Fields {
			m, custom := s.Definition()
			if !custom || l.tx.FieldDef(d.Name, s.Name) != nil {
				continue
			}
			var refused *metadata.Refusal
			if _, err := l.tx.DefineField(d.Name, s.Name, m); errors.As(err, &refused) || err != nil {
				l.report.warn("the describe of %s: field %s: %v", d.Name, s.Name, err)
				continue
			}
			l.report.Fields = append(l.report.Fields, d.Name+"."+s.Name)
		}
		if err := l.tx.GrantToProfiles(d.Name); err != nil {
			return fmt.Errorf("the describe of %s: %w", d.Name, err)
		}
	}
	return nil
}
