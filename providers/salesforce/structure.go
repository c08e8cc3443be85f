package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// The kinds of resource that an org has for us.
const (
	kindObject           = "sobject"
	kindField            = "field"
	kindPermissionSet    = "permission_set"
	kindObjectPermission = "object_permission"
	kindFieldPermission  = "field_permission"
	kindAssignment       = "assignment"
	kindChannel          = "channel"
	kindChannelMember    = "channel_member"
)

func objectAddress(connection, object string) string {
	return connection + "/" + kindObject + "/" + object
}

func fieldAddress(connection, object, field string) string {
	return objectAddress(connection, object) + "/" + kindField + "/" + field
}

// place is an address taken apart: "salesforce.crm/sobject/Opportunity/field/StageName".
type place struct{ connection, first, second string }

func placeOf(address string) place {
	parts := strings.Split(address, "/")
	p := place{connection: parts[0]}
	if len(parts) > 2 {
		p.first = parts[2]
	}
	if len(parts) > 4 {
		p.second = parts[4]
	}
	return p
}

// Expand lists what the specs need: their sObjects and fields, one permission set that grants exactly what they read and
// write, and the selection of each watched sObject for change events.
func (p *Provider) Expand(specs []provider.ObjectSpec) ([]resource.Resource, error) {
	x := &expansion{byAddress: map[string]int{}, objects: map[string]string{}, channel: p.channel()}
	for _, s := range specs {
		x.objects[s.Object] = s.Settings["sobject"]
	}
	for _, s := range specs {
		if err := x.spec(s); err != nil {
			return nil, err
		}
		if err := x.actions(s); err != nil {
			return nil, err
		}
		if err := x.events(s); err != nil {
			return nil, err
		}
	}
	for i, r := range x.list {
		if r.Kind == kindObjectPermission || r.Kind == kindFieldPermission {
			x.list[i].Narrows = refused(r.Attributes)
		}
	}
	return x.list, nil
}

// actions lists what the actions of triggers need: the sObjects and events that they create, which must exist, and the
// right to create them with the fields that they fill.
func (x *expansion) actions(s provider.ObjectSpec) error {
	x.creating = true
	defer func() { x.creating = false }()
	for _, a := range s.Actions {
		made := provider.ObjectSpec{Object: s.Object, Connection: s.Connection, Creates: true,
			Settings: map[string]string{"sobject": orElse(a.Settings["sobject"], a.Settings["event"])}}
		if made.Settings["sobject"] == "" {
			continue // only the action itself will know
		}
		for _, name := range a.Fields {
			made.Fields = append(made.Fields, provider.FieldSpec{Name: name, Writes: true, Scale: -1})
		}
		if err := x.spec(made); err != nil {
			return err
		}
	}
	return nil
}

// events lists what listening to platform events needs: that they are there with the fields that are looked at, and the
// right to read them. Their fields take no permissions (Platform Events Developer Guide, "Considerations for Defining
// Platform Events").
func (x *expansion) events(s provider.ObjectSpec) error {
	for _, e := range s.Events {
		heard := provider.ObjectSpec{Object: s.Object, Connection: s.Connection, Settings: map[string]string{"sobject": e.Name}}
		for _, name := range e.Fields {
			if strings.HasSuffix(strings.ToLower(name), "__c") { // every event has the others
				heard.Fields = append(heard.Fields, provider.FieldSpec{Name: name, Scale: -1})
			}
		}
		if err := x.spec(heard); err != nil {
			return err
		}
	}
	return nil
}

type expansion struct {
	list      []resource.Resource
	byAddress map[string]int
	objects   map[string]string // contract object to sObject
	creating  bool              // what is listed is only ever created
	channel   string            // the connection's own channel for change events; "" = the default one
}

