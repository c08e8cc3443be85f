package metadata

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

//go:embed objects/*.txt
var builtin embed.FS

// Builtin gives fresh copies of the standard objects, sorted by name.
//
// The text files have one object per paragraph. Its first line is "object NAME PREFIX FLAGS | Label | Plural", and each
// further line is a field: "Name: type flags | Label | picklist value; picklist value". Flags are explained at fieldFlag.
func Builtin() ([]*Object, error) {
	names, err := fs.Glob(builtin, "objects/*.txt")
	if err != nil {
		return nil, fmt.Errorf("listing the built-in objects: %w", err)
	}
	var all []*Object
	for _, name := range names {
		text, err := builtin.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the built-in object file %s: %w", name, err)
		}
		objs, err := parseObjects(string(text))
		if err != nil {
			return nil, fmt.Errorf("built-in object file %s: %w", path.Base(name), err)
		}
		all = append(all, objs...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

func parseObjects(text string) ([]*Object, error) {
	var out []*Object
	var cur *Object
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		if strings.HasPrefix(line, "object ") {
			cur, err = parseObjectLine(line)
			out = append(out, cur)
		} else if cur == nil {
			err = fmt.Errorf("a field before the first object")
		} else {
			err = parseFieldLine(cur, line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return out, nil
}

func parseObjectLine(line string) (*Object, error) {
	parts := splitTrim(line, "|")
	words := strings.Fields(parts[0])
	if len(parts) != 3 || len(words) < 3 {
		return nil, fmt.Errorf("want: object NAME PREFIX FLAGS | Label | Plural")
	}
	o := &Object{Name: words[1], KeyPrefix: words[2], Label: parts[1], Plural: parts[2], Queryable: true, SharingModel: "ReadWrite"}
	for _, flag := range words[3:] {
		switch flag {
		case "crud":
			o.Createable, o.Updateable, o.Deletable, o.Triggerable = true, true, true, true
		case "cr":
			o.Createable = true
		case "cru":
			o.Createable, o.Updateable = true, true
		case "crd":
			o.Createable, o.Deletable = true, true
		case "ru":
			o.Updateable = true
		case "r":
		case "bin":
			o.Undeletable, o.Replicateable = true, true
		case "merge":
			o.Mergeable = true
		case "search":
			o.Searchable, o.Layoutable = true, true
		case "setup":
			o.Setup = true
		case "tooling":
			o.Tooling, o.Setup = true, true
		default:
			return nil, fmt.Errorf("unknown object flag %q", flag)
		}
	}
	return o, nil
}

func splitTrim(s, sep string) []string {
	parts := strings.Split(s, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func parseFieldLine(o *Object, line string) error {
	switch {
	case strings.HasPrefix(line, "+address"):
		return addAddress(o, strings.TrimSpace(strings.TrimPrefix(line, "+address")))
	case line == "+audit":
		return addNamed(o, "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp")
	case line == "+activity":
		return addNamed(o, "LastActivityDate", "LastViewedDate", "LastReferencedDate")
	case line == "+viewed":
		return addNamed(o, "LastViewedDate", "LastReferencedDate")
	case line == "+id":
		return addNamed(o, "Id")
	case line == "+deleted":
		return addNamed(o, "IsDeleted")
	case line == "+owner":
		return addNamed(o, "OwnerId")
	}
	name, rest, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("want: Name: type flags | Label | values, got %q", line)
	}
	parts := splitTrim(rest, "|")
	words := strings.Fields(parts[0])
	if len(words) == 0 {
		return fmt.Errorf("field %s has no type", name)
	}
	f := &Field{Name: name, Label: spaced(name), Nillable: true, Createable: true, Updateable: true, Permissionable: !o.Setup}
	if len(parts) > 1 && parts[1] != "" {
		f.Label = parts[1]
	}
	if len(parts) > 2 {
		for _, v := range splitTrim(parts[2], ";") {
			value, def := strings.CutSuffix(v, "*")
			if value == "" {
				continue // no values are listed: they are checked by rules of their own
			}
			f.Picklist = append(f.Picklist, PicklistValue{Value: value, Label: value, Active: true, Default: def})
			f.DefaultedOnCreate = f.DefaultedOnCreate || def
		}
	}
	if err := fieldType(f, words[0]); err != nil {
		return err
	}
	for _, flag := range words[1:] {
		if err := fieldFlag(f, flag); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
	}
	return o.Add(f)
}

// fieldType reads "string(255)", "currency(18,2)" (precision, scale) or "ref(Account,Contact)".
func fieldType(f *Field, word string) error {
	typ, args, has := strings.Cut(strings.TrimSuffix(word, ")"), "(")
	f.Type = typ
	if typ == "ref" {
		f.Type, f.Length = "reference", 18
		f.ReferenceTo = strings.Split(args, ",")
		f.RelationshipName = strings.TrimSuffix(f.Name, "Id")
		if f.RelationshipName == f.Name {
			f.RelationshipName = ""
		}
		return nil
	}
	if !has {
		switch typ {
		case "picklist":
			f.Length = 255
		case "email":
			f.Length = 80
		case "phone":
			f.Length = 40
		case "url":
			f.Length = 255
		case "boolean":
			f.Nillable, f.DefaultedOnCreate, f.Default = false, true, false
		case "int":
			f.Precision = 8
		case "double", "currency", "percent":
			f.Precision = 18
		}
		return nil
	}
	a, b, _ := strings.Cut(args, ",")
	n, err := strconv.Atoi(a)
	if err != nil {
		return fmt.Errorf("field %s: size %q is no number", f.Name, a)
	}
	if f.IsNumber() {
		f.Precision = n
		if b != "" {
			if f.Scale, err = strconv.Atoi(b); err != nil {
				return fmt.Errorf("field %s: scale %q is no number", f.Name, b)
			}
		}
		return nil
	}
	f.Length = n
	return nil
}

// fieldFlag understands:
//
//	required     must have a value when saved; carries no field permissions
//	notnull      never null, but the platform supplies it
//	noperm       carries no field permissions (always visible and as writeable as the object)
//	ro           neither createable nor updateable      create  createable only      update  updateable only
//	name         names the record            idlookup, ext, unique    as in describe
//	restricted   only listed picklist values auto    auto number
//	calc         computed by the platform    part=X  component of compound field X
//	true         defaults to true            rel=Parent/Children  relationship names
//	cascade, restrict   what deleting the parent does
func fieldFlag(f *Field, flag string) error {
	key, val, _ := strings.Cut(flag, "=")
	switch key {
	case "required":
		f.Nillable, f.Permissionable = false, false
	case "notnull":
		f.Nillable, f.DefaultedOnCreate = false, true
	case "noperm":
		f.Permissionable = false
	case "ro":
		f.Createable, f.Updateable = false, false
	case "create":
		f.Updateable = false
	case "update":
		f.Createable = false
	case "name":
		f.NameField = true
	case "idlookup":
		f.IDLookup = true
	case "ext":
		f.ExternalID, f.IDLookup = true, true
	case "unique":
		f.Unique = true
	case "restricted":
		f.RestrictedPicklist = true
	case "auto":
		f.AutoNumber, f.Createable, f.Updateable = true, false, false
	case "calc":
		f.Calculated, f.Createable, f.Updateable = true, false, false
	case "part":
		f.Compound = val
	case "true":
		f.Default = true
	case "rel":
		parent, child, _ := strings.Cut(val, "/")
		f.RelationshipName, f.ChildRelationship = parent, child
	case "cascade":
		f.CascadeDelete = true
	case "restrict":
		f.RestrictedDelete = true
	default:
		return fmt.Errorf("unknown flag %q", flag)
	}
	return nil
}

func addNamed(o *Object, names ...string) error {
	for _, f := range systemFields(o.Name, []string{"User"}) {
		for _, n := range names {
			if f.Name == n {
				f.Label = spaced(n)
				if err := o.Add(f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

var geocodeAccuracy = []string{"Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "County", "State", "Unknown"}

// addAddress adds a compound address and its eight parts, as every standard address has them.
func addAddress(o *Object, prefix string) error {
	compound := prefix + "Address"
	acc := &Field{Name: prefix + "GeocodeAccuracy", Type: "picklist", Length: 40, RestrictedPicklist: true}
	for _, v := range geocodeAccuracy {
		acc.Picklist = append(acc.Picklist, PicklistValue{Value: v, Label: v, Active: true})
	}
	for _, f := range []*Field{
		{Name: prefix + "Street", Type: "textarea", Length: 255},
		{Name: prefix + "City", Type: "string", Length: 40},
		{Name: prefix + "State", Type: "string", Length: 80, Label: spaced(prefix + "State/Province")},
		{Name: prefix + "PostalCode", Type: "string", Length: 20, Label: spaced(prefix + "Zip/PostalCode")},
		{Name: prefix + "Country", Type: "string", Length: 80},
		{Name: prefix + "Latitude", Type: "double", Precision: 18, Scale: 15},
		{Name: prefix + "Longitude", Type: "double", Precision: 18, Scale: 15},
		acc,
		{Name: compound, Type: "address"},
	} {
		if f.Label == "" {
			f.Label = spaced(f.Name)
		}
		f.Nillable, f.Permissionable = true, !o.Setup
		if f.Type != "address" {
			f.Createable, f.Updateable, f.Compound = true, true, compound
		}
		if err := o.Add(f); err != nil {
			return err
		}
	}
	return nil
}

// spaced turns LastModifiedById into "Last Modified By ID".
func spaced(name string) string {
	var b strings.Builder
	rs := []rune(strings.TrimSuffix(name, "__c"))
	for i, r := range rs {
		upper := r >= 'A' && r <= 'Z'
		if i > 0 && upper && (rs[i-1] < 'A' || rs[i-1] > 'Z') && rs[i-1] != '/' && rs[i-1] != '_' {
			b.WriteByte(' ')
		}
		if r == '_' {
			r = ' '
		}
		b.WriteRune(r)
	}
	s := b.String()
	if strings.HasSuffix(s, " Id") || s == "Id" {
		s = s[:len(s)-2] + "ID"
	}
	return s
}