// add lists a resource once. Of two that ask for the same, the second adds its wishes to the first's.
func (x *expansion) add(r resource.Resource) {
	i, ok := x.byAddress[r.Address]
	if !ok {
		x.byAddress[r.Address] = len(x.list)
		x.list = append(x.list, r)
		return
	}
	have := &x.list[i]
	if r.Managed && !have.Managed {
		have.Managed, have.Name = true, r.Name
	}
	for _, d := range r.DependsOn {
		if !slices.Contains(have.DependsOn, d) {
			have.DependsOn = append(have.DependsOn, d)
		}
	}
	for name, v := range r.Attributes {
		if have.Attributes == nil {
			have.Attributes = map[string]any{}
		}
		have.Attributes[name] = both(have.Attributes[name], v)
	}
}

// both joins two wishes for one attribute: granted if either asks, all elements of both lists.
func both(a, b any) any {
	switch a := a.(type) {
	case nil:
		return b
	case bool:
		other, _ := b.(bool)
		return a || other
	case []any:
		other, _ := b.([]any)
		for _, e := range other {
			if !slices.Contains(a, e) {
				a = append(a, e)
			}
		}
		return a
	default:
		return a
	}
}

func (x *expansion) spec(s provider.ObjectSpec) error {
	object := s.Settings["sobject"]
	doing := "expand object " + s.Object
	if !validName(object) {
		return invalid(doing, fmt.Sprintf("%q is not the API name of an sObject", object))
	}
	x.add(resource.Resource{
		Address: objectAddress(s.Connection, object), Connection: s.Connection, Kind: kindObject, Name: object, Object: s.Object,
	})
	fields := s.Fields
	if name := keyName(s); name != "" {
		key := s.Key
		key.Name, key.Writes = name, true
		fields = append(slices.Clip(fields), key)
	}
	granted := []string{}
	for i, f := range fields {
		if !validName(f.Name) {
			return invalid(doing, fmt.Sprintf("%q is not the API name of a field", f.Name), f.Name)
		}
		r, err := x.field(s, f, i == len(s.Fields))
		if err != nil {
			return err
		}
		x.add(r)
		granted = append(granted, r.Address)
	}
	scope, err := x.scope(s)
	if err != nil {
		return err
	}
	for _, f := range scope {
		r, err := x.field(s, f, false)
		if err != nil {
			return err
		}
		x.add(r)
		fields, granted = append(fields, f), append(granted, r.Address)
	}
	if err := x.recordType(s); err != nil {
		return err
	}
	x.owner(s)
	x.permissions(s, object, fields, granted)
	if s.Watched {
		x.channelMember(s, object)
	}
	return nil
}

// field is the resource of one native field; the key is text, unique, and an external id, so that creates are upserts.
func (x *expansion) field(s provider.ObjectSpec, f provider.FieldSpec, isKey bool) (resource.Resource, error) {
	object := s.Settings["sobject"]
	doing := "expand object " + s.Object
	r := resource.Resource{
		Address: fieldAddress(s.Connection, object, f.Name), Connection: s.Connection, Kind: kindField, Name: f.Name,
		Object: s.Object, Field: f.Field, DependsOn: []string{objectAddress(s.Connection, object)},
	}
	if isKey {
		f.Type = orElse(f.Type, "text")
		if f.Type != "text" {
			return r, invalid(doing, fmt.Sprintf("the key holds the other side's record id, and must be text, not %s", f.Type), f.Name)
		}
	}
	if f.Type == "" {
		if f.Writes && len(f.Options) > 0 {
			r.Attributes = map[string]any{"options": list(f.Options)}
		}
		return r, nil
	}
	if _, ok := fieldTypes[f.Type]; !ok {
		return r, invalid(doing, fmt.Sprintf("Salesforce has no field type %q", f.Type), f.Name)
	}
	if !strings.HasSuffix(strings.ToLower(f.Name), "__c") {
		return r, invalid(doing, "a field with a type is one that apply may create, and the name of those ends in __c; for a standard field leave the type out", f.Name)
	}
	r.Managed, r.Name = true, orElse(f.Title, f.Name)
	r.Attributes = map[string]any{"type": f.Type}
	switch {
	case isKey:
		r.Attributes["unique"], r.Attributes["external_id"] = true, true
	case isPicklistWord(f.Type) && f.Writes && len(f.Options) > 0:
		r.Attributes["options"] = list(f.Options)
		if f.Extends {
			r.Attributes[sharedValues] = extendShared
		}
	case isDecimalWord(f.Type) && f.Scale >= 0:
		r.Attributes["scale"] = float64(f.Scale)
	case f.Type == "lookup":
		target := x.objects[f.Refers]
		if target == "" {
			return r, invalid(doing, "a lookup that apply may create needs reference = object.…, to know which sObject it refers to", f.Name)
		}
		r.Attributes["reference_to"] = []any{target}
		r.DependsOn = append(r.DependsOn, objectAddress(s.Connection, target))
	}
	return r, nil
}

func list(values []string) []any {
	l := make([]any, len(values))
	for i, v := range values {
		l[i] = v
	}
	return l
}

// Describe finds the actual state of what is wanted: one describe for each sObject, and one query for each kind of what
// is configured beside it.
func (p *Provider) Describe(ctx context.Context, want []resource.Resource) ([]resource.Resource, error) {
	have := map[string]resource.Resource{}
	for _, describe := range []func(context.Context, []resource.Resource, map[string]resource.Resource) error{
		p.describeObjects, p.describeOwners, p.describePermissions, p.describeChannels,
	} {
		if err := describe(ctx, want, have); err != nil {
			return nil, err
		}
	}
	var result []resource.Resource
	for _, w := range want {
		if h, ok := have[w.Address]; ok {
			result = append(result, h)
		}
	}
	return result, nil
}

// ofKinds lists the wanted resources of some kinds.
func ofKinds(want []resource.Resource, kinds ...string) []resource.Resource {
	var found []resource.Resource
	for _, w := range want {
		if slices.Contains(kinds, w.Kind) {
			found = append(found, w)
		}
	}
	return found
}

// found is a wanted resource as it is: its identity, with what the org shows of it.
func found(want resource.Resource, id string, attributes map[string]any) resource.Resource {
	want.ID, want.Attributes = id, attributes
	return want
}

// Apply performs one change.
func (p *Provider) Apply(ctx context.Context, c resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	switch c.Action {
	case resource.Create, resource.Update, resource.Destroy:
	default:
		if c.Have != nil {
			return *c.Have, nil
		}
		return c.Want, nil
	}
	if !c.Want.Managed {
		return resource.Resource{}, invalid(fmt.Sprintf("%s %s %s", c.Action, c.Want.Kind, c.Want.Name), "it is not managed by the contract, and must be changed in Salesforce")
	}
	switch c.Want.Kind {
	case kindField:
		return p.applyField(ctx, c)
	case kindPermissionSet, kindObjectPermission, kindFieldPermission, kindAssignment:
		return p.applyPermission(ctx, c, resolved)
	case kindChannel:
		return p.applyChannel(ctx, c)
	case kindChannelMember:
		return p.applyMember(ctx, c)
	default:
		return resource.Resource{}, invalid(string(c.Action)+" "+c.Want.Kind, "Salesforce resources of this kind are only read")
	}
}

// textOf, truthOf and numberOf read attributes as JSON leaves them.
func textOf(attributes map[string]any, name, otherwise string) string {
	s, _ := attributes[name].(string)
	return orElse(s, otherwise)
}

func truthOf(attributes map[string]any, name string) bool {
	b, _ := attributes[name].(bool)
	return b
}

func numberOf(attributes map[string]any, name string) int {
	f, _ := attributes[name].(float64)
	return int(f)
}

func textsOf(attributes map[string]any, name string) []string {
	values, _ := attributes[name].([]any)
	var texts []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
